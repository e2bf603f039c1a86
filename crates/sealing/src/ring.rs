//! Several keys: the newest, and those that are on their way out.

use crate::{KeyError, KeyId, SealingKey};

/// The most keys in one ring: the newest, and one that is on its way out, with room for a
/// rotation that was interrupted several times.
const KEYS_MAX: usize = 8;

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
        self.keys().find(|it| it.id().0 == id)
    }

    fn keys(&self) -> impl Iterator<Item = &SealingKey> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}
