//! Stores in error: noted when they cannot be opened, and tried again.

use std::sync::Arc;

use commands::{Failure, StoreTrouble};
use disk::{RealDisk, SystemClock};
use ports::Clock;
use store::Store;
use types::Timestamp;

use super::{all_stores, blocking, faults, keys, store_admin, users};
use crate::context::{Context, DataDir};

/// The first pause before a store is tried again, in seconds. Each one is twice as long.
const PAUSE_FIRST_SECONDS: i64 = 60;

/// The longest pause.
const PAUSE_MAX_SECONDS: i64 = 3_600;

/// Notes why a store cannot be opened, or that it can.
pub(super) fn note(data: &DataDir, name: &str, why: Option<&str>) -> Result<(), Failure> {
    note_at(data, name, why, SystemClock.now())
}

fn note_at(data: &DataDir, name: &str, why: Option<&str>, at: Timestamp) -> Result<(), Failure> {
    let failed = |it| faults::state(&it);
    let mut state = users::open(data)?;
    let saved = state.named_store(name).map_err(failed)?;
    let Some(why) = why else {
        return match saved.trouble {
            Some(_) => state.set_store_trouble(name, None).map_err(failed),
            None => Ok(()),
        };
    };
    let pause = PAUSE_FIRST_SECONDS.saturating_mul(1 << saved.tries.min(16));
    let retry_at = Some(Timestamp(at.0 + pause.min(PAUSE_MAX_SECONDS)));
    let trouble = StoreTrouble { why: why.to_owned(), at, retry_at };
    state.set_store_trouble(name, Some(&trouble)).map_err(failed)
}

/// Tries a store again now. Gives why it still cannot be read. Blocks.
pub(super) fn again(data: &DataDir, name: &str) -> Result<Option<String>, Failure> {
    again_at(data, name, SystemClock.now())
}

fn again_at(data: &DataDir, name: &str, now: Timestamp) -> Result<Option<String>, Failure> {
    let saved = store_admin::named(data, name)?;
    let opened = Store::open_for_reading(
        &data.at(&saved).store(),
        Arc::new(RealDisk),
        &keys::for_stores(data),
    );
    let why = opened.err().map(|it| faults::store(&it).message);
    note_at(data, name, why.as_deref(), now)?;
    Ok(why)
}

/// Tries the stores again whose time has come. A server opens its stores anew when one can be read.
pub(crate) async fn retry_due(context: &Context) -> Result<(), Failure> {
    retry_due_at(context, SystemClock.now()).await
}

async fn retry_due_at(context: &Context, now: Timestamp) -> Result<(), Failure> {
    let data = context.data.clone();
    let is_back = blocking(move || {
        let mut is_back = false;
        for saved in all_stores::saved(&data)? {
            let due = saved.trouble.as_ref().and_then(|it| it.retry_at).is_some_and(|it| it <= now);
            if due && saved.state.is_active() {
                is_back |= again_at(&data, &saved.name, now)?.is_none();
            }
        }
        Ok(is_back)
    })
    .await?;
    if is_back {
        drop(store_admin::alone(context).await?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use commands::AlertKind;

    use super::*;
    use crate::run::served::Served;

    /// Pauses in seconds: each twice as long, up to an hour.
    #[tokio::test(flavor = "multi_thread")]
    async fn pauses_grow_and_end_with_the_trouble() {
        let served = Served::new();
        served.import("first").await;
        let data = &served.context.data;
        let trouble = || store_admin::named(data, "default").unwrap().trouble;
        let at = Timestamp(1_795_284_100);
        for want in [60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
            note_at(data, "default", Some("no disk"), at).unwrap();
            let noted = trouble().unwrap();
            assert_eq!((noted.why.as_str(), noted.at), ("no disk", at));
            assert_eq!(noted.retry_at.map(|it| it.0 - at.0), Some(want));
        }
        note_at(data, "default", None, at).unwrap();
        assert_eq!(trouble(), None);
        note_at(data, "default", Some("no disk"), at).unwrap();
        assert_eq!(trouble().unwrap().retry_at, Some(Timestamp(at.0 + 60)), "from the beginning");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_running_server_opens_a_store_again_that_is_back() {
        let served = Served::new();
        served.ok(&["settings", "set", "alert_disk_free_percent", "0"]).await;
        served.import("first").await;
        served.ok(&["store", "create", "second"]).await;
        served.ok(&["store", "make-current", "second"]).await;
        let (dir, away) = (served.context.data.stores().join("default"), served.path("away"));
        std::fs::rename(&dir, &away).unwrap();
        drop(store_admin::alone(&served.context).await.unwrap());
        let run = served.import("second").await;
        assert_eq!((run.archived, run.already), (2, 0), "what it held counts as not archived");
        let data = &served.context.data;
        let trouble = || store_admin::named(data, "default").unwrap().trouble;
        let n_open = async || served.serving.store.look(|it| it.members().len()).await;
        assert_eq!(n_open().await, Some(1));
        assert_eq!(served.alerts().await, [AlertKind::StoreError]);
        let due = trouble().unwrap().retry_at.unwrap();
        // It is not asked before its time, and asked again later when it is still away.
        std::fs::rename(&away, &dir).unwrap();
        retry_due_at(&served.context, Timestamp(due.0 - 1)).await.unwrap();
        assert_eq!(trouble().unwrap().retry_at, Some(due));
        std::fs::rename(&dir, &away).unwrap();
        retry_due_at(&served.context, due).await.unwrap();
        let next = trouble().unwrap().retry_at.unwrap();
        assert_eq!(next, Timestamp(due.0 + 2 * PAUSE_FIRST_SECONDS));
        assert_eq!(n_open().await, Some(1), "nobody is disturbed for nothing");
        std::fs::rename(&away, &dir).unwrap();
        retry_due_at(&served.context, next).await.unwrap();
        assert_eq!((trouble(), n_open().await), (None, None), "they open anew");
        let run = served.import("third").await;
        assert_eq!((run.archived, run.already), (1, 2));
        assert_eq!(n_open().await, Some(2));
        assert_eq!(served.alerts().await, []);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_current_store_comes_back_too() {
        let served = Served::new();
        served.ok(&["settings", "set", "alert_disk_free_percent", "0"]).await;
        served.import("first").await;
        let writing = crate::run::stores::Writing::open(&served.context).await.unwrap();
        drop(writing);
        drop(store_admin::alone(&served.context).await.unwrap());
        let segment = served.context.data.store().join("segments/000001.seg");
        let whole = std::fs::read(&segment).unwrap();
        std::fs::write(&segment, b"nothing").unwrap();
        let mail = served.path("mail");
        let line = ["import", mail.to_str().unwrap(), "--user", "alice"];
        assert!(served.give(&line).await.is_err());
        let alerts = served.alerts().await;
        assert_eq!(alerts, [AlertKind::NoStore, AlertKind::StoreError]);
        std::fs::write(&segment, whole).unwrap();
        let due = store_admin::named(&served.context.data, "default").unwrap().trouble.unwrap();
        retry_due_at(&served.context, due.retry_at.unwrap()).await.unwrap();
        assert_eq!(served.alerts().await, []);
        assert_eq!(served.import("second").await.archived, 1);
    }
}
