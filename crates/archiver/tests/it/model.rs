//! Random changes at a source, random faults, and what must be true after every clean run:
//!
//! - what the source holds in scope is in the archive, in its folder, under its present UID;
//! - nothing that was archived is gone, and nothing is in a folder twice;
//! - counts add up, and a second run finds nothing to do;
//! - without faults, there are exactly as many placements as moves and copies make.
//!
//! And after a run with faults: it says that it succeeded only when everything is there.

use std::collections::{BTreeMap, BTreeSet};

use archiver::{CancelToken, RunReport};
use ledger::Outcome;
use ports::{LogErrorKind, SourceErrorKind};
use types::BlobId;

use crate::fakes::{Answer, ServerKind, mail};
use crate::world::World;

/// A small generator: the same seed gives the same test (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { Some(all[self.roll(all.len() as u64) as usize].clone()) }
    }
}

type Folders = BTreeMap<BlobId, BTreeSet<String>>;

struct Model {
    world: World,
    dice: Dice,
    delivered: u64,
    names: u64,
    trace: Vec<String>,
    /// Where each message must be placed, as far as clean runs determine it: how many placements.
    placements: BTreeMap<BlobId, usize>,
}

impl Model {
    fn new(kind: ServerKind, seed: u64) -> Model {
        let world = World::new(kind);
        for mailbox in ["INBOX", "A", "B", "Trash"] {
            world.server.create(mailbox);
        }
        let dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let trace = vec![format!("{kind:?}, seed {seed}")];
        Model { world, dice, delivered: 0, names: 0, trace, placements: BTreeMap::new() }
    }

    fn mailboxes(&self) -> Vec<String> {
        self.world.server.state().mailboxes.keys().cloned().collect()
    }

    /// One message somewhere.
    fn somewhere(&mut self) -> Option<(String, u64)> {
        let all: Vec<(String, u64)> = {
            let state = self.world.server.state();
            let each = |(name, it): (&String, &crate::fakes::Mailbox)| {
                let name = name.clone();
                it.messages.keys().map(|uid| (name.clone(), *uid)).collect::<Vec<_>>()
            };
            state.mailboxes.iter().flat_map(each).collect()
        };
        self.dice.pick(&all)
    }

    fn change(&mut self) {
        let mailboxes = self.mailboxes();
        let to = self.dice.pick(&mailboxes).unwrap();
        let from = self.somewhere();
        let kind = self.dice.roll(18);
        self.trace.push(format!("change {kind} {from:?} {to}"));
        let server = &self.world.server;
        match (kind, from) {
            (0..=5, _) | (_, None) => {
                self.delivered += 1;
                server.deliver(&to, mail(&format!("m{}", self.delivered)));
            }
            (6, Some((from, uid))) => {
                server.copy(&from, uid, &to);
            }
            (7..=10, Some((from, uid))) if from != to => {
                server.move_to(&from, uid, &to);
            }
            (11, Some((from, uid))) => {
                server.expunge(&from, uid);
            }
            (12, _) => server.touch(&to),
            (13, _) => {
                let (uid_validity, first) = (1 + self.dice.roll(1000), 1 + self.dice.roll(50));
                let now = self.world.server.state().mailboxes[&to].uid_validity;
                let other = if uid_validity == now { uid_validity + 1 } else { uid_validity };
                self.world.server.renumber(&to, other, first);
            }
            (14, _) if to != "INBOX" && to != "Trash" => {
                self.names += 1;
                server.rename(&to, &format!("N{}", self.names));
            }
            (15, _) if to != "INBOX" && to != "Trash" => server.delete(&to),
            (16, _) => {
                self.names += 1;
                let name = if self.dice.roll(2) == 0 { "A" } else { "B" };
                let name = match mailboxes.iter().any(|it| it == name) {
                    true => format!("N{}", self.names),
                    false => name.to_owned(),
                };
                server.create(&name);
            }
            (17, _) if mailboxes.iter().any(|it| it == "A") && to != "A" && to != "INBOX" => {
                server.rename("A", "swap");
                server.rename(&to, "A");
                server.rename("swap", &to);
            }
            _ => (),
        }
    }

