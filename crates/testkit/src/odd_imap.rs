//! An IMAP server with the oddities of a kind of server that cannot be had: Kerio Connect, IceWarp,
//! Gmail, and one that is merely weak. It keeps its mail in memory, and the test changes it.
//!
//! What it is not: a server for every client. It answers what a client that archives says, BAD to
//! the rest, and takes no literals. Everything that was said to it is kept ([`OddImap::said`]).

mod fetch;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use crate::dovecot::{MASTER, MASTER_PASSWORD, PASSWORD};
use crate::made_imap::words::decode_base64;
use words::{Words, in_set, mailbox_named};

/// Which oddities.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Oddity {
    /// Kerio Connect: a master password ([`MASTER_PASSWORD`]) without a name, unless it is switched
    /// off; what is expunged moves to Deleted Items.
    Kerio {
        /// Whether the master password is switched on.
        master: bool,
    },
    /// IceWarp: whoever logs in for another without the right to gets his own mailbox; searches
    /// by date find nothing.
    IceWarp {
        /// Whether the master user has the right.
        has_right: bool,
    },
    /// Gmail: mailboxes are labels, named in German, with marks; All Mail has everything.
    Gmail,
    /// No UIDPLUS, no list extensions, another UIDVALIDITY and other UIDs for each connection,
    /// sizes that are wrong.
    Weak,
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its flags, as they are sent.
    pub flags: BTreeSet<String>,
    /// Gmail's labels of it, as they are sent.
    pub labels: String,
}

/// A mailbox.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OddMailbox {
    /// Attributes in LIST.
    pub attributes: &'static str,
    /// UIDVALIDITY.
    pub uid_validity: u32,
    /// UIDNEXT.
    pub uid_next: u32,
    /// Messages by UID.
    pub messages: BTreeMap<u32, Kept>,
}

/// Mailboxes by name.
type Mailboxes = BTreeMap<String, OddMailbox>;

/// A running server; no new connection is taken when it is dropped.
#[derive(Debug)]
pub struct OddImap {
    shared: Arc<Shared>,
    address: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    oddity: Oddity,
    state: Mutex<State>,
    ended: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// By user.
    accounts: BTreeMap<String, Mailboxes>,
    said: Vec<String>,
    last_validity: u32,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with it")
    }
}

impl OddImap {
    /// Starts one for `alice` and `bob`, who have [`PASSWORD`].
    ///
    /// # Panics
    /// When nothing can listen on loopback.
    #[must_use]
    pub fn start(oddity: Oddity) -> OddImap {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            oddity,
            state: Mutex::new(State { last_validity: 100, ..State::default() }),
            ended: AtomicBool::new(false),
        });
        for user in ["alice", "bob", MASTER] {
            let mut state = shared.state();
            let mailboxes = mailboxes_of(oddity, &mut state.last_validity);
            state.accounts.insert(user.to_owned(), mailboxes);
        }
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&serving);
                thread::spawn(move || drop(Connection::serve(&shared, &stream)));
            }
        });
        OddImap { shared, address }
    }

    /// Where it speaks IMAP, without encryption.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a message into a mailbox, and gives its UID there.
    ///
    /// # Panics
    /// When there is no such mailbox.
    pub fn deliver(&self, user: &str, mailbox: &str, bytes: &[u8]) -> u32 {
        self.change(user, |mailboxes| {
            let mailbox = mailboxes.get_mut(mailbox).expect("a mailbox of this name");
            add(mailbox, Kept::new(bytes))
        })
    }

    /// The same under these labels of Gmail: into each of their mailboxes, and All Mail.
    ///
    /// # Panics
    /// When there is no such mailbox.
    pub fn deliver_labelled(&self, user: &str, mailboxes: &[&str], labels: &str, bytes: &[u8]) {
        let kept = Kept { labels: labels.to_owned(), ..Kept::new(bytes) };
        for name in mailboxes.iter().copied().chain([ALL_MAIL]) {
            self.change(user, |mailboxes| {
                add(mailboxes.get_mut(name).expect("a mailbox of this name"), kept.clone())
            });
        }
    }

    /// Does what a mail program does to remove a message: marks it and expunges.
    ///
    /// # Panics
    /// When there is no such message.
    pub fn remove(&self, user: &str, mailbox: &str, uid: u32) {
        let oddity = self.shared.oddity;
        self.change(user, |mailboxes| expunge(oddity, mailboxes, mailbox, &[uid]));
    }

    /// What a user has in a mailbox.
    ///
    /// # Panics
    /// When there is no such mailbox.
    #[must_use]
    pub fn mailbox(&self, user: &str, mailbox: &str) -> OddMailbox {
        self.change(user, |mailboxes| mailboxes[mailbox].clone())
    }

    fn change<T>(&self, user: &str, change: impl FnOnce(&mut Mailboxes) -> T) -> T {
        change(self.shared.state().accounts.get_mut(user).expect("a user of this name"))
    }

    /// Every line that was said to it, without tags.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.shared.state().said.clone()
    }
}

