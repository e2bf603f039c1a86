//! The words of the index in a thorough `verify`, held against those that the messages give.

use std::io;

use commands::{Phase, Work};
use ports::Index as _;
use search::{FieldDiffers, Indexer, Searcher};
use store::log::SegmentLog;
use store::{RebuildProgress, SideIndex, SqlCatalog};
use types::{MessageSet, Position};

use super::super::{Teller, faults};
use super::{Found, INDEX};
use crate::context::DataDir;

impl Found {
    /// Makes the index once more beside the one in use, from the messages alone, and compares the
    /// two. `erased` messages do not count: their words may wait to be cleared.
    pub(super) fn words(
        &mut self,
        data: &DataDir,
        of: (&SegmentLog, &SqlCatalog),
        index: &Searcher,
        erased: &MessageSet,
        teller: &Teller,
    ) {
        let position = index.position();
        let made = made_once_more(data, of, position, teller);
        let compared = made.and_then(|(_dir, right)| {
            let found = index.differing(&right, erased).map_err(|it| faults::chain(&it))?;
            let found = found.into_iter().map(|it| (it.field, sentence(of.1, it)));
            Ok(found.collect::<Vec<_>>())
        });
        match compared {
            Ok(found) => {
                for (field, what) in found {
                    self.defect(INDEX, &format!("index, {field}"), what);
                }
            }
            Err(why) => {
                self.defect(INDEX, "index", format!("its words could not be compared: {why}"));
            }
        }
    }
}

fn made_once_more(
    data: &DataDir,
    of: (&SegmentLog, &SqlCatalog),
    position: Position,
    teller: &Teller,
) -> Result<(SideIndex, Searcher), String> {
    let failed = |it: io::Error| faults::chain(&it);
    let dir = SideIndex::make(&data.store()).map_err(failed)?;
    let mut indexer = Indexer::open(dir.path()).map_err(|it| faults::chain(&it))?;
    let mut tell = |RebuildProgress { messages, .. }| {
        teller.tell(Work { phase: Phase::Verifying, messages, ..Work::default() });
    };
    store::fill_index(of, &mut indexer, position, &mut tell).map_err(|it| faults::chain(&it))?;
    indexer.commit(position).map_err(|it| faults::chain(&it))?;
    Box::new(indexer).close().map_err(|it| faults::chain(&it))?;
    let right = Searcher::open(dir.path()).map_err(|it| faults::chain(&it))?;
    Ok((dir, right))
}

/// What differs, with the first message that it is about.
fn sentence(catalog: &SqlCatalog, differs: FieldDiffers) -> String {
    let FieldDiffers { messages, .. } = differs;
    let first = messages.iter().next().unwrap_or_default();
    let row = catalog.messages(&[first]).ok().and_then(|it| it.into_iter().next());
    let name = row.map_or_else(|| format!("number {first}"), |it| it.blob.to_string());
    match messages.len() {
        1 => format!("of message {name} it does not say what the message does"),
        n => format!("of {n} messages it does not say what they do; the first is {name}"),
    }
}
