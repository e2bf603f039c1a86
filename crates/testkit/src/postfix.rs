//! A real Postfix for one test: own configuration and queue, a free port on loopback.
//!
//! It takes any message on that port and hands it on by SMTP to one server, encrypted when told
//! so ([`Postfix::start_or_leave_out`]); or it takes messages of who logs in, and keeps them in
//! files ([`Postfix::submission_or_leave_out`]). Nothing leaves the machine. It needs root, because
//! its master does, and ends with the value, also when the test is killed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::peers::{self, Guarded, RunAs, free_port};

/// How long Postfix may take to come up; it needs about a second.
const START_MAX: Duration = Duration::from_secs(30);

/// A running Postfix.
#[derive(Debug)]
pub struct Postfix {
    // Ends before its directory goes.
    guarded: Option<Guarded>,
    dir: TempDir,
    address: SocketAddr,
    /// The same with TLS from the first byte; of submission only.
    encrypted: SocketAddr,
}

impl Postfix {
    /// Whether a Postfix can be started here; if not, why.
    ///
    /// # Errors
    /// With what is missing.
    pub fn available() -> Result<(), String> {
        if !rustix::process::geteuid().is_root() {
            return Err("postfix starts as root only".into());
        }
        if peers::program("postfix").is_none() || !master().exists() {
            return Err("postfix is not installed (Debian: postfix)".into());
        }
        Ok(())
    }

