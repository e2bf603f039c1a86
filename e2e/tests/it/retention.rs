//! Retention policies, legal holds and removal by hand.

use serde_json::{Value, json};

use crate::json::check;
use crate::mail::{id, samples, write_samples};
use crate::posthold::Place;

/// The samples in the archive of alice, and nothing that is condemned has to wait.
fn archived() -> (Place, String) {
    let place = Place::new();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["settings", "set", "erasure_grace_days", "0"]);
    (place, id(&samples()[0].1))
}

fn ask(place: &Place, line: &[&str]) -> Value {
    let line: Vec<&str> = line.iter().copied().chain(["--json"]).collect();
    place.ok(line).json()
}

/// A policy that removes the report, which is of 2024.
fn remove_reports(place: &Place) {
    let line = ["retention", "add", "reports", "--query", "subject:quarterly"];
    let periods = ["--remove-after", "1y", "--from", "message"];
    let line: Vec<&str> = line.into_iter().chain(periods).collect();
    check("retention-policy", &ask(place, &line));
}

#[test]
fn what_is_over_goes_and_what_is_held_stays() {
    let (place, report) = archived();
    remove_reports(&place);
    place.ok(["retention", "add", "rest", "--all", "--keep", "100y"]);
    let plan = ask(&place, &["retention", "plan"]);
    check("retention-plan", &plan);
    assert_eq!((&plan["removes"], &plan["policies"][1]["protected"]), (&json!(1), &json!(5)));
    let explained = ask(&place, &["retention", "explain", &report]);
    check("retention-explain", &explained);
    assert_eq!(explained["decides"], "reports");

    let hold = ["hold", "set", "case 7", "--query", "from:bob@example.org"];
    let hold: Vec<&str> = hold.into_iter().chain(["--reason", "a court asks"]).collect();
    let hold = ask(&place, &hold);
    check("hold", &hold);
    assert_eq!(hold["certain"], 1);
    let run = ask(&place, &["retention", "run"]);
    check("retention-run", &run);
    assert_eq!((&run["removes"], &run["held"]), (&json!(0), &json!(1)));
    let kept = place.run(["delete", &report, "--reason", "x", "--json"]);
    check("delete", &kept.json());
    assert_eq!(kept.json()["condemned"], json!([]));

    place.ok(["hold", "lift", "case 7", "--reason", "closed"]);
    assert_eq!(ask(&place, &["retention", "run"])["removes"], 1);
    // It is condemned now. A hold still spares it.
    place.ok(["hold", "set", "late", "--user", "alice", "--reason", "another court"]);
    let run = ask(&place, &["retention", "run"]);
    assert_eq!((&run["spared_by_hold"], &run["erased"]), (&json!(1), &json!(0)));
    place.ok(["hold", "lift", "late", "--reason", "closed"]);
    place.ok(["retention", "run"]);
    assert_eq!(ask(&place, &["retention", "run"])["erased"], 1);
    assert_eq!(ask(&place, &["retention", "plan"])["policies"][0]["decides"], 0);
    place.ok(["verify"]);
}

#[test]
fn a_policy_that_is_taken_back_spares_what_it_condemned() {
    let (place, report) = archived();
    remove_reports(&place);
    assert_eq!(ask(&place, &["retention", "run"])["removes"], 1);
    let plan = ask(&place, &["retention", "plan"]);
    assert_eq!((&plan["removes"], &plan["waiting"]), (&json!(0), &json!(1)));
    let explained = ask(&place, &["retention", "explain", &report]);
    assert!(explained["erased_from"].is_string());
    // What is condemned is not condemned again.
    let told = explained["told"].as_str().unwrap();
    assert!(told.starts_with("The policy \"reports\" removes it: the "), "{told}");
    assert!(told.contains("run") && told.ends_with("erases it."), "{told}");
    let named = place.run(["store", "erasures", &report]);
    assert!(named.code == 0 && named.text().contains(&report), "{}", named.text());
    let other = place.run(["store", "erasures", "0123456789"]);
    assert!(other.code == 1 && other.stderr.contains("no message 0123456789"), "{}", other.stderr);
    place.ok(["retention", "disable", "reports"]);
    let run = ask(&place, &["retention", "run"]);
    assert_eq!((&run["withdrawn"], &run["erased"]), (&json!(1), &json!(0)));
    assert_eq!(place.ids("quarterly").len(), 1);
}

