//! What is read of a message, field by field and part by part, until it is a [`Message`].
//!
//! Rules: limits hold while reading, not afterwards; text parts come first in the text, then
//! HTML parts, each group in the order of the message.

use std::ops::Range;

use types::limits::INDEX_TEXT_BYTES_MAX;
use types::{Address, Timestamp};

use crate::charset;
use crate::date;
use crate::defect::{Defect, Defects};
use crate::entity::{Disposition, Entity, Kind, Multipart};
use crate::header::{self, Line, Name};
use crate::html;
use crate::library;
use crate::limits;
use crate::transfer::{self, Encoding};
use crate::vocabulary;
use crate::walk::Place;
use crate::words;
use crate::{Message, Part};

/// A message while it is read.
#[derive(Default)]
pub(crate) struct Reading {
    pub defects: Defects,
    message: Message,
    n_parts: usize,
    n_alternatives: u32,
    /// Where the text of text parts inside alternatives stands in the text.
    alternatives: Vec<(u32, Range<usize>)>,
    /// Text of HTML parts, each with its alternative.
    html: Vec<(Option<u32>, String)>,
    html_bytes: usize,
    sender: Vec<Address>,
    in_reply_to: Vec<String>,
    received: Option<Timestamp>,
    dates: u32,
}

impl Reading {
    /// Reads the header of the message itself, `bytes[..end]`; gives its body's description and
    /// where that begins.
    pub(crate) fn root_header(&mut self, bytes: &[u8], end: usize, body: usize) -> (Entity, usize) {
        let mut entity = Entity::default();
        let block = bytes.get(..end).unwrap_or_default();
        if !self.is_header(block) {
            self.defects.add(if bytes.is_empty() { Defect::Empty } else { Defect::NoHeader });
            return (entity, 0);
        }
        let mut subjects = 0;
        let block = self.limited_block(block);
        for line in header::lines(block) {
            match self.field(line) {
                Some((Name::Subject, value)) => {
                    subjects += 1;
                    self.subject(value, subjects);
                }
                Some((name, value)) => {
                    self.root_field(name, value);
                    entity.take(name, value, &mut self.defects);
                }
                None => {}
            }
        }
        self.finish_header();
        (entity, body)
    }

    /// Reads the header of a message inside this one: its subject and addresses are text.
    pub(crate) fn nested_header(
        &mut self,
        bytes: &[u8],
        start: usize,
        end: usize,
        body: usize,
    ) -> (Entity, usize) {
        let mut entity = Entity::default();
        let block = bytes.get(start..end).unwrap_or_default();
        if !self.is_header(block) {
            self.defects.add_if(!block.is_empty(), Defect::MalformedHeader);
            return (entity, if block.is_empty() { body } else { start });
        }
        let block = self.limited_block(block);
        for line in header::lines(block) {
            let Some((name, value)) = self.field(line) else { continue };
            match name {
                Name::Subject => {
                    let subject = words::text(value, &mut self.defects);
                    self.push_line(&subject);
                }
                Name::From | Name::Sender | Name::To | Name::Cc | Name::Bcc => {
                    for Address { name, addr } in self.addresses(value) {
                        self.push_line(&name);
                        self.push_line(&addr);
                    }
                }
                _ => entity.take(name, value, &mut self.defects),
            }
        }
        (entity, body)
    }

    /// Reads the header of a part, which is `entity` as far as it does not say otherwise.
    pub(crate) fn part_header(
        &mut self,
        bytes: &[u8],
        start: usize,
        end: usize,
        body: usize,
        mut entity: Entity,
    ) -> (Entity, usize) {
        let block = bytes.get(start..end).unwrap_or_default();
        if block.is_empty() {
            return (entity, body);
        }
        if !self.is_header(block) {
            self.defects.add(Defect::MalformedHeader);
            return (entity, start);
        }
        let block = self.limited_block(block);
        for line in header::lines(block) {
            if let Some((name, value)) = self.field(line) {
                entity.take(name, value, &mut self.defects);
            }
        }
        (entity, body)
    }

    /// Whether a block is a header: it begins with a field (an mbox separator aside), or has one
    /// that matters.
    fn is_header(&self, block: &[u8]) -> bool {
        let mut lines = header::lines(block);
        match lines.next() {
            None => false,
            Some(Line::Field { .. }) => true,
            Some(Line::Malformed(_)) => lines.take(limits::PARTS_MAX).any(
                |it| matches!(it, Line::Field { name, .. } if header::name(name) != Name::Other),
            ),
        }
    }

