//! The store of a data directory: opened, waited for, closed.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use commands::{Failure, Phase, Progress, ProgressSink, StoreState, WaitForViews, Work};
use disk::{OsRandom, RealDisk, SystemClock};
use ports::{Index, IndexError, Log};
use search::{Indexer, SearchErrorKind, Searcher};
use state::{SavedStore, State, StateError};
use store::log::{LogOptions, OpenReport, Recorded};
use store::{
    Access, AllCatalog, AllLog, Description, EndKeeper, IndexOpener, MakeOptions, NewStores, Store,
    StoreOptions, StoreReport, StoreSpec, Stores, Succession, ViewsReach,
};
use types::Position;

use super::{blocking, faults, keys, retry, settings, succession, users};
use crate::context::{Context, DataDir, NetworkFiles};
use crate::serving::{Lent, Use};

/// Who has recorded a position, in messages.
const STATE: &str = "the state";
const BACKUP: &str = "a backup";

/// How often somebody who waits for the views is told that they still read.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// The stores that are open for writing, in a data directory that the caller owns: its own, or
/// those of the server that it runs in.
pub(crate) struct Writing {
    stores: Opened,
    data: DataDir,
    warnings: Vec<String>,
}

enum Opened {
    /// This command opened them, and closes them.
    Own(Arc<Stores>),
    /// They stay open when this command ends.
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
    /// Opens the stores; the current one is made when it is not there. Recovers them first when
    /// they did not end cleanly. A server lends its own.
    pub(crate) async fn open(context: &Context) -> Result<Writing, Failure> {
        Writing::open_with(context, Use::Together).await
    }

    /// The same, for what makes a view anew: no other command of the server has the stores then.
    pub(super) async fn open_alone(context: &Context) -> Result<Writing, Failure> {
        Writing::open_with(context, Use::Alone).await
    }

    async fn open_with(context: &Context, how: Use) -> Result<Writing, Failure> {
        let (data, network_files) = (context.data.clone(), context.network_files);
        if let Some(serving) = &context.serving {
            let place = data.clone();
            let open = || blocking(move || open_stores(&place, network_files));
            let (lent, warnings) = serving.store.lend(how, open).await?;
            let warnings = match warnings {
                Some(warnings) => warnings,
                None => missing(&data, lent.stores()).await,
            };
            return Ok(Writing { stores: Opened::Lent(lent), data, warnings });
        }
        blocking(move || {
            let (stores, warnings) = open_stores(&data, network_files)?;
            Ok(Writing { stores: Opened::Own(stores), data, warnings })
        })
        .await
    }

    /// The log over all stores.
    pub(crate) fn log(&self) -> Arc<AllLog> {
        Arc::new(self.stores().log())
    }

    /// The catalog over all stores.
    pub(crate) fn catalog(&self) -> Arc<AllCatalog> {
        Arc::new(self.stores().catalog())
    }

    /// Entries of the logs that the newest whole backup has, as the log over all stores numbers
    /// them; none when nobody can say. A backup of another history of a log is none.
    pub(super) async fn backed_up(&self) -> Vec<Range<u64>> {
        let (data, members) = (self.data.clone(), self.stores().members());
        let found = blocking(move || {
            let state = users::open(&data)?;
            let mut runs = Vec::new();
            for member in members {
                let store = member.store();
                let row = state.backed_up(&store.description().id);
                let Some(row) = row.map_err(|it| faults::state(&it))? else { continue };
                let Position { entries, root } = row.position;
                let there = store.log().root_at(entries).map_err(|it| faults::log(&it))?;
                runs.extend((there == Some(root)).then(|| member.numbers_below(entries)));
            }
            Ok(runs)
        });
        found.await.unwrap_or_default()
    }

    /// The current store itself.
    pub(super) fn store(&self) -> Arc<Store> {
        self.stores().current().store()
    }

    /// All of them.
    pub(super) fn stores(&self) -> &Arc<Stores> {
        match &self.stores {
            Opened::Own(stores) => stores,
            Opened::Lent(lent) => lent.stores(),
        }
    }

