//! What a mailbox lists, against what the archive has of it. Pure.

use std::collections::{HashMap, HashSet};

use ledger::QuarantineReason;
use ports::{HeaderItem, MatchRow, QuarantineRow, Uids};
use types::{Hash, PlacementId, Timestamp};

/// At least this many of recognised messages are fetched to check.
const SAMPLE_MIN: usize = 3;

/// One of this many recognised messages is fetched to check.
const SAMPLE_ONE_OF: usize = 100;

/// What the comparison of a mailbox gave.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Compared {
    /// Messages to fetch, ascending.
    pub(crate) fresh: Vec<u64>,
    /// How often those were tried that are in quarantine and tried again.
    pub(crate) attempts: HashMap<u64, u32>,
    /// Messages that stand where they stood.
    pub(crate) standing: u64,
    /// Messages in quarantine whose time has not come: their UIDs.
    pub(crate) waiting: Vec<u64>,
    /// Messages that belong to nobody, by the rules of today.
    pub(crate) left: u64,
    /// Those that belonged to nobody by other rules, and are looked at again.
    pub(crate) left_before: HashSet<u64>,
    /// UIDs where something stood, or was in quarantine, and nothing is any more.
    pub(crate) gone: Vec<u64>,
    /// Messages in the mailbox.
    pub(crate) server_count: u64,
}

/// Compares. `messages` is how many the mailbox says it has. `None` when the list does not lead to
/// that number: then it is not the whole truth.
pub(crate) fn compare(
    refs: &[(u64, PlacementId)],
    quarantine: &[QuarantineRow],
    listed: &Uids,
    messages: u64,
    retry: impl Fn(&QuarantineRow) -> bool,
) -> Option<Compared> {
    let known = sorted(refs.iter().map(|it| it.0));
    let held = sorted(quarantine.iter().map(|it| it.uid).filter(|it| !has(&known, *it)));
    let mut compared = match listed {
        Uids::All(uids) => of_all(&known, &held, uids),
        Uids::Delta { vanished, new } => of_delta(&known, &held, vanished, new),
    };
    let held = hold_back(&mut compared.fresh, quarantine, retry);
    (compared.waiting, compared.left) = (held.resting, held.left);
    let waiting = u64::try_from(compared.waiting.len()).unwrap_or(u64::MAX);
    (compared.attempts, compared.left_before) = (held.attempts, held.left_before);
    compared.gone.sort_unstable();
    let fresh = u64::try_from(compared.fresh.len()).unwrap_or(u64::MAX);
    compared.server_count = compared.standing + waiting + compared.left + fresh;
    (compared.server_count == messages).then_some(compared)
}

/// What is known of messages that an earlier run could not take, or left.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Held {
    /// In quarantine, and not to be tried again yet: their UIDs.
    pub(crate) resting: Vec<u64>,
    /// Left at the source, and not to be looked at again.
    pub(crate) left: u64,
    /// How often those were tried that are tried again.
    pub(crate) attempts: HashMap<u64, u32>,
    /// Those that were left, and are looked at again.
    pub(crate) left_before: HashSet<u64>,
}

/// Takes messages out of `fresh` that are in quarantine or left, and not to be tried again yet.
pub(crate) fn hold_back(
    fresh: &mut Vec<u64>,
    quarantine: &[QuarantineRow],
    retry: impl Fn(&QuarantineRow) -> bool,
) -> Held {
    let by_uid: HashMap<u64, &QuarantineRow> = quarantine.iter().map(|it| (it.uid, it)).collect();
    let mut held = Held::default();
    fresh.retain(|uid| {
        let Some(row) = by_uid.get(uid) else { return true };
        let retried = retry(row);
        match (row.reason == QuarantineReason::UnknownAddress, retried) {
            (true, true) => _ = held.left_before.insert(*uid),
            (true, false) => held.left += 1,
            (false, true) => _ = held.attempts.insert(*uid, row.attempts),
            (false, false) => held.resting.push(*uid),
        }
        retried
    });
    held
}

fn of_all(known: &[u64], held: &[u64], uids: &[u64]) -> Compared {
    let there = sorted(uids.iter().copied());
    let gone = known.iter().chain(held).filter(|it| !has(&there, **it));
    Compared {
        gone: gone.copied().collect(),
        standing: count(there.iter().filter(|it| has(known, **it))),
        fresh: there.iter().filter(|it| !has(known, **it)).copied().collect(),
        ..Compared::default()
    }
}

