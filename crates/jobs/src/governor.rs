//! The governor: one for each process, over every server, job and profile.
//!
//! What it is not: a connection. [`Governed`](crate::Governed) makes those, after it asked here.
//!
//! Rules:
//! - What a server asked for is remembered before anybody is told of it, so that the next process
//!   knows it too. When it cannot be remembered it still holds in this one.
//! - Whoever has a place looks again whether the server rests before he connects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ports::{Clock, MemoryError, PauseOf, SourceError, SourceErrorKind, Traffic};
use tokio::sync::oneshot;
use tokio::time::Instant;
use types::Timestamp;

use crate::allowance::{Allowance, Counted, ServerKey};
use crate::budget::{self, Budgets};
use crate::pause::{self, Lengths, Pause, Stage};
use crate::places::{Claim, Health, Held, PlaceId, Places};

/// How long an account keeps its only connection while another one has none.
const TURN: Duration = Duration::from_mins(1);

/// What a pause may become longer by when it is remembered in whole seconds.
const ROUNDING: Duration = Duration::from_secs(2);

/// Servers at which nobody is are forgotten when there are more than these.
const SERVERS_MAX: usize = 1_000;

/// Bytes that are counted before they are remembered. A process that is killed forgets no more
/// for each budget.
const UNSAVED_MAX: u64 = 1 << 20;

/// How much is asked of servers.
pub struct Governor {
    state: Mutex<State>,
    traffic: Arc<dyn Traffic>,
    clock: Arc<dyn Clock>,
}

struct State {
    server_connections: u16,
    servers: HashMap<ServerKey, Server>,
    /// By server, and by account.
    pauses: HashMap<String, Pause>,
    budgets: Budgets,
    /// Whether what was remembered of pauses was read.
    is_loaded: bool,
}

struct Server {
    places: Places,
    waiting: HashMap<PlaceId, oneshot::Sender<()>>,
}

impl Governor {
    /// A governor that remembers by `traffic`. At one server there are `server_connections`
    /// connections at the same time, whoever makes them.
    #[must_use]
    pub fn new(
        traffic: Arc<dyn Traffic>,
        clock: Arc<dyn Clock>,
        server_connections: u16,
    ) -> Governor {
        let state = State {
            server_connections,
            servers: HashMap::new(),
            pauses: HashMap::new(),
            budgets: Budgets::default(),
            is_loaded: false,
        };
        Governor { state: Mutex::new(state), traffic, clock }
    }

    /// Changes the number of connections at one server. Connections that there are stay.
    pub fn set_server_connections(&self, server_connections: u16) {
        let mut state = self.lock();
        state.server_connections = server_connections;
        for server in state.servers.values_mut() {
            server.places.resize(server_connections);
            server.grant();
        }
    }

    /// Connections that there are at a server, and those that wait for a place.
    #[must_use]
    pub fn counts(&self, server: &ServerKey) -> (usize, usize) {
        self.lock().servers.get(server).map_or((0, 0), |it| it.places.counts())
    }

    /// Until when nobody connects to a server, in whose words; `None` when it asked for no pause.
    pub async fn rests_until(&self, server: &ServerKey) -> Option<(Timestamp, String)> {
        self.load().await;
        let state = self.lock();
        let pause = state.pauses.get(server.as_str())?;
        pause.left(Instant::now()).map(|_| (pause.shown, pause.reason.clone()))
    }

    /// Remembers what was counted and is not remembered yet.
    pub async fn settle(&self) {
        let budgets = self.lock().budgets.with_unsaved();
        for budget in budgets {
            self.save_bytes(&budget, 0).await;
        }
    }

