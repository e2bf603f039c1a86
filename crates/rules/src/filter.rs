//! The filter of a job: which messages of a mailbox are archived, and may be removed.
//!
//! What it is not: a search. It looks at what a mailbox says about a message before it is
//! fetched, and at a few fields of its header.
//!
//! Rules:
//! - All criteria have to hold.
//! - Flags and size are asked first. Only when they leave a message in are its headers needed:
//!   [`Answer::NeedsHeaders`].
//! - A message whose date nobody knows is archived, and not removed: neither harms anybody.
//! - Criteria that time or flags can change make a message come and go; a job with such a
//!   criterion has no cursor for bodies ([`Filter::is_fixed`]).

use std::fmt;
use std::str::FromStr;

use types::{Address, Flags, Hash, Timestamp};

use crate::age::Age;
use crate::calendar;
use crate::fold::fold_text;
use crate::wording::WordingError;

mod parse;

/// The most criteria of a filter.
pub const CRITERIA_MAX: usize = 100;

/// Which messages are archived. Without criteria: all of them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Filter {
    terms: Vec<Term>,
}

/// A criterion, or its opposite.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Term {
    criterion: Criterion,
    sense: Sense,
}

/// Whether a criterion has to hold, or has to fail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Sense {
    Is,
    IsNot,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Criterion {
    /// All of these flags are set.
    Flags(Flag),
    /// More than so many bytes.
    Larger(u64),
    /// Fewer than so many bytes.
    Smaller(u64),
    /// Dated from the first moment on, and before the second. One of them is there.
    Dated(Option<Timestamp>, Option<Timestamp>),
    /// Dated so long ago, or less.
    Younger(Age),
    /// Dated longer ago.
    Older(Age),
    /// A field contains a text.
    Contains(Field, String),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Flag {
    Seen,
    Flagged,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Field {
    From,
    To,
    Subject,
}

/// What a mailbox says about a message.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its flags; none where the source has no flags.
    pub flags: Flags,
    /// Its size in bytes, as the source says it.
    pub size: u64,
    /// When it arrived, where the source says so.
    pub received: Option<Timestamp>,
    /// What its header says; `None` as long as nobody read it.
    pub header: Option<HeaderFacts<'a>>,
}

/// What the header of a message says.
#[derive(Clone, Copy, Debug)]
pub struct HeaderFacts<'a> {
    /// Its own date.
    pub date: Option<Timestamp>,
    /// Its From.
    pub from: &'a [Address],
    /// Its To.
    pub to: &'a [Address],
    /// Its Cc and Bcc.
    pub copies: &'a [Address],
    /// Its subject, decoded.
    pub subject: &'a str,
}

/// Whether a message is archived.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Answer {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// That depends on its header.
    NeedsHeaders,
}

/// What one criterion says.
enum Held {
    Yes,
    No,
    NeedsHeaders,
    /// Neither it nor its opposite can be said, and nothing will change that.
    Unknowable,
}

impl From<bool> for Held {
    fn from(holds: bool) -> Held {
        if holds { Held::Yes } else { Held::No }
    }
}

impl Filter {
    /// Whether there are no criteria.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Decides whether a message is archived at `now`, from as much as is known.
    #[must_use]
    pub fn decide(&self, facts: &Facts<'_>, now: Timestamp) -> Answer {
        self.answer(facts, now, Answer::Yes)
    }

    /// Decides whether a message may be removed at `now`. Unlike for archiving, a message whose
    /// date nobody knows is out where the filter asks for one: what stays harms nobody either.
    #[must_use]
    pub fn decide_removal(&self, facts: &Facts<'_>, now: Timestamp) -> Answer {
        self.answer(facts, now, Answer::No)
    }

    fn answer(&self, facts: &Facts<'_>, now: Timestamp, unknowable: Answer) -> Answer {
        let mut answer = Answer::Yes;
        for term in &self.terms {
            let said = match (term.criterion.held(facts, now), term.sense) {
                (Held::Yes, Sense::Is) | (Held::No, Sense::IsNot) => Answer::Yes,
                (Held::Yes, Sense::IsNot) | (Held::No, Sense::Is) => Answer::No,
                (Held::NeedsHeaders, _) => Answer::NeedsHeaders,
                (Held::Unknowable, _) => unknowable,
            };
            match said {
                Answer::No => return Answer::No,
                Answer::NeedsHeaders => answer = Answer::NeedsHeaders,
                Answer::Yes => (),
            }
        }
        answer
    }

