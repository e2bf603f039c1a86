use std::fs;

use disk::RealDisk;
use expect_test::{Expect, expect};
use ports::{FileBody, MailReader, ReadItem};
use testkit::FaultyDisk;
use testkit::faulty_disk::{Fault, Plan};

use super::*;
use crate::{MboxVariant, ScanOptions, scan};

/// Messages that are hard to give back exactly.
fn nasty() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 22] = [
        b"",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\r",
        b"x",
        b"x\r",
        b"x\n",
        b"x\r\n",
        b"x\n\n",
        b"x\n\r\n",
        b"x\r\n\r\n\r\n",
        b"From ",
        b"From a\nFrom b",
        b">From a\n>>From b\n> From c\n",
        b"From bob@example.org Tue Mar  4 10:15:00 2025\nSubject: x\n\ny\n",
        b"Subject: x\n\nFrom bob@example.org Tue Mar  4 10:15:00 2025\nSubject: y\n\nz",
        b"Subject: x\n\ntext\n\nFrom bob@example.org Tue Mar  4 10:15:00 2025\n\n",
        b"Content-Length: 3\n\nxy\n\n",
        b"Content-Length: 5\n\nFrom x\n>From y\n",
        b"\0\xff\xfe\n\0",
        b"Status: RO\nX-Keywords: a\n\nno final line end",
    ];
    let mut messages: Vec<Vec<u8>> = texts.iter().map(|it| it.to_vec()).collect();
    messages.push([b"\n".repeat(5_000), b">".repeat(5_000), b"From x\n".repeat(3_000)].concat());
    messages.push(b"From\n>From \nFrom z\r\n".repeat(60_000));
    messages
}

fn outgoing(id: BlobId, folder: &FolderPath) -> Outgoing<'_> {
    let flags = Flags::SEEN.with(Flags::FLAGGED);
    Outgoing { id, folder, flags, keywords: &[], received: Some(Timestamp(1_741_083_300)) }
}

fn write_all(
    writer: &mut dyn MailWriter,
    folder: &FolderPath,
    messages: &[Vec<u8>],
    piece: usize,
) -> io::Result<()> {
    for message in messages {
        let outgoing = outgoing(BlobId::of(message), folder);
        let place = writer.place(&outgoing)?;
        writer.begin(&outgoing)?;
        for piece in message.chunks(piece) {
            writer.write(piece)?;
        }
        let written = writer.finish()?;
        assert_eq!(place.unwrap_or_else(|| written.clone()), written);
    }
    Ok(())
}

/// All messages below a directory: folder, bytes, and how they came.
fn read_all(dir: &Path) -> Vec<(Vec<String>, Vec<u8>, ports::FileMessage)> {
    let mut files = scan(&[dir.to_owned()], ScanOptions { mbox: MboxVariant::Auto });
    let mut found = Vec::new();
    while let Some(item) = files.next() {
        let ReadItem::Message(mut message) = item else { panic!("{item:?}") };
        let body = match std::mem::replace(&mut message.body, FileBody::Pieces) {
            FileBody::Whole(bytes) => bytes,
            FileBody::Pieces => std::iter::from_fn(|| files.piece().unwrap()).flatten().collect(),
        };
        found.push((message.folder.below.clone(), body, *message));
    }
    let progress = files.progress();
    assert_eq!(progress.bytes_done, progress.bytes_total);
    found
}

fn tree(dir: &Path) -> String {
    let mut paths = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(dir).unwrap().display().to_string();
            if path.is_dir() {
                dirs.push(path);
            } else {
                paths.push(name);
            }
        }
    }
    paths.sort();
    paths.iter().map(|it| format!("{it}\n")).collect()
}

#[test]
fn every_format_gives_back_the_exact_bytes() {
    let messages = nasty();
    for format in [WriteFormat::Eml, WriteFormat::Mbox, WriteFormat::Maildir] {
        for piece in [1_000_000, 4_096, 7] {
            let dir = tempfile::tempdir().unwrap();
            let folder = FolderPath::from_parts(["alice@example.org", "INBOX"]);
            let disk = Arc::new(RealDisk);
            let mut writer = writer(format, disk, dir.path());
            write_all(&mut *writer, &folder, &messages, piece).unwrap();
            assert_eq!(writer.close().unwrap(), LeftOut::default());

            let mut found: Vec<Vec<u8>> = Vec::new();
            for (below, bytes, message) in read_all(dir.path()) {
                assert_eq!(below, ["alice@example.org", "INBOX"]);
                if format != WriteFormat::Eml {
                    assert_eq!(message.received, Some(Timestamp(1_741_083_300)), "{format:?}");
                }
                if format == WriteFormat::Maildir {
                    assert_eq!(message.flags, Flags::SEEN.with(Flags::FLAGGED));
                }
                found.push(bytes);
            }
            let mut want = messages.clone();
            if format != WriteFormat::Mbox {
                found.sort();
                want.sort();
            }
            assert_eq!(found.len(), want.len(), "{format:?}");
            for (found, want) in found.iter().zip(&want) {
                assert!(
                    found == want,
                    "{format:?} {} {}",
                    found.escape_ascii(),
                    want.escape_ascii()
                );
            }
        }
    }
}

