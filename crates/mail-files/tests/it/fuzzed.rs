//! The body of the fuzz target, over its corpus and over mutations that are the same every run.

use std::fs;
use std::path::Path;

use crate::properties::check;

fn corpus() -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/mbox_split");
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 10, "the corpus is there");
    paths.iter().map(|it| fs::read(it).unwrap()).collect()
}

#[test]
fn corpus_and_cut_short() {
    for bytes in corpus() {
        for len in 0..=bytes.len() {
            check(&bytes[..len]);
        }
    }
}

#[test]
fn mutations() {
    let corpus = corpus();
    let words: [&[u8]; 8] = [
        b"From ",
        b"\nFrom a Tue Mar  4 10:15:00 2025\n",
        b"\n>From ",
        b"\n\n",
        b"\r\n",
        b"Content-Length: 10\n",
        b"\n\nFrom mboxrd-0@posthold.invalid Thu Jan  1 00:00:00 1970\n",
        b"A: b\n\n",
    ];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % u64::try_from(end.max(1)).unwrap()).unwrap()
    };
    for _ in 0..3_000 {
        let mut bytes = corpus[below(corpus.len())].clone();
        for _ in 0..=below(5) {
            let at = below(bytes.len());
            let end = at + below(bytes.len() - at);
            match below(4) {
                0 => drop(bytes.drain(at..end)),
                1 => bytes = [&bytes[..end], &bytes[at..]].concat(),
                _ => bytes = [&bytes[..at], words[below(words.len())], &bytes[at..]].concat(),
            }
        }
        check(&bytes);
    }
}
