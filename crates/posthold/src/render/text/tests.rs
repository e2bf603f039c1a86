use std::path::PathBuf;

use commands::{
    DamagedMessage, DefectFound, ExportFormat, FailureKind, MailboxCounts, RunAnswer, RunOutcome,
    StoresRead,
};
use expect_test::{Expect, expect};
use types::{BlobId, Timestamp, UserName};

use super::*;
use crate::render::sample;

fn check(answer: &Answer, want: &Expect) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    super::answer(answer, &mut out, &mut err).unwrap();
    // The first line stands at the margin, or an indentation common to all would not be seen.
    let mut text = format!("stdout:\n{}", String::from_utf8(out).unwrap());
    for line in String::from_utf8(err).unwrap().lines() {
        text.push_str(&format!("stderr: {line}\n"));
    }
    want.assert_eq(&text);
}

/// One store, and it was read.
fn one() -> StoresRead {
    StoresRead { read: 1, of: 1, unread: Vec::new() }
}

#[test]
fn runs() {
    check(
        &Answer::Archive(sample::partial_run()),
        &expect![[r#"
            stdout:
            Done in part: 1,002 archived, 200 there already, 31 excluded (31 in default folders), 1 quarantined.

              mailbox  there  archived  already  excluded  quarantined
              INBOX    1,200     1,000      200         0            0
              Se␛nt        3         2        0         0            1  not complete
              Trash       31         0        0        31            0  left out by default: \Trash

            warning: the certificate is not checked
        "#]],
    );
    let whole = RunAnswer {
        outcome: RunOutcome::Succeeded,
        quarantined: 0,
        warnings: Vec::new(),
        mailboxes: Vec::new(),
        ..sample::partial_run()
    };
    check(
        &Answer::Import(whole, ImportCounts { read: 1203, skipped: 1 }),
        &expect![[r#"
            stdout:
            All done: 1,203 read, 1,002 archived, 200 there already, 31 excluded (31 in default folders).
            Passed over 1 file known not to be mail.
        "#]],
    );
    let stopped = RunAnswer {
        cancelled: true,
        searchable: false,
        mailboxes: vec![MailboxCounts { complete: false, ..sample::mailbox("INBOX") }],
        ..sample::partial_run()
    };
    check(
        &Answer::Archive(stopped),
        &expect![[r#"
            stdout:
            Stopped as asked; the next run goes on from here: 1,002 archived, 200 there already, 31 excluded (31 in default folders), 1 quarantined.

              mailbox  there  archived  already  excluded  quarantined
              INBOX    1,200     1,000      200         0            0  not complete

            warning: the certificate is not checked
            The index still reads what was archived; searches say how far it is.
        "#]],
    );
}

#[test]
fn hits_are_one_line_each() {
    let mut out = Vec::new();
    hits(&sample::hits(), None, &mut out).unwrap();
    expect![[r#"
        6b86b273ff34  2026-11-21 18:01  Bob Example               Quarterly report
        d4735e3a265e  2026-11-21 18:01  (no sender)               (no subject)
        4e07408562be  2026-11-21 18:01  someone.with.a.long.add…  漢字 ␛[31m and much more text
    "#]]
    .assert_eq(&String::from_utf8(out).unwrap());
    let mut out = Vec::new();
    hits(&sample::hits(), Some(60), &mut out).unwrap();
    expect![[r#"
        6b86b273ff34  2026-11-21 18:01  Bob Example               Q…
        d4735e3a265e  2026-11-21 18:01  (no sender)               (…
        4e07408562be  2026-11-21 18:01  someone.with.a.long.add…  …
    "#]]
    .assert_eq(&String::from_utf8(out).unwrap());
}

#[test]
fn searches() {
    let behind = IndexReach { read: 10, entries: 1200 };
    check(
        &Answer::Search(SearchAnswer {
            count: 2,
            shown: 2,
            index: IndexReach::default(),
            stores: one(),
        }),
        &expect![[r#"
            stdout:
        "#]],
    );
    check(
        &Answer::Search(SearchAnswer { count: 5000, shown: 20, index: behind, stores: one() }),
        &expect![[r#"
            stdout:
            stderr: 20 of 5,000 hits.
            stderr: The index has read 10 of 1,200 entries; newer mail is not found yet.
        "#]],
    );
    check(
        &Answer::Search(SearchAnswer { count: 0, shown: 0, index: behind, stores: one() }),
        &expect![[r#"
            stdout:
            stderr: Nothing found.
            stderr: The index has read 10 of 1,200 entries; newer mail is not found yet.
        "#]],
    );
    check(
        &Answer::Count(SearchAnswer { count: 5000, shown: 0, index: behind, stores: one() }),
        &expect![[r#"
            stdout:
            5000
            stderr: The index has read 10 of 1,200 entries; newer mail is not found yet.
        "#]],
    );
}

#[test]
fn a_shown_message() {
    check(
        &Answer::Show(Box::new(sample::shown())),
        &expect![[r#"
            stdout:
            Date:       2026-11-21T18:01:40Z
            From:       Bob <bob@example.org>
            To:         alice@example.org, carol@example.org
            Subject:    Quarterly report
            Message-ID: 1@example.org
            Folders:    alice@example.org/INBOX
            Size:       21 kB
            Id:         6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b
            Defects:    missing_date

            Dear Alice,
            ␛]0;title␇here it is.

            Parts:
              report.pdf  application/pdf  15 kB
              (no name)   image/png         70 B
        "#]],
    );
}

#[test]
fn exports() {
    let whole = ExportAnswer {
        stores: one(),
        to: PathBuf::from("OUT"),
        format: ExportFormat::Eml,
        exported: 1,
        already: 1203,
        missing: Vec::new(),
        damaged: Vec::new(),
        conflicts: Vec::new(),
        bytes: 2_345,
        index: IndexReach::default(),
        proof: None,
        cancelled: false,
    };
    check(
        &Answer::Export(whole.clone()),
        &expect![[r#"
            stdout:
            Exported 1 message (2.3 kB) to OUT.
            1,203 messages there already, byte for byte.
        "#]],
    );
    let damaged = DamagedMessage { id: BlobId::of(b"x"), message: "the hash differs".into() };
    let partly = ExportAnswer {
        missing: vec![BlobId::of(b""); 30],
        damaged: vec![damaged],
        conflicts: vec![PathBuf::from("OUT/a/INBOX.mbox")],
        format: ExportFormat::Mbox,
        index: IndexReach { read: 1, entries: 2 },
        ..whole
    };
    check(
        &Answer::Export(partly),
        &expect![[r#"
            stdout:
            Exported 1 message (2.3 kB) to OUT.
            1,203 messages there already, byte for byte.
            30 messages missing in the log:
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
              and 10 more
            1 message damaged, not written:
              2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881: the hash differs
            1 file there with other content, left alone:
              OUT/a/INBOX.mbox
            The views have read 1 of 2 entries; newer mail is left out.
        "#]],
    );
}

#[test]
fn checks() {
    let clean = VerifyAnswer {
        messages: 2,
        blobs: 2,
        entries: 9,
        bytes: 12_345,
        checkpoints: 3,
        ..Default::default()
    };
    check(
        &Answer::Verify(clean.clone()),
        &expect![[r#"
            stdout:
            Everything is as it was stored: 2 messages, 2 blobs, 9 entries, 3 checkpoints, 12 kB.
        "#]],
    );
    let defect = DefectFound {
        store: "default".into(),
        part: "log",
        place: "000001.seg at 4096".into(),
        message: "the frame's checksum differs".into(),
    };
    check(
        &Answer::Verify(VerifyAnswer { defects: vec![defect], ..clean }),
        &expect![[r#"
            stdout:
            Found 1 defect in 2 messages, 2 blobs, 9 entries, 3 checkpoints, 12 kB:
              default, log, 000001.seg at 4096: the frame's checksum differs
        "#]],
    );
}

#[test]
fn users_and_views() {
    let user = |name: &str, messages| UserListed {
        switch: commands::Switch::Enabled,
        rank: commands::Rank::Ordinary,
        login_by: commands::LoginBy::Nothing,
        name: UserName::new(name).unwrap(),
        messages,
        created: Timestamp(1_795_284_100),
    };
    check(
        &Answer::UserList(vec![user("alice", 1), user("bob@example.org", 12_000)]),
        &expect![[r#"
            stdout:
              alice                  1 message  since 2026-11-21 18:01  cannot log in yet
              bob@example.org  12,000 messages  since 2026-11-21 18:01  cannot log in yet
        "#]],
    );
    check(
        &Answer::UserList(Vec::new()),
        &expect![[r#"
            stdout:
            There are no users.
        "#]],
    );
    check(
        &Answer::UserAdd(UserName::new("alice").unwrap()),
        &expect![[r#"
            stdout:
            Made the user alice.
        "#]],
    );
    let rebuilt = RebuildAnswer {
        view: View::Catalog,
        entries: 1200,
        messages: 1,
        unreadable: 0,
        warnings: Vec::new(),
    };
    check(
        &Answer::Rebuild(rebuilt),
        &expect![[r#"
            stdout:
            Made the catalog anew: 1 message, 1,200 entries.
        "#]],
    );
}

#[test]
fn failures_give_a_hint() {
    let mut err = Vec::new();
    let it = Failure::new(FailureKind::Busy, "another process owns it\u{1b}[0m")
        .with_hint("Wait for it with --wait.");
    failure(&it, &mut err).unwrap();
    expect![[r#"
        error: another process owns it␛[0m
          Wait for it with --wait.
    "#]]
    .assert_eq(&String::from_utf8(err).unwrap());
}
