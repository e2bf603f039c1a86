//! What is read of a message, field by field and part by part, until it is a [`Message`].
//!
//! Rules: limits hold while reading, not afterwards; text parts come first in the text, then
//! HTML parts, each group in the order of the message.

mod fields;

use std::borrow::Cow;
use std::ops::Range;

use types::limits::INDEX_TEXT_BYTES_MAX;
use types::{Address, Timestamp};

use crate::charset;
use crate::defect::{Defect, Defects};
use crate::entity::{Disposition, Entity, Kind, Multipart};
use crate::html;
use crate::limits;
use crate::transfer::{self, Encoding};
use crate::vocabulary;
use crate::walk::Place;
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
    fn decode<'x>(&mut self, entity: &Entity, body: &'x [u8], room: usize) -> Cow<'x, [u8]> {
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
    let over_parts = place.parent == Some(Multipart::Signed) && is_signature(entity);
    !(in_picture || over_parts)
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
