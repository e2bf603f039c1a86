//! `docs/reference/settings.md`, from the declarations.

use std::fmt::Write;

use crate::SETTINGS;

/// The reference page.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(
        "# Settings\n\n\
         <!-- Made by `cargo xtask references --write` from the declarations in crates/settings. \
         -->\n\n\
         `posthold settings set KEY VALUE` sets one, `posthold settings set KEY --default` takes \
         it back,\n`posthold settings list` shows them all. What applying does to a server that \
         runs: `none`\n(nothing; the next thing that asks gets the new value), `part` (the \
         profiles and jobs that it\nconcerns connect anew), `all` (everything begins anew, \
         between two batches).\n\n\
         | setting | value | default | applies | for |\n|---|---|---|---|---|\n",
    );
    for it in SETTINGS {
        // Writing to a string does not fail.
        let _ = writeln!(
            page,
            "| `{}` | {} | `{}` | {} | {} |",
            it.key,
            it.value,
            it.default,
            it.applies.name(),
            it.doc
        );
    }
    page
}