fn of_delta(known: &[u64], held: &[u64], vanished: &[u64], new: &[u64]) -> Compared {
    let vanished = sorted(vanished.iter().copied());
    let gone = known.iter().chain(held).filter(|it| has(&vanished, **it));
    let held_still = held.iter().filter(|it| !has(&vanished, **it));
    let new = new.iter().filter(|it| !has(known, **it));
    Compared {
        gone: gone.copied().collect(),
        standing: count(known.iter().filter(|it| !has(&vanished, **it))),
        fresh: sorted(new.chain(held_still).copied()),
        ..Compared::default()
    }
}

/// UIDs in order and without repeats: many of them take little memory this way.
fn sorted(uids: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut uids: Vec<u64> = uids.collect();
    uids.sort_unstable();
    uids.dedup();
    uids
}

fn has(sorted: &[u64], uid: u64) -> bool {
    sorted.binary_search(&uid).is_ok()
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

/// What a message is recognised by without its body.
type Looks = (u64, Option<Timestamp>, Hash);

fn looks(row: &MatchRow) -> Looks {
    (row.size, row.received, row.header_hash)
}

fn item_looks(item: &HeaderItem) -> Looks {
    (item.size, item.received, item.header_hash)
}

/// Pairs messages with placements that look the same, where neither side has another of these
/// looks.
pub(crate) fn pair(rows: &[MatchRow], items: &[HeaderItem]) -> Vec<(u64, PlacementId)> {
    let mut by_looks: HashMap<Looks, Option<PlacementId>> = HashMap::new();
    for row in rows {
        by_looks
            .entry(looks(row))
            .and_modify(|it| {
                if *it != Some(row.placement) {
                    *it = None;
                }
            })
            .or_insert(Some(row.placement));
    }
    let mut times: HashMap<Looks, usize> = HashMap::new();
    for item in items {
        *times.entry(item_looks(item)).or_default() += 1;
    }
    let unique = items.iter().filter(|it| times.get(&item_looks(it)) == Some(&1));
    unique
        .filter_map(|it| {
            let placement = by_looks.get(&item_looks(it)).copied().flatten()?;
            Some((it.uid, placement))
        })
        .collect()
}

/// What a mailbox without lasting UIDs holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Unnumbered {
    /// UIDs that still name the message that they named.
    pub(crate) standing: Vec<u64>,
    /// UIDs that named something else, or nothing: which placements they look like now.
    pub(crate) paired: Vec<(u64, PlacementId)>,
}

/// Recognises messages in a mailbox whose UIDs may mean something else on every pass.
pub(crate) fn renumbered(
    refs: &[(u64, PlacementId)],
    rows: &[MatchRow],
    items: &[HeaderItem],
) -> Unnumbered {
    let by_placement: HashMap<PlacementId, Looks> =
        rows.iter().map(|it| (it.placement, looks(it))).collect();
    let by_uid: HashMap<u64, PlacementId> = refs.iter().copied().collect();
    let stands = |it: &HeaderItem| {
        let before = by_uid.get(&it.uid).and_then(|it| by_placement.get(it));
        before == Some(&item_looks(it))
    };
    let (standing, other): (Vec<HeaderItem>, Vec<HeaderItem>) =
        items.iter().partition(|it| stands(it));
    let standing: Vec<u64> = standing.iter().map(|it| it.uid).collect();
    let taken: HashSet<PlacementId> =
        standing.iter().filter_map(|it| by_uid.get(it)).copied().collect();
    let rows: Vec<MatchRow> =
        rows.iter().filter(|it| !taken.contains(&it.placement)).copied().collect();
    Unnumbered { standing, paired: pair(&rows, &other) }
}

