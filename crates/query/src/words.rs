//! Cuts text into the words that the index holds and a query asks for.
//!
//! What it is not: a dictionary. Nothing here knows a language.
//!
//! Rules:
//! - a word is a run of letters, digits and the marks on them; all else separates;
//! - words are folded ([`crate::fold`]);
//! - scripts that do not put spaces between words (Chinese, Japanese, Korean syllables, Thai, Lao,
//!   Khmer, Burmese) give one word per character with the marks on it; a query for several is a
//!   phrase, so every part of a text is found, be it one character;
//! - of a word longer than [`WORD_BYTES_MAX`] the beginning counts, in the index and in a query;
//! - addresses and file names are found by their words and, beside that, as a whole
//!   ([`whole_address`], [`whole_domain`], [`whole_file_name`]).

use unicode_normalization::char::is_combining_mark;

use crate::fold::{fold, fold_into, is_dropped};

/// What counts of a word, in bytes after folding.
pub const WORD_BYTES_MAX: usize = 64;

/// What counts of a whole address or file name, in bytes after folding.
pub const WHOLE_BYTES_MAX: usize = 160;

/// Walks over the words of a text without allocating for words of ASCII letters.
#[derive(Debug)]
pub struct WordCutter<'a> {
    rest: &'a str,
    /// A folded run that was more than one word, and how much of it was given out.
    run: String,
    run_at: usize,
}

impl<'a> WordCutter<'a> {
    /// Starts at the beginning of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> WordCutter<'a> {
        WordCutter { rest: text, run: String::new(), run_at: 0 }
    }

    /// Replaces the content of `word` by the next word; false after the last.
    pub fn next_into(&mut self, word: &mut String) -> bool {
        word.clear();
        loop {
            if self.next_of_run(word) {
                return true;
            }
            let Some(start) = self.rest.find(is_word_char) else {
                self.rest = "";
                return false;
            };
            let from_start = self.rest.get(start..).unwrap_or_default();
            if self.take_ascii(from_start, word) {
                return true;
            }
            let end = from_start.find(|it| !continues_word(it)).unwrap_or(from_start.len());
            let (run, rest) = from_start.split_at_checked(end).unwrap_or((from_start, ""));
            self.rest = rest;
            self.run.clear();
            self.run_at = 0;
            fold_into(run, &mut self.run);
        }
    }

    /// Takes a word of ASCII only. Leaves everything as it was when there is more to the word.
    fn take_ascii(&mut self, text: &'a str, word: &mut String) -> bool {
        let bytes = text.as_bytes();
        let end = bytes.iter().position(|it| !it.is_ascii_alphanumeric()).unwrap_or(bytes.len());
        if bytes.get(end).is_some_and(|it| !it.is_ascii()) {
            return false;
        }
        let (run, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        self.rest = rest;
        word.push_str(run.get(..WORD_BYTES_MAX).unwrap_or(run));
        word.make_ascii_lowercase();
        !word.is_empty()
    }

    /// Takes the next word of a folded run: a character that is a word by itself, with its marks,
    /// or the letters up to the next such character.
    fn next_of_run(&mut self, word: &mut String) -> bool {
        let rest = self.run.get(self.run_at..).unwrap_or_default();
        let mut chars = rest.char_indices().skip_while(|(_, it)| !is_word_char(*it));
        let Some((start, first)) = chars.next() else {
            return false;
        };
        let ends = |it: char| match is_word_alone(first) {
            true => !is_combining_mark(it),
            false => is_word_alone(it),
        };
        let end = chars.find(|(_, it)| ends(*it)).map_or(rest.len(), |(at, _)| at);
        word.extend(
            rest.get(start..end).unwrap_or_default().chars().filter(|it| is_word_char(*it)),
        );
        self.run_at += end;
        truncate(word, WORD_BYTES_MAX);
        true
    }
}

/// Returns the words of `text`, in order.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut cutter = WordCutter::new(text);
    let mut found = Vec::new();
    let mut word = String::new();
    while cutter.next_into(&mut word) {
        found.push(word.clone());
    }
    found
}

/// The form in which `local@domain` is found as a whole: folded, without spaces. `None` when it
/// has no `@` or nothing before it.
#[must_use]
pub fn whole_address(addr: &str) -> Option<String> {
    let whole = whole(addr);
    let (local, _) = whole.rsplit_once('@')?;
    (!local.is_empty()).then_some(whole)
}

/// The form in which the domain of an address is found as a whole: `@example.org`.
#[must_use]
pub fn whole_domain(addr: &str) -> Option<String> {
    let at = addr.rfind('@')?;
    let domain = whole(addr.get(at..)?);
    (domain.len() > 1).then_some(domain)
}

