//! An IMAP server with as many accounts and messages as a benchmark wants, in no memory: what it
//! holds is made up while it is asked for, always the same.
//!
//! Any name with [`PASSWORD`] opens the account of that name, and so does the master user with
//! SASL PLAIN. Every account has the same mailboxes with the same numbers of messages, each with
//! a UIDVALIDITY and bytes of its own. Of eleven UIDs one is missing, as in mailboxes that people
//! use. Nothing can be changed.
//!
//! What it is not: a server that every client could use. It answers what a client that only reads
//! says, and BAD to the rest; it takes no literals.

mod fetch;
pub(crate) mod words;

use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use crate::dovecot::{MASTER, MASTER_PASSWORD, PASSWORD};
use words::{arguments, decode_base64};

/// A thread that serves a connection needs little.
const STACK_BYTES: usize = 256 << 10;

/// What is written together. Little more than this lies between server and client, so that what
/// was sent is about what was received.
const WRITE_BYTES: usize = 64 << 10;

/// The longest command.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// What the server offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaks {
    /// LIST-STATUS, ESEARCH, CONDSTORE and QRESYNC.
    Modern,
    /// IMAP4rev1 (RFC 3501) and nothing more: no client can tell from numbers that nothing changed.
    Plain,
}

/// What a server is like.
#[derive(Clone, Copy, Debug)]
pub struct MadeOptions {
    /// The mailboxes of each account.
    pub mailboxes: &'static [&'static str],
    /// Messages in each of them at first.
    pub n_messages: u32,
    /// What it offers at first.
    pub speaks: Speaks,
}

/// What was asked of a server so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MadeCounts {
    /// Logins that succeeded.
    pub logins: u64,
    /// Mailboxes that were opened.
    pub opened: u64,
    /// Messages that were sent, with their bodies.
    pub bodies: u64,
    /// Bytes of these.
    pub body_bytes: u64,
}

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct MadeImap {
    shared: Arc<Shared>,
    addr: SocketAddr,
    accepts: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    options: MadeOptions,
    n_messages: AtomicU32,
    is_plain: AtomicBool,
    logins: AtomicU64,
    opened: AtomicU64,
    bodies: AtomicU64,
    body_bytes: AtomicU64,
    /// How often the body at each place was sent, over all accounts and mailboxes.
    sent: Vec<AtomicU8>,
    ends: AtomicBool,
}

impl MadeImap {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn start(options: MadeOptions) -> MadeImap {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let addr = listener.local_addr().expect("the address of a listener");
        let shared = Arc::new(Shared {
            n_messages: AtomicU32::new(options.n_messages),
            sent: (0..options.n_messages).map(|_| AtomicU8::new(0)).collect(),
            is_plain: AtomicBool::new(options.speaks == Speaks::Plain),
            options,
            logins: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            bodies: AtomicU64::new(0),
            body_bytes: AtomicU64::new(0),
            ends: AtomicBool::new(false),
        });
        let serves = Arc::clone(&shared);
        let accepts = Some(thread::spawn(move || accept(&listener, &serves)));
        MadeImap { shared, addr, accepts }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What was asked of it so far.
    #[must_use]
    pub fn counts(&self) -> MadeCounts {
        let read = |it: &AtomicU64| it.load(Ordering::Relaxed);
        MadeCounts {
            logins: read(&self.shared.logins),
            opened: read(&self.shared.opened),
            bodies: read(&self.shared.bodies),
            body_bytes: read(&self.shared.body_bytes),
        }
    }

    /// How many messages were sent more than once. Means something with one account and mailbox.
    #[must_use]
    pub fn n_sent_again(&self) -> u64 {
        let again = self.shared.sent.iter().filter(|it| 1 < it.load(Ordering::Relaxed));
        again.count() as u64
    }

    /// What it offers to whoever connects from now on.
    pub fn speak(&self, speaks: Speaks) {
        self.shared.is_plain.store(speaks == Speaks::Plain, Ordering::Relaxed);
    }

    /// Lets so many messages arrive in every mailbox.
    pub fn deliver(&self, n_messages: u32) {
        self.shared.n_messages.fetch_add(n_messages, Ordering::Relaxed);
    }
}

impl Drop for MadeImap {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts. Those that serve end with their clients.
        let _ = TcpStream::connect(self.addr);
        if let Some(accepts) = self.accepts.take() {
            let _ = accepts.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.ends.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        let served = thread.spawn(move || {
            // A client that is gone is no fault.
            let _ = Connection::new(stream, shared).and_then(|mut it| it.serve());
        });
        served.expect("a thread for a connection");
    }
}

/// A mailbox of an account.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Opened {
    /// Tells the messages of one mailbox from those of another.
    seed: u64,
    n_messages: u32,
}

