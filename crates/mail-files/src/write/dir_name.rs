//! Folders as directories.

use std::path::{Path, PathBuf};

use types::{FolderPath, Hash};

/// Longer names are shortened and made unique by a hash: file systems allow 255 bytes, and
/// extensions come behind.
const NAME_BYTES_MAX: usize = 200;

/// The directory of a folder below `dir`. Parts are as a folder path has them (`/` is `%2F`);
/// what a directory name cannot be or would be taken for is escaped the same way.
pub(super) fn dir_of(dir: &Path, folder: &FolderPath) -> PathBuf {
    let mut path = dir.to_owned();
    path.extend(folder.as_str().split('/').map(dir_name));
    path
}

fn dir_name(part: &str) -> String {
    let mut name = String::with_capacity(part.len());
    for (idx, character) in part.chars().enumerate() {
        // A dot at the beginning is hidden, a Maildir++ folder, or leads out of the directory.
        if character.is_control() || character == '\\' || idx == 0 && character == '.' {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                name.push_str(&format!("%{byte:02X}"));
            }
        } else {
            name.push(character);
        }
    }
    if matches!(name.as_str(), "cur" | "new" | "tmp") {
        name.insert(0, '%');
    }
    if name.is_empty() {
        name.push('%');
    }
    if name.len() > NAME_BYTES_MAX {
        let hash = Hash::of(name.as_bytes()).to_string();
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX - 17));
        name.push('%');
        name.extend(hash.chars().take(16));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_become_directories() {
        let cases: [(&[&str], &str); 7] = [
            (&["alice@example.org", "INBOX"], "out/alice@example.org/INBOX"),
            (&["a", "Entwürfe", "x y"], "out/a/Entwürfe/x y"),
            (&["..", ".", ".hidden"], "out/%2E./%2E/%2Ehidden"),
            (&["a/b", ""], "out/a%2Fb/%"),
            (&["cur", "new"], "out/%cur/%new"),
            (&["nul\0", "tab\t", "C:\\x"], "out/nul%00/tab%09/C:%5Cx"),
            (&["%2E"], "out/%252E"),
        ];
        for (parts, want) in cases {
            let folder = FolderPath::from_parts(parts.iter().copied());
            assert_eq!(dir_of(Path::new("out"), &folder), Path::new(want));
        }
    }

    #[test]
    fn long_names_stay_different() {
        let one = dir_name(&format!("{}1", "ä".repeat(300)));
        let other = dir_name(&format!("{}2", "ä".repeat(300)));
        assert!(one.len() <= NAME_BYTES_MAX && other.len() <= NAME_BYTES_MAX);
        assert_ne!(one, other);
    }
}
