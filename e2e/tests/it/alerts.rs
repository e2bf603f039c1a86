//! `alert`, `mail`, `run report` and `report daily`, with a server that takes mail.

use std::fs;

use expect_test::{Expect, expect};
use testkit::{SinkMail, SinkMood, SmtpSink};

use crate::posthold::{Place, Ran, filtered};
use crate::serve::{Server, in_the_end};

/// A place where it is no matter how full the disk of this machine is.
pub(crate) fn roomy() -> Place {
    let place = Place::new();
    place.ok(["settings", "set", "alert_disk_free_percent", "0"]);
    place
}

/// A place with a job that fails: nobody listens where it goes.
fn failing() -> Place {
    let place = roomy();
    place.ok(["profile", "add", "gone", "--host", "127.0.0.1:1", "--security", "plain"]);
    place.ok(["user", "add", "alice"]);
    job(&place, "office", "alice@example.org");
    place
}

fn job(place: &Place, name: &str, login: &str) {
    let line = ["job", "add", name, "--user", "alice", "--profile", "gone", "--login", login];
    let mut command = place.command(line.into_iter().chain(["--password"]));
    let ran = Ran::of(command.env("POSTHOLD_PASSWORD", "secret").output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.transcript(place));
}

/// The options of `mail set` and `mail test` for a sink.
pub(crate) fn options(sink: &SmtpSink, to: &str) -> Vec<String> {
    let port = sink.address().port().to_string();
    let line = ["--server", "127.0.0.1", "--port", &port, "--protocol", "smtp", "--sender"];
    let rest = ["posthold@example.org", "--alerts-to", to];
    line.into_iter().chain(rest).map(str::to_owned).collect()
}

fn mail(place: &Place, command: &str, options: &[String]) -> Ran {
    let line = ["mail", command].map(str::to_owned);
    place.run(line.iter().chain(options))
}

/// The subject and the text of a message, without what differs by machine.
fn read(place: &Place, mail: &SinkMail) -> String {
    let text = String::from_utf8(mail.bytes.clone()).unwrap().replace("\r\n", "\n");
    let subject = text.lines().find(|it| it.starts_with("Subject: ")).unwrap();
    let body = text.split("quoted-printable\n\n").nth(1).unwrap();
    let body = body.split("\n--=_").next().unwrap().replace("=\n", "");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let told = format!("to {}\n{subject}\n\n{body}\n", mail.to.join(", "));
    filtered(&told.replace(host.trim(), "HOST"), &place.path(""))
}

fn check(place: &Place, line: &[&str], want: &Expect) {
    want.assert_eq(&place.run(line).transcript(place));
}

