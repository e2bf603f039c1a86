//! The bytes of a message out of those of DATA (RFC 5321 §4.5.2): where it ends, and which dots
//! are not part of it.
//!
//! Rules:
//! - A line ends with CR LF and with nothing else. A dot after a bare LF or a bare CR is content,
//!   so no mixture of line ends ends a message that the sender did not end (SMTP smuggling).
//! - What comes out is what was sent, without the dots that the client had put before dots.

/// Takes DATA apart, however its bytes are grouped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DotDecoder {
    at: At,
    bare: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    LineStart,
    InLine,
    /// Behind a CR.
    Cr,
    /// Behind a dot at the start of a line, which is held back.
    Dot,
    /// Behind that dot and a CR, both held back.
    DotCr,
    End,
}

impl DotDecoder {
    pub(crate) fn new() -> DotDecoder {
        DotDecoder { at: At::LineStart, bare: false }
    }

    /// Whether the end has come.
    pub(crate) fn is_done(self) -> bool {
        self.at == At::End
    }

    /// Whether a CR or LF stood alone so far.
    pub(crate) fn has_bare_line_end(self) -> bool {
        self.bare
    }

    /// Reads `input`, appends the content to `out`, and returns how many bytes it took: all, or
    /// those up to the end of the message. At most one byte more comes out than goes in.
    pub(crate) fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        for (n, &byte) in input.iter().enumerate() {
            if self.is_done() {
                return n;
            }
            self.step(byte, out);
        }
        input.len()
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.at = match (self.at, byte) {
            (At::LineStart, b'.') => At::Dot,
            (At::Dot, b'\r') => At::DotCr,
            (At::DotCr, b'\n') => At::End,
            (At::Cr, b'\n') => {
                out.push(byte);
                At::LineStart
            }
            (At::DotCr, _) => {
                // The CR that was held back ended no line.
                self.bare = true;
                out.push(b'\r');
                self.plain(byte, out)
            }
            (At::Cr, _) => {
                self.bare = true;
                self.plain(byte, out)
            }
            (_, _) => self.plain(byte, out),
        };
    }

    /// A byte that is content whatever stands before it.
    fn plain(&mut self, byte: u8, out: &mut Vec<u8>) -> At {
        out.push(byte);
        match byte {
            b'\r' => At::Cr,
            b'\n' => {
                self.bare = true;
                At::InLine
            }
            _ => At::InLine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> (Vec<u8>, usize, DotDecoder) {
        let (mut decoder, mut out) = (DotDecoder::new(), Vec::new());
        let n = decoder.take(input, &mut out);
        (out, n, decoder)
    }

    #[test]
    fn ends_and_dots() {
        let whole = [
            (".\r\n", ""),
            ("a\r\n.\r\n", "a\r\n"),
            ("..\r\n.\r\n", ".\r\n"),
            ("...\r\n.\r\n", "..\r\n"),
            (".a\r\n.\r\n", "a\r\n"),
            ("a.\r\n.b\r\n..c\r\n.\r\n", "a.\r\nb\r\n.c\r\n"),
            ("\r\n\r\n.\r\n", "\r\n\r\n"),
        ];
        for (input, content) in whole {
            let (out, n, decoder) = read(format!("{input}QUIT\r\n").as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), content, "{input:?}");
            assert_eq!((n, decoder.is_done()), (input.len(), true), "{input:?}");
            assert!(!decoder.has_bare_line_end(), "{input:?}");
        }
    }

    #[test]
    fn nothing_else_ends_a_message() {
        let open = [
            ("a\n.\n", "a\n.\n"),
            ("a\n.\r\n", "a\n.\r\n"),
            ("a\r\n.\nb", "a\r\n\nb"),
            ("a\r.\r", "a\r.\r"),
            ("a\r.\r\n", "a\r.\r\n"),
            ("a\r\n.\rb", "a\r\n\rb"),
            ("a\r\n.\r\r\n", "a\r\n\r\r\n"),
            ("\n.\n", "\n.\n"),
            (".\n", "\n"),
            (".\r.\r\n", "\r.\r\n"),
            ("a\n..\r\n", "a\n..\r\n"),
        ];
        for (input, content) in open {
            let (out, _, decoder) = read(input.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), content, "{input:?}");
            assert!(!decoder.is_done(), "{input:?}");
        }
        assert!(read(b"a\n.\n").2.has_bare_line_end());
        assert!(read(b"a\rb").2.has_bare_line_end());
        assert!(read(b"\r\n.\rb").2.has_bare_line_end());
    }

    /// Every message of seven bytes out of those that mean something comes back, if it ends as
    /// messages in DATA have to.
    #[test]
    fn what_is_stuffed_comes_back() {
        let letters = [b'.', b'\r', b'\n', b'a'];
        for n in 0..4_usize.pow(7) {
            let middle = (0..7).map(|place| letters[n / 4_usize.pow(place) % 4]);
            let content: Vec<u8> = middle.chain(*b"\r\n").collect();
            let mut stuffed = Vec::new();
            for (n, byte) in content.iter().enumerate() {
                if *byte == b'.' && (n == 0 || content[..n].ends_with(b"\r\n")) {
                    stuffed.push(b'.');
                }
                stuffed.push(*byte);
            }
            stuffed.extend_from_slice(b".\r\n");
            let (out, taken, decoder) = read(&stuffed);
            assert_eq!((out, taken), (content, stuffed.len()));
            assert!(decoder.is_done());
        }
    }
}
