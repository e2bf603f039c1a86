//! Leases: two never work on one account at once, and what a dead one held is taken over.
//!
//! What it is not: a lock. Whoever does not renew his lease in time loses it, and has to stop.
//!
//! Rules:
//! - A holder is a worker of one process: when the process begins anew, it is somebody else.
//! - A lease is renewed three times before it would end.
//! - Whoever cannot renew his lease until it ends holds it no longer, also in his own eyes.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ports::{Clock, LeaseRow, Leases, MemoryError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use types::Timestamp;

/// How long a lease lasts, and how often it is renewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseTimes {
    /// From a renewal to the end.
    pub lasts: Duration,
    /// Between two renewals.
    pub renewed: Duration,
}

impl Default for LeaseTimes {
    fn default() -> LeaseTimes {
        LeaseTimes { lasts: Duration::from_mins(1), renewed: Duration::from_secs(15) }
    }
}

/// Something is not leased to whoever asked.
#[derive(Debug)]
pub enum LeaseError {
    /// Somebody else works on it.
    Held {
        /// Who.
        holder: String,
        /// Since when.
        since: Timestamp,
        /// Until when, unless he renews it.
        until: Timestamp,
    },
    /// It cannot be known.
    Memory(MemoryError),
}

impl fmt::Display for LeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeaseError::Held { holder, since, .. } => {
                write!(f, "{holder} works on it since {since}")
            }
            LeaseError::Memory(_) => f.write_str("failed to read who works on it"),
        }
    }
}

impl StdError for LeaseError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            LeaseError::Held { .. } => None,
            LeaseError::Memory(error) => Some(error),
        }
    }
}

/// A lease that is renewed while this value lives.
pub struct Lease {
    leases: Arc<dyn Leases>,
    key: String,
    holder: String,
    lost: watch::Receiver<bool>,
    heart: JoinHandle<()>,
}

impl Lease {
    /// Leases `key` to `holder`, and renews it from now on. Takes over what its holder let end.
    pub async fn take(
        leases: Arc<dyn Leases>,
        clock: Arc<dyn Clock>,
        key: &str,
        holder: &str,
        times: LeaseTimes,
    ) -> Result<Lease, LeaseError> {
        let now = clock.now();
        let row = LeaseRow {
            key: key.to_owned(),
            holder: holder.to_owned(),
            since: now,
            renewed: now,
            until: until(now, times),
        };
        let began = Instant::now();
        let taken = blocking(&leases, move |leases| leases.take(&row)).await;
        let row = taken.map_err(LeaseError::Memory)?;
        if row.holder != holder {
            let LeaseRow { holder, since, until, .. } = row;
            return Err(LeaseError::Held { holder, since, until });
        }
        let (tell, lost) = watch::channel(false);
        let heart = Heart {
            leases: Arc::clone(&leases),
            clock,
            key: key.to_owned(),
            holder: holder.to_owned(),
            times,
        };
        let heart = tokio::spawn(heart.beat(began, tell));
        Ok(Lease { leases, key: key.to_owned(), holder: holder.to_owned(), lost, heart })
    }

    /// Waits until the lease is somebody else's. Whoever works on it has to stop then.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        // A heart that stopped without a word holds nothing either.
        let _ = lost.wait_for(|it| *it).await;
    }

    /// Whether it is still ours.
    #[must_use]
    pub fn is_held(&self) -> bool {
        !*self.lost.borrow() && !self.heart.is_finished()
    }

    /// Gives it back. Without this it ends by itself, some time after it is dropped.
    pub async fn release(self) -> Result<(), MemoryError> {
        self.heart.abort();
        let (key, holder) = (self.key.clone(), self.holder.clone());
        blocking(&self.leases, move |leases| leases.release(&key, &holder)).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.heart.abort();
    }
}

/// What renews a lease.
struct Heart {
    leases: Arc<dyn Leases>,
    clock: Arc<dyn Clock>,
    key: String,
    holder: String,
    times: LeaseTimes,
}

impl Heart {
    async fn beat(self, mut renewed: Instant, lost: watch::Sender<bool>) {
        loop {
            tokio::time::sleep_until(renewed + self.times.renewed).await;
            let began = Instant::now();
            let now = self.clock.now();
            let (key, holder) = (self.key.clone(), self.holder.clone());
            let later = until(now, self.times);
            let answer =
                blocking(&self.leases, move |it| it.renew(&key, &holder, now, later)).await;
            match answer {
                Ok(true) => renewed = began,
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, key = %self.key, "a lease was not renewed");
                    if renewed + self.times.lasts <= Instant::now() + self.times.renewed {
                        break;
                    }
                    tokio::time::sleep(self.times.renewed / 4).await;
                }
            }
        }
        lost.send_replace(true);
    }
}

fn until(now: Timestamp, times: LeaseTimes) -> Timestamp {
    let seconds = i64::try_from(times.lasts.as_secs()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_add(seconds))
}

async fn blocking<T: Send + 'static>(
    leases: &Arc<dyn Leases>,
    ask: impl FnOnce(&dyn Leases) -> Result<T, MemoryError> + Send + 'static,
) -> Result<T, MemoryError> {
    let leases = Arc::clone(leases);
    let asked = tokio::task::spawn_blocking(move || ask(leases.as_ref())).await;
    asked.unwrap_or_else(|error| {
        Err(MemoryError::new("failed to ask who works on what").caused_by(error))
    })
}
