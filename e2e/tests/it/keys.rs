//! `key split`, `key join`, and a key that systemd hands to a service.

use std::fs;

use crate::posthold::{Place, Ran};

#[test]
fn any_few_shares_give_the_key_back_and_slips_are_told() {
    let place = Place::new();
    let failed = place.run(["key", "split", "--shares", "3", "--needed", "2"]);
    assert_eq!(failed.code, 2, "there is no key yet");
    let key = place.ok(["key", "new"]).text().to_owned();
    fs::write(place.path("key"), &key).unwrap();
    let split = |shares: &str, needed: &str| {
        let mut command = place.command(["key", "split", "--shares", shares, "--needed", needed]);
        Ran::of(command.env("POSTHOLD_KEY_FILE", place.path("key")).output().unwrap())
    };
    assert_eq!(split("2", "3").code, 2);
    let printed = split("5", "3");
    let shares: Vec<&str> = printed.text().split("\n\n").collect();
    assert_eq!(shares.len(), 5, "{}", printed.text());
    for chosen in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
        let paper: Vec<String> = chosen.iter().map(|it| shares[*it].to_uppercase()).collect();
        fs::write(place.path("shares"), paper.join("\n")).unwrap();
        assert_eq!(place.ok(["key", "join", "shares"]).text(), key);
    }
    fs::write(place.path("one"), shares[3]).unwrap();
    fs::write(place.path("two"), shares[1]).unwrap();
    let failed = place.run(["key", "join", "one", "two"]);
    assert_eq!(failed.code, 2);
    assert!(failed.stderr.contains("3 different shares are needed"), "{}", failed.stderr);
    let last = shares[1].chars().rev().find(|it| it.is_alphanumeric()).unwrap();
    let other = if last == '7' { "8" } else { "7" };
    let slip = format!("{}{other}", shares[1].trim_end().strip_suffix(last).unwrap());
    fs::write(place.path("two"), slip).unwrap();
    let failed = place.run(["key", "join", "one", "two"]);
    assert!(failed.stderr.contains("block 20 of share 2"), "{}", failed.stderr);
}

#[test]
fn a_credential_of_systemd_is_the_key() {
    let place = Place::new();
    let key = place.ok(["key", "new"]).text().to_owned();
    let credentials = place.path("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join("posthold.key"), key).unwrap();
    let line = ["profile", "add", "p", "--host", "h", "--login", "l", "--password"];
    let mut command = place.command(line);
    command.env("CREDENTIALS_DIRECTORY", &credentials).env("POSTHOLD_PASSWORD", "secret");
    assert_eq!(Ran::of(command.output().unwrap()).code, 0);
    assert!(!place.data().join("secret.key").exists());
    let mut command = place.command(["key", "status", "--json"]);
    command.env("CREDENTIALS_DIRECTORY", &credentials);
    let status = Ran::of(command.output().unwrap()).json();
    assert_eq!(status["keys"][0]["secrets"], 1, "{status}");
    assert_eq!(place.run(["key", "status"]).code, 1, "without it the password cannot be opened");
}