    /// Waits until a connection may be made. Fails as `Throttled` when the server rests for
    /// longer than the step waits.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        allowance: &Arc<Allowance>,
    ) -> Result<Place, SourceError> {
        self.load().await;
        loop {
            if let Some(pause) = self.pause_of(allowance) {
                self.wait_out(allowance, &pause).await?;
                continue;
            }
            let place = self.place(allowance).await;
            // Others may have been told to wait meanwhile.
            if self.pause_of(allowance).is_none() {
                return Ok(place);
            }
        }
    }

    /// Something that a server was asked for failed. The error that its asker gets.
    pub(crate) async fn failed(
        &self,
        allowance: &Allowance,
        error: SourceError,
        stage: Stage,
    ) -> SourceError {
        let SourceErrorKind::Throttled { retry_after } = error.kind() else { return error };
        let now = (Instant::now(), self.clock.now());
        let of = match error.pause_of() {
            PauseOf::Server => allowance.server.as_str().to_owned(),
            PauseOf::Account => allowance.key().as_str().to_owned(),
            PauseOf::Nobody => return error,
        };
        let lengths = Lengths { first: allowance.pause_first, max: allowance.pause_max };
        let (row, pause) = {
            let mut state = self.lock();
            let last = state.pauses.get(&of);
            let text = error.to_string();
            let pause = pause::next(last, retry_after, lengths, now, stage, &text);
            if let Some(server) = state.servers.get_mut(&allowance.server)
                && error.pause_of() == PauseOf::Server
            {
                server.places.health = Health::Recovering;
            }
            state.pauses.insert(of.clone(), pause.clone());
            (pause.row(&of), pause)
        };
        tracing::info!(%of, until = %pause.shown, reason = %pause.reason, "a server wants a pause");
        self.blocking(move |traffic| traffic.set_pause(&row)).await;
        let left = pause.left(Instant::now());
        // Whoever is to end gets a time that is too long to wait for.
        let long = allowance.pause_max.saturating_add(Duration::from_secs(1));
        let retry_after = if pause.is_last() { left.max(Some(long)) } else { left };
        error.with_kind(SourceErrorKind::Throttled { retry_after })
    }

    /// Something that a server was asked for worked.
    pub(crate) async fn worked(&self, allowance: &Allowance, stage: Stage) {
        let ended = {
            let mut state = self.lock();
            if state.pauses.is_empty() {
                return;
            }
            let now = Instant::now();
            let keys = [allowance.server.as_str().to_owned(), allowance.key().as_str().to_owned()];
            let ends =
                |it: &String| state.pauses.get(it).is_some_and(|it| it.ends_with(stage, now));
            let ended: Vec<String> = keys.into_iter().filter(ends).collect();
            for of in &ended {
                state.pauses.remove(of);
            }
            if ended.iter().any(|it| it == allowance.server.as_str())
                && let Some(server) = state.servers.get_mut(&allowance.server)
            {
                server.places.health = Health::Well;
                server.grant();
            }
            ended
        };
        for of in ended {
            self.blocking(move |traffic| traffic.forget_pause(&of)).await;
        }
    }

    /// Fails when the bytes of the day were fetched already.
    pub(crate) async fn check_bytes(&self, allowance: &Allowance) -> Result<(), SourceError> {
        let Some(max) = allowance.bytes_per_day else { return Ok(()) };
        let budget = allowance.budget();
        let now = self.clock.now();
        let day = budget::day(now);
        if !self.lock().budgets.knows(&budget, day) {
            let asked = budget.clone();
            let known = self.blocking(move |traffic| traffic.bytes(&asked, day)).await;
            self.lock().budgets.learn(&budget, day, known.unwrap_or(0));
        }
        let spent = self.lock().budgets.spent(&budget, day);
        if spent < max { Ok(()) } else { Err(self.used_up(allowance, max)) }
    }

    /// Counts bytes that were fetched. Fails when they were the last ones of the day.
    pub(crate) async fn count_bytes(
        &self,
        allowance: &Allowance,
        bytes: u64,
    ) -> Result<(), SourceError> {
        let Some(max) = allowance.bytes_per_day else { return Ok(()) };
        let budget = allowance.budget();
        let day = budget::day(self.clock.now());
        let spent = {
            let mut state = self.lock();
            state.budgets.add(&budget, day, bytes);
            state.budgets.spent(&budget, day)
        };
        self.save_bytes(&budget, UNSAVED_MAX).await;
        if spent < max { Ok(()) } else { Err(self.used_up(allowance, max)) }
    }

    /// Remembers the bytes of a budget when they are at least `min`.
    pub(crate) async fn save_bytes(&self, budget: &str, min: u64) {
        let Some((day, bytes)) = self.lock().budgets.unsaved(budget, min) else { return };
        let of = budget.to_owned();
        self.blocking(move |traffic| traffic.add_bytes(&of, day, bytes)).await;
    }

    fn used_up(&self, allowance: &Allowance, max: u64) -> SourceError {
        let now = self.clock.now();
        let next = budget::next_day(now);
        let left = u64::try_from(next.0.saturating_sub(now.0)).unwrap_or(0);
        let whose = match allowance.counted {
            Counted::Account => "for this account",
            Counted::Profile(_) => "for its server profile",
        };
        let text = format!("{max} bytes a day {whose} are reached, it goes on at {next}");
        let retry_after = Some(Duration::from_secs(left));
        SourceError::new(SourceErrorKind::Throttled { retry_after }, text)
            .asking(PauseOf::Nobody)
            .with_hint("`posthold profile set NAME --bytes-per-day N` changes the limit.")
    }

    fn pause_of(&self, allowance: &Allowance) -> Option<Pause> {
        let state = self.lock();
        if state.pauses.is_empty() {
            return None;
        }
        let now = Instant::now();
        let key = allowance.key();
        let pauses = [allowance.server.as_str(), key.as_str()].into_iter();
        let pauses = pauses.filter_map(|it| state.pauses.get(it));
        pauses.filter(|it| it.left(now).is_some()).max_by_key(|it| it.until).cloned()
    }

    /// Waits until a pause is over, or fails when that is too long.
    async fn wait_out(&self, allowance: &Allowance, pause: &Pause) -> Result<(), SourceError> {
        let Some(left) = pause.left(Instant::now()) else { return Ok(()) };
        if left > allowance.pause_max.saturating_add(ROUNDING) {
            let text = format!(
                "nobody connects to {} before {}, as it asked: {}",
                allowance.server, pause.shown, pause.reason
            );
            let kind = SourceErrorKind::Throttled { retry_after: Some(left) };
            return Err(SourceError::new(kind, text).asking(PauseOf::Nobody).with_hint(
                "This is no wrong password and no fault. The next run after that time goes on.",
            ));
        }
        tracing::debug!(server = %allowance.server, ?left, "waiting for the end of a pause");
        tokio::time::sleep_until(pause.until).await;
        Ok(())
    }

    /// Waits for a place at the server.
    async fn place(self: &Arc<Self>, allowance: &Arc<Allowance>) -> Place {
        let (tell, told) = oneshot::channel();
        let id = {
            let mut state = self.lock();
            let places = state.server_connections;
            let paused = state.pauses.contains_key(allowance.server.as_str());
            state.forget_idle();
            let server = state
                .servers
                .entry(allowance.server.clone())
                .or_insert_with(|| Server { places: Places::new(places), waiting: HashMap::new() });
            if paused {
                server.places.health = Health::Recovering;
            }
            let id = server.places.ask(Claim {
                account: allowance.key().as_str().to_owned(),
                counted: allowance.counted.clone(),
                connections: allowance.connections.get(),
                job: allowance.job.clone(),
            });
            server.waiting.insert(id, tell);
            server.grant();
            id
        };
        // Given back also when nobody waits for it any more.
        let mut place = Place {
            governor: Arc::clone(self),
            allowance: Arc::clone(allowance),
            id,
            since: Instant::now(),
        };
        // The sender is kept until the place is granted or left.
        let _ = told.await;
        place.since = Instant::now();
        place
    }

    /// Reads what is remembered of pauses, once.
    async fn load(&self) {
        if self.lock().is_loaded {
            return;
        }
        let rows = self.blocking(|traffic| traffic.pauses()).await.unwrap_or_default();
        let now = (Instant::now(), self.clock.now());
        let mut state = self.lock();
        if std::mem::replace(&mut state.is_loaded, true) {
            return;
        }
        for row in rows {
            let of = row.of.clone();
            if let Some(pause) = Pause::from_row(row, now) {
                state.pauses.entry(of).or_insert(pause);
            }
        }
    }

    /// Asks what is remembered, where waiting harms nobody. What fails is only traced: a limit
    /// that cannot be remembered must not keep mail from being archived.
    async fn blocking<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Traffic) -> Result<T, MemoryError> + Send + 'static,
    ) -> Option<T> {
        let traffic = Arc::clone(&self.traffic);
        let asked = tokio::task::spawn_blocking(move || ask(traffic.as_ref())).await;
        match asked {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                tracing::warn!(%error, "what servers asked for is not remembered");
                None
            }
            Err(_) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the state as it is: each change is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_idle(&mut self) {
        if self.servers.len() >= SERVERS_MAX {
            self.servers.retain(|_, it| !it.places.is_idle());
        }
    }
}

