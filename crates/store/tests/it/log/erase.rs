//! Erasure: condemned, spared, erased, and compaction that takes the bytes out of every file.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use frames::{Contents, Frame, FrameReader, Kind, Prelude, ReadMode, decode_body, encode_blob};
use ledger::{EraseReason, SpareReason};
use ports::{Condemnation, Disk, Held, Holds, Log, LogError, NewBody, ReadErrorKind, Sparing};
use store::log::{Compacted, Recorded, SegmentLog};
use testkit::FaultyDisk;
use testkit::faulty_disk::{Fault, Plan, Surviving};
use types::{BlobId, MessageKey, Position, Timestamp};

use super::bench::{DIR, Mail, Seeded, a_fact, append, attached, mails, new_disk, open, recorded};
use super::packs::{append_all, replies};

pub(super) const NOW: Timestamp = Timestamp(1_700_000_000);

/// Holds what it lists.
pub(super) struct Holding(pub(super) Vec<MessageKey>);

impl Holds for Holding {
    async fn held(&self, messages: &[MessageKey], _: Position) -> Result<Vec<Held>, LogError> {
        let held = messages.iter().filter(|it| self.0.contains(it));
        Ok(held.map(|it| Held { message: *it, hold: "Smith".into() }).collect())
    }
}

pub(super) fn condemn(log: &SegmentLog, messages: &[MessageKey]) -> Result<(), LogError> {
    let what = Condemnation {
        messages: messages.to_vec(),
        reason: EraseReason::Request,
        due: NOW,
        rule: "request 7".into(),
        by: "ann".into(),
        why: "asked for".into(),
    };
    for group in log.condemnation(&what)? {
        append(log, group)?;
    }
    Ok(())
}

pub(super) fn erase(
    log: &SegmentLog,
    messages: &[MessageKey],
    held: &[MessageKey],
) -> Result<ports::Erased, LogError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(log.erase(messages, NOW, &Holding(held.to_vec())))
}

pub(super) fn compact(log: &SegmentLog) -> Result<Compacted, LogError> {
    let plan = log.compact_plan()?;
    log.compact(&plan, &mut |_| ControlFlow::Continue(()))
}

/// What a frame says.
fn decoded(frame: &Frame<'_>) -> Vec<u8> {
    let bodies = match Contents::open(&frame.header, frame.payload, None) {
        Ok(contents) => contents.iter().flat_map(|it| it.1).copied().collect(),
        Err(flaw) => panic!("{flaw}"),
    };
    match frame.header.kind {
        // Pages are never compressed; their lengths are those that they have when encrypted.
        Kind::FooterIds => frame.payload.to_vec(),
        Kind::Pack => bodies,
        kind if kind.has_id() => bodies,
        _ => decode_body(&frame.header, frame.payload).unwrap().into_owned(),
    }
}

/// Everything that any file of the log says, as it stands and decoded.
fn all_bytes(disk: &FaultyDisk) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for path in disk.paths() {
        let content = disk.content(&path).unwrap();
        if let Ok(prelude) = Prelude::decode(&content) {
            let len = content.len() as u64;
            let casing = super::casing(disk, &prelude);
            let mut reader = FrameReader::new(&content, casing, len, ReadMode::Through);
            let mut at = 0;
            while let Some((offset, _)) = reader.find_header(at).unwrap() {
                let frame = reader.frame(offset).unwrap();
                all.push(decoded(&frame));
                at = frame.end();
            }
        }
        all.push(content);
    }
    all
}

/// Where a word stands in any file.
fn is_anywhere(disk: &FaultyDisk, word: &[u8]) -> bool {
    all_bytes(disk).iter().any(|it| it.windows(word.len()).any(|it| it == word))
}

/// Words that only this mail has.
fn words_of(mail: &Mail) -> Vec<Vec<u8>> {
    let len = mail.bytes.len();
    let pieces = [0, len / 3, len.saturating_sub(24)];
    pieces.iter().map(|at| mail.bytes[*at..(at + 24).min(len)].to_vec()).collect()
}

