//! Names of files and directories: as text, as folders, and as what they are known to be.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A name as text, without loss: bytes that are not UTF-8 are written `\xNN`.
pub(crate) fn text(name: &OsStr) -> String {
    let mut out = String::with_capacity(name.len());
    for chunk in name.as_bytes().utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// A path as text, the same way.
pub(crate) fn path_text(path: &Path) -> String {
    text(path.as_os_str())
}

/// The folder that a directory of a tree stands for. Thunderbird keeps the folders below `Work`
/// in `Work.sbd`; Apple Mail exports a folder as `Work.mbox/mbox`.
pub(crate) fn dir_folder(name: &OsStr) -> String {
    let name = text(name);
    let stem = name.strip_suffix(".sbd").or_else(|| name.strip_suffix(".mbox"));
    stem.filter(|it| !it.is_empty()).unwrap_or(&name).to_owned()
}

/// The folder that an mbox file stands for.
pub(crate) fn mbox_folder(path: &Path) -> Option<String> {
    let name = text(path.file_name()?);
    let in_mbox_dir = path.parent().and_then(Path::extension).is_some_and(|it| it == "mbox");
    if name == "mbox" && in_mbox_dir {
        return None;
    }
    let stem = name.strip_suffix(".mbox").or_else(|| name.strip_suffix(".mbx"));
    Some(stem.filter(|it| !it.is_empty()).unwrap_or(&name).to_owned())
}

/// The folders that a Maildir++ directory (`.Work.Projects`) stands for; `None` when its name is
/// not of that form. Each is modified UTF-7 (RFC 3501 §5.1.3) where it can be.
pub(crate) fn maildir_folders(name: &OsStr) -> Option<Vec<String>> {
    let rest = name.as_bytes().strip_prefix(b".").filter(|it| !it.is_empty())?;
    let part = |it: &[u8]| decode_mutf7(it).unwrap_or_else(|| text(OsStr::from_bytes(it)));
    Some(rest.split(|it| *it == b'.').map(part).collect())
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn decode_mutf7(name: &[u8]) -> Option<String> {
    let mut rest = std::str::from_utf8(name).ok().filter(|it| it.is_ascii())?;
    let mut out = String::with_capacity(rest.len());
    while let Some((plain, shifted)) = rest.split_once('&') {
        out.push_str(plain);
        let (encoded, after) = shifted.split_once('-')?;
        if encoded.is_empty() {
            out.push('&');
        }
        let bytes = BASE64.decode(encoded).ok()?;
        let (pairs, odd) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|it| u16::from_be_bytes(*it));
        let run = char::decode_utf16(units).collect::<Result<String, _>>().ok()?;
        out.push_str(odd.is_empty().then_some(&run)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// Why a file is known not to be mail, by its name; `None` when it is not known.
pub(crate) fn known_not_mail(name: &OsStr) -> Option<&'static str> {
    let name = text(name).to_ascii_lowercase();
    let is_any = |list: &[&str]| list.contains(&name.as_str());
    let starts = |list: &[&str]| list.iter().any(|it| name.starts_with(it));
    if is_any(&SYSTEM_FILES) || name.starts_with("._") {
        return Some("a file of the operating system");
    }
    if is_any(&CONTROL_FILES) || starts(&CONTROL_PREFIXES) {
        return Some("a control file of a mail program");
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension)?;
    let of = |list: &[&str]| list.contains(&extension);
    if of(&CONTROL_EXTENSIONS) {
        return Some("a control file of a mail program");
    }
    if of(&MAIL_IN_OTHER_FORMS) {
        return Some("mail in a form that cannot be read yet");
    }
    of(&OTHER_FILES).then_some("not mail, by its name")
}

const SYSTEM_FILES: [&str; 5] = [".ds_store", "thumbs.db", "desktop.ini", ".directory", ".nomedia"];

/// Dovecot, Courier, Cyrus, mbsync, offlineimap, Gnus, MH, Thunderbird, Apple Mail.
const CONTROL_FILES: [&str; 19] = [
    "maildirfolder",
    "maildirsize",
    "subscriptions",
    ".subscriptions",
    ".customflags",
    ".uidvalidity",
    ".isyncuidmap.db",
    ".mh_sequences",
    ".xmhcache",
    ".mh_profile",
    ".marks",
    ".overview",
    ".nov",
    "table_of_contents",
    "msgfilterrules.dat",
    "popstate.dat",
    "filterlog.html",
    "summary-info",
    "info.plist",
];

const CONTROL_PREFIXES: [&str; 10] = [
    "dovecot.",
    "dovecot-",
    ".dovecot",
    "courierimap",
    ".mbsyncstate",
    ".imap",
    "cyrus.",
    ".cache.",
    ".nfs",
    ".ev-summary",
];

const CONTROL_EXTENSIONS: [&str; 9] =
    ["msf", "lock", "cmeta", "index", "ibex", "sbd", "snm", "toc", "lck"];

const MAIL_IN_OTHER_FORMS: [&str; 12] =
    ["pst", "ost", "msg", "emlx", "emlxpart", "dbx", "zip", "gz", "tgz", "bz2", "xz", "7z"];

const OTHER_FILES: [&str; 44] = [
    "png", "jpg", "jpeg", "gif", "bmp", "ico", "tif", "tiff", "webp", "svg", "heic", "pdf", "doc",
    "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "rtf", "mp3", "mp4", "mov", "avi",
    "wav", "ogg", "mkv", "tar", "rar", "zst", "iso", "exe", "dll", "so", "o", "class", "jar",
    "sqlite", "sqlite3", "db", "wal", "css",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn os(bytes: &[u8]) -> &OsStr {
        OsStr::from_bytes(bytes)
    }

    #[test]
    fn names_as_text() {
        assert_eq!(text(os("Entwürfe".as_bytes())), "Entwürfe");
        assert_eq!(text(os(b"Entw\xfcrfe")), "Entw\\xfcrfe");
    }

    #[test]
    fn folders_by_name() {
        for (name, want) in
            [("Work", "Work"), ("Work.sbd", "Work"), ("a.mbox", "a"), (".sbd", ".sbd")]
        {
            assert_eq!(dir_folder(OsStr::new(name)), want);
        }
        let cases = [
            ("mail/Sent", Some("Sent")),
            ("mail/Sent.mbox", Some("Sent")),
            ("mail/All mail.mbx", Some("All mail")),
            ("mail/Sent.mbox/mbox", None),
            ("mail/mbox", Some("mbox")),
        ];
        for (path, want) in cases {
            assert_eq!(mbox_folder(Path::new(path)).as_deref(), want, "{path}");
        }
    }

    #[test]
    fn maildir_folders_by_name() {
        let cases: [(&[u8], Option<&[&str]>); 8] = [
            (b".Sent", Some(&["Sent"])),
            (b".Work.Projects", Some(&["Work", "Projects"])),
            (b".Entw&APw-rfe", Some(&["Entwürfe"])),
            (b".A &- B", Some(&["A & B"])),
            (b".Tom & Jerry", Some(&["Tom & Jerry"])),
            ("\u{2e}Entwürfe".as_bytes(), Some(&["Entwürfe"])),
            (b"Sent", None),
            (b".", None),
        ];
        for (name, want) in cases {
            let got = maildir_folders(os(name));
            assert_eq!(
                got.as_deref(),
                want.map(|it| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()).as_deref()
            );
        }
    }

    #[test]
    fn files_known_by_name() {
        for name in [
            ".DS_Store",
            "Thumbs.db",
            "dovecot.index.log",
            "dovecot-uidlist",
            "INBOX.msf",
            "old.PST",
            "photo.jpg",
            "._1.eml",
        ] {
            assert!(known_not_mail(OsStr::new(name)).is_some(), "{name}");
        }
        for name in [
            "1.eml",
            "1",
            "INBOX",
            "Sent.mbox",
            "mail.txt",
            "1234.M1P2.host:2,S",
            "cur",
            "README",
            ".eml",
        ] {
            assert_eq!(known_not_mail(OsStr::new(name)), None, "{name}");
        }
    }
}
