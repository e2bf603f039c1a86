//! One commit of the index, open for reading.
//!
//! A search works on message numbers, over all segments at once: what a segment finds is turned
//! into numbers at the leaves of the query, and there meets the sets that the catalog keeps.

use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::index::SegmentId;
use tantivy::{InvertedIndexReader, Opstamp, SegmentReader};
use types::{MessageSet, Position};

use crate::error::{SearchError, SearchErrorKind};
use crate::layout::{ARCHIVED, ATTACHMENT, DATE, Fields, MESSAGE_ID, NUMBER, Payload, SIZE};
use crate::layout::{N_TEXT_FIELDS, TextPlace};

/// One field of a segment.
pub(crate) struct TextIndex {
    pub(crate) place: TextPlace,
    pub(crate) inverted: Arc<InvertedIndexReader>,
    /// Lengths, where the field keeps them.
    pub(crate) lengths: Option<FieldNormReader>,
}

/// One segment. Apart from erasure it never changes, so snapshots share it.
pub(crate) struct Segment {
    id: SegmentId,
    delete_opstamp: Option<Opstamp>,
    numbers: Numbers,
    /// Numbers of messages that are not erased.
    alive: MessageSet,
    pub(crate) n_docs: u32,
    pub(crate) text: [TextIndex; N_TEXT_FIELDS],
    pub(crate) date: Column<i64>,
    pub(crate) archived: Column<i64>,
    pub(crate) size: Column<u64>,
    pub(crate) attachment: Column<u64>,
    pub(crate) message_id: Column<u64>,
}

/// The message number of each document of a segment.
enum Numbers {
    /// Documents are in order and without gaps, as they are fed.
    From(u32),
    /// After merges or erasure they may not be.
    Each(Vec<u32>),
}

impl Segment {
    fn open(reader: &SegmentReader, fields: &Fields) -> Result<Segment, SearchError> {
        let fast = reader.fast_fields();
        let numbers = Numbers::read(&fast.u64(NUMBER)?, reader.max_doc())?;
        let alive = reader.doc_ids_alive().map(|doc| numbers.of(doc)).collect();
        let mut text = Vec::with_capacity(N_TEXT_FIELDS);
        for (place, field) in fields.text {
            let lengths = place.has_length().then(|| reader.get_fieldnorms_reader(field));
            text.push(TextIndex {
                place,
                inverted: reader.inverted_index(field)?,
                lengths: lengths.transpose()?,
            });
        }
        let missing = |_| SearchError::new(SearchErrorKind::Rebuild, "the index misses a field");
        Ok(Segment {
            id: reader.segment_id(),
            delete_opstamp: reader.delete_opstamp(),
            alive,
            n_docs: reader.max_doc(),
            text: text.try_into().map_err(missing)?,
            date: fast.i64(DATE)?,
            archived: fast.i64(ARCHIVED)?,
            size: fast.u64(SIZE)?,
            attachment: fast.u64(ATTACHMENT)?,
            message_id: fast.u64(MESSAGE_ID)?,
            numbers,
        })
    }

    /// Whether it has the message, and that is not erased.
    pub(crate) fn has(&self, n: u32) -> bool {
        self.alive.contains(n)
    }

    /// The number of the message that is document `doc` here.
    pub(crate) fn number(&self, doc: u32) -> u32 {
        self.numbers.of(doc)
    }
}

impl Numbers {
    fn read(column: &Column<u64>, n_docs: u32) -> Result<Numbers, SearchError> {
        let numbers: Option<Vec<u32>> =
            (0..n_docs).map(|doc| u32::try_from(column.first(doc)?).ok()).collect();
        let numbers = numbers.ok_or_else(|| {
            SearchError::new(SearchErrorKind::Rebuild, "the index holds a message without number")
        })?;
        let first = numbers.first().copied().unwrap_or(0);
        let in_order = numbers.iter().zip(first..).all(|(it, expected)| *it == expected);
        Ok(if in_order { Numbers::From(first) } else { Numbers::Each(numbers) })
    }

    fn of(&self, doc: u32) -> u32 {
        match self {
            Numbers::From(first) => first.saturating_add(doc),
            Numbers::Each(numbers) => numbers.get(doc as usize).copied().unwrap_or(u32::MAX),
        }
    }
}

/// All segments of one commit.
pub(crate) struct Snapshot {
    pub(crate) position: Position,
    pub(crate) segments: Vec<Arc<Segment>>,
    /// One past the greatest number.
    pub(crate) n_end: u32,
    /// Every message of the index.
    pub(crate) present: MessageSet,
    /// Dates by number.
    dates: Vec<i64>,
}

impl Snapshot {
    /// Reads the segments of a commit; takes over from `before` what has not changed.
    pub(crate) fn open(
        readers: &[SegmentReader],
        fields: &Fields,
        payload: Payload,
        before: Option<&Snapshot>,
    ) -> Result<Snapshot, SearchError> {
        let mut segments = Vec::with_capacity(readers.len());
        for reader in readers {
            let known = before.into_iter().flat_map(|it| &it.segments).find(|it| {
                it.id == reader.segment_id() && it.delete_opstamp == reader.delete_opstamp()
            });
            segments.push(match known {
                Some(segment) => Arc::clone(segment),
                None => Arc::new(Segment::open(reader, fields)?),
            });
        }
        let mut present = MessageSet::default();
        let greatest = segments.iter().filter_map(|it| it.alive.iter().last()).max();
        let n_end = greatest.map_or(0, |it| it.saturating_add(1));
        let mut dates = vec![i64::MIN; n_end as usize];
        for segment in &segments {
            present.unite(&segment.alive);
            for doc in 0..segment.n_docs {
                let slot = dates.get_mut(segment.number(doc) as usize);
                if let (Some(slot), Some(date)) = (slot, segment.date.first(doc)) {
                    *slot = date;
                }
            }
        }
        Ok(Snapshot { position: payload.position, segments, n_end, present, dates })
    }

    /// The date of a message, for ordering.
    pub(crate) fn date(&self, n: u32) -> i64 {
        self.dates.get(n as usize).copied().unwrap_or(i64::MIN)
    }

    /// Number of documents, erased ones included until they are merged away.
    pub(crate) fn n_docs(&self) -> u64 {
        self.segments.iter().map(|it| u64::from(it.n_docs)).sum()
    }
}