/// Noise, so that nothing of it stands anywhere else; the subject is its beginning.
fn noise(random: &Seeded, n: usize) -> Mail {
    let name = format!("secret-{:016x}-", random.next());
    Mail::whole([name.as_bytes(), &random.bytes(n)].concat())
}

struct Written {
    disk: FaultyDisk,
    log: SegmentLog,
    mails: Vec<Mail>,
    keys: Vec<MessageKey>,
}

fn written(n: usize) -> Written {
    let disk = new_disk();
    let (log, _) = open(&disk, &[]).unwrap();
    let random = Seeded::new(5);
    let mails: Vec<Mail> = (0..n)
        .map(|it| match it % 4 {
            3 => Mail { chunk: 3_000, ..noise(&random, 8_000) },
            _ => noise(&random, 2_000),
        })
        .collect();
    let keys = mails.iter().map(|it| MessageKey(it.append_to(&log).unwrap().0)).collect();
    Written { disk, log, mails, keys }
}

fn check_sound(log: &SegmentLog, case: &str) {
    assert_eq!(log.verify(&mut |_| ()).defects, [], "{case}");
}

#[test]
fn what_is_erased_is_in_no_file_and_all_else_is() {
    let Written { disk, log, mails, keys } = written(12);
    let gone: Vec<usize> = vec![0, 3, 7];
    let messages: Vec<MessageKey> = gone.iter().map(|it| keys[*it]).collect();
    let root = log.position();
    condemn(&log, &messages).unwrap();
    assert_eq!(log.condemned().unwrap().len(), 3);
    for n in &gone {
        assert!(log.find(&mails[*n].id()).unwrap().is_none(), "it counts as absent");
        assert_eq!(log.read_whole(&mails[*n].id(), 1 << 20).unwrap(), mails[*n].bytes);
    }
    check_sound(&log, "condemned");
    assert!(log.compact_plan().unwrap().is_empty());
    let done = erase(&log, &messages, &[]).unwrap();
    assert_eq!((done.erased, done.held, done.left), (messages.clone(), vec![], vec![]));
    check_sound(&log, "erased");
    assert!(is_anywhere(&disk, &words_of(&mails[3])[1]));
    for n in &gone {
        let error = log.read_whole(&mails[*n].id(), 1 << 20).unwrap_err();
        assert_eq!(error.kind(), ReadErrorKind::NotFound, "before compaction too");
    }
    let position = log.position();
    let done = compact(&log).unwrap();
    // Two messages of three chunks and a list, one whole; a detail for each.
    assert_eq!((done.blobs, done.details), (1 + 2 * 4, 3));
    assert!(6_000 < done.bytes_freed, "{done:?}");
    assert!(log.compact_plan().unwrap().is_empty());
    check_sound(&log, "compacted");
    assert_eq!(log.position(), position);
    assert_eq!(log.root_at(root.entries).unwrap(), Some(root.root), "proofs stay");
    for (n, mail) in mails.iter().enumerate() {
        let is_gone = gone.contains(&n);
        for word in words_of(mail) {
            assert_eq!(is_anywhere(&disk, &word), !is_gone, "mail {n}");
        }
        assert_eq!(log.read_whole(&mail.id(), 1 << 20).is_ok(), !is_gone, "mail {n}");
        assert_eq!(log.find(&mail.id()).unwrap().is_some(), !is_gone);
    }
    log.close().unwrap();
    drop(log);
    let (log, report) = open(&disk, &recorded(position)).unwrap();
    assert_eq!((report.recovery, report.torn), (None, vec![]));
    check_sound(&log, "opened again");
    let erased = log.erased().unwrap();
    assert_eq!(erased.iter().map(|it| it.message).collect::<Vec<_>>(), messages);
    assert!(erased.iter().all(|it| it.erased.is_some()));
    assert!(erased[1].parts.contains(&mails[3].id()), "the proof names the hash");
}

