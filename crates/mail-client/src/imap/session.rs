//! Commands and their answers: tags, pipelining, waits.
//!
//! Rules: answers are matched by tag, in any order; a session that was left in the middle of a
//! command, or that failed, is not used again.

use std::collections::VecDeque;

use net::{Server, Stream, TlsClient};
use ports::SourceError;
use tokio::time::{Instant, timeout};

use super::capability::Capabilities;
use super::command::{Command, Encoded, LiteralForm};
use super::frame::{Framer, Step};
use super::limits::{IDLE_REPLIES_MAX, LITERAL_BYTES_MAX, LOGOUT_MAX, WARNINGS_MAX};
use super::reply::{Code, Reply, Status, StatusKind, decode};
use super::trouble;
use crate::security::Timeouts;

/// A connection that speaks IMAP.
#[derive(Debug)]
pub(crate) struct Session {
    framer: Framer,
    timeouts: Timeouts,
    tag_last: u32,
    in_flight: VecDeque<String>,
    capabilities: Capabilities,
    warnings: Vec<String>,
    /// The last untagged NO: the reason for what a tagged NO does not explain.
    complaint: Option<String>,
    usable: bool,
}

/// A tagged answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// Which of the commands that were sent together it answers.
    pub(crate) index: usize,
    pub(crate) status: Status,
}

impl Session {
    pub(crate) fn new(stream: Stream, timeouts: Timeouts) -> Session {
        Session {
            framer: Framer::new(stream, timeouts.idle),
            timeouts,
            tag_last: 0,
            in_flight: VecDeque::new(),
            capabilities: Capabilities::default(),
            warnings: Vec::new(),
            complaint: None,
            usable: true,
        }
    }

    pub(crate) fn server(&self) -> &Server {
        self.framer.stream().server()
    }

    pub(crate) fn stream(&self) -> &Stream {
        self.framer.stream()
    }

    pub(crate) fn framer(&mut self) -> &mut Framer {
        &mut self.framer
    }

    pub(crate) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Forgets what was offered: it came before encryption or login.
    pub(crate) fn forget_capabilities(&mut self) {
        self.capabilities = Capabilities::default();
    }

