//! A store in memory: messages with words, holds, and erasure as the port promises it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use ledger::{EraseReason, SpareReason};
use ports::{
    CatalogError, Condemnation, CondemnedRow, Covered, Covers, Erase, Erased, Held, Holds,
    LogError, MessageTimes, RetentionViews, Sparing,
};
use retention::{Hold, HoldScope, Judge, Orders, Plan, Policy, Report};
use rules::age::Age;
use rules::retention::{AtTheEnd, CountedFrom, Periods};
use types::{ArchiveId, BlobId, EntryNumber, HoldId, MessageKey, MessageSet, Position, Timestamp};

pub(crate) const DAY: i64 = 86_400;

/// Days since the beginning.
pub(crate) fn day(day: i64) -> Timestamp {
    Timestamp(day * DAY)
}

/// A message: its words, and how it stands.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    words: String,
    archived: Timestamp,
    /// Not every word of it was read.
    partly_read: bool,
    archive: ArchiveId,
    is_gone: bool,
}

/// What is in the store.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) messages: Vec<Message>,
    pub(crate) holds: Vec<Hold>,
    /// Views show messages below this number only.
    pub(crate) reach: Option<u64>,
    condemned: Mutex<BTreeMap<MessageKey, CondemnedRow>>,
    pub(crate) record: Mutex<Vec<String>>,
}

impl World {
    /// Adds a message with the number `archived` for the day of its arrival.
    pub(crate) fn message(&mut self, words: &str, archived: i64) -> u32 {
        let n = u32::try_from(self.messages.len()).unwrap();
        self.messages.push(Message {
            words: words.into(),
            archived: day(archived),
            partly_read: words.contains('?'),
            archive: ArchiveId(u64::from(words.contains("bob"))),
            is_gone: false,
        });
        n
    }

    pub(crate) fn hold(&mut self, name: &str, scope: HoldScope) {
        let id = HoldId([u8::try_from(self.holds.len()).unwrap(); 16]);
        self.holds.push(Hold { id, name: name.into(), scope });
    }

    pub(crate) fn lift(&mut self, name: &str) {
        self.holds.retain(|it| it.name != name);
    }

    fn condemned_now(&self) -> MutexGuard<'_, BTreeMap<MessageKey, CondemnedRow>> {
        self.condemned.lock().unwrap()
    }

    fn note(&self, what: String) {
        self.record.lock().unwrap().push(what);
    }

    /// What happened since the last call, one line each.
    pub(crate) fn told(&self) -> String {
        let mut lines = std::mem::take(&mut *self.record.lock().unwrap());
        lines.push(String::new());
        lines.join("\n")
    }

    /// A run on a day, with three days of grace.
    pub(crate) async fn run(&mut self, policies: &[Policy], now: i64) -> Report {
        let holds = self.holds.clone();
        let report = {
            let judge = Judge::new(self, policies, &holds).unwrap();
            let orders = Orders { now: day(now), due: day(now + 3), by: "the schedule" };
            retention::run(self, &judge, self, self, orders).await.unwrap()
        };
        self.bury();
        report
    }

    pub(crate) fn plan(&self, policies: &[Policy], now: i64) -> Plan {
        let judge = Judge::new(self, policies, &self.holds).unwrap();
        let condemned: BTreeSet<_> = self.condemned_now().keys().copied().collect();
        retention::plan(self, &judge, &condemned, day(now)).unwrap()
    }

    /// A person asks for the removal of a message.
    pub(crate) async fn request(&self, n: u32, now: i64) {
        let what = Condemnation {
            messages: vec![MessageKey(u64::from(n))],
            reason: EraseReason::Request,
            due: day(now + 3),
            rule: "request 1".into(),
            by: "ann".into(),
            why: "asked for".into(),
        };
        self.condemn(what).await.unwrap();
    }

    fn bury(&mut self) {
        let gone: Vec<_> = self.record.lock().unwrap().clone();
        for line in gone {
            let Some(n) = line.strip_prefix("erased ") else { continue };
            let n: usize = n.parse().unwrap();
            self.messages[n].is_gone = true;
        }
    }

    fn set_of(&self, takes: impl Fn(&Message) -> bool) -> MessageSet {
        let mut set = MessageSet::default();
        for (n, it) in (0..).zip(&self.messages) {
            if !it.is_gone && takes(it) {
                set.insert(n);
            }
        }
        set
    }
}

impl RetentionViews for World {
    fn reach(&self) -> u64 {
        self.reach.unwrap_or(self.messages.len() as u64)
    }

    fn all(&self) -> Result<MessageSet, CatalogError> {
        Ok(self.set_of(|_| true))
    }

