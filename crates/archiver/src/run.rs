//! A run over one account: its state, and its phases in order.
//!
//! 1. survey: list the mailboxes, apply the scope, pass over what is unchanged;
//! 2. enumerate: list the messages of the others, all of them before anything is fetched, so that
//!    a message that is gone here and new there is seen as moved;
//! 3. recognise: messages of renumbered and renamed mailboxes, without fetching them all;
//! 4. settle: tell the log what was found so far, and wait until the catalog shows it;
//! 5. fetch: everything that is left.

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};

use ledger::{Detail, Fact, Outcome, RunCounts, RunDetail, SourceRef};
use ports::{Catalog, CatalogError, Change, Clock, Connect, Log, LogError, SourceError};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use types::{EntryNumber, Hash, Timestamp};

use crate::append::Appends;
use crate::drain::{Desk, Sizes};
use crate::large::LARGE_MAX;
use crate::line::{Line, LineError, LineShared};
use crate::mailbox::{Mailbox, Stage};
use crate::note::Note;
use crate::options::ArchiveOptions;
use crate::place::Placer;
use crate::prepare::Preparer;
use crate::report::{
    ExcludedFolder, Phase, Progress, RunFailure, RunFailureKind, RunReport, Warnings, messages_are,
};
use crate::shared::Shared;
use crate::sorted::{SortOptions, SortPlacer, Sorter};
use crate::survey::Vanished;
use crate::work::{Event, WorkQueue};
use crate::worker;

/// Events between connections and the run.
const EVENTS_MAX: usize = 4;

/// Warnings that are kept with the run in the log.
pub(crate) const WARNINGS_KEPT: usize = 20;

/// Why a run ends before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It was asked to.
    Cancelled,
    /// It cannot go on.
    Failure(RunFailure),
}

impl From<LineError> for Stop {
    fn from(error: LineError) -> Stop {
        match error {
            LineError::Cancelled => Stop::Cancelled,
            LineError::Source(error) => Stop::Failure(RunFailure::from(&error)),
        }
    }
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Stop {
        Stop::Failure(error.into())
    }
}

impl From<CatalogError> for Stop {
    fn from(error: CatalogError) -> Stop {
        Stop::Failure(error.into())
    }
}

impl From<RunFailure> for Stop {
    fn from(failure: RunFailure) -> Stop {
        Stop::Failure(failure)
    }
}

/// How far a run is, for people.
pub(crate) type Tell<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// A run over one account.
pub(crate) struct Run<'a, L: Log, K: Catalog> {
    pub(crate) log: Arc<L>,
    pub(crate) catalog: Arc<K>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: &'a ArchiveOptions,
    pub(crate) tell: Tell<'a>,
    pub(crate) fingerprint: Hash,
    started: Timestamp,
    pub(crate) queue: Arc<WorkQueue>,
    pub(crate) events: mpsc::Receiver<Event>,
    events_in: Option<mpsc::Sender<Event>>,
    pub(crate) mailboxes: Vec<Mailbox>,
    pub(crate) vanished: Vec<Vanished>,
    pub(crate) excluded: Vec<ExcludedFolder>,
    pub(crate) warnings: Warnings,
    /// Places where nothing stands any more, to be told before anything is recognised.
    pub(crate) gone_first: Vec<SourceRef>,
    /// The same, to be told afterwards.
    pub(crate) gone_last: Vec<SourceRef>,
    pub(crate) placer: Placer<L, K>,
    /// When messages go where their addresses say.
    pub(crate) sorter: Option<Sorter<L, K>>,
    shared: Shared,
    pub(crate) preparer: Preparer<L>,
    pub(crate) appends: Appends<L, Note>,
    /// Entries that were appended outside of `appends`.
    pub(crate) entries_told: u64,
    pub(crate) line_error: Option<SourceError>,
    pub(crate) progress: Progress,
}

