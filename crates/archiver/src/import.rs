//! Importing files: read on one thread, prepared on two, appended like everything else.
//!
//! Files keep no UIDs and no cursor. What is there already is seen by its bytes; what could not
//! be read is in quarantine under the place where it stood, until an import reads it there.

use std::collections::HashMap;
use std::sync::Arc;

use ledger::{
    Detail, Fact, Outcome, QuarantineDetail, QuarantineReason, RunCounts, RunDetail, SourceDetail,
    SourceRef,
};
use ports::{Catalog, Change, Clock, FileFolder, InFlight, Log, MailReader, Origin, ReadProgress};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use types::{EntryNumber, FolderId, FolderPath, MailboxName, SourceId, Timestamp};

use crate::ambiguities::Ambiguities;
use crate::append::Appends;
use crate::folders::{self, Place};
use crate::intake::Prepared;
use crate::large::LARGE_MAX;
use crate::note::{MessageNote, Note};
use crate::options::{ImportOptions, Target};
use crate::place::{Action, Decision, Placer};
use crate::prepare::Preparer;
use crate::read::{ReadEvent, Reading, place_of};
use crate::report::{
    ImportReport, MailboxReport, Phase, Progress, RunFailure, RunFailureKind, Warnings,
};
use crate::run::{Stop, Tell, WARNINGS_KEPT};
use crate::shared::Shared;

/// Events between the reading thread and the import.
const EVENTS_MAX: usize = 4;

/// The profile under which places in files are kept.
const PROFILE: &str = "import";

/// Skipped files that are named.
const SKIPPED_NAMED_MAX: u64 = 10;

/// An import.
pub(crate) struct Import<'a, L: Log, K: Catalog> {
    log: Arc<L>,
    catalog: Arc<K>,
    clock: Arc<dyn Clock>,
    options: &'a ImportOptions,
    tell: Tell<'a>,
    started: Timestamp,
    placer: Placer<L, K>,
    preparer: Preparer<L>,
    budget: InFlight,
    appends: Appends<L, Note>,
    entries_told: u64,
    folders: Vec<Folder>,
    /// Folders that this import made, by canonical path.
    made: HashMap<String, FolderId>,
    /// Sources of earlier quarantines, by folder.
    sources: HashMap<FolderId, SourceId>,
    /// How often places in quarantine were tried.
    held: HashMap<SourceRef, u32>,
    skipped: u64,
    warnings: Warnings,
    ambiguities: Ambiguities,
    progress: Progress,
}

/// A folder that messages go to.
struct Folder {
    path: String,
    id: FolderId,
    archived: u64,
    already: u64,
    quarantined: u64,
}

