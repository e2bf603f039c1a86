//! Bytes of a day: how many were fetched, how many are left, and when the next day begins.
//!
//! Rule: a day is one of UTC. What was counted and could not be remembered yet counts all the same.

use std::collections::HashMap;

use types::Timestamp;

const DAY_SECONDS: i64 = 86_400;

/// The day that a moment is in, counted from 1 January 1970.
pub(crate) fn day(at: Timestamp) -> i64 {
    at.0.div_euclid(DAY_SECONDS)
}

/// When the day after this one begins.
pub(crate) fn next_day(at: Timestamp) -> Timestamp {
    at.day_start().plus_days(1)
}

/// What was fetched on one day under one budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Spent {
    day: i64,
    bytes: u64,
    /// What of them is not remembered yet.
    unsaved: u64,
}

/// What was fetched, by budget.
#[derive(Debug, Default)]
pub(crate) struct Budgets(HashMap<String, Spent>);

impl Budgets {
    /// Whether what was fetched on this day is known.
    pub(crate) fn knows(&self, budget: &str, day: i64) -> bool {
        self.0.get(budget).is_some_and(|it| it.day == day)
    }

    /// What was fetched on this day before this process.
    pub(crate) fn learn(&mut self, budget: &str, day: i64, bytes: u64) {
        if !self.knows(budget, day) {
            self.0.insert(budget.to_owned(), Spent { day, bytes, unsaved: 0 });
        }
    }

    /// Adds what was fetched now.
    pub(crate) fn add(&mut self, budget: &str, day: i64, bytes: u64) {
        let spent = self.0.entry(budget.to_owned()).or_insert(Spent { day, bytes: 0, unsaved: 0 });
        if spent.day != day {
            *spent = Spent { day, bytes: 0, unsaved: 0 };
        }
        spent.bytes = spent.bytes.saturating_add(bytes);
        spent.unsaved = spent.unsaved.saturating_add(bytes);
    }

    /// Bytes of this day.
    pub(crate) fn spent(&self, budget: &str, day: i64) -> u64 {
        self.0.get(budget).filter(|it| it.day == day).map_or(0, |it| it.bytes)
    }

    /// Takes what is to be remembered, when it is at least `min` bytes: the day, and the bytes.
    pub(crate) fn unsaved(&mut self, budget: &str, min: u64) -> Option<(i64, u64)> {
        let spent = self.0.get_mut(budget).filter(|it| it.unsaved >= min.max(1))?;
        Some((spent.day, std::mem::take(&mut spent.unsaved)))
    }

    /// Every budget of which something is to be remembered.
    pub(crate) fn with_unsaved(&self) -> Vec<String> {
        let unsaved = self.0.iter().filter(|(_, it)| it.unsaved > 0);
        unsaved.map(|(budget, _)| budget.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_with_nothing() {
        let mut budgets = Budgets::default();
        assert!(!budgets.knows("a", 7));
        budgets.learn("a", 7, 100);
        budgets.learn("a", 7, 999);
        budgets.add("a", 7, 20);
        assert_eq!(
            (budgets.spent("a", 7), budgets.spent("a", 8), budgets.spent("b", 7)),
            (120, 0, 0)
        );
        assert_eq!(budgets.unsaved("a", 21), None);
        assert_eq!(budgets.with_unsaved(), ["a"]);
        assert_eq!(budgets.unsaved("a", 20), Some((7, 20)));
        assert_eq!(budgets.unsaved("a", 0), None);
        budgets.add("a", 8, 5);
        assert_eq!((budgets.spent("a", 7), budgets.spent("a", 8)), (0, 5));
        assert!(!budgets.knows("a", 7) && budgets.knows("a", 8));
    }

    #[test]
    fn days() {
        let cases = [(-1, -1, 0), (0, 0, 86_400), (86_399, 0, 86_400), (86_400, 1, 172_800)];
        for (at, want, next) in cases {
            assert_eq!((day(Timestamp(at)), next_day(Timestamp(at))), (want, Timestamp(next)));
        }
    }
}
