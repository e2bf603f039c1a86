//! What `doctor` found, and how a store was encrypted, for programs.

use commands::{DoctorAnswer, DoctorCheck, StoreEncrypted};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct DoctorObject<'a> {
    well: bool,
    checks: Vec<CheckObject<'a>>,
}

#[derive(Serialize)]
struct CheckObject<'a> {
    name: &'a str,
    store: Option<&'a str>,
    result: &'a str,
    message: &'a str,
    meaning: Option<&'a str>,
    hint: Option<&'a str>,
}

impl<'a> From<&'a DoctorAnswer> for DoctorObject<'a> {
    fn from(it: &'a DoctorAnswer) -> DoctorObject<'a> {
        let check = |it: &'a DoctorCheck| CheckObject {
            name: it.name,
            store: it.store.as_deref(),
            result: it.result.name(),
            message: &it.message,
            meaning: it.meaning.as_deref(),
            hint: it.hint.as_deref(),
        };
        DoctorObject { well: it.is_well(), checks: it.checks.iter().map(check).collect() }
    }
}

#[derive(Serialize)]
pub(super) struct EncryptedObject<'a> {
    store: &'a str,
    already: bool,
    entries: u64,
    root: String,
    plain: Option<String>,
    warnings: &'a [String],
}

impl<'a> From<&'a StoreEncrypted> for EncryptedObject<'a> {
    fn from(it: &'a StoreEncrypted) -> EncryptedObject<'a> {
        EncryptedObject {
            store: &it.name,
            already: it.already,
            entries: it.entries,
            root: it.root.to_string(),
            plain: it.plain.as_ref().map(|it| it.to_string_lossy().into_owned()),
            warnings: &it.warnings,
        }
    }
}
