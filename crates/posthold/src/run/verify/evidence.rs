//! Checkpoints and tiles in `verify`.

use std::sync::Arc;

use disk::RealDisk;
use store::Description;
use store::evidence::{Evidence, EvidenceDefect, EvidenceVerdict};
use store::log::SegmentLog;

use super::Found;
use crate::context::DataDir;

/// Name of the part in answers, where it is not told by the check.
const CHECKPOINTS: &str = "checkpoints";

/// The checkpoints and tiles of the store that `data` has; `None` when its description cannot be
/// read, which whoever opens the store says.
pub(super) fn of_store(data: &DataDir) -> Option<Evidence> {
    let dir = data.store();
    let description = Description::read(&RealDisk, &dir).ok().flatten()?;
    Some(description.evidence(Arc::new(RealDisk), &dir))
}

impl Found {
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
