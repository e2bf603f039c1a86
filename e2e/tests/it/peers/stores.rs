//! A job at a real server goes on when another store becomes the current one.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::Dovecot;

use super::{archive_ok, assert_equal, fill, source};
use crate::posthold::Place;

/// Messages, entries and changes that wait of each store.
fn counts(place: &Place) -> BTreeMap<String, (u64, u64, u64)> {
    let listed = place.ok(["store", "list", "--json"]).json_lines();
    let of = |it: &Value| {
        let number = |name: &str| it["counts"][name].as_u64().unwrap();
        let counts = (number("messages"), number("entries"), number("deferred"));
        (it["store"].as_str().unwrap().to_owned(), counts)
    };
    listed.iter().map(of).collect()
}

/// Every mailbox is proven complete, and nothing was fetched but `new` messages.
fn run(place: &Place, dovecot: &Dovecot, new: u64) {
    let run = archive_ok(place, dovecot.imap(), &[]);
    assert_eq!(run["archived"], new, "{run}");
    for it in run["mailboxes"].as_array().unwrap() {
        assert_eq!(it["complete"], true, "{it}");
    }
}

#[test]
fn a_new_current_store_has_the_cursors_and_old_mail_changes_where_it_lies() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 21, 80);
    let place = Place::new();
    let first = archive_ok(&place, dovecot.imap(), &[]);
    let n_first = first["archived"].as_u64().unwrap();
    place.ok(["store", "create", "second"]);
    place.ok(["store", "make-current", "second"]);
    let before = counts(&place);
    assert_eq!((before["default"].0, before["second"].0), (n_first, 0));
    run(&place, &dovecot, 0);
    assert_eq!(counts(&place), before, "nothing is fetched, proven or opened again");
    assert_equal(&place, &source(&dovecot));

    // New mail goes to the new store, and so does the cursor behind it.
    let mut imap = dovecot.login("alice");
    imap.append("INBOX", "", b"Subject: new\r\n\r\nof the second store\r\n");
    run(&place, &dovecot, 1);
    let after = counts(&place);
    assert_eq!((after["default"], after["second"].0), (before["default"], 1));
    run(&place, &dovecot, 0);
    assert_eq!(counts(&place), after);
    let mut wanted = source(&dovecot);
    assert_equal(&place, &wanted);

    // Of old mail: one leaves the server, one moves there, one is flagged. What left stays.
    let inbox = imap.mailbox("INBOX").messages;
    let moved = crate::mail::id(&inbox[1].bytes);
    imap.expunge("INBOX", &[inbox[0].uid]);
    imap.move_to("INBOX", &[inbox[1].uid], "Projects");
    imap.flag("INBOX", &[inbox[2].uid], "\\Flagged");
    run(&place, &dovecot, 0);
    assert!(wanted.get_mut("alice/INBOX").unwrap().remove(&moved));
    wanted.get_mut("alice/Projects").unwrap().insert(moved.clone());
    assert_equal(&place, &wanted);
    let changed = counts(&place);
    assert_eq!((changed["default"].0, changed["second"].0), (n_first, 1), "nothing twice");
    assert!(before["default"].1 < changed["default"].1, "it stands in the log of the old store");
    run(&place, &dovecot, 0);
    assert_eq!(counts(&place), changed, "and is said once");

    // Changes of a store that is write-protected wait in the other one, and are seen at once.
    place.ok(["store", "set-state", "default", "write_protected"]);
    let uids: Vec<u32> = imap.mailbox("Projects").messages.iter().map(|it| it.uid).collect();
    imap.move_to("Projects", &uids[uids.len() - 1..], "INBOX");
    imap.expunge("Projects", &uids[..1]);
    run(&place, &dovecot, 0);
    wanted.get_mut("alice/Projects").unwrap().remove(&moved);
    wanted.get_mut("alice/INBOX").unwrap().insert(moved);
    assert_equal(&place, &wanted);
    let waiting = counts(&place);
    assert_eq!(waiting["default"], changed["default"]);
    assert!(waiting["second"].2 != 0, "{waiting:?}");
    place.ok(["store", "set-state", "default", "normal"]);
    let carried = counts(&place);
    assert_eq!((carried["second"].2, carried["default"].0), (0, n_first));
    assert_equal(&place, &wanted);
    run(&place, &dovecot, 0);
    assert_equal(&place, &wanted);

    // Both are sound when their views are made anew, and a run finds nothing to do.
    let last = counts(&place);
    for store in ["default", "second"] {
        place.ok(["store", "rebuild", store, "--view", "catalog"]);
    }
    run(&place, &dovecot, 0);
    assert_eq!(counts(&place), last);
    assert_equal(&place, &wanted);
}

#[test]
fn stores_that_come_by_themselves_in_the_middle_of_a_run_have_the_cursors() {
    let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
    fill(&dovecot, 22, 120);
    let place = Place::new();
    place.ok(["user", "add", "alice"]);
    place.ok(["settings", "set", "store_create_at_messages", "30"]);
    // One connection: batches are small, and appended one after the other.
    let first = archive_ok(&place, dovecot.imap(), &["--connections", "1"]);
    let n_first = first["archived"].as_u64().unwrap();
    let before = counts(&place);
    assert!(2 <= before.len(), "{before:?}");
    assert_eq!(before.values().map(|it| it.0).sum::<u64>(), n_first, "{before:?}");
    run(&place, &dovecot, 0);
    let sums = |it: &BTreeMap<String, (u64, u64, u64)>| it.values().map(|it| it.0).sum::<u64>();
    assert_eq!(sums(&counts(&place)), n_first);
    assert_equal(&place, &source(&dovecot));
    let mut imap = dovecot.login("alice");
    imap.append("INBOX", "", b"Subject: new\r\n\r\nof the last store\r\n");
    run(&place, &dovecot, 1);
    assert_eq!(sums(&counts(&place)), n_first + 1);
    assert_equal(&place, &source(&dovecot));
}
