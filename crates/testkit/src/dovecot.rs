//! A real Dovecot 2.3 for one test: own configuration, own directory, free ports on loopback.
//!
//! Runs without root (and as `nobody` when started by root), and ends with the value. It has the
//! users `alice` and `bob` with [`PASSWORD`] and a master user; wrong passwords are answered at
//! once. Mailboxes are filled by writing Maildir files ([`Dovecot::fill`], fast) or by `APPEND`
//! through [`RawImap`].

mod config;

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use crate::certificates::{Certificates, ServerCertificate};
use crate::peers::{self, Guarded, RunAs, free_port, left_out, peer_dir};
use crate::raw_imap::{RawImap, RawMailbox};

/// The password of every user that the kit makes.
pub const PASSWORD: &str = "open sesame";

/// The master user's name: with [`MASTER_PASSWORD`] it opens every user's mailboxes, as
/// `alice*master` or as authorization identity of SASL PLAIN.
pub const MASTER: &str = "master";

/// The master user's password.
pub const MASTER_PASSWORD: &str = "master sesame";

/// How long Dovecot may take to come up; it needs about half a second.
const START_MAX: Duration = Duration::from_secs(30);

/// How Dovecot keeps mail, which decides its hierarchy separator too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MailFormat {
    /// Maildir with a directory for each level; separator `/`.
    Maildir,
    /// Maildir++: all folders in one directory; separator `.`.
    MaildirDots,
    /// Dovecot's own, one file a message; separator `/`.
    Sdbox,
}

/// What a Dovecot is like.
#[derive(Clone, Debug)]
pub struct DovecotOptions {
    /// How it keeps mail.
    pub format: MailFormat,
    /// Offers `COMPRESS=DEFLATE`, where the plugin is installed.
    pub compress: bool,
    /// Makes Sent, Drafts, Trash, Junk and Archive with their SPECIAL-USE attributes.
    pub special_use: bool,
    /// Lets passwords pass without TLS. When false, the server is on 127.0.0.2, because Dovecot
    /// trusts connections within one address.
    pub plaintext_login: bool,
    /// What its certificate is like.
    pub certificate: ServerCertificate,
    /// Connections of one user from one address at the same time.
    pub user_connections_max: u32,
    /// Speaks POP3, too ([`Dovecot::pop3`]).
    pub pop3: bool,
    /// A port on which other servers may ask who may log in, as Postfix does.
    pub logins: Option<u16>,
    /// SASL mechanisms, as in `auth_mechanisms`.
    pub mechanisms: &'static str,
    /// Replaces the announced capabilities (a server that offers less).
    pub capability: Option<&'static str>,
    /// Lines to add to the configuration.
    pub extra: String,
}

impl Default for DovecotOptions {
    fn default() -> DovecotOptions {
        DovecotOptions {
            format: MailFormat::Maildir,
            compress: false,
            special_use: true,
            plaintext_login: true,
            certificate: ServerCertificate::Valid,
            user_connections_max: 50,
            pop3: false,
            logins: None,
            mechanisms: "plain login cram-md5 scram-sha-256",
            capability: None,
            extra: String::new(),
        }
    }
}

/// A message to put into a mailbox.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'a> {
    /// Its bytes; lines may end with LF, the server gives CRLF.
    pub bytes: &'a [u8],
    /// Letters of a Maildir file name: `S` seen, `R` answered, `F` flagged, `D` draft, `T` deleted.
    pub flags: &'a str,
    /// When it arrived (INTERNALDATE), in seconds since 1970.
    pub received: u64,
}

/// A running Dovecot.
#[derive(Debug)]
pub struct Dovecot {
    // Ends before its directory goes.
    guarded: Option<Guarded>,
    dir: TempDir,
    user: RunAs,
    options: DovecotOptions,
    certificates: Certificates,
    imap: SocketAddr,
    imaps: SocketAddr,
    pop3: SocketAddr,
    pop3s: SocketAddr,
    n_filled: AtomicU64,
}

