//! What an archived message is, in words: a text that follows from entries and details alone.
//!
//! Whoever has the entries and details can write it again, byte for byte. So a statement that is
//! handed out with a proof is covered by the proof.

use std::fmt::Write;

use types::{Address, Flags, MessageKey};

use crate::{Audited, Detail, Entry, EraseReason, Fact, SourceRef};

/// An entry with its number, and its detail unless that is erased.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stated {
    /// Its number.
    pub number: u64,
    /// The entry.
    pub entry: Entry,
    /// Its detail.
    pub detail: Option<Detail>,
}

/// Numbers of the entries that a statement about a placement is made of besides its own: the
/// folder, and the source if it had one. `None` for entries that place no message.
#[must_use]
pub fn needed(entry: &Entry) -> Option<(u64, Option<u64>)> {
    let Fact::Placed { folder, source, .. } = &entry.fact else { return None };
    Some((folder.0, source.map(|it| it.source.0)))
}

/// The statement about a placement in the log `origin`. `None` when it places no message.
#[must_use]
pub fn statement(
    origin: &str,
    placed: &Stated,
    folder: Option<&Stated>,
    source: Option<&Stated>,
) -> Option<String> {
    let Fact::Placed { blob, size, flags, received, source: place, .. } = &placed.entry.fact else {
        return None;
    };
    let mut out = Statement::default();
    out.line("Message", format!("{blob} (SHA-256 of its {size} bytes)"));
    out.line("Archived", format!("{}, entry {} of {origin}", placed.entry.time, placed.number));
    if let Some(received) = received {
        out.line("Received by its server", received.to_string());
    }
    out.detail(placed.detail.as_ref());
    out.folder(folder);
    out.source(source, place.as_ref());
    if let Some(Detail::Placed(how, _)) = &placed.detail {
        out.line("Came by", how.transport.clone());
        out.some("Read from", &how.origin);
        out.list("Envelope from", &how.envelope.senders);
        out.list("Envelope to", &how.envelope.recipients);
        out.list("Keywords", &how.keywords);
    }
    out.line("Flags", flag_names(*flags));
    Some(out.text)
}

/// The statement that a message is erased, in the log `origin`: from the entry that placed it, the
/// one that condemned it last, and the one that erased it. `None` when these say no such thing.
#[must_use]
pub fn erasure(
    origin: &str,
    placed: &Stated,
    condemned: &Stated,
    erased: &Stated,
) -> Option<String> {
    let key = MessageKey(placed.number);
    let Fact::Placed { message: None, blob, size, .. } = &placed.entry.fact else { return None };
    let Fact::Condemned { messages, reason, due } = &condemned.entry.fact else { return None };
    let Fact::Erased { messages: gone } = &erased.entry.fact else { return None };
    let is_one = messages.contains(&key) && gone.contains(&key);
    if !is_one || erased.number <= condemned.number || condemned.number <= placed.number {
        return None;
    }
    let at = |it: &Stated| format!("{}, entry {}", it.entry.time, it.number);
    let mut out = Statement::default();
    out.line("Erased message", format!("{blob} (SHA-256 of its {size} bytes)"));
    out.line("Archived", format!("{} of {origin}", at(placed)));
    out.line("Condemned", at(condemned));
    out.line(
        "Because",
        match reason {
            EraseReason::Retention => "a retention policy ended",
            EraseReason::Request => "somebody asked for it",
        },
    );
    if let Some(Detail::Erasure(it)) = &condemned.detail {
        out.line("Rule", &it.rule);
        out.line("By", &it.by);
        out.line("Why", &it.why);
    }
    out.line("To be erased from", due.to_string());
    out.line("Erased", at(erased));
    Some(out.text)
}