    /// Whether a message that is in stays in, and one that is out stays out, whatever time passes
    /// and whichever flags are set.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        !self.changes_with_time() && !self.changes_with_flags()
    }

    /// Whether time moves messages in or out.
    #[must_use]
    pub fn changes_with_time(&self) -> bool {
        let moves = |it: &Term| matches!(it.criterion, Criterion::Younger(_) | Criterion::Older(_));
        self.terms.iter().any(moves)
    }

    /// Whether flags move messages in or out. Sources without flags cannot have such a filter.
    #[must_use]
    pub fn changes_with_flags(&self) -> bool {
        self.terms.iter().any(|it| matches!(it.criterion, Criterion::Flags(_)))
    }

    /// Whether there are messages that only their header decides about.
    #[must_use]
    pub fn looks_at_headers(&self) -> bool {
        let early = |it: &Term| {
            matches!(
                it.criterion,
                Criterion::Flags(_) | Criterion::Larger(_) | Criterion::Smaller(_)
            )
        };
        !self.terms.iter().all(early)
    }

    /// The filter in the one form that all its spellings have: criteria sorted, each once.
    #[must_use]
    pub fn canonical(&self) -> Filter {
        let mut terms = self.terms.clone();
        for term in &mut terms {
            if let Criterion::Contains(_, text) = &mut term.criterion {
                *text = fold_text(text);
            }
        }
        terms.sort_unstable();
        terms.dedup();
        Filter { terms }
    }

    /// Names what this filter means. The order, case and repetition of criteria do not count.
    #[must_use]
    pub fn fingerprint(&self) -> Hash {
        Hash::of(format!("filter 1\n{}", self.canonical()).as_bytes())
    }
}

impl Criterion {
    fn held(&self, facts: &Facts<'_>, now: Timestamp) -> Held {
        match self {
            Criterion::Flags(Flag::Seen) => facts.flags.contains(Flags::SEEN).into(),
            Criterion::Flags(Flag::Flagged) => facts.flags.contains(Flags::FLAGGED).into(),
            Criterion::Larger(size) => (facts.size > *size).into(),
            Criterion::Smaller(size) => (facts.size < *size).into(),
            Criterion::Dated(from, until) => dated(facts, |at| {
                from.is_none_or(|from| from <= at) && until.is_none_or(|until| at < until)
            }),
            Criterion::Younger(age) => dated(facts, |at| at >= age.before(now)),
            Criterion::Older(age) => dated(facts, |at| at < age.before(now)),
            Criterion::Contains(field, text) => {
                let Some(header) = &facts.header else { return Held::NeedsHeaders };
                contains(*field, &fold_text(text), header).into()
            }
        }
    }
}

/// Asks the date of a message: its own, or else when it arrived.
fn dated(facts: &Facts<'_>, holds: impl Fn(Timestamp) -> bool) -> Held {
    let Some(header) = &facts.header else { return Held::NeedsHeaders };
    header.date.or(facts.received).map_or(Held::Unknowable, |at| holds(at).into())
}

fn contains(field: Field, text: &str, header: &HeaderFacts<'_>) -> bool {
    let any = |list: &[Address]| list.iter().any(|it| fold_text(&it.to_string()).contains(text));
    match field {
        Field::From => any(header.from),
        Field::To => any(header.to) || any(header.copies),
        Field::Subject => fold_text(header.subject).contains(text),
    }
}

/// The filter as it is written, which [`FromStr`] understands.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, term) in self.terms.iter().enumerate() {
            let space = if n == 0 { "" } else { " " };
            write!(f, "{space}{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Flags have words for their opposites; everything else takes a minus.
        if self.sense == Sense::IsNot {
            match self.criterion {
                Criterion::Flags(Flag::Seen) => return f.write_str("unread"),
                Criterion::Flags(Flag::Flagged) => return f.write_str("unflagged"),
                _ => f.write_str("-")?,
            }
        }
        match &self.criterion {
            Criterion::Flags(Flag::Seen) => f.write_str("read"),
            Criterion::Flags(Flag::Flagged) => f.write_str("flagged"),
            Criterion::Larger(size) => write!(f, "larger:{}", parse::show_size(*size)),
            Criterion::Smaller(size) => write!(f, "smaller:{}", parse::show_size(*size)),
            Criterion::Dated(Some(from), None) => write!(f, "after:{}", calendar::day(*from)),
            Criterion::Dated(None, Some(until)) => write!(f, "before:{}", calendar::day(*until)),
            Criterion::Dated(from, until) => {
                let from = from.map(calendar::day).unwrap_or_default();
                let last = until.map(|it| calendar::day(it.plus_days(-1))).unwrap_or_default();
                let is_day = from == last;
                if is_day { write!(f, "date:{from}") } else { write!(f, "date:{from}..{last}") }
            }
            Criterion::Younger(age) => write!(f, "younger:{}", age.short()),
            Criterion::Older(age) => write!(f, "older:{}", age.short()),
            Criterion::Contains(field, text) => {
                let field = match field {
                    Field::From => "from",
                    Field::To => "to",
                    Field::Subject => "subject",
                };
                write!(f, "{field}:{}", parse::quoted(text))
            }
        }
    }
}

/// Criteria separated by spaces: `younger:90d unread larger:1M`. See `docs/reference/filter.md`.
impl FromStr for Filter {
    type Err = WordingError;

    fn from_str(text: &str) -> Result<Filter, WordingError> {
        parse::filter(text)
    }
}

#[cfg(test)]
mod tests;
