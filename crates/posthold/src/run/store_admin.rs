//! `store ...`: which stores there are, and what each is for.
//!
//! Rules: what is on the disk comes first and is durable, then the state says so; whatever is
//! killed in between can be asked again. A store that is let go is never deleted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use commands::{
    AdminAnswer, Answer, CompactHow, Failure, FailureKind, NewStore, ProgressSink, StoreCounts,
    StoreRequest, StoreShown, StoreState, StoreTrouble,
};
use disk::{RealDisk, SystemClock};
use ports::{Clock, Disk, Log};
use state::{SavedStore, State};
use store::log::{Recorded, SegmentLog};
use store::{Store, StoreErrorKind};
use tokio::sync::OwnedRwLockWriteGuard;
use types::Position;

use super::all_stores::{self, ACTIVE_MAX};
use super::stores::{self, is_empty, options};
use super::{
    blocking, encryption, faults, keys, ownership, rebuild, retry, store_current, store_merge,
    store_move, store_stats, telling, users, verify,
};
use super::{compact, erasures};
use crate::context::{Context, DataDir};

/// Carries out a request about stores.
pub(super) async fn run(
    context: &Context,
    request: StoreRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    if let StoreRequest::Compact { name, how: CompactHow::Run } = request {
        return compact::run(context, name, title, progress).await;
    }
    let data = context.data.clone();
    if request.only_reads() {
        if let StoreRequest::Verify(name) = request {
            let place = blocking(move || Ok(data.at(&named(&data, &name)?))).await?;
            return verify::of_store(context, place, progress).await.map(Answer::Verify);
        }
        let is_over_all = matches!(request, StoreRequest::Erasures { .. });
        let answer = blocking(move || read(&data, request)).await?;
        if is_over_all {
            all_stores::tell_missing(&context.data, progress).await;
        }
        return Ok(Answer::Admin(Box::new(answer)));
    }
    let _owned = ownership::take(context, title, progress).await?;
    let _alone = alone(context).await?;
    let show = async |name: String| {
        let data = context.data.clone();
        let shown = blocking(move || Ok(shown(&data, &named(&data, &name)?))).await?;
        Ok(Answer::Admin(Box::new(AdminAnswer::Store(Box::new(shown)))))
    };
    match request {
        StoreRequest::Encrypt { name, plain } => {
            encryption::encrypt(context, name, plain, progress).await
        }
        StoreRequest::MakeCurrent { name, rescan } => {
            store_current::make_current(&data, &name, rescan).await?;
            show(name).await
        }
        StoreRequest::SetState { name, state } => {
            store_current::set_state(&data, &name, state).await?;
            show(name).await
        }
        StoreRequest::Merge { name, into } => {
            let merged = store_merge::merge(context, &name, &into, progress).await?;
            Ok(Answer::Admin(Box::new(AdminAnswer::StoreMerged(Box::new(merged)))))
        }
        StoreRequest::Move { name, to } => {
            let (place, from) = (data.clone(), name.clone());
            telling(progress, move |teller| store_move::moved(&place, &from, &to, teller)).await?;
            show(name).await
        }
        StoreRequest::Rebuild { name, view } => {
            let place = blocking(move || Ok(data.at(&named(&data, &name)?))).await?;
            rebuild::of_store(place, view, progress).await.map(Answer::Rebuild)
        }
        request => {
            let answer = blocking(move || change(&data, request)).await?;
            Ok(Answer::Admin(Box::new(answer)))
        }
    }
}

/// Keeps every other command of a server from the stores, until it is dropped. They open anew.
pub(super) struct Alone {
    _guard: Option<OwnedRwLockWriteGuard<()>>,
}

/// Ends what has the stores, and closes them.
pub(super) async fn alone(context: &Context) -> Result<Alone, Failure> {
    let Some(serving) = &context.serving else { return Ok(Alone { _guard: None }) };
    // They give the stores back at their next batch, and go on afterwards.
    serving.running.begin_again(|_| true);
    let (stores, guard) = serving.store.take_alone().await;
    if let Some(stores) = stores {
        stores::close(&context.data, stores).await?;
    }
    Ok(Alone { _guard: Some(guard) })
}

