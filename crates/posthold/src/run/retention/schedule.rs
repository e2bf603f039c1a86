//! When a server carries retention out, and what there is to do then.

use ::settings::RETENTION_HOUR;
use commands::Failure;
use types::Timestamp;

use super::{clock, is_enabled, policies_of};
use crate::context::Context;
use crate::run::all_stores::{AllStores, check_have_log};
use crate::run::compact::{self, Left};
use crate::run::{blocking, faults, settings as values_of, users};

/// When a server carries retention out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct RetentionDue {
    /// The hour of the day; `None` when nobody wants it, or while the clock is not believed.
    pub(crate) hour: Option<u8>,
}

/// Looks at the clock, notes what was seen, and says when retention is due. What it cannot read
/// is not due.
pub(crate) async fn look_at_clock(context: &Context, now: Timestamp) -> RetentionDue {
    let data = context.data.clone();
    let looked = blocking(move || {
        if check_have_log(&data).is_err() {
            return Ok(RetentionDue::default());
        }
        let mut state = users::open(&data)?;
        // With the logs it is compared when retention runs. It says why by an alert.
        let is_right = clock::was_seen(&state, now)? || clock::check(&mut state, None, now).is_ok();
        let hour = values_of::values(&state)?.number(&RETENTION_HOUR);
        let hour = u8::try_from(hour).ok().filter(|it| *it < 24);
        Ok(RetentionDue { hour: hour.filter(|_| is_right) })
    });
    looked.await.unwrap_or_else(|failure| {
        tracing::warn!("the clock was not looked at: {}", failure.message);
        RetentionDue::default()
    })
}

/// What there is to do for a server whose hour it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct RetentionWork {
    /// Whether there are policies, or messages that are condemned.
    pub(crate) is_due: bool,
    /// Stores that are written to and have files with what was erased.
    pub(crate) left: Vec<String>,
}

/// Looks what there is to do.
pub(crate) async fn look_for_work(context: &Context) -> Result<RetentionWork, Failure> {
    let data = context.data.clone();
    blocking(move || {
        if check_have_log(&data).is_err() {
            return Ok(RetentionWork::default());
        }
        let mut is_due = !policies_of(&users::open_for_reading(&data)?, is_enabled)?.is_empty();
        for one in AllStores::open(&data)?.stores {
            let condemned = one.reading.store.log().condemned().map_err(|it| faults::log(&it))?;
            is_due |= !condemned.is_empty();
        }
        let left = compact::stores_left(&data)?.into_iter().filter(Left::is_written);
        Ok(RetentionWork { is_due, left: left.map(|it| it.store).collect() })
    })
    .await
}
