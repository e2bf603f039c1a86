//! An account, an archive, and runs between them; everything rendered as text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use archiver::{
    Accepted, ArchiveOptions, CancelToken, ImportOptions, ImportReport, Limits, RemovalOptions,
    RemovalReport, RetryQuarantined, RunReport, Target,
};
use rules::filter::Filter;
use rules::{DefaultFolders, Scope};
use types::{ArchiveId, BlobId, FolderPath, UserName};

use crate::fakes::{MemoryCatalog, MemoryLog, ScriptedReader, Server, ServerKind};

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) catalog: Arc<MemoryCatalog>,
    pub(crate) options: ArchiveOptions,
    /// Entries that the newest backup has.
    pub(crate) backed_up: Vec<std::ops::Range<u64>>,
}

pub(crate) fn target() -> Target {
    Target {
        archive: ArchiveId(1),
        user: UserName::new("alice").unwrap(),
        root: "alice@example.org".to_owned(),
    }
}

pub(crate) fn scope(include: &[&str], exclude: &[&str]) -> Scope {
    let list = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    Scope::parse(DefaultFolders::LeftOut, &list(include), &list(exclude)).unwrap()
}

impl World {
    pub(crate) fn new(kind: ServerKind) -> World {
        let log = Arc::new(MemoryLog::default());
        log.now.store(1_800_000_000, Ordering::Relaxed);
        let catalog = Arc::new(MemoryCatalog::new(Arc::clone(&log)));
        let options = ArchiveOptions {
            target: target(),
            profile: "imap://mail.example.org".to_owned(),
            account: "alice".to_owned(),
            title: "archive".to_owned(),
            scope: scope(&[], &[]),
            filter: Filter::default(),
            connections: NonZeroU16::new(2).unwrap(),
            quarantine: RetryQuarantined::WhenDue,
            accepted: Accepted::default(),
            cancel: CancelToken::new(),
            limits: Limits { pause_first: Duration::from_millis(10), ..Limits::default() },
            shared: None,
        };
        World { server: Server::new(kind), log, catalog, options, backed_up: Vec::new() }
    }

    pub(crate) fn full() -> World {
        World::new(ServerKind::Full)
    }

    /// One run.
    pub(crate) async fn run(&self) -> RunReport {
        self.run_with(|_| ()).await
    }

    pub(crate) async fn run_with(
        &self,
        progress: impl Fn(archiver::Progress) + Send + Sync,
    ) -> RunReport {
        archiver::archive_account(
            Arc::new(self.server.clone()),
            Arc::clone(&self.log),
            Arc::clone(&self.catalog),
            self.clock(),
            self.options.clone(),
            progress,
        )
        .await
    }

    /// One run with the removal behind it.
    pub(crate) async fn run_and_remove(&self, rule: &str) -> (RunReport, RemovalReport) {
        let run = self.run().await;
        let removed = self.remove(rule, &run).await;
        (run, removed)
    }

    /// The removal behind a run.
    pub(crate) async fn remove(&self, rule: &str, run: &RunReport) -> RemovalReport {
        archiver::remove_archived(
            Arc::new(self.server.clone()),
            Arc::clone(&self.log),
            Arc::clone(&self.catalog),
            self.clock(),
            RemovalOptions {
                archive: &self.options,
                sorting: None,
                rule: &rule.parse().unwrap(),
                backed_up: self.backed_up.clone(),
            },
            run,
        )
        .await
    }

    fn clock(&self) -> Arc<dyn ports::Clock> {
        Arc::new(crate::fakes::LogClock(Arc::clone(&self.log)))
    }

    pub(crate) async fn import(&self, reader: ScriptedReader) -> ImportReport {
        self.import_to(reader, None).await
    }

    pub(crate) async fn import_to(
        &self,
        reader: ScriptedReader,
        folder: Option<&str>,
    ) -> ImportReport {
        let options = ImportOptions {
            target: target(),
            folder: folder.map(str::to_owned),
            title: "import".to_owned(),
            cancel: self.options.cancel.clone(),
            limits: self.options.limits,
        };
        archiver::import(
            reader,
            Arc::clone(&self.log),
            Arc::clone(&self.catalog),
            self.clock(),
            options,
            |_| (),
        )
        .await
    }

    /// Lets time pass.
    pub(crate) fn later(&self, seconds: u64) {
        self.log.now.fetch_add(seconds, Ordering::Relaxed);
    }

