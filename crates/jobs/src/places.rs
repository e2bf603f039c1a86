//! Places at one server: who may have a connection, who waits, and who gives way.
//!
//! What it is not: a connection, or a wait. It is told who asks, and says who may.
//!
//! Rules:
//! - Nobody gets a place while any limit that counts for him is reached.
//! - A free place goes to whoever has the fewest connections; among those to the one whose turn
//!   was longest ago; among those to the one who asked first. So no account has a second turn
//!   while another one waits for its first.
//! - Whoever has two connections more than somebody who waits gives one of them up; whoever has
//!   had his only one for a while gives it up for somebody who has none.
//! - While a server recovers from a pause, one connection is tried at a time.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::allowance::{Counted, JobShare};

/// Turns that are remembered. Whoever had his turn longer ago counts as if he had had none.
const TURNS_MAX: usize = 20_000;

/// A place, or somebody who waits for one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct PlaceId(u64);

/// Who asks, and within which limits.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) account: String,
    pub(crate) counted: Counted,
    pub(crate) connections: u16,
    pub(crate) job: Option<JobShare>,
}

#[derive(Debug)]
struct Holder {
    claim: Claim,
    /// Whether the connection stands; else it is being made.
    connected: bool,
}

#[derive(Debug)]
struct Waiting {
    claim: Claim,
    /// Somebody is giving a place up for it.
    promised: bool,
}

/// How long somebody has had a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    /// Not for long.
    Briefly,
    /// As long as anybody may while others wait.
    ForATurn,
}

/// Whether any server may be asked for more than one new connection at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Health {
    /// It may.
    #[default]
    Well,
    /// It asked for a pause, and nothing has worked since.
    Recovering,
}

/// The places at one server.
#[derive(Debug)]
pub(crate) struct Places {
    places_max: u16,
    pub(crate) health: Health,
    holders: BTreeMap<PlaceId, Holder>,
    waiting: BTreeMap<PlaceId, Waiting>,
    /// When accounts had their last turn.
    turns: HashMap<String, u64>,
    turn: u64,
    ids: u64,
}

impl Places {
    /// So many places, all free.
    pub(crate) fn new(places_max: u16) -> Places {
        Places {
            places_max: places_max.max(1),
            health: Health::Well,
            holders: BTreeMap::new(),
            waiting: BTreeMap::new(),
            turns: HashMap::new(),
            turn: 0,
            ids: 0,
        }
    }

    /// Changes their number. Nobody loses one that he has.
    pub(crate) fn resize(&mut self, places_max: u16) {
        self.places_max = places_max.max(1);
    }

    /// Asks for a place; [`Places::grant`] gives it.
    pub(crate) fn ask(&mut self, claim: Claim) -> PlaceId {
        self.ids += 1;
        let id = PlaceId(self.ids);
        self.waiting.insert(id, Waiting { claim, promised: false });
        id
    }

    /// Gives a place up, or a wait.
    pub(crate) fn leave(&mut self, id: PlaceId) {
        self.waiting.remove(&id);
        self.holders.remove(&id);
    }

    /// The connection of a place stands.
    pub(crate) fn connected(&mut self, id: PlaceId) {
        if let Some(holder) = self.holders.get_mut(&id) {
            holder.connected = true;
        }
    }

    /// Gives a place to the next one, when anybody may have one.
    pub(crate) fn grant(&mut self) -> Option<PlaceId> {
        let others = Others::of(self.holders.values());
        if self.health == Health::Recovering && others.connecting > 0 {
            return None;
        }
        let fitting = self.waiting.iter().filter(|(_, it)| self.fits(&it.claim, &others));
        let (id, _) = fitting.min_by_key(|(id, it)| {
            let turn = self.turns.get(&it.claim.account).copied().unwrap_or(0);
            (others.of_account(&it.claim), turn, **id)
        })?;
        let id = *id;
        let Waiting { claim, .. } = self.waiting.remove(&id)?;
        self.note_turn(&claim.account);
        self.holders.insert(id, Holder { claim, connected: false });
        Some(id)
    }

    /// Whether the holder of a place gives it up now, for somebody who cannot have one else. Two
    /// do not give way for the same one.
    pub(crate) fn gives_way(&mut self, id: PlaceId, held: Held) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        let Some(own) = self.holders.get(&id).map(|it| it.claim.clone()) else { return false };
        let now = Others::of(self.holders.values());
        let without =
            Others::of(self.holders.iter().filter(|(other, _)| **other != id).map(|(_, it)| it));
        let own_open = now.of_account(&own);
        let found = self.waiting.iter().find(|(_, it)| {
            let open = now.of_account(&it.claim);
            let deserves =
                open + 2 <= own_open || (open == 0 && held == Held::ForATurn && own_open >= 1);
            !it.promised
                && it.claim.account != own.account
                && deserves
                && !self.fits(&it.claim, &now)
                && self.fits(&it.claim, &without)
        });
        let Some(waiting) = found.map(|(id, _)| *id) else { return false };
        if let Some(it) = self.waiting.get_mut(&waiting) {
            it.promised = true;
        }
        true
    }

    /// How many have a place, and how many wait.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.holders.len(), self.waiting.len())
    }

    /// Whether nothing here is worth remembering.
    pub(crate) fn is_idle(&self) -> bool {
        self.holders.is_empty() && self.waiting.is_empty()
    }

    fn fits(&self, claim: &Claim, others: &Others<'_>) -> bool {
        let open = match &claim.counted {
            Counted::Account => others.of_account(claim),
            Counted::Profile(profile) => {
                others.profiles.get(profile.as_str()).copied().unwrap_or(0)
            }
        };
        let job_fits = claim.job.as_ref().is_none_or(|it| others.job_has_room(it, claim));
        others.total < usize::from(self.places_max)
            && open < usize::from(claim.connections.max(1))
            && job_fits
    }

    fn note_turn(&mut self, account: &str) {
        self.turn += 1;
        if self.turns.len() >= TURNS_MAX {
            let old = self.turn.saturating_sub(TURNS_MAX as u64 / 2);
            self.turns.retain(|_, turn| *turn > old);
        }
        self.turns.insert(account.to_owned(), self.turn);
    }
}

/// Connections that there are, as the limits count them.
struct Others<'a> {
    total: usize,
    connecting: usize,
    accounts: HashMap<&'a str, usize>,
    profiles: HashMap<&'a str, usize>,
    jobs: HashMap<&'a str, HashSet<&'a str>>,
}

impl<'a> Others<'a> {
    fn of(holders: impl Iterator<Item = &'a Holder>) -> Others<'a> {
        let mut others = Others {
            total: 0,
            connecting: 0,
            accounts: HashMap::new(),
            profiles: HashMap::new(),
            jobs: HashMap::new(),
        };
        for Holder { claim, connected } in holders {
            others.total += 1;
            others.connecting += usize::from(!connected);
            *others.accounts.entry(&claim.account).or_default() += 1;
            if let Counted::Profile(profile) = &claim.counted {
                *others.profiles.entry(profile).or_default() += 1;
            }
            if let Some(share) = &claim.job {
                others.jobs.entry(&share.job).or_default().insert(&claim.account);
            }
        }
        others
    }

    fn of_account(&self, claim: &Claim) -> usize {
        self.accounts.get(claim.account.as_str()).copied().unwrap_or(0)
    }

    fn job_has_room(&self, share: &JobShare, claim: &Claim) -> bool {
        self.jobs.get(share.job.as_str()).is_none_or(|accounts| {
            accounts.contains(claim.account.as_str())
                || accounts.len() < usize::from(share.accounts.get())
        })
    }
}

#[cfg(test)]
mod tests;