impl Drop for OddImap {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes whoever waits for connections.
        drop(TcpStream::connect(self.address));
    }
}

impl Kept {
    fn new(bytes: &[u8]) -> Kept {
        Kept { bytes: bytes.to_vec(), flags: BTreeSet::new(), labels: String::new() }
    }
}

/// All Mail, as Gmail calls it in German; in the spelling of IMAP.
pub const ALL_MAIL: &str = "[Gmail]/Alle Nachrichten";

/// What Kerio Connect moves removed mail to.
pub const DELETED_ITEMS: &str = "Deleted Items";

fn mailboxes_of(oddity: Oddity, last_validity: &mut u32) -> Mailboxes {
    let names: &[(&str, &str)] = match oddity {
        Oddity::Kerio { .. } => &[
            ("INBOX", ""),
            (DELETED_ITEMS, ""),
            ("Sent Items", ""),
            ("Drafts", ""),
            ("Junk E-mail", ""),
        ],
        Oddity::IceWarp { .. } | Oddity::Weak => &[("INBOX", ""), ("Sent", ""), ("Trash", "")],
        Oddity::Gmail => &[
            ("INBOX", ""),
            ("Work", ""),
            ("[Gmail]", "\\Noselect \\HasChildren"),
            (ALL_MAIL, "\\All"),
            ("[Gmail]/Entw&APw-rfe", "\\Drafts"),
            ("[Gmail]/Gesendet", "\\Sent"),
            ("[Gmail]/Markiert", "\\Flagged"),
            ("[Gmail]/Papierkorb", "\\Trash"),
            ("[Gmail]/Spam", "\\Junk"),
            ("[Gmail]/Wichtig", "\\Important"),
        ],
    };
    let mut mailboxes = Mailboxes::new();
    for (name, attributes) in names {
        *last_validity += 1;
        let mailbox = OddMailbox {
            attributes,
            uid_validity: *last_validity,
            uid_next: 1,
            messages: BTreeMap::new(),
        };
        mailboxes.insert((*name).to_owned(), mailbox);
    }
    mailboxes
}

fn add(mailbox: &mut OddMailbox, kept: Kept) -> u32 {
    let uid = mailbox.uid_next;
    mailbox.uid_next += 1;
    mailbox.messages.insert(uid, kept);
    uid
}

/// Gives a mailbox another UIDVALIDITY, and its messages other UIDs.
fn renumber(mailbox: &mut OddMailbox, last_validity: &mut u32) {
    *last_validity += 1;
    mailbox.uid_validity = *last_validity;
    let kept = std::mem::take(&mut mailbox.messages);
    let first = 1 + *last_validity % 7;
    mailbox.messages = (first..).zip(kept.into_values()).collect();
    mailbox.uid_next = first + u32::try_from(mailbox.messages.len()).expect("few");
}

/// Removes messages of a mailbox. Kerio Connect keeps them elsewhere.
fn expunge(oddity: Oddity, mailboxes: &mut Mailboxes, name: &str, uids: &[u32]) {
    for uid in uids {
        let mailbox = mailboxes.get_mut(name).expect("a mailbox of this name");
        let mut kept = mailbox.messages.remove(uid).expect("a message of this UID");
        if matches!(oddity, Oddity::Kerio { .. }) && name != DELETED_ITEMS {
            kept.flags.remove("\\Deleted");
            add(mailboxes.get_mut(DELETED_ITEMS).expect("it has one"), kept);
        }
    }
}

