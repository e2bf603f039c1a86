use std::collections::HashMap;
use std::convert::Infallible;

use super::*;
use crate::merkle::{Tree, leaf_hash};
use crate::proof;

/// Tiles as a directory would hold them.
type Tiles = HashMap<String, Vec<u8>>;

fn leaf(n: u64) -> Hash {
    leaf_hash(&n.to_be_bytes())
}

/// The tiles of a tree of `size` leaves, partial ones as of its end.
fn tiles(size: u64) -> (Tiler, Tiles) {
    let (mut tiler, mut tiles) = (Tiler::new(), Tiles::new());
    for n in 0..size {
        let put = |id: TileId, hashes: &[Hash]| {
            assert!(tiles.insert(id.path(), encode_tile(hashes)).is_none());
            Ok::<_, Infallible>(())
        };
        tiler.push(leaf(n), put).unwrap();
    }
    for (id, hashes) in tiler.partial() {
        tiles.insert(id.path(), encode_tile(hashes));
    }
    (tiler, tiles)
}

fn read(tiles: &Tiles) -> impl FnMut(TileId) -> Result<Vec<Hash>, Infallible> + use<'_> {
    |id| Ok(decode_tile(&tiles[&id.path()], id.width).unwrap())
}

#[test]
fn paths_are_those_of_the_specification() {
    let cases = [
        (TileId { level: 0, index: 1_234_067, width: 256 }, "tile/0/x001/x234/067"),
        (TileId { level: 0, index: 273, width: 112 }, "tile/0/273.p/112"),
        (TileId { level: 2, index: 0, width: 1 }, "tile/2/000.p/1"),
        (TileId { level: 1, index: 1000, width: 255 }, "tile/1/x001/000.p/255"),
    ];
    for (id, want) in cases {
        assert_eq!(id.path(), want);
    }
}

#[test]
fn seventy_thousand_leaves_are_the_tiles_of_the_specification() {
    let (tiler, tiles) = tiles(70_000);
    let of_level = |level: u8, full: bool| {
        let start = format!("tile/{level}/");
        tiles.keys().filter(|it| it.starts_with(&start) && it.contains(".p/") != full).count()
    };
    assert_eq!((of_level(0, true), of_level(1, true)), (273, 1));
    for path in ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"] {
        assert!(tiles.contains_key(path), "{path}");
    }
    assert_eq!(tiles.len(), 273 + 1 + 3);
    let resumed = Tiler::resume(70_000, read(&tiles)).unwrap();
    assert_eq!(resumed.root(), tiler.root());
    assert_eq!(resumed.size(), 70_000);
    assert!(tiles.values().all(|it| it.len() <= 8192));
}

#[test]
fn roots_and_proofs_from_tiles_are_those_of_the_tree() {
    for size in [1, 2, 3, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 70_000] {
        let (tiler, tiles) = tiles(size);
        let mut tree = Tree::new();
        (0..size).for_each(|n| tree.append(leaf(n)));
        let mut nodes = TileNodes::new(size, read(&tiles));
        assert_eq!(tiler.root(), tree.root(), "{size}");
        assert_eq!(proof::root(&mut nodes, size).unwrap(), tree.root(), "{size}");
        for index in [0, 1, size / 3, size / 2, size - 1] {
            let path = proof::inclusion(&mut nodes, index, size).unwrap();
            let root = proof::root_by_inclusion(leaf(index), index, size, &path);
            assert_eq!(root, (index < size).then(|| tree.root()), "{index} of {size}");
        }
    }
}

#[test]
fn a_tiler_goes_on_where_another_stopped() {
    let (mut tiler, tiles_before) = tiles(300);
    let mut resumed = Tiler::resume(300, read(&tiles_before)).unwrap();
    for n in 300..70_000 {
        let (mut one, mut other) = (None, None);
        let keep = |kept: &mut Option<(TileId, Vec<Hash>)>, id, hashes: &[Hash]| {
            *kept = Some((id, hashes.to_vec()));
            Ok::<_, Infallible>(())
        };
        tiler.push(leaf(n), |id, hashes| keep(&mut one, id, hashes)).unwrap();
        resumed.push(leaf(n), |id, hashes| keep(&mut other, id, hashes)).unwrap();
        assert_eq!(one, other);
    }
    assert_eq!(tiler.root(), resumed.root());
}

#[test]
fn what_a_tree_does_not_have_is_no_tile_and_no_node() {
    assert_eq!(tile_in(0, 0, 0), None);
    assert_eq!(tile_in(0, 1, 256), None);
    assert_eq!(tile_in(1, 0, 255), None);
    assert_eq!(tile_in(8, 0, u64::MAX), None);
    assert_eq!(tile_in(0, u64::MAX, 5), None);
    assert_eq!(tile_in(1, 0, 256).map(|it| it.path()), Some("tile/1/000.p/1".into()));
    assert_eq!(decode_tile(&[0; 64], 3), None);
    assert_eq!(decode_tile(&[0; 63], 2), None);
    let (_, tiles) = tiles(5);
    let mut nodes = TileNodes::new(5, read(&tiles));
    assert_eq!(nodes.node(3, 0).unwrap(), Hash::default());
    assert_eq!(nodes.node(63, 1).unwrap(), Hash::default());
    assert_eq!(nodes.node(255, u64::MAX).unwrap(), Hash::default());
}