    fn limited_block<'x>(&mut self, block: &'x [u8]) -> &'x [u8] {
        self.defects.add_if(block.len() > limits::HEADER_BYTES_MAX, Defect::HeaderTooLong);
        block.get(..limits::HEADER_BYTES_MAX).unwrap_or(block)
    }

    /// A field with its value, not longer than the limit. What is no field is text.
    fn field<'x>(&mut self, line: Line<'x>) -> Option<(Name, &'x [u8])> {
        match line {
            Line::Field { name, value, .. } => {
                let name = header::name(name);
                if value.len() <= limits::FIELD_BYTES_MAX {
                    return Some((name, value));
                }
                self.defects.add(Defect::HeaderTooLong);
                Some((name, value.get(..limits::FIELD_BYTES_MAX).unwrap_or_default()))
            }
            // The separator line of an mbox is known and has nothing to find.
            Line::Malformed(line) if line.starts_with(b"From ") || line.starts_with(b">From ") => {
                None
            }
            Line::Malformed(line) => {
                self.defects.add(Defect::MalformedHeader);
                self.push_line(&charset::unsaid(line.trim_ascii()));
                None
            }
        }
    }

    fn subject(&mut self, value: &[u8], count: usize) {
        let mut subject = words::text(value, &mut self.defects);
        if count > 1 {
            self.defects.add(Defect::RepeatedField);
            return self.push_line(&subject);
        }
        words::shorten(&mut subject, limits::SUBJECT_BYTES_MAX, &mut self.defects);
        self.message.subject = subject;
    }

    fn root_field(&mut self, name: Name, value: &[u8]) {
        match name {
            Name::From => {
                self.defects.add_if(!self.message.from.is_empty(), Defect::RepeatedField);
                let found = self.addresses(value);
                self.keep(found, |it| &mut it.message.from);
            }
            Name::Sender => self.sender = self.addresses(value),
            Name::To => {
                let found = self.addresses(value);
                self.keep(found, |it| &mut it.message.to);
            }
            Name::Cc => {
                let found = self.addresses(value);
                self.keep(found, |it| &mut it.message.cc);
            }
            Name::Bcc => {
                let found = self.addresses(value);
                self.keep(found, |it| &mut it.message.bcc);
            }
            Name::Date => self.date(value),
            Name::Received if self.received.is_none() => self.received = received(value),
            Name::MessageId if self.message.message_id_header.is_empty() => {
                self.message.message_id_header =
                    self.ids(value).into_iter().next().unwrap_or_default();
            }
            Name::References => {
                let ids = self.ids(value);
                self.references(ids);
            }
            Name::InReplyTo => self.in_reply_to = self.ids(value),
            _ => {}
        }
    }

    fn date(&mut self, value: &[u8]) {
        self.dates += 1;
        if self.dates > 1 {
            return self.defects.add(Defect::RepeatedField);
        }
        self.message.date = date::parse_date(&charset::unsaid(value));
        self.defects.add_if(self.message.date.is_none(), Defect::WrongDate);
    }

    fn addresses(&mut self, value: &[u8]) -> Vec<Address> {
        let field = words::joined(value, &mut self.defects);
        let defects = &mut self.defects;
        let mut found = Vec::new();
        library::addresses(&field, |name, addr| {
            if found.len() == limits::ADDRESSES_MAX {
                return defects.add(Defect::TooManyAddresses);
            }
            let mut address = Address { name: words::tidy(name), addr: words::tidy(addr) };
            words::shorten(&mut address.name, limits::NAME_BYTES_MAX, defects);
            words::shorten(&mut address.addr, limits::NAME_BYTES_MAX, defects);
            if !address.name.is_empty() || !address.addr.is_empty() {
                found.push(address);
            }
        });
        found
    }

    /// Adds addresses to a list, up to the limit.
    fn keep(&mut self, mut found: Vec<Address>, list: fn(&mut Reading) -> &mut Vec<Address>) {
        let kept = list(self);
        if kept.is_empty() {
            *kept = found;
            return;
        }
        let room = limits::ADDRESSES_MAX.saturating_sub(kept.len());
        let too_many = found.len() > room;
        found.truncate(room);
        kept.append(&mut found);
        self.defects.add_if(too_many, Defect::TooManyAddresses);
    }

    /// The Message-IDs in a field (RFC 5322 §3.6.4), or its words when there are none.
    fn ids(&mut self, value: &[u8]) -> Vec<String> {
        let text = words::tidy(&charset::unsaid(value));
        let in_brackets = text.split('<').skip(1).filter_map(|it| it.split_once('>'));
        let mut ids: Vec<&str> = in_brackets.map(|(id, _)| id).collect();
        if ids.is_empty() {
            ids = text.split_whitespace().collect();
        }
        self.defects.add_if(ids.len() > limits::REFERENCES_MAX, Defect::TooManyAddresses);
        let mut shortened = |id: &&str| {
            let mut id = id.split_whitespace().collect::<String>();
            words::shorten(&mut id, limits::MESSAGE_ID_BYTES_MAX, &mut self.defects);
            id
        };
        ids.iter().take(limits::REFERENCES_MAX).map(&mut shortened).collect()
    }

    fn references(&mut self, ids: Vec<String>) {
        for id in ids {
            let kept = &mut self.message.references;
            if kept.len() < limits::REFERENCES_MAX && !kept.contains(&id) {
                kept.push(id);
            }
        }
    }

    /// What can be said only when all fields are known.
    fn finish_header(&mut self) {
        if self.message.from.is_empty() {
            self.message.from = std::mem::take(&mut self.sender);
        }
        let in_reply_to = std::mem::take(&mut self.in_reply_to);
        self.references(in_reply_to);
        self.defects.add_if(self.dates == 0, Defect::NoDate);
        if self.message.date.is_some_and(|it| date::is_absurd(it, self.received)) {
            self.defects.add(Defect::WrongDate);
            self.message.date = None;
        }
        self.message.date = self.message.date.or(self.received);
    }

    /// Counts a part; `false` when it is one too many.
    pub(crate) fn count_part(&mut self) -> bool {
        self.n_parts += 1;
        let fits = self.n_parts <= limits::PARTS_MAX;
        self.defects.add_if(!fits, Defect::TooManyParts);
        fits
    }

    /// A number for an alternative.
    pub(crate) fn next_alternative(&mut self) -> u32 {
        self.n_alternatives += 1;
        self.n_alternatives
    }

    /// Takes a nested message into the list of parts; gives its place there.
    pub(crate) fn list_message(&mut self, entity: &Entity) -> usize {
        self.list(entity, 0, true);
        self.message.parts.len() - 1
    }

    /// Sets the size of a part that is known only at its end.
    pub(crate) fn set_size(&mut self, part_idx: usize, size: u64) {
        if let Some(part) = self.message.parts.get_mut(part_idx) {
            part.size = size;
        }
    }

    fn list(&mut self, entity: &Entity, size: u64, attachment: bool) {
        let (name, media_type) = (entity.name.clone(), entity.media_type.clone());
        self.message.parts.push(Part { name, media_type, size, attachment });
    }

    /// Takes a part that is neither multipart nor message.
    pub(crate) fn leaf(&mut self, entity: &Entity, body: &[u8], place: Place) {
        let is_text = matches!(entity.kind, Kind::Text | Kind::Html);
        let is_body = is_text
            && (place.parent.is_none() || entity.disposition != Some(Disposition::Attachment));
        if !entity.name.is_empty() || !is_body {
            let attachment = is_attachment(entity, is_text, place);
            self.list(entity, entity.encoding.decoded_len(body), attachment);
        }
        match entity.kind {
            Kind::Html if is_body => self.html(entity, body, place),
            Kind::Text if is_body => self.text(entity, body, place),
            _ => {}
        }
    }

    fn text(&mut self, entity: &Entity, body: &[u8], place: Place) {
        let start = self.message.text.len();
        let room = INDEX_TEXT_BYTES_MAX.saturating_sub(start);
        let decoded = self.decode(entity, body, room);
        let text = charset::decode(&entity.charset, &decoded, &mut self.defects);
        self.push_line(&text);
        if let Some(alternative) = place.alternative {
            self.alternatives.push((alternative, start..self.message.text.len()));
        }
    }

    fn html(&mut self, entity: &Entity, body: &[u8], place: Place) {
        let room = limits::HTML_BYTES_MAX.saturating_sub(self.html_bytes);
        let decoded = self.decode(entity, body, room);
        self.html_bytes += decoded.len();
        let source = charset::decode(&entity.charset, &decoded, &mut self.defects);
        let mut text = String::with_capacity(source.len() / 4);
        let whole = html::push_text(&mut text, &source, INDEX_TEXT_BYTES_MAX);
        self.defects.add_if(!whole, Defect::TextShortened);
        self.html.push((place.alternative, text));
    }

    /// Undoes the transfer encoding, of no more than gives `room` bytes.
    fn decode<'x>(
        &mut self,
        entity: &Entity,
        body: &'x [u8],
        room: usize,
    ) -> std::borrow::Cow<'x, [u8]> {
        let encoded_max = match entity.encoding {
            Encoding::Identity | Encoding::Unknown => room,
            // Four digits and now and then a line end for three bytes.
            Encoding::Base64 => room.saturating_mul(3) / 2,
            Encoding::QuotedPrintable => room.saturating_mul(3),
        };
        self.defects.add_if(body.len() > encoded_max, Defect::TextShortened);
        let body = body.get(..encoded_max).unwrap_or(body);
        match entity.encoding {
            Encoding::Identity | Encoding::Unknown => body.into(),
            Encoding::Base64 => {
                let (decoded, broken) = transfer::base64(body);
                self.defects.add_if(broken, Defect::BrokenBase64);
                decoded.into()
            }
            Encoding::QuotedPrintable => {
                let (decoded, broken) = transfer::quoted_printable(body);
                self.defects.add_if(broken, Defect::BrokenQuotedPrintable);
                decoded.into()
            }
        }
    }

    /// Appends text and a line end, up to the limit.
    fn push_line(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let out = &mut self.message.text;
        let room = INDEX_TEXT_BYTES_MAX.saturating_sub(out.len() + 1);
        let end = text.floor_char_boundary(room);
        out.push_str(text.get(..end).unwrap_or_default());
        if !out.ends_with('\n') {
            out.push('\n');
        }
        self.defects.add_if(end < text.len(), Defect::TextShortened);
    }

    /// The message, when all of it was read.
    pub(crate) fn finish(mut self) -> (Message, Defects) {
        for (alternative, text) in std::mem::take(&mut self.html) {
            match alternative.map(|it| self.plain_text_of(it)).filter(|it| !it.is_empty()) {
                None => self.push_line(&text),
                Some(plain) => {
                    let more = vocabulary::what_more(&plain, &text);
                    self.push_line(&more);
                }
            }
        }
        (self.message, self.defects)
    }

    /// The text of the text parts of an alternative.
    fn plain_text_of(&self, alternative: u32) -> String {
        let of_it = self.alternatives.iter().filter(|(it, _)| *it == alternative);
        of_it.filter_map(|(_, range)| self.message.text.get(range.clone())).collect()
    }
}

/// The moment in a `Received` field: what follows its last semicolon (RFC 5321 §4.4).
fn received(value: &[u8]) -> Option<Timestamp> {
    let at = memchr::memrchr(b';', value)?;
    date::parse_date(&charset::unsaid(value.get(at + 1..)?))
}

/// Whether a part counts as an attachment: against the text that people read, a picture inside
/// it, and a signature over it.
fn is_attachment(entity: &Entity, is_text: bool, place: Place) -> bool {
    if entity.disposition == Some(Disposition::Attachment) {
        return place.parent != Some(Multipart::Signed) || !is_signature(entity);
    }
    if is_text {
        return entity.disposition.is_none() && !entity.name.is_empty() && place.parent.is_some();
    }
    let in_picture = place.parent == Some(Multipart::Related)
        && (entity.has_content_id || entity.disposition == Some(Disposition::Inline));
    !in_picture && !(place.parent == Some(Multipart::Signed) && is_signature(entity))
}

/// RFC 3156 §5, RFC 8551 §3.5.3.
fn is_signature(entity: &Entity) -> bool {
    matches!(
        entity.media_type.as_str(),
        "application/pgp-signature"
            | "application/pkcs7-signature"
            | "application/x-pkcs7-signature"
    )
}
