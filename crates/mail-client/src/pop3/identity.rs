//! UIDs for messages that have names: UIDLs (RFC 1939 §7) become numbers. Pure.
//!
//! - A message with a UIDL of its own: a hash of the UIDL, cut to 62 bits.
//! - Messages that share a UIDL, or have none: a hash of UIDL, size and header (of the whole
//!   message where the server gives no header). Of messages that look the same even so, the first
//!   is told from the second by its place.
//!
//! So a UID means the same message in every session, as long as the server keeps its names. Two
//! messages with the same UID are refused, by name; neither is taken for the other.

use std::collections::{HashMap, HashSet};

use types::Hash;

/// A message as a server lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Listed {
    /// Its number in this session.
    pub(crate) number: u32,
    /// Its size as announced.
    pub(crate) size: Option<u64>,
    /// Its UIDL.
    pub(crate) uidl: Option<Vec<u8>>,
}

/// What a message looks like where its UIDL does not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Looks {
    /// Its header; its size says the rest.
    Header(Hash),
    /// All of it.
    Whole(Hash),
}

/// Two messages with the same UID: their names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Collision(pub(crate) String, pub(crate) String);

/// The numbers of messages whose UIDL is missing or not theirs alone.
pub(crate) fn unclear(listed: &[Listed]) -> Vec<u32> {
    let mut times: HashMap<&[u8], u32> = HashMap::new();
    for uidl in listed.iter().filter_map(|it| it.uidl.as_deref()) {
        *times.entry(uidl).or_default() += 1;
    }
    let is_clear = |it: &&Listed| it.uidl.as_deref().is_some_and(|it| times.get(it) == Some(&1));
    listed.iter().filter(|it| !is_clear(it)).map(|it| it.number).collect()
}

/// The UIDs of `listed`, in its order. `looks` has those of [`unclear`] messages that the server
/// showed.
pub(crate) fn uids(listed: &[Listed], looks: &HashMap<u32, Looks>) -> Result<Vec<u64>, Collision> {
    uids_by(listed, looks, cut)
}

fn uids_by(
    listed: &[Listed],
    looks: &HashMap<u32, Looks>,
    cut: impl Fn(Hash) -> u64,
) -> Result<Vec<u64>, Collision> {
    let unclear: HashSet<u32> = unclear(listed).into_iter().collect();
    let mut places: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut owners: HashMap<u64, &Listed> = HashMap::with_capacity(listed.len());
    let mut uids = Vec::with_capacity(listed.len());
    for message in listed {
        let mut key = key(message, unclear.contains(&message.number), looks);
        let place = places.entry(key.clone()).or_default();
        key.extend(place.to_be_bytes());
        *place += 1;
        let uid = cut(Hash::of(&key));
        if let Some(other) = owners.insert(uid, message) {
            return Err(Collision(name(other), name(message)));
        }
        uids.push(uid);
    }
    Ok(uids)
}

/// What a message is known by. Each kind begins in its own way, and what has no fixed length
/// comes last.
fn key(message: &Listed, unclear: bool, looks: &HashMap<u32, Looks>) -> Vec<u8> {
    let uidl = message.uidl.as_deref().unwrap_or_default();
    let mut key = Vec::with_capacity(64 + uidl.len());
    if !unclear {
        key.push(b'u');
        key.extend(uidl);
        return key;
    }
    match looks.get(&message.number) {
        Some(Looks::Header(hash)) => {
            key.push(b'h');
            key.extend(hash.0);
            key.extend(message.size.unwrap_or(0).to_be_bytes());
        }
        Some(Looks::Whole(hash)) => {
            key.push(b'w');
            key.extend(hash.0);
        }
        // It cannot be read now. Until it can, this is as good a name as any.
        None => {
            key.push(b'n');
            key.extend(message.number.to_be_bytes());
            key.extend(message.size.unwrap_or(0).to_be_bytes());
        }
    }
    key.extend(uidl);
    key
}

