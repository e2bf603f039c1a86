//! Where the data directory and its stores are.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use commands::{CheckResult, DoctorCheck};
use settings::ALERT_DISK_FREE_PERCENT;

use super::super::{faults, settings as saved};
use super::{Patient, failed};

/// The file system keeps what was synced.
pub(super) fn file_system(patient: &Patient) -> Vec<DoctorCheck> {
    let name = "file_system";
    vec![match disk::check_file_system(patient.data.path()) {
        Ok(()) => {
            let message = "The data directory is on a file system of this machine.";
            DoctorCheck::new(name, CheckResult::Good, message)
        }
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
            DoctorCheck::new(name, CheckResult::Warning, format!("{error}."))
                .means("A lost connection may damage a store.")
                .with_hint("Keep it on a disk of this machine.")
        }
        Err(error) => failed(name, faults::io(&error, "look at the file system")),
    }]
}

/// There is room, on the disk of the data directory and on those of stores elsewhere.
pub(super) fn disk_space(patient: &Patient) -> Vec<DoctorCheck> {
    let least = saved::of_data_dir(&patient.data).unwrap_or_default();
    let least = least.number(&ALERT_DISK_FREE_PERCENT);
    let stores = patient.stores.iter().filter(|it| it.state.is_active());
    let dirs = stores.map(|it| (Some(it.name.clone()), patient.data.at(it).store()));
    let mut seen = BTreeSet::new();
    let mut checks = Vec::new();
    for (store, dir) in [(None, patient.data.path().to_owned())].into_iter().chain(dirs) {
        // One that is missing is told where stores are looked at.
        let Ok(device) = dir.metadata().map(|it| it.dev()) else { continue };
        if seen.insert(device) {
            checks.push(DoctorCheck { store, ..room(&dir, least) });
        }
    }
    checks
}

fn room(dir: &Path, least: u64) -> DoctorCheck {
    let name = "disk_space";
    let (free, total) = match disk::room(dir) {
        Ok(room) => room,
        Err(error) => return failed(name, faults::io(&error, "look at the disk")),
    };
    let percent = free.saturating_mul(100) / total.max(1);
    let message = format!("{} MB are free, {percent} % of the disk.", free >> 20);
    if least <= percent {
        return DoctorCheck::new(name, CheckResult::Good, message);
    }
    DoctorCheck::new(name, CheckResult::Bad, message)
        .means("A full disk stops archiving; nothing that was acknowledged is lost.")
        .with_hint("Make room. alert_disk_free_percent says how much should be free.")
}
