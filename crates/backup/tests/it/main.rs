//! Backups through the public interface: made, killed, short of room, changed under the hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

use std::io;
use std::path::{Path, PathBuf};

use backup::{
    BackupErrorKind, Content, ErasedMessage, LogState, PIECE_BYTES, Repository, Reread, Source,
    SourceFile, Step, Watch, create, finish, purge, restore, verify,
};
use ports::{Access, Disk};
use testkit::FaultyDisk;
use testkit::faulty_disk::{Fault, Plan, Surviving};
use types::{BlobId, Hash, Position, Timestamp};

const DATA: &str = "/data";
const BACKUPS: &str = "/backups";
const TO: &str = "/restored";

/// Goes on until a number of pieces was copied.
struct Until(u64);

impl Watch for Until {
    fn step(&mut self, _: Step) {
        self.0 = self.0.saturating_sub(1);
    }

    fn is_cancelled(&self) -> bool {
        self.0 == 0
    }
}

fn no_end() -> Until {
    Until(u64::MAX)
}

/// A data directory with one log: what a file begins with tells one made anew from the old one.
#[derive(Clone)]
struct Data {
    disk: FaultyDisk,
    entries: u64,
    purged: u64,
    erased: Vec<ErasedMessage>,
    /// Changes that happen when the log has been asked, the last one first.
    meanwhile: Vec<(String, Vec<u8>)>,
}

impl Data {
    fn new() -> Data {
        let disk = FaultyDisk::new();
        let data = Data { disk, entries: 3, purged: 0, erased: Vec::new(), meanwhile: Vec::new() };
        data.put("log/000001.seg", b"one sealed segment");
        data.put("log/000002.seg", b"two grows");
        data.put("state.db", b"the state");
        data
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        self.disk.create_dir_all(Path::new(DATA).join(path).parent().unwrap()).unwrap();
        self.disk.put(&Path::new(DATA).join(path), bytes);
    }

    fn grow(&mut self, more: &[u8]) {
        let path = Path::new(DATA).join("log/000002.seg");
        let mut bytes = self.disk.content(&path).unwrap();
        bytes.extend(more);
        self.put("log/000002.seg", &bytes);
        self.entries += 1;
    }

    fn on(&self, disk: &FaultyDisk) -> Data {
        Data { disk: disk.clone(), ..self.clone() }
    }

    /// What a restored directory must hold.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let paths = self.disk.paths();
        let ours = paths.iter().filter(|it| it.starts_with(DATA));
        let file = |it: &PathBuf| {
            let path = it.strip_prefix(DATA).unwrap().to_string_lossy().into_owned();
            (path, self.disk.content(it).unwrap())
        };
        ours.map(file).collect()
    }
}

impl Source for Data {
    fn logs(&mut self) -> io::Result<Vec<LogState>> {
        let mut files = Vec::new();
        for name in ["000001.seg", "000002.seg"] {
            let from = Path::new(DATA).join("log").join(name);
            let file = self.disk.open(&from, Access::Read)?;
            let mut mark = vec![0; 3];
            file.read_at(&mut mark, 0)?;
            let (path, len) = (format!("log/{name}"), file.len()?);
            files.push(SourceFile { path, from, len, content: Content::Grows, mark, mark_at: 0 });
        }
        let position =
            Position { entries: self.entries, root: Hash::of(&self.entries.to_le_bytes()) };
        if let Some((path, bytes)) = self.meanwhile.pop() {
            self.put(&path, &bytes);
        }
        let (path, id) = ("log".to_owned(), "id1".to_owned());
        Ok(vec![LogState { path, id, position, epoch: 1, purged: self.purged, files }])
    }

    fn others(&mut self, room: &Path) -> io::Result<Vec<SourceFile>> {
        let from = room.join("state.db");
        let bytes = self.disk.content(&Path::new(DATA).join("state.db")).unwrap();
        let file = self.disk.open(&from, Access::CreateNew)?;
        file.write_at(&bytes, 0)?;
        Ok(vec![SourceFile {
            path: "state.db".into(),
            len: bytes.len() as u64,
            from,
            content: Content::Changes,
            mark: Vec::new(),
            mark_at: 0,
        }])
    }

