//! A key in shares, any few of which give it back: for safes and envelopes.
//!
//! Rules: fewer shares than needed say nothing about the key but its id; a share knows of which
//! key and of which splitting it is, and how many are needed; what is joined is checked against
//! the key's id before anybody gets it.

use std::fmt;

use crate::key::KEY_ID_BYTES;
use crate::shamir::{value_at, value_at_zero};
use crate::{KEY_BYTES, SealingKey};

/// The most shares of one key.
pub const SHARES_MAX: u8 = 99;

/// One share of a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    pub(crate) key: [u8; KEY_ID_BYTES],
    /// Random: tells the shares of two splittings of one key apart, which do not go together.
    pub(crate) split: [u8; 2],
    pub(crate) needed: u8,
    pub(crate) number: u8,
    pub(crate) values: [u8; KEY_BYTES],
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of key {}, {} needed)", self.number, self.key_id(), self.needed)
    }
}

impl Share {
    /// Its number, from 1.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.number
    }

    /// How many shares are needed.
    #[must_use]
    pub fn needed(&self) -> u8 {
        self.needed
    }

    /// The id of the key that it is a share of.
    #[must_use]
    pub fn key_id(&self) -> String {
        self.key.iter().map(|it| format!("{it:02x}")).collect()
    }
}

/// Why a key cannot be split or joined: lower case, without a full stop. It repeats nothing that
/// was typed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ShareError {
    /// Ask for other numbers.
    Numbers,
    /// Look at this block again; both are counted from 1.
    Misread {
        /// The share, in the order in which they were given.
        share: usize,
        /// The block in it.
        block: usize,
    },
    /// Type the rest too.
    Incomplete {
        /// The share, in the order in which they were given.
        share: usize,
    },
    /// Look at the share again: every block can be read, and together they are none.
    Wrong {
        /// The share, in the order in which they were given.
        share: usize,
    },
    /// Take the shares of one splitting.
    Mixed,
    /// Bring more.
    TooFew {
        /// How many are needed.
        needed: u8,
        /// How many different ones there are.
        given: usize,
    },
    /// None of them can be relied on: what they give is not the key.
    NotTheKey,
}

impl fmt::Display for ShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShareError::Numbers => {
                write!(f, "a key has 2 to {SHARES_MAX} shares, of which at least 2 are needed")
            }
            ShareError::Misread { share, block } => {
                write!(f, "block {block} of share {share} is not as it was printed")
            }
            ShareError::Incomplete { share } => write!(f, "share {share} is not complete"),
            ShareError::Wrong { share } => write!(f, "share {share} is not as it was printed"),
            ShareError::Mixed => f.write_str("the shares are not of one key and one splitting"),
            ShareError::TooFew { needed, given } => {
                write!(f, "{needed} different shares are needed and there are {given}")
            }
            ShareError::NotTheKey => f.write_str("the shares do not give the key of their id"),
        }
    }
}

impl std::error::Error for ShareError {}

/// Cuts `key` into `shares`, any `needed` of which give it back. `fill` fills a slice with random
/// bytes.
pub fn split(
    key: &SealingKey,
    shares: u8,
    needed: u8,
    mut fill: impl FnMut(&mut [u8]),
) -> Result<Vec<Share>, ShareError> {
    if needed < 2 || shares < needed || SHARES_MAX < shares {
        return Err(ShareError::Numbers);
    }
    let mut split = [0; 2];
    fill(&mut split);
    // Row by row: what stands before x, before x squared, and so on, for every byte of the key.
    let mut rows = vec![[0; KEY_BYTES]; usize::from(needed) - 1];
    for row in &mut rows {
        fill(row);
    }
    let share = |number: u8| {
        let mut values = [0; KEY_BYTES];
        for ((at, value), secret) in values.iter_mut().enumerate().zip(key.bytes()) {
            let coefficients = rows.iter().map(|row| row.get(at).copied().unwrap_or_default());
            *value = value_at(number, *secret, coefficients);
        }
        Share { key: key.id_bytes(), split, needed, number, values }
    };
    Ok((1..=shares).map(share).collect())
}

/// The key that these shares are of.
pub fn join(shares: &[Share]) -> Result<SealingKey, ShareError> {
    let mut different: Vec<&Share> = Vec::new();
    for share in shares {
        let first = different.first().copied().unwrap_or(share);
        let known = different.iter().find(|it| it.number == share.number);
        let of_one = |it: &Share| (it.key, it.split, it.needed);
        if of_one(first) != of_one(share) || known.is_some_and(|it| **it != *share) {
            return Err(ShareError::Mixed);
        }
        if known.is_none() {
            different.push(share);
        }
    }
    let given = different.len();
    let needed = different.first().map_or(2, |it| it.needed);
    let Some(enough) = different.get(..usize::from(needed)) else {
        return Err(ShareError::TooFew { needed, given });
    };
    let mut bytes = [0; KEY_BYTES];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let points: Vec<(u8, u8)> = enough
            .iter()
            .map(|it| (it.number, it.values.get(at).copied().unwrap_or_default()))
            .collect();
        *byte = value_at_zero(&points);
    }
    let key = SealingKey::of(bytes);
    let is_it = enough.first().is_some_and(|it| it.key == key.id_bytes());
    if is_it { Ok(key) } else { Err(ShareError::NotTheKey) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that look random and are the same in every run.
    fn fill() -> impl FnMut(&mut [u8]) {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        move |bytes| {
            for byte in bytes {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                *byte = state.to_le_bytes()[3];
            }
        }
    }

    fn key() -> SealingKey {
        SealingKey::random(fill())
    }

    #[test]
    fn any_as_many_as_needed_give_the_key_back() {
        let shares = split(&key(), 5, 3, fill()).unwrap();
        assert_eq!(shares.iter().map(Share::number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        for set in 0..32u8 {
            let chosen: Vec<Share> =
                shares.iter().filter(|it| set & (1 << (it.number - 1)) != 0).cloned().collect();
            let joined = join(&chosen);
            if 3 <= chosen.len() {
                assert_eq!(joined.unwrap().declassify(), key().declassify());
            } else {
                let given = chosen.len();
                let needed = if given == 0 { 2 } else { 3 };
                assert_eq!(joined.unwrap_err(), ShareError::TooFew { needed, given });
            }
        }
        let twice = [shares[0].clone(), shares[1].clone(), shares[0].clone()];
        assert_eq!(join(&twice).unwrap_err(), ShareError::TooFew { needed: 3, given: 2 });
        let all = split(&key(), SHARES_MAX, SHARES_MAX, fill()).unwrap();
        assert_eq!(join(&all).unwrap().id(), key().id());
    }

    #[test]
    fn what_does_not_go_together_gives_nothing() {
        let shares = split(&key(), 3, 2, fill()).unwrap();
        let mut later = fill();
        later(&mut [0; 9]);
        let again = split(&key(), 3, 2, later).unwrap();
        assert_eq!(join(&[shares[0].clone(), again[1].clone()]).unwrap_err(), ShareError::Mixed);
        let mut changed = shares[1].clone();
        changed.values[4] ^= 1;
        let pair = [shares[0].clone(), changed.clone()];
        assert_eq!(join(&pair).unwrap_err(), ShareError::NotTheKey);
        assert_eq!(join(&[shares[1].clone(), changed]).unwrap_err(), ShareError::Mixed);
        for (n, needed) in [(1, 1), (3, 1), (3, 4), (100, 2), (0, 0), (5, 0)] {
            assert_eq!(split(&key(), n, needed, fill()).unwrap_err(), ShareError::Numbers);
        }
    }
}
