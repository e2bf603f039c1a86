//! Whether settings, policies and rights are what the last command left that may change them.
//!
//! Every such command writes their hash down when it begins and when it ends. So whoever changes
//! the state past Posthold is seen: at the next such command, or by `verify`.
//!
//! Rules: while a command runs that may change them, or after one that was killed, nothing can be
//! told until the next one begins; what somebody accepted with a reason is told no more.

use std::thread::sleep;
use std::time::Duration;

use commands::{Activity, Failure};
use ledger::AuditOutcome;
use types::Hash;

use super::records::{self, Record};
use crate::context::DataDir;
use crate::run::{faults, users};

/// How often it is looked again when the two do not agree: a command may have ended meanwhile.
const LOOKS_MAX: usize = 3;

/// How long after.
const LOOK_AFTER: Duration = Duration::from_millis(100);

/// Whether an activity may change what is hashed.
pub(super) fn may_change(activity: u16) -> bool {
    matches!(
        Activity::from_number(activity),
        Some(
            Activity::SettingsChange
                | Activity::ComplianceChangeSettings
                | Activity::UserChange
                | Activity::MessageRemove
                | Activity::AnchorChange
                | Activity::ArchiveUnlock
                | Activity::ArchiveLock
        )
    )
}

/// The hash as the state has it now; zero where there is no state yet.
pub(super) fn now(data: &DataDir) -> Result<Hash, Failure> {
    if !data.state().is_file() {
        return Ok(Hash::default());
    }
    users::open_for_reading(data)?.configuration().map_err(|it| faults::state(&it))
}

/// What was changed past Posthold, in sentences without a full stop. Blocks.
pub(in crate::run) fn changed(data: &DataDir) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for look in 0..LOOKS_MAX {
        if look != 0 {
            sleep(LOOK_AFTER);
        }
        let now = now(data)?;
        let mut told = Told::default();
        records::read(data, 0, &mut |it| told.take(&it))?;
        found = told.ended(now);
        if found.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// What the entries told so far.
#[derive(Default)]
struct Told {
    /// The hash that was told last, by which entry.
    known: Option<(Hash, u64)>,
    /// Commands that have not ended.
    running: Vec<u64>,
    found: Vec<String>,
}

impl Told {
    fn take(&mut self, record: &Record) {
        let Record { number, audited, detail, .. } = record;
        if !may_change(audited.activity) || detail.configuration == Hash::default() {
            return;
        }
        let here = (detail.configuration, *number);
        match (audited.of, audited.outcome) {
            (None, AuditOutcome::Asked) => {
                if let Some((known, by)) = self.known
                    && self.running.is_empty()
                    && known != here.0
                {
                    self.found.push(format!(
                        "settings, policies or rights were changed past Posthold between the \
                         entries {by} and {number} of the audit log"
                    ));
                }
                // One that was killed does not end any more.
                self.running = vec![*number];
            }
            (None, _) => {
                // Somebody accepted what was before.
                self.found.clear();
                self.running.clear();
            }
            (Some(of), _) => self.running.retain(|it| *it != of.0),
        }
        self.known = Some(here);
    }

    fn ended(mut self, now: Hash) -> Vec<String> {
        if let Some((known, by)) = self.known
            && self.running.is_empty()
            && known != now
        {
            self.found.push(format!(
                "settings, policies or rights were changed past Posthold after the entry {by} of \
                 the audit log"
            ));
        }
        self.found
    }
}
