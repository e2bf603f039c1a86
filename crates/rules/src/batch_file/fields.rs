//! From a line to its fields: separators and quotes.

use std::borrow::Cow;

use super::{BatchError, QUOTE_HINT};

/// What may separate fields. Of several that would do, the first one that gives the most columns
/// counts.
const SEPARATORS: [char; 4] = [';', '\t', '|', ','];

/// A line, cut into fields.
pub(super) struct Row<'x> {
    pub line: usize,
    pub cells: Vec<Cell<'x>>,
}

/// A field.
pub(super) struct Cell<'x> {
    /// Where it begins, counted in characters from 1.
    pub column: usize,
    pub text: Cow<'x, str>,
}

impl Row<'_> {
    /// The place of a field. One that is not there would be at the end of the last.
    pub(super) fn at(&self, n: usize) -> (usize, usize) {
        let end = || self.cells.last().map_or(1, |it| it.column + it.text.chars().count());
        (self.line, self.cells.get(n).map_or_else(end, |it| it.column))
    }
}

/// What a line like `sep=;` declares.
pub(super) fn declared_separator(line: &str) -> Option<char> {
    let (name, value) = line.trim_end_matches(['\r', '\n']).split_once('=')?;
    let mut chars = value.chars();
    let separator = chars.next().filter(|it| SEPARATORS.contains(it))?;
    let is_declaration = name.trim().eq_ignore_ascii_case("sep") && chars.next().is_none();
    is_declaration.then_some(separator)
}

/// The separator that a heading uses; `None` when it has one column only.
pub(super) fn detect_separator(heading: &str) -> Option<char> {
    let count = |separator: char| row(1, heading, separator).map_or(1, |it| it.cells.len());
    let mut best = (1, None);
    for separator in SEPARATORS {
        let columns = count(separator);
        if columns > best.0 {
            best = (columns, Some(separator));
        }
    }
    best.1
}

/// Cuts a line into fields. A field whose first character is a quote ends at the same quote; the
/// quote doubled is one of it. Elsewhere a quote is a character like any other.
pub(super) fn row(line: usize, text: &str, separator: char) -> Result<Row<'_>, BatchError> {
    let mut cells = Vec::new();
    let mut rest = text;
    let mut column = 1;
    loop {
        let quote = rest.chars().next().filter(|it| matches!(it, '"' | '\''));
        let (value, after) = match quote {
            Some(quote) => quoted(rest, quote)
                .map_err(|what| BatchError::new((line, column), what, QUOTE_HINT))?,
            None => {
                let end = rest.find(separator).unwrap_or(rest.len());
                let (value, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                (value.into(), after)
            }
        };
        cells.push(Cell { column, text: value });
        let behind = if quote.is_some() { without_spaces(after, separator) } else { after };
        let width = rest.len() - behind.len();
        column += rest.get(..width).unwrap_or_default().chars().count() + 1;
        match behind.strip_prefix(separator) {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(Row { line, cells }),
            None => {
                let what = "something follows a quote that ended the value";
                return Err(BatchError::new((line, column - 1), what, DOUBLED_HINT));
            }
        }
    }
}

const DOUBLED_HINT: &str = "Write a quote that belongs to the value twice.";

/// Spaces between a closing quote and the separator mean nothing.
fn without_spaces(text: &str, separator: char) -> &str {
    text.trim_start_matches(|it: char| it.is_whitespace() && it != separator)
}

/// The value of a field in quotes, and what follows it.
fn quoted(text: &str, quote: char) -> Result<(Cow<'_, str>, &str), &'static str> {
    const UNENDED: &str = "the value begins with a quote and does not end with one";
    let inner = text.strip_prefix(quote).unwrap_or(text);
    let mut value = String::new();
    let mut rest = inner;
    loop {
        let (piece, after) = rest.split_once(quote).ok_or(UNENDED)?;
        value.push_str(piece);
        match after.strip_prefix(quote) {
            Some(more) => {
                value.push(quote);
                rest = more;
            }
            None => return Ok((value.into(), after)),
        }
    }
}
