//! What is wrong with the text of a setting, where, and what to write instead.
//!
//! What it is not: the error of one rule. Filters, removal rules and schedules are all written as
//! one line of text, and all say in this one form where that line goes wrong.

use thiserror::Error;

/// The text of a setting cannot be understood. What a caller can do: show it to whoever wrote
/// the setting.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{what}")]
pub struct WordingError {
    at: usize,
    what: String,
    hint: String,
}

impl WordingError {
    pub(crate) fn new(at: usize, what: impl Into<String>, hint: impl Into<String>) -> WordingError {
        WordingError { at, what: what.into(), hint: hint.into() }
    }

    /// The byte of the text at which it goes wrong; at most the length of the text.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// The text with a caret under the place, what is wrong there, and the hint, on three lines.
    /// Of a long text only the surroundings are shown.
    #[must_use]
    pub fn render(&self, text: &str) -> String {
        let before: Vec<char> = text.get(..self.at).unwrap_or(text).chars().collect();
        let after = text.get(self.at..).unwrap_or_default().chars();
        let n_hidden = before.len().saturating_sub(BEFORE_CHARS_MAX);
        let shown: String = before
            .iter()
            .skip(n_hidden)
            .copied()
            .chain(after)
            .take(SHOWN_CHARS_MAX)
            .map(|it| if it.is_control() { ' ' } else { it })
            .collect();
        let column = before.len() - n_hidden;
        format!("{shown}\n{:column$}^ {}\n{}", "", self.what, self.hint)
    }
}

const BEFORE_CHARS_MAX: usize = 60;
const SHOWN_CHARS_MAX: usize = 100;

/// The most bytes of the text of one setting.
pub const WORDING_BYTES_MAX: usize = 4096;

/// Refuses a text that is longer than a person writes.
pub(crate) fn limited(text: &str) -> Result<(), WordingError> {
    if text.len() <= WORDING_BYTES_MAX {
        return Ok(());
    }
    let what = format!("the text is longer than {WORDING_BYTES_MAX} bytes");
    Err(WordingError::new(text.floor_char_boundary(WORDING_BYTES_MAX), what, "Write less."))
}

/// A word of a text and the byte at which it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Word<'a> {
    pub at: usize,
    pub text: &'a str,
}

impl Word<'_> {
    /// An error at the beginning of this word.
    pub(crate) fn wrong(&self, what: impl Into<String>, hint: impl Into<String>) -> WordingError {
        WordingError::new(self.at, what, hint)
    }
}

/// The words of a text between white space.
pub(crate) fn words(text: &str) -> Vec<Word<'_>> {
    pieces(text, 0, char::is_whitespace).filter(|it| !it.text.is_empty()).collect()
}

/// The pieces of a text between separators, empty ones too. `base` is where the text begins.
pub(crate) fn pieces(
    text: &str,
    base: usize,
    is_separator: impl Fn(char) -> bool,
) -> impl Iterator<Item = Word<'_>> {
    let mut rest = Some(text);
    let mut at = base;
    std::iter::from_fn(move || {
        let piece = rest?;
        let begin = at;
        let found = piece.char_indices().find(|(_, it)| is_separator(*it));
        let Some((end, separator)) = found else {
            rest = None;
            return Some(Word { at: begin, text: piece });
        };
        let (text, tail) = piece.split_at_checked(end)?;
        rest = tail.get(separator.len_utf8()..);
        at += end + separator.len_utf8();
        Some(Word { at: begin, text })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_the_place() {
        let error = WordingError::new(4, "this is no day", "Write mon.");
        assert_eq!(error.render("a b xyz"), "a b xyz\n    ^ this is no day\nWrite mon.");
        assert_eq!(error.position(), 4);
        assert_eq!(error.to_string(), "this is no day");
        let long = format!("{}!", "x".repeat(300));
        let error = WordingError::new(300, "what", "Hint.");
        assert_eq!(
            error.render(&long),
            format!("{}!\n{}^ what\nHint.", "x".repeat(60), " ".repeat(60))
        );
    }

    #[test]
    fn words_know_where_they_begin() {
        let words: Vec<_> = words("  at once\té x ").iter().map(|it| (it.at, it.text)).collect();
        assert_eq!(words, [(2, "at"), (5, "once"), (10, "é"), (13, "x")]);
    }
}
