//! Whether the clock can be believed: retention that runs by a wrong one removes what must stay.
//!
//! Rules: what is compared with are the newest entry of the log and the last time that the state
//! remembers; a jump is remembered, and stops retention until somebody confirms the clock; what
//! was confirmed is not asked again.

use commands::{Failure, FailureKind};
use ports::Log;
use rules::retention::{ClockVerdict, look_at_clock};
use state::{ClockMemory, State};
use store::Store;
use types::Timestamp;

use super::super::all_stores::AllStores;
use super::super::{faults, users};
use crate::context::DataDir;
use crate::render::words;

/// Enough for any entry.
const ENTRY_BYTES: usize = 64 << 10;

/// When the newest entry of a log was written.
fn last_entry(store: &Store) -> Result<Option<Timestamp>, Failure> {
    let entries = store.log().position().entries;
    let Some(last) = entries.checked_sub(1) else { return Ok(None) };
    let run = store.log().entries(last, ENTRY_BYTES).map_err(|it| faults::log(&it))?;
    Ok(run.items.last().map(|(entry, _)| entry.time))
}

/// The newest entry of all logs.
pub(super) fn last_of(all: &AllStores) -> Result<Option<Timestamp>, Failure> {
    let mut last = None;
    for one in &all.stores {
        last = last.max(last_entry(&one.reading.store)?);
    }
    Ok(last)
}

/// How the clock stands, without remembering anything.
fn verdict(
    memory: Option<ClockMemory>,
    last_entry: Option<Timestamp>,
    now: Timestamp,
) -> ClockVerdict {
    if let Some(ClockMemory { stopped: Some((_, ahead)), .. }) = memory {
        return if ahead < 0 { ClockVerdict::Behind(-ahead) } else { ClockVerdict::Ahead(ahead) };
    }
    let accepted = memory.and_then(|it| it.accepted);
    let last_entry = last_entry.filter(|it| accepted.is_none_or(|accepted| accepted < *it));
    look_at_clock(now, last_entry.into_iter().chain(memory.map(|it| it.seen)))
}

/// How often the clock is remembered while nothing is wrong with it.
const REMEMBERED_EVERY_SECONDS: i64 = 600;

/// Whether the clock was looked at a moment ago, and nothing was wrong.
pub(super) fn was_seen(state: &State, now: Timestamp) -> Result<bool, Failure> {
    let memory = state.clock_memory().map_err(|it| faults::state(&it))?;
    let since = memory.filter(|it| it.stopped.is_none()).map(|it| now.0.saturating_sub(it.seen.0));
    Ok(since.is_some_and(|it| (0..REMEMBERED_EVERY_SECONDS).contains(&it)))
}

/// Looks at the clock, and remembers what was seen. Fails when retention must not run.
pub(super) fn check(
    state: &mut State,
    last_entry: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Failure> {
    let failed = |it| faults::state(&it);
    let memory = state.clock_memory().map_err(failed)?;
    let found = verdict(memory, last_entry, now);
    let seen = memory.map_or(now, |it| it.seen);
    let accepted = memory.and_then(|it| it.accepted);
    let next = match found {
        ClockVerdict::Plausible => ClockMemory { seen: seen.max(now), stopped: None, accepted },
        ClockVerdict::Ahead(by) | ClockVerdict::Behind(by) => {
            let ahead = if matches!(found, ClockVerdict::Behind(_)) { -by } else { by };
            let stopped = memory.and_then(|it| it.stopped).or(Some((now, ahead)));
            ClockMemory { seen, stopped, accepted }
        }
    };
    if memory != Some(next) {
        state.remember_clock(next).map_err(failed)?;
    }
    match in_words(found) {
        None => Ok(()),
        Some(told) => {
            Err(Failure::new(FailureKind::Configuration, format!("retention stands still: {told}"))
                .with_hint(
                    "When the clock is right, `posthold retention confirm-clock` lets it go on.",
                ))
        }
    }
}

/// What a plan warns of.
pub(super) fn warning(
    state: &State,
    last_entry: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<String>, Failure> {
    let memory = state.clock_memory().map_err(|it| faults::state(&it))?;
    let told = in_words(verdict(memory, last_entry, now));
    Ok(told.map(|it| format!("A run would not begin: {it}.")))
}

fn in_words(verdict: ClockVerdict) -> Option<String> {
    let (by, how) = match verdict {
        ClockVerdict::Plausible => return None,
        ClockVerdict::Ahead(by) => (by, "ahead of"),
        ClockVerdict::Behind(by) => (by, "behind"),
    };
    let by = words::duration(by);
    Some(format!("the clock is {by} {how} the last time that is known"))
}

/// Somebody says that the clock is right. Returns whether retention stood still.
pub(super) fn confirm(data: &DataDir, now: Timestamp) -> Result<bool, Failure> {
    let last = match AllStores::open(data) {
        Ok(all) => last_of(&all)?,
        Err(_) => None,
    };
    let mut state = users::open(data)?;
    let failed = |it| faults::state(&it);
    let memory = state.clock_memory().map_err(failed)?;
    let stood_still = verdict(memory, last, now) != ClockVerdict::Plausible;
    let accepted = last.max(memory.and_then(|it| it.accepted));
    state.remember_clock(ClockMemory { seen: now, stopped: None, accepted }).map_err(failed)?;
    Ok(stood_still)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(day: i64) -> Timestamp {
        Timestamp(day * DAY)
    }

    #[test]
    fn a_jump_stops_it_until_somebody_confirms() {
        let mut state = State::empty().unwrap();
        assert!(check(&mut state, None, at(100)).is_ok(), "nothing to compare with");
        assert!(check(&mut state, Some(at(100)), at(101)).is_ok());
        assert!(check(&mut state, Some(at(100)), at(103)).is_err(), "forward");
        let stopped = check(&mut state, Some(at(100)), at(101)).unwrap_err();
        assert!(stopped.message.contains("2 days"), "{}", stopped.message);
        assert_eq!(state.clock_memory().unwrap().unwrap().seen, at(101), "what was known stays");
        let memory = ClockMemory { seen: at(103), stopped: None, accepted: Some(at(100)) };
        state.remember_clock(memory).unwrap();
        assert!(check(&mut state, Some(at(100)), at(103)).is_ok());
        assert!(check(&mut state, Some(at(103)), at(101)).is_err(), "backward");
    }

    #[test]
    fn entries_of_a_clock_that_was_wrong_are_not_asked_again() {
        let mut state = State::empty().unwrap();
        assert!(check(&mut state, Some(at(900)), at(100)).is_err());
        let memory = ClockMemory { seen: at(100), stopped: None, accepted: Some(at(900)) };
        state.remember_clock(memory).unwrap();
        assert!(check(&mut state, Some(at(900)), at(100)).is_ok());
        assert!(check(&mut state, Some(at(900)), at(101)).is_ok());
        assert!(check(&mut state, Some(at(902)), at(101)).is_err(), "a newer one counts");
    }
}
