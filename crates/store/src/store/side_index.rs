//! A place for an index that is made only to be compared with the one in use.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// What such directories begin with; the process that made it and a number follow.
const PREFIX: &str = "index.check-";

/// A directory beside the index, on the same disk and as private. It goes with this value. What a
/// killed process left goes when the next one is made, and when erased words are cleared.
#[derive(Debug)]
pub struct SideIndex(PathBuf);

impl SideIndex {
    /// Makes one in the directory of a store.
    pub fn make(store_dir: &Path) -> io::Result<SideIndex> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        remove_left(store_dir)?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let dir = store_dir.join(format!("{PREFIX}{}-{number}", std::process::id()));
        disk::remove_tree(&dir)?;
        Ok(SideIndex(dir))
    }

    /// Where it is; nothing is there yet.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SideIndex {
    fn drop(&mut self) {
        super::remove_index(&self.0);
    }
}

/// Removes what processes left that are no more.
pub(super) fn remove_left(store_dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(store_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(of) = name.to_str().and_then(|it| it.strip_prefix(PREFIX)) else { continue };
        let process = of.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            disk::remove_tree(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_removed_and_what_is_used_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let left = dir.path().join("index.check-4294967295-0");
        std::fs::create_dir(&left).unwrap();
        let one = SideIndex::make(dir.path()).unwrap();
        std::fs::create_dir(one.path()).unwrap();
        let other = SideIndex::make(dir.path()).unwrap();
        assert!(!left.exists() && one.path().exists());
        assert_ne!(one.path(), other.path());
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists());
    }
}
