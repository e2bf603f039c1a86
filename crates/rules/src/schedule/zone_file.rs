//! Time zone files: TZif, versions 1 to 4 (RFC 8536 §3).
//!
//! What it is not: a search for the file. It reads bytes, whoever gave them.
//!
//! Rules: of a file with two blocks the one of 64-bit times counts; behind its last change the
//! footer does. Whatever is out of place is an error: a schedule is not run at a guess. Names of
//! local time and leap seconds are nothing to a schedule; a file that counts leap seconds is
//! refused, because its times are not ours.

mod footer;

use std::fmt;

use types::Timestamp;

use super::zone::Zone;
use footer::Footer;

/// The largest file, in bytes. The largest that there is has 4 kB.
pub const ZONE_FILE_BYTES_MAX: usize = 256 << 10;

/// Offsets within these are taken (RFC 8536 §3.2), in seconds.
const OFFSETS: std::ops::RangeInclusive<i32> = -89_999..=93_599;

/// A time zone as a file has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ZoneFile {
    /// What counts before the first change.
    first: i32,
    /// From when on which offset counts, ascending.
    changes: Vec<(i64, i32)>,
    /// What counts behind the last change, when it is not the last offset for ever.
    footer: Option<Footer>,
}

/// A time zone file cannot be read. Lower case, without a full stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ZoneFileError(&'static str);

impl fmt::Display for ZoneFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is no time zone file: {}", self.0)
    }
}

impl std::error::Error for ZoneFileError {}

impl Zone for ZoneFile {
    fn offset(&self, at: Timestamp) -> i32 {
        let n_before = self.changes.partition_point(|(from, _)| *from <= at.0);
        let is_behind = n_before == self.changes.len();
        if is_behind && let Some(footer) = &self.footer {
            return footer.offset(at);
        }
        let last = n_before.checked_sub(1).and_then(|it| self.changes.get(it));
        last.map_or(self.first, |(_, offset)| *offset)
    }
}

impl ZoneFile {
    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<ZoneFile, ZoneFileError> {
        if bytes.len() > ZONE_FILE_BYTES_MAX {
            return Err(ZoneFileError("it is too large"));
        }
        let mut reader = Reader(bytes);
        let header = reader.header()?;
        if header.version == 0 {
            return reader.block(&header, Width::Four);
        }
        // The first block is for readers that know nothing else.
        reader.take(header.block_bytes(Width::Four)?)?;
        let header = reader.header()?;
        let mut zone = reader.block(&header, Width::Eight)?;
        zone.footer = footer::read(reader.0).map_err(ZoneFileError)?;
        Ok(zone)
    }
}

/// How many bytes a time has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    Four = 4,
    Eight = 8,
}

/// The counts of a header, as many of each as follow.
struct Header {
    version: u8,
    n_utc: usize,
    n_standard: usize,
    n_leaps: usize,
    n_changes: usize,
    n_types: usize,
    n_chars: usize,
}

impl Header {
    fn block_bytes(&self, width: Width) -> Result<usize, ZoneFileError> {
        let width = width as usize;
        let parts = [
            (self.n_changes, width + 1),
            (self.n_types, 6),
            (self.n_chars, 1),
            (self.n_leaps, width + 4),
            (self.n_standard, 1),
            (self.n_utc, 1),
        ];
        let sum =
            parts.iter().try_fold(0_usize, |sum, (n, each)| sum.checked_add(n.checked_mul(*each)?));
        sum.ok_or(ZoneFileError("its counts are impossible"))
    }
}

/// The bytes that are not read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], ZoneFileError> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(ZoneFileError("it ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn header(&mut self) -> Result<Header, ZoneFileError> {
        if self.take(4)? != b"TZif" {
            return Err(ZoneFileError("it does not begin with TZif"));
        }
        let version = match self.take(16)?.first() {
            Some(0) => 0,
            Some(version @ b'2'..=b'4') => *version,
            _ => return Err(ZoneFileError("its version is not known")),
        };
        let mut count = || -> Result<usize, ZoneFileError> {
            let bytes = self.take(4)?.try_into().map_err(|_| ZoneFileError("it ends early"))?;
            usize::try_from(u32::from_be_bytes(bytes)).map_err(|_| ZoneFileError("it is too large"))
        };
        Ok(Header {
            version,
            n_utc: count()?,
            n_standard: count()?,
            n_leaps: count()?,
            n_changes: count()?,
            n_types: count()?,
            n_chars: count()?,
        })
    }

    fn block(&mut self, header: &Header, width: Width) -> Result<ZoneFile, ZoneFileError> {
        // All of it is there before anything is made of its counts.
        let bytes = header.block_bytes(width)?;
        let mut block = Reader(self.take(bytes)?);
        if header.n_leaps != 0 {
            return Err(ZoneFileError("it counts leap seconds"));
        }
        let times = block.take(header.n_changes * width as usize)?;
        let kinds = block.take(header.n_changes)?;
        let types = block.take(header.n_types * 6)?;
        let offsets = offsets(types)?;
        let mut changes = Vec::with_capacity(header.n_changes);
        for (time, kind) in times.chunks_exact(width as usize).zip(kinds) {
            let offset = offsets.get(usize::from(*kind));
            let offset = *offset.ok_or(ZoneFileError("a change leads nowhere"))?;
            let at = big_endian(time);
            if changes.last().is_some_and(|(last, _)| at <= *last) {
                return Err(ZoneFileError("its changes are not in order"));
            }
            changes.push((at, offset));
        }
        let first = *offsets.first().ok_or(ZoneFileError("it has no local time"))?;
        Ok(ZoneFile { first, changes, footer: None })
    }
}

/// The offset of each local time type.
fn offsets(types: &[u8]) -> Result<Vec<i32>, ZoneFileError> {
    let offset = |it: &[u8]| {
        let offset = i32::try_from(big_endian(it.get(..4)?)).ok()?;
        OFFSETS.contains(&offset).then_some(offset)
    };
    let all: Option<Vec<i32>> = types.chunks_exact(6).map(offset).collect();
    all.ok_or(ZoneFileError("it is too far from UTC"))
}

/// A signed number of at most eight bytes.
fn big_endian(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|it| it & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(sign, |number, byte| number << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests;
