//! `store erasures`: what is condemned and what was erased, and what proves that it was.

use std::path::{Path, PathBuf};

use commands::{AdminAnswer, ErasureShown, ErasuresProven, Failure, FailureKind};
use ledger::{Detail, EraseReason, ErasureDetail, Fact};
use ports::CondemnedRow;
use query::{ID_DIGITS_MIN, IdPrefix};
use store::log::SegmentLog;
use types::{BlobId, EntryNumber, MessageKey};

use super::all_stores::{AllStores, check_have_log};
use super::export::proofs;
use super::faults;
use super::stores::is_empty;
use crate::context::DataDir;

/// Bytes of entries that are read to find one.
const ENTRY_BYTES: usize = 1;

/// Lists erasures, or writes what proves them. Blocks.
pub(super) fn answer(
    data: &DataDir,
    ids: &[String],
    proof: Option<PathBuf>,
) -> Result<AdminAnswer, Failure> {
    let read = |id: &String| {
        IdPrefix::new(id).ok_or_else(|| {
            let message = format!("an id has {ID_DIGITS_MIN} to 64 hexadecimal digits, not {id:?}");
            Failure::new(FailureKind::Request, message)
                .with_hint("`posthold store erasures` lists them all.")
        })
    };
    let prefixes: Vec<IdPrefix> = ids.iter().map(read).collect::<Result<_, Failure>>()?;
    check_have_log(data)?;
    let all = AllStores::open(data)?;
    match proof {
        None => listed(&all, &prefixes).map(AdminAnswer::Erasures),
        Some(to) => proven(&all, &prefixes, &to).map(AdminAnswer::ErasuresProven),
    }
}

/// Fails when nothing is `found` of a message that was asked for, so that an empty answer about it
/// is not taken for one about all.
fn check_found(
    all: &AllStores,
    prefixes: &[IdPrefix],
    found: &[BlobId],
    what: &str,
) -> Result<(), Failure> {
    match prefixes.iter().find(|it| !found.iter().any(|id| it.matches(id))) {
        None => Ok(()),
        Some(it) => {
            let message = format!("no message {} {what}", it.as_str());
            // A store that could not be read may have it.
            let unread = all.read().told();
            let hint = unread.unwrap_or_else(|| "`posthold store erasures` lists them all.".into());
            Err(Failure::new(FailureKind::NotFound, message).with_hint(hint))
        }
    }
}

fn is_meant(prefixes: &[IdPrefix], id: &BlobId) -> bool {
    prefixes.is_empty() || prefixes.iter().any(|it| it.matches(id))
}

/// Writes proofs of all that is erased and meant, to a directory that has nothing else.
fn proven(all: &AllStores, prefixes: &[IdPrefix], to: &Path) -> Result<ErasuresProven, Failure> {
    if to.exists() && !is_empty(to) {
        let message = format!("{} is not empty", to.display());
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("Name a directory that is not there yet."));
    }
    let mut meant = Vec::new();
    let mut found = Vec::new();
    for one in &all.stores {
        let log = one.reading.store.log();
        let mut rows = Vec::new();
        for row in log.erased().map_err(|it| faults::log(&it))? {
            let id = blob_of(log, row.message)?;
            if is_meant(prefixes, &id) {
                found.push(id);
                rows.push(row);
            }
        }
        meant.push((one, rows));
    }
    check_found(all, prefixes, &found, "was erased")?;
    if found.is_empty() {
        return Err(Failure::new(FailureKind::NotFound, "nothing was erased"));
    }
    proofs::begin(to, proofs::Of::Erasures)?;
    let mut sum = ErasuresProven { to: to.to_owned(), proven: 0, unsigned: 0 };
    for (one, rows) in meant {
        let written = proofs::write_erasures(one, to, &rows)?;
        sum.proven += written.proven;
        sum.unsigned += written.unsigned;
    }
    Ok(sum)
}

/// What is condemned and what was erased, in all stores.
fn listed(all: &AllStores, prefixes: &[IdPrefix]) -> Result<Vec<ErasureShown>, Failure> {
    let mut shown = Vec::new();
    for one in &all.stores {
        let log = one.reading.store.log();
        let condemned = log.condemned().map_err(|it| faults::log(&it))?;
        let erased = log.erased().map_err(|it| faults::log(&it))?;
        for row in condemned.iter().chain(&erased) {
            let it = erasure(&one.name, log, row)?;
            shown.extend(is_meant(prefixes, &it.id).then_some(it));
        }
    }
    let found: Vec<BlobId> = shown.iter().map(|it| it.id).collect();
    check_found(all, prefixes, &found, "is to be erased, and none was")?;
    shown.sort_by_key(|it| (it.condemned, it.condemned_entry, it.id));
    Ok(shown)
}

fn erasure(store: &str, log: &SegmentLog, row: &CondemnedRow) -> Result<ErasureShown, Failure> {
    let ErasureDetail { rule, by, why, .. } = detail_of(log, row.entry)?;
    Ok(ErasureShown {
        store: store.to_owned(),
        id: blob_of(log, row.message)?,
        reason: match row.reason {
            EraseReason::Retention => "retention",
            EraseReason::Request => "request",
        },
        rule,
        by,
        why,
        condemned_entry: row.entry.0,
        condemned: row.at,
        due: row.due,
        erased: row.erased.map(|(entry, at)| (entry.0, at)),
    })
}

fn detail_of(log: &SegmentLog, EntryNumber(number): EntryNumber) -> Result<ErasureDetail, Failure> {
    let run = log.entries(number, ENTRY_BYTES).map_err(|it| faults::log(&it))?;
    Ok(match run.items.into_iter().next() {
        Some((_, Some(Detail::Erasure(detail)))) => detail,
        _ => ErasureDetail::default(),
    })
}

/// The hash of a message: its first entry keeps it.
pub(super) fn blob_of(log: &SegmentLog, MessageKey(number): MessageKey) -> Result<BlobId, Failure> {
    let run = log.entries(number, ENTRY_BYTES).map_err(|it| faults::log(&it))?;
    Ok(match run.items.into_iter().next().map(|(entry, _)| entry.fact) {
        Some(Fact::Placed { blob, .. }) => blob,
        _ => BlobId::default(),
    })
}
