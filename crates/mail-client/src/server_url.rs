//! `imaps://login@host[:port]/`, `pop3s://...`: how a person names an account on the command
//! line.

use std::fmt;

use net::Server;
use thiserror::Error;

use crate::sasl::Mechanism;

/// Which protocol, and whether TLS comes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// IMAP; STARTTLS where offered. Port 143.
    Imap,
    /// IMAP with TLS from the first byte. Port 993.
    Imaps,
    /// POP3; STLS where offered. Port 110.
    Pop3,
    /// POP3 with TLS from the first byte. Port 995.
    Pop3s,
}

impl Scheme {
    fn port(self) -> u16 {
        match self {
            Scheme::Imap => 143,
            Scheme::Imaps => 993,
            Scheme::Pop3 => 110,
            Scheme::Pop3s => 995,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Scheme::Imap => "imap",
            Scheme::Imaps => "imaps",
            Scheme::Pop3 => "pop3",
            Scheme::Pop3s => "pop3s",
        }
    }
}

/// The URL of an account (RFC 5092 §3, without a mailbox; RFC 2384 §3 for POP3, with schemes of
/// their own for the two ports).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerUrl {
    /// Protocol and protection.
    pub scheme: Scheme,
    /// The login, decoded.
    pub login: String,
    /// Host and port.
    pub server: Server,
    /// From `;AUTH=`; [`Mechanism::Auto`] without it.
    pub mechanism: Mechanism,
}

/// A URL names no account that we can reach.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct UrlError {
    message: &'static str,
    hint: &'static str,
}

impl UrlError {
    /// What a person can do: a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        self.hint
    }
}

const FORM: &str =
    "Write imaps://login@host/ or imap://login@host:port/; pop3s:// and pop3:// for POP3.";

fn wrong<T>(message: &'static str, hint: &'static str) -> Result<T, UrlError> {
    Err(UrlError { message, hint })
}

impl ServerUrl {
    /// Reads a URL.
    ///
    /// The login may hold `@` as it is, and anything as `%XX`. A password in it is refused: it
    /// would stand in the shell's history and in every list of processes.
    pub fn parse(text: &str) -> Result<ServerUrl, UrlError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "imap" => Scheme::Imap,
            "imaps" => Scheme::Imaps,
            "pop3" => Scheme::Pop3,
            "pop3s" => Scheme::Pop3s,
            "" => return wrong("the URL has no scheme", FORM),
            _ => return wrong("the URL is none of imap://, imaps://, pop3:// and pop3s://", FORM),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !path.is_empty() || authority.contains(['?', '#']) {
            return wrong("the URL names more than an account", FORM);
        }
        let Some((user, host)) = authority.rsplit_once('@') else {
            return wrong("the URL has no login", FORM);
        };
        let (user, mechanism) = split_mechanism(user)?;
        if user.contains(':') {
            return wrong(
                "the URL holds a password",
                "Take it out, and give it with --password-file or in POSTHOLD_PASSWORD. (A colon \
                 that belongs to the login is written %3A.)",
            );
        }
        let login = percent_decoded(user)?;
        if login.is_empty() {
            return wrong("the URL has no login", FORM);
        }
        let server = server(host, scheme)?;
        Ok(ServerUrl { scheme, login, server, mechanism })
    }
}

/// `user;AUTH=mechanism` (RFC 5092 §3.2).
fn split_mechanism(user: &str) -> Result<(&str, Mechanism), UrlError> {
    let Some((user, parameter)) = user.rsplit_once(';') else { return Ok((user, Mechanism::Auto)) };
    let name = parameter.split_once('=').filter(|(key, _)| key.eq_ignore_ascii_case("auth"));
    match name.map(|(_, name)| name) {
        Some("*") => Ok((user, Mechanism::Auto)),
        // As RFC 2384 §4 writes it: no mechanism of SASL.
        Some(name) if name.eq_ignore_ascii_case("+APOP") => Ok((user, Mechanism::Apop)),
        Some(name) => match Mechanism::from_name(name) {
            Some(mechanism) => Ok((user, mechanism)),
            None => wrong(
                "the URL asks for an unknown mechanism",
                "AUTH is one of SCRAM-SHA-256, PLAIN, LOGIN, CRAM-MD5, XOAUTH2, X-MASTERAUTH, \
                 +APOP and *.",
            ),
        },
        None => wrong("the URL holds an unknown parameter", FORM),
    }
}

fn percent_decoded(text: &str) -> Result<String, UrlError> {
    const HINT: &str = "A percent sign is written %25.";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let Some((digits, after)) = escaped.split_at_checked(2) else {
            return wrong("the login in the URL ends within a %XX", HINT);
        };
        let Ok(byte) = u8::from_str_radix(digits, 16) else {
            return wrong("the login in the URL holds a % that is no %XX", HINT);
        };
        bytes.push(byte);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    match String::from_utf8(bytes) {
        Ok(login) if !login.contains(char::is_control) => Ok(login),
        _ => wrong("the login in the URL is no text", HINT),
    }
}

