//! The structure of a message: its parts, found in one pass over the bytes (RFC 2046 §5.1).
//!
//! What it is not: decoding. It hands out each part as it stands; only a nested message that is
//! itself base64 or quoted-printable is decoded here, to walk through it.
//!
//! Rules: no recursion but for those (to [`ENCODED_NESTING_MAX`]); every byte is searched once;
//! depth and number of parts are limited before anything is read; a delimiter of an outer
//! multipart ends all inner ones.

use crate::defect::Defect;
use crate::delimiter::{self, Delimiter, DelimiterFinder, end_before};
use crate::entity::{Entity, Kind, Multipart};
use crate::header;
use crate::limits::{ENCODED_NESTING_MAX, NESTING_MAX};
use crate::reading::Reading;
use crate::transfer::{self, Encoding};

/// Where a part stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The innermost `multipart/alternative` around it, by number.
    pub alternative: Option<u32>,
    /// The multipart that it is directly in; `None` for the body of a message.
    pub parent: Option<Multipart>,
}

impl Place {
    /// The body of a message.
    pub(crate) const ROOT: Place = Place { alternative: None, parent: None };
}

/// Walks through the body that begins at `start`, whose header `entity` is.
/// `encoded_depth` counts the decoded messages around it.
pub(crate) fn walk(
    reading: &mut Reading,
    bytes: &[u8],
    start: usize,
    entity: Entity,
    encoded_depth: usize,
) {
    let finder = DelimiterFinder::new();
    let walk = Walk { bytes, finder, levels: Vec::new(), messages: Vec::new(), encoded_depth };
    walk.run(reading, start, entity);
}

struct Walk<'x> {
    bytes: &'x [u8],
    finder: DelimiterFinder,
    /// The multiparts around the current position, the innermost last.
    levels: Vec<Level>,
    /// The nested messages around it.
    messages: Vec<Nested>,
    encoded_depth: usize,
}

/// A multipart.
struct Level {
    boundary: Vec<u8>,
    multipart: Multipart,
    alternative: Option<u32>,
    /// Where its body begins.
    start: usize,
    /// Whether its boundary was found.
    seen: bool,
}

/// A nested message.
struct Nested {
    /// Number of multiparts around it.
    levels: usize,
    /// Its place in the list of parts.
    part_idx: usize,
    start: usize,
}

