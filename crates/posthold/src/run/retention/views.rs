//! The views of a store, as retention asks them.

use commands::{Failure, FailureKind};
use ports::{CatalogError, Covered, Covers, MessageTimes, RetentionViews};
use query::Query;
use search::{Resolved, Scope, SearchErrorKind, Searcher};
use store::{SqlCatalog, Store};
use types::{MessageKey, MessageSet, Timestamp};

use super::super::faults;
use super::super::search::{in_words, of_term};
use super::super::stores::is_empty;

/// Both views of one store. What they say together is said up to where both have read.
pub(super) struct StoreViews<'a> {
    store: &'a Store,
    searcher: Option<Searcher>,
    reach: u64,
}

impl<'a> StoreViews<'a> {
    /// Opens them. Blocks.
    pub(super) fn new(store: &'a Store) -> Result<StoreViews<'a>, Failure> {
        let dir = store.index_dir();
        let searcher = match Searcher::open(&dir) {
            Ok(searcher) => Some(searcher),
            Err(error) if error.kind() == SearchErrorKind::Rebuild && is_empty(&dir) => None,
            Err(error) => return Err(faults::search(&error)),
        };
        let catalog = store.catalog().position().map_err(|it| faults::catalog(&it))?.entries;
        let index = searcher.as_ref().map_or(0, |it| it.position().entries);
        Ok(StoreViews { store, searcher, reach: catalog.min(index) })
    }

    fn catalog(&self) -> &SqlCatalog {
        self.store.catalog()
    }

    fn matching(&self, query: &Query) -> Result<MessageSet, CatalogError> {
        let failed = |what: &str, cause: Box<dyn std::error::Error + Send + Sync>| CatalogError {
            what: what.to_owned(),
            cause,
        };
        let Some(searcher) = &self.searcher else { return Ok(MessageSet::default()) };
        let mut resolved = Resolved::new();
        for term in query.catalog_terms() {
            let found = of_term(self.store, term, None);
            let found = found.map_err(|it| failed("what a query means", it.message.into()))?;
            resolved.insert(term.clone(), found);
        }
        let scope = Scope { visible: None, resolved: &resolved };
        let matches = searcher.matching(query, &scope);
        Ok(matches.map_err(|it| failed("what a query finds", it.into()))?.messages)
    }
}

impl RetentionViews for StoreViews<'_> {
    fn reach(&self) -> u64 {
        self.reach
    }

    fn all(&self) -> Result<MessageSet, CatalogError> {
        self.catalog().set_of_all()
    }

    fn covered(&self, by: &Covers) -> Result<Covered, CatalogError> {
        let certainly = |certain| Covered { certain, possible: MessageSet::default() };
        match by {
            Covers::All => self.catalog().set_of_all().map(certainly),
            Covers::Archive(archive) => self.catalog().set_of_archive(*archive).map(certainly),
            Covers::Query(text) => {
                let wrong = |it: Box<query::QueryError>| CatalogError {
                    what: format!("the query {text:?}"),
                    cause: it.render(text).into(),
                };
                // Queries that depend on the day are refused before they are kept.
                let bounds = query::parse(text, Timestamp(0)).map_err(wrong)?.bounds();
                let certain = self.matching(&bounds.certain)?;
                let mut possible = self.matching(&bounds.possible)?;
                possible.subtract(&certain);
                Ok(Covered { certain, possible })
            }
        }
    }

    fn times(
        &self,
        set: &MessageSet,
        n_first: u32,
        limit: usize,
    ) -> Result<Vec<MessageTimes>, CatalogError> {
        self.catalog().times_of(set, n_first, limit)
    }

    fn message(&self, key: MessageKey) -> Result<Option<MessageTimes>, CatalogError> {
        self.catalog().times_of_message(key)
    }
}

/// Checks a query that is to be kept.
pub(super) fn check_query(text: &str) -> Result<(), Failure> {
    let is_relative = query::is_relative(text).map_err(|it| in_words(&it, text))?;
    if is_relative {
        let message = format!("the query {text:?} means something else every day");
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("Write days as they are, such as 2026-11-21; periods say how long."));
    }
    Ok(())
}
