//! The state of one conversation: bytes in, steps and answers out.
//!
//! What it is not: waiting. It has no socket and no clock. Whoever runs it sends what
//! [`Session::take_output`] gives before it waits for anything, and holds the deadlines.
//!
//! Rules:
//! - How bytes are grouped changes nothing.
//! - After a [`Step`] that asks something, nothing is read until it was answered.
//! - Memory is bounded by [`Limits`]: one line, one envelope, the answers to what one call read.

mod login;
mod mail;
mod message;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::command::{self, Command, NoCommand};
use crate::content::DotDecoder;
use crate::delivery::{Outcome, RecipientVerdict, Refusal};
use crate::envelope::Envelope;
use crate::limits::Limits;
use crate::lines::{Line, LineReader};
use crate::policy::{ClearLogin, Policy, TlsRule};

pub use login::Credentials;

/// What all conversations at one address have in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The name that we give ourselves: a host name in ASCII.
    pub host_name: String,
    /// Whether a connection in clear can become encrypted.
    pub start_tls: StartTls,
    /// Who may hand in what.
    pub policy: Policy,
    /// What one client may use up.
    pub limits: Limits,
}

/// Whether a connection in clear can become encrypted (RFC 3207).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartTls {
    /// By STARTTLS.
    Offered,
    /// Not: there is no certificate, or it is encrypted from the start.
    Absent,
}

/// What has to be done next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// All input was taken: wait for more.
    Input,
    /// A command was answered: go on.
    Answered,
    /// Say whether this recipient is known: [`Session::recipient_is`].
    Recipient(String),
    /// Check a login: [`Session::login_is`].
    Login(Credentials),
    /// A message begins: [`Session::begun`].
    Begin(Box<Envelope>),
    /// Bytes of the message, at most one more than were given.
    Piece(Vec<u8>),
    /// The message that began will not be completed: drop it.
    Abandon,
    /// The message is complete: [`Session::finished`].
    End,
    /// Send the output, encrypt, and say so: [`Session::encrypted`].
    StartTls,
    /// Send the output, and close the connection.
    Close,
}

/// One conversation.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    client: IpAddr,
    tls: Option<&'static str>,
    state: State,
    lines: LineReader,
    hello: Option<String>,
    login: Option<String>,
    envelope: Option<Envelope>,
    /// The message that the caller has begun.
    incoming: Option<Incoming>,
    /// The caller still has to drop a message.
    abandon: bool,
    output: Vec<u8>,
    pause: Duration,
    n_errors: u32,
    n_commands: u32,
    n_bad_logins: u32,
}

/// A message that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Incoming {
    bytes: u64,
    /// Set: nothing more is passed on, and this is the answer at its end.
    refusal: Option<Refusal>,
    /// Its last byte was a CR, which the next one has to complete.
    after_cr: bool,
}

#[derive(Debug)]
enum State {
    Command,
    Login(login::Exchange),
    Data(DotDecoder),
    /// Octets of BDAT, of which some are still to come.
    Chunk {
        left: u64,
        all: u64,
        last: bool,
    },
    /// The content of a message was passed on; its end was not.
    Ended,
    Asked(Asked),
    Closed,
}

/// What the caller was asked.
#[derive(Debug)]
enum Asked {
    Recipient { address: String, rest: crate::parameters::RcptParameters },
    Login { name: String },
    BeginData,
    BeginChunk { bytes: u64, last: bool },
    End,
    Tls,
}

impl Session {
    /// A conversation with the client at this address; `tls` is the version when the connection
    /// is encrypted already. The greeting is in the output.
    #[must_use]
    pub fn new(config: Arc<Config>, client: IpAddr, tls: Option<&'static str>) -> Session {
        let client = client.to_canonical();
        let admitted = config.policy.admits(client);
        let mut session = Session {
            config,
            client,
            tls,
            state: State::Command,
            lines: LineReader::default(),
            hello: None,
            login: None,
            envelope: None,
            incoming: None,
            abandon: false,
            output: Vec::new(),
            pause: Duration::ZERO,
            n_errors: 0,
            n_commands: 0,
            n_bad_logins: 0,
        };
        // RFC 2034 §4: no enhanced codes in greetings.
        let name = session.config.host_name.clone();
        if admitted {
            session.line(&format!("220 {name} ESMTP"));
        } else {
            session.line(&format!("554 {name} accepts no mail from you"));
            session.state = State::Closed;
        }
        session
    }

    /// Takes what has to be sent.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Whether something has to be sent.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// How long to wait before the output is sent: a brake on clients that make errors.
    pub fn take_pause(&mut self) -> Duration {
        std::mem::take(&mut self.pause).min(self.config.limits.error_pause_max)
    }