fn read(data: &DataDir, request: StoreRequest) -> Result<AdminAnswer, Failure> {
    match request {
        StoreRequest::Show(name) => {
            return Ok(AdminAnswer::Store(Box::new(shown(data, &named(data, &name)?))));
        }
        StoreRequest::Compact { name, .. } => {
            let planned = compact::plan(data, name.as_deref());
            return planned.map(|it| AdminAnswer::Compacted(Box::new(it)));
        }
        StoreRequest::Erasures { ids, proof } => return erasures::answer(data, &ids, proof),
        _ => (),
    }
    if !data.path().is_dir() {
        return Err(faults::no_data_dir(data));
    }
    if request == StoreRequest::Stats {
        return store_stats::all(data).map(AdminAnswer::StoreStats);
    }
    let stores = all_stores::saved(data)?;
    Ok(AdminAnswer::Stores(stores.iter().map(|it| shown(data, it)).collect()))
}

fn change(data: &DataDir, request: StoreRequest) -> Result<AdminAnswer, Failure> {
    let name = match request {
        StoreRequest::Create(new) => {
            create(data, &new)?;
            new.name
        }
        StoreRequest::Attach(new) => {
            attach(data, &new)?;
            new.name
        }
        StoreRequest::Detach(name) => return detach(data, &name).map(AdminAnswer::StoreDetached),
        StoreRequest::Rename { name, to } => {
            let renamed = users::open(data)?.rename_store(&name, &to);
            renamed.map_err(|it| fault(&it))?;
            to
        }
        StoreRequest::Retry(name) => {
            retry::again(data, &name)?;
            name
        }
        other => {
            let message = format!("{} is carried out elsewhere", other.name());
            return Err(Failure::new(FailureKind::Internal, message));
        }
    };
    Ok(AdminAnswer::Store(Box::new(shown(data, &named(data, &name)?))))
}

pub(super) fn fault(error: &state::StateError) -> Failure {
    let hint = match error.kind() {
        state::StateErrorKind::Missing => "`posthold store list` shows the stores.",
        state::StateErrorKind::InUse => {
            "`posthold store make-current NAME` lets another store take its place first."
        }
        _ => return faults::state(error),
    };
    faults::state(error).with_hint(hint)
}

/// A store by its name.
pub(super) fn named(data: &DataDir, name: &str) -> Result<SavedStore, Failure> {
    let found = all_stores::saved(data)?.into_iter().find(|it| it.name == name);
    found.ok_or_else(|| {
        Failure::new(FailureKind::Request, format!("there is no store {name:?}"))
            .with_hint("`posthold store list` shows the stores.")
    })
}

/// The directory that a new store gets, as the state keeps it.
pub(super) fn dir_of(data: &DataDir, new: &NewStore) -> Result<String, Failure> {
    let Some(dir) = &new.dir else { return Ok(new.name.clone()) };
    let whole = std::path::absolute(dir).map_err(|it| faults::io(&it, "find the directory"))?;
    let text = whole.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::new(FailureKind::Request, "the name of a store's directory has to be UTF-8")
    })?;
    // What lies beside the others moves with the data directory.
    let stores = std::path::absolute(data.stores()).unwrap_or_else(|_| data.stores());
    Ok(match whole.strip_prefix(&stores).ok().and_then(Path::to_str) {
        Some(below) if !below.is_empty() => below.to_owned(),
        _ => text,
    })
}

pub(super) fn check_count(data: &DataDir, state: StoreState) -> Result<(), Failure> {
    let active = all_stores::saved(data)?.iter().filter(|it| it.state.is_active()).count();
    if state.is_active() && ACTIVE_MAX <= active {
        let message = format!("{ACTIVE_MAX} stores are in use, which is as many as can be");
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("Merge some, or disable what is not needed."));
    }
    Ok(())
}

