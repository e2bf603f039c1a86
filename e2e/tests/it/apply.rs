//! `apply` and `settings export`: the whole configuration as a file.

use std::fs;

use testkit::certificates::{Certificates, ServerCertificate};

use crate::json;
use crate::posthold::Place;

const FILE: &str = r#"
[settings]
server_connections = 12

[[user]]
name = "alice"
full_name = "Alice Adler"
addresses = ["alice@example.org"]
aliases = ["a.adler@example.org"]

[[user]]
name = "bob"
addresses = ["bob@example.org"]
active = false

[[profile]]
name = "office"
connections = 5
incoming.host = "tls:imap.example.org"
incoming.login = "master"
incoming.password = { file = "secrets/office" }

[[job]]
name = "alice's mail"
profile = "office"
user = "alice"
authzid = "alice@example.org"
exclude = ["Private"]
filter = "younger:5y"

[mail]
server = { host = "mail.example.org", login = "archive", password = { file = "secrets/office" } }
sender = "archive@example.org"
alerts_to = ["admin@example.org"]
"#;

fn written() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("etc/secrets")).unwrap();
    fs::write(place.path("etc/secrets/office"), "Pa55-word\n").unwrap();
    fs::write(place.path("etc/posthold.toml"), FILE).unwrap();
    place
}

#[test]
fn the_plan_is_shown_and_then_carried_out() {
    let place = written();
    let plan = place.ok(["apply", "etc/posthold.toml", "--plan"]).text().to_owned();
    for line in ["create user alice", "create server profile office", "create job alice's mail"] {
        assert!(plan.contains(line), "{plan}");
    }
    assert!(!place.data().join("state.db").exists(), "a plan changes nothing");
    let applied = place.ok(["apply", "etc/posthold.toml"]);
    assert!(applied.stderr.contains("create user alice"), "{}", applied.stderr);
    assert!(!format!("{}{}", applied.text(), applied.stderr).contains("Pa55"));
    assert!(place.ok(["job", "show", "alice's mail"]).text().contains("office"));
    let mail = place.ok(["mail", "show", "--json"]).json();
    assert_eq!(mail["server"]["port"], 587, "{mail}");
    assert_eq!(mail["server"]["has_password"], true, "{mail}");
    // Again: nothing to do.
    let again = place.ok(["apply", "etc/posthold.toml", "--json"]).json();
    assert_eq!(again["plan"].as_array().map(Vec::len), Some(0), "{again}");
}

#[test]
fn what_is_exported_changes_nothing_when_it_is_applied() {
    let place = written();
    json::check("apply", &place.ok(["apply", "etc/posthold.toml", "--json"]).json());
    let exported = place.ok(["settings", "export"]).text().to_owned();
    assert!(exported.contains("kept") && !exported.contains("Pa55"), "{exported}");
    fs::write(place.path("exported.toml"), &exported).unwrap();
    let again = place.ok(["apply", "exported.toml"]).text().to_owned();
    assert!(again.contains("Everything is as the file says."), "{again}");
    assert_eq!(place.ok(["settings", "export"]).text(), exported);
    // Elsewhere the password is missing, and that is said.
    let elsewhere = Place::new();
    fs::write(elsewhere.path("exported.toml"), &exported).unwrap();
    let made = elsewhere.ok(["apply", "exported.toml"]);
    assert!(format!("{}{}", made.text(), made.stderr).contains("has no password"));
}

#[test]
fn what_the_file_does_not_name_goes_only_when_asked_for() {
    let place = written();
    place.ok(["apply", "etc/posthold.toml"]);
    fs::write(place.path("etc/less.toml"), "[[user]]\nname = \"alice\"\n").unwrap();
    let kept = place.ok(["apply", "etc/less.toml"]).text().to_owned();
    assert!(kept.contains("Not in the file") && kept.contains("alice's mail"), "{kept}");
    place.ok(["apply", "etc/less.toml", "--prune"]);
    assert!(place.run(["job", "show", "alice's mail"]).code != 0);
    assert!(place.run(["profile", "show", "office"]).code != 0);
    assert!(place.ok(["mail", "show", "--json"]).json()["server"].is_null());
    let export = place.ok(["settings", "export"]).text().to_owned();
    assert!(export.contains("name = \"bob\"\nactive = false"), "{export}");
}

