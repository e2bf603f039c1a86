//! Filters from text. The words are those of the search language where it has them.
//!
//! What it is not: the search language. Criteria are only joined by "and".

use super::{CRITERIA_MAX, Criterion, Field, Filter, Flag, Sense, Term};
use crate::age::Age;
use crate::calendar;
use crate::wording::{Word, WordingError, limited};

const HINT: &str = "Write criteria such as unread, flagged, younger:90d, larger:1M, from:bob or \
    subject:\"weekly report\".";

pub(super) fn filter(text: &str) -> Result<Filter, WordingError> {
    limited(text)?;
    let mut terms = Vec::new();
    for item in items(text)? {
        if terms.len() >= CRITERIA_MAX {
            let what = format!("a filter has at most {CRITERIA_MAX} criteria");
            return Err(item.wrong(what, "Leave some out."));
        }
        terms.push(term(item)?);
    }
    Ok(Filter { terms })
}

/// The words of a filter; spaces in quotes do not separate.
fn items(text: &str) -> Result<Vec<Word<'_>>, WordingError> {
    let mut items = Vec::new();
    let mut begin = None;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if quote.is_none() && c.is_whitespace() {
            items.extend(begin.take().and_then(|begin| word(text, begin, at)));
            continue;
        }
        begin.get_or_insert(at);
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(_) if c == '"' => quote = None,
            None if c == '"' => quote = Some(at),
            _ => (),
        }
    }
    if let Some(at) = quote {
        return Err(WordingError::new(at, "this quote has no end", "Write \" at the end, too."));
    }
    items.extend(begin.and_then(|begin| word(text, begin, text.len())));
    Ok(items)
}

fn word(text: &str, begin: usize, end: usize) -> Option<Word<'_>> {
    text.get(begin..end).map(|text| Word { at: begin, text })
}

fn term(item: Word<'_>) -> Result<Term, WordingError> {
    let (sense, item) = match item.text.strip_prefix('-') {
        Some(rest) => (Sense::IsNot, Word { at: item.at + 1, text: rest }),
        None => (Sense::Is, item),
    };
    let Some((name, value)) = item.text.split_once(':') else {
        return flag(item, sense);
    };
    let value = Word { at: item.at + name.len() + 1, text: value };
    let criterion = match name.to_ascii_lowercase().as_str() {
        "is" => return flag(value, sense),
        "date" => dates(value)?,
        "after" => Criterion::Dated(Some(day(value)?.from), None),
        "before" => Criterion::Dated(None, Some(day(value)?.from)),
        "younger" => Criterion::Younger(age(value)?),
        "older" => Criterion::Older(age(value)?),
        "larger" => Criterion::Larger(size(value)?),
        "smaller" => Criterion::Smaller(size(value)?),
        "from" => Criterion::Contains(Field::From, text(value)?),
        "to" => Criterion::Contains(Field::To, text(value)?),
        "subject" => Criterion::Contains(Field::Subject, text(value)?),
        _ => return Err(item.wrong(format!("\"{name}:\" is not a criterion"), HINT)),
    };
    Ok(Term { criterion, sense })
}

fn flag(item: Word<'_>, sense: Sense) -> Result<Term, WordingError> {
    let opposite = match sense {
        Sense::Is => Sense::IsNot,
        Sense::IsNot => Sense::Is,
    };
    let (flag, sense) = match item.text.to_ascii_lowercase().as_str() {
        "read" | "seen" => (Flag::Seen, sense),
        "unread" | "unseen" => (Flag::Seen, opposite),
        "flagged" => (Flag::Flagged, sense),
        "unflagged" => (Flag::Flagged, opposite),
        "or" | "and" | "not" => {
            let what = format!("\"{}\" is no criterion: all criteria have to hold", item.text);
            let hint = "Leave it out; write - before a criterion for its opposite.";
            return Err(item.wrong(what, hint));
        }
        _ => return Err(item.wrong(format!("\"{}\" is not a criterion", item.text), HINT)),
    };
    Ok(Term { criterion: Criterion::Flags(flag), sense })
}

