//! Checkpoints that are kept elsewhere, and what they show.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use testkit::{AuthorityOptions, SinkMood, SmtpSink, TimeAuthority};

use crate::alerts::options;
use crate::mail::write_samples;
use crate::posthold::{Place, Ran};
use crate::serve::{Server, in_the_end};

fn archived() -> Place {
    let place = Place::new();
    place.ok(["settings", "set", "alert_disk_free_percent", "0"]);
    write_samples(&place.path("mail"));
    place.ok(["import", "mail", "--user", "alice"]);
    place
}

/// More mail, other than what was there.
fn more(place: &Place, n: usize) {
    fs::create_dir_all(place.path("more")).unwrap();
    let bytes = format!("From: a@b\r\nSubject: more {n}\r\n\r\nmore {n}\r\n");
    fs::write(place.path("more").join(format!("{n}.eml")), bytes).unwrap();
    place.ok(["import", "more", "--user", "alice"]);
}

fn with_mail(place: &Place) -> SmtpSink {
    let sink = SmtpSink::start();
    let line = ["mail", "set"].map(str::to_owned);
    let set = place.run(line.iter().chain(&options(&sink, "admin@example.org")));
    assert_eq!(set.code, 0, "{}", set.text());
    sink
}

/// `failure` of each anchored checkpoint that a command found, where there is one.
fn failures(ran: &Ran) -> Vec<String> {
    let failure = |it: Value| it["failure"].as_str().map(str::to_owned);
    ran.json_lines().into_iter().filter_map(failure).collect()
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn defects(place: &Place) -> Vec<(String, String)> {
    let ran = place.run(["verify", "--json"]).json();
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let defects = ran["defects"].as_array().unwrap().iter();
    defects.map(|it| (text(&it["part"]), text(&it["message"]))).collect()
}

#[test]
fn checkpoints_go_to_people_and_to_a_file() {
    let place = archived();
    let refused = place.run(["anchor", "add", "mail", "board@example.org"]);
    assert_eq!(refused.code, 2, "{}", refused.text());
    let sink = with_mail(&place);
    place.ok(["anchor", "add", "mail", "board@example.org", "keeper@example.org"]);
    place.ok(["anchor", "add", "file", "worm/list", "--name", "worm", "--every-hours", "1"]);
    let ran = place.run(["anchor", "now", "--json"]);
    assert_eq!(ran.code, 1, "there is no directory worm: {}", ran.text());
    fs::create_dir(place.path("worm")).unwrap();
    let ran = place.ok(["anchor", "now", "--json"]).json();
    let of = |name: &str| {
        let anchors = ran["anchors"].as_array().unwrap();
        anchors.iter().find(|it| it["anchor"] == name).unwrap().clone()
    };
    assert_eq!((&of("mail")["sent"], &of("worm")["sent"]), (&2.into(), &2.into()), "{ran}");
    let mails = sink.mails();
    let mail = mails.iter().rfind(|it| it.to.len() == 2).unwrap();
    fs::write(place.path("saved.eml"), &mail.bytes).unwrap();
    let text = String::from_utf8(mail.bytes.clone()).unwrap();
    assert!(text.contains("Subject: [Posthold"), "{text}");
    let ran = place.ok(["anchor", "verify", "saved.eml", "worm/list", "--json"]);
    let rows = ran.json_lines();
    assert_eq!(rows.len(), 4, "{}", ran.text());
    let stores: Vec<_> = rows.iter().map(|it| it["store"].as_str().unwrap()).collect();
    assert_eq!(stores, ["default", "audit log", "default", "audit log"]);
    assert!(rows.iter().all(|it| it["holds"] == true), "{}", ran.text());
    // Nothing new of the store; of the audit log there is.
    let ran = place.ok(["anchor", "now", "worm", "--json"]).json();
    assert_eq!(
        (&ran["anchors"][0]["sent"], &ran["anchors"][0]["unchanged"]),
        (&1.into(), &1.into())
    );
    more(&place, 1);
    place.ok(["anchor", "now", "--due"]);
    place.ok(["anchor", "verify"]);
    assert!(place.ok(["verify"]).text().contains("Everything is as it was stored"));
    let list = place.ok(["anchor", "list", "--json"]).json_lines();
    assert!(list.iter().all(|it| it["failure"].is_null() && it["done"].is_string()), "{list:?}");
    place.ok(["anchor", "remove", "mail"]);
    assert_eq!(place.run(["anchor", "remove", "mail"]).code, 2);
    let refused = place.run(["anchor", "verify", "mail"]);
    assert_eq!(refused.code, 3, "it is a directory: {}", refused.text());
    let refused = place.run(["anchor", "verify", "nowhere"]);
    assert!(refused.stderr.contains("failed to read nowhere: "), "{}", refused.stderr);
    let taken = place.run(["anchor", "add", "file", "worm/other", "--name", "worm"]);
    assert!(taken.code == 2 && taken.stderr.contains("--name"), "{}", taken.stderr);
}

#[test]
fn what_was_anchored_shows_a_rollback_and_another_history() {
    let place = archived();
    let sink = with_mail(&place);
    place.ok(["anchor", "add", "mail", "board@example.org"]);
    place.ok(["anchor", "add", "file", "list"]);
    let (data, old) = (place.data(), place.path("old"));
    copy(&data, &old);
    more(&place, 1);
    place.ok(["anchor", "now"]);
    fs::write(place.path("saved.eml"), &sink.mails().last().unwrap().bytes).unwrap();
    // Everything as it was before, the state too: nothing in it shows that.
    copy(&data, &place.path("new"));
    copy(&old, &data);
    let found = failures(&place.run(["anchor", "verify", "saved.eml", "--json"]));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|it| it.contains("it was set back")), "{found:?}");
    // The file is at hand: `verify` finds it, and so does the next anchor, which takes nothing.
    let found = defects(&place);
    assert!(found.iter().all(|(part, _)| part == "anchors"), "{found:?}");
    assert!(found[0].1.contains("entries, and") && found[0].1.contains("set back"), "{found:?}");
    let before = fs::read(place.path("list")).unwrap();
    let ran = place.run(["anchor", "now", "--json"]);
    assert_eq!(ran.code, 1, "{}", ran.text());
    assert!(ran.json()["refused"][0].as_str().unwrap().contains("store default"), "{}", ran.text());
    assert_eq!(fs::read(place.path("list")).unwrap(), before);
    let alerts = place.run(["alert", "list", "--json"]).json_lines();
    assert!(alerts.iter().any(|it| it["kind"] == "anchor"), "{alerts:?}");
    // Without the file, what goes out next is compared with by those who have the mail.
    place.ok(["anchor", "remove", "file"]);
    more(&place, 2);
    more(&place, 3);
    more(&place, 4);
    let found = failures(&place.run(["anchor", "verify", "saved.eml", "--json"]));
    assert!(found.iter().any(|it| it.contains("history was written anew")), "{found:?}");
}

