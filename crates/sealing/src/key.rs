//! One key.

use std::fmt;

use ring::digest::{SHA256, digest};

use crate::{Cipher, NONCE_BYTES, Nonce};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// What stands before a key as text, with the version of that text.
const KEY_PREFIX: &str = "posthold-key-1-";

/// Bytes of a key's id.
pub(crate) const KEY_ID_BYTES: usize = 8;

/// Names a key without giving it away: 64 bits of a hash, in hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KeyId(pub String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key that something is sealed with.
#[derive(Clone)]
pub struct SealingKey {
    id: KeyId,
    bytes: [u8; KEY_BYTES],
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}

/// A text holds no keys: why, lower case, without a full stop. It repeats nothing of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyError(pub(crate) &'static str);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for KeyError {}

impl SealingKey {
    /// A new key from `fill`, which fills a slice with random bytes.
    pub fn random(fill: impl FnOnce(&mut [u8])) -> SealingKey {
        let mut bytes = [0; KEY_BYTES];
        fill(&mut bytes);
        SealingKey::of(bytes)
    }

    /// The key of these bytes.
    #[must_use]
    pub fn of(bytes: [u8; KEY_BYTES]) -> SealingKey {
        let id = id_of(&bytes).iter().map(|it| format!("{it:02x}")).collect();
        SealingKey { id: KeyId(id), bytes }
    }

    /// Reads a key as text.
    pub(crate) fn parse(text: &str) -> Result<SealingKey, KeyError> {
        let digits = text
            .strip_prefix(KEY_PREFIX)
            .ok_or(KeyError("a key begins with posthold-key-1- and this one does not"))?;
        let odd = KeyError("a key has 64 hexadecimal digits and this one does not");
        let mut bytes = [0; KEY_BYTES];
        if digits.len() != 2 * KEY_BYTES || !digits.is_ascii() {
            return Err(odd);
        }
        for (place, byte) in bytes.iter_mut().enumerate() {
            let pair = digits.get(2 * place..2 * place + 2).ok_or(odd)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| odd)?;
        }
        Ok(SealingKey::of(bytes))
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The bytes that the id is written from.
    pub(crate) fn id_bytes(&self) -> [u8; KEY_ID_BYTES] {
        id_of(&self.bytes)
    }

    /// The key as text, for the one file or variable that keeps it.
    #[must_use]
    pub fn declassify(&self) -> String {
        let digits: String = self.bytes.iter().map(|it| format!("{it:02x}")).collect();
        format!("{KEY_PREFIX}{digits}")
    }

    /// The key itself.
    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// Seals `bytes` for the place that `bound_to` names: nonce, then ciphertext with its tag.
    #[must_use]
    pub fn seal(&self, bytes: &[u8], bound_to: &[u8], nonce: Nonce) -> Option<Vec<u8>> {
        let mut sealed = bytes.to_vec();
        let tag = Cipher::new(&self.bytes).seal(nonce, bound_to, &mut sealed)?;
        Some([nonce.as_slice(), &sealed, &tag].concat())
    }

    /// Opens what [`seal`](Self::seal) gave for the same place; `None` when it is not that.
    #[must_use]
    pub fn open(&self, sealed: &[u8], bound_to: &[u8]) -> Option<Vec<u8>> {
        let (nonce, bytes) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let mut bytes = bytes.to_vec();
        Cipher::new(&self.bytes).open(*nonce, bound_to, &mut bytes).map(|it| it.to_vec())
    }
}

fn id_of(bytes: &[u8; KEY_BYTES]) -> [u8; KEY_ID_BYTES] {
    let hash = digest(&SHA256, &[b"posthold key id".as_slice(), bytes].concat());
    let mut id = [0; KEY_ID_BYTES];
    for (to, from) in id.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_as_it_was_written_and_prints_as_its_id() {
        let key = SealingKey::of([0xa5; KEY_BYTES]);
        let text = key.declassify();
        assert_eq!(text, format!("posthold-key-1-{}", "a5".repeat(32)));
        let again = SealingKey::parse(&text).unwrap();
        assert_eq!(again.id(), key.id());
        assert_eq!(format!("{again:?}"), "SealingKey(868706dff081530a)");
        let (front, cut) = (text.replacen('p', "", 1), text.replacen("a5", "", 1));
        for text in [front, cut, KEY_PREFIX.to_owned(), format!("{text}00")] {
            assert!(SealingKey::parse(&text).is_err(), "{text}");
        }
        assert!(SealingKey::parse(&text.replace("a5a5", "a5\u{e9}")).is_err());
    }

    #[test]
    fn what_is_sealed_opens_at_its_place_with_its_key() {
        let key = SealingKey::of([1; KEY_BYTES]);
        let sealed = key.seal(b"hunter2", b"here", [7; NONCE_BYTES]).unwrap();
        assert_eq!(key.open(&sealed, b"here").as_deref(), Some(&b"hunter2"[..]));
        assert_eq!(key.open(&sealed, b"there"), None);
        assert_eq!(SealingKey::of([2; KEY_BYTES]).open(&sealed, b"here"), None);
        for cut in 0..sealed.len() {
            assert_eq!(key.open(&sealed[..cut], b"here"), None);
        }
    }
}