/// Makes a store. One that a command made that was killed before the state knew it is taken.
pub(super) fn create(data: &DataDir, new: &NewStore) -> Result<(), Failure> {
    check_count(data, new.state)?;
    let dir = dir_of(data, new)?;
    let path = data.stores().join(&dir);
    let stores = all_stores::saved(data)?;
    check_is_free(data, &stores, new, &path)?;
    if !is_empty(&path) && !is_left_behind(data, &path) {
        let message = format!("{} is not empty", path.display());
        return Err(Failure::new(FailureKind::Request, message).with_hint(
            "`posthold store attach` takes a store in that is there; --dir names another \
             directory.",
        ));
    }
    disk::check_file_system(path.parent().unwrap_or(data.path()))
        .or_else(|it| if it.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(it) })
        .map_err(|it| faults::io(&it, "the directory cannot hold a store"))?;
    let (store, _) =
        Store::open(&path, options(data, Vec::new())).map_err(|it| faults::store(&it))?;
    store.close().map_err(|it| faults::store(&it))?;
    let added = users::open(data)?.add_store(&new.name, &dir, new.state, SystemClock.now());
    added.map_err(|it| fault(&it))
}

/// A directory that a store was begun in, and nothing was written to it yet.
fn is_left_behind(data: &DataDir, path: &Path) -> bool {
    let names = RealDisk.list(path).unwrap_or_default();
    if names.iter().all(|it| it == "store.toml.new") {
        return true;
    }
    let keys = keys::for_stores(data);
    let opened = Store::open_for_reading(path, Arc::new(RealDisk), &keys);
    path.join("store.toml").is_file()
        && (is_empty(&path.join("segments"))
            || opened.is_ok_and(|it| it.log().position().entries == 0))
}

pub(super) fn check_is_free(
    data: &DataDir,
    stores: &[SavedStore],
    new: &NewStore,
    path: &Path,
) -> Result<(), Failure> {
    let refused = |message: String| Err(Failure::new(FailureKind::Request, message));
    for it in stores {
        let other = data.stores().join(&it.dir);
        if it.name == new.name {
            return refused(format!("there is a store {:?} already", it.name));
        }
        if path.starts_with(&other) || other.starts_with(path) {
            return refused(format!("the store {:?} is in {}", it.name, other.display()));
        }
    }
    Ok(())
}

/// Takes a store in.
fn attach(data: &DataDir, new: &NewStore) -> Result<(), Failure> {
    check_count(data, new.state)?;
    let dir = dir_of(data, new)?;
    let path = data.stores().join(&dir);
    let stores = all_stores::saved(data)?;
    check_is_free(data, &stores, new, &path)?;
    let id = readable(data, &path)?;
    for it in &stores {
        let other = description(&data.at(it).store());
        if other.is_some_and(|it| it.id == id) {
            let message = format!("it is a copy of the store {:?}", it.name);
            return Err(Failure::new(FailureKind::Request, message)
                .with_hint("Two copies of one store would be two truths."));
        }
    }
    let mut state = users::open(data)?;
    let position = check_is_no_older(data, &state, &id, &path)?;
    let now = SystemClock.now();
    let attached = state.attach_store(&new.name, &dir, new.state, now, (&id, position));
    attached.map_err(|it| fault(&it))
}

/// The id of a store that can be read. Views that are missing are made anew.
fn readable(data: &DataDir, path: &Path) -> Result<String, Failure> {
    match Store::open_for_reading(path, Arc::new(RealDisk), &keys::for_stores(data)) {
        Ok(store) => Ok(store.description().id.clone()),
        Err(error) if *error.kind() == StoreErrorKind::View => {
            let opened = Store::open(path, options(data, Vec::new()));
            let (store, _) = opened.map_err(|it| faults::store(&it))?;
            let id = store.description().id.clone();
            store.close().map_err(|it| faults::store(&it))?;
            Ok(id)
        }
        Err(error) if *error.kind() == StoreErrorKind::Missing => {
            Err(Failure::new(FailureKind::Request, faults::chain(&error))
                .with_hint("--dir names the directory that has its store.toml."))
        }
        Err(error) => Err(faults::store(&error)),
    }
}

