//! Everything that this client can say to a server.
//!
//! Rule: nothing here changes a mailbox but [`Command::Change`], and only `removal` can make one;
//! a test names the whole set and reads each back with `imap-codec`.

use types::Secret;

use super::removal::Change;

/// What is fetched of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FetchWhat {
    /// Message and facts.
    Message,
    /// The same with its labels (Gmail's X-GM-EXT-1).
    LabelledMessage,
    /// Facts alone.
    Facts,
    /// The same with its labels.
    LabelledFacts,
    /// The message alone.
    Body,
    /// What a message is recognised by.
    Header,
    /// Facts with the header block.
    FactsAndHeader,
}

/// How a mailbox is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ExamineAs {
    /// RFC 3501 §6.3.2.
    Plain,
    /// With HIGHESTMODSEQ (RFC 7162 §3.1.8).
    Condstore,
    /// With what is gone since (RFC 7162 §3.2.5).
    Qresync { uid_validity: u64, modseq: u64 },
}

/// What LIST returns beside names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ListReturns {
    pub(crate) special_use: bool,
    pub(crate) status: bool,
    pub(crate) modseq: bool,
}

/// A command.
#[derive(Clone, Debug)]
pub(crate) enum Command<'a> {
    Capability,
    StartTls,
    /// `initial` is base64.
    Authenticate {
        mechanism: &'a str,
        initial: Option<&'a str>,
    },
    Login {
        user: &'a str,
        password: &'a Secret,
    },
    /// The master password of Kerio Connect follows its answer.
    MasterAuth,
    /// Whose mailboxes are opened after it.
    SetUser {
        user: &'a str,
    },
    Enable {
        capabilities: &'a [&'a str],
    },
    Id,
    Namespace,
    Compress,
    /// `prefix` is a mailbox name; what is below it at any depth is listed.
    List {
        prefix: &'a [u8],
        returns: ListReturns,
    },
    Status {
        mailbox: &'a [u8],
        modseq: bool,
    },
    Examine {
        mailbox: &'a [u8],
        how: ExamineAs,
    },
    /// All UIDs from this one on.
    UidSearch {
        from: u32,
        esearch: bool,
    },
    /// Those of these UIDs that the mailbox has.
    UidSearchSet {
        set: &'a str,
        esearch: bool,
    },
    UidFetch {
        set: &'a str,
        what: FetchWhat,
    },
    /// What the oldest and the newest message are recognised by.
    FetchEnds,
    /// What changes a mailbox.
    Change(Change<'a>),
    Logout,
}

/// How literals may be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LiteralForm {
    /// The server is waited for (RFC 9051 §4.3).
    Synchronizing,
    /// It is not (RFC 7888), up to this many bytes.
    NonSynchronizing { bytes_max: usize },
}

/// A command as bytes. Between two pieces the server must say `+`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Encoded {
    pub(crate) pieces: Vec<Vec<u8>>,
}

impl Command<'_> {
    /// The command as bytes, with its tag.
    pub(crate) fn encode(&self, tag: &str, literals: LiteralForm) -> Encoded {
        let mut writer = Writer { pieces: Vec::new(), piece: Vec::new(), literals };
        writer.text(tag);
        writer.text(" ");
        self.write(&mut writer);
        writer.text("\r\n");
        writer.end_piece();
        Encoded { pieces: writer.pieces }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Command::Capability => writer.text("CAPABILITY"),
            Command::StartTls => writer.text("STARTTLS"),
            Command::Authenticate { mechanism, initial } => {
                writer.text("AUTHENTICATE ");
                writer.text(mechanism);
                if let Some(initial) = initial {
                    writer.text(" ");
                    // RFC 4959 §3: `=` is the empty response.
                    writer.text(if initial.is_empty() { "=" } else { initial });
                }
            }
            Command::Login { user, password } => {
                writer.text("LOGIN ");
                writer.string(user.as_bytes());
                writer.text(" ");
                writer.string(password.declassify().as_bytes());
            }
            Command::MasterAuth => writer.text("X-MASTERAUTH"),
            Command::SetUser { user } => {
                writer.text("X-SETUSER ");
                writer.word(user);
            }
            Command::Enable { capabilities } => {
                writer.text("ENABLE ");
                writer.text(&capabilities.join(" "));
            }
            Command::Id => writer.text(r#"ID ("name" "Posthold")"#),
            Command::Namespace => writer.text("NAMESPACE"),
            Command::Compress => writer.text("COMPRESS DEFLATE"),
            Command::List { prefix, returns } => write_list(writer, prefix, *returns),
            Command::Status { mailbox, modseq } => {
                writer.text("STATUS ");
                writer.string(mailbox);
                writer.text(" (");
                writer.text(status_items(*modseq));
                writer.text(")");
            }
            Command::Examine { mailbox, how } => write_examine(writer, mailbox, *how),
            Command::UidSearch { from, esearch } => {
                writer.text(if *esearch { "UID SEARCH RETURN (ALL) " } else { "UID SEARCH " });
                match from {
                    0 | 1 => writer.text("ALL"),
                    from => writer.text(&format!("UID {from}:*")),
                }
            }
            Command::UidSearchSet { set, esearch } => {
                let returns = if *esearch { "RETURN (ALL) " } else { "" };
                writer.text(&format!("UID SEARCH {returns}UID {set}"));
            }
            Command::Change(change) => change.write(writer),
            Command::UidFetch { set, what } => {
                writer.text(&format!("UID FETCH {set} ({})", fetch_items(*what)));
            }
            Command::FetchEnds => {
                writer.text(&format!("FETCH 1,* ({})", fetch_items(FetchWhat::Header)));
            }
            Command::Logout => writer.text("LOGOUT"),
        }
    }
}

