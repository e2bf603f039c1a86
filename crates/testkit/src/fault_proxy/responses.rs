//! Cuts the two streams of an IMAP connection into what can be judged: responses and commands.

use crate::raw_imap::literal_size;

/// A piece of a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// Text; without the `{n}` and line end when a literal follows, with its line end otherwise.
    Text(Vec<u8>),
    /// The bytes of a literal.
    Literal(Vec<u8>),
}

/// A whole response: text, and literals between text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Response {
    pub(super) parts: Vec<Part>,
}

impl Response {
    /// The texts, a space where a literal was.
    pub(super) fn text(&self) -> String {
        let texts = self.parts.iter().map(|it| match it {
            Part::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Part::Literal(_) => " ".to_owned(),
        });
        texts.collect()
    }

    /// Whether it brings a message's data.
    pub(super) fn is_fetch(&self) -> bool {
        let text = self.text();
        let mut words = text.split(' ');
        words.next() == Some("*") && words.nth(1).is_some_and(|it| it.eq_ignore_ascii_case("FETCH"))
    }

    /// Whether it ends a command.
    pub(super) fn is_tagged(&self) -> bool {
        match self.parts.first() {
            Some(Part::Text(text)) => !text.starts_with(b"*") && !text.starts_with(b"+"),
            _ => false,
        }
    }

    pub(super) fn literals(&mut self) -> impl Iterator<Item = &mut Vec<u8>> {
        self.parts.iter_mut().filter_map(|it| match it {
            Part::Literal(bytes) => Some(bytes),
            Part::Text(_) => None,
        })
    }

    /// What is sent before the first literal breaks off in its middle.
    pub(super) fn bytes_to_half_a_literal(&self) -> Vec<u8> {
        let mut parts: Vec<Part> = Vec::new();
        for part in &self.parts {
            parts.push(part.clone());
            if let Part::Literal(literal) = part {
                let mut bytes = Response { parts }.bytes(0);
                bytes.truncate(bytes.len() - literal.len() / 2);
                return bytes;
            }
        }
        self.bytes(0)
    }

    /// The bytes to send, each literal announced with its size and `extra`.
    pub(super) fn bytes(&self, extra: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => bytes.extend_from_slice(text),
                Part::Literal(literal) => {
                    let size = (i64::try_from(literal.len()).unwrap_or(i64::MAX) + extra).max(0);
                    bytes.extend_from_slice(format!("{{{size}}}\r\n").as_bytes());
                    bytes.extend_from_slice(literal);
                }
            }
        }
        bytes
    }
}

/// Collects bytes into whole responses.
#[derive(Default)]
pub(super) struct Responses {
    buffer: Vec<u8>,
    parts: Vec<Part>,
    literal: Option<usize>,
    searched: usize,
}

impl Responses {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Response> {
        self.buffer.extend_from_slice(bytes);
        let mut whole = Vec::new();
        while self.step(&mut whole) {}
        whole
    }

    /// Takes the next piece out of the buffer; false when it is not whole yet.
    fn step(&mut self, whole: &mut Vec<Response>) -> bool {
        if let Some(size) = self.literal {
            if self.buffer.len() < size {
                return false;
            }
            let rest = self.buffer.split_off(size);
            self.parts.push(Part::Literal(std::mem::replace(&mut self.buffer, rest)));
            self.literal = None;
            return true;
        }
        let Some(line) = take_line(&mut self.buffer, &mut self.searched) else { return false };
        let text = String::from_utf8_lossy(&line).into_owned();
        self.literal = literal_size(text.trim_end());
        if self.literal.is_some() {
            let start = line.iter().rposition(|it| *it == b'{').unwrap_or_default();
            self.parts.push(Part::Text(line[..start].to_vec()));
        } else {
            self.parts.push(Part::Text(line));
            whole.push(Response { parts: std::mem::take(&mut self.parts) });
        }
        true
    }
}

