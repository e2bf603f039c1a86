//! What is asked of an authority, and what it answers (RFC 3161 §2.4).

use crate::der::{
    BOOLEAN, INTEGER, NULL, OCTETS, OID, Reader, SEQUENCE, UTF8, number, small, written,
};
use crate::signed::SHA256;
use crate::{StampError, StampErrorKind, TOKEN_BYTES_MAX};

/// A request for a token over this SHA-256, with the certificates of the authority in it. The
/// nonce, a random number, is in the answer too.
#[must_use]
pub fn request(imprint: &[u8; 32], nonce: u64) -> Vec<u8> {
    let algorithm = written(SEQUENCE, &[&written(OID, &[SHA256]), &written(NULL, &[])]);
    let imprint = written(SEQUENCE, &[&algorithm, &written(OCTETS, &[imprint])]);
    let wants_certificates = written(BOOLEAN, &[&[0xff]]);
    written(SEQUENCE, &[&number(1), &imprint, &number(nonce), &wants_certificates])
}

/// The token in an answer; nothing of it is checked yet.
pub fn token_of(answer: &[u8]) -> Result<Vec<u8>, StampError> {
    if TOKEN_BYTES_MAX < answer.len() {
        return Err(StampError::malformed("the answer is longer than the limit"));
    }
    let mut outer = Reader::new(answer);
    let mut reader = outer.inside(SEQUENCE)?;
    outer.end()?;
    let mut status = reader.inside(SEQUENCE)?;
    let granted = small(status.content(INTEGER)?)?;
    if 1 < granted {
        let mut words = Vec::new();
        if let Some(texts) = status.optional(SEQUENCE)? {
            let mut texts = Reader::new(texts.content);
            while !texts.is_empty() {
                let text = texts.content(UTF8)?;
                words.push(String::from_utf8_lossy(text).into_owned());
            }
        }
        let why =
            if words.is_empty() { "it does not say why".to_owned() } else { words.join("; ") };
        let message = format!("the authority gives no token (status {granted}): {why}");
        return Err(StampError::new(StampErrorKind::Refused, message));
    }
    let token = reader.value(SEQUENCE)?;
    reader.end()?;
    Ok(token.whole.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|it| format!("{it:02x}")).collect()
    }

    #[test]
    fn a_request_is_these_bytes() {
        let want = "30430201013031300d060960864801650304020105000420\
                    0707070707070707070707070707070707070707070707070707070707070707\
                    02080102030405060708\
                    0101ff";
        assert_eq!(hex(&request(&[7; 32], 0x0102_0304_0506_0708)), want);
    }

    #[test]
    fn answers_without_a_token() {
        let text = written(SEQUENCE, &[&written(UTF8, &[b"no time today"])]);
        let status = written(SEQUENCE, &[&number(2), &text]);
        let error = token_of(&written(SEQUENCE, &[&status])).unwrap_err();
        assert_eq!(error.kind(), StampErrorKind::Refused);
        assert!(error.to_string().contains("no time today"), "{error}");
        let granted = written(SEQUENCE, &[&number(0)]);
        for bad in [&b""[..], b"<html>", &written(SEQUENCE, &[&granted])] {
            assert_eq!(token_of(bad).unwrap_err().kind(), StampErrorKind::Malformed);
        }
    }
}
