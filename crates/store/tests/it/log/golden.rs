//! The store that release 1 of the format wrote opens, and reads as it did then.
//!
//! `POSTHOLD_GOLDEN=write` writes it anew. That is right once per format version, and wrong
//! whenever a store of the old bytes may exist: then the old files stay, and get neighbours.

use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect;
use ledger::{Detail, Fact};
use ports::Log;
use store::log::{LogOptions, SegmentLog};
use testkit::FaultyDisk;
use testkit::faulty_disk::{Fault, Plan};

use super::bench::{
    DIR, Mail, Seeded, a_fact, append, attached, new_disk, open_for_reading, open_with,
};

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("test_data/stores/v1/segments")
}

fn golden_mails() -> Vec<Mail> {
    let noise = Seeded::new(11);
    let attachment = Seeded::new(12).bytes(2_100);
    let text = |subject: &str| {
        let body = "Grüße aus dem Archiv.\r\n".repeat(12);
        Mail::whole(format!("From: a@example.org\r\nSubject: {subject}\r\n\r\n{body}"))
    };
    vec![
        text("first"),
        Mail::whole(noise.bytes(500)),
        Mail { bytes: noise.bytes(1_500), chunk: 600 },
        Mail::whole(""),
        text("second"),
        text("third"),
        Mail::whole(noise.bytes(40)),
        attached(1, &attachment),
        attached(2, &attachment),
    ]
}

/// A sealed segment, a log that was closed and continued, a process that died while it sealed.
fn write_golden() -> FaultyDisk {
    let options = LogOptions { segment_bytes_max: 3_000, ..LogOptions::STANDARD };
    let disk = new_disk();
    let mails = golden_mails();
    let (log, _) = open_with(&disk, &[], options).unwrap();
    append(&log, vec![a_fact(0)]).unwrap();
    for mail in &mails[..5] {
        mail.append_to(&log).unwrap();
    }
    log.close().unwrap();
    let (log, _) = open_with(&disk, &[], options).unwrap();
    mails[5].append_to(&log).unwrap();
    mails[0].append_to(&log).unwrap();
    disk.set_plan(Plan::at_change(1, Fault::ShortWrite));
    assert!(mails[6].append_to(&log).is_err());
    drop(log);
    disk.clear_plan();
    let (log, report) = open_with(&disk, &[], options).unwrap();
    assert_eq!(report.torn.len(), 1);
    for mail in &mails[6..] {
        mail.append_to(&log).unwrap();
    }
    log.close().unwrap();
    disk
}

fn files(disk: &FaultyDisk) -> Vec<(String, Vec<u8>)> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    disk.paths().iter().map(|it| (name(it), disk.content(it).unwrap())).collect()
}

fn read_golden() -> FaultyDisk {
    let disk = new_disk();
    for file in fs::read_dir(golden_dir()).expect("the golden store") {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap();
        disk.put(&Path::new(DIR).join(name), &fs::read(&path).unwrap());
    }
    disk
}

