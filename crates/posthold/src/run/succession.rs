//! When a new store takes the place of the current one by itself, and what it is called.
//!
//! Rules: by number of messages, by the calendar (UTC), or by whichever comes first; a store is
//! made whole and has the cursors before anything goes to it; a failure is kept, told as an alert,
//! and stops archiving.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::settings::{STORE_CREATE_AT_MESSAGES, STORE_CREATE_EVERY, STORE_PATH_PATTERN};
use commands::{Failure, NewStore, StoreState};
use disk::SystemClock;
use ports::Clock;
use state::{SavedStore, StoreFailure};
use store::{Access, StoreSpec, Succession};
use types::Timestamp;

use super::{all_stores, faults, settings as values_of, store_admin, users};
use crate::context::DataDir;

/// How long what the settings said is believed.
const BELIEVED: Duration = Duration::from_secs(20);

/// Names of one period that are tried.
const NAMES_MAX: u32 = 1_000;

/// When the next store is due, by the settings of a data directory.
pub(super) struct Due {
    data: DataDir,
    clock: Arc<dyn Clock>,
    plan: Mutex<Option<Plan>>,
}

#[derive(Clone)]
struct Plan {
    read: Instant,
    at_messages: u64,
    every: String,
    /// When the current store began.
    began: Timestamp,
}

/// A part of the calendar, in UTC.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Period {
    year: String,
    month: String,
    quarter: u32,
}

impl Period {
    fn of(time: Timestamp) -> Period {
        let text = time.to_string();
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
        let (year, month) = (part(0, 4), part(5, 7));
        let number: u32 = month.parse().unwrap_or(1);
        Period { year, month, quarter: number.saturating_sub(1) / 3 + 1 }
    }

    /// Its name, in steps of `every`.
    fn name(&self, every: &str) -> Option<String> {
        match every {
            "month" => Some(format!("{}-{}", self.year, self.month)),
            "quarter" => Some(format!("{}-Q{}", self.year, self.quarter)),
            "year" => Some(self.year.clone()),
            _ => None,
        }
    }
}

impl Due {
    /// By the settings of this data directory.
    pub(super) fn new(data: &DataDir) -> Due {
        Due::by(data, Arc::new(SystemClock))
    }

    /// The same, with the time that this clock tells.
    pub(super) fn by(data: &DataDir, clock: Arc<dyn Clock>) -> Due {
        Due { data: data.clone(), clock, plan: Mutex::default() }
    }

    fn plan(&self) -> Result<Plan, Failure> {
        let mut kept = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = kept.as_ref().filter(|it| it.read.elapsed() < BELIEVED) {
            return Ok(plan.clone());
        }
        let state = users::open_for_reading(&self.data)?;
        let values = values_of::values(&state)?;
        let current = state.current_store().map_err(|it| faults::state(&it))?;
        let began = current.map_or(Timestamp(0), |it| {
            let created = store_admin::description(&self.data.at(&it).store());
            it.since.max(created.map_or(Timestamp(0), |it| it.created))
        });
        let plan = Plan {
            read: Instant::now(),
            at_messages: values.number(&STORE_CREATE_AT_MESSAGES),
            every: values.text(&STORE_CREATE_EVERY).to_owned(),
            began,
        };
        Ok(kept.insert(plan).clone())
    }

    /// A store that was to follow, when whoever made it was killed before it did.
    fn left_behind(&self) -> Result<Option<SavedStore>, Failure> {
        let stores = all_stores::saved(&self.data)?;
        let Some(current) = stores.last().filter(|it| it.state == StoreState::Current) else {
            return Ok(None);
        };
        let follows = |it: &&SavedStore| current.turn < it.turn && it.state == StoreState::Normal;
        Ok(stores.iter().find(follows).cloned())
    }

    /// Name and directory of the next store: the first of its period that is free.
    fn next(&self) -> Result<NewStore, Failure> {
        let plan = self.plan()?;
        let state = users::open_for_reading(&self.data)?;
        let pattern = values_of::values(&state)?.text(&STORE_PATH_PATTERN).to_owned();
        let period = Period::of(self.clock.now());
        let stores = all_stores::saved(&self.data)?;
        let base = period.name(&plan.every).unwrap_or_else(|| "store".to_owned());
        for number in 1..=NAMES_MAX {
            let name = match (number, base.as_str()) {
                (1, base) if base != "store" => base.to_owned(),
                (number, base) => format!("{base}-{number}"),
            };
            let dir = filled(&pattern, &name, &period);
            let path = self.data.stores().join(&dir);
            let is_taken =
                stores.iter().any(|it| it.name == name || self.data.at(it).store() == path);
            if !is_taken {
                return Ok(NewStore { name, dir: Some(path), state: StoreState::Current });
            }
        }
        let message = format!("no name for the next store of {base} is free");
        Err(Failure::new(commands::FailureKind::Configuration, message))
    }
}

/// A path pattern with everything filled in.
fn filled(pattern: &str, name: &str, period: &Period) -> String {
    let dir = pattern
        .replace("{year}", &period.year)
        .replace("{month}", &period.month)
        .replace("{quarter}", &format!("Q{}", period.quarter));
    match dir.contains("{name}") {
        true => dir.replace("{name}", name),
        // Two stores of one period must not share a directory.
        false => format!("{}/{name}", dir.trim_end_matches('/')),
    }
}

impl Succession for Due {
    fn is_due(&self, messages: u64) -> bool {
        let Ok(plan) = self.plan() else { return false };
        let by_count = plan.at_messages != 0 && plan.at_messages <= messages;
        let now = Period::of(self.clock.now()).name(&plan.every);
        // One that has nothing yet need not be followed.
        let by_calendar = now.is_some() && now != Period::of(plan.began).name(&plan.every);
        by_count || (by_calendar && messages != 0)
    }

    fn make(&self) -> Result<StoreSpec, String> {
        let made = self.left_behind().and_then(|left| match left {
            Some(saved) => Ok(saved),
            None => {
                let next = self.next()?;
                store_admin::create(&self.data, &next)?;
                store_admin::named(&self.data, &next.name)
            }
        });
        let saved = made.map_err(|it| it.message)?;
        // The number that it has when it is the current one.
        let number = u16::try_from(saved.turn).map_err(|it| it.to_string())?;
        let dir = self.data.at(&saved).store();
        let recorded = Vec::new();
        Ok(StoreSpec { name: saved.name, dir, number, access: Access::Current, recorded })
    }

    fn begin(&self, next: &StoreSpec) -> Result<(), String> {
        let begun = users::open(&self.data).and_then(|mut state| {
            let now = self.clock.now();
            let made = state.make_store_current(&next.name, now);
            made.and_then(|()| state.set_store_failure(None)).map_err(|it| faults::state(&it))
        });
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = None;
        begun.map_err(|it| it.message)
    }

    fn failed(&self, why: &str) {
        let what = "the next store could not be made".to_owned();
        let failure = StoreFailure { what, why: why.to_owned(), at: self.clock.now() };
        let kept = users::open(&self.data).and_then(|mut state| {
            state.set_store_failure(Some(&failure)).map_err(|it| faults::state(&it))
        });
        if let Err(failure) = kept {
            tracing::warn!("why there is no next store is not kept: {}", failure.message);
        }
    }
}

#[cfg(test)]
mod tests;