/// One connection.
struct Connection<'a> {
    shared: &'a Shared,
    input: BufReader<&'a TcpStream>,
    output: BufWriter<&'a TcpStream>,
    /// Whose mailboxes are open.
    user: Option<String>,
    /// Kerio: the master password was right, and no user is set.
    is_master: bool,
    open: Option<String>,
}

impl Connection<'_> {
    fn serve(shared: &Shared, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut connection = Connection {
            shared,
            input: BufReader::new(stream),
            output: BufWriter::new(stream),
            user: None,
            is_master: false,
            open: None,
        };
        let greeting = match shared.oddity {
            Oddity::Kerio { .. } => "Kerio Connect 9.4.2 IMAP4rev1 server ready",
            Oddity::IceWarp { .. } => "IceWarp 12.1.1 IMAP4rev1 service ready",
            Oddity::Gmail => "Gimap ready for requests",
            Oddity::Weak => "ready",
        };
        connection.say(&format!("* OK {greeting}"))?;
        while let Some(line) = connection.line()? {
            let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
            shared.state().said.push(command.to_owned());
            let answer = connection.command(tag, command)?;
            connection.say(&format!("{tag} {answer}"))?;
            if answer.starts_with("OK bye") {
                break;
            }
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        self.output.flush()?;
        let mut line = String::new();
        let n = self.input.read_line(&mut line)?;
        Ok((n > 0).then(|| line.trim_end().to_owned()))
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.output.write_all(line.as_bytes())?;
        self.output.write_all(b"\r\n")
    }

    /// Answers everything but the tagged line, which it gives.
    fn command(&mut self, tag: &str, command: &str) -> io::Result<String> {
        let mut words = Words::new(command);
        let mut name = words.next().to_ascii_uppercase();
        if name == "UID" {
            name = format!("UID {}", words.next().to_ascii_uppercase());
        }
        if self.user.is_none() {
            return self.before_login(&name, words);
        }
        match name.as_str() {
            "CAPABILITY" => self.say(&format!("* CAPABILITY {}", self.capabilities()))?,
            "NOOP" | "CHECK" | "CLOSE" | "UNSELECT" | "ID" => (),
            "NAMESPACE" => self.say("* NAMESPACE ((\"\" \"/\")) NIL NIL")?,
            "LIST" => return self.list(words),
            "STATUS" => return self.status(&mailbox_named(&mut words)),
            "EXAMINE" | "SELECT" => return self.examine(&mailbox_named(&mut words)),
            "UID SEARCH" => return self.search(words.rest()),
            "FETCH" | "UID FETCH" => return self.fetch(&name, words),
            "UID STORE" => return self.store(words),
            "EXPUNGE" | "UID EXPUNGE" => return self.expunge(&name, words),
            "LOGOUT" => {
                self.say("* BYE bye")?;
                return Ok("OK bye".to_owned());
            }
            _ => return Ok(format!("BAD {tag} what")),
        }
        Ok("OK done".to_owned())
    }

    fn capabilities(&self) -> &'static str {
        match self.shared.oddity {
            Oddity::Kerio { .. } => "IMAP4rev1 UIDPLUS NAMESPACE QUOTA ID",
            Oddity::IceWarp { .. } => "IMAP4rev1 UIDPLUS NAMESPACE AUTH=PLAIN AUTH=CRAM-MD5",
            Oddity::Gmail => "IMAP4rev1 UNSELECT NAMESPACE UIDPLUS X-GM-EXT-1 SPECIAL-USE",
            Oddity::Weak => "IMAP4",
        }
    }

    fn before_login(&mut self, name: &str, mut words: Words<'_>) -> io::Result<String> {
        match name {
            "CAPABILITY" => {
                let sasl = match self.shared.oddity {
                    Oddity::Weak => "IMAP4",
                    Oddity::Kerio { .. } => "IMAP4rev1 AUTH=CRAM-MD5 AUTH=PLAIN",
                    _ => "IMAP4rev1 AUTH=PLAIN",
                };
                self.say(&format!("* CAPABILITY {sasl}"))?;
                Ok("OK done".to_owned())
            }
            "LOGIN" => {
                let (user, password) = (words.next(), words.next());
                Ok(self.log_in(&user, &user, &password))
            }
            "AUTHENTICATE" => {
                self.say("+ ")?;
                let line = self.line()?.unwrap_or_default();
                let decoded = decode_base64(&line).unwrap_or_default();
                let text = String::from_utf8_lossy(&decoded).into_owned();
                let fields: Vec<&str> = text.split('\0').collect();
                let [authzid, login, password] = fields.as_slice() else {
                    return Ok("BAD what".to_owned());
                };
                let whose = if authzid.is_empty() { login } else { authzid };
                Ok(self.log_in(whose, login, password))
            }
            "X-MASTERAUTH" => self.master(),
            "X-SETUSER" if self.is_master => {
                let user = words.next();
                let user = user.split('@').next().unwrap_or_default().to_owned();
                Ok(self.become_user(&user))
            }
            _ => Ok("BAD not logged in".to_owned()),
        }
    }

    fn log_in(&mut self, whose: &str, login: &str, password: &str) -> String {
        let wanted = if login == MASTER { MASTER_PASSWORD } else { PASSWORD };
        let may = match self.shared.oddity {
            Oddity::IceWarp { has_right } if login == MASTER => {
                // It raises no error: everybody's mail would be the master's.
                let whose = if has_right { whose } else { MASTER };
                return match password == wanted {
                    true => self.become_user(whose),
                    false => "NO wrong".to_owned(),
                };
            }
            _ => whose == login && password == wanted,
        };
        if may { self.become_user(whose) } else { "NO wrong".to_owned() }
    }

    fn become_user(&mut self, user: &str) -> String {
        let mut state = self.shared.state();
        let State { accounts, last_validity, .. } = &mut *state;
        let Some(mailboxes) = accounts.get_mut(user) else {
            return "NO no such user".to_owned();
        };
        if self.shared.oddity == Oddity::Weak {
            mailboxes.values_mut().for_each(|it| renumber(it, last_validity));
        }
        drop(state);
        self.user = Some(user.to_owned());
        "OK in".to_owned()
    }

    /// Kerio Connect: MD5 of a challenge and the master password. Here the digest is not computed
    /// anew; the client's own tests know what it has to be.
    fn master(&mut self) -> io::Result<String> {
        if self.shared.oddity != (Oddity::Kerio { master: true }) {
            return Ok("BAD Unknown authentication method".to_owned());
        }
        self.say(&format!("+ {CHALLENGE}"))?;
        let digest = self.line()?.unwrap_or_default();
        self.is_master = digest == CHALLENGE_DIGEST;
        Ok(if self.is_master { "OK in" } else { "NO wrong" }.to_owned())
    }

    fn mailboxes<T>(&self, look: impl FnOnce(&mut Mailboxes) -> T) -> T {
        let user = self.user.as_deref().expect("logged in");
        look(self.shared.state().accounts.get_mut(user).expect("it was there"))
    }

    fn list(&mut self, mut words: Words<'_>) -> io::Result<String> {
        let pattern = (words.next(), words.next()).1;
        let listed: Vec<(String, &str)> = self.mailboxes(|it| {
            it.iter().map(|(name, mailbox)| (name.clone(), mailbox.attributes)).collect()
        });
        for (name, attributes) in listed {
            if name.starts_with(pattern.trim_end_matches('*')) {
                self.say(&format!("* LIST ({attributes}) \"/\" \"{name}\""))?;
            }
        }
        Ok("OK done".to_owned())
    }

    fn status(&mut self, name: &str) -> io::Result<String> {
        let found = self.mailboxes(|it| {
            let mailbox = it.get(name)?;
            Some((mailbox.messages.len(), mailbox.uid_next, mailbox.uid_validity))
        });
        let Some((n, uid_next, uid_validity)) = found else {
            return Ok("NO no such mailbox".to_owned());
        };
        let numbers = match self.shared.oddity {
            Oddity::Weak => format!("MESSAGES {n} UIDVALIDITY {uid_validity}"),
            _ => format!("MESSAGES {n} UIDNEXT {uid_next} UIDVALIDITY {uid_validity}"),
        };
        self.say(&format!("* STATUS \"{name}\" ({numbers})"))?;
        Ok("OK done".to_owned())
    }

    fn examine(&mut self, name: &str) -> io::Result<String> {
        let found = self.mailboxes(|it| {
            let mailbox = it.get(name).filter(|it| !it.attributes.contains("Noselect"))?;
            Some((mailbox.messages.len(), mailbox.uid_next, mailbox.uid_validity))
        });
        let Some((n, uid_next, uid_validity)) = found else {
            return Ok("NO no such mailbox".to_owned());
        };
        self.say("* FLAGS (\\Seen \\Deleted)")?;
        self.say(&format!("* {n} EXISTS"))?;
        self.say(&format!("* OK [UIDVALIDITY {uid_validity}] ok"))?;
        if self.shared.oddity != Oddity::Weak {
            self.say(&format!("* OK [UIDNEXT {uid_next}] ok"))?;
        }
        self.open = Some(name.to_owned());
        Ok("OK open".to_owned())
    }

    fn open_mailbox(&self) -> OddMailbox {
        let name = self.open.clone().unwrap_or_default();
        self.mailboxes(|it| it.get(&name).cloned().unwrap_or_default())
    }

    fn search(&mut self, criteria: &str) -> io::Result<String> {
        let mailbox = self.open_mailbox();
        let by_set = criteria.strip_prefix("UID ");
        let found: Vec<String> = match (criteria, by_set) {
            ("ALL", _) => mailbox.messages.keys().map(ToString::to_string).collect(),
            (_, Some(set)) => {
                let last = mailbox.messages.keys().last().copied().unwrap_or(0);
                let fits = |it: &&u32| in_set(set, **it, last);
                mailbox.messages.keys().filter(fits).map(ToString::to_string).collect()
            }
            // As IceWarp does with dates: an answer, and a wrong one.
            _ => Vec::new(),
        };
        self.say(format!("* SEARCH {}", found.join(" ")).trim_end())?;
        Ok("OK done".to_owned())
    }

    fn store(&mut self, mut words: Words<'_>) -> io::Result<String> {
        let (set, how) = (words.next(), words.next().to_ascii_uppercase());
        let flags: Vec<String> =
            words.rest().trim_matches(['(', ')']).split(' ').map(str::to_owned).collect();
        let name = self.open.clone().unwrap_or_default();
        self.mailboxes(|it| {
            let Some(mailbox) = it.get_mut(&name) else { return };
            let last = mailbox.messages.keys().last().copied().unwrap_or(0);
            for (uid, kept) in &mut mailbox.messages {
                if !in_set(&set, *uid, last) {
                    continue;
                }
                for flag in &flags {
                    match how.starts_with('-') {
                        true => kept.flags.remove(flag),
                        false => kept.flags.insert(flag.clone()),
                    };
                }
            }
        });
        Ok("OK done".to_owned())
    }

    fn expunge(&mut self, command: &str, mut words: Words<'_>) -> io::Result<String> {
        let set = if command == "EXPUNGE" { "1:*".to_owned() } else { words.next() };
        if command != "EXPUNGE" && self.shared.oddity == Oddity::Weak {
            return Ok("BAD no UIDPLUS here".to_owned());
        }
        let (name, oddity) = (self.open.clone().unwrap_or_default(), self.shared.oddity);
        let mailbox = self.open_mailbox();
        let last = mailbox.messages.keys().last().copied().unwrap_or(0);
        let marked = mailbox.messages.iter().enumerate().filter(|(_, (uid, kept))| {
            kept.flags.contains("\\Deleted") && in_set(&set, **uid, last)
        });
        let marked: Vec<(usize, u32)> = marked.map(|(n, (uid, _))| (n, *uid)).collect();
        let uids: Vec<u32> = marked.iter().map(|it| it.1).collect();
        self.mailboxes(|it| expunge(oddity, it, &name, &uids));
        for (n, _) in marked.iter().rev() {
            self.say(&format!("* {} EXPUNGE", n + 1))?;
        }
        Ok("OK done".to_owned())
    }
}

/// What Kerio Connect asks, always the same.
const CHALLENGE: &str = "1c8f0a3e-posthold";

/// The MD5 of that and [`MASTER_PASSWORD`].
const CHALLENGE_DIGEST: &str = "5f2f034692edc5d505f8c7db969b5954";
