//! The header fields of a message, of its parts, and of messages inside it.

use types::{Address, Timestamp};

use super::Reading;
use crate::charset;
use crate::date;
use crate::defect::Defect;
use crate::entity::Entity;
use crate::header::{self, Line, Name};
use crate::library;
use crate::limits;
use crate::words;

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
                self.message.message_id_header = self.message_id(value);
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

    /// The one Message-ID of a field, or all of it when it has none.
    fn message_id(&mut self, value: &[u8]) -> String {
        if let Some(id) = self.ids(value).into_iter().next().filter(|_| value.contains(&b'<')) {
            return id;
        }
        let mut text = words::tidy(&charset::unsaid(value));
        words::shorten(&mut text, limits::MESSAGE_ID_BYTES_MAX, &mut self.defects);
        text
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
}

/// The moment in a `Received` field: what follows its last semicolon (RFC 5321 §4.4).
fn received(value: &[u8]) -> Option<Timestamp> {
    let at = memchr::memrchr(b';', value)?;
    date::parse_date(&charset::unsaid(value.get(at + 1..)?))
}
