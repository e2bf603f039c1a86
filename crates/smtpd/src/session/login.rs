//! AUTH: PLAIN and LOGIN (RFC 4954, RFC 4616).
//!
//! Rule: a password is a [`Secret`] as soon as it was decoded; neither it nor a line of an
//! exchange is ever traced.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use types::Secret;

use super::{Asked, Session, State, Step};
use crate::delivery::LoginVerdict;

/// A name and a password to check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// The login name; not empty.
    pub name: String,
    /// The password; not empty.
    pub password: Secret,
}

/// Where an exchange stands: what the next line brings.
#[derive(Debug)]
pub(super) enum Exchange {
    Plain,
    LoginName,
    LoginPassword { name: String },
}

impl Session {
    pub(super) fn auth(&mut self, mechanism: &str, first: Option<&str>) -> Step {
        if self.hello.is_none() {
            return self.answered(503, "5.5.1", "EHLO comes first");
        }
        if self.login.is_some() || self.envelope.is_some() {
            return self.answered(503, "5.5.1", "not now");
        }
        if !self.config.policy.offers_login() {
            return self.answered(502, "5.5.1", "there are no logins here");
        }
        if !self.can_log_in() {
            return self.answered(538, "5.7.11", "passwords are taken over TLS only");
        }
        let exchange = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => Exchange::Plain,
            "LOGIN" => Exchange::LoginName,
            _ => return self.answered(504, "5.5.4", "this mechanism is not offered"),
        };
        match first {
            Some(response) => {
                self.login_line(&exchange, if response == "=" { "" } else { response })
            }
            None => {
                // The challenges of LOGIN are these two words.
                self.line(if matches!(exchange, Exchange::Plain) {
                    "334 "
                } else {
                    "334 VXNlcm5hbWU6"
                });
                self.state = State::Login(exchange);
                Step::Answered
            }
        }
    }

    pub(super) fn login_line(&mut self, exchange: &Exchange, line: &str) -> Step {
        self.state = State::Command;
        if line == "*" {
            return self.answered(501, "5.7.0", "the login was given up");
        }
        let decoded = BASE64.decode(line).ok().and_then(|it| String::from_utf8(it).ok());
        let Some(text) = decoded else {
            return self.answered(501, "5.5.2", "this is not text in base64");
        };
        match exchange {
            Exchange::Plain => self.plain(&text),
            Exchange::LoginName => {
                self.line("334 UGFzc3dvcmQ6");
                self.state = State::Login(Exchange::LoginPassword { name: text });
                Step::Answered
            }
            Exchange::LoginPassword { name } => self.ask_login(name.clone(), text),
        }
    }

    /// RFC 4616 §2: authorization identity, name and password with NUL between them.
    fn plain(&mut self, text: &str) -> Step {
        let parts: Vec<&str> = text.split('\0').collect();
        let [on_behalf_of, name, password] = parts.as_slice() else {
            return self.answered(501, "5.5.2", "this is not what PLAIN sends");
        };
        if !on_behalf_of.is_empty() && on_behalf_of != name {
            return self.wrong_login();
        }
        self.ask_login((*name).to_owned(), (*password).to_owned())
    }

    fn ask_login(&mut self, name: String, password: String) -> Step {
        if name.is_empty() || password.is_empty() {
            return self.wrong_login();
        }
        self.state = State::Asked(Asked::Login { name: name.clone() });
        Step::Login(Credentials { name, password: Secret::new(password) })
    }

    fn wrong_login(&mut self) -> Step {
        self.n_bad_logins += 1;
        self.answered(535, "5.7.8", "name or password is wrong")
    }

    /// Answers [`Step::Login`].
    pub fn login_is(&mut self, verdict: LoginVerdict) {
        match std::mem::replace(&mut self.state, State::Command) {
            State::Asked(Asked::Login { name }) => match verdict {
                LoginVerdict::Right => {
                    self.login = Some(name);
                    self.reply(235, "2.7.0", "welcome");
                }
                LoginVerdict::Wrong => {
                    self.wrong_login();
                }
                LoginVerdict::NotNow => self.reply(454, "4.7.0", "try again later"),
            },
            other => self.state = other,
        }
        self.settle();
    }
}
