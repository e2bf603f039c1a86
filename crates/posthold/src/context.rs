//! Where a command runs: its data directory, how it is stopped, and what it waits for.

mod data_dir;

use std::path::PathBuf;
use std::sync::Arc;

use archiver::CancelToken;
use types::Secret;

use crate::run::{Asker, Governing, Reads};
use crate::serving::Serving;

pub(crate) use data_dir::{DataDir, OpenState};

/// The store that a new data directory begins with.
pub(crate) const STORE_NAME: &str = "default";

/// What to do when another process owns the data directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ownership {
    /// Fail at once, naming it.
    AtOnce,
    /// Wait until it ends.
    Wait,
}

/// What to do when the data directory is on a network file system, where locks may not hold and
/// what was synced may be lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NetworkFiles {
    /// Keep no store there.
    Refused,
    /// Keep one all the same, and warn.
    Accepted,
}

/// Where a command runs.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The data directory.
    pub(crate) data: DataDir,
    /// What to do when another process owns it.
    pub(crate) ownership: Ownership,
    /// What to do when it is on a network file system.
    pub(crate) network_files: NetworkFiles,
    /// Says when to stop.
    pub(crate) stop: CancelToken,
    /// Where the keys of secrets are.
    pub(crate) keys: KeySource,
    /// The server, in the process that serves the data directory: it owns the directory and has
    /// the store open.
    pub(crate) serving: Option<Arc<Serving>>,
    /// What holds steps to their limits: one for the whole process.
    pub(crate) governing: Governing,
    /// Who asks.
    pub(crate) asker: Asker,
    /// Where a command notes the messages that it shows.
    pub(crate) reads: Reads,
}

/// Where the keys of secrets are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum KeySource {
    /// In `secret.key` of the data directory; made when it is needed.
    DataDir,
    /// In this file.
    File(PathBuf),
    /// In this file, which systemd made for the service: it cannot be changed.
    Credential(PathBuf),
    /// In the environment: this is it.
    Environment(Secret),
}

impl KeySource {
    /// What the environment says.
    pub(crate) fn of_process() -> KeySource {
        let set = |name| std::env::var_os(name).filter(|it| !it.is_empty());
        match (set("POSTHOLD_KEY"), set("POSTHOLD_KEY_FILE")) {
            (Some(key), _) => {
                // What is not UTF-8 is no key; that is said when it is used.
                KeySource::Environment(Secret::new(key.to_string_lossy().into_owned()))
            }
            (None, Some(path)) => KeySource::File(path.into()),
            (None, None) => match set("CREDENTIALS_DIRECTORY").and_then(|it| credential(&it)) {
                Some(path) => KeySource::Credential(path),
                None => KeySource::DataDir,
            },
        }
    }
}

/// The credential of this service that keys are in, when it was given one: systemd.exec(5),
/// `LoadCredential=posthold.key:...`.
fn credential(directory: &std::ffi::OsStr) -> Option<PathBuf> {
    let path = PathBuf::from(directory).join("posthold.key");
    path.is_file().then_some(path)
}
