//! Which store is the current one, and what the others are for.
//!
//! Rules: cursors are carried into a store before it is current, and the state says so last: killed
//! in between, the one before is current still; what waited for a store is carried over before it
//! counts as one that takes changes.

use std::sync::Arc;

use commands::{Failure, FailureKind, Rescan, StoreState};
use disk::SystemClock;
use ports::Clock;
use store::{Access, StoreSpec, Stores};

use super::stores::{make_options, record, recorded_by_state};
use super::{all_stores, blocking, faults, store_admin, stores, users};
use crate::context::DataDir;

/// Lets new mail go to a store. Nobody else has the stores open.
pub(super) async fn make_current(
    data: &DataDir,
    name: &str,
    rescan: Rescan,
) -> Result<(), Failure> {
    let saved = store_admin::named(data, name)?;
    let refused = |message: String, hint: &str| {
        Err(Failure::new(FailureKind::Request, message).with_hint(hint.to_owned()))
    };
    match saved.state {
        StoreState::Current => return Ok(()),
        StoreState::Normal => (),
        StoreState::WriteProtected | StoreState::Disabled => {
            return refused(
                format!("the store {name:?} is {}", saved.state.name()),
                "`posthold store set-state NAME normal` lets it take changes first.",
            );
        }
    }
    let (place, wanted) = (data.clone(), name.to_owned());
    let (opened, missing) = blocking(move || opened(&place, &wanted, Carried::Into)).await?;
    if rescan == Rescan::Refused && !missing.is_empty() {
        end(data, opened).await?;
        return refused(
            format!(
                "not every store can be read that may know newer cursors: {}",
                missing.join("; ")
            ),
            "Make it readable, detach it, or give --rescan: what it holds is then compared with \
             its source again, and fetched again.",
        );
    }
    let members = opened.members();
    let Some(member) = members.iter().find(|it| it.name() == name) else {
        end(data, opened).await?;
        return refused(
            format!("the store {name:?} cannot be opened"),
            "`posthold store show NAME` says why.",
        );
    };
    let carried = opened.carry_into(member).await;
    drop(members);
    end(data, opened).await?;
    carried.map_err(|it| faults::log(&it))?;
    let (place, name) = (data.clone(), name.to_owned());
    blocking(move || {
        let mut state = users::open(&place)?;
        let made = state.make_store_current(&name, SystemClock.now());
        made.map_err(|it| store_admin::fault(&it))?;
        state.set_store_failure(None).map_err(|it| faults::state(&it))
    })
    .await
}

/// Says what a store is for. Nobody else has the stores open.
pub(super) async fn set_state(
    data: &DataDir,
    name: &str,
    state: StoreState,
) -> Result<(), Failure> {
    let (place, wanted) = (data.clone(), name.to_owned());
    let before = blocking(move || {
        let saved = store_admin::named(&place, &wanted)?;
        if state.is_active() && !saved.state.is_active() {
            store_admin::check_count(&place, state)?;
        }
        Ok(saved)
    })
    .await?;
    if before.state == StoreState::Normal && state != StoreState::Normal {
        // Its views have to show everything: nobody brings them up to date from now on.
        settle(data, name).await?;
    }
    let set = users::open(data)?.set_store_state(name, state, SystemClock.now());
    set.map_err(|it| store_admin::fault(&it))?;
    if state == StoreState::Normal {
        let (place, wanted) = (data.clone(), name.to_owned());
        let (opened, _) = blocking(move || opened(&place, &wanted, Carried::Nothing)).await?;
        let mut carried = opened.carry_deferred(name).await.map(|_| ());
        if carried.is_ok() {
            carried = opened.carry_holds_into(name).await;
        }
        end(data, opened).await?;
        carried.map_err(|it| faults::log(&it))?;
    }
    Ok(())
}

/// Opens every store, this one in any case.
pub(super) async fn all_open(data: &DataDir, name: &str) -> Result<Arc<Stores>, Failure> {
    let (place, wanted) = (data.clone(), name.to_owned());
    let (stores, _) = blocking(move || opened(&place, &wanted, Carried::Nothing)).await?;
    Ok(stores)
}

/// Brings the views of a store up to date, as far as that is possible.
async fn settle(data: &DataDir, name: &str) -> Result<(), Failure> {
    let (place, wanted) = (data.clone(), name.to_owned());
    let (opened, _) = blocking(move || opened(&place, &wanted, Carried::Nothing)).await?;
    end(data, opened).await
}

/// What a store is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Carried {
    /// Cursors, also when it holds nothing yet.
    Into,
    /// Nothing in particular.
    Nothing,
}

/// Opens all stores, and says which may hold anything and cannot be read. Blocks.
fn opened(
    data: &DataDir,
    name: &str,
    carried: Carried,
) -> Result<(Arc<Stores>, Vec<String>), Failure> {
    let state = users::open(data)?;
    let failed = |it| faults::state(&it);
    let (mut specs, has_gaps) = stores::specs(data, &state)?;
    if carried == Carried::Into && !specs.iter().any(|it| it.name == name) {
        let saved = state.named_store(name).map_err(failed)?;
        specs.push(StoreSpec {
            dir: data.at(&saved).store(),
            number: u16::try_from(saved.turn.saturating_sub(1)).unwrap_or(u16::MAX),
            access: Access::Normal,
            recorded: recorded_by_state(&state, name).map_err(failed)?,
            name: saved.name,
        });
    }
    drop(state);
    let mut missing: Vec<String> = all_stores::saved(data)?
        .iter()
        .filter(|it| !it.state.is_active() && it.is_begun)
        .map(|it| format!("{} is disabled", it.name))
        .collect();
    let opened = Stores::open(specs, has_gaps, make_options(data), None);
    let (stores, _, others) = opened.map_err(|it| faults::store(&it))?;
    for (other, opened) in others {
        if let Err(error) = opened {
            missing.push(format!("{other}: {}", faults::store(&error).message));
        }
    }
    Ok((stores, missing))
}

/// Ends stores when their views show everything, and keeps how far they are.
pub(super) async fn end(data: &DataDir, stores: Arc<Stores>) -> Result<(), Failure> {
    stores.flush().await;
    let place = data.clone();
    blocking(move || {
        let positions = match Arc::try_unwrap(stores) {
            Ok(stores) => stores.close().map_err(|it| faults::store(&it))?,
            Err(stores) => {
                stores.end_logs().map_err(|it| faults::log(&it))?;
                stores.positions()
            }
        };
        record(&place, &positions)
    })
    .await
}
