//! The form in which a folder name is compared with the tables of names.
//!
//! What it is not: the form in which folders are told apart. That is NFC, with case.

use unicode_normalization::UnicodeNormalization;

/// Folds a name: NFC, lower case, white space runs as one space, and the look-alikes that
/// clients and servers exchange freely (typographic apostrophe and hyphens, final sigma, Turkish
/// dotted and dotless i, `ё`).
pub(crate) fn fold(name: &str) -> String {
    // Upper-case dotted I becomes i and a combining dot in lower case.
    let lower = name.nfc().collect::<String>().to_lowercase().replace("i\u{307}", "i");
    let alike = |it: char| match it {
        'ı' => 'i',
        'ς' => 'σ',
        'ё' => 'е',
        '\u{2019}' | '\u{2018}' | '\u{2bc}' => '\'',
        '\u{2010}' | '\u{2011}' | '\u{2013}' => '-',
        other => other,
    };
    let words: Vec<&str> = lower.split_whitespace().collect();
    words.join(" ").nfc().map(alike).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_spelling() {
        let cases = [
            ("Trash", "trash"),
            ("  Deleted \u{a0} Items ", "deleted items"),
            ("Entwu\u{308}rfe", "entwürfe"),
            ("ÉLÉMENTS SUPPRIMÉS", "éléments supprimés"),
            ("Boîte d\u{2019}envoi", "boîte d'envoi"),
            ("Silinmiş İletiler", "silinmiş iletiler"),
            ("ÇÖP KUTUSU", "çöp kutusu"),
            ("Κάδος", "κάδοσ"),
            ("Удалённые", "удаленные"),
            ("", ""),
        ];
        for (name, want) in cases {
            assert_eq!(fold(name), want, "{name}");
        }
    }
}
