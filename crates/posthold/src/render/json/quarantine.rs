//! Answers about messages that could not be taken, for programs.

use commands::{AcceptedShown, QuarantineExported, QuarantineShown};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct QuarantineObject<'a> {
    id: String,
    user: &'a str,
    job: Option<&'a str>,
    account: &'a str,
    mailbox: &'a str,
    uid: u64,
    reason: &'a str,
    text: &'a str,
    attempts: u32,
    retry_at: Option<String>,
    last_tried: String,
    accepted: Option<AcceptedObject<'a>>,
}

#[derive(Serialize)]
struct AcceptedObject<'a> {
    by: &'a str,
    reason: &'a str,
    at: String,
}

impl<'a> From<&'a QuarantineShown> for QuarantineObject<'a> {
    fn from(it: &'a QuarantineShown) -> QuarantineObject<'a> {
        let accepted = |it: &'a AcceptedShown| AcceptedObject {
            by: &it.by,
            reason: &it.reason,
            at: it.at.to_string(),
        };
        QuarantineObject {
            id: it.id.to_string(),
            user: &it.user,
            job: it.job.as_deref(),
            account: &it.account,
            mailbox: &it.mailbox,
            uid: it.uid,
            reason: it.reason,
            text: &it.text,
            attempts: it.attempts,
            retry_at: it.retry_at.map(|it| it.to_string()),
            last_tried: it.at.to_string(),
            accepted: it.accepted.as_ref().map(accepted),
        }
    }
}

#[derive(Serialize)]
pub(super) struct ExportedObject<'a> {
    id: String,
    path: String,
    bytes: u64,
    announced: Option<u64>,
    warnings: &'a [String],
}

impl<'a> From<&'a QuarantineExported> for ExportedObject<'a> {
    fn from(it: &'a QuarantineExported) -> ExportedObject<'a> {
        ExportedObject {
            id: it.id.to_string(),
            path: it.path.display().to_string(),
            bytes: it.bytes,
            announced: it.announced,
            warnings: &it.warnings,
        }
    }
}
