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
        Some(kind) => SourceError::new(kind, message).with_hint("Wait, then run again."),
        None => SourceError::new(SourceErrorKind::Transient, message),
    }
}

/// The kind of error when a status says that the server wants a pause.
pub(crate) fn throttled(status: &Status) -> Option<SourceErrorKind> {
    crate::trouble::throttled(status.code.as_ref().map(Code::name), &status.text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::imap::reply::{Reply, decode};

    fn status(line: &str) -> Status {
        match decode(format!("A1 {line}\r\n").as_bytes(), &[]).unwrap() {
            Reply::Tagged { status, .. } => status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn throttling_is_recognised() {
        let cases = [
            ("NO [THROTTLED] slow", Some(None)),
            ("NO [OVERQUOTA] Account exceeded command or bandwidth limits.", Some(None)),
            ("NO [UNAVAILABLE] Temporary authentication failure.", Some(None)),
            ("NO [INUSE] mailbox locked", Some(None)),
            ("NO [ALERT] Too many simultaneous connections. (Failure)", Some(None)),
            (
                "BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds",
                Some(Some(299_961)),
            ),
            ("NO too many logins, try again in 5 minutes", Some(Some(300_000))),
            ("NO [AUTHENTICATIONFAILED] rate limit hit; wait 30 sec", Some(Some(30_000))),
            ("NO System error, please try again later", Some(None)),
            ("NO [AUTHENTICATIONFAILED] Authentication failed.", None),
            ("NO [AUTHENTICATIONFAILED] Wrong password, try again", None),
            ("NO [NONEXISTENT] no such mailbox", None),
            ("NO Login failed.", None),
        ];
        for (line, want) in cases {
            let want = want.map(|millis: Option<u64>| SourceErrorKind::Throttled {
                retry_after: millis.map(Duration::from_millis),
            });
            assert_eq!(throttled(&status(line)), want, "{line}");
        }
    }
}
