//! Checkpoints and tiles, held against the entries of a log.
//!
//! One pass: the notes in their order ask for the root of the tree at their sizes, and the leaves
//! are read up to there. That the tree of each is the beginning of that of the next follows.

use std::collections::BTreeMap;

use ledger::checkpoint::split_origin;
use ledger::merkle::Tree;
use ledger::note::Verifier;
use ledger::tiles::{TILE_HASHES, TileId, Tiler, tile_in};
use ledger::{Checkpoint, Moment};
use ports::Log;
use types::Hash;

use super::tile_files::TileFiles;
use super::{Evidence, list};
use crate::error::{StoreError, chain};
use crate::log::{Leaves, SegmentLog};

/// More defects than this are counted, but not listed.
const DEFECTS_MAX: usize = 1000;

/// Names of the parts in answers.
const CHECKPOINTS: &str = "checkpoints";
const TILES: &str = "tiles";

/// Something wrong in the evidence of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EvidenceDefect {
    /// `checkpoints` or `tiles`.
    pub part: &'static str,
    /// Where: a file, and an offset in it.
    pub place: String,
    /// What: a sentence for people, without a full stop.
    pub what: String,
}

/// What was checked of the evidence of a log, and found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EvidenceVerdict {
    /// Checkpoints.
    pub checkpoints: u64,
    /// Keys that they may be signed with.
    pub keys: u64,
    /// Entries behind the last checkpoint.
    pub unsigned: u64,
    /// What is wrong; at most a thousand.
    pub defects: Vec<EvidenceDefect>,
    /// How many more there are.
    pub n_defects_left_off: u64,
}

impl Evidence {
    /// Checks every checkpoint and tile against `log`, and the order of the checkpoints.
    #[must_use]
    pub fn check(&self, log: &SegmentLog) -> EvidenceVerdict {
        let mut check = Check::new(self, log);
        let checked = check.read_keys().and_then(|()| check.notes()).and_then(|()| check.end());
        if let Err(error) = checked {
            check.defect(CHECKPOINTS, "checkpoints", chain(&error));
        }
        check.verdict
    }
}

struct Check<'a> {
    evidence: &'a Evidence,
    log: &'a SegmentLog,
    known: Vec<Verifier>,
    /// Of each epoch, the size at which it began.
    begun: BTreeMap<u64, u64>,
    before: Option<Checkpoint>,
    /// The largest size at which the log was closed.
    closed: Option<u64>,
    leaves: Leaves<'a>,
    tree: Tree,
    is_readable: bool,
    tiler: Tiler,
    tiles: TileFiles,
    /// How far the tiles say that they are.
    tiled: u64,
    tail: u64,
    verdict: EvidenceVerdict,
}

