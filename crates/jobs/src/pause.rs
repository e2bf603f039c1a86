//! Pauses that a server asks for, and those that we make when it names no time.
//!
//! Rules: a time that the server names counts as it is, and longer when we would wait longer;
//! without one the pause doubles each time, up to a longest one; it begins anew when that at which
//! the server asked for it works again, or after an hour. Who was asked five times in a row ends
//! instead of trying a sixth time.

use std::time::Duration;

use ports::PauseRow;
use tokio::time::Instant;
use types::Timestamp;

/// So long after a pause was over it has nothing to do with the next one.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(1);

/// How often in a row a server asks for a pause before it is left alone.
const ASKED_MAX: u32 = 5;

/// At what a server asked for a pause.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Stage {
    /// While the connection was made.
    Connecting = 0,
    /// While mailboxes were looked at.
    Looking = 1,
    /// While messages were fetched.
    Fetching = 2,
}

impl Stage {
    fn from_number(number: u8) -> Stage {
        match number {
            0 => Stage::Connecting,
            1 => Stage::Looking,
            _ => Stage::Fetching,
        }
    }
}

/// A pause, in force or over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pause {
    /// Nobody connects before.
    pub(crate) until: Instant,
    /// The same for people.
    pub(crate) shown: Timestamp,
    /// When it was asked for.
    since: Timestamp,
    /// How many came in a row.
    count: u32,
    stage: Stage,
    pub(crate) reason: String,
}

/// How long pauses are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lengths {
    pub(crate) first: Duration,
    pub(crate) max: Duration,
}

/// The pause after one more request for one.
pub(crate) fn next(
    last: Option<&Pause>,
    asked: Option<Duration>,
    lengths: Lengths,
    (now, wall): (Instant, Timestamp),
    stage: Stage,
    reason: &str,
) -> Pause {
    // What was on its way when the pause began is the same request.
    let count = match last {
        Some(it) if now < it.until => it.count,
        Some(it) if it.until + FORGOTTEN_AFTER < now => 1,
        Some(it) => it.count.saturating_add(1),
        None => 1,
    };
    let doubled = lengths.first.saturating_mul(1 << count.saturating_sub(1).min(20));
    let own = doubled.min(lengths.max);
    let length = asked.map_or(own, |asked| asked.max(own));
    let until = now + length;
    let (until, shown) = match last {
        Some(it) if it.until > until => (it.until, it.shown),
        _ => (until, later(wall, length)),
    };
    let stage = last.map_or(stage, |it| it.stage.max(stage));
    Pause { until, shown, since: wall, count, stage, reason: reason.to_owned() }
}

impl Pause {
    /// How long it lasts still.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.until.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Whether the server asked so often that who works there ends instead of trying again.
    pub(crate) fn is_last(&self) -> bool {
        self.count > ASKED_MAX
    }

    /// Whether something that worked shows that it is over for good.
    pub(crate) fn ends_with(&self, worked: Stage, now: Instant) -> bool {
        worked >= self.stage && self.left(now).is_none()
    }

    /// As it is remembered.
    pub(crate) fn row(&self, of: &str) -> PauseRow {
        PauseRow {
            of: of.to_owned(),
            since: self.since,
            until: self.shown,
            count: self.count,
            stage: self.stage as u8,
            reason: self.reason.clone(),
        }
    }

    /// From what is remembered, when that still matters.
    pub(crate) fn from_row(row: PauseRow, (now, wall): (Instant, Timestamp)) -> Option<Pause> {
        if later(row.until, FORGOTTEN_AFTER) < wall {
            return None;
        }
        let seconds = |it: i64| Duration::from_secs(u64::try_from(it).unwrap_or(0));
        // A clock that was put back does not make it longer.
        let left = seconds(row.until.0.saturating_sub(wall.0))
            .min(seconds(row.until.0.saturating_sub(row.since.0)));
        Some(Pause {
            until: now + left,
            shown: if left.is_zero() { row.until } else { later(wall, left) },
            since: row.since,
            count: row.count,
            stage: Stage::from_number(row.stage),
            reason: row.reason,
        })
    }
}

/// The first whole second at which so much time has passed, whatever part of a second `from` has.
fn later(from: Timestamp, length: Duration) -> Timestamp {
    let begun = u64::from(length.subsec_nanos() != 0);
    let seconds = i64::try_from(length.as_secs().saturating_add(begun)).unwrap_or(i64::MAX);
    Timestamp(from.0.saturating_add(seconds).saturating_add(1))
}