impl<'a, L: Log, K: Catalog> Import<'a, L, K> {
    pub(crate) fn new(
        log: Arc<L>,
        catalog: Arc<K>,
        clock: Arc<dyn Clock>,
        options: &'a ImportOptions,
        tell: Tell<'a>,
    ) -> Import<'a, L, K> {
        let placer = Placer::new(&log, &catalog, &options.target);
        let shared = Shared::new(options.limits.in_flight_bytes_max);
        Import {
            started: clock.now(),
            placer,
            preparer: Preparer::new(Arc::clone(&log), &shared),
            budget: shared.in_flight,
            appends: Appends::new(Arc::clone(&log)),
            entries_told: 0,
            folders: Vec::new(),
            made: HashMap::new(),
            sources: HashMap::new(),
            held: HashMap::new(),
            skipped: 0,
            warnings: Warnings::default(),
            ambiguities: Ambiguities::default(),
            progress: Progress::begin(Phase::Archiving),
            log,
            catalog,
            clock,
            options,
            tell,
        }
    }

    /// The whole import.
    pub(crate) async fn run<R: MailReader + 'static>(mut self, reader: R) -> ImportReport {
        let result = self.all(reader).await;
        let result = match (result, self.options.cancel.is_cancelled()) {
            (Ok(()), true) => Err(Stop::Cancelled),
            (result, _) => result,
        };
        let report = self.report(result);
        self.finish(report).await
    }

    async fn all<R: MailReader + 'static>(&mut self, reader: R) -> Result<(), Stop> {
        self.catalog.wait_for(self.placer.began).await?;
        self.recall()?;
        let (events_in, mut events) = mpsc::channel(EVENTS_MAX);
        let reading = Reading {
            reader,
            log: Arc::clone(&self.log),
            budget: self.budget.clone(),
            larges: Arc::new(Semaphore::new(LARGE_MAX)),
            limits: self.options.limits,
            cancel: self.options.cancel.clone(),
            events: events_in,
            runtime: Handle::current(),
        };
        let thread = tokio::task::spawn_blocking(move || reading.run());
        let result = self.archive(&mut events).await;
        drop(events);
        if let (Ok(()), Err(broken)) = (&result, thread.await) {
            let text = format!("failed to read: {broken}");
            return Err(RunFailure::new(RunFailureKind::Store, text).into());
        }
        result
    }

    async fn archive(&mut self, events: &mut mpsc::Receiver<ReadEvent>) -> Result<(), Stop> {
        let mut listening = true;
        loop {
            let idle = self.preparer.is_idle();
            if !listening && idle && self.appends.is_idle() {
                return Ok(());
            }
            if self.appends.wants_to_fly(idle) {
                self.appends.fly();
            }
            tokio::select! {
                biased;
                landed = self.appends.land(), if self.appends.is_flying() => {
                    self.acknowledge(landed?).await?;
                }
                group = self.preparer.take(), if !idle && self.appends.has_room() => {
                    for message in group? {
                        self.place(message)?;
                    }
                }
                event = events.recv(), if listening && self.preparer.has_room() => {
                    match event {
                        Some(event) => self.take_event(event).await?,
                        None => listening = false,
                    }
                }
                else => return Ok(()),
            }
        }
    }

    async fn take_event(&mut self, event: ReadEvent) -> Result<(), Stop> {
        match event {
            ReadEvent::Folder(folder) => self.add_folder(folder).await?,
            ReadEvent::Arrived(group, ReadProgress { bytes_done, bytes_total }) => {
                self.progress.bytes_done = bytes_done;
                self.progress.bytes_total = Some(bytes_total);
                self.preparer.put(group);
            }
            ReadEvent::Unreadable { slot, origin, too_large, text } => {
                let reason = if too_large {
                    QuarantineReason::TooLarge
                } else {
                    QuarantineReason::Unreadable
                };
                self.quarantine(slot, &origin, reason, text).await?;
            }
            ReadEvent::Ambiguous { origin, what } => self.ambiguities.add(origin, what),
            ReadEvent::Skipped { origin, why } => {
                self.skipped += 1;
                if self.skipped <= SKIPPED_NAMED_MAX {
                    self.warnings.add(format!("{origin}: skipped, {why}"));
                }
            }
            ReadEvent::LogFailed(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Finds or makes the folder of the next slot.
    async fn add_folder(&mut self, folder: FileFolder) -> Result<(), Stop> {
        let top = match (&self.options.folder, folder.top) {
            (Some(path), _) => path.split('/').map(str::to_owned).collect(),
            (None, Some(top)) => vec![top],
            // What lies in folders of its own keeps their names.
            (None, None) if folder.below.is_empty() => vec!["INBOX".to_owned()],
            (None, None) => Vec::new(),
        };
        let parts: Vec<String> = top.into_iter().chain(folder.below).collect();
        let name = MailboxName { raw: Vec::new(), parts };
        let target = &self.options.target;
        let path = rules::folder_path(&target.root, &name);
        let made = self.made.get(&path.canonical()).copied();
        let id = match made.or(self.catalog.folder(target.archive, &path)?) {
            Some(id) => id,
            None => self.make_folder(path.clone()).await?,
        };
        let path = path.as_str().strip_prefix(&format!("{}/", self.placer.root));
        let path = path.map_or_else(|| name.path(), str::to_owned);
        self.folders.push(Folder { path, id, archived: 0, already: 0, quarantined: 0 });
        Ok(())
    }

    async fn make_folder(&mut self, path: FolderPath) -> Result<FolderId, Stop> {
        let Target { archive, user, .. } = self.options.target.clone();
        let canonical = path.canonical();
        let place = Place { archive, user, path };
        let found = folders::find_or_make(self.log.as_ref(), self.catalog.as_ref(), &place).await?;
        self.entries_told += u64::from(found.made);
        // Another slot may be the same folder in another spelling.
        self.made.insert(canonical, found.id);
        Ok(found.id)
    }

    async fn append_now(&mut self, change: Change) -> Result<EntryNumber, Stop> {
        let entries = self.log.append(vec![change]).await?;
        self.entries_told += 1;
        entries.first().copied().ok_or_else(|| {
            let text = "the log acknowledged no entry";
            RunFailure::new(RunFailureKind::Store, text).into()
        })
    }

    /// What is in quarantine from earlier imports.
    fn recall(&mut self) -> Result<(), Stop> {
        let target = &self.options.target;
        for row in self.catalog.sources(target.archive, PROFILE, &target.root)? {
            self.sources.insert(row.folder, row.source);
            for held in self.catalog.quarantined(row.source)? {
                let place = SourceRef { source: row.source, uid: held.uid };
                self.held.insert(place, held.attempts);
            }
        }
        Ok(())
    }

    async fn quarantine(
        &mut self,
        slot: usize,
        origin: &Origin,
        reason: QuarantineReason,
        text: String,
    ) -> Result<(), Stop> {
        let Some(folder) = self.folders.get(slot).map(|it| it.id) else { return Ok(()) };
        let source = match self.sources.get(&folder) {
            Some(source) => *source,
            None => self.open_source(slot, folder).await?,
        };
        let source = SourceRef { source, uid: place_of(origin) };
        let text = format!("{origin}: {text}");
        self.warnings.add(format!("{text}; it will be tried again by the next import"));
        let attempts = self.held.get(&source).copied().unwrap_or(0).saturating_add(1);
        self.held.insert(source, attempts);
        let fact = Fact::Quarantined { source, reason, attempts, retry_at: self.clock.now() };
        let detail = Detail::Quarantine(QuarantineDetail { text });
        self.appends.fact(fact, Some(detail), Note::Quarantined { slot, uid: None });
        Ok(())
    }

    async fn open_source(&mut self, slot: usize, folder: FolderId) -> Result<SourceId, Stop> {
        let target = &self.options.target;
        let path = self.folders.get(slot).map(|it| it.path.clone()).unwrap_or_default();
        let detail = SourceDetail {
            profile: PROFILE.to_owned(),
            account: target.root.clone(),
            mailbox_raw: path.clone().into_bytes(),
            mailbox: path,
        };
        let fact = Fact::SourceOpened { archive: target.archive, folder, uid_validity: 0 };
        let entry = self.append_now(Change::Fact(fact, Some(Detail::Source(detail)))).await?;
        let source = SourceId(entry.0);
        self.sources.insert(folder, source);
        Ok(source)
    }

    fn place(&mut self, message: Prepared) -> Result<(), Stop> {
        let (slot, uid, blob, size) = (message.slot, message.uid, message.id, message.size);
        let Some(folder) = self.folders.get(slot).map(|it| it.id) else { return Ok(()) };
        let Decision { action, existed } = self.placer.place(message, folder, None)?;
        match action {
            Action::Place { changes, encoded_bytes, permits } => {
                let makes = Some(folder);
                let note = MessageNote { slot, uid, blob, size, makes, moves: false, existed };
                self.appends.message(changes, encoded_bytes, permits, Note::Message(note));
            }
            Action::Nothing => self.count(slot, uid, existed),
            Action::Wait => (),
            // Placements of files are not told apart from those of a source by moving.
            Action::Tell(_) | Action::Move(_) | Action::Park => (),
        }
        Ok(())
    }

    /// A message is where it should be, durably.
    fn count(&mut self, slot: usize, uid: Option<u64>, existed: bool) {
        let Some(folder) = self.folders.get_mut(slot) else { return };
        if existed {
            folder.already += 1;
        } else {
            folder.archived += 1;
        }
        self.progress.messages_done += 1;
        let source = self.sources.get(&folder.id);
        let place = uid.zip(source).map(|(uid, source)| SourceRef { source: *source, uid });
        if let Some(place) = place.filter(|it| self.held.remove(it).is_some()) {
            self.appends.fact(Fact::SourceGone { source: place }, None, Note::Plain);
        }
    }

    async fn acknowledge(&mut self, landed: Vec<(EntryNumber, Note)>) -> Result<(), Stop> {
        let mut last = None;
        for (entry, note) in landed {
            match note {
                Note::Message(MessageNote { slot, uid, blob, makes, existed, .. }) => {
                    let woken = self.placer.recent.acknowledge(&blob, entry, makes);
                    self.count(slot, uid, existed);
                    for (_, waiter) in woken {
                        self.count(waiter.slot, None, waiter.existed);
                    }
                    last = Some(slot);
                }
                Note::Quarantined { slot, .. } => {
                    if let Some(folder) = self.folders.get_mut(slot) {
                        folder.quarantined += 1;
                    }
                    self.progress.messages_done += 1;
                }
                Note::Sorted(_) | Note::Left { .. } | Note::Plain => (),
            }
        }
        if let Some(folder) = last.and_then(|it| self.folders.get(it)) {
            self.progress.mailbox = Some(folder.path.as_str().into());
        }
        (self.tell)(self.progress.clone());
        Ok(self.placer.tidy().await?)
    }

    fn report(&mut self, result: Result<(), Stop>) -> ImportReport {
        let (cancelled, failure) = match result {
            Ok(()) => (false, None),
            Err(Stop::Cancelled) => (true, None),
            Err(Stop::Failure(failure)) => (false, Some(failure)),
        };
        let ended = cancelled || failure.is_some();
        let mut folders: Vec<MailboxReport> =
            self.folders.iter().map(|it| folder_report(it, ended)).collect();
        folders.sort_by(|a, b| a.mailbox.cmp(&b.mailbox));
        let sum = |of: fn(&Folder) -> u64| self.folders.iter().map(of).sum::<u64>();
        let (archived, already) = (sum(|it| it.archived), sum(|it| it.already));
        let quarantined = sum(|it| it.quarantined);
        let read = archived + already + quarantined;
        let outcome = match (&failure, cancelled, quarantined) {
            (Some(_), _, _) if read == 0 => Outcome::Failed,
            (None, false, 0) => Outcome::Succeeded,
            _ => Outcome::Partial,
        };
        if read == 0 && !ended {
            self.warnings.add("no message was found".to_owned());
        }
        if self.skipped > SKIPPED_NAMED_MAX {
            let more = self.skipped - SKIPPED_NAMED_MAX;
            self.warnings.add(format!("and {more} more files skipped"));
        }
        std::mem::take(&mut self.ambiguities).warn(&mut self.warnings);
        let warnings = std::mem::take(&mut self.warnings).into_list();
        let skipped = self.skipped;
        ImportReport {
            outcome,
            read,
            archived,
            already,
            quarantined,
            skipped,
            warnings,
            folders,
            cancelled,
            failure,
        }
    }

    /// Tells the log that the import ended, when it told anything else.
    async fn finish(self, mut report: ImportReport) -> ImportReport {
        let failed = report.failure.as_ref().is_some_and(RunFailure::is_of_store);
        if self.entries_told + self.appends.entries() == 0 || failed {
            return report;
        }
        let counts = RunCounts {
            server_count: report.read,
            archived: report.archived,
            already: report.already,
            quarantined: report.quarantined,
            ..RunCounts::default()
        };
        let detail = RunDetail {
            title: self.options.title.clone(),
            warnings: report.warnings.iter().take(WARNINGS_KEPT).cloned().collect(),
        };
        let fact = Fact::RunFinished { outcome: report.outcome, counts, started: self.started };
        let change = Change::Fact(fact, Some(Detail::Run(detail)));
        if let Err(error) = self.log.append(vec![change]).await {
            report.outcome = Outcome::Partial;
            report.failure = Some(error.into());
        }
        report
    }
}

fn folder_report(folder: &Folder, ended: bool) -> MailboxReport {
    let Folder { path, archived, already, quarantined, .. } = folder;
    MailboxReport {
        mailbox: path.clone(),
        source: None,
        server_count: archived + already + quarantined,
        archived: *archived,
        already: *already,
        excluded: 0,
        unknown: 0,
        quarantined: *quarantined,
        accepted: 0,
        complete: !ended && *quarantined == 0,
        error: None,
    }
}
