//! Tiles (C2SP tlog-tiles): the hashes of the tree, 256 to a file, so that a proof needs a few
//! small reads whatever the size of the tree.
//!
//! What it is not: storage. Tiles are derived: whoever has the entries can make them again, and
//! nothing believes one before the root that it leads to is right.

use std::collections::VecDeque;

use types::Hash;

use crate::merkle::node_hash;
use crate::proof::Nodes;

/// Hashes in a full tile.
pub const TILE_HASHES: u64 = 256;

/// Levels of the tree that a tile spans.
const TILE_HEIGHT: u8 = 8;

/// Levels of tiles: those of a tree of 2^64 leaves.
const LEVELS: u8 = 8;

/// Tiles that a reader keeps.
const TILES_KEPT: usize = 16;

/// Names a tile, or the beginning of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TileId {
    /// Its level: at 0 hashes of leaves, above it hashes over full tiles of the level below.
    pub level: u8,
    /// Its number in the level.
    pub index: u64,
    /// How many hashes it has; less than [`TILE_HASHES`] in a partial one.
    pub width: u16,
}

impl TileId {
    /// Whether it has all its hashes.
    #[must_use]
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == TILE_HASHES
    }

    /// The path of the full tile, relative to where tiles are kept: `tile/0/x001/x234/067`.
    #[must_use]
    pub fn full_path(&self) -> String {
        let mut groups = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest != 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.reverse();
        format!("tile/{}/{}", self.level, groups.join("/"))
    }

    /// The path of the directory of its partial tiles: `tile/0/x001/x234/067.p`.
    #[must_use]
    pub fn partial_dir(&self) -> String {
        format!("{}.p", self.full_path())
    }

    /// Its path: that of the full tile, or of a partial one of its width.
    #[must_use]
    pub fn path(&self) -> String {
        match self.is_full() {
            true => self.full_path(),
            false => format!("{}/{}", self.partial_dir(), self.width),
        }
    }
}

/// The tile of this level and number in a tree of `size` leaves; `None` when there is none.
#[must_use]
pub fn tile_in(level: u8, index: u64, size: u64) -> Option<TileId> {
    let hashes = if LEVELS <= level { 0 } else { size >> (level * TILE_HEIGHT) };
    let before = index.checked_mul(TILE_HASHES)?;
    let width = hashes.checked_sub(before).filter(|it| *it != 0)?.min(TILE_HASHES);
    Some(TileId { level, index, width: u16::try_from(width).ok()? })
}

/// The bytes of a tile.
#[must_use]
pub fn encode_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|it| it.0).collect()
}

/// The hashes of a tile, when the bytes are so many.
#[must_use]
pub fn decode_tile(bytes: &[u8], width: u16) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    let is_whole = rest.is_empty() && hashes.len() == usize::from(width);
    is_whole.then(|| hashes.iter().map(|it| Hash(*it)).collect())
}

/// The root of the perfect tree over hashes: 256 of a full tile, or another power of two.
#[must_use]
pub fn over(hashes: &[Hash]) -> Hash {
    let mut hashes = hashes.to_vec();
    while 1 < hashes.len() {
        let (pairs, _) = hashes.as_chunks::<2>();
        hashes = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    hashes.pop().unwrap_or_default()
}

/// Makes tiles from leaves, in order. Holds at most 255 hashes for each level.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tiler {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Tiler {
    /// For a tree without leaves.
    #[must_use]
    pub fn new() -> Tiler {
        Tiler::default()
    }

    /// For a tree of `size` leaves, whose partial tiles `read` gives. Whether they are right
    /// shows in [`root`](Self::root).
    pub fn resume<E>(
        size: u64,
        mut read: impl FnMut(TileId) -> Result<Vec<Hash>, E>,
    ) -> Result<Tiler, E> {
        let mut levels = Vec::new();
        for level in 0..LEVELS {
            let index = (size >> (level * TILE_HEIGHT)) / TILE_HASHES;
            let partial = tile_in(level, index, size);
            levels.push(partial.map(&mut read).transpose()?.unwrap_or_default());
        }
        Ok(Tiler { size, levels })
    }

    /// How many leaves it has taken.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes the hash of the next leaf; shows `full` each tile that this fills.
    pub fn push<E>(
        &mut self,
        leaf: Hash,
        mut full: impl FnMut(TileId, &[Hash]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut hash = leaf;
        let n_hashes = self.size;
        self.size += 1;
        for level in 0..LEVELS {
            let place = usize::from(level);
            if self.levels.len() <= place {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(place) else { return Ok(()) };
            hashes.push(hash);
            if (hashes.len() as u64) < TILE_HASHES {
                return Ok(());
            }
            let index = (n_hashes >> (level * TILE_HEIGHT)) / TILE_HASHES;
            let hashes = std::mem::take(hashes);
            hash = over(&hashes);
            full(TileId { level, index, width: u16::try_from(TILE_HASHES).unwrap_or(0) }, &hashes)?;
        }
        Ok(())
    }

    /// The partial tiles at the right edge.
    pub fn partial(&self) -> impl Iterator<Item = (TileId, &[Hash])> {
        let levels = (0..LEVELS).zip(&self.levels).filter(|(_, hashes)| !hashes.is_empty());
        levels.filter_map(|(level, hashes)| {
            let index = (self.size >> (level * TILE_HEIGHT)) / TILE_HASHES;
            Some((tile_in(level, index, self.size)?, hashes.as_slice()))
        })
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut root = None;
        for hashes in &self.levels {
            // From the right: perfect subtrees, the smallest first.
            let mut end = hashes.len();
            while 0 < end {
                let n = 1 << end.trailing_zeros();
                let subtree = over(hashes.get(end - n..end).unwrap_or_default());
                root = Some(root.map_or(subtree, |right| node_hash(&subtree, &right)));
                end -= n;
            }
        }
        root.unwrap_or_else(|| Hash::of(b""))
    }
}

/// The nodes of a tree of a known size, from its tiles. Keeps the last few that it read.
pub struct TileNodes<R> {
    size: u64,
    read: R,
    kept: VecDeque<(TileId, Vec<Hash>)>,
}

impl<R> TileNodes<R> {
    /// For the tree of the first `size` leaves. `read` gives the hashes of a tile; more than its
    /// width are fine.
    pub fn new(size: u64, read: R) -> TileNodes<R> {
        TileNodes { size, read, kept: VecDeque::new() }
    }
}

impl<E, R: FnMut(TileId) -> Result<Vec<Hash>, E>> Nodes for TileNodes<R> {
    type Error = E;

    /// Hashes that the tree or a tile does not have are zero: no root has them.
    fn node(&mut self, level: u8, index: u64) -> Result<Hash, E> {
        let (tile_level, height) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        // The highest node of the largest tree lies above the highest level of tiles.
        let first = index.checked_shl(u32::from(height)).unwrap_or(0);
        let Some(tile) = tile_in(tile_level, first / TILE_HASHES, self.size) else {
            return Ok(Hash::default());
        };
        if !self.kept.iter().any(|(id, _)| *id == tile) {
            let hashes = (self.read)(tile)?;
            self.kept.truncate(TILES_KEPT - 1);
            self.kept.push_front((tile, hashes));
        }
        let hashes = self.kept.iter().find(|(id, _)| *id == tile).map(|(_, hashes)| hashes);
        let start = usize::try_from(first % TILE_HASHES).unwrap_or(0);
        let part = hashes.and_then(|it| it.get(start..start + (1 << height)));
        Ok(part.map_or_else(Hash::default, over))
    }
}

#[cfg(test)]
mod tests;
