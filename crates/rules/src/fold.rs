//! The forms in which a folder name is compared with the tables of names, and in which a text is
//! looked for in another.
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

/// Folds a text that something is looked for in: what differs only in case, accents, width or
/// the length of its white space is the same. A header value is one line, so white space is too.
pub(crate) fn fold_text(text: &str) -> String {
    let is_accent = |it: &char| matches!(it, '\u{300}'..='\u{36f}');
    let plain: String = text.nfkd().filter(|it| !is_accent(it)).collect();
    let lower = plain.to_lowercase().replace('ß', "ss").replace('ı', "i").replace('ς', "σ");
    let words: Vec<&str> = lower.split_whitespace().collect();
    words.join(" ").nfkd().filter(|it| !is_accent(it)).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_texts() {
        let cases = [
            ("Re:  Grüße\taus \u{a0}Köln", "re: grusse aus koln"),
            ("GRÜSSE", "grusse"),
            ("Ｒｅｐｏｒｔ ﬁnal", "report final"),
            ("İstanbul ISTANBUL ıssız", "istanbul istanbul issiz"),
            ("ΟΔΥΣΣΕΥΣ Ὀδυσσεύς", "οδυσσευσ οδυσσευσ"),
            ("한글", "한글"),
            ("", ""),
        ];
        for (text, want) in cases {
            assert_eq!(fold_text(text), want, "{text}");
            assert_eq!(fold_text(want), want, "folding twice is folding once");
        }
    }

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
