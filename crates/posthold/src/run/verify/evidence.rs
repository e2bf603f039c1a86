//! Checkpoints and tiles in `verify`.

use std::sync::Arc;

use commands::AnchorChecked;
use disk::RealDisk;
use ledger::Moment;
use ports::Log;
use state::State;
use store::Description;
use store::evidence::{Evidence, EvidenceDefect, EvidenceVerdict};
use store::log::SegmentLog;

use super::Found;
use crate::context::DataDir;
use crate::run::anchors;

/// Name of the part in answers, where it is not told by the check.
const CHECKPOINTS: &str = "checkpoints";

/// The checkpoints and tiles of the store that `data` has; `None` when its description cannot be
/// read, which whoever opens the store says.
pub(super) fn of_store(data: &DataDir) -> Option<Evidence> {
    let dir = data.store();
    let description = Description::read(&RealDisk, &dir).ok().flatten()?;
    Some(description.evidence(Arc::new(RealDisk), &dir))
}

/// Name of the part that the state is in answers.
pub(super) const STATE: &str = "state";

/// Name of the part that anchors have in answers.
pub(super) const ANCHORS: &str = "anchors";

impl Found {
    /// Whether the state remembers the log as it was closed: it was told before that was signed.
    pub(super) fn state(&mut self, state: &State, evidence: Option<&Evidence>, log: &SegmentLog) {
        let last = evidence.and_then(|it| it.last().ok().flatten());
        let closed = last.map(|it| it.checkpoint).filter(|it| it.moment == Moment::Closed);
        let Some(closed) = closed.filter(|it| it.position == log.position()) else { return };
        let head = state.store_head(&self.store).ok().flatten();
        let known = head.map_or(0, |it| it.entries);
        let entries = closed.position.entries;
        if known < entries {
            let what = format!(
                "knows {known} entries of the log, which was closed with {entries}: it was set \
                 back"
            );
            self.defect(STATE, "state.db", what);
        }
    }

    /// Holds what was anchored against the log.
    pub(super) fn anchors(&mut self, state: &State, evidence: Option<&Evidence>, log: &SegmentLog) {
        let Some(evidence) = evidence else { return };
        match anchors::of_store(state, &self.store, evidence, log) {
            Ok(found) => {
                for (place, what) in anchor_defects(found) {
                    self.defect(ANCHORS, &place, what);
                }
            }
            Err(failure) => self.defect(ANCHORS, "anchors", failure.message),
        }
    }

    /// Holds checkpoints and tiles against the log.
    pub(super) fn evidence(&mut self, evidence: Option<&Evidence>, log: &SegmentLog) {
        let Some(evidence) = evidence else { return };
        let verdict = evidence.check(log);
        let EvidenceVerdict { checkpoints, unsigned, defects, n_defects_left_off, .. } = verdict;
        (self.checkpoints, self.unsigned) = (checkpoints, unsigned);
        for EvidenceDefect { part, place, what } in defects {
            self.defect(part, &place, what);
        }
        if n_defects_left_off != 0 {
            let what = format!("{n_defects_left_off} more defects are not listed");
            self.defect(CHECKPOINTS, "checkpoints", what);
        }
    }
}

/// What of it is wrong: where, and what.
pub(super) fn anchor_defects(found: Vec<AnchorChecked>) -> impl Iterator<Item = (String, String)> {
    found.into_iter().filter_map(|it| {
        let at = it.at.map(|at| format!(", {} at {at}", it.anchor)).unwrap_or_default();
        Some((format!("anchors, {}{at}", it.place), it.failure?))
    })
}
