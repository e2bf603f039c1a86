//! Runs the tree of a query over one commit of the index.
//!
//! Every node gives a set of message numbers; AND, OR and NOT are operations on sets, and the
//! catalog's answers are leaves like all others. So a count is exact and costs nothing more.

use query::{CatalogTerm, Node, Span, TextField, TimeField, Words};
use tantivy::columnar::Column;
use tantivy::postings::TermInfo;
use tantivy::schema::IndexRecordOption;
use types::MessageSet;

use crate::Resolved;
use crate::error::{SearchError, SearchErrorKind};
use crate::gather::Gather;
use crate::layout::{TextPlace, message_id_number};
use crate::lookup::{self, Form};
use crate::phrase;
use crate::rank::{Scores, Weight};
use crate::snapshot::{Segment, Snapshot, TextIndex};

/// One run of a query.
pub(crate) struct Evaluation<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) resolved: &'a Resolved,
    /// Where to count points, when the order asks for them.
    pub(crate) scores: Option<Scores>,
}

/// Whether the words below a node speak for a message or against it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    Wanted,
    Excluded,
}

impl Evaluation<'_> {
    /// The messages that the whole query finds.
    pub(crate) fn run(&mut self, root: &Node) -> Result<MessageSet, SearchError> {
        let mut found = self.node(root, Sense::Wanted)?;
        found.intersect(&self.snapshot.present);
        Ok(found)
    }

    fn node(&mut self, node: &Node, sense: Sense) -> Result<MessageSet, SearchError> {
        Ok(match node {
            Node::All => self.snapshot.present.clone(),
            Node::And(nodes) => self.all_of(nodes, sense)?,
            Node::Or(nodes) => {
                let mut found = MessageSet::default();
                for node in nodes {
                    found.unite(&self.node(node, sense)?);
                }
                found
            }
            Node::Not(node) => {
                let mut found = self.snapshot.present.clone();
                found.subtract(&self.node(node, Sense::Excluded)?);
                found
            }
            Node::Words(words) => self.words(words, sense)?,
            Node::Time(field, span) => self.time(*field, span),
            Node::Larger(size) => self.size_between(size.saturating_add(1), u64::MAX),
            Node::Smaller(0) => MessageSet::default(),
            Node::Smaller(size) => self.size_between(0, *size - 1),
            Node::HasAttachment => self.docs_where(|it| &it.attachment, 1, u64::MAX),
            Node::MessageIdHeader(id) => {
                let number = message_id_number(id);
                self.docs_where(|it| &it.message_id, number, number)
            }
            Node::Catalog(term) => self.resolved(term)?.clone(),
        })
    }

    /// What is excluded is taken off at the end, so that it never needs all other messages.
    fn all_of(&mut self, nodes: &[Node], sense: Sense) -> Result<MessageSet, SearchError> {
        let mut found: Option<MessageSet> = None;
        for node in nodes.iter().filter(|it| !matches!(it, Node::Not(_))) {
            let these = self.node(node, sense)?;
            match &mut found {
                Some(found) => found.intersect(&these),
                None => found = Some(these),
            }
        }
        let mut found = found.unwrap_or_else(|| self.snapshot.present.clone());
        for node in nodes {
            if let Node::Not(node) = node {
                found.subtract(&self.node(node, Sense::Excluded)?);
            }
        }
        Ok(found)
    }

    fn resolved(&self, term: &CatalogTerm) -> Result<&MessageSet, SearchError> {
        self.resolved.get(term).ok_or_else(|| {
            let what = format!("the query asks for what was not looked up: {term:?}");
            SearchError::new(SearchErrorKind::Unresolved, what)
        })
    }

    fn time(&self, field: TimeField, span: &Span) -> MessageSet {
        let from = span.from.map_or(i64::MIN, |it| it.0);
        let Some(last) = span.until.map_or(Some(i64::MAX), |it| it.0.checked_sub(1)) else {
            return MessageSet::default();
        };
        match field {
            TimeField::Date => self.docs_where(|it| &it.date, from, last),
            TimeField::Archived => self.docs_where(|it| &it.archived, from, last),
        }
    }

    fn size_between(&self, least: u64, most: u64) -> MessageSet {
        self.docs_where(|it| &it.size, least, most)
    }

    /// The messages whose value in a column is between `least` and `most`, both included.
    fn docs_where<T>(
        &self,
        column: impl Fn(&Segment) -> &Column<T>,
        least: T,
        most: T,
    ) -> MessageSet
    where
        T: PartialOrd + Copy + std::fmt::Debug + Send + Sync + 'static,
    {
        let mut gather = Gather::new(self.snapshot.n_end);
        let mut docs = Vec::new();
        for segment in &self.snapshot.segments {
            let column = column(segment);
            // Tantivy 0.27 takes a range below the smallest value for that value.
            if most < column.min_value() || column.max_value() < least {
                continue;
            }
            docs.clear();
            column.get_docids_for_value_range(least..=most, 0..segment.n_docs, &mut docs);
            docs.iter().for_each(|doc| gather.add(segment.number(*doc)));
        }
        gather.into_set()
    }

    fn words(&mut self, words: &Words, sense: Sense) -> Result<MessageSet, SearchError> {
        let mut gather = Gather::new(self.snapshot.n_end);
        for (place_idx, place) in TextPlace::ALL.into_iter().enumerate() {
            if !is_in(words.field, place) {
                continue;
            }
            for asked in asked_in(words, place) {
                let found = self.look_up(place_idx, &asked)?;
                let points = self.weight(place, &asked, &found);
                let scores = self.scores.as_mut().filter(|_| sense == Sense::Wanted);
                let mut sink = Sink { gather: &mut gather, scores, points };
                for (segment, places) in self.snapshot.segments.iter().zip(found) {
                    let text = segment.text.get(place_idx);
                    text.map_or(Ok(()), |text| sink.take(segment, text, &places))?;
                }
            }
        }
        Ok(gather.into_set())
    }

    /// The dictionary entries for each place of the phrase, segment by segment.
    fn look_up(
        &self,
        place_idx: usize,
        asked: &Asked<'_>,
    ) -> Result<Vec<Vec<phrase::Place>>, SearchError> {
        let texts = self.snapshot.segments.iter().filter_map(|it| it.text.get(place_idx));
        texts
            .map(|text| {
                let places = asked.patterns.iter();
                places.map(|it| lookup::terms(&text.inverted, it, asked.form)).collect()
            })
            .collect()
    }

    fn weight(&self, place: TextPlace, asked: &Asked<'_>, found: &[Vec<phrase::Place>]) -> Weight {
        let has_wildcard = asked.patterns.iter().any(|it| matches!(it, query::Pattern::Glob(_)));
        if has_wildcard || self.scores.is_none() {
            return Weight::flat(place);
        }
        // A phrase is at most as frequent as its rarest word.
        let n_having = (0..asked.patterns.len()).map(|at| {
            let terms = found.iter().filter_map(|it| it.get(at)).flatten();
            terms.map(|it: &TermInfo| u64::from(it.doc_freq)).sum::<u64>()
        });
        Weight::new(self.snapshot, place, n_having.min().unwrap_or(0))
    }
}

