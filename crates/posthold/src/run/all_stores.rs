//! Every store that people see, open for reading: one archive over all of them.
//!
//! Rules:
//! - A store that cannot be read is left out, and the answer says so; the only one is a failure.
//! - What is asked is put together by what means the same everywhere: ids of messages, archives,
//!   paths of folders. Numbers of entries, folders and messages are those of one store.
//! - The state says which stores there are. Reading needs nothing else of it: when it cannot be
//!   read, every store in the data directory is read.

use std::sync::Arc;

use commands::{Failure, Progress, ProgressSink, StoreState, StoresRead};
use disk::RealDisk;
use ports::Log;
use query::IdPrefix;
use state::{SavedStore, State};
use store::{MessageRow, Place, SqlCatalog, Store};
use types::{BlobId, MessageSet, Timestamp};

use super::stores::{Reading, is_empty};
use super::{blocking, faults, keys, search};
use crate::context::DataDir;

/// Stores that people see at the same time, at most: each takes threads, files and memory.
pub(super) const ACTIVE_MAX: usize = 64;

/// Messages that changes wait for which are looked at one by one for an answer, of each store.
const PATCHED_MAX: u32 = 100_000;

/// The stores that could be opened, the current one last.
pub(super) struct AllStores {
    /// Those that have anything.
    pub(super) stores: Vec<OneStore>,
    read: StoresRead,
}

/// One of several.
pub(super) struct OneStore {
    /// Its name.
    pub(super) name: String,
    /// Whether changes to it wait in other stores.
    is_protected: bool,
    /// The store.
    pub(super) reading: Reading,
}

/// The stores of a data directory, as the state knows them.
pub(super) fn saved(data: &DataDir) -> Result<Vec<SavedStore>, Failure> {
    let state = match data.state().is_file() {
        true => State::open_for_reading(&data.state()),
        false => State::empty(),
    };
    match state.and_then(|it| it.stores()) {
        Ok(stores) => Ok(stores),
        Err(error) => found_on_disk(data).ok_or_else(|| faults::state(&error)),
    }
}

/// The stores that lie in the data directory.
fn found_on_disk(data: &DataDir) -> Option<Vec<SavedStore>> {
    let store = |name: String| SavedStore {
        dir: name.clone(),
        name,
        state: StoreState::Normal,
        turn: 0,
        since: Timestamp(0),
        trouble: None,
        tries: 0,
        is_begun: true,
        index_trouble: None,
    };
    let entries = std::fs::read_dir(data.stores()).ok()?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|it| it.path().join("store.toml").is_file())
        .map(|it| it.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    (!names.is_empty()).then(|| names.into_iter().map(store).collect())
}

/// Whether any store that people see has a log that was begun.
pub(super) fn check_have_log(data: &DataDir) -> Result<(), Failure> {
    let has_log = |it: &SavedStore| {
        // What cannot be looked at may have one.
        it.state.is_active() && !is_empty(&data.at(it).segments())
    };
    if saved(data)?.iter().any(has_log) { Ok(()) } else { Err(faults::no_data_dir(data)) }
}

impl AllStores {
    /// Opens them. Blocks.
    pub(super) fn open(data: &DataDir) -> Result<AllStores, Failure> {
        let saved = saved(data)?;
        let active: Vec<&SavedStore> = saved.iter().filter(|it| it.state.is_active()).collect();
        let mut all = AllStores { stores: Vec::new(), read: StoresRead::default() };
        let (mut failures, is_only) = (Vec::new(), active.len() == 1);
        for store in active {
            let place = data.at(store);
            // The only one decides by itself whether there is an archive.
            let holds_nothing = !store.is_begun || is_only;
            if holds_nothing && is_empty(&place.segments()) {
                continue;
            }
            all.read.of += 1;
            let opened = Store::open_for_reading(
                &place.store(),
                Arc::new(RealDisk),
                &keys::for_stores(&place),
            );
            match opened.map_err(|it| faults::store(&it)) {
                Ok(store_open) => {
                    let (name, reading) = (store.name.clone(), Reading { store: store_open });
                    let is_protected = store.state == StoreState::WriteProtected;
                    all.stores.push(OneStore { name, is_protected, reading });
                }
                Err(failure) => {
                    let why = failure.message.trim_end_matches('.').to_owned();
                    all.read.unread.push(format!("{}: {why}.", store.name));
                    failures.push(failure);
                }
            }
        }
        all.read.read = u64::try_from(all.stores.len()).unwrap_or(u64::MAX);
        match (all.stores.is_empty(), failures.into_iter().next_back()) {
            (true, Some(failure)) => Err(failure),
            (true, None) => Err(faults::no_data_dir(data)),
            (false, _) => Ok(all),
        }
    }

    /// Which stores could be read.
    pub(super) fn read(&self) -> StoresRead {
        self.read.clone()
    }

