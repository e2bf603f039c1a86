//! The two hashes that recognise a message without being its identity.
//!
//! The **header hash** is for matching a message at its source after a UIDVALIDITY change: the
//! header block exactly as received, with its last line end, without the empty line.
//!
//! The **canonical hash** groups what several transports delivered of one message. It is SHA-256
//! over
//! 1. each line of the header block that is not part of a transport field ([`is_transport`]), in
//!    its order, with CRLF as its line end;
//! 2. CRLF;
//! 3. the body with CRLF as line ends, without empty lines at its end, and with one CRLF at the
//!    end unless it is empty (the `simple` body form of RFC 6376 §3.4.3).

use memchr::memchr;
use sha2::{Digest, Sha256};
use types::Hash;

use crate::header::{self, Line};

/// Header fields that a transport adds or changes, in lower case. A `*` stands for any ending.
const TRANSPORT_FIELDS: [&str; 34] = [
    // Traces and envelopes (RFC 5321 §4.4, RFC 9228, and what delivery programs write).
    "received",
    "received-spf",
    "return-path",
    "delivered-to",
    "delivery-date",
    "envelope-to",
    "x-envelope-*",
    "x-original-to",
    "x-delivered-to",
    "x-forwarded-*",
    "x-received",
    "x-google-smtp-source",
    "x-gm-message-state",
    // What receiving servers find (RFC 8601, RFC 8617) and filters write.
    "authentication-results",
    "x-authentication-*",
    "arc-*",
    "x-spam-*",
    "x-virus-*",
    "x-scanned-*",
    "x-ms-exchange-*",
    "x-microsoft-antispam*",
    "x-forefront-*",
    "x-ms-has-attach",
    "x-ms-tnef-correlator",
    // What mailboxes keep of their own.
    "status",
    "x-status",
    "x-keywords",
    "x-uid",
    "x-uidl",
    "x-imap*",
    "x-mozilla-*",
    "x-evolution-*",
    "content-length",
    "lines",
];

/// The header hash of a message, or of a header block with or without its empty line.
#[must_use]
pub fn header_hash(bytes: &[u8]) -> Hash {
    let (end, _) = header::block_end(bytes, 0, |_| false);
    Hash::of(bytes.get(..end).unwrap_or_default())
}

/// The canonical hash of a message. When `bytes` are only the beginning of a message of
/// `total_size` bytes, that size is hashed too, so that no whole message has the same hash.
pub(crate) fn canonical_hash(bytes: &[u8], total_size: u64) -> Hash {
    let (header_end, body_start) = header::block_end(bytes, 0, |_| false);
    let mut hasher = Normalised::new();
    for line in header::lines(bytes.get(..header_end).unwrap_or_default()) {
        match line {
            Line::Field { name, .. } if is_transport(name) => {}
            Line::Field { whole, .. } | Line::Malformed(whole) => hasher.lines(whole),
        }
    }
    hasher.end_line();
    hasher.lines(b"\n");
    hasher.lines(without_empty_lines(bytes.get(body_start..).unwrap_or_default()));
    hasher.end_line();
    if u64::try_from(bytes.len()) != Ok(total_size) {
        hasher.take(&total_size.to_be_bytes());
    }
    hasher.finish()
}

/// Whether a header field says how a message travelled, not what it is.
fn is_transport(name: &[u8]) -> bool {
    let first = name.first().map_or(0, u8::to_ascii_lowercase);
    TRANSPORT_FIELDS.iter().any(|field| {
        let field = field.as_bytes();
        field.first() == Some(&first)
            && match field.strip_suffix(b"*") {
                Some(start) => {
                    name.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start))
                }
                None => field.eq_ignore_ascii_case(name),
            }
    })
}

/// Without line ends at the end.
fn without_empty_lines(body: &[u8]) -> &[u8] {
    let end = body.iter().rposition(|it| !matches!(it, b'\r' | b'\n')).map_or(0, |it| it + 1);
    body.get(..end).unwrap_or_default()
}

/// Bytes that are gathered before they are hashed: a call for each line would cost as much as
/// the hashing.
const GATHERED_BYTES: usize = 8 << 10;

/// Hashes lines with CRLF as their line ends.
struct Normalised {
    sha: Sha256,
    gathered: Vec<u8>,
    /// What was taken ends inside a line.
    in_line: bool,
}

impl Normalised {
    fn new() -> Normalised {
        let gathered = Vec::with_capacity(GATHERED_BYTES);
        Normalised { sha: Sha256::new(), gathered, in_line: false }
    }

