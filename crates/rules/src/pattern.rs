//! One entry of a folder list: text to something that matches paths.
//!
//! ```text
//! entry = path            that folder and everything below it
//!       / path "/."       that folder only
//!       / "||" regex      found anywhere in the path, case-sensitive
//!       / "|i|" regex     the same, case-insensitive
//! ```
//!
//! A path is what [`types::MailboxName::path`] gives, from the top of the account, parts joined
//! by `/`, in NFC, `INBOX` spelled so; a `/` inside a name is `%2F`, a `%` may be written `%25`.

use std::fmt;

use regex::{Regex, RegexBuilder};
use thiserror::Error;
use types::{FolderPath, MailboxName};
use unicode_normalization::UnicodeNormalization;

use crate::folder;

/// The longest entry, in bytes.
const ENTRY_BYTES_MAX: usize = 1000;
/// The most memory that one compiled expression may take, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Which of the two lists of a scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PatternList {
    /// If not empty, only these.
    Include,
    /// Never these.
    Exclude,
}

impl fmt::Display for PatternList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PatternList::Include => "include list",
            PatternList::Exclude => "exclude list",
        })
    }
}

/// An entry cannot be understood.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("entry {number} of the {list} is wrong at character {at}: {what}: {entry:?}")]
pub struct PatternError {
    /// In which list.
    pub list: PatternList,
    /// Which entry, counted from 1.
    pub number: usize,
    /// The entry.
    pub entry: String,
    /// At which character of it, counted from 1.
    pub at: usize,
    /// What is wrong there: lower case, without a full stop.
    pub what: String,
}

/// What is wrong with an entry, and where in it: characters counted from 1.
type Fault = (usize, String);

/// An entry that was understood.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// As it was written.
    pub(crate) text: String,
    matches: Matches,
}

#[derive(Clone, Debug)]
enum Matches {
    /// This path and those below it.
    Tree(String),
    /// This path.
    One(String),
    /// Paths in which this is found.
    Found(Regex),
}

impl Pattern {
    /// Understands entry `number` (counted from 1) of `list`.
    pub(crate) fn parse(
        list: PatternList,
        number: usize,
        text: &str,
    ) -> Result<Pattern, PatternError> {
        let matches = understand(text).map_err(|(at, what)| {
            let entry = text.chars().take(80).collect();
            PatternError { list, number, entry, at, what }
        })?;
        Ok(Pattern { text: text.to_owned(), matches })
    }

    /// Whether a path as [`matched_path`] gives it is meant.
    pub(crate) fn matches(&self, path: &str) -> bool {
        match &self.matches {
            Matches::One(only) => path == only,
            Matches::Tree(top) => {
                path.strip_prefix(top).is_some_and(|it| it.is_empty() || it.starts_with('/'))
            }
            Matches::Found(regex) => regex.is_match(path),
        }
    }
}

/// The path that patterns are held against.
pub(crate) fn matched_path(name: &MailboxName) -> String {
    FolderPath::from_parts(folder::parts(name)).canonical()
}

fn understand(text: &str) -> Result<Matches, Fault> {
    if text.len() > ENTRY_BYTES_MAX {
        return Err((1, format!("it is longer than {ENTRY_BYTES_MAX} bytes")));
    }
    if let Some(regex) = text.strip_prefix("||") {
        return expression(regex, 2, false);
    }
    if let Some(regex) = text.strip_prefix("|i|") {
        return expression(regex, 3, true);
    }
    if text.starts_with('|') {
        return Err((2, "an expression begins with || or |i|".into()));
    }
    match text.strip_suffix("/.") {
        Some(path) => plain(path).map(Matches::One),
        None => plain(text).map(Matches::Tree),
    }
}

fn expression(regex: &str, before: usize, case_insensitive: bool) -> Result<Matches, Fault> {
    if regex.is_empty() {
        return Err((before + 1, "the expression is empty".into()));
    }
    let regex: String = regex.nfc().collect();
    let built = RegexBuilder::new(&regex)
        .case_insensitive(case_insensitive)
        .size_limit(REGEX_BYTES_MAX)
        .build();
    built.map(Matches::Found).map_err(|error| {
        let (at, what) = place(&error.to_string());
        (before + at, what)
    })
}

/// Finds character (counted from 1) and fault in what the regex crate says, which is the
/// expression, a line with a caret below the place, and a line `error: ...`.
fn place(report: &str) -> Fault {
    let caret = report.lines().find(|it| it.trim_start().starts_with('^'));
    // The expression is indented by four spaces.
    let at = caret.and_then(|it| it.find('^')).map_or(1, |it| it.saturating_sub(3));
    let fault = report.lines().find_map(|it| it.strip_prefix("error: "));
    let what = fault.or_else(|| report.lines().next_back()).unwrap_or("not an expression");
    (at.max(1), what.trim().to_lowercase())
}

