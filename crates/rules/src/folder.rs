//! From the mailbox of a server to the folder of an archive.

use types::{FolderPath, MailboxName};

/// The parts of a mailbox name, with `INBOX` spelled so where it is the first one.
///
/// RFC 9051 §5.1: `INBOX` is the same in any case. Servers treat it so as a parent, too.
pub(crate) fn parts(name: &MailboxName) -> impl Iterator<Item = &str> {
    name.parts.iter().enumerate().map(|(level, part)| {
        let is_inbox = level == 0 && part.eq_ignore_ascii_case("INBOX");
        if is_inbox { "INBOX" } else { part.as_str() }
    })
}

/// The folder that the messages of a mailbox are placed in: its path below `root`.
///
/// Parts are shown as received (two spellings that are equal in NFC are one folder, see
/// [`FolderPath`]); a `/` inside one becomes `%2F`.
#[must_use]
pub fn folder_path(root: &str, name: &MailboxName) -> FolderPath {
    parts(name).fold(FolderPath::from_parts([root]), |path, part| path.child(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_become_folders() {
        let cases: [(&[&str], &str); 6] = [
            (&["INBOX"], "a@b.example/INBOX"),
            (&["inbox"], "a@b.example/INBOX"),
            (&["Inbox", "Inbox"], "a@b.example/INBOX/Inbox"),
            (&["Projects", "Q1/Q2"], "a@b.example/Projects/Q1%2FQ2"),
            (&["", "x"], "a@b.example/%/x"),
            (&["Inboxes"], "a@b.example/Inboxes"),
        ];
        for (parts, want) in cases {
            let name = MailboxName::from_parts(parts.iter().copied());
            assert_eq!(folder_path("a@b.example", &name).as_str(), want);
        }
        let odd = MailboxName::from_parts(["x"]);
        assert_eq!(folder_path("a/b", &odd).as_str(), "a%2Fb/x", "a root is one level");
    }
}
