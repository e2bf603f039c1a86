use super::*;

const DIR: &str = "/d";

fn disk() -> FaultyDisk {
    let disk = FaultyDisk::new();
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk.clear_plan();
    disk
}

fn at(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn synced(disk: &FaultyDisk, name: &str, content: &[u8]) -> Box<dyn DiskFile> {
    let file = disk.open(&at(name), Access::CreateNew).unwrap();
    file.write_at(content, 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    file
}

#[test]
fn what_is_synced_survives() {
    let disk = disk();
    synced(&disk, "a", b"hello");
    for surviving in Surviving::some(20) {
        let after = disk.after_power_loss(surviving);
        assert_eq!(after.content(&at("a")).unwrap(), b"hello", "{surviving:?}");
    }
}

#[test]
fn unsynced_pages_survive_in_any_subset() {
    let disk = disk();
    let file = synced(&disk, "a", &[1; 4 * PAGE_BYTES]);
    file.write_at(&[2; 4 * PAGE_BYTES], 0).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for surviving in Surviving::some(300) {
        let content = disk.after_power_loss(surviving).content(&at("a")).unwrap();
        assert_eq!(content.len(), 4 * PAGE_BYTES);
        let pages: Vec<u8> = content
            .chunks(PAGE_BYTES)
            .map(|page| {
                assert!(page.iter().all(|it| *it == page[0]), "a page is whole");
                page[0]
            })
            .collect();
        seen.insert(pages);
    }
    assert_eq!(seen.len(), 16, "every subset of four pages");
}

#[test]
fn a_length_survives_between_old_and_new_and_uncovers_zeros() {
    let disk = disk();
    let file = synced(&disk, "a", &[1; 100]);
    file.write_at(&[2; 3 * PAGE_BYTES], 100).unwrap();
    let mut lengths = std::collections::BTreeSet::new();
    let mut saw_zero_page = false;
    for surviving in Surviving::some(200) {
        let content = disk.after_power_loss(surviving).content(&at("a")).unwrap();
        assert_eq!(&content[..100], &[1; 100]);
        assert!(content[100..].iter().all(|it| *it == 0 || *it == 2));
        saw_zero_page |= content.len() > PAGE_BYTES && content[content.len() - 1] == 0;
        lengths.insert(content.len());
    }
    let new = 100 + 3 * PAGE_BYTES;
    let want = [100, PAGE_BYTES, 2 * PAGE_BYTES, 3 * PAGE_BYTES, new];
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), want);
    assert!(saw_zero_page);
}

#[test]
fn a_cut_is_not_durable_before_the_sync() {
    let disk = disk();
    let file = synced(&disk, "a", &[1; 100]);
    file.set_len(10).unwrap();
    assert_eq!(file.len().unwrap(), 10);
    let lost = disk.after_power_loss(Surviving::Nothing);
    assert_eq!(lost.content(&at("a")).unwrap(), [1; 100]);
    file.set_len(100).unwrap();
    assert_eq!(disk.content(&at("a")).unwrap()[10..], [0; 90]);
    file.sync().unwrap();
    let kept = disk.after_power_loss(Surviving::Nothing);
    assert_eq!(kept.content(&at("a")).unwrap()[10..], [0; 90]);
}

#[test]
fn names_are_durable_after_the_sync_of_their_directory() {
    let disk = disk();
    let file = disk.open(&at("new"), Access::CreateNew).unwrap();
    file.write_at(b"x", 0).unwrap();
    file.sync().unwrap();
    let names = |disk: &FaultyDisk| disk.list(Path::new(DIR)).unwrap().join(" ");
    assert_eq!(names(&disk.after_power_loss(Surviving::Nothing)), "");
    assert_eq!(names(&disk.after_power_loss(Surviving::Everything)), "new");
    disk.sync_dir(Path::new(DIR)).unwrap();
    disk.rename(&at("new"), &at("old")).unwrap();
    assert_eq!(names(&disk), "old");
    let seen: std::collections::BTreeSet<String> =
        Surviving::some(20).map(|it| names(&disk.after_power_loss(it))).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["new", "old"], "whole or not at all");
    disk.sync_dir(Path::new(DIR)).unwrap();
    disk.remove(&at("old")).unwrap();
    assert_eq!(names(&disk.after_power_loss(Surviving::Nothing)), "old");
    assert_eq!(file.len().unwrap(), 1, "an open file outlives its name");
}

#[test]
fn directories_need_their_parents_synced() {
    let disk = FaultyDisk::new();
    let below = Path::new("/s/t");
    disk.create_dir_all(below).unwrap();
    let file = disk.open(&below.join("a"), Access::CreateNew).unwrap();
    file.sync().unwrap();
    disk.sync_dir(below).unwrap();
    disk.sync_dir(Path::new("/s")).unwrap();
    assert_eq!(disk.after_power_loss(Surviving::Nothing).paths(), Vec::<PathBuf>::new());
    disk.sync_dir(Path::new("/")).unwrap();
    assert_eq!(disk.after_power_loss(Surviving::Nothing).paths(), [below.join("a")]);
}

#[test]
fn a_dead_process_leaves_what_was_written_unsynced() {
    let disk = disk();
    let file = synced(&disk, "a", b"old");
    file.write_at(b"new", 0).unwrap();
    disk.crash();
    assert!(file.read_at(&mut [0; 3], 0).is_err());
    let next = disk.after_process_death();
    assert_eq!(next.content(&at("a")).unwrap(), b"new");
    let lost = next.after_power_loss(Surviving::Nothing);
    assert_eq!(lost.content(&at("a")).unwrap(), b"old");
    next.open(&at("a"), Access::Write).unwrap().sync().unwrap();
    let kept = next.after_power_loss(Surviving::Nothing);
    assert_eq!(kept.content(&at("a")).unwrap(), b"new");
}

