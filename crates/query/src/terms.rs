//! Words and phrases of a query as the index knows them.

use crate::error::QueryError;
use crate::fold::fold;
use crate::parse::Spelling;
use crate::pattern::{PATTERN_BYTES_MAX, Pattern, PatternChar};
use crate::tree::{Node, TextField, Words};
use crate::words::{WHOLE_BYTES_MAX, continues_word, is_word_alone, is_word_char, words};
use crate::words::{whole_address, whole_domain};
use unicode_normalization::char::is_combining_mark;

/// How many words a phrase may have.
pub const PHRASE_WORDS_MAX: usize = 128;

/// Makes the leaf for a word or phrase that was written at byte `at`.
pub(crate) fn words_leaf(
    field: TextField,
    at: usize,
    text: &str,
    spelling: Spelling,
) -> Result<Node, Box<QueryError>> {
    let has_wildcard = spelling == Spelling::Bare && text.contains(['*', '?']);
    let address = address_pattern(text, has_wildcard);
    let file_name = (has_wildcard && field.is_file_name()).then(|| whole_pattern(text));
    let mut phrase = match has_wildcard {
        false => words(text).into_iter().map(Pattern::Exact).collect(),
        true => patterns(text),
    };
    if phrase.is_empty() && address.is_none() {
        let what = format!("there is no letter or digit in \"{text}\"");
        return Err(QueryError::new(at, what, "leave it out; only words can be found"));
    }
    if PHRASE_WORDS_MAX < phrase.len() {
        let what = format!("the phrase has more than {PHRASE_WORDS_MAX} words");
        return Err(QueryError::new(at, what, "search for a part of it"));
    }
    if has_wildcard && text.ends_with('?') {
        let stem = text.trim_end_matches('?');
        let hint = format!("write {stem}, or {stem}* for all words that begin so");
        return Err(QueryError::new(at + text.len() - 1, "a word does not end with ?", hint));
    }
    // Where the whole form is asked for, the words need not stand on their own.
    let whole = if field.is_address() { &address } else { &file_name };
    if whole.as_ref().is_some_and(has_beginning) {
        if field.is_address() || !phrase.iter().all(has_beginning) {
            phrase.clear();
        }
    } else if whole.is_some() || !phrase.iter().all(has_beginning) {
        return Err(leading_wildcard(at, text));
    }
    let address = address.filter(|it| field.is_address() || has_beginning(it));
    Ok(Node::Words(Words { field, phrase, address, file_name }))
}

/// Whether it can be looked up: its first character is known.
fn has_beginning(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Exact(_) => true,
        Pattern::Glob(glob) => !glob.prefix().is_empty(),
    }
}

fn leading_wildcard(at: usize, text: &str) -> Box<QueryError> {
    let stem = text.trim_start_matches(['*', '?', '.']);
    let hint = if !stem.contains(is_word_char) {
        "leave it out: an empty query finds everything".to_owned()
    } else if stem.starts_with('@') {
        format!("write {stem}: it finds every address there")
    } else if stem.contains(['*', '?']) {
        "write the letters before the wildcard, or search a file name: filename:rep*.pdf".to_owned()
    } else {
        format!("words are looked up by their beginning: write {stem} or {stem}*")
    };
    QueryError::new(at, "a word does not begin with a wildcard", hint)
}

/// The address that `text` is, whole (`bob@example.org`), by its domain (`@example.org`) or by
/// its local part (`bob@`). `None` when it is none.
fn address_pattern(text: &str, has_wildcard: bool) -> Option<Pattern> {
    let text = text.trim().trim_start_matches('<').trim_end_matches('>');
    if text.contains(char::is_whitespace) || text.len() < 2 || !text.contains('@') {
        return None;
    }
    if text.ends_with('@') {
        return Some(whole_pattern(&format!("{text}*")));
    }
    if has_wildcard {
        return Some(whole_pattern(text));
    }
    let whole = if text.starts_with('@') { whole_domain(text) } else { whole_address(text) };
    whole.map(Pattern::Exact)
}

fn whole_pattern(text: &str) -> Pattern {
    let chars: Vec<PatternChar> = fold(text).chars().map(PatternChar::read).collect();
    Pattern::new(&chars, WHOLE_BYTES_MAX)
}

/// Cuts a text with wildcards into words; a wildcard belongs to the word that it touches.
fn patterns(text: &str) -> Vec<Pattern> {
    let is_wildcard = |it: char| matches!(it, '*' | '?');
    let runs = text.split(|it: char| !continues_word(it) && !is_wildcard(it));
    let mut found = Vec::new();
    for run in runs.filter(|it| !it.is_empty()) {
        let folded = fold(run);
        let mut word: Vec<PatternChar> = Vec::new();
        let mut alone = false;
        for c in folded.chars().filter(|it| is_word_char(*it) || is_wildcard(*it)) {
            let starts = is_word_alone(c) || (alone && !is_combining_mark(c) && !is_wildcard(c));
            if starts && !word.is_empty() {
                found.push(Pattern::new(&word, PATTERN_BYTES_MAX));
                word.clear();
            }
            alone = is_word_alone(c) || (alone && !starts);
            word.push(PatternChar::read(c));
        }
        if !word.is_empty() {
            found.push(Pattern::new(&word, PATTERN_BYTES_MAX));
        }
    }
    found
}
