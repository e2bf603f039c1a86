//! Changes of settings, profiles, jobs and users while a server runs: one after the other.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use commands::{ChangeShown, ChangeState, Reinitialised};
use tokio::sync::{Mutex as Turns, MutexGuard as Turn};
use types::Timestamp;

/// Changes that are remembered.
const REMEMBERED_MAX: usize = 20;

/// The queue, and the newest changes.
#[derive(Default)]
pub(crate) struct Changes {
    turns: Turns<()>,
    shown: Mutex<Shown>,
}

#[derive(Default)]
struct Shown {
    next: u64,
    changes: VecDeque<(u64, ChangeShown)>,
}

/// A change that was asked for.
#[derive(Clone, Copy)]
pub(crate) struct ChangeNumber(u64);

impl Changes {
    /// Notes that somebody asks for a change.
    pub(crate) fn asked(&self, title: &str, asked: Timestamp) -> ChangeNumber {
        let mut shown = self.shown();
        let number = shown.next;
        shown.next += 1;
        let change = ChangeShown {
            title: title.to_owned(),
            asked,
            state: ChangeState::Waiting,
            reinitialised: Reinitialised::None,
            jobs: Vec::new(),
        };
        shown.changes.push_front((number, change));
        // Those that still wait are not forgotten.
        let is_over = |it: &(u64, ChangeShown)| {
            matches!(it.1.state, ChangeState::Applied | ChangeState::Refused)
        };
        if REMEMBERED_MAX < shown.changes.len() && shown.changes.back().is_some_and(is_over) {
            shown.changes.pop_back();
        }
        ChangeNumber(number)
    }

    /// The change before this one that has not been made yet.
    pub(crate) fn before(&self, number: ChangeNumber) -> Option<String> {
        let shown = self.shown();
        let is_before =
            |it: &&(u64, ChangeShown)| it.0 < number.0 && it.1.state == ChangeState::Waiting;
        shown.changes.iter().find(is_before).map(|it| it.1.title.clone())
    }

    /// Waits until those that came before are made. Changes come in turn.
    pub(crate) async fn turn(&self) -> Turn<'_, ()> {
        self.turns.lock().await
    }

    /// Notes how far a change is.
    pub(crate) fn note(&self, number: ChangeNumber, note: impl FnOnce(&mut ChangeShown)) {
        let mut shown = self.shown();
        if let Some((_, change)) = shown.changes.iter_mut().find(|it| it.0 == number.0) {
            note(change);
        }
    }

    /// The newest, the newest first.
    pub(crate) fn newest(&self) -> Vec<ChangeShown> {
        self.shown().changes.iter().map(|it| it.1.clone()).collect()
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
