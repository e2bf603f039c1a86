//! The archiver: takes what a source reports and decides what becomes of it.
//!
//! What it is not: a mail client or a store. It sees ports and values only.
//!
//! Rules:
//! - A source reports, the archiver decides. Omitted, NIL, empty and refused are four different
//!   answers; each is asked again once, singly; none of them means that a message is gone.
//! - Messages, facts about them, and the cursor that they prove are appended together. A cursor
//!   covers only what is durable already or stands in the same append.
//! - What the log has is asked of the log; what a placement is, of the catalog and of this run.
//! - A message that is placed twice in one folder is one placement.
//! - `Succeeded` is said only when every mailbox in scope is complete.
//! - A run that finds nothing new appends nothing.

mod cancel;
mod options;
mod report;

use std::sync::Arc;

pub use cancel::CancelToken;
pub use options::{ArchiveOptions, ImportOptions, Limits, RetryQuarantined, Target};
pub use report::{
    ExcludedFolder, ImportReport, MailboxReport, Phase, Progress, RunFailure, RunFailureKind,
    RunReport,
};

use ports::{Catalog, Clock, Connect, Log, MailReader};

/// Archives an account: every mailbox in scope, as the contract of a source demands.
///
/// It never fails as a whole without saying so in [`RunReport::failure`]; what was archived by
/// then is archived.
pub async fn archive_account<C: Connect, L: Log, K: Catalog>(
    _connector: Arc<C>,
    _log: Arc<L>,
    _catalog: Arc<K>,
    _clock: Arc<dyn Clock>,
    _options: ArchiveOptions,
    _progress: impl Fn(Progress) + Send + Sync,
) -> RunReport {
    RunReport { outcome: ledger::Outcome::Failed, ..RunReport::default() }
}

/// Archives every message that `reader` reads.
pub async fn import<R: MailReader + 'static, L: Log, K: Catalog>(
    _reader: R,
    _log: Arc<L>,
    _catalog: Arc<K>,
    _clock: Arc<dyn Clock>,
    _options: ImportOptions,
    _progress: impl Fn(Progress) + Send + Sync,
) -> ImportReport {
    ImportReport { outcome: ledger::Outcome::Failed, ..ImportReport::default() }
}
