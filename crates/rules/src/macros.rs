//! Names that are filled in per user: `^0` in settings, and the logins of a job over many
//! mailboxes.
//!
//! What it is not: authentication. It says which names are sent, not how.
//!
//! Rules: `^0` in a field for a server is the domain of the user's primary address; in a field for
//! a name it is the local part of that address, or the login name when there is none. A template
//! for names that has no `^0` is refused: every user would be the same one.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::wording::WordingError;

/// What is replaced.
pub const MACRO: &str = "^0";

/// A user, as far as names are made of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Person<'a> {
    /// The user's login name here.
    pub login: &'a str,
    /// The user's primary address, if there is one.
    pub address: Option<&'a str>,
}

impl<'a> Person<'a> {
    /// The address as it is written, in two halves.
    fn halves(&self) -> Option<(&'a str, &'a str)> {
        let (local, domain) = self.address?.trim().rsplit_once('@')?;
        (!local.is_empty() && !domain.is_empty()).then_some((local, domain))
    }

    /// The local part of the address, or the login name.
    fn local_part(&self) -> &'a str {
        self.halves().map_or(self.login, |(local, _)| local)
    }
}

/// Why a name cannot be made for a user. What a caller can do: leave the user out and say so.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum MacroError {
    /// The name needs the user's address, and there is none.
    #[error("the user {login} has no address")]
    NoAddress {
        /// The user's login name.
        login: String,
    },
    /// The name would be read as something else by the server.
    #[error("the name for the user {login} has a {sign:?} in it, which the server would misread")]
    Misread {
        /// The user's login name.
        login: String,
        /// What is in it.
        sign: char,
    },
}

fn no_address(person: &Person<'_>) -> MacroError {
    MacroError::NoAddress { login: person.login.to_owned() }
}

/// Fills in a field for a server, such as a host name.
pub fn expand_server(template: &str, person: &Person<'_>) -> Result<String, MacroError> {
    if !template.contains(MACRO) {
        return Ok(template.to_owned());
    }
    let (_, domain) = person.halves().ok_or_else(|| no_address(person))?;
    Ok(template.replace(MACRO, domain))
}

/// Fills in a field for a name.
#[must_use]
pub fn expand_name(template: &str, person: &Person<'_>) -> String {
    template.replace(MACRO, person.local_part())
}

/// Which of a user's names a server knows.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Identity {
    /// The primary address.
    #[default]
    Address,
    /// The login name.
    Login,
    /// The local part of the primary address, or the login name when there is none.
    LocalPart,
    /// A template with `^0` somewhere.
    Template(String),
}

impl Identity {
    /// The name of a user.
    pub fn of(&self, person: &Person<'_>) -> Result<String, MacroError> {
        let name = match self {
            Identity::Address => {
                person.halves().ok_or_else(|| no_address(person))?;
                person.address.unwrap_or_default().trim().to_owned()
            }
            Identity::Login => person.login.to_owned(),
            Identity::LocalPart => person.local_part().to_owned(),
            Identity::Template(template) => expand_name(template, person),
        };
        // RFC 4616 §2: NUL separates the parts of a login.
        let misread = name.chars().find(|it| it.is_control());
        misread.map_or(Ok(name), |sign| {
            Err(MacroError::Misread { login: person.login.to_owned(), sign })
        })
    }
}

/// As it is written, which [`FromStr`] understands.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Identity::Address => "address",
            Identity::Login => "login",
            Identity::LocalPart => "local-part",
            Identity::Template(template) => template,
        })
    }
}

/// `address`, `login`, `local-part`, or a template such as `^0@example.org`.
impl FromStr for Identity {
    type Err = WordingError;

    fn from_str(text: &str) -> Result<Identity, WordingError> {
        match text.trim() {
            "address" => Ok(Identity::Address),
            "login" => Ok(Identity::Login),
            "local-part" => Ok(Identity::LocalPart),
            template if template.contains(MACRO) => Ok(Identity::Template(template.to_owned())),
            _ => {
                let hint = "Write address, login, local-part, or a template such as \
                    ^0@example.org.";
                Err(WordingError::new(0, "a template needs ^0, or all users are one", hint))
            }
        }
    }
}

/// How somebody with access to all mailboxes logs in to one of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum LoginForm {
    /// SASL PLAIN with an authorization identity (RFC 4616 §2).
    #[default]
    Authzid,
    /// One name of both: `user*master`, the form of Dovecot. Some servers have another sign.
    Joined(char),
    /// Kerio Connect: a master password without a name, then the user (`X-MASTERAUTH`,
    /// `X-SETUSER`).
    Kerio,
}

impl LoginForm {
    /// The names to log in with to the mailbox of a user. `master` is the name of whoever has
    /// access; Kerio has none.
    pub fn login(
        self,
        master: &str,
        identity: &Identity,
        person: &Person<'_>,
    ) -> Result<Login, MacroError> {
        let user = identity.of(person)?;
        match self {
            LoginForm::Authzid => Ok(Login::Sasl { authcid: master.into(), authzid: Some(user) }),
            LoginForm::Joined(sign) if user.contains(sign) => {
                Err(MacroError::Misread { login: person.login.to_owned(), sign })
            }
            LoginForm::Joined(sign) => {
                Ok(Login::Sasl { authcid: format!("{user}{sign}{master}"), authzid: None })
            }
            LoginForm::Kerio => Ok(Login::Kerio { user }),
        }
    }
}

