//! Mailboxes of an account: names, what they are for, and their state.

use std::collections::HashMap;

use ports::{MailboxInfo, MailboxStatus, Namespace, SourceError, SourceErrorKind, SpecialUse};
use types::MailboxName;

use super::command::{Command, ListReturns};
use super::connection::Extensions;
use super::limits::{LIST_WINDOW, MAILBOXES_MAX};
use super::mutf7::decode_mutf7;
use super::reply::{ListItem, NamespacePrefix, Reply, Status, StatusKind};
use super::session::Session;
use super::trouble;

/// Prefixes of mailbox names: personal, other users', shared (RFC 2342 §5).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Namespaces(pub(crate) [Vec<NamespacePrefix>; 3]);

impl Namespaces {
    /// Prefixes that `LIST "" *` may leave out.
    fn foreign_prefixes(&self) -> impl Iterator<Item = &[u8]> {
        let [_, others, shared] = &self.0;
        let prefixes = others.iter().chain(shared).map(|it| it.prefix.as_slice());
        prefixes.filter(|it| !it.is_empty())
    }

    /// Whose a mailbox is: the longest prefix decides.
    fn of(&self, name: &[u8]) -> Namespace {
        let kinds = [Namespace::Personal, Namespace::OtherUsers, Namespace::Shared];
        let prefixes = self
            .0
            .iter()
            .zip(kinds)
            .flat_map(|(prefixes, kind)| prefixes.iter().map(move |it| (it, kind)));
        let covering = prefixes.filter(|(it, _)| it.covers(name));
        covering.max_by_key(|(it, _)| it.prefix.len()).map_or(Namespace::Personal, |it| it.1)
    }
}

impl NamespacePrefix {
    /// Whether a mailbox is in the namespace, or is its root (`Public` of `Public/`).
    fn covers(&self, name: &[u8]) -> bool {
        let root = match (self.prefix.split_last(), self.separator) {
            (Some((last, root)), Some(separator)) if *last == separator => Some(root),
            _ => None,
        };
        name.starts_with(&self.prefix) || root == Some(name)
    }
}

/// Lists all mailboxes with their state.
pub(crate) async fn mailboxes(
    session: &mut Session,
    extensions: &Extensions,
) -> Result<Vec<MailboxInfo>, SourceError> {
    let offered = session.capabilities();
    let returns = ListReturns {
        special_use: offered.has_special_use(),
        status: offered.has_list_status(),
        modseq: extensions.condstore,
    };
    let mut found = Found::default();
    let prefixes: Vec<&[u8]> =
        std::iter::once(&b""[..]).chain(extensions.namespaces.foreign_prefixes()).collect();
    let lists: Vec<Command<'_>> =
        prefixes.iter().map(|prefix| Command::List { prefix, returns }).collect();
    let statuses = session.run_all(&lists, LIST_WINDOW, |reply| found.take(reply)).await?;
    for (prefix, status) in prefixes.iter().zip(&statuses) {
        check_listed(session, prefix, status)?;
    }
    ask_states(session, &mut found, extensions.condstore).await?;
    Ok(found.items.into_iter().map(|item| describe(item, &found.states, extensions)).collect())
}

/// Mailboxes that were named so far.
#[derive(Default)]
struct Found {
    items: Vec<ListItem>,
    places: HashMap<Vec<u8>, usize>,
    states: HashMap<Vec<u8>, MailboxStatus>,
}

impl Found {
    fn take(&mut self, reply: Reply) -> Result<(), SourceError> {
        if self.items.len() > MAILBOXES_MAX || self.states.len() > MAILBOXES_MAX {
            return Err(trouble::protocol("the server lists mailboxes without end".into()));
        }
        match reply {
            Reply::List(item) => self.add(item),
            Reply::MailboxStatus { name, status } => {
                self.states.insert(name, status);
            }
            _ => (),
        }
        Ok(())
    }