impl Walk<'_> {
    fn run(mut self, reading: &mut Reading, start: usize, mut entity: Entity) {
        let mut pos = start;
        let mut place = Place::ROOT;
        while self.may_go_on(reading) {
            let nesting = self.levels.len() + self.messages.len();
            if nesting >= NESTING_MAX && matches!(entity.kind, Kind::Multipart(_) | Kind::Message) {
                reading.defects.add(Defect::TooDeep);
                entity.kind = Kind::Other;
            }
            if entity.kind == Kind::Message && is_readable(&entity) {
                (entity, pos) = self.enter_message(reading, &entity, pos);
                place = Place::ROOT;
                continue;
            }
            if let Kind::Multipart(multipart) = entity.kind {
                self.enter_multipart(reading, entity, multipart, place, pos);
                entity = Entity::default();
                let delimiter = self.next_delimiter(pos);
                let Some(next) = self.follow(reading, delimiter) else { break };
                (entity, place, pos) = self.part(reading, next, entity);
                continue;
            }
            let delimiter = self.next_delimiter(pos);
            let body = self.body(pos, delimiter.as_ref());
            if entity.kind == Kind::Message {
                self.read_encoded_message(reading, &entity, body);
            } else {
                reading.leaf(&entity, body, place);
            }
            let Some(next) = self.follow(reading, delimiter) else { break };
            (entity, place, pos) = self.part(reading, next, Entity::default());
        }
        self.end_levels(reading, 0, self.bytes.len());
        self.end_messages(reading, 0, self.bytes.len());
    }

    /// Counts a part. When it is one too many, the open multiparts are left as they are.
    fn may_go_on(&mut self, reading: &mut Reading) -> bool {
        let counted = reading.count_part();
        if !counted {
            self.levels.clear();
        }
        counted
    }

    fn enter_multipart(
        &mut self,
        reading: &mut Reading,
        entity: Entity,
        multipart: Multipart,
        place: Place,
        pos: usize,
    ) {
        let boundary = entity.boundary.map(|it| it.trim_ascii_end().to_vec());
        let boundary = boundary.filter(|it| !it.is_empty()).unwrap_or_else(|| {
            reading.defects.add(Defect::BoundaryMissing);
            guess_boundary(self.bytes, pos)
        });
        let alternative = match multipart {
            Multipart::Alternative => Some(reading.next_alternative()),
            _ => place.alternative,
        };
        self.levels.push(Level { boundary, multipart, alternative, start: pos, seen: false });
    }

    /// Reads the header of a nested message; gives its body.
    fn enter_message(
        &mut self,
        reading: &mut Reading,
        entity: &Entity,
        pos: usize,
    ) -> (Entity, usize) {
        let part_idx = reading.list_message(entity);
        self.messages.push(Nested { levels: self.levels.len(), part_idx, start: pos });
        let (end, body) = self.header_at(pos);
        reading.nested_header(self.bytes, pos, end, body)
    }

    /// Reads the header of the part that begins at `pos`.
    fn part(
        &mut self,
        reading: &mut Reading,
        pos: usize,
        entity: Entity,
    ) -> (Entity, Place, usize) {
        let level = self.levels.last();
        let place = Place {
            alternative: level.and_then(|it| it.alternative),
            parent: level.map(|it| it.multipart),
        };
        let entity = match place.parent {
            Some(Multipart::Digest) => Entity::of_digest(),
            _ => entity,
        };
        let (end, body) = self.header_at(pos);
        let (entity, body) = reading.part_header(self.bytes, pos, end, body, entity);
        (entity, place, body)
    }

    /// Where a header ends and its body begins. A delimiter ends both.
    fn header_at(&self, pos: usize) -> (usize, usize) {
        header::block_end(self.bytes, pos, |line| self.match_level(line).is_some())
    }

    fn read_encoded_message(&self, reading: &mut Reading, entity: &Entity, body: &[u8]) {
        let part_idx = reading.list_message(entity);
        reading.set_size(part_idx, entity.encoding.decoded_len(body));
        if self.encoded_depth >= ENCODED_NESTING_MAX {
            reading.defects.add(Defect::TooDeep);
            return;
        }
        let decoded = match entity.encoding {
            Encoding::Base64 => transfer::base64(body).0,
            _ => transfer::quoted_printable(body).0,
        };
        let (end, start) = header::block_end(&decoded, 0, |_| false);
        let (entity, start) = reading.nested_header(&decoded, 0, end, start);
        walk(reading, &decoded, start, entity, self.encoded_depth + 1);
    }

    /// The bytes of a part up to its delimiter, whose line end before it is not the part's.
    fn body(&self, pos: usize, delimiter: Option<&Delimiter>) -> &[u8] {
        let end = delimiter.map_or(self.bytes.len(), |it| end_before(self.bytes, pos, it.start));
        self.bytes.get(pos..end).unwrap_or_default()
    }

    /// The next line at or behind `pos` (the beginning of a line) that is a delimiter.
    fn next_delimiter(&self, pos: usize) -> Option<Delimiter> {
        if self.levels.is_empty() {
            return None;
        }
        self.finder.next(self.bytes, pos, |line| self.match_level(line))
    }

    fn match_level(&self, line: &[u8]) -> Option<(usize, bool)> {
        delimiter::level_of(line, self.levels.iter().map(|it| it.boundary.as_slice()))
    }

    /// Follows delimiters until one begins a part; gives where its header is.
    fn follow(&mut self, reading: &mut Reading, first: Option<Delimiter>) -> Option<usize> {
        let mut delimiter = first?;
        loop {
            self.end_levels(reading, delimiter.level + 1, delimiter.start);
            self.end_messages(reading, delimiter.level + 1, delimiter.start);
            self.levels.last_mut()?.seen = true;
            if !delimiter.closes {
                return Some(delimiter.next);
            }
            self.levels.pop();
            delimiter = self.next_delimiter(delimiter.next)?;
        }
    }

    /// Ends multiparts that were not closed, down to `count` of them.
    fn end_levels(&mut self, reading: &mut Reading, count: usize, at: usize) {
        while self.levels.len() > count {
            let Some(level) = self.levels.pop() else { return };
            if level.seen {
                reading.defects.add(Defect::MultipartUnclosed);
                continue;
            }
            // Whatever it is, it may have text in it.
            reading.defects.add(Defect::BoundaryMissing);
            let end = end_before(self.bytes, level.start, at);
            let body = self.bytes.get(level.start..end).unwrap_or_default();
            reading.leaf(&Entity::default(), body, Place::ROOT);
        }
    }

    /// Ends nested messages that have at least `levels` multiparts around them.
    fn end_messages(&mut self, reading: &mut Reading, levels: usize, at: usize) {
        while let Some(nested) = self.messages.pop_if(|it| it.levels >= levels) {
            let end = match at == self.bytes.len() {
                true => at,
                false => end_before(self.bytes, nested.start, at),
            };
            let size = u64::try_from(end.saturating_sub(nested.start)).unwrap_or(u64::MAX);
            reading.set_size(nested.part_idx, size);
        }
    }
}

/// Whether the message in this part can be read in place.
fn is_readable(entity: &Entity) -> bool {
    matches!(entity.encoding, Encoding::Identity | Encoding::Unknown)
}

/// For a multipart that names no boundary: what follows the `--` of the first line that begins
/// with them, near the start. When there is none, something that no line can hold.
fn guess_boundary(bytes: &[u8], start: usize) -> Vec<u8> {
    const LINES_MAX: usize = 20;
    let mut pos = start;
    for _ in 0..LINES_MAX {
        let Some((line, next)) = header::line_at(bytes, pos) else { break };
        // RFC 2046 §5.1.1: at most 70 characters.
        if let Some(rest) = line.strip_prefix(b"--")
            && (1..=70).contains(&rest.trim_ascii_end().len())
        {
            return rest.trim_ascii_end().to_vec();
        }
        pos = next;
    }
    b"\n".to_vec()
}