    /// Ends them, when their views show everything or, without waiting, as soon as the logs have
    /// ended. What was acknowledged stays so, whatever goes wrong here: that is a warning. The
    /// stores of a server are given back and stay open.
    pub(crate) async fn close(self, wait: WaitForViews, progress: &dyn ProgressSink) -> Closed {
        let mut told = Vec::new();
        if wait == WaitForViews::Yes {
            for (name, reach) in flushed(self.stores(), progress).await {
                note_index(&self.data, &name, &reach);
                told.extend(view_warnings(&reach, &name, self.stores().members().len()));
            }
        }
        let searchable = self.stores().is_shown();
        let Writing { stores, data, mut warnings } = self;
        warnings.extend(told);
        let ended = blocking(move || match stores {
            Opened::Own(stores) => record(&data, &end(stores, wait)?),
            Opened::Lent(lent) => lent.recorded(|positions| record(&data, positions)),
        });
        if let Err(failure) = ended.await {
            warnings.push(format!("the store did not end cleanly: {}", failure.message));
        }
        Closed { searchable, warnings }
    }
}

/// Keeps why an index does not follow, for an alert.
fn note_index(data: &DataDir, name: &str, reach: &ViewsReach) {
    let Some(index) = &reach.index else { return };
    let noted = users::open(data).and_then(|mut state| {
        state.set_index_trouble(name, index.failure.as_deref()).map_err(|it| faults::state(&it))
    });
    if let Err(failure) = noted {
        tracing::warn!("how the index is is not kept: {}", failure.message);
    }
}

/// The stores of a data directory, as they are opened, and whether any is missing that may hold
/// anything.
pub(super) fn specs(data: &DataDir, state: &State) -> Result<(Vec<StoreSpec>, bool), Failure> {
    let failed = |it| faults::state(&it);
    let (mut specs, mut has_gaps) = (Vec::new(), state.has_let_go().map_err(failed)?);
    for saved in state.stores().map_err(failed)? {
        let dir = data.at(&saved).store();
        let access = match saved.state {
            StoreState::Current => Access::Current,
            StoreState::Normal => Access::Normal,
            StoreState::WriteProtected => Access::Protected,
            StoreState::Disabled => {
                has_gaps |= saved.is_begun;
                continue;
            }
        };
        if access != Access::Current && !saved.is_begun && is_empty(&dir.join("segments")) {
            // It was made, and holds nothing yet.
            continue;
        }
        let number = u16::try_from(saved.turn.saturating_sub(1)).unwrap_or(u16::MAX);
        let recorded = recorded_of_store(state, &saved.name, &dir)?;
        specs.push(StoreSpec { name: saved.name, dir, number, access, recorded });
    }
    Ok((specs, has_gaps))
}

/// How the stores of this program are opened.
pub(super) fn make_options(data: &DataDir) -> MakeOptions {
    let data = data.clone();
    Arc::new(move |recorded| options(&data, recorded))
}

/// Opens the stores of a data directory, and says what there is to warn of. Blocks.
fn open_stores(
    data: &DataDir,
    network_files: NetworkFiles,
) -> Result<(Arc<Stores>, Vec<String>), Failure> {
    open_with_next(data, network_files, Arc::new(succession::Due::new(data)))
}

/// The same; `succession` says when a new store takes the place of the current one.
pub(super) fn open_with_next(
    data: &DataDir,
    network_files: NetworkFiles,
    succession: Arc<dyn Succession>,
) -> Result<(Arc<Stores>, Vec<String>), Failure> {
    let risk = risk_of(disk::check_file_system(data.path()), network_files)?;
    let (specs, has_gaps) = {
        let state = users::open(data)?;
        specs(data, &state)?
    };
    let current = specs.iter().find(|it| it.access == Access::Current).map(|it| it.name.clone());
    let recorded: HashMap<String, Vec<Recorded>> =
        specs.iter().map(|it| (it.name.clone(), it.recorded.clone())).collect();
    let older = |name: &str, report: &StoreReport| {
        older_state(recorded.get(name).map(Vec::as_slice).unwrap_or_default(), &report.log)
    };
    let opened = Stores::open(specs, has_gaps, make_options(data), Some(succession));
    let (stores, report, others) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let failure = faults::store(&error);
            if let Some(name) = current {
                retry::note(data, &name, Some(&failure.message))?;
            }
            return Err(failure);
        }
    };
    let mut warnings: Vec<String> = risk.into_iter().chain(warnings_of(&report)).collect();
    let n_stores = others.len() + 1;
    let mut n_open = 1;
    if let Some(name) = current {
        warnings.extend(older(&name, &report));
        note_opened(data, &name, &report)?;
    }
    for (name, opened) in others {
        match opened {
            Ok(report) => {
                n_open += 1;
                let older = older(&name, &report).filter(|_| report != StoreReport::default());
                warnings.extend(
                    warnings_of(&report).into_iter().chain(older).map(|it| format!("{name}: {it}")),
                );
                note_opened(data, &name, &report)?;
            }
            Err(error) => {
                let why = faults::store(&error).message;
                retry::note(data, &name, Some(&why))?;
                warnings.push(unread(&name, &why));
            }
        }
    }
    if n_open != n_stores {
        warnings.push(format!("{n_open} of {n_stores} stores could be opened"));
    }
    Ok((stores, warnings))
}

