//! Time-stamp tokens (RFC 3161): what is asked of an authority, what it answers, and whether a
//! token shows that somebody whom we trust has seen a hash at a time.
//!
//! What it is not: a client. Bytes come in and go out; the clock and random numbers are parameters.
//!
//! Rules:
//! - Nothing of a token is believed before its signature holds, its certificate may stamp times and
//!   nothing else, and leads to a root that the caller gave.
//! - Only DER, in definite lengths, and only algorithms that are sound today: SHA-2 with RSA
//!   (PKCS #1 v1.5, from 2048 bits) or ECDSA (P-256, P-384). SHA-1 is read in one place only,
//!   where older authorities name their own certificate by it (RFC 5035), beside a signature that
//!   covers it.
//! - Certificates count at the time of the token; whether one was revoked is not asked of anybody.

mod der;
mod error;
mod request;
mod signed;
mod token;
mod trust;

pub use error::{StampError, StampErrorKind};
pub use request::{request, token_of};
pub use token::{Expected, Stamp, imprint_of, verify};
pub use trust::Roots;

/// The most bytes of an answer or a token that are read.
pub const TOKEN_BYTES_MAX: usize = 1 << 20;
