//! Several stores: one archive over all of them, whatever becomes of one.

use std::fs;
use std::path::Path;

use testkit::copy_tree;

use crate::mail::{id, samples, write_samples};
use crate::posthold::Place;

/// A message that no sample is.
fn other(subject: &str) -> Vec<u8> {
    format!(
        "From: eve@example.org\r\nTo: alice@example.org\r\nSubject: {subject}\r\n\
         Date: Mon, 4 Mar 2024 09:30:00 +0000\r\n\r\nAnother one.\r\n"
    )
    .into_bytes()
}

/// A place with a second store, taken in from elsewhere: it shares one message with the first.
fn with_two() -> (Place, Place) {
    let (place, elsewhere) = (Place::new(), Place::new());
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    fs::create_dir_all(elsewhere.path("mail")).unwrap();
    fs::write(elsewhere.path("mail/other.eml"), other("Second store")).unwrap();
    fs::write(elsewhere.path("mail/report.eml"), &samples()[0].1).unwrap();
    elsewhere.ok(["import", "mail", "--user", "bob"]);
    let dir = elsewhere.data().join("stores/default");
    place.ok(["store", "attach", "old", "--dir", dir.to_str().unwrap()]);
    (place, elsewhere)
}

#[test]
fn one_archive_over_all_stores() {
    let (place, _elsewhere) = with_two();
    let all = place.ids("");
    assert_eq!(all.len(), samples().len() + 1, "a message that two stores have is one");
    let new = id(&other("Second store"));
    assert!(all.contains(&new));
    // By date over both stores: the newest is in the attached one.
    let hits = place.ok(["search", "", "--json"]).json_lines();
    let dated: Vec<&str> = hits.iter().map(|it| it["date"].as_str().unwrap()).collect();
    assert!(dated.is_sorted_by(|a, b| a >= b), "{dated:?}");
    let limited = place.ok(["search", "", "--limit", "3", "--json"]).json_lines();
    assert_eq!(limited, hits[..3]);
    let shared = id(&samples()[0].1);
    let shown = place.ok(["show", shared.get(..12).unwrap(), "--json"]).json();
    assert_eq!(shown["folders"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!(place.ok(["show", &shared, "--raw"]).stdout, samples()[0].1);
    let exported = place.ok(["export", "--all", "--to", "out", "--json"]).json();
    assert_eq!(exported["stores"]["of"], 2);
    assert_eq!(place.ok(["show", &new, "--raw"]).stdout, other("Second store"));
    let verified = place.ok(["verify", "--json"]).json();
    assert_eq!(verified["messages"], u64::try_from(samples().len() + 2).unwrap());
}

#[test]
fn stores_are_named_and_let_go() {
    let (place, elsewhere) = with_two();
    place.ok(["store", "rename", "old", "older"]);
    let listed = place.ok(["store", "list", "--json"]).json_lines();
    let names: Vec<_> =
        listed.iter().map(|it| (it["store"].clone(), it["state"].clone())).collect();
    assert_eq!(names, [("older".into(), "normal".into()), ("default".into(), "current".into())]);
    place.ok(["store", "set-state", "older", "disabled"]);
    assert_eq!(place.ids("").len(), samples().len(), "nobody sees what is disabled");
    place.ok(["store", "set-state", "older", "write_protected"]);
    assert_eq!(place.ids("").len(), samples().len() + 1);
    let dir = elsewhere.data().join("stores/default");
    let again = place.run(["store", "attach", "copy", "--dir", dir.to_str().unwrap()]);
    assert_eq!(again.code, 2, "{}", again.transcript(&place));
    place.ok(["store", "detach", "older"]);
    assert_eq!(place.ids("").len(), samples().len());
    assert!(dir.join("store.toml").is_file(), "nothing is deleted");
    for args in [
        &["store", "detach", "default"][..],
        &["store", "set-state", "default", "disabled"],
        &["store", "show", "older"],
        &["store", "create", "default"],
        &["store", "create", "a/b"],
        &["store", "attach", "none"],
    ] {
        let refused = place.run(args);
        assert_eq!(refused.code, 2, "{}", refused.transcript(&place));
    }
}

#[test]
fn a_store_in_error_is_left_out_and_the_answer_says_so() {
    let (place, elsewhere) = with_two();
    let dir = elsewhere.data().join("stores/default");
    fs::rename(&dir, elsewhere.path("away")).unwrap();
    let count = place.run(["search", "", "--count", "--json"]);
    let answer = count.json();
    assert_eq!(
        (count.code, &answer["stores"]["read"], &answer["stores"]["of"]),
        (1, &1.into(), &2.into())
    );
    assert_eq!(answer["count"], u64::try_from(samples().len()).unwrap());
    assert!(count.stderr.contains("1 of 2 stores could be read"), "{}", count.stderr);
    let shown = place.run(["store", "show", "old", "--json"]).json();
    assert_eq!(shown["state"], "error");
    let missing = place.run(["show", &id(&other("Second store"))]);
    assert!(missing.stderr.contains("1 of 2 stores"), "{}", missing.transcript(&place));
    let listed = place.run(["user", "list"]);
    assert!(listed.stderr.contains("1 of 2 stores"), "{}", listed.transcript(&place));
    assert_eq!(place.run(["verify"]).code, 1);
    fs::rename(elsewhere.path("away"), &dir).unwrap();
    assert_eq!(place.ids("").len(), samples().len() + 1);
}

/// Every command that answers from all stores says that one is missing, and how many were read.
#[test]
fn every_answer_says_that_a_store_is_missing() {
    let (place, elsewhere) = with_two();
    let dir = elsewhere.data().join("stores/default");
    let here = id(&samples()[1].1);
    fs::rename(&dir, elsewhere.path("away")).unwrap();
    let out = place.path("out");
    let out = out.to_str().unwrap();
    let cases: &[&[&str]] = &[
        &["search", ""],
        &["search", "nothing at all"],
        &["search", "", "--count"],
        &["show", &here],
        &["export", "--all", "--to", out],
        &["user", "list"],
        &["quarantine", "list"],
        &["hold", "list"],
        &["retention", "plan"],
        &["store", "erasures"],
    ];
    let silent = |args: &&&[&str]| {
        let ran = place.run(**args);
        let told = format!("{}{}", ran.text(), ran.stderr);
        !told.contains("1 of 2 stores could be read")
    };
    let silent: Vec<_> = cases.iter().filter(silent).collect();
    assert!(silent.is_empty(), "{silent:?}");
    // What is written notices it, too.
    let imported = place.run(["import", "mail", "--user", "alice"]);
    assert!(imported.text().contains("1 of 2 stores could be opened"), "{}", imported.text());
    let named: &[(&[&str], i32)] = &[
        (&["verify"], 1),
        (&["store", "list"], 0),
        (&["store", "show", "old"], 1),
        (&["store", "stats"], 1),
        (&["alert", "list"], 1),
    ];
    for (args, code) in named {
        let ran = place.run(*args);
        assert_eq!(ran.code, *code, "{args:?}: {}", ran.transcript(&place));
        let told = format!("{}{}", ran.text(), ran.stderr);
        assert!(told.contains("old"), "{args:?}: {told}");
    }
}

#[test]
fn statistics_say_what_a_store_is_made_of() {
    let place = Place::new();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["import", "mail", "--user", "bob"]);
    let stats = place.ok(["store", "stats", "--json"]).json();
    crate::json::check("store-stats", &stats);
    let n = u64::try_from(samples().len()).unwrap();
    let bytes: usize = samples().iter().map(|it| it.1.len()).sum();
    let bytes = u64::try_from(bytes).unwrap();
    assert_eq!((&stats["messages"], &stats["message_bytes"]), (&n.into(), &bytes.into()));
    assert_eq!(stats["placements"], 2 * n, "{stats}");
    assert_eq!(stats["placed_bytes"], 2 * bytes, "{stats}");
    let number = |name: &str| stats[name].as_u64().unwrap();
    assert!(bytes <= number("saved_by_single_instance"), "each has it: {stats}");
    assert!(number("content_stored_bytes") < number("log_bytes"), "{stats}");
    let years: u64 =
        stats["years"].as_array().unwrap().iter().map(|it| it["messages"].as_u64().unwrap()).sum();
    assert_eq!(years, n);
    let text = place.ok(["store", "stats"]);
    assert!(text.text().starts_with("default (current)\n"), "{}", text.text());
}

#[test]
fn an_older_copy_is_not_taken_in() {
    let (place, elsewhere) = with_two();
    place.ok(["store", "detach", "old"]);
    let (now, before) = (elsewhere.data().join("stores/default"), elsewhere.path("before"));
    copy_tree(&now, &before);
    fs::write(elsewhere.path("mail/more.eml"), other("More")).unwrap();
    elsewhere.ok(["import", "mail", "--user", "bob"]);
    place.ok(["store", "attach", "old", "--dir", now.to_str().unwrap()]);
    place.ok(["store", "detach", "old"]);
    let older = place.run(["store", "attach", "old", "--dir", before.to_str().unwrap()]);
    assert_eq!(older.code, 3, "{}", older.transcript(&place));
    place.ok(["store", "attach", "old", "--dir", now.to_str().unwrap()]);
}

/// A place whose current store is the second: the samples are in the first.
fn with_second_current() -> Place {
    let place = Place::new();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["store", "create", "second"]);
    place.ok(["store", "make-current", "second"]);
    place
}

