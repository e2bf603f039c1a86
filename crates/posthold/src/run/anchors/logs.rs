//! The logs whose checkpoints are anchored: every store that people see, and the audit log; and
//! whether each still has what was anchored of it.

use std::path::Path;
use std::sync::Arc;

use commands::{AnchorChecked, AnchorShown, AnchorTarget, Failure, FailureKind};
use disk::RealDisk;
use ledger::checkpoint::split_origin;
use ledger::{AnchorKind, Anchored, Checkpoint};
use ports::Disk;
use stamps::{Expected, Roots, Stamp, StampError};
use state::{KeptAnchored, State};
use store::Description;
use store::evidence::{Evidence, SignedCheckpoint, Standing};
use store::log::{KeysAtHand, Recorded, SegmentLog};
use types::{Hash, Timestamp};

use super::files::{in_anchor, nothing};
use crate::context::DataDir;
use crate::run::stores::{is_empty, recorded_by_state};
use crate::run::{all_stores, audit, faults, keys};

/// The name of the audit log in answers.
const AUDIT_LOG: &str = "audit log";

/// Where what is kept here was found.
const KEPT: &str = "kept here";

/// A log that is open for reading.
pub(super) struct AnchoredLog {
    /// The store, or `audit log`.
    pub(super) name: String,
    pub(super) evidence: Evidence,
    log: SegmentLog,
}

/// The logs of a data directory.
pub(super) struct Logs {
    /// Those that could be opened.
    pub(super) open: Vec<AnchoredLog>,
    /// Which could not, and why: sentences.
    pub(super) closed: Vec<String>,
    roots: TokenRoots,
}

impl Logs {
    /// Opens them. Blocks.
    pub(super) fn open(data: &DataDir, state: &State) -> Result<Logs, Failure> {
        let (mut logs, keys) = (Logs::none(state)?, keys::for_stores(data));
        for saved in all_stores::saved(data)?.iter().filter(|it| it.state.is_active()) {
            let dir = data.at(saved).store();
            let recorded = recorded_by_state(state, &saved.name);
            let recorded = recorded.map_err(|it| faults::state(&it))?;
            logs.add(&saved.name, &dir, recorded, &keys);
        }
        let recorded = recorded_by_state(state, audit::AUDIT_HEAD);
        let recorded = recorded.map_err(|it| faults::state(&it))?;
        logs.add(AUDIT_LOG, &audit::dir(data), recorded, &keys);
        Ok(logs)
    }

    fn none(state: &State) -> Result<Logs, Failure> {
        let roots = TokenRoots::of(state)?;
        Ok(Logs { open: Vec::new(), closed: Vec::new(), roots })
    }

    /// Takes these roots too, in PEM.
    pub(super) fn trust(&mut self, pem: Option<&str>) -> Result<(), Failure> {
        pem.map_or(Ok(()), |it| self.roots.add("", it))
    }

    /// The checkpoint that a token is about, with the token; `None` when it is about none.
    pub(super) fn stamped(&self, token: &[u8]) -> Result<Option<Anchored>, Failure> {
        let Ok(imprint) = stamps::imprint_of(token) else { return Ok(None) };
        for log in &self.open {
            let note = log.evidence.note_with_hash(&imprint).map_err(|it| faults::store(&it))?;
            if let Some(note) = note {
                let (anchor, token) = (String::new(), Some(token.to_vec()));
                let at = Timestamp::default();
                return Ok(Some(Anchored { anchor, kind: AnchorKind::Tsa, at, token, note }));
            }
        }
        Ok(None)
    }

