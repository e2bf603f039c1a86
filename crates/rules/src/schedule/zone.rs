//! From local time to moments, knowing only how far a zone is from UTC at a moment.
//!
//! What it is not: a database of zones. It asks one.

use types::Timestamp;

/// A time zone.
pub trait Zone {
    /// How many seconds local time is ahead of UTC at a moment; negative when it is behind.
    fn offset(&self, at: Timestamp) -> i32;
}

impl<F: Fn(Timestamp) -> i32> Zone for F {
    fn offset(&self, at: Timestamp) -> i32 {
        self(at)
    }
}

/// The zone that has no changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Utc;

impl Zone for Utc {
    fn offset(&self, _: Timestamp) -> i32 {
        0
    }
}

/// The moments at which clocks show a local time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moments {
    /// One.
    One(Timestamp),
    /// None: clocks were put forward over it, at this moment.
    Gap(Timestamp),
    /// Two: clocks were put back.
    Two(Timestamp, Timestamp),
}

/// More than any offset, so that the offsets before and after a change are both seen.
const AROUND_SECONDS: i64 = 26 * 3600;

/// When clocks show `local` (as if it were UTC).
pub(super) fn moments(local: Timestamp, zone: &dyn Zone) -> Moments {
    let offset = |at: i64| i64::from(zone.offset(Timestamp(at)));
    let before = offset(local.0 - AROUND_SECONDS);
    let after = offset(local.0 + AROUND_SECONDS);
    let shows = |seconds: i64| offset(local.0 - seconds) == seconds;
    let at = |seconds: i64| Timestamp(local.0 - seconds);
    match (shows(before), shows(after)) {
        (true, true) if before != after => {
            let (first, second) = (at(before), at(after));
            Moments::Two(first.min(second), first.max(second))
        }
        (true, _) => Moments::One(at(before)),
        (false, true) => Moments::One(at(after)),
        (false, false) => Moments::Gap(change(local.0 - after, local.0 - before, before, zone)),
    }
}

/// The first moment behind `low` and up to `high` at which the offset is not `before` any more.
fn change(low: i64, high: i64, before: i64, zone: &dyn Zone) -> Timestamp {
    let (mut low, mut high) = (low.min(high), low.max(high));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if i64::from(zone.offset(Timestamp(middle))) == before {
            low = middle;
        } else {
            high = middle;
        }
    }
    Timestamp(high)
}
