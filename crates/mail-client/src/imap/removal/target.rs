//! The mailbox that messages are moved to: found by its path, or named so that it can be made.

use ports::SourceError;
use types::MailboxName;

use crate::imap::command::{Command, ListReturns};
use crate::imap::connection::Extensions;
use crate::imap::listing::mailbox_name;
use crate::imap::mutf7::encode_mutf7;
use crate::imap::reply::{Reply, StatusKind};
use crate::imap::session::Session;
use crate::imap::trouble;

/// The name, as the server spells it, of the mailbox of this path.
pub(super) async fn of(
    session: &mut Session,
    extensions: &Extensions,
    path: &str,
) -> Result<Vec<u8>, SourceError> {
    let wanted = MailboxName::from_parts(path.split('/')).path();
    let mut found = None;
    let mut separator = None;
    let command = Command::List { prefix: b"", returns: ListReturns::default() };
    let status = session.run(&command, |reply| {
        let Reply::List(item) = reply else { return Ok(()) };
        separator = separator.or(item.separator);
        let name = mailbox_name(item.name, item.separator, extensions.utf8_names);
        if name.path() == wanted {
            found = Some(name.raw);
        }
        Ok(())
    });
    let status = status.await?;
    if status.kind != StatusKind::Ok {
        let reason = session.reason(&status);
        let text = format!("{} does not list its mailboxes: {reason}", session.server());
        return Err(trouble::protocol(text));
    }
    match found {
        Some(raw) => Ok(raw),
        None => named(path, separator.unwrap_or(b'/'), extensions.utf8_names),
    }
}

/// A name for a mailbox that is not there yet.
fn named(path: &str, separator: u8, utf8_names: bool) -> Result<Vec<u8>, SourceError> {
    let mut raw = Vec::new();
    for (n, part) in path.split('/').enumerate() {
        if n > 0 {
            raw.push(separator);
        }
        let encoded = if utf8_names { part.to_owned() } else { encode_mutf7(part) };
        if encoded.as_bytes().contains(&separator) {
            let text = format!(
                "no mailbox {path:?} can be made: {:?} separates levels at this server",
                char::from(separator)
            );
            return Err(trouble::configuration(text, "Name another mailbox to move messages to."));
        }
        raw.extend_from_slice(encoded.as_bytes());
    }
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_made() {
        let shown = |path, separator, utf8| {
            named(path, separator, utf8)
                .map(|it| String::from_utf8(it).unwrap())
                .map_err(|it| it.to_string())
        };
        assert_eq!(shown("Old/2026", b'.', false).unwrap(), "Old.2026");
        assert_eq!(shown("Alte Entwürfe", b'/', false).unwrap(), "Alte Entw&APw-rfe");
        assert_eq!(shown("Alte Entwürfe", b'/', true).unwrap(), "Alte Entwürfe");
        assert_eq!(
            shown("v1.2/x", b'.', false).unwrap_err(),
            "no mailbox \"v1.2/x\" can be made: '.' separates levels at this server"
        );
    }
}