impl<'a, L: Log, K: Catalog> Run<'a, L, K> {
    pub(crate) fn new(
        log: Arc<L>,
        catalog: Arc<K>,
        clock: Arc<dyn Clock>,
        options: &'a ArchiveOptions,
        tell: Tell<'a>,
    ) -> Run<'a, L, K> {
        let (events_in, events) = mpsc::channel(EVENTS_MAX);
        let placer = Placer::new(&log, &catalog, &options.target);
        let shared = options.shared();
        Run {
            fingerprint: crate::wanted::fingerprint(&options.scope, &options.filter),
            started: clock.now(),
            queue: Arc::new(WorkQueue::default()),
            events,
            events_in: Some(events_in),
            mailboxes: Vec::new(),
            vanished: Vec::new(),
            excluded: Vec::new(),
            warnings: Warnings::default(),
            gone_first: Vec::new(),
            gone_last: Vec::new(),
            placer,
            sorter: None,
            preparer: Preparer::new(Arc::clone(&log), &shared),
            shared,
            appends: Appends::new(Arc::clone(&log)),
            entries_told: 0,
            line_error: None,
            progress: Progress::begin(Phase::Connecting),
            log,
            catalog,
            clock,
            options,
            tell,
        }
    }

    /// The same, sorting by these options.
    pub(crate) fn sorting(mut self, sorting: Arc<SortOptions>) -> Run<'a, L, K> {
        let fingerprints = [self.fingerprint.0, sorting.fingerprint().0].concat();
        self.fingerprint = Hash::of(&fingerprints);
        self.preparer =
            Preparer::sorting(Arc::clone(&self.log), &self.shared, Arc::clone(&sorting));
        self.sorter = Some(Sorter::new(SortPlacer::new(&self.log, &self.catalog, sorting)));
        self
    }

    /// The whole run.
    pub(crate) async fn run<C: Connect>(mut self, connector: Arc<C>) -> RunReport {
        let result = self.phases(connector).await;
        let result = match (result, self.options.cancel.is_cancelled()) {
            (Ok(()), true) => Err(Stop::Cancelled),
            (result, _) => result,
        };
        let report = self.report(result);
        self.finish(report).await
    }

    async fn phases<C: Connect>(&mut self, connector: Arc<C>) -> Result<(), Stop> {
        self.tell_phase(Phase::Connecting);
        self.catalog.wait_for(self.placer.began).await?;
        let shared = Arc::new(LineShared {
            limits: self.options.limits,
            cancel: self.options.cancel.clone(),
            breaks: AtomicU32::new(0),
            heard: Mutex::default(),
        });
        let mut line = Line::new(Arc::clone(&connector), Arc::clone(&shared));
        let listed = line.mailboxes().await?;
        for warning in line.warnings() {
            self.warnings.add(warning);
        }
        self.survey(listed)?;
        let unchanged = self.mailboxes.iter().all(|it| it.stage == Stage::Unchanged);
        if unchanged && self.vanished.is_empty() {
            line.close().await;
            return Ok(());
        }
        let mut workers = self.start(line, &connector, &shared);
        let result = self.work().await;
        self.queue.abandon();
        // Connections end by themselves: at the end of the work, or when nobody listens.
        self.events.close();
        while self.events.recv().await.is_some() {}
        if result.is_err() {
            workers.abort_all();
        }
        while workers.join_next().await.is_some() {}
        for warning in
            std::mem::take(&mut *shared.heard.lock().unwrap_or_else(PoisonError::into_inner))
        {
            self.warnings.add_new(warning);
        }
        result
    }

    async fn work(&mut self) -> Result<(), Stop> {
        self.tell_phase(Phase::Comparing);
        self.enumerate().await?;
        self.recognise().await?;
        self.filter().await?;
        self.settle().await?;
        self.tell_phase(Phase::Archiving);
        self.fetch().await
    }

    /// Starts the connections: the one that is there, and others that are made when they pay.
    fn start<C: Connect>(
        &mut self,
        first: Line<C>,
        connector: &Arc<C>,
        shared: &Arc<LineShared>,
    ) -> JoinSet<()> {
        let larges = Arc::new(Semaphore::new(LARGE_MAX));
        let sizes = Arc::new(Sizes::default());
        let mut workers = JoinSet::new();
        let Some(events) = self.events_in.take() else { return workers };
        self.queue.connected();
        let more = 1..self.options.connections.get();
        let others = more.map(|_| Line::new(Arc::clone(connector), Arc::clone(shared)));
        for line in std::iter::once(first).chain(others) {
            let desk = Desk {
                log: Arc::clone(&self.log),
                budget: self.shared.in_flight.clone(),
                larges: Arc::clone(&larges),
                events: events.clone(),
                sizes: Arc::clone(&sizes),
                limits: self.options.limits,
            };
            workers.spawn(worker::work(line, desk, Arc::clone(&self.queue)));
        }
        workers
    }

    /// The next event; `None` when no connection is left.
    pub(crate) async fn next_event(&mut self) -> Result<Option<Event>, Stop> {
        loop {
            let event = tokio::select! {
                () = self.options.cancel.cancelled() => return Err(Stop::Cancelled),
                event = self.events.recv() => event,
            };
            match event {
                Some(Event::LogFailed(failure)) => return Err(Stop::Failure(failure)),
                Some(Event::LineEnded(error)) => self.line_error = Some(error),
                other => return Ok(other),
            }
        }
    }

    /// Appends now, and gives the entries.
    pub(crate) async fn append_now(
        &mut self,
        changes: Vec<Change>,
    ) -> Result<Vec<EntryNumber>, Stop> {
        let wanted = changes.len();
        let entries = self.log.append(changes).await?;
        if entries.len() != wanted {
            let text = "the log acknowledged another number of entries than were appended";
            return Err(RunFailure::new(RunFailureKind::Store, text).into());
        }
        self.entries_told += u64::try_from(wanted).unwrap_or(0);
        Ok(entries)
    }

    pub(crate) fn tell_phase(&mut self, phase: Phase) {
        self.progress.phase = phase;
        (self.tell)(self.progress.clone());
    }

    fn report(&mut self, result: Result<(), Stop>) -> RunReport {
        let (cancelled, mut failure) = match result {
            Ok(()) => (false, None),
            Err(Stop::Cancelled) => (true, None),
            Err(Stop::Failure(failure)) => (false, Some(failure)),
        };
        let complete = self.mailboxes.iter().all(Mailbox::is_complete);
        if failure.is_none() && !cancelled && !complete {
            failure = self.line_error.as_ref().map(RunFailure::from);
        }
        self.explain(cancelled, failure.as_ref());
        if let Some(sorter) = &mut self.sorter {
            sorter.placer.tell_unknown();
        }
        let mut counts = RunCounts::default();
        let mut done = false;
        for mailbox in &self.mailboxes {
            counts.add(&mailbox.counts());
            done |= matches!(mailbox.stage, Stage::Unchanged | Stage::Certified);
        }
        done |= counts.archived + counts.already + counts.quarantined > 0;
        let outcome = match (&failure, cancelled, complete) {
            (None, false, true) => Outcome::Succeeded,
            (_, true, _) => Outcome::Partial,
            // A pause that the server asks for is no fault: the next run goes on.
            (Some(failure), ..) if failure.kind == RunFailureKind::Throttled => Outcome::Partial,
            _ if done => Outcome::Partial,
            _ => Outcome::Failed,
        };
        if outcome == Outcome::Failed && failure.is_none() {
            failure = self.mailboxes.iter().find_map(Mailbox::failure);
        }
        for folder in &self.excluded {
            crate::survey::count_excluded(&mut counts, folder);
        }
        let mut mailboxes: Vec<_> = self.mailboxes.iter().map(Mailbox::report).collect();
        mailboxes.sort_by(|a, b| a.mailbox.cmp(&b.mailbox));
        let mut excluded_folders = std::mem::take(&mut self.excluded);
        excluded_folders.sort_by(|a, b| a.path.cmp(&b.path));
        let warnings = std::mem::take(&mut self.warnings).into_list();
        RunReport { outcome, counts, warnings, mailboxes, excluded_folders, cancelled, failure }
    }

    /// Says of every mailbox that is not complete why that is so.
    fn explain(&mut self, cancelled: bool, failure: Option<&RunFailure>) {
        for mailbox in &mut self.mailboxes {
            let pending = matches!(mailbox.stage, Stage::Listed | Stage::Compared);
            if pending && mailbox.error.is_none() {
                let why = if cancelled {
                    "the run was asked to end before"
                } else {
                    "the run ended before"
                };
                let ended = || RunFailure::new(RunFailureKind::Unavailable, why);
                mailbox.error = Some(failure.cloned().unwrap_or_else(ended));
            }
            if mailbox.resting > 0 {
                let count = messages_are(mailbox.resting);
                let text =
                    format!("{}: {count} in quarantine, not tried by this run", mailbox.path);
                self.warnings.add(text);
            }
            if mailbox.shorter > 0 {
                let count = messages_are(mailbox.shorter);
                self.warnings.add(format!(
                    "{}: {count} shorter than the server says; the same bytes came twice and were \
                     taken",
                    mailbox.path
                ));
            }
        }
    }

    /// Tells the log that the run ended, when it told anything else.
    async fn finish(self, mut report: RunReport) -> RunReport {
        let store_failed = report
            .failure
            .as_ref()
            .is_some_and(|it| matches!(it.kind, RunFailureKind::Store | RunFailureKind::DiskFull));
        if self.entries_told + self.appends.entries() == 0 || store_failed {
            return report;
        }
        let detail = RunDetail {
            title: self.options.title.clone(),
            warnings: report.warnings.iter().take(WARNINGS_KEPT).cloned().collect(),
        };
        let RunReport { outcome, counts, .. } = report;
        let fact = Fact::RunFinished { outcome, counts, started: self.started };
        let change = Change::Fact(fact, Some(Detail::Run(detail)));
        if let Err(error) = self.log.append(vec![change]).await {
            // Everything archived is archived; only the record of the run is missing.
            report.outcome = Outcome::Partial;
            report.failure = Some(error.into());
        }
        report
    }
}
