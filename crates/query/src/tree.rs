//! What a query means, as a tree.

use std::collections::BTreeSet;

use types::Timestamp;

use crate::catalog_term::CatalogTerm;
use crate::pattern::Pattern;

/// A parsed query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// Its meaning.
    pub root: Node,
}

impl Query {
    /// The query that finds every message.
    #[must_use]
    pub fn everything() -> Query {
        Query { root: Node::All }
    }

    /// The leaves that only a catalog can answer, each once, in a fixed order. Whoever runs the
    /// query hands in the messages of each.
    #[must_use]
    pub fn catalog_terms(&self) -> Vec<&CatalogTerm> {
        let mut found = BTreeSet::new();
        self.root.visit(&mut |node| {
            if let Node::Catalog(term) = node {
                found.insert(term);
            }
        });
        found.into_iter().collect()
    }
}

/// One node of the tree. Its depth is bounded by [`crate::DEPTH_MAX`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// Every message.
    All,
    /// Messages that all of these find.
    And(Vec<Node>),
    /// Messages that any of these finds.
    Or(Vec<Node>),
    /// Messages that this does not find.
    Not(Box<Node>),
    /// Messages with these words.
    Words(Words),
    /// Messages with a time in this span.
    Time(TimeField, Span),
    /// Messages of more than this many bytes.
    Larger(u64),
    /// Messages of less than this many bytes.
    Smaller(u64),
    /// Messages with at least one attachment.
    HasAttachment,
    /// Messages with this `Message-ID` header, angle brackets taken off.
    MessageIdHeader(String),
    /// What the catalog knows: folders, users, flags, ids.
    Catalog(CatalogTerm),
}

impl Node {
    fn visit<'a>(&'a self, seen: &mut impl FnMut(&'a Node)) {
        seen(self);
        match self {
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|it| it.visit(seen)),
            Node::Not(node) => node.visit(seen),
            _ => (),
        }
    }
}

/// Where to look for words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TextField {
    /// In any of the others.
    Any,
    /// The subject.
    Subject,
    /// The text.
    Body,
    /// From (or Sender): names and addresses.
    From,
    /// To: names and addresses.
    To,
    /// Cc and Bcc: names and addresses.
    Cc,
    /// Names of attachments and other named parts.
    FileName,
    /// Attachments: their names now, their contents once they are extracted.
    Attachment,
}

impl TextField {
    /// Whether it holds addresses.
    #[must_use]
    pub fn is_address(self) -> bool {
        matches!(self, TextField::From | TextField::To | TextField::Cc)
    }

    /// Whether it holds file names.
    #[must_use]
    pub fn is_file_name(self) -> bool {
        matches!(self, TextField::FileName | TextField::Attachment)
    }
}

/// A word or phrase. It stands in one field: a phrase never goes from the subject into the text,
/// or from one address into the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Words {
    /// Where to look.
    pub field: TextField,
    /// Words that follow one another directly. May be empty when one of the others is there.
    pub phrase: Vec<Pattern>,
    /// In address fields this counts *instead of* the phrase: a whole address, or a whole domain
    /// when it begins with `@` ([`crate::whole_address`], [`crate::whole_domain`]).
    pub address: Option<Pattern>,
    /// In file name fields this counts *beside* the phrase ([`crate::whole_file_name`]).
    pub file_name: Option<Pattern>,
}

/// Which time of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TimeField {
    /// Its own date.
    Date,
    /// When it was archived.
    Archived,
}

/// A span of time; a missing end is open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span {
    /// The first moment of it.
    pub from: Option<Timestamp>,
    /// The first moment after it.
    pub until: Option<Timestamp>,
}

impl Span {
    /// Whether `at` is in it.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}
