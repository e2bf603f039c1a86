//! The SHA-256 of a certificate: what a person compares and pins.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// SHA-256 of a certificate in DER form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// The text is not a fingerprint.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a fingerprint is SHA256: and 64 hexadecimal digits, with or without colons")]
pub struct ParseFingerprintError;

impl Fingerprint {
    /// The fingerprint of a certificate in DER form.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Fingerprint {
        Fingerprint(Sha256::digest(certificate).into())
    }
}

/// `SHA256:` and 64 lower-case digits: what `--fingerprint` takes.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SHA256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Takes what [`Display`](fmt::Display) gives, and what `openssl x509 -fingerprint` prints.
impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    fn from_str(text: &str) -> Result<Fingerprint, ParseFingerprintError> {
        let text = text.trim();
        let digits = match text.split_at_checked(7) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("sha256:") => rest,
            _ => text,
        };
        let digits: Option<Vec<u8>> = digits
            .chars()
            .filter(|it| *it != ':')
            .map(|it| it.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let digits = digits.filter(|it| it.len() == 64).ok_or(ParseFingerprintError)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |value, digit| value << 4 | digit);
        }
        Ok(Fingerprint(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_given_back() {
        let it = Fingerprint::of(b"certificate");
        assert_eq!(it.to_string().parse(), Ok(it));
        let colons: Vec<String> = it.0.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(colons.join(":").parse(), Ok(it));
        assert_eq!(format!("sha256:{}", colons.join(":")).parse(), Ok(it));
    }

    #[test]
    fn anything_else_is_refused() {
        let short = "a".repeat(63);
        let long = "a".repeat(65);
        for bad in ["", "SHA256:", "SHA1:abcd", &short, &long, "zz"] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(ParseFingerprintError), "{bad}");
        }
    }
}
