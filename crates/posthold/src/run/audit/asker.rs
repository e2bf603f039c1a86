//! Who asks, as far as the machine knows: on the command line, over the server's socket, or the
//! schedule.
//!
//! Rules: user ids come from the kernel. A login id that survives `su` and `sudo` names the person
//! where there is one. Terminal, address and machine are what the asking process says.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ledger::AuditDetail;

/// A login id that says that nobody logged in.
const NOBODY: u32 = u32::MAX;

/// The most of a command that is kept, in bytes.
const COMMAND_BYTES_MAX: usize = 8 << 10;

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Asker {
    who: String,
    identity: String,
    channel: &'static str,
    place: Place,
    command: String,
    reason: Option<String>,
}

/// Where somebody asks from, as the asking process says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Place {
    /// The terminal, or the address of a remote login.
    pub(crate) endpoint: String,
    /// The machine.
    pub(crate) workstation: String,
}

impl Place {
    /// That of this process.
    pub(crate) fn of_process() -> Place {
        let set = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
        let terminal = rustix::termios::ttyname(std::io::stdin(), Vec::new()).ok();
        let terminal = terminal.map(|it| it.to_string_lossy().into_owned());
        // `SSH_CONNECTION` is client address, client port, server address, server port.
        let remote = set("SSH_CONNECTION").map(|it| {
            let mut words = it.split(' ');
            format!("{} port {}", words.next().unwrap_or(""), words.next().unwrap_or(""))
        });
        let endpoint = [terminal, remote].into_iter().flatten().collect::<Vec<_>>().join(", from ");
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Place { endpoint, workstation: name.trim().to_owned() }
    }
}

impl Asker {
    /// Whoever runs this process with these arguments.
    pub(crate) fn of_process(args: &[OsString], reason: Option<String>) -> Asker {
        let uid = rustix::process::getuid().as_raw();
        let asker = Asker::of_ids(uid, login_id(Path::new("/proc/self/loginuid")));
        let (place, command) = (Place::of_process(), typed(args));
        Asker { channel: "command line", place, command, reason, ..asker }
    }

    /// Whoever handed a command over to this server: the kernel says whose process it is.
    pub(crate) fn of_peer(
        uid: u32,
        pid: Option<u32>,
        place: Place,
        args: &[OsString],
        reason: Option<String>,
    ) -> Asker {
        let login = pid.and_then(|it| login_id(Path::new(&format!("/proc/{it}/loginuid"))));
        let asker = Asker::of_ids(uid, login);
        Asker { channel: "server", place, command: typed(args), reason, ..asker }
    }

    /// The schedule of a server.
    pub(crate) fn schedule(command: String) -> Asker {
        let who = "the schedule".to_owned();
        Asker { who, channel: "schedule", command, ..Asker::default() }
    }

    fn of_ids(uid: u32, login: Option<u32>) -> Asker {
        let names = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = |id: u32| name_of(&names, id).unwrap_or_else(|| format!("uid {id}"));
        let who = name(login.unwrap_or(uid));
        let identity = match login {
            Some(login) if login != uid => format!("uid {uid} ({}), login uid {login}", name(uid)),
            _ => format!("uid {uid}"),
        };
        Asker { who, identity, ..Asker::default() }
    }

    /// Who it is, for rights that are kept.
    pub(crate) fn who(&self) -> &str {
        &self.who
    }

    /// Why, as far as it was said with this command.
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// What the log says of whoever asks.
    pub(super) fn detail(&self) -> AuditDetail {
        AuditDetail {
            who: self.who.clone(),
            identity: self.identity.clone(),
            channel: self.channel.to_owned(),
            endpoint: self.place.endpoint.clone(),
            workstation: self.place.workstation.clone(),
            agent: concat!("posthold ", env!("CARGO_PKG_VERSION")).to_owned(),
            command: self.command.clone(),
            reason: self.reason.clone().unwrap_or_default(),
            ..AuditDetail::default()
        }
    }
}

/// The id that a person logged in with, which `su` and `sudo` leave alone.
fn login_id(path: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(path).ok()?;
    text.trim().parse().ok().filter(|it| *it != NOBODY)
}

fn name_of(passwd: &str, uid: u32) -> Option<String> {
    let fields = |line: &str| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?.to_owned(), fields.nth(1)?.parse::<u32>().ok()?);
        Some((name, id))
    };
    passwd.lines().filter_map(fields).find(|(_, id)| *id == uid).map(|(name, _)| name)
}

/// Arguments as somebody would type them. Secrets are never among them.
fn typed(args: &[OsString]) -> String {
    let mut text = String::from("posthold");
    for arg in args.iter().skip(1) {
        text.push(' ');
        let arg = String::from_utf8_lossy(arg.as_bytes());
        let is_plain = |it: char| it.is_alphanumeric() || "-_./:@=,+%".contains(it);
        match !arg.is_empty() && arg.chars().all(is_plain) {
            true => text.push_str(&arg),
            false => text.push_str(&format!("'{}'", arg.replace('\'', r"'\''"))),
        }
    }
    let end = text.floor_char_boundary(COMMAND_BYTES_MAX);
    if end < text.len() {
        text.truncate(end);
        text.push('\u{2026}');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_there_as_they_were_typed() {
        let args = ["/bin/posthold", "search", "from:bob it's", "--user", "alice", ""];
        let args = args.map(OsString::from);
        assert_eq!(typed(&args), r"posthold search 'from:bob it'\''s' --user alice ''");
        let long = [OsString::from("p"), OsString::from("x".repeat(COMMAND_BYTES_MAX))];
        assert_eq!(typed(&long).len(), COMMAND_BYTES_MAX + '\u{2026}'.len_utf8());
    }

    #[test]
    fn names_of_ids() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nodd\nalice:x:1000:1000::/:\n";
        assert_eq!(name_of(passwd, 1000).as_deref(), Some("alice"));
        assert_eq!(name_of(passwd, 0).as_deref(), Some("root"));
        assert_eq!(name_of(passwd, 5), None);
    }
}
