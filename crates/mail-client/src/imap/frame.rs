//! Cuts the stream of a server into responses: text, and the literals in it (RFC 9051 §4.3).
//!
//! What it is not: a reader of responses. It knows where a line ends and that `{n}` at its end
//! announces n bytes; what to do with them is its caller's decision, made before they are read.

use std::time::Duration;

use memchr::memchr;
use net::{NetError, Stream};
use ports::SourceError;
use tokio::time::timeout;

use super::limits::{
    LISTING_BYTES_MAX, LITERAL_BYTES_PER_SECOND_MIN, LITERALS_MAX, MESSAGE_BYTES_MAX,
    TEXT_BYTES_MAX,
};
use super::trouble;

/// What came next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The response has come to its end.
    End,
    /// A literal of so many bytes follows; it must be taken before the next step.
    Literal(u64),
}

/// A response under construction, on a stream.
#[derive(Debug)]
pub(crate) struct Framer {
    stream: Stream,
    idle: Duration,
    text: Vec<u8>,
    literals: Vec<Vec<u8>>,
}

impl Framer {
    /// Frames `stream`. `idle` is how long one line may take.
    pub(crate) fn new(stream: Stream, idle: Duration) -> Framer {
        Framer { stream, idle, text: Vec::new(), literals: Vec::new() }
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }

    /// The text of the response so far, without literals.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The literals of the response so far.
    pub(crate) fn literals(&self) -> &[Vec<u8>] {
        &self.literals
    }

    /// Takes a literal away; what is left is empty.
    pub(crate) fn take_literal(&mut self, index: usize) -> Option<Vec<u8>> {
        self.literals.get_mut(index).map(std::mem::take)
    }

    /// Forgets the response, to begin the next.
    pub(crate) fn begin(&mut self) {
        self.text.clear();
        self.literals.clear();
        // One long SEARCH must not hold its memory for the rest of the session.
        self.text.shrink_to(TEXT_BYTES_MAX);
    }

    /// Reads on: to the end of the response, or to the next literal.
    pub(crate) async fn step(&mut self) -> Result<Step, SourceError> {
        let from = self.text.len();
        if !self.take_line()? {
            let idle = self.idle;
            match timeout(idle, self.read_line()).await {
                Ok(read) => read?,
                Err(_) => return Err(trouble::too_slow("a line", self.stream.server())),
            }
        }
        let line = self.text.get(from..).unwrap_or_default();
        let Some(announced) = announced_literal(line) else { return Ok(Step::End) };
        if from == 0 && is_status(&self.text) {
            // Human-readable text may end like a literal and is none (RFC 9051 §7.1).
            return Ok(Step::End);
        }
        match announced {
            Some(n) if n <= MESSAGE_BYTES_MAX && self.literals.len() < LITERALS_MAX => {
                Ok(Step::Literal(n))
            }
            _ => Err(trouble::undecodable("a literal beyond all limits", &self.text)),
        }
    }

    async fn read_line(&mut self) -> Result<(), SourceError> {
        loop {
            self.stream.fill().await.map_err(trouble::net)?;
            if self.take_line()? {
                return Ok(());
            }
        }
    }

    /// Moves what has come of a line to the text; true when that is all of it.
    fn take_line(&mut self) -> Result<bool, SourceError> {
        let ready = self.stream.buffered();
        let end = memchr(b'\n', ready).map(|at| at + 1);
        let n = end.unwrap_or(ready.len());
        self.text.extend_from_slice(ready.get(..n).unwrap_or_default());
        self.stream.consume(n);
        if self.text.len() > TEXT_BYTES_MAX {
            self.check_length()?;
        }
        Ok(end.is_some())
    }

