//! When an account was last proven complete, and what that means: visits that come too early, and
//! sources that are stuck.

use std::fmt;
use std::time::Duration;

use rules::schedule::{LastRun, Schedule, Zone};
use types::Timestamp;

/// A visit comes before the server profile wants one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooEarly {
    /// When the account was visited last.
    pub visited: Timestamp,
    /// When it may be visited again.
    pub not_before: Timestamp,
}

impl fmt::Display for TooEarly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooEarly { visited, not_before } = self;
        write!(
            f,
            "visited at {visited} and, as its server profile wants it, not before {not_before}"
        )
    }
}

/// Whether it is too early for another visit `every` so often. A visit in the future is a clock
/// that was wrong, and keeps nobody waiting for longer than once.
#[must_use]
pub fn too_early(visited: Option<Timestamp>, every: Duration, now: Timestamp) -> Option<TooEarly> {
    let visited = visited?;
    let seconds = i64::try_from(every.as_secs()).unwrap_or(i64::MAX);
    let not_before = Timestamp(visited.0.saturating_add(seconds));
    let is_early = now < not_before && visited <= now;
    is_early.then_some(TooEarly { visited, not_before })
}

/// A source of which nothing was proven for too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stuck {
    /// When everything of it was last proven to be archived; `None`: never.
    pub complete: Option<Timestamp>,
    /// By when that should have been proven again.
    pub expected: Timestamp,
    /// How often it was due since.
    pub periods: u64,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.complete {
            Some(at) => write!(f, "last proven complete at {at}")?,
            None => f.write_str("never proven complete")?,
        }
        write!(f, "; it was due {} times since, the last time at {}", self.periods, self.expected)
    }
}

/// Whether a source is stuck: it was due `periods` times since it was last proven complete (or,
/// when it never was, since it is there), and the next such proof did not come. A schedule that
/// leaves it to people is never late.
#[must_use]
pub fn stuck(
    schedule: &Schedule,
    zone: &dyn Zone,
    complete: Option<Timestamp>,
    known_since: Timestamp,
    periods: u64,
    now: Timestamp,
) -> Option<Stuck> {
    let mut at = complete.unwrap_or(known_since).max(Timestamp(0));
    for _ in 0..periods.max(1) {
        if now < at {
            return None;
        }
        let last = LastRun { started: Some(at), ended: Some(at) };
        let next = schedule.next_after(Timestamp(at.0.saturating_add(1)), last, zone)?;
        at = next;
    }
    (at < now).then_some(Stuck { complete, expected: at, periods })
}

#[cfg(test)]
mod tests {
    use rules::schedule::Utc;

    use super::*;

    #[test]
    fn visits() {
        let cases = [
            (None, 600, 1_000, None),
            (Some(1_000), 600, 1_000, Some(1_600)),
            (Some(1_000), 600, 1_599, Some(1_600)),
            (Some(1_000), 600, 1_600, None),
            (Some(1_000), 0, 1_000, None),
            (Some(9_000), 600, 1_000, None),
        ];
        for (visited, every, now, want) in cases {
            let every = Duration::from_secs(every);
            let early = too_early(visited.map(Timestamp), every, Timestamp(now));
            assert_eq!(early.map(|it| it.not_before.0), want, "{visited:?} {now}");
        }
    }

    #[test]
    fn sources_get_stuck() {
        let check = |text: &str, complete: Option<i64>, now: i64| {
            let schedule: Schedule = text.parse().unwrap();
            let complete = complete.map(Timestamp);
            stuck(&schedule, &Utc, complete, Timestamp(0), 3, Timestamp(now))
                .map(|it| it.expected.0)
        };
        let hour = 3_600;
        assert_eq!(check("every 1 hour", Some(hour), 4 * hour), None);
        assert_eq!(check("every 1 hour", Some(hour), 4 * hour + 1), Some(4 * hour));
        assert_eq!(check("every 1 hour", None, 3 * hour + 1), Some(3 * hour));
        assert_eq!(check("every 1 hour", Some(9 * hour), 4 * hour), None, "the clock was wrong");
        assert_eq!(check("cron 0 2 * * *", Some(0), 50 * hour), None);
        assert_eq!(check("cron 0 2 * * *", Some(0), 50 * hour + 1), Some(50 * hour));
        assert_eq!(check("by hand", Some(0), 1_000 * hour), None);
        let shown = Stuck { complete: None, expected: Timestamp(0), periods: 3 }.to_string();
        let want = "never proven complete; it was due 3 times since, the last time at \
                    1970-01-01T00:00:00Z";
        assert_eq!(shown, want);
    }
}