    fn fault(&mut self) {
        let kind = self.dice.roll(10);
        let from = self.somewhere();
        let mailbox = self.dice.pick(&self.mailboxes()).unwrap();
        self.trace.push(format!("fault {kind} {from:?} {mailbox}"));
        let server = &self.world.server;
        match (kind, from) {
            (0..=5, Some((name, uid))) => {
                let answers = [
                    Answer::Omit,
                    Answer::Nil,
                    Answer::Empty,
                    Answer::Short(20),
                    Answer::Refuse,
                    Answer::Break,
                    Answer::Throttle,
                    Answer::Garbage,
                    Answer::Twice,
                    Answer::Expunge,
                    Answer::Cut,
                ];
                let answer = self.dice.pick(&answers).unwrap();
                let times = match answer {
                    Answer::Expunge => 1,
                    _ => [1, 2, 3, 20][self.dice.roll(4) as usize],
                };
                self.trace.push(format!("  {answer:?} {times} times"));
                self.world.server.spoil(&name, uid, &vec![answer; times]);
            }
            (6, _) => {
                let kinds = [SourceErrorKind::Transient, SourceErrorKind::Credentials];
                let kind = self.dice.pick(&kinds).unwrap();
                self.world.server.state().refused.push_back(kind);
            }
            (7, _) => {
                let kinds = [
                    SourceErrorKind::Transient,
                    SourceErrorKind::Mailbox,
                    SourceErrorKind::Protocol,
                ];
                let kind = self.dice.pick(&kinds).unwrap();
                server.state().locked.entry(mailbox).or_default().push_back(kind);
            }
            (8, _) => {
                let appends = self.dice.roll(6);
                self.world.log.fail_after(appends, LogErrorKind::Stopped);
            }
            _ => self.world.server.state().connections_max = 1,
        }
    }

    /// Where the source has its messages that are in scope.
    fn held(&self) -> Folders {
        let state = self.world.server.state();
        let mut held = Folders::new();
        for (name, mailbox) in state.mailboxes.iter().filter(|it| it.0 != "Trash") {
            for stored in mailbox.messages.values() {
                held.entry(BlobId::of(&stored.bytes)).or_default().insert(name.clone());
            }
        }
        held
    }

    fn archived(&self) -> Folders {
        let mut archived = Folders::new();
        for (folder, blobs) in self.world.contents() {
            for blob in blobs {
                let new = archived.entry(blob).or_default().insert(folder.clone());
                assert!(new, "{folder} has a message twice: {:#?}", self.trace);
            }
        }
        archived
    }

    fn assert_holds_all(&self, report: &RunReport) {
        let archived = self.archived();
        for (blob, folders) in self.held() {
            let placed = archived.get(&blob).cloned().unwrap_or_default();
            let missing: Vec<_> = folders.difference(&placed).collect();
            assert!(missing.is_empty(), "{missing:?} lack {blob}: {report:#?} {:#?}", self.trace);
        }
    }

    fn assert_nothing_lost(&self, before: &Folders) {
        let after = self.archived();
        for (blob, folders) in before {
            let now = after.get(blob).map_or(0, BTreeSet::len);
            assert!(folders.len() <= now, "{blob} was in {folders:?}: {:#?}", self.trace);
        }
    }

    async fn run_with_faults(&mut self) {
        let before = self.archived();
        let cancel = self.world.options.cancel.clone();
        let at = if self.dice.roll(4) == 0 { self.dice.roll(6) } else { u64::MAX };
        let report = self
            .world
            .run_with(|it| {
                if it.messages_done >= at {
                    cancel.cancel();
                }
            })
            .await;
        self.trace.push(format!("run with faults: {:?}", report.outcome));
        if report.outcome == Outcome::Succeeded {
            assert!(report.failure.is_none() && !report.cancelled);
            self.assert_holds_all(&report);
        }
        self.assert_nothing_lost(&before);
        self.world.options.cancel = CancelToken::new();
        self.world.log.reopen();
        self.world.server.heal();
        self.world.server.state().connections_max = 10;
    }