#[test]
fn what_is_kept_here_shows_a_store_or_a_list_that_was_set_back() {
    let place = archived();
    place.ok(["anchor", "add", "file", "list"]);
    let (store, old) = (place.data().join("stores/default"), place.path("old"));
    copy(&store, &old);
    place.ok(["anchor", "now"]);
    // The list beside the log is gone; the state knows what stood there.
    fs::remove_file(store.join("anchors")).unwrap();
    let found = defects(&place);
    assert!(found[0].1.contains("missing in the list beside the log"), "{found:?}");
    // The file of the anchor was shortened.
    copy(&old, &store);
    let list = fs::read_to_string(place.path("list")).unwrap();
    fs::write(place.path("list"), list.get(..list.len() / 3).unwrap()).unwrap();
    let found = defects(&place);
    assert!(found.iter().any(|it| it.1.contains("it lacks what went there")), "{found:?}");
    // An older store that was accepted is no defect.
    let place = archived();
    place.ok(["anchor", "add", "file", "list"]);
    let store = place.data().join("stores/default");
    copy(&store, &old);
    more(&place, 1);
    place.ok(["anchor", "now"]);
    copy(&old, &store);
    assert_ne!(defects(&place), []);
    place.ok(["store", "accept-rollback"]);
    more(&place, 2);
    assert_eq!(defects(&place), []);
    let rows = place.ok(["anchor", "verify", "--json"]).json_lines();
    let notes: Vec<_> = rows.iter().filter_map(|it| it["note"].as_str()).collect();
    assert!(notes.iter().all(|it| it.contains("epoch 2 began")) && !notes.is_empty(), "{rows:?}");
    place.ok(["anchor", "now"]);
    place.ok(["anchor", "verify", "list"]);
}

