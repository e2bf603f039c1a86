//! One index held against another one: word by word, with the places of each, and value by value.
//!
//! Memory is bounded by the number of messages: the largest thing kept is who has one word.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use tantivy::postings::Postings;
use tantivy::schema::IndexRecordOption;
use tantivy::termdict::TermStreamer;
use tantivy::{DocSet, TERMINATED};
use types::MessageSet;

use crate::error::SearchError;
use crate::layout::N_TEXT_FIELDS;
use crate::searcher::Searcher;
use crate::snapshot::{Segment, Snapshot, TextIndex};

/// Messages of which one field is not the same in two indexes.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldDiffers {
    /// `subject`, `body`, `from`, `to`, `cc`, `filename`, or `values` for dates and sizes.
    pub field: &'static str,
    /// The messages.
    pub messages: MessageSet,
}

/// A message, and a hash over what it has: with a key that nobody knows, so that nobody makes
/// another one with the same hash.
type Said = (u32, u64);

impl Searcher {
    /// The fields in which this index differs from `right`, apart from messages of `leave_out`.
    /// Takes about as long as reading both.
    pub fn differing(
        &self,
        right: &Searcher,
        leave_out: &MessageSet,
    ) -> Result<Vec<FieldDiffers>, SearchError> {
        let (here, right) = (self.snapshot(), right.snapshot());
        let key = RandomState::new();
        let mut found = Vec::new();
        for at in 0..N_TEXT_FIELDS {
            let mut here = Words::open(&here, at, &key, leave_out)?;
            let mut right = Words::open(&right, at, &key, leave_out)?;
            let messages = differing_words(&mut here, &mut right)?;
            found.extend(field_of(here.field, messages));
        }
        let mut messages = MessageSet::default();
        let [here, right] = [&here, &right].map(|it| values(it, &key, leave_out));
        each_difference(&here, &right, |n| messages.insert(n));
        found.extend(field_of("values", messages));
        Ok(found)
    }
}

fn field_of(field: &'static str, messages: MessageSet) -> Option<FieldDiffers> {
    (!messages.is_empty()).then_some(FieldDiffers { field, messages })
}

/// The words of one field over all segments, in the order of the alphabet.
struct Words<'a> {
    field: &'static str,
    sides: Vec<Side<'a>>,
    key: &'a RandomState,
    leave_out: &'a MessageSet,
    /// The word that was read last, and who has it; `None` behind the last one.
    word: Option<Vec<u8>>,
    said: Vec<Said>,
}

/// The words of one segment.
struct Side<'a> {
    segment: &'a Segment,
    text: &'a TextIndex,
    stream: TermStreamer<'a>,
    has_word: bool,
}

impl<'a> Words<'a> {
    fn open(
        snapshot: &'a Snapshot,
        at: usize,
        key: &'a RandomState,
        leave_out: &'a MessageSet,
    ) -> Result<Words<'a>, SearchError> {
        let mut words =
            Words { field: "", sides: Vec::new(), key, leave_out, word: None, said: Vec::new() };
        for segment in &snapshot.segments {
            let Some(text) = segment.text.get(at) else { continue };
            words.field = text.place.name();
            let mut stream = text.inverted.terms().stream()?;
            let has_word = stream.advance();
            words.sides.push(Side { segment, text, stream, has_word });
        }
        words.advance()?;
        Ok(words)
    }

    /// Goes on to the next word that a message has which counts.
    fn advance(&mut self) -> Result<(), SearchError> {
        self.said.clear();
        while self.said.is_empty() {
            let with_word = self.sides.iter().filter(|it| it.has_word);
            self.word = with_word.map(|it| it.stream.key()).min().map(<[u8]>::to_vec);
            let Some(word) = &self.word else { return Ok(()) };
            for side in &mut self.sides {
                if side.has_word && side.stream.key() == word.as_slice() {
                    side.read(self.key, self.leave_out, &mut self.said)?;
                    side.has_word = side.stream.advance();
                }
            }
        }
        self.said.sort_unstable();
        Ok(())
    }
}

impl Side<'_> {
    /// Adds who has the word, and a hash over where.
    fn read(
        &self,
        key: &RandomState,
        leave_out: &MessageSet,
        said: &mut Vec<Said>,
    ) -> Result<(), SearchError> {
        let option = IndexRecordOption::WithFreqsAndPositions;
        let info = self.stream.value();
        let mut postings = self.text.inverted.read_postings_from_terminfo(info, option)?;
        let mut places = Vec::new();
        let mut doc = postings.doc();
        while doc != TERMINATED {
            let n = self.segment.number(doc);
            if self.segment.has(n) && !leave_out.contains(n) {
                postings.positions(&mut places);
                let mut hasher = key.build_hasher();
                places.iter().for_each(|it| hasher.write_u32(*it));
                said.push((n, hasher.finish()));
            }
            doc = postings.advance();
        }
        Ok(())
    }
}

/// The messages of which one index has a word, or a place of it, that the other has not.
fn differing_words(here: &mut Words<'_>, right: &mut Words<'_>) -> Result<MessageSet, SearchError> {
    let mut messages = MessageSet::default();
    loop {
        let (only_here, only_right) = match (&here.word, &right.word) {
            (None, None) => return Ok(messages),
            (Some(one), Some(other)) => (one < other, other < one),
            (one, _) => (one.is_some(), one.is_none()),
        };
        let none = Vec::new();
        let of_here = if only_right { &none } else { &here.said };
        let of_right = if only_here { &none } else { &right.said };
        each_difference(of_here, of_right, |n| messages.insert(n));
        if !only_right {
            here.advance()?;
        }
        if !only_here {
            right.advance()?;
        }
    }
}

/// Calls `differs` with each message that is not in both with the same hash. Both are sorted.
fn each_difference(one: &[Said], other: &[Said], mut differs: impl FnMut(u32)) {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    loop {
        let next = match (one.peek(), other.peek()) {
            (None, None) => return,
            (Some(a), Some(b)) if a == b => None,
            (Some(a), Some(b)) => Some(a.0.min(b.0)),
            (a, b) => a.or(b).map(|it| it.0),
        };
        let Some(n) = next else {
            one.next();
            other.next();
            continue;
        };
        differs(n);
        while one.next_if(|it| it.0 == n).is_some() {}
        while other.next_if(|it| it.0 == n).is_some() {}
    }
}

/// What each message has beside words: dates, sizes, lengths of fields.
fn values(snapshot: &Snapshot, key: &RandomState, leave_out: &MessageSet) -> Vec<Said> {
    let mut said = Vec::new();
    for segment in &snapshot.segments {
        for doc in 0..segment.n_docs {
            let n = segment.number(doc);
            if !segment.has(n) || leave_out.contains(n) {
                continue;
            }
            let mut hasher = key.build_hasher();
            for time in [&segment.date, &segment.archived] {
                hasher.write_i64(time.first(doc).unwrap_or(i64::MIN));
            }
            for number in [&segment.size, &segment.attachment, &segment.message_id] {
                hasher.write_u64(number.first(doc).unwrap_or(u64::MAX));
            }
            for text in &segment.text {
                hasher.write_u8(text.lengths.as_ref().map_or(0, |it| it.fieldnorm_id(doc)));
            }
            said.push((n, hasher.finish()));
        }
    }
    said.sort_unstable();
    said
}
