//! Answers about stores, for programs.

use commands::{
    CompactAnswer, CompactHow, ErasureShown, ErasuresProven, StoreCounts, StoreMerged, StoreShown,
    StoreStatsShown, StoreTrouble, StoresRead,
};
use serde::Serialize;

/// How many of the stores that people see were read.
#[derive(Serialize)]
pub(super) struct ReadObject<'a> {
    read: u64,
    of: u64,
    unread: &'a [String],
}

impl<'a> From<&'a StoresRead> for ReadObject<'a> {
    fn from(it: &'a StoresRead) -> ReadObject<'a> {
        ReadObject { read: it.read, of: it.of, unread: &it.unread }
    }
}

#[derive(Serialize)]
pub(super) struct StoreObject<'a> {
    store: &'a str,
    state: &'static str,
    dir: String,
    id: Option<&'a str>,
    created: Option<String>,
    error: Option<TroubleObject<'a>>,
    counts: Option<CountsObject>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct TroubleObject<'a> {
    message: &'a str,
    since: String,
    retry_at: Option<String>,
}

#[derive(Serialize)]
struct CountsObject {
    messages: u64,
    entries: u64,
    log_bytes: u64,
    catalog_bytes: u64,
    index_bytes: u64,
    deferred: u64,
}

impl<'a> From<&'a StoreShown> for StoreObject<'a> {
    fn from(it: &'a StoreShown) -> StoreObject<'a> {
        let trouble = |it: &'a StoreTrouble| TroubleObject {
            message: &it.why,
            since: it.at.to_string(),
            retry_at: it.retry_at.map(|it| it.to_string()),
        };
        let counts = |it: StoreCounts| CountsObject {
            messages: it.messages,
            entries: it.entries,
            log_bytes: it.log_bytes,
            catalog_bytes: it.catalog_bytes,
            index_bytes: it.index_bytes,
            deferred: it.deferred,
        };
        StoreObject {
            store: &it.name,
            state: it.shown_state(),
            dir: it.dir.display().to_string(),
            id: it.id.as_deref(),
            created: it.created.map(|it| it.to_string()),
            error: it.trouble.as_ref().map(trouble),
            counts: it.counts.map(counts),
            warnings: &it.warnings,
        }
    }
}

#[derive(Serialize)]
pub(super) struct StatsObject<'a> {
    store: &'a str,
    state: &'static str,
    error: Option<&'a str>,
    messages: u64,
    message_bytes: u64,
    placements: u64,
    placed_bytes: u64,
    erased: u64,
    entries: u64,
    segments: u64,
    log_bytes: u64,
    content_bytes: u64,
    content_stored_bytes: u64,
    saved_by_single_instance: u64,
    saved_by_compression: u64,
    by_dictionary_bytes: u64,
    dictionaries: u64,
    dictionary_bytes: u64,
    fact_bytes: u64,
    catalog_bytes: u64,
    index_bytes: u64,
    years: Vec<YearObject>,
}

#[derive(Serialize)]
struct YearObject {
    year: i64,
    messages: u64,
    bytes: u64,
}

impl<'a> From<&'a StoreStatsShown> for StatsObject<'a> {
    fn from(shown: &'a StoreStatsShown) -> StatsObject<'a> {
        let (stats, error) = match &shown.stats {
            Ok(stats) => (stats.clone(), None),
            Err(why) => (commands::StoreStats::default(), Some(why.as_str())),
        };
        let year = |it: &commands::StoreYear| YearObject {
            year: it.year,
            messages: it.messages,
            bytes: it.bytes,
        };
        StatsObject {
            store: &shown.name,
            state: if error.is_some() { "error" } else { shown.state.name() },
            error,
            messages: stats.messages,
            message_bytes: stats.message_bytes,
            placements: stats.placements,
            placed_bytes: stats.placed_bytes,
            erased: stats.erased,
            entries: stats.entries,
            segments: stats.segments,
            log_bytes: stats.log_bytes,
            content_bytes: stats.content_bytes,
            content_stored_bytes: stats.content_stored_bytes,
            saved_by_single_instance: stats.saved_by_single_instance(),
            saved_by_compression: stats.saved_by_compression(),
            by_dictionary_bytes: stats.by_dictionary_bytes,
            dictionaries: stats.dictionaries,
            dictionary_bytes: stats.dictionary_bytes,
            fact_bytes: stats.fact_bytes,
            catalog_bytes: stats.catalog_bytes,
            index_bytes: stats.index_bytes,
            years: stats.years.iter().map(year).collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct CompactObject<'a> {
    store: &'a str,
    done: bool,
    messages: u64,
    segments: u64,
    bytes: u64,
    blobs: u64,
    details: u64,
    torn: u64,
    bytes_freed: u64,
    views: bool,
    warnings: &'a [String],
}

impl<'a> From<&'a CompactAnswer> for CompactObject<'a> {
    fn from(it: &'a CompactAnswer) -> CompactObject<'a> {
        CompactObject {
            store: &it.store,
            done: it.how == CompactHow::Run,
            messages: it.messages,
            segments: it.segments,
            bytes: it.bytes,
            blobs: it.blobs,
            details: it.details,
            torn: it.torn,
            bytes_freed: it.bytes_freed,
            views: it.views,
            warnings: &it.warnings,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ErasuresProvenObject {
    to: String,
    proven: u64,
    unsigned: u64,
}

impl From<&ErasuresProven> for ErasuresProvenObject {
    fn from(it: &ErasuresProven) -> ErasuresProvenObject {
        let to = it.to.to_string_lossy().into_owned();
        ErasuresProvenObject { to, proven: it.proven, unsigned: it.unsigned }
    }
}

#[derive(Serialize)]
pub(super) struct ErasureObject<'a> {
    id: String,
    store: &'a str,
    reason: &'static str,
    rule: &'a str,
    by: &'a str,
    why: &'a str,
    condemned: String,
    condemned_entry: u64,
    due: String,
    erased: Option<String>,
    erased_entry: Option<u64>,
}

impl<'a> From<&'a ErasureShown> for ErasureObject<'a> {
    fn from(it: &'a ErasureShown) -> ErasureObject<'a> {
        ErasureObject {
            id: it.id.to_string(),
            store: &it.store,
            reason: it.reason,
            rule: &it.rule,
            by: &it.by,
            why: &it.why,
            condemned: it.condemned.to_string(),
            condemned_entry: it.condemned_entry,
            due: it.due.to_string(),
            erased: it.erased.map(|(_, at)| at.to_string()),
            erased_entry: it.erased.map(|(entry, _)| entry),
        }
    }
}

#[derive(Serialize)]
pub(super) struct DetachedObject {
    dir: String,
}

impl From<&std::path::PathBuf> for DetachedObject {
    fn from(it: &std::path::PathBuf) -> DetachedObject {
        DetachedObject { dir: it.display().to_string() }
    }
}

#[derive(Serialize)]
pub(super) struct MergedObject<'a> {
    store: &'a str,
    into: &'a str,
    copied: u64,
    already: u64,
    placements: u64,
    damaged: &'a [String],
    dir: String,
    warnings: &'a [String],
}

impl<'a> From<&'a StoreMerged> for MergedObject<'a> {
    fn from(it: &'a StoreMerged) -> MergedObject<'a> {
        MergedObject {
            store: &it.store,
            into: &it.into,
            copied: it.copied,
            already: it.already,
            placements: it.placements,
            damaged: &it.damaged,
            dir: it.dir.display().to_string(),
            warnings: &it.warnings,
        }
    }
}
