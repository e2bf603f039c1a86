//! Erasure as changes of the log: who is condemned with what, who is spared, who is erased.

use std::collections::{HashMap, HashSet};

use ledger::{Detail, ERASURE_MESSAGES_MAX, ERASURE_PARTS_MAX, ErasureDetail, Fact, SpareReason};
use ports::{Change, Condemnation, Erased, Held, LogError, LogErrorKind, NewBody, Sparing};
use types::{BlobId, MessageKey, Timestamp};

use super::entries::{Resume, read_entries};
use super::erasing::Erasing;
use super::references::{Answer, Question, hidden_parts, made_of, needed};
use super::tables::Tables;

/// Bytes of entries that are read at once.
const READ_BYTES: usize = 1 << 20;

/// Entries that go into one append.
const ENTRIES_AT_ONCE: usize = 64;

/// A message with all that it alone, and others that go with it, is made of.
type Part = (MessageKey, Vec<BlobId>);

/// The entries that condemn messages, in groups for one append each. Messages that are condemned
/// or erased already are left out.
pub(super) fn condemn(tables: &Tables, what: &Condemnation) -> Result<Vec<Vec<Change>>, LogError> {
    tables.load()?;
    let erasing = tables.erasing()?;
    let mut keys: Vec<MessageKey> =
        what.messages.iter().copied().filter(|it| !erasing.goes(*it)).collect();
    keys.sort_unstable();
    keys.dedup();
    let parts = own_parts(tables, &erasing, &keys)?;
    let rows = pack(parts);
    let entries: Vec<Change> = rows.into_iter().map(|it| condemned(what, it)).collect();
    let mut groups = Vec::new();
    let mut entries = entries.into_iter().peekable();
    while entries.peek().is_some() {
        groups.push(entries.by_ref().take(ENTRIES_AT_ONCE).collect());
    }
    Ok(groups)
}

fn condemned(what: &Condemnation, row: Vec<Part>) -> Change {
    let (messages, parts) = row.into_iter().unzip();
    let fact = Fact::Condemned { messages, reason: what.reason, due: what.due };
    let Condemnation { rule, by, why, .. } = what.clone();
    Change::Fact(fact, Some(Detail::Erasure(ErasureDetail { rule, by, why, parts })))
}

/// Cuts the list where an entry or its detail would be too long. A message of many parts is in
/// several.
fn pack(parts: Vec<Part>) -> Vec<Vec<Part>> {
    let mut rows: Vec<Vec<Part>> = Vec::new();
    let mut room = 0;
    for (message, parts) in parts {
        let mut pieces: Vec<&[BlobId]> = parts.chunks(ERASURE_PARTS_MAX).collect();
        if pieces.is_empty() {
            pieces.push(&[]);
        }
        for piece in pieces {
            let is_full = rows.last().is_none_or(|it| ERASURE_MESSAGES_MAX <= it.len());
            if is_full || room < piece.len() {
                rows.push(Vec::new());
                room = ERASURE_PARTS_MAX;
            }
            room -= piece.len();
            if let Some(row) = rows.last_mut() {
                row.push((message, piece.to_vec()));
            }
        }
    }
    rows
}

/// What messages are made of and no message that stays.
fn own_parts(
    tables: &Tables,
    erasing: &Erasing,
    keys: &[MessageKey],
) -> Result<Vec<Part>, LogError> {
    let mut parts: Vec<Part> = Vec::with_capacity(keys.len());
    for (key, blob) in blobs_of(tables, keys)? {
        parts.push((key, made_of(tables, &blob)?));
    }
    let mut answer = needed_of(tables, erasing, keys, &parts)?;
    let hidden = hidden_parts(tables, &answer.suspects)?;
    if !hidden.is_empty() {
        add_hidden(tables, &mut parts, &hidden)?;
        answer = needed_of(tables, erasing, keys, &parts)?;
    }
    for (_, parts) in &mut parts {
        parts.retain(|it| !answer.needed.contains(it));
    }
    Ok(parts)
}

/// Adds what skeletons refer to that stand behind blobs of the same id.
fn add_hidden(
    tables: &Tables,
    parts: &mut [Part],
    hidden: &HashMap<BlobId, Vec<BlobId>>,
) -> Result<(), LogError> {
    for (_, own) in parts {
        let all: Vec<BlobId> =
            own.iter().filter_map(|it| hidden.get(it)).flatten().copied().collect();
        for id in all {
            let more = made_of(tables, &id)?;
            own.extend(more);
        }
        let mut seen = HashSet::new();
        own.retain(|it| seen.insert(*it));
    }
    Ok(())
}

fn needed_of(
    tables: &Tables,
    erasing: &Erasing,
    keys: &[MessageKey],
    parts: &[Part],
) -> Result<Answer, LogError> {
    let candidates: HashSet<BlobId> = parts.iter().flat_map(|it| it.1.iter().copied()).collect();
    let now: HashSet<MessageKey> = keys.iter().copied().collect();
    let goes = |it: MessageKey| now.contains(&it) || erasing.goes(it);
    let dead_below = |id: &BlobId| match candidates.contains(id) {
        true => u32::MAX,
        false => erasing.absent_below(id),
    };
    let question = Question { candidates: &candidates, goes: &goes, dead_below: &dead_below };
    needed(tables, &question)
}

