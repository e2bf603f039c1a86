//! File systems that do not keep what a log needs: locks that hold, syncs that sync.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor, statfs, statvfs};
use thiserror::Error;

use crate::path_error::at;

/// The directory is on a file system that segments are not kept on.
#[derive(Debug, Error)]
#[error("{} is on a network file system ({name})", dir.display())]
pub struct RefusedFileSystem {
    dir: PathBuf,
    name: String,
}

/// Magic numbers of statfs(2) for network file systems, as Linux' `magic.h` and the manual page
/// list them.
const NETWORK: [(u32, &str); 9] = [
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x564c, "ncp"),
    (0x7375_7245, "coda"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "afs"),
    (0x0102_1997, "9p"),
];

const FUSE: u32 = 0x6573_5546;

/// File systems in user space that keep their files on another machine.
const NETWORK_FUSE: [&str; 13] = [
    "sshfs",
    "glusterfs",
    "s3fs",
    "rclone",
    "gcsfuse",
    "goofys",
    "mount-s3",
    "blobfuse",
    "blobfuse2",
    "curlftpfs",
    "davfs",
    "juicefs",
    "smbnetfs",
];

/// Refuses a directory on a network file system.
///
/// # Errors
///
/// An I/O error when the directory cannot be looked at; inside it a [`RefusedFileSystem`], of
/// kind `Unsupported`, when it is refused.
pub fn check_file_system(dir: &Path) -> io::Result<()> {
    let stat = statfs(dir).map_err(|it| at("look at", dir)(it.into()))?;
    // The type of the field differs by machine; the magic numbers have 32 bits.
    let magic = u32::try_from(stat.f_type & 0xffff_ffff).unwrap_or_default();
    let mount_type = if magic == FUSE { mount_type(dir) } else { None };
    match network_name(magic, mount_type.as_deref()) {
        None => Ok(()),
        Some(name) => {
            let refused = RefusedFileSystem { dir: dir.to_owned(), name };
            Err(io::Error::new(io::ErrorKind::Unsupported, refused))
        }
    }
}

/// Bytes that are free for this process on the disk of a directory, and all that it has.
///
/// # Errors
///
/// When the directory cannot be looked at.
pub fn room(dir: &Path) -> io::Result<(u64, u64)> {
    let stat = statvfs(dir).map_err(|it| at("look at", dir)(it.into()))?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Ok((bytes(stat.f_bavail), bytes(stat.f_blocks)))
}

/// The name of the network file system, if it is one.
fn network_name(magic: u32, mount_type: Option<&str>) -> Option<String> {
    if magic == FUSE {
        let program = mount_type?.strip_prefix("fuse.")?;
        return NETWORK_FUSE.contains(&program).then(|| format!("fuse.{program}"));
    }
    NETWORK.iter().find(|(it, _)| *it == magic).map(|(_, name)| (*name).to_owned())
}

/// The type of the mount that `path` is on, by its device number; `None` when it is not found.
fn mount_type(path: &Path) -> Option<String> {
    let device = path.metadata().ok()?.dev();
    let device = format!("{}:{}", major(device), minor(device));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|it| mount_type_of(it, &device))
}

/// The type in a line of proc_pid_mountinfo(5): the field behind the lonely dash.
fn mount_type_of(line: &str, device: &str) -> Option<String> {
    let (mount, file_system) = line.split_once(" - ")?;
    let is_it = mount.split(' ').nth(2) == Some(device);
    let name = file_system.split(' ').next()?;
    is_it.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known() {
        let cases = [
            (0xef53, None, None),
            (0x9123_683e, None, None),
            (0x0102_1994, None, None),
            (0x6969, None, Some("nfs")),
            (0xfe53_4d42, None, Some("smb2")),
            (FUSE, Some("fuse.sshfs"), Some("fuse.sshfs")),
            (FUSE, Some("fuseblk"), None),
            (FUSE, Some("fuse.gocryptfs"), None),
            (FUSE, None, None),
        ];
        for (magic, mount_type, want) in cases {
            assert_eq!(network_name(magic, mount_type).as_deref(), want, "{magic:x}");
        }
    }

    #[test]
    fn mounts_are_found_by_device() {
        let line = "36 35 98:0 /m /mnt rw,noatime master:1 - fuse.sshfs user@host:/ rw";
        assert_eq!(mount_type_of(line, "98:0").as_deref(), Some("fuse.sshfs"));
        assert_eq!(mount_type_of(line, "98:1"), None);
        assert_eq!(mount_type_of("garbage", "98:0"), None);
    }

    #[test]
    fn a_local_directory_is_taken() {
        check_file_system(&std::env::temp_dir()).unwrap();
        let error = check_file_system(Path::new("/no/such")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_refusal_names_directory_and_kind() {
        let refused = RefusedFileSystem { dir: "/data".into(), name: "nfs".into() };
        assert_eq!(refused.to_string(), "/data is on a network file system (nfs)");
    }
}
