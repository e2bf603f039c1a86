//! Inclusion proofs of entries, from tiles, or from the log where tiles are missing or wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use ledger::merkle::leaf_hash;
use ledger::proof::{ProofFile, consistency, inclusion, is_consistent, root_by_inclusion};
use ledger::tiles::{TILE_HASHES, TileId, TileNodes, Tiler};
use ledger::{Checkpoint, proof};
use ports::Log;
use types::{EntryNumber, Hash, Position};

use super::tile_files::TileFiles;
use super::{Evidence, list};
use crate::error::{StoreError, StoreErrorKind};
use crate::log::{RawEntry, SegmentLog};

/// A checkpoint as it was signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The note, word for word.
    pub note: String,
}

/// Gives the hashes of a tile.
type TileReader<'a> = dyn FnMut(TileId) -> Result<Vec<Hash>, StoreError> + 'a;

/// Where proofs against one checkpoint come from. Reads some tiles for each, whatever the size of
/// the log; where there are no right ones, one hash for 256 entries is kept in memory instead.
pub struct ProofSource<'a> {
    log: &'a SegmentLog,
    signed: SignedCheckpoint,
    nodes: TileNodes<Box<TileReader<'a>>>,
    is_from_log: bool,
}

impl Evidence {
    /// Proofs against the last checkpoint that `log`, opened before or after it, has reached.
    /// `None` when there is none.
    pub fn proofs<'a>(&self, log: &'a SegmentLog) -> Result<Option<ProofSource<'a>>, StoreError> {
        let entries = log.position().entries;
        let Some(mut signed) = self.last()? else { return Ok(None) };
        if entries < signed.checkpoint.position.entries {
            // Another process signed more since the log was opened.
            let known = self.verifiers()?;
            let mut earlier = None;
            list::each_note(&*self.disk, &self.dir, |_, note| {
                let note = std::str::from_utf8(note).unwrap_or_default();
                let opened = Checkpoint::open(note, &known).ok().map(|(it, _)| it);
                let reached = opened.filter(|it| it.position.entries <= entries);
                let reached = reached.filter(|it| it.origin == self.origin());
                earlier = reached
                    .map(|checkpoint| SignedCheckpoint { checkpoint, note: note.to_owned() })
                    .or(earlier.take());
                Ok(())
            })?;
            let Some(earlier) = earlier else { return Ok(None) };
            signed = earlier;
        }
        let files = TileFiles::new(self);
        let mut log_tiles = LogTiles::new(log);
        let mut read = Box::new(move |id| match files.read(id) {
            Ok(Some(hashes)) => Ok(hashes),
            _ => log_tiles.read(id),
        });
        let size = signed.checkpoint.position.entries;
        let root = proof::root(&mut TileNodes::new(size, &mut read), size)?;
        let nodes = TileNodes::new(size, read as Box<_>);
        let mut source = ProofSource { log, signed, nodes, is_from_log: false };
        if root != source.signed.checkpoint.position.root {
            source.use_log();
            if proof::root(&mut source.nodes, size)? != source.signed.checkpoint.position.root {
                let message = "the log has other entries than its last checkpoint says";
                return Err(StoreError::new(StoreErrorKind::Damaged, message));
            }
        }
        Ok(Some(source))
    }
}

