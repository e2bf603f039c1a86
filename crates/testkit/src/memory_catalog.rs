//! A catalog in memory: the second implementation of the port, and what others are compared with.
//!
//! It follows `ledger::project` row by row in the plainest way there is: maps, no index, no set.
//! Its storage fails where [`MemoryCatalog::break_at`] says so.

mod queries;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use ledger::merkle::Tree;
use ledger::project::project;
use ledger::{Detail, Entry};
use ports::{CatalogError, NewMessage, WriteCatalog};
use types::{EntryNumber, Position};

use crate::log_conformance::Break;
use rows::Rows;

/// A catalog in memory. Clones are the same one.
#[derive(Clone, Default)]
pub struct MemoryCatalog {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    released: Condvar,
}

struct State {
    /// What readers see.
    rows: Rows,
    position: Position,
    faults: Faults,
    is_held: bool,
}

impl Default for State {
    fn default() -> State {
        let (rows, faults) = (Rows::default(), Faults::default());
        State { rows, position: Tree::new().position(), faults, is_held: false }
    }
}

#[derive(Default)]
struct Faults {
    n_steps: u64,
    at: Option<(u64, Break)>,
    is_dead: bool,
}

/// What storage does at one step.
enum Step {
    Works,
    Fails,
    /// It works, and nobody hears of it.
    WorksUnheard,
}

impl Faults {
    fn step(&mut self) -> Step {
        self.n_steps += 1;
        let reached = self.at.filter(|(at, _)| *at <= self.n_steps).map(|it| it.1);
        match reached {
            _ if self.is_dead => Step::Fails,
            None => Step::Works,
            Some(Break::Full | Break::Fails) => Step::Fails,
            Some(how) => {
                self.is_dead = true;
                if how == Break::DiesDuring { Step::WorksUnheard } else { Step::Fails }
            }
        }
    }
}

fn broken(what: &str) -> CatalogError {
    CatalogError { what: what.to_owned(), cause: "the storage is broken".into() }
}

impl MemoryCatalog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    /// Opens it for writing.
    #[must_use]
    pub fn writer(&self) -> MemoryCatalogWriter {
        let state = self.state();
        let (rows, committed) = (state.rows.clone(), state.position);
        drop(state);
        MemoryCatalogWriter { catalog: self.clone(), rows, position: committed, committed }
    }

    /// Breaks its storage at the `n`-th row change or commit from now, counted from 1.
    pub fn break_at(&self, n: u64, how: Break) {
        self.state().faults = Faults { n_steps: 0, at: Some((n, how)), is_dead: false };
    }

    /// Row changes and commits since then.
    #[must_use]
    pub fn n_steps(&self) -> u64 {
        self.state().faults.n_steps
    }

    /// Its storage works again.
    pub fn mend(&self) {
        self.state().faults = Faults::default();
    }

    /// Lets commits wait until [`release`](MemoryCatalog::release).
    pub fn hold(&self) {
        self.state().is_held = true;
    }

    /// Lets them go on.
    pub fn release(&self) {
        self.state().is_held = false;
        self.shared.released.notify_all();
    }
}

/// The one writer of a catalog in memory.
pub struct MemoryCatalogWriter {
    catalog: MemoryCatalog,
    rows: Rows,
    position: Position,
    committed: Position,
}

impl MemoryCatalogWriter {
    fn take_back(&mut self) {
        let state = self.catalog.state();
        // One that is no longer the one writer stays where it was.
        if state.position == self.committed {
            self.rows = state.rows.clone();
        }
        drop(state);
        self.position = self.committed;
    }

    fn apply_all(
        &mut self,
        first: u64,
        entries: &[(Entry, Option<Detail>)],
    ) -> Result<Vec<NewMessage>, CatalogError> {
        let mut made = Vec::new();
        for (number, (entry, detail)) in (first..).zip(entries) {
            for change in project(EntryNumber(number), entry, detail.as_ref()) {
                if !matches!(self.catalog.state().faults.step(), Step::Works) {
                    return Err(broken("applying a batch"));
                }
                made.extend(self.rows.apply(change));
            }
        }
        Ok(made)
    }
}

impl WriteCatalog for MemoryCatalogWriter {
    fn position(&self) -> Position {
        self.position
    }

    fn committed(&self) -> Position {
        self.committed
    }

    fn apply(
        &mut self,
        first: u64,
        entries: &[(Entry, Option<Detail>)],
        upto: Position,
    ) -> Result<Vec<NewMessage>, CatalogError> {
        let follows =
            first == self.position.entries && first + entries.len() as u64 == upto.entries;
        let made = match follows {
            true => self.apply_all(first, entries),
            false => Err(CatalogError { what: "applying a batch".into(), cause: "a gap".into() }),
        };
        match made {
            Ok(_) => self.position = upto,
            Err(_) => self.take_back(),
        }
        made
    }

    fn commit(&mut self) -> Result<(), CatalogError> {
        if self.position == self.committed {
            return Ok(());
        }
        let catalog = self.catalog.clone();
        let state = catalog.state();
        let mut state = catalog.shared.released.wait_while(state, |it| it.is_held).unwrap();
        let step = match state.position == self.committed {
            true => state.faults.step(),
            // There is another writer.
            false => Step::Fails,
        };
        if !matches!(step, Step::Fails) {
            state.rows = self.rows.clone();
            state.position = self.position;
        }
        drop(state);
        if matches!(step, Step::Works) {
            self.committed = self.position;
            return Ok(());
        }
        self.take_back();
        Err(broken("committing"))
    }
}
