//! Removal at the source, behind a run that archived the whole account.
//!
//! What it is not: the removal itself. A source removes, and only what [`Proof`]s name.
//!
//! Rules:
//! - Nothing is removed unless every mailbox of the account was archived without a failure.
//! - Every message is looked at again: its archived copy is read back, its flags are asked for,
//!   rule and filter decide with what is known now.
//! - A copy that cannot be read back ends it at once, for the whole account.
//! - After an error nobody knows what is gone: nothing is said to be gone, and the next run looks.
//! - The placement stays. Only that the message stands at its source ends.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledger::{Fact, Outcome};
use message::Journal;
use ports::{
    Again, ArchivedCopy, ArchivedRow, Body, Catalog, Change, Clock, Connect, Fetched, InFlight,
    Kept, MailboxStatus, Needed, Proof, ReadBack, ReadError, Removed, Removes, Source, SourceError,
    SourceErrorKind, SourceRow, Standing, Unproven,
};
use rules::filter::{Answer, Facts, Filter, HeaderFacts};
use rules::removal::{Archived, Copies, Decision, Removal, RemovalFacts, StayReason, When};
use tokio::sync::mpsc;
use types::{BlobId, Flags, FolderId, MailboxName, Timestamp};

use crate::line::{Line, LineShared};
use crate::options::{ArchiveOptions, Target};
use crate::report::{RunFailure, RunFailureKind, RunReport, Warnings, with_causes};
use crate::run::Stop;
use crate::sorted::{SortBy, SortOptions};
use crate::survey::key;
use crate::worker::hash_of;

/// Rows of the catalog that are read together.
const ROWS_TOGETHER: usize = 2_000;

/// How long a removal that is under way is waited for when the run is to end.
const GRACE: Duration = Duration::from_secs(5);

/// What became of archived messages at their source.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RemovalReport {
    /// Messages that left.
    pub left: u64,
    /// The mailbox that they were moved to, when they were not removed.
    pub moved_to: Option<String>,
    /// Messages that stayed, by the reason.
    pub stayed: BTreeMap<Stayed, u64>,
    /// Messages of which nobody knows yet whether they left: the next run looks.
    pub unconfirmed: u64,
    /// What deserves attention: sentences without a full stop.
    pub warnings: Vec<String>,
    /// Why nothing was tried, when the run gave no right to.
    pub not_tried: Option<&'static str>,
    /// Whether it was asked to end early, and did.
    pub cancelled: bool,
    /// What ended it.
    pub failure: Option<RunFailure>,
}

/// Why an archived message stayed at its source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stayed {
    /// The rule says so.
    Rule(StayReason),
    /// It is not certain that it is the message that was archived.
    AnotherMessage,
    /// The source says that it is longer than what it gave.
    Shorter,
    /// It was no longer there.
    Gone,
    /// The source did not remove it, though it was asked to.
    StillThere,
    /// Its mailbox does not let messages be removed.
    Refused,
}

/// The reason in words.
impl std::fmt::Display for Stayed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stayed::Rule(reason) => reason.fmt(f),
            Stayed::AnotherMessage => f.write_str("not certain to be the archived one"),
            Stayed::Shorter => f.write_str("longer at the server than what it gave"),
            Stayed::Gone => f.write_str("gone before"),
            Stayed::StillThere => f.write_str("not removed by the server"),
            Stayed::Refused => f.write_str("in a mailbox that cannot be changed"),
        }
    }
}

impl From<Unproven> for Stayed {
    fn from(why: Unproven) -> Stayed {
        match why {
            Unproven::AnotherMessage => Stayed::AnotherMessage,
            Unproven::Flagged => Stayed::Rule(StayReason::Flagged),
            Unproven::Shorter => Stayed::Shorter,
            Unproven::NotBackedUp => Stayed::Rule(StayReason::NotBackedUp),
        }
    }
}

impl From<Kept> for Stayed {
    fn from(why: Kept) -> Stayed {
        match why {
            Kept::Flagged => Stayed::Rule(StayReason::Flagged),
            Kept::Gone => Stayed::Gone,
            Kept::Changed => Stayed::AnotherMessage,
            Kept::StillThere => Stayed::StillThere,
        }
    }
}

