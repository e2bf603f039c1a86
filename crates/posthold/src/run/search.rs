//! `search`.

use std::collections::HashSet;
use std::sync::Arc;

use commands::{
    Answer, Failure, FailureKind, Hit, IndexReach, Order, Progress, ProgressSink, Search,
    SearchAnswer, SearchOutput,
};
use disk::SystemClock;
use ports::{Clock, Log};
use query::{CatalogTerm, IdPrefix, Query, QueryError};
use search::{Hits, Resolved, Scope, SearchOptions, Searcher};
use store::{MessageRow, Place, Store};
use types::{ArchiveId, BlobId, MessageSet};

use super::all_stores::{self, AllStores, OneStore};
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
        Ok((Arc::new(opened), found))
    });
    let (opened, found) = opened.await?;
    let Found { total: count, index, .. } = found;
    let answer = SearchAnswer { count, shown: 0, index, stores: opened.all.read() };
    all_stores::tell(&answer.stores, progress);
    if output == SearchOutput::Count {
        return Ok(Answer::Count(answer));
    }
    let mut shown = 0;
    let mut listing = Listing::new(opened, found);
    while !context.stop.is_cancelled() {
        let (next, hits) = blocking(move || {
            let hits = listing.next()?;
            Ok((listing, hits))
        })
        .await?;
        listing = next;
        let Some(hits) = hits else { break };
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
        all: &AllStores,
        one: &OneStore,
        data: &DataDir,
        query: &str,
        user: Option<&types::UserName>,
    ) -> Result<Resolution, Failure> {
        let parsed =
            query::parse(query, SystemClock.now()).map_err(|error| in_words(&error, query))?;
        let archive = user.map(|it| users::find(data, it)).transpose()?.map(|it| it.archive);
        let set = archive.map(|it| one.reading.store.catalog().set_of_archive(it)).transpose();
        let visible = match (set.map_err(|it| faults::catalog(&it))?, archive) {
            (Some(set), Some(archive)) => {
                let is_own = |it: &Place| it.archive == archive;
                Some(all.patched(one, set, |places| places.iter().any(is_own))?)
            }
            _ => None,
        };
        let mut resolved = Resolved::new();
        for term in parsed.catalog_terms() {
            resolved.insert(term.clone(), messages_of(all, one, term, archive)?);
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

/// Says what is wrong with a query.
pub(super) fn in_words(error: &QueryError, query: &str) -> Failure {
    let rendered = error.render(query);
    // Query, caret and what is wrong; the hint has a place of its own.
    let shown: Vec<&str> = rendered.lines().take(2).collect();
    let message = format!("the query is wrong:\n  {}", shown.join("\n  "));
    Failure::new(FailureKind::Request, message).with_hint(sentence(error.hint()))
}

/// The messages that a term means which only the catalog understands.
pub(super) fn of_term(
    store: &Store,
    term: &CatalogTerm,
    archive: Option<ArchiveId>,
) -> Result<MessageSet, Failure> {
    let catalog = store.catalog();
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
            let rows = rows_beginning(store, prefix)?;
            Ok(rows.iter().map(|it| it.n).collect())
        }
    };
    found.map_err(|it| faults::catalog(&it))
}

/// The same over all stores, with what waits for a write-protected one in the others.
fn messages_of(
    all: &AllStores,
    one: &OneStore,
    term: &CatalogTerm,
    archive: Option<ArchiveId>,
) -> Result<MessageSet, Failure> {
    let set = of_term(&one.reading.store, term, archive)?;
    let is_visible = |it: &Place| archive.is_none_or(|archive| it.archive == archive);
    let takes = |it: &Place| match term {
        CatalogTerm::Folder(pattern) => pattern.matches(&it.path),
        CatalogTerm::User(pattern) => pattern.matches(&it.user),
        CatalogTerm::Flag(flag) => it.flags.contains(flag.0),
        CatalogTerm::PartlyRead | CatalogTerm::Id(_) => true,
    };
    if matches!(term, CatalogTerm::PartlyRead | CatalogTerm::Id(_)) {
        return Ok(set);
    }
    all.patched(one, set, |places| places.iter().any(|it| is_visible(it) && takes(it)))
}

