//! What a log takes, what it refuses, what it gives back, and what it costs.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::mpsc::sync_channel;

use frames::{Codec, EncodedBlob, encode_blob};
use ledger::Fact;
use ports::{Change, Log, LogErrorKind, NewBody, ReadErrorKind};
use store::log::{LogOptions, SegmentLog};
use testkit::FaultyDisk;
use testkit::faulty_disk::{CallKind, Fault, Plan};
use types::{BlobId, EntryNumber, MessageKey, Position};

use super::bench::{
    BackwardClock, Mail, Seeded, a_fact, all_entries, append, mails, new_disk, open, open_at,
    open_for_reading, open_with, recorded,
};

fn one_segment() -> (FaultyDisk, SegmentLog) {
    let disk = new_disk();
    let (log, _) = open_with(&disk, &[], LogOptions::STANDARD).unwrap();
    (disk, log)
}

#[test]
fn the_first_placement_names_the_message() {
    let (_, log) = one_segment();
    let mail = Mail::whole("Subject: one\r\n\r\nbody");
    let whole = || mail.placed(NewBody::Whole(encode_blob(&mail.bytes)));
    // Twice in one call, once more in another, once by its id.
    let first = append(&log, vec![a_fact(0), whole(), whole()]).unwrap();
    assert_eq!(first, [EntryNumber(0), EntryNumber(1), EntryNumber(2)]);
    append(&log, vec![whole()]).unwrap();
    append(&log, vec![mail.placed(NewBody::Known(mail.id()))]).unwrap();
    let run = log.entries(0, 1 << 20).unwrap();
    let placed: Vec<_> = run
        .items
        .iter()
        .filter_map(|(entry, detail)| match &entry.fact {
            Fact::Placed { message, .. } => Some((*message, detail.clone())),
            _ => None,
        })
        .collect();
    let keys: Vec<_> = placed.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, [None, Some(MessageKey(1)), Some(MessageKey(1)), Some(MessageKey(1))]);
    let has_message = |detail: &Option<ledger::Detail>| {
        matches!(detail, Some(ledger::Detail::Placed(_, Some(_))))
    };
    let described: Vec<_> = placed.iter().map(|(_, detail)| has_message(detail)).collect();
    assert_eq!(described, [true, false, false, false]);
    assert_eq!(log.find(&mail.id()).unwrap().unwrap().message, Some(MessageKey(1)));
    let verdict = log.verify(&mut |_| ());
    assert_eq!((verdict.defects, verdict.messages, verdict.blobs), (vec![], 1, 1));
}

#[test]
fn what_cannot_be_is_refused_and_nothing_of_the_call_is_written() {
    let (disk, log) = one_segment();
    append(&log, vec![a_fact(0)]).unwrap();
    let mail = Mail { bytes: Seeded::new(1).bytes(900), chunk: 300 };
    let chunks = mail.chunks();
    let list = |len| chunks.iter().map(|it| (it.id, len)).collect::<Vec<_>>();
    let large = EncodedBlob {
        id: BlobId::of(b"large"),
        raw_len: 1 << 20,
        codec: Codec::Stored,
        is_loose: false,
        body: vec![0; 1 << 20],
    };
    let whole = encode_blob(b"whole");
    let wrong_size = Mail::whole("another size").placed(NewBody::Whole(whole.clone()));
    let calls = [
        (vec![mail.placed(NewBody::Known(mail.id()))], "a message that is not there"),
        (vec![mail.placed(NewBody::Chunked { id: mail.id(), chunks: list(300) })], "no chunks"),
        (
            vec![
                Change::Chunk(chunks[0].clone()),
                Change::Chunk(chunks[1].clone()),
                Change::Chunk(chunks[2].clone()),
                mail.placed(NewBody::Chunked { id: mail.id(), chunks: list(299) }),
            ],
            "wrong lengths",
        ),
        (vec![Change::Chunk(large)], "more than a frame"),
        (vec![a_fact(1), wrong_size], "another size than its blob"),
    ];
    for (call, what) in calls {
        let error = append(&log, call).unwrap_err();
        assert_eq!(error.kind(), LogErrorKind::Request, "{what}");
    }
    assert_eq!(log.position().entries, 1);
    for blob in chunks.iter().map(|it| it.id).chain([whole.id]) {
        assert_eq!(log.find(&blob).unwrap(), None);
    }
    let n_syncs = disk.n_changes_of(CallKind::Sync);
    assert_eq!(n_syncs, 2 + super::N_KEYS, "the segment and the first batch");

    // With its chunks in the same call it is fine, and a chunk is a blob that is there.
    let mut call: Vec<Change> = chunks.iter().cloned().map(Change::Chunk).collect();
    call.push(mail.placed(NewBody::Chunked { id: mail.id(), chunks: list(300) }));
    append(&log, call).unwrap();
    assert_eq!(log.read_whole(&mail.id(), 1000).unwrap(), mail.bytes);
    assert_eq!(log.find(&chunks[1].id).unwrap().unwrap().message, None);
    assert!(append(&log, vec![]).unwrap().is_empty());
}

