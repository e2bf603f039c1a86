//! The store of a data directory: opened, waited for, closed.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use commands::{Failure, Phase, Progress, ProgressSink, WaitForViews, Work};
use disk::{OsRandom, RealDisk, SystemClock};
use ports::{Index, IndexError, Log};
use search::{Indexer, SearchErrorKind, Searcher};
use state::{State, StateError};
use store::log::{LogOptions, OpenReport, Recorded, SegmentLog};
use store::{Description, IndexOpener, SqlCatalog, Store, StoreOptions, StoreReport, ViewsReach};
use types::Position;

use super::{blocking, faults, users};
use crate::context::{Context, DataDir, NetworkFiles};
use crate::serving::{Lent, Use};

/// Who has recorded a position, in messages.
const STATE: &str = "the state";
const BACKUP: &str = "a backup";

/// How often somebody who waits for the views is told that they still read.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// A store that is open for writing, in a data directory that the caller owns: its own, or that of
/// the server that it runs in.
pub(crate) struct Writing {
    store: Opened,
    data: DataDir,
    warnings: Vec<String>,
}

enum Opened {
    /// This command opened it, and closes it.
    Own(Box<Store>),
    /// It stays open when this command ends.
    Lent(Lent),
}

/// How a store ended that was written to.
#[derive(Debug)]
pub(crate) struct Closed {
    /// Whether everything that it holds can be found.
    pub(crate) searchable: bool,
    /// What was wrong with it, or with its views.
    pub(crate) warnings: Vec<String>,
}

impl Writing {
    /// Opens the store, or makes one. Recovers it first when it did not end cleanly. A server
    /// lends its own.
    pub(crate) async fn open(context: &Context) -> Result<Writing, Failure> {
        Writing::open_with(context, Use::Together).await
    }

    /// The same, for what makes a view anew: no other command of the server has the store then.
    pub(super) async fn open_alone(context: &Context) -> Result<Writing, Failure> {
        Writing::open_with(context, Use::Alone).await
    }

    async fn open_with(context: &Context, how: Use) -> Result<Writing, Failure> {
        let (data, network_files) = (context.data.clone(), context.network_files);
        if let Some(serving) = &context.serving {
            let place = data.clone();
            let open = || blocking(move || open_store(&place, network_files));
            let (lent, warnings) = serving.store.lend(how, open).await?;
            return Ok(Writing { store: Opened::Lent(lent), data, warnings });
        }
        blocking(move || {
            let (store, warnings) = open_store(&data, network_files)?;
            Ok(Writing { store: Opened::Own(Box::new(store)), data, warnings })
        })
        .await
    }

    /// Its log.
    pub(crate) fn log(&self) -> Arc<SegmentLog> {
        Arc::clone(self.store().log())
    }

    /// Its catalog.
    pub(crate) fn catalog(&self) -> Arc<SqlCatalog> {
        Arc::clone(self.store().catalog())
    }

    /// Entries of its log that the newest whole backup has; 0 when there is none, or when nobody
    /// can say. A backup of another history of the log is none.
    pub(super) async fn backed_up(&self) -> u64 {
        let (data, log) = (self.data.clone(), self.log());
        let id = self.store().description().id.clone();
        let found = blocking(move || {
            let row = users::open(&data)?.backed_up(&id).map_err(|it| faults::state(&it))?;
            let Some(Position { entries, root }) = row.map(|it| it.position) else { return Ok(0) };
            let there = log.root_at(entries).map_err(|it| faults::log(&it))?;
            Ok(if there == Some(root) { entries } else { 0 })
        });
        found.await.unwrap_or(0)
    }

    /// The store itself.
    pub(super) fn store(&self) -> &Store {
        match &self.store {
            Opened::Own(store) => store,
            Opened::Lent(lent) => lent.store(),
        }
    }

