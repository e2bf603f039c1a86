//! What holds every command of a process to its limits: the governor, and what it remembers.
//!
//! What it is not: a limit. Those are in profiles, jobs and settings; `jobs` holds to them.
//!
//! Rule: whoever opens it owns the data directory, so that every other holder of a lease is dead.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::jobs::{AccountKey, Governor, Lease, LeaseError, LeaseTimes, TooEarly};
use ::settings::SERVER_CONNECTIONS;
use commands::{Failure, FailureKind, Trigger};
use disk::{OsRandom, SystemClock};
use ports::{Clock, Leases, Random, Traffic};
use state::Memory;
use tokio::sync::OnceCell;

use super::{blocking, faults, settings, users};
use crate::context::DataDir;

/// The governor of a process, opened when it is needed.
#[derive(Clone, Default)]
pub(crate) struct Governing(Arc<OnceCell<Bounds>>);

/// What steps are held to.
pub(crate) struct Bounds {
    /// How much is asked of servers.
    pub(crate) governor: Arc<Governor>,
    memory: Arc<Memory>,
    /// Which process holds leases: the same name is never given twice.
    boot: String,
    n_leases: AtomicU64,
}

impl Governing {
    /// What steps are held to in this data directory.
    pub(crate) async fn open(&self, data: &DataDir) -> Result<&Bounds, Failure> {
        let data = data.clone();
        self.0.get_or_try_init(|| blocking(move || Bounds::open(&data))).await
    }

    /// A setting was changed: what it means for what runs.
    pub(crate) async fn settings_changed(&self, data: &DataDir) -> Result<(), Failure> {
        let Some(bounds) = self.0.get() else { return Ok(()) };
        let data = data.clone();
        let connections = blocking(move || {
            let state = users::open(&data)?;
            server_connections(&state)
        })
        .await?;
        bounds.governor.set_server_connections(connections);
        Ok(())
    }
}

impl fmt::Debug for Governing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Governing")
    }
}

impl Bounds {
    fn open(data: &DataDir) -> Result<Bounds, Failure> {
        // Its own, as it is never given back.
        let mut state = state::State::open(&data.state()).map_err(|it| faults::state(&it))?;
        let mut random = [0; 8];
        OsRandom.fill(&mut random);
        let boot = format!("{:016x}", u64::from_ne_bytes(random));
        state.forget_leases_but(&boot).map_err(|it| faults::state(&it))?;
        let connections = server_connections(&state)?;
        let memory = Arc::new(Memory::new(state));
        let governor = Governor::new(Arc::clone(&memory) as _, Arc::new(SystemClock), connections);
        Ok(Bounds { governor: Arc::new(governor), memory, boot, n_leases: AtomicU64::new(0) })
    }

    /// Leases an account, so that nobody else works on it meanwhile. Fails as `Busy` when
    /// somebody does.
    pub(crate) async fn lease(&self, account: &AccountKey) -> Result<Lease, Failure> {
        let number = self.n_leases.fetch_add(1, Ordering::Relaxed);
        let holder = format!("{}/{number}", self.boot);
        let (leases, clock) = (Arc::clone(&self.memory), Arc::new(SystemClock));
        let times = LeaseTimes::default();
        let leased =
            Lease::take(leases as Arc<dyn Leases>, clock, account.as_str(), &holder, times);
        leased.await.map_err(|error| match error {
            LeaseError::Held { since, .. } => {
                let message = format!("another step works on the account {account} since {since}");
                Failure::new(FailureKind::Busy, message)
                    .with_hint("Two never work on one account at once. It is in the next run.")
            }
            LeaseError::Memory(_) => Failure::chain(FailureKind::Store, &error),
        })
    }

    /// Notes a visit to an account, or why it comes too early for one that nobody asked for.
    /// `every`: the least time between two visits; without one nothing is noted.
    pub(crate) async fn visit(
        &self,
        account: &AccountKey,
        every: Duration,
        trigger: Trigger,
    ) -> Result<Option<TooEarly>, Failure> {
        if every.is_zero() {
            return Ok(None);
        }
        let (memory, account) = (Arc::clone(&self.memory), account.as_str().to_owned());
        let now = SystemClock.now();
        blocking(move || {
            let failed = |it| Failure::chain(FailureKind::Store, &it);
            if trigger != Trigger::Hand {
                let visited = memory.visited(&account).map_err(failed)?;
                if let Some(early) = ::jobs::too_early(visited, every, now) {
                    return Ok(Some(early));
                }
            }
            memory.set_visited(&account, now).map_err(failed)?;
            Ok(None)
        })
        .await
    }
}

fn server_connections(state: &state::State) -> Result<u16, Failure> {
    let connections = settings::values(state)?.number(&SERVER_CONNECTIONS);
    Ok(u16::try_from(connections).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use ::jobs::ServerKey;

    use super::*;

    #[tokio::test]
    async fn visits_that_nobody_asked_for_keep_their_distance() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(dir.path().to_owned());
        let (hour, never) = (Duration::from_hours(1), Duration::ZERO);
        let alice = AccountKey::new(&ServerKey::new("h", 993), "alice");
        let bob = AccountKey::new(&ServerKey::new("h", 993), "bob");
        let visit = async |account: &AccountKey, every, trigger| {
            // Each time another process.
            let governing = Governing::default();
            let bounds = governing.open(&data).await.unwrap();
            bounds.visit(account, every, trigger).await.unwrap().map(|it| it.to_string())
        };
        assert_eq!(visit(&alice, hour, Trigger::Schedule).await, None);
        let told = visit(&alice, hour, Trigger::Schedule).await.unwrap();
        assert!(told.contains("as its server profile wants it, not before"), "{told}");
        assert!(visit(&alice, hour, Trigger::Start).await.is_some());
        assert_eq!(visit(&alice, hour, Trigger::Hand).await, None, "somebody asked for it");
        assert_eq!(visit(&bob, hour, Trigger::Schedule).await, None);
        assert_eq!(visit(&alice, never, Trigger::Schedule).await, None);
    }

    #[tokio::test]
    async fn a_dead_process_holds_no_account() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(dir.path().to_owned());
        let alice = AccountKey::new(&ServerKey::new("h", 993), "alice");
        let killed = Governing::default();
        let held = killed.open(&data).await.unwrap().lease(&alice).await.unwrap();
        let refused = killed.open(&data).await.unwrap().lease(&alice).await.err().unwrap();
        assert_eq!(refused.kind, FailureKind::Busy);
        // Whoever owns the directory next knows that the one before is gone.
        let next = Governing::default();
        let lease = next.open(&data).await.unwrap().lease(&alice).await.unwrap();
        assert!(lease.is_held());
        drop(held);
    }
}