/// Messages of a store.
fn messages(place: &Place, store: &str) -> u64 {
    place.run(["store", "show", store, "--json"]).json()["counts"]["messages"].as_u64().unwrap()
}

#[test]
fn new_mail_goes_to_the_current_store_and_nothing_is_archived_twice() {
    let place = with_second_current();
    let n_samples = u64::try_from(samples().len()).unwrap();
    let again = place.ok(["import", "mail", "--user", "alice", "--json"]).json();
    assert_eq!((&again["archived"], &again["already"]), (&0.into(), &n_samples.into()));
    fs::write(place.path("mail/other.eml"), other("New")).unwrap();
    let more = place.ok(["import", "mail", "--user", "alice", "--json"]).json();
    assert_eq!((&more["archived"], &more["already"]), (&1.into(), &n_samples.into()));
    assert_eq!((messages(&place, "default"), messages(&place, "second")), (n_samples, 1));
    // The same bytes for somebody else: they go to the current store, too.
    place.ok(["import", "mail", "--user", "bob"]);
    assert_eq!(messages(&place, "second"), n_samples + 1);
    assert_eq!(place.ids("").len(), samples().len() + 1);
    let bobs = place.ok(["search", "", "--user", "bob", "--json"]).json_lines();
    assert_eq!(bobs.len(), samples().len() + 1);
    for (_, bytes) in samples() {
        assert_eq!(place.ok(["show", &id(&bytes), "--raw"]).stdout, bytes);
    }
    assert_eq!(place.run(["verify"]).code, 0);
    // One archive: a message that both have is one file.
    place.ok(["export", "--all", "--to", "out", "--format", "maildir"]);
    let listed = place.ok(["user", "list", "--json"]).json_lines();
    let of = |user: &str| listed.iter().find(|it| it["user"] == user).unwrap()["messages"].clone();
    assert_eq!((of("alice"), of("bob")), ((n_samples + 1).into(), (n_samples + 1).into()));
    // And back: the first one again.
    place.ok(["store", "make-current", "default"]);
    let back = place.ok(["import", "mail", "--user", "alice", "--json"]).json();
    assert_eq!(back["archived"], 0);
}

