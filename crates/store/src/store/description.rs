//! `store.toml`: what a store directory is, in which format, and what is needed to read it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use frames::features::{self, AUDIT, DICTIONARIES, ENCRYPTION, PACKS, PARTS};
use ports::{Access, Clock, Disk, Random};
use serde::{Deserialize, Serialize};
use types::Timestamp;

use super::NewStores;
use crate::error::{StoreError, StoreErrorKind};
use crate::evidence::Evidence;

/// The version of the directory's layout and of the log. It changes when an older program would
/// misread something that no feature names.
const FORMAT: u32 = 1;

/// The directory of the log.
pub(super) const SEGMENTS_DIR: &str = "segments";

/// Where a log is sealed that was not, until it takes the place of the other.
pub(super) const SEALED_DIR: &str = "segments.sealed";

/// What this version may write into any store.
const WRITTEN: [&str; 3] = [DICTIONARIES, PARTS, PACKS];

/// The most of `store.toml` that is read, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 64 << 10;

/// What `store.toml` says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// The name of the store, for people.
    pub name: String,
    /// Random; 32 hexadecimal digits. Views carry it, so that one of another store is noticed.
    pub id: String,
    /// When the store was made.
    pub created: Timestamp,
    /// What a program must know to read the store.
    pub features: Vec<String>,
    /// Which of its histories the log is in, from 1: what its last `Epoch` entry says.
    pub epoch: u64,
    /// Where the log is while it moves; `None` is the usual place.
    pub segments: Option<String>,
}

impl Description {
    /// Whether the log is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.features.iter().any(|it| it == ENCRYPTION)
    }

    /// The same store, encrypted, with its log in another directory.
    pub(super) fn encrypted_in(&self, segments: &str) -> Description {
        let mut encrypted = self.clone();
        encrypted.features.push(ENCRYPTION.to_owned());
        encrypted.segments = Some(segments.to_owned());
        encrypted
    }
}

impl Description {
    /// The checkpoints and tiles of the store in `dir`.
    #[must_use]
    pub fn evidence(&self, disk: Arc<dyn Disk>, dir: &Path) -> Evidence {
        Evidence::of_store(disk, dir, &self.id, self.epoch)
    }
}

/// The file, as it stands there. Unknown keys are left alone: what must be understood is a
/// feature.
#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    name: String,
    id: String,
    created: i64,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    segments: Option<String>,
    #[serde(default = "first_epoch", skip_serializing_if = "is_first")]
    epoch: u64,
}

fn first_epoch() -> u64 {
    1
}

fn is_first(epoch: &u64) -> bool {
    *epoch == first_epoch()
}

/// Just enough to know whether the rest can be understood.
#[derive(Deserialize)]
struct Probe {
    format: u32,
    #[serde(default)]
    features: Vec<String>,
}

impl Description {
    /// What the store in `dir` says of itself; `None` when there is none.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Description>, StoreError> {
        read(disk, dir)
    }

    /// What the audit log in `dir` says of itself; made when it says nothing yet. The caller owns
    /// the directory.
    pub fn of_audit_log(
        disk: &dyn Disk,
        dir: &Path,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Description, StoreError> {
        match read(disk, dir)? {
            Some(description) => Ok(description),
            None => make(disk, dir, clock, random, &[AUDIT]),
        }
    }
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("store.toml")
}

/// Reads the description of a store; `None` when there is none.
pub(super) fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Description>, StoreError> {
    let path = path(dir);
    let file = match disk.open(&path, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(StoreError::io("open the store"))?,
    };
    let mut bytes = vec![0; DESCRIPTION_BYTES_MAX];
    let n = file.read_at(&mut bytes, 0).map_err(StoreError::io("read the store's description"))?;
    bytes.truncate(n);
    parse(&String::from_utf8_lossy(&bytes)).map(Some)
}

