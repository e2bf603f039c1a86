//! A real Cyrus IMAP 3.6 for one test, the second implementation beside Dovecot: IMAP and POP3,
//! each also over TLS, free ports on loopback.
//!
//! Debian's packages cannot be installed beside Dovecot's, so they are only unpacked
//! ([`PACKAGES`] into [`ROOT`]; `cargo xtask test` does it). It runs without root (and as `nobody`
//! when started by root), and ends with the value. It has the users `alice` and `bob` with
//! [`PASSWORD`], and [`ADMIN`], who may log in as any of them by an authorization identity.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::certificates::{Certificates, ServerCertificate};
use crate::dovecot::PASSWORD;
use crate::peers::{Guarded, RunAs, free_port, left_out, peer_dir};
use crate::raw_imap::RawImap;

/// Where Debian's packages are unpacked.
pub const ROOT: &str = "/var/cache/posthold-test/cyrus";

/// Those packages.
pub const PACKAGES: &[&str] = &[
    "cyrus-common",
    "cyrus-imapd",
    "cyrus-pop3d",
    "libclamav12",
    "libcyrus-imap-perl",
    "libical3",
    "libpcre3",
    "libsasl2-modules",
    "libsasl2-modules-db",
    "libwrap0",
    "libxapian30",
    "libzephyr4",
    "sasl2-bin",
];

/// An administrator, who is in `proxyservers` too: with [`ADMIN_PASSWORD`] it opens every user's
/// mailboxes as authorization identity of SASL PLAIN.
pub const ADMIN: &str = "cyrus";

/// The administrator's password.
pub const ADMIN_PASSWORD: &str = "admin sesame";

/// How long Cyrus may take to come up; it needs less than a second.
const START_MAX: Duration = Duration::from_secs(30);

/// A running Cyrus.
#[derive(Debug)]
pub struct Cyrus {
    // Ends before its directory goes.
    guarded: Option<Guarded>,
    dir: TempDir,
    certificates: Certificates,
    imap: SocketAddr,
    imaps: SocketAddr,
    pop3: SocketAddr,
    pop3s: SocketAddr,
}

impl Cyrus {
    /// Whether a Cyrus can be started here; if not, why.
    ///
    /// # Errors
    /// With what is missing.
    pub fn available() -> Result<(), String> {
        for path in ["usr/lib/cyrus/bin/master", "usr/lib/cyrus/bin/pop3d", "usr/sbin/saslpasswd2"]
        {
            if !Path::new(ROOT).join(path).exists() {
                return Err(format!("cyrus is not unpacked in {ROOT} (cargo xtask test does it)"));
            }
        }
        RunAs::find().map(|_| ())
    }