fn unread(name: &str, why: &str) -> String {
    format!("the store {name} cannot be read, so what it holds counts as not archived: {why}")
}

/// What a command has to say of stores that a server could not open before: each answer says it.
async fn missing(data: &DataDir, stores: &Arc<Stores>) -> Vec<String> {
    let (data, members) = (data.clone(), stores.members());
    let found = blocking(move || {
        let saved = users::open(&data)?.stores().map_err(|it| faults::state(&it))?;
        let is_open = |it: &SavedStore| members.iter().any(|member| member.name() == it.name);
        let missing = saved.iter().filter(|it| it.state.is_active() && !is_open(it));
        let unread = missing.filter_map(|it| Some(unread(&it.name, &it.trouble.as_ref()?.why)));
        let mut warnings: Vec<String> = unread.collect();
        if !warnings.is_empty() {
            let (n_open, n_missing) = (members.len(), warnings.len());
            let of = n_open + n_missing;
            warnings.push(format!("{n_open} of {of} stores could be opened"));
        }
        Ok(warnings)
    });
    found.await.unwrap_or_default()
}

/// Keeps that a store is open, and why it has no index, if it has none.
fn note_opened(data: &DataDir, name: &str, report: &StoreReport) -> Result<(), Failure> {
    retry::note(data, name, None)?;
    let Some(why) = &report.index_failure else { return Ok(()) };
    users::open(data)?.set_index_trouble(name, Some(why)).map_err(|it| faults::state(&it))
}

/// The catalogs of all stores that can be read, as one. Blocks.
pub(super) fn reading_catalog(data: &DataDir) -> Result<AllCatalog, Failure> {
    let state = users::open_for_reading(data)?;
    let (specs, _) = specs(data, &state)?;
    let opened = Stores::open_for_reading(specs, make_options(data));
    let (stores, _) = opened.map_err(|it| faults::store(&it))?;
    Ok(stores.catalog())
}

/// Ends the stores of a server: the logs whole, the views as far as they come in time. What they
/// have not read they read when they are opened next.
pub(crate) async fn end_within(
    data: &DataDir,
    stores: Arc<Stores>,
    wait: Duration,
) -> Result<(), Failure> {
    end_logs(data, Arc::clone(&stores)).await?;
    let views = blocking(move || match Arc::try_unwrap(stores) {
        Ok(stores) => stores.close().map(|_| ()).map_err(|it| faults::store(&it)),
        Err(_) => Ok(()),
    });
    // In time or not: what counts is done.
    let _ = tokio::time::timeout(wait, views).await;
    Ok(())
}

/// Ends the logs of stores, and keeps in the state how far they are.
pub(crate) async fn end_logs(data: &DataDir, stores: Arc<Stores>) -> Result<(), Failure> {
    let data = data.clone();
    blocking(move || {
        stores.end_logs().map_err(|it| faults::log(&it))?;
        record(&data, &stores.positions())
    })
    .await
}

/// Keeps in the state how far logs are, by the names of their stores.
pub(super) fn record(data: &DataDir, positions: &[(String, Position)]) -> Result<(), Failure> {
    let mut state = users::open(data)?;
    for (name, position) in positions {
        state.set_store_head(name, *position).map_err(|it| faults::state(&it))?;
    }
    Ok(())
}