#[test]
fn a_store_that_cannot_be_read_keeps_another_from_becoming_current() {
    let place = with_second_current();
    place.ok(["store", "create", "third"]);
    let dir = place.data().join("stores/default");
    fs::rename(&dir, place.path("away")).unwrap();
    let refused = place.run(["store", "make-current", "third"]);
    assert_eq!(refused.code, 2, "{}", refused.transcript(&place));
    assert!(refused.stderr.contains("--rescan"), "{}", refused.transcript(&place));
    place.ok(["store", "make-current", "third", "--rescan"]);
    // What cannot be read counts as not archived: a second copy is harmless.
    let again = place.run(["import", "mail", "--user", "alice", "--json"]).json();
    assert_eq!(again["archived"], u64::try_from(samples().len()).unwrap(), "{again}");
    fs::rename(place.path("away"), &dir).unwrap();
    place.ok(["store", "retry", "default"]);
    assert_eq!(place.ids("").len(), samples().len());
}

#[test]
fn a_merged_store_gives_everything_to_the_other() {
    let place = with_second_current();
    fs::write(place.path("mail/other.eml"), other("New")).unwrap();
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["import", "mail", "--user", "bob"]);
    let before = place.ids("");
    let refused = place.run(["store", "merge", "second", "default"]);
    assert_eq!(refused.code, 2, "{}", refused.transcript(&place));
    assert!(refused.stderr.contains("make-current"), "{}", refused.transcript(&place));
    let merged = place.ok(["store", "merge", "default", "second", "--json"]);
    crate::json::check("store-merge", &merged.json());
    assert_eq!(place.ids(""), before);
    let listed = place.ok(["store", "list", "--json"]).json_lines();
    assert_eq!(listed.len(), 1);
    let again = place.ok(["import", "mail", "--user", "alice", "--json"]).json();
    assert_eq!(again["archived"], 0, "{again}");
    assert_eq!(place.run(["verify"]).code, 0);
    assert!(place.data().join("stores/default/store.toml").is_file());
    for (_, bytes) in samples() {
        assert_eq!(place.ok(["show", &id(&bytes), "--raw"]).stdout, bytes);
    }
}