#[test]
fn nothing_is_changed_by_a_file_that_is_wrong() {
    let place = written();
    let wrong = FILE.replace("younger:5y", "younger:soon");
    fs::write(place.path("etc/wrong.toml"), wrong).unwrap();
    let refused = place.run(["apply", "etc/wrong.toml"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("alice's mail"), "{}", refused.stderr);
    assert!(place.run(["user", "show", "alice"]).code != 0);
}

/// Anchors and policies, as the file has them.
const KEEPING: &str = r#"
[mail]
server = { host = "mail.example.org" }
sender = "archive@example.org"

[[anchor]]
name = "board"
to = ["board@example.org", "keeper@example.org"]

[[anchor]]
name = "notary"
url = "http://tsa.example.org/"
ca_file = "root.pem"
every_hours = 6

[[anchor]]
name = "worm"
file = "worm/list"

[[policy]]
name = "invoices"
query = "subject:invoice"
keep = "10y"

[[policy]]
name = "rest"
all = true
remove_after = "2y"
from = "message"
"#;

#[test]
fn anchors_and_policies_are_in_the_file() {
    let place = written();
    fs::write(place.path("etc/root.pem"), Certificates::new(ServerCertificate::Valid).ca_pem)
        .unwrap();
    fs::write(place.path("etc/keeping.toml"), KEEPING).unwrap();
    let apply = |text: &str, options: &[&str]| {
        fs::write(place.path("etc/other.toml"), text).unwrap();
        place.run(["apply", "etc/other.toml"].iter().chain(options)).text().to_owned()
    };
    let plan = place.ok(["apply", "etc/keeping.toml", "--plan"]).text().to_owned();
    for line in ["create anchor board", "create anchor worm", "create retention policy rest"] {
        assert!(plan.contains(line), "{plan}");
    }
    assert!(!place.data().join("state.db").exists(), "a plan changes nothing");
    place.ok(["apply", "etc/keeping.toml"]);
    let anchors = place.ok(["anchor", "list", "--json"]).json_lines();
    let worm = place.path("etc/worm/list").display().to_string();
    assert_eq!(anchors[2]["file"], worm.as_str(), "{anchors:?}");
    let exported = place.ok(["settings", "export"]).text().to_owned();
    assert!(exported.contains("-----BEGIN CERTIFICATE-----\n"), "{exported}");
    let again = apply(&exported, &["--prune"]);
    assert!(again.contains("Everything is as the file says."), "{again}");
    assert_eq!(place.ok(["settings", "export"]).text(), exported);
    // Another order, another place, other hours.
    let (mail, rest) = KEEPING.split_once("[[policy]]").unwrap();
    let (invoices, rest) = rest.split_once("[[policy]]").unwrap();
    let other = format!("{mail}[[policy]]{rest}[[policy]]{invoices}")
        .replace("worm/list", "worm/other")
        .replace("every_hours = 6", "every_hours = 12");
    let plan = apply(&other, &["--plan"]);
    for line in
        ["place = 1 (was 2)", "change retention policy invoices", "every_hours = 12 (was 6)"]
    {
        assert!(plan.contains(line), "{plan}");
    }
    apply(&other, &[]);
    let order = place.ok(["retention", "list", "--json"]).json_lines();
    assert_eq!((&order[0]["name"], &order[1]["name"]), (&"rest".into(), &"invoices".into()));
    // What is not in the file stays, or goes when asked for.
    let kept = apply("", &[]);
    assert!(kept.contains("  anchor worm") && kept.contains("  policy invoices"), "{kept}");
    let mail = "[[anchor]]\nname = \"b\"\nto = [\"a@b.org\"]";
    fs::write(place.path("etc/other.toml"), mail).unwrap();
    let refused = place.run(["apply", "etc/other.toml", "--prune"]);
    assert_eq!(refused.code, 2, "{}", refused.text());
    assert!(refused.stderr.contains("it is not set how mail is sent"), "{}", refused.stderr);
    apply("", &["--prune"]);
    assert_eq!(place.ok(["anchor", "list", "--json"]).json_lines().len(), 0);
    assert_eq!(place.ok(["retention", "list", "--json"]).json_lines().len(), 0);
}

/// Once the key was made only for the password of a profile, and that of a job was not kept.
#[test]
fn the_password_of_a_job_alone_is_kept() {
    let place = written();
    let file = "[[user]]\nname = \"alice\"\n\n[[profile]]\nname = \"office\"\n\
                incoming.host = \"imap.example.org\"\n\n[[job]]\nname = \"a\"\nprofile = \"office\"\n\
                user = \"alice\"\nlogin = \"alice\"\npassword = { file = \"secrets/office\" }\n";
    fs::write(place.path("etc/job.toml"), file).unwrap();
    let applied = place.ok(["apply", "etc/job.toml"]);
    assert!(!applied.stderr.contains("has no password"), "{}", applied.stderr);
    assert!(place.ok(["job", "show", "a"]).text().contains("its password is kept"));
    assert!(place.ok(["apply", "etc/job.toml"]).text().contains("Everything is as the file says."));
}