/// What is removed, and where.
#[derive(Clone, Debug)]
pub struct RemovalOptions<'a> {
    /// As the account was archived.
    pub archive: &'a ArchiveOptions,
    /// How its messages were sorted, when they are many people's.
    pub sorting: Option<&'a SortOptions>,
    /// What may leave.
    pub rule: &'a Removal,
    /// Entries of the log that the newest whole backups have.
    pub backed_up: Vec<Range<u64>>,
}

/// Removes what a rule lets go, after a run over the whole account.
///
/// It never fails without saying so in [`RemovalReport::failure`].
pub async fn remove_archived<C, L, K>(
    connector: Arc<C>,
    log: Arc<L>,
    catalog: Arc<K>,
    clock: Arc<dyn Clock>,
    options: RemovalOptions<'_>,
    run: &RunReport,
) -> RemovalReport
where
    C: Connect,
    C::Source: Removes,
    L: ReadBack,
    K: Catalog,
{
    let RemovalOptions { archive: options, sorting, rule: removal, backed_up } = options;
    let mut report = RemovalReport { moved_to: moved_to(removal), ..RemovalReport::default() };
    if removal.when == When::Never {
        return report;
    }
    if let Some(why) = no_right(run) {
        report.not_tried = Some(why);
        return report;
    }
    let excluded = run.counts.excluded;
    report.stay(Stayed::Rule(StayReason::Quarantined), run.counts.quarantined);
    report.stay(Stayed::Rule(StayReason::OutsideFilter), excluded.filter);
    report.stay(Stayed::Rule(StayReason::NotArchived), excluded.unknown_address);
    let shared = LineShared {
        limits: options.limits,
        cancel: options.cancel.clone(),
        breaks: AtomicU32::new(0),
        heard: Mutex::default(),
    };
    let leaving = Leaving {
        line: Line::new(connector, Arc::new(shared)),
        log,
        catalog,
        now: clock.now(),
        options,
        target: sorting
            .map_or_else(|| options.target.clone(), |_| Target::shared(&options.account)),
        holds: match sorting.map(|it| &it.by) {
            Some(SortBy::Journal) => Holds::Reports,
            _ => Holds::Messages,
        },
        rule: Arc::new((removal.clone(), options.filter.clone())),
        needed: match removal.copies {
            Copies::Archive => Needed::Nothing,
            Copies::Backup => Needed::Backup(backed_up),
        },
        warnings: Warnings::default(),
        report,
    };
    leaving.run(run).await
}

fn moved_to(removal: &Removal) -> Option<String> {
    removal.moves_to().map(str::to_owned)
}

/// Why a run gives no right to remove anything.
fn no_right(run: &RunReport) -> Option<&'static str> {
    let complete = run.mailboxes.iter().all(|it| it.complete && it.error.is_none());
    match run {
        _ if run.cancelled => Some("the run was asked to end before"),
        _ if run.outcome != Outcome::Succeeded || run.failure.is_some() || !complete => {
            Some("not everything of the account is archived")
        }
        _ => None,
    }
}

impl RemovalReport {
    fn stay(&mut self, why: Stayed, count: u64) {
        if count > 0 {
            *self.stayed.entry(why).or_default() += count;
        }
    }
}

/// One removal over one account.
struct Leaving<'a, C: Connect, L, K> {
    line: Line<C>,
    log: Arc<L>,
    catalog: Arc<K>,
    now: Timestamp,
    options: &'a ArchiveOptions,
    target: Target,
    holds: Holds,
    rule: Arc<(Removal, Filter)>,
    needed: Needed,
    warnings: Warnings,
    report: RemovalReport,
}

/// What a mailbox holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// The messages that were archived.
    Messages,
    /// Journal reports, of which the message in them was archived.
    Reports,
}

/// What was found out about a message by reading its copy back.
enum Read {
    Stays(Stayed),
    Leaves(ArchivedCopy, Standing),
}

