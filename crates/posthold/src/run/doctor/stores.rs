//! What the stores look like: their logs, views and files.

use std::sync::Arc;

use commands::{CheckResult, DoctorCheck};
use disk::{FileEncryption, RealDisk, file_encryption};
use ports::Log;
use state::SavedStore;
use store::{Description, Store};

use super::super::stores::{Reading, is_empty};
use super::super::{faults, keys};
use super::{Patient, failed, found};
use crate::context::DataDir;

/// How far the clock may be behind the newest entry: entries of one run may be a little ahead.
const CLOCK_BEHIND_MAX: i64 = 60;

/// A check of each store that people see.
fn each(
    patient: &Patient,
    check: impl Fn(&DataDir, &SavedStore) -> Option<DoctorCheck>,
) -> Vec<DoctorCheck> {
    let active = patient.stores.iter().filter(|it| it.state.is_active());
    let of_store = |it: &SavedStore| {
        let found = check(&patient.data.at(it), it)?;
        Some(DoctorCheck { store: Some(it.name.clone()), ..found })
    };
    active.filter_map(of_store).collect()
}

fn opened(place: &DataDir) -> Option<Reading> {
    Reading::open(place).ok()
}

/// Each log can be opened, to its end.
pub(super) fn logs(patient: &Patient) -> Vec<DoctorCheck> {
    each(patient, |place, saved| {
        if !saved.is_begun && is_empty(&place.segments()) {
            return Some(found("store", CheckResult::Good, "It is empty.", None));
        }
        let keys = keys::for_stores(place);
        Some(match Store::open_for_reading(&place.store(), Arc::new(RealDisk), &keys) {
            Ok(store) => {
                let entries = store.log().position().entries;
                let message = format!("It opens, with {entries} entries.");
                let hint = "`posthold verify` reads every byte of it.";
                found("store", CheckResult::Good, message, Some(hint))
            }
            Err(error) => failed("store", faults::store(&error)),
        })
    })
}

/// The views have read what the log has.
pub(super) fn views(patient: &Patient) -> Vec<DoctorCheck> {
    let is_served = patient.owner.is_some();
    each(patient, |place, _| {
        let reading = opened(place)?;
        let entries = reading.entries();
        let catalog = reading.store.reach().catalog.entries;
        let index = match reading.searcher() {
            Ok(index) => index.map_or(0, |it| it.position().entries),
            Err(failure) => return Some(failed("views", failure)),
        };
        let lag = entries.saturating_sub(catalog.min(index));
        let message = match lag {
            0 => "Catalog and index show everything.".to_owned(),
            _ => format!("Catalog or index lag {lag} entries behind."),
        };
        Some(match (lag, is_served) {
            (0, _) => found("views", CheckResult::Good, message, None),
            (_, true) => {
                let hint = "They follow while the server runs.";
                found("views", CheckResult::Good, message, Some(hint))
            }
            (_, false) => {
                let hint = "They catch up when the store is opened for writing next.";
                found("views", CheckResult::Warning, message, Some(hint))
            }
        })
    })
}

/// The clock is not behind what was written.
pub(super) fn clock(patient: &Patient) -> Vec<DoctorCheck> {
    each(patient, |place, _| {
        let reading = opened(place)?;
        let last = reading.entries().checked_sub(1)?;
        let run = reading.store.log().entries(last, 1).ok()?;
        let newest = run.items.last().map(|(entry, _)| entry.time)?;
        Some(if patient.now.0 + CLOCK_BEHIND_MAX < newest.0 {
            let message =
                format!("The clock ({}) is behind the newest entry ({newest}).", patient.now);
            let hint = "Set the clock: until it has passed that time, entries are written with it.";
            found("clock", CheckResult::Bad, message, Some(hint))
        } else {
            found("clock", CheckResult::Good, "The clock is not behind the newest entry.", None)
        })
    })
}

/// Catalog and index of an encrypted store need a file system that is encrypted.
pub(super) fn encryption(patient: &Patient) -> Vec<DoctorCheck> {
    let name = "encryption";
    each(patient, |place, _| {
        let dir = place.store();
        let described = Description::read(&RealDisk, &dir).ok().flatten()?;
        if !described.is_encrypted() {
            let message = "The store is not encrypted.";
            let hint = "`posthold store encrypt` turns it on.";
            return Some(found(name, CheckResult::Good, message, Some(hint)));
        }
        let hint = "Keep the data directory on an encrypted file system (LUKS, fscrypt): catalog \
                    and index hold names, subjects and words of mail.";
        Some(match file_encryption(&dir) {
            FileEncryption::Encrypted(by) => {
                let message = format!("The log is encrypted, and so are its files ({by}).");
                found(name, CheckResult::Good, message, None)
            }
            FileEncryption::Memory => {
                let message = "The log is encrypted, and its files are in memory only.";
                found(name, CheckResult::Good, message, None)
            }
            FileEncryption::None(device) => {
                let message = format!(
                    "The log is encrypted; catalog and index are not: their file system on \
                     {device} has no encryption."
                );
                found(name, CheckResult::Bad, message, Some(hint))
            }
            FileEncryption::Unknown(what) => {
                let message = format!(
                    "The log is encrypted; whether the file system of catalog and index is \
                     cannot be told: {what}."
                );
                found(name, CheckResult::Unknown, message, Some(hint))
            }
        })
    })
}

/// Nothing is left of the time before a store was encrypted.
pub(super) fn plain_logs(patient: &Patient) -> Vec<DoctorCheck> {
    each(patient, |place, saved| {
        store::has_plain_log(&place.store()).then(|| {
            let message = "The log as it was before it was encrypted is still there.";
            let hint = format!(
                "`posthold store encrypt {} --remove-plain` removes segments.plain.",
                saved.name
            );
            found("plain_log", CheckResult::Warning, message, Some(&hint))
        })
    })
}