/// Two messages of the same chunks: the one that stays is whole.
#[test]
fn what_another_message_needs_stays() {
    let Written { disk, log, .. } = written(4);
    let random = Seeded::new(9);
    let front = random.bytes(6_000);
    let with_end = |end: &[u8]| Mail { bytes: [&front, end].concat(), chunk: 3_000 };
    let (gone, kept) = (with_end(&random.bytes(900)), with_end(&random.bytes(1_000)));
    let key = MessageKey(gone.append_to(&log).unwrap().0);
    kept.append_to(&log).unwrap();
    condemn(&log, &[key]).unwrap();
    assert_eq!(log.condemned().unwrap()[0].parts.len(), 2, "its list and its last chunk");
    erase(&log, &[key], &[]).unwrap();
    let done = compact(&log).unwrap();
    assert_eq!(done.blobs, 2);
    check_sound(&log, "compacted");
    assert_eq!(log.read_whole(&kept.id(), 1 << 20).unwrap(), kept.bytes);
    assert!(log.read_whole(&gone.id(), 1 << 20).is_err());
    assert!(!is_anywhere(&disk, &gone.bytes[6_000..6_100]));
}

/// Messages with the same attachment; the one that stays keeps it. Then the last one goes too.
#[test]
fn a_shared_attachment_stays_until_its_last_message_goes() {
    let Written { disk, log, .. } = written(2);
    let random = Seeded::new(13);
    let (shared, own) = (random.bytes(6_000), random.bytes(5_000));
    let mails = [attached(1, &shared), attached(2, &shared), attached(3, &own)];
    let keys: Vec<MessageKey> =
        mails.iter().map(|it| MessageKey(it.append_to(&log).unwrap().0)).collect();
    assert_eq!(log.made_of(&mails[0].id()).unwrap(), [BlobId::of(&shared)]);
    condemn(&log, &[keys[0], keys[2]]).unwrap();
    let parts: Vec<usize> = log.condemned().unwrap().iter().map(|it| it.parts.len()).collect();
    assert_eq!(parts, [1, 2], "a skeleton, and a skeleton with its part");
    erase(&log, &[keys[0], keys[2]], &[]).unwrap();
    compact(&log).unwrap();
    check_sound(&log, "two are gone");
    assert_eq!(log.read_whole(&mails[1].id(), 1 << 20).unwrap(), mails[1].bytes);
    assert!(is_anywhere(&disk, &shared[100..130]) && !is_anywhere(&disk, &own[100..130]));
    condemn(&log, &[keys[1]]).unwrap();
    erase(&log, &[keys[1]], &[]).unwrap();
    compact(&log).unwrap();
    check_sound(&log, "all are gone");
    assert!(!is_anywhere(&disk, &shared[100..130]));
}

/// A message that is kept as parts and is itself the attachment of another one.
#[test]
fn a_message_inside_another_one_goes_with_both() {
    for order in [[0, 1], [1, 0]] {
        let Written { disk, log, .. } = written(1);
        let content = Seeded::new(14).bytes(5_000);
        let inner = attached(1, &content);
        let outer = attached(2, &inner.bytes);
        let keys = [&inner, &outer].map(|it| MessageKey(it.append_to(&log).unwrap().0));
        for (step, n) in order.into_iter().enumerate() {
            condemn(&log, &[keys[n]]).unwrap();
            erase(&log, &[keys[n]], &[]).unwrap();
            compact(&log).unwrap();
            check_sound(&log, "compacted");
            let other = [&inner, &outer][1 - n];
            assert_eq!(log.read_whole(&other.id(), 1 << 20).is_ok(), step == 0);
        }
        assert!(!is_anywhere(&disk, &content[1_000..1_030]), "{order:?}");
    }
}

