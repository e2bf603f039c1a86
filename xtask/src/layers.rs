//! Which crate may use which: the numbers, and the few rules that numbers cannot say.
//!
//! What it is not: a matter of taste. A new crate gets its number here and its line in
//! ARCHITECTURE.md in the same change.

use serde_json::Value;

use crate::run::{cargo, output};

/// Every crate with its layer. A crate uses crates of smaller numbers only; adapters and engines
/// have the same number, so that none sees another.
pub(crate) const LAYERS: &[(&str, u8)] = &[
    ("types", 0),
    // Pure: bytes and values in, values out.
    ("message", 1),
    ("rules", 1),
    ("ledger", 1),
    ("query", 1),
    ("settings", 1),
    ("commands", 1),
    ("sealing", 1),
    ("stamps", 1),
    ("frames", 2),
    ("reports", 2),
    // What engines ask of the outside.
    ("ports", 3),
    ("net", 4),
    ("disk", 4),
    // Adapters.
    ("store", 5),
    ("search", 5),
    ("state", 5),
    ("mail-client", 5),
    ("mail-files", 5),
    ("backup", 5),
    // Engines.
    ("archiver", 5),
    ("jobs", 5),
    ("retention", 5),
    // Surfaces: protocols toward people and programs.
    ("smtpd", 6),
    // The binaries.
    ("posthold", 7),
    ("posthold-verify", 7),
    // Aside: tests and automation. Nothing of the product uses these.
    ("testkit", 8),
    ("e2e", 9),
    ("xtask", 9),
];

/// The highest layer of a pure crate.
const PURE_MAX: u8 = 2;

/// The crates that reach no file, socket, clock or thread themselves.
pub(crate) fn sealed() -> impl Iterator<Item = &'static str> {
    let pure = LAYERS.iter().filter(|(_, layer)| *layer <= PURE_MAX).map(|(name, _)| *name);
    pure.chain(ENGINES.iter().copied())
}

/// Crates that decide. They see traits, never what is behind them.
const ENGINES: &[&str] = &["archiver", "jobs", "retention"];

/// What the numbers would allow an engine to use, and nothing else does.
const NOT_FOR_ENGINES: &[&str] = &["net", "disk"];

/// Crates that speak with people and programs. The binary gives them what they stand on.
const SURFACES: &[&str] = &["smtpd"];

/// What the numbers would allow a surface to use, and nothing else does.
const NOT_FOR_SURFACES: &[&str] =
    &["disk", "store", "search", "state", "mail-client", "mail-files", "backup"];

/// Foreign crates that have one home: nothing else of ours uses them directly.
const HOMES: &[(&str, &[&str])] = &[
    ("clap", &["posthold"]),
    ("imap-codec", &["mail-client"]),
    ("mail-parser", &["message"]),
    ("ring", &["ledger", "sealing", "stamps", "state"]),
    ("rusqlite", &["store", "state"]),
    ("rustls", &["net"]),
    ("rustls-webpki", &["stamps"]),
    ("rustls-native-certs", &["net"]),
    ("tokio-rustls", &["net"]),
    ("rcgen", &["testkit"]),
    ("tantivy", &["search"]),
    ("zstd", &["frames"]),
];

/// Foreign crates that no pure crate and no engine uses: each edge has its own rows, files and
/// structs of its interface, and converts.
const NOT_INSIDE: &[&str] =
    &["serde", "serde_json", "toml", "rustix", "getrandom", "rusqlite", "clap", "tempfile"];

/// Foreign crates that no pure crate uses.
const NOT_PURE: &[&str] = &["tokio", "tracing"];

/// A use of one crate by another.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Arrow {
    from: String,
    to: String,
    /// Only tests need it.
    dev: bool,
}