fn server(text: &str, scheme: Scheme) -> Result<Server, UrlError> {
    let bracketed = text.strip_prefix('[').map(|it| it.split_once(']').unwrap_or((it, "?")));
    let (host, port) = match bracketed {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or("?"))),
        None if text.matches(':').count() > 1 => {
            return wrong("an IPv6 address needs brackets", "Write imaps://login@[::1]:993/.");
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.contains(|it: char| it.is_whitespace() || it.is_control()) {
        return wrong("the URL has no host", FORM);
    }
    let port = match port {
        None | Some("") => scheme.port(),
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => port,
            _ => return wrong("the port is not a number from 1 to 65535", FORM),
        },
    };
    Ok(Server { host: host.to_owned(), port })
}

/// As it can be read again; the port always stands there.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.name())?;
        for character in self.login.chars() {
            match character {
                '%' | ':' | '/' | ';' | '?' | '#' => write!(f, "%{:02X}", u32::from(character))?,
                _ => write!(f, "{character}")?,
            }
        }
        match self.mechanism {
            Mechanism::Auto => (),
            Mechanism::Apop => f.write_str(";AUTH=+APOP")?,
            mechanism => write!(f, ";AUTH={}", mechanism.name())?,
        }
        write!(f, "@{}/", self.server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let cases = [
            ("imaps://alice@mail.example.org", "imaps://alice@mail.example.org:993/"),
            ("imaps://alice@mail.example.org/", "imaps://alice@mail.example.org:993/"),
            ("IMAP://alice@127.0.0.1:1143/", "imap://alice@127.0.0.1:1143/"),
            (
                "imap://alice@example.org@mail.example.org",
                "imap://alice@example.org@mail.example.org:143/",
            ),
            ("imap://a%3Ab%25%2f@h", "imap://a%3Ab%25%2F@h:143/"),
            ("imap://%C3%BCnal@h", "imap://ünal@h:143/"),
            ("imaps://a@[::1]", "imaps://a@[::1]:993/"),
            ("imaps://a@[::1]:10993/", "imaps://a@[::1]:10993/"),
            ("imaps://a;AUTH=cram-md5@h", "imaps://a;AUTH=CRAM-MD5@h:993/"),
            ("imaps://a;auth=*@h", "imaps://a@h:993/"),
            ("imaps://alice*master@h", "imaps://alice*master@h:993/"),
            ("mail.example.org", "the URL has no scheme"),
            ("pop3://a@h", "pop3://a@h:110/"),
            ("POP3S://a@h/", "pop3s://a@h:995/"),
            ("pop3://a;auth=+apop@h:1110", "pop3://a;AUTH=+APOP@h:1110/"),
            ("http://a@h", "the URL is none of imap://, imaps://, pop3:// and pop3s://"),
            ("imaps://h/", "the URL has no login"),
            ("imaps://@h/", "the URL has no login"),
            ("imaps://a:secret@h/", "the URL holds a password"),
            ("imaps://a@h/INBOX", "the URL names more than an account"),
            ("imaps://a@h?x", "the URL names more than an account"),
            ("imaps://a@", "the URL has no host"),
            ("imaps://a@::1/", "an IPv6 address needs brackets"),
            ("imaps://a@h:0", "the port is not a number from 1 to 65535"),
            ("imaps://a@h:99999", "the port is not a number from 1 to 65535"),
            ("imaps://a@[::1]x", "the port is not a number from 1 to 65535"),
            ("imaps://a%@h", "the login in the URL ends within a %XX"),
            ("imaps://a%xx@h", "the login in the URL holds a % that is no %XX"),
            ("imaps://a%00@h", "the login in the URL is no text"),
            ("imaps://a%ff@h", "the login in the URL is no text"),
            ("imaps://a;AUTH=NTLM@h", "the URL asks for an unknown mechanism"),
            ("imaps://a;x=y@h", "the URL holds an unknown parameter"),
        ];
        for (text, want) in cases {
            let got = ServerUrl::parse(text);
            let shown = got.as_ref().map_or_else(ToString::to_string, ToString::to_string);
            assert_eq!(shown, want, "{text}");
            if let Ok(url) = got {
                assert_eq!(ServerUrl::parse(&url.to_string()), Ok(url));
            }
        }
    }

    #[test]
    fn the_password_is_not_repeated() {
        let error = ServerUrl::parse("imaps://a:hunter2@h/").unwrap_err();
        assert!(!format!("{error} {error:?} {}", error.hint()).contains("hunter2"));
        assert!(error.hint().contains("--password-file"));
    }
}