    fn check_length(&self) -> Result<(), SourceError> {
        let starts = |with: &[u8]| {
            self.text.get(..with.len()).is_some_and(|it| it.eq_ignore_ascii_case(with))
        };
        let lists = [&b"* SEARCH "[..], b"* ESEARCH ", b"* VANISHED "].into_iter().any(starts);
        if lists && self.text.len() <= LISTING_BYTES_MAX {
            return Ok(());
        }
        Err(trouble::undecodable("a line without end", &self.text))
    }

    /// Reads the announced literal of `n` bytes whole.
    pub(crate) async fn keep_literal(&mut self, n: usize) -> Result<(), SourceError> {
        let mut bytes = Vec::with_capacity(n);
        self.read_piece(&mut bytes, n).await?;
        self.literals.push(bytes);
        Ok(())
    }

    /// Passes over the announced literal of `n` bytes; an empty one stands in its place.
    pub(crate) async fn skip_literal(&mut self, n: u64) -> Result<(), SourceError> {
        let skipped = timeout(self.literal_deadline(n), self.stream.skip(n)).await;
        self.arrived(skipped)?;
        self.note_taken_literal();
        Ok(())
    }

    /// An empty literal stands for one whose bytes went elsewhere.
    pub(crate) fn note_taken_literal(&mut self) {
        self.literals.push(Vec::new());
    }

    /// Reads the next `n` bytes of a literal.
    pub(crate) async fn read_piece(
        &mut self,
        out: &mut Vec<u8>,
        n: usize,
    ) -> Result<(), SourceError> {
        if self.stream.buffered().len() >= n {
            // All of it is here: most messages are shorter than a buffer.
            return self.stream.read_into(out, n).await.map_err(trouble::net);
        }
        let read = timeout(self.literal_deadline(n as u64), self.stream.read_into(out, n)).await;
        self.arrived(read)
    }

    /// Each wait for bytes has the idle deadline; this one ends a server that drips.
    fn literal_deadline(&self, n: u64) -> Duration {
        self.idle + Duration::from_secs(n / LITERAL_BYTES_PER_SECOND_MIN)
    }

    fn arrived<E>(&self, read: Result<Result<(), NetError>, E>) -> Result<(), SourceError> {
        match read {
            Ok(read) => read.map_err(trouble::net),
            Err(_) => Err(trouble::too_slow("a literal", self.stream.server())),
        }
    }
}

/// All bytes of a response, with its literals where they were.
pub(crate) fn join(text: &[u8], literals: &[Vec<u8>]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(text.len());
    let mut literals = literals.iter();
    let mut lines = text.split_inclusive(|it| *it == b'\n').peekable();
    while let Some(line) = lines.next() {
        joined.extend_from_slice(line);
        // Every line but the last ends with the announcement of a literal.
        if lines.peek().is_some() {
            joined.extend(literals.next().into_iter().flatten());
        }
    }
    joined
}

/// Whether a line ends with `{n}` or `{n+}`; inside: n, when it is a number that fits.
fn announced_literal(line: &[u8]) -> Option<Option<u64>> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_suffix(b"}")?;
    let line = line.strip_suffix(b"+").unwrap_or(line);
    let digits_from = line.iter().rposition(|it| !it.is_ascii_digit())?;
    let (before, digits) = line.split_at_checked(digits_from + 1)?;
    if digits.is_empty() || before.last() != Some(&b'{') {
        return None;
    }
    Some(std::str::from_utf8(digits).ok().and_then(|it| it.parse().ok()))
}

