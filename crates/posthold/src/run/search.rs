//! `search`.

use std::sync::Arc;

use commands::{
    Answer, Failure, FailureKind, Hit, IndexReach, Order, Progress, ProgressSink, Search,
    SearchAnswer, SearchOutput,
};
use disk::SystemClock;
use ports::{Clock, Log};
use query::{CatalogTerm, IdPrefix, Query};
use search::{Hits, Resolved, Scope, SearchOptions, Searcher};
use store::{MessageRow, Place};
use types::{ArchiveId, BlobId, MessageSet};

use super::stores::Reading;
use super::{blocking, faults, users};
use crate::context::{Context, DataDir};

/// Hits that are looked up and sent together.
const HITS_AT_ONCE: usize = 500;

/// Messages that the beginning of an id is looked up for.
const IDS_MAX: usize = 1000;

/// Searches.
pub(super) async fn search(
    context: &Context,
    request: Search,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let data = context.data.clone();
    let output = request.output;
    let opened = blocking(move || {
        let opened = OpenedIndex::open(&data)?;
        let found = opened.find(&request)?;
        Ok(Arc::new((opened, found)))
    });
    let opened = opened.await?;
    let (_, found) = &*opened;
    let answer = SearchAnswer { count: found.total, shown: 0, index: found.index };
    if output == SearchOutput::Count {
        return Ok(Answer::Count(answer));
    }
    let mut shown = 0;
    for first in (0..found.hits.len()).step_by(HITS_AT_ONCE) {
        if context.stop.is_cancelled() {
            break;
        }
        let opened = Arc::clone(&opened);
        let hits = blocking(move || opened.0.rows(&opened.1, first)).await?;
        shown += u64::try_from(hits.len()).unwrap_or(u64::MAX);
        if progress.send(Progress::Hits(hits)).is_err() {
            break;
        }
    }
    Ok(Answer::Search(SearchAnswer { shown, ..answer }))
}

/// A query with what the catalog knows of it.
pub(super) struct Resolution {
    query: Query,
    visible: Option<MessageSet>,
    resolved: Resolved,
    /// The archive that was asked for.
    archive: Option<ArchiveId>,
}

impl Resolution {
    /// Understands `query`, and asks the catalog what the index cannot know. `user` limits it to
    /// one archive.
    pub(super) fn new(
        reading: &Reading,
        data: &DataDir,
        query: &str,
        user: Option<&types::UserName>,
    ) -> Result<Resolution, Failure> {
        let parsed = query::parse(query, SystemClock.now()).map_err(|error| {
            let rendered = error.render(query);
            // Query, caret and what is wrong; the hint has a place of its own.
            let shown: Vec<&str> = rendered.lines().take(2).collect();
            let message = format!("the query is wrong:\n  {}", shown.join("\n  "));
            Failure::new(FailureKind::Request, message).with_hint(sentence(error.hint()))
        })?;
        let archive = user.map(|it| users::find(data, it)).transpose()?.map(|it| it.archive);
        let visible = archive.map(|it| reading.store.catalog().set_of_archive(it)).transpose();
        let visible = visible.map_err(|it| faults::catalog(&it))?;
        let mut resolved = Resolved::new();
        for term in parsed.catalog_terms() {
            resolved.insert(term.clone(), messages_of(reading, term, archive)?);
        }
        Ok(Resolution { query: parsed, visible, resolved, archive })
    }

    fn scope(&self) -> Scope<'_> {
        Scope { visible: self.visible.as_ref(), resolved: &self.resolved }
    }

    /// Finds hits in an order.
    pub(super) fn search(
        &self,
        searcher: &Searcher,
        order: Order,
        limit: usize,
    ) -> Result<Hits, Failure> {
        let order = match order {
            Order::Date => search::Order::ByDate,
            Order::Relevance => search::Order::ByRelevance,
        };
        let options = SearchOptions { order, limit, offset: 0 };
        let hits = searcher.search(&self.query, &self.scope(), &options);
        hits.map_err(|it| faults::search(&it))
    }

    /// Finds all messages, in no order, and how far the index had read.
    pub(super) fn matching(&self, searcher: &Searcher) -> Result<(MessageSet, u64), Failure> {
        let matches = searcher.matching(&self.query, &self.scope());
        let matches = matches.map_err(|it| faults::search(&it))?;
        Ok((matches.messages, matches.position.entries))
    }
}

/// The messages that a term means which only the catalog understands.
fn messages_of(
    reading: &Reading,
    term: &CatalogTerm,
    archive: Option<ArchiveId>,
) -> Result<MessageSet, Failure> {
    let catalog = reading.store.catalog();
    let found = match term {
        CatalogTerm::Folder(pattern) => {
            catalog.set_of_folders(archive, |it| pattern.matches(&it.path))
        }
        CatalogTerm::User(pattern) => {
            catalog.set_of_folders(archive, |it| pattern.matches(&it.user))
        }
        CatalogTerm::PartlyRead => catalog.set_of_partly_read(),
        CatalogTerm::Flag(flag) => catalog.set_with_flags(archive, flag.0),
        CatalogTerm::Id(prefix) => {
            let rows = rows_beginning(reading, prefix)?;
            Ok(rows.iter().map(|it| it.n).collect())
        }
    };
    found.map_err(|it| faults::catalog(&it))
}