/// The form in which a file name is found as a whole: folded, spaces as they are but trimmed.
/// `None` when that is no more than one word.
#[must_use]
pub fn whole_file_name(name: &str) -> Option<String> {
    let mut whole = fold(name.trim());
    truncate(&mut whole, WHOLE_BYTES_MAX);
    whole.contains(|it| !is_word_char(it)).then_some(whole)
}

fn whole(text: &str) -> String {
    let mut whole = fold(text);
    whole.retain(|it| !it.is_whitespace() && !it.is_control());
    truncate(&mut whole, WHOLE_BYTES_MAX);
    whole
}

/// Cuts `text` at the last character that ends within `bytes_max`.
pub(crate) fn truncate(text: &mut String, bytes_max: usize) {
    if bytes_max < text.len() {
        text.truncate(text.floor_char_boundary(bytes_max));
    }
}

/// Whether a word can start with this character.
pub(crate) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || (!c.is_ascii() && is_combining_mark(c) && !is_dropped(c))
}

/// Whether a word goes on with this character.
pub(crate) fn continues_word(c: char) -> bool {
    is_word_char(c) || is_dropped(c)
}

/// Whether this (folded) character is of a script without spaces between words.
pub(crate) fn is_word_alone(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}'
        | '\u{1780}'..='\u{17ff}' | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}'
        | '\u{3021}'..='\u{318f}' | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{a4cf}' | '\u{a960}'..='\u{a97f}'
        | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}' | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}' | '\u{1aff0}'..='\u{1b2ff}' | '\u{20000}'..='\u{3ffff}')
        && c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_as_documented() {
        let cases: [(&str, &[&str]); 17] = [
            ("Hello, World!", &["hello", "world"]),
            ("  a--b__c\n", &["a", "b", "c"]),
            ("don't l'été 3.14 size_t", &["don", "t", "l", "ete", "3", "14", "size", "t"]),
            ("Müller Mu\u{308}ller MÜLLER", &["muller", "muller", "muller"]),
            ("x\u{301}\u{302}y", &["xy"]),
            ("\u{301}x", &["x"]),
            ("soft\u{ad}hyphen zero\u{200b}width", &["softhyphen", "zerowidth"]),
            ("10½ ﷺ", &["1012", "صلىاللهعليهوسلم"]),
            ("2026年度報告ABC", &["2026", "年", "度", "報", "告", "abc"]),
            ("ひらがな カタカナ ｶﾞ", &["ひ", "ら", "が", "な", "カ", "タ", "カ", "ナ", "ガ"]),
            ("계약서를", &["계", "약", "서", "를"]),
            ("ภาษา", &["ภ", "า", "ษ", "า"]),
            ("ที่นี่", &["ที่", "นี่"]),
            ("हिन्दी में", &["हिन्दी", "में"]),
            ("🎉 party 🎉", &["party"]),
            ("", &[]),
            ("--- …", &[]),
        ];
        for (text, want) in cases {
            assert_eq!(words(text), want, "{text}");
        }
    }

    #[test]
    fn long_words_count_by_their_beginning() {
        for (text, want) in [("x".repeat(100), "x".repeat(64)), ("é".repeat(100), "e".repeat(64))]
        {
            assert_eq!(words(&text), [want]);
        }
        let greek = "λ".repeat(65);
        assert_eq!(words(&greek), ["λ".repeat(32)]);
        assert_eq!(words(&format!("x{greek}")), [format!("x{}", "λ".repeat(31))]);
    }

    #[test]
    fn whole_forms() {
        let cases = [
            ("Bob@Example.ORG", "bob@example.org", "@example.org"),
            (" bob @ example.org ", "bob@example.org", "@example.org"),
            ("\"a@b\"@example.org", "\"a@b\"@example.org", "@example.org"),
            ("@example.org", "-", "@example.org"),
            ("bob@", "bob@", "-"),
            ("undisclosed", "-", "-"),
            ("", "-", "-"),
        ];
        for (addr, address, domain) in cases {
            assert_eq!(whole_address(addr).as_deref().unwrap_or("-"), address, "{addr}");
            assert_eq!(whole_domain(addr).as_deref().unwrap_or("-"), domain, "{addr}");
        }
        assert_eq!(whole_file_name("Bericht 2026.PDF").as_deref(), Some("bericht 2026.pdf"));
        assert_eq!(whole_file_name("README"), None);
    }

    /// What is found must not depend on where the text was folded.
    #[test]
    fn words_of_a_folded_text_are_the_same_words() {
        let pieces =
            ["Ab", "é", "ß", "報", "が", "ｶ", "ﾞ", "ที่", "한", "-", " ", "\u{301}", "½", "9"];
        let mut seed = 7_u64;
        for _ in 0..2_000 {
            let mut text = String::new();
            for _ in 0..8 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(pieces[usize::try_from(seed >> 33).unwrap() % pieces.len()]);
            }
            let once = words(&text);
            assert_eq!(words(&once.join(" ")), once, "{text:?}");
        }
    }
}
