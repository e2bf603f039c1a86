//! Sorting anew what `@catchall` holds: placements move out of it to users who have their
//! addresses by now.
//!
//! Rules: all that becomes of one message is in one append, so that it is either still in
//! `@catchall` or in all its folders; what was done is not found again, and a re-sort that died is
//! simply done once more.

use std::collections::HashMap;
use std::sync::Arc;

use ledger::{Fact, Fidelity, Outcome, PlacementDetail, RunCounts, RunDetail};
use ports::{Catalog, Change, Clock, Log, NewBody, NewPlacement, PlacedRow};
use rules::sorting::{Parties, catch_all_folder};
use types::{FolderId, PlacementId};

use super::{Kept, SortOptions, Sorted};
use crate::cancel::CancelToken;
use crate::folders;
use crate::report::RunFailure;
use crate::run::Stop;

/// Messages that are looked at together; what becomes of them is one append.
const TOGETHER: u32 = 200;

/// How a placement came that sorting anew made.
const TRANSPORT: &str = "sorting";

/// What sorting anew did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResortReport {
    /// Messages in `@catchall` that were looked at.
    pub seen: u64,
    /// Those that moved to somebody.
    pub moved: u64,
    /// Placements that were made besides: a message may be for several people.
    pub placed: u64,
    /// Whether it was asked to end early, and did.
    pub cancelled: bool,
    /// What ended it.
    pub failure: Option<RunFailure>,
}

/// Sorts what `@catchall` holds anew.
pub async fn resort<L: Log, K: Catalog>(
    log: Arc<L>,
    catalog: Arc<K>,
    clock: Arc<dyn Clock>,
    options: Arc<SortOptions>,
    title: &str,
    cancel: CancelToken,
) -> ResortReport {
    let started = clock.now();
    let mut resort = Resort { log, catalog, options, cancel, report: ResortReport::default() };
    match resort.all().await {
        Ok(()) => (),
        Err(Stop::Cancelled) => resort.report.cancelled = true,
        Err(Stop::Failure(failure)) => resort.report.failure = Some(failure),
    }
    let Resort { log, mut report, .. } = resort;
    let failed = report.failure.as_ref().is_some_and(RunFailure::is_of_store);
    if report.moved == 0 || failed {
        return report;
    }
    let outcome = match (report.cancelled, &report.failure) {
        (false, None) => Outcome::Succeeded,
        _ => Outcome::Partial,
    };
    let counts = RunCounts {
        server_count: report.seen,
        archived: report.moved,
        already: report.seen - report.moved,
        ..RunCounts::default()
    };
    let detail = RunDetail { title: title.to_owned(), warnings: Vec::new() };
    let fact = Fact::RunFinished { outcome, counts, started };
    let change = Change::Fact(fact, Some(ledger::Detail::Run(detail)));
    if let Err(error) = log.append(vec![change]).await {
        report.failure = Some(error.into());
    }
    report
}

struct Resort<L, K> {
    log: Arc<L>,
    catalog: Arc<K>,
    options: Arc<SortOptions>,
    cancel: CancelToken,
    report: ResortReport,
}

impl<L: Log, K: Catalog> Resort<L, K> {
    async fn all(&mut self) -> Result<(), Stop> {
        self.catalog.wait_for(self.log.position().entries).await?;
        let Some(archive) = self.options.catch_all else { return Ok(()) };
        let Some(folder) = self.catalog.folder(archive, &catch_all_folder())? else {
            return Ok(());
        };
        let mut after: Option<PlacementId> = None;
        loop {
            if self.cancel.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let rows = self.catalog.placed_in(folder, after, TOGETHER)?;
            let Some(last) = rows.last().map(|it| it.placement) else { return Ok(()) };
            self.some(folder, rows).await?;
            after = Some(last);
        }
    }

    async fn some(&mut self, catch_all: FolderId, rows: Vec<PlacedRow>) -> Result<(), Stop> {
        let mut changes = Vec::new();
        let (mut moved, mut placed) = (0, 0);
        for row in rows {
            self.report.seen += 1;
            let parties = Parties {
                senders: row.envelope.senders.clone(),
                recipients: row.envelope.recipients.clone(),
            };
            let Sorted { places, kept, .. } = self.options.sort(&parties);
            if kept != Kept::ByUsers {
                continue;
            }
            let mut wanted = Vec::new();
            for place in places {
                let found = folders::find_or_make(self.log.as_ref(), self.catalog.as_ref(), &place);
                wanted.push(found.await?.id);
            }
            let there = self.there(&row)?;
            wanted.retain(|it| *it != catch_all);
            // Where it is already, the placement of `@catchall` becomes that one.
            wanted.sort_by_key(|it| there.contains_key(it));
            let Some((first, others)) = wanted.split_first() else { continue };
            changes.push(Change::Fact(
                Fact::Moved { placement: row.placement, folder: *first, source: None },
                None,
            ));
            moved += 1;
            for folder in others.iter().filter(|it| !there.contains_key(it)) {
                changes.push(Change::Message(Box::new(another(&row, *folder))));
                placed += 1;
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.log.append(changes).await?;
        self.report.moved += moved;
        self.report.placed += placed;
        self.catalog.wait_for(self.log.position().entries).await?;
        Ok(())
    }

    /// Where copies of the message are.
    fn there(&self, row: &PlacedRow) -> Result<HashMap<FolderId, PlacementId>, RunFailure> {
        let mut there = HashMap::new();
        for found in self.catalog.places_of(row.message)? {
            there.insert(found.folder, found.placement);
        }
        Ok(there)
    }
}

fn another(row: &PlacedRow, folder: FolderId) -> NewPlacement {
    NewPlacement {
        body: NewBody::Known(row.blob),
        size: row.size,
        folder,
        flags: row.flags,
        received: row.received,
        source: None,
        placement_detail: PlacementDetail {
            transport: TRANSPORT.to_owned(),
            fidelity: Fidelity::default(),
            envelope: row.envelope.clone(),
            ..PlacementDetail::default()
        },
        message_detail: Box::default(),
        parsed: None,
    }
}