impl<'a> Check<'a> {
    fn new(evidence: &'a Evidence, log: &'a SegmentLog) -> Check<'a> {
        let tiles = TileFiles::new(evidence);
        let tiled = tiles.reach().map_or(0, |it| it.position.entries);
        Check {
            evidence,
            log,
            known: Vec::new(),
            begun: BTreeMap::new(),
            before: None,
            closed: None,
            leaves: log.leaves(0),
            tree: Tree::new(),
            is_readable: true,
            tiler: Tiler::new(),
            tiles,
            tiled,
            tail: 0,
            verdict: EvidenceVerdict::default(),
        }
    }

    fn defect(&mut self, part: &'static str, place: impl Into<String>, what: impl Into<String>) {
        if self.verdict.defects.len() < DEFECTS_MAX {
            let (place, what) = (place.into(), what.into());
            self.verdict.defects.push(EvidenceDefect { part, place, what });
        } else {
            self.verdict.n_defects_left_off += 1;
        }
    }

    fn read_keys(&mut self) -> Result<(), StoreError> {
        match self.evidence.verifiers() {
            Ok(known) => self.known = known,
            Err(error) => self.defect(CHECKPOINTS, "checkpoint.pub", chain(&error)),
        }
        self.verdict.keys = self.known.len() as u64;
        Ok(())
    }

    fn notes(&mut self) -> Result<(), StoreError> {
        let Evidence { disk, dir, .. } = self.evidence;
        // An older copy that was accepted takes the place of what stood behind it.
        self.begun = self.evidence.begun().unwrap_or_default();
        self.tail = list::each_note(&**disk, dir, |offset, note| {
            self.note(offset, note);
            Ok(())
        })?;
        Ok(())
    }

    fn note(&mut self, offset: u64, note: &[u8]) {
        self.verdict.checkpoints += 1;
        let place = format!("checkpoints at {offset}");
        let checkpoint = match opened(note, &self.known) {
            Ok((checkpoint, _)) => checkpoint,
            Err(what) => return self.defect(CHECKPOINTS, place, what),
        };
        if !self.evidence.is_of_log(&checkpoint) {
            let what = format!("a checkpoint of another log, {}", checkpoint.origin);
            return self.defect(CHECKPOINTS, place, what);
        }
        if let Some(before) = self.before.take()
            && let Some(what) = wrong_order(&before, &checkpoint)
        {
            self.defect(CHECKPOINTS, place.clone(), what);
        }
        let entries = checkpoint.position.entries;
        if checkpoint.moment == Moment::Closed {
            self.closed = self.closed.max(Some(entries));
        }
        let (_, epoch) = split_origin(&checkpoint.origin);
        let is_abandoned = self.begun.range(epoch + 1..).any(|(_, first)| *first < entries);
        // Signed by another process since this log was opened; opening checks that none is lost.
        let is_later = self.log.position().entries < entries;
        if !is_abandoned && !is_later && self.advance(entries) {
            let here = self.tree.position();
            if here.entries == entries && here.root != checkpoint.position.root {
                let what = format!("the first {entries} entries of the log are not those signed");
                self.defect(CHECKPOINTS, place, what);
            }
        }
        self.before = Some(checkpoint);
    }

    /// Reads leaves until there are so many. False when they cannot be read.
    fn advance(&mut self, entries: u64) -> bool {
        while self.is_readable && self.tree.size() < entries {
            match self.leaves.next_leaf() {
                Ok(Some(leaf)) => self.leaf(leaf),
                Ok(None) => self.is_readable = false,
                Err(error) => {
                    self.is_readable = false;
                    let entries = self.tree.size();
                    let what =
                        format!("from entry {entries} on nothing was compared: {}", chain(&error));
                    self.defect(CHECKPOINTS, "checkpoints", what);
                }
            }
        }
        self.is_readable
    }

    fn leaf(&mut self, leaf: Hash) {
        self.tree.append(leaf);
        let mut full = Vec::new();
        let keep = |id: TileId, hashes: &[Hash]| {
            full.push((id, hashes.to_vec()));
            Ok::<(), std::convert::Infallible>(())
        };
        let Ok(()) = self.tiler.push(leaf, keep);
        let size = self.tiler.size();
        if size <= self.tiled {
            full.iter().for_each(|(id, hashes)| self.tile(*id, hashes));
        }
        if size == self.tiled {
            let partial: Vec<_> =
                self.tiler.partial().map(|(id, hashes)| (id, hashes.to_vec())).collect();
            partial.iter().for_each(|(id, hashes)| self.tile(*id, hashes));
        }
    }

    fn tile(&mut self, id: TileId, hashes: &[Hash]) {
        let what = match self.tiles.read(id) {
            Ok(Some(found)) if found == hashes => return,
            Ok(Some(_)) => "is not what the entries give".to_owned(),
            Ok(None) => "is missing, or too short".to_owned(),
            Err(error) => error.to_string(),
        };
        let what = format!("{what}; without the directory tiles, all are made anew");
        self.defect(TILES, format!("tiles/{}", id.path()), what);
    }

    /// What has to be true at the end of the list.
    fn end(&mut self) -> Result<(), StoreError> {
        let Evidence { disk, dir, .. } = self.evidence;
        let entries = self.log.position().entries;
        let was_closed = self.log.was_closed() == Some(true);
        // A process that began to write meanwhile signed so before it wrote.
        let last = list::read_last(&**disk, dir, &self.known)?.checkpoint.map(|it| it.checkpoint);
        let last = last.or(self.before.take());
        let signed = last.as_ref().map_or(0, |it| it.position.entries);
        self.verdict.unsigned = entries.saturating_sub(signed);
        let place = "checkpoints";
        if self.verdict.checkpoints == 0 {
            if entries != 0 {
                let what = "the log has entries and no checkpoint: they may have been removed";
                self.defect(CHECKPOINTS, place, what);
            }
            return Ok(());
        }
        if last.is_some_and(|it| it.is_exceeded(self.log.position())) {
            let what = format!(
                "{} entries stand behind the checkpoint that closed the log: nobody signed them",
                self.verdict.unsigned
            );
            self.defect(CHECKPOINTS, place, what);
        } else if was_closed && self.closed != Some(entries) && self.closed <= Some(entries) {
            let what = "the log was closed, and the checkpoint of that is missing";
            self.defect(CHECKPOINTS, place, what);
        }
        if was_closed && self.tail != 0 {
            let what = format!("{} bytes at the end are no checkpoint", self.tail);
            self.defect(CHECKPOINTS, place, what);
        }
        // Tiles behind what was compared are none of this log.
        let is_behind = self.tree.size() < self.tiled && self.tiled <= entries;
        if is_behind && self.is_readable {
            let last = tile_in(0, (self.tiled - 1) / TILE_HASHES, self.tiled);
            let path = last.map(|it| it.path()).unwrap_or_default();
            let what = "reaches behind the last checkpoint";
            self.defect(TILES, format!("tiles/{path}"), what);
        }
        Ok(())
    }
}

fn opened(note: &[u8], known: &[Verifier]) -> Result<(Checkpoint, usize), String> {
    let note = std::str::from_utf8(note).map_err(|it| it.to_string())?;
    Checkpoint::open(note, known).map_err(|it| it.to_string())
}

/// What is wrong with a checkpoint behind the one before it.
fn wrong_order(before: &Checkpoint, next: &Checkpoint) -> Option<String> {
    let ((_, epoch_before), (_, epoch)) =
        (split_origin(&before.origin), split_origin(&next.origin));
    if epoch != epoch_before {
        return (epoch < epoch_before).then(|| "belongs to an earlier epoch".to_owned());
    }
    let (size_before, size) = (before.position.entries, next.position.entries);
    if size < size_before {
        return Some(format!("has {size} entries, fewer than the one before"));
    }
    if before.is_exceeded(next.position) {
        let more = size - size_before;
        return Some(format!("{more} entries were added while the log was closed"));
    }
    None
}
