//! What the index holds, field by field, and what a commit says about itself.
//!
//! The format has a version. It stands in the schema (in the names of the tokenizers, because a
//! change of how text is cut changes every posting) and in the payload of each commit. An index
//! with another schema or payload is not read but made anew from the log.

use tantivy::Index;
use tantivy::schema::{FAST, Field, IndexRecordOption, NumericOptions, Schema, SchemaBuilder};
use tantivy::schema::{TextFieldIndexing, TextOptions};
use tantivy::tokenizer::TextAnalyzer;
use types::{Hash, Position};

use crate::error::{SearchError, SearchErrorKind};
use crate::tokens::{AddressTokenizer, FileNameTokenizer, WordTokenizer};

/// Counts up with every change of schema, folding or cutting of words.
const FORMAT_VERSION: u32 = 1;

const TEXT_TOKENIZER: &str = "posthold.text.1";
const ADDRESS_TOKENIZER: &str = "posthold.address.1";
const FILE_NAME_TOKENIZER: &str = "posthold.filename.1";

/// Number of fields that hold words.
pub(crate) const N_TEXT_FIELDS: usize = 6;

/// The fields that hold words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TextPlace {
    Subject,
    Body,
    From,
    To,
    Cc,
    FileName,
}

impl TextPlace {
    pub(crate) const ALL: [TextPlace; N_TEXT_FIELDS] = [
        TextPlace::Subject,
        TextPlace::Body,
        TextPlace::From,
        TextPlace::To,
        TextPlace::Cc,
        TextPlace::FileName,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            TextPlace::Subject => "subject",
            TextPlace::Body => "body",
            TextPlace::From => "from",
            TextPlace::To => "to",
            TextPlace::Cc => "cc",
            TextPlace::FileName => "filename",
        }
    }

    fn tokenizer(self) -> &'static str {
        match self {
            TextPlace::Subject | TextPlace::Body => TEXT_TOKENIZER,
            TextPlace::From | TextPlace::To | TextPlace::Cc => ADDRESS_TOKENIZER,
            TextPlace::FileName => FILE_NAME_TOKENIZER,
        }
    }

    /// Whether the length of the field matters for relevance. Of addresses and names it does
    /// not, and leaving it out saves a byte per message and field.
    pub(crate) fn has_length(self) -> bool {
        matches!(self, TextPlace::Subject | TextPlace::Body)
    }

    /// How much more a match here says than one in the body.
    pub(crate) fn boost(self) -> f32 {
        match self {
            TextPlace::Subject => 3.0,
            TextPlace::From => 2.0,
            TextPlace::FileName => 1.5,
            TextPlace::Body | TextPlace::To => 1.0,
            TextPlace::Cc => 0.7,
        }
    }
}

/// The dense number of the message, which is what the rest of Posthold knows it by.
pub(crate) const NUMBER: &str = "n";
/// Its date, in seconds.
pub(crate) const DATE: &str = "date";
/// When it was archived, in seconds.
pub(crate) const ARCHIVED: &str = "archived";
/// Number of its bytes.
pub(crate) const SIZE: &str = "size";
/// 1 when it has an attachment.
pub(crate) const ATTACHMENT: &str = "attachment";
/// [`message_id_number`] of its `Message-ID` header.
pub(crate) const MESSAGE_ID: &str = "message_id";

/// Handles of the fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub(crate) text: [(TextPlace, Field); N_TEXT_FIELDS],
    pub(crate) number: Field,
    pub(crate) date: Field,
    pub(crate) archived: Field,
    pub(crate) size: Field,
    pub(crate) attachment: Field,
    pub(crate) message_id: Field,
}

