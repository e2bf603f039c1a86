//! Where the data directory is.

use commands::{CheckResult, DoctorCheck};
use settings::ALERT_DISK_FREE_PERCENT;

use super::super::{faults, settings as saved};
use super::{Patient, failed, found};

/// The file system keeps what was synced.
pub(super) fn file_system(patient: &Patient) -> Vec<DoctorCheck> {
    let name = "file_system";
    vec![match disk::check_file_system(patient.data.path()) {
        Ok(()) => {
            let message = "The data directory is on a file system of this machine.";
            found(name, CheckResult::Good, message, None)
        }
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
            let hint = "Keep it on a disk of this machine: a lost connection may damage a store.";
            found(name, CheckResult::Warning, format!("{error}."), Some(hint))
        }
        Err(error) => failed(name, faults::io(&error, "look at the file system")),
    }]
}

/// There is room.
pub(super) fn disk_space(patient: &Patient) -> Vec<DoctorCheck> {
    let name = "disk_space";
    let least = saved::of_data_dir(&patient.data).unwrap_or_default();
    let least = least.number(&ALERT_DISK_FREE_PERCENT);
    let (free, total) = match disk::room(patient.data.path()) {
        Ok(room) => room,
        Err(error) => return vec![failed(name, faults::io(&error, "look at the disk"))],
    };
    let percent = free.saturating_mul(100) / total.max(1);
    let message = format!("{} MB are free, {percent} % of the disk.", free >> 20);
    vec![if percent < least {
        let hint = "Make room: a full disk stops archiving, and loses nothing. \
                    alert_disk_free_percent says how much should be free.";
        found(name, CheckResult::Bad, message, Some(hint))
    } else {
        found(name, CheckResult::Good, message, None)
    }]
}
