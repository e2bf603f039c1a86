//! Rules about Rust sources.

use super::{FILE_LINES_MAX, LINE_CHARS_MAX, Text};

/// Files that are one long table, which a cap on lines would only tear apart.
const TABLES: &[&str] = &[];

/// Split so that the rule does not find itself.
const MARK: &str = concat!("TO", "DO");

/// Checks one source.
pub(super) fn check(text: &Text) -> Vec<String> {
    let path = &text.path;
    let mut found = Vec::new();
    if !path.ends_with("/tests.rs") && !has_module_doc(&text.text) {
        found.push(format!("{path}: no module documentation (what it is, what not, its rules)"));
    }
    let production = if is_test(path) { Vec::new() } else { production_lines(&text.text) };
    if FILE_LINES_MAX < production.len() && !TABLES.contains(&path.as_str()) {
        let n = production.len();
        found.push(format!("{path}: {n} lines without tests, {FILE_LINES_MAX} at most: split it"));
    }
    for (n, line) in production {
        if LINE_CHARS_MAX < line.chars().count() && !line.contains("://") {
            found.push(format!("{path}:{n}: longer than {LINE_CHARS_MAX} characters"));
        }
    }
    for (line, n) in text.text.lines().zip(1..) {
        if line.split(MARK).skip(1).any(|rest| !has_owner(rest)) {
            found.push(format!("{path}:{n}: {MARK} without an owner: {MARK}(name)"));
        }
        if ["FIX\u{4d}E", "XX\u{58}"].iter().any(|it| line.contains(it)) {
            found.push(format!("{path}:{n}: say {MARK}(name), or do it"));
        }
    }
    found
}

fn has_module_doc(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
    let first = lines.find(|it| !it.starts_with("#![") && !it.starts_with("// "));
    first.is_some_and(|it| it.starts_with("//!") && 8 < it.len())
}

fn has_owner(rest: &str) -> bool {
    let inside = rest.strip_prefix('(').and_then(|it| it.split_once(')'));
    inside.is_some_and(|(owner, _)| !owner.trim().is_empty())
}

fn is_test(path: &str) -> bool {
    let mut parts = path.split('/');
    parts.any(|it| ["tests", "tests.rs", "benches", "fuzz_targets"].contains(&it))
}

/// The lines outside of `#[cfg(test)] mod … { … }`, with their numbers.
fn production_lines(text: &str) -> Vec<(usize, &str)> {
    let mut kept = Vec::new();
    let mut lines = text.lines().zip(1..).peekable();
    while let Some((line, n)) = lines.next() {
        let is_test_module = line.trim() == "#[cfg(test)]"
            && lines.peek().is_some_and(|(next, _)| {
                next.trim_start().starts_with("mod ") && next.trim_end().ends_with('{')
            });
        if !is_test_module {
            kept.push((n, line));
            continue;
        }
        let indent: String = line.chars().take_while(|it| *it == ' ').collect();
        let end = format!("{indent}}}");
        // rustfmt has put the closing brace below the `mod`.
        let _ = lines.by_ref().find(|(line, _)| *line == end);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> String {
        check(&Text { path: path.into(), text: text.into() }).join("\n")
    }

    #[test]
    fn a_module_says_what_it_is() {
        assert_eq!(findings("a.rs", "//! What it is.\n"), "");
        assert_eq!(findings("a.rs", "#![allow(x)]\n\n//! What it is.\n"), "");
        let missing = "a.rs: no module documentation (what it is, what not, its rules)";
        assert_eq!(findings("a.rs", "use std::io;\n//! What it is.\n"), missing);
        assert_eq!(findings("a.rs", "//!\n"), missing);
    }

    #[test]
    fn tests_do_not_count() {
        let tests = "x();\n".repeat(700);
        let text = format!(
            "//! What it is.\nfn a() {{}}\n#[cfg(test)]\nmod tests {{\n{tests}}}\nfn b() {{}}\n"
        );
        assert_eq!(findings("a.rs", &text), "");
        assert_eq!(production_lines(&text).len(), 3);
        let long = format!("//! What it is.\n{tests}");
        assert_eq!(findings("a.rs", &long), "a.rs: 701 lines without tests, 600 at most: split it");
        assert_eq!(findings("crates/a/tests/it/main.rs", &long), "");
    }

    #[test]
    fn lines_and_marks() {
        let long = format!("//! What it is.\n// {}\n", "x".repeat(98));
        assert_eq!(findings("a.rs", &long), "a.rs:2: longer than 100 characters");
        let text = format!("//! What it is.\n// {MARK}(ann): later\n// {MARK}: later\n");
        assert_eq!(
            findings("a.rs", &text),
            format!("a.rs:3: {MARK} without an owner: {MARK}(name)")
        );
    }
}
