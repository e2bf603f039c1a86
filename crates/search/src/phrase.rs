//! Finds words that follow one another directly, wildcards among them included.

use tantivy::postings::{Postings, SegmentPostings, TermInfo};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, InvertedIndexReader, TERMINATED};

use crate::error::SearchError;

/// One place of the phrase: the dictionary entries that may stand there.
pub(crate) type Place = Vec<TermInfo>;

/// Calls `found` with every document that has the phrase, ascending, and how often it has it.
pub(crate) fn find(
    inverted: &InvertedIndexReader,
    places: &[Place],
    mut found: impl FnMut(u32, u32),
) -> Result<(), SearchError> {
    let mut docs = Candidates::All;
    let mut order: Vec<(usize, &Place)> = places.iter().enumerate().collect();
    order.sort_by_key(|(_, place)| frequency(place));
    for (_, place) in &order {
        docs = docs.narrow(inverted, place)?;
    }
    let Candidates::These(docs) = docs else { return Ok(()) };
    let mut readers = Vec::with_capacity(order.len());
    for (at, place) in order {
        let offset = u32::try_from(places.len() - at).unwrap_or(u32::MAX);
        readers.push(PlaceReader::open(inverted, place, offset, &docs)?);
    }
    let (mut common, mut next) = (Vec::new(), Vec::new());
    for (doc_idx, doc) in docs.iter().enumerate() {
        let Some((first, others)) = readers.split_first_mut() else { break };
        first.ends(doc_idx, *doc, &mut common);
        for reader in others {
            if common.is_empty() {
                break;
            }
            reader.ends(doc_idx, *doc, &mut next);
            keep_common(&mut common, &next);
        }
        if let Ok(count @ 1..) = u32::try_from(common.len()) {
            found(*doc, count);
        }
    }
    Ok(())
}

fn frequency(place: &Place) -> u64 {
    place.iter().map(|it| u64::from(it.doc_freq)).sum()
}

/// Documents that have a word at each place looked at so far, ascending.
enum Candidates {
    All,
    These(Vec<u32>),
}

impl Candidates {
    fn narrow(
        self,
        inverted: &InvertedIndexReader,
        place: &Place,
    ) -> Result<Candidates, SearchError> {
        let kept = match (self, place.as_slice()) {
            (Candidates::All, [term]) => all_docs(inverted, term)?,
            (Candidates::All, terms) => {
                let mut docs = Vec::new();
                for term in terms {
                    docs.append(&mut all_docs(inverted, term)?);
                }
                docs.sort_unstable();
                docs.dedup();
                docs
            }
            (Candidates::These(docs), [term]) => {
                let mut postings = open(inverted, term, IndexRecordOption::Basic)?;
                docs.into_iter().filter(|doc| has_doc(&mut postings, *doc)).collect()
            }
            (Candidates::These(docs), terms) => {
                let mut seen = vec![false; docs.len()];
                for term in terms {
                    let mut postings = open(inverted, term, IndexRecordOption::Basic)?;
                    each_common(&docs, &mut postings, |doc_idx, _| {
                        if let Some(seen) = seen.get_mut(doc_idx) {
                            *seen = true;
                        }
                    });
                }
                let with_seen = docs.into_iter().zip(seen);
                with_seen.filter_map(|(doc, seen)| seen.then_some(doc)).collect()
            }
        };
        Ok(Candidates::These(kept))
    }
}

fn open(
    inverted: &InvertedIndexReader,
    term: &TermInfo,
    option: IndexRecordOption,
) -> Result<SegmentPostings, SearchError> {
    Ok(inverted.read_postings_from_terminfo(term, option)?)
}

fn all_docs(inverted: &InvertedIndexReader, term: &TermInfo) -> Result<Vec<u32>, SearchError> {
    let mut block = inverted.read_block_postings_from_terminfo(term, IndexRecordOption::Basic)?;
    let mut docs = Vec::with_capacity(term.doc_freq as usize);
    while !block.docs().is_empty() {
        docs.extend_from_slice(block.docs());
        block.advance();
    }
    Ok(docs)
}

/// Moves `postings` to `doc` and says whether it has it. `doc` must not be before where it is.
fn has_doc(postings: &mut SegmentPostings, doc: u32) -> bool {
    let at = postings.doc();
    let at = if at < doc { postings.seek(doc) } else { at };
    at == doc
}

/// Calls `seen` for every document of both, with its index in `docs`.
fn each_common(
    docs: &[u32],
    postings: &mut SegmentPostings,
    mut seen: impl FnMut(usize, &mut SegmentPostings),
) {
    let mut doc_idx = 0;
    while let Some(doc) = docs.get(doc_idx).copied() {
        let at = if postings.doc() < doc { postings.seek(doc) } else { postings.doc() };
        if at == TERMINATED {
            return;
        }
        if at == doc {
            seen(doc_idx, postings);
            doc_idx += 1;
        } else {
            let after = docs.get(doc_idx..).unwrap_or_default();
            doc_idx += after.partition_point(|it| *it < at);
        }
    }
}

/// Gives the positions of one place of the phrase, document by document, counted so that the
/// words of one phrase all give the same number.
enum PlaceReader {
    One {
        postings: Box<SegmentPostings>,
        offset: u32,
    },
    /// By index of the candidate document.
    Many(Vec<Vec<u32>>),
}

impl PlaceReader {
    fn open(
        inverted: &InvertedIndexReader,
        place: &Place,
        offset: u32,
        docs: &[u32],
    ) -> Result<PlaceReader, SearchError> {
        let option = IndexRecordOption::WithFreqsAndPositions;
        if let [term] = place.as_slice() {
            let postings = Box::new(open(inverted, term, option)?);
            return Ok(PlaceReader::One { postings, offset });
        }
        let mut ends: Vec<Vec<u32>> = vec![Vec::new(); docs.len()];
        for term in place {
            let mut postings = open(inverted, term, option)?;
            each_common(docs, &mut postings, |doc_idx, postings| {
                if let Some(ends) = ends.get_mut(doc_idx) {
                    postings.append_positions_with_offset(offset, ends);
                }
            });
        }
        for ends in &mut ends {
            ends.sort_unstable();
            ends.dedup();
        }
        Ok(PlaceReader::Many(ends))
    }

    fn ends(&mut self, doc_idx: usize, doc: u32, ends: &mut Vec<u32>) {
        match self {
            PlaceReader::One { postings, offset } => match has_doc(postings, doc) {
                true => postings.positions_with_offset(*offset, ends),
                false => ends.clear(),
            },
            PlaceReader::Many(by_doc) => {
                *ends = by_doc.get_mut(doc_idx).map(std::mem::take).unwrap_or_default();
            }
        }
    }
}

/// Keeps in `common` what is also in `other`; both ascend.
fn keep_common(common: &mut Vec<u32>, other: &[u32]) {
    let mut rest = other.iter().copied().peekable();
    common.retain(|it| {
        while rest.next_if(|other| other < it).is_some() {}
        rest.peek() == Some(it)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_numbers() {
        let cases: [(&[u32], &[u32], &[u32]); 4] = [
            (&[1, 3, 5], &[2, 3, 4, 5, 9], &[3, 5]),
            (&[], &[1], &[]),
            (&[1], &[], &[]),
            (&[7], &[7], &[7]),
        ];
        for (common, other, want) in cases {
            let mut common = common.to_vec();
            keep_common(&mut common, other);
            assert_eq!(common, want);
        }
    }
}
