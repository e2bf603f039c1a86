//! Raw DEFLATE over a stream (RFC 1951), as COMPRESS uses it (RFC 4978).

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Compressed bytes that are read at once.
const INPUT_BYTES: usize = 64 << 10;

/// Both directions of a compressed stream. One call of [`compress`](Self::compress) is flushed
/// whole, so that the peer can act on it.
pub(crate) struct Deflate {
    inflate: Decompress,
    deflate: Compress,
    /// Compressed bytes that came and are not read yet.
    pub(crate) input: Vec<u8>,
    used: usize,
}

impl Deflate {
    /// A fresh state; `buffered` came after the line that switched compression on.
    pub(crate) fn new(buffered: &[u8]) -> Deflate {
        Deflate {
            inflate: Decompress::new(false),
            deflate: Compress::new(Compression::fast(), false),
            input: buffered.to_vec(),
            used: 0,
        }
    }

    /// Where the next compressed bytes go: an empty buffer with room.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        if self.used >= self.input.len() {
            self.input.clear();
            self.used = 0;
        }
        self.input.reserve(INPUT_BYTES);
        &mut self.input
    }

    /// Fills `out` as far as the compressed bytes at hand allow; 0 asks for more of them.
    pub(crate) fn inflate_into(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.input.get(self.used..).unwrap_or_default();
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(bytes, out, FlushDecompress::Sync)
            .map_err(|cause| io::Error::new(io::ErrorKind::InvalidData, cause))?;
        let taken = self.inflate.total_in() - before_in;
        let given = self.inflate.total_out() - before_out;
        self.used = self.used.saturating_add(usize::try_from(taken).unwrap_or(usize::MAX));
        if status == Status::StreamEnd && given == 0 {
            // RFC 4978 §4: the stream lasts as long as the connection.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(usize::try_from(given).unwrap_or(0))
    }

    /// The compressed form of `bytes`, flushed.
    pub(crate) fn compress(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(bytes.len() / 2 + 64);
        let start = self.deflate.total_in();
        loop {
            let done = usize::try_from(self.deflate.total_in() - start).unwrap_or(usize::MAX);
            let rest = bytes.get(done..).unwrap_or_default();
            self.deflate
                .compress_vec(rest, &mut out, FlushCompress::Sync)
                .map_err(io::Error::other)?;
            // The flush is whole when it left room: a full buffer may hide the rest of it.
            let done = usize::try_from(self.deflate.total_in() - start).unwrap_or(usize::MAX);
            if done == bytes.len() && out.len() < out.capacity() {
                return Ok(out);
            }
            out.reserve(bytes.len() / 2 + 64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(chunk: usize, writes: &[&[u8]]) -> Vec<u8> {
        let mut writer = Deflate::new(b"");
        let mut reader = Deflate::new(b"");
        let mut got = Vec::new();
        for bytes in writes {
            let compressed = writer.compress(bytes).unwrap();
            for piece in compressed.chunks(chunk) {
                reader.room().extend_from_slice(piece);
                let mut out = [0; 7];
                loop {
                    let n = reader.inflate_into(&mut out).unwrap();
                    if n == 0 {
                        break;
                    }
                    got.extend_from_slice(&out[..n]);
                }
            }
            // Each write arrives without waiting for the next.
            assert!(got.ends_with(bytes));
        }
        got
    }

    #[test]
    fn every_write_is_flushed_whole() {
        let long: Vec<u8> =
            (0..200_000_u32).flat_map(|it| it.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let writes: [&[u8]; 5] = [b"a1 NOOP\r\n", b"", b"x", &long, b"end\r\n"];
        for chunk in [1000, 100_000] {
            assert_eq!(through(chunk, &writes), writes.concat());
        }
        assert_eq!(through(1, &writes[..3]), writes[..3].concat());
    }

    #[test]
    fn garbage_is_an_error() {
        let mut reader = Deflate::new(b"\xff\xff\xff\xff");
        assert!(reader.inflate_into(&mut [0; 16]).is_err());
    }
}
