//! Proofs over the Merkle tree (RFC 9162 §2.1.3, §2.1.4): that an entry is in a tree, and that one
//! tree is the beginning of another.
//!
//! What it is not: a tree. Hashes of perfect subtrees come from whoever has them ([`Nodes`]), and
//! nothing here keeps more than one path of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use types::{Hash, Position};

use crate::merkle::node_hash;
use crate::note::NoteError;

/// The longest proof: a path through a tree of 2^64 leaves, and one more.
pub const PROOF_HASHES_MAX: usize = 65;

/// The first line of a proof in a file (C2SP tlog-proof).
const PROOF_START: &str = "c2sp.org/tlog-proof@v1";

/// Hashes of perfect subtrees.
pub trait Nodes {
    /// Why a hash cannot be had.
    type Error;

    /// The hash over the 2^`level` leaves from number `index` * 2^`level` on.
    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// The root over the first `size` leaves.
pub fn root<N: Nodes>(nodes: &mut N, size: u64) -> Result<Hash, N::Error> {
    if size == 0 { Ok(Hash::of(b"")) } else { subtree(nodes, 0, size) }
}

/// The hash over `n` leaves from `start` on, where a tree of RFC 9162 §2.1.1 has such a subtree.
fn subtree<N: Nodes>(nodes: &mut N, start: u64, n: u64) -> Result<Hash, N::Error> {
    if n.is_power_of_two() {
        let level = n.trailing_zeros();
        return nodes.node(u8::try_from(level).unwrap_or(u8::MAX), start >> level);
    }
    let left = split(n);
    let (left, right) = (subtree(nodes, start, left)?, subtree(nodes, start + left, n - left)?);
    Ok(node_hash(&left, &right))
}

/// The largest power of two below `n`, which is at least 2.
fn split(n: u64) -> u64 {
    1 << (n - 1).max(1).ilog2()
}

/// The inclusion proof of leaf `index` in the tree of the first `size` leaves (RFC 9162 §2.1.3.1).
/// Empty when the tree has no such leaf, as it is when the leaf is the only one.
pub fn inclusion<N: Nodes>(nodes: &mut N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let mut path = Vec::new();
    if size <= index {
        return Ok(path);
    }
    // From the root down; the proof goes up.
    let (mut start, mut n) = (0, size);
    while 1 < n {
        let left = split(n);
        if index - start < left {
            path.push(subtree(nodes, start + left, n - left)?);
            n = left;
        } else {
            path.push(subtree(nodes, start, left)?);
            (start, n) = (start + left, n - left);
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of the first `old` leaves is the beginning of that of the first `new`
/// (RFC 9162 §2.1.4.1). Empty where there is nothing to prove: `old` is 0, or not below `new`.
pub fn consistency<N: Nodes>(nodes: &mut N, old: u64, new: u64) -> Result<Vec<Hash>, N::Error> {
    let mut path = Vec::new();
    if old == 0 || new <= old {
        return Ok(path);
    }
    let (mut start, mut m, mut n) = (0, old, new);
    // Whether the old tree is this very subtree, whose hash the reader has.
    let mut is_whole = true;
    while m < n {
        let left = split(n);
        if m <= left {
            path.push(subtree(nodes, start + left, n - left)?);
            n = left;
        } else {
            path.push(subtree(nodes, start, left)?);
            (start, m, n) = (start + left, m - left, n - left);
            is_whole = false;
        }
    }
    if !is_whole {
        path.push(subtree(nodes, start, m)?);
    }
    path.reverse();
    Ok(path)
}

/// The root that a tree of `size` leaves has when `leaf` is its leaf number `index` and `proof`
/// its proof; `None` when no such tree has such a proof (RFC 9162 §2.1.3.2).
#[must_use]
pub fn root_by_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    if size <= index {
        return None;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut root = leaf;
    for hash in proof {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = node_hash(hash, &root);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            root = node_hash(&root, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// Whether `proof` shows that the tree at `old` is the beginning of the tree at `new`
/// (RFC 9162 §2.1.4.2).
#[must_use]
pub fn is_consistent(old: &Position, new: &Position, proof: &[Hash]) -> bool {
    let empty = Hash::of(b"");
    if new.entries < old.entries || (new.entries == 0 && new.root != empty) {
        return false;
    }
    if old.entries == 0 {
        return proof.is_empty() && old.root == empty;
    }
    if old.entries == new.entries {
        return proof.is_empty() && old.root == new.root;
    }
    // A perfect tree is a node of the larger one: the reader has its hash.
    let mut hashes = proof.iter();
    let first = if old.entries.is_power_of_two() { Some(&old.root) } else { hashes.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old.entries - 1, new.entries - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut old_root, mut new_root) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_root = node_hash(hash, &old_root);
            new_root = node_hash(hash, &new_root);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            new_root = node_hash(&new_root, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && old_root == old.root && new_root == new.root
}

/// Hashes as text: one a line, in base64.
#[must_use]
pub fn hash_lines(hashes: &[Hash]) -> String {
    hashes.iter().map(|it| STANDARD.encode(it.0) + "\n").collect()
}

/// Reads what [`hash_lines`] wrote; `None` for anything else.
#[must_use]
pub fn parse_hash_lines(text: &str) -> Option<Vec<Hash>> {
    let hash = |line: &str| Some(Hash(STANDARD.decode(line).ok()?.try_into().ok()?));
    let hashes: Option<Vec<Hash>> = text.lines().take(PROOF_HASHES_MAX + 1).map(hash).collect();
    hashes.filter(|it| it.len() <= PROOF_HASHES_MAX && hash_lines(it) == text)
}

/// An inclusion proof with the checkpoint that it leads to, as it stands in a file
/// (C2SP tlog-proof).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProofFile {
    /// Number of the entry.
    pub index: u64,
    /// Hashes from the sibling of the leaf up.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, word for word.
    pub checkpoint: String,
}

impl ProofFile {
    /// The text of the file.
    #[must_use]
    pub fn text(&self) -> String {
        let ProofFile { index, hashes, checkpoint } = self;
        let mut text = format!("{PROOF_START}\nindex {index}\n");
        for hash in hashes {
            text.push_str(&STANDARD.encode(hash.0));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(checkpoint);
        text
    }

    /// Reads the text of a file. A line `extra` is passed over: nothing vouches for it.
    pub fn parse(text: &str) -> Result<ProofFile, NoteError> {
        let wrong = || NoteError::malformed("this is no proof of the kind tlog-proof@v1");
        let (head, checkpoint) = text.split_once("\n\n").ok_or_else(wrong)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(PROOF_START) {
            return Err(wrong());
        }
        lines.next_if(|it| it.starts_with("extra "));
        let index = lines.next().and_then(|it| it.strip_prefix("index ")).ok_or_else(wrong)?;
        let number = index.parse::<u64>().map_err(|_| wrong())?;
        if number.to_string() != index {
            return Err(wrong());
        }
        let hash = |line: &str| Some(Hash(STANDARD.decode(line).ok()?.try_into().ok()?));
        let hashes: Option<Vec<Hash>> = lines.take(PROOF_HASHES_MAX + 1).map(hash).collect();
        let hashes = hashes.filter(|it| it.len() <= PROOF_HASHES_MAX).ok_or_else(wrong)?;
        Ok(ProofFile { index: number, hashes, checkpoint: checkpoint.to_owned() })
    }
}

#[cfg(test)]
mod tests;
