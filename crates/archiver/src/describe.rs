//! From what the parser read to the detail that is kept with a message.

use ledger::{MessageDetail, PartDetail};
use message::{Defect, Message, PARSER_VERSION};
use types::Timestamp;

/// Parses the first `bytes` of a message of `size` bytes. `received` is the last step of the
/// ladder that its date is read from.
pub(crate) fn describe(
    bytes: &[u8],
    size: u64,
    received: Option<Timestamp>,
) -> (Box<MessageDetail>, Box<Message>) {
    let (message, defects) = message::parse_prefix(bytes, size);
    let detail = detail_of(&message, &defects, received);
    (Box::new(detail), Box::new(message))
}

fn detail_of(message: &Message, defects: &[Defect], received: Option<Timestamp>) -> MessageDetail {
    let parts = message.parts.iter().map(|it| PartDetail {
        name: it.name.clone(),
        media_type: it.media_type.clone(),
        size: it.size,
    });
    MessageDetail {
        from: message.from.clone(),
        to: message.to.clone(),
        cc: message.cc.clone(),
        bcc: message.bcc.clone(),
        subject: message.subject.clone(),
        message_id_header: message.message_id_header.clone(),
        references: message.references.clone(),
        date: message.date.or(received),
        header_hash: message.header_hash,
        canonical_hash: message.canonical_hash,
        parts: parts.collect(),
        defects: defects.iter().map(|it| it.name().to_owned()).collect(),
        parser_version: PARSER_VERSION,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_ladder_ends_with_the_source() {
        let received = Some(Timestamp(1_000_000_000));
        let with_date = b"Date: Sun, 9 Sep 2001 01:46:39 +0000\r\n\r\nx";
        for (bytes, want) in [(&with_date[..], 999_999_999), (b"Subject: a\r\n\r\n", 1_000_000_000)]
        {
            let (detail, message) = describe(bytes, bytes.len() as u64, received);
            assert_eq!(detail.date, Some(Timestamp(want)));
            assert_eq!(detail.header_hash, message.header_hash);
        }
        assert_eq!(describe(b"", 0, None).0.date, None);
    }
}