/// The messages whose id begins so.
pub(super) fn rows_beginning(
    reading: &Reading,
    prefix: &IdPrefix,
) -> Result<Vec<MessageRow>, Failure> {
    let (log, catalog) = (reading.store.log(), reading.store.catalog());
    let ids = match prefix.whole() {
        Some(id) => vec![id],
        None => {
            let (low, high) = span(prefix.as_str());
            log.messages_between(&low, &high, IDS_MAX).map_err(|it| faults::log(&it))?
        }
    };
    let mut rows = Vec::new();
    for id in ids {
        let found = log.find(&id).map_err(|it| faults::log(&it))?;
        if let Some(key) = found.and_then(|it| it.message) {
            rows.extend(catalog.message(key).map_err(|it| faults::catalog(&it))?);
        }
    }
    Ok(rows)
}

/// The first and the last id that begin with these hexadecimal digits.
fn span(digits: &str) -> (BlobId, BlobId) {
    let filled = |with: char| {
        let all: String = digits.chars().chain(std::iter::repeat(with)).take(64).collect();
        all.parse().unwrap_or_default()
    };
    (filled('0'), filled('f'))
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    let mut sentence: String = first.chain(chars).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// What was found, before it is looked up.
pub(super) struct Found {
    archive: Option<ArchiveId>,
    hits: Vec<search::Hit>,
    total: u64,
    index: IndexReach,
}

/// A store with its index, to search in more than once.
pub(super) struct OpenedIndex {
    data: DataDir,
    reading: Reading,
    searcher: Option<Searcher>,
}

impl OpenedIndex {
    /// Opens both. Blocks, as all its functions do.
    pub(super) fn open(data: &DataDir) -> Result<OpenedIndex, Failure> {
        let reading = Reading::open(data)?;
        let searcher = reading.searcher()?;
        Ok(OpenedIndex { data: data.clone(), reading, searcher })
    }

    /// Searches.
    pub(super) fn find(&self, request: &Search) -> Result<Found, Failure> {
        let user = request.user.as_ref();
        let resolution = Resolution::new(&self.reading, &self.data, &request.query, user)?;
        let archive = resolution.archive;
        let mut index = IndexReach { read: 0, entries: self.reading.entries() };
        let Some(searcher) = &self.searcher else {
            return Ok(Found { archive, hits: Vec::new(), total: 0, index });
        };
        let limit = match (request.output, request.limit) {
            (SearchOutput::Count, _) => 0,
            (SearchOutput::Hits, None) => usize::MAX,
            (SearchOutput::Hits, Some(limit)) => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let found = resolution.search(searcher, request.order, limit)?;
        index.read = found.position.entries;
        Ok(Found { archive, hits: found.hits, total: found.total, index })
    }

    /// Some hits from number `first` on, looked up.
    pub(super) fn rows(&self, found: &Found, first: usize) -> Result<Vec<Hit>, Failure> {
        let catalog = self.reading.store.catalog();
        let mut rows = Vec::new();
        for hit in found.hits.iter().skip(first).take(HITS_AT_ONCE) {
            // The index may be ahead of the catalog that this process has opened: what cannot be
            // resolved is left out.
            for row in catalog.messages(&[hit.n]).map_err(|it| faults::catalog(&it))? {
                let places = catalog.places(row.n).map_err(|it| faults::catalog(&it))?;
                rows.push(shown(row, &places, found.archive, hit.score));
            }
        }
        Ok(rows)
    }
}

fn shown(row: MessageRow, places: &[Place], archive: Option<ArchiveId>, score: f32) -> Hit {
    let is_visible = |it: &&Place| archive.is_none_or(|archive| it.archive == archive);
    let visible = places.iter().filter(is_visible);
    let (mut users, mut folders): (Vec<String>, Vec<String>) =
        visible.map(|it| (it.user.clone(), it.path.clone())).unzip();
    users.sort();
    users.dedup();
    folders.sort();
    folders.dedup();
    Hit {
        id: row.blob,
        date: row.date,
        from: row.from,
        to: row.to,
        subject: row.subject,
        user: users.join(", "),
        folders,
        score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_of_a_beginning() {
        let (low, high) = span("e3b0c442");
        assert_eq!(low.to_string(), format!("e3b0c442{}", "0".repeat(56)));
        assert_eq!(high.to_string(), format!("e3b0c442{}", "f".repeat(56)));
    }

    #[test]
    fn hints_are_sentences() {
        assert_eq!(sentence("put it in quotes"), "Put it in quotes.");
        assert_eq!(sentence("Is it?"), "Is it?");
    }
}
