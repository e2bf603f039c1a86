//! From lines on the wire to the bytes of a message: a dot in front of a line is taken away, a
//! line of one dot is the end (RFC 1939 §3). Pure.
//!
//! Only CRLF ends a line here. A lone CR or LF is a byte like any other: servers that keep such
//! bytes do not escape a dot behind them, and others do not send them.

use memchr::memmem;

/// Where in the stream of a message we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum At {
    /// At the start of a line.
    #[default]
    Start,
    /// Within a line.
    Text,
    /// Within a line, behind a CR that was handed out.
    Cr,
    /// Behind a dot at the start of a line; it was not handed out.
    Dot,
    /// Behind such a dot and a CR, neither handed out.
    DotCr,
    /// Behind the last line.
    End,
}

/// Takes a message out of the stream, however its bytes arrive.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Unstuffer {
    at: At,
}

impl Unstuffer {
    /// Whether the message has come to its end.
    pub(crate) fn is_done(&self) -> bool {
        self.at == At::End
    }

    /// Takes bytes from the start of `input` and appends those of the message to `out`, at most
    /// `room` of them, which is more than none. Gives how many bytes of `input` it took: all, or
    /// all up to the end of the message, or as many as there was room for.
    pub(crate) fn push(&mut self, input: &[u8], out: &mut Vec<u8>, room: usize) -> usize {
        let until = out.len() + room;
        let mut taken = 0;
        while let Some(rest) = input.get(taken..).filter(|it| !it.is_empty()) {
            let room = until - out.len();
            match self.at {
                At::End => break,
                At::Start if rest.first() == Some(&b'.') => {
                    self.at = At::Dot;
                    taken += 1;
                }
                At::Start | At::Text => {
                    if room == 0 {
                        break;
                    }
                    taken += self.text(rest.get(..room).unwrap_or(rest), out);
                }
                At::Cr => {
                    if room == 0 {
                        break;
                    }
                    if rest.first() == Some(&b'\n') {
                        out.push(b'\n');
                        taken += 1;
                        self.at = At::Start;
                    } else {
                        self.at = At::Text;
                    }
                }
                At::Dot if rest.first() == Some(&b'\r') => {
                    self.at = At::DotCr;
                    taken += 1;
                }
                At::Dot => self.at = At::Text,
                At::DotCr if rest.first() == Some(&b'\n') => {
                    self.at = At::End;
                    taken += 1;
                }
                At::DotCr => {
                    if room == 0 {
                        break;
                    }
                    // The line went on: its dot was an escape, and its CR is its own.
                    out.push(b'\r');
                    self.at = At::Cr;
                }
            }
        }
        taken
    }

    /// Hands out text up to the next line that begins with a dot.
    fn text(&mut self, rest: &[u8], out: &mut Vec<u8>) -> usize {
        let dotted = memmem::find(rest, b"\r\n.").map(|it| it + 2);
        let text = rest.get(..dotted.unwrap_or(rest.len())).unwrap_or(rest);
        out.extend_from_slice(text);
        // What the text continues may end with a CR of before; that is `At::Cr`, not this.
        self.at = match text {
            [.., b'\r', b'\n'] => At::Start,
            [.., b'\r'] => At::Cr,
            _ => At::Text,
        };
        text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message in `wire`, and how many bytes it took, the same for pieces of every size.
    fn check(wire: &[u8], want: Option<&[u8]>) {
        for group in (1..=wire.len()).chain([wire.len().max(1)]) {
            for room in [2, 3, 7, 1000] {
                let (mut unstuffer, mut out, mut taken) = (Unstuffer::default(), Vec::new(), 0);
                for piece in wire.chunks(group) {
                    let mut piece = piece;
                    while !piece.is_empty() && !unstuffer.is_done() {
                        let n = unstuffer.push(piece, &mut out, room);
                        taken += n;
                        piece = &piece[n..];
                    }
                }
                let shown = wire.escape_ascii();
                assert_eq!(unstuffer.is_done(), want.is_some(), "{shown} by {group}");
                let Some(want) = want else { continue };
                assert_eq!(out.escape_ascii().to_string(), want.escape_ascii().to_string());
                assert!(wire[..taken].ends_with(b".\r\n"), "{shown} by {group}: {taken}");
            }
        }
    }

    #[test]
    fn lines_and_dots() {
        let cases: [(&[u8], Option<&[u8]>); 22] = [
            (b".\r\n", Some(b"")),
            (b"a\r\n.\r\n", Some(b"a\r\n")),
            (b"a\r\n.\r\n+OK next\r\n", Some(b"a\r\n")),
            (b"\r\n.\r\n", Some(b"\r\n")),
            (b"\r\n\r\n.\r\n", Some(b"\r\n\r\n")),
            (b"..\r\n.\r\n", Some(b".\r\n")),
            (b"a\r\n..\r\nb\r\n.\r\n", Some(b"a\r\n.\r\nb\r\n")),
            (b"a\r\n...two\r\n.\r\n", Some(b"a\r\n..two\r\n")),
            // A dot that the server forgot to escape, with something behind it.
            (b".a\r\n.\r\n", Some(b"a\r\n")),
            // A lone LF ends no line.
            (b"a\n.\nb\r\n.\r\n", Some(b"a\n.\nb\r\n")),
            (b"a\n.\r\nb\r\n.\r\n", Some(b"a\n.\r\nb\r\n")),
            (b"a\n..\r\nb\r\n.\r\n", Some(b"a\n..\r\nb\r\n")),
            // Neither does a lone CR.
            (b"a\r.\r\nb\r\n.\r\n", Some(b"a\r.\r\nb\r\n")),
            (b"a\r\r\n.\r\n", Some(b"a\r\r\n")),
            (b"a\r\r\n..b\r\n.\r\n", Some(b"a\r\r\n.b\r\n")),
            // A dot, CR and more is a line with an escape.
            (b".\rb\r\n.\r\n", Some(b"\rb\r\n")),
            (b".\r\r\n.\r\n", Some(b"\r\r\n")),
            (b".\nb\r\n.\r\n", Some(b"\nb\r\n")),
            // No end.
            (b"a.\r\n", None),
            (b"a\r\n.", None),
            (b"a\r\n.\r", None),
            (b"a\n.\n", None),
        ];
        for (wire, want) in cases {
            check(wire, want);
        }
    }

    /// As a server does it: CRLF lines, dots doubled, an end.
    fn stuffed(message: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut start = true;
        for (at, byte) in message.iter().enumerate() {
            if start && *byte == b'.' {
                wire.push(b'.');
            }
            wire.push(*byte);
            start = *byte == b'\n' && at > 0 && message[at - 1] == b'\r';
        }
        if !start {
            wire.extend(b"\r\n");
        }
        wire.extend(b".\r\n");
        wire
    }

    #[test]
    fn pop3_dot_fuzz() {
        let mut dice = 7_u64;
        for _ in 0..300 {
            let mut message = Vec::new();
            for _ in 0..20 {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let pieces: [&[u8]; 6] = [b".", b"\r", b"\n", b"\r\n", b"\r\n.", b"x"];
                message.extend(pieces[usize::try_from((dice >> 33) % 6).unwrap()]);
            }
            message.extend(b"\r\n");
            check(&stuffed(&message), Some(&message));
        }
    }
}