    /// Ends it, when its views show everything or, without waiting, as soon as the log has ended.
    /// What was acknowledged stays so, whatever goes wrong here: that is a warning. The store of
    /// a server is given back and stays open.
    pub(crate) async fn close(self, wait: WaitForViews, progress: &dyn ProgressSink) -> Closed {
        let entries = self.store().log().position().entries;
        let mut told = Vec::new();
        if wait == WaitForViews::Yes {
            let reach = flushed(self.store(), progress).await;
            told.extend(view_warnings(&reach));
        }
        let searchable = self.store().reach().is_at(entries);
        let Writing { store, data, mut warnings } = self;
        warnings.extend(told);
        let ended = blocking(move || match store {
            Opened::Own(store) => record(&data, end(*store, wait)?),
            Opened::Lent(lent) => lent.recorded(|position| record(&data, position)),
        });
        if let Err(failure) = ended.await {
            warnings.push(format!("the store did not end cleanly: {}", failure.message));
        }
        Closed { searchable, warnings }
    }
}

/// Opens the store of a data directory, and says what there is to warn of. Blocks.
fn open_store(
    data: &DataDir,
    network_files: NetworkFiles,
) -> Result<(Store, Vec<String>), Failure> {
    let risk = risk_of(disk::check_file_system(data.path()), network_files)?;
    let state = users::open(data)?;
    let place = data.place();
    let recorded = recorded_of_store(&state, &place.name, &place.dir)?;
    let (store, report) =
        Store::open(&data.store(), options(recorded.clone())).map_err(|it| faults::store(&it))?;
    let older = older_state(&recorded, &report.log);
    Ok((store, risk.into_iter().chain(older).chain(warnings_of(&report)).collect()))
}

/// Ends the store of a server: the log whole, the views as far as they come in time. What they
/// have not read they read when it is opened next.
pub(crate) async fn end_within(
    data: &DataDir,
    store: Store,
    wait: Duration,
) -> Result<(), Failure> {
    end_log(data, Arc::clone(store.log())).await?;
    let views = blocking(move || store.close().map_err(|it| faults::store(&it)));
    // In time or not: what counts is done.
    let _ = tokio::time::timeout(wait, views).await;
    Ok(())
}

/// Ends the log of a store, and keeps in the state how far it is.
pub(crate) async fn end_log(data: &DataDir, log: Arc<SegmentLog>) -> Result<(), Failure> {
    let data = data.clone();
    blocking(move || {
        log.close().map_err(|it| faults::log(&it))?;
        record(&data, log.position())
    })
    .await
}

/// Keeps in the state how far the log is.
fn record(data: &DataDir, position: Position) -> Result<(), Failure> {
    let name = data.place().name;
    users::open(data)?.set_store_head(&name, position).map_err(|it| faults::state(&it))
}

/// Ends the store of a process that served only itself, when its views show everything.
pub(super) async fn close(data: &DataDir, store: Store) -> Result<(), Failure> {
    let data = data.clone();
    blocking(move || record(&data, end(store, WaitForViews::Yes)?)).await
}

/// How far the state remembers the log of a store.
pub(super) fn recorded_by_state(state: &State, name: &str) -> Result<Vec<Recorded>, StateError> {
    let head = state.store_head(name)?;
    Ok(head.into_iter().map(|position| Recorded { who: STATE, position }).collect())
}

/// How far the state remembers the log of a store, and how far its newest backup
/// reaches.
pub(super) fn recorded_of_store(
    state: &State,
    name: &str,
    dir: &Path,
) -> Result<Vec<Recorded>, Failure> {
    let mut recorded = recorded_by_state(state, name).map_err(|it| faults::state(&it))?;
    let description = Description::read(&RealDisk, dir).map_err(|it| faults::store(&it))?;
    if let Some(Description { id, .. }) = description {
        let backed_up = state.backed_up(&id).map_err(|it| faults::state(&it))?;
        let backed_up = backed_up.filter(|it| 0 < it.position.entries);
        recorded.extend(backed_up.map(|it| Recorded { who: BACKUP, position: it.position }));
    }
    Ok(recorded)
}

/// What there is to warn of, when the state remembers less of a log than it had when it was closed:
/// an older state was brought back, and not with its stores.
fn older_state(recorded: &[Recorded], log: &OpenReport) -> Option<String> {
    let head = recorded.iter().find(|it| it.who == STATE)?.position.entries;
    let entries = log.position.entries;
    (head < entries && log.recovery.is_none()).then(|| {
        format!(
            "the state is older than the store: it remembers {head} of {entries} entries. Users, \
             jobs and settings that were changed since may be missing"
        )
    })
}

