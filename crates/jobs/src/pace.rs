//! Time left, from how fast it went lately.
//!
//! What it is not: a promise. Messages differ in size, and servers in mood.

use std::collections::VecDeque;
use std::time::Duration;

/// What is looked back at.
const WINDOW: Duration = Duration::from_mins(2);

/// The least time between two marks: more would say nothing more.
const MARK_EVERY: Duration = Duration::from_secs(1);

/// Before so much time has passed nothing is said.
const SAID_AFTER: Duration = Duration::from_secs(3);

/// How fast something goes.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// How much was done at which time, the oldest first.
    marks: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// Notes how much is done, some time after the beginning.
    pub fn note(&mut self, at: Duration, done: u64) {
        let is_early = self.marks.len() > 1
            && self.marks.back().is_some_and(|(last, _)| at.saturating_sub(*last) < MARK_EVERY);
        if is_early {
            self.marks.pop_back();
        }
        self.marks.push_back((at, done));
        // The one before the window stays, so that a slow pace has a beginning.
        while self.marks.get(1).is_some_and(|(second, _)| at.saturating_sub(*second) > WINDOW) {
            self.marks.pop_front();
        }
    }

    /// How long the rest of `total` takes; `None` while that cannot be said.
    #[must_use]
    pub fn left(&self, total: u64) -> Option<Duration> {
        let ((from, before), (until, done)) = (*self.marks.front()?, *self.marks.back()?);
        let (took, came) = (until.saturating_sub(from), done.saturating_sub(before));
        if took < SAID_AFTER || came == 0 || total < done {
            return None;
        }
        let millis = took.as_millis().saturating_mul(u128::from(total - done)) / u128::from(came);
        u64::try_from(millis).ok().map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(marks: &[(u64, u64)], total: u64) -> Option<u64> {
        let mut pace = Pace::default();
        for (at, done) in marks {
            pace.note(Duration::from_secs(*at), *done);
        }
        pace.left(total).map(|it| it.as_secs())
    }

    #[test]
    fn the_recent_pace_counts() {
        assert_eq!(left(&[], 10), None);
        assert_eq!(left(&[(0, 0), (1, 5)], 10), None, "too early");
        assert_eq!(left(&[(0, 0), (10, 0)], 10), None, "nothing came");
        assert_eq!(left(&[(0, 0), (10, 5)], 10), Some(10));
        assert_eq!(left(&[(0, 0), (10, 10)], 10), Some(0));
        assert_eq!(left(&[(0, 0), (10, 11)], 10), None, "more than there was");
        // Fast at first, slow for the last two minutes.
        let mut marks: Vec<(u64, u64)> = (0..60).map(|it| (it, it * 100)).collect();
        marks.extend((60..300).map(|it| (it, 6_000 + it)));
        assert_eq!(left(&marks, 6_000 + 299 + 60), Some(60));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut pace = Pace::default();
        for at in 0..100_000 {
            pace.note(Duration::from_millis(at * 10), at);
        }
        assert!(pace.marks.len() < 200, "{}", pace.marks.len());
    }
}