const DATE_HINT: &str = "Write 2026, 2026-11, 2026-11-21 or 2026-01..2026-03; for an age write \
    younger:90d or older:1y.";

fn dates(value: Word<'_>) -> Result<Criterion, WordingError> {
    let Some((from, until)) = value.text.split_once("..") else {
        let days = day(value)?;
        return Ok(Criterion::Dated(Some(days.from), Some(days.until)));
    };
    let end = |at, text: &str| match text {
        "" => Ok(None),
        _ => day(Word { at, text }).map(Some),
    };
    let first = end(value.at, from)?;
    let last = end(value.at + from.len() + 2, until)?;
    match (&first, &last) {
        (None, None) => Err(value.wrong("a range needs a date on one side at least", DATE_HINT)),
        (Some(first), Some(last)) if last.until <= first.from => {
            let what = format!("the range \"{}\" ends before it begins", value.text);
            Err(value.wrong(what, format!("Write {until}..{from}.")))
        }
        _ => Ok(Criterion::Dated(first.map(|it| it.from), last.map(|it| it.until))),
    }
}

fn day(value: Word<'_>) -> Result<calendar::Days, WordingError> {
    let wrong = || value.wrong(format!("\"{}\" is not a date", value.text), DATE_HINT);
    calendar::days(value.text).ok_or_else(wrong)
}

fn age(value: Word<'_>) -> Result<Age, WordingError> {
    let wrong = || {
        let hint = "Write a number and d, w, m or y: 90d, 2w, 3m, 1y.";
        value.wrong(format!("\"{}\" is not an age", value.text), hint)
    };
    Age::read(value.text).ok_or_else(wrong)
}

/// Bytes: `500`, `10k`, `5M`, `1G`, each step 1024.
fn size(value: Word<'_>) -> Result<u64, WordingError> {
    let wrong = || {
        let hint = "Write bytes, or 10k, 5M, 1G: larger:5M.";
        value.wrong(format!("\"{}\" is not a size", value.text), hint)
    };
    let lower = value.text.to_ascii_lowercase();
    let end = lower.find(|it: char| !it.is_ascii_digit()).unwrap_or(lower.len());
    let (digits, unit) = lower.split_at_checked(end).ok_or_else(wrong)?;
    let step: u64 = match unit {
        "" | "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        _ => return Err(wrong()),
    };
    digits.parse::<u64>().ok().and_then(|it| it.checked_mul(step)).ok_or_else(wrong)
}

/// A size in the largest unit that it is a whole number of.
pub(super) fn show_size(size: u64) -> String {
    let units = [(30, 'G'), (20, 'M'), (10, 'k')];
    let fits = |(bits, _): &&(u32, char)| size > 0 && size.trailing_zeros() >= *bits;
    match units.iter().find(fits) {
        Some((bits, unit)) => format!("{}{unit}", size >> bits),
        None => size.to_string(),
    }
}

/// What a field has to contain: a word, or words in quotes.
fn text(value: Word<'_>) -> Result<String, WordingError> {
    let inner = value.text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let text = match inner {
        Some(inner) => unescaped(inner),
        None => value.text.to_owned(),
    };
    if inner.is_none() && text.contains('"') {
        let hint = "Put the quotes around all of it, and write \\\" for one inside.";
        return Err(value.wrong("a quote stands in the middle of a word", hint));
    }
    if crate::fold::fold_text(&text).is_empty() {
        let hint = "Write what to look for: from:bob, subject:\"weekly report\".";
        return Err(value.wrong("there is nothing to look for", hint));
    }
    Ok(text)
}

fn unescaped(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    text
}

/// A text as it has to be written behind the colon.
pub(super) fn quoted(text: &str) -> String {
    if !text.contains(|it: char| it.is_whitespace() || it == '"') {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
