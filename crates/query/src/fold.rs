//! One way to fold text, for indexing and for querying: what differs only in case, accents or
//! typographic form is the same.
//!
//! What it is not: stemming or transliteration. `Müller` is found by `muller`, not by `mueller`.
//!
//! Rules, in this order:
//! 1. compatibility decomposition (Unicode NFKD): `ﬁ` is `fi`, `Ａ` is `A`, `²` is `2`;
//! 2. accents of European scripts, Hebrew points and Arabic vowel signs go; so do characters
//!    without a form of their own (soft hyphen, zero-width and direction marks, tatweel). Vowel
//!    signs of Indic and South-East Asian scripts and the kana voice marks stay: without them it
//!    is another word;
//! 3. lower case;
//! 4. letters with a stroke or ligatures that Unicode does not decompose: `ß` ss, `æ` ae, `œ` oe,
//!    `ø` o, `ł` l, `đ` d, `ð` d, `þ` th, `ħ` h, `ŧ` t, `ı` i, final `ς` σ;
//! 5. what is left of a decomposition is composed again (NFC), so a Hangul syllable is one
//!    character.
//!
//! Folding what is folded changes nothing.

use unicode_normalization::UnicodeNormalization;

/// Returns `text` folded.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Appends `text`, folded, to `out`.
pub fn fold_into(text: &str, out: &mut String) {
    if text.is_ascii() {
        out.extend(text.chars().map(|it| it.to_ascii_lowercase()));
        return;
    }
    let start = out.len();
    let mut may_compose = false;
    for part in text.nfkd().filter(|it| !is_dropped(*it)) {
        may_compose |= part >= FIRST_COMPOSING;
        for lower in part.to_lowercase() {
            match special(lower) {
                Some(plain) => out.push_str(plain),
                None => out.push(lower),
            }
        }
    }
    if may_compose {
        let composed: String = out.get(start..).unwrap_or_default().nfc().collect();
        out.truncate(start);
        out.push_str(&composed);
    }
}

/// Below this, every mark that a decomposition leaves behind is dropped: nothing composes again.
const FIRST_COMPOSING: char = '\u{900}';

fn special(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ħ' => "h",
        'ŧ' => "t",
        'ı' => "i",
        'ς' => "σ",
        _ => return None,
    })
}

/// Whether folding leaves this character out. It neither separates words nor is part of one.
#[must_use]
pub(crate) fn is_dropped(c: char) -> bool {
    is_accent(c) || is_ignorable(c)
}

fn is_accent(c: char) -> bool {
    matches!(c,
        // Combining marks of Latin, Greek and Cyrillic.
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
        // Hebrew accents and points.
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}'
        | '\u{5c7}'
        // Arabic vowel signs, hamza above and below, Koranic marks; Syriac points.
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}'
        | '\u{6df}'..='\u{6e4}' | '\u{6e7}' | '\u{6e8}' | '\u{6ea}'..='\u{6ed}'
        | '\u{711}' | '\u{730}'..='\u{74a}')
}

/// Characters that one does not see (Unicode: Default_Ignorable_Code_Point), and the tatweel,
/// which only stretches a word.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{640}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_as_documented() {
        let cases = [
            ("Straße STRASSE ẞ", "strasse strasse ss"),
            ("Crème Brûlée", "creme brulee"),
            ("cre\u{300}me", "creme"),
            ("Ångström ÅNGSTRÖM", "angstrom angstrom"),
            ("smørrebrød Łódź Đorđe", "smorrebrod lodz dorde"),
            ("Þórður Æsir Œuvre", "thordur aesir oeuvre"),
            ("İstanbul ISTANBUL ıssız", "istanbul istanbul issiz"),
            ("ΟΔΥΣΣΕΥΣ Ὀδυσσεύς", "οδυσσευσ οδυσσευσ"),
            ("Ёлка ёлка Київ", "елка елка киів"),
            ("שָׁלוֹם", "שלום"),
            ("أَحْمَد", "احمد"),
            ("مـحـمـد", "محمد"),
            ("ﬁne ＡＢＣ x² ㎏", "fine abc x2 kg"),
            ("ｶﾞｷﾞ が か\u{3099}", "ガギ が が"),
            ("한글 \u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}", "한글 한글"),
            ("हिन्दी", "हिन्दी"),
            ("ภาษาไทย", "ภาษาไทย"),
            ("in\u{200b}vis\u{ad}ible", "invisible"),
            ("plain ASCII, 100%!", "plain ascii, 100%!"),
        ];
        for (text, want) in cases {
            assert_eq!(fold(text), want, "{text}");
        }
    }

    #[test]
    fn folding_twice_is_folding_once_and_case_never_matters() {
        // Above this there are only ideographs, tags and private use.
        for c in '\u{0}'..'\u{20000}' {
            let once = fold(&c.to_string());
            assert_eq!(fold(&once), once, "U+{:04X}", u32::from(c));
            let lower: String = c.to_lowercase().collect();
            assert_eq!(fold(&lower), once, "U+{:04X} in lower case", u32::from(c));
        }
    }
}
