//! Backups, for programs.

use std::io::{self, Write};

use commands::{
    BackupAnswer, BackupCreated, BackupPurged, BackupShown, BackupVerified, Restored,
    RollbackAccepted,
};
use serde::Serialize;

use super::object;

/// One object, or one a line for lists.
pub(super) fn answer(answer: &BackupAnswer, out: &mut dyn Write) -> io::Result<()> {
    match answer {
        BackupAnswer::Created(it) => object(&CreatedObject::from(it), out),
        BackupAnswer::Listed(list) => {
            list.iter().try_for_each(|it| object(&BackupObject::from(it), out))
        }
        BackupAnswer::Verified(it) => object(&VerifiedObject::from(it), out),
        BackupAnswer::Purged(BackupPurged { removed, warnings }) => {
            object(&PurgedObject { removed, warnings }, out)
        }
        BackupAnswer::Restored(it) => object(&RestoredObject::from(it), out),
        BackupAnswer::Accepted(it) => object(&AcceptedObject::from(it), out),
    }
}

#[derive(Serialize)]
struct BackupObject<'a> {
    backup: u32,
    made: Option<String>,
    stores: Vec<StoreObject<'a>>,
    files: u64,
    bytes: u64,
    erased_since: u64,
    failure: Option<&'a str>,
}

#[derive(Serialize)]
struct StoreObject<'a> {
    store: &'a str,
    entries: u64,
}

impl<'a> From<&'a BackupShown> for BackupObject<'a> {
    fn from(it: &'a BackupShown) -> BackupObject<'a> {
        let store = |(store, entries): &'a (String, u64)| StoreObject { store, entries: *entries };
        BackupObject {
            backup: it.number,
            made: it.made.map(|it| it.to_string()),
            stores: it.logs.iter().map(store).collect(),
            files: it.files,
            bytes: it.bytes,
            erased_since: it.erased,
            failure: it.failure.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct CreatedObject<'a> {
    #[serde(flatten)]
    backup: BackupObject<'a>,
    bytes_read: u64,
    bytes_written: u64,
    warnings: &'a [String],
}

impl<'a> From<&'a BackupCreated> for CreatedObject<'a> {
    fn from(it: &'a BackupCreated) -> CreatedObject<'a> {
        CreatedObject {
            backup: BackupObject::from(&it.backup),
            bytes_read: it.bytes_read,
            bytes_written: it.bytes_written,
            warnings: &it.warnings,
        }
    }
}

#[derive(Serialize)]
struct VerifiedObject<'a> {
    backups: u64,
    bytes: u64,
    defects: Vec<DefectObject<'a>>,
    erased_since: Vec<ErasedObject>,
}

#[derive(Serialize)]
struct DefectObject<'a> {
    backup: u32,
    file: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct ErasedObject {
    backup: u32,
    id: String,
    erased: String,
}

impl<'a> From<&'a BackupVerified> for VerifiedObject<'a> {
    fn from(it: &'a BackupVerified) -> VerifiedObject<'a> {
        let defect = |it: &'a commands::BackupDefect| DefectObject {
            backup: it.number,
            file: &it.path,
            message: &it.message,
        };
        let erased = it.erased.iter().map(|(backup, id, at)| ErasedObject {
            backup: *backup,
            id: id.to_string(),
            erased: at.to_string(),
        });
        VerifiedObject {
            backups: it.backups,
            bytes: it.bytes,
            defects: it.defects.iter().map(defect).collect(),
            erased_since: erased.collect(),
        }
    }
}

#[derive(Serialize)]
struct PurgedObject<'a> {
    removed: &'a [u32],
    warnings: &'a [String],
}

#[derive(Serialize)]
struct RestoredObject<'a> {
    to: String,
    #[serde(flatten)]
    backup: BackupObject<'a>,
    epochs: Vec<EpochObject<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct EpochObject<'a> {
    store: &'a str,
    epoch: u64,
}

impl<'a> From<&'a Restored> for RestoredObject<'a> {
    fn from(it: &'a Restored) -> RestoredObject<'a> {
        let epoch = |(store, epoch): &'a (String, u64)| EpochObject { store, epoch: *epoch };
        RestoredObject {
            to: it.to.to_string_lossy().into_owned(),
            backup: BackupObject::from(&it.backup),
            epochs: it.epochs.iter().map(epoch).collect(),
            warnings: &it.warnings,
        }
    }
}

#[derive(Serialize)]
struct AcceptedObject<'a> {
    store: &'a str,
    epoch: u64,
    entries: u64,
    entries_lost: u64,
    warnings: &'a [String],
}

impl<'a> From<&'a RollbackAccepted> for AcceptedObject<'a> {
    fn from(it: &'a RollbackAccepted) -> AcceptedObject<'a> {
        AcceptedObject {
            store: &it.store,
            epoch: it.epoch,
            entries: it.entries,
            entries_lost: it.entries_lost,
            warnings: &it.warnings,
        }
    }
}
