//! What is wrong with a query, where, and what to write instead.

use thiserror::Error;

/// The query cannot be understood. What a caller can do: show it to whoever wrote the query.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{what}")]
pub struct QueryError {
    at: usize,
    what: String,
    hint: String,
}

impl QueryError {
    pub(crate) fn new(
        at: usize,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Box<QueryError> {
        Box::new(QueryError { at, what: what.into(), hint: hint.into() })
    }

    /// The byte of the query at which it goes wrong; at most the length of the query.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// The query with a caret under the place, what is wrong there, and the hint, on three lines.
    /// Of a long query only the surroundings are shown.
    #[must_use]
    pub fn render(&self, query: &str) -> String {
        let before: Vec<char> = query.get(..self.at).unwrap_or(query).chars().collect();
        let after = query.get(self.at..).unwrap_or_default().chars();
        let n_hidden = before.len().saturating_sub(BEFORE_CHARS_MAX);
        let shown: String = before.iter().skip(n_hidden).copied().chain(after).collect();
        let shown: String = shown
            .chars()
            .take(SHOWN_CHARS_MAX)
            .map(|it| if it.is_control() { ' ' } else { it })
            .collect();
        let column = before.len() - n_hidden;
        format!("{shown}\n{:column$}^ {}\n{}", "", self.what, self.hint)
    }
}

const BEFORE_CHARS_MAX: usize = 60;
const SHOWN_CHARS_MAX: usize = 100;
