//! Visits to accounts that come sooner than their server profile wants.

use std::fmt;
use std::time::Duration;

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

#[cfg(test)]
mod tests {
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
}