    fn erased(&mut self, _: &str, from: u64) -> io::Result<Vec<ErasedMessage>> {
        Ok(self.erased.iter().filter(|it| from <= it.entry).copied().collect())
    }
}

fn backed_up(data: &mut Data) -> Result<backup::Created, backup::BackupError> {
    backed_up_with(data, Reread::Changed, &mut no_end())
}

fn backed_up_with(
    data: &mut Data,
    reread: Reread,
    watch: &mut Until,
) -> Result<backup::Created, backup::BackupError> {
    let disk = data.disk.clone();
    let repository = Repository::open_or_create(&disk, Path::new(BACKUPS))?;
    create(&repository, data, Timestamp(1_795_284_100), reread, watch)
}

fn restored_to(disk: &FaultyDisk, number: u32, to: &str) -> Result<(), backup::BackupError> {
    let repository = Repository::open(disk, Path::new(BACKUPS))?;
    let manifest = repository.manifest(number)?;
    restore(&repository, &manifest, Path::new(to), &mut no_end())?;
    finish(disk, Path::new(to))
}

#[track_caller]
fn check_restored(disk: &FaultyDisk, to: &str, want: &[(String, Vec<u8>)]) {
    for (path, content) in want {
        let got = disk.content(&Path::new(to).join(path));
        assert!(got.as_ref() == Some(content), "{path}");
    }
    let n = disk.paths().iter().filter(|it| it.starts_with(to)).count();
    assert_eq!(n, want.len(), "nothing else is there");
}

#[track_caller]
fn check_sound(disk: &FaultyDisk) {
    let repository = Repository::open(disk, Path::new(BACKUPS)).unwrap();
    let verdict = verify(&repository, None, &mut no_end()).unwrap();
    assert!(verdict.is_sound(), "{:?}", verdict.defects);
}

#[test]
fn each_backup_is_whole_and_copies_what_changed() {
    let mut data = Data::new();
    let first = backed_up(&mut data).unwrap();
    assert_eq!((first.manifest.number, first.manifest.previous), (1, None));
    let before = data.files();
    data.grow(b" and grows");
    data.put("state.db", b"another state");
    let second = backed_up(&mut data).unwrap();
    assert_eq!(second.bytes_read, 19 + 13, "the sealed segment is not read again");
    assert_eq!(second.manifest.previous, Some(first.manifest.hash()));
    let third = backed_up(&mut data).unwrap();
    assert_eq!((third.bytes_read, third.bytes_written), (13, 0));
    check_sound(&data.disk);
    restored_to(&data.disk, 1, TO).unwrap();
    check_restored(&data.disk, TO, &before);
    restored_to(&data.disk, 3, "/again").unwrap();
    check_restored(&data.disk, "/again", &data.files());
}

#[test]
fn long_files_are_read_from_where_they_grew() {
    let mut data = Data::new();
    let long: Vec<u8> =
        (0..2 * PIECE_BYTES + 5_000).map(|it| (it / 4099).to_le_bytes()[0]).collect();
    data.put("log/000002.seg", &long);
    backed_up(&mut data).unwrap();
    data.grow(&[7; 3_000]);
    let second = backed_up(&mut data).unwrap();
    assert_eq!(second.bytes_read, 8_000 + 9);
    restored_to(&data.disk, 2, TO).unwrap();
    check_restored(&data.disk, TO, &data.files());
    // Shorter: it was cut and made anew, and is read whole.
    data.put("log/000002.seg", &long[..PIECE_BYTES + 10]);
    assert_eq!(backed_up(&mut data).unwrap().bytes_read, PIECE_BYTES as u64 + 10 + 9);
}

#[test]
fn a_segment_that_was_made_anew_is_read_again() {
    let mut data = Data::new();
    backed_up(&mut data).unwrap();
    data.put("log/000001.seg", b"ONE sealed segment");
    assert_eq!(backed_up(&mut data).unwrap().bytes_read, 18 + 9);
    restored_to(&data.disk, 2, TO).unwrap();
    check_restored(&data.disk, TO, &data.files());
}