    /// Starts one, or notes that the running test is left out.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_or_leave_out() -> Option<Cyrus> {
        if let Err(why) = Cyrus::available() {
            left_out(&why);
            return None;
        }
        let user = RunAs::find().expect("checked before");
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut cyrus = Cyrus {
            guarded: None,
            dir: peer_dir(&user),
            certificates: Certificates::new(ServerCertificate::Valid),
            imap: nowhere,
            imaps: nowhere,
            pop3: nowhere,
            pop3s: nowhere,
        };
        cyrus.prepare(&user);
        for _ in 0..5 {
            for address in [&mut cyrus.imap, &mut cyrus.imaps, &mut cyrus.pop3, &mut cyrus.pop3s] {
                address.set_port(free_port());
            }
            if cyrus.run(&user) {
                return Some(cyrus);
            }
        }
        panic!("cyrus does not start:\n{}", cyrus.trace());
    }

    fn prepare(&self, user: &RunAs) {
        for name in ["conf", "run", "run/lock", "run/proc", "spool", "sieve"] {
            let path = self.dir.path().join(name);
            fs::create_dir(&path).expect("a directory of Cyrus");
            user.own(&path);
        }
        let text = CONFIG
            .replace("DIR", self.dir.path().to_str().expect("a path in UTF-8"))
            .replace("USER", &user.user)
            .replace("GROUP", &user.group);
        for (name, text) in [
            ("imapd.conf", text.as_str()),
            ("ca.pem", &self.certificates.ca_pem),
            ("server.pem", &self.certificates.server_pem),
            ("server.key", &self.certificates.key_pem),
        ] {
            self.write(user, name, text);
        }
        for (name, password) in [("alice", PASSWORD), ("bob", PASSWORD), (ADMIN, ADMIN_PASSWORD)] {
            self.add_login(user, name, password);
        }
    }

    fn write(&self, user: &RunAs, name: &str, text: &str) {
        let path = self.dir.path().join("conf").join(name);
        fs::write(&path, text).expect("a file of Cyrus");
        user.own(&path);
    }

    fn add_login(&self, user: &RunAs, name: &str, password: &str) {
        let list = self.dir.path().join("conf/sasldb2");
        let program = Path::new(ROOT).join("usr/sbin/saslpasswd2");
        let mut command = user.command(&program, self.dir.path());
        command.args(["-c", "-p", "-u", "localhost", "-f"]).arg(list).arg(name);
        command.envs(surroundings()).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("saslpasswd2");
        let mut input = child.stdin.take().expect("a pipe");
        writeln!(input, "{password}").expect("the password");
        drop(input);
        let output = child.wait_with_output().expect("saslpasswd2");
        let problems = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "saslpasswd2 {name}: {problems}");
    }

    /// Starts the server; false when another process was quicker to take a port.
    fn run(&mut self, user: &RunAs) -> bool {
        let (dir, bin) = (self.dir.path().to_owned(), Path::new(ROOT).join("usr/lib/cyrus/bin"));
        let conf = |name: &str| dir.join("conf").join(name).display().to_string();
        let mut services = format!(
            "START {{\n  recover cmd=\"{}/ctl_cyrusdb -C {} -r\"\n}}\nEVENTS {{\n}}\nSERVICES {{\n",
            bin.display(),
            conf("imapd.conf")
        );
        for (name, program, address) in [
            ("imap", "imapd", self.imap),
            ("imaps", "imapd -s", self.imaps),
            ("pop3", "pop3d", self.pop3),
            ("pop3s", "pop3d -s", self.pop3s),
        ] {
            services.push_str(&format!(
                "  {name} cmd=\"{}/{program} -C {}\" listen=\"{address}\" prefork=0\n",
                bin.display(),
                conf("imapd.conf")
            ));
        }
        services.push_str("}\n");
        self.write(user, "cyrus.conf", &services);
        let mut args: Vec<String> =
            surroundings().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        args.push(bin.join("master").display().to_string());
        let pid = dir.join("master.pid").display().to_string();
        for (option, value) in [("-C", conf("imapd.conf")), ("-M", conf("cyrus.conf")), ("-p", pid)]
        {
            args.extend([option.to_owned(), value]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = dir.join("output.txt");
        // The environment is set by a program: whoever guards it starts nothing else.
        let env = Path::new("/usr/bin/env");
        self.guarded = Some(Guarded::start(user, &dir, &output, env, &args));
        let began = Instant::now();
        while began.elapsed() < START_MAX {
            if [self.imap, self.pop3].iter().all(|it| greets(*it)) {
                return true;
            }
            if !self.is_alive() {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Whether its master runs, or has not begun to.
    fn is_alive(&self) -> bool {
        let Ok(pid) = fs::read_to_string(self.dir.path().join("master.pid")) else { return true };
        Path::new("/proc").join(pid.trim()).exists()
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

    /// Where it speaks POP3, with STLS.
    #[must_use]
    pub fn pop3(&self) -> SocketAddr {
        self.pop3
    }

    /// Where it speaks POP3 over TLS.
    #[must_use]
    pub fn pop3s(&self) -> SocketAddr {
        self.pop3s
    }

    /// A file with the certificate of the authority that signed its own.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("conf/ca.pem")
    }

    /// What the server printed.
    #[must_use]
    pub fn trace(&self) -> String {
        fs::read_to_string(self.dir.path().join("output.txt")).unwrap_or_default()
    }

    /// A connection of `user` (who has [`PASSWORD`]) to prepare and to witness with. The first one
    /// of a user makes the mailboxes.
    #[must_use]
    pub fn login(&self, user: &str) -> RawImap {
        RawImap::login(self.imap, user, PASSWORD)
    }
}

/// Where unpacked programs find their libraries.
fn surroundings() -> [(&'static str, String); 2] {
    let lib = format!("lib/{}-linux-gnu", std::env::consts::ARCH);
    [
        ("LD_LIBRARY_PATH", format!("{ROOT}/usr/{lib}:{ROOT}/{lib}")),
        ("SASL_PATH", format!("{ROOT}/usr/{lib}/sasl2")),
    ]
}

/// Whether a Cyrus greets at `address`.
fn greets(address: SocketAddr) -> bool {
    let Ok(stream) = TcpStream::connect(address) else { return false };
    let _ = stream.set_read_timeout(Some(START_MAX));
    let mut line = String::new();
    let _ = BufReader::new(stream).read_line(&mut line);
    line.contains("Cyrus")
}

/// Unpacks the packages of Cyrus, when it is not there; needs the rights for it and Debian's `apt`.
///
/// # Errors
/// With what did not work.
pub fn unpack() -> Result<(), String> {
    if Cyrus::available().is_ok() {
        return Ok(());
    }
    let archives = Path::new(ROOT).join("archives");
    fs::create_dir_all(&archives).map_err(|it| format!("{}: {it}", archives.display()))?;
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    };
    let mut download = Command::new("apt-get");
    download.args(["-qq", "download"]).args(PACKAGES).current_dir(&archives);
    run(&mut download).map_err(|it| format!("apt-get download: {it}"))?;
    let found = fs::read_dir(&archives).map_err(|it| it.to_string())?.flatten();
    for archive in found.map(|it| it.path()) {
        run(Command::new("dpkg").arg("-x").arg(&archive).arg(ROOT))
            .map_err(|it| format!("dpkg -x {}: {it}", archive.display()))?;
    }
    Cyrus::available()
}

const CONFIG: &str = "configdirectory: DIR/conf
proc_path: DIR/run/proc
mboxname_lockpath: DIR/run/lock
defaultpartition: default
partition-default: DIR/spool
sievedir: DIR/sieve
cyrus_user: USER
cyrus_group: GROUP
admins: cyrus
proxyservers: cyrus
unixhierarchysep: yes
altnamespace: yes
virtdomains: off
autocreate_post: yes
autocreate_quota: 0
autocreate_inbox_folders: Sent|Drafts|Trash|Junk
autocreate_subscribe_folders: Sent|Drafts|Trash|Junk
xlist-sent: Sent
xlist-drafts: Drafts
xlist-trash: Trash
xlist-junk: Junk
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: DIR/conf/sasldb2
sasl_mech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256
allowplaintext: yes
servername: localhost
tls_server_cert: DIR/conf/server.pem
tls_server_key: DIR/conf/server.key
idlesocket: DIR/run/idle
notifysocket: DIR/run/notify
conversations: no
";
