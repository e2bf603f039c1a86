//! `doctor`: looks at everything that often goes wrong, and says what can be done.
//!
//! Rules: nothing is changed, and nothing is assumed to work; one check that fails keeps no other
//! from being made; what cannot be looked at is said to be unknown, and not to be good. A new
//! check is a function in [`CHECKS`].

mod places;
mod stores;

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use commands::{AdminAnswer, Answer, CheckResult, DoctorAnswer, DoctorCheck, Failure};
use disk::SystemClock;
use ports::Clock;
use state::SavedStore;
use types::Timestamp;

use super::{all_stores, blocking, keys, ownership, users};
use crate::context::{Context, DataDir, KeySource};

/// What the checks look at.
struct Patient {
    data: DataDir,
    keys: KeySource,
    /// Who owns the data directory.
    owner: Option<String>,
    /// The stores that the state knows; none when it cannot be read.
    stores: Vec<SavedStore>,
    now: Timestamp,
}

/// A check: what it found, once for each thing that it looked at.
type Check = fn(&Patient) -> Vec<DoctorCheck>;

/// All checks, in the order in which they are made and shown.
const CHECKS: &[Check] = &[
    places::file_system,
    places::disk_space,
    lock,
    state,
    key,
    stores::logs,
    stores::views,
    stores::clock,
    stores::encryption,
    stores::plain_logs,
];

/// Makes all checks.
pub(super) async fn doctor(context: &Context) -> Result<Answer, Failure> {
    let (data, keys) = (context.data.clone(), context.keys.clone());
    let owner = match data.path().is_dir() {
        true => ownership::owner(context).await,
        false => None,
    };
    blocking(move || {
        let now = SystemClock.now();
        let mut patient = Patient { data, keys, owner, stores: Vec::new(), now };
        let mut checks = data_directory(&patient);
        // Without a directory there is nothing else to look at.
        if patient.data.path().is_dir() {
            patient.stores = all_stores::saved(&patient.data).unwrap_or_default();
            checks.extend(CHECKS.iter().flat_map(|check| check(&patient)));
        }
        let answer = DoctorAnswer { checks };
        Ok(Answer::Admin(Box::new(AdminAnswer::Doctor(answer))))
    })
    .await
}

/// What a check found, of all stores.
fn found(
    name: &'static str,
    result: CheckResult,
    message: impl Into<String>,
    hint: Option<&str>,
) -> DoctorCheck {
    let (message, hint) = (message.into(), hint.map(str::to_owned));
    DoctorCheck { name, store: None, result, message, hint }
}

/// What a command would fail with here.
fn failed(name: &'static str, failure: Failure) -> DoctorCheck {
    let message = format!("{}.", failure.message.trim_end_matches('.'));
    DoctorCheck { name, store: None, result: CheckResult::Bad, message, hint: failure.hint }
}

fn data_directory(patient: &Patient) -> Vec<DoctorCheck> {
    let name = "data_directory";
    let path = patient.data.path();
    let shown = path.display();
    let metadata = match path.metadata() {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => {
            let message = format!("{shown} is not a directory.");
            let hint = Some("Name the data directory with --data or POSTHOLD_DATA.");
            return vec![found(name, CheckResult::Bad, message, hint)];
        }
        Err(error) => {
            let message = format!("{shown} cannot be looked at: {error}.");
            let hint = Some("Name the data directory with --data or POSTHOLD_DATA.");
            return vec![found(name, CheckResult::Bad, message, hint)];
        }
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let message = format!("Others on this machine can get into {shown} (mode {mode:o}).");
        let hint = "`chmod 700` closes it: it holds other people's mail.";
        return vec![found(name, CheckResult::Bad, message, Some(hint))];
    }
    let uid = rustix::process::geteuid().as_raw();
    if uid != 0 && metadata.uid() != uid {
        let message = format!("{shown} belongs to user {}, not to this one.", metadata.uid());
        let hint = "Give commands as root, or as the user that the server runs as.";
        return vec![found(name, CheckResult::Warning, message, Some(hint))];
    }
    vec![found(name, CheckResult::Good, format!("{shown} is closed to others."), None)]
}

fn lock(patient: &Patient) -> Vec<DoctorCheck> {
    let message = match &patient.owner {
        Some(owner) => format!("The data directory is in use by {owner}."),
        None => "Nobody uses the data directory.".to_owned(),
    };
    vec![found("lock", CheckResult::Good, message, None)]
}

fn state(patient: &Patient) -> Vec<DoctorCheck> {
    if !patient.data.state().is_file() {
        let message = "There is no state database yet: no user, job or setting was saved.";
        return vec![found("state", CheckResult::Good, message, None)];
    }
    let opened = users::open_for_reading(&patient.data);
    vec![match opened.and_then(|_| all_stores::saved(&patient.data)) {
        Ok(_) => found("state", CheckResult::Good, "The state database can be read.", None),
        Err(failure) => failed("state", failure),
    }]
}

/// Whether everything that is sealed can be opened, and whether the key is well kept.
fn key(patient: &Patient) -> Vec<DoctorCheck> {
    let name = "key";
    let status = match keys::status_of(&patient.data, &patient.keys) {
        Ok(status) => status,
        Err(failure) => return vec![failed(name, failure)],
    };
    let missing: Vec<&str> = status
        .keys
        .iter()
        .filter(|it| !it.at_hand && it.secrets + it.segments != 0)
        .map(|it| it.id.as_str())
        .collect();
    if !missing.is_empty() {
        let message = format!("What key {} has sealed cannot be opened.", missing.join(", "));
        let hint = "Bring it back (secret.key, POSTHOLD_KEY_FILE, POSTHOLD_KEY or the credential \
                    posthold.key); `posthold key join` makes it from shares.";
        return vec![found(name, CheckResult::Bad, message, Some(hint))];
    }
    if let Some(warning) = status.warnings.first() {
        return vec![found(name, CheckResult::Warning, warning.clone(), None)];
    }
    let seals_stores = status.keys.iter().any(|it| it.segments != 0);
    if seals_stores && patient.keys == KeySource::DataDir {
        let message = "The key of encrypted stores is in the data directory: whoever copies that \
                       has both.";
        let hint = "Keep it elsewhere: POSTHOLD_KEY_FILE, or a credential of systemd \
                    (docs/guide/encryption.md).";
        return vec![found(name, CheckResult::Warning, message, Some(hint))];
    }
    let message = match status.keys.is_empty() {
        true => "There is no key yet, and nothing that needs one.",
        false => "Everything that is sealed can be opened.",
    };
    vec![found(name, CheckResult::Good, message, None)]
}

#[cfg(test)]
mod tests;