#[test]
fn what_changes_while_it_is_copied_is_copied_again() {
    let mut data = Data::new();
    data.meanwhile.push(("log/000001.seg".into(), b"ANEW and longer than before".to_vec()));
    data.meanwhile.push(("log/000001.seg".into(), b"new".to_vec()));
    backed_up(&mut data).unwrap();
    restored_to(&data.disk, 1, TO).unwrap();
    check_restored(&data.disk, TO, &data.files());
    // Again and again.
    let changes = (0..20u8).map(|it| ("log/000001.seg".to_owned(), vec![it; 20]));
    data.meanwhile.extend(changes);
    assert_eq!(backed_up(&mut data).unwrap_err().kind(), BackupErrorKind::Changing);
    data.meanwhile.clear();
    assert_eq!(backed_up(&mut data).unwrap().manifest.number, 2);
    check_sound(&data.disk);
}

#[test]
fn growing_meanwhile_is_no_change() {
    let mut data = Data::new();
    data.meanwhile.push(("log/000002.seg".into(), b"two grows and more".to_vec()));
    let created = backed_up(&mut data).unwrap();
    assert_eq!(created.manifest.file("log/000002.seg").unwrap().len, 9, "as it was when asked");
}

#[test]
fn a_backup_that_is_stopped_goes_on_later() {
    let mut data = Data::new();
    let stopped = backed_up_with(&mut data, Reread::Changed, &mut Until(2)).unwrap_err();
    assert_eq!(stopped.kind(), BackupErrorKind::Cancelled);
    let repository = Repository::open(&data.disk, Path::new(BACKUPS)).unwrap();
    assert!(repository.list().unwrap().is_empty(), "what is not whole is no backup");
    let disk = data.disk.clone();
    let created = backed_up(&mut data).unwrap();
    assert_eq!(created.bytes_read, 9 + 9, "the first segment was there");
    assert_eq!(created.bytes_written, 9 + 9);
    check_sound(&disk);
}

/// Kills, fills or fails the disk at every change of a second backup.
#[test]
fn every_fault_at_every_change_of_a_backup() {
    let mut data = Data::new();
    backed_up(&mut data).unwrap();
    let before = data.files();
    data.grow(b" and grows");
    data.put("state.db", b"another state");
    let after = data.files();
    let healthy = data.on(&data.disk.fork());
    healthy.disk.set_plan(Plan::at_change(u64::MAX, Fault::Eio));
    backed_up(&mut healthy.clone()).unwrap();
    let n = healthy.disk.n_changes();
    assert!(n > 10);
    for at in 1..=n {
        for fault in Fault::ALL {
            let disk = data.disk.fork();
            disk.set_plan(Plan::at_change(at, fault));
            let made = backed_up(&mut data.on(&disk));
            disk.clear_plan();
            let what = format!("{fault:?} at {at}");
            for surviving in Surviving::some(3) {
                let disk = if disk.has_crashed() {
                    disk.after_power_loss(surviving)
                } else {
                    disk.after_process_death()
                };
                check_sound(&disk);
                let numbers = Repository::open(&disk, Path::new(BACKUPS)).unwrap().numbers();
                let numbers = numbers.unwrap();
                assert!(numbers.len() == 2 || made.is_err(), "{what}: it was acknowledged");
                restored_to(&disk, 1, TO).unwrap();
                check_restored(&disk, TO, &before);
                if numbers.len() == 2 {
                    restored_to(&disk, 2, "/two").unwrap();
                    check_restored(&disk, "/two", &after);
                }
                // And the next one is whole, whatever was left.
                let next = backed_up(&mut data.on(&disk)).unwrap();
                check_sound(&disk);
                restored_to(&disk, next.manifest.number, "/next").unwrap();
                check_restored(&disk, "/next", &after);
            }
        }
    }
}

