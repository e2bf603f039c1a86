//! FETCH.

use std::io::{self, Write as _};

use super::words::{Words, in_set};
use super::{Connection, Kept, Oddity};

impl Connection<'_> {
    /// Answers FETCH by numbers or UIDs.
    pub(super) fn fetch(&mut self, command: &str, mut words: Words<'_>) -> io::Result<String> {
        let (set, items) = (words.next(), words.rest().to_ascii_uppercase());
        let mailbox = self.open_mailbox();
        let n_messages = u32::try_from(mailbox.messages.len()).expect("few");
        let last = mailbox.messages.keys().last().copied().unwrap_or(0);
        for (number, (uid, kept)) in (1..).zip(&mailbox.messages) {
            let is_asked = match command {
                "FETCH" => in_set(&set, number, n_messages),
                _ => in_set(&set, *uid, last),
            };
            if is_asked {
                self.message(number, *uid, kept, &items)?;
            }
        }
        Ok("OK done".to_owned())
    }

    fn message(&mut self, number: u32, uid: u32, kept: &Kept, items: &str) -> io::Result<()> {
        let mut facts = vec![format!("UID {uid}")];
        if items.contains("FLAGS") {
            let flags: Vec<&str> = kept.flags.iter().map(String::as_str).collect();
            facts.push(format!("FLAGS ({})", flags.join(" ")));
        }
        if items.contains("INTERNALDATE") {
            facts.push("INTERNALDATE \"17-Jul-2023 02:44:25 +0000\"".to_owned());
        }
        if items.contains("RFC822.SIZE") {
            // Some count line ends as one byte, some estimate.
            let wrong =
                if self.shared.oddity == Oddity::Weak { 7 * (number as usize % 3) } else { 0 };
            facts.push(format!("RFC822.SIZE {}", kept.bytes.len() + wrong));
        }
        if items.contains("X-GM-LABELS") {
            facts.push(format!("X-GM-LABELS ({})", kept.labels));
        }
        write!(self.output, "* {number} FETCH ({}", facts.join(" "))?;
        let header_end = kept.bytes.windows(4).position(|it| it == b"\r\n\r\n").map(|it| it + 4);
        let header = &kept.bytes[..header_end.unwrap_or(kept.bytes.len())];
        for (name, bytes) in [("BODY[]", kept.bytes.as_slice()), ("BODY[HEADER]", header)] {
            if items.contains(&name.replace('[', ".PEEK[")) {
                write!(self.output, " {name} {{{}}}\r\n", bytes.len())?;
                self.output.write_all(bytes)?;
            }
        }
        self.say(")")
    }
}