impl Fields {
    /// The schema of this format.
    pub(crate) fn schema() -> (Schema, Fields) {
        let mut builder = SchemaBuilder::default();
        let text = TextPlace::ALL.map(|place| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(place.tokenizer())
                .set_index_option(IndexRecordOption::WithFreqsAndPositions)
                .set_fieldnorms(place.has_length());
            let options = TextOptions::default().set_indexing_options(indexing);
            (place, builder.add_text_field(place.name(), options))
        });
        let fast: NumericOptions = FAST.into();
        let fields = Fields {
            text,
            number: builder.add_u64_field(NUMBER, fast.clone()),
            date: builder.add_i64_field(DATE, fast.clone()),
            archived: builder.add_i64_field(ARCHIVED, fast.clone()),
            size: builder.add_u64_field(SIZE, fast.clone()),
            attachment: builder.add_u64_field(ATTACHMENT, fast.clone()),
            message_id: builder.add_u64_field(MESSAGE_ID, fast),
        };
        (builder.build(), fields)
    }

    pub(crate) fn of(&self, place: TextPlace) -> Field {
        let found = self.text.iter().find(|(it, _)| *it == place);
        found.map_or(self.number, |(_, field)| *field)
    }
}

/// Makes the index able to cut text, and checks that it is of this format.
pub(crate) fn prepare(index: &Index) -> Result<Fields, SearchError> {
    let (schema, fields) = Fields::schema();
    if index.schema() != schema {
        return Err(SearchError::new(SearchErrorKind::Rebuild, "the index is of another format"));
    }
    let tokenizers = index.tokenizers();
    let word = TextAnalyzer::builder(WordTokenizer).build();
    tokenizers.register(TEXT_TOKENIZER, word);
    tokenizers.register(ADDRESS_TOKENIZER, TextAnalyzer::builder(AddressTokenizer).build());
    tokenizers.register(FILE_NAME_TOKENIZER, TextAnalyzer::builder(FileNameTokenizer).build());
    Ok(fields)
}

/// The number by which a `Message-ID` header is found: 48 bits of its hash, because whole ids
/// would be 4 % of the index and are only ever looked up whole. 0 for none.
pub(crate) fn message_id_number(header: &str) -> u64 {
    let id = header.trim().trim_start_matches('<').trim_end_matches('>').to_lowercase();
    if id.is_empty() {
        return 0;
    }
    let [a, b, c, d, e, f, ..] = Hash::of(id.as_bytes()).0;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

/// What a commit says: how far the log was read, and how many message numbers are behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Payload {
    pub(crate) position: Position,
    /// One past the greatest number added.
    pub(crate) n_end: u32,
}

impl Payload {
    pub(crate) fn encode(&self) -> String {
        let Position { entries, root } = self.position;
        format!("posthold-index {FORMAT_VERSION} {entries} {root} {}", self.n_end)
    }

    /// Reads the payload of the newest commit; an index without a commit is empty.
    pub(crate) fn of(index: &Index) -> Result<Payload, SearchError> {
        let Some(text) = index.load_metas()?.payload else {
            return Ok(Payload::default());
        };
        Payload::decode(&text).ok_or_else(|| {
            let what = format!("the index does not say how far it has read: {text:.80}");
            SearchError::new(SearchErrorKind::Rebuild, what)
        })
    }

    fn decode(text: &str) -> Option<Payload> {
        let mut words = text.split(' ');
        let is_ours = words.next()? == "posthold-index";
        let version: u32 = words.next()?.parse().ok()?;
        let entries = words.next()?.parse().ok()?;
        // A root is written like the id of a blob.
        let root: types::BlobId = words.next()?.parse().ok()?;
        let n_end = words.next()?.parse().ok()?;
        let fits = is_ours && version == FORMAT_VERSION && words.next().is_none();
        fits.then_some(Payload { position: Position { entries, root: Hash(root.0) }, n_end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_round_trip() {
        let position = Position { entries: 7, root: Hash::of(b"x") };
        let payload = Payload { position, n_end: 3 };
        assert_eq!(Payload::decode(&payload.encode()), Some(payload));
        for wrong in ["", "posthold-index 1", "posthold-index 2 0 00 0", "other 1 0 0 0"] {
            assert_eq!(Payload::decode(wrong), None, "{wrong}");
        }
        assert_eq!(Payload::decode(&(payload.encode() + " x")), None);
    }

    #[test]
    fn message_ids_are_one_however_they_are_written() {
        let number = message_id_number("<X1@Example.org>");
        assert_eq!(number, message_id_number("x1@example.org "));
        assert_ne!(number, message_id_number("x2@example.org"));
        assert_eq!(message_id_number(" <> "), 0);
    }
}
