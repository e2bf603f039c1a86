//! A window that moves over a file, forwards.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::limits::READ_BYTES;

/// Bytes that can be read at any place.
pub trait ReadAt {
    /// Reads up to `buf.len()` bytes that begin at `offset`; 0 at the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buf, offset)
    }
}

impl ReadAt for &[u8] {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|it| self.get(it..)).unwrap_or_default();
        let len = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }
}

/// Reads until `buf` is full or the end is reached; gives how much was read.
pub(crate) fn read_fully(src: &impl ReadAt, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..).filter(|it| !it.is_empty()) {
        let at = offset.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
        match src.read_at(rest, at) {
            Ok(0) => break,
            Ok(len) => done += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The bytes around the current place of a file, by their offsets in it.
#[derive(Debug)]
pub(crate) struct Window<R> {
    src: R,
    buf: Vec<u8>,
    /// What is read at a time.
    chunk: Vec<u8>,
    /// Offset of the first byte of `buf`.
    base: u64,
    at_end: bool,
}

impl<R: ReadAt> Window<R> {
    pub(crate) fn new(src: R) -> Window<R> {
        let chunk = vec![0; READ_BYTES];
        Window { src, buf: Vec::new(), chunk, base: 0, at_end: false }
    }

    pub(crate) fn src(&self) -> &R {
        &self.src
    }

    /// The offset behind the last byte that is in the window.
    pub(crate) fn end(&self) -> u64 {
        self.base + u64::try_from(self.buf.len()).unwrap_or(0)
    }

    /// Whether that is the end of the file.
    pub(crate) fn at_end(&self) -> bool {
        self.at_end
    }

    /// The bytes from `start` to the end of the window.
    pub(crate) fn from(&self, start: u64) -> &[u8] {
        self.range(start, self.end())
    }

    /// The bytes of a range, as far as they are in the window.
    pub(crate) fn range(&self, start: u64, end: u64) -> &[u8] {
        let index = |at: u64| usize::try_from(at.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let (start, end) = (index(start), index(end).min(self.buf.len()));
        self.buf.get(start.min(end)..end).unwrap_or_default()
    }

    /// Lets go of what is before `keep` and reads until the window reaches `until`, or the end
    /// of the file.
    pub(crate) fn fill(&mut self, keep: u64, until: u64) -> io::Result<()> {
        if self.at_end || self.end() >= until {
            return Ok(());
        }
        let gone = usize::try_from(keep.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.buf.drain(..gone.min(self.buf.len()));
        self.base = self.base.max(keep);
        while !self.at_end && self.end() < until {
            let end = self.end();
            let read = read_fully(&self.src, &mut self.chunk, end)?;
            self.buf.extend_from_slice(self.chunk.get(..read).unwrap_or_default());
            self.at_end = read < self.chunk.len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_moves_on() {
        let bytes: Vec<u8> = (0..=255).cycle().take(READ_BYTES * 2 + 10).collect();
        let mut window = Window::new(bytes.as_slice());
        window.fill(0, 1).unwrap();
        assert_eq!((window.end(), window.at_end()), (u64::try_from(READ_BYTES).unwrap(), false));
        assert_eq!(window.range(5, 6), [5]);
        let at = window.end() - 3;
        window.fill(at, at + 100).unwrap();
        assert_eq!(window.from(at), &bytes[READ_BYTES - 3..READ_BYTES * 2]);
        assert_eq!(window.range(5, 6), b"", "it was let go");
        window.fill(at, at + 2 * u64::try_from(READ_BYTES).unwrap()).unwrap();
        assert!(window.at_end());
        assert_eq!(window.from(at), &bytes[READ_BYTES - 3..]);
        assert_eq!(window.range(at, at), b"");
    }
}
