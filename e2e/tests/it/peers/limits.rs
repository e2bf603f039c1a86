//! How much is asked of a server: pauses and bytes of the day, from one process to the next.

use serde_json::Value;
use testkit::Dovecot;
use testkit::dovecot::{Mail, PASSWORD};
use testkit::fault_proxy::{FaultProxy, Faults, ImapFault, Refusal};

use super::{archive, fill};
use crate::posthold::{Place, Ran};

fn told(run: &Value) -> String {
    let warnings = run["warnings"].as_array().unwrap().iter();
    warnings.map(|it| it.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// A run that is partial, with its exit code.
fn partial(ran: &Ran, place: &Place) -> Value {
    assert_eq!(ran.code, 1, "{}", ran.transcript(place));
    let run = ran.json();
    assert_eq!(run["outcome"], "partial", "{run}");
    run
}

#[test]
fn w20_nobody_connects_before_the_time_that_the_server_named() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 31, 30);
    let proxy = FaultProxy::start(dovecot.imap());
    let place = Place::new();
    let with = Refusal::No("[LIMIT] Suggested Backoff Time: 3600000 milliseconds");
    proxy.set(ImapFault::Refuse { command: "UID FETCH", with }.always());
    let run = partial(&archive(&place, proxy.addr(), &[]), &place);
    assert!(told(&run).contains("Suggested Backoff Time"), "{run}");
    // The next process, as long as an hour is not over: not even by another account.
    proxy.set(Faults::default());
    let before = proxy.counts().connections;
    for login in ["alice", "bob"] {
        let url = format!("imap://{login}@{}/", proxy.addr());
        let mut command = place.command(["archive", &url, "--user", login, "--plain", "--json"]);
        let ran = Ran::of(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap());
        let run = partial(&ran, &place);
        assert!(told(&run).contains("nobody connects to 127.0.0.1"), "{run}");
        assert!(told(&run).contains("no wrong password"), "{run}");
    }
    assert_eq!(proxy.counts().connections, before);
    let runs = place.ok(["run", "list", "--json"]).json_lines();
    assert!(runs.iter().all(|it| it["outcome"] == "partial"), "{runs:?}");
}

#[test]
fn w20_a_short_pause_is_waited_out() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 32, 30);
    let proxy = FaultProxy::start(dovecot.imap());
    let place = Place::new();
    let with = Refusal::No("[OVERQUOTA] Account exceeded command or bandwidth limits.");
    proxy.set(ImapFault::Refuse { command: "UID FETCH", with }.once());
    let ran = archive(&place, proxy.addr(), &[]);
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
}

#[test]
fn the_bytes_of_a_day_are_counted_over_runs() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    let line = "x".repeat(70) + "\r\n";
    let mails: Vec<Vec<u8>> = (0..6)
        .map(|n| {
            let text = line.repeat(400_000 / line.len());
            format!("From: a@example.org\r\nSubject: {n}\r\n\r\n{text}").into_bytes()
        })
        .collect();
    dovecot.fill(
        "alice",
        "INBOX",
        mails.iter().map(|it| Mail { bytes: it, flags: "", received: 1_600_000_000 }),
    );
    let place = Place::new();
    place.ok(["user", "add", "alice"]);
    let host = dovecot.imap().to_string();
    place.ok([
        "profile",
        "add",
        "p",
        "--host",
        &host,
        "--security",
        "plain",
        "--megabytes-per-day",
        "1",
    ]);
    let mut add = place.command([
        "job",
        "add",
        "a",
        "--user",
        "alice",
        "--profile",
        "p",
        "--login",
        "alice",
        "--password",
        "--connections",
        "1",
    ]);
    assert_eq!(Ran::of(add.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap()).code, 0);
    let first = partial(&place.run(["job", "run", "a", "--json"]), &place);
    assert_eq!(first["archived"], 3, "the message that reaches the limit comes whole: {first}");
    assert!(
        told(&first).contains("bytes a day for this account are reached, it goes on at"),
        "{first}"
    );
    let second = partial(&place.run(["job", "run", "a", "--json"]), &place);
    assert_eq!((&second["archived"], &second["already"]), (&0.into(), &3.into()), "{second}");
    assert!(told(&second).contains("T00:00:00Z"), "{second}");
    place.ok(["profile", "set", "p", "--megabytes-per-day", "0"]);
    let third = place.ok(["job", "run", "a", "--json"]).json();
    assert_eq!(
        (&third["outcome"], &third["archived"]),
        (&"succeeded".into(), &3.into()),
        "{third}"
    );
}
