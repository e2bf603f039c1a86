//! Answers about removals that wait for a second person, for programs.

use commands::{ApprovalShown, Wanted};
use serde::Serialize;
use types::Timestamp;

#[derive(Serialize)]
pub(super) struct ApprovalObject<'a> {
    id: u64,
    kind: &'a str,
    title: &'a str,
    subject: Vec<String>,
    asked_by: &'a str,
    reason: &'a str,
    asked_at: String,
    expires: String,
    state: &'a str,
    decided_by: Option<&'a str>,
    decided_at: Option<String>,
    told: &'a str,
}

impl<'a> From<&'a ApprovalShown> for ApprovalObject<'a> {
    fn from(it: &'a ApprovalShown) -> ApprovalObject<'a> {
        let subject = match &it.wanted {
            // What proves a passphrase is nobody's to see.
            Wanted::AddPerson(name, ..) => vec![name.clone()],
            other => other.subject(),
        };
        ApprovalObject {
            id: it.id,
            kind: it.wanted.kind(),
            title: &it.title,
            subject,
            asked_by: &it.asked_by,
            reason: &it.reason,
            asked_at: it.asked_at.to_string(),
            expires: it.expires.to_string(),
            state: it.state.name(),
            decided_by: it.decided.as_ref().map(|(by, _)| by.as_str()),
            decided_at: it.decided.as_ref().map(|(_, at)| at.to_string()),
            told: &it.told,
        }
    }
}

#[derive(Serialize)]
pub(super) struct PersonObject<'a> {
    name: &'a str,
    since: String,
}

impl<'a> From<&'a (String, Timestamp)> for PersonObject<'a> {
    fn from((name, since): &'a (String, Timestamp)) -> PersonObject<'a> {
        PersonObject { name, since: since.to_string() }
    }
}
