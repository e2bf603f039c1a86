//! SEARCH and FETCH over messages that are made while they are sent.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering};

use super::Opened;
use crate::corpus;

/// Messages that were sent with their bodies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sent {
    pub(super) bodies: u64,
    pub(super) body_bytes: u64,
}

/// Names the UIDs that are asked for. False when the criteria are none that it knows.
pub(super) fn search(
    out: &mut impl Write,
    tag: &str,
    rest: &str,
    mailbox: &Opened,
) -> io::Result<bool> {
    let (extended, criteria) = match rest.strip_prefix("RETURN (ALL) ") {
        Some(criteria) => (true, criteria),
        None => (false, rest),
    };
    let first = match criteria.split_once("UID ") {
        _ if criteria == "ALL" => 1,
        Some(("", range)) => match range.trim_end_matches(":*").parse() {
            Ok(first) => first,
            Err(_) => return Ok(false),
        },
        _ => return Ok(false),
    };
    // `n:*` always names the last message (RFC 9051 §6.4.8).
    let from = (mailbox.n_up_to(first - 1) + 1).min(mailbox.n_messages).max(1);
    if extended {
        write!(out, "* ESEARCH (TAG \"{tag}\") UID")?;
        write_ranges(out, from, mailbox.n_messages)?;
    } else {
        out.write_all(b"* SEARCH")?;
        for place in from..=mailbox.n_messages {
            write!(out, " {}", Opened::uid(place))?;
        }
    }
    out.write_all(b"\r\n")?;
    Ok(true)
}

fn write_ranges(out: &mut impl Write, from: u32, to: u32) -> io::Result<()> {
    let mut begin = from;
    let mut separator = " ALL ";
    while begin <= to {
        // A UID is missing before each tenth message.
        let end = (begin / 10 * 10 + 9).min(to);
        let (a, b) = (Opened::uid(begin), Opened::uid(end));
        if a == b {
            write!(out, "{separator}{a}")?;
        } else {
            write!(out, "{separator}{a}:{b}")?;
        }
        separator = ",";
        begin = end + 1;
    }
    Ok(())
}

/// Sends what is asked for of messages; `None` when the set is none.
pub(super) fn fetch(
    out: &mut impl Write,
    rest: &str,
    mailbox: &Opened,
    sent: &[AtomicU8],
) -> io::Result<Option<Sent>> {
    let (set, items) = rest.split_once(' ').unwrap_or((rest, ""));
    let items = items.to_ascii_uppercase();
    let mut counts = Sent::default();
    for range in set.split(',') {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        let end = |it: &str| if it == "*" { Some(mailbox.uid_next() - 1) } else { it.parse().ok() };
        let (Some(first), Some(last)) = (end(first), end(last)) else { return Ok(None) };
        for place in mailbox.n_up_to(first.max(1) - 1) + 1..=mailbox.n_up_to(last) {
            let bytes = one(out, mailbox, place, &items)?;
            if items.contains("BODY.PEEK[]") {
                counts.bodies += 1;
                counts.body_bytes += bytes;
                if let Some(times) = sent.get(place as usize - 1) {
                    times.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
    Ok(Some(counts))
}

/// One FETCH response; gives the size of the message.
fn one(out: &mut impl Write, mailbox: &Opened, place: u32, items: &str) -> io::Result<u64> {
    let mail = corpus::small_message(mailbox.seed, u64::from(place));
    write!(out, "* {place} FETCH (UID {}", Opened::uid(place))?;
    if items.contains("FLAGS") {
        out.write_all(b" FLAGS (\\Seen)")?;
    }
    if items.contains("INTERNALDATE") {
        write!(out, " INTERNALDATE \"{}\"", corpus::imap_date(mail.received))?;
    }
    if items.contains("RFC822.SIZE") {
        write!(out, " RFC822.SIZE {}", mail.bytes.len())?;
    }
    let header = mail.bytes.windows(4).position(|it| it == b"\r\n\r\n").map_or(0, |it| it + 4);
    let section = if items.contains("BODY.PEEK[]") {
        Some(("", mail.bytes.as_slice()))
    } else if items.contains("BODY.PEEK[HEADER]") {
        Some(("HEADER", &mail.bytes[..header]))
    } else {
        None
    };
    if let Some((name, bytes)) = section {
        write!(out, " BODY[{name}] {{{}}}\r\n", bytes.len())?;
        out.write_all(bytes)?;
    }
    out.write_all(b")\r\n")?;
    Ok(mail.bytes.len() as u64)
}
