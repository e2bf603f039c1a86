//! The quoting of mboxrd, as a stream.

use memchr::memchr;

const FROM: &[u8] = b"From ";

/// Puts one `>` more before `From ` in lines that begin with any number of `>` and `From `.
#[derive(Debug)]
pub(super) struct Quoter {
    /// Whether there are only `>` before the next byte in its line.
    at_start: bool,
    /// The beginning of a `From ` whose end has not come yet.
    held: Vec<u8>,
}

impl Quoter {
    /// A quoter at the beginning of a message.
    pub(super) fn new() -> Quoter {
        Quoter { at_start: true, held: Vec::new() }
    }

    /// Appends `bytes`, quoted, to `out`; up to four bytes may be held back.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.held.is_empty() {
            return self.quote(bytes, out);
        }
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(bytes);
        self.quote(&joined, out);
    }

    /// Appends what was held back.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.held);
    }

    fn quote(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.at_start {
                let n_quotes = rest.iter().take_while(|it| **it == b'>').count();
                let (quotes, tail) = rest.split_at_checked(n_quotes).unwrap_or((rest, b""));
                out.extend_from_slice(quotes);
                rest = tail;
                if rest.len() < FROM.len() && FROM.starts_with(rest) {
                    self.held = rest.to_vec();
                    return;
                }
                if rest.starts_with(FROM) {
                    out.push(b'>');
                }
            }
            let len = memchr(b'\n', rest).map(|it| it + 1);
            self.at_start = len.is_some();
            let (line, tail) =
                rest.split_at_checked(len.unwrap_or(rest.len())).unwrap_or((rest, b""));
            out.extend_from_slice(line);
            rest = tail;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_quoted_however_they_come() {
        let text = b"From a\n>From b\n>>>From c\nFrom\nFro\n >From d\nx From e\n\nFromage\nFrom ";
        let want =
            ">From a\n>>From b\n>>>>From c\nFrom\nFro\n >From d\nx From e\n\nFromage\n>From ";
        for size in 1..text.len() {
            let mut quoter = Quoter::new();
            let mut out = Vec::new();
            text.chunks(size).for_each(|it| quoter.push(it, &mut out));
            quoter.finish(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), want, "in pieces of {size}");
        }
        let mut quoter = Quoter::new();
        let mut out = Vec::new();
        quoter.push(b"x\n>Fro", &mut out);
        quoter.finish(&mut out);
        assert_eq!(out, b"x\n>Fro");
    }
}
