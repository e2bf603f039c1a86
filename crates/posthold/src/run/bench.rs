//! How long searches take inside one process: for the benchmark.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use commands::{Failure, FailureKind, Order, Search, SearchOutput};

use super::search::{Listing, OpenedIndex};
use crate::context::DataDir;

/// Hits that a page of results shows.
const HITS_SHOWN: u64 = 20;

/// Microseconds that searches took, query by query, looking up the hits included.
#[derive(Debug, Default)]
pub(crate) struct SearchTimes {
    /// When each was asked the first time.
    pub(crate) first_us: Vec<f64>,
    /// When each was asked once more.
    pub(crate) again_us: Vec<f64>,
}

/// Asks the queries in a file, one a line, twice. Blocks.
pub(crate) fn bench_search(data: &DataDir, queries: &Path) -> Result<SearchTimes, Failure> {
    let text = std::fs::read_to_string(queries).map_err(|error| {
        let message = format!("failed to read {}: {error}", queries.display());
        Failure::new(FailureKind::Request, message)
    })?;
    let index = Arc::new(OpenedIndex::open(data)?);
    let ask_all = || text.lines().map(|query| time(&index, query)).collect::<Result<Vec<f64>, _>>();
    Ok(SearchTimes { first_us: ask_all()?, again_us: ask_all()? })
}

fn time(index: &Arc<OpenedIndex>, query: &str) -> Result<f64, Failure> {
    let request = Search {
        query: query.to_owned(),
        user: None,
        order: Order::Date,
        limit: Some(HITS_SHOWN),
        output: SearchOutput::Hits,
    };
    let began = Instant::now();
    let found = index.find(&request)?;
    let hits = Listing::new(Arc::clone(index), found).next()?;
    let took = began.elapsed();
    drop(hits);
    Ok(took.as_secs_f64() * 1e6)
}