    /// Takes lines. Runs of lines that end in CRLF already are taken as they are.
    fn lines(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (run, bare) = crlf_run(bytes);
            let (run, rest) = bytes.split_at_checked(run).unwrap_or((bytes, b""));
            self.take(run);
            self.in_line = !bare && !run.ends_with(b"\n");
            if bare {
                self.take(b"\r\n");
            }
            bytes = rest.get(usize::from(bare)..).unwrap_or_default();
        }
    }

    /// Ends a last line that has no line end.
    fn end_line(&mut self) {
        if self.in_line {
            self.take(b"\r\n");
            self.in_line = false;
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.gathered.len() + bytes.len() > GATHERED_BYTES {
            self.sha.update(&self.gathered);
            self.gathered.clear();
        }
        if bytes.len() > GATHERED_BYTES {
            self.sha.update(bytes);
        } else {
            self.gathered.extend_from_slice(bytes);
        }
    }

    fn finish(mut self) -> Hash {
        self.sha.update(&self.gathered);
        Hash(self.sha.finalize().into())
    }
}

/// How many bytes there are before the first bare LF, and whether there is one.
fn crlf_run(bytes: &[u8]) -> (usize, bool) {
    let mut pos = 0;
    while let Some(at) = bytes.get(pos..).and_then(|it| memchr(b'\n', it)) {
        let lf = pos + at;
        if lf == 0 || bytes.get(lf - 1) != Some(&b'\r') {
            return (lf, true);
        }
        pos = lf + 1;
    }
    (bytes.len(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(bytes: &[u8]) -> Hash {
        canonical_hash(bytes, u64::try_from(bytes.len()).unwrap())
    }

    #[test]
    fn the_header_hash_is_over_the_bytes_as_received() {
        let want = Hash::of(b"A: b\r\nC: d\r\n");
        for bytes in
            [&b"A: b\r\nC: d\r\n\r\nbody"[..], b"A: b\r\nC: d\r\n\r\n", b"A: b\r\nC: d\r\n"]
        {
            assert_eq!(header_hash(bytes), want);
        }
        assert_ne!(header_hash(b"A: b\nC: d\n\nbody"), want);
        assert_eq!(header_hash(b""), Hash::of(b""));
    }

    #[test]
    fn one_message_by_several_transports() {
        let want = Hash::of(b"Subject: x\r\n y\r\n\r\nbody\r\n\r\nend\r\n");
        let same: [&[u8]; 8] = [
            b"Subject: x\r\n y\r\n\r\nbody\r\n\r\nend\r\n",
            b"Subject: x\n y\n\nbody\n\nend\n",
            b"Subject: x\n y\r\n\nbody\r\n\nend",
            b"Subject: x\n y\n\nbody\n\nend\r\n\r\n\n",
            b"Received: a\n\tb\nSubject: x\n y\n\nbody\n\nend\n",
            b"RETURN-PATH: <>\r\nSubject: x\r\n y\r\nX-Envelope-From: a\r\n\r\nbody\r\n\r\nend\r\n",
            b"X-UID: 7\nStatus: RO\nSubject: x\n y\nX-Spam-Score: 5\n\nbody\n\nend\n",
            b"Content-Length: 5\nSubject: x\n y\nDelivered-To: a\n\nbody\n\nend\n",
        ];
        for bytes in same {
            assert_eq!(canonical(bytes), want, "{}", bytes.escape_ascii());
        }
        let other: [&[u8]; 5] = [
            b"Subject: x\n y\n\nbody\nend\n",
            b"Subject: x y\n\nbody\n\nend\n",
            b"subject: x\n y\n\nbody\n\nend\n",
            b"X-Statuses: 1\nSubject: x\n y\n\nbody\n\nend\n",
            b"Subject: x\n y\n\nbody\n\nend \n",
        ];
        for bytes in other {
            assert_ne!(canonical(bytes), want, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn messages_without_header_or_body() {
        assert_eq!(canonical(b""), Hash::of(b"\r\n"));
        assert_eq!(canonical(b"A: b"), Hash::of(b"A: b\r\n\r\n"));
        assert_eq!(canonical(b"A: b\n\n\n\n"), Hash::of(b"A: b\r\n\r\n"));
        assert_eq!(canonical(b"\nbody"), Hash::of(b"\r\nbody\r\n"));
        assert_eq!(canonical(b"a\rb\n\nc\r\rd\r\r\n"), Hash::of(b"a\rb\r\n\r\nc\r\rd\r\n"));
    }

    #[test]
    fn a_prefix_has_no_hash_of_a_whole_message() {
        assert_ne!(canonical_hash(b"A: b\n\nc", 100), canonical(b"A: b\n\nc"));
    }
}
