//! Directories as they come, and what is read in them.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use expect_test::{Expect, expect};
use mail_files::{MailFiles, MboxVariant, ScanOptions, scan};
use ports::{FileBody, FileMessage, MailReader, ReadItem};
use tempfile::TempDir;
use types::limits::{CHUNK_BYTES, PARSE_BYTES_MAX};

const SEP: &str = "From bob@example.org Tue Mar  4 10:15:00 2025\n";
const AUTO: ScanOptions = ScanOptions { mbox: MboxVariant::Auto };

/// A directory with these files; a name that ends in `/` is a directory.
fn dir(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(if name.ends_with('/') { &path } else { path.parent().unwrap() })
            .unwrap();
        if !name.ends_with('/') {
            fs::write(&path, content).unwrap();
            // A time that does not depend on the day of the test.
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
        }
    }
    dir
}

fn show(dir: &Path, files: &mut MailFiles) -> String {
    let mut out = String::new();
    while let Some(item) = files.next() {
        let line = match item {
            ReadItem::Message(message) => show_message(*message),
            ReadItem::Unreadable { origin, folder, cause } => {
                format!("unreadable {origin} for {:?}: {}", folder.below, cause.kind())
            }
            ReadItem::Ambiguous { origin, what } => format!("ambiguous {origin}: {what}"),
            ReadItem::Skipped { origin, why } => format!("skipped {origin}: {why}"),
        };
        writeln!(out, "{line}").unwrap();
    }
    let progress = files.progress();
    assert_eq!(progress.bytes_done, progress.bytes_total);
    out.replace(&format!("{}/", dir.display()), "").replace(&format!("{}", dir.display()), ".")
}

fn show_message(message: FileMessage) -> String {
    let FileMessage { origin, transport, folder, flags, keywords, received, body } = message;
    let FileBody::Whole(bytes) = body else { panic!("{origin} is not whole") };
    let mut line = format!("{transport} {origin} in {:?}", folder.below.join("/"));
    if let Some(top) = folder.top {
        write!(line, " of {top:?}").unwrap();
    }
    if flags != types::Flags::default() || !keywords.is_empty() {
        write!(line, " {flags:?} {keywords:?}").unwrap();
    }
    if let Some(received) = received {
        write!(line, " {received}").unwrap();
    }
    write!(line, ": {}", bytes.escape_ascii()).unwrap();
    line
}

fn check_paths(dir: &TempDir, names: &[&str], want: &Expect) {
    let paths: Vec<PathBuf> = names.iter().map(|it| dir.path().join(it)).collect();
    let found = show(dir.path(), &mut scan(&paths, AUTO));
    want.assert_eq(&found);
    assert_eq!(show(dir.path(), &mut scan(&paths, AUTO)), found, "again in the same order");
}

fn check(dir: &TempDir, want: &Expect) {
    check_paths(dir, &[""], want);
}

