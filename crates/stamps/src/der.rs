//! DER (ITU-T X.690), as much of it as tokens and certificates need.
//!
//! Rules: tags of one byte, definite lengths in their shortest form, and nothing behind the end. A
//! value is never copied; what is nested is read by whoever knows what it is, so that no depth is
//! followed blindly.

use types::{Civil, Timestamp};

use crate::StampError;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTF8: u8 = 0x0c;
pub(crate) const TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// The first context-specific tag of a primitive value, and of a constructed one.
pub(crate) const CONTEXT_0: u8 = 0x80;
pub(crate) const CONTAINER_0: u8 = 0xa0;
pub(crate) const CONTAINER_1: u8 = 0xa1;
pub(crate) const CONTAINER_3: u8 = 0xa3;

/// The tags that have more than one byte end with these bits.
const LONG_TAG: u8 = 0x1f;

/// A value with its tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Value<'a> {
    pub(crate) tag: u8,
    /// What stands in it.
    pub(crate) content: &'a [u8],
    /// Tag and length too.
    pub(crate) whole: &'a [u8],
}

/// Reads one value after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next value, whatever it is.
    pub(crate) fn any(&mut self) -> Result<Value<'a>, StampError> {
        let (value, rest) = split(self.bytes).ok_or_else(cut)?;
        self.bytes = rest;
        Ok(value)
    }

    /// The next value, which has to be of this kind.
    pub(crate) fn value(&mut self, tag: u8) -> Result<Value<'a>, StampError> {
        let value = self.any()?;
        if value.tag == tag { Ok(value) } else { Err(other()) }
    }

    /// What stands in the next value, which has to be of this kind.
    pub(crate) fn content(&mut self, tag: u8) -> Result<&'a [u8], StampError> {
        self.value(tag).map(|it| it.content)
    }

    /// What stands in the next value, to be read.
    pub(crate) fn inside(&mut self, tag: u8) -> Result<Reader<'a>, StampError> {
        self.content(tag).map(Reader::new)
    }

    /// The next value, if it is of this kind.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>, StampError> {
        match self.bytes.first() {
            Some(it) if *it == tag => self.any().map(Some),
            _ => Ok(None),
        }
    }

    /// That nothing is left.
    pub(crate) fn end(&self) -> Result<(), StampError> {
        if self.is_empty() { Ok(()) } else { Err(StampError::malformed("something is too long")) }
    }
}

fn cut() -> StampError {
    StampError::malformed("a value is cut short, or not in DER")
}

fn other() -> StampError {
    StampError::malformed("a value is of another kind")
}