impl Dovecot {
    /// Whether a Dovecot can be started here; if not, why.
    ///
    /// # Errors
    /// With what is missing.
    pub fn available() -> Result<(), String> {
        RunAs::find()?;
        if peers::program("dovecot").is_none() {
            return Err("dovecot is not installed (Debian: dovecot-core)".into());
        }
        if !config::module("libexec").join("imap").exists() {
            return Err("dovecot speaks no IMAP (Debian: dovecot-imapd)".into());
        }
        Ok(())
    }

    /// Starts one as most tests want it.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Dovecot {
        Dovecot::start_with(DovecotOptions::default())
    }

    /// Starts one, or notes that the running test is left out.
    #[must_use]
    pub fn start_or_leave_out() -> Option<Dovecot> {
        Dovecot::start_with_or_leave_out(DovecotOptions::default())
    }

    /// Starts one with these options, or notes that the running test is left out.
    #[must_use]
    pub fn start_with_or_leave_out(options: DovecotOptions) -> Option<Dovecot> {
        let available = Dovecot::available().and_then(|()| {
            if options.pop3 && !config::module("libexec").join("pop3").exists() {
                return Err("dovecot speaks no POP3 (Debian: dovecot-pop3d)".into());
            }
            Ok(())
        });
        match available {
            Ok(()) => Some(Dovecot::start_with(options)),
            Err(why) => {
                left_out(&why);
                None
            }
        }
    }

    /// Starts one with these options.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_with(options: DovecotOptions) -> Dovecot {
        let user = RunAs::find().expect("a user to run as");
        let dir = peer_dir(&user);
        let certificates = Certificates::new(options.certificate);
        let host = if options.plaintext_login { [127, 0, 0, 1] } else { [127, 0, 0, 2] };
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::from(host)), 0);
        let mut dovecot = Dovecot {
            guarded: None,
            dir,
            user,
            options,
            certificates,
            imap: nowhere,
            imaps: nowhere,
            pop3: nowhere,
            pop3s: nowhere,
            n_filled: AtomicU64::new(0),
        };
        dovecot.prepare();
        for _ in 0..5 {
            dovecot.imap.set_port(free_port());
            dovecot.imaps.set_port(free_port());
            dovecot.pop3.set_port(free_port());
            dovecot.pop3s.set_port(free_port());
            if dovecot.run() {
                return dovecot;
            }
        }
        panic!("dovecot does not start:\n{}", dovecot.trace());
    }

    fn prepare(&self) {
        for name in ["conf", "run", "state", "mail"] {
            self.make_dir(&self.dir.path().join(name));
        }
        for (name, text) in [
            ("conf/users", String::new()),
            ("conf/masters", format!("{MASTER}:{{PLAIN}}{MASTER_PASSWORD}\n")),
            ("conf/ca.pem", self.certificates.ca_pem.clone()),
            ("conf/server.pem", self.certificates.server_pem.clone()),
            ("conf/server.key", self.certificates.key_pem.clone()),
        ] {
            self.write(name, text.as_bytes());
        }
        self.add_user("alice", PASSWORD);
        self.add_user("bob", PASSWORD);
    }

    /// Starts the server; false when another process was quicker to take a port.
    fn run(&mut self) -> bool {
        let token = format!("posthold testkit {} {}", std::process::id(), self.imap.port());
        let text = config::text(&config::Place {
            dir: self.dir.path(),
            user: &self.user,
            options: &self.options,
            imap: self.imap,
            imaps: self.imaps,
            pop3: self.pop3,
            pop3s: self.pop3s,
            greeting: &token,
        });
        self.write("conf/dovecot.conf", text.as_bytes());
        // After a hard end it names a process that is gone, or nearly.
        let _ = fs::remove_file(self.dir.path().join("run/master.pid"));
        let _ = fs::remove_file(self.dir.path().join("output.txt"));
        let told_before = self.trace().len();
        let program = peers::program("dovecot").expect("dovecot is not installed");
        let config = self.config_file();
        let args = ["-F", "-c", config.to_str().expect("a path in UTF-8")];
        let output = self.dir.path().join("output.txt");
        self.guarded = Some(Guarded::start(&self.user, self.dir.path(), &output, &program, &args));
        let began = Instant::now();
        while began.elapsed() < START_MAX {
            match greeting(self.imap) {
                Some(line) if line.contains(&token) => return true,
                Some(_) => return false,
                None if self.trace().get(told_before..).is_some_and(|it| it.contains("Fatal:")) => {
                    return false;
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        false
    }

    /// Ends the server, as a power cut at the other side would. When this returns, nobody answers.
    pub fn stop(&mut self) {
        self.guarded = None;
        let began = Instant::now();
        // Processes that are still ending hold the port for a moment.
        while TcpStream::connect(self.imap).is_ok() && began.elapsed() < START_MAX {
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts the server again after [`Dovecot::stop`], on the same ports.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        let began = Instant::now();
        while !self.run() {
            // The ports may be held for a moment by processes that are still ending.
            assert!(began.elapsed() < START_MAX, "no second start:\n{}", self.trace());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Where it speaks IMAP, with STARTTLS.
    #[must_use]
    pub fn imap(&self) -> SocketAddr {
        self.imap
    }

    /// Where it speaks IMAP over TLS.
    #[must_use]
    pub fn imaps(&self) -> SocketAddr {
        self.imaps
    }

    /// Where it speaks POP3, with STLS, when [`DovecotOptions::pop3`] is set.
    #[must_use]
    pub fn pop3(&self) -> SocketAddr {
        self.pop3
    }

    /// Where it speaks POP3 over TLS, when [`DovecotOptions::pop3`] is set.
    #[must_use]
    pub fn pop3s(&self) -> SocketAddr {
        self.pop3s
    }

    /// Its certificates.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// A file with the certificate of the authority that signed its own.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("conf/ca.pem")
    }

    /// What the server said about itself.
    #[must_use]
    pub fn trace(&self) -> String {
        let trace = fs::read(self.dir.path().join("dovecot.log")).unwrap_or_default();
        // What it printed before it had a log comes first.
        let output = fs::read_to_string(self.dir.path().join("output.txt")).unwrap_or_default();
        output + &String::from_utf8_lossy(&trace)
    }

    /// The home directory of a user: mail is below it.
    #[must_use]
    pub fn home(&self, user: &str) -> PathBuf {
        self.dir.path().join("mail").join(user)
    }

    /// Adds a user; `user` and `password` hold no colon.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn add_user(&self, user: &str, password: &str) {
        let (uid, gid) = (self.user.uid, self.user.gid);
        let home = self.home(user);
        self.make_dir(&home);
        let path = self.dir.path().join("conf/users");
        let mut users = fs::read_to_string(path).expect("the list of users");
        let home = home.display();
        users.push_str(&format!("{user}:{{PLAIN}}{password}:{uid}:{gid}::{home}::\n"));
        // As a whole under a new name: Dovecot may be reading.
        self.write("conf/users.new", users.as_bytes());
        let conf = self.dir.path().join("conf");
        fs::rename(conf.join("users.new"), conf.join("users")).expect("the list of users");
    }

    /// A connection of `user` (who has [`PASSWORD`]) to prepare and to witness with.
    #[must_use]
    pub fn login(&self, user: &str) -> RawImap {
        RawImap::login(self.imap, user, PASSWORD)
    }

    /// Everything that `user` has at the server.
    #[must_use]
    pub fn everything(&self, user: &str) -> BTreeMap<String, RawMailbox> {
        self.login(user).everything()
    }

    /// Puts messages behind those of a mailbox, in order, by writing files; makes the mailbox.
    /// `mailbox` is spelled as IMAP spells it, with the separator of the format.
    ///
    /// # Panics
    /// With a format other than Maildir, and when files cannot be written.
    pub fn fill<'a>(&self, user: &str, mailbox: &str, mails: impl IntoIterator<Item = Mail<'a>>) {
        let maildir = self.maildir(user, mailbox);
        for name in ["cur", "new", "tmp"] {
            self.make_dir(&maildir.join(name));
        }
        for mail in mails {
            let n = self.n_filled.fetch_add(1, Ordering::Relaxed);
            // Dovecot gives UIDs in the order of the number at the start of the name.
            let (first, size) = (1_000_000_000 + n, mail.bytes.len());
            let crlf_size = size + n_bare_lf(mail.bytes);
            let name = format!("{first}.testkit,S={size},W={crlf_size}:2,{}", mail.flags);
            let path = maildir.join("cur").join(name);
            fs::write(&path, mail.bytes).expect("a message file");
            let received = SystemTime::UNIX_EPOCH + Duration::from_secs(mail.received);
            let file = File::options().write(true).open(&path).expect("a message file");
            file.set_times(FileTimes::new().set_modified(received)).expect("time of a file");
            self.user.own(&path);
        }
    }

    /// Puts the messages of another user's mailbox behind those of a mailbox: the same files under
    /// second names.
    ///
    /// # Panics
    /// With a format other than Maildir, and when files cannot be linked.
    pub fn fill_from(&self, user: &str, mailbox: &str, other_user: &str, other_mailbox: &str) {
        let maildir = self.maildir(user, mailbox);
        for name in ["cur", "new", "tmp"] {
            self.make_dir(&maildir.join(name));
        }
        let from = self.maildir(other_user, other_mailbox).join("cur");
        for entry in fs::read_dir(from).expect("the other mailbox") {
            let entry = entry.expect("a message file");
            let to = maildir.join("cur").join(entry.file_name());
            fs::hard_link(entry.path(), to).expect("a second name");
        }
    }

    /// The Maildir of a mailbox.
    fn maildir(&self, user: &str, mailbox: &str) -> PathBuf {
        let base = self.home(user).join("Maildir");
        match self.options.format {
            MailFormat::Maildir if mailbox == "INBOX" => base,
            MailFormat::Maildir => base.join(mailbox),
            MailFormat::MaildirDots if mailbox == "INBOX" => base,
            MailFormat::MaildirDots => base.join(format!(".{mailbox}")),
            MailFormat::Sdbox => panic!("only a Maildir is filled by files"),
        }
    }

    /// Gives a mailbox another UIDVALIDITY, as a restored backup would.
    pub fn set_uid_validity(&self, user: &str, mailbox: &str, uid_validity: u32) {
        let uid_validity = uid_validity.to_string();
        self.doveadm(&["mailbox", "update", "-u", user, "--uid-validity", &uid_validity, mailbox]);
    }

    /// Runs `doveadm` on this server.
    ///
    /// # Panics
    /// When it fails.
    pub fn doveadm(&self, args: &[&str]) -> String {
        let program = peers::program("doveadm").expect("doveadm is not installed");
        let mut command = self.user.command(&program, self.dir.path());
        let output = command.arg("-c").arg(self.config_file()).args(args).output();
        let output = output.expect("doveadm");
        let problems = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "doveadm {args:?}: {problems}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn config_file(&self) -> PathBuf {
        self.dir.path().join("conf/dovecot.conf")
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.dir.path().join(name);
        fs::write(&path, bytes).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
        self.user.own(&path);
    }

    /// Makes a directory and those above it, each owned by the server's user.
    fn make_dir(&self, path: &Path) {
        match fs::create_dir(path) {
            Ok(()) => self.user.own(path),
            Err(it) if it.kind() == ErrorKind::AlreadyExists => (),
            Err(it) if it.kind() == ErrorKind::NotFound => {
                self.make_dir(path.parent().expect("a directory above"));
                self.make_dir(path);
            }
            Err(it) => panic!("{}: {it}", path.display()),
        }
    }
}

/// The first line of the server at `addr`.
fn greeting(addr: SocketAddr) -> Option<String> {
    let stream = TcpStream::connect(addr).ok()?;
    stream.set_read_timeout(Some(START_MAX)).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    Some(line)
}

/// How many line ends lack their CR: a server adds it.
fn n_bare_lf(bytes: &[u8]) -> usize {
    let pairs = std::iter::once(0).chain(bytes.iter().copied()).zip(bytes);
    pairs.filter(|(before, byte)| **byte == b'\n' && *before != b'\r').count()
}