async fn flushed(store: &Store, progress: &dyn ProgressSink) -> ViewsReach {
    let flushing = store.flush();
    tokio::pin!(flushing);
    loop {
        tokio::select! {
            reach = &mut flushing => return reach,
            () = tokio::time::sleep(TELL_EVERY) => {
                let work = Work { phase: Phase::Indexing, ..Work::default() };
                // Whoever asked and went may still want it done.
                let _ = progress.send(Progress::Work(work));
            }
        }
    }
}

fn end(store: Store, wait: WaitForViews) -> Result<Position, Failure> {
    match wait {
        WaitForViews::Yes => store.close().map_err(|it| faults::store(&it)),
        WaitForViews::No => {
            store.log().close().map_err(|it| faults::log(&it))?;
            let position = store.log().position();
            // Dropping it would wait for the views. They end with the process, as they may at
            // any time, and go on when the store is opened next.
            std::mem::forget(store);
            Ok(position)
        }
    }
}

pub(super) fn options(recorded: Vec<Recorded>) -> StoreOptions {
    let open = |dir: &Path| -> Result<Box<dyn Index>, IndexError> {
        let index = Indexer::open(dir)?;
        Ok(Box::new(index))
    };
    let index: IndexOpener = Arc::new(open);
    StoreOptions {
        disk: Arc::new(RealDisk),
        clock: Arc::new(SystemClock),
        random: Arc::new(OsRandom),
        index: Some(index),
        recorded,
        log: LogOptions::STANDARD,
    }
}

/// What there is to warn of, when a store may be kept on this file system.
fn risk_of(
    checked: io::Result<()>,
    network_files: NetworkFiles,
) -> Result<Option<String>, Failure> {
    let Err(error) = checked else { return Ok(None) };
    let is_network = error.kind() == io::ErrorKind::Unsupported;
    if is_network && network_files == NetworkFiles::Accepted {
        return Ok(Some(format!("{error}: a lost connection may damage the store")));
    }
    let failure = faults::io(&error, "the data directory cannot hold a store");
    Err(match is_network {
        true => failure.with_hint(
            "Keep it on a disk of this machine. --on-network-file-system keeps it there all the \
             same.",
        ),
        false => failure,
    })
}

fn warnings_of(report: &StoreReport) -> Vec<String> {
    let StoreReport { log, catalog_anew, index_anew, index_failure, .. } = report;
    let mut warnings = log_warnings(log);
    warnings.extend(report.evidence.iter().map(|it| format!("{it}; see `posthold verify`")));
    if let Some(why) = catalog_anew {
        warnings.push(format!("the catalog was made anew from the log: {why}"));
    }
    if let Some(why) = index_anew {
        warnings.push(format!("the index was made anew from the log: {why}"));
    }
    if let Some(why) = index_failure {
        warnings.push(format!("there is no index: {why}"));
    }
    warnings
}

fn log_warnings(log: &OpenReport) -> Vec<String> {
    let torn = log.torn.iter().map(|it| {
        format!(
            "the last run was interrupted: {} bytes that were never acknowledged are set aside \
             in {}",
            it.bytes, it.name
        )
    });
    torn.collect()
}

fn view_warnings(reach: &ViewsReach) -> Vec<String> {
    let failed = |name: &str, failure: Option<&String>| {
        failure.map(|why| {
            format!("the {name} failed ({why}); `posthold store rebuild-{name}` makes it anew")
        })
    };
    let catalog = failed("catalog", reach.catalog.failure.as_ref());
    let index = failed("index", reach.index.as_ref().and_then(|it| it.failure.as_ref()));
    catalog.into_iter().chain(index).collect()
}

/// A store that is open for reading, also while another process writes it.
pub(super) struct Reading {
    /// The store.
    pub(super) store: Store,
}