/// Takes a line with its end out of `buffer`; `searched` bytes are known to hold none.
fn take_line(buffer: &mut Vec<u8>, searched: &mut usize) -> Option<Vec<u8>> {
    let Some(end) = buffer[*searched..].iter().position(|it| *it == b'\n') else {
        *searched = buffer.len();
        return None;
    };
    let rest = buffer.split_off(*searched + end + 1);
    *searched = 0;
    Some(std::mem::replace(buffer, rest))
}

/// A piece of what a client says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum CommandPiece {
    /// The first line of a command (or a line of a SASL exchange).
    Start(Vec<u8>),
    /// A literal, or a line behind one.
    More(Vec<u8>),
}

impl CommandPiece {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            CommandPiece::Start(bytes) | CommandPiece::More(bytes) => bytes,
        }
    }
}

/// Collects what a client says into pieces, each as soon as it is whole, so that a literal's
/// announcement reaches the server before the client sends the literal.
#[derive(Default)]
pub(super) struct Commands {
    buffer: Vec<u8>,
    searched: usize,
    literal: Option<usize>,
    inside: bool,
    swallows: bool,
}

impl Commands {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<CommandPiece> {
        self.buffer.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        while let Some(piece) = self.step() {
            pieces.push(piece);
        }
        pieces
    }

    fn step(&mut self) -> Option<CommandPiece> {
        if let Some(size) = self.literal {
            if self.buffer.len() < size {
                return None;
            }
            let rest = self.buffer.split_off(size);
            self.literal = None;
            return Some(CommandPiece::More(std::mem::replace(&mut self.buffer, rest)));
        }
        let line = take_line(&mut self.buffer, &mut self.searched)?;
        let text = String::from_utf8_lossy(&line).replace("+}", "}");
        self.literal = literal_size(text.trim_end());
        let was_inside = std::mem::replace(&mut self.inside, self.literal.is_some());
        Some(if was_inside { CommandPiece::More(line) } else { CommandPiece::Start(line) })
    }

    /// Keeps what belongs to the command at hand from the server.
    pub(super) fn swallow_current(&mut self) {
        self.swallows = true;
    }

    /// Whether `piece` belongs to a command that is kept from the server.
    pub(super) fn is_swallowed(&mut self, piece: &CommandPiece) -> bool {
        if matches!(piece, CommandPiece::Start(_)) {
            self.swallows = false;
        }
        self.swallows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"* 1 FETCH (UID 7 BODY[] {5}\r\na\r\nb) FLAGS ())\r\nt1 OK {2} done\r\n\
        * 2 FETCH (UID 8 BODY[HEADER] {0}\r\n BODY[] ~{2}\r\n{3)\r\n";

    #[test]
    fn responses_are_the_same_however_they_arrive() {
        let whole = Responses::default().push(STREAM);
        assert_eq!(whole.len(), 3);
        assert_eq!(whole.iter().flat_map(|it| it.bytes(0)).collect::<Vec<_>>(), STREAM);
        for cut in 0..=STREAM.len() {
            let (a, b) = STREAM.split_at(cut);
            let mut responses = Responses::default();
            let mut got = responses.push(a);
            got.extend(responses.push(b));
            assert_eq!(got, whole, "cut at {cut}");
        }
        let kinds: Vec<_> = whole.iter().map(|it| (it.is_fetch(), it.is_tagged())).collect();
        assert_eq!(kinds, [(true, false), (false, true), (true, false)]);
    }

    #[test]
    fn commands_pass_piece_by_piece() {
        let stream: &[u8] = b"a LOGIN {3}\r\nx\r\n {2+}\r\ny \r\nb NOOP\r\n";
        let mut commands = Commands::default();
        let pieces = commands.push(stream);
        let starts: Vec<_> = pieces.iter().map(|it| matches!(it, CommandPiece::Start(_))).collect();
        assert_eq!(starts, [true, false, false, false, false, true]);
        assert_eq!(pieces.iter().flat_map(|it| it.bytes().to_vec()).collect::<Vec<_>>(), stream);
    }
}