impl ProofSource<'_> {
    /// The checkpoint that the proofs lead to.
    #[must_use]
    pub fn signed(&self) -> &SignedCheckpoint {
        &self.signed
    }

    /// An entry as it stands in the log, with its proof. `None` when the checkpoint does not
    /// cover it.
    pub fn prove(
        &mut self,
        number: EntryNumber,
    ) -> Result<Option<(RawEntry, ProofFile)>, StoreError> {
        let Some(raw) = self.log.raw_entry(number)? else { return Ok(None) };
        let proof = self.prove_raw(number, &raw)?;
        Ok(proof.map(|proof| (raw, proof)))
    }

    /// Several entries as they stand in the log, in one walk over it.
    pub fn raw_entries(
        &self,
        numbers: &BTreeSet<u64>,
    ) -> Result<BTreeMap<u64, RawEntry>, StoreError> {
        Ok(self.log.raw_entries(numbers)?)
    }

    /// The proof of an entry that was read. `None` when the checkpoint does not cover it.
    pub fn prove_raw(
        &mut self,
        number: EntryNumber,
        raw: &RawEntry,
    ) -> Result<Option<ProofFile>, StoreError> {
        let Checkpoint { position, .. } = self.signed.checkpoint;
        if position.entries <= number.0 {
            return Ok(None);
        }
        let leaf = leaf_hash(&raw.entry);
        let mut hashes = inclusion(&mut self.nodes, number.0, position.entries)?;
        let holds = |hashes: &[Hash]| {
            root_by_inclusion(leaf, number.0, position.entries, hashes) == Some(position.root)
        };
        if !holds(&hashes) && !self.is_from_log {
            self.use_log();
            hashes = inclusion(&mut self.nodes, number.0, position.entries)?;
        }
        if !holds(&hashes) {
            let message = format!("entry {} has no proof: it is not what was signed", number.0);
            return Err(StoreError::new(StoreErrorKind::Damaged, message));
        }
        let checkpoint = self.signed.note.clone();
        Ok(Some(ProofFile { index: number.0, hashes, checkpoint }))
    }

    /// Whether the entries of the checkpoint begin with those of an older tree.
    pub fn begins_with(&mut self, old: &Position) -> Result<bool, StoreError> {
        Ok(self.consistency(old)?.is_some())
    }

    /// The proof that the entries of the checkpoint begin with those of an older tree; `None` when
    /// they do not.
    pub fn consistency(&mut self, old: &Position) -> Result<Option<Vec<Hash>>, StoreError> {
        let new = self.signed.checkpoint.position;
        let proof = consistency(&mut self.nodes, old.entries, new.entries)?;
        if is_consistent(old, &new, &proof) {
            return Ok(Some(proof));
        }
        if self.is_from_log {
            return Ok(None);
        }
        self.use_log();
        let proof = consistency(&mut self.nodes, old.entries, new.entries)?;
        Ok(is_consistent(old, &new, &proof).then_some(proof))
    }

    /// Forgets the tiles: some of them are wrong.
    fn use_log(&mut self) {
        let mut log_tiles = LogTiles::new(self.log);
        let size = self.signed.checkpoint.position.entries;
        self.nodes = TileNodes::new(size, Box::new(move |id| log_tiles.read(id)));
        self.is_from_log = true;
    }
}

/// Tiles that are computed when they are asked for.
struct LogTiles<'a> {
    log: &'a SegmentLog,
    /// The hashes of every level of tiles but the lowest.
    upper: Option<Vec<Vec<Hash>>>,
}

impl<'a> LogTiles<'a> {
    fn new(log: &'a SegmentLog) -> LogTiles<'a> {
        LogTiles { log, upper: None }
    }

    fn read(&mut self, id: TileId) -> Result<Vec<Hash>, StoreError> {
        let TileId { level, index, width } = id;
        let first = index * TILE_HASHES;
        let Some(above) = usize::from(level).checked_sub(1) else {
            let mut leaves = self.log.leaves(first);
            let mut hashes = Vec::with_capacity(width.into());
            while hashes.len() < usize::from(width) {
                let Some(leaf) = leaves.next_leaf()? else { break };
                hashes.push(leaf);
            }
            return Ok(hashes);
        };
        let upper = match self.upper.take() {
            Some(upper) => upper,
            None => self.read_upper()?,
        };
        let hashes = self.upper.insert(upper).get(above).map(Vec::as_slice).unwrap_or_default();
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        Ok(hashes.iter().skip(first).take(width.into()).copied().collect())
    }

    fn read_upper(&self) -> Result<Vec<Vec<Hash>>, StoreError> {
        let mut tiler = Tiler::new();
        let mut upper: Vec<Vec<Hash>> = Vec::new();
        let mut leaves = self.log.leaves(0);
        while let Some(leaf) = leaves.next_leaf()? {
            let full = |id: TileId, hashes: &[Hash]| {
                let level = usize::from(id.level);
                if upper.len() <= level {
                    upper.push(Vec::new());
                }
                if let Some(above) = upper.get_mut(level) {
                    above.push(ledger::tiles::over(hashes));
                }
                Ok::<(), io::Error>(())
            };
            tiler.push(leaf, full).map_err(StoreError::io("compute tiles"))?;
        }
        Ok(upper)
    }
}
