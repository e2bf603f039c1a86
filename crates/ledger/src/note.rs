//! Signed notes (C2SP signed-note): a text, and below it who signed it with which key.
//!
//! What it is not: a place where keys are kept. Rules: only Ed25519 (RFC 8032, signature type 1);
//! a signature of an unknown key is passed over, a wrong one of a known key refuses the note.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use thiserror::Error;
use types::Secret;

/// The longest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 64 << 10;

/// The most signatures of one note.
pub const SIGNATURES_MAX: usize = 64;

/// What stands before each signature: an em dash and a space.
const SIGNATURE_START: &str = "— ";

/// What a private key as text begins with.
const PRIVATE_START: &str = "PRIVATE+KEY+";

/// The number of the signature type.
const TYPE_ED25519: u8 = 1;

/// Bytes of a public key, and of the seed of a private one.
const KEY_BYTES: usize = 32;

/// A note, or a key of notes, that is none or does not hold.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{message}")]
pub struct NoteError {
    kind: NoteErrorKind,
    message: String,
}

/// What the reader of a note can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NoteErrorKind {
    /// It is no note, or no key: ask whoever wrote it.
    Malformed,
    /// None of the known keys signed it: get the right key.
    UnknownKey,
    /// A known key is named, and did not sign this text: do not believe it.
    WrongSignature,
}

impl NoteError {
    pub(crate) fn new(kind: NoteErrorKind, message: impl Into<String>) -> NoteError {
        NoteError { kind, message: message.into() }
    }

    pub(crate) fn malformed(message: impl Into<String>) -> NoteError {
        NoteError::new(NoteErrorKind::Malformed, message)
    }

    /// What the reader can do.
    #[must_use]
    pub fn kind(&self) -> NoteErrorKind {
        self.kind
    }
}

/// A key that signatures are checked with. As text it is a *verifier key*:
/// `name+id+base64(type and key)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verifier {
    name: String,
    id: u32,
    key: [u8; KEY_BYTES],
}

impl Verifier {
    /// The key of this name. Fails when the name cannot stand in a note.
    pub fn new(name: &str, key: [u8; KEY_BYTES]) -> Result<Verifier, NoteError> {
        check_name(name)?;
        Ok(Verifier { name: name.to_owned(), id: key_id(name, &key), key })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number: four bytes of a hash over name and key.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The public key as RFC 8032 has it.
    #[must_use]
    pub fn key(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }

    fn holds(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.key).verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, self.id, typed(&self.key))
    }
}

impl FromStr for Verifier {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Verifier, NoteError> {
        let wrong = || NoteError::malformed("this is no verifier key (name+id+key)");
        let (name, id, key) = parse_key(text.trim()).ok_or_else(wrong)?;
        let verifier = Verifier::new(name, key)?;
        if verifier.id == id { Ok(verifier) } else { Err(wrong()) }
    }
}

/// A key that notes are signed with. It prints as its name alone.
pub struct Signer {
    verifier: Verifier,
    pair: Ed25519KeyPair,
    seed: [u8; KEY_BYTES],
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}+{:08x})", self.verifier.name, self.verifier.id)
    }
}

impl Signer {
    /// The key of this name that `seed`, 32 random bytes, makes.
    pub fn new(name: &str, seed: [u8; KEY_BYTES]) -> Result<Signer, NoteError> {
        let odd = |_| NoteError::malformed("this is no private key");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(odd)?;
        let key = <[u8; KEY_BYTES]>::try_from(pair.public_key().as_ref());
        let key = key.map_err(|_| NoteError::malformed("this is no private key"))?;
        Ok(Signer { verifier: Verifier::new(name, key)?, pair, seed })
    }

    /// Reads what [`declassify`](Self::declassify) gave. Errors repeat nothing of it.
    pub fn parse(text: &Secret) -> Result<Signer, NoteError> {
        let wrong = || NoteError::malformed("this is no private key of notes");
        let text = text.declassify().trim().strip_prefix(PRIVATE_START).ok_or_else(wrong)?;
        let (name, id, seed) = parse_key(text).ok_or_else(wrong)?;
        let signer = Signer::new(name, seed)?;
        if signer.verifier.id == id { Ok(signer) } else { Err(wrong()) }
    }

    /// The private key as text, as other tools for notes write it.
    #[must_use]
    pub fn declassify(&self) -> Secret {
        let Verifier { name, id, .. } = &self.verifier;
        Secret::new(format!("{PRIVATE_START}{name}+{id:08x}+{}", typed(&self.seed)))
    }

