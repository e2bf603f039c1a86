//! One store among several.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use ports::Log;
use types::{Position, StoreId};

use super::ids::joined;
use super::{Access, MakeOptions, StoreSpec};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{Store, StoreOptions, StoreReport};

/// Whether stores may be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// Nothing is written, also not to the current one.
    Reading,
    /// By what each may be used for.
    Writing,
}

/// One store among several.
pub struct Member {
    spec: StoreSpec,
    id: StoreId,
    held: RwLock<Held>,
}

struct Held {
    store: Arc<Store>,
    /// When it was last asked for to be written, when it is open for that.
    written: Option<Instant>,
}

impl Member {
    /// Opens it as far as is needed now. Blocks.
    pub(super) fn open(
        spec: StoreSpec,
        options: &MakeOptions,
        mode: Mode,
    ) -> Result<(Member, StoreReport), StoreError> {
        let (store, report, is_written) = match spec.access {
            _ if mode == Mode::Reading => {
                let StoreOptions { disk, keys, .. } = options(Vec::new());
                (Store::open_for_reading(&spec.dir, disk, &keys)?, StoreReport::default(), false)
            }
            Access::Current => {
                let (store, report) = Store::open(&spec.dir, options(spec.recorded.clone()))?;
                (store, report, true)
            }
            Access::Protected => {
                let StoreOptions { disk, keys, .. } = options(Vec::new());
                (Store::open_for_reading(&spec.dir, disk, &keys)?, StoreReport::default(), false)
            }
            Access::Normal => Member::open_normal(&spec, options)?,
        };
        let id = store.description().id.parse().unwrap_or_default();
        let held = Held { store: Arc::new(store), written: is_written.then(Instant::now) };
        Ok((Member { spec, id, held: RwLock::new(held) }, report))
    }

    /// For reading, when its catalog is there and shows the whole log; else it is mended first.
    fn open_normal(
        spec: &StoreSpec,
        options: &MakeOptions,
    ) -> Result<(Store, StoreReport, bool), StoreError> {
        let StoreOptions { disk, keys, .. } = options(Vec::new());
        match Store::open_for_reading(&spec.dir, disk, &keys) {
            Ok(store) => {
                let reached = ports::Catalog::reached(&**store.catalog());
                if store.log().position().entries <= reached {
                    return Ok((store, StoreReport::default(), false));
                }
            }
            // Its disk is gone: no new one must be made in its place.
            Err(error) if *error.kind() == StoreErrorKind::Missing => return Err(error),
            Err(_) => (),
        }
        let (store, report) = Store::open(&spec.dir, options(spec.recorded.clone()))?;
        Ok((store, report, true))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &std::path::Path {
        &self.spec.dir
    }

    /// What tells it from all others.
    #[must_use]
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// What may be done with it.
    #[must_use]
    pub fn access(&self) -> Access {
        self.spec.access
    }

    /// The numbers of its first entries, so many, as the log over all stores has them.
    #[must_use]
    pub fn numbers_below(&self, entries: u64) -> Range<u64> {
        joined(self.number(), 0)..joined(self.number(), entries)
    }

    pub(super) fn number(&self) -> u64 {
        u64::from(self.spec.number)
    }

    /// The store, as it is open now.
    #[must_use]
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner).store)
    }

    /// Where its log ends.
    #[must_use]
    pub fn position(&self) -> Position {
        self.store().log().position()
    }

    /// Whether it is open for writing.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.held.read().unwrap_or_else(PoisonError::into_inner).written.is_some()
    }

    pub(super) fn last_written(&self) -> Option<Instant> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).written
    }

    /// Opens it for writing, unless it is. Blocks.
    pub(super) fn make_writable(&self, options: &MakeOptions) -> Result<Arc<Store>, StoreError> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.written.is_none() {
            let (store, _) = Store::open(&self.spec.dir, options(self.spec.recorded.clone()))?;
            held.store = Arc::new(store);
        }
        held.written = Some(Instant::now());
        Ok(Arc::clone(&held.store))
    }

    /// Ends it and opens it for reading again, when nobody uses it and its views show everything.
    /// Blocks.
    pub(super) fn rest(&self, options: &MakeOptions) -> Result<bool, StoreError> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let shown = held.store.reach().is_at(held.store.log().position().entries);
        if held.written.is_none() || !shown || Arc::strong_count(&held.store) != 1 {
            return Ok(false);
        }
        held.store.log().close()?;
        let StoreOptions { disk, keys, .. } = options(Vec::new());
        held.store = Arc::new(Store::open_for_reading(&self.spec.dir, disk, &keys)?);
        held.written = None;
        Ok(true)
    }

    /// Ends it. Returns where its log ends, when it was open for writing.
    pub(super) fn close(self) -> Result<Option<Position>, StoreError> {
        let held = self.held.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (held.written, Arc::try_unwrap(held.store)) {
            (Some(_), Ok(store)) => store.close().map(Some),
            (Some(_), Err(store)) => {
                store.log().close()?;
                Ok(Some(store.log().position()))
            }
            (None, _) => Ok(None),
        }
    }
}