    /// A log, with what it is held against.
    pub(super) fn held<'a>(&'a self, log: &'a AnchoredLog, state: &'a State) -> Held<'a> {
        let AnchoredLog { name, evidence, log } = log;
        Held { name, evidence, log, state, roots: &self.roots }
    }

    fn add(&mut self, name: &str, dir: &Path, recorded: Vec<Recorded>, keys: &KeysAtHand) {
        let had_entries = recorded.iter().any(|it| it.position.entries != 0);
        if is_empty(&dir.join("segments")) && !had_entries {
            return;
        }
        match AnchoredLog::open(name, dir, recorded, keys) {
            Ok(Some(log)) => self.open.push(log),
            Ok(None) => self.closed.push(format!("The {name} is missing.")),
            Err(why) => self.closed.push(format!("The {} cannot be read: {why}.", told(name))),
        }
    }

    /// The log that a checkpoint is of.
    pub(super) fn of(&self, checkpoint: &Checkpoint) -> Option<&AnchoredLog> {
        let (base, _) = split_origin(&checkpoint.origin);
        self.open.iter().find(|it| it.evidence.base() == base)
    }
}

/// A log in a sentence.
pub(super) fn told(name: &str) -> String {
    if name == AUDIT_LOG { name.to_owned() } else { format!("store {name}") }
}

/// Everything that was anchored of a store, here and in files of anchors, held against its log.
pub(in crate::run) fn of_store(
    state: &State,
    name: &str,
    evidence: &Evidence,
    log: &SegmentLog,
) -> Result<Vec<AnchorChecked>, Failure> {
    let roots = TokenRoots::of(state)?;
    Held { name, evidence, log, state, roots: &roots }.everything()
}

/// The same of the audit log; nothing when it cannot be opened, which others say.
pub(in crate::run) fn of_audit_log(
    data: &DataDir,
    state: &State,
) -> Result<Vec<AnchorChecked>, Failure> {
    let recorded = recorded_by_state(state, audit::AUDIT_HEAD).map_err(|it| faults::state(&it))?;
    let mut logs = Logs::none(state)?;
    logs.add(AUDIT_LOG, &audit::dir(data), recorded, &keys::for_stores(data));
    match logs.open.first() {
        Some(it) => logs.held(it, state).everything(),
        None => Ok(Vec::new()),
    }
}

impl AnchoredLog {
    fn open(
        name: &str,
        dir: &Path,
        mut recorded: Vec<Recorded>,
        keys: &KeysAtHand,
    ) -> Result<Option<AnchoredLog>, String> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let description = Description::read(&RealDisk, dir).map_err(|it| faults::chain(&it))?;
        let Some(description) = description else { return Ok(None) };
        let evidence = description.evidence(Arc::clone(&disk), dir);
        recorded.extend(evidence.recorded());
        let log_dir = store::log_dir(dir, &disk, keys).map_err(|it| faults::chain(&it))?;
        let log = SegmentLog::open_for_reading(disk, log_dir, &recorded)
            .map_err(|it| faults::chain(&it))?;
        Ok(Some(AnchoredLog { name: name.to_owned(), evidence, log }))
    }

    /// Its last checkpoint.
    pub(super) fn last(&self) -> Result<Option<SignedCheckpoint>, Failure> {
        self.evidence.last().map_err(|it| faults::store(&it))
    }
}

/// A log, with what it is held against.
pub(super) struct Held<'a> {
    name: &'a str,
    evidence: &'a Evidence,
    log: &'a SegmentLog,
    state: &'a State,
    roots: &'a TokenRoots,
}

/// What files of anchors say of a log.
struct InFiles {
    checked: Vec<AnchorChecked>,
    /// Files that cannot be read, although something went there.
    unreadable: Vec<AnchorChecked>,
}

