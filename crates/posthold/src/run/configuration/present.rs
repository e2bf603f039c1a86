//! What is there: what a file is compared with, and what the export writes.

use ::settings::Values;
use commands::{AnchorShown, Failure, HalfName, MailSettings};
use state::{SavedJob, SavedPolicy, SavedProfile, SecretPlace, State, User};

use super::super::{faults, settings as values_of};

/// What is there.
#[derive(Debug)]
pub(super) struct Present {
    /// Settings.
    pub(super) values: Values,
    /// Users.
    pub(super) users: Vec<User>,
    /// Profiles, and whether their passwords are kept.
    pub(super) profiles: Vec<(SavedProfile, [(HalfName, Kept); 2])>,
    /// Jobs, and whether their passwords are kept.
    pub(super) jobs: Vec<(SavedJob, Kept)>,
    /// How mail is sent, and whether its password is kept.
    pub(super) mail: Option<(MailSettings, Kept)>,
    /// Anchors.
    pub(super) anchors: Vec<AnchorShown>,
    /// Retention policies, in order.
    pub(super) policies: Vec<SavedPolicy>,
}

impl Present {
    /// What a state holds.
    pub(super) fn read(state: &State) -> Result<Present, Failure> {
        let failed = |it| faults::state(&it);
        let mut profiles = Vec::new();
        for saved in state.profiles().map_err(failed)? {
            let kept = |half| Ok((half, Kept::read(state, SecretPlace::Profile(saved.id, half))?));
            let kept = [kept(HalfName::Incoming)?, kept(HalfName::Outgoing)?];
            profiles.push((saved, kept));
        }
        let mut jobs = Vec::new();
        for saved in state.jobs().map_err(failed)? {
            let kept = Kept::read(state, SecretPlace::Job(saved.id))?;
            jobs.push((saved, kept));
        }
        let kept = Kept::read(state, SecretPlace::Mail)?;
        Ok(Present {
            values: values_of::values(state)?,
            users: state.users().map_err(failed)?,
            profiles,
            jobs,
            mail: state.mail_settings().map_err(failed)?.map(|it| (it, kept)),
            anchors: state.anchors().map_err(failed)?,
            policies: state.policies().map_err(failed)?,
        })
    }
}

/// Whether a password is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kept {
    /// It is.
    Yes,
    /// It is not.
    No,
}

impl Kept {
    /// Whether the password of a place is.
    pub(super) fn read(state: &State, place: SecretPlace) -> Result<Kept, Failure> {
        let has = state.has_secret(place).map_err(|it| faults::state(&it))?;
        Ok(if has { Kept::Yes } else { Kept::No })
    }
}
