//! Values that both forms of answers are tested with.

use commands::{ExcludedCounts, Hit, MailboxCounts, PartShown, RunAnswer, RunOutcome, ShowAnswer};
use types::{Address, BlobId, Timestamp};

pub(crate) fn mailbox(name: &str) -> MailboxCounts {
    MailboxCounts {
        mailbox: name.into(),
        server_count: 1200,
        archived: 1000,
        already: 200,
        excluded: 0,
        excluded_reason: None,
        quarantined: 0,
        complete: true,
        failure: None,
    }
}

pub(crate) fn partial_run() -> RunAnswer {
    let trash = MailboxCounts {
        server_count: 31,
        archived: 0,
        already: 0,
        excluded: 31,
        excluded_reason: Some("left out by default: \\Trash".into()),
        ..mailbox("Trash")
    };
    let sent = MailboxCounts {
        server_count: 3,
        archived: 2,
        already: 0,
        quarantined: 1,
        complete: false,
        ..mailbox("Se\u{1b}nt")
    };
    RunAnswer {
        outcome: RunOutcome::Partial,
        cancelled: false,
        archived: 1002,
        already: 200,
        excluded: ExcludedCounts { default_folders: 31, ..ExcludedCounts::default() },
        quarantined: 1,
        warnings: vec!["the certificate is not checked".into()],
        mailboxes: vec![mailbox("INBOX"), sent, trash],
        removal: None,
        searchable: true,
        insecure: Vec::new(),
    }
}

pub(crate) fn hits() -> Vec<Hit> {
    let hit = |id: &[u8], from: &str, subject: &str| Hit {
        id: BlobId::of(id),
        date: Timestamp(1_795_284_100),
        from: from.into(),
        to: "alice@example.org".into(),
        subject: subject.into(),
        user: "alice".into(),
        folders: vec!["alice@example.org/INBOX".into()],
        score: 1.5,
    };
    vec![
        hit(b"1", "Bob Example <bob@example.org>, x@example.org", "Quarterly report"),
        hit(b"2", "", ""),
        hit(b"3", "someone.with.a.long.address@example.org", "漢字 \u{1b}[31m and much more text"),
    ]
}

pub(crate) fn shown() -> ShowAnswer {
    ShowAnswer {
        id: BlobId::of(b"1"),
        size: 20_480,
        from: vec![Address { name: "Bob".into(), addr: "bob@example.org".into() }],
        to: vec![Address::bare("alice@example.org"), Address::bare("carol@example.org")],
        subject: "Quarterly\nreport".into(),
        date: Some(Timestamp(1_795_284_100)),
        message_id_header: "1@example.org".into(),
        folders: vec![("alice".into(), "alice@example.org/INBOX".into())],
        text: "Dear Alice,\r\n\u{1b}]0;title\u{7}here it is.\r\n".into(),
        parts: vec![
            PartShown {
                name: "report.pdf".into(),
                media_type: "application/pdf".into(),
                size: 15_000,
            },
            PartShown { name: String::new(), media_type: "image/png".into(), size: 70 },
        ],
        defects: vec!["missing_date".into()],
        ..ShowAnswer::default()
    }
}