#[test]
fn removal_by_hand_waits_for_the_minimum() {
    let (place, report) = archived();
    place.ok(["retention", "add", "all", "--all", "--keep", "1d"]);
    let kept = place.run(["delete", &report, "--reason", "x", "--json"]).json();
    assert!(kept["kept"][0]["why"].as_str().unwrap().starts_with("retention keeps it until"));
    place.ok(["retention", "set", "all", "--keep", "1d", "--from", "message"]);
    assert_eq!(ask(&place, &["delete", &report, "--reason", "x"])["condemned"], json!([report]));
    assert_eq!(ask(&place, &["retention", "run"])["erased"], 1);
}

#[test]
fn a_person_asks_for_everything_of_him() {
    let (place, report) = archived();
    let query = "from:bob@example.org OR to:bob@example.org";
    let found = place.ids(query);
    assert!(2 <= found.len() && found.contains(&report), "{found:?}");
    let plan = |line: &[&str]| {
        let asked = ["delete", "--query", query, "--plan"];
        ask(&place, &[&asked, line].concat())
    };
    let sorted = |list: &Value| {
        let list = list.as_array().unwrap().iter();
        let mut ids: Vec<String> = list.map(|it| it.as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let planned = plan(&[]);
    assert_eq!((&planned["done"], sorted(&planned["condemned"])), (&json!(false), found.clone()));
    assert_eq!(ask(&place, &["store", "compact", "--plan"])["messages"], 0, "it is a plan");
    // A hold and a minimum period keep some of it, and the plan says which.
    place.ok(["hold", "set", "case", "--query", "subject:quarterly", "--reason", "x"]);
    place.ok(["retention", "add", "all", "--all", "--keep", "1d"]);
    let planned = plan(&[]);
    assert_eq!(planned["condemned"], json!([]));
    let whys: Vec<&str> =
        planned["kept"].as_array().unwrap().iter().map(|it| it["why"].as_str().unwrap()).collect();
    assert_eq!(whys.iter().filter(|it| **it == "the legal hold \"case\" covers it").count(), 1);
    let of_policy = |it: &&&str| it.starts_with("retention keeps it until");
    assert_eq!(whys.iter().filter(of_policy).count(), found.len() - 1, "{whys:?}");
    place.ok(["retention", "remove", "all"]);
    let delete = ["delete", "--query", query, "--reason", "asked for by letter"];
    let ran = place.run(delete.iter().chain(&["--json"]));
    assert_eq!(ran.code, 1, "some of it stays");
    let done = ran.json();
    check("delete-query", &done);
    assert_eq!((&done["done"], sorted(&done["condemned"]).len()), (&json!(true), found.len() - 1));
    assert_eq!(done["kept"][0]["id"], json!(report));
    let again = ask(&place, &["delete", "--query", query, "--plan"]);
    assert_eq!(sorted(&again["waiting"]), sorted(&done["condemned"]));
    // Condemned mail is found until it is erased; then no search finds it.
    assert_eq!(place.ids(query), found);
    let run = ask(&place, &["retention", "run"]);
    assert_eq!(run["erased"], json!(found.len() - 1));
    assert_eq!(place.ids(query), [report]);
    // The audit log has the request with its reason, what went, and the run that erased it.
    let line = ["audit", "list", "--each", "--activity", "MessageRemove", "--json"];
    let entries = place.ok(line).json_lines();
    let of = |command: &str| {
        let is_it = |it: &&Value| it["command"].as_str().unwrap().starts_with(command);
        entries.iter().rev().find(is_it).unwrap_or_else(|| panic!("{command}: {entries:?}"))
    };
    let delete = of("posthold delete");
    assert_eq!(
        (&delete["reason"], &delete["outcome"]),
        (&json!("asked for by letter"), &json!("partly"))
    );
    assert_eq!(sorted(&delete["messages"]), sorted(&done["condemned"]));
    let run = of("posthold retention run");
    assert_eq!(sorted(&run["messages"]), sorted(&done["condemned"]), "every erased message");
    // What changes from day to day is refused, and so is a request without a reason.
    assert_eq!(place.run(["delete", "--query", "before:1y", "--plan"]).code, 2);
    assert_eq!(place.run(["delete", "--query", "from:bob"]).code, 2);
    place.ok(["verify"]);
}

#[test]
fn a_hold_covers_what_arrives_later() {
    let (place, report) = archived();
    place.ok(["hold", "set", "bob", "--user", "alice", "--reason", "x"]);
    place.ok(["user", "add", "bob"]);
    place.ok(["import", "mail/report.eml", "--user", "bob"]);
    remove_reports(&place);
    assert_eq!(ask(&place, &["retention", "plan"])["held"], 1, "alice has it still");
    let shown = ask(&place, &["hold", "show", "bob"]);
    assert_eq!(shown["certain"], 6);
    let explained = ask(&place, &["retention", "explain", &report]);
    assert_eq!(explained["holds"], json!([{"name": "bob", "covers": "yes"}]));
}

#[test]
fn requests_that_make_no_sense() {
    let (place, _) = archived();
    let add = |rest: &[&str]| {
        let line = ["retention", "add", "p"].iter().chain(rest).copied();
        let line: Vec<&str> = line.chain(["--json"]).collect();
        place.run(line).json()["error"]["message"].as_str().unwrap().to_owned()
    };
    assert!(add(&["--query", "before:1y", "--keep", "1d"]).contains("every day"));
    assert!(add(&["--query", "(", "--keep", "1d"]).starts_with("the query is wrong"));
    assert!(add(&["--all", "--keep", "1 hour"]).contains("is no period"));
    assert!(add(&["--all", "--keep", "2y", "--remove-after", "1y"]).contains("longer"));
    assert!(add(&["--all"]).contains("needs a minimum"));
    assert_eq!(place.run(["hold", "lift", "none", "--reason", "x"]).code, 1);
    assert_eq!(place.run(["retention", "remove", "none"]).code, 2);
    place.ok(["hold", "set", "a", "--all", "--reason", "x"]);
    assert_eq!(place.run(["hold", "set", "a", "--all", "--reason", "x"]).code, 2);
    check("retention-clock", &ask(&place, &["retention", "confirm-clock"]));
}

#[test]
fn every_store_loses_what_is_over_and_keeps_what_is_held() {
    let (place, _) = archived();
    place.ok(["hold", "set", "dave", "--query", "from:dave", "--reason", "x"]);
    place.ok(["store", "create", "second"]);
    place.ok(["store", "make-current", "second"]);
    let mail = "From: bob@example.org\r\nDate: Fri, 1 Mar 2024 09:30:00 +0000\r\n\
                Subject: second\r\n\r\nquarterly\r\n";
    std::fs::write(place.path("second.eml"), mail).unwrap();
    place.ok(["import", "second.eml", "--user", "alice"]);
    let line = ["retention", "add", "old", "--query", "before:2025-01-01"];
    let periods = ["--remove-after", "1d", "--from", "message"];
    place.ok(line.into_iter().chain(periods));
    let run = ask(&place, &["retention", "run"]);
    // Two of alice's messages and the one in the second store; dave's is held in any.
    assert_eq!((&run["removes"], &run["held"]), (&json!(3), &json!(1)), "{run}");
    let run = ask(&place, &["retention", "run"]);
    let stores: Vec<&Value> =
        run["compacted"].as_array().unwrap().iter().map(|it| &it["store"]).collect();
    assert_eq!((&run["erased"], stores), (&json!(3), vec![&json!("default"), &json!("second")]));
    for store in ["default", "second"] {
        let plan = ask(&place, &["store", "compact", store, "--plan"]);
        assert_eq!((&plan["segments"], &plan["views"]), (&json!(0), &json!(false)), "{plan}");
    }
    assert_eq!(place.ids("second"), [""; 0]);
    assert_eq!(place.ids("from:dave").len(), 1);
    place.ok(["verify"]);
}

/// Runs with a passphrase in the environment.
fn as_person(place: &Place, passphrase: &str, line: &[&str]) -> (i32, Value) {
    let line = line.iter().copied().chain(["--json"]);
    let output = place.command(line).env("POSTHOLD_PASSWORD", passphrase).output().unwrap();
    let ran = crate::posthold::Ran::of(output);
    (ran.code, ran.json_lines().pop().unwrap())
}

#[test]
fn removals_wait_for_a_second_person() {
    let (place, report) = archived();
    assert_eq!(place.run(["settings", "set", "four_eyes", "on"]).code, 2, "nobody could approve");
    for (name, passphrase) in [("ann", "ann's secret"), ("bob", "bob's secret")] {
        assert_eq!(as_person(&place, passphrase, &["approval", "add-person", name]).0, 0);
    }
    place.ok(["settings", "set", "four_eyes", "on"]);
    assert_eq!(place.run(["settings", "set", "four_eyes", "off"]).code, 2);
    check("approval-person", &place.ok(["approval", "persons", "--json"]).json_lines()[0]);

    let delete = ["delete", &report, "--reason", "x"];
    assert_eq!(place.run(delete).code, 2, "nobody said who he is");
    let delete: Vec<&str> = delete.into_iter().chain(["--as", "ann"]).collect();
    assert_eq!(as_person(&place, "a guess of it", &delete).0, 2);
    let (code, waits) = as_person(&place, "ann's secret", &delete);
    check("approval", &waits);
    assert_eq!((code, &waits["state"], &waits["id"]), (1, &json!("waits"), &json!(1)));
    assert_eq!(place.ok(["approval", "list", "--json"]).json_lines().len(), 1);

    let approve = |name: &str, secret: &str, id: &str| {
        as_person(&place, secret, &["approval", "approve", id, "--as", name])
    };
    assert_eq!(approve("ann", "ann's secret", "1").0, 2, "it is her own");
    let (code, done) = approve("bob", "bob's secret", "1");
    assert_eq!((code, &done["state"]), (0, &json!("done")));
    assert_eq!(done["told"], "condemned 1, kept 0");
    assert_eq!(approve("bob", "bob's secret", "1").0, 2, "it is decided");

    place.ok(["hold", "set", "case", "--all", "--reason", "x"]);
    let lift = ["hold", "lift", "case", "--reason", "x", "--as", "bob"];
    let (code, waits) = as_person(&place, "bob's secret", &lift);
    assert_eq!((code, &waits["kind"]), (1, &json!("hold lift")));
    let reject = ["approval", "reject", "2", "--as", "ann"];
    assert_eq!(as_person(&place, "ann's secret", &reject).1["state"], "rejected");
    assert_eq!(place.ok(["hold", "list", "--json"]).json_lines().len(), 1, "it counts still");

    remove_reports(&place);
    let run = ["retention", "run", "--as", "ann"];
    assert_eq!(as_person(&place, "ann's secret", &run).0, 1);
    place.ok(["retention", "set", "reports", "--remove-after", "2y"]);
    let (_, refused) = approve("bob", "bob's secret", "3");
    assert!(refused["error"]["message"].as_str().unwrap().contains("policies have changed"));
    let off = ["approval", "turn-off", "--as", "ann"];
    assert_eq!(as_person(&place, "ann's secret", &off).0, 1);
    assert_eq!(approve("bob", "bob's secret", "4").0, 0);
    place.ok(["retention", "run"]);
}

#[test]
fn what_is_deleted_goes_from_the_store_that_has_it_and_nothing_else_does() {
    let (place, report) = archived();
    place.ok(["store", "create", "second"]);
    place.ok(["store", "make-current", "second"]);
    // As many as the first store has, so that both have messages of every number.
    std::fs::create_dir_all(place.path("more")).unwrap();
    for n in 0..12 {
        let mail = format!("From: eve@example.org\r\nSubject: number {n}\r\n\r\nText {n}.\r\n");
        std::fs::write(place.path(&format!("more/{n}.eml")), mail).unwrap();
    }
    place.ok(["import", "more", "--user", "alice"]);
    let mut left = place.ids("");
    assert_eq!(left.len(), samples().len() + 12);
    left.retain(|it| *it != report);
    let deleted = ask(&place, &["delete", &report, "--reason", "x"]);
    assert_eq!(deleted["condemned"], json!([report]));
    place.ok(["retention", "run"]);
    place.ok(["retention", "run"]);
    assert_eq!(place.ids(""), left);
    assert_eq!(place.run(["show", &report]).code, 1);
    place.ok(["verify"]);
}