impl Opened {
    /// The UID of the message at a place, from 1.
    fn uid(place: u32) -> u32 {
        place + place / 10
    }

    /// How many messages have a UID up to this one.
    fn n_up_to(&self, uid: u32) -> u32 {
        (uid - uid.saturating_add(1) / 11).min(self.n_messages)
    }

    fn uid_next(&self) -> u32 {
        Opened::uid(self.n_messages) + 1
    }

    fn uid_validity(&self) -> u64 {
        1 + self.seed % 1_000_000_000
    }

    /// Grows whenever anything changes.
    fn modseq(&self) -> u64 {
        u64::from(self.n_messages) + 1
    }
}

struct Connection {
    shared: Arc<Shared>,
    reader: BufReader<TcpStream>,
    writer: BufWriter<TcpStream>,
    speaks: Speaks,
    account: String,
    opened: Option<Opened>,
}

/// Whether a connection goes on.
#[derive(PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

impl Connection {
    fn new(stream: TcpStream, shared: Arc<Shared>) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        rustix::net::sockopt::set_socket_send_buffer_size(&stream, WRITE_BYTES)?;
        let is_plain = shared.is_plain.load(Ordering::Relaxed);
        Ok(Connection {
            shared,
            speaks: if is_plain { Speaks::Plain } else { Speaks::Modern },
            reader: BufReader::new(stream.try_clone()?),
            writer: BufWriter::with_capacity(WRITE_BYTES, stream),
            account: String::new(),
            opened: None,
        })
    }

    fn capability(&self) -> &'static str {
        match self.speaks {
            Speaks::Modern => {
                "IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN ID ENABLE NAMESPACE UNSELECT ESEARCH \
                 LIST-EXTENDED LIST-STATUS CONDSTORE QRESYNC"
            }
            Speaks::Plain => "IMAP4rev1 AUTH=PLAIN",
        }
    }

    fn serve(&mut self) -> io::Result<()> {
        write!(self.writer, "* OK [CAPABILITY {}] made up\r\n", self.capability())?;
        self.writer.flush()?;
        loop {
            let Some(line) = self.line()? else { return Ok(()) };
            let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
            let then = self.command(tag, command)?;
            // Commands that came together are answered together.
            if self.reader.buffer().is_empty() {
                self.writer.flush()?;
            }
            if then == Then::End {
                return self.writer.flush();
            }
        }
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let limited = &mut io::Read::take(&mut self.reader, LINE_BYTES_MAX);
        limited.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn command(&mut self, tag: &str, command: &str) -> io::Result<Then> {
        let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
        let logged_in = !self.account.is_empty();
        match name.to_ascii_uppercase().as_str() {
            "CAPABILITY" => write!(self.writer, "* CAPABILITY {}\r\n", self.capability())?,
            "NOOP" | "UNSELECT" => (),
            "LOGOUT" => {
                write!(self.writer, "* BYE good bye\r\n{tag} OK done\r\n")?;
                return Ok(Then::End);
            }
            "LOGIN" => return self.log_in_plainly(tag, rest),
            "AUTHENTICATE" => return self.authenticate(tag, rest),
            _ if !logged_in => return self.end(tag, "BAD log in first"),
            "ID" => write!(self.writer, "* ID (\"name\" \"Made up\")\r\n")?,
            "ENABLE" => write!(self.writer, "* ENABLED {rest}\r\n")?,
            "NAMESPACE" => write!(self.writer, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n")?,
            "LIST" => self.list(rest)?,
            "STATUS" => match self.mailbox(rest) {
                Some((name, mailbox)) => self.status(name, &mailbox)?,
                None => return self.end(tag, "NO no such mailbox"),
            },
            "EXAMINE" | "SELECT" => return self.examine(tag, rest),
            "UID" => return self.uid(tag, rest),
            _ => return self.end(tag, "BAD unknown command"),
        }
        self.end(tag, "OK done")
    }

    fn end(&mut self, tag: &str, status: &str) -> io::Result<Then> {
        write!(self.writer, "{tag} {status}\r\n")?;
        Ok(Then::GoOn)
    }

    fn log_in_plainly(&mut self, tag: &str, rest: &str) -> io::Result<Then> {
        match arguments(rest).as_slice() {
            [user, password] => self.log_in(tag, user, user, password),
            _ => self.end(tag, "BAD two arguments, please"),
        }
    }

    fn authenticate(&mut self, tag: &str, rest: &str) -> io::Result<Then> {
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        if !mechanism.eq_ignore_ascii_case("PLAIN") {
            return self.end(tag, "NO unknown mechanism");
        }
        let mut response = initial.to_owned();
        if response.is_empty() {
            self.writer.write_all(b"+ \r\n")?;
            self.writer.flush()?;
            response = self.line()?.unwrap_or_default();
        }
        let decoded = decode_base64(&response).unwrap_or_default();
        let decoded = String::from_utf8_lossy(&decoded).into_owned();
        match decoded.split('\0').collect::<Vec<_>>().as_slice() {
            ["", user, password] => self.log_in(tag, user, user, password),
            [authzid, user, password] => self.log_in(tag, authzid, user, password),
            _ => self.end(tag, "BAD no PLAIN response"),
        }
    }

    fn log_in(&mut self, tag: &str, opens: &str, user: &str, password: &str) -> io::Result<Then> {
        let is_own = opens == user && password == PASSWORD;
        let is_master = user == MASTER && password == MASTER_PASSWORD;
        if !is_own && !is_master {
            return self.end(tag, "NO [AUTHENTICATIONFAILED] wrong password");
        }
        self.account = opens.to_owned();
        self.shared.logins.fetch_add(1, Ordering::Relaxed);
        self.end(tag, &format!("OK [CAPABILITY {}] hello", self.capability()))
    }

    /// The mailbox that the first argument names.
    fn mailbox(&self, rest: &str) -> Option<(&'static str, Opened)> {
        let wanted = arguments(rest).into_iter().next()?;
        let mailboxes = self.shared.options.mailboxes;
        let name = mailboxes.iter().find(|it| it.eq_ignore_ascii_case(&wanted))?;
        Some((name, self.open(name)))
    }

    fn open(&self, name: &str) -> Opened {
        // FNV-1a: the seed has to differ, nothing more.
        let bytes = self.account.bytes().chain([0]).chain(name.bytes());
        let fold = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let seed = bytes.fold(0xcbf2_9ce4_8422_2325, fold);
        Opened { seed, n_messages: self.shared.n_messages.load(Ordering::Relaxed) }
    }

    fn list(&mut self, rest: &str) -> io::Result<()> {
        let with_status = rest.contains("STATUS");
        for name in self.shared.options.mailboxes {
            write!(self.writer, "* LIST (\\HasNoChildren) \"/\" \"{name}\"\r\n")?;
            if with_status {
                let mailbox = self.open(name);
                self.status(name, &mailbox)?;
            }
        }
        Ok(())
    }

    fn status(&mut self, name: &str, mailbox: &Opened) -> io::Result<()> {
        let (uid_next, uid_validity) = (mailbox.uid_next(), mailbox.uid_validity());
        write!(
            self.writer,
            "* STATUS \"{name}\" (MESSAGES {} UIDNEXT {uid_next} UIDVALIDITY {uid_validity}",
            mailbox.n_messages
        )?;
        if self.speaks == Speaks::Modern {
            write!(self.writer, " HIGHESTMODSEQ {}", mailbox.modseq())?;
        }
        self.writer.write_all(b")\r\n")
    }

    fn examine(&mut self, tag: &str, rest: &str) -> io::Result<Then> {
        let Some((_, mailbox)) = self.mailbox(rest) else {
            return self.end(tag, "NO no such mailbox");
        };
        self.shared.opened.fetch_add(1, Ordering::Relaxed);
        write!(
            self.writer,
            "* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft)\r\n* {} EXISTS\r\n\
             * 0 RECENT\r\n* OK [UIDVALIDITY {}] fine\r\n* OK [UIDNEXT {}] fine\r\n",
            mailbox.n_messages,
            mailbox.uid_validity(),
            mailbox.uid_next()
        )?;
        if self.speaks == Speaks::Modern {
            write!(self.writer, "* OK [HIGHESTMODSEQ {}] fine\r\n", mailbox.modseq())?;
        }
        self.opened = Some(mailbox);
        self.end(tag, "OK [READ-ONLY] done")
    }

    fn uid(&mut self, tag: &str, rest: &str) -> io::Result<Then> {
        let Some(mailbox) = self.opened.clone() else {
            return self.end(tag, "BAD open a mailbox first");
        };
        let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let done = match name.to_ascii_uppercase().as_str() {
            "SEARCH" => fetch::search(&mut self.writer, tag, rest, &mailbox)?,
            "FETCH" => {
                let counts = fetch::fetch(&mut self.writer, rest, &mailbox, &self.shared.sent)?;
                if let Some(counts) = &counts {
                    self.shared.bodies.fetch_add(counts.bodies, Ordering::Relaxed);
                    self.shared.body_bytes.fetch_add(counts.body_bytes, Ordering::Relaxed);
                }
                counts.is_some()
            }
            _ => false,
        };
        self.end(tag, if done { "OK done" } else { "BAD not understood" })
    }
}

#[cfg(test)]
mod tests;
