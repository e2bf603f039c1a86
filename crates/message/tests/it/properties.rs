//! What holds for any bytes. The fuzz target `message_parse` runs this very function.

use message::{
    Defect, Journal, JournalDefect, Message, header_hash, journal, limits, parse, parse_prefix,
};
use types::Address;
use types::limits::INDEX_TEXT_BYTES_MAX;

/// Parses `bytes` and checks what must hold whatever they are.
pub(crate) fn check(bytes: &[u8]) {
    let (message, defects) = parse(bytes);
    assert!(!defects.contains(&Defect::ParserPanicked), "the parser panicked");
    assert!(defects.is_sorted() && defects.windows(2).all(|it| it.first() != it.last()));
    assert_eq!(message.header_hash, header_hash(bytes));
    check_limits(&message);
    assert_eq!(parse(bytes), (message, defects), "the same bytes give the same values");

    let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
    let (message, defects) = parse_prefix(half, u64::MAX);
    assert!(defects.contains(&Defect::PartlyParsed));
    assert!(!defects.contains(&Defect::ParserPanicked), "the parser panicked on a prefix");
    check_limits(&message);
    check_journal(bytes);
}

/// Whatever follows the mark of a report: opening it never fails, and gives a part of it.
fn check_journal(bytes: &[u8]) {
    let mut marked = b"X-MS-Journal-Report:\r\n".to_vec();
    marked.extend_from_slice(bytes);
    match journal(&marked) {
        Journal::Report(report) => {
            assert!(report.range.start <= report.range.end && report.range.end <= marked.len());
            assert!(report.envelope.recipients.len() <= limits::ADDRESSES_MAX);
        }
        Journal::Unreadable(defect) => assert_ne!(defect, JournalDefect::Panicked),
        Journal::NotAReport => (),
    }
}

fn check_limits(message: &Message) {
    for list in [&message.from, &message.to, &message.cc, &message.bcc] {
        assert!(list.len() <= limits::ADDRESSES_MAX);
        for Address { name, addr } in list {
            assert!(!name.is_empty() || !addr.is_empty());
            assert!(name.len() <= limits::NAME_BYTES_MAX && addr.len() <= limits::NAME_BYTES_MAX);
        }
    }
    assert!(message.subject.len() <= limits::SUBJECT_BYTES_MAX);
    assert!(message.message_id_header.len() <= limits::MESSAGE_ID_BYTES_MAX);
    assert!(message.references.len() <= limits::REFERENCES_MAX);
    assert!(message.references.iter().all(|it| it.len() <= limits::MESSAGE_ID_BYTES_MAX));
    assert!(message.parts.len() <= limits::PARTS_MAX);
    assert!(message.parts.iter().all(|it| it.name.len() <= limits::NAME_BYTES_MAX));
    assert!(message.text.len() <= INDEX_TEXT_BYTES_MAX);
    // 1970 to 2100.
    assert!(message.date.is_none_or(|it| (0..4_133_980_800).contains(&it.0)));
    for text in [&message.subject, &message.message_id_header] {
        assert!(!text.chars().any(char::is_control), "a header value is one line: {text:?}");
    }
}
