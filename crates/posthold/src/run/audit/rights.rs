//! Whether whoever asks may read the mail of others.

use ::settings::AUDIT_READING_NEEDS_REASON;
use commands::{Failure, FailureKind};
use disk::SystemClock;
use ports::Clock;
use rules::access::{Access, MachineRule, Mail, Reader, Unlocked, decide};

use super::asker::Asker;
use crate::context::DataDir;
use crate::run::{faults, settings as values_of, users};

/// Whose mail is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::run) enum Whose {
    /// That of any of these users: a message may be in the archives of several.
    Users(Vec<String>),
    /// That of everybody.
    Everybody,
}

/// Refuses when this mail is locked for whoever asks. Blocks.
pub(in crate::run) fn may_read(
    data: &DataDir,
    asker: &Asker,
    whose: &Whose,
) -> Result<(), Failure> {
    let state = users::open_for_reading(data)?;
    let values = values_of::values(&state)?;
    let rule = match values.is_on(&AUDIT_READING_NEEDS_REASON) {
        true => MachineRule::WithReason,
        false => MachineRule::Logged,
    };
    let unlocks = state.unlocks(SystemClock.now()).map_err(|it| faults::state(&it))?;
    let covers = |it: &Option<String>| match (it, whose) {
        (None, _) => true,
        (Some(user), Whose::Users(names)) => names.contains(user),
        (Some(_), Whose::Everybody) => false,
    };
    let mut mine = unlocks.iter().filter(|it| it.who == asker.who());
    let is_unlocked = asker.reason().is_some() || mine.any(|it| covers(&it.whose));
    let unlocked = if is_unlocked { Unlocked::Yes } else { Unlocked::No };
    match decide(Reader::Machine(rule), Mail::Others(unlocked)) {
        Access::Granted | Access::GrantedAndLogged => Ok(()),
        Access::Locked | Access::Denied => {
            let of = match whose {
                Whose::Users(names) => names.join(", "),
                Whose::Everybody => "everybody".to_owned(),
            };
            let message = format!("the mail of {of} is locked: reading it needs a reason");
            Err(Failure::new(FailureKind::Request, message).with_hint(
                "Give one with --reason TEXT, or unlock it for a while with `posthold audit \
                 unlock`. It stands in the audit log.",
            ))
        }
    }
}
