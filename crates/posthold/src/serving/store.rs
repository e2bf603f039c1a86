//! The store of a server: opened once, lent to every command that writes.
//!
//! Rules: it is opened when the first command asks, and again when its log stopped writing (a
//! full disk) and nobody has the old one any more; what makes a view anew has it alone, and waits
//! until the others have given it back.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use commands::{Failure, FailureKind};
use store::Stores;
use tokio::sync::{Mutex, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use types::Position;

/// Who may have the store at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Use {
    /// Others who read and append.
    Together,
    /// Nobody.
    Alone,
}

/// The store, when it is open.
#[derive(Default)]
pub(crate) struct SharedStore {
    open: Mutex<Option<Arc<Stores>>>,
    users: Arc<RwLock<()>>,
    /// Held while the state is told how far the log is: a later position must not be followed by
    /// an earlier one.
    recording: Arc<SyncMutex<()>>,
}

/// The store in the hands of one command, until it is dropped.
pub(crate) struct Lent {
    stores: Arc<Stores>,
    recording: Arc<SyncMutex<()>>,
    _use: Held,
}

#[expect(dead_code, reason = "they are held, not looked at")]
enum Held {
    Together(OwnedRwLockReadGuard<()>),
    Alone(OwnedRwLockWriteGuard<()>),
}

impl Lent {
    /// The stores.
    pub(crate) fn stores(&self) -> &Arc<Stores> {
        &self.stores
    }

    /// Tells somebody how far the logs are now.
    pub(crate) fn recorded<T>(&self, tell: impl FnOnce(&[(String, Position)]) -> T) -> T {
        let _alone = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        tell(&self.stores.positions())
    }
}

impl SharedStore {
    /// Lends the store; opens it by `open` when it is not, and gives the warnings of that. `None`:
    /// it was open.
    pub(crate) async fn lend<O>(
        &self,
        how: Use,
        open: impl FnOnce() -> O,
    ) -> Result<(Lent, Option<Vec<String>>), Failure>
    where
        O: Future<Output = Result<(Arc<Stores>, Vec<String>), Failure>>,
    {
        let users = Arc::clone(&self.users);
        let held = match how {
            Use::Together => Held::Together(users.read_owned().await),
            Use::Alone => Held::Alone(users.write_owned().await),
        };
        let mut place = self.open.lock().await;
        if place.as_ref().is_some_and(|it| it.log().is_stopped()) {
            end_stopped(&mut place).await?;
        }
        let (stores, warnings) = match &*place {
            Some(stores) => (Arc::clone(stores), None),
            None => {
                let (stores, warnings) = open().await?;
                (Arc::clone(place.insert(stores)), Some(warnings))
            }
        };
        let recording = Arc::clone(&self.recording);
        Ok((Lent { stores, recording, _use: held }, warnings))
    }

    /// Looks at the store, when it is open.
    pub(crate) async fn look<T>(&self, look: impl FnOnce(&Arc<Stores>) -> T) -> Option<T> {
        self.open.lock().await.as_ref().map(look)
    }

    /// Takes the stores away, to close them, and keeps everybody from opening them again until the
    /// guard is dropped.
    pub(crate) async fn take_alone(&self) -> (Option<Arc<Stores>>, OwnedRwLockWriteGuard<()>) {
        let alone = Arc::clone(&self.users).write_owned().await;
        (self.open.lock().await.take(), alone)
    }

    /// Takes the store away, to close it. Waits until every command has given it back; then the
    /// next one opens it again.
    pub(crate) async fn take(&self) -> Option<Arc<Stores>> {
        let _alone = self.users.write().await;
        self.open.lock().await.take()
    }
}

/// Ends a store whose log takes no more, so that it can be opened again.
async fn end_stopped(place: &mut Option<Arc<Stores>>) -> Result<(), Failure> {
    match place.take().map(Arc::try_unwrap) {
        Some(Err(stores)) => {
            *place = Some(stores);
            let message = "the log stopped writing, and not every step has noticed yet";
            Err(Failure::new(FailureKind::Store, message)
                .with_hint("It is opened again when they have ended. Try again in a moment."))
        }
        // Waits for its views, which have little left to do.
        Some(Ok(stores)) => {
            let ended = tokio::task::spawn_blocking(move || drop(stores)).await;
            ended.map_err(|it| Failure::new(FailureKind::Internal, it.to_string()))
        }
        None => Ok(()),
    }
}
