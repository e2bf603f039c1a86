//! Commands about stores that are killed at several moments: the archive is as before or as after,
//! and the same command completes it.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::mail::{id, samples, write_samples};
use crate::posthold::Place;

/// When a command is killed, in milliseconds behind its start: some before it has the data
/// directory, some at work, some behind its end.
const KILLS: [u64; 7] = [5, 15, 25, 40, 60, 90, 140];

/// An archive with its messages, which stay what they are whatever is killed.
struct Killing {
    place: Place,
    ids: Vec<String>,
}

impl Killing {
    fn new() -> Killing {
        let place = Place::new();
        write_samples(&place.path("mail"));
        place.ok(["import", "mail", "--user", "alice"]);
        let ids = place.ids("");
        Killing { place, ids }
    }

    fn stores(&self) -> Vec<Value> {
        self.place.run(["store", "list", "--json"]).json_lines()
    }

    /// The state of a store; `None` when there is none of this name.
    fn state(&self, name: &str) -> Option<String> {
        let stores = self.stores();
        let store = stores.iter().find(|it| it["store"] == name)?;
        Some(store["state"].as_str().unwrap().to_owned())
    }

    /// What has to be true after each kill.
    fn check(&self, what: &str) {
        let all = self.place.run(["verify"]);
        assert_eq!(all.code, 0, "{what}: {}", all.transcript(&self.place));
        assert_eq!(self.place.ids(""), self.ids, "{what}");
    }

    /// Kills a command again and again until it came to its end, then gives it once more if it
    /// never did.
    fn kill(&self, args: &[&str], is_done: impl Fn() -> bool) {
        for wait in KILLS {
            if is_done() {
                break;
            }
            let mut child = self.place.start(args);
            std::thread::sleep(Duration::from_millis(wait));
            let _ = child.kill();
            child.wait().unwrap();
            self.check(&format!("{args:?} killed after {wait} ms"));
        }
        if !is_done() {
            self.place.ok(args);
        }
        assert!(is_done(), "{args:?}");
        self.check(&format!("{args:?} done"));
    }
}

#[test]
fn whatever_is_killed_when_it_is_done_again() {
    let mut it = Killing::new();
    let elsewhere = it.place.path("disk2/first");
    let to = elsewhere.to_str().unwrap().to_owned();
    let is = |it: &Killing, name: &str, state: &str| it.state(name).as_deref() == Some(state);
    it.kill(&["store", "create", "second"], || is(&it, "second", "normal"));
    it.kill(&["store", "make-current", "second"], || is(&it, "second", "current"));
    // The cursors went along, and the same mail comes once more for somebody else.
    let again = it.place.ok(["import", "mail", "--user", "alice", "--json"]).json();
    assert_eq!(again["archived"], 0);
    fs::write(it.place.path("mail/new.eml"), "Subject: new\r\n\r\nnew\r\n").unwrap();
    it.place.ok(["import", "mail", "--user", "bob"]);
    it.ids = it.place.ids("");
    let before = it.place.data().join("stores/default");
    it.kill(&["store", "move", "default", "--to", &to], || {
        elsewhere.join("store.toml").is_file() && !before.exists()
    });
    // Given again it finds nothing to do, and nothing is left over.
    it.place.ok(["store", "move", "default", "--to", &to]);
    assert_eq!(fs::read_dir(it.place.path("disk2")).unwrap().count(), 1);
    assert!(!elsewhere.join("moved-from").exists());
    it.kill(&["store", "rename", "default", "first"], || is(&it, "first", "normal"));
    let protect = ["store", "set-state", "first", "write_protected"];
    it.kill(&protect, || is(&it, "first", "write_protected"));
    it.kill(&["store", "set-state", "first", "normal"], || is(&it, "first", "normal"));
    // Everybody's messages are in the second store too; so this one may go and come.
    let all = std::mem::replace(&mut it.ids, it.place.ids("user:bob"));
    assert_eq!(it.ids.len(), all.len());
    it.kill(&["store", "detach", "first"], || it.state("first").is_none());
    it.kill(&["store", "attach", "first", "--dir", &to], || is(&it, "first", "normal"));
    it.kill(&["store", "merge", "first", "second"], || it.state("first").is_none());
    let once = it.place.ok(["store", "show", "second", "--json"]).json();
    assert_eq!(once["counts"]["messages"], u64::try_from(it.ids.len()).unwrap());
    for (_, bytes) in samples() {
        assert_eq!(it.place.ok(["show", &id(&bytes), "--raw"]).stdout, bytes);
    }
    let again = it.place.ok(["import", "mail", "--user", "alice", "--json"]).json();
    assert_eq!(again["archived"], 1, "the new one, which was bob's");
}