fn parse(text: &str) -> Result<Description, StoreError> {
    let wrong = |error: toml::de::Error| {
        let message = "store.toml cannot be understood";
        StoreError::new(StoreErrorKind::Damaged, message).caused_by(error)
    };
    let Probe { format, features: named } = toml::from_str(text).map_err(wrong)?;
    if format != FORMAT {
        return Err(unsupported(format!("format {format}")));
    }
    if let Some(unknown) = features::unknown(&named) {
        return Err(unsupported(unknown.to_owned()));
    }
    let File { name, id, created, features, epoch, segments, .. } =
        toml::from_str(text).map_err(wrong)?;
    Ok(Description { name, id, created: Timestamp(created), features, epoch, segments })
}

fn unsupported(feature: String) -> StoreError {
    let message = format!("the store needs {feature}, which this version does not have");
    StoreError::new(StoreErrorKind::Unsupported { feature }, message)
}

/// Adds what this version may write to what a program must know. Durable before anything of it
/// is written.
pub(super) fn prepare_writing(
    disk: &dyn Disk,
    dir: &Path,
    mut description: Description,
) -> Result<Description, StoreError> {
    let has =
        |description: &Description, name: &str| description.features.iter().any(|it| it == name);
    if has(&description, AUDIT) {
        return Err(unsupported(AUDIT.to_owned()));
    }
    let missing: Vec<_> = WRITTEN.into_iter().filter(|it| !has(&description, it)).collect();
    if !missing.is_empty() {
        description.features.extend(missing.into_iter().map(str::to_owned));
        write(disk, dir, &description).map_err(StoreError::io("write the store's description"))?;
    }
    Ok(description)
}

/// Says in the description of the store in `dir` that it is read only by programs that have this
/// feature: durably, before the first bytes are written that need it.
pub fn add_feature(disk: &dyn Disk, dir: &Path, feature: &str) -> Result<(), StoreError> {
    change(disk, dir, |it| {
        if !it.features.iter().any(|it| it == feature) {
            it.features.push(feature.to_owned());
            it.features.sort_unstable();
        }
    })
    .map(|_| ())
}

/// Changes the description of the store in `dir`, durably.
pub(super) fn change(
    disk: &dyn Disk,
    dir: &Path,
    change: impl FnOnce(&mut Description),
) -> Result<Description, StoreError> {
    let Some(before) = read(disk, dir)? else {
        let message = format!("there is no store in {}", dir.display());
        return Err(StoreError::new(StoreErrorKind::Missing, message));
    };
    let mut description = before.clone();
    change(&mut description);
    if description != before {
        write(disk, dir, &description).map_err(StoreError::io("note what the store needs"))?;
    }
    Ok(description)
}