    /// A mailbox may be named by several lists; each may know more of it.
    fn add(&mut self, item: ListItem) {
        let place = self.places.get(&item.name).and_then(|it| self.items.get_mut(*it));
        match place {
            Some(known) => {
                for attribute in item.attributes {
                    if !known.attributes.contains(&attribute) {
                        known.attributes.push(attribute);
                    }
                }
            }
            None => {
                self.places.insert(item.name.clone(), self.items.len());
                self.items.push(item);
            }
        }
    }
}

fn check_listed(session: &mut Session, prefix: &[u8], status: &Status) -> Result<(), SourceError> {
    if status.kind == StatusKind::Ok {
        return Ok(());
    }
    let reason = session.reason(status);
    if let Some(kind) = trouble::throttled(status) {
        let message = format!("{} wants a pause: {reason}", session.server());
        return Err(trouble::paused(kind, status, message));
    }
    if prefix.is_empty() {
        let message = format!("{} does not list its mailboxes: {reason}", session.server());
        return Err(SourceError::new(SourceErrorKind::Protocol, message));
    }
    let prefix = prefix.escape_ascii();
    session.warn(format!("the server does not list mailboxes below {prefix}: {reason}"));
    Ok(())
}

/// Asks for the state of what can be opened and has none yet. A refusal leaves it without.
async fn ask_states(
    session: &mut Session,
    found: &mut Found,
    modseq: bool,
) -> Result<(), SourceError> {
    let missing: Vec<Vec<u8>> = found
        .items
        .iter()
        .filter(|item| is_selectable(item) && !found.states.contains_key(&item.name))
        .map(|item| item.name.clone())
        .collect();
    let commands: Vec<Command<'_>> =
        missing.iter().map(|mailbox| Command::Status { mailbox, modseq }).collect();
    let statuses = session.run_all(&commands, LIST_WINDOW, |reply| found.take(reply)).await?;
    for status in statuses.iter().filter(|it| it.kind != StatusKind::Ok) {
        if let Some(kind) = trouble::throttled(status) {
            let message = format!("{} wants a pause: {}", session.server(), status.shown());
            return Err(trouble::paused(kind, status, message));
        }
    }
    Ok(())
}

fn describe(
    item: ListItem,
    states: &HashMap<Vec<u8>, MailboxStatus>,
    extensions: &Extensions,
) -> MailboxInfo {
    MailboxInfo {
        special_use: item.attributes.iter().find_map(|it| special_use(it)),
        namespace: extensions.namespaces.of(&item.name),
        selectable: is_selectable(&item),
        status: states.get(&item.name).copied(),
        name: mailbox_name(item.name, item.separator, extensions.utf8_names),
    }
}

fn is_selectable(item: &ListItem) -> bool {
    let closed = ["\\NoSelect", "\\NonExistent"];
    !item.attributes.iter().any(|it| closed.iter().any(|name| it.eq_ignore_ascii_case(name)))
}

/// RFC 6154 §2, and what servers sent before it (XLIST).
fn special_use(attribute: &str) -> Option<SpecialUse> {
    Some(match attribute.to_ascii_lowercase().as_str() {
        "\\all" | "\\allmail" => SpecialUse::All,
        "\\archive" => SpecialUse::Archive,
        "\\drafts" => SpecialUse::Drafts,
        "\\flagged" | "\\starred" => SpecialUse::Flagged,
        "\\junk" | "\\spam" => SpecialUse::Junk,
        "\\sent" => SpecialUse::Sent,
        "\\trash" => SpecialUse::Trash,
        _ => return None,
    })
}

