//! Shared mailboxes: whose archive a message goes to, and what stays at the source.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use archiver::{
    CancelToken, Home, RemovalOptions, ResortReport, RunReport, SortBy, SortOptions,
    UnknownAddresses, UnknownSeen,
};
use expect_test::{Expect, expect};
use ledger::Outcome;
use ports::LogErrorKind;
use rules::address::{AddressBook, AddressRules, BookUser, Standing};
use rules::sorting::{Sorting, SortingFolders, Unclaimed};
use types::{ArchiveId, UserName};

use crate::fakes::{LogClock, ServerKind};
use crate::world::{World, label, show, show_removal};

const CATCH_ALL: ArchiveId = ArchiveId(99);

/// What was told of addresses that belong to nobody.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<UnknownSeen>>);

impl UnknownAddresses for Told {
    fn note(&self, seen: Vec<UnknownSeen>) {
        self.0.lock().unwrap().extend(seen);
    }
}

struct Shared {
    world: World,
    options: SortOptions,
    told: Arc<Told>,
}

/// `alice=a@x,b@x bob=...`
fn book(users: &str) -> (AddressBook, HashMap<UserName, Home>) {
    let mut entries = Vec::new();
    let mut homes = HashMap::new();
    for (idx, user) in users.split(' ').enumerate() {
        let (name, addresses) = user.split_once('=').unwrap();
        let name = UserName::new(name).unwrap();
        let addresses: Vec<String> =
            addresses.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        let root = addresses.first().cloned().unwrap_or_else(|| name.to_string());
        homes.insert(name.clone(), Home { archive: ArchiveId(idx as u64 + 1), root });
        entries.push(BookUser { name, addresses, standing: Standing::Active });
    }
    (AddressBook::new(&AddressRules::default(), entries).unwrap(), homes)
}

const USERS: &str = "alice=alice@x.org,al@x.org bob=bob@x.org carol=carol@x.org";

impl Shared {
    fn new(kind: ServerKind) -> Shared {
        let (book, homes) = book(USERS);
        let told = Arc::new(Told::default());
        let sorting = Sorting {
            folders: SortingFolders::default(),
            unclaimed: Unclaimed::Left,
            journal_address: Some("journal@x.org".to_owned()),
        };
        let options = SortOptions {
            by: SortBy::Header,
            sorting,
            book,
            homes,
            catch_all: None,
            unknown: Arc::clone(&told) as Arc<dyn UnknownAddresses>,
        };
        let mut world = World::new(kind);
        world.options.account = "journal".to_owned();
        Shared { world, options, told }
    }

    fn catching_all(kind: ServerKind) -> Shared {
        let mut shared = Shared::new(kind);
        shared.options.catch_all = Some(CATCH_ALL);
        shared.options.sorting.unclaimed = Unclaimed::CaughtAll;
        shared
    }

    fn users(&mut self, users: &str) {
        (self.options.book, self.options.homes) = book(users);
    }

    async fn run(&self) -> RunReport {
        let world = &self.world;
        archiver::sort_account(
            Arc::new(world.server.clone()),
            Arc::clone(&world.log),
            Arc::clone(&world.catalog),
            Arc::new(LogClock(Arc::clone(&world.log))),
            world.options.clone(),
            Arc::new(self.options.clone()),
            |_| (),
        )
        .await
    }

    async fn resort(&self) -> ResortReport {
        let world = &self.world;
        archiver::resort(
            Arc::clone(&world.log),
            Arc::clone(&world.catalog),
            Arc::new(LogClock(Arc::clone(&world.log))),
            Arc::new(self.options.clone()),
            "unknown assign",
            CancelToken::new(),
        )
        .await
    }

