//! The whole write path on a disk that fails at every call: example by example, a state before
//! or after each batch, nothing acknowledged lost, and a retry that adds nothing twice.

use std::collections::BTreeMap;

use ledger::Fact;
use ports::Log;
use store::log::{Recorded, SegmentLog};
use testkit::FaultyDisk;
use testkit::faulty_disk::{CallKind, Fault, Plan, Surviving};
use types::{BlobId, EntryNumber, Position};

use super::bench::{Mail, Seeded, all_entries, mails, new_disk, open, recorded};

/// What callers were told is durable.
#[derive(Clone, Default)]
struct Acknowledged {
    placed: BTreeMap<EntryNumber, BlobId>,
    position: Position,
}

impl Acknowledged {
    fn recorded(&self) -> Vec<Recorded> {
        let is_some = self.position.entries != 0;
        if is_some { recorded(self.position).to_vec() } else { Vec::new() }
    }
}

/// Archives what is not there yet, closing and opening again in between. Stops at an error.
fn archive(disk: &FaultyDisk, mails: &[Mail], told: &mut Acknowledged) -> bool {
    for part in mails.chunks(mails.len().div_ceil(2)) {
        let Ok((log, _)) = open(disk, &told.recorded()) else { return false };
        if !archive_part(&log, part, told) || log.close().is_err() {
            return false;
        }
    }
    true
}

fn archive_part(log: &SegmentLog, mails: &[Mail], told: &mut Acknowledged) -> bool {
    for mail in mails {
        match log.find(&mail.id()) {
            Ok(Some(found)) if found.message.is_some() => continue,
            Ok(_) => (),
            Err(_) => return false,
        }
        let Ok(number) = mail.append_to(log) else { return false };
        told.placed.insert(number, mail.id());
        told.position = log.position();
    }
    true
}

/// Opens after a fault and checks everything; then archives again, and checks once more.
fn check_and_retry(disk: &FaultyDisk, mails: &[Mail], told: &Acknowledged, case: &str) {
    let (log, _) = open(disk, &told.recorded()).unwrap_or_else(|it| panic!("{case}: {it:?}"));
    let entries = all_entries(&log);
    for (number, blob) in &told.placed {
        let entry = &entries[usize::try_from(number.0).unwrap()];
        let Fact::Placed { blob: placed, .. } = entry.fact else { panic!("{case}: {entry:?}") };
        assert_eq!(placed, *blob, "{case}");
    }
    // Each call appended two entries: both are there, or none.
    assert_eq!(entries.len() % 2, 0, "{case}");
    assert!(entries.len() <= 2 * mails.len(), "{case}");
    for mail in mails.iter().take(entries.len() / 2) {
        assert_eq!(log.read_whole(&mail.id(), 1 << 20).unwrap(), mail.bytes, "{case}");
    }
    let verdict = log.verify(&mut |_| ());
    assert_eq!(verdict.defects, [], "{case}");
    assert_eq!(verdict.messages, entries.len() as u64 / 2, "{case}");
    drop(log);

    let mut told = told.clone();
    assert!(archive(disk, mails, &mut told), "{case}: a retry succeeds");
    let (log, report) = open(disk, &told.recorded()).unwrap();
    assert_eq!((report.recovery, report.torn), (None, vec![]), "{case}: it was closed");
    check_all(&log, mails, case);
    drop(log);
    // The retry has made its own promises durable, also where it built on what an earlier
    // process had left unsynced.
    let disk = disk.after_power_loss(Surviving::Nothing);
    let (log, _) = open(&disk, &told.recorded()).unwrap_or_else(|it| panic!("{case}: {it:?}"));
    check_all(&log, mails, case);
}

/// Every message is there, once.
fn check_all(log: &SegmentLog, mails: &[Mail], case: &str) {
    let verdict = log.verify(&mut |_| ());
    let n = mails.len() as u64;
    assert_eq!(verdict.defects, [], "{case}");
    let n_parts = mails.iter().filter(|it| it.split().is_some()).count() as u64;
    let counts = (verdict.messages, verdict.blobs, verdict.entries);
    assert_eq!(counts, (n, n + n_parts, 2 * n), "{case}");
    for mail in mails {
        assert_eq!(log.read_whole(&mail.id(), 1 << 20).unwrap(), mail.bytes, "{case}");
    }
}

/// What is left of a disk after the fault: the process is gone, or the power is.
fn remains(disk: &FaultyDisk, seeds: impl Iterator<Item = u64>) -> Vec<(String, FaultyDisk)> {
    let power_loss = [Surviving::Nothing, Surviving::Everything].into_iter();
    power_loss
        .chain(seeds.map(Surviving::Seed))
        .map(|it| (format!("{it:?}"), disk.after_power_loss(it)))
        .chain([("process death".to_owned(), disk.after_process_death())])
        .collect()
}

