//! Retention: which messages of a store go, which stay, and why; carried out through erasure.
//!
//! What it is not: the rules (`rules::retention`), a clock, or erasure itself, which has its own
//! steps and checks the holds once more behind us ([`ports::Erase`]).
//!
//! Rules:
//! - A plan is a value, and looks only at messages that both views have read.
//! - A hold beats every policy and every request. What a hold covers perhaps, it covers; a hold
//!   that cannot be understood covers everything.
//! - A message that a policy covers perhaps is not removed by any policy.
//! - What is condemned is looked at again before it goes: a hold, a policy that was changed or a
//!   period that grew spares it.

mod explain;
mod judge;
mod plan;
mod run;

use ports::{CatalogError, Covers, LogError};
use rules::retention::Periods;
use thiserror::Error;
use types::{ArchiveId, HoldId};

pub use explain::{Explained, HoldEffect, PolicyEffect, explain};
pub use judge::Judge;
pub use plan::{HoldCount, Plan, PlannedMessage, PolicyCount, hold_counts, plan};
pub use run::{Orders, Report, run};

/// A policy that is enabled. Their order is that of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Which messages; `None` is all.
    pub query: Option<String>,
    /// How long they are kept.
    pub periods: Periods,
}

/// A legal hold that is not lifted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Its name.
    pub name: String,
    /// What it covers.
    pub scope: HoldScope,
}

/// What a legal hold covers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HoldScope {
    /// Every message.
    All,
    /// Every message in a folder of this archive.
    Archive(ArchiveId),
    /// Every message that this query finds.
    Query(String),
    /// Nobody can tell any more, so: every message.
    Unreadable,
}

impl HoldScope {
    fn covers(&self) -> Covers {
        match self {
            HoldScope::All | HoldScope::Unreadable => Covers::All,
            HoldScope::Archive(archive) => Covers::Archive(*archive),
            HoldScope::Query(query) => Covers::Query(query.clone()),
        }
    }
}

/// Retention could not go on. What it did until then is whole.
#[derive(Debug, Error)]
pub enum RetentionError {
    /// The views could not answer: they can be rebuilt.
    #[error(transparent)]
    Views(#[from] CatalogError),
    /// The log could not be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
}
