//! What is generated: pages of `docs/reference` that the binary prints, and the tour in README.md,
//! which is what `posthold demo` prints.

use std::fs;
use std::path::Path;

use crate::run::{cargo, output, root};

/// Arguments of the binary, and the page that it prints for them.
const PAGES: &[(&[&str], &str)] = &[
    (&["internal", "reference"], "docs/reference/commands.md"),
    (&["internal", "settings-reference"], "docs/reference/settings.md"),
];

/// What stands before the tour.
const TOUR_BEGIN: &str =
    "<!-- posthold demo: made by `cargo xtask references --write` -->\n```text\n";

/// What stands behind it.
const TOUR_END: &str = "```\n";

/// Compares, or with `--write` writes.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let writes = args.iter().any(|it| it == "--write");
    let mut stale = Vec::new();
    let mut compare = |page: &str, text: &str| -> Result<(), String> {
        let path = root().join(page);
        if fs::read_to_string(&path).is_ok_and(|it| it == text) {
            return Ok(());
        }
        if writes {
            fs::write(&path, text).map_err(|error| format!("failed to write {page}: {error}"))?;
            println!("written: {page}");
        } else {
            stale.push(page.to_owned());
        }
        Ok(())
    };
    for (words, page) in PAGES {
        compare(page, &posthold(words)?)?;
    }
    let readme = fs::read_to_string(root().join("README.md"));
    let readme = readme.map_err(|error| format!("failed to read README.md: {error}"))?;
    let tour = without_directory(&posthold(&["demo"])?, &std::env::temp_dir());
    compare("README.md", &with_tour(&readme, &tour)?)?;
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("out of date: {} (cargo xtask references --write)", stale.join(", ")))
}

/// What the binary prints for these arguments.
fn posthold(args: &[&str]) -> Result<String, String> {
    let mut posthold = cargo(&["run", "--quiet", "--locked", "--package", "posthold", "--"]);
    output(posthold.args(args))
}

/// The page with `tour` in place of the one that it has.
fn with_tour(page: &str, tour: &str) -> Result<String, String> {
    let missing = || "README.md has no place for the output of `posthold demo`".to_owned();
    let (before, rest) = page.split_once(TOUR_BEGIN).ok_or_else(missing)?;
    let (_, after) = match rest.strip_prefix(TOUR_END) {
        Some(after) => ("", after),
        None => rest.split_once(&format!("\n{TOUR_END}")).ok_or_else(missing)?,
    };
    Ok(format!("{before}{TOUR_BEGIN}{}\n{TOUR_END}{after}", tour.trim_end()))
}

/// Leaves out where the throw-away directory is: it is another one each time.
fn without_directory(text: &str, temp_dir: &Path) -> String {
    let dir = format!("{}/", temp_dir.display());
    let mut pieces = text.split(&dir);
    let mut kept = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        kept.push_str(piece.split_once('/').map_or(piece, |(_, rest)| rest));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tour_is_replaced() {
        let page = format!("# A\n\n{TOUR_BEGIN}{TOUR_END}\nafter\n");
        let once = with_tour(&page, "$ one\n\n").unwrap();
        assert_eq!(once, format!("# A\n\n{TOUR_BEGIN}$ one\n{TOUR_END}\nafter\n"));
        let twice = with_tour(&once, "$ two").unwrap();
        assert_eq!(twice, format!("# A\n\n{TOUR_BEGIN}$ two\n{TOUR_END}\nafter\n"));
        assert!(with_tour("# A\n", "x").is_err());
    }

    #[test]
    fn the_directory_is_left_out() {
        let text = "Exported 3 messages to /tmp/posthold-demo-1f/out.\nnext";
        let said = without_directory(text, Path::new("/tmp"));
        assert_eq!(said, "Exported 3 messages to out.\nnext");
    }
}