#[test]
fn blobs_come_back_in_pieces_and_within_limits() {
    let (_, log) = one_segment();
    let mail = Mail { bytes: Seeded::new(2).bytes(10_000), chunk: 3_000 };
    mail.append_to(&log).unwrap();
    let mut pieces = Vec::new();
    let len = log
        .read(&mail.id(), &mut |piece| {
            pieces.push(piece.len());
            Ok(())
        })
        .unwrap();
    assert_eq!((len, pieces), (10_000, vec![3_000, 3_000, 3_000, 1_000]));
    let kind = |result: Result<Vec<u8>, ports::ReadError>| result.unwrap_err().kind();
    assert_eq!(kind(log.read_whole(&mail.id(), 9_999)), ReadErrorKind::Sink);
    assert_eq!(kind(log.read_whole(&BlobId::of(b"no"), 10)), ReadErrorKind::NotFound);
    let failed = log.read(&mail.id(), &mut |_| Err(std::io::Error::other("no room")));
    assert_eq!(failed.unwrap_err().kind(), ReadErrorKind::Sink);
}

/// Opening a log that was closed reads its ends only, and changes nothing; closing it again
/// neither.
#[test]
fn a_run_with_nothing_new_costs_nothing() {
    let calls = |n_mails: usize| {
        let disk = new_disk();
        let (log, _) = open_with(&disk, &[], LogOptions::STANDARD).unwrap();
        for mail in mails(n_mails, 4) {
            mail.append_to(&log).unwrap();
        }
        let position = log.position();
        log.close().unwrap();
        disk.clear_plan();
        let (log, report) = open_with(&disk, &recorded(position), LogOptions::STANDARD).unwrap();
        assert_eq!(report.position, position);
        log.close().unwrap();
        assert_eq!(disk.n_changes(), 0);
        disk.n_calls()
    };
    assert_eq!(calls(3), calls(40), "opening does not depend on how much there is");
}

#[test]
fn readers_see_sealed_and_open_segments_alike() {
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    let mails = mails(30, 5);
    let (to_views, batches) = sync_channel(1_000);
    log.subscribe(to_views);
    for mail in &mails {
        mail.append_to(&log).unwrap();
    }
    let n_segments = disk.paths().iter().filter(|it| it.to_string_lossy().ends_with("seg")).count();
    assert!(4 <= n_segments, "{n_segments}");
    let while_open = all_entries(&log);
    let position = log.position();
    assert_eq!(while_open.len(), 60);

    // What subscribers were sent is what a reader finds, in the same order.
    let batches: Vec<_> = batches.try_iter().collect();
    let sent: Vec<_> = batches.iter().flat_map(|it| it.entries.iter().cloned()).collect();
    assert_eq!(sent.iter().map(|(entry, _)| entry.clone()).collect::<Vec<_>>(), while_open);
    let read = log.entries(0, usize::MAX).unwrap();
    assert_eq!((read.items, read.position), (sent, position));
    let mut next = 0;
    for batch in &batches {
        assert_eq!(batch.first, next);
        next += batch.entries.len() as u64;
        assert_eq!(batch.position.entries, next);
        assert_eq!(log.root_at(next).unwrap(), Some(batch.position.root));
    }

    let check = |log: &SegmentLog| {
        assert_eq!(log.position(), position);
        assert_eq!(all_entries(log), while_open);
        // From the middle of a batch, only what was asked for.
        for from in [0, 1, 7, 8, 31, 59] {
            let run = log.entries(from, 1).unwrap();
            let at = usize::try_from(from).unwrap();
            assert_eq!(run.items[0].0, while_open[at]);
            assert_eq!(run.first, from);
            assert_eq!(run.position.entries, from + run.items.len() as u64);
        }
        for mail in &mails {
            let found = log.find(&mail.id()).unwrap().unwrap();
            assert!(found.message.is_some());
            assert_eq!(log.read_whole(&mail.id(), 1 << 20).unwrap(), mail.bytes);
        }
        assert_eq!(log.find(&BlobId::of(b"no")).unwrap(), None);
        assert_eq!(log.verify(&mut |_| ()).defects, []);
    };
    check(&log);
    check(&open_for_reading(&disk, &recorded(position)).unwrap());
    log.close().unwrap();
    check(&open_for_reading(&disk, &recorded(position)).unwrap());
    let error = append(&log, vec![a_fact(1)]).unwrap_err();
    assert_eq!(error.kind(), LogErrorKind::Stopped);
    let (log, _) = open(&disk, &[]).unwrap();
    check(&log);
}

