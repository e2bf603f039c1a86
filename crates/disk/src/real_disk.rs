//! Files of the operating system.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ports::{Access, Disk, DiskFile};

use crate::path_error::at;

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).mode(0o600);
        let doing = match access {
            Access::Read => "open",
            Access::Write => {
                options.write(true);
                "open"
            }
            Access::CreateNew => {
                options.write(true).create_new(true);
                "create"
            }
        };
        let file = options.open(path).map_err(at(doing, path))?;
        Ok(Box::new(RealFile { file, path: path.to_owned() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to).map_err(at("rename", from))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path).map_err(at("remove", path))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(path).map_err(at("create", path))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let read = || -> io::Result<Vec<String>> {
            let names = std::fs::read_dir(dir)?;
            let names = names.map(|it| Ok(it?.file_name().to_string_lossy().into_owned()));
            let mut names = names.collect::<io::Result<Vec<String>>>()?;
            names.sort_unstable();
            Ok(names)
        };
        read().map_err(at("list", dir))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        // The empty path is the parent of a relative name.
        let opened = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        File::open(opened).and_then(|it| it.sync_all()).map_err(at("sync", dir))
    }
}

/// Adds `bytes` to the end of a file, durably, and makes it when it is missing. It is opened for
/// nothing else, so that it may be one that can only be added to.
pub fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    let mut file =
        options.append(true).create(true).mode(0o600).open(path).map_err(at("open", path))?;
    io::Write::write_all(&mut file, bytes).map_err(at("write", path))?;
    file.sync_all().map_err(at("sync", path))?;
    match path.parent().filter(|_| is_new) {
        Some(dir) => RealDisk.sync_dir(dir),
        None => Ok(()),
    }
}

/// Removes a directory with everything in it; fine when there is none.
pub fn remove_tree(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(at("remove", dir)),
    }
}

struct RealFile {
    file: File,
    path: PathBuf,
}

impl DiskFile for RealFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|it| !it.is_empty()) {
            match self.file.read_at(rest, offset.saturating_add(done as u64)) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(at("read", &self.path)(error)),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset).map_err(at("write", &self.path))
    }

    fn len(&self) -> io::Result<u64> {
        let metadata = self.file.metadata().map_err(at("look at", &self.path))?;
        Ok(metadata.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len).map_err(at("resize", &self.path))
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data().map_err(at("sync", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// What every disk does alike; the faulty one of the tests is held to the same.
    fn behaves(disk: &dyn Disk, root: &Path) {
        let dir = root.join("a/b");
        disk.create_dir_all(&dir).unwrap();
        disk.create_dir_all(&dir).unwrap();
        let path = dir.join("f");
        let kind = |result: io::Result<Box<dyn DiskFile>>| result.err().map(|it| it.kind());
        assert_eq!(kind(disk.open(&path, Access::Read)), Some(io::ErrorKind::NotFound));
        assert_eq!(kind(disk.open(&path, Access::Write)), Some(io::ErrorKind::NotFound));
        let file = disk.open(&path, Access::CreateNew).unwrap();
        assert_eq!(kind(disk.open(&path, Access::CreateNew)), Some(io::ErrorKind::AlreadyExists));
        assert!(file.is_empty().unwrap());
        file.write_at(b"hello", 3).unwrap();
        file.sync().unwrap();
        assert_eq!(file.len().unwrap(), 8);
        let mut buf = [9; 10];
        assert_eq!(file.read_at(&mut buf, 2).unwrap(), 6);
        assert_eq!(&buf, b"\0hello\x09\x09\x09\x09");
        assert_eq!(file.read_at(&mut buf, 100).unwrap(), 0);
        file.set_len(5).unwrap();
        disk.open(&path, Access::Write).unwrap().write_at(b"H", 3).unwrap();
        let reader = disk.open(&path, Access::Read).unwrap();
        assert!(reader.write_at(b"x", 0).is_err());
        assert_eq!(reader.read_at(&mut buf, 0).unwrap(), 5);
        assert_eq!(&buf[..5], b"\0\0\0He");
        let other = dir.join("e");
        disk.open(&other, Access::CreateNew).unwrap();
        assert_eq!(disk.list(&dir).unwrap(), ["e", "f"]);
        disk.rename(&path, &other).unwrap();
        disk.sync_dir(&dir).unwrap();
        assert_eq!(disk.list(&dir).unwrap(), ["e"]);
        assert_eq!(reader.len().unwrap(), 5, "open files outlive their names");
        disk.remove(&other).unwrap();
        assert!(disk.remove(&other).is_err());
        assert!(disk.list(&dir.join("no")).is_err());
        let error = disk.sync_dir(&dir.join("no")).unwrap_err();
        assert!(error.to_string().contains("a/b/no"), "{error}");
    }

    #[test]
    fn the_real_disk_behaves() {
        let dir = tempfile::tempdir().unwrap();
        behaves(&RealDisk, dir.path());
    }

    #[test]
    fn the_faulty_disk_behaves_alike() {
        behaves(&testkit::FaultyDisk::new(), Path::new("/"));
    }

    #[test]
    fn trees_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("a/b");
        RealDisk.create_dir_all(&below).unwrap();
        RealDisk.open(&below.join("f"), Access::CreateNew).unwrap();
        remove_tree(&dir.path().join("a")).unwrap();
        remove_tree(&dir.path().join("a")).unwrap();
        assert_eq!(RealDisk.list(dir.path()).unwrap(), [] as [&str; 0]);
    }

    #[test]
    fn what_is_made_belongs_to_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/f");
        RealDisk.create_dir_all(path.parent().unwrap()).unwrap();
        RealDisk.open(&path, Access::CreateNew).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn errors_name_the_path_and_keep_their_kind() {
        let error = RealDisk.open(Path::new("/no/such"), Access::Read).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let text = error.to_string();
        assert!(text.starts_with("failed to open /no/such: "), "{text}");
    }
}
