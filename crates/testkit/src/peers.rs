//! Starting programs of others for a test, and saying so when they are missing.
//!
//! A test that needs a peer stands in a module named `peers`, or after the peer (the test
//! runner's settings go by that name), and begins with
//!
//! ```ignore
//! let Some(dovecot) = Dovecot::start_or_leave_out() else { return };
//! ```
//!
//! A missing peer then prints one line that begins with `left out:`; with
//! `POSTHOLD_TEST_LEFT_OUT` naming a file, the line goes there as well, which is how
//! `cargo xtask test` lists them; with `POSTHOLD_TEST_PEERS=required` it fails the test instead.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

/// Notes that the running test was left out because of `why`.
///
/// # Panics
/// When `POSTHOLD_TEST_PEERS` is `required`.
pub fn left_out(why: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    assert!(
        env::var("POSTHOLD_TEST_PEERS").as_deref() != Ok("required"),
        "{test} needs a peer: {why}"
    );
    let line = format!("left out: {test}: {why}\n");
    let _ = std::io::stdout().write_all(line.as_bytes());
    if let Some(path) = env::var_os("POSTHOLD_TEST_LEFT_OUT")
        && let Ok(mut list) = OpenOptions::new().append(true).create(true).open(path)
    {
        let _ = list.write_all(line.as_bytes());
    }
}

/// The program `name`, looked for in the search path and where Debian puts servers.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var("PATH").unwrap_or_default();
    let dirs = path.split(':').chain(["/usr/sbin", "/usr/local/sbin", "/sbin"]);
    dirs.map(|dir| Path::new(dir).join(name)).find(|it| it.is_file())
}

/// A TCP port on 127.0.0.1 that is free now, below the range that the system gives to clients.
///
/// Another process may take it first: whoever starts a peer on it has to look, and try again.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() * 61 % u32::from(COUNT)).expect("below COUNT");
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + step) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST} on");
}

/// The user that peers run as: our own, or `nobody` when we are root.
#[derive(Clone, Debug)]
pub struct RunAs {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// User name.
    pub user: String,
    /// Name of the user's own group.
    pub group: String,
    drops_root: bool,
}

impl RunAs {
    /// Looks the user up.
    ///
    /// # Errors
    /// When the system has no entry for it.
    pub fn find() -> Result<RunAs, String> {
        let euid = rustix::process::geteuid();
        let passwd =
            fs::read_to_string("/etc/passwd").map_err(|it| format!("/etc/passwd: {it}"))?;
        let groups = fs::read_to_string("/etc/group").map_err(|it| format!("/etc/group: {it}"))?;
        let drops_root = euid.is_root();
        let entry = passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|it| match it.as_slice() {
                [name, _, uid, ..] if drops_root => *name == "nobody" && *uid != "0",
                [_, _, uid, ..] => *uid == euid.as_raw().to_string(),
                _ => false,
            })
            .ok_or("the user that peers would run as has no entry in /etc/passwd")?;
        let (Ok(uid), Ok(gid)) = (entry[2].parse(), entry[3].parse::<u32>()) else {
            return Err("the entry in /etc/passwd of the user for peers has no numbers".into());
        };
        let group = groups
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|it| it.get(2) == Some(&entry[3]))
            .map(|it| it[0].to_owned())
            .ok_or("the group of the user for peers has no entry in /etc/group")?;
        Ok(RunAs { uid, gid, user: entry[0].to_owned(), group, drops_root })
    }

    /// Root, for a peer that needs it and gives it up by itself.
    #[must_use]
    pub fn root() -> RunAs {
        let name = || "root".to_owned();
        RunAs { uid: 0, gid: 0, user: name(), group: name(), drops_root: false }
    }

    /// Gives `path` to this user, when we are root; it is ours anyway when we are not.
    pub fn own(&self, path: &Path) {
        if self.drops_root {
            chown(path, Some(self.uid), Some(self.gid))
                .unwrap_or_else(|it| panic!("failed to give {} away: {it}", path.display()));
        }
    }

    /// A command that will run as this user in `dir`.
    #[must_use]
    pub fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(dir).stdin(Stdio::null());
        if self.drops_root {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }
}

/// A directory under the system's temporary one that the user of peers can reach.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn peer_dir(user: &RunAs) -> tempfile::TempDir {
    peer_dir_at(user, &env::temp_dir())
}

/// The same below `parent`.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn peer_dir_at(user: &RunAs, parent: &Path) -> tempfile::TempDir {
    let builder = tempfile::Builder::new().prefix("posthold-peer-").tempdir_in(parent);
    let dir = builder.expect("directory");
    user.own(dir.path());
    dir
}

/// A program that runs in the foreground, and ends with this value or with our process,
/// however that ends: a shell beside it waits for the end of a pipe that we hold, then ends the
/// process group that the two and the program's children make.
#[derive(Debug)]
pub struct Guarded {
    shell: Child,
}

/// Programs get a moment to end by themselves; some would take a second of sleep for it.
const GUARD: &str = r#"
trap '' TERM
(trap - TERM; exec "$@" </dev/null) &
read -r _
kill -TERM 0
sleep 0.05
kill -KILL 0
"#;

impl Guarded {
    /// Starts `program` with `args` as `user` in `dir`; what it prints goes to `output`.
    ///
    /// # Panics
    /// When there is no shell.
    #[must_use]
    pub fn start(
        user: &RunAs,
        dir: &Path,
        output: &Path,
        program: &Path,
        args: &[&str],
    ) -> Guarded {
        let log = File::create(output).unwrap_or_else(|it| panic!("{}: {it}", output.display()));
        let shell = user
            .command(Path::new("/bin/sh"), dir)
            .args(["-c", GUARD, "guard"])
            .arg(program)
            .args(args)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("second descriptor"))
            .stderr(log)
            .spawn()
            .expect("/bin/sh");
        Guarded { shell }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
