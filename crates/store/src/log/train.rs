//! Dictionaries: when one is trained, on what, and whether it pays.
//!
//! Rules:
//! - It is trained beside the writer, on messages that are durable, and takes effect with a new
//!   segment, whose beginning holds it.
//! - A new one is taken only when it makes mail that it was not trained on smaller than the one
//!   before does, by more than what it costs.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

use frames::{
    Codec, Dictionary, Header, Item, Kind, PACK_BYTES, ReadMode, SAMPLES_MAX, encode_again, items,
};
use ports::LogError;
use types::BlobId;

use super::contents::contents_at;
use super::error::{io_error, log_error};
use super::segment::{Segment, Snapshot};
use super::tables::Tables;
use super::writer::Message;

/// A log grows so many times before another dictionary is tried.
const GROWTH: u64 = 4;

/// Of a sample no more than this is looked at, in bytes.
const SAMPLE_BYTES_MAX: usize = 16 << 10;

/// What is shorter is no sample.
const SAMPLE_BYTES_MIN: usize = 200;

/// All samples together have at most this many bytes: training takes time by their length.
const SAMPLES_BYTES_MAX: usize = 1 << 20;

/// Of the log, the end of this many bytes is looked at.
const RECENT_BYTES_MAX: u64 = 64 << 20;

/// Every so many-th sample is kept to find out whether the dictionary pays.
const PROOF_EVERY: usize = 8;

/// A dictionary pays when it saves so many of a hundred bytes more than the one before.
const GAIN_PERCENT: u64 = 3;

/// Whether a log that grew past a size is due for another dictionary: when it has `first` bytes,
/// four times as many, and so on.
pub(super) fn is_due(first: u64, before: u64, after: u64) -> bool {
    let mut due = first.max(1);
    while due <= before {
        due = due.saturating_mul(GROWTH);
        if due == u64::MAX {
            return false;
        }
    }
    due <= after
}

/// Trains a dictionary on a thread of its own, which tells the writer of one that pays.
pub(super) fn start(
    tables: &Arc<Tables>,
    outbox: &Sender<Message>,
) -> std::io::Result<thread::JoinHandle<()>> {
    let (tables, outbox) = (Arc::clone(tables), outbox.clone());
    let name = thread::Builder::new().name("log-train".into());
    name.spawn(move || {
        // Damage is for readers and `verify` to report; without a dictionary nothing is lost.
        if let Ok(Some(dictionary)) = train(&tables) {
            let _ = outbox.send(Message::Dictionary(dictionary));
        }
    })
}

/// A dictionary over the last messages, when it pays.
pub(super) fn train(tables: &Tables) -> Result<Option<Arc<Dictionary>>, LogError> {
    let (mut samples, mut proofs) = (Vec::new(), Vec::new());
    for (n, sample) in (0..).zip(samples_of(tables)?) {
        if n % PROOF_EVERY == 0 { proofs.push(sample) } else { samples.push(sample) }
    }
    let Some(new) = Dictionary::train(&samples) else { return Ok(None) };
    let now = tables.dictionary()?;
    let size = |dictionary: Option<&Dictionary>| -> u64 {
        let sizes = proofs.iter().map(|(_, raw)| encode_again(raw, dictionary).1.len() as u64);
        sizes.sum()
    };
    let (before, after) = (size(now.as_deref()), size(Some(&new)));
    let pays = after.saturating_mul(100) < before.saturating_mul(100 - GAIN_PERCENT);
    Ok(pays.then(|| Arc::new(new)))
}

/// Whether nothing that a dictionary was trained on is condemned or erased.
pub(super) fn is_clean(tables: &Tables, dictionary: &Dictionary) -> Result<bool, LogError> {
    let erasing = tables.erasing()?;
    Ok(dictionary.trained_on().iter().all(|it| erasing.absent_below(it) == 0))
}