    /// What its signatures are checked with.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The note of this text, which ends with a line feed.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        debug_assert!(check_text(text).is_ok(), "texts that are signed are our own");
        let signature = self.pair.sign(text.as_bytes());
        let bytes = [&self.verifier.id.to_be_bytes(), signature.as_ref()].concat();
        let signature = STANDARD.encode(bytes);
        format!("{text}\n{SIGNATURE_START}{} {signature}\n", self.verifier.name)
    }
}

/// A note whose signature holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened<'a> {
    /// What was signed, with its last line feed.
    pub text: &'a str,
    /// Which of the known keys signed it: the first in the order of the signatures.
    pub by: usize,
}

/// Checks a note against the keys that the reader knows.
pub fn open<'a>(note: &'a str, known: &[Verifier]) -> Result<Opened<'a>, NoteError> {
    let (text, signatures) = split(note)?;
    let mut by = None;
    for (name, id, signature) in signatures {
        let key = known.iter().position(|it| it.name == name && it.id == id);
        let Some((index, key)) = key.and_then(|it| Some((it, known.get(it)?))) else { continue };
        if !key.holds(text, &signature) {
            let message = format!("the signature of {name} does not hold");
            return Err(NoteError::new(NoteErrorKind::WrongSignature, message));
        }
        by = by.or(Some(index));
    }
    let unknown = || NoteError::new(NoteErrorKind::UnknownKey, "no known key signed it");
    by.map(|by| Opened { text, by }).ok_or_else(unknown)
}

/// The text of a note and its signatures, none of them checked.
type Split<'a> = (&'a str, Vec<(&'a str, u32, Vec<u8>)>);

fn split(note: &str) -> Result<Split<'_>, NoteError> {
    if NOTE_BYTES_MAX < note.len() {
        return Err(NoteError::malformed("a note is longer than the limit"));
    }
    let end = note.rfind("\n\n").ok_or_else(|| NoteError::malformed("a note has no signature"))?;
    let (text, below) = note.split_at_checked(end + 1).unwrap_or_default();
    check_text(text)?;
    let wrong = || NoteError::malformed("a line below a note is no signature");
    let below = below.strip_prefix('\n').and_then(|it| it.strip_suffix('\n')).ok_or_else(wrong)?;
    let lines: Vec<&str> = below.split('\n').collect();
    if SIGNATURES_MAX < lines.len() {
        return Err(NoteError::malformed("a note has more signatures than the limit"));
    }
    let signatures: Option<Vec<_>> = lines.into_iter().map(signature).collect();
    Ok((text, signatures.ok_or_else(wrong)?))
}

fn signature(line: &str) -> Option<(&str, u32, Vec<u8>)> {
    let (name, base64) = line.strip_prefix(SIGNATURE_START)?.split_once(' ')?;
    check_name(name).ok()?;
    let bytes = STANDARD.decode(base64).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    Some((name, u32::from_be_bytes(*id), signature.to_vec()))
}

fn check_text(text: &str) -> Result<(), NoteError> {
    let has_control = text.bytes().any(|it| it < b' ' && it != b'\n');
    if text.ends_with('\n') && !has_control {
        return Ok(());
    }
    Err(NoteError::malformed("a note is lines without control characters"))
}

fn check_name(name: &str) -> Result<(), NoteError> {
    if name.is_empty() || name.contains(|it: char| it.is_whitespace() || it == '+' || it < ' ') {
        return Err(NoteError::malformed("the name of a key has no space and no plus sign"));
    }
    Ok(())
}

fn key_id(name: &str, key: &[u8; KEY_BYTES]) -> u32 {
    let hasher = Sha256::new().chain_update(name).chain_update([b'\n', TYPE_ED25519]);
    let hash: [u8; 32] = hasher.chain_update(key).finalize().into();
    hash.first_chunk().map_or(0, |it| u32::from_be_bytes(*it))
}

fn typed(key: &[u8; KEY_BYTES]) -> String {
    STANDARD.encode([&[TYPE_ED25519], key.as_slice()].concat())
}

/// Name, number and key of `name+id+base64`. Base64 may have plus signs, names have none.
fn parse_key(text: &str) -> Option<(&str, u32, [u8; KEY_BYTES])> {
    let mut parts = text.splitn(3, '+');
    let (name, id, base64) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = id.len() == 8 && id.bytes().all(|it| it.is_ascii_hexdigit());
    let id = u32::from_str_radix(id, 16).ok().filter(|_| is_hex)?;
    let bytes = STANDARD.decode(base64).ok()?;
    let (kind, key) = bytes.split_first()?;
    let key = key.try_into().ok().filter(|_| *kind == TYPE_ED25519)?;
    Some((name, id, key))
}

#[cfg(test)]
mod tests;
