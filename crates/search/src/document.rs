//! A message as Tantivy takes it, and the bound on how many wait to be indexed.

use std::iter::Empty;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use message::Message;
use ports::IndexDoc;
use tantivy::schema::document::{ReferenceValue, ReferenceValueLeaf, Value};
use tantivy::schema::{Document, Field};
use types::Address;

use crate::layout::{Fields, TextPlace, message_id_number};
use crate::tokens::NAME_END;

/// Text that may wait for the indexing thread, in bytes.
pub(crate) const WAITING_BYTES_MAX: usize = 8 << 20;

/// How long a message waits for others to be indexed before it goes on all the same: writing a
/// segment takes that long at most on a slow disk, and a dead indexing thread is noticed by the
/// call that follows.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Counts the bytes that wait.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    waiting_bytes: Mutex<usize>,
    fewer: Condvar,
}

impl Gate {
    /// Waits until there is room for `bytes`, or nothing else waits.
    fn enter(self: &Arc<Gate>, bytes: usize) -> Permit {
        let waiting = self.waiting_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |waiting: &mut usize| 0 < *waiting && WAITING_BYTES_MAX < *waiting + bytes;
        let (mut waiting, _) = self
            .fewer
            .wait_timeout_while(waiting, WAIT_MAX, is_full)
            .unwrap_or_else(PoisonError::into_inner);
        *waiting += bytes;
        Permit { gate: Arc::clone(self), bytes }
    }
}

/// Holds room for one message until it is indexed.
struct Permit {
    gate: Arc<Gate>,
    bytes: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut waiting = self.gate.waiting_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting -= self.bytes;
        self.gate.fewer.notify_all();
    }
}

/// A message on its way into the index.
pub(crate) struct Doc {
    fields: Fields,
    doc: IndexDoc,
    /// Display names and addresses, joined by [`NAME_END`].
    addresses: Vec<(Field, String)>,
    _permit: Permit,
}

impl Doc {
    /// Takes a message; waits while too many others wait.
    pub(crate) fn new(doc: IndexDoc, fields: Fields, gate: &Arc<Gate>) -> Doc {
        let message = &doc.message;
        let lists = [
            (TextPlace::From, &message.from),
            (TextPlace::To, &message.to),
            (TextPlace::Cc, &message.cc),
            (TextPlace::Cc, &message.bcc),
        ];
        let addresses: Vec<(Field, String)> = lists
            .into_iter()
            .flat_map(|(place, list)| list.iter().map(move |it| (fields.of(place), joined(it))))
            .collect();
        let permit = gate.enter(bytes_of(message));
        Doc { fields, doc, addresses, _permit: permit }
    }
}

fn joined(address: &Address) -> String {
    let addr = address.addr.replace(NAME_END, " ");
    format!("{}{NAME_END}{addr}", address.name)
}

fn bytes_of(message: &Message) -> usize {
    let lists = [&message.from, &message.to, &message.cc, &message.bcc];
    let addresses = lists.into_iter().flatten().map(|it| it.name.len() + it.addr.len());
    let names = message.parts.iter().map(|it| it.name.len());
    let text = message.text.len() + message.subject.len();
    size_of::<Message>() + text + addresses.chain(names).sum::<usize>()
}

/// One value of a field.
#[derive(Clone, Debug)]
pub(crate) struct FieldValue<'a>(ReferenceValueLeaf<'a>);

impl<'a> Value<'a> for FieldValue<'a> {
    type ArrayIter = Empty<FieldValue<'a>>;
    type ObjectIter = Empty<(&'a str, FieldValue<'a>)>;

    fn as_value(&self) -> ReferenceValue<'a, FieldValue<'a>> {
        ReferenceValue::Leaf(self.0.clone())
    }
}

impl Document for Doc {
    type Value<'a> = FieldValue<'a>;
    type FieldsValuesIter<'a> = std::vec::IntoIter<(Field, FieldValue<'a>)>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        let Doc { fields, doc, addresses, .. } = self;
        let IndexDoc { message, .. } = doc;
        let named = message.parts.iter().filter(|it| !it.name.is_empty());
        let has_attachment = message.parts.iter().any(|it| it.attachment);
        let text = |field, text| (field, FieldValue(ReferenceValueLeaf::Str(text)));
        let unsigned = |field, value| (field, FieldValue(ReferenceValueLeaf::U64(value)));
        let signed = |field, value| (field, FieldValue(ReferenceValueLeaf::I64(value)));
        let mut values = vec![
            text(fields.of(TextPlace::Subject), message.subject.as_str()),
            text(fields.of(TextPlace::Body), message.text.as_str()),
            unsigned(fields.number, u64::from(doc.n)),
            signed(fields.date, doc.date.0),
            signed(fields.archived, doc.archived.0),
            unsigned(fields.size, doc.size),
            unsigned(fields.attachment, u64::from(has_attachment)),
            unsigned(fields.message_id, message_id_number(&message.message_id_header)),
        ];
        values.extend(addresses.iter().map(|(field, it)| text(*field, it)));
        values.extend(named.map(|it| text(fields.of(TextPlace::FileName), &it.name)));
        values.into_iter()
    }
}