    /// Leaves a store out that turned out not to be readable. The only one is a failure.
    pub(super) fn leave_out(&mut self, name: &str, failure: Failure) -> Result<(), Failure> {
        if self.stores.len() <= 1 {
            return Err(failure);
        }
        self.stores.retain(|it| it.name != name);
        self.read.read = u64::try_from(self.stores.len()).unwrap_or(u64::MAX);
        let why = failure.message.trim_end_matches('.');
        self.read.unread.push(format!("{name}: {why}."));
        Ok(())
    }

    /// How many entries the logs have together.
    pub(super) fn entries(&self) -> u64 {
        self.stores.iter().map(|it| it.reading.entries()).sum()
    }

    /// The messages whose id begins so, by id: each with the stores that have it.
    pub(super) fn beginning(&self, prefix: &IdPrefix) -> Result<Vec<Held<'_>>, Failure> {
        let mut found: Vec<Held<'_>> = Vec::new();
        for one in &self.stores {
            for row in search::rows_beginning(&one.reading.store, prefix)? {
                match found.iter_mut().find(|it| it.id == row.blob) {
                    Some(held) => held.copies.push((one, row)),
                    None => found.push(Held { id: row.blob, copies: vec![(one, row)] }),
                }
            }
        }
        Ok(found)
    }

    /// Every place of a message, in whichever store.
    pub(super) fn places(&self, id: &BlobId) -> Result<Vec<Place>, Failure> {
        let mut places = Vec::new();
        for one in &self.stores {
            places.extend(self.places_in(one, id)?);
        }
        Ok(places)
    }

    /// Where a message is in one of the stores, with what waits for it in the others.
    pub(super) fn places_in(&self, one: &OneStore, id: &BlobId) -> Result<Vec<Place>, Failure> {
        let places = one.places(id)?;
        self.laid_over(one, places)
    }

    /// Places of a store with what waits for them in the others.
    pub(super) fn laid_over(
        &self,
        one: &OneStore,
        places: Vec<Place>,
    ) -> Result<Vec<Place>, Failure> {
        if !one.is_protected || places.is_empty() {
            return Ok(places);
        }
        let id = one.reading.store.description().id.parse().unwrap_or_default();
        let others: Vec<&SqlCatalog> =
            self.stores.iter().map(|it| &**it.reading.store.catalog()).collect();
        store::lay_over(id, places, &others).map_err(|it| faults::catalog(&it))
    }

    /// A set of messages of a store, with what waits for it: `takes` says of each message that
    /// changes wait for whether it is in the set, by its places.
    pub(super) fn patched(
        &self,
        one: &OneStore,
        mut set: MessageSet,
        takes: impl Fn(&[Place]) -> bool,
    ) -> Result<MessageSet, Failure> {
        if !one.is_protected {
            return Ok(set);
        }
        let failed = |it: ports::CatalogError| faults::catalog(&it);
        let id = one.reading.store.description().id.parse().unwrap_or_default();
        let catalog = one.reading.store.catalog();
        for other in &self.stores {
            let waiting = other.reading.store.catalog();
            let placements = waiting.deferred_placements(id, PATCHED_MAX).map_err(failed)?;
            for placement in placements {
                let key = ports::Catalog::message_of(&**catalog, placement).map_err(failed)?;
                let Some(key) = key else { continue };
                let Some(row) = catalog.message(key).map_err(failed)? else { continue };
                let places = catalog.places(row.n).map_err(failed)?;
                match takes(&self.laid_over(one, places)?) {
                    true => set.insert(row.n),
                    false => set.remove(row.n),
                }
            }
        }
        Ok(set)
    }
}

impl OneStore {
    /// Where a message is in this store.
    pub(super) fn places(&self, id: &BlobId) -> Result<Vec<Place>, Failure> {
        let (log, catalog) = (self.reading.store.log(), self.reading.store.catalog());
        let found = log.find(id).map_err(|it| faults::log(&it))?;
        let Some(key) = found.and_then(|it| it.message) else { return Ok(Vec::new()) };
        let row = catalog.message(key).map_err(|it| faults::catalog(&it))?;
        let Some(row) = row else { return Ok(Vec::new()) };
        catalog.places(row.n).map_err(|it| faults::catalog(&it))
    }
}

/// A message with the stores that have it.
pub(super) struct Held<'a> {
    /// Its id.
    pub(super) id: BlobId,
    /// The stores, and what the catalog of each says of it. Never empty.
    pub(super) copies: Vec<(&'a OneStore, MessageRow)>,
}

/// Tells at once that stores are missing from an answer that has no field for it.
pub(super) fn tell(read: &StoresRead, progress: &dyn ProgressSink) {
    if let Some(told) = read.told() {
        // Whoever asked and went does not need to know.
        let _ = progress.send(Progress::Notice(format!("warning: {told}")));
    }
}

/// The same of an answer that was put together from the stores that could be read.
pub(super) async fn tell_missing(data: &DataDir, progress: &dyn ProgressSink) {
    let data = data.clone();
    // Where none could be read the command has failed.
    if let Ok(read) = blocking(move || Ok(AllStores::open(&data)?.read())).await {
        tell(&read, progress);
    }
}
