use expect_test::{Expect, expect};

use super::*;
use crate::address::{AddressRules, BookUser, Standing};

fn book() -> AddressBook {
    let user = |name: &str, addresses: &[&str], standing| BookUser {
        name: UserName::new(name).unwrap(),
        addresses: addresses.iter().map(|it| (*it).to_owned()).collect(),
        standing,
    };
    let users = vec![
        user("alice", &["alice@example.org", "a@example.org"], Standing::Active),
        user("bob", &["bob@example.org"], Standing::Active),
        user("carol", &["carol@example.org"], Standing::Deactivated),
    ];
    AddressBook::new(&AddressRules::default(), users).unwrap()
}

fn sorting(unclaimed: Unclaimed) -> Sorting {
    let journal_address = Some("journal@example.org".to_owned());
    Sorting { folders: SortingFolders::default(), unclaimed, journal_address }
}

fn show(sorted: &Sorted) -> String {
    let mut text = match &sorted.destination {
        Destination::Users(placings) => placings
            .iter()
            .map(|it| format!("{} {:?}", it.user, it.direction))
            .collect::<Vec<_>>()
            .join(", "),
        Destination::CatchAll => "catch-all".to_owned(),
        Destination::Left => "left".to_owned(),
    };
    for it in &sorted.unknown {
        let ours = if it.domain == Domain::Ours { " of ours" } else { "" };
        text.push_str(&format!("; unknown {:?} {}{ours}", it.direction, it.address));
    }
    text
}

/// `senders -> recipients`, separated by spaces.
fn check_sort(unclaimed: Unclaimed, text: &str, want: &str) {
    let (senders, recipients) = text.split_once("->").unwrap();
    let parties = Parties::of_envelope(senders.split(' '), recipients.split(' '));
    assert_eq!(show(&sorting(unclaimed).sort(&book(), &parties)), want, "{text}");
}

#[test]
fn senders_and_recipients_get_their_copies() {
    let check = |text, want| check_sort(Unclaimed::Left, text, want);
    check("alice@example.org->bob@example.org", "alice Sent, bob Received");
    check(
        "x@y->alice@example.org bob@example.org",
        "alice Received, bob Received; unknown Sent x@y",
    );
    check("alice@example.org->a+self@example.org", "alice Received, alice Sent");
    check("x@y->alice@example.org A@Example.org", "alice Received; unknown Sent x@y");
    check("<>->bob@example.org", "bob Received");
    check("bob@example.org->x@y X@Y", "bob Sent; unknown Received x@y");
    check("x@y->carol@example.org", "carol Received; unknown Sent x@y");
    check("bob@example.org->journal@example.org", "bob Sent");
    check("x@y->journal@example.org", "left; unknown Sent x@y");
    check(
        "bob@example.org->dora@Example.org",
        "bob Sent; unknown Received dora@Example.org of ours",
    );
    check("x@y->x@y", "left; unknown Received x@y; unknown Sent x@y");
    check("->", "left");
    check("->undisclosed", "left; unknown Received undisclosed");
}

#[test]
fn what_belongs_to_nobody_is_caught_or_left() {
    let text = "x@y->z@y";
    check_sort(Unclaimed::Left, text, "left; unknown Received z@y; unknown Sent x@y");
    check_sort(Unclaimed::CaughtAll, text, "catch-all; unknown Received z@y; unknown Sent x@y");
    check_sort(Unclaimed::CaughtAll, "->", "catch-all");
}

#[test]
fn a_header_gives_addresses_and_no_group_names() {
    let group = Address { name: "undisclosed-recipients".into(), addr: String::new() };
    let parties = Parties::of_header(&[Address::bare("a@b")], &[group, Address::bare(" c@d ")]);
    assert_eq!(parties, Parties::of_envelope(["a@b"], ["c@d"]));
}

#[test]
fn multidrop_header_spoof() {
    let fields: [(&[u8], &[u8]); 4] = [
        (b"Received", b" by x\r\n"),
        (b"delivered-to", b" bob@example.org\r\n"),
        (b"Delivered-To", b" alice@example.org\r\n"),
        (b"From", b" x@y\r\n"),
    ];
    assert_eq!(topmost(fields, "Delivered-To").as_deref(), Some("bob@example.org"));
    assert_eq!(topmost(fields, "X-Envelope-To"), None);
    let field = topmost(fields, " Delivered-To ");
    let parties = Parties::of_envelope_field(&[Address::bare("x@y")], field.as_deref());
    let sorted = sorting(Unclaimed::Left).sort(&book(), &parties);
    assert_eq!(show(&sorted), "bob Received; unknown Sent x@y");
}