/// A sample, and where it stands.
struct Candidate {
    segment: Arc<Segment>,
    offset: u64,
    item: Item,
}

fn samples_of(tables: &Tables) -> Result<Vec<(BlobId, Vec<u8>)>, LogError> {
    let snapshot = tables.snapshot();
    let candidates = candidates(tables, &snapshot)?;
    // Evenly over all of them, as many as are to be looked at.
    let len = |it: &Candidate| (it.item.raw_len as usize).min(SAMPLE_BYTES_MAX);
    let n_bytes_there: usize = candidates.iter().map(len).sum();
    let step = candidates.len().div_ceil(SAMPLES_MAX).max(n_bytes_there / SAMPLES_BYTES_MAX).max(1);
    let mut samples = Vec::new();
    let mut n_bytes = 0;
    for candidate in candidates.iter().step_by(step) {
        if SAMPLES_BYTES_MAX <= n_bytes {
            break;
        }
        let Some(sample) = read_sample(tables, candidate)? else { continue };
        n_bytes += sample.1.len();
        samples.push(sample);
    }
    Ok(samples)
}

/// Messages and parts that may be samples: compressed, neither tiny nor large.
fn candidates(tables: &Tables, snapshot: &Snapshot) -> Result<Vec<Candidate>, LogError> {
    let mut left = RECENT_BYTES_MAX;
    let mut found = Vec::new();
    for (index, segment) in snapshot.segments.iter().enumerate().rev() {
        let end = segment.footer.as_ref().map_or(snapshot.end_of(index), |it| it.start);
        let start = segment.start.offset;
        if left == 0 || end < start {
            break;
        }
        // A segment is walked from its start: only there frames are known to begin.
        left = left.saturating_sub(end - start);
        let file = tables.dir.file_of(segment).map_err(io_error)?;
        let mut reader = segment.reader(&file, end, ReadMode::Hopping);
        let mut at = start;
        while at < end {
            let header = reader.header(at).map_err(log_error(segment.number))?;
            if is_sample(&header) {
                let start = reader.payload_start(&header, at).map_err(log_error(segment.number))?;
                let items = items(&header, start).map_err(frames::ReadFlaw::at(at));
                for item in items.map_err(log_error(segment.number))? {
                    found.push(Candidate { segment: Arc::clone(segment), offset: at, item });
                }
            }
            at += header.frame_len();
        }
    }
    Ok(found)
}

fn is_sample(header: &Header) -> bool {
    matches!(header.kind, Kind::Blob | Kind::Skeleton | Kind::Pack)
        && header.codec != Codec::Stored
        && (SAMPLE_BYTES_MIN..=PACK_BYTES).contains(&(header.raw_len as usize))
}

fn read_sample(
    tables: &Tables,
    candidate: &Candidate,
) -> Result<Option<(BlobId, Vec<u8>)>, LogError> {
    let Candidate { segment, offset, item: Item { kind, id, .. } } = candidate;
    if tables.erasing()?.absent_below(id) != 0 {
        return Ok(None);
    }
    let contents = contents_at(tables, segment, *offset, SAMPLE_BYTES_MAX)?;
    let body = contents.find(*kind, id).map(|it| it.1).unwrap_or_default();
    let sample = body.get(..SAMPLE_BYTES_MAX).unwrap_or(body).to_vec();
    Ok(Some((*id, sample)).filter(|_| SAMPLE_BYTES_MIN <= body.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_due_when_the_log_has_grown() {
        let cases = [
            ((10, 0, 9), false),
            ((10, 9, 10), true),
            ((10, 10, 39), false),
            ((10, 10, 40), true),
            ((10, 39, 1_000), true),
            ((10, 40, 100), false),
            ((u64::MAX, 0, 1 << 40), false),
        ];
        for ((first, before, after), want) in cases {
            assert_eq!(is_due(first, before, after), want, "{first} {before} {after}");
        }
    }
}
