//! What a query certainly finds, and what it may find: for those who must not guess.
//!
//! Of some messages not every word was read (cut off, damaged, encrypted), and the contents of
//! attachments are not searched yet. Who removes mail by a query asks what it certainly finds; who
//! must keep mail asks what it may find. Rule: both are queries like any other, so that every leaf
//! means the same there; a `NOT` exchanges them.

use types::Timestamp;

use crate::catalog_term::CatalogTerm;
use crate::error::QueryError;
use crate::parse::parse;
use crate::tree::{Node, Query, TextField};

/// Two days that no distance from today has in common.
const SOME_DAY: Timestamp = Timestamp(981_158_400);
const OTHER_DAY: Timestamp = Timestamp(1_382_356_800);

/// A query as its two bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Finds what the query finds for certain.
    pub certain: Query,
    /// Finds, beside these, what the query may find.
    pub possible: Query,
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Certain,
    Possible,
}

impl Query {
    /// What this query certainly finds, and what it may find.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        let bound = |bound| Query { root: bounded(&self.root, bound) };
        Bounds { certain: bound(Bound::Certain), possible: bound(Bound::Possible) }
    }
}

/// Whether a query means something else another day (`7d`, `today`).
///
/// Fails as [`parse`] does.
pub fn is_relative(text: &str) -> Result<bool, Box<QueryError>> {
    Ok(parse(text, SOME_DAY)? != parse(text, OTHER_DAY)?)
}

fn bounded(node: &Node, bound: Bound) -> Node {
    let all = |nodes: &[Node]| nodes.iter().map(|it| bounded(it, bound)).collect();
    match node {
        Node::And(nodes) => Node::And(all(nodes)),
        Node::Or(nodes) => Node::Or(all(nodes)),
        Node::Not(inner) => Node::Not(Box::new(bounded(
            inner,
            match bound {
                Bound::Certain => Bound::Possible,
                Bound::Possible => Bound::Certain,
            },
        ))),
        Node::Words(words) if bound == Bound::Possible => {
            let partly_read = Node::Catalog(CatalogTerm::PartlyRead);
            // What is in an attachment was not read; only these two fields promise to look there.
            let looks_inside = matches!(words.field, TextField::Any | TextField::Attachment);
            let unread = looks_inside.then_some(Node::HasAttachment);
            Node::Or([node.clone(), partly_read].into_iter().chain(unread).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_queries() {
        let cases = [
            ("", false),
            ("from:bob invoice", false),
            ("before:2020-01-01", false),
            ("date:2026-01..2026-03", false),
            ("before:1y", true),
            ("-date:7d", true),
            ("archived:today", true),
            ("7d", false),
        ];
        for (text, want) in cases {
            assert_eq!(is_relative(text).unwrap(), want, "{text}");
        }
        assert!(is_relative("(").is_err());
    }
}
