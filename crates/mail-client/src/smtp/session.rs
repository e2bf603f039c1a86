//! Commands and their answers: order and waits.
//!
//! Rules: one command at a time; a session that was left in the middle of one, or that failed, is
//! not used again; no wait is without end.

use std::collections::BTreeMap;

use net::{Server, Stream, TlsClient};
use ports::SourceError;
use tokio::time::timeout;

use super::limits::{LINES_MAX, QUIT_MAX, WARNINGS_MAX, WRITE_BYTES};
use super::reply::{IsLast, Reply, line};
use crate::lines;
use crate::security::Timeouts;
use crate::trouble;

/// A connection that speaks SMTP.
#[derive(Debug)]
pub struct Session {
    stream: Stream,
    timeouts: Timeouts,
    /// What EHLO named, in upper case, with its parameters as they were sent.
    extensions: BTreeMap<String, String>,
    warnings: Vec<String>,
    line: Vec<u8>,
    usable: bool,
}

impl Session {
    pub(crate) fn new(stream: Stream, timeouts: Timeouts) -> Session {
        Session {
            stream,
            timeouts,
            extensions: BTreeMap::new(),
            warnings: Vec::new(),
            line: Vec::new(),
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

    /// The parameters of an extension that is offered.
    pub(crate) fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.get(name).map(String::as_str)
    }

    /// The names of all of them, sorted.
    pub(crate) fn extensions(&self) -> impl Iterator<Item = &str> {
        self.extensions.keys().map(String::as_str)
    }

    pub(crate) fn set_extensions(&mut self, extensions: BTreeMap<String, String>) {
        self.extensions = extensions;
    }

    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(crate) fn warn(&mut self, warning: String) {
        if self.warnings.len() < WARNINGS_MAX && !self.warnings.contains(&warning) {
            tracing::warn!(server = %self.server(), "{warning}");
            self.warnings.push(warning);
        }
    }

    /// Carries out one command, without its line end, within the time for it.
    pub(crate) async fn run(&mut self, command: &str) -> Result<Reply, SourceError> {
        self.carry_out(format!("{command}\r\n").as_bytes()).await
    }

    /// Sends a message with its end, and waits for what the server says to it.
    pub(crate) async fn message(&mut self, stuffed: &[u8]) -> Result<Reply, SourceError> {
        self.carry_out(stuffed).await
    }

    /// The first answer of a server, before anything is said.
    pub(crate) async fn greeting(&mut self) -> Result<Reply, SourceError> {
        self.carry_out(b"").await
    }

    async fn carry_out(&mut self, bytes: &[u8]) -> Result<Reply, SourceError> {
        if !std::mem::take(&mut self.usable) {
            let message = format!("the session with {} is over", self.server());
            return Err(trouble::transient(message));
        }
        let deadline = self.timeouts.command;
        let server = self.server().clone();
        let run = async {
            for piece in bytes.chunks(WRITE_BYTES) {
                self.write(piece).await?;
            }
            self.reply().await
        };
        let reply = timeout(deadline, run).await;
        let reply = reply.unwrap_or_else(|_| Err(trouble::too_slow("an answer", &server)))?;
        // RFC 5321 §3.8: the server closes the connection.
        self.usable = reply.code != 421;
        Ok(reply)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        let Err(error) = self.stream.write(bytes).await else { return Ok(()) };
        // What a server said before it closed tells a pause from an accident.
        match timeout(QUIT_MAX, self.reply()).await {
            Ok(Ok(reply)) if !reply.is_done() => Err(self.refused("the connection", &reply)),
            _ => Err(trouble::net(error)),
        }
    }

    /// The error when something is refused without which nothing goes on.
    pub(crate) fn refused(&self, what: &str, reply: &Reply) -> SourceError {
        let message = format!("{} refused {what}: {}", self.server(), reply.shown());
        SourceError::new(reply.kind(), message)
    }

    async fn reply(&mut self) -> Result<Reply, SourceError> {
        let mut lines = Vec::new();
        let mut code = None;
        while lines.len() < LINES_MAX {
            self.read_line().await?;
            let read = line(&self.line).filter(|it| code.is_none_or(|code| code == it.0));
            let Some((its_code, is_last, text)) = read else {
                return Err(trouble::undecodable("no answer of SMTP", &self.line));
            };
            code = Some(its_code);
            lines.push(text);
            if is_last == IsLast::Yes {
                return Ok(Reply { code: its_code, lines });
            }
        }
        Err(trouble::protocol(format!("{} sends an answer without end", self.server())))
    }

    async fn read_line(&mut self) -> Result<(), SourceError> {
        lines::read(&mut self.stream, &mut self.line, self.timeouts.idle).await
    }

    /// Encrypts the connection; the server has agreed. What was offered before is forgotten.
    pub(crate) async fn start_tls(self, client: &TlsClient) -> Result<Session, SourceError> {
        let Session { stream, timeouts, warnings, .. } = self;
        let stream = stream.start_tls(client).await.map_err(trouble::net)?;
        Ok(Session { warnings, ..Session::new(stream, timeouts) })
    }

    /// Says goodbye, if the session is in a state to, and ends the connection.
    pub(crate) async fn quit(mut self) {
        let _ = timeout(QUIT_MAX, self.run("QUIT")).await;
        let _ = timeout(QUIT_MAX, self.stream.shut_down()).await;
    }
}
