//! A data directory: where in it things are, and what the commands of one process share in it.
//!
//! Rules: whoever has the state has it alone, until it is given back; nothing is open that no
//! command asked for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use archiver::Shared;
use state::{SavedStore, State, StateError};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::STORE_NAME;

/// The state in the hands of one command, until it is dropped.
pub(crate) type OpenState = OwnedMutexGuard<State>;

/// A data directory: where in it things are (design: commands and exit codes).
#[derive(Clone)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// The store that is meant; `None`: the one that mail goes to.
    store: Option<StorePlace>,
    common: Arc<Common>,
}

/// A store of a data directory: its name, and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct StorePlace {
    /// What it is called here.
    pub(crate) name: String,
    /// Its directory.
    pub(crate) dir: PathBuf,
}

/// What the commands of this process share.
#[derive(Default)]
struct Common {
    /// As many as were in use at once: opening one costs more than what most do with it. Whoever
    /// uses one holds its lock.
    states: Mutex<Vec<Arc<AsyncMutex<State>>>>,
    shared: Shared,
}

impl DataDir {
    /// The directory at `path`, there or not.
    pub(crate) fn new(path: PathBuf) -> DataDir {
        DataDir { path, store: None, common: Arc::default() }
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where stores are that have no place of their own.
    pub(crate) fn stores(&self) -> PathBuf {
        self.path.join("stores")
    }

    /// The same, with this store in view.
    pub(crate) fn at(&self, store: &SavedStore) -> DataDir {
        let dir = self.stores().join(&store.dir);
        let store = Some(StorePlace { name: store.name.clone(), dir });
        DataDir { store, ..self.clone() }
    }

    /// The store in view: the one that was chosen, else the one that mail goes to.
    pub(crate) fn place(&self) -> StorePlace {
        let current = || {
            let state = self.state().is_file().then(|| State::open_for_reading(&self.state()));
            let current = state?.ok()?.current_store().ok()??;
            Some(StorePlace { dir: self.stores().join(current.dir), name: current.name })
        };
        let first = || StorePlace { name: STORE_NAME.into(), dir: self.stores().join(STORE_NAME) };
        self.store.clone().or_else(current).unwrap_or_else(first)
    }

    /// The directory of the store in view.
    pub(crate) fn store(&self) -> PathBuf {
        self.place().dir
    }

    /// The full-text index of the store.
    pub(crate) fn index(&self) -> PathBuf {
        self.store().join("index")
    }

    /// The log of the store.
    pub(crate) fn segments(&self) -> PathBuf {
        self.store().join("segments")
    }

    /// The keys of secrets, when they are nowhere else.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.path.join("secret.key")
    }

    /// Users and what was confirmed.
    pub(crate) fn state(&self) -> PathBuf {
        self.path.join("state.db")
    }

    /// What archiving into it shares.
    pub(crate) fn shared(&self) -> Shared {
        self.common.shared.clone()
    }

    /// Opens the state, or hands out one that is open. The caller owns the directory.
    pub(crate) fn open_state(&self) -> Result<OpenState, StateError> {
        let idle = |it: &Arc<AsyncMutex<State>>| Arc::clone(it).try_lock_owned().ok();
        loop {
            if let Some(state) = self.common.states().iter().find_map(idle) {
                return Ok(state);
            }
            let opened = Arc::new(AsyncMutex::new(State::open(&self.state())?));
            self.common.states().push(opened);
        }
    }
}

impl PartialEq for DataDir {
    fn eq(&self, other: &DataDir) -> bool {
        self.path == other.path && self.store == other.store
    }
}

impl Eq for DataDir {}

impl fmt::Debug for DataDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DataDir").field(&self.path).field(&self.store).finish()
    }
}

impl Common {
    fn states(&self) -> MutexGuard<'_, Vec<Arc<AsyncMutex<State>>>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_opened_once_and_used_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(dir.path().to_owned());
        let n_kept = || data.common.states().len();
        let mut one = data.open_state().unwrap();
        let other = data.clone().open_state().unwrap();
        assert_eq!(n_kept(), 2);
        one.set_store_head("default", types::Position::default()).unwrap();
        drop(one);
        assert!(data.open_state().unwrap().store_head("default").unwrap().is_some());
        assert_eq!(n_kept(), 2);
        drop(other);
    }
}