/// The same bytes come again at each step; they are another message, and stay.
#[test]
fn what_comes_again_stays_whenever_it_comes() {
    for step in 0..6 {
        let case = format!("step {step}");
        let Written { disk, log, mails, keys } = written(8);
        let (mail, key) = (&mails[3], keys[3]);
        let mut again = None;
        let mut come = |at: usize, log: &SegmentLog| {
            if at == step {
                again = Some(MessageKey(mail.append_to(log).unwrap().0));
            }
        };
        condemn(&log, &[key]).unwrap();
        come(0, &log);
        append(&log, vec![a_fact(1)]).unwrap();
        come(1, &log);
        assert_eq!(erase(&log, &[key], &[]).unwrap().erased, [key]);
        come(2, &log);
        let plan = log.compact_plan().unwrap();
        come(3, &log);
        let mut n = 0;
        log.compact(&plan, &mut |_| {
            n += 1;
            if n == 2 {
                come(4, &log);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        come(5, &log);
        assert!(compact(&log).is_ok());
        let again = again.unwrap();
        assert_ne!(again, key, "{case}: it is another message");
        check_sound(&log, &case);
        let read = |log: &SegmentLog| log.read_whole(&mail.id(), 1 << 20).unwrap();
        assert_eq!(read(&log), mail.bytes, "{case}");
        assert_eq!(log.find(&mail.id()).unwrap().unwrap().message, Some(again), "{case}");
        let at = log.position();
        log.close().unwrap();
        let (log, _) = open(&disk, &recorded(at)).unwrap();
        check_sound(&log, &case);
        assert_eq!(read(&log), mail.bytes, "{case}");
        // And can be erased in turn.
        condemn(&log, &[again]).unwrap();
        erase(&log, &[again], &[]).unwrap();
        compact(&log).unwrap();
        check_sound(&log, &case);
        assert!(!is_anywhere(&disk, &words_of(mail)[1]), "{case}");
    }
}

/// Whoever points at a condemned message by its id spares it.
#[test]
fn a_reference_spares() {
    let Written { log, mails, keys, .. } = written(8);
    condemn(&log, &[keys[2], keys[3]]).unwrap();
    let placed = mails[3].placed(NewBody::Known(mails[3].id()));
    let numbers = append(&log, vec![placed, a_fact(2)]).unwrap();
    assert_eq!(numbers.len(), 2, "the caller hears of its own entries");
    let left: Vec<MessageKey> = log.condemned().unwrap().iter().map(|it| it.message).collect();
    assert_eq!(left, [keys[2]]);
    assert_eq!(log.find(&mails[3].id()).unwrap().unwrap().message, Some(keys[3]));
    let done = erase(&log, &[keys[2], keys[3]], &[]).unwrap();
    assert_eq!((done.erased, done.left), (vec![keys[2]], vec![keys[3]]));
    compact(&log).unwrap();
    check_sound(&log, "spared");
    assert_eq!(log.read_whole(&mails[3].id(), 1 << 20).unwrap(), mails[3].bytes);
}

#[test]
fn what_is_held_spared_or_not_due_is_not_erased() {
    let Written { log, mails, keys, .. } = written(8);
    condemn(&log, &keys[1..5]).unwrap();
    let what = Sparing {
        messages: vec![keys[1], keys[7]],
        reason: SpareReason::Withdrawn,
        rule: String::new(),
        by: "ann".into(),
        why: "a mistake".into(),
    };
    append(&log, log.sparing(&what).unwrap()).unwrap();
    let later = Condemnation {
        messages: vec![keys[6]],
        reason: EraseReason::Retention,
        due: Timestamp(NOW.0 + 1),
        rule: "ten years".into(),
        by: "policy".into(),
        why: String::new(),
    };
    for group in log.condemnation(&later).unwrap() {
        append(&log, group).unwrap();
    }
    let done = erase(&log, &keys, &[keys[2], keys[0]]).unwrap();
    assert_eq!(done.erased, [keys[3], keys[4]]);
    assert_eq!(done.held.iter().map(|it| it.message).collect::<Vec<_>>(), [keys[2]]);
    assert_eq!(done.left, [keys[0], keys[1], keys[5], keys[6], keys[7]]);
    compact(&log).unwrap();
    check_sound(&log, "some");
    for n in [0, 1, 2, 5, 6, 7] {
        assert_eq!(log.read_whole(&mails[n].id(), 1 << 20).unwrap(), mails[n].bytes, "{n}");
    }
    let left: Vec<MessageKey> = log.condemned().unwrap().iter().map(|it| it.message).collect();
    assert_eq!(left, [keys[6]]);
    assert!(log.find(&mails[2].id()).unwrap().is_some(), "what was spared is there again");
}

/// Nothing is appended while holds are asked, and what waited comes after.
#[test]
fn a_turn_stands_still() {
    let Written { log, mails, .. } = written(3);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let turn = log.turn().await.unwrap();
        let at = turn.position();
        assert_eq!(at, log.position());
        let waits = log.append(vec![a_fact(9)]);
        let first = turn.append(vec![a_fact(8)]);
        let (waited, first) = tokio::join!(waits, first);
        assert_eq!(first.unwrap()[0].0, at.entries);
        assert_eq!(waited.unwrap()[0].0, at.entries + 1);
        drop(log.turn().await.unwrap());
        log.append(vec![a_fact(10)]).await.unwrap();
    });
    check_sound(&log, "turns");
    assert!(log.find(&mails[0].id()).unwrap().is_some());
}

/// A blob, a chunk and a detail that are missing without an entry that says so.
#[test]
fn nothing_is_gone_without_its_entry() {
    let Written { disk, log, mails, keys } = written(8);
    condemn(&log, &[keys[3]]).unwrap();
    erase(&log, &[keys[3]], &[]).unwrap();
    let mut plan = log.compact_plan().unwrap();
    let other = mails[1].id();
    plan.segments[0].blobs.insert(other);
    plan.segments[0].details.insert(keys[1].0);
    log.compact(&plan, &mut |_| ControlFlow::Continue(())).unwrap();
    let defects = log.verify(&mut |_| ()).defects;
    let whats: Vec<&str> = defects.iter().map(|it| it.what.as_str()).collect();
    let want = [
        format!("blob {other} is gone, and nobody erased it"),
        format!("entry {} places blob {other}, which is not there", keys[1].0),
        format!("the detail of entry {} is missing", keys[1].0),
    ];
    assert_eq!(whats, want);
    drop((log, disk));
}

#[test]
fn a_compaction_that_is_stopped_goes_on() {
    for stop in 0.. {
        let Written { disk, log, mails, keys } = written(16);
        let messages: Vec<MessageKey> = keys.iter().copied().step_by(3).collect();
        condemn(&log, &messages).unwrap();
        erase(&log, &messages, &[]).unwrap();
        let plan = log.compact_plan().unwrap();
        assert!(2 <= plan.segments.len());
        let mut n = 0;
        let done = log
            .compact(&plan, &mut |_| {
                n += 1;
                if n == stop + 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        check_sound(&log, "stopped");
        assert!(disk.paths().iter().all(|it| it.extension().is_none_or(|it| it != "new")));
        let rest = log.compact_plan().unwrap();
        assert_eq!(rest.segments.len() as u64, plan.segments.len() as u64 - done.segments);
        compact(&log).unwrap();
        check_sound(&log, "gone on");
        for n in (0..mails.len()).step_by(3) {
            assert!(!is_anywhere(&disk, &words_of(&mails[n])[1]), "mail {n}");
        }
        if !done.is_stopped {
            break;
        }
    }
}

/// What a caller was told of an erasure, when a disk fails.
struct Told {
    condemned: bool,
    erased: bool,
    position: Position,
}

fn erase_on(log: &SegmentLog, messages: &[MessageKey], told: &mut Told) -> bool {
    if condemn(log, messages).is_err() {
        return false;
    }
    (told.condemned, told.position) = (true, log.position());
    if erase(log, messages, &[]).is_err() {
        return false;
    }
    (told.erased, told.position) = (true, log.position());
    compact(log).is_ok() && log.close().is_ok()
}

fn remains(disk: &FaultyDisk, seed: u64) -> Vec<(String, FaultyDisk)> {
    [Surviving::Nothing, Surviving::Everything, Surviving::Seed(seed)]
        .into_iter()
        .map(|it| (format!("{it:?}"), disk.after_power_loss(it)))
        .chain([("process death".to_owned(), disk.after_process_death())])
        .collect()
}

/// Every disk call from condemning to the end of compaction fails in every way. What is left is a
/// sound log, and doing it again ends where it should.
#[test]
fn every_fault_at_every_call_of_an_erasure() {
    let Written { disk, log, mails, keys } = written(9);
    let position = log.position();
    log.close().unwrap();
    drop(log);
    let messages = [keys[0], keys[3], keys[5]];
    let healthy = disk.fork();
    healthy.clear_plan();
    let (log, _) = open(&healthy, &recorded(position)).unwrap();
    let mut told = Told { condemned: false, erased: false, position };
    assert!(erase_on(&log, &messages, &mut told));
    drop(log);
    let n_changes = healthy.n_changes();
    let mut checked = 0;
    // Over an encrypted log, which has more calls, at every third one.
    for n in (1..=n_changes).step_by(1 + super::N_KEYS) {
        for fault in Fault::ALL {
            let disk = disk.fork();
            disk.set_plan(Plan::at_change(n, fault));
            let mut told = Told { condemned: false, erased: false, position };
            if let Ok((log, _)) = open(&disk, &recorded(position)) {
                erase_on(&log, &messages, &mut told);
            }
            assert!(disk.has_failed());
            disk.clear_plan();
            for (left, disk) in remains(&disk, n) {
                let case = format!("{fault:?} at {n}, {left}");
                check_and_finish(&disk, &mails, &messages, &keys, &told, &case);
                checked += 1;
            }
        }
    }
    assert!(200 < checked, "{checked}");
}

fn check_and_finish(
    disk: &FaultyDisk,
    mails: &[Mail],
    messages: &[MessageKey],
    keys: &[MessageKey],
    told: &Told,
    case: &str,
) {
    let recorded: Vec<Recorded> = recorded(told.position).to_vec();
    let (log, _) = open(disk, &recorded).unwrap_or_else(|it| panic!("{case}: {it:?}"));
    check_sound(&log, case);
    let erased: BTreeSet<MessageKey> = log.erased().unwrap().iter().map(|it| it.message).collect();
    assert!(!told.erased || erased.len() == messages.len(), "{case}");
    let condemned = log.condemned().unwrap().len() + erased.len();
    assert!(!told.condemned || condemned == messages.len(), "{case}");
    for (mail, key) in mails.iter().zip(keys) {
        let read = log.read_whole(&mail.id(), 1 << 20);
        assert_eq!(read.is_ok(), !erased.contains(key), "{case}");
        assert!(read.is_err() || read.unwrap() == mail.bytes, "{case}");
    }
    condemn(&log, messages).unwrap();
    erase(&log, messages, &[]).unwrap();
    compact(&log).unwrap();
    let position = log.position();
    log.close().unwrap();
    drop(log);
    let disk = disk.after_power_loss(Surviving::Nothing);
    let (log, _) = open(&disk, &super::bench::recorded(position)).unwrap();
    check_sound(&log, case);
    assert!(log.compact_plan().unwrap().is_empty(), "{case}");
    for (mail, key) in mails.iter().zip(keys) {
        let is_gone = messages.contains(key);
        assert_eq!(log.read_whole(&mail.id(), 1 << 20).is_err(), is_gone, "{case}");
        assert_eq!(is_anywhere(&disk, &words_of(mail)[1]), !is_gone, "{case}");
    }
}

/// Torn tails may hold anything: the first compaction that erases removes them.
#[test]
fn torn_tails_go() {
    let Written { disk, log, keys, .. } = written(4);
    disk.set_plan(Plan::at_change(1, Fault::ShortWrite));
    assert!(mails(2, 8)[1].append_to(&log).is_err());
    drop(log);
    disk.clear_plan();
    let (log, report) = open(&disk, &[]).unwrap();
    assert_eq!(report.torn.len(), 1);
    assert!(log.compact_plan().unwrap().torn.is_empty(), "nothing is erased yet");
    condemn(&log, &keys[..1]).unwrap();
    erase(&log, &keys[..1], &[]).unwrap();
    assert_eq!(compact(&log).unwrap().torn, 1);
    check_sound(&log, "compacted");
    let names = disk.list(Path::new(DIR)).unwrap();
    assert!(!names.iter().any(|it| it.ends_with(".torn")), "{names:?}");
    drop(log);
    let (log, _) = open(&disk, &[]).unwrap();
    check_sound(&log, "opened again");
}

/// A call that brings a blob of its own besides pointing at a condemned message.
#[test]
fn a_call_of_many_changes_spares_too() {
    let Written { disk, log, mails, keys } = written(4);
    condemn(&log, &[keys[0]]).unwrap();
    let new = Mail::whole("a new one");
    let call = vec![
        new.placed(NewBody::Whole(encode_blob(&new.bytes))),
        mails[0].placed(NewBody::Known(mails[0].id())),
    ];
    append(&log, call).unwrap();
    drop(log);
    let (log, _) = open(&disk, &[]).unwrap();
    assert_eq!(log.condemned().unwrap(), [], "it is read again from the segment's front");
    assert_eq!(log.find(&mails[0].id()).unwrap().unwrap().message, Some(keys[0]));
    assert!(log.find(&new.id()).unwrap().is_some());
    check_sound(&log, "opened again");
}

#[test]
fn what_is_erased_leaves_its_pack_and_the_others_stay() {
    let (disk, mails) = (new_disk(), replies(30));
    let (log, _) = open(&disk, &[]).unwrap();
    let keys = append_all(&log, &mails);
    let gone = [0, 7, 29];
    let messages: Vec<MessageKey> = gone.iter().map(|it| keys[*it]).collect();
    condemn(&log, &messages).unwrap();
    erase(&log, &messages, &[]).unwrap();
    let own = |mail: &Mail| mail.bytes[mail.bytes.len() - 60..].to_vec();
    assert!(is_anywhere(&disk, &own(&mails[7])));
    let (position, done) = (log.position(), compact(&log).unwrap());
    assert_eq!((done.blobs, done.details), (3, 3));
    for (n, mail) in mails.iter().enumerate() {
        let is_gone = gone.contains(&n);
        assert_eq!(is_anywhere(&disk, &own(mail)), !is_gone, "mail {n}");
        assert_eq!(log.read_whole(&mail.id(), 1 << 20).is_ok(), !is_gone, "mail {n}");
    }
    assert_eq!(log.position(), position);
    check_sound(&log, "compacted");
    assert!(log.compact_plan().unwrap().is_empty());
    // Another one of a pack that was written anew already.
    condemn(&log, &[keys[8]]).unwrap();
    erase(&log, &[keys[8]], &[]).unwrap();
    compact(&log).unwrap();
    assert!(!is_anywhere(&disk, &own(&mails[8])));
    check_sound(&log, "compacted again");
    let position = log.position();
    log.close().unwrap();
    drop(log);
    let (log, _) = open(&disk, &recorded(position)).unwrap();
    check_sound(&log, "opened again");
    assert_eq!(log.read_whole(&mails[10].id(), 1 << 20).unwrap(), mails[10].bytes);
    // What was erased may come again.
    append_all(&log, &mails[7..8]);
    assert_eq!(log.read_whole(&mails[7].id(), 1 << 20).unwrap(), mails[7].bytes);
    check_sound(&log, "came again");
}
