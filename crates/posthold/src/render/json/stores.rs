//! Answers about stores, for programs.

use commands::{StoreCounts, StoreShown, StoreTrouble, StoresRead};
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
pub(super) struct DetachedObject {
    dir: String,
}

impl From<&std::path::PathBuf> for DetachedObject {
    fn from(it: &std::path::PathBuf) -> DetachedObject {
        DetachedObject { dir: it.display().to_string() }
    }
}
