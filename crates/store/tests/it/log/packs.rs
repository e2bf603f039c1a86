//! Messages of one batch in one frame: read, found again, and erased one by one.

use std::path::Path;

use frames::loose_blob;
use ports::{Log, NewBody};
use store::log::SegmentLog;
use testkit::FaultyDisk;
use types::MessageKey;

use super::bench::{Mail, Seeded, append, attached, new_disk, open, open_for_reading};

/// Mail that has much in common with the mail before.
pub(super) fn replies(n: usize) -> Vec<Mail> {
    let random = Seeded::new(8);
    let quoted: String = (0..40).map(|it| format!("> line {it} of a long talk\r\n")).collect();
    let reply = |n| {
        let own = format!("{:032x}{:032x}", random.next(), random.next());
        Mail::whole(format!("Subject: Re: talk {n}\r\n\r\n{quoted}{own}\r\n"))
    };
    (0..n).map(reply).collect()
}

/// Appends messages in one call: their numbers.
pub(super) fn append_all(log: &SegmentLog, mails: &[Mail]) -> Vec<MessageKey> {
    let loose = |it: &Mail| it.placed(NewBody::Whole(loose_blob(it.id(), &it.bytes, None)));
    let changes = mails.iter().flat_map(|it| it.split().unwrap_or_else(|| vec![loose(it)]));
    let numbers = append(log, changes.collect()).unwrap();
    numbers.into_iter().map(|it| MessageKey(it.0)).collect()
}

fn check(log: &SegmentLog, mails: &[Mail]) {
    for mail in mails {
        assert!(log.read_whole(&mail.id(), 1 << 20).unwrap() == mail.bytes);
    }
    assert_eq!(log.verify(&mut |_| ()).defects, []);
}

fn bytes_of(disk: &FaultyDisk) -> usize {
    let paths = disk.paths();
    let segments = paths.iter().filter(|it| it.extension().is_some_and(|it| it == "seg"));
    segments.map(|it| disk.content(it).unwrap().len()).sum()
}

#[test]
fn what_came_together_is_compressed_together_and_read_alone() {
    let mut mails = replies(40);
    mails.push(attached(7, &Seeded::new(9).bytes(5_000)));
    let (alone, together) = (new_disk(), new_disk());
    let (log, _) = open(&alone, &[]).unwrap();
    for mail in &mails {
        append_all(&log, std::slice::from_ref(mail));
    }
    let (log, _) = open(&together, &[]).unwrap();
    append_all(&log, &mails);
    assert!(bytes_of(&together) * 2 < bytes_of(&alone));
    check(&log, &mails);
    // A message that the log has is not written again, nor one twice in a call.
    let end = log.position().entries;
    let more = replies(41);
    append_all(&log, &[more[3].clone(), more[40].clone(), more[40].clone()]);
    assert_eq!(log.find(&more[3].id()).unwrap().unwrap().message, Some(MessageKey(3)));
    assert_eq!(log.find(&more[40].id()).unwrap().unwrap().message, Some(MessageKey(end + 1)));
    check(&log, &more);
    drop(log);
    // Found by a scan, and then by a footer.
    let (log, _) = open(&together, &[]).unwrap();
    check(&log, &mails);
    let random = Seeded::new(10);
    while !together.paths().contains(&Path::new(super::bench::DIR).join("000002.seg")) {
        Mail::whole(random.bytes(9_000)).append_to(&log).unwrap();
    }
    check(&log, &mails);
    log.close().unwrap();
    drop(log);
    check(&open_for_reading(&together, &[]).unwrap(), &mails);
}