    /// Every folder of every archive, each message with the places where it stands.
    fn archive(&self) -> String {
        let rows = self.world.catalog.rows();
        let mut folders: BTreeMap<(u64, String), Vec<String>> = BTreeMap::new();
        for (archive, path) in rows.folders.values() {
            let before = folders.insert((archive.0, path.clone()), Vec::new());
            assert!(before.is_none(), "{path} was made twice");
        }
        for (id, placement) in &rows.placements {
            let (archive, path) = &rows.folders[&placement.folder];
            let (blob, ..) = rows.messages[&placement.message];
            let places = rows.refs.iter().filter(|it| it.1 == id);
            let places: Vec<String> = places.map(|(place, _)| place.uid.to_string()).collect();
            let text = label(&self.world.log.bytes(&blob).unwrap());
            let text =
                if places.is_empty() { text } else { format!("{text}@{}", places.join("+")) };
            folders.get_mut(&(archive.0, path.clone())).unwrap().push(text);
        }
        let mut text = String::new();
        for ((_, path), mut messages) in folders {
            messages.sort();
            writeln!(text, "{path}: {}", messages.join(" ")).unwrap();
        }
        text
    }

    /// What was told, by address.
    fn told(&self) -> String {
        let mut lines: Vec<String> = self
            .told
            .0
            .lock()
            .unwrap()
            .drain(..)
            .map(|it| {
                let UnknownSeen { address, messages, example } = it;
                format!(
                    "{} {:?} {:?} {messages}: {example}\n",
                    address.address, address.direction, address.domain
                )
            })
            .collect();
        lines.sort();
        lines.concat()
    }

    /// A run that must find nothing to do.
    async fn assert_silent(&self) {
        let (appends, entries) = (self.world.log.appends(), self.world.log.entries_from(0).len());
        self.world.server.bodies();
        self.told();
        let report = self.run().await;
        assert_eq!(self.world.server.bodies(), 0, "a body was fetched: {report:#?}");
        let more = self.world.log.entries_from(entries as u64);
        assert!(more.is_empty(), "appended {more:#?}");
        assert_eq!(self.world.log.appends(), appends);
        assert_eq!(report.outcome, Outcome::Succeeded, "{report:#?}");
        assert!(report.counts.adds_up());
        assert_eq!(self.told(), "");
    }
}

fn check(actual: &str, want: &Expect) {
    want.assert_eq(actual);
}

fn mail(label: &str, from: &str, to: &str) -> Vec<u8> {
    format!(
        "Subject: {label}\r\nFrom: {from}\r\nTo: {to}\r\nMessage-ID: <{label}@a>\r\n\r\n{label}\r\n"
    )
    .into_bytes()
}

fn report(label: &str, sender: &str, recipients: &[&str], original: &[u8]) -> Vec<u8> {
    let mut text = format!(
        "X-MS-Journal-Report:\r\nFrom: <ex@x.org>\r\nTo: journal@x.org\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\n\
         Content-Type: text/plain\r\n\r\nSender: {sender}\r\nMessage-Id: <{label}@a>\r\n"
    );
    for it in recipients {
        write!(text, "Recipient: {it}\r\n").unwrap();
    }
    text.push_str("\r\n--=_b\r\nContent-Type: message/rfc822\r\n\r\n");
    [text.as_bytes(), original, b"\r\n--=_b--\r\n"].concat()
}

