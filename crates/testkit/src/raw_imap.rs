//! A small blocking IMAP client of the tests' own: it prepares mailboxes and says what is in
//! them. Independent of `mail-client`, so that it can bear witness against it.
//!
//! It trusts its server, keeps everything in memory, and knows only what tests need.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer of a local server takes.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A connection that is logged in.
#[derive(Debug)]
pub struct RawImap {
    stream: BufReader<TcpStream>,
    last_tag: u32,
}

/// One response: its text, with each literal replaced by its number of bytes in braces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawResponse {
    /// The text, without CRLF, bytes beyond ASCII replaced.
    pub text: String,
    /// The literals, in order.
    pub literals: Vec<Vec<u8>>,
}

/// A message as the server gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawMessage {
    /// Its UID.
    pub uid: u32,
    /// Its flags as sent, sorted, without `\Recent`.
    pub flags: Vec<String>,
    /// INTERNALDATE as sent.
    pub internal_date: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a mailbox was when it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawMailbox {
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// Messages by ascending UID.
    pub messages: Vec<RawMessage>,
}

impl RawImap {
    /// Connects without TLS and logs in.
    ///
    /// # Panics
    /// When the server does not let us in.
    #[must_use]
    pub fn login(addr: SocketAddr, user: &str, password: &str) -> RawImap {
        let stream = TcpStream::connect(addr).unwrap_or_else(|it| panic!("{addr}: {it}"));
        stream.set_read_timeout(Some(WAIT_MAX)).expect("timeout");
        stream.set_nodelay(true).expect("no delay");
        let mut imap = RawImap { stream: BufReader::new(stream), last_tag: 0 };
        let greeting = imap.response();
        assert!(greeting.text.starts_with("* OK"), "greeting: {}", greeting.text);
        imap.ok(&format!("LOGIN {} {}", quoted(user), quoted(password)));
        imap
    }

    /// Runs a command that has to succeed; gives the untagged responses.
    ///
    /// # Panics
    /// When it does not succeed.
    pub fn ok(&mut self, command: &str) -> Vec<RawResponse> {
        let (responses, status) = self.run(command);
        assert!(status.starts_with("OK"), "{command}: {status}");
        responses
    }

    /// Runs a command; gives the untagged responses and the status line behind the tag.
    ///
    /// # Panics
    /// When the connection ends.
    pub fn run(&mut self, command: &str) -> (Vec<RawResponse>, String) {
        let tag = self.send(command);
        self.until(&tag)
    }

    fn send(&mut self, command: &str) -> String {
        self.last_tag += 1;
        let tag = format!("t{}", self.last_tag);
        let line = format!("{tag} {command}\r\n");
        self.stream.get_mut().write_all(line.as_bytes()).expect("sending a command");
        tag
    }

    fn until(&mut self, tag: &str) -> (Vec<RawResponse>, String) {
        let mut responses = Vec::new();
        loop {
            let response = self.response();
            match response.text.strip_prefix(tag).and_then(|it| it.strip_prefix(' ')) {
                Some(status) => return (responses, status.to_owned()),
                None => responses.push(response),
            }
        }
    }

    fn response(&mut self) -> RawResponse {
        let mut text = String::new();
        let mut literals = Vec::new();
        loop {
            let mut line = Vec::new();
            self.stream.read_until(b'\n', &mut line).expect("reading a response");
            assert!(line.ends_with(b"\r\n"), "the connection ended after {text:?}");
            line.truncate(line.len() - 2);
            let line = String::from_utf8_lossy(&line);
            text.push_str(&line);
            let Some(size) = literal_size(&line) else { return RawResponse { text, literals } };
            let mut literal = vec![0; size];
            self.stream.read_exact(&mut literal).expect("reading a literal");
            literals.push(literal);
        }
    }

    /// The names of all mailboxes that can be selected, as the server spells them, sorted.
    pub fn mailboxes(&mut self) -> Vec<String> {
        let responses = self.ok(r#"LIST "" "*""#);
        let listed = responses.iter().filter(|it| it.text.starts_with("* LIST "));
        let mut names: Vec<String> = listed
            .filter(|it| !it.text.to_ascii_lowercase().contains("\\noselect"))
            .filter(|it| !it.text.to_ascii_lowercase().contains("\\nonexistent"))
            .map(mailbox_name)
            .collect();
        names.sort();
        names
    }

    /// Reads a whole mailbox, changing nothing in it.
    ///
    /// # Panics
    /// When the server does not give it.
    pub fn mailbox(&mut self, name: &str) -> RawMailbox {
        let opened = self.ok(&format!("EXAMINE {}", quoted(name)));
        let uid_validity = opened.iter().find_map(|it| number_after(&it.text, "UIDVALIDITY "));
        let mut messages = Vec::new();
        for response in self.ok("UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])") {
            if response.text.contains(" FETCH (") {
                messages.push(raw_message(response));
            }
        }
        messages.sort_by_key(|it| it.uid);
        self.ok("UNSELECT");
        RawMailbox { uid_validity: uid_validity.expect("UIDVALIDITY"), messages }
    }

    /// Reads everything that the account has: the truth to compare an archive with.
    pub fn everything(&mut self) -> BTreeMap<String, RawMailbox> {
        let names = self.mailboxes();
        names.into_iter().map(|name| (name.clone(), self.mailbox(&name))).collect()
    }

    /// Makes a mailbox.
    pub fn create(&mut self, mailbox: &str) {
        self.ok(&format!("CREATE {}", quoted(mailbox)));
    }

    /// Removes a mailbox with its messages.
    pub fn delete(&mut self, mailbox: &str) {
        self.ok(&format!("DELETE {}", quoted(mailbox)));
    }

    /// Renames a mailbox.
    pub fn rename(&mut self, from: &str, to: &str) {
        self.ok(&format!("RENAME {} {}", quoted(from), quoted(to)));
    }

    /// Appends a message with these flags (`\Seen $Label`) and gives its UID.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn append(&mut self, mailbox: &str, flags: &str, bytes: &[u8]) -> u32 {
        self.try_append(mailbox, flags, bytes).unwrap_or_else(|status| panic!("APPEND: {status}"))
    }