impl Reading {
    /// Opens the store. Blocks.
    pub(super) fn open(data: &DataDir) -> Result<Reading, Failure> {
        check_has_log(data)?;
        let store = Store::open_for_reading(&data.store(), Arc::new(RealDisk))
            .map_err(|it| faults::store(&it))?;
        Ok(Reading { store })
    }

    /// Opens its index; `None` when it has none yet. Blocks.
    pub(super) fn searcher(&self) -> Result<Option<Searcher>, Failure> {
        let dir = self.store.index_dir();
        match Searcher::open(&dir) {
            Ok(searcher) => Ok(Some(searcher)),
            Err(error) if error.kind() == SearchErrorKind::Rebuild && is_empty(&dir) => Ok(None),
            Err(error) => Err(faults::search(&error)),
        }
    }

    /// How many entries the log has.
    pub(super) fn entries(&self) -> u64 {
        self.store.log().position().entries
    }
}

/// A store whose log was never begun holds nothing yet, whatever else is there.
pub(super) fn check_has_log(data: &DataDir) -> Result<(), Failure> {
    if is_empty(&data.segments()) { Err(faults::no_data_dir(data)) } else { Ok(()) }
}

/// Whether a directory is empty, or not there.
pub(super) fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).map_or(true, |mut it| it.next().is_none())
}

#[cfg(test)]
mod tests {
    use archiver::CancelToken;
    use commands::{Gone, Progress};

    use super::*;
    use crate::context::{KeySource, Ownership};
    use crate::run::Governing;
    use crate::serving::Serving;

    struct Silent;

    impl ProgressSink for Silent {
        fn send(&self, _: Progress) -> Result<(), Gone> {
            Ok(())
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn commands_of_a_server_have_one_store() {
        let dir = tempfile::tempdir().unwrap();
        let serving = Arc::new(Serving::new());
        let context = Context {
            data: DataDir::new(dir.path().to_owned()),
            ownership: Ownership::AtOnce,
            network_files: NetworkFiles::Refused,
            stop: CancelToken::new(),
            keys: KeySource::DataDir,
            serving: Some(Arc::clone(&serving)),
            governing: Governing::default(),
            asker: crate::run::Asker::default(),
            reads: crate::run::Reads::default(),
        };
        let one = Writing::open(&context).await.unwrap();
        let other = Writing::open(&context).await.unwrap();
        assert!(Arc::ptr_eq(&one.log(), &other.log()));
        assert!(one.close(WaitForViews::Yes, &Silent).await.warnings.is_empty());
        assert!(!other.log().is_stopped(), "it is open as long as the server is");
        let alone = Writing::open_alone(&context);
        tokio::pin!(alone);
        let early = tokio::time::timeout(Duration::from_millis(50), &mut alone).await;
        assert!(early.is_err(), "somebody has it still");
        assert!(other.close(WaitForViews::No, &Silent).await.warnings.is_empty());
        // A log that stopped is opened again as soon as nobody has it any more.
        let alone = alone.await.unwrap();
        alone.log().close().unwrap();
        drop(alone);
        let again = Writing::open(&context).await.unwrap();
        assert!(!again.log().is_stopped());
        again.close(WaitForViews::Yes, &Silent).await;
        let store = serving.store.take().await.expect("it is open");
        end_within(&context.data, store, Duration::from_secs(5)).await.unwrap();
    }

    #[test]
    fn network_file_systems_are_refused_unless_accepted() {
        let nfs = || Err(io::Error::new(io::ErrorKind::Unsupported, "/data is on nfs"));
        let other = || Err(io::Error::other("no such directory"));
        let cases = [
            (Ok(()), NetworkFiles::Refused, "Ok(None)"),
            (nfs(), NetworkFiles::Refused, "Err(Configuration)"),
            (nfs(), NetworkFiles::Accepted, "Ok(Some)"),
            (other(), NetworkFiles::Accepted, "Err(Io)"),
        ];
        for (checked, network_files, want) in cases {
            let got = match risk_of(checked, network_files) {
                Ok(None) => "Ok(None)".to_owned(),
                Ok(Some(_)) => "Ok(Some)".to_owned(),
                Err(failure) => format!("Err({:?})", failure.kind),
            };
            assert_eq!(got, want);
        }
    }
}
