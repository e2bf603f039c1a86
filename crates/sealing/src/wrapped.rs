//! Keys that lie beside what they seal, each wrapped with another key, as a line of text.

use std::fmt;

use crate::key::SealingKey;
use crate::ring::KeyRing;
use crate::{KeyId, Nonce};

/// How such a line begins: what it is, and the version of that.
const PREFIX: &str = "posthold-wrapped-key-1";

/// A wrapped key. It opens only under the name that it was wrapped for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrappedKey {
    with: String,
    sealed: Vec<u8>,
}

/// Why a wrapped key does not open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnwrapError {
    /// The key that it is wrapped with is not in the ring: it has this id.
    Missing(KeyId),
    /// That key is there, and this is not what it wrapped under this name.
    Spoiled,
}

impl WrappedKey {
    /// Wraps `key` for the place called `name`. `None` when it is too long to be a key.
    #[must_use]
    pub fn wrap(key: &[u8], name: &str, with: &SealingKey, nonce: Nonce) -> Option<WrappedKey> {
        let sealed = with.seal(key, &bound_to(name), nonce)?;
        Some(WrappedKey { with: with.id().0.clone(), sealed })
    }

    /// Reads the line; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<WrappedKey> {
        let mut words = text.split_whitespace();
        if words.next() != Some(PREFIX) {
            return None;
        }
        let (with, digits) = (words.next()?.to_owned(), words.next()?);
        let digit = |it: &u8| char::from(*it).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let digits: Option<Vec<u8>> = digits.as_bytes().iter().map(digit).collect();
        let pair = |it: &[u8]| it.iter().fold(0, |sum, digit| sum << 4 | digit);
        let sealed = digits?.chunks(2).map(pair).collect();
        Some(WrappedKey { with, sealed })
    }

    /// The id of the key that it is wrapped with.
    #[must_use]
    pub fn with(&self) -> &str {
        &self.with
    }

    /// What was wrapped under this name.
    pub fn open(&self, ring: &KeyRing, name: &str) -> Result<Vec<u8>, UnwrapError> {
        let key = ring.key(&self.with);
        let key = key.ok_or_else(|| UnwrapError::Missing(KeyId(self.with.clone())))?;
        key.open(&self.sealed, &bound_to(name)).ok_or(UnwrapError::Spoiled)
    }
}

/// The line, without its end.
impl fmt::Display for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX} {} ", self.with)?;
        self.sealed.iter().try_for_each(|it| write!(f, "{it:02x}"))
    }
}

/// What a wrapped key is bound to: that it is one, and its name.
fn bound_to(name: &str) -> Vec<u8> {
    format!("{PREFIX}\0{name}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> SealingKey {
        SealingKey::random(|it| it.fill(n))
    }

    #[test]
    fn it_opens_with_its_key_under_its_name_only() {
        let wrapped = WrappedKey::wrap(&[7; 32], "mark", &key(1), [9; 12]).unwrap();
        let line = wrapped.to_string();
        assert_eq!(WrappedKey::parse(&format!("{line}\n")), Some(wrapped.clone()));
        assert_eq!(wrapped.with(), key(1).id().0);
        let ring = KeyRing::of(key(1)).with_newest(key(2));
        assert_eq!(wrapped.open(&ring, "mark"), Ok(vec![7; 32]));
        assert_eq!(wrapped.open(&ring, "other"), Err(UnwrapError::Spoiled));
        let missing = UnwrapError::Missing(key(1).id().clone());
        assert_eq!(wrapped.open(&KeyRing::of(key(2)), "mark"), Err(missing));
        for (place, letter) in line.char_indices().filter(|it| PREFIX.len() + 17 < it.0) {
            let other = if letter == '0' { "1" } else { "0" };
            let mut changed = line.clone();
            changed.replace_range(place..=place, other);
            let changed = WrappedKey::parse(&changed).unwrap();
            assert_eq!(changed.open(&ring, "mark"), Err(UnwrapError::Spoiled), "{place}");
        }
        for text in ["", "posthold-wrapped-key-2 a 00", "posthold-wrapped-key-1 a", "x y z"] {
            assert_eq!(WrappedKey::parse(text), None, "{text}");
        }
    }
}