/// The raw name, and its parts as people read them.
pub(crate) fn mailbox_name(raw: Vec<u8>, separator: Option<u8>, utf8_names: bool) -> MailboxName {
    let mut parts: Vec<String> = match separator {
        Some(separator) => {
            raw.split(|it| *it == separator).map(|it| decode_name(it, utf8_names)).collect()
        }
        None => vec![decode_name(&raw, utf8_names)],
    };
    // Names that can only have children are listed with the separator behind them.
    if parts.len() > 1 && parts.last().is_some_and(String::is_empty) {
        parts.pop();
    }
    // RFC 9051 §5.1: INBOX in any case is INBOX, and what is below it belongs there.
    if let Some(first) = parts.first_mut().filter(|it| it.eq_ignore_ascii_case("INBOX")) {
        "INBOX".clone_into(first);
    }
    MailboxName { raw, parts }
}

/// Modified UTF-7, or UTF-8 where that was agreed or is used all the same; everything else is
/// shown escaped.
pub(crate) fn decode_name(raw: &[u8], utf8_names: bool) -> String {
    let decoded = if utf8_names { None } else { decode_mutf7(raw) };
    let text = decoded.or_else(|| std::str::from_utf8(raw).ok().map(str::to_owned));
    let text = text.unwrap_or_else(|| raw.escape_ascii().to_string());
    if !text.contains(char::is_control) {
        return text;
    }
    // Nobody reads a control character, and a terminal may obey it.
    let shown = |it: char| {
        if it.is_control() { it.escape_default().to_string() } else { it.to_string() }
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_people_read_them() {
        type Case = (&'static [u8], Option<u8>, bool, &'static [&'static str]);
        let cases: [Case; 14] = [
            (b"INBOX", Some(b'/'), false, &["INBOX"]),
            (b"Inbox/Work", Some(b'/'), false, &["INBOX", "Work"]),
            (b"a.b/c", Some(b'.'), false, &["a", "b/c"]),
            (b"a.b/c", None, false, &["a.b/c"]),
            (b"Entw&APw-rfe", Some(b'.'), false, &["Entwürfe"]),
            (b"Entw&APw-rfe", Some(b'.'), true, &["Entw&APw-rfe"]),
            ("Entwürfe/😀".as_bytes(), Some(b'/'), true, &["Entwürfe", "😀"]),
            ("Entwürfe".as_bytes(), Some(b'/'), false, &["Entwürfe"]),
            (b"Entw\xfcrfe", Some(b'/'), false, &["Entw\\xfcrfe"]),
            (b"A & B", Some(b'/'), false, &["A & B"]),
            (b"a//b", Some(b'/'), false, &["a", "", "b"]),
            (b"Public/", Some(b'/'), false, &["Public"]),
            (b"/", Some(b'/'), false, &[""]),
            (b"x&AAo-\x1b[31m", Some(b'/'), false, &["x\\n\\u{1b}[31m"]),
        ];
        for (raw, separator, utf8, want) in cases {
            let name = mailbox_name(raw.to_vec(), separator, utf8);
            assert_eq!(name.parts, want, "{}", raw.escape_ascii());
            assert_eq!(name.raw, raw);
        }
    }

    #[test]
    fn the_longest_prefix_decides() {
        let prefix = |text: &str| NamespacePrefix {
            prefix: text.as_bytes().to_vec(),
            separator: Some(b'/'),
        };
        let namespaces = Namespaces([
            vec![prefix("")],
            vec![prefix("Shared/")],
            vec![prefix("Public/"), prefix("Shared/All/")],
        ]);
        for (name, want) in [
            ("INBOX", Namespace::Personal),
            ("Shared", Namespace::OtherUsers),
            ("Shared/bob/INBOX", Namespace::OtherUsers),
            ("Shared/All/News", Namespace::Shared),
            ("Public/Announcements", Namespace::Shared),
            ("Publicity", Namespace::Personal),
        ] {
            assert_eq!(namespaces.of(name.as_bytes()), want, "{name}");
        }
        assert_eq!(Namespaces::default().of(b"x"), Namespace::Personal);
        assert_eq!(namespaces.foreign_prefixes().count(), 3);
    }
}
