//! `doctor`: every damage is named, with what it means and what can be done.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::posthold::Place;

/// What is done to a data directory.
type Damage = fn(&Place);

/// How `doctor` is asked, what it finds, and a word of what can be done.
struct Case {
    name: &'static str,
    damage: Damage,
    args: &'static [&'static str],
    check: &'static str,
    result: &'static str,
    hint: &'static str,
}

const STORE: &str = "data/stores/default";

fn flip(place: &Place, file: &str, at: f64) {
    let path = place.path(file);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let at = (last as f64 * at) as usize;
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn write(place: &Place, file: &str, text: &str) {
    fs::write(place.path(file), text).unwrap();
}

fn remove(place: &Place, file: &str) {
    let path = place.path(file);
    let gone = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    gone.unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else if path.is_file() {
            fs::copy(&path, &to).unwrap();
        }
    }
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
}

/// Archives with a second text, so that there is an older state of everything.
fn go_on(place: &Place) {
    write(place, "mail/later.eml", "From: b@example.org\r\n\r\nlater\r\n");
    place.ok(["import", "mail", "--user", "alice"]);
}

/// Brings an older copy of a part of the data directory back.
fn bring_back(place: &Place, what: &str) {
    copy(&place.path(what), &place.path("older"));
    go_on(place);
    remove(place, what);
    copy(&place.path("older"), &place.path(what));
}

fn encrypt(place: &Place) {
    let key = place.ok(["key", "new"]).stdout;
    fs::write(place.path("data/secret.key"), key).unwrap();
    let secret = place.path("data/secret.key");
    fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).unwrap();
    place.ok(["store", "encrypt", "default"]);
}

/// A key of a segment: not that of the mark, and not the one that signs.
fn key_of_segment(place: &Place) -> String {
    let names = fs::read_dir(place.path(STORE).join("keys")).unwrap().flatten();
    let mut names = names.map(|it| it.file_name().to_string_lossy().into_owned());
    format!("{STORE}/keys/{}", names.find(|it| it.len() == 36).unwrap())
}

