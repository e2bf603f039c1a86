//! Schedules from text: clauses separated by `;`. For users: `docs/reference/schedule.md`.

use std::str::FromStr;

use super::{AtStart, CLAUSES_MAX, Cron, Every, MINUTES_MAX, Schedule, Utc, Window};
use crate::wording::{Word, WordingError, limited, pieces, words};

const HINT: &str = "Write by hand, at start, every 15 minutes, cron 30 2 * * *, not 08:00-18:00 \
    or zone Europe/Berlin, with ; between them.";

impl FromStr for Schedule {
    type Err = WordingError;

    fn from_str(text: &str) -> Result<Schedule, WordingError> {
        limited(text)?;
        let mut schedule = Schedule::default();
        let mut by_hand = None;
        let mut n_clauses = 0;
        for clause in pieces(text, 0, |it| it == ';') {
            let words = clause_words(clause);
            let Some((first, rest)) = words.split_first() else { continue };
            n_clauses += 1;
            if n_clauses > CLAUSES_MAX {
                let what = format!("a schedule has at most {CLAUSES_MAX} clauses");
                return Err(first.wrong(what, "Leave some out."));
            }
            let end = clause.at + clause.text.trim_end().len();
            if is_by_hand(first, rest) {
                by_hand = Some(*first);
                continue;
            }
            schedule.take(*first, rest, end)?;
        }
        if n_clauses == 0 {
            return Err(WordingError::new(text.len(), "the schedule is empty", HINT));
        }
        if let Some(word) = by_hand.filter(|_| !schedule.is_by_hand()) {
            let hint = "Leave it out, or everything else: any job can also be run by hand.";
            return Err(word.wrong("what runs by itself is not run by hand only", hint));
        }
        let always_closed = schedule.open_from(types::Timestamp(0), &Utc).is_none();
        if always_closed {
            return Err(WordingError::new(0, "the windows leave no time to run at", HINT));
        }
        Ok(schedule)
    }
}

fn clause_words(clause: Word<'_>) -> Vec<Word<'_>> {
    let found = words(clause.text).into_iter();
    found.map(|it| Word { at: clause.at + it.at, text: it.text }).collect()
}

fn is_by_hand(first: &Word<'_>, rest: &[Word<'_>]) -> bool {
    let is = |word: &Word<'_>, text: &str| word.text.eq_ignore_ascii_case(text);
    is(first, "by") && matches!(rest, [hand] if is(hand, "hand"))
}

impl Schedule {
    /// Takes a clause. `end` is where it ends.
    fn take(&mut self, first: Word<'_>, rest: &[Word<'_>], end: usize) -> Result<(), WordingError> {
        match first.text.to_ascii_lowercase().as_str() {
            "every" if self.every.is_some() => {
                Err(first.wrong("there are two intervals", "Leave one out."))
            }
            "every" => {
                self.every = Some(every(rest, end)?);
                Ok(())
            }
            "at" if matches!(rest, [start] if start.text.eq_ignore_ascii_case("start")) => {
                self.at_start = AtStart::Runs;
                Ok(())
            }
            "cron" => {
                self.crons.push(Cron::read(rest, end)?);
                Ok(())
            }
            "not" => {
                self.windows.push(Window::read(rest, end)?);
                Ok(())
            }
            "zone" if self.zone.is_some() => {
                Err(first.wrong("there are two time zones", "Leave one out."))
            }
            "zone" => {
                self.zone = Some(zone(rest, end)?);
                Ok(())
            }
            _ => {
                let what = format!("\"{}\" does not begin a part of a schedule", first.text);
                Err(first.wrong(what, HINT))
            }
        }
    }
}

/// `15 minutes`, `2 hours pause 10 minutes`.
fn every(words: &[Word<'_>], end: usize) -> Result<Every, WordingError> {
    let mut rest = words.iter();
    let minutes = span(&mut rest, end)?;
    let pause = match rest.next() {
        None => 0,
        Some(word) if word.text.eq_ignore_ascii_case("pause") => span(&mut rest, end)?,
        Some(word) => {
            let what = format!("\"{}\" is one word too many", word.text);
            return Err(word.wrong(what, EVERY_HINT));
        }
    };
    match rest.next() {
        None => Ok(Every { minutes, pause }),
        Some(word) => {
            Err(word.wrong(format!("\"{}\" is one word too many", word.text), EVERY_HINT))
        }
    }
}

const EVERY_HINT: &str = "Write every 15 minutes, or every 1 hour pause 10 minutes.";

fn span<'a>(
    rest: &mut impl Iterator<Item = &'a Word<'a>>,
    end: usize,
) -> Result<u32, WordingError> {
    let missing = || WordingError::new(end, "here minutes or hours are missing", EVERY_HINT);
    let (count, unit) = (rest.next().ok_or_else(missing)?, rest.next().ok_or_else(missing)?);
    let minutes = match unit.text.to_ascii_lowercase().as_str() {
        "minute" | "minutes" | "min" => 1,
        "hour" | "hours" | "h" => 60,
        _ => {
            return Err(
                unit.wrong(format!("\"{}\" is not minutes or hours", unit.text), EVERY_HINT)
            );
        }
    };
    let read = count.text.parse::<u32>().ok().and_then(|it| it.checked_mul(minutes));
    read.filter(|it| (1..=MINUTES_MAX).contains(it)).ok_or_else(|| {
        let what = format!("\"{}\" is not a number from a minute to a week", count.text);
        count.wrong(what, EVERY_HINT)
    })
}

/// The name of a zone as the system has it; whether it exists is for others to say.
fn zone(words: &[Word<'_>], end: usize) -> Result<String, WordingError> {
    const ZONE_HINT: &str = "Write one name such as zone Europe/Berlin.";
    let [word] = words else {
        let at = words.get(1).map_or(end, |it| it.at);
        return Err(WordingError::new(at, "a time zone is one word", ZONE_HINT));
    };
    let allowed = |it: char| it.is_ascii_alphanumeric() || matches!(it, '/' | '_' | '-' | '+');
    let is_name = word.text.len() <= 64
        && word.text.starts_with(|it: char| it.is_ascii_alphabetic())
        && word.text.chars().all(allowed);
    match is_name {
        true => Ok(word.text.to_owned()),
        false => {
            Err(word.wrong(format!("\"{}\" is not the name of a time zone", word.text), ZONE_HINT))
        }
    }
}
