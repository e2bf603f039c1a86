//! `store stats`: what stores are made of.

use std::path::Path;
use std::sync::Arc;

use commands::{Failure, StoreStats, StoreStatsShown, StoreYear};
use disk::RealDisk;
use ports::Log;
use store::Store;

use super::store_admin::size;
use super::stores::is_empty;
use super::{all_stores, faults, keys};
use crate::context::DataDir;

/// What every store is made of that is not disabled. Blocks.
pub(super) fn all(data: &DataDir) -> Result<Vec<StoreStatsShown>, Failure> {
    let stores = all_stores::saved(data)?;
    let active = stores.iter().filter(|it| it.state.is_active());
    let shown = active.map(|saved| {
        let path = data.at(saved).store();
        let holds_nothing = !saved.is_begun && is_empty(&path.join("segments"));
        let stats = match holds_nothing {
            true => Ok(StoreStats::default()),
            false => stats(data, &path).map_err(|it| it.message),
        };
        StoreStatsShown { name: saved.name.clone(), state: saved.state, stats }
    });
    Ok(shown.collect())
}

fn stats(data: &DataDir, path: &Path) -> Result<StoreStats, Failure> {
    let store = Store::open_for_reading(path, Arc::new(RealDisk), &keys::for_stores(data));
    let store = store.map_err(|it| faults::store(&it))?;
    let mail = store.catalog().usage().map_err(|it| faults::catalog(&it))?;
    let log = store.log().usage().map_err(|it| faults::log(&it))?;
    let erased = store.log().erased().map_err(|it| faults::log(&it))?;
    let erased = erased.iter().filter(|it| it.erased.is_some()).count();
    let catalog = ["catalog.db", "catalog.db-wal", "catalog.db-shm"].map(|it| size(&path.join(it)));
    let year =
        |it: store::YearUsage| StoreYear { year: it.year, messages: it.messages, bytes: it.bytes };
    Ok(StoreStats {
        messages: mail.messages,
        message_bytes: mail.bytes,
        placements: mail.placements,
        placed_bytes: mail.placed_bytes,
        erased: u64::try_from(erased).unwrap_or(u64::MAX),
        entries: store.log().position().entries,
        segments: log.segments,
        log_bytes: log.bytes,
        content_bytes: log.content.raw_bytes,
        content_stored_bytes: log.content.stored_bytes,
        by_dictionary_bytes: log.by_dictionary.raw_bytes,
        dictionaries: log.dictionaries.frames,
        dictionary_bytes: log.dictionaries.stored_bytes,
        fact_bytes: log.facts.stored_bytes,
        catalog_bytes: catalog.iter().sum(),
        index_bytes: size(&path.join("index")),
        years: mail.years.into_iter().map(year).collect(),
    })
}