    fn covered(&self, by: &Covers) -> Result<Covered, CatalogError> {
        Ok(match by {
            Covers::All => Covered { certain: self.all()?, ..Covered::default() },
            Covers::Archive(archive) => {
                let certain = self.set_of(|it| it.archive == *archive);
                Covered { certain, ..Covered::default() }
            }
            Covers::Query(query) if query == "(" => {
                return Err(CatalogError { what: "a query".into(), cause: "it is wrong".into() });
            }
            Covers::Query(query) => {
                let certain = self.set_of(|it| it.words.split(' ').any(|it| it == query));
                let mut possible = self.set_of(|it| it.partly_read);
                possible.subtract(&certain);
                Covered { certain, possible }
            }
        })
    }

    fn times(
        &self,
        set: &MessageSet,
        n_first: u32,
        limit: usize,
    ) -> Result<Vec<MessageTimes>, CatalogError> {
        let numbers = set.iter_from(n_first).take(limit);
        Ok(numbers.filter_map(|n| self.message_at(n)).collect())
    }

    fn message(&self, key: MessageKey) -> Result<Option<MessageTimes>, CatalogError> {
        Ok(self.message_at(u32::try_from(key.0).unwrap()))
    }
}

impl World {
    fn message_at(&self, n: u32) -> Option<MessageTimes> {
        let it = self.messages.get(usize::try_from(n).unwrap())?;
        let at = it.archived;
        Some(MessageTimes {
            n,
            key: MessageKey(u64::from(n)),
            blob: BlobId::of(it.words.as_bytes()),
            size: 10,
            archived: at,
            date: at,
            received: Some(at),
        })
    }
}

impl Holds for World {
    /// As the log knows them at that moment: also those that whoever planned did not.
    async fn held(&self, messages: &[MessageKey], _: Position) -> Result<Vec<Held>, LogError> {
        let judge = Judge::new(self, &[], &self.holds).unwrap();
        let held = messages.iter().filter_map(|message| {
            let hold = judge.hold_of(u32::try_from(message.0).unwrap())?;
            Some(Held { message: *message, hold: hold.to_owned() })
        });
        Ok(held.collect())
    }
}

impl Erase for World {
    fn condemned(&self) -> Result<Vec<CondemnedRow>, LogError> {
        Ok(self.condemned_now().values().cloned().collect())
    }

    fn erased(&self) -> Result<Vec<CondemnedRow>, LogError> {
        Ok(Vec::new())
    }

    async fn condemn(&self, what: Condemnation) -> Result<Vec<EntryNumber>, LogError> {
        for message in what.messages {
            self.note(format!("condemned {message} by {}", what.rule));
            let row = CondemnedRow {
                message,
                entry: EntryNumber(0),
                at: Timestamp(0),
                due: what.due,
                reason: what.reason,
                erased: None,
                parts: Vec::new(),
            };
            self.condemned_now().insert(message, row);
        }
        Ok(vec![EntryNumber(0)])
    }

    async fn spare(&self, what: Sparing) -> Result<Vec<EntryNumber>, LogError> {
        for message in what.messages {
            let why = if what.reason == SpareReason::Hold { "hold" } else { "withdrawn" };
            self.note(format!("spared {message} ({why}) by {}", what.rule));
            self.condemned_now().remove(&message);
        }
        Ok(vec![EntryNumber(0)])
    }

    async fn erase<H: Holds>(
        &self,
        messages: &[MessageKey],
        now: Timestamp,
        holds: &H,
    ) -> Result<Erased, LogError> {
        let held = holds.held(messages, Position::default()).await?;
        let mut done = Erased { held, ..Erased::default() };
        for message in messages {
            let row = self.condemned_now().get(message).cloned();
            let is_held = done.held.iter().any(|it| it.message == *message);
            match row {
                Some(row) if row.due <= now && !is_held => {
                    self.note(format!("erased {message}"));
                    self.condemned_now().remove(message);
                    done.erased.push(*message);
                }
                _ => done.left.push(*message),
            }
        }
        Ok(done)
    }
}

/// A policy that removes after so many days, and keeps as long as `keep` says.
pub(crate) fn policy(name: &str, query: Option<&str>, keep: &str, remove: &str) -> Policy {
    let maximum = Age::read(remove);
    Policy {
        name: name.into(),
        query: query.map(str::to_owned),
        periods: Periods {
            minimum: Age::read(keep),
            maximum,
            from: CountedFrom::Archived,
            at_the_end: if maximum.is_some() { AtTheEnd::Removed } else { AtTheEnd::Stays },
        },
    }
}