impl Held<'_> {
    /// Everything that was anchored of it, here and in files of anchors.
    pub(super) fn everything(&self) -> Result<Vec<AnchorChecked>, Failure> {
        let mut found = self.kept()?;
        let in_files = self.in_files()?;
        found.extend(in_files.checked);
        found.extend(in_files.unreadable);
        Ok(found)
    }

    /// The same without files that cannot be read: they may be elsewhere for a while.
    pub(super) fn at_hand(&self) -> Result<Vec<AnchorChecked>, Failure> {
        let mut found = self.kept()?;
        found.extend(self.in_files()?.checked);
        Ok(found)
    }

    fn kept(&self) -> Result<Vec<AnchorChecked>, Failure> {
        let in_state =
            self.state.anchored(self.evidence.base()).map_err(|it| faults::state(&it))?;
        let in_state: Vec<Anchored> = in_state.into_iter().filter_map(from_state).collect();
        let list = self.evidence.anchored().map_err(|it| faults::store(&it))?;
        let anchors = self.state.anchors().map_err(|it| faults::state(&it))?;
        let mut all = list.anchored.clone();
        all.extend(in_state.iter().filter(|it| !list.anchored.contains(it)).cloned());
        let mut found = self.checked(KEPT, &all)?;
        for (checked, it) in found.iter_mut().zip(&all) {
            let is_lost = !list.anchored.contains(it);
            let is_known = |by: &AnchorShown| by.name == it.anchor && by.made <= it.at;
            if !is_lost && !in_state.contains(it) && anchors.iter().any(is_known) {
                let what = "the state does not know that it went there: it was set back";
                checked.failure = checked.failure.take().or_else(|| Some(what.to_owned()));
            }
            if is_lost && checked.failure.is_none() && checked.note.is_none() {
                let what =
                    "it is missing in the list beside the log, which was set back or changed";
                checked.failure = Some(what.to_owned());
            }
        }
        for flaw in list.flaws {
            let what = format!("the list beside the log cannot be read: {flaw}");
            found.push(self.flaw(KEPT, what));
        }
        Ok(found)
    }

    fn in_files(&self) -> Result<InFiles, Failure> {
        let failed = |it| faults::state(&it);
        let base = self.evidence.base();
        let mut found = InFiles { checked: Vec::new(), unreadable: Vec::new() };
        for anchor in self.state.anchors().map_err(failed)? {
            let AnchorTarget::File(path) = &anchor.target else { continue };
            let sent = self.state.anchored(base).map_err(failed)?;
            let is_sent = |it: &KeptAnchored| it.anchor == anchor.name && anchor.made <= it.at;
            let sent: Vec<Anchored> =
                sent.into_iter().filter(is_sent).filter_map(from_state).collect();
            let place = path.display().to_string();
            let there = match in_anchor(path) {
                Ok(there) => there,
                Err(_) if sent.is_empty() => continue,
                Err(error) => {
                    let what = format!("what went there cannot be read: {error}");
                    found.unreadable.push(self.flaw(&place, what));
                    continue;
                }
            };
            let is_of_log =
                |it: &Anchored| it.unchecked().is_ok_and(|it| split_origin(&it.origin).0 == base);
            let of_log: Vec<Anchored> = there.into_iter().filter(is_of_log).collect();
            found.checked.extend(self.checked(&place, &of_log)?);
            for it in sent.iter().filter(|it| !of_log.contains(it)) {
                let at = it.at;
                let what = format!("it lacks what went there at {at}: it was changed or set back");
                found.checked.push(self.flaw(&place, what));
            }
        }
        Ok(found)
    }

    /// Something wrong with a list of anchored checkpoints of the log.
    fn flaw(&self, place: &str, what: String) -> AnchorChecked {
        AnchorChecked {
            log: self.evidence.base().to_owned(),
            store: self.name.to_owned(),
            failure: Some(what),
            ..nothing(place)
        }
    }

    /// What was found somewhere, held against the log.
    pub(super) fn checked(
        &self,
        place: &str,
        anchored: &[Anchored],
    ) -> Result<Vec<AnchorChecked>, Failure> {
        let failed = |it| faults::store(&it);
        let known = self.evidence.verifiers().map_err(failed)?;
        let unchecked: Vec<_> = anchored.iter().filter_map(|it| it.unchecked().ok()).collect();
        let standings = self.evidence.standings(self.log, &unchecked).map_err(failed)?;
        let mut found = Vec::new();
        for ((it, checkpoint), standing) in anchored.iter().zip(&unchecked).zip(standings) {
            let mut of = shown(place, it, checkpoint);
            of.store = self.name.to_owned();
            (of.failure, of.note) = match it.open(&known) {
                Ok(_) => words(standing, checkpoint.position.entries),
                Err(error) => (Some(error.to_string()), None),
            };
            match self.roots.verify(it) {
                Some(Ok(stamp)) => of.stamped = Some(stamp.time),
                Some(Err(why)) => of.failure = of.failure.or(Some(why.to_string())),
                None if it.token.is_some() => {
                    let note = "there is no certificate here to check its token with (--ca-file)";
                    of.note = of.note.or_else(|| Some(note.to_owned()));
                }
                None => (),
            }
            found.push(of);
        }
        Ok(found)
    }
}

