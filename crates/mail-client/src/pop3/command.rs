//! Everything that this client can say to a server.
//!
//! Rule: nothing here changes a mailbox but DELE, and only `removal` can make one; a test names the
//! whole set.

use types::Secret;

use super::removal::Doomed;

/// The longest login or password: RFC 2449 §4 has lines of 255 bytes, servers take more.
const ARGUMENT_BYTES_MAX: usize = 2_000;

/// A command.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command<'a> {
    Capa,
    Stls,
    /// RFC 6856 §2.1: without it, messages with UTF-8 headers are hidden or rewritten.
    Utf8,
    Auth {
        mechanism: &'a str,
    },
    User(&'a str),
    Pass(&'a Secret),
    Apop {
        user: &'a str,
        digest: &'a str,
    },
    Stat,
    List,
    Uidl,
    Retr(u32),
    /// The header alone.
    Top(u32),
    /// To be removed by QUIT.
    Dele(Doomed),
    /// Nothing is to be removed, and what was fetched was not read (RFC 1939 §5).
    Rset,
    Quit,
}

impl Command<'_> {
    /// As bytes, with the end of the line. `None` when an argument cannot be sent.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let line = match self {
            Command::Capa => "CAPA".to_owned(),
            Command::Stls => "STLS".to_owned(),
            Command::Utf8 => "UTF8".to_owned(),
            Command::Auth { mechanism } => format!("AUTH {mechanism}"),
            Command::User(user) => format!("USER {}", sendable(user)?),
            Command::Pass(secret) => format!("PASS {}", sendable(secret.declassify())?),
            Command::Apop { user, digest } => {
                // The digest follows after a space: the login can hold none.
                format!("APOP {} {digest}", sendable(user).filter(|it| !it.contains(' '))?)
            }
            Command::Stat => "STAT".to_owned(),
            Command::List => "LIST".to_owned(),
            Command::Uidl => "UIDL".to_owned(),
            Command::Retr(number) => format!("RETR {number}"),
            Command::Top(number) => format!("TOP {number} 0"),
            Command::Dele(message) => format!("DELE {}", message.number()),
            Command::Rset => "RSET".to_owned(),
            Command::Quit => "QUIT".to_owned(),
        };
        Some((line + "\r\n").into_bytes())
    }
}

fn sendable(text: &str) -> Option<&str> {
    let fits = text.len() <= ARGUMENT_BYTES_MAX && !text.contains(['\r', '\n', '\0']);
    Some(text).filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_ever_sent() {
        let secret = Secret::new("open sesame".into());
        let all = [
            Command::Capa,
            Command::Stls,
            Command::Utf8,
            Command::Auth { mechanism: "PLAIN" },
            Command::User("alice"),
            Command::Pass(&secret),
            Command::Apop { user: "alice", digest: "00" },
            Command::Stat,
            Command::List,
            Command::Uidl,
            Command::Retr(1),
            Command::Top(1),
            Command::Rset,
            Command::Quit,
        ];
        let lines: Vec<u8> = all.iter().flat_map(|it| it.encode().unwrap()).collect();
        let want = "CAPA\r\nSTLS\r\nUTF8\r\nAUTH PLAIN\r\nUSER alice\r\nPASS open sesame\r\n\
                    APOP alice 00\r\nSTAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nTOP 1 0\r\nRSET\r\nQUIT\r\n";
        assert_eq!(String::from_utf8(lines).unwrap(), want);
    }

    #[test]
    fn arguments_stay_on_their_line() {
        assert!(Command::User("a\r\nDELE 1").encode().is_none());
        assert!(Command::Pass(&Secret::new("a\nb".into())).encode().is_none());
        assert!(Command::Apop { user: "a b", digest: "0" }.encode().is_none());
        assert!(Command::User(&"x".repeat(5_000)).encode().is_none());
    }
}