#[test]
fn w33_every_fault_at_every_call() {
    let mails = mails(8, 1);
    let healthy = new_disk();
    let n_before = healthy.n_changes();
    assert!(archive(&healthy, &mails, &mut Acknowledged::default()));
    let n_changes = healthy.n_changes() - n_before;
    let mut checked = 0;
    for n in 1..=n_changes {
        for fault in Fault::ALL {
            let disk = new_disk();
            disk.set_plan(Plan::at_change(n, fault));
            let mut told = Acknowledged::default();
            archive(&disk, &mails, &mut told);
            assert!(disk.has_failed());
            disk.clear_plan();
            for (left, disk) in remains(&disk, n..n + 1) {
                check_and_retry(&disk, &mails, &told, &format!("{fault:?} at {n}, {left}"));
                checked += 1;
            }
        }
    }
    assert!(checked > 1_000, "{checked}");
}

/// Of all pairs of a first fault and a second one during recovery, a seeded sample.
#[test]
fn faults_during_recovery() {
    let mails = mails(6, 2);
    let healthy = new_disk();
    assert!(archive(&healthy, &mails, &mut Acknowledged::default()));
    let n_changes = healthy.n_changes();
    let random = Seeded::new(77);
    let pick = |n: u64| 1 + random.next() % n;
    let faults = |n: u64| Fault::ALL[usize::try_from(n).unwrap() % Fault::ALL.len()];
    for round in 0..300 {
        let disk = new_disk();
        let first = pick(n_changes);
        disk.set_plan(Plan::at_change(first, faults(random.next())));
        let mut told = Acknowledged::default();
        archive(&disk, &mails, &mut told);
        let mut remains = remains(&disk, round..round + 2);
        let (left, disk) = remains.swap_remove(usize::try_from(random.next() % 5).unwrap());

        let probe = disk.fork();
        probe.clear_plan();
        let n_recovery = {
            drop(open(&probe, &told.recorded()).unwrap());
            probe.n_changes()
        };
        let case = format!("round {round}: fault at {first}, {left}");
        if n_recovery == 0 {
            continue;
        }
        let (second, fault) = (pick(n_recovery), faults(random.next()));
        disk.set_plan(Plan::at_change(second, fault));
        let opened = open(&disk, &told.recorded());
        drop(opened);
        disk.clear_plan();
        for (left, disk) in self::remains(&disk, round..round + 1) {
            let case = format!("{case}, then {fault:?} at {second} of {n_recovery}, {left}");
            check_and_retry(&disk, &mails, &told, &case);
        }
    }
}

/// The sync of a close frame fails, as a kernel fails it: its pages count as clean, are read back,
/// and are not on the disk. What continues the log must not build on them. The close frame is
/// tried at every place around the end of a page.
#[test]
fn a_close_frame_that_was_never_durable() {
    for size in (0..4_500).step_by(90) {
        let random = Seeded::new(size);
        let noise = |len: u64| Mail::whole(random.bytes(usize::try_from(len).unwrap()));
        let mails = [noise(1_000 + size), noise(6_000)];
        let disk = new_disk();
        let mut told = Acknowledged::default();
        let (log, _) = open(&disk, &[]).unwrap();
        assert!(archive_part(&log, &mails[..1], &mut told));
        disk.set_plan(Plan::at_change(2, Fault::SyncLost));
        assert!(log.close().is_err());
        drop(log);
        disk.clear_plan();
        check_and_retry(&disk, &mails, &told, &format!("{size} bytes"));
    }
}

/// Three processes die in the recovery of one log, each a little later, before the power goes.
#[test]
fn names_are_durable_before_anything_is_cut() {
    let mails = mails(3, 4);
    let disk = new_disk();
    let mut told = Acknowledged::default();
    let (log, _) = open(&disk, &[]).unwrap();
    assert!(archive_part(&log, &mails[..2], &mut told));
    // Whole batches that nobody recorded, and a torn one.
    let viewed = Acknowledged::default();
    disk.forget(std::path::Path::new("/store/segments/acked"));
    disk.set_plan(Plan::at_change(1, Fault::ShortWrite));
    assert!(!archive_part(&log, &mails[2..], &mut told));
    drop(log);
    let sync_dir = |nth: usize| {
        let probe = disk.fork();
        probe.clear_plan();
        drop(open(&probe, &[]).unwrap());
        let syncs = probe.changes();
        let mut at = syncs.iter().enumerate().filter(|(_, it)| it.kind == CallKind::SyncDir);
        at.nth(nth).map(|(at, _)| at as u64 + 1)
    };
    // Every directory sync of the recovery fails in turn, the effect of none of them is there.
    for _ in 0..2 {
        let at = sync_dir(0).expect("a directory sync");
        disk.set_plan(Plan::at_change(at, Fault::Eio));
        assert!(open(&disk, &viewed.recorded()).is_err());
        disk.clear_plan();
    }
    for n in 1..=20 {
        let disk = disk.fork();
        disk.set_plan(Plan::at_change(n, Fault::CrashBefore));
        drop(open(&disk, &viewed.recorded()));
        let disk = disk.after_power_loss(Surviving::Nothing);
        check_and_retry(&disk, &mails, &told, &format!("crash at {n}"));
    }
}
