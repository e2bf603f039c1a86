//! AES-256-GCM over bytes in place.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Tag, UnboundKey};

use crate::KEY_BYTES;

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = NONCE_LEN;

/// Bytes of a tag.
pub const TAG_BYTES: usize = 16;

/// What makes one use of a key different from all others: random, and stored beside what it
/// sealed.
pub type Nonce = [u8; NONCE_BYTES];

/// A key, ready to be used.
pub struct Cipher(Option<LessSafeKey>);

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher")
    }
}

impl Cipher {
    /// The cipher with this key.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Cipher {
        // Fails for keys of another length only.
        Cipher(UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new))
    }

    /// Seals `bytes` in place and returns their tag. `nonce` must never have been used with this
    /// key. `None` when there is more than one call can seal (64 GiB).
    #[must_use]
    pub fn seal(&self, nonce: Nonce, bound_to: &[u8], bytes: &mut [u8]) -> Option<[u8; TAG_BYTES]> {
        let nonce = ring::aead::Nonce::assume_unique_for_key(nonce);
        let sealed = self.0.as_ref()?.seal_in_place_separate_tag(nonce, Aad::from(bound_to), bytes);
        let tag: Tag = sealed.ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Opens in place what [`seal`](Self::seal) gave, ciphertext and tag behind it, and returns
    /// the plain bytes at its beginning. `None` when it is not that: then `sealed` holds rubbish.
    pub fn open<'a>(
        &self,
        nonce: Nonce,
        bound_to: &[u8],
        sealed: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let nonce = ring::aead::Nonce::assume_unique_for_key(nonce);
        self.0.as_ref()?.open_in_place(nonce, Aad::from(bound_to), sealed).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        digits.map(|it| u8::from_str_radix(std::str::from_utf8(it).unwrap(), 16).unwrap()).collect()
    }

    /// Test case 16 of the GCM specification (McGrew and Viega).
    #[test]
    fn it_is_the_gcm_of_the_specification() {
        let key = from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let plain = from_hex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449\
             a6b525b16aedf5aa0de657ba637b39",
        );
        let bound_to = from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let nonce: Nonce = from_hex("cafebabefacedbaddecaf888").try_into().unwrap();
        let cipher = Cipher::new(&key.try_into().unwrap());
        let mut bytes = plain.clone();
        let tag = cipher.seal(nonce, &bound_to, &mut bytes).unwrap();
        assert_eq!(
            bytes,
            from_hex(
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b\
                 1056828838c5f61e6393ba7a0abcc9f662",
            )
        );
        assert_eq!(tag.to_vec(), from_hex("76fc6ece0f4e1768cddf8853bb2d551b"));
        bytes.extend(tag);
        let sealed = bytes.clone();
        assert_eq!(cipher.open(nonce, &bound_to, &mut bytes).unwrap(), plain);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(cipher.open(nonce, &bound_to, &mut changed).is_none(), "byte {at}");
        }
        assert!(cipher.open(nonce, b"elsewhere", &mut sealed.clone()).is_none());
    }
}
