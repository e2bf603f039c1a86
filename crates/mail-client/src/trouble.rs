//! What went wrong, in words, whatever the protocol: errors of the network, refusals, throttling.
//!
//! Rule: throttling is looked for first, because servers dress it as a wrong password, as a lost
//! connection or as nothing at all.

use std::time::Duration;

use net::{NetError, NetErrorKind, Server};
use ports::{PauseOf, SourceError, SourceErrorKind};

use crate::sasl::{Mechanism, SaslError};

/// Bytes of a response that an error shows.
const SHOWN_BYTES_MAX: usize = 160;

/// Bytes from a server, as an error shows them: escaped and shortened.
pub(crate) fn shown(bytes: &[u8]) -> String {
    match bytes.split_at_checked(SHOWN_BYTES_MAX) {
        Some((start, rest)) if !rest.is_empty() => {
            format!("{}... ({} bytes)", start.escape_ascii(), bytes.len())
        }
        _ => bytes.escape_ascii().to_string(),
    }
}

/// A response that cannot be read, or that breaks the protocol.
pub(crate) fn undecodable(what: &str, bytes: &[u8]) -> SourceError {
    protocol(format!("the server sent what cannot be understood ({what}): {}", shown(bytes)))
}

/// The server broke the protocol.
pub(crate) fn protocol(message: String) -> SourceError {
    SourceError::new(SourceErrorKind::Protocol, message)
}

/// Host, port, certificate or security is wrong.
pub(crate) fn configuration(message: String, hint: &str) -> SourceError {
    SourceError::new(SourceErrorKind::Configuration, message).with_hint(hint)
}

/// None of the mechanisms that the server offers will do.
pub(crate) fn not_offered(
    server: &Server,
    asked: Mechanism,
    authzid: Option<&str>,
    offered: &str,
) -> SourceError {
    let wanted = match (asked, authzid) {
        (Mechanism::Auto, Some(_)) => "a mechanism that can act for another account".to_owned(),
        (Mechanism::Auto, None) => "a mechanism that we know".to_owned(),
        (asked, _) => asked.to_string(),
    };
    configuration(
        format!("{server} does not offer {wanted} (it offers: {offered})"),
        "Name another mechanism, or none to let us choose.",
    )
}

/// Something that may be better next time.
pub(crate) fn transient(message: String) -> SourceError {
    SourceError::new(SourceErrorKind::Transient, message)
}

/// A server that sends, but not enough.
pub(crate) fn too_slow(what: &str, server: &Server) -> SourceError {
    transient(format!("{server} is too slow ({what})"))
}

/// An error of the network.
pub(crate) fn net(error: NetError) -> SourceError {
    let kind = match error.kind() {
        NetErrorKind::Timeout | NetErrorKind::Reset | NetErrorKind::Io => {
            SourceErrorKind::Transient
        }
        // Nothing listens, or the name is unknown: also for the minute of a restart, but who
        // set this up must look.
        _ => SourceErrorKind::Configuration,
    };
    let translated = SourceError::new(kind, error.to_string());
    let translated = match error.hint() {
        Some(hint) => translated.with_hint(hint),
        None => translated,
    };
    translated.caused_by(error)
}

/// Credentials that do not fit a mechanism.
pub(crate) fn unfit(error: SaslError) -> SourceError {
    let hint = "Check login, password and mechanism.";
    configuration(error.to_string(), hint).caused_by(error)
}

/// A server that broke the rules of a mechanism, or did not prove itself.
pub(crate) fn distrust(error: &SaslError) -> SourceError {
    protocol(error.to_string()).with_hint(
        "Check that host and certificate are those of your server; then name another mechanism.",
    )
}

/// The kind of error when a refusal says that the server wants a pause.
///
/// Codes first (RFC 5530 §3, RFC 9051 §7.1, and those of large providers), then words.
pub(crate) fn throttled(code: Option<&str>, text: &str) -> Option<SourceErrorKind> {
    const CODES: [&str; 6] =
        ["THROTTLED", "OVERQUOTA", "LIMIT", "UNAVAILABLE", "INUSE", "SERVERBUG"];
    // Also beside a code that says something else: they name the reason.
    const STRONG: [&str; 19] = [
        "too many",
        "too often",
        "throttl",
        "rate limit",
        "bandwidth",
        "backoff",
        "back off",
        "back-off",
        "slow down",
        "simultaneous",
        "maximum number of connections",
        "connection limit",
        "exceeded",
        // Gmail, to accounts that fetched too much.
        "lockdown in sector",
        // Exchange, when it closes a mailbox that it does not get to.
        "authenticated but not connected",
        // POP3 servers without RFC 2449 §8.1.2.
        "already locked",
        "unable to lock",
        "mailbox is locked",
        "mailbox in use",
    ];
    // Only where nothing else is said.
    const WEAK: [&str; 5] = ["try again", "temporar", "server busy", "unavailable", "system error"];
    let text = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|it| text.contains(it));
    let by_code = code.is_some_and(|code| CODES.contains(&code));
    let says_so = by_code || has(&STRONG) || (code.is_none() && has(&WEAK));
    says_so.then(|| SourceErrorKind::Throttled { retry_after: asked_pause(&text) })
}

/// Whom a refusal asks for a pause: what locks one mailbox or is counted for one account says
/// nothing of the others.
pub(crate) fn pause_of(code: Option<&str>) -> PauseOf {
    match code {
        Some("INUSE" | "IN-USE" | "LOGIN-DELAY" | "OVERQUOTA") => PauseOf::Account,
        _ => PauseOf::Server,
    }
}

/// The pause that a text names: "backoff time: 299961 milliseconds", "in 5 minutes".
pub(crate) fn asked_pause(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 8] = [
        ("millisecond", 1),
        ("ms", 1),
        ("second", 1000),
        ("sec", 1000),
        ("minute", 60_000),
        ("min", 60_000),
        ("hour", 3_600_000),
        ("day", 86_400_000),
    ];
    /// A text that names more is not about a pause.
    const PAUSE_MAX: Duration = Duration::from_hours(7 * 24);
    let words: Vec<&str> = text.split(|it: char| !it.is_alphanumeric()).collect();
    let words: Vec<&str> = words.into_iter().filter(|it| !it.is_empty()).collect();
    let pause = words.windows(2).find_map(|pair| {
        let [number, unit] = pair else { return None };
        let number: u64 = number.parse().ok()?;
        let (_, millis) = UNITS.iter().find(|(name, _)| unit.starts_with(name))?;
        Some(Duration::from_millis(number.checked_mul(*millis)?))
    });
    pause.filter(|it| *it <= PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_read() {
        for (text, want) in [
            ("in 2 hours", Some(7200)),
            ("wait 1 day.", Some(86_400)),
            ("try again in 99999 days", None),
            ("error 451 5.7.1 no unit", None),
            ("99999999999999999999 seconds", None),
        ] {
            assert_eq!(asked_pause(text), want.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn bytes_are_shown_shortened() {
        assert_eq!(shown(b"a\xff\r\n"), r"a\xff\r\n");
        let long = shown(&[b'x'; 1000]);
        assert!(long.ends_with("xxx... (1000 bytes)") && long.len() < 200, "{long}");
    }
}