    /// Whether a message is under way.
    #[must_use]
    pub fn is_in_message(&self) -> bool {
        let receiving = matches!(self.state, State::Data(_) | State::Chunk { .. } | State::Ended);
        let asked = matches!(
            self.state,
            State::Asked(Asked::BeginData | Asked::BeginChunk { .. } | Asked::End)
        );
        receiving || asked || self.incoming.is_some()
    }

    /// Reads some of `input`. Returns how many bytes it took, and what to do next; the rest of
    /// `input` is for the next call.
    pub fn step(&mut self, input: &[u8]) -> (usize, Step) {
        if std::mem::take(&mut self.abandon) {
            return (0, Step::Abandon);
        }
        match &mut self.state {
            State::Closed => (0, Step::Close),
            State::Asked(_) => (0, Step::Input),
            State::Data(_) if input.is_empty() => (0, Step::Input),
            State::Data(_) => self.data(input),
            State::Chunk { left: 0, all, last } => {
                let (all, last) = (*all, *last);
                (0, self.chunk_is_read(all, last))
            }
            State::Chunk { .. } if input.is_empty() => (0, Step::Input),
            State::Chunk { .. } => self.chunk(input),
            State::Ended => (0, self.end()),
            State::Command | State::Login(_) => self.read_line(input),
        }
    }

    /// Answers [`Step::StartTls`]: the connection is encrypted now, and everything said before is
    /// forgotten (RFC 3207 §4.2).
    pub fn encrypted(&mut self, version: &'static str) {
        if matches!(self.state, State::Asked(Asked::Tls)) {
            self.tls = Some(version);
            self.lines = LineReader::default();
            self.hello = None;
            self.login = None;
            self.forget_envelope();
            self.state = State::Command;
        }
    }

    /// Answers [`Step::StartTls`] when commands came before encryption: they are not obeyed, and
    /// the conversation ends (RFC 3207 §6).
    pub fn injected(&mut self) {
        self.reply(554, "5.5.0", "nothing may follow STARTTLS before encryption");
        self.close();
    }

    /// Answers [`Step::Recipient`].
    pub fn recipient_is(&mut self, verdict: RecipientVerdict) {
        match std::mem::replace(&mut self.state, State::Command) {
            State::Asked(Asked::Recipient { address, rest }) => match verdict {
                RecipientVerdict::Known => self.add_recipient(address, rest),
                RecipientVerdict::Unknown => self.reply(550, "5.1.1", "no such recipient here"),
                RecipientVerdict::NotNow => self.reply(451, "4.3.0", "try again later"),
            },
            other => self.state = other,
        }
        self.settle();
    }

    /// Ends the conversation because the client was silent for too long, or took too long.
    pub fn time_out(&mut self) {
        self.reply(421, "4.4.2", "this took too long, closing");
        self.close();
    }

    /// Ends the conversation because the server stops. What is under way is not kept.
    pub fn stop(&mut self) {
        self.refuse_with(Refusal::Stopping);
        self.close();
    }

    fn read_line(&mut self, input: &[u8]) -> (usize, Step) {
        let (n, line) = self.lines.take(input);
        let Some(line) = line else { return (n, Step::Input) };
        let step = match line {
            Line::TooLong => self.bad_line("5.5.6", "the line is too long"),
            Line::BareLf => self.bad_line("5.5.2", "lines end with CR LF"),
            Line::NotText => self.bad_line("5.5.2", "a command is text in UTF-8"),
            Line::Text(text) => match std::mem::replace(&mut self.state, State::Command) {
                State::Login(exchange) => self.login_line(&exchange, &text),
                _ => self.command(&text),
            },
        };
        self.settle();
        (n, step)
    }

    fn bad_line(&mut self, enhanced: &str, text: &str) -> Step {
        self.state = State::Command;
        self.n_commands += 1;
        self.reply(500, enhanced, text);
        Step::Answered
    }

    fn command(&mut self, line: &str) -> Step {
        self.n_commands += 1;
        match command::parse(line) {
            Ok(command) => self.obey(command),
            Err(NoCommand::Unknown) => {
                self.answered(500, "5.5.1", "this command is not known here")
            }
            Err(NoCommand::Arguments) => self.answered(501, "5.5.4", "the arguments do not fit"),
            Err(NoCommand::LostInChunk) => {
                // What follows may be commands or a message: nobody can tell.
                self.reply(501, "5.5.4", "the size of the chunk makes no sense, closing");
                self.close();
                Step::Answered
            }
        }
    }