/// Today's program still writes these bytes. Another version of zstd may write others; then this
/// test compares what is read, and the golden store stays.
#[test]
fn the_golden_store_is_what_is_written_today() {
    let written = files(&write_golden());
    if std::env::var_os("POSTHOLD_GOLDEN").is_some_and(|it| it == "write") {
        fs::create_dir_all(golden_dir()).unwrap();
        for (name, content) in &written {
            fs::write(golden_dir().join(name), content).unwrap();
        }
    }
    let golden = files(&read_golden());
    let names = |files: &[(String, Vec<u8>)]| {
        files.iter().map(|(name, content)| format!("{name} {}\n", content.len())).collect()
    };
    let listed: String = names(&golden);
    expect![[r#"
        000001.seg 8498
        000002.seg 3223
        000002.torn 2836
        000003.seg 8712
        000004.seg 1009
        acked 4196
    "#]]
    .assert_eq(&listed);
    assert_eq!(names(&written), listed);
    assert!(golden == written, "other bytes");
}

#[test]
fn the_golden_store_reads_the_same() {
    let disk = read_golden();
    let log = open_for_reading(&disk, &[]).unwrap();
    let verdict = log.verify(&mut |_| ());
    expect![[r#"
        LogVerdict {
            messages: 9,
            blobs: 10,
            entries: 21,
            bytes: 21442,
            defects: [],
            n_defects_left_off: 0,
        }
    "#]]
    .assert_debug_eq(&verdict);
    expect![[r#"
        Position {
            entries: 21,
            root: db034773dc49b72a55c7343e4d5f72f93262e07f64615ec8d998f9b8ac4cffd3,
        }
    "#]]
    .assert_debug_eq(&log.position());
    expect![[r#"
        0 2023-11-14T22:13:20Z Flagged { placement: PlacementId(0), flags: {"draft"} }
        1 2023-11-14T22:13:20Z placed 3db32a12 339 "From: a@example.org\r\nSub"
        2 2023-11-14T22:13:20Z Flagged { placement: PlacementId(1), flags: {"draft"} }
        3 2023-11-14T22:13:20Z placed a51d95ca 500 "�0�#}d�P�\u{13}kz�\\*Cm\u{12}�n0�V�"
        4 2023-11-14T22:13:20Z Flagged { placement: PlacementId(1), flags: {"draft"} }
        5 2023-11-14T22:13:20Z placed bd4eaa43 1500 "z�Ѩ�I���)\u{15}�\u{19}���\u{1f}�=M�\u{1f}C�{"
        6 2023-11-14T22:13:20Z Flagged { placement: PlacementId(1), flags: {"draft"} }
        7 2023-11-14T22:13:20Z placed e3b0c442 0 ""
        8 2023-11-14T22:13:20Z Flagged { placement: PlacementId(1), flags: {"draft"} }
        9 2023-11-14T22:13:20Z placed 47530945 340 "From: a@example.org\r\nSub"
        10 2023-11-14T22:13:20Z Flagged { placement: PlacementId(1), flags: {"draft"} }
        11 2023-11-14T22:13:20Z placed 9d603b54 339 "From: a@example.org\r\nSub"
        12 2023-11-14T22:13:20Z Flagged { placement: PlacementId(1), flags: {"draft"} }
        13 2023-11-14T22:13:20Z placed of 1 3db32a12 339 ""
        14 2023-11-14T22:13:20Z Flagged { placement: PlacementId(1), flags: {"draft"} }
        15 2023-11-14T22:13:20Z placed cd011bc1 40 "�OK\u{8}�l�f(n`|��Ccne�7w�/�"
        16 2023-11-14T22:13:20Z Flagged { placement: PlacementId(1), flags: {"draft"} }
        17 2023-11-14T22:13:20Z placed b4965dae 2986 "Subject: mail 1\r\nContent"
        18 2023-11-14T22:13:20Z Flagged { placement: PlacementId(1), flags: {"draft"} }
        19 2023-11-14T22:13:20Z placed 0a55f382 2982 "Subject: mail 2\r\nContent"
        20 2023-11-14T22:13:20Z Flagged { placement: PlacementId(1), flags: {"draft"} }
    "#]]
    .assert_eq(&shown(&log));
    for mail in golden_mails() {
        assert_eq!(log.read_whole(&mail.id(), 10_000).unwrap(), mail.bytes);
    }
}

fn shown(log: &SegmentLog) -> String {
    let run = log.entries(0, usize::MAX).unwrap();
    assert_eq!(run.position, log.position());
    let line = |(number, (entry, detail)): (usize, &(ledger::Entry, Option<Detail>))| {
        let subject = match detail {
            Some(Detail::Placed(_, Some(message))) => message.subject.as_str(),
            _ => "",
        };
        let what = match &entry.fact {
            Fact::Placed { message, blob, size, .. } => {
                let id = blob.to_string();
                let key = message.map(|it| format!(" of {it}")).unwrap_or_default();
                let subject: String = subject.chars().take(24).collect();
                format!("placed{key} {} {size} {subject:?}", &id[..8])
            }
            other => format!("{other:?}"),
        };
        format!("{number} {} {what}\n", entry.time)
    };
    run.items.iter().enumerate().map(line).collect()
}
