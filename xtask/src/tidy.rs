//! What no compiler checks: sizes, module documentation, and that what documents name exists.
//!
//! Every rule is a function from text to findings; a finding names its file and what to do.

mod documents;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::layers::{LAYERS, sealed};
use crate::run::root;

/// The longest file, in lines without tests.
const FILE_LINES_MAX: usize = 600;

/// The longest line, in characters.
const LINE_CHARS_MAX: usize = 100;

/// Directories that hold nothing to check.
const NOT_OURS: &[&str] = &["target", ".git", "posthold-data", "test_data", "corpus", "artifacts"];

/// A text file of the repository.
pub(crate) struct Text {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: String,
}

/// Checks everything.
pub(crate) fn run() -> Result<(), String> {
    let mut texts = Vec::new();
    collect(&root(), "", &mut texts)?;
    let mut found = Vec::new();
    let index = texts.iter().find(|it| it.path == "rfc/index.txt");
    let standards = standards(index.map_or("", |it| &it.text));
    for text in &texts {
        if text.path.ends_with(".rs") {
            found.extend(sources::check(text));
        }
        if text.path.ends_with(".md") {
            found.extend(documents::check(text, &texts));
        }
        if text.path != "rfc/index.txt" {
            found.extend(cited(text, &standards));
        }
    }
    found.extend(lint_settings(&texts));
    found.extend(documents::architecture(&texts));
    found.extend(documents::dependencies(&texts));
    found.extend(documents::losses(&texts));
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

fn collect(dir: &Path, prefix: &str, texts: &mut Vec<Text>) -> Result<(), String> {
    let cause = |error: std::io::Error| format!("failed to read {}: {error}", dir.display());
    let mut entries: Vec<_> =
        fs::read_dir(dir).map_err(cause)?.collect::<Result<_, _>>().map_err(cause)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(cause)?;
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            collect(&entry.path(), &format!("{path}/"), texts)?;
        } else if kind.is_file()
            && [".rs", ".md", ".toml", "rfc/index.txt"].iter().any(|it| path.ends_with(it))
        {
            let text = fs::read_to_string(entry.path()).map_err(cause)?;
            texts.push(Text { path, text });
        }
    }
    Ok(())
}

/// The numbers in `rfc/index.txt`: the first word of each line that is not a comment.
fn standards(index: &str) -> BTreeSet<String> {
    let lines = index.lines().filter(|it| !it.starts_with('#'));
    lines.filter_map(|it| it.split_whitespace().next()).map(str::to_owned).collect()
}

/// Standards that are cited but not listed, each once.
fn cited(text: &Text, standards: &BTreeSet<String>) -> Vec<String> {
    let mut missing = BTreeMap::new();
    for (line, n) in text.text.lines().zip(1..) {
        for rest in line.split("RFC ").skip(1) {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if 3 <= digits.len() && !standards.contains(&digits) {
                missing.entry(digits).or_insert(n);
            }
        }
    }
    let path = &text.path;
    let missing = missing.iter();
    missing.map(|(it, n)| format!("{path}:{n}: RFC {it} is not in rfc/index.txt")).collect()
}

/// A `clippy.toml` of a crate replaces the one at the root for it, so both have to agree; and
/// pure crates and engines have one, which forbids files, sockets and clocks.
fn lint_settings(texts: &[Text]) -> Vec<String> {
    let settings = |path: &str| texts.iter().find(|it| it.path == path).map(|it| &it.text);
    let root: Vec<&str> = settings("clippy.toml").map_or(Vec::new(), |it| it.lines().collect());
    let mut found = Vec::new();
    for (name, _) in LAYERS {
        let path = format!("crates/{name}/clippy.toml");
        let is_sealed = sealed().any(|it| it == *name);
        let Some(own) = settings(&path) else {
            if is_sealed {
                found.push(format!("{path} is missing: {name} must reach nothing outside"));
            }
            continue;
        };
        for line in root.iter().filter(|line| !own.lines().any(|it| it == **line)) {
            found.push(format!("{path} lacks `{line}`, which is in the clippy.toml of the root"));
        }
        if is_sealed && !own.contains("disallowed-methods") {
            found.push(format!("{path} lets {name} reach files, sockets and clocks"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_is_listed_before_it_is_cited() {
        let standards = standards("# comment\n9051  yes  IMAP4rev2\n");
        let text = Text { path: "a.rs".into(), text: "RFC 9051 §6.4.8\nand RFC 3501.".into() };
        assert_eq!(cited(&text, &standards), ["a.rs:2: RFC 3501 is not in rfc/index.txt"]);
    }

    #[test]
    fn sealed_crates_have_settings_and_all_agree() {
        let text = |path: &str, text: &str| Text { path: path.into(), text: text.into() };
        let pure = "lines = 70\ndisallowed-methods = []";
        let mut texts =
            vec![text("clippy.toml", "lines = 70"), text("crates/net/clippy.toml", "x")];
        for name in sealed() {
            texts.push(text(&format!("crates/{name}/clippy.toml"), pure));
        }
        let said = lint_settings(&texts);
        let lacks =
            "crates/net/clippy.toml lacks `lines = 70`, which is in the clippy.toml of the root";
        assert_eq!(said, [lacks]);
        texts.pop();
        assert_eq!(lint_settings(&texts).len(), 2);
    }
}