/// As it is written, which [`FromStr`] understands.
impl fmt::Display for LoginForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoginForm::Authzid => f.write_str("authzid"),
            LoginForm::Joined(sign) => write!(f, "user{sign}master"),
            LoginForm::Kerio => f.write_str("kerio"),
        }
    }
}

/// `authzid`, `user*master` with any sign, or `kerio`.
impl FromStr for LoginForm {
    type Err = WordingError;

    fn from_str(text: &str) -> Result<LoginForm, WordingError> {
        let text = text.trim();
        let joined = text.strip_prefix("user").and_then(|it| it.strip_suffix("master"));
        let mut signs = joined.unwrap_or_default().chars();
        match (text, signs.next(), signs.next()) {
            ("authzid", ..) => Ok(LoginForm::Authzid),
            ("kerio", ..) => Ok(LoginForm::Kerio),
            (_, Some(sign), None) if sign.is_ascii_punctuation() => Ok(LoginForm::Joined(sign)),
            _ => {
                let hint = "Write authzid, user*master or kerio.";
                Err(WordingError::new(0, "this is not a way to log in for others", hint))
            }
        }
    }
}

/// The names of one login.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Login {
    /// A login by name and password.
    Sasl {
        /// Whose password it is.
        authcid: String,
        /// Whose mailbox it is, when that is said apart. Without it a plain `LOGIN` will do.
        authzid: Option<String>,
    },
    /// The master password of Kerio Connect, then this user.
    Kerio {
        /// Whose mailbox it is.
        user: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: Person<'_> = Person { login: "bobby", address: Some("Bob.B@mail.example.org") };
    const NEW: Person<'_> = Person { login: "new", address: None };

    #[test]
    fn a_macro_is_the_domain_in_a_server_and_the_local_part_in_a_name() {
        let cases = [
            ("^0", Some("mail.example.org"), "Bob.B", "new"),
            ("imap.^0", Some("imap.mail.example.org"), "imap.Bob.B", "imap.new"),
            ("tls:^0:993", Some("tls:mail.example.org:993"), "tls:Bob.B:993", "tls:new:993"),
            ("a^0b^0c", Some("amail.example.orgbmail.example.orgc"), "aBob.BbBob.Bc", "anewbnewc"),
            ("^1 ^", Some("^1 ^"), "^1 ^", "^1 ^"),
            ("", Some(""), "", ""),
        ];
        for (template, server, name, login) in cases {
            assert_eq!(expand_server(template, &BOB).ok().as_deref(), server, "{template}");
            assert_eq!(expand_name(template, &BOB), name, "{template}");
            assert_eq!(expand_name(template, &NEW), login, "{template}");
        }
        assert_eq!(expand_server("host", &NEW).as_deref(), Ok("host"));
        let error = expand_server("imap.^0", &NEW).unwrap_err();
        assert_eq!(error.to_string(), "the user new has no address");
        let odd = Person { login: "odd", address: Some("\"a@b\"@c") };
        assert_eq!(expand_server("^0", &odd).as_deref(), Ok("c"));
        assert_eq!(expand_name("^0", &Person { login: "x", address: Some("@c") }), "x");
    }

    fn login(form: &str, identity: &str, person: &Person<'_>) -> String {
        let (form, identity) = (form.parse::<LoginForm>().unwrap(), identity.parse().unwrap());
        match form.login("admin", &identity, person) {
            Ok(Login::Sasl { authcid, authzid: Some(authzid) }) => {
                format!("{authcid} as {authzid}")
            }
            Ok(Login::Sasl { authcid, authzid: None }) => authcid,
            Ok(Login::Kerio { user }) => format!("master for {user}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_form_of_login() {
        let cases = [
            ("authzid", "address", "admin as Bob.B@mail.example.org"),
            ("authzid", "login", "admin as bobby"),
            ("authzid", "local-part", "admin as Bob.B"),
            ("authzid", "^0@example.net", "admin as Bob.B@example.net"),
            ("user*master", "login", "bobby*admin"),
            ("user*master", "address", "Bob.B@mail.example.org*admin"),
            ("user%master", "local-part", "Bob.B%admin"),
            ("kerio", "login", "master for bobby"),
        ];
        for (form, identity, want) in cases {
            assert_eq!(login(form, identity, &BOB), want, "{form} {identity}");
        }
        assert_eq!(login("authzid", "address", &NEW), "the user new has no address");
        assert_eq!(login("authzid", "local-part", &NEW), "admin as new");
        assert_eq!(login("authzid", "^0@x", &NEW), "admin as new@x");
    }

    #[test]
    fn a_name_never_becomes_another_login() {
        let star = Person { login: "bob*root", address: None };
        assert!(login("user*master", "login", &star).contains("has a '*' in it"));
        assert_eq!(login("authzid", "login", &star), "admin as bob*root");
        let nul = Person { login: "bob\0root", address: None };
        assert!(login("authzid", "login", &nul).contains("has a '\\0' in it"));
    }

    #[test]
    fn forms_are_written_as_they_are_read() {
        for text in ["address", "login", "local-part", "^0", "a^0@b"] {
            assert_eq!(text.parse::<Identity>().unwrap().to_string(), text);
        }
        for text in ["authzid", "user*master", "user%master", "kerio"] {
            assert_eq!(text.parse::<LoginForm>().unwrap().to_string(), text);
        }
        for wrong in ["", "bob", "everybody@example.org"] {
            assert!(wrong.parse::<Identity>().is_err(), "{wrong}");
        }
        for wrong in ["", "master", "usermaster", "user**master", "user master", "userXmaster"] {
            assert!(wrong.parse::<LoginForm>().is_err(), "{wrong}");
        }
    }
}
