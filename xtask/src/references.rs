//! The pages that are generated: what the binary prints must be what stands in `docs/reference`.

use std::fs;

use crate::run::{cargo, output, root};

/// Arguments of the binary, and the page that it prints for them.
const PAGES: &[(&[&str], &str)] = &[(&["internal", "reference"], "docs/reference/commands.md")];

/// Compares the pages, or with `--write` writes them.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let writes = args.iter().any(|it| it == "--write");
    let mut stale = Vec::new();
    for (words, page) in PAGES {
        let mut posthold = cargo(&["run", "--quiet", "--locked", "--package", "posthold", "--"]);
        let text = output(posthold.args(*words))?;
        let path = root().join(page);
        if fs::read_to_string(&path).is_ok_and(|it| it == text) {
            continue;
        }
        if writes {
            fs::write(&path, text).map_err(|error| format!("failed to write {page}: {error}"))?;
            println!("written: {page}");
        } else {
            stale.push(*page);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("out of date: {} (cargo xtask references --write)", stale.join(", ")))
}