/// The bytes of messages, whose keys are sorted. Keys that name no message are refused.
fn blobs_of(tables: &Tables, keys: &[MessageKey]) -> Result<Vec<(MessageKey, BlobId)>, LogError> {
    let mut found = Vec::with_capacity(keys.len());
    let mut rest = keys;
    let resume = Resume::default();
    while let Some(first) = rest.first() {
        let run = read_entries(tables, &resume, first.0, READ_BYTES)?;
        let end = run.first + run.items.len() as u64;
        let here = rest.partition_point(|it| it.0 < end);
        if here == 0 {
            return Err(no_message(*first));
        }
        let (taken, behind) = rest.split_at_checked(here).unwrap_or_default();
        for key in taken {
            let at = usize::try_from(key.0 - run.first).unwrap_or(usize::MAX);
            match run.items.get(at).map(|(entry, _)| &entry.fact) {
                Some(Fact::Placed { message: None, blob, .. }) => found.push((*key, *blob)),
                _ => return Err(no_message(*key)),
            }
        }
        rest = behind;
    }
    Ok(found)
}

fn no_message(key: MessageKey) -> LogError {
    LogError::new(LogErrorKind::Request, format!("entry {key} names no message"))
}

/// The entries that spare messages; those that are not condemned are left out.
pub(super) fn spare(tables: &Tables, what: &Sparing) -> Result<Vec<Change>, LogError> {
    let erasing = tables.erasing()?;
    let is_condemned = |it: &MessageKey| erasing.said.condemned.contains_key(it);
    let messages: Vec<MessageKey> = what.messages.iter().copied().filter(is_condemned).collect();
    let Sparing { reason, rule, by, why, .. } = what.clone();
    let detail = ErasureDetail { rule, by, why, parts: Vec::new() };
    Ok(spared(&messages, reason, &detail))
}

fn spared(messages: &[MessageKey], reason: SpareReason, detail: &ErasureDetail) -> Vec<Change> {
    let entry = |messages: &[MessageKey]| {
        let fact = Fact::Spared { messages: messages.to_vec(), reason };
        Change::Fact(fact, Some(Detail::Erasure(detail.clone())))
    };
    messages.chunks(ERASURE_MESSAGES_MAX).map(entry).collect()
}

/// Sorts messages that are to be erased into those that are due, and those that are left alone.
pub(super) fn due(
    tables: &Tables,
    messages: &[MessageKey],
    now: Timestamp,
) -> Result<(Vec<MessageKey>, Vec<MessageKey>), LogError> {
    let erasing = tables.erasing()?;
    let condemned = &erasing.said.condemned;
    let is_due = |it: &MessageKey| condemned.get(it).is_some_and(|it| it.due <= now);
    Ok(messages.iter().partition(|it| is_due(it)))
}

/// The entries that erase what is due and spare what is held.
pub(super) fn erased(due: &[MessageKey], held: Vec<Held>) -> (Vec<Change>, Erased) {
    let mut by_hold: HashMap<&str, Vec<MessageKey>> = HashMap::new();
    for it in &held {
        by_hold.entry(&it.hold).or_default().push(it.message);
    }
    let mut changes = Vec::new();
    let mut holds: Vec<_> = by_hold.into_iter().collect();
    holds.sort_unstable();
    for (hold, messages) in holds {
        let detail = ErasureDetail { rule: hold.to_owned(), ..ErasureDetail::default() };
        changes.extend(spared(&messages, SpareReason::Hold, &detail));
    }
    let is_held: HashSet<MessageKey> = held.iter().map(|it| it.message).collect();
    let gone: Vec<MessageKey> = due.iter().copied().filter(|it| !is_held.contains(it)).collect();
    let entry =
        |messages: &[MessageKey]| Change::Fact(Fact::Erased { messages: messages.to_vec() }, None);
    changes.extend(gone.chunks(ERASURE_MESSAGES_MAX).map(entry));
    (changes, Erased { erased: gone, held, left: Vec::new() })
}

/// The condemned messages at which a call points: it spares them.
pub(super) fn pointed_at(erasing: &Erasing, changes: &[Change]) -> Vec<MessageKey> {
    if erasing.said.condemned.is_empty() {
        return Vec::new();
    }
    let known = changes.iter().filter_map(|it| match it {
        Change::Message(it) => match &it.body {
            NewBody::Known(id) => Some(*id),
            _ => None,
        },
        _ => None,
    });
    let mut keys: Vec<MessageKey> = known.filter_map(|id| erasing.condemned_with_id(&id)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The entries that spare what a call points at.
pub(super) fn spare_pointed_at(messages: &[MessageKey]) -> Vec<Change> {
    spared(messages, SpareReason::Reference, &ErasureDetail::default())
}
