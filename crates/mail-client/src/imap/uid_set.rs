//! UID sets as text (RFC 9051 §9, `sequence-set`).

use super::limits::{FETCH_SET_BYTES_MAX, FETCH_UIDS_MAX};

/// Both ends, included.
pub(crate) type UidRange = (u32, u32);

/// Writes ascending UIDs as sets that are short enough for one command each.
pub(crate) fn chunks(uids: &[u32]) -> Vec<String> {
    let mut sets = Vec::new();
    let mut set = String::new();
    let mut n_in_set = 0;
    let mut rest = uids;
    while let Some((&first, _)) = rest.split_first() {
        let room = FETCH_UIDS_MAX - n_in_set;
        let run = run_length(rest).min(room);
        let (taken, after) = rest.split_at_checked(run).unwrap_or((rest, &[]));
        let last = taken.last().copied().unwrap_or(first);
        if !set.is_empty() {
            set.push(',');
        }
        set.push_str(&first.to_string());
        if first != last {
            set.push(':');
            set.push_str(&last.to_string());
        }
        n_in_set += run;
        rest = after;
        if n_in_set >= FETCH_UIDS_MAX || set.len() >= FETCH_SET_BYTES_MAX {
            sets.push(std::mem::take(&mut set));
            n_in_set = 0;
        }
    }
    if !set.is_empty() {
        sets.push(set);
    }
    sets
}

/// How many UIDs from the first on follow each other.
fn run_length(uids: &[u32]) -> usize {
    let follow = |pair: &[u32]| matches!(pair, [a, b] if a.checked_add(1) == Some(*b));
    1 + uids.windows(2).take_while(|pair| follow(pair)).count()
}

/// Reads a set. `*` has no meaning in a response and makes it unreadable; so does 0.
pub(crate) fn parse(text: &[u8]) -> Option<Vec<UidRange>> {
    let text = std::str::from_utf8(text).ok()?;
    let uid = |it: &str| it.parse::<u32>().ok().filter(|it| *it > 0);
    text.split(',')
        .map(|part| match part.split_once(':') {
            // RFC 9051 §9: the order of a range's ends does not matter.
            Some((a, b)) => uid(a).zip(uid(b)).map(|(a, b)| (a.min(b), a.max(b))),
            None => uid(part).map(|it| (it, it)),
        })
        .collect()
}

/// The UIDs of `ranges` from `first` to `last`, ascending, each once; `None` when there are more
/// than `n_max`.
pub(crate) fn expand(ranges: &[UidRange], first: u32, last: u32, n_max: usize) -> Option<Vec<u64>> {
    let mut clipped: Vec<UidRange> = ranges
        .iter()
        .map(|(from, to)| (*from.max(&first), *to.min(&last)))
        .filter(|(from, to)| from <= to)
        .collect();
    clipped.sort_unstable();
    let mut uids: Vec<u64> = Vec::new();
    for (from, to) in clipped {
        let from = uids.last().map_or(u64::from(from), |it| u64::from(from).max(it + 1));
        let to = u64::from(to);
        let n = usize::try_from((to + 1).saturating_sub(from)).ok()?;
        if uids.len().checked_add(n)? > n_max {
            return None;
        }
        uids.extend(from..=to);
    }
    Some(uids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_compact_and_short() {
        assert_eq!(chunks(&[]), Vec::<String>::new());
        assert_eq!(chunks(&[7]), ["7"]);
        assert_eq!(chunks(&[1, 2, 3, 5, 7, 8, u32::MAX]), ["1:3,5,7:8,4294967295"]);
        let all: Vec<u32> = (1..=600).collect();
        assert_eq!(chunks(&all), ["1:256", "257:512", "513:600"]);

        let scattered: Vec<u32> = (0..1000).map(|it| 4_000_000_000 + 2 * it).collect();
        let sets = chunks(&scattered);
        assert!(sets.iter().all(|it| it.len() < FETCH_SET_BYTES_MAX + 24));
        let read: Vec<u32> = sets
            .iter()
            .flat_map(|it| parse(it.as_bytes()).unwrap())
            .map(|(from, _)| from)
            .collect();
        assert_eq!(read, scattered);
    }

    #[test]
    fn sets_are_read() {
        assert_eq!(parse(b"1:3,5,9:7"), Some(vec![(1, 3), (5, 5), (7, 9)]));
        for bad in ["", "0", "1:*", "*", "1,,2", "a", "1:4294967296", "1:2:3"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn ranges_expand_within_limits() {
        let ranges = [(5, 7), (1, 2), (6, 9), (2, 2)];
        assert_eq!(expand(&ranges, 1, u32::MAX, 100), Some(vec![1, 2, 5, 6, 7, 8, 9]));
        assert_eq!(expand(&ranges, 2, 6, 100), Some(vec![2, 5, 6]));
        assert_eq!(expand(&ranges, 20, 30, 100), Some(vec![]));
        assert_eq!(expand(&[(1, u32::MAX)], 1, u32::MAX, 1000), None);
        assert_eq!(expand(&[(1, u32::MAX)], 1, 10, 1000).map(|it| it.len()), Some(10));
        let top = u32::MAX;
        assert_eq!(expand(&[(top, top), (top, top)], 1, top, 10), Some(vec![u64::from(top)]));
    }
}
