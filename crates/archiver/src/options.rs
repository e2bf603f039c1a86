//! What a run is asked to do, and its limits.

use std::collections::HashSet;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use ledger::SourceRef;
use rules::Scope;
use rules::filter::Filter;
use types::limits::IN_FLIGHT_BYTES_MAX;
use types::{ArchiveId, UserName};

use crate::cancel::CancelToken;
use crate::shared::Shared;

/// Where messages are archived.
#[derive(Clone, Debug)]
pub struct Target {
    /// The archive.
    pub archive: ArchiveId,
    /// The name of its user, for the details of new folders.
    pub user: UserName,
    /// The first level of the folder tree, as people write it: the account's address.
    pub root: String,
}

/// How an account is archived.
#[derive(Clone, Debug)]
pub struct ArchiveOptions {
    /// Where to.
    pub target: Target,
    /// The server profile, or `protocol://host:port` of a one-off run. With `account` it names
    /// the cursors.
    pub profile: String,
    /// The account at that server.
    pub account: String,
    /// What the run is called in the log, without secrets.
    pub title: String,
    /// Which mailboxes.
    pub scope: Scope,
    /// Which of their messages.
    pub filter: Filter,
    /// Connections at the same time, at most.
    pub connections: NonZeroU16,
    /// Which messages in quarantine are tried.
    pub quarantine: RetryQuarantined,
    /// Those of them that the run is complete without.
    pub accepted: Accepted,
    /// Ends the run at a batch.
    pub cancel: CancelToken,
    /// Its limits.
    pub limits: Limits,
    /// What it shares with others at the same time; `None` when it has that for itself.
    pub shared: Option<Shared>,
}

impl ArchiveOptions {
    /// What it shares, or has for itself.
    pub(crate) fn shared(&self) -> Shared {
        let own = || Shared::new(self.limits.in_flight_bytes_max);
        self.shared.clone().unwrap_or_else(own)
    }
}

/// Which messages in quarantine a run tries again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RetryQuarantined {
    /// Those whose time has come.
    WhenDue,
    /// All of them: somebody asked for this run.
    All,
    /// This one, whenever its time is, and whether it was accepted or not.
    One(SourceRef),
}

/// Messages in quarantine of which somebody took note that they cannot be had. A run is complete
/// without them; they stay counted, and are tried again only by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Accepted(Arc<HashSet<SourceRef>>);

impl Accepted {
    /// These.
    #[must_use]
    pub fn new(places: impl IntoIterator<Item = SourceRef>) -> Accepted {
        Accepted(Arc::new(places.into_iter().collect()))
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn has(&self, place: SourceRef) -> bool {
        self.0.contains(&place)
    }
}

/// How an import is done.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Where to.
    pub target: Target,
    /// The folder below the root, parts joined by `/`, that the files and their folders go to.
    /// `None` leaves it to the files; what lies in no folder of theirs goes to `INBOX`.
    pub folder: Option<String>,
    /// What the run is called in the log.
    pub title: String,
    /// Ends the import at a batch.
    pub cancel: CancelToken,
    /// Its limits.
    pub limits: Limits,
}

/// The limits of a run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Message bytes between network and log, over all connections of a run that shares them with
    /// nobody.
    pub in_flight_bytes_max: usize,
    /// The largest message that is taken, in bytes. A larger one is quarantined.
    pub message_bytes_max: u64,
    /// How often a connection is tried before the server counts as unreachable.
    pub connect_attempts_max: u32,
    /// How often in a row a command may fail for a moment, without any message in between,
    /// before its mailbox is left for the next run.
    pub attempts_max: u32,
    /// How often a connection may break in one run, over all connections.
    pub breaks_max: u32,
    /// The pause after the first failure; it doubles with each.
    pub pause_first: Duration,
    /// The longest pause. A server that asks for a longer one ends the run.
    pub pause_max: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            in_flight_bytes_max: IN_FLIGHT_BYTES_MAX,
            message_bytes_max: 4 << 30,
            connect_attempts_max: 3,
            attempts_max: 5,
            breaks_max: 200,
            pause_first: Duration::from_millis(500),
            pause_max: Duration::from_secs(60),
        }
    }
}