/// A message placed again in a later segment than its blob, and a blob placed for the first time
/// there.
#[test]
fn blobs_and_their_first_placement_may_stand_apart() {
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    let early = Mail::whole(Seeded::new(6).bytes(900));
    append(&log, vec![Change::Chunk(encode_blob(&early.bytes))]).unwrap();
    for mail in mails(18, 7) {
        mail.append_to(&log).unwrap();
    }
    assert_eq!(log.find(&early.id()).unwrap().unwrap().message, None);
    let number = append(&log, vec![early.placed(NewBody::Known(early.id()))]).unwrap()[0];
    for mail in mails(18, 8) {
        mail.append_to(&log).unwrap();
    }
    log.close().unwrap();
    let (log, _) = open(&disk, &[]).unwrap();
    assert_eq!(log.find(&early.id()).unwrap().unwrap().message, Some(MessageKey(number.0)));
    append(&log, vec![early.placed(NewBody::Known(early.id()))]).unwrap();
    let last = all_entries(&log).pop().unwrap();
    assert!(matches!(last.fact, Fact::Placed { message: Some(key), .. } if key.0 == number.0));
    assert_eq!(log.verify(&mut |_| ()).defects, []);
}

#[test]
fn calls_at_the_same_time_share_a_sync() {
    let (disk, log) = one_segment();
    append(&log, vec![a_fact(0)]).unwrap();
    let before = disk.n_changes_of(CallKind::Sync);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut numbers: Vec<EntryNumber> = runtime.block_on(async {
        let log = &log;
        // Every call is sent before the first answer is looked at.
        let all = (0..500u64).map(|n| async move { log.append(vec![a_fact(n)]).await.unwrap()[0] });
        join_all(all).await
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=500).map(EntryNumber).collect::<Vec<_>>());
    let syncs = disk.n_changes_of(CallKind::Sync) - before;
    assert!(syncs < 100, "{syncs} syncs for 500 calls");
}

/// Polls all futures until each is done.
async fn join_all<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = all.map(|it| (Box::pin(it), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, result) in &mut waiting {
            if result.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *result = Some(value);
            }
        }
        let is_done = waiting.iter().all(|(_, result)| result.is_some());
        if is_done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, result)| result).collect()
}

#[test]
fn many_threads_append_and_read_at_once() {
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    let (to_views, batches) = sync_channel(2);
    log.subscribe(to_views);
    let view = std::thread::spawn(move || {
        let mut reached = 0;
        for batch in batches {
            assert_eq!(batch.first, reached);
            reached += batch.entries.len() as u64;
        }
        reached
    });
    std::thread::scope(|threads| {
        for n in 0..4 {
            let log = &log;
            threads.spawn(move || {
                // Half of the mail is that of a neighbour too.
                for mail in mails(12, 100 + n / 2) {
                    mail.append_to(log).unwrap();
                    assert_eq!(log.read_whole(&mail.id(), 1 << 20).unwrap(), mail.bytes);
                    assert!(log.find(&mail.id()).unwrap().unwrap().message.is_some());
                }
            });
        }
    });
    let verdict = log.verify(&mut |_| ());
    assert_eq!(verdict.defects, []);
    assert_eq!(verdict.entries, 4 * 24);
    // Text, short mail and the empty one are the same in all; noise differs by pair, that in an
    // attachment too, which is a blob of its own.
    assert_eq!((verdict.messages, verdict.blobs), (20, 22));
    log.close().unwrap();
    drop(log);
    assert_eq!(view.join().unwrap(), 4 * 24);
}