/// Makes a store directory with its description: durable, whole or not at all.
pub(super) fn create(
    disk: &dyn Disk,
    dir: &Path,
    new_stores: NewStores,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Description, StoreError> {
    let encryption = (new_stores == NewStores::Encrypted).then_some(ENCRYPTION);
    let features: Vec<&str> = WRITTEN.into_iter().chain(encryption).collect();
    make(disk, dir, clock, random, &features)
}

fn make(
    disk: &dyn Disk,
    dir: &Path,
    clock: &dyn Clock,
    random: &dyn Random,
    features: &[&str],
) -> Result<Description, StoreError> {
    let mut id = [0; 16];
    random.fill(&mut id);
    let name = dir.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
    let description = Description {
        name,
        id: id.iter().map(|it| format!("{it:02x}")).collect(),
        created: clock.now(),
        features: features.iter().map(|it| (*it).to_owned()).collect(),
        epoch: first_epoch(),
        segments: None,
    };
    write(disk, dir, &description).map_err(StoreError::io("make the store"))?;
    Ok(description)
}

pub(super) fn write(disk: &dyn Disk, dir: &Path, description: &Description) -> io::Result<()> {
    disk.create_dir_all(dir)?;
    let text = text(description);
    let new = dir.join("store.toml.new");
    match disk.remove(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let file = disk.open(&new, Access::CreateNew)?;
    file.write_at(text.as_bytes(), 0)?;
    file.sync()?;
    disk.rename(&new, &path(dir))?;
    // Every name on the way down: some of these directories may be as new as the file.
    dir.ancestors().filter(|it| !it.as_os_str().is_empty()).try_for_each(|it| sync_dir(disk, it))
}

/// Directories above the data directory may be closed to us, and were there before.
fn sync_dir(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    match disk.sync_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

fn text(description: &Description) -> String {
    let Description { name, id, created, features, epoch, segments } = description;
    let file = File {
        format: FORMAT,
        name: name.clone(),
        id: id.clone(),
        created: created.0,
        features: features.clone(),
        epoch: *epoch,
        segments: segments.clone(),
    };
    let body = toml::to_string(&file).unwrap_or_default();
    format!("# A Posthold store; docs/format/store.md says what is in this directory.\n{body}")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use testkit::FaultyDisk;
    use testkit::faulty_disk::{Fault, Plan, Surviving};

    use super::*;

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp(1_795_284_100)
        }
    }

    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0xa5);
        }
    }

    const DIR: &str = "/data/stores/default";

    #[test]
    fn it_is_read_as_it_was_made() {
        let disk = FaultyDisk::new();
        let dir = Path::new(DIR);
        assert_eq!(read(&disk, dir).unwrap(), None);
        let made = create(&disk, dir, NewStores::Plain, &Fixed, &Fixed).unwrap();
        assert_eq!(read(&disk, dir).unwrap(), Some(made));
        let text = disk.content(&path(dir)).unwrap();
        expect![[r##"
            # A Posthold store; docs/format/store.md says what is in this directory.
            format = 1
            name = "default"
            id = "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
            created = 1795284100
            features = ["dictionaries", "parts", "packs"]
        "##]]
        .assert_eq(std::str::from_utf8(&text).unwrap());
    }

    #[test]
    fn making_it_is_whole_or_nothing() {
        let dir = Path::new(DIR);
        let healthy = FaultyDisk::new();
        create(&healthy, dir, NewStores::Plain, &Fixed, &Fixed).unwrap();
        for n in 1..=healthy.n_changes() {
            for fault in [Fault::CrashBefore, Fault::CrashDuring, Fault::Eio, Fault::DiskFull] {
                let disk = FaultyDisk::new();
                disk.set_plan(Plan::at_change(n, fault));
                let made = create(&disk, dir, NewStores::Plain, &Fixed, &Fixed);
                disk.clear_plan();
                for surviving in Surviving::some(8) {
                    let disk = disk.after_power_loss(surviving);
                    let found = read(&disk, dir).unwrap();
                    if made.is_ok() {
                        assert!(found.is_some(), "{fault:?} at {n}, {surviving:?}");
                    }
                    create(&disk, dir, NewStores::Plain, &Fixed, &Fixed).unwrap();
                }
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        let cases = [
            (
                "format = 2\nshape = 'new'",
                "the store needs format 2, which this version does not have",
            ),
            (
                "format = 1\nname = 'n'\nid = 'i'\ncreated = 1\nfeatures = ['later']",
                "the store needs later, which this version does not have",
            ),
            ("format = 1", "store.toml cannot be understood"),
            ("\u{fffd}\0", "store.toml cannot be understood"),
            ("", "store.toml cannot be understood"),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text).unwrap_err().to_string(), want);
        }
        for known in features::FEATURES {
            let text = format!(
                "format = 1\nname = 'n'\nid = 'i'\ncreated = 1\nfeatures = ['parts', '{known}']"
            );
            assert_eq!(parse(&text).unwrap().features, ["parts", known]);
            let text = text.replace("'parts'", "'parts', 'later'");
            let wants = StoreErrorKind::Unsupported { feature: "later".to_owned() };
            assert_eq!(*parse(&text).unwrap_err().kind(), wants, "beside {known}");
        }
        let more = "format = 1\nname = 'n'\nid = 'i'\ncreated = 1\nlater = 'x'";
        assert!(parse(more).is_ok(), "unknown keys are left alone");
    }
}