/// The statement about what somebody asked for, as the audit log `origin` has it, and how that
/// ended. `activity` is what the kind of thing is called. `None` when the entry asks for nothing.
#[must_use]
pub fn audit_statement(
    origin: &str,
    asked: &Stated,
    ended: Option<&Stated>,
    activity: Option<&str>,
) -> Option<String> {
    let Fact::Audited(Audited { activity: number, of: None, .. }) = asked.entry.fact else {
        return None;
    };
    let mut out = Statement::default();
    out.line("Activity", format!("{} (number {number})", activity.unwrap_or("not known here")));
    out.line("Asked", format!("{}, entry {} of {origin}", asked.entry.time, asked.number));
    match &asked.detail {
        Some(Detail::Audit(it)) => {
            out.some("Who", &it.who);
            out.some("Identity", &it.identity);
            out.some("Channel", &it.channel);
            out.some("From", &it.endpoint);
            out.some("Machine", &it.workstation);
            out.some("Program", &it.agent);
            out.some("Command", &it.command);
            out.list("On", &it.objects);
            out.some("Reason", &it.reason);
        }
        _ => out.line("Note", "what was said of it is erased"),
    }
    let Some(ended) = ended else {
        out.line("Outcome", "not known");
        return Some(out.text);
    };
    if let Fact::Audited(Audited { outcome, of: Some(of), .. }) = ended.entry.fact
        && of.0 == asked.number
    {
        out.line("Outcome", outcome.name());
        out.line("Ended", format!("{}, entry {}", ended.entry.time, ended.number));
    }
    if let Some(Detail::Audit(it)) = &ended.detail {
        out.some("Told", &it.told);
        if it.n_messages != 0 {
            let hash = it.messages_hash;
            out.line("Showed", format!("{} messages, hash {hash}", it.n_messages));
            it.messages.iter().for_each(|id| out.line("Message", id.to_string()));
        }
    }
    Some(out.text)
}

#[derive(Default)]
struct Statement {
    text: String,
}

impl Statement {
    /// What stands in a mail must not make a line of its own.
    fn line(&mut self, name: &str, value: impl AsRef<str>) {
        let value = value.as_ref().chars().map(|it| if steers(it) { ' ' } else { it });
        let _ = writeln!(self.text, "{name}: {}", value.collect::<String>());
    }

    fn some(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.line(name, value);
        }
    }

    fn list(&mut self, name: &str, values: &[String]) {
        self.some(name, &values.join(", "));
    }

    fn addresses(&mut self, name: &str, addresses: &[Address]) {
        self.list(name, &addresses.iter().map(ToString::to_string).collect::<Vec<_>>());
    }

    fn detail(&mut self, detail: Option<&Detail>) {
        match detail {
            Some(Detail::Placed(_, Some(message))) => {
                self.addresses("From", &message.from);
                self.addresses("To", &message.to);
                self.addresses("Cc", &message.cc);
                self.addresses("Bcc", &message.bcc);
                self.line("Subject", &message.subject);
                if let Some(date) = message.date {
                    self.line("Date", date.to_string());
                }
                self.some("Message-ID", &message.message_id_header);
            }
            Some(Detail::Placed(_, None)) => {
                self.line("Note", "an earlier entry says from whom and to whom it is");
            }
            _ => self.line("Note", "what was said of it is erased"),
        }
    }

    fn folder(&mut self, folder: Option<&Stated>) {
        let Some(Stated { number, entry, detail }) = folder else { return };
        let named = match detail {
            Some(Detail::Folder(it)) => format!("{} of {}", it.path, it.user),
            _ => "erased".to_owned(),
        };
        self.line("Folder", format!("{named}, made {}, entry {number}", entry.time));
    }

    fn source(&mut self, source: Option<&Stated>, place: Option<&SourceRef>) {
        let (Some(Stated { number, entry, detail }), Some(place)) = (source, place) else { return };
        let named = match detail {
            Some(Detail::Source(it)) => format!("{} as {}, {}", it.profile, it.account, it.mailbox),
            _ => "erased".to_owned(),
        };
        let validity = match &entry.fact {
            Fact::SourceOpened { uid_validity, .. } => *uid_validity,
            _ => 0,
        };
        let at = format!("UID {} (UIDVALIDITY {validity})", place.uid);
        self.line("Source", format!("{named}, {at}, opened {}, entry {number}", entry.time));
    }
}