/// Whether a response is a status, tagged or not, or a continuation: their text is for people.
fn is_status(text: &[u8]) -> bool {
    if text.starts_with(b"+") {
        return true;
    }
    let mut words = text.split(|it| matches!(it, b' ' | b'\r' | b'\n'));
    let (tag, word) = (words.next(), words.next().unwrap_or_default());
    let states: [&[u8]; 5] = [b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"];
    tag.is_some() && states.iter().any(|it| word.eq_ignore_ascii_case(it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use net::{Deadlines, Server};
    use tokio::io::{AsyncWriteExt, duplex};

    const IDLE: Duration = Duration::from_secs(60);

    fn framer(io: impl net::ByteStream) -> Framer {
        let server = Server { host: "localhost".into(), port: 143 };
        let deadlines = Deadlines { connect: IDLE, idle: IDLE };
        Framer::new(Stream::over(io, server, deadlines), IDLE)
    }

    async fn whole(framer: &mut Framer) -> Result<(), SourceError> {
        framer.begin();
        while let Step::Literal(n) = framer.step().await? {
            match usize::try_from(n).unwrap() {
                n if n > 100 => framer.skip_literal(n as u64).await?,
                n => framer.keep_literal(n).await?,
            }
        }
        Ok(())
    }

    /// All responses in `bytes`, and how the stream ended.
    async fn frames(bytes: Vec<u8>, group: usize) -> (Vec<Vec<u8>>, SourceError) {
        let (near, mut far) = duplex(1 << 20);
        let write = async move {
            for piece in bytes.chunks(group) {
                // A reader that has had enough is no failure of the writer.
                let _ = far.write_all(piece).await;
                tokio::task::yield_now().await;
            }
        };
        let read = async {
            let mut framer = framer(near);
            let mut found = Vec::new();
            loop {
                if let Err(error) = whole(&mut framer).await {
                    return (found, error);
                }
                found.push(join(framer.text(), framer.literals()));
            }
        };
        let ((), result) = tokio::join!(write, read);
        result
    }

    async fn check(bytes: &[u8], want: Expect) {
        let mut shown = String::new();
        for group in [1, 2, 7, bytes.len()] {
            let (found, error) = frames(bytes.to_vec(), group).await;
            let lines = found.iter().map(|it| format!("{}\n", it.escape_ascii()));
            let now = format!("{}{error}\n", lines.collect::<String>());
            assert!(shown.is_empty() || shown == now, "in pieces of {group}: {now}");
            shown = now;
        }
        want.assert_eq(&shown);
    }

    #[tokio::test]
    async fn responses_are_cut() {
        check(
            b"* OK hi {5}\r\nA1 NO [X] {3}\n+ go {7}\r\n* LIST () \"/\" {5}\r\na\r\nbc\r\n\
              * 1 FETCH (BODY[] {0}\r\n X ~{3}\r\nabc)\r\n* 2 FETCH (X {101}\r\n",
            expect![[r#"
                * OK hi {5}\r\n
                A1 NO [X] {3}\n
                + go {7}\r\n
                * LIST () \"/\" {5}\r\na\r\nbc\r\n
                * 1 FETCH (BODY[] {0}\r\n X ~{3}\r\nabc)\r\n
                localhost:143 closed the connection
            "#]],
        )
        .await;
    }

    #[tokio::test]
    async fn announcements_beyond_limits_are_refused() {
        check(
            b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n",
            expect![[r#"
                the server sent what cannot be understood (a literal beyond all limits): * 1 FETCH (BODY[] {99999999999999999999999}\r\n
            "#]],
        )
        .await;
        check(
            b"* 1 FETCH (BODY[] {4294967296}\r\n",
            expect![[r#"
                the server sent what cannot be understood (a literal beyond all limits): * 1 FETCH (BODY[] {4294967296}\r\n
            "#]],
        )
        .await;
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused() {
        let (_, error) = frames(b"* 1 FETCH x".repeat(100_000), 1 << 20).await;
        assert!(error.to_string().contains("a line without end"), "{error}");
        let mut search = b"* SEARCH".to_vec();
        search.extend(b" 123456".repeat(100_000));
        search.extend(b"\r\n");
        let (found, _) = frames(search.clone(), 1 << 20).await;
        assert_eq!(found, [search]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_drips_is_left() {
        let (near, mut far) = duplex(64);
        tokio::spawn(async move {
            while far.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        });
        let error = framer(near).step().await.unwrap_err();
        assert_eq!(error.to_string(), "localhost:143 is too slow (a line)");
    }
}
