//! Rules about Markdown: it has titles, its links lead somewhere, and what it says about the code
//! is there.

use super::Text;
use crate::layers::LAYERS;

/// Checks one document.
pub(super) fn check(text: &Text, texts: &[Text]) -> Vec<String> {
    let mut found = Vec::new();
    if !text.text.starts_with("# ") {
        found.push(format!("{}: begins with no title (`# …`)", text.path));
    }
    for target in links(&text.text) {
        let path = resolve(&text.path, target);
        let inside = format!("{path}/");
        let there = path.is_empty()
            || texts.iter().any(|it| it.path == path || it.path.starts_with(&inside))
            || crate::run::root().join(&path).exists();
        if !there {
            found.push(format!("{}: the link to {target} leads nowhere", text.path));
        }
    }
    found
}

/// Targets of links within the repository, without what follows `#`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|it| it.split(')').next());
    let targets = targets.map(|it| it.split('#').next().unwrap_or_default());
    targets.filter(|it| !it.is_empty() && !it.contains("://") && !it.starts_with("mailto:"))
}

/// `target`, as seen from the document at `path`.
fn resolve(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => (),
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// ARCHITECTURE.md lists every crate, and every test that it names is there.
///
/// A test is named as `` `crate::module::test` ``, behind the words `Held by`; a check of this
/// program as `` `cargo xtask layers` ``.
pub(super) fn architecture(texts: &[Text]) -> Vec<String> {
    let Some(page) = texts.iter().find(|it| it.path == "ARCHITECTURE.md") else {
        return vec!["ARCHITECTURE.md is missing".into()];
    };
    let mut found = Vec::new();
    for (name, _) in LAYERS.iter().filter(|(name, _)| !page.text.contains(&format!("`{name}`"))) {
        found.push(format!("ARCHITECTURE.md does not mention `{name}`"));
    }
    let holds = page.text.split("Held by").skip(1);
    for held in holds.map(|it| it.split("\n\n").next().unwrap_or_default()) {
        for name in held.split('`').skip(1).step_by(2).filter(|it| it.contains("::")) {
            if !has_test(texts, name) {
                found.push(format!("ARCHITECTURE.md names {name}, which is no test"));
            }
        }
    }
    found
}

/// Ways of losing mail that the catalogue of losses has.
const LOSSES: usize = 35;

/// docs/loss-catalogue.md has a row for every way of losing mail, and every test that it names
/// is there.
pub(super) fn losses(texts: &[Text]) -> Vec<String> {
    const PATH: &str = "docs/loss-catalogue.md";
    let page = texts.iter().find(|it| it.path == PATH).map_or("", |it| &it.text);
    let numbers = 1..=LOSSES;
    let missing = numbers.filter(|it| !page.contains(&format!("\n| W{it} |")));
    let mut found: Vec<String> = missing.map(|it| format!("{PATH} has no row W{it}")).collect();
    let names = page.split('`').skip(1).step_by(2).filter(|it| it.contains("::"));
    let gone = names.filter(|it| !has_test(texts, it));
    found.extend(gone.map(|it| format!("{PATH} names {it}, which is no test")));
    found
}

/// Whether the crate that `name` begins with has a function of its last part, in a file that
/// bears the name of its module.
fn has_test(texts: &[Text], name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let [krate, .., function] = parts.as_slice() else { return false };
    let declared = format!("fn {function}(");
    let dirs = [format!("crates/{krate}/"), format!("{krate}/")];
    let mut own = texts.iter().filter(|it| dirs.iter().any(|dir| it.path.starts_with(dir)));
    own.any(|it| it.path.ends_with(".rs") && it.text.contains(&declared))
}

/// Every foreign crate that the workspace names has its reason in docs/decisions/dependencies.md.
pub(super) fn dependencies(texts: &[Text]) -> Vec<String> {
    let find = |path: &str| texts.iter().find(|it| it.path == path).map_or("", |it| &it.text);
    let page = find("docs/decisions/dependencies.md");
    let names = foreign_dependencies(find("Cargo.toml"));
    let missing = names.into_iter().filter(|name| !page.contains(&format!("`{name}`")));
    missing.map(|it| format!("docs/decisions/dependencies.md does not say why `{it}`")).collect()
}

fn foreign_dependencies(manifest: &str) -> Vec<&str> {
    let lines = manifest.lines().skip_while(|it| *it != "[workspace.dependencies]").skip(1);
    let lines = lines.take_while(|it| !it.starts_with('['));
    let pairs = lines.filter_map(|it| it.split_once(" = "));
    pairs.filter(|(_, value)| !value.contains("path = ")).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str, text: &str) -> Text {
        Text { path: path.into(), text: text.into() }
    }

    #[test]
    fn links_lead_somewhere() {
        let texts = [text("docs/a.md", "# A\n"), text("docs/format/log.md", "# Log\n")];
        let page =
            "# B\n[a](a.md#x) [dir](format) [up](../docs/a.md) [web](https://x.org) [no](b.md)";
        let said = check(&text("docs/c.md", page), &texts);
        assert_eq!(said, ["docs/c.md: the link to b.md leads nowhere"]);
        assert_eq!(check(&text("x.md", "no title"), &[]), ["x.md: begins with no title (`# …`)"]);
    }

    #[test]
    fn tests_that_are_named_exist() {
        let mut page = LAYERS.iter().map(|(name, _)| format!("`{name}`\n")).collect::<String>();
        page +=
            "Held by `store::log::cut_at_every_byte`, `cargo xtask layers` and\n`store::gone`.\n\n";
        let texts = [
            text("ARCHITECTURE.md", &page),
            text("crates/store/src/log/tests.rs", "fn cut_at_every_byte() {"),
        ];
        assert_eq!(architecture(&texts), ["ARCHITECTURE.md names store::gone, which is no test"]);
    }

    #[test]
    fn every_loss_has_its_row() {
        let rows: String = (1..=LOSSES).map(|it| format!("\n| W{it} | x | `store::a` |")).collect();
        let page = |text_of: String| text("docs/loss-catalogue.md", &text_of);
        let test = || text("crates/store/src/x.rs", "fn a() {}");
        assert_eq!(losses(&[page(rows.clone()), test()]), [] as [String; 0]);
        let said = losses(&[page(rows.replace("W7 ", "W07 ").replacen("::a", "::b", 1)), test()]);
        let want = ["has no row W7", "names store::b, which is no test"];
        assert_eq!(said, want.map(|it| format!("docs/loss-catalogue.md {it}")));
    }

    #[test]
    fn dependencies_have_reasons() {
        let manifest = "[workspace.dependencies]\ntypes = { path = \"crates/types\" }\n\n# Others'\n\
            sha2 = \"0.11\"\nzstd = { version = \"0.14\" }\n\n[workspace.lints.rust]\nx = \"y\"\n";
        assert_eq!(foreign_dependencies(manifest), ["sha2", "zstd"]);
        let page = text("docs/decisions/dependencies.md", "- `sha2`: hashes.");
        let said = dependencies(&[text("Cargo.toml", manifest), page]);
        assert_eq!(said, ["docs/decisions/dependencies.md does not say why `zstd`"]);
    }
}
