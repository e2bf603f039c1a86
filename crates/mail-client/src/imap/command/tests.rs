//! Every command as bytes, and what `imap-codec` understands by it.

use super::*;
use expect_test::{Expect, expect};
use imap_codec::CommandCodec;
use imap_codec::decode::Decoder;

const NOBODY: &[&str] = &["CONDSTORE"];

fn every_command(secret: &Secret) -> Vec<Command<'_>> {
    let returns = ListReturns { special_use: true, status: true, modseq: true };
    let fetch = |what| Command::UidFetch { set: "1:3,7", what };
    let examine = |how| Command::Examine { mailbox: b"Entw&APw-rfe", how };
    vec![
        Command::Capability,
        Command::StartTls,
        Command::Authenticate { mechanism: "PLAIN", initial: None },
        Command::Authenticate { mechanism: "PLAIN", initial: Some("") },
        Command::Authenticate { mechanism: "SCRAM-SHA-256", initial: Some("biwsbj0=") },
        Command::Login { user: "al\"ice", password: secret },
        Command::MasterAuth,
        Command::SetUser { user: "alice@example.org" },
        Command::SetUser { user: "al ice" },
        Command::Enable { capabilities: NOBODY },
        Command::Id,
        Command::Namespace,
        Command::Compress,
        Command::List { prefix: b"", returns: ListReturns::default() },
        Command::List { prefix: b"Public/", returns },
        Command::Status { mailbox: b"a \\ b", modseq: false },
        Command::Status { mailbox: b"INBOX", modseq: true },
        examine(ExamineAs::Plain),
        examine(ExamineAs::Condstore),
        examine(ExamineAs::Qresync { uid_validity: 7, modseq: 9 }),
        Command::UidSearch { from: 1, esearch: false },
        Command::UidSearch { from: 9, esearch: true },
        Command::UidSearchSet { set: "1:3,7", esearch: false },
        Command::UidSearchSet { set: "7", esearch: true },
        fetch(FetchWhat::Message),
        fetch(FetchWhat::Facts),
        fetch(FetchWhat::Body),
        fetch(FetchWhat::Header),
        fetch(FetchWhat::LabelledMessage),
        fetch(FetchWhat::LabelledFacts),
        Command::FetchEnds,
        Command::Logout,
    ]
}

fn shown(command: &Command<'_>, literals: LiteralForm) -> String {
    let encoded = command.encode("A", literals);
    let pieces: Vec<String> =
        encoded.pieces.iter().map(|it| it.escape_ascii().to_string()).collect();
    pieces.join(" + ")
}

