use std::convert::Infallible;

use super::*;
use crate::merkle::{leaf_hash, tests::PUBLISHED_LEAVES};

/// Every leaf in memory.
struct Leaves(Vec<Hash>);

impl Nodes for Leaves {
    type Error = Infallible;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Infallible> {
        if level == 0 {
            return Ok(self.0[usize::try_from(index).unwrap()]);
        }
        let (left, right) =
            (self.node(level - 1, index * 2)?, self.node(level - 1, index * 2 + 1)?);
        Ok(node_hash(&left, &right))
    }
}

fn leaves(n: u64) -> Leaves {
    Leaves((0..n).map(|it| leaf_hash(&it.to_be_bytes())).collect())
}

fn position<N: Nodes<Error = Infallible>>(leaves: &mut N, entries: u64) -> Position {
    Position { entries, root: root(leaves, entries).unwrap() }
}

/// RFC 9162 §2.1.3.1 word for word.
fn path_by_definition(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let k = split_by_definition(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, other) = match m < k {
        true => (path_by_definition(m, left), right),
        false => (path_by_definition(m - k, right), left),
    };
    path.push(root_by_definition(other));
    path
}

/// RFC 9162 §2.1.4.1 word for word.
fn subproof_by_definition(m: usize, leaves: &[Hash], is_whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if is_whole { Vec::new() } else { vec![root_by_definition(leaves)] };
    }
    let k = split_by_definition(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, other) = match m <= k {
        true => (subproof_by_definition(m, left, is_whole), right),
        false => (subproof_by_definition(m - k, right, false), left),
    };
    proof.push(root_by_definition(other));
    proof
}

fn split_by_definition(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

fn root_by_definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split_by_definition(leaves.len()));
            node_hash(&root_by_definition(left), &root_by_definition(right))
        }
    }
}

#[test]
fn proofs_follow_the_definition_and_hold() {
    let mut all = leaves(70);
    for size in 1..=70 {
        let known = all.0[..usize::try_from(size).unwrap()].to_vec();
        let new = position(&mut all, size);
        assert_eq!(new.root, root_by_definition(&known));
        for index in 0..size {
            let at = usize::try_from(index).unwrap();
            let path = inclusion(&mut all, index, size).unwrap();
            assert_eq!(path, path_by_definition(at, &known), "{index} of {size}");
            assert_eq!(root_by_inclusion(known[at], index, size, &path), Some(new.root));
        }
        for old in 1..=size {
            let at = usize::try_from(old).unwrap();
            let proof = consistency(&mut all, old, size).unwrap();
            assert_eq!(proof, subproof_by_definition(at, &known, true), "{old} of {size}");
            assert!(is_consistent(&position(&mut all, old), &new, &proof), "{old} of {size}");
        }
    }
}

/// The trees, leaves and proofs that implementations of Certificate Transparency compare with.
#[test]
fn proofs_of_the_published_vectors() {
    let mut published = Leaves(PUBLISHED_LEAVES.iter().map(|it| leaf_hash(it)).collect());
    let texts = |hashes: Vec<Hash>| hashes.iter().map(ToString::to_string).collect::<Vec<_>>();
    const AB: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
    const CD: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
    const EH: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
    const F: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
    const GH: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
    const AD: &str = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
    const AB2: &str = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
    const A: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    const EF: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
    let paths: [(u64, u64, &[&str]); 5] = [
        (0, 1, &[]),
        (0, 8, &[AB, CD, EH]),
        (5, 8, &[F, GH, AD]),
        (2, 3, &[AB2]),
        (1, 5, &[A, CD, F]),
    ];
    for (index, size, want) in paths {
        let path = inclusion(&mut published, index, size).unwrap();
        assert_eq!(texts(path), want, "{index} of {size}");
    }
    let proofs: [(u64, u64, &[&str]); 4] =
        [(1, 1, &[]), (1, 8, &[AB, CD, EH]), (6, 8, &[EF, GH, AD]), (2, 5, &[CD, F])];
    for (old, new, want) in proofs {
        let proof = consistency(&mut published, old, new).unwrap();
        assert_eq!(texts(proof), want, "{old} of {new}");
    }
}

#[test]
fn what_is_not_so_has_no_proof() {
    let mut all = leaves(40);
    for (old, new) in [(1, 2), (3, 7), (8, 9), (8, 32), (17, 40), (39, 40)] {
        let (before, after) = (position(&mut all, old), position(&mut all, new));
        let proof = consistency(&mut all, old, new).unwrap();
        let changed = |position: Position| Position { root: Hash::of(b"x"), ..position };
        assert!(!is_consistent(&changed(before), &after, &proof));
        assert!(!is_consistent(&before, &changed(after), &proof));
        assert!(!is_consistent(&after, &before, &proof));
        spoiled(&proof, |it| assert!(!is_consistent(&before, &after, it), "{old} of {new}"));
        let index = old;
        let leaf = all.0[usize::try_from(index).unwrap()];
        let path = inclusion(&mut all, index, new).unwrap();
        let root = Some(after.root);
        spoiled(&path, |it| assert_ne!(root_by_inclusion(leaf, index, new, it), root));
        assert_ne!(root_by_inclusion(leaf, index ^ 1, new, &path), root);
        assert_eq!(root_by_inclusion(leaf, new, new, &path), None);
    }
    let (none, one) = (position(&mut all, 0), position(&mut all, 1));
    assert!(is_consistent(&none, &one, &[]));
    assert!(is_consistent(&none, &none, &[]));
    assert!(!is_consistent(&none, &one, &[Hash::default()]));
    assert!(!is_consistent(&Position { entries: 0, root: one.root }, &one, &[]));
    assert!(!is_consistent(&one, &none, &[]));
}

