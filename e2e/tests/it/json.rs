//! The examples of `docs/reference/json.md` have the fields of real answers.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::mail::{id, samples, write_samples};
use crate::posthold::Place;

/// The examples by the name after "```json".
fn examples() -> BTreeMap<String, Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/json.md");
    let page = fs::read_to_string(path).unwrap();
    let mut examples = BTreeMap::new();
    for block in page.split("```json ").skip(1) {
        let (name, rest) = block.split_once('\n').unwrap();
        let (text, _) = rest.split_once("```").unwrap();
        let value = serde_json::from_str(text).unwrap_or_else(|it| panic!("{name}: {it}"));
        assert!(examples.insert(name.to_owned(), value).is_none(), "{name} twice");
    }
    examples
}

/// Fields and types, without values. Of a list the first element speaks for all.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => "null or text".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "null or text".into(),
        Value::Array(items) => Value::Array(items.iter().take(1).map(shape).collect()),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect()
        }
    }
}

pub(crate) fn check(name: &str, answer: &Value) {
    let examples = examples();
    let example = examples.get(name).unwrap_or_else(|| panic!("no example of {name}"));
    assert_eq!(shape(answer), shape(example), "{name}: {answer}");
}

#[test]
fn answers_have_the_fields_of_the_examples() {
    let place = Place::new();
    check("failure", &place.run(["verify", "--json"]).json());
    write_samples(&place.path("mail"));
    check("import", &place.ok(["import", "mail", "--user", "alice", "--json"]).json());
    check("search", &place.ok(["search", "quarterly", "--json"]).json_lines()[0]);
    let by_score = place.ok(["search", "quarterly", "--order", "relevance", "--json"]);
    check("search", &by_score.json_lines()[0]);
    check("count", &place.ok(["search", "quarterly", "--count", "--json"]).json());
    let report = id(&samples()[0].1);
    check("show", &place.ok(["show", &report, "--json"]).json());
    check("export", &place.ok(["export", "--all", "--to", "out", "--json"]).json());
    check("verify", &place.ok(["verify", "--json"]).json());
    check("rebuild", &place.ok(["store", "rebuild-index", "--json"]).json());
    stores(&place);
    check("user-add", &place.ok(["user", "add", "bob", "--json"]).json());
    check("user-list", &place.ok(["user", "list", "--json"]).json_lines()[0]);
    check("demo", &place.ok(["demo", "--json"]).json());
    administration(&place);
    audit(&place);
    anchors(&place);
    let path = place.data().join("stores/default/segments/000001.seg");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    check("verify-damaged", &place.run(["verify", "--json"]).json());
}

fn stores(place: &Place) {
    check("store", &place.ok(["store", "show", "default", "--json"]).json());
    place.ok(["store", "create", "second"]);
    check("store-compact", &place.ok(["store", "compact", "--json"]).json());
    check("store-detach", &place.ok(["store", "detach", "second", "--json"]).json());
}

fn audit(place: &Place) {
    check("audit", &place.ok(["audit", "list", "--json"]).json_lines()[0]);
    check("audit", &place.ok(["audit", "show", "0", "--json"]).json());
    let export = ["audit", "export", "--to", "audited", "--json"];
    check("audit-export", &place.ok(export).json());
    check("audit-activity", &place.ok(["audit", "activities", "--json"]).json_lines()[0]);
    let unlock = ["audit", "unlock", "alice", "--reason", "case 7", "--json"];
    check("audit-unlock", &place.ok(unlock).json_lines()[0]);
    assert!(place.ok(["audit", "lock", "alice", "--json"]).json_lines().is_empty());
}

fn anchors(place: &Place) {
    check("anchor", &place.ok(["anchor", "add", "file", "list", "--json"]).json());
    check("anchor", &place.ok(["anchor", "list", "--json"]).json_lines()[0]);
    check("anchor-now", &place.ok(["anchor", "now", "--json"]).json());
    check("anchor-verify", &place.ok(["anchor", "verify", "list", "--json"]).json_lines()[0]);
}