/// Kills, fills or fails the disk at every change of a restore.
#[test]
fn every_fault_at_every_change_of_a_restore() {
    let mut data = Data::new();
    backed_up(&mut data).unwrap();
    let healthy = data.disk.fork();
    restored_to(&healthy, 1, TO).unwrap();
    let is_whole = |disk: &FaultyDisk| {
        let is_begun = disk.paths().iter().any(|it| it.starts_with(TO));
        is_begun && disk.content(&Path::new(TO).join(backup::UNFINISHED)).is_none()
    };
    let n = healthy.n_changes() - data.disk.n_changes();
    assert!(n > 10);
    for at in 1..=n {
        for fault in Fault::ALL {
            let disk = data.disk.fork();
            disk.set_plan(Plan::at_change(at, fault));
            let done = restored_to(&disk, 1, TO);
            disk.clear_plan();
            for surviving in Surviving::some(3) {
                let disk = if disk.has_crashed() {
                    disk.after_power_loss(surviving)
                } else {
                    disk.after_process_death()
                };
                let has_new = |it: &PathBuf| it.extension().is_some_and(|it| it == "new");
                let is_begun = disk.paths().iter().any(|it| it.starts_with(TO) && !has_new(it));
                if done.is_ok() || (is_begun && is_whole(&disk)) {
                    check_restored(&disk, TO, &data.files());
                } else {
                    // A part is never taken for the whole, and the next attempt ends it.
                    restored_to(&disk, 1, TO).unwrap();
                    let new = Path::new(TO).join("restore-unfinished.new");
                    disk.forget(&new);
                    check_restored(&disk, TO, &data.files());
                }
            }
        }
    }
}

#[test]
fn a_directory_with_anything_in_it_is_refused() {
    let mut data = Data::new();
    backed_up(&mut data).unwrap();
    data.disk.put(&Path::new(TO).join("letter.txt"), b"mine");
    let error = restored_to(&data.disk, 1, TO).unwrap_err();
    assert_eq!(error.kind(), BackupErrorKind::Request);
    assert_eq!(error.to_string(), "/restored is not empty: it has letter.txt");
    let error = Repository::open_or_create(&data.disk, Path::new(TO)).err().unwrap();
    assert_eq!(error.to_string(), "/restored is not empty and no backup: it has letter.txt");
    // Part of another backup.
    let disk = data.disk.clone();
    data.grow(b"more");
    backed_up(&mut data).unwrap();
    let repository = Repository::open(&disk, Path::new(BACKUPS)).unwrap();
    let stopped =
        restore(&repository, &repository.manifest(1).unwrap(), Path::new("/part"), &mut Until(2));
    assert_eq!(stopped.unwrap_err().kind(), BackupErrorKind::Cancelled);
    assert_eq!(
        restored_to(&disk, 2, "/part").unwrap_err().to_string(),
        "/part has part of another backup"
    );
    // A key that somebody put there stays, and what no backup knows among the segments goes.
    disk.put(Path::new("/part/secret.key"), b"key");
    disk.put(Path::new("/part/log/000003.seg"), b"of an attempt that went further");
    restored_to(&disk, 1, "/part").unwrap();
    assert!(disk.content(Path::new("/part/secret.key")).is_some());
    assert!(disk.content(Path::new("/part/log/000003.seg")).is_none());
}

#[test]
fn every_changed_byte_is_found_and_never_restored() {
    let mut data = Data::new();
    backed_up(&mut data).unwrap();
    for path in data.disk.paths() {
        if !path.starts_with("/backups/pieces") && !path.starts_with("/backups/manifests") {
            continue;
        }
        for bit in [0, 9, 70] {
            let disk = data.disk.fork();
            disk.flip_bit(&path, bit);
            let repository = Repository::open(&disk, Path::new(BACKUPS)).unwrap();
            let verdict = verify(&repository, None, &mut no_end()).unwrap();
            assert!(!verdict.is_sound(), "{}", path.display());
            let error = restored_to(&disk, 1, TO).unwrap_err();
            assert_eq!(error.kind(), BackupErrorKind::Damaged);
            // What is damaged is written anew when everything is read again.
            let mut data = data.on(&disk);
            let next = backed_up_with(&mut data, Reread::Everything, &mut no_end()).unwrap();
            restored_to(&disk, next.manifest.number, "/next").unwrap();
        }
        let disk = data.disk.fork();
        disk.forget(&path);
        let repository = Repository::open(&disk, Path::new(BACKUPS)).unwrap();
        let is_manifest = path.starts_with("/backups/manifests");
        let verdict = verify(&repository, None, &mut no_end()).unwrap();
        assert_eq!(verdict.is_sound(), is_manifest, "without a manifest there is no backup");
        backed_up(&mut data.on(&disk)).unwrap();
        check_sound(&disk);
    }
}