fn status_items(modseq: bool) -> &'static str {
    if modseq {
        "MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ"
    } else {
        "MESSAGES UIDNEXT UIDVALIDITY"
    }
}

/// PEEK leaves `\Seen` alone (RFC 9051 §6.4.5). ENVELOPE and BODYSTRUCTURE are never asked for:
/// servers make them up, and break on messages that are broken.
fn fetch_items(what: FetchWhat) -> &'static str {
    match what {
        FetchWhat::Message => "UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[]",
        FetchWhat::LabelledMessage => "UID FLAGS INTERNALDATE RFC822.SIZE X-GM-LABELS BODY.PEEK[]",
        FetchWhat::LabelledFacts => "UID FLAGS INTERNALDATE RFC822.SIZE X-GM-LABELS",
        FetchWhat::Facts => "UID FLAGS INTERNALDATE RFC822.SIZE",
        FetchWhat::Body => "UID BODY.PEEK[]",
        FetchWhat::Header => "UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER]",
        FetchWhat::FactsAndHeader => "UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER]",
    }
}

fn write_list(writer: &mut Writer, prefix: &[u8], returns: ListReturns) {
    writer.text("LIST \"\" ");
    writer.string(&[prefix, b"*"].concat());
    let status = format!("STATUS ({})", status_items(returns.modseq));
    let options = [(returns.special_use, "SPECIAL-USE"), (returns.status, status.as_str())];
    let options: Vec<&str> = options.iter().filter(|it| it.0).map(|it| it.1).collect();
    if !options.is_empty() {
        writer.text(&format!(" RETURN ({})", options.join(" ")));
    }
}

/// EXAMINE, never SELECT: that would clear `\Recent` for the mailbox's owner. Only to remove
/// messages a mailbox is opened for writing.
fn write_examine(writer: &mut Writer, mailbox: &[u8], how: ExamineAs) {
    writer.text("EXAMINE ");
    writer.string(mailbox);
    match how {
        ExamineAs::Plain => (),
        ExamineAs::Condstore => writer.text(" (CONDSTORE)"),
        ExamineAs::Qresync { uid_validity, modseq } => {
            writer.text(&format!(" (QRESYNC ({uid_validity} {modseq}))"));
        }
    }
}

/// Puts a command together.
pub(crate) struct Writer {
    pieces: Vec<Vec<u8>>,
    piece: Vec<u8>,
    literals: LiteralForm,
}

impl Writer {
    /// As it stands.
    pub(crate) fn text(&mut self, text: &str) {
        self.piece.extend_from_slice(text.as_bytes());
    }

    fn end_piece(&mut self) {
        self.pieces.push(std::mem::take(&mut self.piece));
    }

    /// The text as it is where nobody can misread it, else a string.
    fn word(&mut self, text: &str) {
        let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_' | '@');
        if !text.is_empty() && text.chars().all(plain) {
            self.text(text);
        } else {
            self.string(text.as_bytes());
        }
    }

    /// A quoted string where that can hold the bytes, else a literal.
    pub(crate) fn string(&mut self, bytes: &[u8]) {
        let quotable = |it: &u8| it.is_ascii() && !matches!(it, 0 | b'\r' | b'\n');
        if bytes.iter().all(quotable) && bytes.len() <= 1000 {
            self.piece.push(b'"');
            for byte in bytes {
                if matches!(byte, b'"' | b'\\') {
                    self.piece.push(b'\\');
                }
                self.piece.push(*byte);
            }
            self.piece.push(b'"');
            return;
        }
        match self.literals {
            LiteralForm::NonSynchronizing { bytes_max } if bytes.len() <= bytes_max => {
                self.text(&format!("{{{}+}}\r\n", bytes.len()));
            }
            _ => {
                self.text(&format!("{{{}}}\r\n", bytes.len()));
                self.end_piece();
            }
        }
        self.piece.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests;
