//! Going on with an audit log of which something is lost or damaged.
//!
//! Rules: what is damaged is set aside and stays; the log that goes on begins with who accepted
//! that, why, and what was wrong.

use commands::{Activity, Failure, FailureKind};
use disk::RealDisk;
use ledger::{AuditDetail, AuditOutcome, Audited};
use ports::Disk;
use store::log::OpenErrorKind;

use super::asker::Asker;
use super::{configuration, records};
use crate::context::DataDir;
use crate::run::faults;

/// How many damaged logs may stand beside the one that counts.
const ASIDE_MAX: u32 = 1_000;

/// Goes on, and returns what was wrong. Blocks.
pub(super) fn accept(data: &DataDir, asker: &Asker, reason: &str) -> Result<String, Failure> {
    let Some(error) = records::defect(data)? else { return accept_change(data, asker, reason) };
    let what = faults::chain(&error);
    let recorded = match error.kind() {
        // What is there is whole, and goes on.
        OpenErrorKind::Rollback | OpenErrorKind::OtherHistory => records::Trust::Files,
        OpenErrorKind::Damaged => {
            set_aside(data)?;
            records::Trust::Files
        }
        _ => return Err(records::broken(&error)),
    };
    let detail = AuditDetail {
        objects: vec![format!("audit:{what}")],
        reason: reason.to_owned(),
        told: format!("something of this log is lost: {what}"),
        ..asker.detail()
    };
    let activity = Activity::ComplianceChangeSettings.number();
    let audited = Audited { activity, outcome: AuditOutcome::Done, of: None };
    records::append_trusting(data, audited, detail, recorded)?;
    Ok(what)
}

/// The log is whole, and says that the state was changed past it: from here on that counts.
fn accept_change(data: &DataDir, asker: &Asker, reason: &str) -> Result<String, Failure> {
    let changed = configuration::changed(data)?;
    let Some(what) = changed.into_iter().next_back() else {
        let message = "nothing is wrong with the audit log";
        return Err(Failure::new(FailureKind::Request, message));
    };
    let detail = AuditDetail {
        objects: vec!["state".to_owned()],
        reason: reason.to_owned(),
        told: format!("accepted as it is: {what}"),
        ..asker.detail()
    };
    let activity = Activity::ComplianceChangeSettings.number();
    let audited = Audited { activity, outcome: AuditOutcome::Done, of: None };
    records::append(data, audited, detail)?;
    Ok(what)
}

fn set_aside(data: &DataDir) -> Result<(), Failure> {
    let dir = records::dir(data);
    let free = (1..ASIDE_MAX).map(|n| dir.join(format!("damaged-{n}")));
    let Some(to) = free.into_iter().find(|it| !it.exists()) else {
        let message = "too many damaged audit logs are set aside";
        return Err(Failure::new(FailureKind::Io, message));
    };
    let set_aside = || {
        RealDisk.create_dir_all(&to)?;
        // What was signed of it stays with it.
        for name in ["segments", "checkpoints", "tiles"] {
            if dir.join(name).exists() {
                RealDisk.rename(&dir.join(name), &to.join(name))?;
            }
        }
        RealDisk.sync_dir(&to)?;
        RealDisk.sync_dir(&dir)
    };
    set_aside().map_err(|it| faults::io(&it, "failed to set the damaged audit log aside"))
}
