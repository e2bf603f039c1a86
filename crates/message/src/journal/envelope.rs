//! The text of a journal report: one line for each thing known about a message.
//!
//! What it is not: strict. Labels that are not known are passed over, lines may be folded or
//! missing, in any order.

use super::{
    ADDRESSES_MAX, Addressing, JournalEnvelope, JournalRecipient, MESSAGE_ID_BYTES_MAX,
    NAME_BYTES_MAX, SUBJECT_BYTES_MAX, Via, shortened,
};

/// Reads the text of a report.
///
/// Of a line that can be there once the first one counts. Recipients beyond the limit of
/// addresses are left out.
pub(super) fn read(text: &str) -> JournalEnvelope {
    let mut envelope = JournalEnvelope::default();
    for line in unfolded(text) {
        let Some((label, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match label.trim().to_ascii_lowercase().as_str() {
            "sender" => set(&mut envelope.sender, address(value)),
            "on-behalf-of" => {
                let by = address(value);
                if envelope.on_behalf_of.is_none() && !by.is_empty() {
                    envelope.on_behalf_of = Some(by);
                }
            }
            "subject" => set(&mut envelope.subject, shortened(value, SUBJECT_BYTES_MAX)),
            "message-id" => {
                let id = value.trim_matches(['<', '>']).trim();
                set(&mut envelope.message_id, shortened(id, MESSAGE_ID_BYTES_MAX));
            }
            "to" => add(&mut envelope, Addressing::To, value),
            "cc" => add(&mut envelope, Addressing::Cc, value),
            "bcc" => add(&mut envelope, Addressing::Bcc, value),
            "recipient" | "recipients" => add(&mut envelope, Addressing::Unsaid, value),
            _ => (),
        }
    }
    envelope
}

fn set(place: &mut String, value: String) {
    if place.is_empty() {
        *place = value;
    }
}

/// The lines of a text; one that begins with white space goes on with the one before.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) && !last.is_empty() => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// The recipients of a line: an address with its way, or several addresses.
fn add(envelope: &mut JournalEnvelope, addressing: Addressing, value: &str) {
    for item in items(value) {
        let way = item.split_once(':').and_then(|(label, by)| {
            match label.trim().to_ascii_lowercase().as_str() {
                "expanded" => Some(Via::Expanded(address(by))),
                "forwarded" => Some(Via::Forwarded(address(by))),
                _ => None,
            }
        });
        if way.is_some() {
            if let Some(last) = envelope.recipients.last_mut() {
                last.via = way;
            }
            continue;
        }
        let address = address(item);
        if !address.is_empty() && envelope.recipients.len() < ADDRESSES_MAX {
            envelope.recipients.push(JournalRecipient { address, addressing, via: None });
        }
    }
}

/// The items of a line between commas, which may stand in quotes and brackets too.
fn items(value: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let (mut start, mut quoted, mut bracketed) = (0, false, false);
    for (at, c) in value.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            ',' | ';' if !quoted && !bracketed => {
                items.push(value.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => (),
        }
    }
    items.push(value.get(start..).unwrap_or_default());
    items
}

/// An address without a display name, brackets and the kind that Exchange may put before it.
fn address(text: &str) -> String {
    let text = text.trim();
    let inner = text.strip_suffix('>').and_then(|it| it.rsplit_once('<')).map(|(_, it)| it);
    let text = inner.unwrap_or(text).trim();
    let kind = text.get(..5).filter(|it| it.eq_ignore_ascii_case("smtp:"));
    let text = text.get(kind.map_or(0, str::len)..).unwrap_or_default().trim();
    shortened(text, NAME_BYTES_MAX)
}
