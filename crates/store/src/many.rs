//! Several stores as one: a log to append to and a catalog to ask, over all that are open.
//!
//! What it is not: the list of stores, which the state keeps, and decisions about mail.
//!
//! Rules:
//! - New mail goes to the current store. A change to what a store holds goes to the log of that
//!   store; while it is write-protected, as a `Deferred` entry to the current one, which is laid
//!   over it.
//! - Entry numbers name things inside one store. Outside, a number carries that of its store in its
//!   upper bits; store 0 is the first, so that with one store nothing is different. Folders and
//!   sources that several stores have under one name go by the number in the oldest of them.
//! - What an append needs in another store than the one that has it (a folder, a source, the bytes
//!   of a message) is made there first.
//! - What is known of sources (cursor, certificate, quarantine) is carried into a store when it
//!   becomes current. A store that cannot be read counts as not archived: what only it could prove
//!   is asked of the server again.
//! - The current store changes between two appends, never within one.
//! - Stores other than the current one are open for reading until something is written to them; at
//!   most [`WRITABLE_MAX`] are open for writing at the same time.

mod carry;
mod catalog;
mod copy;
mod ids;
mod log;
mod member;
mod merge;
mod overlay;
mod route;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ports::{CatalogError, LogError, LogErrorKind};
use types::{Position, SourceId};

pub use catalog::AllCatalog;
pub use log::AllLog;
pub use member::Member;
use member::Mode;
pub use merge::Merged;
pub use overlay::lay_over;

use crate::error::StoreError;
use crate::log::Recorded;
use crate::store::{StoreOptions, StoreReport};
use crate::views::ViewsReach;

/// Stores beside the current one that are open for writing at the same time.
pub const WRITABLE_MAX: usize = 3;

/// A store to be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreSpec {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// Its number here; that of the current store is the largest.
    pub number: u16,
    /// What may be done with it.
    pub access: Access,
    /// How far others remember its log.
    pub recorded: Vec<Recorded>,
}

/// What may be done with a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// New mail goes there.
    Current,
    /// It is read, and changes to what it holds are written.
    Normal,
    /// It is read.
    Protected,
}

/// Makes a store's options; of each store anew.
pub type MakeOptions = Arc<dyn Fn(Vec<Recorded>) -> StoreOptions + Send + Sync>;

/// Decides when a new store takes the place of the current one, and makes it. All calls block.
pub trait Succession: Send + Sync {
    /// Whether a new store is due, when the current one has this many messages.
    fn is_due(&self, messages: u64) -> bool;

    /// Makes the next store. It is not current yet.
    fn make(&self) -> Result<StoreSpec, String>;

    /// Says durably that it is the current store from now on.
    fn begin(&self, next: &StoreSpec) -> Result<(), String>;

    /// Keeps that it could not be done: nothing more is archived.
    fn failed(&self, why: &str);
}

/// What opening a store that is not the current one found.
pub type Opened = (String, Result<StoreReport, StoreError>);

struct OpenStores {
    older: Vec<Arc<Member>>,
    current: Arc<Member>,
}

/// Open stores, one of them the current one.
pub struct Stores {
    open: RwLock<OpenStores>,
    /// Whether a store is missing that may hold anything.
    has_gaps: bool,
    succession: Option<Arc<dyn Succession>>,
    options: MakeOptions,
    /// Held together by appends, and alone while the current store changes.
    turn: tokio::sync::RwLock<()>,
    /// Held by whoever makes a folder or a source in a store that lacks it.
    making: tokio::sync::Mutex<route::Made>,
    /// Messages of the current store, at least.
    messages: AtomicU64,
    names: Mutex<ids::Names>,
}

impl Stores {
    /// Opens stores. The current one must open; of the others it is said how that went. `gaps`
    /// says that stores are missing that may hold anything. Blocks.
    pub fn open(
        specs: Vec<StoreSpec>,
        has_gaps: bool,
        options: MakeOptions,
        succession: Option<Arc<dyn Succession>>,
    ) -> Result<(Arc<Stores>, StoreReport, Vec<Opened>), StoreError> {
        Stores::open_as(Mode::Writing, specs, has_gaps, options, succession)
    }

