//! A word as a query asks for it: exactly, or with the wildcards `*` and `?`.
//!
//! What it is not: a regular expression. `*` is any number of characters (also none), `?` is
//! exactly one, everything else is itself after folding.

use std::fmt;

use crate::words::{WORD_BYTES_MAX, truncate};

/// One word of a query, folded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Pattern {
    /// This word.
    Exact(String),
    /// Every word of this form.
    Glob(Glob),
}

impl Pattern {
    /// Whether `word` (folded) is meant.
    #[must_use]
    pub fn matches(&self, word: &str) -> bool {
        match self {
            Pattern::Exact(exact) => exact == word,
            Pattern::Glob(glob) => glob.matches(word),
        }
    }

    /// Builds the simplest form of these characters, of which `bytes_max` count.
    pub(crate) fn new(chars: &[PatternChar], bytes_max: usize) -> Pattern {
        let literal_bytes: usize = chars.iter().map(PatternChar::len_utf8).sum();
        if chars.iter().any(PatternChar::is_wildcard) && literal_bytes < bytes_max {
            return Pattern::Glob(Glob::new(chars));
        }
        // At that length the wildcards stand for nothing that the index holds.
        let mut exact: String = chars.iter().filter_map(PatternChar::literal).collect();
        truncate(&mut exact, bytes_max);
        Pattern::Exact(exact)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Exact(exact) => f.write_str(exact),
            Pattern::Glob(glob) => glob.fmt(f),
        }
    }
}

/// One character of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum PatternChar {
    /// This one.
    Literal(char),
    /// `?`
    One,
    /// `*`
    Many,
}

impl PatternChar {
    /// Reads a character of a query.
    pub(crate) fn read(c: char) -> PatternChar {
        match c {
            '?' => PatternChar::One,
            '*' => PatternChar::Many,
            _ => PatternChar::Literal(c),
        }
    }

    pub(crate) fn is_wildcard(&self) -> bool {
        self.literal().is_none()
    }

    fn literal(&self) -> Option<char> {
        match self {
            PatternChar::Literal(c) => Some(*c),
            PatternChar::One | PatternChar::Many => None,
        }
    }

    fn len_utf8(&self) -> usize {
        self.literal().map_or(0, char::len_utf8)
    }
}

/// A form with at least one wildcard.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Glob {
    chars: Vec<PatternChar>,
    prefix: String,
}

impl Glob {
    fn new(chars: &[PatternChar]) -> Glob {
        let prefix = chars.iter().map_while(PatternChar::literal).collect();
        let mut chars = chars.to_vec();
        chars.dedup_by(|a, b| *a == PatternChar::Many && *b == PatternChar::Many);
        Glob { chars, prefix }
    }

    /// What every match begins with; empty when it begins with a wildcard.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether everything that begins with [`prefix`](Self::prefix) matches.
    #[must_use]
    pub fn is_prefix_only(&self) -> bool {
        let n_literals = self.prefix.chars().count();
        self.chars.get(n_literals..) == Some(&[PatternChar::Many])
    }

    /// Whether `word` (folded) has this form. Takes at most `|word| * |pattern|` steps.
    #[must_use]
    pub fn matches(&self, word: &str) -> bool {
        let mut pattern = self.chars.as_slice();
        let mut rest = word.chars();
        // Where to go on when what follows the last `*` does not fit: the star eats one more.
        let mut retry: Option<(&[PatternChar], std::str::Chars<'_>)> = None;
        loop {
            match pattern.split_first() {
                Some((PatternChar::Many, after)) => {
                    retry = Some((after, rest.clone()));
                    pattern = after;
                    continue;
                }
                Some((expected, after)) => {
                    let next = rest.next();
                    let fits = next.is_some_and(|it| expected.literal().is_none_or(|c| c == it));
                    if fits {
                        pattern = after;
                        continue;
                    }
                }
                None if rest.as_str().is_empty() => return true,
                None => (),
            }
            let Some((after, from)) = &mut retry else { return false };
            if from.next().is_none() {
                return false;
            }
            pattern = after;
            rest = from.clone();
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars.iter().try_for_each(|it| match it {
            PatternChar::Literal(c) => write!(f, "{c}"),
            PatternChar::One => f.write_str("?"),
            PatternChar::Many => f.write_str("*"),
        })
    }
}

/// What counts of a pattern for a word.
pub(crate) const PATTERN_BYTES_MAX: usize = WORD_BYTES_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        let chars: Vec<PatternChar> = text.chars().map(PatternChar::read).collect();
        Pattern::new(&chars, PATTERN_BYTES_MAX)
    }

    #[test]
    fn globs_match() {
        let cases = [
            ("rep*", "rep report", "re reap xrep"),
            ("w?rd", "word ward wörd", "wrd woord words"),
            ("a*b*c", "abc aXbYc abbcc abcbc", "ab acb abcd"),
            ("a**b", "ab aab", "a ba"),
            ("x*?", "xa xab", "x"),
            ("*", "a b", ""),
            ("?", "a é", "ab"),
        ];
        for (text, yes, no) in cases {
            for word in yes.split(' ').filter(|it| !it.is_empty()) {
                assert!(pattern(text).matches(word), "{text} {word}");
            }
            for word in no.split(' ').filter(|it| !it.is_empty()) {
                assert!(!pattern(text).matches(word), "{text} {word}");
            }
        }
        assert!(pattern("*").matches(""));
    }

    #[test]
    fn prefixes() {
        let cases = [("rep*", "rep", true), ("r?p*", "r", false), ("*x", "", false)];
        for (text, prefix, only) in cases {
            let Pattern::Glob(glob) = pattern(text) else { panic!("{text}") };
            assert_eq!((glob.prefix(), glob.is_prefix_only()), (prefix, only), "{text}");
            assert_eq!(glob.to_string(), text);
        }
        assert_eq!(pattern(&format!("{}*", "x".repeat(80))), Pattern::Exact("x".repeat(64)));
    }

    #[test]
    fn many_stars_do_not_explode() {
        let text = format!("{}b", "a*".repeat(30));
        assert!(!pattern(&text).matches(&"a".repeat(10_000)));
    }
}
