//! The page of results. Each benchmark writes its own section and leaves the others alone.

use std::fs;

use crate::run::root;

const PAGE: &str = "docs/performance.md";

const TOP: &str = "# Speed and memory\n\n<!-- Written by `cargo xtask bench`; do not edit. -->\n";

/// Puts a section with this heading onto the page.
pub(super) fn write_section(heading: &str, body: &str) -> Result<(), String> {
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).unwrap_or_default();
    fs::write(&path, with_section(&page, heading, body)).map_err(|it| format!("{PAGE}: {it}"))
}

/// The page with this section, in place of the one that was there or behind the others.
fn with_section(page: &str, heading: &str, body: &str) -> String {
    let mut sections: Vec<(&str, &str)> = page
        .split("\n## ")
        .skip(1)
        .map(|it| it.split_once('\n').unwrap_or((it, "")))
        .filter(|(_, it)| !it.trim().is_empty())
        .collect();
    match sections.iter_mut().find(|(it, _)| *it == heading) {
        Some(section) => section.1 = body,
        None => sections.push((heading, body)),
    }
    let sections = sections.iter().map(|(it, body)| format!("\n## {it}\n\n{}\n", body.trim()));
    TOP.to_owned() + &sections.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_replaced_or_added() {
        let one = with_section("", "One", "a\n");
        assert_eq!(one, format!("{TOP}\n## One\n\na\n"));
        let two = with_section(&one, "Two", "b\n\nc\n");
        assert_eq!(two, format!("{TOP}\n## One\n\na\n\n## Two\n\nb\n\nc\n"));
        let again = with_section(&two, "One", "A");
        assert_eq!(again, format!("{TOP}\n## One\n\nA\n\n## Two\n\nb\n\nc\n"));
    }
}