/// Checks the crates as cargo sees them.
pub(crate) fn run() -> Result<(), String> {
    let metadata = output(&mut cargo(&["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|it| format!("cargo metadata: {it}"))?;
    let arrows = arrows(&metadata);
    let names: Vec<&str> = each(&metadata, "packages").map(|it| text(it, "name")).collect();
    let mut found = forbidden_arrows(LAYERS, &arrows);
    found.extend(forbidden_foreign(LAYERS, &arrows, &names));
    for (name, _) in LAYERS.iter().filter(|(name, _)| !names.contains(name)) {
        found.push(format!("{name} has a layer, but there is no such crate"));
    }
    for name in names.iter().filter(|name| layer(LAYERS, name).is_none()) {
        found.push(format!("{name} has no layer"));
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

fn arrows(metadata: &Value) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for package in each(metadata, "packages") {
        for dependency in each(package, "dependencies") {
            arrows.push(Arrow {
                from: text(package, "name").to_owned(),
                to: text(dependency, "name").to_owned(),
                dev: text(dependency, "kind") == "dev",
            });
        }
    }
    arrows
}

fn each<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn layer(layers: &[(&str, u8)], name: &str) -> Option<u8> {
    layers.iter().find(|(it, _)| *it == name).map(|(_, it)| *it)
}

/// Arrows between our crates that do not point strictly down, or are denied by name. Tests may
/// use the kit besides.
fn forbidden_arrows(layers: &[(&str, u8)], arrows: &[Arrow]) -> Vec<String> {
    let mut found = Vec::new();
    for Arrow { from, to, dev } in arrows {
        let (Some(above), Some(below)) = (layer(layers, from), layer(layers, to)) else { continue };
        let for_tests = *dev && to == "testkit";
        let is = |names: &[&str], name: &String| names.contains(&name.as_str());
        let denied = is(ENGINES, from) && is(NOT_FOR_ENGINES, to)
            || is(SURFACES, from) && is(NOT_FOR_SURFACES, to);
        if !for_tests && (above <= below || denied) {
            found.push(format!("{from} ({above}) must not use {to} ({below})"));
        }
    }
    found
}

/// Uses of foreign crates outside their homes, and inside of what must stay free of them.
fn forbidden_foreign(layers: &[(&str, u8)], arrows: &[Arrow], ours: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let foreign = arrows.iter().filter(|it| !it.dev && !ours.contains(&it.to.as_str()));
    for Arrow { from, to, .. } in foreign {
        let home = HOMES.iter().find(|(name, _)| name == to);
        if home.is_some_and(|(_, homes)| !homes.contains(&from.as_str())) {
            found.push(format!("{from} must not use {to}: it has its home elsewhere"));
        }
        let pure = layer(layers, from).is_some_and(|it| it <= PURE_MAX);
        let inside = pure || ENGINES.contains(&from.as_str());
        if (inside && NOT_INSIDE.contains(&to.as_str()))
            || (pure && NOT_PURE.contains(&to.as_str()))
        {
            found.push(format!("{from} must not use {to}: it decides, and the edges convert"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(text: &str) -> Arrow {
        let (from, to) = text.split_once(" -> ").unwrap();
        let (from, dev) = from.strip_suffix(" (test)").map_or((from, false), |it| (it, true));
        Arrow { from: from.into(), to: to.into(), dev }
    }

    #[test]
    fn arrows_point_down() {
        let cases = [
            ("store -> frames", ""),
            ("posthold -> store", ""),
            ("archiver (test) -> testkit", ""),
            ("frames -> store", "frames (2) must not use store (5)"),
            ("store -> search", "store (5) must not use search (5)"),
            ("archiver -> store", "archiver (5) must not use store (5)"),
            ("archiver (test) -> store", "archiver (5) must not use store (5)"),
            ("archiver -> disk", "archiver (5) must not use disk (4)"),
            ("smtpd -> net", ""),
            ("smtpd -> store", "smtpd (6) must not use store (5)"),
            ("store -> testkit", "store (5) must not use testkit (8)"),
            ("types -> serde", ""),
        ];
        for (text, said) in cases {
            assert_eq!(forbidden_arrows(LAYERS, &[arrow(text)]).join("; "), said, "{text}");
        }
    }

    #[test]
    fn foreign_crates_stay_where_they_belong() {
        let cases = [
            ("store -> rusqlite", true),
            ("archiver -> rusqlite", false),
            ("mail-files -> mail-parser", false),
            ("ledger -> serde", false),
            ("ledger (test) -> serde", true),
            ("archiver -> tokio", true),
            ("frames -> tokio", false),
            ("posthold -> serde_json", true),
        ];
        for (text, allowed) in cases {
            let found = forbidden_foreign(LAYERS, &[arrow(text)], &["store"]);
            assert_eq!(found.is_empty(), allowed, "{text}: {found:?}");
        }
    }
}
