//! `doctor`: looks at everything that often goes wrong, and says what can be done.
//!
//! Rules: nothing is changed, and nothing is assumed to work; one check that fails keeps no other
//! from being made; what cannot be looked at is said to be unknown, and not to be good. A new
//! check is a function in [`CHECKS`].

mod encryption;
mod places;
mod stores;

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use commands::{
    AdminAnswer, Answer, CheckResult, DoctorAnswer, DoctorCheck, Examination, Failure, StoreState,
};
use disk::SystemClock;
use ports::Clock;
use state::SavedStore;
use types::Timestamp;

use super::{all_stores, audit, blocking, keys, ownership, restore, users};
use crate::context::{Context, DataDir, KeySource};

/// What the checks look at.
struct Patient {
    data: DataDir,
    keys: KeySource,
    /// Who owns the data directory.
    owner: Option<String>,
    /// The stores that the state knows; none when it cannot be read.
    stores: Vec<SavedStore>,
    /// Whether the state, if there is one, can be read.
    has_state: bool,
    now: Timestamp,
    examination: Examination,
}

/// A check: what it found, once for each thing that it looked at.
type Check = fn(&Patient) -> Vec<DoctorCheck>;

/// All checks, in the order in which they are made and shown.
const CHECKS: &[Check] = &[
    unfinished,
    places::file_system,
    places::disk_space,
    lock,
    state,
    key,
    current_store,
    stores::stores,
    audit_log,
];

/// Makes all checks.
pub(super) async fn doctor(context: &Context, examination: Examination) -> Result<Answer, Failure> {
    let (data, keys) = (context.data.clone(), context.keys.clone());
    let owner = match data.path().is_dir() {
        true => ownership::owner(context).await,
        false => None,
    };
    blocking(move || {
        let now = SystemClock.now();
        let mut patient =
            Patient { data, keys, owner, stores: Vec::new(), has_state: true, now, examination };
        let mut checks = data_directory(&patient);
        // Without a directory there is nothing else to look at.
        if patient.data.path().is_dir() {
            patient.stores = all_stores::saved(&patient.data).unwrap_or_default();
            patient.has_state =
                !patient.data.state().is_file() || read_state(&patient.data).is_ok();
            checks.extend(CHECKS.iter().flat_map(|check| check(&patient)));
        }
        let answer = DoctorAnswer { checks, examination };
        Ok(Answer::Admin(Box::new(AdminAnswer::Doctor(answer))))
    })
    .await
}

/// What a command would fail with here.
fn failed(name: &'static str, failure: Failure) -> DoctorCheck {
    let message = format!("{}.", failure.message.trim_end_matches('.'));
    DoctorCheck { hint: failure.hint, ..DoctorCheck::new(name, CheckResult::Bad, message) }
}

fn data_directory(patient: &Patient) -> Vec<DoctorCheck> {
    let check = |result, message: String| DoctorCheck::new("data_directory", result, message);
    let path = patient.data.path();
    let shown = path.display();
    let named = "Name the data directory with --data or POSTHOLD_DATA.";
    let metadata = match path.metadata() {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => {
            let message = format!("{shown} is not a directory.");
            return vec![check(CheckResult::Bad, message).with_hint(named)];
        }
        Err(error) => {
            let message = format!("{shown} cannot be looked at: {error}.");
            return vec![check(CheckResult::Bad, message).with_hint(named)];
        }
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let message = format!("Others on this machine can get into {shown} (mode {mode:o}).");
        let meaning = "It holds other people's mail.";
        let hint = format!("`chmod 700 {shown}` closes it.");
        return vec![check(CheckResult::Bad, message).means(meaning).with_hint(hint)];
    }
    let uid = rustix::process::geteuid().as_raw();
    if uid != 0 && metadata.uid() != uid {
        let message = format!("{shown} belongs to user {}, not to this one.", metadata.uid());
        let hint = "Give commands as root, or as the user that the server runs as.";
        let meaning = "Commands may not be able to read or write it.";
        return vec![check(CheckResult::Warning, message).means(meaning).with_hint(hint)];
    }
    vec![check(CheckResult::Good, format!("{shown} is closed to others."))]
}

/// A backup that was not brought back whole.
fn unfinished(patient: &Patient) -> Vec<DoctorCheck> {
    match restore::check_is_whole(&patient.data) {
        Ok(()) => Vec::new(),
        Err(failure) => {
            vec![failed("restore", failure).means("Parts of it are missing, and nothing opens it.")]
        }
    }
}

fn lock(patient: &Patient) -> Vec<DoctorCheck> {
    let message = match &patient.owner {
        Some(owner) => format!("The data directory is in use by {owner}."),
        None => "Nobody uses the data directory.".to_owned(),
    };
    vec![DoctorCheck::new("lock", CheckResult::Good, message)]
}

