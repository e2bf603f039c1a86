//! Retention: how long a message must be kept, when it goes, and which policy says so.
//!
//! What it is not: a look at any message. Whether a policy's query covers one comes in as a
//! [`Coverage`], its times as [`Times`].
//!
//! Rules:
//! - Of the policies that are enabled the first one that covers a message decides, and no other.
//! - Before the minimum period is over nobody removes the message. When the maximum period is
//!   over, it is removed if the policy says so. In between, and where no policy covers it, those
//!   who may remove mail do.
//! - Where it cannot be told whether a policy covers a message, the message stays as long as any
//!   of the policies that may decide keeps it, and no policy removes it.
//! - Periods count from when the message was archived, or from the later of its own date and when
//!   it was first received: a message cannot make itself older than its arrival.

use std::fmt;

use types::Timestamp;
pub use types::retention::{AtTheEnd, CountedFrom, Coverage};

use crate::age::Age;

/// How long messages are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Periods {
    /// How long nobody removes one.
    pub minimum: Option<Age>,
    /// How long one is kept at most.
    pub maximum: Option<Age>,
    /// From when both count.
    pub from: CountedFrom,
    /// What happens at the end.
    pub at_the_end: AtTheEnd,
}

/// Why periods make no sense. Lower case, without a full stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeriodError {
    /// Neither a minimum nor a maximum.
    None,
    /// Removal without a maximum.
    NoMaximum,
    /// A minimum that is longer than the maximum.
    Crossed,
}

impl fmt::Display for PeriodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PeriodError::None => "a policy needs a minimum or a maximum period",
            PeriodError::NoMaximum => "what is removed by itself needs a maximum period",
            PeriodError::Crossed => "the minimum period is longer than the maximum period",
        })
    }
}

impl std::error::Error for PeriodError {}

impl Periods {
    /// Checks that they make sense.
    pub fn check(&self) -> Result<(), PeriodError> {
        match (self.minimum, self.maximum, self.at_the_end) {
            (None, None, _) => Err(PeriodError::None),
            (_, None, AtTheEnd::Removed) => Err(PeriodError::NoMaximum),
            (Some(minimum), Some(maximum), _) if crosses(minimum, maximum) => {
                Err(PeriodError::Crossed)
            }
            _ => Ok(()),
        }
    }

    /// Until when nobody removes a message, and from when on it goes by itself.
    #[must_use]
    pub fn of(&self, times: &Times) -> Dates {
        let counted_from = match self.from {
            CountedFrom::Archived => times.archived,
            CountedFrom::Message => times.received.map_or(times.date, |it| it.max(times.date)),
        };
        let end = |age: Option<Age>| age.map(|it| it.after(counted_from));
        let (kept_until, ends) = (end(self.minimum), end(self.maximum));
        let removed_from = match self.at_the_end {
            AtTheEnd::Stays => None,
            // Never before the minimum, whatever a calendar does to both.
            AtTheEnd::Removed => ends.map(|it| kept_until.map_or(it, |kept| kept.max(it))),
        };
        Dates { counted_from, kept_until, ends, removed_from }
    }
}

/// Whether a minimum may end after its maximum. Periods of other units are compared on a day from
/// which on months are short.
fn crosses(minimum: Age, maximum: Age) -> bool {
    const SOME_DAY: Timestamp = Timestamp(978_307_200);
    maximum.after(SOME_DAY) < minimum.after(SOME_DAY)
}

/// The times of a message that periods count from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// When it was archived.
    pub archived: Timestamp,
    /// Its date.
    pub date: Timestamp,
    /// When a source first received it, if that is known.
    pub received: Option<Timestamp>,
}

/// What the periods of a policy mean for one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dates {
    /// From when they count.
    pub counted_from: Timestamp,
    /// Nobody removes it before.
    pub kept_until: Option<Timestamp>,
    /// When the maximum period is over.
    pub ends: Option<Timestamp>,
    /// It is removed by itself from then on.
    pub removed_from: Option<Timestamp>,
}

/// Which policy decides over a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decides {
    /// None covers it.
    Nobody,
    /// This one, by its place in the list that was asked.
    Policy(usize),
    /// One of these; which one cannot be told. Perhaps none of them, when `or_nobody` says so.
    Unclear {
        /// Their places.
        policies: Vec<usize>,
        /// Whether it may be that none of them covers the message.
        or_nobody: bool,
    },
}

/// What retention says of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Who decides.
    pub decides: Decides,
    /// Nobody removes it before.
    pub kept_until: Option<Timestamp>,
    /// It goes by itself from then on.
    pub removed_from: Option<Timestamp>,
}

impl Verdict {
    /// Whether somebody may remove it at `now`.
    #[must_use]
    pub fn may_be_removed(&self, now: Timestamp) -> bool {
        self.kept_until.is_none_or(|it| it <= now)
    }

    /// Whether it is removed by itself at `now`, and by which policy.
    #[must_use]
    pub fn removed_by(&self, now: Timestamp) -> Option<usize> {
        match self.decides {
            Decides::Policy(place) if self.removed_from.is_some_and(|it| it <= now) => Some(place),
            _ => None,
        }
    }
}

/// Decides over a message. `policies` are those that are enabled, in order, each with whether it
/// covers the message.
#[must_use]
pub fn decide(policies: &[(Periods, Coverage)], times: &Times) -> Verdict {
    let mut open = Vec::new();
    for (place, (periods, coverage)) in policies.iter().enumerate() {
        match coverage {
            Coverage::No => (),
            Coverage::Unclear => open.push((place, periods)),
            Coverage::Yes if open.is_empty() => {
                let Dates { kept_until, removed_from, .. } = periods.of(times);
                return Verdict { decides: Decides::Policy(place), kept_until, removed_from };
            }
            Coverage::Yes => {
                open.push((place, periods));
                return unclear(&open, false, times);
            }
        }
    }
    if open.is_empty() {
        return Verdict { decides: Decides::Nobody, kept_until: None, removed_from: None };
    }
    unclear(&open, true, times)
}

fn unclear(open: &[(usize, &Periods)], or_nobody: bool, times: &Times) -> Verdict {
    let kept_until = open.iter().filter_map(|(_, it)| it.of(times).kept_until).max();
    let policies = open.iter().map(|(place, _)| *place).collect();
    let decides = Decides::Unclear { policies, or_nobody };
    Verdict { decides, kept_until, removed_from: None }
}

/// The clock may be wrong by this much before retention stops.
pub const CLOCK_JUMP_SECONDS: i64 = 86_400;

/// How the clock stands to what is known of earlier times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockVerdict {
    /// As was to be expected.
    Plausible,
    /// It is so many seconds ahead of the last time that is known.
    Ahead(i64),
    /// It is so many seconds behind it.
    Behind(i64),
}

/// Compares the clock with the times at which something was last noted: the newest entry of each
/// log, and what the state remembers. Without any there is nothing to compare with.
///
/// A machine that was off for longer than a day looks like a clock that was put forward. Nothing
/// here can tell them apart, so a person has to.
#[must_use]
pub fn look_at_clock(now: Timestamp, known: impl IntoIterator<Item = Timestamp>) -> ClockVerdict {
    let Some(last) = known.into_iter().max() else { return ClockVerdict::Plausible };
    let ahead = now.0.saturating_sub(last.0);
    if CLOCK_JUMP_SECONDS < ahead {
        ClockVerdict::Ahead(ahead)
    } else if CLOCK_JUMP_SECONDS < -ahead {
        ClockVerdict::Behind(-ahead)
    } else {
        ClockVerdict::Plausible
    }
}

#[cfg(test)]
mod tests;
