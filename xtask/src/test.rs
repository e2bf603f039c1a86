//! Every test, with the servers of others that some of them need.
//!
//! As root, missing Debian packages are installed. Otherwise tests that miss their peer are left
//! out, and listed at the end.

use std::env;
use std::fs;
use std::process::Stdio;

use testkit::{Cyrus, Dovecot, Postfix, cyrus};

use crate::run::{self, cargo, command, has_cargo_command};

/// What peers come from: a program, and the Debian package that brings it.
const PEERS: &[(&str, &str)] = &[
    ("/usr/sbin/dovecot", "dovecot-core"),
    ("/usr/lib/dovecot/imap", "dovecot-imapd"),
    ("/usr/lib/dovecot/pop3", "dovecot-pop3d"),
    ("/usr/bin/strace", "strace"),
    ("/usr/bin/python3", "python3"),
    ("/usr/bin/openssl", "openssl"),
    ("/usr/sbin/postfix", "postfix"),
];

/// Runs every test; `args` go to the test runner.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    install(PEERS);
    unpack_cyrus();
    let left_out = tempfile::NamedTempFile::new().map_err(|it| format!("temporary file: {it}"))?;
    // Tests of the binary find it built.
    run::run(&mut cargo(&[
        "build",
        "--quiet",
        "--locked",
        "--package",
        "posthold",
        "--package",
        "posthold-verify",
    ]))?;
    let mut runner = runner();
    runner.args(args).env("POSTHOLD_TEST_LEFT_OUT", left_out.path());
    let has_python = testkit::peers::program("python3").is_some();
    if Dovecot::available().is_ok() && Postfix::available().is_ok() && has_python {
        runner.env("POSTHOLD_TEST_PEERS", "required");
    }
    let outcome = run::run(&mut runner);
    let list = fs::read_to_string(left_out.path()).unwrap_or_default();
    let mut lines: Vec<&str> = list.lines().collect();
    lines.sort_unstable();
    if !lines.is_empty() {
        println!("\n{} tests were left out:\n{}", lines.len(), lines.join("\n"));
    }
    outcome
}

/// Cyrus conflicts with Dovecot as a package: it is only unpacked, as root on Debian.
fn unpack_cyrus() {
    let can = rustix::process::geteuid().is_root() && testkit::peers::program("dpkg").is_some();
    if !can || Cyrus::available().is_ok() {
        return;
    }
    println!("unpacking cyrus into {}", cyrus::ROOT);
    if let Err(why) = cyrus::unpack() {
        println!("cyrus cannot be had, and its tests are left out: {why}");
    }
}

/// Installs the packages of programs that are missing, if we may; says so otherwise.
pub(crate) fn install(peers: &[(&str, &str)]) {
    let missing = peers.iter().filter(|(path, _)| !std::path::Path::new(path).exists());
    let packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return;
    }
    if !rustix::process::geteuid().is_root() || testkit::peers::program("apt-get").is_none() {
        println!("missing: {} (as root on Debian they would be installed)", packages.join(", "));
        return;
    }
    println!("installing {}", packages.join(", "));
    if packages.contains(&"postfix") {
        // Without a configuration of the system's own, Debian does not start it.
        let select = "echo postfix postfix/main_mailer_type select No configuration";
        let _ = run::run(command("sh").args(["-c", &format!("{select} | debconf-set-selections")]));
    }
    if apt_install(&packages).is_err() {
        let updated = run::run(apt(&["update"]).stdout(Stdio::null()));
        if let Err(why) = updated.and_then(|()| apt_install(&packages)) {
            println!("{why}");
        }
    }
}

fn apt_install(packages: &[&str]) -> Result<(), String> {
    let mut apt = apt(&["install", "-y", "--no-install-recommends"]);
    run::run(apt.args(packages).stdout(Stdio::null()))
}

fn apt(args: &[&str]) -> std::process::Command {
    let mut apt = command("apt-get");
    apt.args(["-qq", "-o", "DPkg::Lock::Timeout=600"]).args(args);
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

/// nextest, which runs each test in a process of its own; `cargo test` where it cannot be had.
fn runner() -> std::process::Command {
    if !has_cargo_command("nextest") {
        println!("installing cargo-nextest");
        let installed = run::run(&mut cargo(&["install", "--quiet", "--locked", "cargo-nextest"]));
        if let Err(why) = installed {
            println!("{why}\nusing cargo test");
            return cargo(&["test", "--quiet", "--locked", "--workspace"]);
        }
    }
    let mut runner = cargo(&["nextest", "run", "--locked", "--workspace"]);
    if env::var_os("CI").is_some() {
        runner.args(["--status-level", "fail", "--final-status-level", "slow"]);
    }
    runner
}
