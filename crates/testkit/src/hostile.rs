//! Mail that hurts: what senders that are broken, or mean it, have sent. Few messages, each with
//! one thing that breaks programs. Or, with `POSTHOLD_CORPUS` naming a directory, every file in it.
//!
//! Each is bytes; what a server makes of them is its own affair, and [`difference`] names it.

use std::fs;
use std::path::{Path, PathBuf};

/// A message with the name of what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostileMail {
    /// What is wrong with it, or its file.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The messages: made here, or all files of the directory that `POSTHOLD_CORPUS` names, in the
/// order of their names.
///
/// # Panics
/// When that directory cannot be read.
#[must_use]
pub fn messages() -> Vec<HostileMail> {
    let Some(dir) = std::env::var_os("POSTHOLD_CORPUS") else { return made() };
    let mut paths = files(Path::new(&dir));
    paths.sort();
    let read = |path: PathBuf| HostileMail {
        bytes: fs::read(&path).unwrap_or_else(|it| panic!("{}: {it}", path.display())),
        name: path.display().to_string(),
    };
    paths.into_iter().map(read).collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap_or_else(|it| panic!("{}: {it}", dir.display())) {
        match entry.expect("an entry of a directory").path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found
}

/// One for each thing.
fn made() -> Vec<HostileMail> {
    let text = |text: &str| text.as_bytes().to_vec();
    let headed = |body: &[u8]| [&b"Subject: x\r\nFrom: a@example.org\r\n\r\n"[..], body].concat();
    let nested = |depth: usize| {
        let mut mail = String::from("Subject: deep\r\n");
        for level in 0..depth {
            mail +=
                &format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        }
        mail + "\r\nx\r\n"
    };
    let mails: [(&str, Vec<u8>); 26] = [
        ("nothing after the header", text("Subject: x\r\n")),
        ("no header", text("hello\r\nworld\r\n")),
        ("an empty line first", text("\r\nSubject: not a header\r\n")),
        ("no line end at the end", headed(b"x")),
        ("lines that end in LF", text("Subject: x\n\nline\nline\n")),
        ("line ends of both kinds", text("Subject: x\r\nTo: y\n\r\nline\nline\r\n")),
        ("lines that end in CR", headed(b"one\rtwo\r\rthree\r\n")),
        ("a CR before CR LF", headed(b"one\r\r\ntwo\r\n")),
        ("zero bytes", headed(b"a\0b\0\0c\r\n")),
        ("a zero byte in the header", text("Subject: a\0b\r\n\r\nx\r\n")),
        ("every byte", headed(&(0..=255).collect::<Vec<u8>>())),
        ("eight bits in the header", b"Subject: \xff\xfe\xe4\r\n\r\nx\r\n".to_vec()),
        ("dots", headed(b".\r\n..\r\n.a\r\n. \r\n.\r\n")),
        ("the end of SMTP's DATA in LF", headed(b"a\n.\nMAIL FROM:<x@example.org>\r\n")),
        ("lines that begin with From", headed(b"From here\r\n>From there\r\n>>From far\r\n")),
        ("IMAP inside", headed(b"* 1 EXPUNGE\r\n)\r\nP1 OK done\r\n{5}\r\n")),
        ("POP3 inside", headed(b"+OK\r\n-ERR\r\n.\r\nQUIT\r\n")),
        ("a line without end", headed(&vec![b'x'; 100_000])),
        ("a header without end", {
            let mut mail = text("Subject: x\r\nX-Long: ");
            mail.extend(vec![b'y'; 200_000]);
            mail.extend(b"\r\n\r\nx\r\n");
            mail
        }),
        ("ten thousand headers", text(&("X-A: b\r\n".repeat(10_000) + "\r\nx\r\n"))),
        ("parts inside parts", text(&nested(300))),
        ("a boundary that never comes", headed(b"--other\r\nx\r\n--other--\r\n")),
        ("base64 that is none", {
            let mail = "Content-Transfer-Encoding: base64\r\n\r\n!!!=\r\n=A=\r\n";
            text(mail)
        }),
        ("UTF-16", b"\xff\xfeS\0u\0b\0j\0\r\0\n\0".to_vec()),
        ("names to write elsewhere with", {
            let mail =
                "Content-Type: a/b; name=\"../../etc/passwd\"\r\nMessage-ID: <../..>\r\n\r\nx";
            text(mail)
        }),
        ("the same Message-ID", text("Message-ID: <1@example.org>\r\n\r\nanother\r\n")),
    ];
    let named = |(name, bytes): (&str, Vec<u8>)| HostileMail { name: name.to_owned(), bytes };
    mails.into_iter().map(named).collect()
}

/// What a server made of a message that it was given: one of a few words, or `something else`.
#[must_use]
pub fn difference(given: &[u8], got: &[u8]) -> &'static str {
    let with_crlf = crlf(given);
    let zeros: Vec<u8> = with_crlf.iter().map(|it| if *it == 0 { 0x80 } else { *it }).collect();
    let ended = |bytes: &[u8]| [bytes, b"\r\n"].concat();
    match got {
        _ if got == given => "as it was",
        _ if got == with_crlf => "LF became CR LF",
        _ if got == zeros => "zero bytes became 0x80",
        _ if got == ended(given) || got == ended(&with_crlf) || got == ended(&zeros) => {
            "a line end was put behind it"
        }
        _ if [munged(given), munged(&with_crlf)].iter().any(|it| got == it || got == ended(it)) => {
            "eight bits became X"
        }
        _ => "something else",
    }
}

/// With X for every byte of the header that is not ASCII, as Cyrus does.
fn munged(bytes: &[u8]) -> Vec<u8> {
    let header_end = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap_or(bytes.len());
    let munge = |(at, byte): (usize, &u8)| match byte.is_ascii() || at > header_end {
        true => *byte,
        false => b'X',
    };
    bytes.iter().enumerate().map(munge).collect()
}

/// With CR LF for every LF that has none: some servers take nothing else.
#[must_use]
pub fn crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut before = 0;
    for byte in bytes {
        if *byte == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(*byte);
        before = *byte;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_names() {
        for (given, got, want) in [
            ("a\r\n", "a\r\n", "as it was"),
            ("a\nb\r\n", "a\r\nb\r\n", "LF became CR LF"),
            ("a", "a\r\n", "a line end was put behind it"),
            ("a\nb", "a\r\nb\r\n", "a line end was put behind it"),
            ("a\r\n", "b\r\n", "something else"),
        ] {
            assert_eq!(difference(given.as_bytes(), got.as_bytes()), want, "{given:?}");
        }
        assert_eq!(difference(b"a\0\n", b"a\x80\r\n"), "zero bytes became 0x80");
    }
}
