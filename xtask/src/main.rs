//! Automation of this repository, in its own language: `cargo xtask COMMAND`.
//!
//! `ci` is everything that a change has to pass, and what the build server runs; the other
//! commands are its steps, and `bench`. What a step needs of the system, it says.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person at work")]

mod bench;
mod ci;
mod layers;
mod references;
mod run;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  ci          everything a change has to pass: the steps below, format, clippy, documentation
  layers      crates use only crates of smaller numbers, and foreign ones only where they belong
  tidy        sizes, module documentation, standards cited, titles, what ARCHITECTURE.md names
  references  docs/reference is what the binary prints (--write makes it so)
  test        installs missing peers when root, then runs every test (arguments go to the runner)
  bench       Posthold beside mbsync and notmuch; writes docs/performance.md
              [--corpus DIR | --messages N] [--runs N] [--only archive|import|search|large]
              [--dir DIR] [--notmuch N] [--binary PATH]
  bench archive [PART...]
              many accounts, idle ones, a mailbox of a million messages, POP3: many, idle, huge,
              pop3; each writes its section of docs/performance.md
              [--corpus DIR] [--runs N] [--dir DIR] [--binary PATH] [--divide N]
  bench store a store of a million messages: opened, verified, its catalog made anew
              [--runs N] [--dir DIR] [--binary PATH] [--divide N]
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("", Default::default()),
    };
    let outcome = match command {
        "ci" => ci::run(rest),
        "layers" => layers::run(),
        "tidy" => tidy::run(),
        "references" => references::run(rest),
        "test" => test::run(rest),
        "bench" => bench::run(rest),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}", why.trim_end());
            ExitCode::FAILURE
        }
    }
}
