use expect_test::expect;

use super::*;
use crate::names::{Meaning, meaning};
use crate::{DefaultFolders, Scope};

/// The guides, which say the same in more words.
const GUIDES: [(&str, &str); 9] = [
    ("cyrus", include_str!("../../../../docs/guide/servers/cyrus.md")),
    ("dovecot", include_str!("../../../../docs/guide/servers/dovecot.md")),
    ("gmail", include_str!("../../../../docs/guide/servers/gmail.md")),
    ("icewarp", include_str!("../../../../docs/guide/servers/icewarp.md")),
    ("kerio-connect", include_str!("../../../../docs/guide/servers/kerio-connect.md")),
    ("mdaemon", include_str!("../../../../docs/guide/servers/mdaemon.md")),
    ("open-xchange", include_str!("../../../../docs/guide/servers/open-xchange.md")),
    ("kopano", include_str!("../../../../docs/guide/servers/kopano.md")),
    ("zimbra", include_str!("../../../../docs/guide/servers/zimbra.md")),
];

#[test]
fn every_preset_is_whole_and_has_its_guide() {
    for preset in PRESETS {
        let name = preset.name;
        assert!(std::ptr::eq(Preset::named(name).unwrap(), preset));
        assert!(std::ptr::eq(Preset::named(&preset.title.to_uppercase()).unwrap(), preset));
        assert!(name.bytes().all(|it| it.is_ascii_lowercase() || it == b'-'), "{name}");
        assert_eq!(preset.endpoints.first(), Some(&IMAPS), "{name}: the safest way first");
        assert!(preset.sent().is_some() && !preset.source.is_empty(), "{name}");
        let is_master = matches!(preset.access, Access::Master(..));
        assert_eq!(is_master, preset.hints_at(HintPlace::Master).next().is_some(), "{name}");
        let (_, guide) = GUIDES.iter().find(|(it, _)| *it == name).unwrap();
        assert!(guide.starts_with(&format!("# {}\n", preset.title)), "{name}");
        assert!(guide.contains(&format!("`{name}`")), "{name}: the guide names the preset");
        for (folder, _) in preset.folders.iter().filter(|(_, it)| *it == Special::Sent) {
            assert!(guide.contains(&format!("`{folder}`")), "{name}: {folder}");
        }
        assert_eq!(preset.guide(), format!("servers/{name}.md"));
    }
    for (tried, want) in [
        ("Kerio", "kerio-connect"),
        ("kerio connect", "kerio-connect"),
        ("zarafa", "kopano"),
        ("OX", "open-xchange"),
        ("Google Workspace", "gmail"),
        ("icewarp", "icewarp"),
    ] {
        assert_eq!(Preset::named(tried).map(|it| it.name), Some(want), "{tried}");
    }
    assert!(Preset::named("exchange").is_none() && Preset::named("").is_none());
    assert!(PRESETS.is_sorted_by_key(|it| it.title.to_lowercase()));
}

#[test]
fn hints_are_sentences() {
    for preset in PRESETS {
        for Hint { text, .. } in preset.hints {
            assert!(text.ends_with('.') && !text.contains("  "), "{}: {text}", preset.name);
        }
    }
}

#[test]
fn default_folders_are_those_that_scopes_know() {
    for preset in PRESETS {
        for (name, special) in preset.folders {
            if let Special::Default(folder) = special {
                assert_eq!(meaning(name), Some(Meaning::Is(*folder)), "{} {name}", preset.name);
            }
        }
        let excluded: Vec<String> = preset.excluded.iter().map(|it| (*it).to_owned()).collect();
        assert!(Scope::parse(DefaultFolders::LeftOut, &[], &excluded).is_ok());
    }
}

#[test]
fn what_presets_say_at_a_glance() {
    let lines: Vec<String> = PRESETS
        .iter()
        .map(|it| {
            let access = match &it.access {
                Access::Master(form, identity) => format!("{form} by {identity}"),
                Access::OwnPasswords => "own passwords".to_owned(),
            };
            let ports: Vec<String> = it.endpoints.iter().map(ToString::to_string).collect();
            let sent = it.sent().unwrap_or_default();
            format!("{}: {}; {access}; {sent}\n", it.name, ports.join(", "))
        })
        .collect();
    expect![[r#"
        cyrus: imaps 993, imap 143, pop3s 995, pop3 110; authzid by address; Sent
        dovecot: imaps 993, imap 143, pop3s 995, pop3 110; user*master by address; Sent
        gmail: imaps 993; own passwords; [Gmail]/Sent Mail
        icewarp: imaps 993, imap 143, pop3s 995, pop3 110; authzid by address; Sent
        kerio-connect: imaps 993, imap 143, pop3s 995, pop3 110; kerio by address; Sent Items
        mdaemon: imaps 993, imap 143, pop3s 995, pop3 110; authzid by address; Sent Items
        open-xchange: imaps 993, imap 143, pop3s 995, pop3 110; user*master by address; Sent objects
        kopano: imaps 993, imap 143, pop3s 995, pop3 110; own passwords; Sent Items
        zimbra: imaps 993, imap 143, pop3s 995, pop3 110; authzid by address; Sent
    "#]]
    .assert_eq(&lines.concat());
}
