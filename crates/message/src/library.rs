//! All that is taken from `mail-parser`: the grammar of addresses, character sets, HTML entities.
//!
//! What it is not: the structure of a message. Where parts begin and end is read by `walk`, in
//! one pass and without decoding what is not text, so that no library sees a message whole.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::html::add_html_token;
use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, Group, HeaderValue};

/// Reads an address field (RFC 5322 §3.4) whose bytes are UTF-8: groups, then addresses without
/// one, each as display name and address. The name of a group without members counts as one.
pub(crate) fn addresses(field: &[u8], mut take: impl FnMut(&str, &str)) {
    let HeaderValue::Address(found) = MessageStream::new(field).parse_address() else { return };
    let mut take_all = |list: &[Addr<'_>]| {
        for Addr { name, address } in list {
            take(name.as_deref().unwrap_or_default(), address.as_deref().unwrap_or_default());
        }
    };
    match &found {
        mail_parser::Address::List(list) => take_all(list),
        mail_parser::Address::Group(groups) => {
            for Group { name, addresses } in groups {
                take_all(addresses);
                if addresses.is_empty() {
                    take_all(&[Addr { name: name.clone(), address: None }]);
                }
            }
        }
    }
}

/// Decodes text by the name of its character set; `None` when the name is not known.
pub(crate) fn decode<'x>(charset: &[u8], bytes: &'x [u8]) -> Option<Cow<'x, str>> {
    charset_decoder(charset).map(|decode| decode(bytes).into())
}

/// Appends the character that an HTML entity (`&amp;`, `&#38;`) stands for, or the entity itself
/// when there is none. `entity` begins with `&` and ends with `;`.
pub(crate) fn push_entity(out: &mut String, entity: &str) {
    add_html_token(out, entity.as_bytes(), false);
}
