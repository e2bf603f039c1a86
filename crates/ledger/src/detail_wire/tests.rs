use expect_test::expect;
use types::Timestamp;

use super::*;
use crate::{AuditDetail, DecodeErrorKind, ERASURE_PARTS_MAX};

fn message() -> MessageDetail {
    MessageDetail {
        from: vec![Address { name: "Bob \u{d6}".into(), addr: "bob@example.org".into() }],
        to: vec![Address::bare("alice@example.org"), Address::bare("carol@example.org")],
        cc: Vec::new(),
        bcc: vec![Address::default()],
        subject: "Quarterly report".into(),
        message_id_header: "1@example.org".into(),
        references: vec!["0@example.org".into()],
        date: Some(Timestamp(-5)),
        header_hash: Hash([1; 32]),
        canonical_hash: Hash([2; 32]),
        parts: vec![PartDetail {
            name: "a.pdf".into(),
            media_type: "application/pdf".into(),
            size: 9,
        }],
        defects: vec!["no-date".into()],
        parser_version: 3,
    }
}

fn placement() -> PlacementDetail {
    PlacementDetail {
        keywords: vec!["$Work".into()],
        transport: "imap".into(),
        fidelity: Fidelity::Rebuilt,
        origin: "/x".into(),
        envelope: EnvelopeDetail::default(),
    }
}

fn enveloped() -> PlacementDetail {
    let envelope = EnvelopeDetail {
        senders: vec!["bob@example.org".into()],
        recipients: vec!["alice@example.org".into(), "c@d".into()],
    };
    PlacementDetail { transport: "smtp".into(), envelope, ..PlacementDetail::default() }
}

fn audited() -> AuditDetail {
    AuditDetail {
        who: "alice".into(),
        identity: "uid 0".into(),
        channel: "command line".into(),
        endpoint: "pts/1".into(),
        workstation: "h".into(),
        agent: "posthold".into(),
        command: "show 03".into(),
        objects: vec!["message:03".into()],
        reason: "r".into(),
        told: "t".into(),
        messages: vec![types::BlobId([3; 32])],
        n_messages: 2,
        messages_hash: Hash([4; 32]),
        configuration: Hash::default(),
    }
}

fn details() -> Vec<Detail> {
    vec![
        Detail::Placed(PlacementDetail::default(), None),
        Detail::Placed(placement(), Some(Box::default())),
        Detail::Placed(placement(), Some(Box::new(message()))),
        Detail::Placed(enveloped(), None),
        Detail::Folder(FolderDetail { user: "alice".into(), path: "a/INBOX".into() }),
        Detail::Source(SourceDetail {
            profile: "imap://h:143".into(),
            account: "a".into(),
            mailbox_raw: vec![0xff, 0],
            mailbox: "INBOX".into(),
        }),
        Detail::Quarantine(QuarantineDetail { text: "NIL".into() }),
        Detail::Run(RunDetail { title: "archive".into(), warnings: vec!["slow".into()] }),
        Detail::Hold(HoldDetail {
            name: "Smith".into(),
            query: "from:bob".into(),
            user: String::new(),
            by: "ann".into(),
            reason: "case 7".into(),
        }),
        Detail::Erasure(ErasureDetail {
            rule: "ten years".into(),
            by: "root".into(),
            why: "expired".into(),
            parts: vec![vec![BlobId([7; 32])], Vec::new()],
        }),
        Detail::Audit(Box::new(AuditDetail { who: "alice".into(), ..AuditDetail::default() })),
        Detail::Audit(Box::new(AuditDetail {
            configuration: Hash([5; 32]),
            ..AuditDetail::default()
        })),
        Detail::Audit(Box::new(audited())),
    ]
}

#[test]
fn every_detail_comes_back() {
    for detail in details() {
        assert_eq!(Detail::decode(&detail.encode()), Ok(detail));
    }
}

/// The bytes on disk: a change here must stay readable by older programs.
#[test]
fn bytes_are_fixed() {
    let lines: Vec<String> =
        details().iter().map(|it| it.encode().escape_ascii().to_string()).collect();
    expect![[r#"
        \x01\x04\x00\x00\x00\x00
        \x01\x10\x01\x05$Work\x04imap\x01\x02/xK\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00
        \x01\x10\x01\x05$Work\x04imap\x01\x02/x\xd6\x01\x01\x06Bob \xc3\x96\x0fbob@example.org\x02\x00\x11alice@example.org\x00\x11carol@example.org\x00\x01\x00\x00\x10Quarterly report\r1@example.org\x01\r0@example.org\x01\t\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x01\x17\x05a.pdf\x0fapplication/pdf\t\x01\x07no-date\x03
        \x010\x00\x04smtp\x00\x00\x01\x0fbob@example.org\x02\x11alice@example.org\x03c@d
        \x02\x0e\x05alice\x07a/INBOX
        \x03\x18\x0cimap://h:143\x01a\x02\xff\x00\x05INBOX
        \x04\x04\x03NIL
        \x05\x0e\x07archive\x01\x04slow
        \x10\x1b\x05Smith\x08from:bob\x00\x03ann\x06case 7
        \r:\tten years\x04root\x07expired\x02\x01\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x00
        \x15\x0f\x05alice\x00\x00\x00\x00\x00\x00\x00\x00\x00
        \x15L\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05
        \x15\x84\x01\x05alice\x05uid 0\x0ccommand line\x05pts/1\x01h\x08posthold\x07show 03\x01\nmessage:03\x01r\x01t\x01\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x02\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04
    "#]].assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn no_bytes_panic() {
    for detail in details() {
        let bytes = detail.encode();
        for at in 0..bytes.len() {
            let _ = Detail::decode(&bytes[..at]);
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at].wrapping_add(1)] {
                let mut changed = bytes.clone();
                changed[at] = value;
                let _ = Detail::decode(&changed);
            }
        }
    }
    for first in 0..=u8::MAX {
        for fill in [0, 1, 0x80, 0xff] {
            let mut bytes = vec![fill; 40];
            bytes[0] = first;
            let _ = Detail::decode(&bytes);
        }
    }
}

