//! The files of the audit log: `DATA/audit/segments`, written by one process at a time, for one
//! entry at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use commands::{Failure, FailureKind};
use disk::{DataLock, LockErrorKind, OsRandom, RealDisk, SystemClock};
use ledger::{AuditDetail, Audited, Detail, Entry, EpochReason, Fact};
use ports::{Change, Disk, Log};
use store::evidence::{Checkpointer, Evidence};
use store::log::{LogOptions, OpenError, OpenErrorKind, Recorded, SegmentLog};
use store::{Description, begin_epoch};
use tokio::runtime::Handle;
use types::{EntryNumber, Position};

use super::configuration;
use crate::context::DataDir;
use crate::run::{faults, users};

/// Under this name the state keeps how far the audit log is. No store is called so.
pub(in crate::run) const AUDIT_HEAD: &str = "(audit)";

/// How long somebody may wait to write an entry.
const WRITE_WAIT: Duration = Duration::from_secs(20);

/// How often somebody who waits looks again.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Bytes of entries and details that are read at once.
const RUN_BYTES: usize = 1 << 20;

/// The directory of the audit log.
pub(in crate::run) fn dir(data: &DataDir) -> PathBuf {
    data.path().join("audit")
}

fn segments(data: &DataDir) -> PathBuf {
    dir(data).join("segments")
}

/// Writes one entry, durably. Blocks; needs the runtime of the caller.
pub(super) fn append(
    data: &DataDir,
    audited: Audited,
    detail: AuditDetail,
) -> Result<EntryNumber, Failure> {
    append_trusting(data, audited, detail, Trust::Recorded)
}

/// What an audit log is held against before it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trust {
    /// What the state remembers of it.
    Recorded,
    /// Nothing but itself: somebody accepted that something is lost.
    Files,
}

/// The same, held against this.
pub(super) fn append_trusting(
    data: &DataDir,
    audited: Audited,
    detail: AuditDetail,
    trust: Trust,
) -> Result<EntryNumber, Failure> {
    RealDisk
        .create_dir_all(&segments(data))
        .map_err(|it| faults::io(&it, "failed to make the directory of the audit log"))?;
    let _lock = lock(data)?;
    // Under the lock, so that the order of the entries is that of what they say.
    let detail = match configuration::may_change(audited.activity) {
        true => AuditDetail { configuration: configuration::now(data)?, ..detail },
        false => detail,
    };
    let described = Description::of_audit_log(&RealDisk, &dir(data), &SystemClock, &OsRandom);
    let described = described.map_err(|it| faults::store(&it))?;
    let evidence = described.evidence(Arc::new(RealDisk), &dir(data));
    let recorded = match trust {
        Trust::Recorded => recorded(data)?.into_iter().chain(evidence.recorded()).collect(),
        Trust::Files => {
            // The mark says the same as the state: how far the log was.
            let _ = RealDisk.remove(&segments(data).join("acked"));
            Vec::new()
        }
    };
    let evidence = match trust {
        Trust::Recorded => evidence,
        Trust::Files => next_epoch(data)?,
    };
    let log = open(data, &recorded)?;
    // The state is told below: nobody takes one that remembers less of this log for an older one.
    let on_end = Box::new(|_| Ok(()));
    let checkpointer = Checkpointer::start(&evidence, &log, Arc::new(OsRandom), on_end);
    let (checkpointer, strange) = checkpointer.map_err(|it| faults::store(&it))?;
    for it in strange {
        tracing::warn!("the audit log: {it}");
    }
    let change = Change::Fact(Fact::Audited(audited), Some(Detail::Audit(Box::new(detail))));
    let written = Handle::current().block_on(log.append(vec![change]));
    let numbers = written.map_err(|it| faults::log(&it))?;
    log.close().map_err(|it| faults::log(&it))?;
    drop(checkpointer);
    record(data, log.position())?;
    numbers.first().copied().ok_or_else(|| {
        Failure::new(FailureKind::Internal, "an entry of the audit log has no number")
    })
}

fn open(data: &DataDir, recorded: &[Recorded]) -> Result<Arc<SegmentLog>, Failure> {
    let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom));
    let (dir, options) = (segments(data), LogOptions::STANDARD);
    let opened = SegmentLog::open(Arc::new(RealDisk), &dir, recorded, clock, random, options);
    opened.map(|(log, _)| Arc::new(log)).map_err(|it| broken(&it))
}

/// Begins another history of the log: what was signed of the one before is not this one's.
fn next_epoch(data: &DataDir) -> Result<Evidence, Failure> {
    let (dir, log) = (dir(data), open(data, &[])?);
    let begun = begin_epoch(&RealDisk, &dir, &log, EpochReason::Accepted, None);
    Handle::current().block_on(begun).map_err(|it| faults::store(&it))?;
    // Signed is what is written after it.
    log.close().map_err(|it| faults::log(&it))?;
    drop(log);
    evidence(data)?
        .ok_or_else(|| Failure::new(FailureKind::Internal, "the audit log does not say what it is"))
}

/// Its checkpoints and tiles; `None` before the first entry.
pub(in crate::run) fn evidence(data: &DataDir) -> Result<Option<Evidence>, Failure> {
    let dir = dir(data);
    let described = Description::read(&RealDisk, &dir).map_err(|it| faults::store(&it))?;
    Ok(described.map(|it| it.evidence(Arc::new(RealDisk), &dir)))
}

