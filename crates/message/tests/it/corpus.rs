//! `test_data/mail/*.eml`, each with what is read in it beside it as `.expect`
//! (`UPDATE_EXPECT=1` writes them), also with other line ends and cut short.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use expect_test::expect_file;
use message::{Defect, Message, parse};
use types::Address;

/// The mail of the corpus, by name.
pub(crate) fn mail() -> Vec<(PathBuf, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("test_data/mail");
    let names = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path());
    let mut paths: Vec<_> =
        names.filter(|it| it.extension().is_some_and(|it| it == "eml")).collect();
    paths.sort();
    let read = |path: PathBuf| fs::read(&path).map(|bytes| (path, bytes));
    paths.into_iter().map(read).collect::<io::Result<_>>().unwrap()
}

#[test]
fn corpus() {
    let mail = mail();
    assert!(mail.len() >= 30, "the corpus is there");
    for (path, bytes) in mail {
        let (message, defects) = parse(&bytes);
        expect_file![path.with_extension("expect")].assert_eq(&show(&message, &defects));
    }
}

#[test]
fn line_ends_change_no_value_but_the_header_hash() {
    for (path, bytes) in mail() {
        let lf: Vec<u8> = bytes.iter().copied().filter(|it| *it != b'\r').collect();
        let mut crlf = Vec::new();
        lf.split_inclusive(|it| *it == b'\n').for_each(|line| {
            crlf.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
            if line.ends_with(b"\n") {
                crlf.extend_from_slice(b"\r\n");
            }
        });
        let (mut with_lf, defects_lf) = parse(&lf);
        let (mut with_crlf, defects_crlf) = parse(&crlf);
        assert_eq!(defects_lf, defects_crlf, "{}", path.display());
        for message in [&mut with_lf, &mut with_crlf] {
            message.header_hash = types::Hash::default();
            message.text = message.text.replace('\r', "");
            // Sizes of parts that are not encoded count their line ends.
            message.parts.iter_mut().for_each(|it| it.size = 0);
        }
        assert_eq!(with_lf, with_crlf, "{}", path.display());
    }
}

#[test]
fn cut_short_anywhere_it_is_still_read() {
    for (path, bytes) in mail() {
        let (whole, _) = parse(&bytes);
        for len in 0..bytes.len() {
            let (message, defects) = parse(&bytes[..len]);
            assert!(!defects.contains(&Defect::ParserPanicked), "{} at {len}", path.display());
            let header_end = bytes.len() - message_body(&bytes).len();
            if len >= header_end && !whole.subject.is_empty() {
                assert_eq!(message.subject, whole.subject, "{} at {len}", path.display());
                assert_eq!(message.header_hash, whole.header_hash);
            }
        }
    }
}

fn message_body(bytes: &[u8]) -> &[u8] {
    let end =
        |mark: &[u8]| bytes.windows(mark.len()).position(|it| it == mark).map(|it| it + mark.len());
    let start = end(b"\n\r\n").into_iter().chain(end(b"\n\n")).min();
    &bytes[start.unwrap_or(bytes.len())..]
}

#[test]
fn every_defect_is_somewhere_in_the_tests() {
    // These need more bytes than a corpus should have, or a parser that fails.
    let elsewhere = [
        Defect::HeaderTooLong,
        Defect::TooDeep,
        Defect::TooManyParts,
        Defect::TooManyParameters,
        Defect::TooManyAddresses,
        Defect::ValueShortened,
        Defect::TextShortened,
        Defect::PartlyParsed,
        Defect::ParserPanicked,
        Defect::BrokenEncodedWord,
    ];
    let mut found: Vec<Defect> = mail().iter().flat_map(|(_, bytes)| parse(bytes).1).collect();
    found.extend(elsewhere);
    for defect in Defect::ALL {
        assert!(found.contains(defect), "{defect}");
    }
}

/// A message as text, for comparing.
fn show(message: &Message, defects: &[Defect]) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            writeln!(out, "{name}: {value}").unwrap();
        }
    };
    for (name, list) in
        [("from", &message.from), ("to", &message.to), ("cc", &message.cc), ("bcc", &message.bcc)]
    {
        for Address { name: display, addr } in list {
            line(name, &format!("{display} <{addr}>"));
        }
    }
    line("subject", &message.subject);
    line("message-id", &message.message_id_header);
    line("references", &message.references.join(" "));
    line("date", &message.date.map(|it| it.to_string()).unwrap_or_default());
    line("header", &message.header_hash.to_string().split_off(48));
    line("canonical", &message.canonical_hash.to_string().split_off(48));
    for part in &message.parts {
        let kind = if part.attachment { "attachment" } else { "part" };
        line(kind, &format!("{:?} {} {} bytes", part.name, part.media_type, part.size));
    }
    let defects: Vec<&str> = defects.iter().map(|it| it.name()).collect();
    line("defects", &defects.join(" "));
    if !message.text.is_empty() {
        writeln!(out, "\n{}", message.text.replace('\r', "").escape_debug_but_lines()).unwrap();
    }
    out
}

trait EscapeButLines {
    fn escape_debug_but_lines(&self) -> String;
}

impl EscapeButLines for str {
    /// Control characters visible, the rest as it is.
    fn escape_debug_but_lines(&self) -> String {
        let show = |it: char| match it {
            '\n' => "\n".to_owned(),
            _ if it.is_control() => it.escape_debug().to_string(),
            _ => it.to_string(),
        };
        self.trim_end().chars().map(show).collect()
    }
}
