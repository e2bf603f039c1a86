//! A message as DATA carries it (RFC 5321 §4.5.2): lines that begin with a dot get another one,
//! every line ends in CR LF, and a dot alone ends the message.
//!
//! Rule: a CR or LF by itself becomes a line end. Servers that take one for a line end would
//! otherwise find commands inside the message (SMTP smuggling).

/// A message for the wire.
#[derive(Debug)]
pub(crate) struct Stuffed {
    /// With its end.
    pub(crate) bytes: Vec<u8>,
    /// Its size as SIZE counts it: without its end, and without what was put before dots
    /// (RFC 1870 §5).
    pub(crate) size: usize,
}

/// The message with its end.
pub(crate) fn stuffed(message: &[u8]) -> Stuffed {
    let mut out = Vec::with_capacity(message.len() + message.len() / 64 + 5);
    let mut n_dots = 0;
    let mut rest = message;
    while !rest.is_empty() {
        let end = rest.iter().position(|it| matches!(it, b'\r' | b'\n')).unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(end).unwrap_or((rest, b""));
        if line.starts_with(b".") {
            out.push(b'.');
            n_dots += 1;
        }
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
        rest = match after {
            [b'\r', b'\n', rest @ ..] | [b'\r' | b'\n', rest @ ..] => rest,
            _ => after,
        };
    }
    let size = out.len() - n_dots;
    out.extend_from_slice(b".\r\n");
    Stuffed { bytes: out, size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_on_the_wire() {
        for (message, want) in [
            ("", ".\r\n"),
            ("a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".\r\n..\r\na.", "..\r\n...\r\na.\r\n.\r\n"),
            ("a\nb\rc\r\n", "a\r\nb\r\nc\r\n.\r\n"),
            ("a\n.\nMAIL FROM:<x>\r\n", "a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n"),
            ("a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\r\n\n", "a\r\n\r\n\r\n.\r\n"),
        ] {
            let got = stuffed(message.as_bytes());
            assert_eq!(String::from_utf8(got.bytes).unwrap(), want, "{message:?}");
        }
        for (message, size) in [("", 0), ("..\n.\na", 4 + 3 + 3)] {
            assert_eq!(stuffed(message.as_bytes()).size, size);
        }
    }
}