fn administration(place: &Place) {
    let add = ["profile", "add", "p", "--host", "127.0.0.1:1", "--security", "plain", "--json"];
    let safe = ["profile", "add", "q", "--host", "h", "--json"];
    check("profile", &place.ok(safe).json());
    place.ok(add);
    let mut secret = place.command(["profile", "set", "q", "--login", "l", "--password"]);
    assert!(secret.env("POSTHOLD_PASSWORD", "x").output().unwrap().status.success());
    check("profile-test", &place.run(["profile", "test", "p", "--json"]).json());
    check("setting", &place.ok(["settings", "list", "--json"]).json_lines()[0]);
    check("settings-export", &place.ok(["settings", "export", "--json"]).json());
    check("settings-check", &place.run(["settings", "check", "--json"]).json_lines()[0]);
    check("key-status", &place.ok(["key", "status", "--json"]).json());
    check("key-new", &place.ok(["key", "new", "--json"]).json());
    let split = ["key", "split", "--shares", "3", "--needed", "2"];
    check("key-split", &place.ok(split.iter().chain(&["--json"])).json());
    fs::write(place.path("shares"), place.ok(split).stdout).unwrap();
    check("key-join", &place.ok(["key", "join", "shares", "--json"]).json());
    let proof = ["export", "--all", "--to", "proven", "--proof", "--json"];
    check("export-proof", &place.ok(proof).json());
    check("key-show", &place.ok(["key", "show", "--json"]).json_lines()[0]);
    check("doctor", &place.run(["doctor", "--thorough", "--json"]).json());
    check("store-encrypt", &place.ok(["store", "encrypt", "default", "--json"]).json());
    check("key-rotate", &place.ok(["key", "rotate", "--json"]).json());
    let add = ["job", "add", "j", "--user", "bob", "--profile", "p", "--login", "b", "--json"];
    check("job", &place.ok(add.iter().chain(&["--exclude", "x"])).json());
    kinds(place);
    check("preset", &place.ok(["preset", "show", "gmail", "--json"]).json());
    assert_eq!(place.ok(["preset", "list", "--json"]).json_lines().len(), 9);
    check("user", &place.ok(["user", "set", "bob", "--address", "b@h", "--json"]).json());
    let mut run = place.command(["job", "set", "j", "--password"]);
    assert!(run.env("POSTHOLD_PASSWORD", "x").output().unwrap().status.success());
    assert_eq!(place.run(["job", "run", "j"]).code, 2);
    check("run-report", &place.ok(["run", "report", "1", "--json"]).json());
    check("written", &place.ok(["run", "report", "1", "--to", "r", "--json"]).json());
    check("daily", &place.ok(["report", "daily", "--json"]).json());
    check("alert", &place.run(["alert", "list", "--json"]).json_lines()[0]);
    let line = ["mail", "set", "--server", "127.0.0.1:1", "--protocol", "smtp", "--sender"];
    let rest = ["a@b.org", "--alerts-to", "a@b.org", "--daily-to", "c@d.org", "--json"];
    place.ok(line.into_iter().chain(rest));
    assert_eq!(place.run(["job", "run", "j"]).code, 2);
    check("mail", &place.ok(["mail", "show", "--json"]).json());
    check("mail-test", &place.run(["mail", "test", "--sender-name", "x", "--json"]).json());
    check("run", &place.ok(["run", "show", "1", "--json"]).json());
    check("job-remove", &place.ok(["job", "remove", "j", "--json"]).json());
    check("profile-remove", &place.ok(["profile", "remove", "p", "--json"]).json());
}

/// What each kind of job has of its own.
fn kinds(place: &Place) {
    place.ok(["user", "set", "bob", "--administrator"]);
    let cases: [(&str, &[&str]); 5] = [
        ("master", &["--profile", "p"]),
        ("batch", &["--profile", "p", "--file", "staff.csv"]),
        ("sorting", &["--profile", "p"]),
        ("smtp", &["--listen", "127.0.0.1:1", "--security", "plain", "--network", "127.0.0.1"]),
        ("files", &["--path", "mail", "--by-first-level"]),
    ];
    for (kind, line) in cases {
        let add = ["job", "add", kind, "--kind", kind, "--json"];
        let more: &[&str] = match kind {
            "smtp" => &["--sender", "*", "--recipient", "j@h", "--certificate", "c", "--key", "k"],
            "sorting" => &["--sort-by", "envelope:X-To"],
            _ => &[],
        };
        let job = place.ok(add.iter().chain(line).chain(more)).json();
        assert_eq!((&job["kind"], &job["owner"]), (&kind.into(), &"bob".into()), "{job}");
        check(&format!("job-{kind}"), &job[kind]);
        place.ok(["job", "remove", kind]);
    }
}
