//! Looks words up in the term dictionaries.
//!
//! Rules: a wildcard is a range of the dictionary, never a walk over all of it; how many words
//! it may stand for is bounded, and more is an error, because a part of the hits would look like
//! all of them.

use query::{Glob, Pattern};
use tantivy::InvertedIndexReader;
use tantivy::postings::TermInfo;

use crate::error::{SearchError, SearchErrorKind};
use crate::tokens::WHOLE_MARK;

/// How many words of one field one wildcard may stand for.
pub const EXPANSIONS_MAX: usize = 100_000;

/// How many words of one field are looked at for one wildcard.
pub const SCANNED_TERMS_MAX: usize = 1_000_000;

/// Whether a pattern means words or whole forms (addresses, file names).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    Word,
    Whole,
}

impl Form {
    fn key(self, text: &str) -> Vec<u8> {
        let mut key = Vec::with_capacity(text.len() + 1);
        if self == Form::Whole {
            key.push(WHOLE_MARK as u8);
        }
        key.extend_from_slice(text.as_bytes());
        key
    }
}

/// The entries of a field's dictionary that `pattern` means.
pub(crate) fn terms(
    inverted: &InvertedIndexReader,
    pattern: &Pattern,
    form: Form,
) -> Result<Vec<TermInfo>, SearchError> {
    match pattern {
        Pattern::Exact(word) => Ok(inverted.terms().get(form.key(word))?.into_iter().collect()),
        Pattern::Glob(glob) => expand(inverted, glob, form),
    }
}

fn expand(
    inverted: &InvertedIndexReader,
    glob: &Glob,
    form: Form,
) -> Result<Vec<TermInfo>, SearchError> {
    let start = form.key(glob.prefix());
    let mut range = inverted.terms().range().ge(&start);
    if let Some(end) = after_prefix(&start) {
        range = range.lt(end);
    }
    let mut stream = range.into_stream()?;
    let mark_bytes = form.key("").len();
    let mut found = Vec::new();
    let mut n_scanned = 0;
    while stream.advance() {
        n_scanned += 1;
        if EXPANSIONS_MAX < found.len() || SCANNED_TERMS_MAX < n_scanned {
            return Err(too_broad(glob));
        }
        let word = stream.key().get(mark_bytes..).map(str::from_utf8);
        if glob.is_prefix_only() || matches!(word, Some(Ok(word)) if glob.matches(word)) {
            found.push(stream.value().clone());
        }
    }
    Ok(found)
}

fn too_broad(glob: &Glob) -> SearchError {
    let what = format!("too many words have the form {glob}: write more letters before it");
    SearchError::new(SearchErrorKind::TooBroad, what)
}

/// The first key after all that begin with `prefix`; `None` when there is none.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}
