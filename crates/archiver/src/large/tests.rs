#![allow(clippy::cast_possible_truncation, reason = "the numbers are small")]

use frames::EncodedSkeleton;
use ports::Found;
use types::{EntryNumber, Position};

use super::*;

/// A log that has nothing.
struct EmptyLog;

impl Log for EmptyLog {
    fn find(&self, _: &BlobId) -> Result<Option<Found>, LogError> {
        Ok(None)
    }

    async fn append(&self, _: Vec<Change>) -> Result<Vec<EntryNumber>, LogError> {
        Ok(Vec::new())
    }

    fn position(&self) -> Position {
        Position::default()
    }
}

struct Cut {
    id: BlobId,
    size: u64,
    head: Vec<u8>,
    skeleton: EncodedSkeleton,
    changes: Vec<Change>,
}

fn cut(bytes: &[u8], step: usize) -> Cut {
    let mut chunker = Chunker::new(Arc::new(EmptyLog));
    let mut changes = Vec::new();
    for piece in bytes.chunks(step) {
        changes.extend(chunker.push(piece).unwrap());
    }
    let (last, body) = chunker.end(None).unwrap();
    changes.extend(last);
    let ArrivedBody::Large(Large { id, size, body, head, .. }) = body else { panic!("small") };
    let NewBody::Split(skeleton) = body else { panic!("not split") };
    Cut { id, size, head, skeleton, changes }
}

/// Bytes without a line of base64, each chunk another one.
fn noise(n: usize) -> Vec<u8> {
    (0..n).map(|it| ((it * it / 7 + it / 509) % 251) as u8).collect()
}

#[test]
fn pieces_do_not_depend_on_how_the_bytes_come() {
    let bytes = noise(CHUNK_BYTES * 3 + 17);
    let whole = cut(&bytes, bytes.len());
    assert_eq!(whole.id, BlobId::of(&bytes));
    assert_eq!(whole.size, bytes.len() as u64);
    assert_eq!(whole.head, bytes);
    let lengths: Vec<u64> = whole.skeleton.parts.iter().map(|it| it.1).collect();
    assert_eq!(lengths, [CHUNK_BYTES as u64; 3], "and 17 bytes in the skeleton");
    for step in [4_096, CHUNK_BYTES, CHUNK_BYTES + 1] {
        assert_eq!(cut(&bytes, step).skeleton, whole.skeleton, "{step}");
    }
    let exact = cut(&bytes[..CHUNK_BYTES * 2], 1 << 20);
    assert_eq!(exact.skeleton.parts.len(), 2, "no empty part at the end");
}

#[test]
fn an_attachment_becomes_chunks_of_what_it_decodes_to() {
    let content = noise(CHUNK_BYTES * 2 + 1_001);
    let mut mail = b"Subject: large\r\n\r\n".to_vec();
    let mut joiner = Joiner::new(&message::parts::Form {
        line_ends: message::parts::LineEnds::Kept,
        encoding: message::parts::Encoding::Base64(message::parts::Breaks {
            line_len: 76,
            line_end: message::parts::LineEnd::Crlf,
            is_padded: true,
        }),
    });
    joiner.push(&content, &mut mail);
    joiner.end(&mut mail);
    mail.extend(b"\r\n");
    for step in [10_000, 1 << 20] {
        let cut = cut(&mail, step);
        assert_eq!(cut.skeleton.parts, [(BlobId::of(&content), content.len() as u64)]);
        let n_chunks = cut.changes.iter().filter(|it| matches!(it, Change::Chunk(_))).count();
        assert_eq!(n_chunks, 3, "in steps of {step}");
    }
}

#[test]
fn the_head_is_limited() {
    let bytes = vec![b'x'; PARSE_BYTES_MAX + CHUNK_BYTES];
    assert_eq!(cut(&bytes, CHUNK_BYTES).head.len(), PARSE_BYTES_MAX);
}