fn lock(data: &DataDir) -> Result<DataLock, Failure> {
    let began = Instant::now();
    loop {
        let error = match DataLock::take(&dir(data), "posthold", &SystemClock, &OsRandom) {
            Ok(lock) => return Ok(lock),
            Err(error) => error,
        };
        match error.kind() {
            LockErrorKind::Owned { .. } if began.elapsed() < WRITE_WAIT => {
                std::thread::sleep(LOOK_EVERY);
            }
            LockErrorKind::Owned { .. } => {
                let message = "another process writes the audit log and does not end";
                return Err(Failure::new(FailureKind::Busy, message));
            }
            _ => return Err(Failure::chain(FailureKind::Io, &error)),
        }
    }
}

/// How far the state remembers the audit log.
fn recorded(data: &DataDir) -> Result<Vec<Recorded>, Failure> {
    if !data.state().is_file() {
        return Ok(Vec::new());
    }
    let head = users::open_for_reading(data)?.store_head(AUDIT_HEAD);
    let head = head.map_err(|it| faults::state(&it))?;
    Ok(head.into_iter().map(|position| Recorded { who: "the state", position }).collect())
}

fn record(data: &DataDir, position: Position) -> Result<(), Failure> {
    if !data.state().is_file() {
        return Ok(());
    }
    users::open(data)?.set_store_head(AUDIT_HEAD, position).map_err(|it| faults::state(&it))
}

/// What is wrong with the audit log, so that it cannot be written. Blocks.
pub(in crate::run) fn defect(data: &DataDir) -> Result<Option<OpenError>, Failure> {
    let mut recorded = recorded(data)?;
    recorded.extend(evidence(data)?.as_ref().and_then(Evidence::recorded));
    Ok(SegmentLog::open_for_reading(Arc::new(RealDisk), &segments(data), &recorded).err())
}

/// The audit log cannot be opened.
pub(in crate::run) fn broken(error: &OpenError) -> Failure {
    let failure = Failure::chain(FailureKind::Store, error);
    let message = format!("the audit log cannot be opened: {}", failure.message);
    let failure = Failure { message, ..failure };
    match error.kind() {
        OpenErrorKind::Damaged | OpenErrorKind::Rollback | OpenErrorKind::OtherHistory => failure
            .with_hint(
                "`posthold verify` says what is wrong with it. Put it back from a backup, or begin \
                 a new one with `posthold audit accept-loss --reason TEXT`, which says so.",
            ),
        _ => failure,
    }
}

/// Reads every frame of the audit log, and says what is wrong: at which place, and what. Blocks.
pub(in crate::run) fn check(data: &DataDir) -> Result<Vec<(String, String)>, Failure> {
    let evidence = evidence(data)?;
    let mut recorded = recorded(data)?;
    recorded.extend(evidence.as_ref().and_then(Evidence::recorded));
    let dir = segments(data);
    let n_entries = recorded.first().map_or(0, |it| it.position.entries);
    if crate::run::stores::is_empty(&dir) {
        let what = format!("is missing, and had {n_entries} entries");
        return Ok(if n_entries == 0 { Vec::new() } else { vec![("segments".into(), what)] });
    }
    let log = match SegmentLog::open_for_reading(Arc::new(RealDisk), &dir, &recorded) {
        Ok(log) => log,
        Err(error) => {
            let place = match (error.segment(), error.offset()) {
                (Some(segment), Some(offset)) => format!("{segment:06}.seg at {offset}"),
                _ => "segments".into(),
            };
            return Ok(vec![(place, faults::chain(&error))]);
        }
    };
    let signed = evidence.map(|it| it.check(&log)).unwrap_or_default();
    let verdict = log.verify(&mut |_| ());
    let defects = verdict.defects.into_iter();
    let mut found: Vec<(String, String)> =
        defects.map(|it| (format!("{:06}.seg at {}", it.segment, it.offset), it.what)).collect();
    found.extend(signed.defects.into_iter().map(|it| (it.place, it.what)));
    let n_more = verdict.n_defects_left_off + signed.n_defects_left_off;
    if n_more != 0 {
        found.push(("segments".into(), format!("{n_more} more defects are not listed")));
    }
    Ok(found)
}

/// Opens the audit log to read it; `None` when there is none yet. Blocks.
fn open_for_reading(data: &DataDir) -> Result<Option<SegmentLog>, OpenError> {
    let dir = segments(data);
    if crate::run::stores::is_empty(&dir) {
        return Ok(None);
    }
    SegmentLog::open_for_reading(Arc::new(RealDisk), &dir, &[]).map(Some)
}

/// The audit log, with its checkpoints; `None` when there is none yet. Blocks.
pub(super) fn open_with_evidence(
    data: &DataDir,
) -> Result<Option<(SegmentLog, Evidence)>, Failure> {
    let log = open_for_reading(data).map_err(|it| broken(&it))?;
    Ok(log.zip(evidence(data)?))
}

/// One entry of the audit log.
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) entry: Entry,
    pub(super) audited: Audited,
    /// Empty when it is erased.
    pub(super) detail: AuditDetail,
}

/// Gives every entry from number `from` on to `each`, in order. Blocks.
pub(super) fn read(data: &DataDir, from: u64, each: &mut dyn FnMut(Record)) -> Result<(), Failure> {
    let Some(log) = open_for_reading(data).map_err(|it| broken(&it))? else { return Ok(()) };
    let mut next = from;
    loop {
        let run = log.entries(next, RUN_BYTES).map_err(|it| faults::log(&it))?;
        if run.items.is_empty() {
            return Ok(());
        }
        for (number, (entry, detail)) in (run.first..).zip(run.items) {
            next = number + 1;
            let Fact::Audited(audited) = entry.fact else { continue };
            let detail = match detail {
                Some(Detail::Audit(detail)) => *detail,
                _ => AuditDetail::default(),
            };
            if from <= number {
                each(Record { number, entry, audited, detail });
            }
        }
    }
}