#[test]
fn after_a_failed_write_or_sync_nothing_more_is_written() {
    let faults = [
        (Fault::Eio, LogErrorKind::Io),
        (Fault::SyncLost, LogErrorKind::Io),
        (Fault::DiskFull, LogErrorKind::DiskFull),
    ];
    for (fault, kind) in faults {
        let disk = new_disk();
        let (log, _) = open(&disk, &[]).unwrap();
        append(&log, vec![a_fact(0)]).unwrap();
        let position = log.position();
        disk.set_plan(Plan::at_change(1, fault));
        assert_eq!(append(&log, vec![a_fact(1)]).unwrap_err().kind(), kind, "{fault:?}");
        let changes = disk.n_changes();
        disk.clear_plan();
        let later = append(&log, vec![a_fact(2)]).unwrap_err();
        let stopped = match kind {
            LogErrorKind::DiskFull => LogErrorKind::DiskFull,
            _ => LogErrorKind::Stopped,
        };
        assert_eq!(later.kind(), stopped, "{fault:?}");
        assert!(log.close().is_err());
        assert!(changes <= 2 && disk.n_changes() == 0, "{fault:?}");
        assert_eq!(log.position(), position);
        assert_eq!(log.entries(0, 1).unwrap().items.len(), 1, "reading goes on");
        drop(log);
        let (log, report) = open(&disk, &recorded(position)).unwrap();
        assert!(report.recovery.is_some(), "{fault:?}");
        append(&log, vec![a_fact(1)]).unwrap();
        log.close().unwrap();
    }
}

/// While another process writes, a reader reads up to the last whole batch.
#[test]
fn a_reader_beside_a_writer_touches_nothing() {
    let (disk, log) = one_segment();
    let mut reached = Position::default();
    for mail in mails(8, 9) {
        let before = disk.n_changes();
        let reader = open_for_reading(&disk, &recorded(reached)).unwrap();
        assert_eq!(reader.position().entries, reached.entries);
        assert_eq!(all_entries(&reader).len() as u64, reached.entries);
        assert_eq!(append(&reader, vec![a_fact(1)]).unwrap_err().kind(), LogErrorKind::Stopped);
        reader.close().unwrap();
        assert_eq!(disk.n_changes(), before);
        mail.append_to(&log).unwrap();
        reached = log.position();
    }
}

/// A batch that is larger than a frame may be, of entries and of details.
#[test]
fn large_batches_are_cut_into_frames() {
    let (disk, log) = one_segment();
    let mail = Mail::whole("Subject: many\r\n\r\n");
    let mut changes: Vec<Change> = (0..15_000).map(a_fact).collect();
    changes.extend((0..4_000).map(|_| mail.placed(NewBody::Whole(encode_blob(&mail.bytes)))));
    let numbers = append(&log, changes).unwrap();
    assert_eq!(numbers.len(), 19_000);
    assert_eq!(log.entries(0, 1).unwrap().items.len(), 19_000, "a batch is never parted");
    assert_eq!(log.verify(&mut |_| ()).defects, []);
    log.close().unwrap();
    // Sealed, its run has more than one block.
    let options = LogOptions { segment_bytes_max: 1_000, ..LogOptions::STANDARD };
    let (log, _) = open_with(&disk, &[], options).unwrap();
    append(&log, vec![a_fact(1)]).unwrap();
    append(&log, vec![a_fact(2)]).unwrap();
    assert_eq!(log.entries(18_000, 1).unwrap().items.len(), 1_000);
    assert_eq!(log.entries(19_000, 1).unwrap().items.len(), 1);
    assert_eq!(log.verify(&mut |_| ()).defects, []);
}

