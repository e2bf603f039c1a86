//! Mail that Posthold sends: through which server, from whom, to whom.

use types::{Address, Timestamp};

use crate::failure::{Failure, FailureKind};
use crate::profile::{Half, HalfChange, Protocol, Security};

/// People who get one kind of mail, at most.
pub const RECIPIENTS_MAX: usize = 50;

/// How mail is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailSettings {
    /// The server; its protocol is SMTP.
    pub server: Half,
    /// From whom.
    pub sender: Address,
    /// Who is told of alerts.
    pub alerts_to: Vec<String>,
    /// Who gets the daily report.
    pub daily_to: Vec<String>,
}

/// A change of how mail is sent; `None` leaves a thing as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MailChange {
    /// The server.
    pub server: HalfChange,
    /// Its port; `Some(None)` is the one that is usual.
    pub port: Option<Option<u16>>,
    /// The display name of the sender.
    pub sender_name: Option<String>,
    /// The address of the sender.
    pub sender_address: Option<String>,
    /// Who is told of alerts.
    pub alerts_to: Option<Vec<String>>,
    /// Who gets the daily report.
    pub daily_to: Option<Vec<String>>,
}

impl MailChange {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == MailChange::default()
    }

    /// The settings with this change; without any before, they are made. Addresses are not looked
    /// at. Fails with `Request` when something is missing or contradicts itself.
    pub fn apply(&self, before: Option<MailSettings>) -> Result<MailSettings, Failure> {
        let is_new = before.is_none();
        let (half, sender, alerts_to, daily_to) = match before {
            Some(it) => (Some(it.server), it.sender, it.alerts_to, it.daily_to),
            None => (None, Address::default(), Vec::new(), Vec::new()),
        };
        let named = HalfChange { security: None, ..self.server.clone() };
        let mut server = named.apply(half, Protocol::Smtp).map_err(|it| match is_new {
            true if self.server.host.is_none() => missing("server", "--server HOST"),
            _ => it,
        })?;
        if let Some(port) = self.port {
            server.host.port = port;
        }
        match self.server.security {
            Some(security) => server.security = security,
            // What this page of other archives calls SMTP-TLS, at port 587.
            None if is_new && server.host.port != Some(SECURE_PORT) && !server.host.tls => {
                server.security = Some(Security::StartTls);
            }
            None => (),
        }
        if let Some(contradiction) = server.contradiction() {
            return Err(wrong(contradiction)
                .with_hint("Port 465 and the prefix tls: go with --protocol smtp-ssl."));
        }
        if server.host.host.contains("^0") {
            return Err(wrong("^0 stands for no domain here")
                .with_hint("Name the server itself with --server HOST."));
        }
        let sender = Address {
            name: self.sender_name.clone().unwrap_or(sender.name),
            addr: self.sender_address.clone().unwrap_or(sender.addr),
        };
        if sender.addr.is_empty() {
            return Err(missing("sender", "--sender ADDRESS"));
        }
        let settings = MailSettings {
            server,
            sender,
            alerts_to: self.alerts_to.clone().unwrap_or(alerts_to),
            daily_to: self.daily_to.clone().unwrap_or(daily_to),
        };
        if RECIPIENTS_MAX < settings.alerts_to.len().max(settings.daily_to.len()) {
            let message = format!("there are more than {RECIPIENTS_MAX} recipients");
            return Err(wrong(message).with_hint("Name a mailing list instead."));
        }
        Ok(settings)
    }
}

/// The port where TLS comes first (RFC 8314 §3.3).
const SECURE_PORT: u16 = 465;

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Request, message)
}

fn missing(what: &str, option: &str) -> Failure {
    wrong(format!("there is no {what} for outgoing mail"))
        .with_hint(format!("Name it with {option}."))
}

/// What can be asked of outgoing mail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MailRequest {
    /// Show how it is sent, and what waits.
    Show,
    /// Change how it is sent, untried.
    Set(Box<MailChange>),
    /// Send a message step by step; what is changed is applied when that succeeded.
    Test(Box<MailChange>, OnFailure),
    /// Send no mail any more. What waits is kept.
    Remove,
}

/// What becomes of changes when the test fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFailure {
    /// They are not applied.
    #[default]
    Discard,
    /// They are applied all the same.
    Apply,
}

impl MailRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            MailRequest::Show => "mail show",
            MailRequest::Set(_) => "mail set",
            MailRequest::Test(..) => "mail test",
            MailRequest::Remove => "mail remove",
        }
    }
}

/// How mail is sent, as it is shown: without secrets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MailShown {
    /// What is saved; `None` when no mail is sent.
    pub settings: Option<MailSettings>,
    /// Whether a password is kept.
    pub has_secret: bool,
    /// Messages that wait to be sent.
    pub waiting: Vec<MailWaiting>,
    /// When a message was last sent.
    pub sent: Option<Timestamp>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// A message that waits to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailWaiting {
    /// What it is about.
    pub subject: String,
    /// When it was written.
    pub written: Timestamp,
    /// How often it could not be sent.
    pub failures: u32,
    /// When it is tried next.
    pub next_try: Timestamp,
    /// Why it could not be sent.
    pub why: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(host: &str) -> MailChange {
        MailChange {
            server: HalfChange { host: Some(host.parse().unwrap()), ..HalfChange::default() },
            sender_address: Some("archive@example.org".into()),
            ..MailChange::default()
        }
    }

    #[test]
    fn ports_and_security() {
        let cases = [
            ("mail", None, None, "starttls 587"),
            ("mail", None, Some(Security::Tls), "tls 465"),
            ("mail", None, Some(Security::Plain), "plain 587"),
            ("mail:465", None, None, "tls 465"),
            ("tls:mail", None, None, "tls 465"),
            ("mail", Some(25), None, "starttls 25"),
            ("mail", Some(25), Some(Security::Plain), "plain 25"),
            (
                "mail",
                Some(465),
                Some(Security::StartTls),
                "its port of mail:465 means TLS from the first byte, not starttls",
            ),
        ];
        for (host, port, security, want) in cases {
            let mut it = change(host);
            it.port = port.map(Some);
            it.server.security = security.map(Some);
            let got = match it.apply(None) {
                Ok(settings) => {
                    let (security, port) = settings.server.resolved();
                    format!("{} {port}", security.name())
                }
                Err(failure) => failure.message,
            };
            assert_eq!(got, want, "{host} {port:?}");
        }
    }

    #[test]
    fn what_is_not_named_stays() {
        let before = change("mail:2525").apply(None).unwrap();
        let change = MailChange { sender_name: Some("Archive".into()), ..MailChange::default() };
        let after = change.apply(Some(before.clone())).unwrap();
        assert_eq!(after.server, before.server);
        assert_eq!(after.sender.name, "Archive");
        assert_eq!(after.sender.addr, before.sender.addr);
    }

    #[test]
    fn what_is_missing_is_named() {
        let none = MailChange::default().apply(None).unwrap_err();
        assert_eq!(none.hint.unwrap(), "Name it with --server HOST.");
        let mut it = change("mail");
        it.sender_address = None;
        assert_eq!(it.apply(None).unwrap_err().hint.unwrap(), "Name it with --sender ADDRESS.");
    }
}