/// A path in the form of [`matched_path`].
fn plain(path: &str) -> Result<String, Fault> {
    if path.is_empty() {
        return Err((1, "the folder name is empty".into()));
    }
    let mut at = 1;
    let mut parts = Vec::new();
    for (level, part) in path.split('/').enumerate() {
        if part.is_empty() {
            return Err((at, "a folder name is empty".into()));
        }
        at += part.chars().count() + 1;
        let is_inbox = level == 0 && part.eq_ignore_ascii_case("INBOX");
        parts.push(if is_inbox { "INBOX".to_owned() } else { escaped(part) });
    }
    Ok(FolderPath::from_stored(parts.join("/")).canonical())
}

/// Writes a `%` that begins no escape as `%25`, so that a name can be typed as it is. `%` alone
/// is the escape of an empty name.
fn escaped(part: &str) -> String {
    if part == "%" {
        return part.to_owned();
    }
    let mut out = String::with_capacity(part.len());
    let mut rest = part;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let is_escape = after.starts_with("25") || after.starts_with("2F");
        out.push_str(if is_escape { "%" } else { "%25" });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entry: &str, yes: &[&str], no: &[&str]) {
        let pattern = Pattern::parse(PatternList::Include, 1, entry).unwrap();
        for (paths, want) in [(yes, true), (no, false)] {
            for path in paths {
                let name = MailboxName::from_parts(path.split('/'));
                assert_eq!(pattern.matches(&matched_path(&name)), want, "{entry} {path}");
            }
        }
    }

    #[test]
    fn a_path_takes_its_subfolders() {
        check(
            "Private",
            &["Private", "Private/Example", "Private/a/b"],
            &["Inbox/Private", "Private Stuff", "private", "Privat"],
        );
        check("A/B", &["A/B", "A/B/C"], &["A", "A/Bc", "B"]);
    }

    #[test]
    fn a_path_with_dot_takes_one_folder() {
        check("Private/.", &["Private"], &["Private/Example", "Private Stuff"]);
        check("A/B/.", &["A/B"], &["A/B/C", "A"]);
    }

    #[test]
    fn expressions_match_anywhere() {
        check("||riv", &["Private", "x/Private"], &["PRIVATE"]);
        check(
            "|i|(^|/)Example(/|$)",
            &["Example", "a/example", "a/EXAMPLE/b"],
            &["Examples", "My Example"],
        );
        check("|i|(^|/)Example$", &["Example", "a/example"], &["Example/b"]);
        check("|i|^инб", &["ИНБокс"], &["x/ИНБокс"]);
    }

    #[test]
    fn inbox_is_inbox_in_any_case() {
        check("inbox", &["INBOX", "Inbox", "inbox/Sub"], &["x/INBOX", "Inboxes"]);
        check("INBOX/.", &["inBox"], &["inbox/Sub"]);
        check("||^INBOX$", &["inbox"], &[]);
    }

    #[test]
    fn names_are_compared_in_nfc_and_escaped() {
        check("Entwu\u{308}rfe", &["Entw\u{fc}rfe"], &["Entwurfe"]);
        check("||Entwu\u{308}rfe", &["Entw\u{fc}rfe"], &[]);
        check("100%", &["100%"], &["100"]);
        check("100%25", &["100%"], &["100%25"]);
        let pattern = Pattern::parse(PatternList::Include, 1, "a%2Fb").unwrap();
        assert!(pattern.matches(&matched_path(&MailboxName::from_parts(["a/b", "c"]))));
        assert!(!pattern.matches(&matched_path(&MailboxName::from_parts(["a", "b"]))));
    }

    #[test]
    fn errors_name_entry_and_place() {
        let long = "x".repeat(1001);
        let cases = [
            ("", 1, "the folder name is empty"),
            ("/.", 1, "the folder name is empty"),
            ("/a", 1, "a folder name is empty"),
            ("ä//b", 3, "a folder name is empty"),
            ("a/", 3, "a folder name is empty"),
            ("|a", 2, "an expression begins with || or |i|"),
            ("||", 3, "the expression is empty"),
            ("|i|", 4, "the expression is empty"),
            ("||(a", 3, "unclosed group"),
            ("||ab)", 5, "unopened group"),
            ("|i|ab[c", 6, "unclosed character class"),
            (&long, 1, "it is longer than 1000 bytes"),
        ];
        for (entry, at, what) in cases {
            let error = Pattern::parse(PatternList::Exclude, 3, entry).unwrap_err();
            assert_eq!((error.at, error.what.as_str()), (at, what), "{entry}");
        }
        let error = Pattern::parse(PatternList::Exclude, 3, "||a(b").unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"entry 3 of the exclude list is wrong at character 4: unclosed group: "||a(b""#
        );
        let big = Pattern::parse(PatternList::Include, 1, r"||\w{1000}").unwrap_err();
        assert!(big.what.contains("size limit"), "{big}");
    }
}
