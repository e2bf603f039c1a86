//! Whether what is written to a directory is encrypted before it reaches a disk.
//!
//! What it is not: a proof. It names what the kernel says of the devices below a directory: a disk
//! that encrypts by itself is not seen, nor is what a virtual machine stands on.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{major, minor, statfs};

/// Devices that stand on others are followed this far down.
const DEVICES_DEEP_MAX: usize = 16;

/// What is known of the encryption below a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileEncryption {
    /// Every device below it is encrypted, or the directory is: by what.
    Encrypted(String),
    /// It is in memory only.
    Memory,
    /// Nothing below it is encrypted, as far as the kernel says: the device or file system.
    None(String),
    /// The kernel does not say.
    Unknown(String),
}

const TMPFS: u32 = 0x0102_1994;
const RAMFS: u32 = 0x8584_58f6;
const ECRYPTFS: u32 = 0xf15f;
const FUSE: u32 = 0x6573_5546;
const BTRFS: u32 = 0x9123_683e;
const ZFS: u32 = 0x2fc1_2fc1;
const OVERLAY: u32 = 0x794c_7630;

/// File systems in user space that encrypt.
const ENCRYPTING_FUSE: [&str; 4] = ["gocryptfs", "encfs", "cryfs", "securefs"];

/// `STATX_ATTR_ENCRYPTED`: fscrypt encrypts the directory.
const ATTR_ENCRYPTED: u64 = 0x800;

/// What is known of the encryption of the files in a directory.
#[must_use]
pub fn file_encryption(dir: &Path) -> FileEncryption {
    let Ok(stat) = statfs(dir) else {
        return FileEncryption::Unknown("the directory cannot be looked at".into());
    };
    let magic = u32::try_from(stat.f_type & 0xffff_ffff).unwrap_or_default();
    match magic {
        TMPFS | RAMFS => return FileEncryption::Memory,
        ECRYPTFS => return FileEncryption::Encrypted("ecryptfs".into()),
        ZFS => return FileEncryption::Unknown("zfs, whose encryption `zfs get` shows".into()),
        OVERLAY => {
            return FileEncryption::Unknown("an overlay, as containers have it".into());
        }
        _ => (),
    }
    if is_fscrypt(dir) {
        return FileEncryption::Encrypted("fscrypt".into());
    }
    let Ok(metadata) = dir.metadata() else {
        return FileEncryption::Unknown("the directory cannot be looked at".into());
    };
    let device = format!("{}:{}", major(metadata.dev()), minor(metadata.dev()));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mount = mounts.lines().find_map(|it| mount_of(it, &device));
    if magic == FUSE {
        return of_fuse(mount.map(|(kind, _)| kind));
    }
    // btrfs gives its files numbers of a device that is none: the mount names a real one.
    let block = match (magic, mount) {
        (BTRFS, Some((_, source))) => block_of(source),
        _ => Some(device),
    };
    match block {
        Some(block) => of_device(Path::new("/sys"), &block),
        None => FileEncryption::Unknown("a file system without a device".into()),
    }
}

fn is_fscrypt(dir: &Path) -> bool {
    let flags = rustix::fs::AtFlags::empty();
    let asked = rustix::fs::statx(rustix::fs::CWD, dir, flags, rustix::fs::StatxFlags::BASIC_STATS);
    asked.is_ok_and(|it| it.stx_attributes.bits() & ATTR_ENCRYPTED != 0)
}

fn of_fuse(kind: Option<&str>) -> FileEncryption {
    let program = kind.and_then(|it| it.strip_prefix("fuse.")).unwrap_or_default();
    if ENCRYPTING_FUSE.contains(&program) {
        return FileEncryption::Encrypted(program.to_owned());
    }
    FileEncryption::Unknown(format!("a file system in user space ({program})"))
}

/// The type and the source of a mount, if the line of proc_pid_mountinfo(5) is of this device.
fn mount_of<'a>(line: &'a str, device: &str) -> Option<(&'a str, &'a str)> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut words = file_system.split(' ');
    let found = (words.next()?, words.next()?);
    (mount.split(' ').nth(2) == Some(device)).then_some(found)
}

/// The number of a block device by its path.
fn block_of(source: &str) -> Option<String> {
    let device = Path::new(source).metadata().ok()?.rdev();
    (device != 0).then(|| format!("{}:{}", major(device), minor(device)))
}

