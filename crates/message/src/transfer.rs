//! Content transfer encodings (RFC 2045 §6), decoded as far as anything is left to decode.
//!
//! Rules: one pass, no failure: what does not belong is passed over or taken as it is, and said.

use memchr::memchr;

/// How the bytes of a part are encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Encoding {
    /// 7bit, 8bit, binary, or nothing said.
    #[default]
    Identity,
    /// RFC 2045 §6.8
    Base64,
    /// RFC 2045 §6.7
    QuotedPrintable,
    /// Something else.
    Unknown,
}

impl Encoding {
    /// The encoding that a `Content-Transfer-Encoding` field names.
    pub(crate) fn from_field(value: &[u8]) -> Encoding {
        const NAMES: [(&[u8], Encoding); 6] = [
            (b"7bit", Encoding::Identity),
            (b"8bit", Encoding::Identity),
            (b"binary", Encoding::Identity),
            (b"base64", Encoding::Base64),
            (b"quoted-printable", Encoding::QuotedPrintable),
            (b"", Encoding::Identity),
        ];
        let end = value.iter().position(|it| matches!(it, b';' | b'(')).unwrap_or(value.len());
        let word = value.get(..end).unwrap_or_default().trim_ascii();
        let word = word.trim_ascii().strip_prefix(b"\"").unwrap_or(word);
        let word = word.strip_suffix(b"\"").unwrap_or(word);
        let known = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        known.map_or(Encoding::Unknown, |(_, encoding)| *encoding)
    }

    /// About how many bytes `encoded` decodes to, without decoding it. Exact for what is
    /// well-formed.
    pub(crate) fn decoded_len(self, encoded: &[u8]) -> u64 {
        let len = match self {
            Encoding::Identity | Encoding::Unknown => encoded.len(),
            Encoding::Base64 => base64_len(encoded),
            Encoding::QuotedPrintable => quoted_printable_len(encoded),
        };
        u64::try_from(len).unwrap_or(u64::MAX)
    }
}

/// Not in the alphabet.
const NONE: u8 = 0xff;

/// RFC 4648 §4
static ALPHABET: [u8; 256] = alphabet();

const fn alphabet() -> [u8; 256] {
    let mut table = [NONE; 256];
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0_u8;
    while value < 64 {
        #[expect(clippy::indexing_slicing, reason = "both indices are below their lengths")]
        {
            table[digits[value as usize] as usize] = value;
        }
        value += 1;
    }
    table
}

fn digit(byte: u8) -> u8 {
    ALPHABET.get(usize::from(byte)).copied().unwrap_or(NONE)
}

/// Decodes base64; says whether something in it was not base64.
pub(crate) fn base64(encoded: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(encoded.len() / 4 * 3 + 3);
    let mut broken = false;
    let mut bits = 0_u32;
    let mut count = 0_u8;
    let mut rest = encoded;
    loop {
        if count == 0 {
            rest = decode_groups(rest, &mut out);
        }
        let Some((&byte, tail)) = rest.split_first() else { break };
        rest = tail;
        let value = digit(byte);
        if value != NONE {
            bits = bits << 6 | u32::from(value);
            count += 1;
            if count == 4 {
                push_bits(&mut out, bits, 3);
                (bits, count) = (0, 0);
            }
        } else if byte == b'=' {
            push_rest(&mut out, bits, count);
            (bits, count) = (0, 0);
        } else {
            broken |= !byte.is_ascii_whitespace();
        }
    }
    push_rest(&mut out, bits, count);
    (out, broken)
}

/// Decodes whole groups of four as long as nothing else stands between them.
fn decode_groups<'x>(mut rest: &'x [u8], out: &mut Vec<u8>) -> &'x [u8] {
    while let [a, b, c, d, tail @ ..] = rest {
        let (a, b, c, d) = (digit(*a), digit(*b), digit(*c), digit(*d));
        if (a | b | c | d) & 0xc0 != 0 {
            break;
        }
        let bits = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
        push_bits(out, bits, 3);
        rest = tail;
    }
    rest
}

/// Appends the first `n` of the three bytes that 24 bits are.
fn push_bits(out: &mut Vec<u8>, bits: u32, n: usize) {
    let [_, bytes @ ..] = bits.to_be_bytes();
    out.extend_from_slice(bytes.get(..n).unwrap_or_default());
}

/// Appends what `count` digits of a group that ends early are worth.
fn push_rest(out: &mut Vec<u8>, bits: u32, count: u8) {
    match count {
        2 => push_bits(out, bits << 12, 1),
        3 => push_bits(out, bits << 6, 2),
        _ => {}
    }
}

/// The length of what base64 decodes to.
fn base64_len(encoded: &[u8]) -> usize {
    // Counted in runs that fit a byte, which compilers turn into vector code.
    let count = |run: &[u8]| {
        let digits: u8 = run.iter().map(|it| u8::from(*it > b' ' && *it != b'=')).sum();
        usize::from(digits)
    };
    let digits: usize = encoded.chunks(255).map(count).sum();
    digits / 4 * 3 + (digits % 4).saturating_sub(1)
}

/// Decodes quoted-printable; says whether an `=` in it began nothing.
pub(crate) fn quoted_printable(encoded: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(encoded.len());
    let mut broken = false;
    let mut rest = encoded;
    while let Some(at) = memchr(b'=', rest) {
        let (plain, escape) = rest.split_at_checked(at).unwrap_or((rest, b""));
        out.extend_from_slice(plain);
        match read_escape(escape) {
            Escape::Byte(byte) => {
                out.push(byte);
                rest = escape.get(3..).unwrap_or_default();
            }
            Escape::SoftBreak(len) => rest = escape.get(len..).unwrap_or_default(),
            Escape::Nothing => {
                broken = true;
                out.push(b'=');
                rest = escape.get(1..).unwrap_or_default();
            }
        }
    }
    out.extend_from_slice(rest);
    (out, broken)
}

