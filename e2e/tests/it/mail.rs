//! Mail for tests, and the files it is in.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Messages by their file name: ordinary ones, and what is none but is kept all the same.
pub(crate) fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let report = "From: Bob Example <bob@example.org>\r\n\
        To: Alice <alice@example.org>\r\n\
        Subject: Quarterly report\r\n\
        Date: Fri, 1 Mar 2024 09:30:00 +0000\r\n\
        Message-ID: <1@example.org>\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n\
        --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHere are the figures.\r\n\
        --b\r\nContent-Type: application/pdf; name=\"report.pdf\"\r\n\
        Content-Disposition: attachment; filename=\"report.pdf\"\r\n\
        Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n--b--\r\n";
    let lunch = "From: carol@example.org\nTo: alice@example.org, bob@example.org\n\
        Subject: =?utf-8?q?Mittagessen_um_zw=C3=B6lf=3F?=\n\
        Date: Sat, 2 Mar 2024 10:00:00 +0100\nMessage-ID: <2@example.org>\n\
        Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n\
        Gr\u{fc}\u{df}e, und ein \u{1b}[31mFarbwechsel\n";
    // Latin-1 on the wire: every character of it is one byte.
    let lunch: Vec<u8> = lunch.chars().map(|it| u8::try_from(u32::from(it)).unwrap()).collect();
    let quoting = "From: Dave <dave@example.net>\nTo: alice@example.org\nSubject: From lines\n\
        Date: Sun, 3 Mar 2024 08:00:00 +0000\nMessage-ID: <3@example.net>\n\n\
        From here on\n>From there on\n\nNo line end at the end";
    vec![
        ("report.eml", report.into()),
        ("lunch.eml", lunch),
        ("quoting.eml", quoting.into()),
        ("no-header.eml", b"no header at all\n".to_vec()),
        ("binary.eml", vec![0, 255, 13, 10, 26, 10]),
        ("empty.eml", Vec::new()),
    ]
}

/// Writes the samples into `dir`.
pub(crate) fn write_samples(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    for (name, bytes) in samples() {
        fs::write(dir.join(name), bytes).unwrap();
    }
}

/// Writes messages as an mboxrd file.
pub(crate) fn write_mbox(path: &Path, messages: &[&[u8]]) {
    let mut mbox = Vec::new();
    for message in messages {
        mbox.extend_from_slice(b"From bob@example.org Fri Mar  1 09:30:00 2024\n");
        for line in message.split_inclusive(|it| *it == b'\n') {
            let after_signs = line.iter().skip_while(|it| **it == b'>').copied();
            if after_signs.take(5).eq(b"From ".iter().copied()) {
                mbox.push(b'>');
            }
            mbox.extend_from_slice(line);
        }
        if !message.ends_with(b"\n") {
            mbox.push(b'\n');
        }
        mbox.push(b'\n');
    }
    fs::write(path, mbox).unwrap();
}

/// The id of a message.
pub(crate) fn id(bytes: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    hash.iter().map(|it| format!("{it:02x}")).collect()
}

/// Messages by their id.
pub(crate) fn by_id<'a>(messages: impl IntoIterator<Item = &'a [u8]>) -> BTreeMap<String, Vec<u8>> {
    messages.into_iter().map(|it| (id(it), it.to_vec())).collect()
}

/// The names of all files in a directory and those below, and their bytes.
pub(crate) fn files_below(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read(&path).unwrap()));
        }
    }
    files
}

/// The messages of an export as EML: every file is named by the hash of its bytes.
pub(crate) fn exported(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let check = |(name, bytes): (String, Vec<u8>)| {
        assert_eq!(name, format!("{}.eml", id(&bytes)));
        (id(&bytes), bytes)
    };
    files_below(dir).into_iter().map(check).collect()
}
