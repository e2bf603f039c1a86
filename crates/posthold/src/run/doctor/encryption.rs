//! Whether what is to be secret is: logs, and the files of views, which need a file system that is
//! encrypted.

use commands::{CheckResult, DoctorCheck};
use disk::{FileEncryption, RealDisk, file_encryption};
use state::SavedStore;
use store::Description;

use crate::context::DataDir;

/// Of one store.
pub(super) fn checks(place: &DataDir, saved: &SavedStore) -> Vec<DoctorCheck> {
    let dir = place.store();
    let described = Description::read(&RealDisk, &dir).ok().flatten();
    let mut checks: Vec<DoctorCheck> = described
        .map(|it| match it.is_encrypted() {
            true => files(&file_encryption(&dir)),
            false => DoctorCheck::new("encryption", CheckResult::Good, "It is not encrypted.")
                .with_hint(format!("`posthold store encrypt {}` turns it on.", saved.name)),
        })
        .into_iter()
        .collect();
    if store::has_plain_log(&dir) {
        let message = "The log as it was before it was encrypted is still there.";
        let hint = format!(
            "`posthold store encrypt {} --remove-plain` removes segments.plain.",
            saved.name
        );
        checks.push(
            DoctorCheck::new("plain_log", CheckResult::Warning, message)
                .means("Whoever gets the disk reads it without a key.")
                .with_hint(hint),
        );
    }
    if dir.join("segments.sealed").is_dir() {
        let message = "Its encryption was begun and did not come to its end.";
        let hint = format!("`posthold store encrypt {}` goes on with it.", saved.name);
        checks.push(
            DoctorCheck::new("encryption_begun", CheckResult::Warning, message)
                .means("The store is whole, and as it was.")
                .with_hint(hint),
        );
    }
    checks
}

/// What is known of the files of an encrypted store.
pub(super) fn files(known: &FileEncryption) -> DoctorCheck {
    let name = "encryption";
    let meaning = "Catalog and index hold names, addresses, subjects and words of mail; the state \
                   and the audit log hold names and what was searched for.";
    let hint = "Keep the data directory on an encrypted file system (LUKS, fscrypt).";
    match known {
        FileEncryption::Encrypted(by) => {
            let message = format!("The log is encrypted, and so is its file system ({by}).");
            DoctorCheck::new(name, CheckResult::Good, message)
        }
        FileEncryption::Memory => {
            let message = "The log is encrypted, and its files are in memory only.";
            DoctorCheck::new(name, CheckResult::Good, message)
        }
        FileEncryption::None(device) => {
            let message = format!(
                "The log is encrypted; catalog and index are not: their file system on {device} \
                 has no encryption."
            );
            DoctorCheck::new(name, CheckResult::Bad, message).means(meaning).with_hint(hint)
        }
        FileEncryption::Unknown(what) => {
            let message = format!(
                "The log is encrypted; whether the file system of catalog and index is cannot be \
                 told: {what}."
            );
            DoctorCheck::new(name, CheckResult::Unknown, message).means(meaning).with_hint(hint)
        }
    }
}
