//! How long searches, and reading what they find, take inside one process: for the benchmark.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use commands::{Failure, FailureKind, Order, Search, SearchOutput};
use types::BlobId;

use super::search::{Listing, OpenedIndex};
use crate::context::DataDir;

/// Hits that a page of results shows.
const HITS_SHOWN: u64 = 20;

/// Microseconds that searches took, query by query, looking up the hits included.
#[derive(Debug, Default)]
pub(crate) struct SearchTimes {
    /// When each was asked the first time.
    pub(crate) first_us: Vec<f64>,
    /// When each was asked once more.
    pub(crate) again_us: Vec<f64>,
    /// Reading each message that was shown, one by one.
    pub(crate) read_us: Vec<f64>,
}

/// Asks the queries in a file, one a line, twice. Blocks.
pub(crate) fn bench_search(data: &DataDir, queries: &Path) -> Result<SearchTimes, Failure> {
    let text = std::fs::read_to_string(queries).map_err(|error| {
        let message = format!("failed to read {}: {error}", queries.display());
        Failure::new(FailureKind::Request, message)
    })?;
    let index = Arc::new(OpenedIndex::open(data)?);
    let (mut hits, mut again) = (Vec::new(), Vec::new());
    let first_us = ask_all(&index, &text, &mut hits)?;
    let again_us = ask_all(&index, &text, &mut again)?;
    let read_us = hits.iter().map(|id| read(&index, id)).collect::<Result<_, _>>()?;
    Ok(SearchTimes { first_us, again_us, read_us })
}

/// Asks every query of a text; adds what they find to `hits`.
fn ask_all(
    index: &Arc<OpenedIndex>,
    text: &str,
    hits: &mut Vec<BlobId>,
) -> Result<Vec<f64>, Failure> {
    text.lines().map(|query| time(index, query, hits)).collect()
}

fn read(index: &OpenedIndex, id: &BlobId) -> Result<f64, Failure> {
    let began = Instant::now();
    index.read(id)?;
    Ok(began.elapsed().as_secs_f64() * 1e6)
}

fn time(index: &Arc<OpenedIndex>, query: &str, hits: &mut Vec<BlobId>) -> Result<f64, Failure> {
    let request = Search {
        query: query.to_owned(),
        user: None,
        order: Order::Date,
        limit: Some(HITS_SHOWN),
        output: SearchOutput::Hits,
    };
    let began = Instant::now();
    let found = index.find(&request)?;
    let shown = Listing::new(Arc::clone(index), found).next()?;
    let took = began.elapsed();
    hits.extend(shown.into_iter().flatten().map(|it| it.id));
    Ok(took.as_secs_f64() * 1e6)
}