    fn obey(&mut self, command: Command<'_>) -> Step {
        match command {
            Command::Ehlo(name) => self.ehlo(name),
            Command::Helo(name) => {
                self.forget_envelope();
                self.hello = Some(name.to_owned());
                let answer = format!("250 {}", self.config.host_name);
                self.line(&answer);
                Step::Answered
            }
            Command::Mail(address, rest) => self.mail(address, rest),
            Command::Rcpt(address, rest) => self.rcpt(address, rest),
            Command::Data => self.begin_data(),
            Command::Bdat { bytes, last } => self.begin_chunk(bytes, last),
            Command::Rset => {
                self.forget_envelope();
                self.answered(250, "2.0.0", "nothing is under way")
            }
            Command::Noop => self.answered(250, "2.0.0", "nothing was done"),
            Command::Quit => {
                self.reply(221, "2.0.0", "closing");
                self.close();
                Step::Answered
            }
            // RFC 5321 §3.5.3: neither confirmed nor denied.
            Command::Vrfy => self.answered(252, "2.1.5", "hand it in, and you will see"),
            Command::Expn => self.answered(502, "5.5.1", "there are no lists here"),
            Command::Help => self.answered(214, "2.0.0", "RFC 5321"),
            Command::StartTls => self.start_tls(),
            Command::Auth(mechanism, first) => self.auth(mechanism, first),
        }
    }

    fn ehlo(&mut self, name: &str) -> Step {
        self.forget_envelope();
        self.hello = Some(name.to_owned());
        let mut lines = vec![
            self.config.host_name.clone(),
            "PIPELINING".to_owned(),
            format!("SIZE {}", self.config.limits.message_bytes_max),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
            "ENHANCEDSTATUSCODES".to_owned(),
            "CHUNKING".to_owned(),
            "BINARYMIME".to_owned(),
        ];
        if self.can_start_tls() {
            lines.push("STARTTLS".to_owned());
        }
        if self.can_log_in() {
            lines.push("AUTH PLAIN LOGIN".to_owned());
        }
        let last = lines.len().saturating_sub(1);
        for (n, text) in lines.iter().enumerate() {
            self.line(&format!("250{}{text}", if n == last { ' ' } else { '-' }));
        }
        Step::Answered
    }

    fn can_start_tls(&self) -> bool {
        self.tls.is_none() && self.config.start_tls == StartTls::Offered
    }

    fn needs_tls(&self) -> bool {
        self.tls.is_none() && self.config.policy.tls == TlsRule::Required
    }

    /// Passwords come over TLS; in clear only where nobody can listen, and a rule allows it.
    fn can_log_in(&self) -> bool {
        let policy = &self.config.policy;
        let private = self.tls.is_some()
            || policy.clear_login == ClearLogin::OnLoopback && self.client.is_loopback();
        policy.offers_login() && private && !self.needs_tls()
    }

    fn start_tls(&mut self) -> Step {
        if self.tls.is_some() {
            return self.answered(503, "5.5.1", "the connection is encrypted already");
        }
        if !self.can_start_tls() {
            return self.answered(502, "5.5.1", "this server has no certificate");
        }
        if self.envelope.is_some() {
            return self.answered(503, "5.5.1", "not within a message");
        }
        self.reply(220, "2.0.0", "begin");
        self.state = State::Asked(Asked::Tls);
        Step::StartTls
    }

    fn answered(&mut self, code: u16, enhanced: &str, text: &str) -> Step {
        self.reply(code, enhanced, text);
        Step::Answered
    }

    fn refuse_with(&mut self, refusal: Refusal) {
        let (code, enhanced, text) = refusal.answer();
        self.reply(code, enhanced, text);
    }

    fn reply(&mut self, code: u16, enhanced: &str, text: &str) {
        if 500 <= code {
            self.n_errors += 1;
            let pause = self.config.limits.error_pause.saturating_mul(self.n_errors);
            self.pause = self.pause.saturating_add(pause);
        }
        self.line(&format!("{code} {enhanced} {text}"));
    }

    fn line(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Ends the conversation when a limit is reached.
    fn settle(&mut self) {
        if !matches!(self.state, State::Command | State::Login(_)) {
            return;
        }
        let limits = &self.config.limits;
        let why = if limits.errors_max <= self.n_errors {
            "too many errors, closing"
        } else if limits.logins_max <= self.n_bad_logins {
            "too many logins failed, closing"
        } else if limits.commands_max <= self.n_commands {
            "too many commands without a message, closing"
        } else {
            return;
        };
        self.reply(421, "4.7.0", why);
        self.close();
    }

    fn close(&mut self) {
        self.forget_envelope();
        self.state = State::Closed;
    }

    /// Nothing is left of the message that was under way.
    fn forget_envelope(&mut self) {
        self.envelope = None;
        if self.incoming.take().is_some_and(|it| it.refusal.is_none()) {
            self.abandon = true;
        }
    }
}

impl Session {
    /// Answers [`Step::End`].
    pub fn finished(&mut self, outcome: Outcome) {
        if !matches!(self.state, State::Asked(Asked::End)) {
            return;
        }
        self.state = State::Command;
        self.envelope = None;
        self.incoming = None;
        match outcome {
            Outcome::Durable(id) => {
                self.n_errors = 0;
                self.n_commands = 0;
                self.reply(250, "2.0.0", &format!("archived as {id}"));
            }
            Outcome::Refused(refusal) => self.refuse_message(refusal),
        }
        self.settle();
    }
}