#[tokio::test(start_paused = true)]
async fn w30_one_message_goes_to_everybody_whom_it_names() {
    let shared = Shared::new(ServerKind::Full);
    let server = &shared.world.server;
    server.deliver(
        "INBOX",
        mail("all", "alice@x.org", "BOB@x.org, c@other.org, Carol <carol@X.ORG>"),
    );
    server.deliver("INBOX", mail("self", "alice@x.org", "alice+news@x.org"));
    server.deliver(
        "Old/2024",
        mail("alias", "who@other.org", "al@x.org, Al <AL@x.org>, journal@x.org"),
    );
    check(
        &show(&shared.run().await),
        &expect![[r#"
        Succeeded
        INBOX: 2 = 2 archived + 0 already, complete
        Old/2024: 1 = 1 archived + 0 already, complete
    "#]],
    );
    check(
        &shared.archive(),
        &expect![[r#"
            alice@x.org/INBOX: alias@1 self@2
            alice@x.org/Sent Items: all@1 self
            bob@x.org/INBOX: all
            carol@x.org/INBOX: all
        "#]],
    );
    check(&shared.told(), &expect![""]);
    shared.assert_silent().await;
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_nobody_stays_and_is_not_fetched_again() {
    for kind in [ServerKind::Full, ServerKind::Plain, ServerKind::Named] {
        let mut shared = Shared::new(kind);
        let server = shared.world.server.clone();
        server.deliver("INBOX", mail("known", "who@other.org", "bob@x.org, gone@x.org"));
        server.deliver("INBOX", mail("dave", "who@other.org", "dave@x.org"));
        server.deliver("INBOX", mail("erin", "erin@x.org", "who@other.org, erin@x.org"));
        check(
            &show(&shared.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 3 = 1 archived + 0 already + 2 excluded, complete
        "#]],
        );
        check(
            &shared.told(),
            &expect![[r#"
            dave@x.org Received Ours 1: INBOX, UID 2: dave
            erin@x.org Received Ours 1: INBOX, UID 3: erin
            erin@x.org Sent Ours 1: INBOX, UID 3: erin
            gone@x.org Received Ours 1: INBOX, UID 1: known
            who@other.org Received Foreign 1: INBOX, UID 3: erin
            who@other.org Sent Foreign 1: INBOX, UID 2: dave
        "#]],
        );
        shared.assert_silent().await;
        // New mail changes nothing for those that were left.
        server.deliver("INBOX", mail("new", "who@other.org", "bob@x.org"));
        server.bodies();
        check(
            &show(&shared.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 4 = 1 archived + 1 already + 2 excluded, complete
        "#]],
        );
        assert_eq!(server.bodies(), 1);
        // Another book: those that were left are looked at again, and only those.
        shared.users(&format!("{USERS} dave=dave@x.org"));
        check(
            &show(&shared.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 4 = 1 archived + 2 already + 1 excluded, complete
        "#]],
        );
        assert_eq!(server.bodies(), 2);
        check(&shared.told(), &expect![""]);
        shared.assert_silent().await;
        check(
            &shared.archive(),
            &expect![[r#"
            bob@x.org/INBOX: known@1 new@4
            dave@x.org/INBOX: dave@2
        "#]],
        );
        // What was left and is gone counts no more.
        server.expunge("INBOX", 3);
        check(
            &show(&shared.run().await),
            &expect![[r#"
            Succeeded
            INBOX: 3 = 0 archived + 3 already, complete
        "#]],
        );
        shared.assert_silent().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_book_that_changes_in_a_run_that_dies_loses_nobody() {
    let mut shared = Shared::new(ServerKind::Full);
    let server = shared.world.server.clone();
    for n in 0..600 {
        server.deliver("INBOX", mail(&format!("m{n}"), "who@other.org", "dave@x.org"));
    }
    shared.run().await;
    shared.users(&format!("{USERS} dave=dave@x.org"));
    let mut appends = 0;
    loop {
        shared.world.log.fail_after(appends, LogErrorKind::Io);
        shared.run().await;
        if !shared.world.log.reopen() {
            break;
        }
        appends += 1;
    }
    assert_eq!(shared.world.catalog.rows().placements.len(), 600);
    shared.assert_silent().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_without_uidvalidity_is_compared_whole() {
    let shared = Shared::new(ServerKind::Unnumbered);
    let server = &shared.world.server;
    server.deliver("INBOX", mail("known", "who@other.org", "bob@x.org"));
    server.deliver("INBOX", mail("dave", "who@other.org", "dave@x.org"));
    for _ in 0..3 {
        let report = shared.run().await;
        assert_eq!(report.outcome, Outcome::Succeeded, "{report:#?}");
        assert_eq!(report.counts.excluded.unknown_address, 1);
        assert!(report.counts.adds_up());
    }
    let rows = shared.world.catalog.rows();
    assert_eq!(rows.placements.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn mail_that_moves_or_is_renumbered_is_placed_once() {
    let shared = Shared::new(ServerKind::Full);
    let server = &shared.world.server;
    server.deliver("INBOX", mail("a", "alice@x.org", "bob@x.org"));
    server.deliver("INBOX", mail("b", "bob@x.org", "alice@x.org"));
    server.create("Done");
    shared.run().await;
    server.move_to("INBOX", 1, "Done");
    server.copy("INBOX", 2, "Done");
    let report = shared.run().await;
    assert_eq!((report.counts.archived, report.counts.already), (0, 3), "{report:#?}");
    server.renumber("Done", 900, 50);
    server.rename("Done", "Elsewhere");
    let report = shared.run().await;
    assert_eq!((report.counts.archived, report.counts.already), (0, 3), "{report:#?}");
    check(
        &shared.archive(),
        &expect![[r#"
            alice@x.org/INBOX: b@2+51
            alice@x.org/Sent Items: a@50
            bob@x.org/INBOX: a
            bob@x.org/Sent Items: b
        "#]],
    );
    shared.assert_silent().await;
}

#[tokio::test(start_paused = true)]
async fn the_log_fails_at_each_append_of_a_sorted_mailbox() {
    for fatal in 0..40 {
        let shared = Shared::catching_all(ServerKind::Full);
        let server = &shared.world.server;
        server.deliver("INBOX", mail("a", "alice@x.org", "bob@x.org, carol@x.org"));
        server.deliver("INBOX", mail("a2", "alice@x.org", "bob@x.org"));
        server.deliver("Sub", mail("a", "alice@x.org", "bob@x.org, carol@x.org"));
        server.deliver("Sub", mail("nobody", "n@o.org", "m@o.org"));
        shared.world.log.fail_after(fatal, LogErrorKind::DiskFull);
        let report = shared.run().await;
        let failed = shared.world.log.reopen();
        assert_eq!(failed, report.outcome != Outcome::Succeeded, "{report:#?}");
        shared.run().await;
        check(
            &shared.archive(),
            &expect![[r#"
                alice@x.org/Sent Items: a2@2 a@1+1
                bob@x.org/INBOX: a a2
                carol@x.org/INBOX: a
                Unknown E-mail Addresses: nobody@2
            "#]],
        );
        shared.assert_silent().await;
        if !failed {
            return;
        }
    }
    panic!("it never comes to an end");
}

/// What was sorted leaves its mailbox by the same proof; a journal report by the message in it.
/// What belongs to nobody stays, and so does a copy that came in another way.
#[tokio::test(start_paused = true)]
async fn w28_what_was_sorted_leaves_its_mailbox() {
    let mut shared = Shared::new(ServerKind::Full);
    shared.options.by = SortBy::Journal;
    let server = shared.world.server.clone();
    let original = mail("plan", "alice@x.org", "list@x.org");
    let by_another_way = [b"Received: by mx2\r\n", original.as_slice()].concat();
    for bytes in [
        report("plan", "alice@x.org", &["bob@x.org"], &original),
        report("plan", "alice@x.org", &["bob@x.org"], &by_another_way),
        mail("plain", "bob@x.org", "alice@x.org"),
        mail("nobody", "who@other.org", "that@other.org"),
    ] {
        server.deliver("INBOX", bytes);
    }
    let run = shared.run().await;
    assert_eq!(run.outcome, Outcome::Succeeded, "{}", show(&run));
    let before = shared.archive();
    let world = &shared.world;
    let removed = archiver::remove_archived(
        Arc::new(server.clone()),
        Arc::clone(&world.log),
        Arc::clone(&world.catalog),
        Arc::new(LogClock(Arc::clone(&world.log))),
        RemovalOptions {
            archive: &world.options,
            sorting: Some(&shared.options),
            rule: &"at once".parse().unwrap(),
            backed_up: Vec::new(),
        },
        &run,
    )
    .await;
    check(
        &show_removal(&removed),
        &expect![[r#"
            left 2
            stayed 1: not archived
            stayed 1: not certain to be the archived one
        "#]],
    );
    let left: Vec<u64> = server.state().mailboxes["INBOX"].messages.keys().copied().collect();
    assert_eq!(left, [2, 4]);
    let places =
        |text: &str| text.replace(|it: char| it == '@' || it == '+' || it.is_ascii_digit(), "");
    assert_eq!(places(&shared.archive()), places(&before), "the archives have what they had");
    let again = shared.run().await;
    assert_eq!(again.outcome, Outcome::Succeeded, "{}", show(&again));
}

#[tokio::test(start_paused = true)]
async fn reports_of_one_message_are_merged() {
    let mut shared = Shared::new(ServerKind::Full);
    shared.options.by = SortBy::Journal;
    let server = shared.world.server.clone();
    let original = mail("plan", "Alice <alice@x.org>", "list@x.org");
    let by_another_way = [b"Received: by mx2\r\n", original.as_slice()].concat();
    server.deliver("INBOX", report("plan", "alice@x.org", &["bob@x.org"], &original));
    server.deliver("INBOX", report("plan", "alice@x.org", &["bob@x.org"], &by_another_way));
    check(
        &show(&shared.run().await),
        &expect![[r#"
            Succeeded
            INBOX: 2 = 2 archived + 0 already, complete
        "#]],
    );
    // A later one, with a blind copy and somebody who has it.
    let later = report("plan", "alice@x.org", &["carol@x.org", "bob@x.org"], &by_another_way);
    server.deliver("INBOX", later);
    server.deliver("INBOX", mail("none", "bob@x.org", "alice@x.org"));
    let broken = b"X-MS-Journal-Report:\r\nSubject: broken\r\nTo: alice@x.org\r\n\r\nno parts\r\n";
    server.deliver("INBOX", broken.to_vec());
    check(
        &show(&shared.run().await),
        &expect![[r#"
        Succeeded
        INBOX: 5 = 3 archived + 2 already, complete
        warning: INBOX, UID 5: the journal report has no parts; it is archived as it is
    "#]],
    );
    check(
        &shared.archive(),
        &expect![[r#"
        alice@x.org/INBOX: [68 bytes]@5 none@4
        alice@x.org/Sent Items: plan@1+2
        bob@x.org/INBOX: plan
        bob@x.org/Sent Items: none
        carol@x.org/INBOX: [106 bytes]@3
    "#]],
    );
    shared.assert_silent().await;
    let rows = shared.world.catalog.rows();
    let bob = rows.placements.values().find(|it| !it.envelope.is_empty()).unwrap();
    assert_eq!(bob.envelope.recipients, ["bob@x.org"]);
    let (blob, ..) = rows.messages[&bob.message];
    assert_eq!(shared.world.log.bytes(&blob).unwrap(), original, "the original, byte for byte");
}

#[tokio::test(start_paused = true)]
async fn only_the_topmost_envelope_field_is_believed() {
    let mut shared = Shared::new(ServerKind::Plain);
    shared.options.by = SortBy::Field("X-Original-To".to_owned());
    let with = |fields: &str| {
        [fields.as_bytes(), b"Subject: news\r\nFrom: alice@x.org\r\nTo: list@o.org\r\n\r\nx"]
            .concat()
    };
    let server = &shared.world.server;
    server.deliver("INBOX", with("X-Original-To: bob@x.org\r\nX-Original-To: mallory@x.org\r\n"));
    server.deliver("INBOX", with("X-Original-To: carol@x.org\r\n"));
    server.deliver("INBOX", mail("bare", "who@o.org", "bob@x.org"));
    check(
        &show(&shared.run().await),
        &expect![[r#"
        Succeeded
        INBOX: 3 = 2 archived + 0 already + 1 excluded, complete
    "#]],
    );
    check(
        &shared.archive(),
        &expect![[r#"
        alice@x.org/Sent Items: [109 bytes]@1
        bob@x.org/INBOX: [109 bytes]
        carol@x.org/INBOX: [81 bytes]@2
    "#]],
    );
    shared.assert_silent().await;
}

#[tokio::test(start_paused = true)]
async fn catchall_is_sorted_anew_when_somebody_has_the_address() {
    let mut shared = Shared::catching_all(ServerKind::Full);
    let server = shared.world.server.clone();
    server.deliver("INBOX", mail("d1", "who@other.org", "dave@x.org"));
    server.deliver("INBOX", mail("d2", "dave@x.org", "erin@x.org, dave@x.org"));
    server.deliver("INBOX", mail("e1", "who@other.org", "erin@x.org"));
    server.deliver("INBOX", mail("b1", "who@other.org", "bob@x.org, dave@x.org"));
    let report = shared.run().await;
    assert_eq!(report.counts.archived, 4);
    check(
        &shared.archive(),
        &expect![[r#"
        bob@x.org/INBOX: b1@4
        Unknown E-mail Addresses: d1@1 d2@2 e1@3
    "#]],
    );
    shared.assert_silent().await;
    let nobody = shared.resort().await;
    assert_eq!((nobody.seen, nobody.moved), (3, 0));
    shared.users(&format!("{USERS} dave=dave@x.org"));
    for fatal in 0.. {
        shared.world.log.fail_after(fatal, LogErrorKind::Stopped);
        let report = shared.resort().await;
        if !shared.world.log.reopen() {
            assert_eq!(report.failure, None);
            break;
        }
        assert!(report.failure.is_some());
    }
    check(
        &shared.archive(),
        &expect![[r#"
            bob@x.org/INBOX: b1@4
            dave@x.org/INBOX: d1@1 d2@2
            dave@x.org/Sent Items: d2
            Unknown E-mail Addresses: e1@3
        "#]],
    );
    let again = shared.resort().await;
    assert_eq!((again.seen, again.moved, again.failure), (1, 0, None));
    // The rules of the job are others now: it looks again, and finds everything in its place.
    let report = shared.run().await;
    assert_eq!((report.counts.archived, report.counts.already), (0, 4));
    shared.assert_silent().await;
}

mod reception {
    use super::*;
    use archiver::{NotReceived, Reception, ReceptionOptions, ReceptionTally, RunFailureKind};
    use ledger::EnvelopeDetail;
    use types::BlobId;

    use crate::fakes::{MemoryCatalog, MemoryLog};

    type Received = Result<BlobId, NotReceived>;

    impl Shared {
        fn reception(&self) -> Reception<MemoryLog, MemoryCatalog> {
            self.counting(&ReceptionTally::default())
        }

        fn counting(&self, tally: &ReceptionTally) -> Reception<MemoryLog, MemoryCatalog> {
            let world = &self.world;
            Reception::new(
                Arc::clone(&world.log),
                &world.catalog,
                Arc::new(LogClock(Arc::clone(&world.log))),
                ReceptionOptions {
                    title: "smtp".to_owned(),
                    message_bytes_max: 20 << 20,
                    cancel: CancelToken::new(),
                    tally: tally.clone(),
                },
                Arc::new(self.options.clone()),
            )
        }
    }

    async fn hand_in(
        reception: &Reception<MemoryLog, MemoryCatalog>,
        from: &str,
        to: &str,
        bytes: &[u8],
    ) -> Received {
        let envelope = EnvelopeDetail {
            senders: vec![from.to_owned()],
            recipients: to.split(' ').map(str::to_owned).collect(),
        };
        let mut arriving = reception.begin(envelope, "mx.test [192.0.2.1]".to_owned());
        for piece in bytes.chunks(30_000) {
            arriving.piece(piece).await?;
        }
        arriving.finish().await
    }

    #[tokio::test(start_paused = true)]
    async fn the_envelope_is_believed_first() {
        let shared = Shared::new(ServerKind::Full);
        let tally = ReceptionTally::default();
        let reception = shared.counting(&tally);
        let blind = mail("blind", "alice@x.org", "list@other.org");
        hand_in(&reception, "alice@x.org", "bob@x.org carol@x.org", &blind).await.unwrap();
        // A copy for the journal address alone: the header is what is left.
        let header = mail("header", "who@other.org", "bob@x.org");
        hand_in(&reception, "who@other.org", "journal@x.org", &header).await.unwrap();
        check(
            &shared.archive(),
            &expect![[r#"
            alice@x.org/Sent Items: blind
            bob@x.org/INBOX: blind header
            carol@x.org/INBOX: blind
        "#]],
        );
        let rows = shared.world.catalog.rows();
        let envelopes: Vec<_> =
            rows.placements.values().map(|it| it.envelope.recipients.join(" ")).collect();
        assert_eq!(
            envelopes,
            ["bob@x.org carol@x.org"; 3].into_iter().chain(["journal@x.org"]).collect::<Vec<_>>()
        );
        assert_eq!((tally.counts().received, tally.counts().archived), (2, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_refused_and_told_or_caught() {
        let shared = Shared::new(ServerKind::Full);
        let reception = shared.reception();
        let lost = mail("lost", "who@other.org", "dave@x.org");
        let refused = hand_in(&reception, "who@other.org", "dave@x.org", &lost).await;
        assert_eq!(refused, Err(NotReceived::Unclaimed));
        assert!(shared.told().contains("dave@x.org Received Ours 1: handed in by SMTP: lost"));
        assert!(shared.world.log.entries_from(0).is_empty());
        let catching = Shared::catching_all(ServerKind::Full);
        let reception = catching.reception();
        hand_in(&reception, "who@other.org", "dave@x.org", &lost).await.unwrap();
        check(
            &catching.archive(),
            &expect![[r#"
            Unknown E-mail Addresses: lost
        "#]],
        );
    }

    #[tokio::test(start_paused = true)]
    async fn w15_what_comes_again_or_at_once_is_one_message() {
        let shared = Shared::new(ServerKind::Full);
        let reception = shared.reception();
        let bytes = mail("a", "alice@x.org", "bob@x.org");
        let both = |to: &'static str| {
            let (reception, bytes) = (reception.clone(), bytes.clone());
            tokio::spawn(async move { hand_in(&reception, "alice@x.org", to, &bytes).await })
        };
        let tasks: Vec<_> =
            ["bob@x.org", "bob@x.org carol@x.org", "bob@x.org", "carol@x.org"].map(both).into();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        // Another copy by another way.
        let other = [b"Received: by mx2\r\n", bytes.as_slice()].concat();
        hand_in(&reception, "alice@x.org", "bob@x.org", &other).await.unwrap();
        check(
            &shared.archive(),
            &expect![[r#"
            alice@x.org/Sent Items: a
            bob@x.org/INBOX: a
            carol@x.org/INBOX: a
        "#]],
        );
        let placed = shared.world.log.entries_from(0);
        let placed = placed.iter().filter(|it| matches!(it.0.fact, ledger::Fact::Placed { .. }));
        assert_eq!(placed.count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_stored_is_not_received_and_can_come_again() {
        let shared = Shared::new(ServerKind::Full);
        let bytes = mail("a", "alice@x.org", "bob@x.org carol@x.org");
        for fatal in 0..6 {
            let reception = shared.reception();
            shared.world.log.fail_after(fatal, LogErrorKind::DiskFull);
            let ended = hand_in(&reception, "alice@x.org", "bob@x.org", &bytes).await;
            match ended {
                Ok(_) => break,
                Err(NotReceived::Failed(failure)) => {
                    assert_eq!(failure.kind, RunFailureKind::DiskFull);
                }
                Err(other) => panic!("{other:?}"),
            }
            shared.world.log.reopen();
        }
        shared.world.log.reopen();
        hand_in(&shared.reception(), "alice@x.org", "bob@x.org", &bytes).await.unwrap();
        check(
            &shared.archive(),
            &expect![[r#"
            alice@x.org/Sent Items: a
            bob@x.org/INBOX: a
        "#]],
        );
    }

    #[tokio::test(start_paused = true)]
    async fn large_messages_come_in_chunks_and_reports_are_opened() {
        let mut shared = Shared::new(ServerKind::Full);
        shared.options.by = SortBy::Journal;
        let large = |label: &str, len: usize| {
            [mail(label, "alice@x.org", "list@x.org"), vec![b'x'; len]].concat()
        };
        let reception = shared.reception();
        for (label, len) in [("small", 100), ("medium", 3 << 20), ("huge", 9 << 20)] {
            let original = large(label, len);
            let bytes = report(label, "alice@x.org", &["bob@x.org"], &original);
            let id = hand_in(&reception, "", "journal@x.org", &bytes).await.unwrap();
            // What is larger than can be held is kept as it came.
            let kept = if len < 8 << 20 { original } else { bytes };
            assert_eq!(id, BlobId::of(&kept), "{label}");
            assert!(shared.world.log.bytes(&id).unwrap() == kept);
        }
        check(
            &shared.archive(),
            &expect![[r#"
            alice@x.org/Sent Items: [9437543 bytes] medium small
            bob@x.org/INBOX: [9437543 bytes] medium small
        "#]],
        );
        let too_large = large("more", 21 << 20);
        let ended = hand_in(&reception, "", "bob@x.org", &too_large).await;
        assert_eq!(ended, Err(NotReceived::TooLarge));
    }
}
