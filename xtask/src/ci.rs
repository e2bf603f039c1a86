//! Everything that a change has to pass, one step after the other.

use std::time::Instant;

use crate::run::{self, cargo, has_cargo_command};
use crate::{layers, references, test, tidy};

type Step = (&'static str, fn() -> Result<(), String>);

/// Quick ones first. All are run, so that one look shows all there is to do.
const STEPS: &[Step] = &[
    ("format", format),
    ("layers", layers::run),
    ("tidy", tidy::run),
    ("licences", licences),
    ("clippy", clippy),
    ("documentation", documentation),
    ("references", || references::run(&[])),
    ("test", || test::run(&[])),
];

/// Runs the steps, or those that are named.
pub(crate) fn run(only: &[String]) -> Result<(), String> {
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|it| it == name);
    for (name, step) in STEPS.iter().filter(|(name, _)| wanted(name)) {
        println!("==== {name}");
        let began = Instant::now();
        let outcome = step();
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        lines.push(format!("{name:<14} {word:<7} {:>5} s", began.elapsed().as_secs()));
        if let Err(why) = outcome {
            eprintln!("{}", why.trim_end());
            failed.push(*name);
        }
    }
    println!("====\n{}", lines.join("\n"));
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

fn format() -> Result<(), String> {
    run::run(cargo(&["fmt", "--all", "--check"]).arg("--quiet"))
}

fn clippy() -> Result<(), String> {
    run::run(&mut cargo(&[
        "clippy",
        "--quiet",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn documentation() -> Result<(), String> {
    let mut doc = cargo(&["doc", "--quiet", "--locked", "--workspace", "--no-deps"]);
    run::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Bans, licences and sources of what we depend on, by `deny.toml`. Needs no network.
fn licences() -> Result<(), String> {
    if !has_cargo_command("deny") {
        println!("left out: cargo-deny is not installed (cargo install --locked cargo-deny)");
        return Ok(());
    }
    run::run(&mut cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"]))
}
