//! The mail that is measured with, in the forms that each program takes.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use testkit::corpus;
use testkit::dovecot::Mail;

/// Folders that no rule leaves out.
pub(super) const MAILBOXES: [&str; 4] = ["INBOX", "Archive", "Sent", "Projects"];

/// All mail, in memory.
pub(super) struct Corpus {
    /// What it is, for the report.
    pub(super) description: String,
    /// The messages, in order.
    pub(super) mails: Vec<OneMail>,
}

/// One message.
pub(super) struct OneMail {
    mailbox: &'static str,
    received: u64,
    pub(super) bytes: Vec<u8>,
}

impl OneMail {
    pub(super) fn as_mail(&self) -> Mail<'_> {
        Mail { bytes: &self.bytes, flags: "S", received: self.received }
    }
}

impl Corpus {
    /// Makes mail up.
    pub(super) fn make(n_messages: u64) -> Corpus {
        let mails = corpus::messages(1, n_messages).map(|it| OneMail {
            mailbox: it.mailbox,
            received: it.received,
            bytes: it.bytes,
        });
        Corpus { description: "made-up messages (seed 1)".into(), mails: mails.collect() }
    }

    /// Takes every file below `dir` as a message.
    pub(super) fn read(dir: &Path) -> Result<Corpus, String> {
        let mut bodies = Vec::new();
        read_tree(dir, &mut bodies)?;
        let mails = (0..).zip(bodies).map(|(n, bytes)| OneMail {
            // As in the made-up mail: 4, 3, 2 and 1 of ten.
            mailbox: match n % 10 {
                0..=3 => "INBOX",
                4..=6 => "Archive",
                7..=8 => "Sent",
                _ => "Projects",
            },
            received: 1_500_000_000 + 600 * n,
            bytes,
        });
        Ok(Corpus { description: "real messages".into(), mails: mails.collect() })
    }

    /// Bytes of all messages.
    pub(super) fn n_bytes(&self) -> u64 {
        self.mails.iter().map(|it| it.bytes.len() as u64).sum()
    }

    /// The mailboxes with their messages.
    pub(super) fn by_mailbox(&self) -> Vec<(&'static str, Vec<&OneMail>)> {
        let of = |name| self.mails.iter().filter(|it| it.mailbox == name).collect();
        MAILBOXES.iter().map(|name| (*name, of(*name))).collect()
    }

    /// One mbox file: mboxrd, as `From ` lines and their quoting are best defined there.
    pub(super) fn write_mbox(&self, path: &Path) -> Result<(), String> {
        let cause = |it: std::io::Error| format!("{}: {it}", path.display());
        let mut file = BufWriter::new(File::create(path).map_err(cause)?);
        for mail in &self.mails {
            let mut text = b"From MAILER-DAEMON Thu Jan  1 00:00:00 2015\n".to_vec();
            for line in mail.bytes.split_inclusive(|it| *it == b'\n') {
                let quotes = line.iter().take_while(|it| **it == b'>').count();
                if line.get(quotes..).is_some_and(|it| it.starts_with(b"From ")) {
                    text.push(b'>');
                }
                text.extend_from_slice(line);
            }
            if !mail.bytes.ends_with(b"\n") {
                text.push(b'\n');
            }
            text.push(b'\n');
            file.write_all(&text).map_err(cause)?;
        }
        file.flush().map_err(cause)
    }

    /// A Maildir of messages from all over the corpus, at most `n_max`; gives how many.
    pub(super) fn write_maildir(&self, dir: &Path, n_max: usize) -> Result<u64, String> {
        let cause = |it: std::io::Error| format!("{}: {it}", dir.display());
        for name in ["cur", "new", "tmp"] {
            fs::create_dir_all(dir.join(name)).map_err(cause)?;
        }
        let step = self.mails.len().div_ceil(n_max).max(1);
        let mut n = 0;
        for mail in self.mails.iter().step_by(step) {
            let name = format!("{}.bench:2,S", 1_000_000_000 + n);
            fs::write(dir.join("cur").join(name), &mail.bytes).map_err(cause)?;
            n += 1;
        }
        Ok(n)
    }
}

fn read_tree(dir: &Path, bodies: &mut Vec<Vec<u8>>) -> Result<(), String> {
    let cause = |it: std::io::Error| format!("{}: {it}", dir.display());
    let mut entries: Vec<_> =
        fs::read_dir(dir).map_err(cause)?.collect::<Result<_, _>>().map_err(cause)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_type().map_err(cause)?.is_dir() {
            read_tree(&entry.path(), bodies)?;
        } else {
            bodies.push(fs::read(entry.path()).map_err(cause)?);
        }
    }
    Ok(())
}