#[test]
fn a_server_sends_checkpoints_and_tells_when_it_cannot() {
    let place = archived();
    let sink = with_mail(&place);
    place.ok(["anchor", "add", "mail", "board@example.org"]);
    place.ok(["anchor", "add", "file", "list"]);
    let server = Server::start(&place);
    in_the_end("checkpoints in the file", || {
        let list = fs::read_to_string(place.path("list")).unwrap_or_default();
        list.contains("posthold-anchor@v1").then_some(())
    });
    in_the_end("checkpoints in a mail", || {
        sink.mails().iter().any(|it| it.to == ["board@example.org"]).then_some(())
    });
    // What the server has written and not closed is signed for it.
    more(&place, 1);
    let ran = place.ok(["anchor", "now", "file", "--json"]).json();
    assert_eq!(ran["anchors"][0]["sent"], 2, "{ran}");
    let rows = place.ok(["anchor", "verify", "list", "--json"]).json_lines();
    let sizes: Vec<_> = rows
        .iter()
        .filter(|it| it["store"] == "default")
        .map(|it| it["entries"].as_u64())
        .collect();
    assert!(sizes[0] < sizes[1], "{sizes:?}");
    let log = place.ok(["audit", "list", "--activity", "AnchorRun", "--json"]).json_lines();
    assert_eq!(log[0]["who"], "the schedule");
    sink.set(SinkMood::Refuses);
    assert_eq!(place.run(["anchor", "now", "mail"]).code, 1);
    let alerts = place.run(["alert", "list", "--json"]).json_lines();
    assert!(alerts.iter().any(|it| it["kind"] == "anchor" && it["subject"] == "mail"));
    sink.set(SinkMood::Takes);
    place.ok(["anchor", "now", "mail"]);
    let alerts = place.run(["alert", "list", "--json"]).json_lines();
    assert!(!alerts.iter().any(|it| it["kind"] == "anchor"), "{alerts:?}");
    server.stop(&place);
}

/// The notes and tokens in the list beside a log.
fn tokens(place: &Place, log: &str) -> Vec<(String, Vec<u8>)> {
    let list = fs::read_to_string(place.data().join(log).join("anchors")).unwrap();
    let token = |text: &str| {
        fs::write(place.path("base64"), text).unwrap();
        let mut command = Command::new("openssl");
        let line = ["base64", "-d", "-A", "-in", "base64"];
        command.args(line).current_dir(place.path("")).output().unwrap().stdout
    };
    let one = |it: &str| {
        let (head, note) = it.split_once("\n\n")?;
        let base64 = head.lines().find_map(|it| it.strip_prefix("token "))?;
        Some((note.strip_suffix('\n')?.to_owned(), token(base64)))
    };
    list.split("posthold-anchor@v1\n").filter_map(one).collect()
}

