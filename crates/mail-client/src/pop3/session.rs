//! Commands and their answers: order, pipelining, waits.
//!
//! Rules: answers come in the order of their commands; a session that was left in the middle of a
//! command, or that failed, is not used again; no wait is without end.

use std::time::Duration;

use net::{Server, Stream, TlsClient};
use ports::SourceError;
use tokio::time::{Instant, timeout};

use super::capability::Capabilities;
use super::command::Command;
use super::limits::{BYTES_PER_SECOND_MIN, MESSAGE_BYTES_MAX, QUIT_MAX, WARNINGS_MAX, WINDOW};
use super::reply::{Reply, no_status};
use super::unstuff::Unstuffer;
use crate::lines;
use crate::security::Timeouts;
use crate::trouble;

/// A connection that speaks POP3.
#[derive(Debug)]
pub(crate) struct Session {
    stream: Stream,
    timeouts: Timeouts,
    capabilities: Capabilities,
    warnings: Vec<String>,
    line: Vec<u8>,
    /// Whether TOP was refused.
    no_top: bool,
    /// Whether a message was fetched.
    retrieved: bool,
    usable: bool,
}

/// A message, or a header, that is being received.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    unstuffer: Unstuffer,
    /// Bytes of the wire.
    received: u64,
    /// Time spent waiting for them.
    waited: Duration,
}

impl Session {
    pub(crate) fn new(stream: Stream, timeouts: Timeouts) -> Session {
        Session {
            stream,
            timeouts,
            capabilities: Capabilities::default(),
            warnings: Vec::new(),
            line: Vec::new(),
            no_top: false,
            retrieved: false,
            usable: true,
        }
    }

    pub(crate) fn server(&self) -> &Server {
        self.stream.server()
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    pub(crate) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    pub(crate) fn set_capabilities(&mut self, capabilities: Capabilities) {
        self.capabilities = capabilities;
    }

    /// What its owner should know.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(crate) fn warn(&mut self, warning: String) {
        if self.warnings.len() < WARNINGS_MAX && !self.warnings.contains(&warning) {
            tracing::warn!(server = %self.server(), "{warning}");
            self.warnings.push(warning);
        }
    }

    /// How many commands may be in flight.
    pub(crate) fn window(&self) -> usize {
        if self.capabilities.has("PIPELINING") { WINDOW } else { 1 }
    }

    /// Whether headers can be asked for (RFC 1939 §7).
    pub(crate) fn has_top(&self) -> bool {
        self.capabilities.may_have("TOP") && !self.no_top
    }

    /// Notes that TOP was refused.
    pub(crate) fn note_no_top(&mut self) {
        self.no_top = true;
    }

    /// Whether a message was fetched.
    pub(crate) fn has_retrieved(&self) -> bool {
        self.retrieved
    }

    /// Marks the session as being in the middle of something. [`settle`](Self::settle) ends that;
    /// without it, by an error or because the caller's future was dropped, the session is over.
    pub(crate) fn begin(&mut self) -> Result<(), SourceError> {
        if !self.usable {
            let message = format!("the session with {} is over", self.server());
            return Err(trouble::transient(message));
        }
        self.usable = false;
        Ok(())
    }

    /// What was begun is done.
    pub(crate) fn settle(&mut self) {
        self.usable = true;
    }