impl<C, L, K> Leaving<'_, C, L, K>
where
    C: Connect,
    C::Source: Removes,
    L: ReadBack,
    K: Catalog,
{
    async fn run(mut self, run: &RunReport) -> RemovalReport {
        let result = self.mailboxes(run).await;
        let cancelled = self.options.cancel.is_cancelled();
        match result {
            Ok(()) => (),
            Err(Stop::Cancelled) => self.report.cancelled = true,
            Err(Stop::Failure(_)) if cancelled => self.report.cancelled = true,
            Err(Stop::Failure(failure)) => self.report.failure = Some(failure),
        }
        // What every connection says was said by those of the run.
        for warning in self.line.warnings().into_iter().filter(|it| !run.warnings.contains(it)) {
            self.warnings.add(warning);
        }
        self.line.close().await;
        self.report.warnings = self.warnings.into_list();
        self.report
    }

    async fn mailboxes(&mut self, run: &RunReport) -> Result<(), Stop> {
        self.catalog.wait_for(self.log.position().entries).await?;
        for (name, row) in self.sources(run)? {
            self.mailbox(&name, &row).await?;
        }
        Ok(())
    }

    /// The mailboxes that the run completed, each with its newest epoch.
    fn sources(&self, run: &RunReport) -> Result<Vec<(MailboxName, SourceRow)>, Stop> {
        let ArchiveOptions { profile, account, .. } = self.options;
        let target = &self.target;
        let mut newest: BTreeMap<Vec<u8>, (MailboxName, SourceRow)> = BTreeMap::new();
        for row in self.catalog.sources(target.archive, profile, account)? {
            let Some(name) = self.catalog.mailbox_name(row.source)? else { continue };
            let path = rules::folder_path(&target.root, &name);
            let is_ours = row.folder == FolderId::SHARED
                || self.catalog.folder(target.archive, &path)? == Some(row.folder);
            if is_ours {
                newest.insert(key(&name), (name, row));
            }
        }
        let was_seen = |name: &MailboxName| {
            let path = name.path();
            run.mailboxes.iter().any(|it| it.mailbox == path)
        };
        Ok(newest.into_values().filter(|it| was_seen(&it.0)).collect())
    }

    async fn mailbox(&mut self, name: &MailboxName, row: &SourceRow) -> Result<(), Stop> {
        let refs = self.catalog.source_refs(row.source)?;
        let uids: Vec<u64> = refs.into_iter().map(|it| it.0).collect();
        let mut candidates = Vec::new();
        for some in uids.chunks(ROWS_TOGETHER) {
            for archived in self.catalog.archived(row.source, some)? {
                let rule = &self.rule.0;
                if !self.needed.is_met(archived.placement) {
                    self.report.stay(Stayed::Rule(StayReason::NotBackedUp), 1);
                } else if rule.is_too_young(archived.date, archived.placed, self.now) {
                    self.report.stay(Stayed::Rule(StayReason::NotOldEnough), 1);
                } else {
                    candidates.push(archived);
                }
            }
        }
        let mut left = candidates.as_slice();
        while !left.is_empty() {
            if self.options.cancel.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let together = self.line.source().await?.removes_together().clamp(1, left.len());
            let (some, rest) = left.split_at_checked(together).unwrap_or((left, &[]));
            match self.some(name, some).await {
                Ok(()) => (),
                Err(Trouble::Stop(stop)) => return Err(stop),
                Err(Trouble::Mailbox(error)) => {
                    self.warnings.add(format!("{}: {}", name.path(), with_causes(&error)));
                    self.report.stay(Stayed::Refused, count(left.len()));
                    return Ok(());
                }
            }
            left = rest;
        }
        Ok(())
    }

    /// Looks at some messages of a mailbox again, and removes those that may leave.
    async fn some(&mut self, name: &MailboxName, rows: &[ArchivedRow]) -> Result<(), Trouble> {
        let way = self.rule.0.way.clone();
        let cancel = self.options.cancel.clone();
        let source = self.line.source().await.map_err(Stop::from)?;
        let opened = tokio::select! {
            () = cancel.cancelled() => return Err(Stop::Cancelled.into()),
            opened = source.open_to_remove(name, &way) => opened,
        };
        let opened = opened.map_err(|error| match error.kind() {
            SourceErrorKind::Mailbox => Trouble::Mailbox(error),
            _ => stop_of(&error).into(),
        })?;
        let uids: Vec<u64> = rows.iter().map(|it| it.place.uid).collect();
        let standing = tokio::select! {
            () = cancel.cancelled() => return Err(Stop::Cancelled.into()),
            standing = source.standing(&uids) => standing.map_err(|it| stop_of(&it))?,
        };
        let read = self.read_back(rows, &standing).await?;
        let proofs = self.prove(&opened, read).await?;
        if proofs.is_empty() {
            return Ok(());
        }
        let uids: Vec<u64> = proofs.iter().map(Proof::uid).collect();
        let removed = self.remove(proofs).await?;
        self.note(name, rows, &uids, &removed).await?;
        Ok(())
    }

    /// Reads back the copies of the messages that are still there, and decides about each.
    async fn read_back(
        &mut self,
        rows: &[ArchivedRow],
        standing: &[Standing],
    ) -> Result<Vec<Read>, Stop> {
        let by_uid: HashMap<u64, Standing> = standing.iter().map(|it| (it.uid, *it)).collect();
        let found = rows.iter().filter_map(|row| Some((*row, *by_uid.get(&row.place.uid)?)));
        let found: Vec<(ArchivedRow, Standing)> = found.collect();
        self.report.stay(Stayed::Gone, count(rows.len() - found.len()));
        let (log, rule, now) = (Arc::clone(&self.log), Arc::clone(&self.rule), self.now);
        let read = tokio::task::spawn_blocking(move || {
            let decided = found
                .iter()
                .map(|(row, standing)| decide(&*log, &rule.0, &rule.1, row, standing, now));
            decided.collect::<Result<Vec<Read>, ReadError>>()
        });
        let read = read.await.map_err(|error| {
            let text = format!("failed to read archived copies back: {}", with_causes(&error));
            Stop::from(RunFailure::new(RunFailureKind::Store, text))
        })?;
        read.map_err(|error| {
            // Whatever else is stored may be damaged, too.
            let text = format!("nothing more was removed: {}", with_causes(&error));
            let mut failure = RunFailure::new(RunFailureKind::Store, text);
            failure.hint = Some("`posthold verify` says what is damaged.".into());
            failure.into()
        })
    }

    /// Proves of each message that it is the archived one, where need be by its bytes.
    async fn prove(&mut self, opened: &MailboxStatus, read: Vec<Read>) -> Result<Vec<Proof>, Stop> {
        let mut leaves = Vec::new();
        for it in read {
            match it {
                Read::Stays(why) => self.report.stay(why, 1),
                Read::Leaves(copy, now) => leaves.push((copy, now)),
            }
        }
        let holds = self.holds;
        let unclear = leaves.iter().filter(|(copy, now)| {
            copy.needs_bytes(now) || holds == Holds::Reports && now.size != copy.size()
        });
        let unclear: Vec<u64> = unclear.map(|it| it.1.uid).collect();
        let again = self.hashes(&unclear).await?;
        let mut proofs = Vec::new();
        for (copy, now) in leaves {
            match copy.prove(opened, &now, again.get(&now.uid).copied(), &self.needed) {
                Ok(proof) => proofs.push(proof),
                Err(why) => self.report.stay(why.into(), 1),
            }
        }
        Ok(proofs)
    }

    /// Fetches messages once more, only to hash them.
    async fn hashes(&mut self, uids: &[u64]) -> Result<HashMap<u64, Again>, Stop> {
        if uids.is_empty() {
            return Ok(HashMap::new());
        }
        let cancel = self.options.cancel.clone();
        let budget = InFlight::new(self.options.limits.in_flight_bytes_max);
        let holds = self.holds;
        let source = self.line.source().await?;
        tokio::select! {
            () = cancel.cancelled() => Err(Stop::Cancelled),
            hashes = hashes(source, uids, holds, &budget) => hashes.map_err(|it| stop_of(&it)),
        }
    }

    async fn remove(&mut self, proofs: Vec<Proof>) -> Result<Removed, Stop> {
        let cancel = self.options.cancel.clone();
        let asked = count(proofs.len());
        let source = self.line.source().await?;
        let removed = tokio::select! {
            removed = source.remove(proofs) => removed.map_err(|it| stop_of(&it)),
            () = async { cancel.cancelled().await; tokio::time::sleep(GRACE).await } => {
                Err(Stop::Cancelled)
            }
        };
        if removed.is_err() {
            self.report.unconfirmed += asked;
        }
        removed
    }

    /// Tells the log what is gone, and the report what is not.
    async fn note(
        &mut self,
        name: &MailboxName,
        rows: &[ArchivedRow],
        asked: &[u64],
        removed: &Removed,
    ) -> Result<(), Stop> {
        for (_, why) in &removed.kept {
            self.report.stay((*why).into(), 1);
        }
        let gone = |it: &&ArchivedRow| {
            asked.contains(&it.place.uid) && removed.gone.contains(&it.place.uid)
        };
        let gone: Vec<Change> = rows
            .iter()
            .filter(gone)
            .map(|it| Change::Fact(Fact::SourceGone { source: it.place }, None))
            .collect();
        self.report.left += count(gone.len());
        let told = count(gone.len() + removed.kept.len());
        self.report.unconfirmed += count(asked.len()).saturating_sub(told);
        if !gone.is_empty() {
            self.log.append(gone).await?;
        }
        if removed.others > 0 {
            let text = format!(
                "{}: {} more messages went than were removed; another client may have done that, \
                 or the server is wrong: nothing more was removed",
                name.path(),
                removed.others
            );
            return Err(RunFailure::new(RunFailureKind::Protocol, text).into());
        }
        Ok(())
    }
}

