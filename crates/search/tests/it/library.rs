//! Messages to search, and an index over them in a temporary directory.

use message::{Message, Part};
use ports::{Index, IndexDoc};
use query::Query;
use search::{Indexer, Order, Resolved, Scope, SearchError, SearchOptions, Searcher};
use tempfile::TempDir;
use types::{Address, BlobId, Hash, MessageSet, Position, Timestamp};

/// 2026-11-21T18:01:40Z
pub(crate) const NOW: Timestamp = Timestamp(1_795_284_100);

/// What the index is told of a message, in a form that is easy to write.
#[derive(Clone, Debug, Default)]
pub(crate) struct Letter {
    pub(crate) message: Message,
    pub(crate) size: u64,
    pub(crate) date: Timestamp,
    pub(crate) archived: Timestamp,
}

impl Letter {
    /// `from` and others: `Name <address>`, several separated by `;`.
    pub(crate) fn new(from: &str, subject: &str, text: &str) -> Letter {
        let message = Message {
            from: addresses(from),
            subject: subject.into(),
            text: text.into(),
            ..Message::default()
        };
        Letter { message, size: 1000, ..Letter::default() }
    }

    pub(crate) fn to(mut self, to: &str) -> Letter {
        self.message.to = addresses(to);
        self
    }

    pub(crate) fn cc(mut self, cc: &str, bcc: &str) -> Letter {
        (self.message.cc, self.message.bcc) = (addresses(cc), addresses(bcc));
        self
    }

    pub(crate) fn attached(mut self, name: &str) -> Letter {
        let part = Part { name: name.into(), attachment: true, ..Part::default() };
        self.message.parts.push(part);
        self
    }

    pub(crate) fn id(mut self, id: &str) -> Letter {
        self.message.message_id_header = id.into();
        self
    }

    pub(crate) fn sized(mut self, size: u64) -> Letter {
        self.size = size;
        self
    }

    /// Days before [`NOW`].
    pub(crate) fn dated(mut self, days: i64, archived_days: i64) -> Letter {
        (self.date, self.archived) = (NOW.plus_days(-days), NOW.plus_days(-archived_days));
        self
    }

    pub(crate) fn doc(&self, n: u32) -> IndexDoc {
        IndexDoc {
            n,
            blob: BlobId::default(),
            size: self.size,
            date: self.date,
            archived: self.archived,
            message: Box::new(self.message.clone()),
        }
    }
}

fn addresses(text: &str) -> Vec<Address> {
    let one = |text: &str| match text.split_once('<') {
        Some((name, addr)) => {
            Address { name: name.trim().into(), addr: addr.trim_end_matches('>').into() }
        }
        None => Address::bare(text),
    };
    text.split(';').filter(|it| !it.is_empty()).map(one).collect()
}

/// A position of a log, told apart by its size.
pub(crate) fn position(entries: u64) -> Position {
    Position { entries, root: Hash::of(&entries.to_be_bytes()) }
}

/// An index over these messages; commits after each group.
pub(crate) fn index_of(groups: &[&[Letter]]) -> (TempDir, Searcher) {
    let dir = tempfile::tempdir().unwrap();
    let mut indexer = Indexer::open(dir.path()).unwrap();
    let mut n = 0;
    for group in groups {
        for letter in *group {
            indexer.add(letter.doc(n)).unwrap();
            n += 1;
        }
        indexer.commit(position(u64::from(n))).unwrap();
    }
    Box::new(indexer).close().unwrap();
    let searcher = Searcher::open(dir.path()).unwrap();
    (dir, searcher)
}

pub(crate) fn parse(text: &str) -> Query {
    query::parse(text, NOW).unwrap_or_else(|error| panic!("{}", error.render(text)))
}

/// The numbers of all hits, ascending.
pub(crate) fn numbers(
    searcher: &Searcher,
    query: &str,
    visible: Option<&MessageSet>,
    resolved: &Resolved,
) -> Result<Vec<u32>, SearchError> {
    let scope = Scope { visible, resolved };
    let matches = searcher.matching(&parse(query), &scope)?;
    Ok(matches.messages.iter().collect())
}

/// The numbers of the hits asked for, in their order.
pub(crate) fn ordered(
    searcher: &Searcher,
    query: &str,
    order: Order,
    offset: usize,
    limit: usize,
) -> Vec<u32> {
    let resolved = Resolved::default();
    let scope = Scope { visible: None, resolved: &resolved };
    let options = SearchOptions { order, limit, offset };
    let hits = searcher.search(&parse(query), &scope, &options).unwrap();
    hits.hits.iter().map(|it| it.n).collect()
}