#[test]
fn a_moved_store_has_the_same_bytes() {
    let place = with_second_current();
    let segment = |dir: &Path| fs::read(dir.join("segments/000001.seg")).unwrap();
    let before = segment(&place.data().join("stores/default"));
    let to = place.path("disk2/archive");
    place.ok(["store", "move", "default", "--to", to.to_str().unwrap()]);
    assert_eq!(segment(&to), before);
    assert!(!place.data().join("stores/default").exists());
    assert_eq!(place.ids("").len(), samples().len());
    assert_eq!(place.run(["store", "verify", "default"]).code, 0);
    place.ok(["store", "rebuild", "default", "--view", "catalog"]);
    place.ok(["store", "rebuild", "default", "--view", "index"]);
    assert_eq!(place.ids("").len(), samples().len());
    // The current one can move, too.
    place.ok(["store", "move", "second", "--to", place.path("disk2/second").to_str().unwrap()]);
    fs::write(place.path("mail/other.eml"), other("New")).unwrap();
    place.ok(["import", "mail", "--user", "alice"]);
    assert_eq!(place.ids("").len(), samples().len() + 1);
}

#[test]
fn a_new_store_is_made_by_itself_between_two_batches() {
    let place = Place::new();
    fs::create_dir_all(place.path("mail")).unwrap();
    for n in 0..60 {
        fs::write(place.path(&format!("mail/{n}.eml")), other(&format!("Number {n}"))).unwrap();
    }
    place.ok(["user", "add", "alice"]);
    place.ok(["settings", "set", "store_create_at_messages", "20"]);
    place.ok(["settings", "set", "store_path_pattern", "{year}/{name}"]);
    let first = place.ok(["import", "mail", "--user", "alice", "--json"]).json();
    assert_eq!(first["archived"], 60);
    fs::write(place.path("mail/more.eml"), other("One more")).unwrap();
    place.ok(["import", "mail", "--user", "alice"]);
    let listed = place.ok(["store", "list", "--json"]).json_lines();
    assert!(1 < listed.len(), "{listed:?}");
    assert_eq!(place.ids("").len(), 61);
    let again = place.ok(["import", "mail", "--user", "alice", "--json"]).json();
    assert_eq!(again["archived"], 0);
}

