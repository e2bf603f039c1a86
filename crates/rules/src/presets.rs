//! Presets: what is known of a kind of mail server before anybody connects to it.
//!
//! What it is not: a list of what a server does. That is asked on connecting; a preset only says
//! what to try, what to leave out, and what to tell the administrator.
//!
//! A preset is a constant table, one file each, so that the compiler checks every field and a
//! wrong preset cannot be installed. What an administrator changes of it stands in the job, which
//! keeps its own copy: a newer preset never changes a job.

use std::fmt;

use crate::macros::{Identity, LoginForm};
use crate::scope::DefaultFolder;

mod cyrus;
mod dovecot;
mod gmail;
mod icewarp;
mod kerio_connect;
mod kopano;
mod mdaemon;
mod open_xchange;
mod zimbra;

/// Every preset, in the order of their titles.
pub static PRESETS: [&Preset; 9] = [
    &cyrus::PRESET,
    &dovecot::PRESET,
    &gmail::PRESET,
    &icewarp::PRESET,
    &kerio_connect::PRESET,
    &mdaemon::PRESET,
    &open_xchange::PRESET,
    &kopano::PRESET,
    &zimbra::PRESET,
];

/// What is known of a kind of server.
#[derive(Debug)]
pub struct Preset {
    /// Its name in commands: small letters and hyphens.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Names that people try, in the form of `name`.
    pub other_names: &'static [&'static str],
    /// A host that is always right, or what one is usually called; may hold `^0`.
    pub host: Host,
    /// How to reach it, the best way first.
    pub endpoints: &'static [Endpoint],
    /// How one login reaches many mailboxes.
    pub access: Access,
    /// Its folders for special mail, where their names are known.
    pub folders: &'static [(&'static str, Special)],
    /// Folders that a job leaves out besides the default ones, as entries of its exclude list.
    pub excluded: &'static [&'static str],
    /// What administrators have to know.
    pub hints: &'static [Hint],
    /// Where all this is from.
    pub source: &'static str,
}

/// A host, or what is known of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Host {
    /// There is one for everybody.
    Fixed(&'static str),
    /// Each organization has its own; this is what it may look like.
    Like(&'static str),
}

/// A way to reach a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The protocol.
    pub protocol: MailProtocol,
    /// How it is encrypted.
    pub security: Security,
    /// The port.
    pub port: u16,
}

/// What is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MailProtocol {
    /// IMAP: all folders.
    Imap,
    /// POP3: the inbox only.
    Pop3,
}

/// How a connection is encrypted. No preset goes without.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// From the first byte.
    Tls,
    /// After `STARTTLS` or `STLS`, which is required.
    StartTls,
}

/// How one login reaches the mailboxes of all users.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Access {
    /// By somebody with access to all of them.
    Master(LoginForm, Identity),
    /// Not at all: each mailbox needs its own password, as in a batch file.
    OwnPasswords,
}

/// What a folder is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Special {
    /// Sent mail.
    Sent,
    /// Left out by default.
    Default(DefaultFolder),
    /// Mail of everybody, seen in each mailbox.
    Public,
    /// Mail of other users, seen in each mailbox that may.
    Shared,
}

/// Something that administrators have to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hint {
    /// Where it matters.
    pub at: HintPlace,
    /// What to know, in sentences.
    pub text: &'static str,
}

/// Where a hint is shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HintPlace {
    /// When a job is set up or tested, by whatever access.
    Setup,
    /// When it is set up or tested and logs in for others.
    Master,
    /// When it sorts the mail of a journal mailbox.
    Journal,
    /// When it has a removal rule.
    Removal,
    /// When public or shared folders are in its scope.
    Public,
}

impl Preset {
    /// The preset of this name, title or other name; case, spaces and hyphens do not count.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Preset> {
        let plain = |text: &str| -> String {
            text.chars().filter(|it| it.is_alphanumeric()).collect::<String>().to_lowercase()
        };
        let wanted = plain(name);
        let all = |it: &'static Preset| {
            [it.name, it.title].into_iter().chain(it.other_names.iter().copied())
        };
        PRESETS.into_iter().find(|it| all(it).any(|known| plain(known) == wanted))
    }

    /// The folder for sent mail, where it is known: the target for outgoing mail, and what tells
    /// that a message was sent.
    #[must_use]
    pub fn sent(&self) -> Option<&'static str> {
        self.folders.iter().find(|(_, it)| *it == Special::Sent).map(|(name, _)| *name)
    }

    /// The hints for a place.
    pub fn hints_at(&self, place: HintPlace) -> impl Iterator<Item = &'static str> {
        self.hints.iter().filter(move |it| it.at == place).map(|it| it.text)
    }

    /// The page about this server, below `docs/guide`.
    #[must_use]
    pub fn guide(&self) -> String {
        format!("servers/{}.md", self.name)
    }
}

/// `imaps 993`: scheme and port.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (self.protocol, self.security) {
            (MailProtocol::Imap, Security::Tls) => "imaps",
            (MailProtocol::Imap, Security::StartTls) => "imap",
            (MailProtocol::Pop3, Security::Tls) => "pop3s",
            (MailProtocol::Pop3, Security::StartTls) => "pop3",
        };
        write!(f, "{scheme} {}", self.port)
    }
}

/// IMAP encrypted from the first byte, at its usual port.
const IMAPS: Endpoint =
    Endpoint { protocol: MailProtocol::Imap, security: Security::Tls, port: 993 };
/// IMAP with `STARTTLS`.
const IMAP: Endpoint =
    Endpoint { protocol: MailProtocol::Imap, security: Security::StartTls, port: 143 };
/// POP3 encrypted from the first byte.
const POP3S: Endpoint =
    Endpoint { protocol: MailProtocol::Pop3, security: Security::Tls, port: 995 };
/// POP3 with `STLS`.
const POP3: Endpoint =
    Endpoint { protocol: MailProtocol::Pop3, security: Security::StartTls, port: 110 };
/// What most servers offer.
const ALL: &[Endpoint] = &[IMAPS, IMAP, POP3S, POP3];

const TRASH: Special = Special::Default(DefaultFolder::Trash);
const JUNK: Special = Special::Default(DefaultFolder::Junk);
const DRAFTS: Special = Special::Default(DefaultFolder::Drafts);
const OUTBOX: Special = Special::Default(DefaultFolder::Outbox);

const fn hint(at: HintPlace, text: &'static str) -> Hint {
    Hint { at, text }
}

#[cfg(test)]
mod tests;