/// Why some messages were not removed.
enum Trouble {
    /// Their mailbox does not allow it.
    Mailbox(SourceError),
    /// Nothing goes on.
    Stop(Stop),
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Trouble {
        Trouble::Stop(stop)
    }
}

fn stop_of(error: &SourceError) -> Stop {
    Stop::Failure(RunFailure::from(error))
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Whether a message may leave, by everything but its identity. Reads its copy back. Blocks.
fn decide(
    log: &impl ReadBack,
    rule: &Removal,
    filter: &Filter,
    row: &ArchivedRow,
    standing: &Standing,
    now: Timestamp,
) -> Result<Read, ReadError> {
    let Standing { size, received, flags, .. } = *standing;
    let mut facts = Facts { flags, size, received, header: None };
    // What is out by flags and size alone need not be read.
    if flags.contains(Flags::FLAGGED) {
        return Ok(Read::Stays(Stayed::Rule(StayReason::Flagged)));
    }
    if filter.decide_removal(&facts, now) == Answer::No {
        return Ok(Read::Stays(Stayed::Rule(StayReason::OutsideFilter)));
    }
    let mut copy = ArchivedCopy::read_back(log, row)?;
    let (parsed, _) = message::parse(&copy.take_head());
    let copies = [parsed.cc.as_slice(), &parsed.bcc].concat();
    facts.header = Some(HeaderFacts {
        date: parsed.date,
        from: &parsed.from,
        to: &parsed.to,
        copies: &copies,
        subject: &parsed.subject,
    });
    let facts = RemovalFacts {
        flags,
        archived: Archived::Since(row.placed),
        filter: filter.decide_removal(&facts, now),
        date: parsed.date,
        received,
        // Others were left out before.
        backed_up: true,
    };
    Ok(match rule.decide(&facts, now) {
        Decision::Stays(why) => Read::Stays(Stayed::Rule(why)),
        Decision::Removed | Decision::Moved(_) => Read::Leaves(copy, *standing),
    })
}

async fn hashes(
    source: &mut impl Source,
    uids: &[u64],
    holds: Holds,
    budget: &InFlight,
) -> Result<HashMap<u64, Again>, SourceError> {
    let (into, mut from) = mpsc::channel::<Fetched>(4);
    let fetch = async {
        let answer = source.fetch(uids, budget, &into).await;
        drop(into);
        answer
    };
    let hash = async {
        let mut all: HashMap<u64, Again> = HashMap::new();
        while let Some(Fetched { uid, body, permit, .. }) = from.recv().await {
            let again = match body {
                Body::Whole(bytes) if holds == Holds::Reports => Some(opened(&bytes)),
                body => hash_of(body).await.map(Again::Message),
            };
            all.extend(again.map(|it| (uid, it)));
            drop(permit);
        }
        all
    };
    let (answer, all) = tokio::join!(fetch, hash);
    answer.map(|_| all)
}

/// What a message of a journal mailbox is: a report with a message in it, or not.
fn opened(bytes: &[u8]) -> Again {
    match message::journal(bytes) {
        Journal::Report(report) if report.closed => Again::Report {
            size: count(bytes.len()),
            original: BlobId::of(&report.original(bytes)),
        },
        _ => Again::Message(BlobId::of(bytes)),
    }
}