/// Characters that begin a line or turn the direction of the text: a mail must not write
/// statements.
fn steers(it: char) -> bool {
    matches!(it, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || it.is_control()
}

fn flag_names(flags: Flags) -> String {
    let set: Vec<&str> = flags.names().collect();
    if set.is_empty() { "none".to_owned() } else { set.join(", ") }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use types::{ArchiveId, BlobId, FolderId, SourceId, Timestamp};

    use super::*;
    use crate::{FolderDetail, MessageDetail, PlacementDetail, SourceDetail, TreeKind};

    fn stated(number: u64, fact: Fact, detail: Option<Detail>) -> Stated {
        let entry = Entry { time: Timestamp(1_795_284_100), salt: [7; 16], detail: None, fact };
        Stated { number, entry, detail }
    }

    #[test]
    fn what_a_statement_says() {
        let fact = Fact::Placed {
            message: None,
            blob: BlobId::of(b"x"),
            size: 1200,
            folder: FolderId(1),
            flags: Flags::SEEN,
            received: Some(Timestamp(1_795_284_000)),
            source: Some(SourceRef { source: SourceId(2), uid: 5 }),
        };
        let message = MessageDetail {
            from: vec![Address { name: "Bob".into(), addr: "bob@example.org".into() }],
            to: vec![Address::bare("alice@example.org")],
            subject: "Invoice\r\nFolder: made up\u{202e}".into(),
            message_id_header: "1@example.org".into(),
            date: Some(Timestamp(1_795_283_000)),
            ..MessageDetail::default()
        };
        let how = PlacementDetail { transport: "imap".into(), ..PlacementDetail::default() };
        let placed = stated(7, fact, Some(Detail::Placed(how, Some(Box::new(message)))));
        assert_eq!(needed(&placed.entry), Some((1, Some(2))));
        let archive = ArchiveId(1);
        let folder = stated(
            1,
            Fact::FolderChanged { folder: None, archive, kind: TreeKind::Archive },
            Some(Detail::Folder(FolderDetail { user: "alice".into(), path: "a/INBOX".into() })),
        );
        let source = stated(
            2,
            Fact::SourceOpened { archive, folder: FolderId(1), uid_validity: 9 },
            Some(Detail::Source(SourceDetail {
                profile: "imaps://mail.example.org".into(),
                account: "alice".into(),
                mailbox_raw: b"INBOX".to_vec(),
                mailbox: "INBOX".into(),
            })),
        );
        let text = statement("posthold/store/1", &placed, Some(&folder), Some(&source));
        expect![[r#"
            Message: 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 (SHA-256 of its 1200 bytes)
            Archived: 2026-11-21T18:01:40Z, entry 7 of posthold/store/1
            Received by its server: 2026-11-21T18:00:00Z
            From: Bob <bob@example.org>
            To: alice@example.org
            Subject: Invoice  Folder: made up 
            Date: 2026-11-21T17:43:20Z
            Message-ID: 1@example.org
            Folder: a/INBOX of alice, made 2026-11-21T18:01:40Z, entry 1
            Source: imaps://mail.example.org as alice, INBOX, UID 5 (UIDVALIDITY 9), opened 2026-11-21T18:01:40Z, entry 2
            Came by: imap
            Flags: seen
        "#]].assert_eq(&text.unwrap());
        let erased = Stated { detail: None, ..placed };
        let text = statement("posthold/store/1", &erased, None, None).unwrap();
        assert!(text.contains("Note: what was said of it is erased\n"), "{text}");
        assert_eq!(statement("x", &folder, None, None), None);
    }

    #[test]
    fn what_a_statement_of_an_erasure_says() {
        let placed = |message| Fact::Placed {
            message,
            blob: BlobId::of(b"x"),
            size: 1200,
            folder: FolderId(1),
            flags: Flags::default(),
            received: None,
            source: None,
        };
        let condemned = Fact::Condemned {
            messages: vec![MessageKey(3), MessageKey(7)],
            reason: EraseReason::Request,
            due: Timestamp(1_795_888_900),
        };
        let detail = crate::ErasureDetail {
            rule: "delete".into(),
            by: "ann".into(),
            why: "asked for\nErased: never".into(),
            parts: Vec::new(),
        };
        let condemned = stated(9, condemned, Some(Detail::Erasure(detail)));
        let erased =
            |number, key| stated(number, Fact::Erased { messages: vec![MessageKey(key)] }, None);
        let told = |message, number, erased: &Stated| {
            erasure("posthold/store/1", &stated(number, placed(message), None), &condemned, erased)
        };
        expect![[r#"
            Erased message: 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 (SHA-256 of its 1200 bytes)
            Archived: 2026-11-21T18:01:40Z, entry 7 of posthold/store/1
            Condemned: 2026-11-21T18:01:40Z, entry 9
            Because: somebody asked for it
            Rule: delete
            By: ann
            Why: asked for Erased: never
            To be erased from: 2026-11-28T18:01:40Z
            Erased: 2026-11-21T18:01:40Z, entry 12
        "#]].assert_eq(&told(None, 7, &erased(12, 7)).unwrap());
        assert_eq!(told(None, 7, &erased(12, 3)), None, "another one is erased");
        assert_eq!(told(None, 8, &erased(12, 8)), None, "nobody condemned it");
        assert_eq!(told(None, 7, &erased(8, 7)), None, "it was erased before");
        assert_eq!(told(Some(MessageKey(3)), 7, &erased(12, 7)), None, "it is no message");
    }
}
