//! The catalog's file: made beside the old one, and swapped in when it is whole.

use std::io;
use std::path::{Path, PathBuf};

use ports::{CatalogError, Disk};

use crate::catalog::{CatalogWriter, companions};

/// The catalog of a store directory.
pub(crate) fn catalog_path(dir: &Path) -> PathBuf {
    dir.join("catalog.db")
}

/// Where a catalog is made before it has its name.
pub(crate) fn side_path(path: &Path) -> PathBuf {
    path.with_extension("db.new")
}

/// Throws the catalog at `path` away and makes an empty one there.
pub(crate) fn start_anew(path: &Path, store: &str) -> Result<CatalogWriter, CatalogError> {
    let side = side_path(path);
    remove_files(&side).map_err(failed("removing what was not finished"))?;
    CatalogWriter::create(&side, store)?.finish()?;
    swap_in(&side, path)?;
    match CatalogWriter::open(path, store)? {
        Ok(writer) => Ok(writer),
        Err(unusable) => Err(failed("opening a new one")(io::Error::other(unusable.why))),
    }
}

/// Gives the finished catalog `side` the name `path`.
///
/// SQLite takes a write-ahead log beside a file for its own. So the old file goes first: whoever
/// is interrupted here finds no catalog, and makes a new one.
pub(crate) fn swap_in(side: &Path, path: &Path) -> Result<(), CatalogError> {
    let swap = || -> io::Result<()> {
        let disk = disk::RealDisk;
        disk.open(side, ports::Access::Write)?.sync()?;
        remove_files(path)?;
        disk.rename(side, path)?;
        disk.sync_dir(path.parent().unwrap_or(Path::new("")))
    };
    swap().map_err(failed("swapping in a new one"))
}

/// Removes a catalog with the files that SQLite keeps beside it.
pub(crate) fn remove_files(path: &Path) -> io::Result<()> {
    let remove = |path: &Path| match disk::RealDisk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    remove(path)?;
    // A file without its write-ahead log may hold half of a checkpoint and look whole.
    disk::RealDisk.sync_dir(path.parent().unwrap_or(Path::new("")))?;
    companions(path).iter().try_for_each(|it| remove(it))
}

fn failed(what: &str) -> impl FnOnce(io::Error) -> CatalogError {
    move |cause| CatalogError { what: what.to_owned(), cause: Box::new(cause) }
}