#[test]
fn an_erasure_and_a_new_store_that_are_killed_are_done_again() {
    let mut it = Killing::new();
    let gone = id(&samples()[0].1);
    it.place.ok(["settings", "set", "erasure_grace_days", "0"]);
    it.place.ok(["delete", &gone, "--reason", "asked for"]);
    let clear = || {
        let erased = it.place.ok(["store", "erasures", "--json"]).json();
        let plan = it.place.ok(["store", "compact", "--plan", "--json"]).json();
        !erased["erased"].is_null() && plan["segments"] == 0 && plan["views"] == false
    };
    for wait in KILLS {
        if clear() {
            break;
        }
        let mut child = it.place.start(["retention", "run"]);
        std::thread::sleep(Duration::from_millis(wait));
        let _ = child.kill();
        child.wait().unwrap();
        it.place.ok(["verify"]);
    }
    it.place.ok(["retention", "run"]);
    assert!(clear());
    it.ids.retain(|it| *it != gone);
    fs::remove_file(it.place.path("mail").join(samples()[0].0)).unwrap();
    it.check("erased");
    // By itself, in the middle of an import.
    it.place.ok(["settings", "set", "store_create_at_messages", "5"]);
    let mails = 40;
    fs::create_dir(it.place.path("more")).unwrap();
    for n in 0..mails {
        let text = format!("Subject: more {n}\r\n\r\nmore {n}\r\n");
        fs::write(it.place.path(&format!("more/{n}.eml")), text).unwrap();
    }
    for wait in KILLS {
        let mut child = it.place.start(["import", "more", "--user", "alice"]);
        std::thread::sleep(Duration::from_millis(wait));
        let _ = child.kill();
        child.wait().unwrap();
        it.place.ok(["verify"]);
    }
    it.place.ok(["import", "more", "--user", "alice"]);
    let again = it.place.ok(["import", "more", "--user", "alice", "--json"]).json();
    assert_eq!((&again["archived"], &again["already"]), (&0.into(), &mails.into()));
    assert_eq!(it.place.ids("subject:more").len(), mails);
    let held: u64 = it.stores().iter().map(|it| it["counts"]["messages"].as_u64().unwrap()).sum();
    assert_eq!(held, u64::try_from(samples().len() + mails).unwrap(), "nothing is there twice");
    assert!(1 < it.stores().len());
    it.place.ok(["verify"]);
}

/// Which stores are encrypted, and whether with the same key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sealed {
    Both,
    First,
    Second,
    TwoKeys,
}

/// A store of two users' mail beside the first, sealed as it is said.
fn sealed(how: Sealed) -> Killing {
    let mut it = Killing::new();
    let place = &it.place;
    let secret = place.data().join("secret.key");
    let new_key = || place.ok(["key", "new"]).text().to_owned();
    fs::write(&secret, new_key()).unwrap();
    if how != Sealed::Second {
        place.ok(["store", "encrypt", "default", "--remove-plain"]);
    }
    if how == Sealed::TwoKeys {
        // Newest first: the first store opens with the older one.
        let before = fs::read_to_string(&secret).unwrap();
        fs::write(&secret, format!("{}{before}", new_key())).unwrap();
    }
    if how != Sealed::First {
        place.ok(["settings", "set", "encrypt_new_stores", "on"]);
    }
    place.ok(["store", "create", "second"]);
    place.ok(["store", "make-current", "second"]);
    fs::write(place.path("mail/new.eml"), "Subject: new\r\n\r\nnew\r\n").unwrap();
    place.ok(["import", "mail", "--user", "bob"]);
    for (name, other) in [("default", Sealed::Second), ("second", Sealed::First)] {
        let text = fs::read_to_string(place.data().join(format!("stores/{name}/store.toml")));
        assert_eq!(text.unwrap().contains("\"encryption\""), how != other, "{how:?}: {name}");
    }
    it.ids = place.ids("");
    it
}

fn exported(place: &Place, to: &str) -> std::collections::BTreeMap<String, Vec<u8>> {
    place.ok(["export", "--all", "--to", to]);
    crate::mail::exported(&place.path(to))
}

/// Stores that are encrypted, one of them or both, with one key or two: moved and merged, killed
/// half-way and done again. Every byte comes back, and views are made anew from what there is.
#[test]
fn encrypted_stores_are_moved_and_merged() {
    for how in [Sealed::Both, Sealed::First, Sealed::Second, Sealed::TwoKeys] {
        let it = sealed(how);
        let before = exported(&it.place, "before");
        let roots = |it: &Killing| it.place.ok(["verify", "--json"]).json()["entries"].clone();
        let entries = roots(&it);
        let to = it.place.path("disk2/first");
        let from = it.place.data().join("stores/default");
        it.kill(&["store", "move", "default", "--to", to.to_str().unwrap()], || {
            to.join("store.toml").is_file() && !from.exists()
        });
        assert_eq!(roots(&it), entries, "{how:?}: the same log");
        it.place.ok(["store", "rebuild", "default", "--view", "catalog"]);
        it.check("moved, and the catalog made anew");
        it.kill(&["store", "merge", "default", "second"], || it.state("default").is_none());
        for view in ["catalog", "index"] {
            it.place.ok(["store", "rebuild", "second", "--view", view]);
        }
        it.check("merged, and the views made anew");
        assert_eq!(exported(&it.place, "after"), before, "{how:?}");
        for (user, n) in [("alice", samples().len()), ("bob", samples().len() + 1)] {
            let placed = it.place.ids(&format!("user:{user}"));
            assert_eq!(placed.len(), n, "{how:?}: {user}");
        }
        // Nothing of a store that is encrypted got into the clear by it.
        let segments = it.place.data().join("stores/second/segments");
        let (_, word) = &samples()[0];
        let word = &word[..24];
        let holds = fs::read_dir(segments)
            .unwrap()
            .flatten()
            .any(|file| fs::read(file.path()).unwrap().windows(word.len()).any(|it| it == word));
        assert!(!holds || how == Sealed::First, "{how:?}");
        let again = it.place.ok(["import", "mail", "--user", "bob", "--json"]).json();
        assert_eq!(again["archived"], 0, "{how:?}");
        // The store that ended lies as it was, with its own key, and can be taken in again.
        it.place.ok(["store", "attach", "first", "--dir", to.to_str().unwrap()]);
        it.check("taken in again");
        if how == Sealed::TwoKeys {
            it.place.ok(["key", "rotate"]);
            it.check("with one key");
        }
    }
}