fn state(patient: &Patient) -> Vec<DoctorCheck> {
    let name = "state";
    if !patient.data.state().is_file() {
        let message = "There is no state database yet: no user, job or setting was saved.";
        let is_there = |it: &SavedStore| patient.data.at(it).store().join("store.toml").is_file();
        if !patient.stores.iter().any(is_there) {
            return vec![DoctorCheck::new(name, CheckResult::Good, message)];
        }
        let message = "state.db is missing, and there are stores.";
        return vec![
            DoctorCheck::new(name, CheckResult::Bad, message)
                .means("Users, jobs and settings are gone; mail is not concerned.")
                .with_hint("`posthold restore BACKUP --to DIR` brings it back from a backup."),
        ];
    }
    vec![match read_state(&patient.data) {
        Ok(_) => DoctorCheck::new(name, CheckResult::Good, "The state database can be read."),
        Err(failure) => {
            let check = failed(name, failure);
            let hint = "`posthold restore BACKUP --to DIR` brings it back from a backup.";
            let check = match check.hint {
                Some(_) => check,
                None => check.with_hint(hint),
            };
            check.means("Users, jobs and settings cannot be read; mail in the stores can.")
        }
    }]
}

/// The stores that the state names. They are listed from the disk when it cannot say which.
fn read_state(data: &DataDir) -> Result<Vec<SavedStore>, Failure> {
    users::open_for_reading(data)?.stores().map_err(|it| super::faults::state(&it))
}

/// What cannot be looked at without the state.
fn needs_state(name: &'static str) -> Vec<DoctorCheck> {
    let message = "The state cannot be read, so this could not be looked at.";
    vec![DoctorCheck::new(name, CheckResult::Unknown, message)]
}

/// Whether everything that is sealed can be opened, and whether the key is well kept.
fn key(patient: &Patient) -> Vec<DoctorCheck> {
    if !patient.has_state {
        return needs_state("key");
    }
    let check = |result, message: String| DoctorCheck::new("key", result, message);
    let bring = "Bring it back (secret.key, POSTHOLD_KEY_FILE, POSTHOLD_KEY or the credential \
                 posthold.key); `posthold key join` makes it from shares.";
    let status = match keys::status_of(&patient.data, &patient.keys) {
        Ok(status) => status,
        Err(failure) => return vec![failed("key", failure)],
    };
    let missing: Vec<_> =
        status.keys.iter().filter(|it| !it.at_hand && it.secrets + it.segments != 0).collect();
    if !missing.is_empty() {
        let ids: Vec<&str> = missing.iter().map(|it| it.id.as_str()).collect();
        let message = format!("What key {} has sealed cannot be opened.", ids.join(", "));
        let meaning = match missing.iter().any(|it| it.segments != 0) {
            true => "Encrypted stores cannot be read; without the key they never can.",
            false => "Jobs cannot use saved passwords; they can be given anew.",
        };
        return vec![check(CheckResult::Bad, message).means(meaning).with_hint(bring)];
    }
    if let Some(warning) = status.warnings.first() {
        let check = check(CheckResult::Warning, warning.clone());
        // The other one says what to do itself.
        return vec![match warning.starts_with("Others") {
            true => check
                .means("Whoever has the key and a copy of the data directory reads everything.")
                .with_hint("`chmod 600` closes it. Make another one with `posthold key rotate`."),
            false => check,
        }];
    }
    let seals_stores = status.keys.iter().any(|it| it.segments != 0);
    if seals_stores && patient.keys == KeySource::DataDir {
        let message = "The key of encrypted stores is in the data directory.".to_owned();
        let hint = "Keep it elsewhere: POSTHOLD_KEY_FILE, or a credential of systemd \
                    (docs/guide/encryption.md).";
        let check = check(CheckResult::Warning, message);
        return vec![check.means("Whoever copies that has both.").with_hint(hint)];
    }
    let message = match status.keys.is_empty() {
        true => "There is no key yet, and nothing that needs one.",
        false => "Everything that is sealed can be opened.",
    };
    vec![check(CheckResult::Good, message.to_owned())]
}

/// New mail has a store to go to.
fn current_store(patient: &Patient) -> Vec<DoctorCheck> {
    let name = "current_store";
    if !patient.has_state {
        return needs_state(name);
    }
    let current = patient.stores.iter().find(|it| it.state == StoreState::Current);
    let state = users::open_for_reading(&patient.data).ok();
    let failure = state.and_then(|it| it.store_failure().ok().flatten());
    if let Some(failure) = failure {
        let message = format!(
            "{} since {}: {}.",
            failure.what,
            failure.at,
            failure.why.trim_end_matches('.')
        );
        return vec![
            DoctorCheck::new(name, CheckResult::Bad, message)
                .means("No new mail can be archived.")
                .with_hint("`posthold store make-current NAME` gives it another store."),
        ];
    }
    vec![match current {
        _ if patient.stores.is_empty() => return Vec::new(),
        Some(it) => {
            let message = format!("New mail goes to {}.", it.name);
            DoctorCheck::new(name, CheckResult::Good, message)
        }
        None => DoctorCheck::new(name, CheckResult::Bad, "No store is current.")
            .means("No new mail can be archived.")
            .with_hint("`posthold store make-current NAME` makes one so."),
    }]
}

/// The audit log opens: nothing is shown or changed without it.
fn audit_log(patient: &Patient) -> Vec<DoctorCheck> {
    let name = "audit_log";
    if !patient.has_state {
        return needs_state(name);
    }
    match audit::defect(&patient.data) {
        Ok(None) => vec![DoctorCheck::new(name, CheckResult::Good, "The audit log can be read.")],
        Ok(Some(error)) => vec![
            failed(name, audit::broken(&error))
                .means("Commands are refused that show mail or change something."),
        ],
        Err(failure) => vec![failed(name, failure)],
    }
}

#[cfg(test)]
mod tests;
