//! Status lines: `+OK`, `-ERR`, and the codes in them (RFC 2449 §8, RFC 3206).

use net::Server;
use ports::{SourceError, SourceErrorKind};

use crate::trouble::{self, throttled};

/// How a server answered a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reply {
    /// `+OK` rather than `-ERR`.
    pub(crate) is_ok: bool,
    /// The code in brackets, upper case.
    pub(crate) code: Option<String>,
    /// The text for people, without the code.
    pub(crate) text: String,
}

impl Reply {
    /// Reads a status line without its end; `None` when it is none.
    pub(crate) fn read(line: &[u8]) -> Option<Reply> {
        let is = |word: &[u8]| {
            let (start, rest) = line.split_at_checked(word.len())?;
            let ends = rest.first().is_none_or(|it| matches!(it, b' ' | b'\t'));
            (start.eq_ignore_ascii_case(word) && ends).then_some(rest)
        };
        let (is_ok, rest) = match (is(b"+OK"), is(b"-ERR")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return None,
        };
        let text = String::from_utf8_lossy(rest);
        let text: String = text.trim().chars().filter(|it| !it.is_control()).collect();
        // A refusal is explained by a code; a greeting may be in brackets for other reasons.
        let coded = text.strip_prefix('[').and_then(|it| it.split_once(']')).filter(|_| !is_ok);
        Some(match coded {
            Some((code, rest)) => Reply {
                is_ok,
                code: Some(code.to_ascii_uppercase()),
                text: rest.trim_start().to_owned(),
            },
            None => Reply { is_ok, code: None, text },
        })
    }

    /// As it is shown to people.
    pub(crate) fn shown(&self) -> String {
        match (&self.code, self.text.as_str()) {
            (Some(code), "") => format!("[{code}]"),
            (Some(code), text) => format!("[{code}] {text}"),
            (None, "") => "no reason given".to_owned(),
            (None, text) => text.to_owned(),
        }
    }

    /// The kind of error when the refusal says that the server wants a pause. `login_delay` is
    /// the pause between logins that it announced (RFC 2449 §6.5), in seconds.
    pub(crate) fn pause(&self, login_delay: Option<u64>) -> Option<SourceErrorKind> {
        let retry_after = login_delay.map(std::time::Duration::from_secs);
        match self.code.as_deref() {
            Some("LOGIN-DELAY") => Some(SourceErrorKind::Throttled { retry_after }),
            Some("IN-USE") => Some(SourceErrorKind::Throttled { retry_after: None }),
            Some("AUTH" | "SYS/PERM") => None,
            code => throttled(code, &self.text),
        }
    }

    /// The error of a refusal that [`pause`](Reply::pause) gave a kind to.
    pub(crate) fn paused(&self, kind: SourceErrorKind, message: String) -> SourceError {
        SourceError::new(kind, message).asking(trouble::pause_of(self.code.as_deref()))
    }

    /// The error when a command is refused without which nothing goes on.
    pub(crate) fn refused(&self, server: &Server, what: &str) -> SourceError {
        let message = format!("{server} refused {what}: {}", self.shown());
        let code = self.code.as_deref();
        let kind = match self.pause(None) {
            _ if code == Some("SYS/TEMP") => SourceErrorKind::Transient,
            Some(kind) => kind,
            None => SourceErrorKind::Mailbox,
        };
        self.paused(kind, message)
    }
}

/// The error for a line where a status should stand.
pub(crate) fn no_status(line: &[u8]) -> SourceError {
    trouble::undecodable("no status", line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines() {
        let cases = [
            ("+OK", Some("ok: no reason given")),
            ("+ok  hello ", Some("ok: hello")),
            ("+OK [a] b", Some("ok: [a] b")),
            ("-ERR", Some("refused: no reason given")),
            ("-ERR [in-use] locked", Some("refused: [IN-USE] locked")),
            ("-err [SYS/TEMP]", Some("refused: [SYS/TEMP]")),
            ("-ERR [unclosed", Some("refused: [unclosed")),
            ("+OKAY", None),
            ("+ ", None),
            ("", None),
            ("* OK imap", None),
        ];
        for (line, want) in cases {
            let shown = Reply::read(line.as_bytes())
                .map(|it| format!("{}: {}", if it.is_ok { "ok" } else { "refused" }, it.shown()));
            assert_eq!(shown.as_deref(), want, "{line}");
        }
    }

    /// What servers say when they want a pause, and what they say when it is something else.
    #[test]
    fn w20_codes_and_words_say_what_to_do() {
        let server = Server { host: "h".into(), port: 110 };
        let cases = [
            // RFC 2449 §8.1 and RFC 3206 §4.
            (
                "-ERR [LOGIN-DELAY] minimum time between mail checks",
                "Throttled { retry_after: Some(60s) }, Account",
            ),
            ("-ERR [IN-USE] by another session", "Throttled { retry_after: None }, Account"),
            ("-ERR [SYS/TEMP] later", "Transient, Server"),
            ("-ERR [SYS/PERM] too many errors", "Mailbox, Server"),
            ("-ERR no such message", "Mailbox, Server"),
            // Words, where there is no code (RFC 1939 §4 has the first).
            ("-ERR maildrop already locked", "Throttled { retry_after: None }, Server"),
            ("-ERR Unable to lock maildrop", "Throttled { retry_after: None }, Server"),
            (
                "-ERR bandwidth limit, try in 5 minutes",
                "Throttled { retry_after: Some(300s) }, Server",
            ),
            (
                "-ERR Exceeded the login limit for a 15 minute period.",
                "Throttled { retry_after: Some(900s) }, Server",
            ),
            ("-ERR mail is fetched too often", "Throttled { retry_after: None }, Server"),
        ];
        for (line, want) in cases {
            let reply = Reply::read(line.as_bytes()).unwrap();
            let error = match reply.pause(Some(60)) {
                Some(kind) if reply.code.as_deref() != Some("SYS/TEMP") => {
                    reply.paused(kind, String::new())
                }
                _ => reply.refused(&server, "it"),
            };
            assert_eq!(format!("{:?}, {:?}", error.kind(), error.pause_of()), want, "{line}");
        }
    }
}