#[test]
fn a_tree_of_files() {
    let mbox = format!("{SEP}A: b\n\nx\n\n{SEP}C: d\n\ny\n");
    let dir = dir(&[
        ("2.eml", "A: b\n\nsecond"),
        ("1.eml", "A: b\n\nfirst"),
        ("empty", ""),
        ("no header", "just text"),
        ("begins.eml", &format!("{SEP}A: b\n")),
        ("Sent/a.eml", "A: b\n"),
        ("Sent/.DS_Store", "x"),
        ("Sent/photo.JPG", "x"),
        ("Work.sbd/Old", &mbox),
        ("Work.sbd/Old.msf", "x"),
        ("Drafts", ""),
        ("Drafts.msf", "x"),
        ("empty.mbox", ""),
        ("Apple.mbox/mbox", &mbox),
        ("Apple.mbox/table_of_contents", "x"),
        ("old.pst", "x"),
        ("nothing/", ""),
    ]);
    check(
        &dir,
        &expect![[r#"
        eml 1.eml in "": A: b\n\nfirst
        eml 2.eml in "": A: b\n\nsecond
        skipped Drafts: an mbox without messages
        skipped Drafts.msf: a control file of a mail program
        eml begins.eml in "": From bob@example.org Tue Mar  4 10:15:00 2025\nA: b\n
        eml empty in "": 
        skipped empty.mbox: an mbox without messages
        eml no header in "": just text
        skipped old.pst: mail in a form that cannot be read yet
        mbox Apple.mbox/mbox:0 in "Apple" 2025-03-04T10:15:00Z: A: b\n\nx\n
        mbox Apple.mbox/mbox:55 in "Apple" 2025-03-04T10:15:00Z: C: d\n\ny\n
        skipped Apple.mbox/table_of_contents: a control file of a mail program
        skipped Sent/.DS_Store: a file of the operating system
        eml Sent/a.eml in "Sent": A: b\n
        skipped Sent/photo.JPG: not mail, by its name
        mbox Work.sbd/Old:0 in "Work/Old" 2025-03-04T10:15:00Z: A: b\n\nx\n
        mbox Work.sbd/Old:55 in "Work/Old" 2025-03-04T10:15:00Z: C: d\n\ny\n
        skipped Work.sbd/Old.msf: a control file of a mail program
    "#]],
    );
}

#[test]
fn a_maildir_with_folders() {
    let dir = dir(&[
        ("cur/1500000000.M1P2.host:2,FS", "A: b\n\none"),
        ("cur/1800000000.M1P2.host:2,", "A: b\n\nlater than its file"),
        ("cur/abc,S=1:2,Rab", "A: b\n\nkeywords"),
        ("cur/.hidden", "x"),
        ("new/1500000001.host", &format!("{SEP}not an mbox\n")),
        ("tmp/1500000002.host", "half"),
        ("dovecot-keywords", "0 $Label1\n"),
        ("dovecot.index.log", "x"),
        ("stray.eml", "x"),
        (".Sent/cur/1500000003.host:2,S", "A: b\n"),
        (".Sent/new/", ""),
        (".Sent/tmp/", ""),
        (".Sent/maildirfolder", ""),
        (".Work.Entw&APw-rfe/cur/1500000004.host:2,DT", "A: b\n"),
        (".Work.Entw&APw-rfe/new/", ""),
        ("Nested/Deeper/cur/1500000005.host:2,P", "A: b\n"),
        ("Nested/Deeper/new/", ""),
    ]);
    check(
        &dir,
        &expect![[r#"
        skipped dovecot-keywords: a control file of a mail program
        skipped dovecot.index.log: a control file of a mail program
        skipped stray.eml: beside the messages of a Maildir
        skipped .Sent/maildirfolder: a control file of a mail program
        maildir .Sent/cur/1500000003.host:2,S in "Sent" {"seen"} [] 2017-07-14T02:40:03Z: A: b\n
        maildir .Work.Entw&APw-rfe/cur/1500000004.host:2,DT in "Work/Entwürfe" {"deleted", "draft"} [] 2017-07-14T02:40:04Z: A: b\n
        maildir Nested/Deeper/cur/1500000005.host:2,P in "Nested/Deeper" {"forwarded"} [] 2017-07-14T02:40:05Z: A: b\n
        skipped cur/.hidden: beside the messages of a Maildir
        maildir cur/1500000000.M1P2.host:2,FS in "" {"seen", "flagged"} [] 2017-07-14T02:40:00Z: A: b\n\none
        maildir cur/1800000000.M1P2.host:2, in "" 2023-11-14T22:13:20Z: A: b\n\nlater than its file
        maildir cur/abc,S=1:2,Rab in "" {"answered"} ["$Label1", "keyword-b"] 2023-11-14T22:13:20Z: A: b\n\nkeywords
        maildir new/1500000001.host in "" 2017-07-14T02:40:01Z: From bob@example.org Tue Mar  4 10:15:00 2025\nnot an mbox\n
        skipped tmp/1500000002.host: not yet delivered: in the `tmp` of a Maildir
    "#]],
    );
    check_paths(
        &dir,
        &["cur", ".Sent"],
        &expect![[r#"
        skipped cur/.hidden: beside the messages of a Maildir
        maildir cur/1500000000.M1P2.host:2,FS in "" {"seen", "flagged"} [] 2017-07-14T02:40:00Z: A: b\n\none
        maildir cur/1800000000.M1P2.host:2, in "" 2023-11-14T22:13:20Z: A: b\n\nlater than its file
        maildir cur/abc,S=1:2,Rab in "" {"answered"} ["$Label1", "keyword-b"] 2023-11-14T22:13:20Z: A: b\n\nkeywords
        skipped .Sent/maildirfolder: a control file of a mail program
        maildir .Sent/cur/1500000003.host:2,S in "" {"seen"} [] 2017-07-14T02:40:03Z: A: b\n
    "#]],
    );
}

#[test]
fn files_that_are_given_themselves() {
    let mbox = format!("{SEP}A: b\n\nx\n\n{SEP}Status: RO\n\n>>From y\n");
    let dir = dir(&[("Archive 2019.mbox", &mbox), ("1.eml", "A: b\n"), ("photo.jpg", "A: b\n")]);
    let names = ["1.eml", "Archive 2019.mbox", "photo.jpg", "missing.eml", "1.eml"];
    check_paths(
        &dir,
        &names,
        &expect![[r#"
        eml 1.eml in "": A: b\n
        mbox Archive 2019.mbox:0 in "" of "Archive 2019" 2025-03-04T10:15:00Z: A: b\n\nx\n
        ambiguous Archive 2019.mbox:113: a line begins with more than one `>` and `From `; one was taken away, as in mboxrd
        mbox Archive 2019.mbox:55 in "" of "Archive 2019" {"seen"} [] 2025-03-04T10:15:00Z: Status: RO\n\n>From y\n
        skipped photo.jpg: not mail, by its name
        unreadable missing.eml for []: entity not found
        eml 1.eml in "": A: b\n
    "#]],
    );
}

#[test]
fn links_and_other_things() {
    let dir = dir(&[("a/1.eml", "A: b\n"), ("b/", "")]);
    symlink("../a/1.eml", dir.path().join("b/link.eml")).unwrap();
    symlink("..", dir.path().join("b/loop")).unwrap();
    symlink("gone.eml", dir.path().join("b/dangling.eml")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(dir.path().join("b/socket")).unwrap();
    check(
        &dir,
        &expect![[r#"
        eml a/1.eml in "a": A: b\n
        unreadable b/dangling.eml for ["b"]: entity not found
        eml b/link.eml in "b": A: b\n
        skipped b/loop: a symbolic link to a directory
        skipped b/socket: neither a file nor a directory
    "#]],
    );
    // A link that is given is followed, whatever it leads to.
    check_paths(
        &dir,
        &["b/loop"],
        &expect![[r#"
        eml b/loop/a/1.eml in "a": A: b\n
        unreadable b/loop/b/dangling.eml for ["b"]: entity not found
        eml b/loop/b/link.eml in "b": A: b\n
        skipped b/loop/b/loop: a symbolic link to a directory
        skipped b/loop/b/socket: neither a file nor a directory
    "#]],
    );
    drop(socket);
}

#[test]
fn names_that_are_not_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = dir(&[]);
    let below = dir.path().join(OsStr::from_bytes(b"Entw\xfcrfe"));
    fs::create_dir(&below).unwrap();
    fs::write(below.join(OsStr::from_bytes(b"\xff.eml")), "A: b\n").unwrap();
    check(
        &dir,
        &expect![[r#"
        eml Entw\xfcrfe/\xff.eml in "Entw\\xfcrfe": A: b\n
    "#]],
    );
}

#[test]
fn directories_that_are_nested_too_deep() {
    let dir = dir(&[]);
    let mut path = dir.path().to_owned();
    for _ in 0..mail_files::limits::DIR_DEPTH_MAX + 5 {
        path.push("d");
    }
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("1.eml"), "A: b\n").unwrap();
    let mut files = scan(&[dir.path().to_owned()], AUTO);
    assert!(matches!(files.next(), Some(ReadItem::Unreadable { .. })));
    assert!(files.next().is_none());
}

#[test]
fn large_files_come_in_pieces() {
    let dir = dir(&[("2.eml", "A: b\n")]);
    for extra in [0, 1, CHUNK_BYTES + 1] {
        let bytes: Vec<u8> = (0..=255).cycle().take(PARSE_BYTES_MAX + extra).collect();
        fs::write(dir.path().join("1.eml"), &bytes).unwrap();
        let mut files = scan(&[dir.path().to_owned()], AUTO);
        let Some(ReadItem::Message(message)) = files.next() else { panic!() };
        let read = match message.body {
            FileBody::Whole(bytes) => bytes,
            FileBody::Pieces => {
                let pieces: Vec<_> = std::iter::from_fn(|| files.piece().unwrap()).collect();
                assert!(pieces[..pieces.len() - 1].iter().all(|it| it.len() == CHUNK_BYTES));
                pieces.concat()
            }
        };
        assert!(read == bytes, "{extra}");
        assert!(files.piece().unwrap().is_none());
        assert!(matches!(files.next(), Some(ReadItem::Message(_))), "{extra}");
        assert!(files.next().is_none());
    }
    // Passed over, also after a few pieces.
    let mut files = scan(&[dir.path().to_owned()], AUTO);
    assert!(matches!(files.next(), Some(ReadItem::Message(_))));
    assert_eq!(files.piece().unwrap().unwrap().len(), CHUNK_BYTES);
    let Some(ReadItem::Message(message)) = files.next() else { panic!() };
    assert!(message.origin.path.ends_with("2.eml"));
    assert!(files.next().is_none());
}