#[expect(clippy::needless_pass_by_value, reason = "expectations are written in place")]
fn check(commands: &[Command<'_>], literals: LiteralForm, want: Expect) {
    let lines: String = commands.iter().map(|it| format!("{}\n", shown(it, literals))).collect();
    want.assert_eq(&lines);
}

#[test]
fn commands_as_bytes() {
    let secret = Secret::new("p\\w".into());
    check(
        &every_command(&secret),
        LiteralForm::Synchronizing,
        expect![[r#"
            A CAPABILITY\r\n
            A STARTTLS\r\n
            A AUTHENTICATE PLAIN\r\n
            A AUTHENTICATE PLAIN =\r\n
            A AUTHENTICATE SCRAM-SHA-256 biwsbj0=\r\n
            A LOGIN \"al\\\"ice\" \"p\\\\w\"\r\n
            A X-MASTERAUTH\r\n
            A X-SETUSER alice@example.org\r\n
            A X-SETUSER \"al ice\"\r\n
            A ENABLE CONDSTORE\r\n
            A ID (\"name\" \"Posthold\")\r\n
            A NAMESPACE\r\n
            A COMPRESS DEFLATE\r\n
            A LIST \"\" \"*\"\r\n
            A LIST \"\" \"Public/*\" RETURN (SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))\r\n
            A STATUS \"a \\\\ b\" (MESSAGES UIDNEXT UIDVALIDITY)\r\n
            A STATUS \"INBOX\" (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)\r\n
            A EXAMINE \"Entw&APw-rfe\"\r\n
            A EXAMINE \"Entw&APw-rfe\" (CONDSTORE)\r\n
            A EXAMINE \"Entw&APw-rfe\" (QRESYNC (7 9))\r\n
            A UID SEARCH ALL\r\n
            A UID SEARCH RETURN (ALL) UID 9:*\r\n
            A UID SEARCH UID 1:3,7\r\n
            A UID SEARCH RETURN (ALL) UID 7\r\n
            A UID FETCH 1:3,7 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\r\n
            A UID FETCH 1:3,7 (UID FLAGS INTERNALDATE RFC822.SIZE)\r\n
            A UID FETCH 1:3,7 (UID BODY.PEEK[])\r\n
            A UID FETCH 1:3,7 (UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])\r\n
            A UID FETCH 1:3,7 (UID FLAGS INTERNALDATE RFC822.SIZE X-GM-LABELS BODY.PEEK[])\r\n
            A UID FETCH 1:3,7 (UID FLAGS INTERNALDATE RFC822.SIZE X-GM-LABELS)\r\n
            A FETCH 1,* (UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER])\r\n
            A LOGOUT\r\n
        "#]],
    );
}

/// The promise that nothing is changed at a source but by removal: this is all that can be said
/// elsewhere.
#[test]
fn only_reading_commands_exist() {
    let secret = Secret::new("secret".into());
    let mut names: Vec<String> = every_command(&secret)
        .iter()
        .map(|command| {
            // No wildcard: a new command must be added here, and thought about.
            match command {
                Command::Capability
                | Command::StartTls
                | Command::Authenticate { .. }
                | Command::Login { .. }
                | Command::MasterAuth
                | Command::SetUser { .. }
                | Command::Enable { .. }
                | Command::Id
                | Command::Namespace
                | Command::Compress
                | Command::List { .. }
                | Command::Status { .. }
                | Command::Examine { .. }
                | Command::UidSearch { .. }
                | Command::UidSearchSet { .. }
                | Command::UidFetch { .. }
                | Command::FetchEnds
                | Command::Logout => (),
                Command::Change(_) => unreachable!("only removal can make one"),
            }
            let line = shown(command, LiteralForm::Synchronizing);
            assert!(!line.contains("BODY[") && !line.contains("RFC822 "), "marks as read: {line}");
            let line = line.strip_prefix("A ").unwrap().replace("\\r\\n", "");
            let words = if line.starts_with("UID ") { 2 } else { 1 };
            line.split(' ').take(words).collect::<Vec<_>>().join(" ")
        })
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(
        names,
        [
            "AUTHENTICATE",
            "CAPABILITY",
            "COMPRESS",
            "ENABLE",
            "EXAMINE",
            "FETCH",
            "ID",
            "LIST",
            "LOGIN",
            "LOGOUT",
            "NAMESPACE",
            "STARTTLS",
            "STATUS",
            "UID FETCH",
            "UID SEARCH",
            "X-MASTERAUTH",
            "X-SETUSER",
        ]
    );
}

#[test]
fn strings_that_cannot_be_quoted_are_literals() {
    let secret = Secret::new("pässword".into());
    let commands = [
        Command::Login { user: "alice", password: &secret },
        Command::Status { mailbox: b"Entw\xfcrfe", modseq: false },
        Command::Status { mailbox: b"a\r\nA LOGOUT", modseq: false },
    ];
    check(
        &commands,
        LiteralForm::Synchronizing,
        expect![[r#"
        A LOGIN \"alice\" {9}\r\n + p\xc3\xa4ssword\r\n
        A STATUS {8}\r\n + Entw\xfcrfe (MESSAGES UIDNEXT UIDVALIDITY)\r\n
        A STATUS {11}\r\n + a\r\nA LOGOUT (MESSAGES UIDNEXT UIDVALIDITY)\r\n
    "#]],
    );
    check(
        &commands,
        LiteralForm::NonSynchronizing { bytes_max: 9 },
        expect![[r#"
        A LOGIN \"alice\" {9+}\r\np\xc3\xa4ssword\r\n
        A STATUS {8+}\r\nEntw\xfcrfe (MESSAGES UIDNEXT UIDVALIDITY)\r\n
        A STATUS {11}\r\n + a\r\nA LOGOUT (MESSAGES UIDNEXT UIDVALIDITY)\r\n
    "#]],
    );
}

/// What `imap-codec` does not know: RETURN in LIST and SEARCH, STARTTLS as we build it, and what
/// only Kerio has.
fn is_beyond_the_codec(line: &[u8]) -> bool {
    let is_beyond =
        |it: &[u8]| [&b"RETURN "[..], b"STARTTL", b"X-MASTE", b"X-SETUS", b"X-GM-LA"].contains(&it);
    line.windows(7).any(is_beyond)
}

#[test]
fn the_codec_understands_what_we_say() {
    let secret = Secret::new("secret".into());
    for command in every_command(&secret) {
        let bytes = command.encode("A", LiteralForm::Synchronizing).pieces.concat();
        if is_beyond_the_codec(&bytes) {
            continue;
        }
        let decoded = CommandCodec::default().decode(&bytes);
        let shown = bytes.escape_ascii().to_string();
        let (rest, decoded) = decoded.unwrap_or_else(|error| panic!("{shown}: {error:?}"));
        assert!(rest.is_empty(), "{shown}");
        assert!(shown.contains(decoded.body.name()), "{shown}: {}", decoded.body.name());
    }
}
