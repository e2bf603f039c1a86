//! DATA and BDAT: the bytes of a message.
//!
//! Rules: a message that is refused is read to its end, so that the answer is not taken for that
//! of another command; nothing of it is kept. Of BDAT every announced octet is read, whether it
//! is wanted or not (RFC 3030 §2).

use super::{Asked, Incoming, Session, State, Step};
use crate::content::DotDecoder;
use crate::delivery::Refusal;
use crate::envelope::Body;
use crate::policy::BareLineEnds;

impl Session {
    pub(super) fn begin_data(&mut self) -> Step {
        let Some(envelope) = self.envelope.clone() else {
            return self.answered(503, "5.5.1", "MAIL comes first");
        };
        if self.incoming.is_some() {
            return self.answered(503, "5.5.1", "the message began with BDAT");
        }
        if envelope.recipients.is_empty() {
            return self.answered(554, "5.5.1", "there are no recipients");
        }
        if envelope.body == Body::BinaryMime {
            return self.answered(503, "5.5.1", "BINARYMIME needs BDAT");
        }
        self.state = State::Asked(Asked::BeginData);
        Step::Begin(Box::new(envelope))
    }

    pub(super) fn begin_chunk(&mut self, bytes: u64, last: bool) -> Step {
        let chunk = State::Chunk { left: bytes, all: bytes, last };
        let ready = self.envelope.clone().filter(|it| !it.recipients.is_empty());
        match ready {
            // Without a message to belong to, its octets are passed over.
            None => self.state = chunk,
            Some(_) if self.incoming.is_some() => self.state = chunk,
            Some(envelope) => {
                self.state = State::Asked(Asked::BeginChunk { bytes, last });
                return Step::Begin(Box::new(envelope));
            }
        }
        Step::Answered
    }

    /// Answers [`Step::Begin`].
    pub fn begun(&mut self, verdict: Result<(), Refusal>) {
        match std::mem::replace(&mut self.state, State::Command) {
            State::Asked(Asked::BeginData) => match verdict {
                Ok(()) => {
                    self.incoming = Some(Incoming::default());
                    self.state = State::Data(DotDecoder::new());
                    self.line("354 send it, and end with CR LF . CR LF");
                }
                Err(refusal) => self.refuse_message(refusal),
            },
            State::Asked(Asked::BeginChunk { bytes, last }) => {
                let refusal = verdict.err();
                self.incoming = Some(Incoming { refusal, ..Incoming::default() });
                self.state = State::Chunk { left: bytes, all: bytes, last };
            }
            other => self.state = other,
        }
        self.settle();
    }

    /// Says after a [`Step::Piece`] that the message cannot be kept, and was dropped.
    pub fn fail(&mut self, refusal: Refusal) {
        if let Some(incoming) = &mut self.incoming {
            incoming.refusal.get_or_insert(refusal);
        }
    }

    pub(super) fn data(&mut self, input: &[u8]) -> (usize, Step) {
        let State::Data(decoder) = &mut self.state else { return (0, Step::Input) };
        let mut content = Vec::with_capacity(input.len().saturating_add(1));
        let n = decoder.take(input, &mut content);
        let (done, bare) = (decoder.is_done(), decoder.has_bare_line_end());
        if done {
            self.state = State::Ended;
        }
        (n, self.content(content, bare))
    }

    pub(super) fn chunk(&mut self, input: &[u8]) -> (usize, Step) {
        let State::Chunk { left, .. } = &mut self.state else { return (0, Step::Input) };
        let take = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
        *left = left.saturating_sub(u64::try_from(take).unwrap_or(u64::MAX));
        let piece = input.get(..take).unwrap_or_default();
        let Some(incoming) = &mut self.incoming else { return (take, Step::Answered) };
        let (after_cr, bare) = bare_line_end(incoming.after_cr, piece);
        incoming.after_cr = after_cr;
        (take, self.content(piece.to_vec(), bare))
    }

    /// All octets of a chunk were passed on.
    pub(super) fn chunk_is_read(&mut self, bytes: u64, last: bool) -> Step {
        if last {
            self.state = State::Ended;
            // A CR at the very end stands alone.
            let bare = self.incoming.is_some_and(|it| it.after_cr);
            return self.content(Vec::new(), bare);
        }
        self.state = State::Command;
        match self.incoming.map(|it| it.refusal) {
            Some(None) => {
                if 0 < bytes {
                    // It brought us nearer to a message.
                    self.n_commands = self.n_commands.saturating_sub(1);
                }
                self.reply(250, "2.0.0", &format!("{bytes} octets received"));
            }
            Some(Some(refusal)) => self.refuse_message(refusal),
            None => self.reply(503, "5.5.1", "there is no message that this belongs to"),
        }
        self.settle();
        Step::Answered
    }

    /// Passes content on, within the limits.
    fn content(&mut self, content: Vec<u8>, bare: bool) -> Step {
        let bytes_max = self.config.limits.message_bytes_max;
        let refuses_bare = self.config.policy.bare_line_ends == BareLineEnds::Refuse;
        let Some(incoming) = &mut self.incoming else { return Step::Answered };
        if incoming.refusal.is_some() {
            return Step::Answered;
        }
        let n = u64::try_from(content.len()).unwrap_or(u64::MAX);
        incoming.bytes = incoming.bytes.saturating_add(n);
        if bytes_max < incoming.bytes {
            incoming.refusal = Some(Refusal::TooLarge);
        } else if bare && refuses_bare {
            incoming.refusal = Some(Refusal::BareLineEnd);
        } else if content.is_empty() {
            return Step::Answered;
        } else {
            return Step::Piece(content);
        }
        Step::Abandon
    }

    /// The content has been passed on: asks for the outcome, or refuses.
    pub(super) fn end(&mut self) -> Step {
        match self.incoming.map(|it| it.refusal) {
            Some(None) => {
                self.state = State::Asked(Asked::End);
                return Step::End;
            }
            Some(Some(refusal)) => {
                self.state = State::Command;
                self.refuse_message(refusal);
            }
            None => {
                self.state = State::Command;
                self.reply(503, "5.5.1", "there is no message that this belongs to");
            }
        }
        self.settle();
        Step::Answered
    }

    /// Answers a message that is not kept; the caller has dropped it.
    pub(super) fn refuse_message(&mut self, refusal: Refusal) {
        self.envelope = None;
        self.incoming = None;
        self.refuse_with(refusal);
        if refusal == Refusal::Stopping {
            self.state = State::Closed;
        }
    }
}

/// Whether a CR or LF stands alone in `piece`, and whether its last byte is a CR. `after_cr`:
/// the byte before it was one.
fn bare_line_end(after_cr: bool, piece: &[u8]) -> (bool, bool) {
    let (mut after_cr, mut bare) = (after_cr, false);
    for byte in piece {
        bare |= after_cr != (*byte == b'\n');
        after_cr = *byte == b'\r';
    }
    (after_cr, bare)
}