    /// Opens stores of which nothing is written, also while another process writes them. Blocks.
    pub fn open_for_reading(
        specs: Vec<StoreSpec>,
        options: MakeOptions,
    ) -> Result<(Arc<Stores>, Vec<Opened>), StoreError> {
        let opened = Stores::open_as(Mode::Reading, specs, false, options, None);
        opened.map(|(stores, _, opened)| (stores, opened))
    }

    fn open_as(
        mode: Mode,
        specs: Vec<StoreSpec>,
        has_gaps: bool,
        options: MakeOptions,
        succession: Option<Arc<dyn Succession>>,
    ) -> Result<(Arc<Stores>, StoreReport, Vec<Opened>), StoreError> {
        let (mut older, mut opened, mut current) = (Vec::new(), Vec::new(), None);
        let mut has_gaps = has_gaps;
        for spec in specs {
            let (name, access) = (spec.name.clone(), spec.access);
            match Member::open(spec, &options, mode) {
                Ok((member, report)) if access == Access::Current => {
                    current = Some((Arc::new(member), report));
                }
                Ok((member, report)) => {
                    older.push(Arc::new(member));
                    opened.push((name, Ok(report)));
                }
                Err(error) if access == Access::Current => return Err(error),
                Err(error) => {
                    has_gaps = true;
                    opened.push((name, Err(error)));
                }
            }
        }
        older.sort_by_key(|it| it.number());
        let Some((current, report)) = current else {
            let message = "none of the stores is the current one";
            return Err(StoreError::new(crate::error::StoreErrorKind::Missing, message));
        };
        let messages = current.store().catalog().messages_placed();
        let stores = Stores {
            messages: AtomicU64::new(messages.unwrap_or_default()),
            open: RwLock::new(OpenStores { older, current }),
            has_gaps,
            succession,
            options,
            turn: tokio::sync::RwLock::default(),
            making: tokio::sync::Mutex::default(),
            names: Mutex::default(),
        };
        Ok((Arc::new(stores), report, opened))
    }

    /// The log over all of them.
    #[must_use]
    pub fn log(self: &Arc<Stores>) -> AllLog {
        AllLog::new(Arc::clone(self))
    }

    /// The catalog over all of them.
    #[must_use]
    pub fn catalog(self: &Arc<Stores>) -> AllCatalog {
        AllCatalog::new(Arc::clone(self))
    }

