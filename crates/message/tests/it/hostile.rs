//! Mail made to hurt: it takes linear time, little memory, and no limit is exceeded.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use message::{Defect, limits, parse, parse_prefix};
use types::limits::{INDEX_TEXT_BYTES_MAX, PARSE_BYTES_MAX};

use crate::corpus::mail;
use crate::{properties, splitting};

/// Far above what is needed, even on a slow and busy machine without optimisation; far below
/// what anything quadratic takes.
const TIME_MAX: Duration = Duration::from_secs(20);

fn check(name: &str, bytes: &[u8], want: &[Defect]) {
    let start = Instant::now();
    let (message, defects) = parse(bytes);
    assert!(start.elapsed() < TIME_MAX, "{name} took {:?}", start.elapsed());
    for defect in want {
        assert!(defects.contains(defect), "{name}: {defect} is missing in {defects:?}");
    }
    assert!(!defects.contains(&Defect::ParserPanicked), "{name}");
    assert!(message.text.len() <= INDEX_TEXT_BYTES_MAX + 1, "{name}");
    assert!(message.parts.len() <= limits::PARTS_MAX, "{name}");
    assert!(message.subject.len() <= limits::SUBJECT_BYTES_MAX, "{name}");
    assert!(message.to.len() <= limits::ADDRESSES_MAX, "{name}");
    assert!(message.references.len() <= limits::REFERENCES_MAX, "{name}");
}

/// A multipart of `depth` levels, each with its own boundary, never closed.
fn nested(depth: usize) -> String {
    let level = |it: usize| format!("Content-Type: multipart/mixed; boundary=b{it}.\n\n--b{it}.\n");
    (0..depth).map(level).collect()
}

#[test]
fn bombs_of_structure() {
    check("nested multiparts", nested(20_000).as_bytes(), &[Defect::TooDeep]);
    let messages = "Content-Type: message/rfc822\n\n".repeat(100_000);
    check("nested messages", messages.as_bytes(), &[Defect::TooDeep]);
    let parts = format!("{}{}", nested(1), "--b0.\n\nx\n".repeat(200_000));
    check("parts", parts.as_bytes(), &[Defect::TooManyParts]);
    let same = "Content-Type: multipart/mixed; boundary=b\n\n--b\n".repeat(100_000);
    check("one boundary on all levels", same.as_bytes(), &[]);
    let lines = format!("{}{}", nested(limits::NESTING_MAX - 1), "--b\n".repeat(500_000));
    check("lines that are nearly boundaries", lines.as_bytes(), &[]);
    let empty = "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n".repeat(50_000);
    check("empty boundaries", empty.as_bytes(), &[]);
}

#[test]
fn bombs_of_headers() {
    let long = format!("Subject: {}\n\nx", "a".repeat(limits::FIELD_BYTES_MAX + 1));
    check("long subject", long.as_bytes(), &[Defect::HeaderTooLong, Defect::ValueShortened]);
    let many = format!("{}\n\nx", "X: y\n".repeat(limits::HEADER_BYTES_MAX / 4));
    check("many fields", many.as_bytes(), &[Defect::HeaderTooLong]);
    let folded = format!("Subject:{}\n\nx", "\n a".repeat(500_000));
    check("folded", folded.as_bytes(), &[]);
    let to = format!("To: {}\n\nx", "a@b,\n ".repeat(limits::ADDRESSES_MAX + 1));
    check("addresses", to.as_bytes(), &[Defect::TooManyAddresses]);
    let fields = "To: a@b\n".repeat(limits::ADDRESSES_MAX + 1);
    check("address fields", fields.as_bytes(), &[Defect::TooManyAddresses]);
    for open in ["(", "<", "\"", ":", ";", "\\", "=?a?Q?", "=?a?Q?=41?= "] {
        let to = format!("To: {}\n\nx", open.repeat(500_000 / open.len()));
        check(open, to.as_bytes(), &[]);
    }
    let references = format!("References: {}\n\nx", "<a@b> <c@d>".repeat(40_000));
    check("references", references.as_bytes(), &[Defect::TooManyAddresses]);
    let id = format!("Message-ID: <{}>\n\nx", "a".repeat(100_000));
    check("long id", id.as_bytes(), &[Defect::ValueShortened]);
    let params: String = (0..50_000).map(|it| format!("; name*{it}=x")).collect();
    let params = format!("Content-Type: a/b{params}\n\nx");
    check("parameters", params.as_bytes(), &[Defect::TooManyParameters]);
    let words = format!("Subject: {}\n\nx", "=?x".repeat(150_000));
    check("words without an end", words.as_bytes(), &[Defect::BrokenEncodedWord]);
}