    /// Starts one that hands everything on to `target`; its certificate has to be vouched for by
    /// `ca_file`. Or notes that the running test is left out.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_or_leave_out(target: SocketAddr, ca_file: &Path) -> Option<Postfix> {
        let hand_on = |it: &Postfix| {
            let text = CONFIG.replace("TARGET", &format!("[{}]:{}", target.ip(), target.port()));
            let ca = it.dir.path().join("conf/ca.pem");
            fs::copy(ca_file, &ca).expect("the authority's certificate");
            (text, SERVICES.replace("ADDRESS", &it.address.to_string()))
        };
        Postfix::started(&hand_on)
    }

    /// Starts one that throws away what it is given and hands on only a copy of everything, to the
    /// address `journal` at `target`. Or notes that the running test is left out.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn journal_or_leave_out(
        target: SocketAddr,
        ca_file: &Path,
        journal: &str,
    ) -> Option<Postfix> {
        let copies = |it: &Postfix| {
            let (_, domain) = journal.rsplit_once('@').expect("an address");
            let copy = JOURNAL.replace("JOURNAL", journal).replace("DOMAIN", domain);
            let text =
                CONFIG.replace("smtp:TARGET", "discard:").replace("relayhost = TARGET\n", "");
            let text =
                (text + &copy).replace("TARGET", &format!("[{}]:{}", target.ip(), target.port()));
            let ca = it.dir.path().join("conf/ca.pem");
            fs::copy(ca_file, &ca).expect("the authority's certificate");
            (text, SERVICES.replace("ADDRESS", &it.address.to_string()))
        };
        Postfix::started(&copies)
    }

    /// Starts one that takes mail for `alice@example.test` of those who log in, after STARTTLS or
    /// over TLS. `logins` is where a Dovecot knows who may ([`DovecotOptions::logins`]); its
    /// certificates are used. Or notes that the running test is left out.
    ///
    /// [`DovecotOptions::logins`]: crate::DovecotOptions::logins
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn submission_or_leave_out(logins: u16, certificates: &Certificates) -> Option<Postfix> {
        let submit = |it: &Postfix| {
            let dir = it.dir.path();
            fs::write(dir.join("conf/server.pem"), &certificates.server_pem).expect("certificate");
            fs::write(dir.join("conf/server.key"), &certificates.key_pem).expect("key");
            let (uid, gid) = postfix_user();
            fs::create_dir_all(dir.join("mail")).expect("a directory for mail");
            chown(dir.join("mail"), Some(uid), Some(gid)).expect("owner");
            let text = CONFIG.replace("smtp:TARGET", "error").replace("relayhost = TARGET\n", "")
                + &SUBMISSION
                    .replace("LOGINS", &logins.to_string())
                    .replace("UID", &uid.to_string())
                    .replace("GID", &gid.to_string());
            let services = SERVICES.replace("ADDRESS", &it.address.to_string());
            let encrypted = format!(
                "{} inet n - n - - smtpd\n -o smtpd_tls_wrappermode=yes\nvirtual unix - n n - - \
                 virtual\n",
                it.encrypted
            );
            (text, services + &encrypted)
        };
        Postfix::started(&submit)
    }

    /// Starts one with what `configured` makes of its addresses: main.cf and services.
    fn started(configured: &dyn Fn(&Postfix) -> (String, String)) -> Option<Postfix> {
        if let Err(why) = Postfix::available() {
            peers::left_out(&why);
            return None;
        }
        let dir = tempfile::Builder::new().prefix("posthold-peer-").tempdir().expect("directory");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut postfix = Postfix { guarded: None, dir, address, encrypted: address };
        for _ in 0..5 {
            postfix.address.set_port(free_port());
            postfix.encrypted.set_port(free_port());
            postfix.make_dirs();
            let (text, services) = configured(&postfix);
            postfix.write(&text, &services);
            if postfix.run() {
                return Some(postfix);
            }
        }
        panic!("postfix does not start:\n{}", postfix.trace());
    }

    /// Where it takes mail.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same with TLS from the first byte; of submission only.
    #[must_use]
    pub fn encrypted(&self) -> SocketAddr {
        self.encrypted
    }

    /// What it has delivered to a user of `example.test`, in no order. Waits until its queue is
    /// empty, or half a minute where something stays in it.
    ///
    /// # Panics
    /// When nothing comes.
    #[must_use]
    pub fn delivered(&self, user: &str) -> Vec<Vec<u8>> {
        let new = self.dir.path().join("mail").join(format!("{user}@example.test")).join("new");
        let began = Instant::now();
        loop {
            // Asked before: what is delivered now was in the queue then.
            let is_all = self.queue_is_empty();
            let files = fs::read_dir(&new).into_iter().flatten().flatten();
            let found: Vec<Vec<u8>> = files.filter_map(|it| fs::read(it.path()).ok()).collect();
            let is_over = START_MAX <= began.elapsed();
            if !found.is_empty() && (is_all || is_over) {
                return found;
            }
            assert!(!is_over, "nothing was delivered to {user}:\n{}", self.trace());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it said about itself.
    #[must_use]
    pub fn trace(&self) -> String {
        let output = fs::read_to_string(self.dir.path().join("output.txt")).unwrap_or_default();
        output + &fs::read_to_string(self.dir.path().join("log/maillog")).unwrap_or_default()
    }

    /// Has it try everything in its queue again, now.
    pub fn flush(&self) {
        let program = peers::program("postqueue").expect("postqueue is not installed");
        let _ = Command::new(program).arg("-c").arg(self.conf()).arg("-f").status();
    }

    /// Whether nothing waits in its queue.
    #[must_use]
    pub fn queue_is_empty(&self) -> bool {
        let queues = ["incoming", "active", "deferred", "maildrop", "hold"];
        let spool = self.dir.path().join("spool");
        queues.iter().all(|it| !holds_files(&spool.join(it)))
    }

    fn conf(&self) -> PathBuf {
        self.dir.path().join("conf")
    }

    fn make_dirs(&self) {
        let dir = self.dir.path();
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("permissions");
        for name in ["conf", "spool", "data", "log"] {
            fs::create_dir_all(dir.join(name)).expect("a directory of Postfix");
        }
        let (uid, gid) = postfix_user();
        chown(dir.join("data"), Some(uid), Some(gid)).expect("owner");
    }

    fn write(&self, text: &str, services: &str) {
        let dir = self.dir.path();
        let text = text.replace("DIR", dir.to_str().expect("a path in UTF-8"));
        fs::write(dir.join("conf/main.cf"), text).expect("main.cf");
        fs::write(dir.join("conf/master.cf"), services).expect("master.cf");
    }

    /// Starts it; false when another process was quicker to take the port.
    fn run(&mut self) -> bool {
        let dir = self.dir.path();
        let conf = self.conf();
        let conf = conf.to_str().expect("a path in UTF-8");
        let program = peers::program("postfix").expect("postfix is not installed");
        // Makes the directories of the queue.
        let _ = Command::new(program).args(["-c", conf, "check"]).output();
        let output = dir.join("output.txt");
        let args = ["-c", conf, "-d"];
        self.guarded = Some(Guarded::start(&RunAs::root(), dir, &output, &master(), &args));
        let began = Instant::now();
        while began.elapsed() < START_MAX {
            if greets(self.address) {
                return true;
            }
            if self.trace().contains("fatal:") {
                return false;
            }
            thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

fn holds_files(dir: &Path) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return false };
    entries.flatten().any(|it| match it.file_type() {
        Ok(kind) if kind.is_dir() => holds_files(&it.path()),
        Ok(_) => true,
        Err(_) => false,
    })
}

fn master() -> PathBuf {
    PathBuf::from("/usr/lib/postfix/sbin/master")
}

fn postfix_user() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let line = users.lines().find(|it| it.starts_with("postfix:")).expect("the user postfix");
    let fields: Vec<&str> = line.split(':').collect();
    (fields[2].parse().expect("a number"), fields[3].parse().expect("a number"))
}

/// Whether a Postfix greets at `address`.
fn greets(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let _ = stream.set_read_timeout(Some(START_MAX));
    let mut bytes = [0; 64];
    let n = stream.read(&mut bytes).unwrap_or(0);
    let _ = stream.write_all(b"QUIT\r\n");
    String::from_utf8_lossy(&bytes[..n]).contains("postfix-testkit")
}

const CONFIG: &str = "compatibility_level = 3.6
queue_directory = DIR/spool
data_directory = DIR/data
maillog_file = DIR/log/maillog
maillog_file_prefixes = DIR
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix-testkit.example.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
local_header_rewrite_clients =
default_transport = smtp:TARGET
relay_transport = smtp:TARGET
relayhost = TARGET
smtpd_relay_restrictions = permit_mynetworks, reject
mynetworks = 127.0.0.0/8
smtp_tls_security_level = verify
smtp_tls_verify_cert_match = hostname
smtp_tls_CAfile = DIR/conf/ca.pem
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_client_port_logging = yes
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
";

/// What is different where mail is submitted.
const SUBMISSION: &str = "virtual_mailbox_domains = example.test
virtual_mailbox_maps = inline:{ { alice@example.test = alice@example.test/ } }
virtual_mailbox_base = DIR/mail
virtual_uid_maps = static:UID
virtual_gid_maps = static:GID
virtual_minimum_uid = 1
smtpd_tls_security_level = may
smtpd_tls_cert_file = DIR/conf/server.pem
smtpd_tls_key_file = DIR/conf/server.key
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:LOGINS
smtpd_recipient_restrictions = reject_unlisted_recipient, permit_sasl_authenticated, reject
message_size_limit = 100000
mynetworks = 192.0.2.0/24
smtpd_relay_restrictions = permit_sasl_authenticated, reject
";

/// Only a copy of everything is handed on.
const JOURNAL: &str = "always_bcc = JOURNAL
transport_maps = inline:{ { DOMAIN = smtp:TARGET } }
";

const SERVICES: &str = "ADDRESS inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";