/// Patterns that must follow one another in a field.
struct Asked<'a> {
    patterns: &'a [query::Pattern],
    form: Form,
}

/// What a leaf asks of one field (`query::Words` says which form counts where).
fn asked_in(words: &Words, place: TextPlace) -> Vec<Asked<'_>> {
    let holds_addresses = matches!(place, TextPlace::From | TextPlace::To | TextPlace::Cc);
    let phrase = Asked { patterns: &words.phrase, form: Form::Word };
    let whole = |pattern| Asked { patterns: std::slice::from_ref(pattern), form: Form::Whole };
    let mut asked = match &words.address {
        Some(address) if holds_addresses => vec![whole(address)],
        _ => vec![phrase],
    };
    if place == TextPlace::FileName {
        asked.extend(words.file_name.as_ref().map(whole));
    }
    asked.retain(|it| !it.patterns.is_empty());
    asked
}

fn is_in(field: TextField, place: TextPlace) -> bool {
    match field {
        TextField::Any => true,
        TextField::Subject => place == TextPlace::Subject,
        TextField::Body => place == TextPlace::Body,
        TextField::From => place == TextPlace::From,
        TextField::To => place == TextPlace::To,
        TextField::Cc => place == TextPlace::Cc,
        // Of attachments only the names are indexed so far.
        TextField::FileName | TextField::Attachment => place == TextPlace::FileName,
    }
}

/// Takes in the documents of one leaf, with their points.
struct Sink<'a> {
    gather: &'a mut Gather,
    scores: Option<&'a mut Scores>,
    points: Weight,
}

impl Sink<'_> {
    fn take(
        &mut self,
        segment: &Segment,
        text: &TextIndex,
        places: &[phrase::Place],
    ) -> Result<(), SearchError> {
        match places {
            [terms] => terms.iter().try_for_each(|term| self.take_term(segment, text, term)),
            _ if places.iter().any(Vec::is_empty) => Ok(()),
            _ => phrase::find(&text.inverted, places, |doc, count| {
                self.take_doc(segment, text, doc, count);
            }),
        }
    }

    fn take_term(
        &mut self,
        segment: &Segment,
        text: &TextIndex,
        term: &TermInfo,
    ) -> Result<(), SearchError> {
        let option = match self.scores {
            Some(_) => IndexRecordOption::WithFreqs,
            None => IndexRecordOption::Basic,
        };
        let mut block = text.inverted.read_block_postings_from_terminfo(term, option)?;
        while !block.docs().is_empty() {
            if self.scores.is_none() {
                block.docs().iter().for_each(|doc| self.gather.add(segment.number(*doc)));
            } else {
                for (doc, count) in block.docs().iter().zip(block.freqs()) {
                    self.take_doc(segment, text, *doc, *count);
                }
            }
            block.advance();
        }
        Ok(())
    }

    fn take_doc(&mut self, segment: &Segment, text: &TextIndex, doc: u32, count: u32) {
        let n = segment.number(doc);
        self.gather.add(n);
        if let Some(scores) = &mut self.scores {
            let length = text.lengths.as_ref().map(|it| it.fieldnorm(doc));
            scores.add(n, self.points.points(count, length));
        }
    }
}
