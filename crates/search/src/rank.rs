//! Orders what was found: the newest first, or the most relevant.
//!
//! Relevance is BM25 with the usual constants, per field, added up over the words that a message
//! should have; words after a minus do not count, nor do wildcards beyond a fixed amount.

use crate::layout::TextPlace;
use crate::snapshot::Snapshot;

const K1: f32 = 1.2;
const B: f32 = 0.75;

/// Points by message number.
#[derive(Debug)]
pub(crate) struct Scores(Vec<f32>);

impl Scores {
    pub(crate) fn new(n_end: u32) -> Scores {
        Scores(vec![0.0; n_end as usize])
    }

    pub(crate) fn add(&mut self, n: u32, points: f32) {
        if let Some(score) = self.0.get_mut(n as usize) {
            *score += points;
        }
    }

    pub(crate) fn of(&self, n: u32) -> f32 {
        self.0.get(n as usize).copied().unwrap_or(0.0)
    }
}

/// What one occurrence of a word in a field is worth, over the whole index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weight {
    rarity: f32,
    average_length: f32,
}

impl Weight {
    /// For a word that `n_having` documents have in this field.
    #[expect(clippy::cast_precision_loss, reason = "a score is an estimate")]
    pub(crate) fn new(snapshot: &Snapshot, place: TextPlace, n_having: u64) -> Weight {
        let n_docs = snapshot.n_docs().max(n_having);
        let tokens = snapshot.segments.iter().flat_map(|it| &it.text);
        let n_tokens: u64 =
            tokens.filter(|it| it.place == place).map(|it| it.inverted.total_num_tokens()).sum();
        let ratio = ((n_docs - n_having) as f32 + 0.5) / (n_having as f32 + 0.5);
        Weight {
            rarity: place.boost() * (1.0 + ratio).ln(),
            average_length: (n_tokens as f32 / n_docs.max(1) as f32).max(1.0),
        }
    }

    /// For a word with a wildcard: how rare it is says nothing.
    pub(crate) fn flat(place: TextPlace) -> Weight {
        Weight { rarity: place.boost(), average_length: 1.0 }
    }

    /// The points of a document where the word stands `count` times.
    #[expect(clippy::cast_precision_loss, reason = "a score is an estimate")]
    pub(crate) fn points(&self, count: u32, length: Option<u32>) -> f32 {
        let relative = length.map_or(1.0, |it| it as f32 / self.average_length);
        let count = count as f32;
        self.rarity * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * relative))
    }
}

/// Keeps the best of many without sorting them all.
#[derive(Debug)]
pub(crate) struct Best<K> {
    kept: Vec<(K, u32)>,
    count: usize,
}

impl<K: Ord + Copy> Best<K> {
    /// Keeps the `count` with the greatest keys; of equal ones those with the greatest number.
    pub(crate) fn new(count: usize) -> Best<K> {
        Best { kept: Vec::new(), count }
    }

    pub(crate) fn add(&mut self, key: K, n: u32) {
        if self.count == 0 {
            return;
        }
        self.kept.push((key, n));
        if self.kept.len() >= 2 * self.count + 64 {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.count < self.kept.len() {
            let last = self.count - 1;
            self.kept.select_nth_unstable_by(last, |a, b| b.cmp(a));
            self.kept.truncate(self.count);
        }
    }

    /// The best, best first.
    pub(crate) fn into_sorted(mut self) -> Vec<(K, u32)> {
        if self.count > 0 {
            self.cut();
        }
        self.kept.sort_unstable_by(|a, b| b.cmp(a));
        self.kept
    }
}

/// A score that can be compared: its bits, which above 0 are in the same order.
pub(crate) fn comparable(score: f32) -> u32 {
    if score > 0.0 { score.to_bits() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_in_order() {
        for count in [0, 1, 3, 1000] {
            let mut best = Best::new(count);
            let mut all: Vec<(u32, u32)> = (0..500).map(|n| ((n * 7919) % 101, n)).collect();
            all.iter().for_each(|(key, n)| best.add(*key, *n));
            all.sort_by(|a, b| b.cmp(a));
            all.truncate(count);
            assert_eq!(best.into_sorted(), all, "{count}");
        }
    }

    #[test]
    fn scores_compare_like_their_bits() {
        let scores = [0.0, 1e-9, 0.5, 1.0, 3.25, 1e9];
        assert!(scores.is_sorted_by_key(|it| comparable(*it)));
        assert_eq!(comparable(-0.0), 0);
    }
}
