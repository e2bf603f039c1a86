//! One session at a server that takes mail: sending, recipient by recipient.

use std::time::Duration;

use ports::{SourceError, SourceErrorKind};

use super::limits::{ADDRESS_BYTES_MAX, RECIPIENTS_MAX};
use super::reply::Reply;
use super::session::Session;
use super::stuff::{Stuffed, stuffed};
use crate::imap::Description;
use crate::security::encryption;

/// A message with its envelope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Letter<'a> {
    /// Who gets what cannot be delivered; empty for nobody.
    pub sender: &'a str,
    /// Who gets it.
    pub recipients: &'a [String],
    /// The message. On the wire every line ends in CR LF, whatever it ends in here.
    pub message: &'a [u8],
}

/// What the server said for one recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// It took the message; its own words, often with the name in its queue.
    Accepted(String),
    /// Not now: greylisting, throttling, a full disk. The same may be taken later.
    Later {
        /// Its own words.
        text: String,
        /// The pause that it named.
        after: Option<Duration>,
    },
    /// Never.
    Refused(String),
}

/// A session at a server that takes mail.
///
/// After an error it is over: connect again.
#[derive(Debug)]
pub struct SmtpConnection {
    session: Session,
    method: Option<&'static str>,
}

impl SmtpConnection {
    pub(crate) fn new(session: Session, method: Option<&'static str>) -> SmtpConnection {
        SmtpConnection { session, method }
    }

    /// What the connection is like.
    #[must_use]
    pub fn describe(&self) -> Description {
        let stream = self.session.stream();
        Description {
            server: stream.server().to_string(),
            software: None,
            encryption: encryption(stream),
            login: self.method.unwrap_or("nothing"),
            compressed: false,
            capabilities: self.session.extensions().map(str::to_owned).collect(),
        }
    }

    /// What its owner must be told of it: no encryption, a certificate that was not checked.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let stream = self.session.stream().warnings();
        let mut warnings: Vec<String> = stream.iter().map(ToString::to_string).collect();
        warnings.extend_from_slice(self.session.warnings());
        warnings
    }

    /// Hands a message in. The answers are in the order of the recipients.
    ///
    /// An error tells nothing of any recipient: when the connection ends behind the message, the
    /// server may have taken it all the same.
    pub async fn send(&mut self, letter: &Letter<'_>) -> Result<Vec<Told>, SourceError> {
        let stuffed = stuffed(letter.message);
        if let Some(told) = self.obstacle(letter, stuffed.size) {
            return Ok(vec![told; letter.recipients.len()]);
        }
        let mut answers = Vec::with_capacity(letter.recipients.len());
        for recipients in letter.recipients.chunks(RECIPIENTS_MAX) {
            answers.extend(self.transaction(letter, recipients, &stuffed).await?);
        }
        Ok(answers)
    }

    /// What stands against the message before anything is said.
    fn obstacle(&self, letter: &Letter<'_>, size: usize) -> Option<Told> {
        if !letter.sender.is_empty()
            && let Err(text) = self.check_address(letter.sender)
        {
            return Some(Told::Refused(format!("sender: {text}")));
        }
        // RFC 1870 §4: 0 is no limit.
        let size_max: Option<usize> = self.session.extension("SIZE")?.parse().ok();
        let size_max = size_max.filter(|it| *it > 0 && *it < size)?;
        let text = format!("the message has {size} bytes, and the server takes {size_max}");
        Some(Told::Refused(text))
    }

    /// Whether an address can be said to this server.
    fn check_address(&self, address: &str) -> Result<(), String> {
        let fits = |it: char| !it.is_control() && !it.is_whitespace() && !matches!(it, '<' | '>');
        if address.is_empty()
            || address.len() > ADDRESS_BYTES_MAX
            || !address.contains('@')
            || !address.chars().all(fits)
        {
            return Err("this is no mail address".to_owned());
        }
        if !address.is_ascii() && self.session.extension("SMTPUTF8").is_none() {
            return Err("the server takes no address with letters beyond ASCII".to_owned());
        }
        Ok(())
    }

    async fn transaction(
        &mut self,
        letter: &Letter<'_>,
        recipients: &[String],
        stuffed: &Stuffed,
    ) -> Result<Vec<Told>, SourceError> {
        let begun = self.session.run(&self.mail_from(letter, stuffed.size)).await?;
        self.check_open(&begun)?;
        if !begun.is_done() {
            return Ok(vec![told(&begun); recipients.len()]);
        }
        let mut answers = Vec::with_capacity(recipients.len());
        for recipient in recipients {
            answers.push(self.recipient(recipient).await?);
        }
        let is_accepted = |it: &Told| matches!(it, Told::Accepted(_));
        if !answers.iter().any(is_accepted) {
            self.session.run("RSET").await?;
            return Ok(answers);
        }
        let mut end = self.session.run("DATA").await?;
        self.check_open(&end)?;
        if end.code == 354 {
            end = self.session.message(&stuffed.bytes).await?;
        }
        for answer in answers.iter_mut().filter(|it| is_accepted(it)) {
            *answer = told(&end);
        }
        Ok(answers)
    }

    fn mail_from(&self, letter: &Letter<'_>, size: usize) -> String {
        let mut line = format!("MAIL FROM:<{}>", letter.sender);
        let has = |name: &str| self.session.extension(name).is_some();
        if has("SIZE") {
            line.push_str(&format!(" SIZE={size}"));
        }
        // A server that does not offer it gets the bytes all the same: most take them.
        if has("8BITMIME") && !letter.message.is_ascii() {
            line.push_str(" BODY=8BITMIME");
        }
        let mut addresses = letter.recipients.iter().map(String::as_str).chain([letter.sender]);
        if has("SMTPUTF8") && !addresses.all(str::is_ascii) {
            line.push_str(" SMTPUTF8");
        }
        line
    }

    async fn recipient(&mut self, recipient: &str) -> Result<Told, SourceError> {
        if let Err(text) = self.check_address(recipient) {
            return Ok(Told::Refused(text));
        }
        let reply = self.session.run(&format!("RCPT TO:<{recipient}>")).await?;
        self.check_open(&reply)?;
        Ok(told(&reply))
    }

    /// Ends everything when the server does (421), or takes nothing without a login.
    fn check_open(&self, reply: &Reply) -> Result<(), SourceError> {
        match reply.code {
            421 => Err(self.session.refused("to go on", reply)),
            530 => Err(SourceError::new(
                SourceErrorKind::Configuration,
                format!("{} takes no mail: {}", self.session.server(), reply.shown()),
            )
            .with_hint("It wants a login, or encryption before it.")),
            _ => Ok(()),
        }
    }

    /// Ends the connection politely.
    pub async fn close(self) {
        self.session.quit().await;
    }
}

fn told(reply: &Reply) -> Told {
    match reply.code {
        200..300 => Told::Accepted(reply.text()),
        _ if reply.is_for_now() => Told::Later { text: reply.shown(), after: reply.pause() },
        _ => Told::Refused(reply.shown()),
    }
}