/// A later version may append fields to sections and sections to the end.
#[test]
fn unknown_trailing_fields_are_ignored() {
    let mut writer = Writer::default();
    writer.byte(PLACED);
    writer.section(|writer| {
        write_placement(writer, &enveloped());
        writer.raw(b"a newer field");
    });
    writer.section(|writer| {
        write_message(writer, &message());
        writer.number(77);
    });
    writer.section(|writer| writer.raw(b"a newer section"));
    let want = Detail::Placed(enveloped(), Some(Box::new(message())));
    assert_eq!(Detail::decode(&writer.bytes), Ok(want));
}

#[test]
fn fields_that_an_older_version_did_not_write_are_empty() {
    let bytes = [FOLDER, 6, 5, b'a', b'l', b'i', b'c', b'e'];
    let want = Detail::Folder(FolderDetail { user: "alice".into(), path: String::new() });
    assert_eq!(Detail::decode(&bytes), Ok(want));
}

#[test]
fn unknown_kinds_are_refused_by_feature() {
    let error = Detail::decode(&[9, 0]).unwrap_err();
    let feature = "detail-kind-9".to_owned();
    assert_eq!(error.kind(), &DecodeErrorKind::Unsupported { feature });
}

#[test]
fn long_details_are_shortened_and_say_so() {
    let many = |n: usize| (0..n).map(|it| Address::bare(format!("a{it}@example.org")));
    let message = MessageDetail {
        to: many(20_000).collect(),
        cc: many(10).collect(),
        subject: "\u{e9}".repeat(100_000),
        references: vec!["r".repeat(200_000), "short".into()],
        parts: vec![PartDetail::default(); 50_000],
        defects: vec![String::new(); 100_000],
        ..message()
    };
    let bytes = Detail::Placed(placement(), Some(Box::new(message))).encode();
    let decoded = Detail::decode(&bytes).unwrap();
    let Detail::Placed(_, Some(short)) = &decoded else { panic!("{decoded:?}") };
    let ends = |text: &str| format!("{} {:?}", text.len(), text.chars().last());
    let seen = format!(
        "total {}, to {}, cc {}, subject {}, references {}, {:?}, parts {}, defects {}, {:?}",
        bytes.len(),
        short.to.len(),
        short.cc.len(),
        ends(&short.subject),
        ends(&short.references[0]),
        short.references.get(1),
        short.parts.len(),
        short.defects.len(),
        short.defects[0],
    );
    expect![[r#"total 64596, to 625, cc 10, subject 12503 Some('…'), references 12505 Some('…'), Some("short"), parts 6250, defects 3125, "detail-shortened""#]].assert_eq(&seen);
    assert_eq!(decoded.encode(), bytes, "what was shortened once fits");
}

#[test]
fn every_kind_of_detail_fits() {
    let long = "x".repeat(DETAIL_BYTES_MAX);
    let all = [
        Detail::Placed(PlacementDetail { origin: long.clone(), ..placement() }, None),
        Detail::Folder(FolderDetail { user: long.clone(), path: long.clone() }),
        Detail::Source(SourceDetail {
            mailbox_raw: vec![1; 1 << 20],
            mailbox: long.clone(),
            ..SourceDetail::default()
        }),
        Detail::Quarantine(QuarantineDetail { text: long.clone() }),
        Detail::Run(RunDetail { title: String::new(), warnings: vec![long.clone(); 9] }),
        Detail::Erasure(ErasureDetail {
            why: long.clone(),
            parts: vec![vec![BlobId::default()], vec![BlobId::default(); ERASURE_PARTS_MAX]],
            ..ErasureDetail::default()
        }),
        Detail::Audit(Box::new(AuditDetail {
            objects: vec![long.clone(); 9],
            told: long,
            ..audited()
        })),
    ];
    for detail in all {
        let bytes = detail.encode();
        assert!(bytes.len() <= DETAIL_BYTES_MAX);
        assert!(bytes.len() > DETAIL_BYTES_MAX / 4, "not more than needed");
        assert!(Detail::decode(&bytes).is_ok());
    }
}

#[test]
fn the_hash_covers_salt_and_bytes() {
    assert_eq!(detail_hash(&[0; 16], b"x"), Hash::of(&[&[0; 16], b"x".as_slice()].concat()));
    assert_ne!(detail_hash(&[0; 16], b"x"), detail_hash(&[1; 16], b"x"));
}