    /// The archive: folder by folder, each message with the places where it stands.
    pub(crate) fn archive(&self) -> String {
        let rows = self.catalog.rows();
        let mut folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (_, path) in rows.folders.values() {
            folders.entry(short(path)).or_default();
        }
        for (id, placement) in &rows.placements {
            let (_, path) = &rows.folders[&placement.folder];
            let (blob, size, _) = rows.messages[&placement.message];
            let bytes = self.log.bytes(&blob).unwrap();
            assert_eq!(bytes.len() as u64, size);
            let mut text = label(&bytes);
            let places = rows.refs.iter().filter(|it| it.1 == id);
            let places: Vec<String> = places
                .map(|(place, _)| {
                    let source = &rows.sources[&place.source];
                    format!("{}.{}", source.row.uid_validity, place.uid)
                })
                .collect();
            write!(text, "@{}", if places.is_empty() { "-".into() } else { places.join("+") })
                .unwrap();
            folders.get_mut(&short(path)).unwrap().push(text);
        }
        let mut text = String::new();
        for (path, mut messages) in folders {
            messages.sort();
            writeln!(text, "{path}: {}", messages.join(" ")).unwrap();
        }
        for (place, row) in &rows.quarantine {
            let source = &rows.sources[&place.source];
            writeln!(
                text,
                "quarantine: {} {}.{} {:?} tried {}",
                source.mailbox, source.row.uid_validity, place.uid, row.reason, row.attempts
            )
            .unwrap();
        }
        text
    }

    /// Labels of the messages in each folder, for comparing with a model.
    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<BlobId>> {
        let rows = self.catalog.rows();
        let mut folders: BTreeMap<String, Vec<BlobId>> = BTreeMap::new();
        for placement in rows.placements.values() {
            let (_, path) = &rows.folders[&placement.folder];
            let (blob, ..) = rows.messages[&placement.message];
            folders.entry(short(path)).or_default().push(blob);
        }
        folders.values_mut().for_each(|it| it.sort());
        folders
    }

    /// A run that must find nothing to do: no body, no append, and the same counts.
    pub(crate) async fn assert_silent(&self) {
        let (appends, entries) = (self.log.appends(), self.log.entries_from(0).len());
        self.server.bodies();
        let report = self.run().await;
        assert_eq!(self.server.bodies(), 0, "a body was fetched: {report:#?}");
        let more: Vec<_> = self.log.entries_from(entries as u64);
        assert!(more.is_empty(), "appended {more:#?}");
        assert_eq!(self.log.appends(), appends, "an append without an entry");
        assert_eq!(report.outcome, ledger::Outcome::Succeeded, "{report:#?}");
        for mailbox in &report.mailboxes {
            assert!(mailbox.complete);
            assert_eq!(mailbox.already + mailbox.excluded, mailbox.server_count);
        }
    }
}

fn short(path: &str) -> String {
    let root = FolderPath::from_parts(["alice@example.org"]);
    path.strip_prefix(root.as_str()).unwrap().trim_start_matches('/').to_owned()
}

/// The subject of a test message.
pub(crate) fn label(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let subject = text.lines().next().and_then(|it| it.strip_prefix("Subject: "));
    subject.map_or_else(|| format!("[{} bytes]", bytes.len()), str::to_owned)
}

/// What became of messages at the source, in few lines.
pub(crate) fn show_removal(report: &RemovalReport) -> String {
    let mut text = format!("left {}", report.left);
    if let Some(mailbox) = &report.moved_to {
        write!(text, " into {mailbox}").unwrap();
    }
    text.push('\n');
    for (why, count) in &report.stayed {
        writeln!(text, "stayed {count}: {why}").unwrap();
    }
    if report.unconfirmed > 0 {
        writeln!(text, "unconfirmed {}", report.unconfirmed).unwrap();
    }
    if report.cancelled {
        text.push_str("cancelled\n");
    }
    if let Some(why) = report.not_tried {
        writeln!(text, "not tried: {why}").unwrap();
    }
    if let Some(failure) = &report.failure {
        writeln!(text, "failure: {:?}: {}", failure.kind, failure.message).unwrap();
    }
    for it in &report.warnings {
        writeln!(text, "warning: {it}").unwrap();
    }
    text
}

/// A report in few lines.
pub(crate) fn show(report: &RunReport) -> String {
    let mut text = format!("{:?}", report.outcome);
    if report.cancelled {
        text.push_str(" (cancelled)");
    }
    text.push('\n');
    if let Some(failure) = &report.failure {
        writeln!(text, "failure: {:?}: {}", failure.kind, failure.message).unwrap();
    }
    for it in &report.mailboxes {
        write!(
            text,
            "{}: {} = {} archived + {} already",
            it.mailbox, it.server_count, it.archived, it.already
        )
        .unwrap();
        if it.excluded > 0 {
            write!(text, " + {} excluded", it.excluded).unwrap();
        }
        if it.quarantined > 0 {
            write!(text, " + {} quarantined", it.quarantined).unwrap();
            if it.accepted > 0 {
                write!(text, " ({} accepted)", it.accepted).unwrap();
            }
        }
        text.push_str(if it.complete { ", complete" } else { ", INCOMPLETE" });
        if let Some(error) = &it.error {
            write!(text, ": {error}").unwrap();
        }
        text.push('\n');
    }
    for it in &report.excluded_folders {
        let count = it.count.map_or("?".to_owned(), |it| it.to_string());
        writeln!(text, "out: {} {count}: {}", it.path, it.reason).unwrap();
    }
    for it in &report.warnings {
        writeln!(text, "warning: {it}").unwrap();
    }
    let sum: u64 = report.mailboxes.iter().map(|it| it.server_count).sum();
    let out: u64 = report.excluded_folders.iter().filter_map(|it| it.count).sum();
    assert_eq!(report.counts.server_count, sum + out);
    text
}