    /// What the server said that its owner should know, and what was passed over.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(crate) fn warn(&mut self, warning: String) {
        if self.warnings.len() < WARNINGS_MAX && !self.warnings.contains(&warning) {
            tracing::warn!(server = %self.server(), "{warning}");
            self.warnings.push(warning);
        }
    }

    /// Marks the session as being in the middle of something. [`settle`](Self::settle) ends that;
    /// without it, by an error or because the caller's future was dropped, the session is over.
    pub(crate) fn begin(&mut self) -> Result<(), SourceError> {
        if !self.usable {
            let message = format!("the session with {} is over", self.server());
            return Err(trouble::transient(message));
        }
        self.usable = false;
        self.complaint = None;
        Ok(())
    }

    /// The commands that were begun are done.
    pub(crate) fn settle(&mut self) {
        debug_assert!(self.in_flight.is_empty(), "answers are still to come");
        self.usable = true;
    }

    /// How many commands wait for their tagged answer.
    pub(crate) fn n_in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Sends a command. Its answer is still to be read.
    pub(crate) async fn send(&mut self, command: &Command<'_>) -> Result<(), SourceError> {
        self.send_all(&[command]).await
    }

    /// Sends commands in one piece, as far as the server need not be waited for: each piece wakes
    /// the other side.
    async fn send_all(&mut self, commands: &[&Command<'_>]) -> Result<(), SourceError> {
        let mut together = Vec::new();
        for command in commands {
            let (tag, encoded) = self.encode(command);
            self.in_flight.push_back(tag);
            for (index, piece) in encoded.pieces.iter().enumerate() {
                if index > 0 {
                    self.write(&std::mem::take(&mut together)).await?;
                    self.wait_to_continue().await?;
                }
                together.extend_from_slice(piece);
            }
        }
        match together.is_empty() {
            true => Ok(()),
            false => self.write(&together).await,
        }
    }

    fn encode(&mut self, command: &Command<'_>) -> (String, Encoded) {
        self.tag_last = self.tag_last.wrapping_add(1);
        let tag = format!("P{}", self.tag_last);
        let literals = if self.capabilities.has("LITERAL+") {
            LiteralForm::NonSynchronizing { bytes_max: usize::MAX }
        } else if self.capabilities.has("LITERAL-") || self.capabilities.has("IMAP4REV2") {
            LiteralForm::NonSynchronizing { bytes_max: 4096 }
        } else {
            LiteralForm::Synchronizing
        };
        let encoded = command.encode(&tag, literals);
        (tag, encoded)
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        match self.framer.stream_mut().write(bytes).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let farewell = timeout(LOGOUT_MAX, self.farewell()).await.ok().flatten();
                Err(farewell.unwrap_or_else(|| trouble::net(error)))
            }
        }
    }

    /// What a server said before it closed a connection that cannot be written to any more: BYE
    /// tells a pause from an accident.
    async fn farewell(&mut self) -> Option<SourceError> {
        for _ in 0..IDLE_REPLIES_MAX {
            self.response(LITERAL_BYTES_MAX).await.ok()?;
            if let Ok(Reply::Bye(status)) = decode(self.framer.text(), self.framer.literals()) {
                return Some(trouble::bye(self.server(), &status));
            }
        }
        None
    }

    /// Waits for the `+` that a literal needs.
    async fn wait_to_continue(&mut self) -> Result<(), SourceError> {
        for _ in 0..IDLE_REPLIES_MAX {
            match self.reply().await? {
                Reply::Continue(_) => return Ok(()),
                Reply::Tagged { status, .. } => {
                    let message = format!("the server refused a literal: {}", status.shown());
                    return Err(trouble::protocol(message));
                }
                _ => (),
            }
        }
        Err(self.endless())
    }

    /// Reads a whole response into the framer. Literals of up to `keep` bytes are kept; longer
    /// ones, which nobody asked for, are passed over.
    pub(crate) async fn response(&mut self, keep: usize) -> Result<(), SourceError> {
        self.framer.begin();
        while let Step::Literal(n) = self.framer.step().await? {
            match usize::try_from(n) {
                Ok(n) if n <= keep => self.framer.keep_literal(n).await?,
                _ => self.framer.skip_literal(n).await?,
            }
        }
        Ok(())
    }

    /// Reads the next reply. BYE is an error.
    pub(crate) async fn reply(&mut self) -> Result<Reply, SourceError> {
        self.response(LITERAL_BYTES_MAX).await?;
        self.interpret()
    }

    /// Reads what stands in the framer, and takes note of what concerns the whole session.
    pub(crate) fn interpret(&mut self) -> Result<Reply, SourceError> {
        let (text, literals) = (self.framer.text(), self.framer.literals());
        let reply = decode(text, literals)
            .map_err(|_| trouble::undecodable("a response of no known form", text))?;
        match &reply {
            Reply::Bye(status) => return Err(trouble::bye(self.server(), status)),
            Reply::Capability(words) => {
                self.capabilities = Capabilities::new(words.iter().map(String::as_str));
            }
            Reply::Status(status) | Reply::PreAuth(status) | Reply::Tagged { status, .. } => {
                let tagged = matches!(reply, Reply::Tagged { .. });
                self.note_status(&status.clone(), tagged);
            }
            Reply::Unknown(word) => self.warn(format!("the server sent {word}, unasked")),
            _ => (),
        }
        Ok(reply)
    }

    fn note_status(&mut self, status: &Status, tagged: bool) {
        match status.code.as_ref().map(Code::name) {
            // RFC 9051 §7.1: must be shown to the user.
            Some("ALERT") => self.warn(format!("the server says: {}", status.shown())),
            Some("CAPABILITY") => {
                let words = status.code.as_ref().map(Code::rest).unwrap_or_default();
                self.capabilities = Capabilities::new(words.split_ascii_whitespace());
            }
            _ => (),
        }
        if !tagged && status.kind != StatusKind::Ok {
            self.complaint = Some(status.shown());
        }
    }

    /// Whether what stands in the framer begins like a response: untagged, a prompt, or the
    /// answer to a command in flight.
    pub(crate) fn begins_response(&self) -> bool {
        let text = self.framer.text();
        let tagged = |tag: &String| {
            text.strip_prefix(tag.as_bytes()).is_some_and(|rest| rest.starts_with(b" "))
        };
        text.starts_with(b"* ") || text.starts_with(b"+") || self.in_flight.iter().any(tagged)
    }

    /// The place of a tag among the commands in flight; it is done.
    pub(crate) fn complete(&mut self, tag: &str) -> Result<usize, SourceError> {
        let place = self.in_flight.iter().position(|it| it == tag);
        let Some(place) = place else {
            let text = self.framer.text();
            return Err(trouble::undecodable("an answer to no command", text));
        };
        self.in_flight.remove(place);
        Ok(place)
    }

    /// Carries out one command. `on_reply` sees every untagged reply until its answer.
    pub(crate) async fn run(
        &mut self,
        command: &Command<'_>,
        mut on_reply: impl FnMut(Reply) -> Result<(), SourceError>,
    ) -> Result<Status, SourceError> {
        self.begin()?;
        let status = self.run_begun(command, &mut on_reply).await?;
        self.settle();
        Ok(status)
    }

    async fn run_begun(
        &mut self,
        command: &Command<'_>,
        on_reply: &mut impl FnMut(Reply) -> Result<(), SourceError>,
    ) -> Result<Status, SourceError> {
        let deadline = self.timeouts.command;
        let server = self.server().clone();
        let run = async {
            self.send(command).await?;
            self.until_answer(on_reply).await.map(|it| it.status)
        };
        match timeout(deadline, run).await {
            Ok(status) => status,
            Err(_) => Err(trouble::too_slow("an answer", &server)),
        }
    }

    /// Carries out many commands, up to `window` of them in flight, and returns their statuses
    /// in order.
    pub(crate) async fn run_all(
        &mut self,
        commands: &[Command<'_>],
        window: usize,
        mut on_reply: impl FnMut(Reply) -> Result<(), SourceError>,
    ) -> Result<Vec<Status>, SourceError> {
        self.begin()?;
        let mut statuses: Vec<Option<Status>> = vec![None; commands.len()];
        let mut waiting: VecDeque<usize> = VecDeque::new();
        let mut unsent = commands.iter().enumerate();
        let until = Instant::now() + self.timeouts.command;
        loop {
            let mut next = Vec::new();
            while waiting.len() < window
                && let Some((index, command)) = unsent.next()
            {
                next.push(command);
                waiting.push_back(index);
            }
            self.send_all(&next).await?;
            if waiting.is_empty() {
                break;
            }
            let server = self.server().clone();
            let answer = tokio::time::timeout_at(until, self.until_answer(&mut on_reply)).await;
            let answer = answer.map_err(|_| trouble::too_slow("many answers", &server))??;
            let index = waiting.remove(answer.index);
            if let Some(slot) = index.and_then(|it| statuses.get_mut(it)) {
                *slot = Some(answer.status);
            }
        }
        self.settle();
        Ok(statuses.into_iter().flatten().collect())
    }

    /// Reads replies until a command is done.
    pub(crate) async fn until_answer(
        &mut self,
        on_reply: &mut impl FnMut(Reply) -> Result<(), SourceError>,
    ) -> Result<Answer, SourceError> {
        for _ in 0..IDLE_REPLIES_MAX {
            match self.reply().await? {
                Reply::Tagged { tag, status } => {
                    return Ok(Answer { index: self.complete(&tag)?, status });
                }
                Reply::Continue(_) => {
                    let text = self.framer.text();
                    return Err(trouble::undecodable("a prompt that nobody waits for", text));
                }
                reply => on_reply(reply)?,
            }
        }
        Err(self.endless())
    }

    pub(crate) fn endless(&self) -> SourceError {
        let message = format!("{} sends responses without end", self.server());
        trouble::protocol(message)
    }

    /// A refusal with its reason, for people.
    pub(crate) fn reason(&self, status: &Status) -> String {
        match &self.complaint {
            Some(complaint) => format!("{} ({complaint})", status.shown()),
            None => status.shown(),
        }
    }

    /// Encrypts the connection; the server has agreed.
    pub(crate) async fn start_tls(self, client: &TlsClient) -> Result<Session, SourceError> {
        let Session { framer, timeouts, tag_last, warnings, .. } = self;
        let stream = framer.into_stream().start_tls(client).await.map_err(trouble::net)?;
        Ok(Session { tag_last, warnings, ..Session::new(stream, timeouts) })
    }

    /// Compresses the connection; the server has agreed.
    pub(crate) fn start_deflate(&mut self) {
        self.framer.stream_mut().start_deflate();
    }

    /// Says goodbye, if the session is in a state to, and ends the connection.
    pub(crate) async fn log_out(mut self) {
        if self.begin().is_ok() {
            let goodbye = async {
                self.send(&Command::Logout).await?;
                // BYE comes first and is an error elsewhere; here it is the answer.
                self.until_answer(&mut |_| Ok(())).await
            };
            let _ = timeout(LOGOUT_MAX, goodbye).await;
        }
        let _ = timeout(LOGOUT_MAX, self.framer.into_stream().shut_down()).await;
    }
}
