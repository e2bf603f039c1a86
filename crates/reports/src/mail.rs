//! Messages that Posthold writes: text and a page of the same report, to few people.
//!
//! Rules: headers are ASCII (RFC 5322, RFC 2047), bodies are encoded so that every server can pass
//! them on (RFC 2045 §6), and every message says that no person wrote it (RFC 3834 §5).

mod encode;

use types::{Address, Timestamp};

pub use encode::{AddressError, check_address};

/// A message before it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter<'a> {
    /// From whom. The address was checked.
    pub from: &'a Address,
    /// To whom. The addresses were checked.
    pub to: &'a [String],
    /// What it is about.
    pub subject: &'a str,
    /// When it was written.
    pub date: Timestamp,
    /// What no other message has: letters and digits.
    pub id: &'a str,
    /// What it says, as text.
    pub text: &'a str,
    /// The same as a page; `None` sends the text alone.
    pub html: Option<&'a str>,
}

/// The `Message-ID` of a letter, without its brackets (RFC 5322 §3.6.4).
#[must_use]
pub fn message_id(letter: &Letter<'_>) -> String {
    let domain = letter.from.addr.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    format!("{}@{domain}", letter.id)
}

/// The bytes of the message, with CR LF.
#[must_use]
pub fn write(letter: &Letter<'_>) -> Vec<u8> {
    let mut out = String::new();
    let mut header = |name: &str, value: &str| {
        out.push_str(name);
        out.push_str(": ");
        out.push_str(value);
        out.push_str("\r\n");
    };
    header("Date", &encode::date(letter.date));
    header("From", &encode::mailbox("From: ", letter.from));
    header("To", &letter.to.join(",\r\n "));
    header("Subject", &encode::unstructured("Subject: ", letter.subject));
    header("Message-ID", &format!("<{}>", message_id(letter)));
    header("Auto-Submitted", "auto-generated");
    // Asks Exchange, which does not read the field above, for no answers.
    header("X-Auto-Response-Suppress", "All");
    header("MIME-Version", "1.0");
    let Some(html) = letter.html else {
        part(&mut out, "plain", letter.text);
        return out.into_bytes();
    };
    // `=_` stands in neither of the two encodings, so that no body holds a boundary.
    let boundary = format!("=_{}", letter.id);
    out.push_str("Content-Type: multipart/alternative;\r\n boundary=\"");
    out.push_str(&boundary);
    out.push_str("\"\r\n\r\n");
    for (subtype, body) in [("plain", letter.text), ("html", html)] {
        out.push_str("--");
        out.push_str(&boundary);
        out.push_str("\r\n");
        part(&mut out, subtype, body);
    }
    out.push_str("--");
    out.push_str(&boundary);
    out.push_str("--\r\n");
    out.into_bytes()
}

fn part(out: &mut String, subtype: &str, body: &str) {
    let (encoding, body) = encode::body(body);
    out.push_str("Content-Type: text/");
    out.push_str(subtype);
    out.push_str("; charset=utf-8\r\nContent-Transfer-Encoding: ");
    out.push_str(encoding);
    out.push_str("\r\n\r\n");
    out.push_str(&body);
    if !body.ends_with("\r\n") {
        out.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests;