impl Server {
    /// Tells everybody who may connect now.
    fn grant(&mut self) {
        while let Some(id) = self.places.grant() {
            let told = self.waiting.remove(&id).is_some_and(|it| it.send(()).is_ok());
            if !told {
                self.places.leave(id);
            }
        }
    }
}

/// A place at a server; given back when it is dropped.
pub(crate) struct Place {
    governor: Arc<Governor>,
    allowance: Arc<Allowance>,
    id: PlaceId,
    since: Instant,
}

impl Place {
    /// The connection stands.
    pub(crate) fn connected(&self) {
        self.with(|server, id| {
            server.places.connected(id);
            server.grant();
        });
    }

    /// Whether the place is to be given up now, because somebody else waits for it.
    pub(crate) fn gives_way(&self) -> bool {
        let is_long = TURN <= Instant::now().saturating_duration_since(self.since);
        let held = if is_long { Held::ForATurn } else { Held::Briefly };
        self.with(|server, id| server.places.gives_way(id, held)).unwrap_or(false)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Server, PlaceId) -> T) -> Option<T> {
        let mut state = self.governor.lock();
        state.servers.get_mut(&self.allowance.server).map(|server| act(server, self.id))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.with(|server, id| {
            server.waiting.remove(&id);
            server.places.leave(id);
            server.grant();
        });
    }
}
