//! What went wrong in a conversation by IMAP, in words.

use net::Server;
use ports::{SourceError, SourceErrorKind};

use super::reply::{Code, Status};

pub(crate) use crate::trouble::{
    configuration, distrust, net, not_offered, protocol, shown, too_slow, transient, undecodable,
    unfit,
};

/// The server ended the session (untagged BYE).
pub(crate) fn bye(server: &Server, status: &Status) -> SourceError {
    let message = format!("{server} ended the session: {}", status.shown());
    match throttled(status) {
        Some(kind) => paused(kind, status, message).with_hint("Wait, then run again."),
        None => SourceError::new(SourceErrorKind::Transient, message),
    }
}

/// The kind of error when a status says that the server wants a pause.
pub(crate) fn throttled(status: &Status) -> Option<SourceErrorKind> {
    crate::trouble::throttled(status.code.as_ref().map(Code::name), &status.text)
}

/// The error of a refusal that [`throttled`] gave a kind to.
pub(crate) fn paused(kind: SourceErrorKind, status: &Status, message: String) -> SourceError {
    let of = crate::trouble::pause_of(status.code.as_ref().map(Code::name));
    SourceError::new(kind, message).asking(of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::reply::{Reply, decode};

    fn status(line: &str) -> Status {
        match decode(format!("A1 {line}\r\n").as_bytes(), &[]).unwrap() {
            Reply::Tagged { status, .. } => status,
            other => panic!("{other:?}"),
        }
    }

    /// What servers say when they want a pause, and what they say when it is something else.
    #[test]
    fn w20_a_pause_is_no_wrong_password() {
        let cases = [
            // RFC 5530 §3 and RFC 9051 §7.1.
            ("NO [UNAVAILABLE] Temporary authentication failure.", "server"),
            ("NO [UNAVAILABLE]", "server"),
            ("NO [LIMIT] too many keywords", "server"),
            ("NO [INUSE] mailbox locked", "account"),
            ("NO [SERVERBUG] Internal error occurred", "server"),
            ("NO [THROTTLED] slow", "server"),
            ("NO [OVERQUOTA] Quota exceeded", "account"),
            // Gmail.
            ("NO [OVERQUOTA] Account exceeded command or bandwidth limits.", "account"),
            ("NO [ALERT] Account exceeded command or bandwidth limits. (Failure)", "server"),
            ("NO [ALERT] Too many simultaneous connections. (Failure)", "server"),
            ("NO [ALERT] Lockdown in sector 4 (Failure)", "server"),
            ("BYE [UNAVAILABLE] Temporary System Error", "server"),
            // Exchange.
            ("NO Server Unavailable. 15", "server"),
            (
                "BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds",
                "server, 299961 ms",
            ),
            (
                "NO [ALERT] Request is throttled. Suggested Backoff Time: 1000 milliseconds",
                "server, 1000 ms",
            ),
            ("BAD User is authenticated but not connected.", "server"),
            // Yahoo, Dovecot, and others.
            ("NO [LIMIT] LOGIN Rate limit hit.", "server"),
            ("NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded", "server"),
            ("NO too many logins, try again in 5 minutes", "server, 300000 ms"),
            ("NO [AUTHENTICATIONFAILED] rate limit hit; wait 30 sec", "server, 30000 ms"),
            ("NO System error, please try again later", "server"),
            // None of it.
            ("NO [AUTHENTICATIONFAILED] Authentication failed.", "no pause"),
            ("NO [AUTHENTICATIONFAILED] Wrong password, try again", "no pause"),
            ("NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", "no pause"),
            ("NO [NONEXISTENT] no such mailbox", "no pause"),
            ("NO [CLIENTBUG] unknown command", "no pause"),
            ("NO Login failed.", "no pause"),
            ("NO LOGIN failed.", "no pause"),
        ];
        for (line, want) in cases {
            let status = status(line);
            let got = match throttled(&status) {
                None => "no pause".to_owned(),
                Some(kind) => asked(&paused(kind, &status, String::new())),
            };
            assert_eq!(got, want, "{line}");
        }
    }

    fn asked(error: &SourceError) -> String {
        let of = format!("{:?}", error.pause_of()).to_lowercase();
        match error.kind() {
            SourceErrorKind::Throttled { retry_after: None } => of,
            SourceErrorKind::Throttled { retry_after: Some(it) } => {
                format!("{of}, {} ms", it.as_millis())
            }
            other => panic!("{other:?}"),
        }
    }
}