fn check_names(format: WriteFormat, want: &Expect) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(format, Arc::new(RealDisk), dir.path());
    for parts in [&["a", "INBOX"][..], &["a", "INBOX", "x/y"], &["a", "INBOX"]] {
        let folder = FolderPath::from_parts(parts.iter().copied());
        let message = format!("{parts:?}");
        write_all(&mut *writer, &folder, &[message.into_bytes()], 1_000).unwrap();
    }
    writer.close().unwrap();
    want.assert_eq(&tree(dir.path()));
}

#[test]
fn names_begin_with_the_id() {
    check_names(
        WriteFormat::Eml,
        &expect![[r#"
        a/INBOX/981ff3fde5e35ed003456e5c6d677d191edf1f7a92fcc60a2aae1433c3ef15dc.eml
        a/INBOX/x%2Fy/b987645292c0d0623a352e1984617f1e356466e84f097ca70c4fde58502e350b.eml
    "#]],
    );
    check_names(
        WriteFormat::Mbox,
        &expect![[r#"
        a/INBOX.mbox
        a/INBOX/x%2Fy.mbox
    "#]],
    );
    check_names(
        WriteFormat::Maildir,
        &expect![[r#"
        a/INBOX/cur/981ff3fde5e35ed003456e5c6d677d191edf1f7a92fcc60a2aae1433c3ef15dc,R=1741083300:2,FS
        a/INBOX/x%2Fy/cur/b987645292c0d0623a352e1984617f1e356466e84f097ca70c4fde58502e350b,R=1741083300:2,FS
    "#]],
    );
}

#[test]
fn keywords_have_letters_up_to_z() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let folder = FolderPath::from_parts(["INBOX"]);
    let many: Vec<String> = (0..30).map(|it| format!("k{it}")).collect();
    for (keywords, left_out) in [(&many[..2], 0), (&many[1..], 4)] {
        let mut writer = writer(WriteFormat::Maildir, Arc::clone(&disk), dir.path());
        let id = BlobId::of(keywords.concat().as_bytes());
        writer.begin(&Outgoing { keywords, ..outgoing(id, &folder) }).unwrap();
        writer.write(keywords.concat().as_bytes()).unwrap();
        writer.finish().unwrap();
        assert_eq!(writer.close().unwrap(), LeftOut { keywords: left_out });
    }
    let mut found: Vec<Vec<String>> = Vec::new();
    let mut files = scan(&[dir.path().to_owned()], ScanOptions { mbox: MboxVariant::Auto });
    while let Some(item) = files.next() {
        match item {
            ReadItem::Message(message) => found.push(message.keywords),
            ReadItem::Skipped { origin, .. } => assert!(origin.path.ends_with(KEYWORDS_FILE)),
            item => panic!("{item:?}"),
        }
    }
    found.sort();
    assert_eq!(found, [many[..2].to_vec(), many[1..26].to_vec()]);
}

const KEYWORDS_FILE: &str = "dovecot-keywords";

#[test]
fn a_cancelled_message_leaves_nothing() {
    for format in [WriteFormat::Eml, WriteFormat::Mbox, WriteFormat::Maildir] {
        let dir = tempfile::tempdir().unwrap();
        let folder = FolderPath::from_parts(["INBOX"]);
        let mut writer = writer(format, Arc::new(RealDisk), dir.path());
        write_all(&mut *writer, &folder, &[b"one\n".to_vec()], 100).unwrap();
        writer.begin(&outgoing(BlobId::of(b"broken"), &folder)).unwrap();
        writer.write(b"broken\nFr").unwrap();
        writer.cancel().unwrap();
        writer.cancel().unwrap();
        assert!(writer.finish().is_err() && writer.write(b"x").is_err());
        write_all(&mut *writer, &folder, &[b"two\n".to_vec()], 100).unwrap();
        // One that is begun and left is cancelled by what comes next.
        writer.begin(&outgoing(BlobId::of(b"left"), &folder)).unwrap();
        writer.write(b"left").unwrap();
        writer.close().unwrap();
        let mut found: Vec<_> = read_all(dir.path()).into_iter().map(|it| it.1).collect();
        found.sort();
        assert_eq!(found, [b"one\n".to_vec(), b"two\n".to_vec()], "{format:?}");
    }
}

#[test]
fn an_mbox_that_is_there_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("INBOX.mbox"), "mine").unwrap();
    let mut writer = writer(WriteFormat::Mbox, Arc::new(RealDisk), dir.path());
    let folder = FolderPath::from_parts(["INBOX"]);
    let error = writer.begin(&outgoing(BlobId::of(b""), &folder)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(dir.path().join("INBOX.mbox")).unwrap(), b"mine");
}

#[test]
fn a_failing_disk_is_an_error_at_every_call() {
    let messages = vec![b"From a\n".to_vec(), b"b".to_vec()];
    let folder = FolderPath::from_parts(["a", "INBOX"]);
    for format in [WriteFormat::Eml, WriteFormat::Mbox, WriteFormat::Maildir] {
        let healthy = FaultyDisk::new();
        let mut to = writer(format, Arc::new(healthy.clone()), Path::new("/out"));
        write_all(&mut *to, &folder, &messages, 3).unwrap();
        to.close().unwrap();
        assert!(healthy.n_changes() > 3);
        for n in 1..=healthy.n_changes() {
            let disk = FaultyDisk::new();
            disk.set_plan(Plan::at_change(n, Fault::Eio));
            let mut to = writer(format, Arc::new(disk.clone()), Path::new("/out"));
            let result = write_all(&mut *to, &folder, &messages, 3).and_then(|()| to.close());
            assert!(result.is_err(), "{format:?} call {n}");
        }
    }
}