#[test]
fn an_alert_is_sent_once_and_so_is_its_end() {
    let (place, sink) = (failing(), SmtpSink::start());
    assert_eq!(mail(&place, "set", &options(&sink, "admin@example.org")).code, 0);
    for _ in 0..2 {
        assert_eq!(place.run(["job", "run", "office"]).code, 2);
        assert_eq!(sink.mails().len(), 1, "it is told once");
    }
    expect![[r#"
        to admin@example.org
        Subject: [Posthold HOST] The job office failed.

        Posthold on HOST
        The job office failed.

        What it is (alert 1, since TIME )

        alice@example.org: 127.0.0.1:1 refused the connection: Connection refused (os error 111)

          `posthold run report 1` shows everything.

        Times are in UTC. `posthold alert list` shows what is open.
    "#]]
    .assert_eq(&read(&place, &sink.mails()[0]));
    check(
        &place,
        &["alert", "list"],
        &expect![[r#"
        exit code 1
          1  TIME   serious  The job office failed.
    "#]],
    );
    check(
        &place,
        &["alert", "show", "1"],
        &expect![[r#"
        exit code 0
        Alert 1, serious: The job office failed.
          alice@example.org: 127.0.0.1:1 refused the connection: Connection refused (os error 111)
          `posthold run report 2` shows everything.
          Since:        TIME 
    "#]],
    );
    assert_eq!(place.ok(["alert", "acknowledge", "1"]).code, 0);
    assert_eq!(place.run(["alert", "list"]).code, 0, "nothing waits for a person");
    place.ok(["job", "disable", "office"]);
    check(
        &place,
        &["alert", "list"],
        &expect![[r#"
        exit code 0
        There are no alerts.
    "#]],
    );
    // The next command that archives tells that it is over.
    fs::write(place.path("x.eml"), "Subject: x\r\n\r\nx\r\n").unwrap();
    place.ok(["import", "x.eml", "--user", "alice"]);
    expect![[r#"
        to admin@example.org
        Subject: [Posthold HOST] Over: The job office failed.

        Posthold on HOST
        Over: The job office failed.

        What it is (over at TIME , since TIME )

        Times are in UTC. `posthold alert list` shows what is open.
    "#]]
    .assert_eq(&read(&place, &sink.mails()[1]));
    assert_eq!(sink.mails().len(), 2);
    let all = place.ok(["alert", "list", "--all", "--json"]).json_lines();
    assert!(all[0]["resolved"].is_string(), "{all:?}");
}

#[test]
fn what_cannot_be_sent_is_kept_and_sent_later() {
    let (place, sink) = (failing(), SmtpSink::start());
    let options = options(&sink, "admin@example.org");
    assert_eq!(mail(&place, "set", &options).code, 0);
    sink.set(SinkMood::Busy);
    assert_eq!(place.run(["job", "run", "office"]).code, 2);
    sink.set(SinkMood::Refuses);
    // Its time has not come: it is not tried.
    job(&place, "second", "bob@example.org");
    assert_eq!(place.run(["job", "run", "second"]).code, 2);
    let shown = place.ok(["mail", "show", "--json"]).json();
    let waiting = shown["waiting"].as_array().unwrap();
    assert_eq!(waiting.len(), 1, "what happened meanwhile waits for the next message: {shown}");
    assert_eq!(waiting[0]["failures"], 1, "{shown}");
    assert!(waiting[0]["why"].as_str().unwrap().contains("come back later"), "{shown}");
    // Saying again how mail is sent has it tried at once.
    assert_eq!(mail(&place, "set", &options).code, 0);
    place.run(["job", "run", "office"]);
    let shown = place.ok(["mail", "show", "--json"]).json();
    assert_eq!(shown["waiting"][0]["failures"], 2, "{shown}");
    sink.set(SinkMood::Takes);
    assert_eq!(mail(&place, "set", &options).code, 0);
    place.run(["job", "run", "office"]);
    let first = read(&place, &sink.mails()[0]);
    assert!(first.contains("job office failed"), "{first}");
    place.run(["job", "run", "office"]);
    let told: Vec<String> = sink.mails().iter().map(|it| read(&place, it)).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[1].contains("job second failed"), "{told:#?}");
    assert_eq!(place.ok(["mail", "show", "--json"]).json()["waiting"], serde_json::json!([]));
}

#[test]
fn a_refused_recipient_keeps_no_other_one_from_it() {
    let (place, sink) = (failing(), SmtpSink::start());
    let options = options(&sink, "nobody@example.org, admin@example.org");
    assert_eq!(mail(&place, "set", &options).code, 0);
    place.run(["job", "run", "office"]);
    assert_eq!(sink.mails()[0].to, ["admin@example.org"]);
    let shown = place.ok(["mail", "show"]).transcript(&place);
    assert!(shown.contains("nobody@example.org: 550 5.1.1 no such user"), "{shown}");
}

#[test]
fn a_test_applies_what_works() {
    let (place, sink) = (roomy(), SmtpSink::start());
    let line = options(&sink, "admin@example.org");
    sink.set(SinkMood::Refuses);
    let ran = mail(&place, "test", &line);
    let port = sink.address().port().to_string();
    expect![[r#"
        exit code 1
        Failed: outgoing mail.
          resolve  Success  127.0.0.1
          connect  Success  127.0.0.1:PORT
          tls      Not run  the connection is not encrypted
          login    Not run  no login is kept or given (--login)
          message  Failure  admin@example.org: 554 5.7.1 not that
          Check sender and recipients. A server that says "for now" may take the same message in some minutes. A server that refuses recipients or sender mostly wants a login first: give --login and --password.
        warning: The connection to the server of outgoing mail 127.0.0.1:PORT is not encrypted; it is on this machine.
        The change is not applied; --apply-anyway applies it whether or not it works.
    "#]].assert_eq(&ran.transcript(&place).replace(&port, "PORT"));
    assert!(place.ok(["mail", "show", "--json"]).json()["server"].is_null());
    sink.set(SinkMood::Takes);
    let ran = mail(&place, "test", &line);
    expect![[r#"
        exit code 0
        Nothing failed: outgoing mail.
          resolve  Success  127.0.0.1
          connect  Success  127.0.0.1:PORT
          tls      Not run  the connection is not encrypted
          login    Not run  no login is kept or given (--login)
          message  Success  sent to admin@example.org
          If it does not arrive, look into the spam or junk folder of the mailbox.
        warning: The connection to the server of outgoing mail 127.0.0.1:PORT is not encrypted; it is on this machine.
        The change is applied.
    "#]].assert_eq(&ran.transcript(&place).replace(&port, "PORT"));
    expect![[r#"
        to admin@example.org
        Subject: [Posthold HOST] Test message

        Posthold on HOST
        Mail from Posthold arrives here.
        This is the test message of `posthold mail test`.

        Alerts and the daily report come from the same sender.
    "#]]
    .assert_eq(&read(&place, &sink.mails()[0]));
    let shown = place.ok(["mail", "show"]).transcript(&place).replace(&port, "PORT");
    expect![[r#"
        exit code 0
        Mail is sent from posthold@example.org.
          Through:      smtp 127.0.0.1:PORT plain
          Certificates: system
          Login:        none; mechanism auto
          Alerts to:    admin@example.org
          Daily to:     nobody
        warning: The connection to the server of outgoing mail 127.0.0.1:PORT is not encrypted; it is on this machine.
    "#]].assert_eq(&shown);
    // A change that fails is applied when that is asked for.
    sink.set(SinkMood::Busy);
    let ran = place.run(["mail", "test", "--sender-name", "Archive"]);
    assert_eq!((ran.code, ran.text().contains("not applied")), (1, true), "{}", ran.text());
    let ran = place.run(["mail", "test", "--sender-name", "Archive", "--apply-anyway"]);
    assert_eq!(ran.code, 1);
    assert_eq!(place.ok(["mail", "show", "--json"]).json()["sender"]["name"], "Archive");
    place.ok(["mail", "remove"]);
    assert!(place.ok(["mail", "show", "--json"]).json()["server"].is_null());
}

#[test]
fn what_is_wrong_with_mail_settings_is_named() {
    let place = roomy();
    check(
        &place,
        &["mail", "set"],
        &expect![[r#"
        exit code 2
        stderr: error: there is no server for outgoing mail
        stderr:   Name it with --server HOST.
    "#]],
    );
    check(
        &place,
        &["mail", "set", "--server", "mail.example.org"],
        &expect![[r#"
        exit code 2
        stderr: error: there is no sender for outgoing mail
        stderr:   Name it with --sender ADDRESS.
    "#]],
    );
    let line = ["mail", "set", "--server", "mail.example.org", "--sender", "not an address"];
    check(
        &place,
        &line,
        &expect![[r#"
        exit code 2
        stderr: error: --sender: "not an address" is no mail address: it has no @
        stderr:   Write an address as name@example.org; several with commas.
    "#]],
    );
    let line =
        ["mail", "set", "--server", "mail.example.org", "--sender", "a@b", "--protocol", "smtp"];
    check(
        &place,
        &line,
        &expect![[r#"
        exit code 2
        stderr: error: the server mail.example.org would be reached without encryption
        stderr:   Choose --protocol smtp-tls or smtp-ssl. If it has to be: `posthold settings set allow_plain_mail_connections on`.
    "#]],
    );
    check(
        &place,
        &["report", "daily", "--send"],
        &expect![[r#"
        exit code 2
        stderr: error: it is not set how mail is sent
        stderr:   `posthold mail test` with the options of `mail set` sets it up.
    "#]],
    );
    check(
        &place,
        &["alert", "show", "7"],
        &expect![[r#"
        exit code 2
        stderr: error: there is no alert 7
        stderr:   `posthold alert list --all` lists them.
    "#]],
    );
}

#[test]
fn mail_settings_that_are_not_safe_are_named() {
    let place = roomy();
    let line = ["mail", "set", "--server", "mail.example.org", "--sender", "a@b.org"];
    place.ok(line.into_iter().chain(["--accept-all-certificates"]));
    check(
        &place,
        &["settings", "check"],
        &expect![[r#"
        exit code 1
        mail outgoing mail: Any certificate is accepted from the server of outgoing mail mail.example.org:587: anybody can pretend to be it.
    "#]],
    );
    check(
        &place,
        &["mail", "show"],
        &expect![[r#"
        exit code 0
        Mail is sent from a@b.org.
          Through:      smtp mail.example.org:587 starttls
          Certificates: accept all
          Login:        none; mechanism auto
          Alerts to:    nobody
          Daily to:     nobody
        warning: Any certificate is accepted from the server of outgoing mail mail.example.org:587: anybody can pretend to be it.
        warning: Nobody is told of alerts (--alerts-to).
    "#]],
    );
}

#[test]
fn the_daily_report_is_sent_when_somebody_asks() {
    let (place, sink) = (failing(), SmtpSink::start());
    let mut line = options(&sink, "");
    line.extend(["--daily-to", "boss@example.org"].map(str::to_owned));
    assert_eq!(mail(&place, "set", &line).code, 0);
    place.run(["job", "run", "office"]);
    let ran = place.ok(["report", "daily", "--send", "--json"]);
    assert_eq!(ran.json()["sent_to"], serde_json::json!(["boss@example.org"]));
    let told = read(&place, &sink.mails()[0]);
    assert!(told.contains("What is not complete"), "{told}");
    assert!(told.contains("alice@example.org"), "{told}");
}

#[test]
fn a_report_takes_names_of_anybody_and_runs_nothing() {
    let place = failing();
    let hostile = "\"><img src=x onerror=alert(1)><script>alert(2)</script>@x";
    job(&place, "<b>bold</b>", hostile);
    assert_eq!(place.run(["job", "run", "<b>bold</b>"]).code, 2);
    for form in ["text", "json", "html"] {
        let file = place.path(form);
        let line = ["run", "report", "1", "--format", form, "--to", file.to_str().unwrap()];
        place.ok(line);
        let page = fs::read_to_string(&file).unwrap();
        assert!(page.contains("onerror"), "the account is named: {page}");
        assert_eq!(place.ok(["run", "report", "1", "--format", form]).text(), page);
    }
    let page = fs::read_to_string(place.path("html")).unwrap();
    for markup in ["<script", "<img", "<b>bold"] {
        assert!(!page.contains(markup), "{page}");
    }
    let report = place.ok(["run", "report", "1", "--json"]).json();
    assert_eq!(report["details"][0]["account"], hostile, "{report}");
    assert_eq!(report["details"][0]["failure"], "configuration", "{report}");
}

#[test]
fn runs_are_found_again() {
    let place = failing();
    fs::write(place.path("x.eml"), "Subject: x\r\n\r\nx\r\n").unwrap();
    place.run(["job", "run", "office"]);
    let listed = |options: &[&str]| {
        let line = ["run", "list", "--json"].iter().chain(options).copied();
        place.ok(line).json_lines().len()
    };
    assert_eq!(listed(&[]), 1);
    assert_eq!(listed(&["--job", "office", "--outcome", "failed", "--user", "alice"]), 1);
    assert_eq!(listed(&["--outcome", "succeeded"]), 0);
    assert_eq!(listed(&["--user", "bob"]), 0);
    assert_eq!(listed(&["--since", "2020-01-01"]), 1);
    assert_eq!(listed(&["--since", "2999-01-01"]), 0);
    assert_eq!(place.run(["run", "list", "--since", "yesterday"]).code, 2);
}

#[test]
fn a_server_tells_by_itself() {
    let (place, sink) = (failing(), SmtpSink::start());
    let server = Server::start(&place);
    // A change that is handed over, and a run of the server: nobody else sends.
    assert_eq!(mail(&place, "set", &options(&sink, "admin@example.org")).code, 0);
    assert_eq!(place.run(["job", "run", "office"]).code, 2);
    let told = in_the_end("a message", || sink.mails().first().map(|it| read(&place, it)));
    assert!(told.contains("job office failed"), "{told}");
    assert_eq!(place.ok(["alert", "acknowledge", "1"]).code, 0);
    let ran = server.stop(&place);
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    assert_eq!(sink.mails().len(), 1);
}
