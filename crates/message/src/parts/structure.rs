//! Where the bodies of a message stand that have no parts of their own (RFC 2046 §5.1).
//!
//! What it is not: the parser. It reads only what splitting needs, and where it is mistaken, a part
//! begins or ends elsewhere and the bytes are the same.

use crate::defect::Defects;
use crate::delimiter::{self, Delimiter, DelimiterFinder, end_before};
use crate::entity::{Disposition, Entity, Kind, Multipart};
use crate::header::{self, Line};
use crate::limits::{HEADER_BYTES_MAX, NESTING_MAX, PARTS_MAX};
use crate::transfer::Encoding;

/// A body without parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    pub(super) start: usize,
    /// Without the line end before its delimiter.
    pub(super) end: usize,
    pub(super) encoding: Encoding,
    /// Whether it is an attachment, against text that is shown.
    pub(super) is_attachment: bool,
}

/// The bodies of a message, in order.
pub(super) fn leaves(bytes: &[u8]) -> Vec<Leaf> {
    let finder = DelimiterFinder::new();
    Walk { bytes, finder, boundaries: Vec::new(), leaves: Vec::new() }.run()
}

struct Walk<'x> {
    bytes: &'x [u8],
    finder: DelimiterFinder,
    /// Of the multiparts around the current position, the innermost last, with what a part
    /// without a type is in them.
    boundaries: Vec<(Vec<u8>, bool)>,
    leaves: Vec<Leaf>,
}

impl Walk<'_> {
    fn run(mut self) -> Vec<Leaf> {
        let mut pos = 0;
        for _ in 0..PARTS_MAX {
            let (entity, body) = self.header(pos);
            let is_deep = NESTING_MAX <= self.boundaries.len();
            let is_identity = matches!(entity.encoding, Encoding::Identity | Encoding::Unknown);
            pos = body;
            match (entity.kind, &entity.boundary) {
                (Kind::Message, _) if is_identity => continue,
                (Kind::Multipart(kind), Some(boundary)) if !is_deep => {
                    let boundary = boundary.trim_ascii_end().to_vec();
                    self.boundaries.push((boundary, kind == Multipart::Digest));
                    let first = self.delimiter(body);
                    let Some(next) = self.follow(first) else { break };
                    pos = next;
                    continue;
                }
                _ => (),
            }
            let delimiter = self.delimiter(body);
            let end = delimiter
                .as_ref()
                .map_or(self.bytes.len(), |it| end_before(self.bytes, body, it.start));
            let Entity { encoding, kind, disposition, name, .. } = entity;
            let is_attachment = !matches!(kind, Kind::Text | Kind::Html)
                || disposition == Some(Disposition::Attachment)
                || !name.is_empty();
            self.leaves.push(Leaf { start: body, end: end.max(body), encoding, is_attachment });
            let Some(next) = self.follow(delimiter) else { break };
            pos = next;
        }
        self.leaves
    }

    /// Reads the header at `pos`; says where its body begins.
    fn header(&self, pos: usize) -> (Entity, usize) {
        let stops = |line: &[u8]| self.level_of(line).is_some();
        let (end, body) = header::block_end(self.bytes, pos, stops);
        let block = self.bytes.get(pos..end.min(pos + HEADER_BYTES_MAX)).unwrap_or_default();
        let in_digest = self.boundaries.last().is_some_and(|it| it.1);
        let mut entity = if in_digest { Entity::of_digest() } else { Entity::default() };
        let mut defects = Defects::default();
        for line in header::lines(block) {
            if let Line::Field { name, value, .. } = line {
                entity.take(header::name(name), value, &mut defects);
            }
        }
        (entity, body)
    }

    fn delimiter(&self, pos: usize) -> Option<Delimiter> {
        if self.boundaries.is_empty() {
            return None;
        }
        self.finder.next(self.bytes, pos, |line| self.level_of(line))
    }

    fn level_of(&self, line: &[u8]) -> Option<(usize, bool)> {
        delimiter::level_of(line, self.boundaries.iter().map(|(it, _)| it.as_slice()))
    }

    /// Follows delimiters until one begins a part; gives where its header is.
    fn follow(&mut self, first: Option<Delimiter>) -> Option<usize> {
        let mut delimiter = first?;
        loop {
            self.boundaries.truncate(delimiter.level + 1);
            if !delimiter.closes {
                return Some(delimiter.next);
            }
            self.boundaries.pop();
            delimiter = self.delimiter(delimiter.next)?;
        }
    }
}
