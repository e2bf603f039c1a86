//! The simple reading of a message on which the parser panicked: no library, no MIME.

use types::Address;
use types::limits::INDEX_TEXT_BYTES_MAX;

use crate::Message;
use crate::date;
use crate::header::{self, Line, Name};
use crate::limits;

/// Reads the header fields as they stand, and the body as text.
pub(crate) fn read(bytes: &[u8]) -> Message {
    let (end, body) = header::block_end(bytes, 0, |_| false);
    let block = bytes.get(..end.min(limits::HEADER_BYTES_MAX)).unwrap_or_default();
    let mut message = Message::default();
    for line in header::lines(block) {
        let Line::Field { name, value, .. } = line else { continue };
        let value = value.get(..limits::FIELD_BYTES_MAX).unwrap_or(value);
        match header::name(name) {
            Name::From => message.from.extend(addresses(value)),
            Name::To => message.to.extend(addresses(value)),
            Name::Cc => message.cc.extend(addresses(value)),
            Name::Bcc => message.bcc.extend(addresses(value)),
            Name::Subject => message.subject = shortened(value, limits::SUBJECT_BYTES_MAX),
            Name::Date => message.date = date::parse_date(&String::from_utf8_lossy(value)),
            Name::MessageId => {
                let id = shortened(value, limits::MESSAGE_ID_BYTES_MAX);
                message.message_id_header = id.trim_matches(['<', '>']).to_owned();
            }
            _ => {}
        }
    }
    message.text = shortened(bytes.get(body..).unwrap_or_default(), INDEX_TEXT_BYTES_MAX);
    message
}

fn shortened(bytes: &[u8], bytes_max: usize) -> String {
    let mut text = String::from_utf8_lossy(bytes.get(..bytes_max).unwrap_or(bytes)).into_owned();
    text.truncate(text.floor_char_boundary(bytes_max));
    text.trim().to_owned()
}

/// What stands between commas; of each, what stands in angle brackets, else all of it.
fn addresses(value: &[u8]) -> Vec<Address> {
    let pieces = value.split(|it| *it == b',').take(limits::ADDRESSES_MAX);
    let addresses = pieces.map(|piece| {
        let text = shortened(piece, limits::NAME_BYTES_MAX);
        let bracketed = text.split_once('<').and_then(|(name, rest)| {
            Some((name.trim().trim_matches('"').to_owned(), rest.split_once('>')?.0.to_owned()))
        });
        let (name, addr) = bracketed.unwrap_or((String::new(), text));
        Address { name, addr }
    });
    addresses.filter(|it| !it.name.is_empty() || !it.addr.is_empty()).collect()
}