/// Many small messages take memory by their ids, not by their bytes.
#[test]
fn a_segment_ends_when_it_has_many_ids() {
    let disk = new_disk();
    let options = LogOptions { segment_ids_max: 10, ..LogOptions::STANDARD };
    let n_segments = |disk: &FaultyDisk| {
        disk.paths().iter().filter(|it| it.extension().is_some_and(|it| it == "seg")).count()
    };
    let mut said = Vec::new();
    for n in 0..25 {
        let mail = Mail::whole(format!("Subject: {n}\r\n\r\nbody"));
        // Another process at times: what was scanned counts too.
        let (log, _) = open_with(&disk, &[], options).unwrap();
        append(&log, vec![mail.placed(NewBody::Whole(encode_blob(&mail.bytes)))]).unwrap();
        append(&log, vec![a_fact(n)]).unwrap();
        if n % 3 == 0 {
            append(&log, vec![mail.placed(NewBody::Known(mail.id()))]).unwrap();
        }
        assert_eq!(log.verify(&mut |_| ()).defects, []);
        log.close().unwrap();
        said.push(n_segments(&disk));
    }
    assert_eq!((said[8], said[9], said[18], said[19], said[24]), (1, 2, 2, 3, 3), "{said:?}");
}

/// Times never go back, in a batch, from batch to batch, and over a restart.
#[test]
fn a_clock_that_is_set_back_makes_no_entry_older() {
    let disk = new_disk();
    let times = |log: &SegmentLog| all_entries(log).iter().map(|it| it.time.0).collect::<Vec<_>>();
    for start in [1_000_000, 500_000] {
        let clock = Arc::new(BackwardClock(AtomicI64::new(start)));
        let (log, _) = open_at(&disk, &[], LogOptions::STANDARD, clock).unwrap();
        for n in 0..3 {
            append(&log, vec![a_fact(n), a_fact(n)]).unwrap();
        }
        assert_eq!(log.verify(&mut |_| ()).defects, []);
        log.close().unwrap();
        assert!(times(&log).iter().all(|it| *it == 1_000_000));
    }
}

#[test]
fn recovery_keeps_whole_batches_and_sets_the_torn_tail_aside() {
    let (disk, log) = one_segment();
    append(&log, vec![a_fact(0)]).unwrap();
    let viewed = log.position();
    append(&log, vec![a_fact(1)]).unwrap();
    append(&log, vec![a_fact(2)]).unwrap();
    let written = log.position();
    disk.set_plan(Plan::at_change(1, Fault::ShortWrite));
    assert!(append(&log, vec![a_fact(3)]).is_err());
    drop(log);
    let dir = std::path::Path::new(super::bench::DIR);
    let old = dir.join("000001.seg");
    let len = disk.content(&old).unwrap().len() as u64;

    // The views had read the first batch only, and the mark is gone with the power.
    disk.clear_plan();
    disk.forget(&dir.join("acked"));
    let reader = open_for_reading(&disk, &recorded(viewed)).unwrap();
    assert_eq!(reader.position(), written);
    let (log, report) = open(&disk, &recorded(viewed)).unwrap();
    let recovery = report.recovery.unwrap();
    assert_eq!((recovery.segment, recovery.batches_kept), (1, 2));
    assert!(0 < recovery.torn_bytes);
    let [torn] = &report.torn[..] else { panic!("{report:?}") };
    assert_eq!((torn.name.as_str(), torn.segment), ("000001.torn", 1));
    assert_eq!(torn.offset + torn.bytes, len);
    let kept = disk.content(&old).unwrap().len() as u64;
    assert_eq!(kept, torn.offset);
    assert_eq!(disk.content(&dir.join(&torn.name)).unwrap().len() as u64, torn.bytes);
    assert_eq!((log.position(), report.position), (written, written));
    assert_eq!(all_entries(&log).len(), 3);
    assert_eq!(log.verify(&mut |_| ()).defects, []);
    append(&log, vec![a_fact(3)]).unwrap();
    assert_eq!(disk.content(&old).unwrap().len() as u64, kept, "nothing is appended there");
}
