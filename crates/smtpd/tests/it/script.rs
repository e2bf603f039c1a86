//! A conversation as a table: what the client sends, what is answered, what the caller is asked.
//!
//! The caller here accepts what a test tells it to, and everything is written down: lines of the
//! server with `S:`, steps with `*`.

use std::sync::Arc;

use smtpd::{
    Access, BareLineEnds, ClearLogin, Config, Envelope, Limits, LoginVerdict, Outcome, Policy,
    RecipientVerdict, Recipients, Refusal, Session, StartTls, Step, TlsRule,
};
use types::BlobId;

/// What a conversation is like, apart from what the client sends.
pub(crate) struct Setting {
    pub(crate) config: Config,
    pub(crate) tls: Option<&'static str>,
    pub(crate) client: &'static str,
    pub(crate) begin: Option<Refusal>,
    pub(crate) piece: Option<Refusal>,
    pub(crate) outcome: Option<Refusal>,
}

/// Everybody on loopback may send to the journal.
pub(crate) fn setting() -> Setting {
    let policy = Policy {
        networks: vec!["127.0.0.0/8".parse().unwrap()],
        access: Access::Network,
        tls: TlsRule::Optional,
        clear_login: ClearLogin::Never,
        senders: ["<>", "@example.org"].map(|it| it.parse().unwrap()).to_vec(),
        recipients: Recipients::Listed(vec!["journal@example.org".parse().unwrap()]),
        bare_line_ends: BareLineEnds::Keep,
    };
    let limits = Limits {
        message_bytes_max: 1_000,
        recipients_max: 3,
        errors_max: 5,
        commands_max: 12,
        logins_max: 2,
        ..Limits::default()
    };
    let config =
        Config { host_name: "mx.test".into(), start_tls: StartTls::Offered, policy, limits };
    let client = "127.0.0.1";
    Setting { config, tls: None, client, begin: None, piece: None, outcome: None }
}

/// What a conversation came to.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct Record {
    pub(crate) text: String,
    pub(crate) messages: Vec<(Envelope, Vec<u8>)>,
    content: Option<(Envelope, Vec<u8>)>,
}

/// Plays `input` in groups of these sizes, over and over.
pub(crate) fn play(setting: &Setting, input: &[u8], groups: &[usize]) -> Record {
    let config = Arc::new(setting.config.clone());
    let mut session = Session::new(config, setting.client.parse().unwrap(), setting.tls);
    let mut record = Record::default();
    say(&mut session, &mut record);
    let mut rest = input;
    for n in groups.iter().cycle() {
        let mut group = &rest[..(*n).min(rest.len())];
        rest = &rest[group.len()..];
        loop {
            let (taken, step) = session.step(group);
            group = &group[taken..];
            say(&mut session, &mut record);
            match step {
                Step::Input => break,
                Step::Close => {
                    record.text.push_str("* close\n");
                    return record;
                }
                step => answer(setting, &mut session, &mut record, step),
            }
            say(&mut session, &mut record);
        }
        assert!(group.is_empty(), "all input is taken: {group:?}");
        if rest.is_empty() {
            return record;
        }
    }
    record
}

fn answer(setting: &Setting, session: &mut Session, record: &mut Record, step: Step) {
    let note = |record: &mut Record, text: &str| {
        record.text.push_str("* ");
        record.text.push_str(text);
        record.text.push('\n');
    };
    match step {
        Step::Recipient(address) => {
            note(record, &format!("recipient {address}"));
            session.recipient_is(match address.split('@').next() {
                Some("unknown") => RecipientVerdict::Unknown,
                Some("later") => RecipientVerdict::NotNow,
                _ => RecipientVerdict::Known,
            });
        }
        Step::Login(it) => {
            note(record, &format!("login {} {}", it.name, it.password.declassify()));
            session.login_is(match it.password.declassify() {
                "right" => LoginVerdict::Right,
                "later" => LoginVerdict::NotNow,
                _ => LoginVerdict::Wrong,
            });
        }
        Step::Begin(envelope) => {
            note(record, "begin");
            if setting.begin.is_none() {
                record.content = Some((*envelope, Vec::new()));
            }
            session.begun(setting.begin.map_or(Ok(()), Err));
        }
        Step::Piece(bytes) => {
            let (_, content) = record.content.as_mut().expect("it has begun");
            content.extend_from_slice(&bytes);
            if let Some(refusal) = setting.piece {
                record.content = None;
                session.fail(refusal);
            }
        }
        Step::Abandon => {
            note(record, "abandon");
            record.content.take().expect("it has begun");
        }
        Step::End => {
            let (envelope, bytes) = record.content.take().expect("it has begun");
            note(record, &format!("end {:?}", String::from_utf8_lossy(&bytes)));
            let id = BlobId([7; 32]);
            session.finished(setting.outcome.map_or(Outcome::Durable(id), Outcome::Refused));
            record.messages.push((envelope, bytes));
        }
        Step::StartTls => {
            note(record, "tls");
            session.encrypted("TLS 1.3");
        }
        Step::Input | Step::Answered | Step::Close => (),
    }
}

fn say(session: &mut Session, record: &mut Record) {
    for line in String::from_utf8(session.take_output()).unwrap().split_terminator("\r\n") {
        record.text.push_str("S: ");
        // The id of a message is long, and says nothing here.
        record.text.push_str(line.split_once(" as ").map_or(line, |(it, _)| it));
        record.text.push('\n');
    }
}

/// Plays a conversation written with `\n` for CR LF, whole and byte by byte; both must come to
/// the same.
pub(crate) fn check(setting: &Setting, lines: &str, want: &expect_test::Expect) -> Record {
    let input = lines.replace('\n', "\r\n");
    check_bytes(setting, input.as_bytes(), want)
}

/// As [`check`], of exactly these bytes.
pub(crate) fn check_bytes(setting: &Setting, input: &[u8], want: &expect_test::Expect) -> Record {
    let record = play(setting, input, &[usize::MAX]);
    assert_eq!(play(setting, input, &[1]), record, "byte by byte");
    assert_eq!(play(setting, input, &[7, 2, 1, 64]), record, "in groups");
    want.assert_eq(&record.text);
    record
}