fn split(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    if tag & LONG_TAG == LONG_TAG {
        return None;
    }
    let (first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        // At most four bytes of length; 0x80 alone is of BER.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let len = digits.iter().fold(0_usize, |len, it| len << 8 | usize::from(*it));
            let is_shortest = digits.first() != Some(&0) && 0x7f < len;
            (Some(len).filter(|_| is_shortest)?, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    let whole = bytes.get(..bytes.len() - rest.len())?;
    Some((Value { tag: *tag, content, whole }, rest))
}

/// A whole number that is not below zero, without zeros in front.
pub(crate) fn unsigned(content: &[u8]) -> Result<&[u8], StampError> {
    match content {
        [] => Err(cut()),
        [0] => Ok(&[]),
        [0, second, ..] if *second < 0x80 => Err(cut()),
        [0, rest @ ..] => Ok(rest),
        [first, ..] if 0x80 <= *first => Err(other()),
        all => Ok(all),
    }
}

/// The same, of a number that fits.
pub(crate) fn small(content: &[u8]) -> Result<u64, StampError> {
    let digits = unsigned(content)?;
    match digits.len() {
        0..=8 => Ok(digits.iter().fold(0, |n, it| n << 8 | u64::from(*it))),
        _ => Err(StampError::malformed("a number is too large")),
    }
}

/// `GeneralizedTime` as DER has it: `YYYYMMDDhhmmss[.s...]Z`. Fractions are cut off.
pub(crate) fn time(content: &[u8]) -> Result<Timestamp, StampError> {
    let wrong = || StampError::malformed("a time cannot be read");
    let text = std::str::from_utf8(content).map_err(|_| wrong())?;
    let text = text.strip_suffix('Z').ok_or_else(wrong)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    if whole.len() != 14 || !is_digits(whole) || !is_digits(fraction) {
        return Err(wrong());
    }
    let part = |from: usize, to: usize| -> Result<u8, StampError> {
        whole.get(from..to).and_then(|it| it.parse().ok()).ok_or_else(wrong)
    };
    let year = whole.get(..4).and_then(|it| it.parse().ok()).ok_or_else(wrong)?;
    let (month, day) = (part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let is_possible = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let civil = Civil { year, month, day, hour, minute, second };
    if is_possible { Ok(Timestamp::from_civil(civil)) } else { Err(wrong()) }
}

/// A value, written.
pub(crate) fn written(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|it| it.len()).sum();
    let digits = len.to_be_bytes();
    let digits: Vec<u8> = digits.into_iter().skip_while(|it| *it == 0).collect();
    let mut out = vec![tag];
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => out.push(short),
        // Never more than eight.
        _ => {
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
            out.extend(digits);
        }
    }
    parts.iter().for_each(|it| out.extend_from_slice(it));
    out
}

/// A whole number, written.
pub(crate) fn number(n: u64) -> Vec<u8> {
    let mut digits: Vec<u8> = n.to_be_bytes().into_iter().skip_while(|it| *it == 0).collect();
    if digits.first().is_none_or(|it| 0x80 <= *it) {
        digits.insert(0, 0);
    }
    written(INTEGER, &[&digits])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_der_is_read() {
        let good: [&[u8]; 3] = [&[2, 1, 5], &[4, 0], &[0x30, 3, 2, 1, 5]];
        for bytes in good {
            let mut reader = Reader::new(bytes);
            assert_eq!(reader.any().unwrap().whole, bytes);
            reader.end().unwrap();
        }
        let long = [&[4, 0x81, 0x80][..], &[7; 0x80]].concat();
        assert_eq!(Reader::new(&long).content(OCTETS).unwrap().len(), 0x80);
        assert_eq!(written(OCTETS, &[&[7; 0x80]]), long);
        let bad: [&[u8]; 9] = [
            &[],
            &[2],
            &[2, 1],
            &[0x1f, 1, 5],
            &[4, 0x80, 0, 0],
            &[4, 0x81, 5, 1, 2, 3, 4, 5],
            &[4, 0x82, 0, 0x80],
            &[4, 0x85, 1, 1, 1, 1, 1],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff, 1],
        ];
        for bytes in bad {
            assert!(Reader::new(bytes).any().is_err(), "{bytes:?}");
        }
        assert!(Reader::new(&[2, 1, 5]).value(OCTETS).is_err());
    }

    #[test]
    fn numbers() {
        for n in [0, 1, 0x7f, 0x80, 0xff, 0x100, u64::MAX] {
            let bytes = number(n);
            assert_eq!(small(Reader::new(&bytes).content(INTEGER).unwrap()), Ok(n), "{bytes:?}");
        }
        let bad: [&[u8]; 4] = [&[], &[0xff], &[0, 5], &[1; 9]];
        for content in bad {
            assert!(small(content).is_err(), "{content:?}");
        }
    }

    #[test]
    fn times() {
        let at = |text: &str| time(text.as_bytes()).map(|it| it.to_string());
        assert_eq!(at("20261121180140Z").unwrap(), "2026-11-21T18:01:40Z");
        assert_eq!(at("20261121180140.25Z").unwrap(), "2026-11-21T18:01:40Z");
        for bad in ["20261121180140", "20261121180140.Z", "2026112118014Z", "20261321180140Z", ""] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }
}