#[test]
fn bombs_of_text() {
    let html = |piece: &str, n: usize| {
        format!("Content-Type: text/html\n\n{}", piece.repeat(n)).into_bytes()
    };
    for piece in ["<", "<a ", "<!--", "&", "<script>", "<p title=\"", "<img alt='", "</"] {
        check(piece, &html(piece, 1_000_000 / piece.len()), &[]);
    }
    check("much html", &html("<p>word ", 1_000_000), &[Defect::TextShortened]);
    let text = format!("Subject: x\n\n{}", "word ".repeat(400_000));
    check("much text", text.as_bytes(), &[Defect::TextShortened]);
    let base64 = format!("Content-Transfer-Encoding: base64\n\n{}", "d29y".repeat(1_000_000));
    check("much base64", base64.as_bytes(), &[Defect::TextShortened]);
    let equals = format!("Content-Transfer-Encoding: quoted-printable\n\n{}", "= ".repeat(500_000));
    check("equals signs", equals.as_bytes(), &[Defect::BrokenQuotedPrintable]);
    let alternatives = "Content-Type: multipart/alternative; boundary=b\n\n".to_owned()
        + &"--b\n\nplain words\n--b\nContent-Type: text/html\n\nother words\n".repeat(400);
    check("alternatives", alternatives.as_bytes(), &[]);
}

#[test]
fn only_the_beginning_of_a_large_message_is_read() {
    let mut bytes = b"Subject: large\n\n".to_vec();
    bytes.resize(PARSE_BYTES_MAX + 1, b'a');
    let (whole, defects) = parse(&bytes);
    assert!(defects.contains(&Defect::PartlyParsed));
    assert_eq!(whole.subject, "large");
    let given = &bytes[..PARSE_BYTES_MAX];
    let total = u64::try_from(bytes.len()).unwrap();
    assert_eq!(parse_prefix(given, total), (whole, defects), "the rest is not looked at");

    let cut = b"Subject: x\nDate: Tue, 4 Mar 2025 10:15:00 +0100\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n";
    assert_eq!(parse(cut).1, [Defect::MultipartUnclosed]);
    assert_eq!(parse_prefix(cut, 1_000).1, [Defect::PartlyParsed]);
}

#[test]
fn the_header_hash_of_a_header_alone_is_that_of_its_message() {
    let bytes = b"Subject: x\r\nTo: a@b\r\n\r\nbody";
    let header = b"Subject: x\r\nTo: a@b\r\n\r\n";
    assert_eq!(message::header_hash(header), parse(bytes).0.header_hash);
}

#[test]
fn mutations_of_the_corpus_are_read() {
    let mut mail = mail();
    mail.extend(fuzz_corpus());
    for (_, bytes) in &mail {
        properties::check(bytes);
        splitting::check(bytes);
    }
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    for round in 0..3_000 {
        let (path, bytes) = &mail[random.below(mail.len())];
        let other = &mail[random.below(mail.len())].1;
        let mutated = random.mutate(bytes, other);
        let result = std::panic::catch_unwind(|| {
            properties::check(&mutated);
            splitting::check(&mutated);
        });
        assert!(result.is_ok(), "round {round}: {}", path.display());
    }
}

/// What the fuzz target begins with.
fn fuzz_corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/message_parse");
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 10, "the corpus is there");
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// A small generator: the same numbers on every run.
struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn break_lines(&mut self, bytes: &mut [u8]) {
        for byte in bytes.iter_mut().filter(|it| **it == b'\n') {
            if self.below(9) == 0 {
                *byte = b':';
            }
        }
    }

    fn mutate(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(out.len());
            let end = at + self.below(out.len() - at);
            let from = self.below(other.len());
            let to = from + self.below(other.len() - from);
            match self.below(6) {
                0 if !out.is_empty() => out[at] = self.next().to_le_bytes()[0],
                1 => drop(out.drain(at..end)),
                2 => out.truncate(at),
                3 => out = [&out[..at], &other[from..to], &out[at..]].concat(),
                4 => out = [&out[..end], &out[at..]].concat(),
                _ => self.break_lines(&mut out),
            }
        }
        out
    }
}
