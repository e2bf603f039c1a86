//! The URL of an account: `imaps://login@host[:port]/`.

use std::fmt;

use thiserror::Error;

/// An account at a mail server, as `scheme://login@host[:port]/` (RFC 5092 §3, RFC 2384).
///
/// It never holds a password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailUrl {
    /// Protocol and security.
    pub scheme: Scheme,
    /// The login name, decoded; not empty.
    pub login: String,
    /// Host name or address; IPv6 without brackets.
    pub host: String,
    /// The port, from the URL or the scheme.
    pub port: u16,
}

/// Protocol and security of a [`MailUrl`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// IMAP; STARTTLS is used if it is offered.
    Imap,
    /// IMAP with TLS from the first byte (RFC 8314 §3.2).
    Imaps,
}

impl Scheme {
    /// The name in a URL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Imap => "imap",
            Scheme::Imaps => "imaps",
        }
    }

    /// The port where a URL names none.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Imap => 143,
            Scheme::Imaps => 993,
        }
    }
}

/// What is wrong with the text of a [`MailUrl`].
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum MailUrlError {
    /// There is no `://`.
    #[error("an account is written imaps://login@host/")]
    Form,
    /// Another protocol.
    #[error("the protocol is neither imap nor imaps")]
    Scheme,
    /// There is a colon in the part before the `@`.
    #[error("a password does not belong into a URL")]
    Password,
    /// There is no login name before an `@`.
    #[error("the login name is missing before the host")]
    Login,
    /// The host is empty, has spaces or is not bracketed.
    #[error("the host is missing or malformed; an IPv6 address needs brackets")]
    Host,
    /// Not a port.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// There is something after the host.
    #[error("nothing may follow the host; name folders with --include")]
    Path,
    /// `%` without two hexadecimal digits, or not UTF-8.
    #[error("a percent sign in the login name is written %25")]
    Percent,
}

impl MailUrl {
    /// Parses `text`. A `@` in the login name may stand as it is; other reserved characters are
    /// percent-encoded (RFC 3986 §2.1).
    pub fn parse(text: &str) -> Result<MailUrl, MailUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(MailUrlError::Form)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "imap" => Scheme::Imap,
            "imaps" => Scheme::Imaps,
            _ => return Err(MailUrlError::Scheme),
        };
        let (before, after) = rest.rsplit_once('@').ok_or(MailUrlError::Login)?;
        let (authority, path) = after.split_once('/').unwrap_or((after, ""));
        if !path.is_empty() {
            return Err(MailUrlError::Path);
        }
        if before.contains(':') {
            return Err(MailUrlError::Password);
        }
        let login = percent_decoded(before)?;
        if login.is_empty() || login.chars().any(char::is_control) {
            return Err(MailUrlError::Login);
        }
        let (host, port) = host_and_port(authority)?;
        let port = port.unwrap_or(scheme.default_port());
        Ok(MailUrl { scheme, login, host: host.to_owned(), port })
    }

    /// `scheme://host:port`: names the server in reports and in the archive.
    #[must_use]
    pub fn server(&self) -> String {
        let MailUrl { scheme, host, port, .. } = self;
        if host.contains(':') {
            format!("{}://[{host}]:{port}", scheme.name())
        } else {
            format!("{}://{host}:{port}", scheme.name())
        }
    }
}

/// The URL again, the login name decoded; for people.
impl fmt::Display for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.server();
        let (scheme, host) = server.split_once("://").unwrap_or_default();
        write!(f, "{scheme}://{}@{host}/", self.login)
    }
}

fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), MailUrlError> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']').ok_or(MailUrlError::Host)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| MailUrlError::Host)?;
            (host, rest)
        }
        None => match authority.find(':') {
            Some(at) => authority.split_at_checked(at).ok_or(MailUrlError::Host)?,
            None => (authority, ""),
        },
    };
    let malformed = |it: char| it.is_whitespace() || it.is_control() || "/?#%\\".contains(it);
    if host.is_empty() || host.chars().any(malformed) {
        return Err(MailUrlError::Host);
    }
    let Some(port) = rest.strip_prefix(':') else {
        return if rest.is_empty() { Ok((host, None)) } else { Err(MailUrlError::Host) };
    };
    if port.contains(':') {
        return Err(MailUrlError::Host);
    }
    let digits = !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit());
    match port.parse() {
        Ok(port) if digits && port != 0 => Ok((host, Some(port))),
        _ => Err(MailUrlError::Port),
    }
}

fn percent_decoded(text: &str) -> Result<String, MailUrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = rest.next().and_then(|it| char::from(it).to_digit(16));
            digit.and_then(|it| u8::try_from(it).ok()).ok_or(MailUrlError::Percent)
        };
        bytes.push(digit()? * 16 + digit()?);
    }
    String::from_utf8(bytes).map_err(|_| MailUrlError::Percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let cases = [
            ("imaps://alice@mail.example.org/", "imaps://alice@mail.example.org:993/"),
            ("imap://alice@mail.example.org", "imap://alice@mail.example.org:143/"),
            ("IMAP://alice@127.0.0.1:1143/", "imap://alice@127.0.0.1:1143/"),
            (
                "imaps://alice@example.org@mail.example.org",
                "imaps://alice@example.org@mail.example.org:993/",
            ),
            ("imaps://alice%40example.org@[::1]:993/", "imaps://alice@example.org@[::1]:993/"),
            ("imaps://DOM%5Calice@h", "imaps://DOM\\alice@h:993/"),
            ("imaps://alice:secret@h", "a password does not belong into a URL"),
            ("imaps://h/", "the login name is missing before the host"),
            ("imaps://@h/", "the login name is missing before the host"),
            ("pop3://alice@h/", "the protocol is neither imap nor imaps"),
            ("alice@h", "an account is written imaps://login@host/"),
            ("imaps://alice@h:0/", "the port is not a number from 1 to 65535"),
            ("imaps://alice@h:65536/", "the port is not a number from 1 to 65535"),
            ("imaps://alice@h:+1/", "the port is not a number from 1 to 65535"),
            (
                "imaps://alice@::1/",
                "the host is missing or malformed; an IPv6 address needs brackets",
            ),
            ("imaps://alice@/", "the host is missing or malformed; an IPv6 address needs brackets"),
            ("imaps://alice@h/INBOX", "nothing may follow the host; name folders with --include"),
            ("imaps://al%ice@h/", "a percent sign in the login name is written %25"),
        ];
        for (text, want) in cases {
            let got = match MailUrl::parse(text) {
                Ok(url) => url.to_string(),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, want, "{text}");
        }
    }
}
