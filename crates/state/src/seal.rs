//! Sealing: AES-256-GCM with keys that are not in the database.
//!
//! What it is not: the place where keys are kept; those come in as text. Rules: every sealed
//! value is bound to its place, so that it cannot be opened anywhere else; nonces are random; a
//! key prints as nothing but its id.

use std::fmt;

use ports::Random;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use types::Secret;

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// What stands before a key as text, with the version of that text.
const KEY_PREFIX: &str = "posthold-key-1-";

/// The most keys in one ring: the newest, and one that is on its way out, with room for a
/// rotation that was interrupted several times.
const KEYS_MAX: usize = 8;

/// Names a key without giving it away: 64 bits of a hash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KeyId(pub String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key that secrets are sealed with.
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
pub struct KeyError(&'static str);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for KeyError {}

impl SealingKey {
    /// A new random key.
    pub fn random(random: &dyn Random) -> SealingKey {
        let mut bytes = [0; KEY_BYTES];
        random.fill(&mut bytes);
        SealingKey::of(bytes)
    }

    fn of(bytes: [u8; KEY_BYTES]) -> SealingKey {
        let hash = digest(&SHA256, &[b"posthold key id".as_slice(), &bytes].concat());
        let id = hash.as_ref().iter().take(8).map(|it| format!("{it:02x}")).collect();
        SealingKey { id: KeyId(id), bytes }
    }

    fn parse(text: &str) -> Result<SealingKey, KeyError> {
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

    /// The key as text, for the one file or variable that keeps it.
    #[must_use]
    pub fn declassify(&self) -> String {
        let digits: String = self.bytes.iter().map(|it| format!("{it:02x}")).collect();
        format!("{KEY_PREFIX}{digits}")
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, &self.bytes).ok().map(LessSafeKey::new)
    }

    /// Seals `secret` for the place that `bound_to` names: nonce, then ciphertext with its tag.
    pub(crate) fn seal(
        &self,
        secret: &Secret,
        bound_to: &[u8],
        random: &dyn Random,
    ) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut bytes = secret.declassify().as_bytes().to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.cipher()?.seal_in_place_append_tag(unique, Aad::from(bound_to), &mut bytes).ok()?;
        Some([nonce.as_slice(), &bytes].concat())
    }

    /// Opens what [`seal`](Self::seal) gave for the same place; `None` when it is not that.
    pub(crate) fn open(&self, sealed: &[u8], bound_to: &[u8]) -> Option<Secret> {
        let (nonce, bytes) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = bytes.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.cipher()?.open_in_place(nonce, Aad::from(bound_to), &mut bytes).ok()?;
        String::from_utf8(opened.to_vec()).ok().map(Secret::new)
    }
}

/// The keys at hand: the first one seals, all of them open.
#[derive(Clone, Debug)]
pub struct KeyRing {
    newest: SealingKey,
    older: Vec<SealingKey>,
}

impl KeyRing {
    /// A ring of one key.
    #[must_use]
    pub fn of(newest: SealingKey) -> KeyRing {
        KeyRing { newest, older: Vec::new() }
    }

    /// Reads keys as text, newest first, apart by commas or white space. Lines that begin with
    /// `#` are remarks.
    pub fn parse(text: &str) -> Result<KeyRing, KeyError> {
        let lines = text.lines().filter(|it| !it.trim_start().starts_with('#'));
        let words = lines.flat_map(|it| it.split(|c: char| c == ',' || c.is_whitespace()));
        let mut keys = Vec::new();
        for word in words.filter(|it| !it.is_empty()) {
            keys.push(SealingKey::parse(word)?);
            if KEYS_MAX < keys.len() {
                return Err(KeyError("there are more than 8 keys"));
            }
        }
        let mut keys = keys.into_iter();
        let newest = keys.next().ok_or(KeyError("there is no key"))?;
        Ok(KeyRing { newest, older: keys.collect() })
    }

    /// The keys as text, one a line, newest first.
    #[must_use]
    pub fn declassify(&self) -> String {
        self.keys().map(|it| it.declassify() + "\n").collect()
    }

    /// The same ring with a new key before the others.
    #[must_use]
    pub fn with_newest(&self, newest: SealingKey) -> KeyRing {
        KeyRing { newest, older: self.keys().cloned().collect() }
    }

    /// The key that seals.
    #[must_use]
    pub fn newest(&self) -> &SealingKey {
        &self.newest
    }

    /// Ids of all keys, newest first.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys().map(SealingKey::id)
    }

    /// The key of this id.
    #[must_use]
    pub fn key(&self, id: &str) -> Option<&SealingKey> {
        self.keys().find(|it| it.id.0 == id)
    }

    fn keys(&self) -> impl Iterator<Item = &SealingKey> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}