    async fn run_clean(&mut self, exact: bool) {
        let before = self.archived();
        self.world.later(1_000_000);
        let report = self.world.run().await;
        let trace = &self.trace;
        assert_eq!(report.outcome, Outcome::Succeeded, "{report:#?} {trace:#?}");
        for mailbox in &report.mailboxes {
            assert!(mailbox.complete, "{mailbox:?} {trace:#?}");
            assert_eq!(mailbox.server_count, mailbox.archived + mailbox.already, "{trace:#?}");
        }
        assert!(report.counts.adds_up());
        self.assert_holds_all(&report);
        self.assert_nothing_lost(&before);
        self.assert_refs();
        if exact {
            self.assert_placements(&before);
        } else {
            let now = self.archived();
            self.placements = now.into_iter().map(|(blob, it)| (blob, it.len())).collect();
        }
        if self.world.server.state().kind != ServerKind::Unnumbered {
            self.world.assert_silent().await;
        }
        self.trace.push("clean run".into());
    }

    /// The catalog shows each message of the source where it stands now, and nothing else.
    fn assert_refs(&self) {
        let rows = self.world.catalog.rows();
        let mut shown = BTreeSet::new();
        for (place, placement) in &rows.refs {
            let source = &rows.sources[&place.source];
            let message = rows.placements[placement].message;
            shown.insert((source.mailbox.clone(), place.uid, rows.messages[&message].0));
        }
        assert!(rows.quarantine.is_empty(), "{:#?}", self.trace);
        drop(rows);
        let state = self.world.server.state();
        let mut held = BTreeSet::new();
        for (name, mailbox) in state.mailboxes.iter().filter(|it| it.0 != "Trash") {
            for (uid, stored) in &mailbox.messages {
                held.insert((name.clone(), *uid, BlobId::of(&stored.bytes)));
            }
        }
        assert_eq!(shown, held, "{:#?}", self.trace);
    }

    /// A message in `n` new folders takes over up to `n` placements that stand nowhere any more.
    fn assert_placements(&mut self, before: &Folders) {
        let none = BTreeSet::new();
        for (blob, folders) in self.held() {
            let placed = before.get(&blob).unwrap_or(&none);
            let new = folders.difference(placed).count();
            let free = placed.difference(&folders).count();
            *self.placements.entry(blob).or_default() += new.saturating_sub(free);
        }
        let now: BTreeMap<BlobId, usize> =
            self.archived().into_iter().map(|(blob, it)| (blob, it.len())).collect();
        assert_eq!(now, self.placements, "{:#?}", self.trace);
    }
}

fn rounds() -> u64 {
    let rounds = std::env::var("ARCHIVER_MODEL_ROUNDS").ok();
    rounds.and_then(|it| it.parse().ok()).unwrap_or(40)
}

async fn without_faults(kind: ServerKind) {
    for seed in 0..rounds() {
        let mut model = Model::new(kind, seed);
        for _ in 0..6 {
            for _ in 0..model.dice.roll(12) {
                model.change();
            }
            model.run_clean(true).await;
        }
    }
}

async fn with_faults(kind: ServerKind) {
    for seed in 1000..1000 + rounds() {
        let mut model = Model::new(kind, seed);
        for _ in 0..4 {
            for _ in 0..2 {
                for _ in 0..model.dice.roll(12) {
                    model.change();
                }
                for _ in 0..model.dice.roll(4) {
                    model.fault();
                }
                model.run_with_faults().await;
            }
            model.run_clean(false).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn changes_at_a_full_server() {
    without_faults(ServerKind::Full).await;
}

#[tokio::test(start_paused = true)]
async fn changes_at_a_plain_server() {
    without_faults(ServerKind::Plain).await;
}

#[tokio::test(start_paused = true)]
async fn changes_and_faults_at_a_full_server() {
    with_faults(ServerKind::Full).await;
}

#[tokio::test(start_paused = true)]
async fn changes_and_faults_at_a_plain_server() {
    with_faults(ServerKind::Plain).await;
}

#[tokio::test(start_paused = true)]
async fn changes_at_a_server_without_numbers() {
    without_faults(ServerKind::Unnumbered).await;
}

#[tokio::test(start_paused = true)]
async fn changes_and_faults_at_a_server_without_numbers() {
    with_faults(ServerKind::Unnumbered).await;
}

#[tokio::test(start_paused = true)]
async fn changes_at_a_server_with_names() {
    without_faults(ServerKind::Named).await;
}

#[tokio::test(start_paused = true)]
async fn changes_and_faults_at_a_server_with_names() {
    with_faults(ServerKind::Named).await;
}
