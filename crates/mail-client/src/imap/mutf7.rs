//! Modified UTF-7: how mailbox names are spelled in IMAP4rev1 (RFC 3501 §5.1.3).

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        // Some servers leave bits behind the last character that should be zero.
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes a name, or a part of one between separators. `None` when it is not modified UTF-7:
/// bytes above 127, an `&` that begins nothing, or base64 that is not UTF-16.
#[must_use]
pub fn decode_mutf7(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok().filter(|it| it.is_ascii())?;
    let mut decoded = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((plain, shifted)) = rest.split_once('&') {
        decoded.push_str(plain);
        let (encoded, after) = shifted.split_once('-')?;
        if encoded.is_empty() {
            decoded.push('&');
        } else {
            decoded.push_str(&decode_run(encoded)?);
        }
        rest = after;
    }
    decoded.push_str(rest);
    Some(decoded)
}

fn decode_run(encoded: &str) -> Option<String> {
    let bytes = BASE64.decode(encoded).ok()?;
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() || pairs.is_empty() {
        return None;
    }
    let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
    char::decode_utf16(units).collect::<Result<String, _>>().ok()
}

/// Encodes a name. The canonical form: only what must be encoded is.
#[must_use]
pub fn encode_mutf7(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    let mut run: Vec<u8> = Vec::new();
    for character in name.chars() {
        if !matches!(character, ' '..='~') {
            let mut units = [0; 2];
            run.extend(character.encode_utf16(&mut units).iter().flat_map(|it| it.to_be_bytes()));
            continue;
        }
        end_run(&mut encoded, &mut run);
        encoded.push(character);
        if character == '&' {
            encoded.push('-');
        }
    }
    end_run(&mut encoded, &mut run);
    encoded
}

fn end_run(encoded: &mut String, run: &mut Vec<u8>) {
    if !run.is_empty() {
        encoded.push('&');
        encoded.push_str(&BASE64.encode(std::mem::take(run)));
        encoded.push('-');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_there_and_back() {
        let cases = [
            ("INBOX", "INBOX"),
            ("Entwürfe", "Entw&APw-rfe"),
            // RFC 3501 §5.1.3.
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("A & B", "A &- B"),
            ("&", "&-"),
            ("😀", "&2D3eAA-"),
            ("Sent\u{fc}\u{fc}&\u{fc}", "Sent&APwA,A-&-&APw-"),
            ("tab\there", "tab&AAk-here"),
            ("", ""),
        ];
        for (name, encoded) in cases {
            assert_eq!(encode_mutf7(name), encoded);
            assert_eq!(decode_mutf7(encoded.as_bytes()).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_cannot_be_decoded() {
        for bad in [
            &b"A & B"[..],
            b"&",
            b"&APw",
            b"Entw\xfcrfe",
            b"Entw\xc3\xbcrfe",
            b"&!!!-",
            b"&APwA-",
            b"&2D0-",
            b"&3gA-",
            b"&A-",
        ] {
            assert_eq!(decode_mutf7(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn encodings_that_are_not_canonical_are_read() {
        for (encoded, name) in [("&AGE-b", "ab"), ("&APw-&APw-", "üü"), ("&APx-", "ü")] {
            assert_eq!(decode_mutf7(encoded.as_bytes()).as_deref(), Some(name));
        }
    }

    #[test]
    fn every_character_round_trips() {
        let step = 37;
        for code in (1..0x11_0000).step_by(step) {
            let Some(character) = char::from_u32(code) else { continue };
            let name = format!("a{character}&b{character}");
            assert_eq!(decode_mutf7(encode_mutf7(&name).as_bytes()), Some(name));
        }
    }
}
