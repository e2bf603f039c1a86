//! A log on a faulty disk, and the mail that goes into it.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use frames::{Skeleton, encode_blob};
use ledger::{Entry, Fact, MessageDetail, PlacementDetail};
use message::parts::{Breaks, Encoding, Form, Joiner, LineEnd, LineEnds};
use ports::{Change, Clock, Disk, Log, LogError, NewBody, NewPlacement, Random};
use store::log::{LogOptions, OpenError, OpenReport, Recorded, SegmentLog};
use testkit::FaultyDisk;
use types::limits::CHUNK_BYTES;
use types::{BlobId, EntryNumber, Flags, FolderId, Position, Timestamp};

/// Where the log is.
pub(crate) const DIR: &str = "/store/segments";

/// Segments small enough that a test fills some.
pub(crate) const SMALL: LogOptions =
    LogOptions { segment_bytes_max: 20_000, batch_bytes_max: 1 << 20, ..LogOptions::STANDARD };

/// A disk with the directory of a store on it.
pub(crate) fn new_disk() -> FaultyDisk {
    let disk = FaultyDisk::new();
    disk.create_dir_all(Path::new("/store")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

/// A clock that stands still.
pub(crate) struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000)
    }
}

/// A clock that somebody sets back, minute by minute.
pub(crate) struct BackwardClock(pub(crate) AtomicI64);

impl Clock for BackwardClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_sub(60, Ordering::Relaxed))
    }
}

/// SplitMix64 (Steele, Lea and Flood): the same seed gives the same bytes.
pub(crate) struct Seeded(Mutex<u64>);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Seeded {
        Seeded(Mutex::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn bytes(&self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.fill(&mut bytes);
        bytes
    }
}

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            piece.copy_from_slice(&word[..piece.len()]);
        }
    }
}

pub(crate) fn open_with(
    disk: &FaultyDisk,
    recorded: &[Recorded],
    options: LogOptions,
) -> Result<(SegmentLog, OpenReport), OpenError> {
    open_at(disk, recorded, options, Arc::new(StoppedClock))
}

pub(crate) fn open_at(
    disk: &FaultyDisk,
    recorded: &[Recorded],
    options: LogOptions,
    clock: Arc<dyn Clock>,
) -> Result<(SegmentLog, OpenReport), OpenError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let random = Arc::new(Seeded::new(disk.list(Path::new(DIR)).map_or(0, |it| it.len() as u64)));
    SegmentLog::open(Arc::clone(&disk), super::log_dir(disk), recorded, clock, random, options)
}

pub(crate) fn open(
    disk: &FaultyDisk,
    recorded: &[Recorded],
) -> Result<(SegmentLog, OpenReport), OpenError> {
    open_with(disk, recorded, SMALL)
}

pub(crate) fn open_for_reading(
    disk: &FaultyDisk,
    recorded: &[Recorded],
) -> Result<SegmentLog, OpenError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    SegmentLog::open_for_reading(Arc::clone(&disk), super::log_dir(disk), recorded)
}

pub(crate) fn recorded(position: Position) -> [Recorded; 1] {
    [Recorded { who: "the catalog", position }]
}

pub(crate) fn append(log: &SegmentLog, changes: Vec<Change>) -> Result<Vec<EntryNumber>, LogError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(log.append(changes))
}

/// A message of a test.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) bytes: Vec<u8>,
    /// Cut into pieces of this many bytes, or 0 when it is stored whole.
    pub(crate) chunk: usize,
}

impl Mail {
    pub(crate) fn whole(bytes: impl Into<Vec<u8>>) -> Mail {
        Mail { bytes: bytes.into(), chunk: 0 }
    }

    pub(crate) fn id(&self) -> BlobId {
        BlobId::of(&self.bytes)
    }

