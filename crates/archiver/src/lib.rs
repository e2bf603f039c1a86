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
//! - What removes mail at its source runs behind all of this, and sees only what was proven.

mod ambiguities;
mod append;
mod cancel;
mod compare;
mod describe;
mod drain;
mod enumerate;
mod fetch;
mod fetching;
mod filtering;
mod folders;
mod import;
mod intake;
mod large;
mod line;
mod mailbox;
mod note;
mod options;
mod parts;
mod place;
mod prepare;
mod proof;
mod read;
mod recent;
mod reception;
mod recognise;
mod removal;
mod report;
mod run;
mod settle;
mod shared;
mod sorted;
mod survey;
mod wanted;
mod work;
mod worker;

use std::sync::Arc;

pub use cancel::CancelToken;
pub use options::{Accepted, ArchiveOptions, ImportOptions, Limits, RetryQuarantined, Target};
pub use removal::{RemovalOptions, RemovalReport, Stayed, remove_archived};
pub use report::{
    ExcludedFolder, ImportReport, MailboxReport, Phase, Progress, RunFailure, RunFailureKind,
    RunReport,
};

pub use reception::{
    Arriving, NotReceived, Reception, ReceptionCounts, ReceptionOptions, ReceptionTally,
};
pub use shared::Shared;
pub use sorted::{
    Home, ResortReport, SortBy, SortOptions, UnknownAddresses, UnknownSeen, resort,
    subject_in_example,
};
pub use survey::as_listed;

use ports::{Catalog, Clock, Connect, Log, MailReader};

/// Archives an account: every mailbox in scope, as the contract of a source demands.
///
/// It never fails without saying so in [`RunReport::outcome`] and [`RunReport::failure`]; what
/// was acknowledged by then is archived, and the next run goes on from there.
pub async fn archive_account<C: Connect, L: Log, K: Catalog>(
    connector: Arc<C>,
    log: Arc<L>,
    catalog: Arc<K>,
    clock: Arc<dyn Clock>,
    options: ArchiveOptions,
    progress: impl Fn(Progress) + Send + Sync,
) -> RunReport {
    run::Run::new(log, catalog, clock, &options, &progress).run(connector).await
}

/// Archives an account whose messages are sorted into archives by their addresses: a multidrop,
/// journal or catch-all mailbox, over every mailbox in scope.
///
/// Everything said of [`archive_account`] holds; the target of `options` is not looked at. In the
/// counts a message is archived when it went to at least one folder that did not have it; what
/// belongs to nobody and stays at the source is excluded, for an unknown address.
pub async fn sort_account<C: Connect, L: Log, K: Catalog>(
    connector: Arc<C>,
    log: Arc<L>,
    catalog: Arc<K>,
    clock: Arc<dyn Clock>,
    mut options: ArchiveOptions,
    sorting: Arc<SortOptions>,
    progress: impl Fn(Progress) + Send + Sync,
) -> RunReport {
    options.target = Target::shared(&options.account);
    let run = run::Run::new(log, catalog, clock, &options, &progress);
    run.sorting(sorting).run(connector).await
}

/// Archives every message that `reader` reads.
///
/// It never fails without saying so in [`ImportReport::outcome`] and [`ImportReport::failure`].
/// Needs a Tokio runtime with time.
pub async fn import<R: MailReader + 'static, L: Log, K: Catalog>(
    reader: R,
    log: Arc<L>,
    catalog: Arc<K>,
    clock: Arc<dyn Clock>,
    options: ImportOptions,
    progress: impl Fn(Progress) + Send + Sync,
) -> ImportReport {
    import::Import::new(log, catalog, clock, &options, &progress).run(reader).await
}
