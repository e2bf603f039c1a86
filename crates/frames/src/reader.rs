//! Reads frames of one segment at any place, from whatever holds its bytes.

use std::io;
use std::ops::Range;

use crate::header::{FRAME_MAGIC, HEADER_LEN, Seed};
use crate::pack::directory_len;
use crate::seal::SEAL_BYTES;
use crate::{Casing, Flaw, HEADER_BYTES, Header, Kind, ReadFlaw, Seal};

/// Bytes that can be read at any place: an open segment file, or a slice in tests.
pub trait ReadAt {
    /// Reads up to `buf.len()` bytes; fewer only at the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let rest = self.get(start..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        let (to, from) = (buf.get_mut(..len), rest.get(..len));
        if let (Some(to), Some(from)) = (to, from) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }
}

/// A frame whose header and payload match their checksums.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its header.
    pub header: Header,
    /// Where it begins.
    pub offset: u64,
    /// What follows the header, opened when it is sealed.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Where the next frame begins.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset + self.header.frame_len()
    }
}

/// How a segment is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadMode {
    /// Everything from front to back: large reads.
    Through,
    /// Headers, skipping bodies: small reads.
    Hopping,
}

impl ReadMode {
    fn ahead(self) -> usize {
        match self {
            ReadMode::Through => 2 << 20,
            ReadMode::Hopping => 4 << 10,
        }
    }
}

/// Reads frames of one segment. Never looks beyond its end, which may lie before that of the
/// file: behind it a writer may be at work, or a torn tail may stand.
pub struct FrameReader<'a> {
    source: &'a dyn ReadAt,
    seed: Seed,
    seal: Option<Seal>,
    /// What was opened last.
    opened: Vec<u8>,
    end: u64,
    ahead: usize,
    window: Vec<u8>,
    window_start: u64,
}

impl<'a> FrameReader<'a> {
    /// A reader of the first `end` bytes of `source`, a segment with this casing.
    #[must_use]
    pub fn new(
        source: &'a dyn ReadAt,
        casing: impl Into<Casing>,
        end: u64,
        mode: ReadMode,
    ) -> FrameReader<'a> {
        let Casing { salt, seal } = casing.into();
        FrameReader {
            source,
            seed: Seed::new(salt),
            seal,
            opened: Vec::new(),
            end,
            ahead: mode.ahead(),
            window: Vec::new(),
            window_start: 0,
        }
    }

    /// Where the readable bytes end.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Up to `len` bytes at `offset`; fewer only at the end.
    pub fn bytes(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let range = self.load(offset, len)?;
        Ok(self.window.get(range).unwrap_or_default())
    }

    /// Has these bytes in the window, and says where.
    fn load(&mut self, offset: u64, len: usize) -> io::Result<Range<usize>> {
        let left = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = len.min(left);
        let held = offset.checked_sub(self.window_start).and_then(|it| usize::try_from(it).ok());
        let from = match held {
            Some(from) if from + len <= self.window.len() => from,
            _ => {
                self.refill(offset, len.max(self.ahead).min(left))?;
                0
            }
        };
        Ok(from..(from + len).min(self.window.len()))
    }

    fn refill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        self.window.resize(len, 0);
        self.window_start = offset;
        let mut got = 0;
        while let Some(rest) = self.window.get_mut(got..).filter(|it| !it.is_empty()) {
            let n = self.source.read_at(rest, offset + got as u64)?;
            if n == 0 {
                break;
            }
            got += n;
        }
        self.window.truncate(got);
        Ok(())
    }

    /// The header at `offset`; its payload is not looked at, but lies before the end.
    pub fn header(&mut self, offset: u64) -> Result<Header, ReadFlaw> {
        let seed = self.seed;
        let end = self.end;
        let bytes = self.bytes(offset, HEADER_BYTES)?;
        let header = Header::decode(bytes, seed, offset).map_err(ReadFlaw::at(offset))?;
        if header.is_sealed != self.seal.is_some() {
            return Err(ReadFlaw::Flaw { offset, flaw: Flaw::Casing });
        }
        if end < offset + header.frame_len() {
            return Err(ReadFlaw::Flaw { offset, flaw: Flaw::Short });
        }
        Ok(header)
    }

    /// What the payload of a frame at `offset` that has an id says of the blob, or that of a pack
    /// of its items; its checksum is not looked at, and its body not read.
    pub fn payload_start(&mut self, header: &Header, offset: u64) -> Result<&[u8], ReadFlaw> {
        if header.kind == Kind::Pack {
            return self.directory(header, offset);
        }
        let head_len = header.kind.head_len();
        if !header.is_sealed {
            return Ok(self.bytes(offset + HEADER_LEN, head_len)?);
        }
        let range = self.load(offset + HEADER_LEN, head_len + SEAL_BYTES)?;
        let front = self.window.get(range).unwrap_or_default();
        self.opened.clear();
        if let Some(seal) = &self.seal {
            let opened = seal.open_head(header, offset, front, &mut self.opened);
            opened.map_err(ReadFlaw::at(offset))?;
        }
        Ok(&self.opened)
    }

    /// The directory of a pack. A sealed one is sealed as a whole.
    fn directory(&mut self, header: &Header, offset: u64) -> Result<&[u8], ReadFlaw> {
        if header.is_sealed {
            return Ok(self.frame(offset)?.payload);
        }
        let start = self.bytes(offset + HEADER_LEN, 2)?;
        let len = directory_len(start).map_err(ReadFlaw::at(offset))?;
        Ok(self.bytes(offset + HEADER_LEN, len)?)
    }

    /// The whole frame at `offset`.
    pub fn frame(&mut self, offset: u64) -> Result<Frame<'_>, ReadFlaw> {
        let header = self.header(offset)?;
        let len = header.payload_len as usize;
        let range = self.load(offset + HEADER_LEN, len)?;
        let payload = self.window.get(range).unwrap_or_default();
        let flaw = if payload.len() < len {
            Some(Flaw::Short)
        } else if crc32c::crc32c(payload) != header.payload_crc {
            Some(Flaw::PayloadSum)
        } else {
            None
        };
        if let Some(flaw) = flaw {
            return Err(ReadFlaw::Flaw { offset, flaw });
        }
        let Some(seal) = &self.seal else { return Ok(Frame { header, offset, payload }) };
        self.opened.clear();
        seal.open(&header, offset, payload, &mut self.opened).map_err(ReadFlaw::at(offset))?;
        Ok(Frame { header, offset, payload: &self.opened })
    }

    /// The next true frame header at or behind `from`: one whose checksum fits this segment and
    /// its place. Its payload may still be damaged.
    pub fn find_header(&mut self, from: u64) -> io::Result<Option<(u64, Header)>> {
        let mut at = from;
        while at + HEADER_LEN <= self.end {
            let seed = self.seed;
            let bytes = self.bytes(at, 64 << 10)?;
            if bytes.len() < HEADER_BYTES {
                break;
            }
            let last = bytes.len() - HEADER_BYTES;
            let hit =
                bytes.windows(FRAME_MAGIC.len()).take(last + 1).position(|it| it == FRAME_MAGIC);
            let Some(hit) = hit else {
                at += last as u64 + 1;
                continue;
            };
            at += hit as u64;
            let header = Header::decode(bytes.get(hit..).unwrap_or_default(), seed, at);
            match header {
                Ok(header) => return Ok(Some((at, header))),
                Err(_) => at += 1,
            }
        }
        Ok(None)
    }
}
