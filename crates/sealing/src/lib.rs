//! Keys: as text, in a ring of several, as shares on paper, and what they seal.
//!
//! What it is not: the place where keys are kept. They come in as text and go out as text, and
//! random bytes come in as a parameter.
//!
//! Rules:
//! - AES-256-GCM and nothing else (NIST SP 800-38D). Every sealed value is bound to its place, so
//!   that it does not open anywhere else.
//! - A nonce is never used twice with a key: whoever seals brings random ones.
//! - A key prints as nothing but its id.

mod cipher;
mod key;
mod ring;
mod shamir;
mod share;
mod share_text;
mod wrapped;

pub use cipher::{Cipher, NONCE_BYTES, Nonce, TAG_BYTES};
pub use key::{KEY_BYTES, KeyError, KeyId, SealingKey};
pub use ring::KeyRing;
pub use share::{SHARES_MAX, Share, ShareError, join, split};
pub use share_text::parse_shares;
pub use wrapped::{UnwrapError, WrappedKey};
