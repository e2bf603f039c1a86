//! Numbers and hashes that name things. A name never changes its meaning.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// A SHA-256 hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Hashes `bytes` with SHA-256 (FIPS 180-4).
    #[must_use]
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }
}

/// Names a blob: the SHA-256 of its bytes as received.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BlobId(pub [u8; 32]);

impl BlobId {
    /// The id of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> BlobId {
        BlobId(Hash::of(bytes).0)
    }
}

/// What was wrong with the text of an id.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a message id is 64 hexadecimal digits, not {0:?}")]
pub struct ParseIdError(pub String);

impl FromStr for BlobId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<BlobId, ParseIdError> {
        let wrong = || ParseIdError(text.chars().take(80).collect());
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(wrong());
        }
        let mut id = [0; 32];
        for (byte, pair) in id.iter_mut().zip(digits.chunks(2)) {
            let mut value = 0;
            for digit in pair {
                let digit = char::from(*digit).to_digit(16).ok_or_else(wrong)?;
                value = value * 16 + u8::try_from(digit).map_err(|_| wrong())?;
            }
            *byte = value;
        }
        Ok(BlobId(id))
    }
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

macro_rules! hex_display {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }
    )*};
}

/// Names a legal hold in every store that it is written to: random bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HoldId(pub [u8; 16]);

/// Tells a store from all others: random bytes, as its description has them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StoreId(pub [u8; 16]);

impl FromStr for StoreId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<StoreId, ParseIdError> {
        text.parse().map(|HoldId(bytes)| StoreId(bytes))
    }
}

impl FromStr for HoldId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<HoldId, ParseIdError> {
        let wrong = || ParseIdError(text.chars().take(80).collect());
        // Sixteen of the 32 bytes that a message id has.
        let padded: BlobId = format!("{text}{}", "0".repeat(32)).parse().map_err(|_| wrong())?;
        let bytes = padded.0.first_chunk::<16>().filter(|_| text.len() == 32);
        bytes.map(|it| HoldId(*it)).ok_or_else(wrong)
    }
}

hex_display!(Hash, BlobId, HoldId, StoreId);

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

number! {
    /// The place of an entry in the log of its store, counted from 0; also its Merkle leaf index.
    EntryNumber,
    /// Names a message inside a store: the number of the entry that placed it first.
    MessageKey,
    /// Names a placement inside a store: the number of the `Placed` entry that made it.
    PlacementId,
    /// Names a folder inside a store: the number of the entry that declared it.
    FolderId,
    /// Names one mailbox of one account in one UIDVALIDITY epoch: the number of its
    /// `SourceOpened` entry.
    SourceId,
    /// Names an archive (all folders of one user). It outlives renames of the user.
    ArchiveId,
}

impl ArchiveId {
    /// No archive: the sources of a shared mailbox, whose messages are sorted into archives of
    /// several users, are kept under it.
    pub const SHARED: ArchiveId = ArchiveId(0);
}

impl FolderId {
    /// No folder: that of the sources of a shared mailbox. No log has so many entries.
    pub const SHARED: FolderId = FolderId(u64::MAX);
}

/// How far a log was read or written: the number of entries, and the Merkle root over them.
///
/// Two logs of equal size with another root have another history.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Position {
    /// Number of entries.
    pub entries: u64,
    /// Merkle tree hash over these entries (RFC 9162 §2.1.1).
    pub root: Hash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_as_hex() {
        let id = BlobId::of(b"");
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_uppercase().parse(), Ok(id));
        for wrong in ["", "e3", &format!("{}g", text.get(1..).unwrap()), &format!("{text}0")] {
            assert!(wrong.parse::<BlobId>().is_err(), "{wrong}");
        }
        let hold = HoldId([7; 16]);
        assert_eq!(hold.to_string().parse(), Ok(hold));
        assert!("07".parse::<HoldId>().is_err() && text.parse::<HoldId>().is_err());
    }
}