#[test]
fn backups_of_another_data_directory_are_left_alone() {
    struct Other(Data);
    impl Source for Other {
        fn logs(&mut self) -> io::Result<Vec<LogState>> {
            let other = |it: LogState| LogState { id: "id2".into(), ..it };
            Ok(self.0.logs()?.into_iter().map(other).collect())
        }
        fn others(&mut self, room: &Path) -> io::Result<Vec<SourceFile>> {
            self.0.others(room)
        }
        fn erased(&mut self, id: &str, from: u64) -> io::Result<Vec<ErasedMessage>> {
            self.0.erased(id, from)
        }
    }
    let mut data = Data::new();
    backed_up(&mut data).unwrap();
    let disk = data.disk.clone();
    let repository = Repository::open(&disk, Path::new(BACKUPS)).unwrap();
    let made = create(&repository, &mut Other(data), Timestamp(0), Reread::Changed, &mut no_end());
    assert_eq!(made.unwrap_err().kind(), BackupErrorKind::Request);
}

fn erased(entry: u64, message: u64) -> ErasedMessage {
    ErasedMessage { entry, message, blob: BlobId::of(&[1]), at: Timestamp(5) }
}

#[test]
fn what_was_erased_is_listed_and_does_not_come_back() {
    let mut data = Data::new();
    backed_up(&mut data).unwrap();
    // Erased, and not out of the files yet.
    data.entries = 9;
    data.erased = vec![erased(7, 1), erased(8, 5)];
    let second = backed_up(&mut data).unwrap();
    let held: Vec<_> = second.held.iter().map(|it| (it.number, it.messages.len())).collect();
    assert_eq!(held, [(1, 1), (2, 2)], "the first one never had the message of entry 5");
    assert_eq!(restored_to(&data.disk, 1, TO).unwrap_err().kind(), BackupErrorKind::Erased);
    // The second one knows itself what is erased.
    restored_to(&data.disk, 2, "/two").unwrap();
    let disk = data.disk.clone();
    let repository = Repository::open(&disk, Path::new(BACKUPS)).unwrap();
    let purged = purge(&repository, None).unwrap();
    assert_eq!((purged.removed.as_slice(), purged.newest_holds), ([1].as_slice(), true));
    // Compacted.
    data.purged = 9;
    data.put("log/000001.seg", b"ANEW");
    let third = backed_up(&mut data).unwrap();
    assert_eq!(third.held.iter().map(|it| it.number).collect::<Vec<_>>(), [2]);
    let listed: Vec<_> = repository.list().unwrap().iter().map(|it| (it.number, it.held)).collect();
    assert_eq!(listed, [(2, 2), (3, 0)]);
    let n_before = disk.paths().len();
    let purged = purge(&repository, None).unwrap();
    assert_eq!((purged.removed.as_slice(), purged.newest_holds), ([2].as_slice(), false));
    assert!(0 < purged.pieces && disk.paths().len() < n_before, "its pieces go too");
    check_sound(&disk);
    restored_to(&disk, 3, TO).unwrap();
    check_restored(&disk, TO, &data.files());
}

#[test]
fn old_backups_are_removed_when_asked() {
    let mut data = Data::new();
    for _ in 0..4 {
        backed_up(&mut data).unwrap();
        data.grow(b"more");
    }
    let repository = Repository::open(&data.disk, Path::new(BACKUPS)).unwrap();
    let purged = purge(&repository, Some(2)).unwrap();
    assert_eq!(purged.removed, [1, 2]);
    check_sound(&data.disk);
    assert_eq!(repository.numbers().unwrap(), [3, 4]);
    let one = purge(&repository, Some(0)).unwrap();
    assert_eq!(one.removed, [3], "one always stays");
}
