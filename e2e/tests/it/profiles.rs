//! `profile ...`, `settings ...`, `key ...`, without a server.

use std::fs;
use std::path::Path;

use expect_test::{Expect, expect};

use crate::posthold::{Place, Ran};

const PASSWORD: &str = "correct horse battery staple";

fn check(place: &Place, line: &[&str], want: &Expect) {
    want.assert_eq(&place.run(line).transcript(place));
}

fn with_password(place: &Place, line: &[&str]) -> Ran {
    let mut command = place.command(line);
    Ran::of(command.env("POSTHOLD_PASSWORD", PASSWORD).output().unwrap())
}

/// The files below `dir` that hold these bytes.
fn holding(dir: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if fs::read(&path).unwrap().windows(bytes.len()).any(|it| it == bytes) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn a_profile_from_its_making_to_its_end() {
    let place = Place::new();
    check(
        &place,
        &["profile", "list"],
        &expect![[r#"
        exit code 0
        There are no server profiles; `posthold profile add` makes one.
    "#]],
    );
    check(
        &place,
        &["profile", "add", "office", "--host", "mail.example.org", "--description", "old one"],
        &expect![[r#"
            exit code 0
            Server profile office, enabled.
              For:          old one
              Incoming:     imap mail.example.org:993 tls
                            as each account; mechanism auto
                            certificates: system
              Connections:  10 for each account
              A day:        no limit
              Pauses:       500ms to 60s
        "#]],
    );
    check(
        &place,
        &["profile", "set", "office", "--host", "mail.^0:143", "--connections", "4"],
        &expect![[r#"
            exit code 0
            Server profile office, enabled.
              For:          old one
              Incoming:     imap mail.^0:143 starttls
                            as each account; mechanism auto
                            certificates: system
              Connections:  4 for each account
              A day:        no limit
              Pauses:       500ms to 60s
        "#]],
    );
    let copied = with_password(
        &place,
        &["profile", "copy", "office", "branch", "--login", "master", "--password"],
    );
    let made = copied.transcript(&place);
    assert!(made.contains("secret.key"), "{made}");
    assert!(!made.contains(PASSWORD), "{made}");
    check(
        &place,
        &["profile", "rename", "branch", "west"],
        &expect![[r#"
            exit code 0
            Server profile west, enabled.
              For:          old one
              Incoming:     imap mail.^0:143 starttls
                            as master, its password is kept; mechanism auto
                            certificates: system
              Connections:  4 for all accounts together, which use the profile's login
              A day:        no limit
              Pauses:       500ms to 60s
        "#]],
    );
    check(
        &place,
        &["profile", "disable", "office"],
        &expect![[r#"
            exit code 0
            Server profile office, disabled.
              For:          old one
              Incoming:     imap mail.^0:143 starttls
                            as each account; mechanism auto
                            certificates: system
              Connections:  4 for each account
              A day:        no limit
              Pauses:       500ms to 60s
        "#]],
    );
    check(
        &place,
        &["profile", "list"],
        &expect![[r#"
        exit code 0
          office  imap mail.^0:143 starttls  0 jobs  disabled
          west    imap mail.^0:143 starttls  0 jobs
    "#]],
    );
    check(
        &place,
        &["profile", "add", "west", "--host", "x"],
        &expect![[r#"
        exit code 2
        stderr: error: there is a server profile "west" already
        stderr:   `posthold profile list` shows the server profiles.
    "#]],
    );
    check(
        &place,
        &["profile", "remove", "office"],
        &expect![[r#"
        exit code 0
        Removed the server profile office.
    "#]],
    );
    check(
        &place,
        &["profile", "show", "office"],
        &expect![[r#"
            exit code 2
            stderr: error: there is no server profile "office"
            stderr:   `posthold profile list` shows the server profiles.
        "#]],
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn plain_connections_need_a_permission() {
    let place = Place::new();
    let line = ["profile", "add", "p", "--host", "mail.example.org", "--security", "plain"];
    check(
        &place,
        &line,
        &expect![[r#"
        exit code 2
        stderr: error: the incoming server mail.example.org would be reached without encryption
        stderr:   Choose --security tls or starttls. If it has to be: `posthold settings set allow_plain_mail_connections on`.
    "#]],
    );
    place.ok(["profile", "add", "here", "--host", "127.0.0.1:10143", "--security", "plain"]);
    place.ok(["settings", "set", "allow_plain_mail_connections", "on"]);
    place.ok(line);
    place.ok(["profile", "add", "q", "--host", "mail.example.org", "--accept-all-certificates"]);
    check(
        &place,
        &["settings", "check"],
        &expect![[r#"
        exit code 1
        profile here: The connection to the incoming server 127.0.0.1:10143 is not encrypted; it is on this machine.
        profile p: The connection to the incoming server mail.example.org:143 is not encrypted: passwords and mail can be read on the way.
        profile q: Any certificate is accepted from the incoming server mail.example.org:993: anybody can pretend to be it.
    "#]],
    );
    check(
        &place,
        &["settings", "export"],
        &expect![[r#"
            exit code 0
            # Posthold: the whole configuration

            [settings]
            allow_plain_mail_connections = "on"

            [[profile]]
            name = "here"
            connections = 10
            poll_seconds = 0
            pause_first_seconds = 0.5
            pause_max_seconds = 60
            incoming.protocol = "imap"
            incoming.host = "127.0.0.1:10143"
            incoming.security = "plain"
            incoming.auth = "auto"
            incoming.trust = "system"

            [[profile]]
            name = "p"
            connections = 10
            poll_seconds = 0
            pause_first_seconds = 0.5
            pause_max_seconds = 60
            incoming.protocol = "imap"
            incoming.host = "mail.example.org"
            incoming.security = "plain"
            incoming.auth = "auto"
            incoming.trust = "system"

            [[profile]]
            name = "q"
            connections = 10
            poll_seconds = 0
            pause_first_seconds = 0.5
            pause_max_seconds = 60
            incoming.protocol = "imap"
            incoming.host = "mail.example.org"
            incoming.auth = "auto"
            incoming.trust = "accept_all"
        "#]],
    );
}

#[test]
fn settings_are_listed_set_and_taken_back() {
    let place = Place::new();
    check(
        &place,
        &["settings", "list"],
        &expect![[r#"
            exit code 0
              setting                         value             applies
              alert_disk_free_percent         5        default  none
              alert_mails_per_hour            6        default  none
              alert_stale_hours               48       default  none
              allow_plain_mail_connections    off      default  part
              audit_configuration_read        off      default  none
              audit_job_run                   on       default  none
              audit_message_export            on       default  none
              audit_message_retrieve_content  on       default  none
              audit_message_search            on       default  none
              audit_reading_needs_reason      off      default  none
              daily_report_hour               6        default  none
              encrypt_new_stores              off      default  none
              erasure_grace_days              7        default  none
              four_eyes                       off      default  none
              retention_hour                  2        default  none
              run_days_kept                   365      default  none
              server_connections              20       default  part
              store_create_at_messages        5000000  default  none
              store_create_every              never    default  none
              store_path_pattern              {name}   default  none
        "#]],
    );
    check(
        &place,
        &["settings", "set", "server_connections", "0"],
        &expect![[r#"
        exit code 2
        stderr: error: server_connections is a number from 1 to 1000, not "0"
        stderr:   Connections to one server (host and port) at the same time, over all jobs and profiles. The smallest of this, the profile's own limit and what the job asks for counts.
    "#]],
    );
    check(
        &place,
        &["settings", "set", "server_connections", "7"],
        &expect![[r#"
        exit code 0
        server_connections = 7
          Connections to one server (host and port) at the same time, over all jobs and profiles. The smallest of this, the profile's own limit and what the job asks for counts.
          The default is 20. Applying: the profiles and jobs that it concerns connect anew.
    "#]],
    );
    check(
        &place,
        &["settings", "get", "server_connections", "--json"],
        &expect![[r#"
        exit code 0
        {"key":"server_connections","value":"7","default":"20","is_set":true,"applies":"part","doc":"Connections to one server (host and port) at the same time, over all jobs and profiles. The smallest of this, the profile's own limit and what the job asks for counts."}
    "#]],
    );
    place.ok(["settings", "set", "server_connections", "--default"]);
    check(
        &place,
        &["settings", "get", "no_such"],
        &expect![[r#"
        exit code 2
        stderr: error: there is no setting "no_such"
        stderr:   `posthold settings list` shows the settings.
    "#]],
    );
}

#[test]
fn a_password_is_in_no_file_and_no_answer() {
    let place = Place::new();
    let line = ["profile", "add", "p", "--host", "h", "--login", "master", "--password"];
    let ran = with_password(&place, &line);
    assert_eq!(ran.code, 0, "{}", ran.transcript(&place));
    assert_eq!(holding(&place.data(), PASSWORD.as_bytes()), [] as [&str; 0]);
    for line in [&["profile", "show", "p"][..], &["settings", "export"], &["key", "status"]] {
        let ran = place.ok(line.iter().chain(&["--json"]));
        assert!(!ran.text().contains(PASSWORD), "{}", ran.text());
    }
}

#[test]
fn keys_are_made_rotated_and_missed() {
    let place = Place::new();
    check(
        &place,
        &["key", "status"],
        &expect![[r#"
        exit code 0
        There is no key in DIR/data/secret.key yet; one is made with the first password.
    "#]],
    );
    let line = ["profile", "add", "p", "--host", "h", "--login", "master", "--password"];
    with_password(&place, &line);
    let file = place.data().join("secret.key");
    let first = fs::read_to_string(&file).unwrap();
    let status = place.ok(["key", "status", "--json"]).json();
    assert_eq!(status["keys"][0]["secrets"], 1, "{status}");
    let rotated = place.ok(["key", "rotate", "--json"]).json();
    assert_eq!(rotated["secrets"], 1, "{rotated}");
    let second = fs::read_to_string(&file).unwrap();
    assert_ne!(first, second);
    // The old key, as after a rotation that died before it had sealed anything: one of the two
    // opens.
    fs::write(&file, format!("{first}{second}")).unwrap();
    let rotated = place.ok(["key", "rotate", "--json"]).json();
    assert_eq!(rotated["secrets"], 1, "{rotated}");
    // Only the old key: said, with what can be done.
    fs::write(&file, &first).unwrap();
    let status = place.run(["key", "status", "--json"]);
    assert_eq!(status.code, 1, "{}", status.text());
    let failed = place.run(["profile", "test", "p"]);
    assert_eq!(failed.code, 2);
    assert!(failed.stderr.contains("a secret is sealed with key"), "{}", failed.stderr);
    // No key: none is made beside what another has sealed.
    fs::remove_file(&file).unwrap();
    let line = ["profile", "set", "p", "--password"];
    assert_eq!(with_password(&place, &line).code, 2);
    assert!(!file.exists());
    // A key in the environment opens nothing that it did not seal, and seals what is new.
    let key = place.ok(["key", "new"]).text().trim().to_owned();
    let mut command = place.command(["key", "rotate"]);
    assert_eq!(Ran::of(command.env("POSTHOLD_KEY", &key).output().unwrap()).code, 2);
    let mut command = place.command(line);
    command.env("POSTHOLD_KEY", &key).env("POSTHOLD_PASSWORD", PASSWORD);
    assert_eq!(Ran::of(command.output().unwrap()).code, 0);
    let mut command = place.command(["key", "rotate", "--json"]);
    let rotated = Ran::of(command.env("POSTHOLD_KEY", &key).output().unwrap()).json();
    assert_eq!(rotated["secrets"], 1, "{rotated}");
    assert!(!file.exists());
}
