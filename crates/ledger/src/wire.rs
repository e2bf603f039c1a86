//! Numbers, texts and lists as bytes: the pieces that entries and details are made of.
//!
//! Rules: a number has one form only (the shortest); a reader never trusts a length or a count
//! and never panics.

use types::{Hash, Timestamp};

use crate::DecodeError;

/// Appends pieces to a vector.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// LEB128: seven bits a byte, lowest first, the top bit says that more follow.
    pub(crate) fn number(&mut self, mut value: u64) {
        loop {
            let low = u8::try_from(value & 0x7f).unwrap_or_default();
            value >>= 7;
            if value == 0 {
                return self.byte(low);
            }
            self.byte(low | 0x80);
        }
    }

    /// Zigzag, then [`number`](Self::number): small negative times stay short.
    pub(crate) fn time(&mut self, Timestamp(seconds): Timestamp) {
        self.number((seconds << 1).cast_unsigned() ^ (seconds >> 63).cast_unsigned());
    }

    pub(crate) fn sized(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }

    pub(crate) fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Writer, &T)) {
        self.number(items.len() as u64);
        for item in items {
            write(self, item);
        }
    }

    /// What `write` writes, with its length before it, so that a reader can skip its end.
    pub(crate) fn section(&mut self, write: impl FnOnce(&mut Writer)) {
        let mut inner = Writer::default();
        write(&mut inner);
        self.sized(&inner.bytes);
    }
}

/// Takes pieces from bytes that nobody vouches for.
pub(crate) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `bytes`; errors say that `what` is malformed.
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Reader<'a> {
        Reader { what, rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn malformed<T>(&self) -> Result<T, DecodeError> {
        Err(DecodeError::malformed(self.what))
    }

    pub(crate) fn raw(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return self.malformed();
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.raw(N)?;
        bytes.try_into().or_else(|_| self.malformed())
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn hash(&mut self) -> Result<Hash, DecodeError> {
        self.array().map(Hash)
    }

    pub(crate) fn number(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << shift;
            let overflows = shifted >> shift != bits;
            // A last byte of zero would be a second form of the same number.
            let longer_than_needed = byte == 0 && shift != 0;
            if overflows || longer_than_needed {
                return self.malformed();
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        self.malformed()
    }

    pub(crate) fn number_u32(&mut self) -> Result<u32, DecodeError> {
        let value = self.number()?;
        u32::try_from(value).or_else(|_| self.malformed())
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, DecodeError> {
        let value = self.number()?;
        Ok(Timestamp((value >> 1).cast_signed() ^ -((value & 1).cast_signed())))
    }

    pub(crate) fn sized(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.number()?;
        match usize::try_from(len) {
            Ok(len) => self.raw(len),
            Err(_) => self.malformed(),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, DecodeError> {
        let bytes = self.sized()?;
        std::str::from_utf8(bytes).map(str::to_owned).or_else(|_| self.malformed())
    }

    pub(crate) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.number()?;
        // Every item takes a byte at least, so the vector never outgrows the input.
        if count > self.rest.len() as u64 {
            return self.malformed();
        }
        (0..count).map(|_| read(self)).collect()
    }

    /// The next section, by itself.
    pub(crate) fn section(&mut self) -> Result<Reader<'a>, DecodeError> {
        Ok(Reader { what: self.what, rest: self.sized()? })
    }

    /// The next field, or its default where an older program ended the section before it.
    pub(crate) fn field<T: Default>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.is_empty() { Ok(T::default()) } else { read(self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut writer = Writer::default();
            writer.number(value);
            let mut reader = Reader::new("number", &writer.bytes);
            assert_eq!(reader.number(), Ok(value));
            assert!(reader.is_empty());
        }
        let wrong: [&[u8]; 5] = [&[], &[0x80], &[0x80, 0x00], &[0xff; 10], &[0xff; 11]];
        for bytes in wrong {
            assert!(Reader::new("number", bytes).number().is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn times_keep_their_sign() {
        for seconds in [0, -1, 1, 1_795_284_100, i64::MIN, i64::MAX] {
            let mut writer = Writer::default();
            writer.time(Timestamp(seconds));
            let time = Reader::new("time", &writer.bytes).time();
            assert_eq!(time, Ok(Timestamp(seconds)));
        }
    }
}