    /// The same, for a message that the server may not take.
    ///
    /// # Errors
    /// With the status line of the refusal.
    ///
    /// # Panics
    /// When the connection ends.
    pub fn try_append(&mut self, mailbox: &str, flags: &str, bytes: &[u8]) -> Result<u32, String> {
        let size = bytes.len();
        let tag = self.send(&format!("APPEND {} ({flags}) {{{size}+}}", quoted(mailbox)));
        let stream = self.stream.get_mut();
        stream.write_all(bytes).and_then(|()| stream.write_all(b"\r\n")).expect("sending");
        let (_, status) = self.until(&tag);
        if !status.starts_with("OK") {
            return Err(status);
        }
        let uid = status
            .split("APPENDUID ")
            .nth(1)
            .and_then(|it| it.split([' ', ']']).nth(1).and_then(|it| it.parse().ok()));
        Ok(uid.expect("APPENDUID"))
    }

    /// Sets exactly these flags on messages.
    pub fn flag(&mut self, mailbox: &str, uids: &[u32], flags: &str) {
        self.in_mailbox(mailbox, &format!("UID STORE {} FLAGS ({flags})", set(uids)));
    }

    /// Removes messages for good.
    pub fn expunge(&mut self, mailbox: &str, uids: &[u32]) {
        self.ok(&format!("SELECT {}", quoted(mailbox)));
        self.ok(&format!("UID STORE {} +FLAGS (\\Deleted)", set(uids)));
        self.ok(&format!("UID EXPUNGE {}", set(uids)));
        self.ok("UNSELECT");
    }

    /// Copies messages into another mailbox.
    pub fn copy(&mut self, mailbox: &str, uids: &[u32], to: &str) {
        self.in_mailbox(mailbox, &format!("UID COPY {} {}", set(uids), quoted(to)));
    }

    /// Moves messages into another mailbox.
    pub fn move_to(&mut self, mailbox: &str, uids: &[u32], to: &str) {
        self.in_mailbox(mailbox, &format!("UID MOVE {} {}", set(uids), quoted(to)));
    }

    fn in_mailbox(&mut self, mailbox: &str, command: &str) {
        self.ok(&format!("SELECT {}", quoted(mailbox)));
        self.ok(command);
        self.ok("UNSELECT");
    }
}

/// A string as IMAP quotes it.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn set(uids: &[u32]) -> String {
    let mut text = String::new();
    for uid in uids {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{uid}");
    }
    text
}

/// The size in `... {12}` at the end of a line.
pub(crate) fn literal_size(line: &str) -> Option<usize> {
    let (_, size) = line.strip_suffix('}')?.rsplit_once('{')?;
    size.parse().ok()
}

pub(crate) fn number_after(text: &str, word: &str) -> Option<u32> {
    let at = text.find(word)? + word.len();
    let digits: String = text[at..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The name in `* LIST (flags) "/" name`.
fn mailbox_name(response: &RawResponse) -> String {
    if let Some(literal) = response.literals.last() {
        return String::from_utf8_lossy(literal).into_owned();
    }
    let text = response.text.split_once(") ").map_or("", |(_, it)| it);
    let name = match text.strip_prefix('"') {
        Some(rest) => rest.split_once("\" ").map_or("", |(_, it)| it),
        None => text.split_once(' ').map_or("", |(_, it)| it),
    };
    match name.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => name.to_owned(),
    }
}

fn raw_message(response: RawResponse) -> RawMessage {
    let text = &response.text;
    let inside = |from: &str, to: char| -> String {
        let start = text.find(from).map(|it| it + from.len());
        let rest = start.and_then(|it| text.get(it..)).unwrap_or_default();
        rest.split(to).next().unwrap_or_default().to_owned()
    };
    let mut flags: Vec<String> = inside("FLAGS (", ')')
        .split(' ')
        .filter(|it| !it.is_empty() && *it != "\\Recent")
        .map(str::to_owned)
        .collect();
    flags.sort();
    RawMessage {
        uid: number_after(text, "UID ").expect("UID"),
        flags,
        internal_date: inside("INTERNALDATE \"", '"'),
        // A server gives an empty message as "" rather than as a literal of no bytes.
        bytes: response.literals.into_iter().next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_mailboxes() {
        let cases = [
            (r#"* LIST (\HasNoChildren) "/" INBOX"#, "INBOX"),
            (r#"* LIST () "." "a b""#, "a b"),
            (r#"* LIST () "/" "say \"hi\"""#, "say \"hi\""),
            (r#"* LIST () NIL Flat"#, "Flat"),
        ];
        for (text, name) in cases {
            let response = RawResponse { text: text.into(), literals: Vec::new() };
            assert_eq!(mailbox_name(&response), name);
        }
    }
}