/// Shows `check` the proof with a hash changed, left out, added and swapped.
fn spoiled(proof: &[Hash], mut check: impl FnMut(&[Hash])) {
    for at in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[at].0[at] ^= 1;
        check(&changed);
        let mut shorter = proof.to_vec();
        shorter.remove(at);
        check(&shorter);
        if 0 < at {
            let mut swapped = proof.to_vec();
            swapped.swap(at, at - 1);
            check(&swapped);
        }
    }
    check(&[proof, &[Hash::default()]].concat());
    check(&vec![Hash::default(); PROOF_HASHES_MAX]);
}

#[test]
fn files_are_read_back() {
    let file = ProofFile {
        index: 73_894,
        hashes: (0..5u8).map(|it| Hash::of(&[it])).collect(),
        checkpoint: "a\n7\nroot\n\n— a AAAA\n".into(),
    };
    let text = file.text();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 73894\n"), "{text}");
    assert_eq!(ProofFile::parse(&text), Ok(file.clone()));
    let with_extra = text.replace("@v1\n", "@v1\nextra eHl6\n");
    assert_eq!(ProofFile::parse(&with_extra), Ok(file));
    for odd in ["", "c2sp.org/tlog-proof@v1\nindex 1\n", &text.replace("index 7", "index 07")] {
        assert!(ProofFile::parse(odd).is_err(), "{odd:?}");
    }
    let long = text.replace("\n\n", &format!("\n{}\n\n", "AAAA\n".repeat(70)));
    assert!(ProofFile::parse(&long).is_err());
}

/// Perfect subtrees of a large tree, level by level.
struct Levels(Vec<Vec<Hash>>);

impl Nodes for Levels {
    type Error = Infallible;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.0[usize::from(level)][usize::try_from(index).unwrap()])
    }
}

impl Levels {
    fn of(leaves: Vec<Hash>) -> Levels {
        let mut levels = vec![leaves];
        while 1 < levels[levels.len() - 1].len() {
            let pairs = levels[levels.len() - 1].chunks_exact(2);
            let above = pairs.map(|it| node_hash(&it[0], &it[1])).collect();
            levels.push(above);
        }
        Levels(levels)
    }
}

/// Every size up to 300 against the reference, and some leaves of each.
#[test]
fn proofs_of_every_size_to_300_follow_the_definition() {
    let known = leaves(300).0;
    let mut all = Levels::of(known.clone());
    for size in 1..=300_u64 {
        let here = &known[..usize::try_from(size).unwrap()];
        let new_root = root(&mut all, size).unwrap();
        assert_eq!(new_root, root_by_definition(here), "{size}");
        for index in [0, size / 3, size / 2, size - 1] {
            let at = usize::try_from(index).unwrap();
            let path = inclusion(&mut all, index, size).unwrap();
            assert_eq!(path, path_by_definition(at, here), "{index} of {size}");
            assert_eq!(root_by_inclusion(here[at], index, size, &path), Some(new_root));
        }
        for old in [1, size / 3 + 1, size / 2 + 1, size].into_iter().filter(|it| *it <= size) {
            let at = usize::try_from(old).unwrap();
            let proof = consistency(&mut all, old, size).unwrap();
            assert_eq!(proof, subproof_by_definition(at, here, true), "{old} of {size}");
        }
    }
}

#[test]
fn proofs_of_a_million_leaves_hold() {
    let n = 1_u64 << 20;
    let known: Vec<Hash> = (0..n + 7).map(|it| Hash::of(&it.to_be_bytes())).collect();
    let mut tree = crate::merkle::Tree::new();
    known.iter().for_each(|it| tree.append(*it));
    let mut all = Levels::of(known.clone());
    for size in [n - 1, n, n + 1, n + 7] {
        let new = position(&mut all, size);
        if size == n + 7 {
            assert_eq!(tree.root(), new.root);
        }
        for index in [0, 1, 12_345, n / 2 - 1, n / 2, n - 2, size - 1] {
            let path = inclusion(&mut all, index, size).unwrap();
            assert!(path.len() <= 21, "{}", path.len());
            let leaf = known[usize::try_from(index).unwrap()];
            assert_eq!(root_by_inclusion(leaf, index, size, &path), Some(new.root));
            assert_ne!(root_by_inclusion(leaf, index ^ 1, size, &path), Some(new.root));
        }
        for old in [1, 3, 65_536, n / 2 + 1, n - 1] {
            let proof = consistency(&mut all, old, size).unwrap();
            let before = position(&mut all, old);
            assert!(is_consistent(&before, &new, &proof), "{old} of {size}");
        }
    }
}
