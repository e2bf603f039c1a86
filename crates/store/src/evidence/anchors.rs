//! Checkpoints that went to anchors: the list of them beside the log, and whether the log still has
//! what they say.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ledger::checkpoint::split_origin;
use ledger::merkle::Tree;
use ledger::{Anchored, Checkpoint, anchored_in};
use ports::{Access, Disk, Log};
use types::{Hash, Position};

use super::{Evidence, keys, list};
use crate::error::StoreError;
use crate::log::SegmentLog;

/// The most of a list that is read, in bytes: tokens of a hundred years, one a day.
const LIST_BYTES_MAX: u64 = 256 << 20;

fn list_path(dir: &Path) -> PathBuf {
    dir.join("anchors")
}

/// How a log stands to something that was signed of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It begins with exactly these entries.
    Holds,
    /// It has fewer entries, this many: it was set back.
    Fewer(u64),
    /// It has other entries.
    Other,
    /// An epoch that it is not in yet: it was set back, to before an older copy was accepted.
    Later(u64),
    /// The entries were given up when this epoch began: an older copy was accepted.
    GivenUp(u64),
    /// That was another log.
    Foreign,
}

/// What stands in the list of anchored checkpoints beside a log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AnchorList {
    /// Those that can be read, in order.
    pub anchored: Vec<Anchored>,
    /// What cannot: in sentences without a full stop.
    pub flaws: Vec<String>,
}

impl Evidence {
    /// The name of the log, as checkpoints of its first epoch have it.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The checkpoints of this log that went to anchors, as the list beside it has them.
    pub fn anchored(&self) -> Result<AnchorList, StoreError> {
        let failed = || StoreError::io("read the list of anchors");
        let text = read(&*self.disk, &list_path(&self.dir)).map_err(failed())?;
        let Some(text) = text else { return Ok(AnchorList::default()) };
        let mut list = AnchorList::default();
        let text = String::from_utf8_lossy(&text);
        for it in anchored_in(&text) {
            match it {
                Ok(it) => list.anchored.push(it),
                Err(error) => list.flaws.push(error.to_string()),
            }
        }
        // Whatever is neither part of one nor the start of one was changed.
        let whole: String = list.anchored.iter().map(Anchored::text).collect();
        if list.flaws.is_empty() && whole != text {
            list.flaws.push("something between the anchored checkpoints was changed".to_owned());
        }
        Ok(list)
    }

    /// Adds to the list, durably.
    pub fn add_anchored(&self, anchored: &[Anchored]) -> Result<(), StoreError> {
        let failed = || StoreError::io("add to the list of anchors");
        let path = list_path(&self.dir);
        let mut text = read(&*self.disk, &path).map_err(failed())?.unwrap_or_default();
        for it in anchored {
            text.extend(it.text().as_bytes());
        }
        keys::write(&*self.disk, &path, &text).map_err(failed())
    }

    /// The checkpoint whose note has this SHA-256, as it was signed.
    pub fn note_with_hash(&self, hash: &[u8; 32]) -> Result<Option<String>, StoreError> {
        let mut found = None;
        list::each_note(&*self.disk, &self.dir, |_, note| {
            if Hash::of(note).0 == *hash {
                found = String::from_utf8(note.to_vec()).ok();
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// How `log` stands to each of `signed`. The proofs come from tiles where they can.
    pub fn standings(
        &self,
        log: &SegmentLog,
        signed: &[Checkpoint],
    ) -> Result<Vec<Standing>, StoreError> {
        let is_earlier = |it: &Checkpoint| self.epoch_of(it).is_some_and(|it| it < self.epoch);
        let begun = if signed.iter().any(is_earlier) { self.begun()? } else { BTreeMap::new() };
        let here = log.position().entries;
        let mut proofs = self.proofs(log).unwrap_or_default();
        let mut read: BTreeMap<u64, Option<Hash>> = BTreeMap::new();
        let mut standings = Vec::with_capacity(signed.len());
        for it in signed {
            let entries = it.position.entries;
            let mut standing = self.standing_by_size(it, here, &begun);
            let reach = proofs.as_ref().map(|it| it.signed().checkpoint.position.entries);
            match proofs.as_mut().filter(|_| reach.is_some_and(|it| entries <= it)) {
                _ if standing.is_some() => (),
                Some(proofs) => {
                    let begins = proofs.begins_with(&it.position)?;
                    standing = Some(if begins { Standing::Holds } else { Standing::Other });
                }
                None => drop(read.insert(entries, None)),
            }
            standings.push(standing);
        }
        roots(log, &mut read)?;
        let of = |(standing, it): (Option<Standing>, &Checkpoint)| {
            let Position { entries, root } = it.position;
            standing.unwrap_or_else(|| match read.get(&entries).copied().flatten() {
                Some(here) if here == root => Standing::Holds,
                _ => Standing::Other,
            })
        };
        Ok(standings.into_iter().zip(signed).map(of).collect())
    }

    /// What can be said without looking at the entries; `None` when they have to be compared.
    fn standing_by_size(
        &self,
        it: &Checkpoint,
        here: u64,
        begun: &BTreeMap<u64, u64>,
    ) -> Option<Standing> {
        let entries = it.position.entries;
        let Some(epoch) = self.epoch_of(it) else { return Some(Standing::Foreign) };
        if self.epoch < epoch {
            return Some(Standing::Later(epoch));
        }
        if let Some((epoch, _)) = begun.range(epoch + 1..).find(|(_, first)| **first < entries) {
            return Some(Standing::GivenUp(*epoch));
        }
        (here < entries).then_some(Standing::Fewer(here))
    }

    /// The epoch that a checkpoint of this log belongs to; `None` for one of another log.
    fn epoch_of(&self, checkpoint: &Checkpoint) -> Option<u64> {
        let (base, epoch) = split_origin(&checkpoint.origin);
        (base == self.base).then_some(epoch)
    }

    /// Of each epoch, how many entries there were when it began.
    pub(super) fn begun(&self) -> Result<BTreeMap<u64, u64>, StoreError> {
        let (known, mut begun) = (self.verifiers()?, BTreeMap::new());
        list::each_note(&*self.disk, &self.dir, |_, note| {
            let note = std::str::from_utf8(note).unwrap_or_default();
            if let Ok((checkpoint, _)) = Checkpoint::open(note, &known) {
                let (_, epoch) = split_origin(&checkpoint.origin);
                begun.entry(epoch).or_insert(checkpoint.position.entries);
            }
            Ok(())
        })?;
        Ok(begun)
    }
}

/// Reads the leaves once, and notes the root at every size that is asked for.
fn roots(log: &SegmentLog, wanted: &mut BTreeMap<u64, Option<Hash>>) -> Result<(), StoreError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let (mut tree, mut leaves) = (Tree::new(), log.leaves(0));
    for (entries, root) in wanted.iter_mut() {
        while tree.size() < *entries {
            match leaves.next_leaf()? {
                Some(leaf) => tree.append(leaf),
                None => return Ok(()),
            }
        }
        *root = Some(tree.root());
    }
    Ok(())
}

fn read(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let len = usize::try_from(file.len()?.min(LIST_BYTES_MAX)).unwrap_or(0);
    list::read_at(&*file, 0, len).map(Some)
}

#[cfg(test)]
mod tests;