/// Ends the stores of a process that served only itself, when their views show everything.
pub(super) async fn close(data: &DataDir, stores: Arc<Stores>) -> Result<(), Failure> {
    let data = data.clone();
    blocking(move || record(&data, &end(stores, WaitForViews::Yes)?)).await
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
    // One that cannot be read does not open: that is told there, and is no failure of the others.
    if let Ok(Some(Description { id, .. })) = Description::read(&RealDisk, dir) {
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

async fn flushed(stores: &Arc<Stores>, progress: &dyn ProgressSink) -> Vec<(String, ViewsReach)> {
    let flushing = stores.flush();
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

fn end(stores: Arc<Stores>, wait: WaitForViews) -> Result<Vec<(String, Position)>, Failure> {
    if wait == WaitForViews::Yes {
        match Arc::try_unwrap(stores) {
            Ok(stores) => return stores.close().map_err(|it| faults::store(&it)),
            Err(stores) => {
                // Somebody looks at them still; their logs end all the same.
                stores.end_logs().map_err(|it| faults::log(&it))?;
                return Ok(stores.positions());
            }
        }
    }
    stores.end_logs().map_err(|it| faults::log(&it))?;
    let positions = stores.positions();
    // Dropping them would wait for the views. They end with the process, as they may at any time,
    // and go on when the stores are opened next.
    std::mem::forget(stores);
    Ok(positions)
}

/// What a store stands on here.
pub(super) fn options(data: &DataDir, recorded: Vec<Recorded>) -> StoreOptions {
    let values = settings::of_data_dir(data).unwrap_or_default();
    let new_stores = match values.is_on(&::settings::ENCRYPT_NEW_STORES) {
        true => NewStores::Encrypted,
        false => NewStores::Plain,
    };
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
        keys: keys::for_stores(data),
        new_stores,
        on_end: keeper(data),
    }
}

/// Keeps in the state how far the log of a store is, before its checkpoint says that it ended
/// there. A store that the state does not have is not kept.
fn keeper(data: &DataDir) -> EndKeeper {
    let data = data.clone();
    Arc::new(move |dir, position| {
        let kept = || -> Result<(), Failure> {
            if !data.state().is_file() {
                return Ok(());
            }
            let saved =
                users::open_for_reading(&data)?.stores().map_err(|it| faults::state(&it))?;
            match saved.into_iter().find(|it| data.at(it).store() == dir) {
                Some(saved) => users::open(&data)?
                    .keep_store_end(&saved.name, position)
                    .map_err(|it| faults::state(&it)),
                None => Ok(()),
            }
        };
        kept().map_err(|it| io::Error::other(it.message))
    })
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

fn view_warnings(reach: &ViewsReach, store: &str, n_stores: usize) -> Vec<String> {
    let of = if n_stores == 1 { String::new() } else { format!(" of the store {store}") };
    let failed = |name: &str, failure: Option<&String>| {
        failure.map(|why| {
            format!("the {name}{of} failed ({why}); `posthold store rebuild-{name}` makes it anew")
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
    /// Opens the store in view. Blocks.
    #[allow(dead_code, reason = "for commands that look at one store")]
    pub(super) fn open(data: &DataDir) -> Result<Reading, Failure> {
        check_has_log(data)?;
        let store =
            Store::open_for_reading(&data.store(), Arc::new(RealDisk), &keys::for_stores(data))
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
        assert!(Arc::ptr_eq(one.stores(), other.stores()));
        assert!(one.close(WaitForViews::Yes, &Silent).await.warnings.is_empty());
        assert!(!other.log().is_stopped(), "it is open as long as the server is");
        let alone = Writing::open_alone(&context);
        tokio::pin!(alone);
        let early = tokio::time::timeout(Duration::from_millis(50), &mut alone).await;
        assert!(early.is_err(), "somebody has it still");
        assert!(other.close(WaitForViews::No, &Silent).await.warnings.is_empty());
        // A log that stopped is opened again as soon as nobody has it any more.
        let alone = alone.await.unwrap();
        alone.stores().end_logs().unwrap();
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