#[test]
fn a_store_that_cannot_be_made_stops_archiving_and_is_an_alert() {
    let place = Place::new();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["settings", "set", "store_create_at_messages", "1"]);
    place.ok(["settings", "set", "store_path_pattern", "/proc/nowhere/{name}"]);
    fs::write(place.path("mail/other.eml"), other("New")).unwrap();
    let stopped = place.run(["import", "mail", "--user", "alice"]);
    assert_eq!(stopped.code, 1, "{}", stopped.transcript(&place));
    assert!(stopped.text().contains("could not be made"), "{}", stopped.transcript(&place));
    assert_eq!(place.ids("").len(), samples().len());
    let alerts = place.run(["alert", "list", "--json"]).json_lines();
    assert!(alerts.iter().any(|it| it["kind"] == "no_store"), "{alerts:?}");
    place.ok(["settings", "set", "store_path_pattern", "--default"]);
    place.ok(["import", "mail", "--user", "alice"]);
    assert_eq!(place.ids("").len(), samples().len() + 1);
    let alerts = place.run(["alert", "list", "--json"]).json_lines();
    assert!(alerts.iter().all(|it| it["kind"] != "no_store"), "{alerts:?}");
}

/// The kinds of the alerts that wait, sorted.
fn alerts(place: &Place) -> Vec<String> {
    let listed = place.run(["alert", "list", "--json"]).json_lines();
    let mut kinds: Vec<String> =
        listed.iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect();
    kinds.sort();
    kinds
}

#[test]
fn an_index_that_is_defective_is_an_alert_until_it_is_made_anew() {
    let place = crate::alerts::roomy();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    let index = place.data().join("stores/default/index");
    fs::remove_dir_all(&index).unwrap();
    fs::write(&index, "no directory").unwrap();
    fs::write(place.path("mail/other.eml"), other("New")).unwrap();
    let run = place.ok(["import", "mail", "--user", "alice", "--json"]).json();
    assert_eq!(run["archived"], 1, "archiving goes on without: {run}");
    assert!(run["warnings"].to_string().contains("there is no index"), "{run}");
    assert_eq!(alerts(&place), ["store_index"]);
    // The way that the alert names.
    fs::remove_file(&index).unwrap();
    place.ok(["store", "rebuild", "default", "--view", "index"]);
    assert_eq!(alerts(&place), [""; 0]);
    assert_eq!(place.ids("").len(), samples().len() + 1);
}

#[test]
fn a_server_opens_a_store_again_that_came_back() {
    let place = crate::alerts::roomy();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place.ok(["store", "create", "second"]);
    place.ok(["store", "make-current", "second"]);
    let (dir, away) = (place.data().join("stores/default"), place.path("away"));
    fs::rename(&dir, &away).unwrap();
    let server = crate::serve::Server::start(&place);
    fs::write(place.path("mail/other.eml"), other("New")).unwrap();
    let import = |name: &str| {
        let path = format!("mail/{name}.eml");
        place.ok(["import", &path, "--user", "alice", "--json"]).json()
    };
    let first = import("other");
    assert!(first["warnings"].to_string().contains("1 of 2 stores could be opened"), "{first}");
    assert_eq!(alerts(&place), ["store_error"]);
    let again = place.run(["store", "retry", "default"]);
    assert_eq!(again.code, 1, "{}", again.transcript(&place));
    // When the disk is there again, one command is enough, and the server is not started anew.
    fs::rename(&away, &dir).unwrap();
    place.ok(["store", "retry", "default"]);
    assert_eq!(alerts(&place), [""; 0]);
    let all = place.ok(["import", "mail", "--user", "alice", "--json"]).json();
    let n_all = u64::try_from(samples().len() + 1).unwrap();
    assert_eq!((&all["archived"], &all["already"]), (&0.into(), &n_all.into()), "{all}");
    assert_eq!(server.stop(&place).code, 0);
    assert_eq!(place.ids("").len(), samples().len() + 1);
}

#[test]
fn a_current_store_that_cannot_be_opened_is_an_alert_until_it_can() {
    let place = crate::alerts::roomy();
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    let segment = place.data().join("stores/default/segments/000001.seg");
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, "nothing").unwrap();
    let failed = place.run(["import", "mail", "--user", "alice"]);
    assert_eq!(failed.code, 3, "{}", failed.transcript(&place));
    assert_eq!(alerts(&place), ["no_store", "store_error"]);
    fs::write(&segment, whole).unwrap();
    let run = place.ok(["import", "mail", "--user", "alice", "--json"]).json();
    assert_eq!(run["archived"], 0, "{run}");
    assert_eq!(alerts(&place), [""; 0]);
}