/// What an `=` begins.
enum Escape {
    Byte(u8),
    /// A soft line break of so many bytes.
    SoftBreak(usize),
    Nothing,
}

fn read_escape(escape: &[u8]) -> Escape {
    match escape {
        [_, b'\r', b'\n', ..] => Escape::SoftBreak(3),
        [_, b'\n', ..] => Escape::SoftBreak(2),
        [_] => Escape::SoftBreak(1),
        [_, high, low, ..] => match hex(*high, *low) {
            Some(byte) => Escape::Byte(byte),
            // RFC 2045 §6.7 (3): transport may have padded the line.
            None if matches!(high, b' ' | b'\t') => padded_break(escape),
            None => Escape::Nothing,
        },
        _ => Escape::Nothing,
    }
}

/// A soft line break with at most a few spaces before the line end.
fn padded_break(escape: &[u8]) -> Escape {
    let spaces = escape.iter().skip(1).take(80).take_while(|it| matches!(it, b' ' | b'\t')).count();
    match escape.get(1 + spaces..) {
        Some([b'\r', b'\n', ..]) => Escape::SoftBreak(spaces + 3),
        Some([b'\n', ..]) => Escape::SoftBreak(spaces + 2),
        _ => Escape::Nothing,
    }
}

/// The byte that two hexadecimal digits are.
pub(crate) fn hex(high: u8, low: u8) -> Option<u8> {
    let high = char::from(high).to_digit(16)?;
    let low = char::from(low).to_digit(16)?;
    u8::try_from(high << 4 | low).ok()
}

/// The length of what quoted-printable decodes to.
fn quoted_printable_len(encoded: &[u8]) -> usize {
    let mut len = 0;
    let mut rest = encoded;
    while let Some(at) = memchr(b'=', rest) {
        let escape = rest.get(at..).unwrap_or_default();
        let (worth, taken) = match read_escape(escape) {
            Escape::Byte(_) => (1, 3),
            Escape::SoftBreak(taken) => (0, taken),
            Escape::Nothing => (1, 1),
        };
        len += at + worth;
        rest = escape.get(taken..).unwrap_or_default();
    }
    len + rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_in_good_and_bad_shape() {
        let cases: [(&[u8], &[u8], bool); 11] = [
            (b"", b"", false),
            (b"aGVsbG8=", b"hello", false),
            (b"aGVs\r\nbG8=\r\n", b"hello", false),
            (b"aGVsbG8", b"hello", false),
            (b"aGVsbA==aGVsbA==", b"hellhell", false),
            (b"a GVsbG8=", b"hello", false),
            (b"aGV-sbG8=", b"hello", true),
            (b"aGVsbG8=\n--footer", b"hello\x7e\x8a\x2d\x7a", true),
            (b"a", b"", false),
            (b"====", b"", false),
            (b"/+8A", b"\xff\xef\x00", false),
        ];
        for (encoded, want, broken) in cases {
            let text = encoded.escape_ascii().to_string();
            let (got, was_broken) = base64(encoded);
            assert_eq!(
                (got.escape_ascii().to_string(), was_broken),
                (want.escape_ascii().to_string(), broken),
                "{text}"
            );
            if !broken
                && !encoded.contains(&b' ')
                && encoded.iter().filter(|it| **it == b'=').count() <= 2
            {
                assert_eq!(base64_len(encoded), want.len(), "length of {text}");
            }
        }
        let long = "QUJD".repeat(1000);
        assert_eq!(base64_len(long.as_bytes()), 3000);
    }

    #[test]
    fn quoted_printable_in_good_and_bad_shape() {
        let cases: [(&[u8], &[u8], bool); 10] = [
            (b"", b"", false),
            (b"plain", b"plain", false),
            (b"na=C3=AFve", b"na\xc3\xafve", false),
            (b"na=c3=afve", b"na\xc3\xafve", false),
            (b"soft=\r\n break=\nend=", b"soft breakend", false),
            (b"padded=  \r\nbreak", b"paddedbreak", false),
            (b"a=b", b"a=b", true),
            (b"a=ZZ", b"a=ZZ", true),
            (b"a= b", b"a= b", true),
            (b"=3D=", b"=", false),
        ];
        for (encoded, want, broken) in cases {
            let text = encoded.escape_ascii().to_string();
            let (got, was_broken) = quoted_printable(encoded);
            assert_eq!(got.escape_ascii().to_string(), want.escape_ascii().to_string(), "{text}");
            assert_eq!(was_broken, broken, "{text}");
            assert_eq!(quoted_printable_len(encoded), want.len(), "length of {text}");
        }
    }

    #[test]
    fn encodings_by_name() {
        let cases: [(&[u8], Encoding); 7] = [
            (b" 7bit\r\n", Encoding::Identity),
            (b"BASE64", Encoding::Base64),
            (b" Quoted-Printable (odd)", Encoding::QuotedPrintable),
            (b"\"base64\"", Encoding::Base64),
            (b"8bit; charset=x", Encoding::Identity),
            (b"", Encoding::Identity),
            (b"x-uuencode", Encoding::Unknown),
        ];
        for (value, want) in cases {
            assert_eq!(Encoding::from_field(value), want, "{}", value.escape_ascii());
        }
    }
}