    /// All of them, the current one last.
    #[must_use]
    pub fn members(&self) -> Vec<Arc<Member>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.older.iter().chain([&open.current]).map(Arc::clone).collect()
    }

    /// The store that new mail goes to.
    #[must_use]
    pub fn current(&self) -> Arc<Member> {
        Arc::clone(&self.open.read().unwrap_or_else(PoisonError::into_inner).current)
    }

    /// Which store a source is of, and its number there: what the state keeps.
    #[must_use]
    pub fn split(&self, source: SourceId) -> Option<(String, SourceId)> {
        let (number, local) = ids::split(source.0);
        let members = self.members();
        let member = members.iter().find(|it| it.number() == number)?;
        Some((member.name().to_owned(), SourceId(local)))
    }

    /// The source that is number `source` in the store `name`, as everybody calls it.
    pub fn join(&self, name: &str, source: SourceId) -> Result<Option<SourceId>, CatalogError> {
        let members = self.members();
        let Some(member) = members.iter().find(|it| it.name() == name) else { return Ok(None) };
        self.source_of(member, source).map(Some)
    }

    /// Waits until the views of every store that is written show everything.
    pub async fn flush(&self) -> Vec<(String, ViewsReach)> {
        let mut reaches = Vec::new();
        for member in self.members() {
            if member.is_writable() {
                let reach = member.store().flush().await;
                reaches.push((member.name().to_owned(), reach));
            }
        }
        reaches
    }

    /// Whether the views of every store that is written show everything.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        let shows = |it: &Arc<Member>| {
            let store = it.store();
            !it.is_writable() || store.reach().is_at(it.position().entries)
        };
        self.members().iter().all(shows)
    }

    /// Where the logs of the stores that are written end.
    #[must_use]
    pub fn positions(&self) -> Vec<(String, Position)> {
        let written = self.members().into_iter().filter(|it| it.is_writable());
        written.map(|it| (it.name().to_owned(), it.position())).collect()
    }

    /// Ends the logs cleanly. The views go on with what they have been given. Blocks.
    pub fn end_logs(&self) -> Result<(), LogError> {
        let ends = self.members().into_iter().filter(|it| it.is_writable());
        ends.map(|it| it.store().log().close()).fold(Ok(()), Result::and)
    }

    /// Closes them: the logs cleanly, the views with everything that they have been given. Returns
    /// where the logs end that were written. Blocks.
    pub fn close(self) -> Result<Vec<(String, Position)>, StoreError> {
        let OpenStores { older, current } =
            self.open.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (mut ends, mut failure) = (Vec::new(), None);
        for member in older.into_iter().chain([current]) {
            let name = member.name().to_owned();
            let closed = match Arc::try_unwrap(member) {
                Ok(member) => member.close(),
                Err(member) => match member.is_writable() {
                    true => member.store().log().close().map_err(Into::into).map(|()| None),
                    false => Ok(None),
                },
            };
            match closed {
                Ok(position) => ends.extend(position.map(|it| (name, it))),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(ends), Err)
    }

    /// Makes a new store the current one, when one is due.
    async fn succeed_if_due(self: &Arc<Stores>) -> Result<(), LogError> {
        let Some(succession) = &self.succession else { return Ok(()) };
        if !succession.is_due(self.messages.load(Ordering::Relaxed)) {
            return Ok(());
        }
        let _alone = self.turn.write().await;
        let messages = self.current().store().catalog().messages_placed().unwrap_or_default();
        let behind = self.current().position().entries;
        let reached = ports::Catalog::reached(&**self.current().store().catalog());
        self.messages.store(messages + behind.saturating_sub(reached), Ordering::Relaxed);
        if !succession.is_due(self.messages.load(Ordering::Relaxed)) {
            return Ok(());
        }
        let (stores, succession) = (Arc::clone(self), Arc::clone(succession));
        let made = tokio::task::spawn_blocking(move || {
            let made = succession.make().and_then(|spec| {
                let opened = Member::open(spec.clone(), &stores.options, Mode::Writing);
                let (member, _) = opened.map_err(|it| crate::error::chain(&it))?;
                Ok((spec, Arc::new(member)))
            });
            if let Err(why) = &made {
                succession.failed(why);
            }
            made
        });
        let made = made.await.unwrap_or_else(|it| Err(it.to_string()));
        let taken = match made {
            Ok((spec, member)) => self.take_over(spec, member).await,
            Err(why) => return Err(no_successor(&why)),
        };
        taken
            .inspect_err(|why| {
                if let Some(it) = &self.succession {
                    it.failed(why);
                }
            })
            .map_err(|why| no_successor(&why))
    }

    /// The cursors go first; then the state says so; then appends go there.
    async fn take_over(
        self: &Arc<Stores>,
        spec: StoreSpec,
        member: Arc<Member>,
    ) -> Result<(), String> {
        let carried = self.carry_into(&member).await;
        carried.map_err(|it| crate::error::chain(&it))?;
        if let Some(succession) = self.succession.clone() {
            let begun = tokio::task::spawn_blocking(move || succession.begin(&spec));
            begun.await.unwrap_or_else(|it| Err(it.to_string()))?;
        }
        let messages = member.store().catalog().messages_placed().unwrap_or_default();
        self.messages.store(messages, Ordering::Relaxed);
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut open.current, member);
        open.older.push(before);
        drop(open);
        self.names().forget();
        Ok(())
    }

    fn names(&self) -> MutexGuard<'_, ids::Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_successor(why: &str) -> LogError {
    LogError::new(LogErrorKind::Io, format!("the next store could not be made: {why}"))
}