#[test]
fn an_envelope_field_is_a_list_in_many_forms() {
    let cases: [(&str, &[&str]); 9] = [
        ("a@b", &["a@b"]),
        ("<a@b>, <c@d>", &["<a@b>", "<c@d>"]),
        ("a@b,c@d;e@f", &["a@b", "c@d", "e@f"]),
        ("a@b c@d", &["a@b", "c@d"]),
        ("\"Doe, John\" <a@b>, c@d", &["\"Doe, John\" <a@b>", "c@d"]),
        ("\"a \\\" , b\"@c, d@e", &["\"a \\\" , b\"@c", "d@e"]),
        ("John Doe", &["John Doe"]),
        ("", &[]),
        (" , ,", &[]),
    ];
    for (value, want) in cases {
        let parties = Parties::of_envelope_field(&[], Some(value));
        assert_eq!(parties.recipients, want, "{value}");
    }
    assert_eq!(Parties::of_envelope_field(&[], None), Parties::default());
    let many = "a@b,".repeat(ENVELOPE_ADDRESSES_MAX + 5);
    assert_eq!(list(&many).len(), ENVELOPE_ADDRESSES_MAX);
}

#[test]
fn folders() {
    let folders = SortingFolders { received: "inbox/Journal".into(), sent: "/Sent Items/".into() };
    let path = |direction| folders.path("a@b", direction).as_str().to_owned();
    assert_eq!(path(Direction::Received), "a@b/INBOX/Journal");
    assert_eq!(path(Direction::Sent), "a@b/Sent Items");
    assert_eq!(catch_all_folder().as_str(), "Unknown E-mail Addresses");
    assert!(UserName::new(CATCH_ALL).is_ok());
}

fn check_setup(change: impl FnOnce(&mut SortingSetup<'_>), folders: [&str; 2], want: &Expect) {
    let folders = SortingFolders { received: folders[0].into(), sent: folders[1].into() };
    let book = book();
    let mut setup = SortingSetup {
        protocol: Protocol::Imap,
        scope: FolderScope::NotGiven,
        folders: &folders,
        journal_address: None,
        existing: &[("INBOX", 5), ("Sent", 3), ("Sent Items", 1), ("gesendet", 2)],
        book: &book,
    };
    change(&mut setup);
    let lines: Vec<String> = check(&setup)
        .iter()
        .map(|it| format!("{:?}: {it}. {}\n", it.severity(), it.hint()))
        .collect();
    want.assert_eq(&lines.concat());
}

#[test]
fn checks() {
    check_setup(|_| (), ["INBOX", "Sent"], &expect![[""]]);
    check_setup(|_| (), ["Inbox", "Sent Items"], &expect![[""]]);
    check_setup(
        |_| (),
        ["Received", "sent"],
        &expect![[r#"
            Warning: archives have INBOX for received messages, not Received. Write INBOX to use the folder that is there.
            Warning: archives have Sent for sent messages, not sent. Write Sent to use the folder that is there.
        "#]],
    );
    check_setup(
        |_| (),
        ["INBOX", "Gesendet"],
        &expect![[r#"
            Warning: archives have gesendet for sent messages, not Gesendet. Write gesendet to use the folder that is there.
        "#]],
    );
    check_setup(
        |setup| setup.existing = &[],
        ["Mail", "Mail/"],
        &expect![[r#"
            Warning: received and sent messages go to one folder. Give different folders to tell them apart.
        "#]],
    );
    check_setup(
        |setup| {
            setup.protocol = Protocol::Pop3;
            setup.scope = FolderScope::Given;
            setup.journal_address = Some("BOB+journal@example.org");
        },
        ["INBOX", " / "],
        &expect![[r#"
            Error: folders are chosen, but POP3 has no folders. Leave out the folder lists, or use IMAP.
            Error: the journal address BOB+journal@example.org belongs to the user bob. Take the address away from bob, or use another mailbox.
            Error: the folder for sent messages has no name. Give a folder, such as INBOX or Sent Items.
        "#]],
    );
}

#[test]
fn users_without_addresses_are_named() {
    let named = |name: String, addresses: &[&str]| BookUser {
        name: UserName::new(&name).unwrap(),
        addresses: addresses.iter().map(|it| (*it).to_owned()).collect(),
        standing: Standing::Active,
    };
    let check_users = |users: Vec<BookUser>, want: &str| {
        let book = AddressBook::new(&AddressRules::default(), users).unwrap();
        let folders = SortingFolders::default();
        let setup = SortingSetup {
            protocol: Protocol::Pop3,
            scope: FolderScope::NotGiven,
            folders: &folders,
            journal_address: None,
            existing: &[],
            book: &book,
        };
        let lines: Vec<String> = check(&setup).iter().map(ToString::to_string).collect();
        assert_eq!(lines.join("\n"), want);
    };
    check_users(vec![], "no user has an address");
    check_users(vec![named("x".into(), &[])], "no user has an address");
    let mut users = vec![named("x".into(), &["x@y"])];
    users.extend((0..12).map(|n| named(format!("u{n:02}"), &[])));
    check_users(
        users,
        "without an address: u00, u01, u02, u03, u04, u05, u06, u07, u08, u09 and 2 more",
    );
}
