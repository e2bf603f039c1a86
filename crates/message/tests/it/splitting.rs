//! What holds for any bytes that are split. The fuzz target `message_split` runs this very function.

use message::parts::{Event, Joiner, Splitter, split};

/// Splits `bytes` at once and in pieces: what comes out joins to them.
pub(crate) fn check(bytes: &[u8]) {
    if let Some(pieces) = split(bytes) {
        let mut joined = Vec::new();
        for piece in &pieces {
            let mut joiner = Joiner::new(&piece.form);
            // As a reader gets it: in pieces.
            for content in piece.content.chunks(997) {
                joiner.push(content, &mut joined);
            }
            joiner.end(&mut joined);
        }
        assert!(joined == bytes, "the pieces of {} bytes are not these bytes", bytes.len());
    }
    for len in [bytes.len().max(1), 61] {
        assert!(streamed(bytes, len) == bytes, "in pieces of {len} bytes it joins to others");
    }
}

fn streamed(bytes: &[u8], len: usize) -> Vec<u8> {
    let mut joined = Vec::new();
    let mut joiner: Option<Joiner> = None;
    let mut take = |event: Event<'_>| match (event, &mut joiner) {
        (Event::Literal(bytes), None) => joined.extend_from_slice(bytes),
        (Event::Begin(form), slot @ None) => *slot = Some(Joiner::new(&form)),
        (Event::Content(content), Some(joiner)) => joiner.push(content, &mut joined),
        (Event::End(form), slot @ Some(_)) => {
            if let Some(mut joiner) = slot.take() {
                joiner.end_as(&form, &mut joined);
            }
        }
        (event, _) => panic!("out of turn: {event:?}"),
    };
    let mut splitter = Splitter::default();
    for piece in bytes.chunks(len) {
        splitter.push(piece, &mut take);
    }
    splitter.end(&mut take);
    joined
}
