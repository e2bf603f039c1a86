//! The Merkle tree over the entries of a log (RFC 9162 §2.1), as its compact right edge.
//!
//! The edge is the list of perfect subtrees that the leaves fill, largest first: one hash per set
//! bit of the size. It is all that is needed to append and to compute the root.

use sha2::{Digest, Sha256};
use types::{Hash, Position};

use crate::DecodeError;
use crate::wire::{Reader, Writer};

/// The hash of a leaf: the entry's bytes behind a zero byte (RFC 9162 §2.1.1).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// The hash of an inner node (RFC 9162 §2.1.1).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let digest = Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0);
    Hash(digest.finalize().into())
}

/// An append-only Merkle tree. Holds at most 64 hashes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tree {
    size: u64,
    edge: Vec<Hash>,
}

impl Tree {
    /// A tree without leaves.
    #[must_use]
    pub fn new() -> Tree {
        Tree::default()
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf, by its [`leaf_hash`].
    pub fn append(&mut self, leaf: Hash) {
        let mut node = leaf;
        // Every full pair at the right end becomes one subtree, as carries do in binary.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.edge.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.edge.push(node);
        self.size += 1;
    }

    /// The Merkle tree hash. Of no leaves it is the hash of nothing (RFC 9162 §2.1.1).
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut subtrees = self.edge.iter().rev();
        let Some(last) = subtrees.next() else { return Hash::of(b"") };
        subtrees.fold(*last, |right, left| node_hash(left, &right))
    }

    /// Size and root.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { entries: self.size, root: self.root() }
    }

    /// The edge as bytes: the size as a number, then the hashes, largest subtree first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.number(self.size);
        for hash in &self.edge {
            writer.raw(&hash.0);
        }
        writer.bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Tree, DecodeError> {
        let mut reader = Reader::new("tree edge", bytes);
        let size = reader.number()?;
        let edge: Result<Vec<_>, _> = (0..size.count_ones()).map(|_| reader.hash()).collect();
        let edge = edge?;
        if reader.is_empty() { Ok(Tree { size, edge }) } else { reader.malformed() }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The leaves that implementations of Certificate Transparency compare with.
    pub(crate) const PUBLISHED_LEAVES: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[
            0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
            0x6e, 0x6f,
        ],
    ];

    /// RFC 9162 §2.1.1 word for word, knowing nothing of edges.
    fn root_by_definition(leaves: &[Vec<u8>]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest(b"").into(),
            [leaf] => Sha256::digest([&[0], leaf.as_slice()].concat()).into(),
            _ => {
                let mut k = 1;
                while k * 2 < leaves.len() {
                    k *= 2;
                }
                let (left, right) = leaves.split_at(k);
                let pair = [root_by_definition(left), root_by_definition(right)].concat();
                Sha256::digest([&[1], pair.as_slice()].concat()).into()
            }
        }
    }

    #[test]
    fn roots_follow_the_definition() {
        let leaves: Vec<Vec<u8>> = (0u32..300).map(|it| it.to_be_bytes().to_vec()).collect();
        let mut tree = Tree::new();
        for n in 0..leaves.len() {
            assert_eq!(tree.root().0, root_by_definition(&leaves[..n]), "{n} leaves");
            let stored = tree.to_bytes();
            assert_eq!(Tree::from_bytes(&stored), Ok(tree.clone()));
            assert!(Tree::from_bytes(&stored[..stored.len() - 1]).is_err());
            tree.append(leaf_hash(&leaves[n]));
        }
        assert_eq!(tree.size(), 300);
    }

    /// The roots that implementations of Certificate Transparency compare with.
    #[test]
    fn roots_of_the_published_vectors() {
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Tree::new();
        for (leaf, root) in PUBLISHED_LEAVES.iter().zip(roots) {
            tree.append(leaf_hash(leaf));
            assert_eq!(tree.root().to_string(), root);
        }
    }

    #[test]
    fn a_wrong_edge_is_refused() {
        let mut extra = Tree::new().to_bytes();
        extra.push(0);
        assert!(Tree::from_bytes(&extra).is_err());
        assert!(Tree::from_bytes(&[]).is_err());
        assert!(Tree::from_bytes(&[0xff; 400]).is_err());
    }
}