/// A copy that is older than what was let go would lose mail. Gives how far it is.
fn check_is_no_older(
    data: &DataDir,
    state: &State,
    id: &str,
    path: &Path,
) -> Result<Position, Failure> {
    let head = state.detached_head(id).map_err(|it| faults::state(&it))?;
    let recorded: Vec<Recorded> =
        head.into_iter().map(|position| Recorded { who: "the state", position }).collect();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let dir = store::log_dir(path, &disk, &keys::for_stores(data));
    SegmentLog::open_for_reading(disk, dir.map_err(|it| faults::store(&it))?, &recorded)
        .map(|it| it.position())
        .map_err(|it| faults::store(&it.into()))
}

pub(super) fn detach(data: &DataDir, name: &str) -> Result<PathBuf, Failure> {
    let store = named(data, name)?;
    let path = data.at(&store).store();
    let id = description(&path).map(|it| it.id);
    let removed = users::open(data)?.remove_store(name, id.as_deref());
    removed.map_err(|it| fault(&it))?;
    Ok(path)
}

/// What a store says of itself; `None` when it cannot be read.
pub(super) fn description(path: &Path) -> Option<store::Description> {
    store::Description::read(&RealDisk, path).ok().flatten()
}

/// A store, for showing. What is wrong with it is in it.
fn shown(data: &DataDir, saved: &SavedStore) -> StoreShown {
    let path = data.at(saved).store();
    let described = description(&path);
    let mut shown = StoreShown {
        name: saved.name.clone(),
        state: saved.state,
        id: described.as_ref().map(|it| it.id.clone()),
        created: described.map(|it| it.created),
        trouble: saved.trouble.clone(),
        counts: None,
        warnings: Vec::new(),
        dir: path,
    };
    if is_empty(&shown.dir.join("segments")) && !saved.is_begun {
        shown.counts = shown.id.is_some().then(StoreCounts::default);
        return shown;
    }
    match counts(data, &shown.dir) {
        Ok(counts) => shown.counts = Some(counts),
        // Nobody asks a disabled one for anything.
        Err(failure) if saved.state.is_active() => {
            let at = SystemClock.now();
            let found = StoreTrouble { why: failure.message, at, retry_at: None };
            shown.trouble.get_or_insert(found);
        }
        Err(failure) => shown.warnings.push(failure.message),
    }
    shown
}

/// Messages of a store; `None` when its catalog cannot be read.
pub(super) fn messages(data: &DataDir, path: &Path) -> Option<u64> {
    let keys = keys::for_stores(data);
    let store = Store::open_for_reading(path, Arc::new(RealDisk), &keys).ok()?;
    store.catalog().messages_placed().ok()
}

fn counts(data: &DataDir, path: &Path) -> Result<StoreCounts, Failure> {
    let keys = keys::for_stores(data);
    let store = Store::open_for_reading(path, Arc::new(RealDisk), &keys);
    let store = store.map_err(|it| faults::store(&it))?;
    let messages = store.catalog().counts().map_err(|it| faults::catalog(&it))?.messages;
    let catalog = ["catalog.db", "catalog.db-wal", "catalog.db-shm"].map(|it| size(&path.join(it)));
    Ok(StoreCounts {
        messages,
        entries: store.log().position().entries,
        log_bytes: size(&path.join("segments")),
        catalog_bytes: catalog.iter().sum(),
        index_bytes: size(&path.join("index")),
        deferred: store.catalog().deferred_count().map_err(|it| faults::catalog(&it))?,
    })
}

/// Bytes of a file, or of the files of a directory; what is not there has none.
pub(super) fn size(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|it| size(&it.path())).sum(),
        Err(_) => path.symlink_metadata().map_or(0, |it| it.len()),
    }
}