    pub(crate) fn placed(&self, body: NewBody) -> Change {
        let detail = MessageDetail {
            subject: String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(40)]).into_owned(),
            ..MessageDetail::default()
        };
        Change::Message(Box::new(NewPlacement {
            body,
            size: self.bytes.len() as u64,
            folder: FolderId(0),
            flags: Flags::SEEN,
            received: Some(Timestamp(1_600_000_000)),
            source: None,
            placement_detail: PlacementDetail { transport: "eml".into(), ..Default::default() },
            message_detail: Box::new(detail),
            parsed: None,
        }))
    }

    /// The chunks, each with its encoding.
    pub(crate) fn chunks(&self) -> Vec<frames::EncodedBlob> {
        self.bytes.chunks(self.chunk).map(encode_blob).collect()
    }

    /// What an archiver appends for it when it has parts: these, and last the message.
    pub(crate) fn split(&self) -> Option<Vec<Change>> {
        let pieces = message::parts::split(&self.bytes).filter(|_| self.chunk == 0)?;
        let mut skeleton = Skeleton { total_len: self.bytes.len() as u64, ..Skeleton::default() };
        let mut changes = Vec::new();
        for piece in pieces {
            if skeleton.takes(&piece) {
                skeleton.push_text(piece.form, &piece.content);
                continue;
            }
            let blobs: Vec<_> = piece.content.chunks(CHUNK_BYTES).map(encode_blob).collect();
            let id = BlobId::of(&piece.content);
            skeleton.push_blob(piece.form, id, piece.content.len() as u64);
            if let [blob] = blobs.as_slice() {
                changes.push(Change::Part(NewBody::Whole(blob.clone())));
                continue;
            }
            let chunks = blobs.iter().map(|it| (it.id, it.raw_len)).collect();
            changes.extend(blobs.into_iter().map(Change::Chunk));
            changes.push(Change::Part(NewBody::Chunked { id, chunks }));
        }
        let split = frames::loose_skeleton(self.id(), &skeleton, None);
        changes.push(self.placed(NewBody::Split(split)));
        Some(changes)
    }

    /// Appends it as an archiver does: chunks ahead, the rest in one call.
    pub(crate) fn append_to(&self, log: &SegmentLog) -> Result<EntryNumber, LogError> {
        if let Some(mut changes) = self.split() {
            changes.push(a_fact(1));
            return append(log, changes).map(|numbers| numbers[0]);
        }
        let body = if self.chunk == 0 {
            NewBody::Whole(frames::loose_blob(self.id(), &self.bytes, None))
        } else {
            let chunks = self.chunks();
            let list = chunks.iter().map(|it| (it.id, it.raw_len)).collect();
            for chunk in chunks {
                append(log, vec![Change::Chunk(chunk)])?;
            }
            NewBody::Chunked { id: self.id(), chunks: list }
        };
        append(log, vec![self.placed(body), a_fact(1)]).map(|numbers| numbers[0])
    }
}

/// A fact without a detail.
pub(crate) fn a_fact(n: u64) -> Change {
    let fact = Fact::Flagged { placement: types::PlacementId(n), flags: Flags::DRAFT };
    Change::Fact(fact, None)
}

/// Mail of many shapes: text, noise, empty, cut into chunks.
pub(crate) fn mails(n: usize, seed: u64) -> Vec<Mail> {
    let random = Seeded::new(seed);
    let shape = |n: usize| match n % 6 {
        0 if 6 <= n => attached(n, &random.bytes(3_000 - n % 2)),
        0 => Mail::whole(format!("Subject: mail {n}\r\n\r\n{}", "text ".repeat(60 * (n + 1)))),
        1 => Mail::whole(random.bytes(5_000)),
        2 => Mail::whole(format!("From: {n}@example.org\r\n\r\nshort")),
        3 => Mail { bytes: random.bytes(13_000), chunk: 5_000 },
        4 => Mail::whole(if n == 4 { Vec::new() } else { random.bytes(700) }),
        _ => Mail::whole(random.bytes(2_500)),
    };
    (0..n).map(shape).collect()
}

/// A message with an attachment in base64.
pub(crate) fn attached(n: usize, content: &[u8]) -> Mail {
    let form = Form {
        line_ends: LineEnds::Kept,
        encoding: Encoding::Base64(Breaks {
            line_len: 60 + 4 * (u32::try_from(n).unwrap() % 5),
            line_end: LineEnd::Crlf,
            is_padded: true,
        }),
    };
    let mut bytes = format!(
        "Subject: mail {n}\r\nContent-Type: application/pdf; name=a{n}.pdf\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    )
    .into_bytes();
    let mut joiner = Joiner::new(&form);
    joiner.push(content, &mut bytes);
    joiner.end(&mut bytes);
    bytes.extend(b"\r\n");
    Mail::whole(bytes)
}

/// All entries of a log, in order.
pub(crate) fn all_entries(log: &SegmentLog) -> Vec<Entry> {
    let mut entries = Vec::new();
    loop {
        let run = log.entries(entries.len() as u64, 2_000).unwrap();
        if run.items.is_empty() {
            assert_eq!(run.position, log.position());
            return entries;
        }
        entries.extend(run.items.into_iter().map(|(entry, _)| entry));
        assert_eq!(run.position.entries, entries.len() as u64);
        assert_eq!(log.root_at(run.position.entries).unwrap(), Some(run.position.root));
    }
}
