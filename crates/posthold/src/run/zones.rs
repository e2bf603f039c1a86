//! Time zones: the files that the system has, by the names that schedules use.
//!
//! Rules: UTC is known everywhere; a name that the system does not have is an error that says
//! what there is, and never taken for UTC.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use commands::{Failure, FailureKind};
use rules::schedule::{Utc, ZONE_FILE_BYTES_MAX, Zone, ZoneFile};

/// Where systems keep them.
const DIRS: [&str; 2] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo"];

/// Names that an error shows.
const SHOWN_MAX: usize = 8;

/// A time zone that threads share.
pub(crate) type SharedZone = Arc<dyn Zone + Send + Sync>;

/// The time zone of a schedule. `None` is UTC. Blocks.
pub(crate) fn zone(name: Option<&str>) -> Result<SharedZone, Failure> {
    match name {
        None | Some("UTC" | "Etc/UTC" | "GMT" | "Z") => Ok(Arc::new(Utc)),
        Some(name) => Ok(Arc::new(within(dir().as_deref(), name)?)),
    }
}

/// Where this system keeps them; `None` where it has none.
fn dir() -> Option<PathBuf> {
    let named = std::env::var_os("TZDIR").filter(|it| !it.is_empty()).map(PathBuf::from);
    let dirs = DIRS.iter().map(PathBuf::from);
    named.into_iter().chain(dirs).find(|it| it.is_dir())
}

fn within(dir: Option<&Path>, name: &str) -> Result<ZoneFile, Failure> {
    let wrong = |message: String| Failure::new(FailureKind::Configuration, message);
    let Some(dir) = dir else {
        let message = format!("the time zone {name:?} is not known: this machine has none");
        return Err(wrong(message)
            .with_hint("Install tzdata, or leave the zone out: then times are in UTC."));
    };
    let unknown = || {
        let message = format!("there is no time zone {name:?} in {}", dir.display());
        wrong(message).with_hint(like(dir, name))
    };
    // Whatever wrote the name: nothing outside of the directory is read.
    let is_inside = name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    if !is_inside {
        return Err(unknown());
    }
    let bytes = read(&dir.join(name)).map_err(|_| unknown())?;
    ZoneFile::parse(&bytes).map_err(|error| wrong(format!("the time zone {name:?}: {error}")))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let bytes_max = u64::try_from(ZONE_FILE_BYTES_MAX).unwrap_or(u64::MAX);
    std::fs::File::open(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What there is instead: a sentence.
fn like(dir: &Path, name: &str) -> String {
    let is_region = |it: &str| names(dir).iter().any(|known| known == it) && dir.join(it).is_dir();
    let (region, city) = match name.split_once('/') {
        Some((region, city)) if is_region(region) => (format!("{region}/"), city),
        _ => (String::new(), name),
    };
    let all = names(&dir.join(&region));
    let begins = |it: &str, len: usize| {
        let start = |text: &str| text.chars().take(len).collect::<String>().to_lowercase();
        start(it) == start(city)
    };
    // Those that begin alike for longest are most likely meant.
    let close = (1..=city.chars().count()).rev().find_map(|len| {
        let found: Vec<&String> = all.iter().filter(|it| begins(it, len)).collect();
        (!found.is_empty()).then_some(found)
    });
    let shown = close.unwrap_or_else(|| all.iter().collect());
    let more = if shown.len() > SHOWN_MAX { ", ..." } else { "" };
    let shown: Vec<String> =
        shown.iter().take(SHOWN_MAX).map(|it| format!("{region}{it}")).collect();
    format!("There is: {}{more}. Names are as in {}.", shown.join(", "), dir.display())
}

/// The zones and regions of a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|it| it.file_name().into_string().ok())
        .filter(|it| it.starts_with(|first: char| first.is_ascii_uppercase()))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use types::Timestamp;

    use super::*;

    fn said(dir: Option<&Path>, name: &str) -> String {
        let failure = within(dir, name).unwrap_err();
        format!("{} | {}", failure.message, failure.hint.unwrap_or_default())
    }

    #[test]
    fn names_that_are_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let europe = dir.path().join("Europe");
        std::fs::create_dir(&europe).unwrap();
        for city in ["Berlin", "Belgrade", "Paris"] {
            std::fs::write(europe.join(city), "TZif2").unwrap();
        }
        std::fs::write(dir.path().join("zone.tab"), "no zone").unwrap();
        let path = dir.path().display();
        let there = |names: &str| format!("There is: {names}. Names are as in {path}.");
        let cases = [
            ("Europe/Berlinn", there("Europe/Berlin")),
            ("Europe/berlin", there("Europe/Berlin")),
            ("Europe/Be", there("Europe/Belgrade, Europe/Berlin")),
            ("Europe/Zurich", there("Europe/Belgrade, Europe/Berlin, Europe/Paris")),
            ("Mars/Olympus", there("Europe")),
            ("Europe", there("Europe")),
            ("../Europe/Berlin", there("Europe")),
        ];
        for (name, hint) in cases {
            let want = format!("there is no time zone {name:?} in {path} | {hint}");
            assert_eq!(said(Some(dir.path()), name), want);
        }
        let broken = said(Some(dir.path()), "Europe/Paris");
        assert!(broken.starts_with("the time zone \"Europe/Paris\": this is no"), "{broken}");
    }

    #[test]
    fn without_any() {
        let want = "the time zone \"Europe/Berlin\" is not known: this machine has none | Install \
                    tzdata, or leave the zone out: then times are in UTC.";
        assert_eq!(said(None, "Europe/Berlin"), want);
        for name in [None, Some("UTC"), Some("Etc/UTC")] {
            assert_eq!(zone(name).unwrap().offset(Timestamp(0)), 0);
        }
    }

    #[test]
    fn those_of_this_machine() {
        if dir().is_some_and(|it| it.join("Europe/Berlin").is_file()) {
            let july = Timestamp(1_783_000_000);
            assert_eq!(zone(Some("Europe/Berlin")).unwrap().offset(july), 7_200);
        }
    }
}