/// Which of `all` are looked at closely: at least three and one of a hundred, spread evenly.
pub(crate) fn sample<T: Copy>(all: &[T]) -> Vec<T> {
    let wanted = all.len().div_ceil(SAMPLE_ONE_OF).max(SAMPLE_MIN).min(all.len());
    (0..wanted).filter_map(|index| all.get(index * all.len() / wanted)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refs(uids: &[u64]) -> Vec<(u64, PlacementId)> {
        uids.iter().map(|it| (*it, PlacementId(100 + it))).collect()
    }

    fn held(uid: u64, retry_at: i64) -> QuarantineRow {
        let reason = QuarantineReason::Omitted;
        QuarantineRow { uid, reason, attempts: 2, retry_at: Timestamp(retry_at) }
    }

    fn check(
        known: &[u64],
        quarantine: &[QuarantineRow],
        listed: &Uids,
        messages: u64,
    ) -> Option<(Vec<u64>, u64, u64, Vec<u64>)> {
        let due = |it: &QuarantineRow| it.retry_at <= Timestamp(10);
        let it = compare(&refs(known), quarantine, listed, messages, due)?;
        Some((it.fresh, it.standing, it.waiting.len() as u64, it.gone))
    }

    #[test]
    fn a_whole_list_has_as_many_as_the_mailbox() {
        let all = Uids::All(vec![1, 2, 3]);
        assert_eq!(check(&[1], &[], &all, 4), None);
        assert_eq!(check(&[1], &[], &all, 2), None);
        assert_eq!(check(&[1], &[], &all, 3), Some((vec![2, 3], 1, 0, vec![])));
    }

    #[test]
    fn a_whole_list_is_compared() {
        let all = |uids: &[u64]| Uids::All(uids.to_vec());
        let quarantine = [held(5, 9), held(6, 11), held(7, 0)];
        assert_eq!(check(&[], &[], &all(&[]), 0), Some((vec![], 0, 0, vec![])));
        assert_eq!(
            check(&[1, 2, 3], &quarantine, &all(&[9, 2, 3, 5, 6, 2]), 5),
            Some((vec![5, 9], 2, 1, vec![1, 7])),
            "unsorted and repeated UIDs do no harm"
        );
    }

    #[test]
    fn differences_must_lead_to_the_number_of_messages() {
        let delta = |vanished: &[u64], new: &[u64]| Uids::Delta {
            vanished: vanished.to_vec(),
            new: new.to_vec(),
        };
        let quarantine = [held(5, 9), held(6, 11)];
        assert_eq!(
            check(&[1, 2, 3], &quarantine, &delta(&[2, 4, 77], &[3, 8]), 5),
            Some((vec![5, 8], 2, 1, vec![2])),
            "UIDs that were never there may vanish; what is new may be archived already"
        );
        assert_eq!(check(&[1, 2, 3], &[], &delta(&[], &[]), 4), None, "one more than we know");
        assert_eq!(check(&[1, 2, 3], &[], &delta(&[], &[4]), 3), None, "one less");
    }

    fn row(placement: u64, size: u64) -> MatchRow {
        MatchRow {
            placement: PlacementId(placement),
            size,
            received: Some(Timestamp(5)),
            header_hash: Hash::of(b"h"),
        }
    }

    fn item(uid: u64, size: u64) -> HeaderItem {
        HeaderItem { uid, size, received: Some(Timestamp(5)), header_hash: Hash::of(b"h") }
    }

    #[test]
    fn only_unique_looks_are_paired() {
        let rows = [row(1, 10), row(2, 20), row(3, 20), row(4, 40), row(4, 40), row(5, 50)];
        let other_date = HeaderItem { received: None, ..item(17, 10) };
        let items =
            [item(11, 10), item(12, 20), item(13, 40), item(14, 50), item(15, 50), other_date];
        assert_eq!(pair(&rows, &items), [(11, PlacementId(1)), (13, PlacementId(4))]);
    }

    #[test]
    fn without_lasting_uids_looks_decide() {
        let refs =
            [(1, PlacementId(1)), (2, PlacementId(2)), (3, PlacementId(3)), (4, PlacementId(3))];
        let rows = [row(1, 10), row(2, 20), row(3, 30)];
        let same = [item(1, 10), item(2, 20), item(3, 30), item(4, 30)];
        assert_eq!(renumbered(&refs, &rows, &same).standing, [1, 2, 3, 4]);
        let shifted = [item(1, 20), item(2, 30), item(3, 99)];
        let found = renumbered(&refs, &rows, &shifted);
        assert_eq!(found.standing, [0; 0]);
        assert_eq!(found.paired, [(1, PlacementId(2)), (2, PlacementId(3))]);
    }

    #[test]
    fn samples_are_spread() {
        let all: Vec<usize> = (0..1000).collect();
        assert_eq!(sample(&all), [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        assert_eq!(sample(&all[..5]), [0, 1, 3]);
        assert_eq!(sample(&all[..2]), [0, 1]);
        assert_eq!(sample::<u8>(&[]), [0; 0]);
    }
}