/// What the kernel's table of devices, in `sys`, says of a block device.
fn of_device(sys: &Path, number: &str) -> FileEncryption {
    let dir = sys.join("dev/block").join(number);
    if !dir.is_dir() {
        return FileEncryption::Unknown(format!("the device {number} is not known"));
    }
    match looked_at(&dir, 0) {
        Found::Crypt(by) => FileEncryption::Encrypted(by),
        Found::Plain(name) => FileEncryption::None(name),
        Found::Unknown => FileEncryption::Unknown(format!("what the device {number} stands on")),
    }
}

/// What stands below a device, itself included.
enum Found {
    Crypt(String),
    Plain(String),
    Unknown,
}

fn looked_at(dir: &Path, depth: usize) -> Found {
    let text = |name: &str| std::fs::read_to_string(dir.join(name)).ok();
    // dm-crypt names its devices CRYPT-LUKS2-..., CRYPT-PLAIN-... and the like.
    let uuid = text("dm/uuid").unwrap_or_default();
    if let Some(rest) = uuid.trim().strip_prefix("CRYPT-") {
        let kind = rest.split('-').next().unwrap_or_default();
        return Found::Crypt(format!("dm-crypt ({kind})"));
    }
    if DEVICES_DEEP_MAX < depth {
        return Found::Unknown;
    }
    let below = |it: std::fs::ReadDir| it.flatten().map(|it| it.path()).collect::<Vec<_>>();
    let slaves = std::fs::read_dir(dir.join("slaves")).map(below).unwrap_or_default();
    let mut found = None;
    for slave in slaves {
        match looked_at(&slave, depth + 1) {
            Found::Crypt(by) => found = found.or(Some(Found::Crypt(by))),
            // One of several that is not encrypted is enough.
            other => return other,
        }
    }
    found.unwrap_or_else(|| {
        let name = dir.canonicalize().ok();
        let name = name.and_then(|it| Some(it.file_name()?.to_string_lossy().into_owned()));
        Found::Plain(name.unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn device(sys: &Path, number: &str, uuid: Option<&str>, slaves: &[&str]) {
        let dir = sys.join("dev/block").join(number);
        fs::create_dir_all(dir.join("slaves")).unwrap();
        if let Some(uuid) = uuid {
            fs::create_dir_all(dir.join("dm")).unwrap();
            fs::write(dir.join("dm/uuid"), format!("{uuid}\n")).unwrap();
        }
        for slave in slaves {
            let to = sys.join("dev/block").join(slave);
            std::os::unix::fs::symlink(to, dir.join("slaves").join(slave)).unwrap();
        }
    }

    /// A table of devices as the kernel shows it: disk, LUKS on it, volumes on that, and a mirror
    /// of which one half is not encrypted.
    #[test]
    fn devices_are_followed_down_to_what_encrypts() {
        let dir = tempfile::tempdir().unwrap();
        let sys = dir.path();
        device(sys, "8:0", None, &[]);
        device(sys, "8:16", None, &[]);
        device(sys, "254:0", Some("CRYPT-LUKS2-5c8f-luks"), &["8:0"]);
        device(sys, "254:1", Some("LVM-abc"), &["254:0"]);
        device(sys, "254:2", Some("LVM-def"), &["8:16"]);
        device(sys, "9:0", None, &["254:0", "8:16"]);
        let luks = || FileEncryption::Encrypted("dm-crypt (LUKS2)".into());
        let none = |it: &str| FileEncryption::None(it.into());
        assert_eq!(of_device(sys, "254:0"), luks());
        assert_eq!(of_device(sys, "254:1"), luks());
        assert_eq!(of_device(sys, "254:2"), none("8:16"));
        assert_eq!(of_device(sys, "8:0"), none("8:0"));
        assert_eq!(of_device(sys, "9:0"), none("8:16"));
        assert!(matches!(of_device(sys, "7:7"), FileEncryption::Unknown(_)));
    }

    #[test]
    fn memory_is_told_and_mounts_are_found_by_device() {
        if Path::new("/dev/shm").is_dir() {
            assert_eq!(file_encryption(Path::new("/dev/shm")), FileEncryption::Memory);
        }
        let line = "36 35 0:31 / /mnt rw - btrfs /dev/mapper/crypt rw,subvol=/";
        assert_eq!(mount_of(line, "0:31"), Some(("btrfs", "/dev/mapper/crypt")));
        assert_eq!(mount_of(line, "0:32"), None);
        let gocryptfs = FileEncryption::Encrypted("gocryptfs".into());
        assert_eq!(of_fuse(Some("fuse.gocryptfs")), gocryptfs);
        assert!(matches!(of_fuse(Some("fuse.sshfs")), FileEncryption::Unknown(_)));
    }
}