#[test]
fn peers_an_authority_stamps_checkpoints() {
    let options = AuthorityOptions::default();
    let Some(authority) = TimeAuthority::new_or_leave_out(&options) else { return };
    let (authority, other) = (Arc::new(authority), TimeAuthority::new_or_leave_out(&options));
    let url = authority.serve(|it| it);
    let place = archived();
    fs::copy(authority.root(), place.path("root.pem")).unwrap();
    fs::copy(other.unwrap().root(), place.path("other.pem")).unwrap();
    let add = |name: &str, url: &str, root: &str| {
        place.run(["anchor", "add", "tsa", url, "--name", name, "--ca-file", root])
    };
    assert_eq!(add("odd", "ftp://x", "root.pem").code, 2);
    assert_eq!(add("odd", &url, "saved.eml").code, 2);
    assert_eq!(add("notary", &url, "root.pem").code, 0);
    let ran = place.ok(["anchor", "now", "--json"]).json();
    assert_eq!(ran["anchors"][0]["sent"], 2, "{ran}");
    let rows = place.ok(["anchor", "verify", "--json"]).json_lines();
    assert!(rows.iter().all(|it| it["holds"] == true && it["stamped"].is_string()), "{rows:?}");
    // Nothing new of the store: it is not stamped again.
    let ran = place.ok(["anchor", "now", "--json"]).json();
    assert_eq!(
        (&ran["anchors"][0]["sent"], &ran["anchors"][0]["unchanged"]),
        (&1.into(), &1.into())
    );
    // What is kept is what openssl takes, and what is taken when it comes alone.
    let (note, token) = tokens(&place, "stores/default").remove(0);
    assert!(authority.accepts(&token, note.as_bytes()));
    fs::write(place.path("token.tsr"), &token).unwrap();
    let row = place.ok(["anchor", "verify", "token.tsr", "--json"]).json();
    assert!(row["holds"] == true && row["stamped"].is_string() && row["at"].is_null(), "{row}");
    assert!(place.ok(["verify"]).text().contains("Everything is as it was stored"));
    // An authority that leads elsewhere, one that answers something else, and none.
    let cut = authority.serve(|it| it[..it.len() / 2].to_vec());
    let flipped = authority.serve(|mut it| {
        let at = it.len() - 9;
        it[at] ^= 1;
        it
    });
    for (name, url, root, why) in [
        ("elsewhere", url.as_str(), "other.pem", "does not count"),
        ("cut", &cut, "root.pem", "no time-stamp token"),
        ("flipped", &flipped, "root.pem", "signature does not hold"),
        ("nobody", "http://127.0.0.1:1/", "root.pem", "refused the connection"),
    ] {
        assert_eq!(add(name, url, root).code, 0, "{name}");
        let ran = place.run(["anchor", "now", name, "--json"]);
        assert_eq!(ran.code, 1, "{}", ran.text());
        let failure = ran.json()["anchors"][0]["failure"].as_str().unwrap().to_owned();
        assert!(failure.contains(why), "{failure}");
        place.ok(["anchor", "remove", name]);
    }
    // A token that was changed where it is kept.
    let list = place.data().join("stores/default/anchors");
    let before = fs::read(&list).unwrap();
    let at = before.windows(6).position(|it| it == b"token ").unwrap() + 2_000;
    let mut bytes = before.clone();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    fs::write(&list, bytes).unwrap();
    let found = defects(&place);
    assert!(found.iter().any(|(part, _)| part == "anchors"), "{found:?}");
    // Without its certificate a token is not checked, and that is said.
    fs::write(&list, before).unwrap();
    place.ok(["anchor", "remove", "notary"]);
    let row = place.ok(["anchor", "verify", "token.tsr", "--json"]).json();
    assert!(row["holds"] == false && row["failure"].is_null(), "{row}");
    let row = place.ok(["anchor", "verify", "token.tsr", "--ca-file", "root.pem", "--json"]).json();
    assert_eq!(row["holds"], true, "{row}");
    let wrong = place.run(["anchor", "verify", "token.tsr", "--ca-file", "other.pem", "--json"]);
    assert_eq!(wrong.code, 1, "{}", wrong.text());
}