    /// Sends commands in one go. Their answers are still to be read.
    pub(crate) async fn send(&mut self, commands: &[Command<'_>]) -> Result<(), SourceError> {
        let mut bytes = Vec::new();
        for command in commands {
            self.retrieved |= matches!(command, Command::Retr(_));
            let line = command.encode().ok_or_else(|| {
                let message = "login or password cannot be sent: too long, or with a line end";
                trouble::configuration(message.to_owned(), "Check both.")
            })?;
            bytes.extend(line);
        }
        if bytes.is_empty() { Ok(()) } else { self.write(&bytes).await }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        match self.stream.write(bytes).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // What a server said before it closed tells a pause from an accident.
                let farewell = timeout(QUIT_MAX, self.reply()).await;
                match farewell {
                    Ok(Ok(reply)) if !reply.is_ok => Err(self.ended(&reply)),
                    _ => Err(trouble::net(error)),
                }
            }
        }
    }

    /// The error when the server ends the session with a reason.
    pub(crate) fn ended(&self, reply: &Reply) -> SourceError {
        let message = format!("{} ended the session: {}", self.server(), reply.shown());
        match reply.pause(self.capabilities.login_delay()) {
            Some(kind) => reply.paused(kind, message).with_hint("Wait, then run again."),
            None => trouble::transient(message),
        }
    }

    /// Reads a line; it stands in [`line`](Self::line) without its end.
    pub(crate) async fn read_line(&mut self) -> Result<(), SourceError> {
        lines::read(&mut self.stream, &mut self.line, self.timeouts.idle).await
    }

    /// The last line.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Reads a status line.
    pub(crate) async fn reply(&mut self) -> Result<Reply, SourceError> {
        self.read_line().await?;
        Reply::read(&self.line).ok_or_else(|| no_status(&self.line))
    }

    /// Reads the next line of a list; `None` at its end.
    pub(crate) async fn list_line(&mut self) -> Result<Option<&[u8]>, SourceError> {
        self.read_line().await?;
        Ok(match self.line.as_slice() {
            b"." => None,
            [b'.', line @ ..] => Some(line),
            line => Some(line),
        })
    }

    /// Carries out one command with a status for an answer, within the time for it.
    pub(crate) async fn run(&mut self, command: Command<'_>) -> Result<Reply, SourceError> {
        self.begin()?;
        let deadline = self.timeouts.command;
        let server = self.server().clone();
        let run = async {
            self.send(&[command]).await?;
            self.reply().await
        };
        let reply = timeout(deadline, run).await;
        let reply = reply.unwrap_or_else(|_| Err(trouble::too_slow("an answer", &server)))?;
        self.settle();
        Ok(reply)
    }

    /// Appends more of a message to `out`, up to `room` bytes, which is more than none; true when
    /// the message has come to its end.
    pub(crate) async fn receive(
        &mut self,
        incoming: &mut Incoming,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<bool, SourceError> {
        let until = out.len().saturating_add(room);
        loop {
            let ready = self.stream.buffered();
            let taken = incoming.unstuffer.push(ready, out, until - out.len());
            self.stream.consume(taken);
            incoming.received += u64::try_from(taken).unwrap_or(0);
            if incoming.unstuffer.is_done() {
                return Ok(true);
            }
            if out.len() >= until {
                return Ok(false);
            }
            if incoming.received > MESSAGE_BYTES_MAX {
                return Err(trouble::protocol("the server sends a message without end".into()));
            }
            self.fill(incoming).await?;
        }
    }

    /// Waits for more bytes. Each wait has the idle deadline; all together end a server that
    /// drips.
    async fn fill(&mut self, incoming: &mut Incoming) -> Result<(), SourceError> {
        let began = Instant::now();
        self.stream.fill().await.map_err(trouble::net)?;
        incoming.waited += began.elapsed();
        let due = Duration::from_secs(incoming.received / BYTES_PER_SECOND_MIN);
        if incoming.waited > self.timeouts.idle + due {
            return Err(trouble::too_slow("a message", self.server()));
        }
        Ok(())
    }

    /// Encrypts the connection; the server has agreed. What came before is forgotten.
    pub(crate) async fn start_tls(self, client: &TlsClient) -> Result<Session, SourceError> {
        let Session { stream, timeouts, warnings, .. } = self;
        let stream = stream.start_tls(client).await.map_err(trouble::net)?;
        Ok(Session { warnings, ..Session::new(stream, timeouts) })
    }

    /// Says goodbye, if the session is in a state to, and ends the connection.
    pub(crate) async fn quit(mut self) {
        // Only QUIT lets a server remove what it thinks is done with (RFC 1939 §6).
        if !self.capabilities.expires_at_once() && self.begin().is_ok() {
            let goodbye = async {
                self.send(&[Command::Quit]).await?;
                self.reply().await
            };
            let _ = timeout(QUIT_MAX, goodbye).await;
        }
        self.leave().await;
    }

    /// Ends the connection.
    pub(crate) async fn leave(self) {
        let _ = timeout(QUIT_MAX, self.stream.shut_down()).await;
    }
}
