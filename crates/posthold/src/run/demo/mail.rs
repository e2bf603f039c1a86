//! The sample mail, part of the binary.

/// A file of `demo_mail`: its path, and its bytes.
macro_rules! mail {
    ($path:literal) => {
        ($path, include_bytes!(concat!("../../../demo_mail/", $path)))
    };
}

/// Every file: its path, of which the first part is the user, and its bytes.
pub(super) const MAIL: &[(&str, &[u8])] = &[
    mail!("alice/INBOX/01-quarterly-report.eml"),
    mail!("alice/INBOX/02-quarterly-report-reply-all.eml"),
    mail!("alice/INBOX/03-islands.eml"),
    mail!("alice/INBOX/04-german-latin1.eml"),
    mail!("alice/INBOX/05-french-windows1252.eml"),
    mail!("alice/INBOX/06-japanese-iso2022jp.eml"),
    mail!("alice/INBOX/07-russian-koi8r.eml"),
    mail!("alice/INBOX/08-chinese-gb18030.eml"),
    mail!("alice/INBOX/09-chinese-big5.eml"),
    mail!("alice/INBOX/10-raw-8bit-header.eml"),
    mail!("alice/INBOX/11-utf8-header-eai.eml"),
    mail!("alice/INBOX/12-word-cut-in-character.eml"),
    mail!("alice/INBOX/13-no-date.eml"),
    mail!("alice/INBOX/14-wrong-date.eml"),
    mail!("alice/INBOX/15-no-message-id.eml"),
    mail!("alice/INBOX/16-same-message-id-a.eml"),
    mail!("alice/INBOX/17-same-message-id-b.eml"),
    mail!("alice/INBOX/18-empty.eml"),
    mail!("alice/INBOX/19-only-text-no-header.eml"),
    mail!("alice/INBOX/20-only-header.eml"),
    mail!("alice/INBOX/21-broken-multipart.eml"),
    mail!("alice/Projects/Lighthouse/01-launch-html.eml"),
    mail!("alice/Projects/Lighthouse/02-only-html.eml"),
    mail!("alice/Projects/Lighthouse/03-drawings.eml"),
    mail!("alice/Projects/Lighthouse/04-umlaut-file-name.eml"),
    mail!("alice/Projects/Lighthouse/05-forwarded.eml"),
    mail!("alice/Projects/Lighthouse/06-same-attachment-again.eml"),
    mail!("alice/Sent/01-quarterly-report-answer.eml"),
    mail!("alice/Sent/02-insurance.eml"),
    mail!("bob/Archive/2025/01-old-contract.eml"),
    mail!("bob/Archive/2025/02-year-end.eml"),
    mail!("bob/INBOX/01-welcome.eml"),
    mail!("bob/INBOX/02-holiday-plan.eml"),
    mail!("bob/INBOX/03-spanish.eml"),
    mail!("bob/INBOX/04-polish-latin2.eml"),
    mail!("bob/INBOX/05-flowed.eml"),
    mail!("bob/Sent/01-quarterly-report.eml"),
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::MAIL;

    fn files_below(dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path());
        entries.flat_map(|it| if it.is_dir() { files_below(&it) } else { vec![it] }).collect()
    }

    #[test]
    fn every_file_is_part_of_the_binary() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo_mail");
        let mut there: Vec<String> = files_below(&dir)
            .iter()
            .map(|it| it.strip_prefix(&dir).unwrap().to_str().unwrap().to_owned())
            .collect();
        there.sort();
        let embedded: Vec<&str> = MAIL.iter().map(|(path, _)| *path).collect();
        assert_eq!(embedded, there);
    }
}
