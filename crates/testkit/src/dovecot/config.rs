//! The text of Dovecot's configuration, and where Dovecot keeps its parts.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{DovecotOptions, MailFormat};
use crate::peers::RunAs;

pub(super) struct Place<'a> {
    pub(super) dir: &'a Path,
    pub(super) user: &'a RunAs,
    pub(super) options: &'a DovecotOptions,
    pub(super) imap: SocketAddr,
    pub(super) imaps: SocketAddr,
    pub(super) pop3: SocketAddr,
    pub(super) pop3s: SocketAddr,
    pub(super) greeting: &'a str,
}

/// Where Debian puts Dovecot's programs (`libexec`) and plugins (`modules`).
pub(super) fn module(kind: &str) -> PathBuf {
    match kind {
        "modules" => PathBuf::from("/usr/lib/dovecot/modules"),
        _ => PathBuf::from("/usr/lib/dovecot"),
    }
}

/// The whole configuration.
pub(super) fn text(place: &Place<'_>) -> String {
    let mut text = String::new();
    for section in [general, authentication, mail, services] {
        section(place, &mut text);
    }
    text.push_str(&place.options.extra);
    text
}

fn general(place: &Place<'_>, text: &mut String) {
    let (dir, user, group) = (place.dir.display(), &place.user.user, &place.user.group);
    let (listen, greeting) = (place.imap.ip(), place.greeting);
    let protocols = if place.options.pop3 { "imap pop3" } else { "imap" };
    let _ = write!(
        text,
        "protocols = {protocols}
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
listen = {listen}
login_greeting = {greeting}
# Without root, every service is the same user, and none changes its root directory.
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
shutdown_clients = yes
ssl = yes
ssl_cert = <{dir}/conf/server.pem
ssl_key = <{dir}/conf/server.key
"
    );
}

fn authentication(place: &Place<'_>, text: &mut String) {
    let dir = place.dir.display();
    let mechanisms = place.options.mechanisms;
    let disable_plaintext = if place.options.plaintext_login { "no" } else { "yes" };
    let _ = write!(
        text,
        "disable_plaintext_auth = {disable_plaintext}
auth_mechanisms = {mechanisms}
auth_master_user_separator = *
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  master = yes
  args = scheme=PLAIN username_format=%u {dir}/conf/masters
  result_success = continue
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {dir}/conf/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {dir}/conf/users
}}
"
    );
}

fn mail(place: &Place<'_>, text: &mut String) {
    let options = place.options;
    let (location, separator) = match options.format {
        MailFormat::Maildir => ("maildir:~/Maildir:LAYOUT=fs", "/"),
        MailFormat::MaildirDots => ("maildir:~/Maildir", "."),
        MailFormat::Sdbox => ("sdbox:~/sdbox", "/"),
    };
    let n_max = options.user_connections_max;
    let _ = write!(
        text,
        "mail_location = {location}
mail_fsync = never
mail_max_userip_connections = {n_max}
namespace inbox {{
  inbox = yes
  separator = {separator}
"
    );
    let names = ["Sent", "Drafts", "Trash", "Junk", "Archive"];
    for name in names.iter().filter(|_| options.special_use) {
        let _ = write!(text, "  mailbox {name} {{\n    auto = create\n");
        let _ = write!(text, "    special_use = \\{name}\n  }}\n");
    }
    text.push_str("}\nprotocol imap {\n");
    if let Some(capability) = options.capability {
        let _ = writeln!(text, "  imap_capability = {capability}");
    }
    if options.compress && module("modules").join("lib30_imap_zlib_plugin.so").exists() {
        text.push_str("  mail_plugins = zlib imap_zlib\n");
    }
    text.push_str("}\n");
}

fn services(place: &Place<'_>, text: &mut String) {
    let (imap, imaps) = (place.imap.port(), place.imaps.port());
    let _ = write!(
        text,
        "service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
"
    );
    if let Some(port) = place.options.logins {
        let listener = format!("address = 127.0.0.1\n    port = {port}");
        let _ = write!(text, "service auth {{\n  inet_listener {{\n    {listener}\n  }}\n}}\n");
    }
    let (pop3, pop3s) = (place.pop3.port(), place.pop3s.port());
    if place.options.pop3 {
        let _ = write!(
            text,
            "service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
"
        );
    }
}
