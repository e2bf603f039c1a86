//! The audit log, for programs.

use std::io::{self, Write};

use commands::{
    ActivityShown, AuditAnswer, AuditExported, AuditLock, AuditShown, Switch, UnlockScope,
    UnlockShown,
};
use serde::Serialize;

use super::object;

/// Writes an answer about the audit log: one object, or one a line for lists.
pub(super) fn answer(answer: &AuditAnswer, out: &mut dyn Write) -> io::Result<()> {
    match answer {
        AuditAnswer::List(rows) => {
            rows.iter().try_for_each(|it| object(&EntryObject::from(it), out))
        }
        AuditAnswer::Exported(AuditExported { to, proven, unsigned }) => {
            let to = to.display().to_string();
            object(&ExportedObject { to, proven: *proven, unsigned: *unsigned }, out)
        }
        AuditAnswer::Entry(it) => object(&EntryObject::from(&**it), out),
        AuditAnswer::Activities(rows) => {
            rows.iter().try_for_each(|it| object(&ActivityObject::from(it), out))
        }
        AuditAnswer::Unlocks(rows) => {
            rows.iter().try_for_each(|it| object(&UnlockObject::from(it), out))
        }
        AuditAnswer::Accepted(what) => object(&AcceptedObject { accepted: what }, out),
    }
}

#[derive(Serialize)]
struct EntryObject<'a> {
    entry: u64,
    ended_by: Option<u64>,
    at: String,
    ended: Option<String>,
    activity: &'a str,
    outcome: &'static str,
    who: &'a str,
    identity: &'a str,
    channel: &'a str,
    endpoint: &'a str,
    workstation: &'a str,
    agent: &'a str,
    command: &'a str,
    objects: &'a [String],
    reason: &'a str,
    told: &'a str,
    messages: Vec<String>,
    messages_total: u64,
    messages_hash: Option<String>,
    times: u64,
}

impl<'a> From<&'a AuditShown> for EntryObject<'a> {
    fn from(it: &'a AuditShown) -> EntryObject<'a> {
        EntryObject {
            entry: it.number,
            ended_by: it.ended_by,
            at: it.at.to_string(),
            ended: it.ended.map(|it| it.to_string()),
            activity: &it.activity,
            outcome: it.outcome,
            who: &it.who,
            identity: &it.identity,
            channel: &it.channel,
            endpoint: &it.endpoint,
            workstation: &it.workstation,
            agent: &it.agent,
            command: &it.command,
            objects: &it.objects,
            reason: &it.reason,
            told: &it.told,
            messages: it.messages.iter().map(ToString::to_string).collect(),
            messages_total: it.n_messages,
            messages_hash: it.messages_hash.map(|it| it.to_string()),
            times: it.times,
        }
    }
}

#[derive(Serialize)]
struct ActivityObject {
    activity: &'static str,
    number: u16,
    logged: bool,
    lock: &'static str,
    doc: &'static str,
}

impl From<&ActivityShown> for ActivityObject {
    fn from(it: &ActivityShown) -> ActivityObject {
        ActivityObject {
            activity: it.activity.name(),
            number: it.activity.number(),
            logged: it.switch == Switch::Enabled,
            lock: match it.activity.lock() {
                AuditLock::Locked => "locked",
                AuditLock::OwnMail => "own_mail",
                AuditLock::Free => "free",
            },
            doc: it.activity.told(),
        }
    }
}

#[derive(Serialize)]
struct UnlockObject<'a> {
    who: &'a str,
    user: Option<&'a str>,
    reason: &'a str,
    since: String,
    until: String,
}

impl<'a> From<&'a UnlockShown> for UnlockObject<'a> {
    fn from(it: &'a UnlockShown) -> UnlockObject<'a> {
        UnlockObject {
            who: &it.who,
            user: match &it.scope {
                UnlockScope::User(name) => Some(name.as_str()),
                UnlockScope::Everybody => None,
            },
            reason: &it.reason,
            since: it.since.to_string(),
            until: it.until.to_string(),
        }
    }
}

#[derive(Serialize)]
struct ExportedObject {
    to: String,
    proven: u64,
    unsigned: u64,
}

#[derive(Serialize)]
struct AcceptedObject<'a> {
    accepted: &'a str,
}