const fn case(
    name: &'static str,
    damage: Damage,
    (check, result, hint): (&'static str, &'static str, &'static str),
) -> Case {
    Case { name, damage, args: &[], check, result, hint }
}

const CASES: &[Case] = &[
    Case {
        args: &["--thorough"],
        ..case(
            "a bit of a message",
            |it| flip(it, &format!("{STORE}/segments/000001.seg"), 0.5),
            ("every_byte", "bad", "posthold restore"),
        )
    },
    case(
        "the beginning of a segment",
        |it| flip(it, &format!("{STORE}/segments/000001.seg"), 0.0),
        ("store", "bad", "posthold restore"),
    ),
    case(
        "the end of a segment",
        |it| {
            let path = it.path(&format!("{STORE}/segments/000001.seg"));
            let len = path.metadata().unwrap().len();
            fs::File::options().write(true).open(path).unwrap().set_len(len / 2).unwrap();
        },
        ("store", "bad", "posthold"),
    ),
    case(
        "segments that are gone",
        |it| remove(it, &format!("{STORE}/segments")),
        ("store", "bad", "posthold store accept-rollback default"),
    ),
    case(
        "an older copy of the log",
        |it| bring_back(it, &format!("{STORE}/segments")),
        ("store", "bad", "posthold store accept-rollback default"),
    ),
    case(
        "a store that is not there",
        |it| remove(it, STORE),
        ("store", "bad", "posthold store retry default"),
    ),
    case(
        "a description that is gone",
        |it| remove(it, &format!("{STORE}/store.toml")),
        ("store", "bad", "Bring the file back"),
    ),
    case(
        "a description of a later version",
        |it| {
            let path = format!("{STORE}/store.toml");
            let text = fs::read_to_string(it.path(&path)).unwrap();
            write(it, &path, &text.replace("\"parts\"", "\"parts\", \"later\""));
        },
        ("store", "bad", "newest Posthold"),
    ),
    case(
        "a catalog that is none",
        |it| write(it, &format!("{STORE}/catalog.db"), &"no database ".repeat(500)),
        ("catalog", "bad", "posthold store rebuild default --view catalog"),
    ),
    case(
        "a catalog that is gone",
        |it| remove(it, &format!("{STORE}/catalog.db")),
        ("catalog", "bad", "posthold store rebuild default --view catalog"),
    ),
    case(
        "an index that is none",
        |it| write(it, &format!("{STORE}/index/meta.json"), "{"),
        ("index", "bad", "posthold store rebuild default --view index"),
    ),
    case(
        "an index that is gone",
        |it| remove(it, &format!("{STORE}/index")),
        ("index", "warning", "catches up"),
    ),
    case(
        "an older index",
        |it| bring_back(it, &format!("{STORE}/index")),
        ("index", "warning", "catches up"),
    ),
    case(
        "keys of checkpoints that are none",
        |it| write(it, &format!("{STORE}/checkpoint.pub"), "no key\n"),
        ("checkpoints", "bad", "from a backup"),
    ),
    case(
        "checkpoints that are gone",
        |it| remove(it, &format!("{STORE}/checkpoints")),
        ("checkpoints", "bad", "from a backup"),
    ),
    case(
        "the key that signs",
        |it| remove(it, &format!("{STORE}/keys/checkpoints.key")),
        ("checkpoints", "warning", "before the store is written"),
    ),
    case(
        "an end that was set aside",
        |it| write(it, &format!("{STORE}/segments/000001.torn"), "torn"),
        ("torn_tail", "warning", "Nothing has to be done"),
    ),
    case(
        "a state that is none",
        |it| {
            write(it, "data/state.db", &"no database ".repeat(500));
            let _ = fs::remove_file(it.path("data/state.db-wal"));
        },
        ("state", "bad", "posthold restore"),
    ),
    case("a state that is gone", |it| remove(it, "data/state.db"), ("state", "bad", "restore")),
    case(
        "an audit log with other bytes",
        |it| flip(it, "data/audit/segments/000001.seg", 0.0),
        ("audit_log", "bad", "posthold audit accept-loss"),
    ),
    case(
        "a restore that was killed",
        |it| write(it, "data/restore-unfinished", ""),
        ("restore", "bad", "posthold restore"),
    ),
    case(
        "a directory for everybody",
        |it| {
            let all = fs::Permissions::from_mode(0o755);
            fs::set_permissions(it.data(), all).unwrap();
        },
        ("data_directory", "bad", "chmod 700"),
    ),
    case(
        "a log that is still in the clear",
        encrypt,
        ("plain_log", "warning", "posthold store encrypt default --remove-plain"),
    ),
    case("a key beside what it opens", encrypt, ("key", "warning", "POSTHOLD_KEY_FILE")),
    case(
        "a key that everybody can read",
        |it| {
            encrypt(it);
            let all = fs::Permissions::from_mode(0o644);
            fs::set_permissions(it.path("data/secret.key"), all).unwrap();
        },
        ("key", "warning", "chmod 600"),
    ),
    case(
        "a key that is gone",
        |it| {
            encrypt(it);
            remove(it, "data/secret.key");
        },
        ("key", "bad", "posthold key join"),
    ),
    case(
        "the key of another store",
        |it| {
            encrypt(it);
            let key = it.ok(["key", "new"]).stdout;
            fs::write(it.path("data/secret.key"), key).unwrap();
        },
        ("store", "bad", "posthold key join"),
    ),
    case(
        "the key of a segment",
        |it| {
            encrypt(it);
            let key = key_of_segment(it);
            remove(it, &key);
        },
        ("store", "bad", "posthold restore"),
    ),
    case(
        "an encryption that was killed",
        |it| fs::create_dir(it.path(&format!("{STORE}/segments.sealed"))).unwrap(),
        ("encryption_begun", "warning", "posthold store encrypt default"),
    ),
    case(
        "a store in error",
        |it| {
            it.ok(["store", "create", "second"]);
            it.ok(["store", "make-current", "second"]);
            flip(it, &format!("{STORE}/segments/000001.seg"), 0.0);
            go_on_anyway(it);
        },
        ("in_error", "bad", "posthold store retry default"),
    ),
];

/// Archives, and does not ask how it went.
fn go_on_anyway(place: &Place) {
    write(place, "mail/later.eml", "From: b@example.org\r\n\r\nlater\r\n");
    place.run(["import", "mail/later.eml", "--user", "alice"]);
}

fn checks(answer: &Value) -> &Vec<Value> {
    answer["checks"].as_array().unwrap()
}

fn archived() -> Place {
    let place = Place::new();
    fs::create_dir(place.path("mail")).unwrap();
    for n in 0..8 {
        let text = format!("From: a{n}@example.org\r\nSubject: {n}\r\n\r\nthe text of {n}\r\n");
        write(&place, &format!("mail/{n}.eml"), &text);
    }
    place.ok(["import", "mail", "--user", "alice"]);
    place
}

#[test]
fn every_damage_is_named_with_what_can_be_done() {
    let healthy = archived();
    let well = healthy.ok(["doctor", "--thorough", "--json"]).json();
    assert_eq!(well["well"], true, "{well}");
    for it in checks(&well) {
        assert_eq!(it["result"], "good", "{it}");
    }
    let text = healthy.ok(["doctor"]).text().to_owned();
    assert!(text.contains("Nothing that was looked at is wrong."), "{text}");
    let text = healthy.ok(["doctor", "--thorough"]).text().to_owned();
    assert!(text.ends_with("Nothing is wrong.\n"), "{text}");
    for Case { name, damage, args, check, result, hint } in CASES {
        let place = Place::new();
        for dir in ["data", "mail"] {
            copy(&healthy.path(dir), &place.path(dir));
        }
        damage(&place);
        let ran = place.run([&["doctor", "--json"][..], args].concat());
        assert!(ran.code < 2, "{name}: {}", ran.stderr);
        let found = ran.json();
        let of_kind = checks(&found).iter().find(|it| it["name"] == *check);
        let of_kind = of_kind.unwrap_or_else(|| panic!("{name}: no {check} in {found}"));
        assert_eq!(of_kind["result"], *result, "{name}: {of_kind}");
        assert!(of_kind["meaning"].is_string(), "{name}: {of_kind}");
        let can_be_done = of_kind["hint"].as_str().unwrap_or_default();
        assert!(can_be_done.contains(hint), "{name}: {of_kind}");
        let is_bad = checks(&found).iter().any(|it| it["result"] == "bad");
        assert_eq!(ran.code, i32::from(is_bad), "{name}: {found}");
        assert_eq!(found["well"], !is_bad, "{name}");
    }
    let none = Place::new();
    assert_eq!(none.run(["doctor"]).code, 1, "there is no data directory");
}