/// The messages whose id begins so.
pub(super) fn rows_beginning(store: &Store, prefix: &IdPrefix) -> Result<Vec<MessageRow>, Failure> {
    let (log, catalog) = (store.log(), store.catalog());
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
    if prefix.whole().is_some_and(|it| !log.may_be_condemned(&it)) {
        return Ok(rows);
    }
    // The log does not find what is condemned, so that it is stored again when it comes again.
    for row in log.condemned().map_err(|it| faults::log(&it))? {
        let is_known = rows.iter().any(|it: &MessageRow| it.key == row.message);
        if !is_known && row.parts.iter().any(|it| prefix.matches(it)) {
            let message = catalog.message(row.message).map_err(|it| faults::catalog(&it))?;
            rows.extend(message.filter(|it| prefix.matches(&it.blob)));
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
    order: Order,
    limit: usize,
    /// Store by store, in the order of [`OpenedIndex`], each in the order that was asked for.
    hits: Vec<Vec<search::Hit>>,
    total: u64,
    index: IndexReach,
}

/// All stores with their indexes, to search in more than once.
pub(super) struct OpenedIndex {
    data: DataDir,
    all: AllStores,
    /// Of each store, where it has one.
    searchers: Vec<Option<Searcher>>,
}

impl OpenedIndex {
    /// Opens them. Blocks, as all its functions do.
    pub(super) fn open(data: &DataDir) -> Result<OpenedIndex, Failure> {
        let mut all = AllStores::open(data)?;
        let (mut searchers, mut failures) = (Vec::new(), Vec::new());
        for one in &all.stores {
            match one.reading.searcher() {
                Ok(searcher) => searchers.push(searcher),
                Err(failure) => failures.push((one.name.clone(), failure)),
            }
        }
        for (name, failure) in failures {
            all.leave_out(&name, failure)?;
        }
        Ok(OpenedIndex { data: data.clone(), all, searchers })
    }

    /// Searches.
    pub(super) fn find(&self, request: &Search) -> Result<Found, Failure> {
        let limit = match (request.output, request.limit) {
            (SearchOutput::Count, _) => 0,
            (SearchOutput::Hits, None) => usize::MAX,
            (SearchOutput::Hits, Some(limit)) => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let index = IndexReach { read: 0, entries: self.all.entries() };
        let mut found =
            Found { archive: None, order: request.order, limit, hits: Vec::new(), total: 0, index };
        for (one, searcher) in self.all.stores.iter().zip(&self.searchers) {
            let user = request.user.as_ref();
            let resolution = Resolution::new(&self.all, one, &self.data, &request.query, user)?;
            found.archive = resolution.archive;
            let Some(searcher) = searcher else {
                found.hits.push(Vec::new());
                continue;
            };
            let hits = resolution.search(searcher, request.order, limit)?;
            found.index.read += hits.position.entries;
            found.total += hits.total;
            found.hits.push(hits.hits);
        }
        Ok(found)
    }

    /// Reads a message, and throws its bytes away.
    pub(super) fn read(&self, id: &BlobId) -> Result<(), Failure> {
        for one in &self.all.stores {
            match one.reading.store.log().read(id, &mut |_| Ok(())) {
                Err(error) if error.kind() == ports::ReadErrorKind::NotFound => (),
                read => {
                    return read.map(drop).map_err(|it| {
                        Failure::new(commands::FailureKind::Internal, it.to_string())
                    });
                }
            }
        }
        Ok(())
    }

    /// A hit of a store, looked up; `None` when its catalog does not know it.
    fn row(
        &self,
        store: usize,
        hit: search::Hit,
        archive: Option<ArchiveId>,
    ) -> Result<Option<Hit>, Failure> {
        let Some(one) = self.all.stores.get(store) else { return Ok(None) };
        let catalog = one.reading.store.catalog();
        // The index may be ahead of the catalog that this process has opened: what cannot be
        // resolved is left out.
        let mut rows = catalog.messages(&[hit.n]).map_err(|it| faults::catalog(&it))?;
        let Some(row) = rows.pop() else { return Ok(None) };
        let own = catalog.places(row.n).map_err(|it| faults::catalog(&it))?;
        let mut places = self.all.laid_over(one, own)?;
        for (other, one) in self.all.stores.iter().enumerate() {
            if other != store {
                places.extend(self.all.places_in(one, &row.blob)?);
            }
        }
        Ok(Some(shown(row, &places, archive, hit.score)))
    }
}

/// Ids of hits that were given, to give none twice: at most this many are remembered.
const GIVEN_MAX: usize = 1 << 20;

/// The hits of all stores in one order, looked up some at a time.
pub(super) struct Listing {
    opened: Arc<OpenedIndex>,
    found: Found,
    /// Of each store: how many of its hits were looked up, and the next one.
    next: Vec<(usize, Option<Hit>)>,
    /// Hits that were given; with several stores a message may be in two.
    given: HashSet<BlobId>,
    n_given: usize,
}

impl Listing {
    /// Of what was found.
    pub(super) fn new(opened: Arc<OpenedIndex>, found: Found) -> Listing {
        let next = found.hits.iter().map(|_| (0, None)).collect();
        Listing { opened, found, next, given: HashSet::new(), n_given: 0 }
    }

    /// The next hits; `None` behind the last. Blocks.
    pub(super) fn next(&mut self) -> Result<Option<Vec<Hit>>, Failure> {
        let mut hits = Vec::new();
        while hits.len() < HITS_AT_ONCE && self.n_given < self.found.limit {
            let Some(hit) = self.first()? else { break };
            if self.next.len() > 1 && !self.note(hit.id) {
                continue;
            }
            self.n_given += 1;
            hits.push(hit);
        }
        Ok((!hits.is_empty()).then_some(hits))
    }

    /// Whether it is given for the first time.
    fn note(&mut self, id: BlobId) -> bool {
        if self.given.len() >= GIVEN_MAX {
            self.given.clear();
        }
        self.given.insert(id)
    }

    /// Takes the hit that comes first among the next ones of all stores.
    fn first(&mut self) -> Result<Option<Hit>, Failure> {
        let archive = self.found.archive;
        for (store, (place, next)) in self.next.iter_mut().enumerate() {
            let hits = self.found.hits.get(store).map(Vec::as_slice).unwrap_or_default();
            while next.is_none()
                && let Some(hit) = hits.get(*place)
            {
                *place += 1;
                *next = self.opened.row(store, *hit, archive)?;
            }
        }
        let order = self.found.order;
        let best = self.next.iter_mut().max_by(|(_, a), (_, b)| match (a, b) {
            (Some(a), Some(b)) => match order {
                Order::Date => a.date.cmp(&b.date),
                Order::Relevance => a.score.total_cmp(&b.score).then(a.date.cmp(&b.date)),
            },
            (a, b) => a.is_some().cmp(&b.is_some()),
        });
        Ok(best.and_then(|(_, next)| next.take()))
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
