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
    let failed = |it| faults::state(&it);
    let mut state = users::open(data)?;
    let saved = state.named_store(name).map_err(failed)?;
    let Some(why) = why else {
        return match saved.trouble {
            Some(_) => state.set_store_trouble(name, None).map_err(failed),
            None => Ok(()),
        };
    };
    let at = SystemClock.now();
    let pause = PAUSE_FIRST_SECONDS.saturating_mul(1 << saved.tries.min(16));
    let retry_at = Some(Timestamp(at.0 + pause.min(PAUSE_MAX_SECONDS)));
    let trouble = StoreTrouble { why: why.to_owned(), at, retry_at };
    state.set_store_trouble(name, Some(&trouble)).map_err(failed)
}

/// Tries a store again now. Gives why it still cannot be read. Blocks.
pub(super) fn again(data: &DataDir, name: &str) -> Result<Option<String>, Failure> {
    let saved = store_admin::named(data, name)?;
    let opened = Store::open_for_reading(
        &data.at(&saved).store(),
        Arc::new(RealDisk),
        &keys::for_stores(data),
    );
    let why = opened.err().map(|it| faults::store(&it).message);
    note(data, name, why.as_deref())?;
    Ok(why)
}

/// Tries the stores again whose time has come. A server opens its stores anew when one can be read.
pub(crate) async fn retry_due(context: &Context) -> Result<(), Failure> {
    let data = context.data.clone();
    let is_back = blocking(move || {
        let now = SystemClock.now();
        let mut is_back = false;
        for saved in all_stores::saved(&data)? {
            let due = saved.trouble.as_ref().and_then(|it| it.retry_at).is_some_and(|it| it <= now);
            if due && saved.state.is_active() {
                is_back |= again(&data, &saved.name)?.is_none();
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
