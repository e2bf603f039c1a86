//! Answers about addresses that belong to nobody, for programs.

use commands::{Assigned, UnknownShown};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct UnknownObject<'a> {
    address: &'a str,
    direction: &'a str,
    domain: &'a str,
    messages: u64,
    first_seen: String,
    last_seen: String,
    job: Option<&'a str>,
    example: &'a str,
}

impl<'a> From<&'a UnknownShown> for UnknownObject<'a> {
    fn from(it: &'a UnknownShown) -> UnknownObject<'a> {
        UnknownObject {
            address: &it.address,
            direction: it.direction.name(),
            domain: if it.ours { "ours" } else { "foreign" },
            messages: it.messages,
            first_seen: it.first.to_string(),
            last_seen: it.last.to_string(),
            job: it.job.as_deref(),
            example: &it.example,
        }
    }
}

#[derive(Serialize)]
pub(super) struct AssignedObject<'a> {
    address: &'a str,
    user: &'a str,
    made: bool,
    seen: u64,
    moved: u64,
    placed: u64,
    warnings: &'a [String],
}

impl<'a> From<&'a Assigned> for AssignedObject<'a> {
    fn from(it: &'a Assigned) -> AssignedObject<'a> {
        AssignedObject {
            address: &it.address,
            user: it.user.as_str(),
            made: it.made,
            seen: it.seen,
            moved: it.moved,
            placed: it.placed,
            warnings: &it.warnings,
        }
    }
}
