//! The commands that change a mailbox. Only [`removal`](super) can make one.

use crate::imap::command::Writer;

/// A command that changes a mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Change<'a>(Kind<'a>);

#[derive(Clone, Debug)]
enum Kind<'a> {
    Select { mailbox: &'a [u8] },
    Mark { set: &'a str },
    Unmark { set: &'a str },
    Expunge { set: &'a str },
    Move { set: &'a str, mailbox: &'a [u8] },
    Copy { set: &'a str, mailbox: &'a [u8] },
    Create { mailbox: &'a [u8] },
    Subscribe { mailbox: &'a [u8] },
}

impl<'a> Change<'a> {
    /// Opens a mailbox for writing. It clears `\Recent`, and nothing else.
    pub(super) fn select(mailbox: &'a [u8]) -> Change<'a> {
        Change(Kind::Select { mailbox })
    }

    /// Marks messages as `\Deleted`.
    pub(super) fn mark(set: &'a str) -> Change<'a> {
        Change(Kind::Mark { set })
    }

    /// Takes that back.
    pub(super) fn unmark(set: &'a str) -> Change<'a> {
        Change(Kind::Unmark { set })
    }

    /// Removes those of these messages that are marked, and no others (RFC 4315 §2.1).
    pub(super) fn expunge(set: &'a str) -> Change<'a> {
        Change(Kind::Expunge { set })
    }

    /// Moves messages (RFC 6851 §3.1).
    pub(super) fn relocate(set: &'a str, mailbox: &'a [u8]) -> Change<'a> {
        Change(Kind::Move { set, mailbox })
    }

    /// Copies messages.
    pub(super) fn copy(set: &'a str, mailbox: &'a [u8]) -> Change<'a> {
        Change(Kind::Copy { set, mailbox })
    }

    /// Makes a mailbox to move messages to.
    pub(super) fn create(mailbox: &'a [u8]) -> Change<'a> {
        Change(Kind::Create { mailbox })
    }

    /// Lets clients show it that show only some.
    pub(super) fn subscribe(mailbox: &'a [u8]) -> Change<'a> {
        Change(Kind::Subscribe { mailbox })
    }

    /// The command without its tag.
    pub(crate) fn write(&self, writer: &mut Writer) {
        match &self.0 {
            Kind::Select { mailbox } => on_mailbox(writer, "SELECT ", mailbox),
            Kind::Mark { set } => {
                writer.text(&format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"));
            }
            Kind::Unmark { set } => {
                writer.text(&format!("UID STORE {set} -FLAGS.SILENT (\\Deleted)"));
            }
            Kind::Expunge { set } => writer.text(&format!("UID EXPUNGE {set}")),
            Kind::Move { set, mailbox } => {
                on_mailbox(writer, &format!("UID MOVE {set} "), mailbox);
            }
            Kind::Copy { set, mailbox } => {
                on_mailbox(writer, &format!("UID COPY {set} "), mailbox);
            }
            Kind::Create { mailbox } => on_mailbox(writer, "CREATE ", mailbox),
            Kind::Subscribe { mailbox } => on_mailbox(writer, "SUBSCRIBE ", mailbox),
        }
    }
}

fn on_mailbox(writer: &mut Writer, command: &str, mailbox: &[u8]) {
    writer.text(command);
    writer.string(mailbox);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::command::{Command, LiteralForm};

    /// All that is ever sent to change something. There is no EXPUNGE without UIDs, no CLOSE, and
    /// no flag but `\Deleted`.
    #[test]
    fn all_that_changes_anything() {
        let all = [
            Change::select(b"INBOX"),
            Change::mark("1:3,7"),
            Change::unmark("7"),
            Change::expunge("1:3"),
            Change::relocate("1:3", b"Old \"mail\""),
            Change::copy("1:3", b"Old"),
            Change::create(b"Old"),
            Change::subscribe(b"Old"),
        ];
        let lines: Vec<String> = all
            .into_iter()
            .map(|it| {
                // No wildcard: a new one must be added here, and thought about.
                match it.0 {
                    Kind::Select { .. }
                    | Kind::Mark { .. }
                    | Kind::Unmark { .. }
                    | Kind::Expunge { .. }
                    | Kind::Move { .. }
                    | Kind::Copy { .. }
                    | Kind::Create { .. }
                    | Kind::Subscribe { .. } => (),
                }
                let encoded = Command::Change(it).encode("A", LiteralForm::Synchronizing);
                String::from_utf8(encoded.pieces.concat()).unwrap()
            })
            .collect();
        let want = [
            "A SELECT \"INBOX\"\r\n",
            "A UID STORE 1:3,7 +FLAGS.SILENT (\\Deleted)\r\n",
            "A UID STORE 7 -FLAGS.SILENT (\\Deleted)\r\n",
            "A UID EXPUNGE 1:3\r\n",
            "A UID MOVE 1:3 \"Old \\\"mail\\\"\"\r\n",
            "A UID COPY 1:3 \"Old\"\r\n",
            "A CREATE \"Old\"\r\n",
            "A SUBSCRIBE \"Old\"\r\n",
        ];
        assert_eq!(lines, want);
    }
}