/// The certificates that tokens have to lead to, by the anchor.
pub(super) struct TokenRoots(Vec<(String, Roots)>);

impl TokenRoots {
    fn of(state: &State) -> Result<TokenRoots, Failure> {
        let mut all = TokenRoots(Vec::new());
        for it in state.anchors().map_err(|it| faults::state(&it))? {
            if let AnchorTarget::Tsa { roots, .. } = &it.target {
                all.add(&it.name, roots)?;
            }
        }
        Ok(all)
    }

    fn add(&mut self, anchor: &str, pem: &str) -> Result<(), Failure> {
        let roots = Roots::from_pem(pem.as_bytes())
            .map_err(|it| Failure::new(FailureKind::Configuration, it.to_string()))?;
        self.0.push((anchor.to_owned(), roots));
        Ok(())
    }

    /// Checks the token of an anchored checkpoint. `None` when it has none, or when there is
    /// nothing to check it with: its anchor was removed.
    fn verify(&self, it: &Anchored) -> Option<Result<Stamp, StampError>> {
        let token = it.token.as_ref()?;
        let imprint = Hash::of(it.note.as_bytes()).0;
        let expected = Expected { imprint: &imprint, nonce: None, now: None };
        let is_of = |name: &String| *name == it.anchor || name.is_empty() || it.anchor.is_empty();
        let roots = self.0.iter().filter(|(name, _)| is_of(name));
        let mut last = None;
        for (_, roots) in roots {
            match stamps::verify(token, &expected, roots) {
                Ok(stamp) => return Some(Ok(stamp)),
                Err(error) => last = Some(Err(error)),
            }
        }
        last
    }
}

/// An anchored checkpoint that nobody looked at yet.
pub(super) fn shown(place: &str, it: &Anchored, checkpoint: &Checkpoint) -> AnchorChecked {
    AnchorChecked {
        place: place.to_owned(),
        anchor: it.anchor.clone(),
        kind: it.kind.name(),
        log: checkpoint.origin.clone(),
        store: String::new(),
        at: Some(it.at),
        stamped: None,
        entries: checkpoint.position.entries,
        failure: None,
        note: None,
    }
}

/// What is wrong, or what has to be known.
fn words(standing: Standing, entries: u64) -> (Option<String>, Option<String>) {
    let failure = match standing {
        Standing::Holds => return (None, None),
        Standing::GivenUp(epoch) => {
            let note = format!("its entries were given up when epoch {epoch} began");
            return (None, Some(note));
        }
        Standing::Fewer(here) => {
            format!("the log has {here} entries, and {entries} were anchored: it was set back")
        }
        Standing::Other => format!(
            "the first {entries} entries of the log are not those that were anchored: its history \
             was written anew"
        ),
        Standing::Later(epoch) => format!("the log is not in epoch {epoch} yet: it was set back"),
        Standing::Foreign => "it is of another log".to_owned(),
    };
    (Some(failure), None)
}

/// Adds to the list beside a log what only the state has: an older copy of the log was accepted.
pub(in crate::run) fn complete_list(state: &State, evidence: &Evidence) -> Result<(), Failure> {
    let in_state = state.anchored(evidence.base()).map_err(|it| faults::state(&it))?;
    let list = evidence.anchored().map_err(|it| faults::store(&it))?;
    let mut lost: Vec<Anchored> = in_state.into_iter().filter_map(from_state).collect();
    lost.retain(|it| !list.anchored.contains(it));
    match lost.is_empty() {
        true => Ok(()),
        false => evidence.add_anchored(&lost).map_err(|it| faults::store(&it)),
    }
}

fn from_state(it: KeptAnchored) -> Option<Anchored> {
    let KeptAnchored { anchor, kind, at, token, note, .. } = it;
    Some(Anchored { anchor, kind: AnchorKind::from_name(&kind)?, at, token, note })
}
