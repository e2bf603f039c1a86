//! Schedules: when a job runs next.
//!
//! What it is not: a clock, or a table of time zones. Whoever asks says what time it is, and how
//! far a zone is from UTC at a moment ([`Zone`]).
//!
//! Rules:
//! - Local times that a change of the clock leaves out happen at the moment of the change; times
//!   that it repeats happen the first time only. Where the hour is left open (`*/15 * * * *`),
//!   both hours count, and none that does not exist.
//! - Nothing begins in a maintenance window. What would, begins when the window ends.
//! - A time that passed while nothing could run is not made up for; the interval of `every`
//!   counts on from the last run.

use std::fmt;

use types::Timestamp;

mod cron;
mod parse;
mod window;
mod zone;
mod zone_file;

pub use cron::Cron;
pub use window::{Weekdays, Window};
pub use zone::{Utc, Zone};
pub use zone_file::{ZONE_FILE_BYTES_MAX, ZoneFile, ZoneFileError};

/// The most clauses of a schedule.
pub const CLAUSES_MAX: usize = 50;

/// The longest interval and pause, in minutes: a week.
pub const MINUTES_MAX: u32 = 7 * 24 * 60;

/// How far an open minute is looked for: a week, and a day for changes of the clock.
const OPEN_MINUTES_MAX: i64 = 8 * 24 * 60;

const MINUTE_SECONDS: i64 = 60;

/// When a job runs.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Schedule {
    every: Option<Every>,
    at_start: AtStart,
    crons: Vec<Cron>,
    windows: Vec<Window>,
    zone: Option<String>,
}

/// At intervals.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Every {
    /// From the beginning of a run to that of the next, in minutes.
    minutes: u32,
    /// At least from the end of a run to the beginning of the next, in minutes.
    pause: u32,
}

/// Whether a job runs when the service starts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum AtStart {
    /// It does not, unless it is due.
    #[default]
    Waits,
    /// It does.
    Runs,
}

/// When a job ran last. The default: never.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LastRun {
    /// When its last run began.
    pub started: Option<Timestamp>,
    /// When its last run ended; the beginning counts while that is not known.
    pub ended: Option<Timestamp>,
}

impl Schedule {
    /// Whether the job only runs when somebody says so.
    #[must_use]
    pub fn is_by_hand(&self) -> bool {
        self.every.is_none() && self.crons.is_empty() && self.at_start == AtStart::Waits
    }

    /// Whether it runs when the service starts (outside of windows).
    #[must_use]
    pub fn at_start(&self) -> AtStart {
        self.at_start
    }

    /// The name of the time zone; `None`: UTC.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// When the job runs next: at `now` when it is due, else later. `None` when only a person or
    /// the start of the service begins it.
    #[must_use]
    pub fn next_after(&self, now: Timestamp, last: LastRun, zone: &dyn Zone) -> Option<Timestamp> {
        let every = self.every.map(|it| it.next(now, last));
        // What the current window put off is still to come.
        let asked = self.closed_since(now, zone);
        let crons = self.crons.iter().filter_map(|it| it.next_after(asked, zone));
        let earliest = every.into_iter().chain(crons).min()?;
        self.open_from(earliest, zone)
    }

    /// Whether a maintenance window keeps runs from beginning.
    #[must_use]
    pub fn is_closed(&self, at: Timestamp, zone: &dyn Zone) -> bool {
        let local = Timestamp(at.0 + i64::from(zone.offset(at)));
        self.windows.iter().any(|it| it.contains(local))
    }

    /// The last moment up to `at` that no window holds; `at` when there is none in a week.
    fn closed_since(&self, at: Timestamp, zone: &dyn Zone) -> Timestamp {
        if !self.is_closed(at, zone) {
            return at;
        }
        let first = at.0.div_euclid(MINUTE_SECONDS);
        let mut ends =
            (0..=OPEN_MINUTES_MAX).map(|it| Timestamp((first - it) * MINUTE_SECONDS - 1));
        ends.find(|it| !self.is_closed(*it, zone)).unwrap_or(at)
    }

    /// The first moment from `at` on that no window holds; `None` when there is none in a week.
    #[must_use]
    pub fn open_from(&self, at: Timestamp, zone: &dyn Zone) -> Option<Timestamp> {
        if !self.is_closed(at, zone) {
            return Some(at);
        }
        // Minute by minute: windows may touch, overlap, and end in an hour that does not exist.
        let first = at.0.div_euclid(MINUTE_SECONDS);
        let mut later = (1..=OPEN_MINUTES_MAX).map(|it| Timestamp((first + it) * MINUTE_SECONDS));
        later.find(|it| !self.is_closed(*it, zone))
    }
}

impl Every {
    fn next(self, now: Timestamp, last: LastRun) -> Timestamp {
        let after = |at: Timestamp, minutes: u32| {
            Timestamp(at.0.saturating_add(i64::from(minutes) * MINUTE_SECONDS))
        };
        let Some(started) = last.started else { return now };
        let ended = last.ended.unwrap_or(started);
        let due = after(started, self.minutes).max(after(ended, self.pause));
        // A last run in the future is a clock that was wrong.
        let latest = after(now, self.minutes.max(self.pause));
        due.clamp(now, latest)
    }
}

/// The schedule as it is written, which [`FromStr`](std::str::FromStr) understands.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut clauses = Vec::new();
        if self.is_by_hand() {
            clauses.push("by hand".to_owned());
        }
        if let Some(Every { minutes, pause }) = self.every {
            let pause = if pause == 0 { String::new() } else { format!(" pause {}", span(pause)) };
            clauses.push(format!("every {}{pause}", span(minutes)));
        }
        if self.at_start == AtStart::Runs {
            clauses.push("at start".to_owned());
        }
        clauses.extend(self.crons.iter().map(|it| format!("cron {it}")));
        clauses.extend(self.windows.iter().map(|it| format!("not {it}")));
        clauses.extend(self.zone.iter().map(|it| format!("zone {it}")));
        f.write_str(&clauses.join("; "))
    }
}

/// Minutes in words.
fn span(minutes: u32) -> String {
    match (minutes % 60, minutes) {
        (_, 1) => "1 minute".to_owned(),
        (0, 60) => "1 hour".to_owned(),
        (0, 1..) => format!("{} hours", minutes / 60),
        _ => format!("{minutes} minutes"),
    }
}

#[cfg(test)]
mod tests;