fn write_twice(disk: &FaultyDisk) -> io::Result<()> {
    let file = disk.open(&at("a"), Access::Write)?;
    file.write_at(b"1234", 3)?;
    file.sync()
}

/// Runs [`write_twice`] with a fault and shows: result, content now, content after power loss.
fn outcome(n: u64, fault: Fault) -> String {
    let disk = disk();
    synced(&disk, "a", b"old");
    disk.set_plan(Plan::at_change(n, fault));
    let result = write_twice(&disk).map_err(|it| it.to_string());
    assert!(disk.has_failed());
    let lost = disk.after_power_loss(Surviving::Nothing);
    let [now, lost] =
        [&disk, &lost].map(|it| it.content(&at("a")).unwrap().escape_ascii().to_string());
    format!("{result:?} {now} {lost}")
}

#[test]
fn faults_do_what_they_say() {
    let power = r#"Err("/d/a: the power is gone")"#;
    let eio = r#"Err("/d/a: input/output error")"#;
    let cases = [
        (1, Fault::CrashBefore, format!("{power} old old")),
        (1, Fault::CrashDuring, format!("{power} old12 old")),
        (2, Fault::CrashBefore, format!("{power} old1234 old")),
        (2, Fault::CrashDuring, format!("{power} old1234 old1234")),
        (1, Fault::Eio, format!("{eio} old old")),
        (2, Fault::Eio, format!("{eio} old1234 old")),
        (
            1,
            Fault::ShortWrite,
            r#"Err("/d/a: input/output error after a part") old12 old"#.to_owned(),
        ),
        (2, Fault::ShortWrite, format!("{eio} old1234 old")),
        (1, Fault::DiskFull, r#"Err("/d/a: no space left on device") old12 old"#.to_owned()),
        (2, Fault::DiskFull, "Ok(()) old1234 old1234".to_owned()),
        (1, Fault::SyncLost, format!("{eio} old old")),
        (2, Fault::SyncLost, format!("{eio} old1234 old")),
    ];
    for (n, fault, want) in cases {
        assert_eq!(outcome(n, fault), want, "{fault:?} at {n}");
    }
}

#[test]
fn a_sync_after_a_lost_one_writes_nothing() {
    let disk = disk();
    let file = synced(&disk, "a", b"old");
    file.write_at(b"new!", 0).unwrap();
    disk.set_plan(Plan::at_change(1, Fault::SyncLost));
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert_eq!(disk.content(&at("a")).unwrap(), b"new!");
    for surviving in Surviving::some(5) {
        let after = disk.after_power_loss(surviving).content(&at("a")).unwrap();
        assert_eq!(after.len(), 3, "the length went with the pages");
    }
}

#[test]
fn a_full_disk_lasts_until_the_plan_is_cleared() {
    let disk = disk();
    let file = synced(&disk, "a", b"old");
    disk.set_plan(Plan::at_change(1, Fault::DiskFull));
    let full = |error: io::Error| assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    full(file.write_at(b"longer", 0).unwrap_err());
    full(disk.open(&at("b"), Access::CreateNew).err().unwrap());
    full(disk.create_dir_all(&at("c")).unwrap_err());
    full(file.set_len(100).unwrap_err());
    file.write_at(b"OLD", 0).unwrap();
    file.sync().unwrap();
    disk.remove(&at("a")).unwrap();
    disk.clear_plan();
    disk.open(&at("b"), Access::CreateNew).unwrap();
}

#[test]
fn calls_are_counted_by_kind() {
    let disk = disk();
    disk.set_plan(Plan::at_call(99, Fault::Eio));
    synced(&disk, "a", b"x");
    assert_eq!((disk.n_calls(), disk.n_changes()), (4, 4));
    disk.list(Path::new(DIR)).unwrap();
    let file = disk.open(&at("a"), Access::Read).unwrap();
    assert_eq!(file.read_at(&mut [0; 9], 0).unwrap(), 1);
    assert_eq!((disk.n_calls(), disk.n_changes()), (7, 4));
    assert_eq!(disk.n_changes_of(CallKind::Sync), 1);
    assert!(file.write_at(b"y", 0).is_err(), "opened for reading");
    let kinds: Vec<CallKind> = disk.changes().into_iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [CallKind::Create, CallKind::Write, CallKind::Sync, CallKind::SyncDir]);
}

#[test]
fn errors_name_the_path() {
    let disk = disk();
    let error = |result: io::Result<Box<dyn DiskFile>>| {
        let error = result.err().unwrap();
        format!("{:?} {error}", error.kind())
    };
    let cases = [
        (at("no"), Access::Read, "NotFound /d/no: no such file"),
        (at("no/a"), Access::CreateNew, "NotFound /d/no/a: no such directory"),
    ];
    for (path, access, want) in cases {
        assert_eq!(error(disk.open(&path, access)), want);
    }
    synced(&disk, "a", b"");
    let want = "AlreadyExists /d/a: file exists";
    assert_eq!(error(disk.open(&at("a"), Access::CreateNew)), want);
}

#[test]
fn damage_is_put_in_behind_the_back() {
    let disk = disk();
    synced(&disk, "a", b"abc");
    disk.flip_bit(&at("a"), 9);
    assert_eq!(disk.content(&at("a")).unwrap(), b"a`c");
    let fork = disk.fork();
    disk.forget(&at("a"));
    assert_eq!(disk.after_power_loss(Surviving::Everything).paths(), Vec::<PathBuf>::new());
    assert_eq!(fork.paths(), [at("a")]);
}