/// The first 62 bits: one can be added without leaving what databases keep. Never 0.
fn cut(hash: Hash) -> u64 {
    let start: [u8; 8] = hash.0.first_chunk().copied().unwrap_or_default();
    (u64::from_be_bytes(start) >> 2).max(1)
}

fn name(message: &Listed) -> String {
    match &message.uidl {
        Some(uidl) => format!("{} ({})", message.number, uidl.escape_ascii()),
        None => format!("{} (no UIDL)", message.number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(number: u32, uidl: &str) -> Listed {
        let uidl = Some(uidl.as_bytes().to_vec()).filter(|it| !it.is_empty());
        Listed { number, size: Some(100), uidl }
    }

    fn header(number: u32, text: &[u8]) -> (u32, Looks) {
        (number, Looks::Header(Hash::of(text)))
    }

    #[test]
    fn pop3_renumber() {
        let before = uids(&[listed(1, "a"), listed(2, "b"), listed(3, "c")], &HashMap::new());
        let after = uids(&[listed(1, "b"), listed(2, "c"), listed(3, "d")], &HashMap::new());
        let (before, after) = (before.unwrap(), after.unwrap());
        assert_eq!(before[1..], after[..2]);
        assert!(!before.contains(&after[2]));
        assert!(before.iter().chain(&after).all(|it| *it > 0 && *it < 1 << 62));
    }

    #[test]
    fn the_numbers_are_fixed() {
        // They stand in logs: a change would be a change of every UIDL.
        let uids = uids(&[listed(1, "000000016b01c434")], &HashMap::new()).unwrap();
        assert_eq!(uids, [769_138_315_710_379_299]);
    }

    #[test]
    fn pop3_duplicate_uidl() {
        let all = [listed(1, "x"), listed(2, "x"), listed(3, "y"), listed(4, "")];
        assert_eq!(unclear(&all), [1, 2, 4]);
        let looks = HashMap::from([header(1, b"A"), header(2, b"B"), header(4, b"A")]);
        let first = uids(&all, &looks).unwrap();
        assert_eq!(first.iter().collect::<HashSet<_>>().len(), 4);
        // The first of them is gone and another came: nothing is taken for it.
        let all = [listed(1, "x"), listed(2, "x"), listed(3, "y")];
        let looks = HashMap::from([header(1, b"B"), header(2, b"C")]);
        let second = uids(&all, &looks).unwrap();
        assert_eq!(second[0], first[1]);
        assert!(!first.contains(&second[1]));
        assert_eq!(second[2], first[2]);
    }

    #[test]
    fn messages_that_look_the_same_are_told_by_their_place() {
        let all = [listed(1, "x"), listed(2, "x")];
        let looks = HashMap::from([header(1, b"A"), header(2, b"A")]);
        let uids = uids(&all, &looks).unwrap();
        assert_ne!(uids[0], uids[1]);
    }

    #[test]
    fn sizes_and_kinds_are_told_apart() {
        let of = |size, looks| {
            let message = Listed { number: 1, size, uidl: None };
            uids(&[message], &HashMap::from_iter(looks)).unwrap()[0]
        };
        let hash = Hash::of(b"A");
        let all = [
            of(Some(1), Some((1, Looks::Header(hash)))),
            of(Some(2), Some((1, Looks::Header(hash)))),
            of(Some(1), Some((1, Looks::Whole(hash)))),
            of(Some(1), None),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 4);
        assert_eq!(all[2], of(Some(2), Some((1, Looks::Whole(hash)))));
    }

    #[test]
    fn collisions_are_refused_by_name() {
        let all = [listed(7, "x"), listed(9, "y")];
        let collision = uids_by(&all, &HashMap::new(), |_| 5).unwrap_err();
        assert_eq!(collision, Collision("7 (x)".into(), "9 (y)".into()));
    }
}
