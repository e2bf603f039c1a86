//! A server whose current store changes while mail comes in, and is backed up meanwhile.

use std::fs;
use std::time::Duration;

use crate::posthold::{Place, Ran};
use crate::serve::{Server, hand_in, in_the_end};

/// Messages that each sender hands in.
const HANDED_IN: usize = 30;

fn text(sender: usize, n: usize) -> String {
    format!(
        "From: a@x.org\r\nTo: alice@x.org\r\nSubject: handed {sender} {n}\r\n\
         Message-ID: <{sender}.{n}@x.org>\r\n\r\nin {sender} {n}\r\n."
    )
}

/// Hands in everything as a mail server does: again until it is taken.
fn hand_in_all(port: u16, sender: usize) {
    for n in 0..HANDED_IN {
        in_the_end("a message is taken", || {
            let said = hand_in(port, &text(sender, n)).unwrap_or_default();
            if said.starts_with("250 ") {
                return Some(());
            }
            std::thread::sleep(Duration::from_millis(20));
            None
        });
    }
}

fn place_with_job() -> (Place, u16) {
    let place = Place::new();
    place.ok(["user", "add", "alice"]);
    place.ok(["user", "set", "alice", "--address", "alice@x.org", "--administrator"]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let listen = format!("127.0.0.1:{port}");
    let add = ["job", "add", "journal", "--kind", "smtp", "--listen", &listen, "--network"];
    place.ok(add.iter().chain(&["127.0.0.0/8", "--sender", "*", "--security", "plain"]));
    place.ok(["settings", "set", "store_create_at_messages", "25"]);
    fs::create_dir(place.path("mail")).unwrap();
    for n in 0..20 {
        let text = format!("Subject: imported {n}\r\n\r\nimported {n}\r\n");
        fs::write(place.path(&format!("mail/{n}.eml")), text).unwrap();
    }
    (place, port)
}

#[test]
fn the_current_store_changes_while_mail_is_handed_in() {
    let (place, port) = place_with_job();
    let server = Server::start(&place);
    let senders = [0, 1].map(|it| std::thread::spawn(move || hand_in_all(port, it)));
    in_the_end("some is there", || (3 < place.ids("subject:handed").len()).then_some(()));
    place.ok(["store", "create", "chosen"]);
    let importing = place.start(["import", "mail", "--user", "alice"]);
    place.ok(["store", "make-current", "chosen"]);
    place.ok(["backup", "create", "backups"]);
    let imported = Ran::of(importing.wait_with_output().unwrap());
    if imported.code != 0 {
        // It may have been asked to come again.
        place.ok(["import", "mail", "--user", "alice"]);
    }
    place.ok(["backup", "create", "backups"]);
    for it in senders {
        it.join().unwrap();
    }
    let all = 2 * HANDED_IN;
    in_the_end("all is found", || (place.ids("subject:handed").len() == all).then_some(()));
    place.ok(["backup", "create", "backups"]);
    let again = place.ok(["import", "mail", "--user", "alice", "--json"]).json();
    assert_eq!((&again["archived"], &again["already"]), (&0.into(), &20.into()));
    assert_eq!(server.stop(&place).code, 0);
    let stores = place.ok(["store", "list", "--json"]).json_lines();
    assert!(stores.iter().any(|it| it["store"] == "chosen"), "{stores:?}");
    assert!(3 <= stores.len(), "by command and by itself: {stores:?}");
    let held: u64 = stores.iter().map(|it| it["counts"]["messages"].as_u64().unwrap()).sum();
    assert_eq!(held, u64::try_from(all + 20).unwrap(), "nothing is there twice");
    place.ok(["verify"]);
    restored(&place, all + 20);
}

/// Each of the three backups is an archive of its own, and has what was there when it was made.
fn restored(place: &Place, all: usize) {
    place.ok(["backup", "verify", "backups"]);
    let mut before = 0;
    for number in ["1", "2", "3"] {
        place.ok(["restore", "backups", "--to", number, "--backup", number]);
        let on = |args: &[&str]| {
            let mut command = place.command(args);
            let ran = Ran::of(command.env("POSTHOLD_DATA", place.path(number)).output().unwrap());
            assert_eq!(ran.code, 0, "{number}: {}", ran.transcript(place));
            ran
        };
        let listed = on(&["store", "list", "--json"]).json_lines();
        for store in listed.iter().map(|it| it["store"].as_str().unwrap()) {
            // One that nothing was written to has no log.
            let dir = place.path(number).join("stores").join(store);
            let has_log = fs::read_dir(dir.join("segments")).is_ok_and(|it| it.count() != 0);
            if has_log {
                on(&["store", "rebuild", store, "--view", "catalog"]);
                on(&["store", "rebuild", store, "--view", "index"]);
            }
        }
        on(&["verify"]);
        let found = on(&["search", "", "--json"]).json_lines().len();
        assert!(before <= found, "{number}: {found} after {before}");
        before = found;
    }
    assert_eq!(before, all);
}
