//! What the HTML form of a text says beyond its plain form.
//!
//! Mail mostly says the same twice (`multipart/alternative`). Indexing both doubles the index
//! for nothing; leaving the HTML out hides words from the search, which in an archive is worse.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// More than one in so many words missing means that the HTML says something else.
const MISSING_SHARE: usize = 10;

/// Of the text `html`, what is worth adding to the text `plain`: all of it when more than a
/// tenth of its distinct words are not in `plain`; else only these words, so that each word is
/// found either way.
pub(crate) fn what_more(plain: &str, html: &str) -> String {
    // A word is seldom shorter than this with what follows it; growing a set costs more than it.
    let set = |text: &str| Words::with_capacity_and_hasher(text.len() / 12, Default::default());
    let mut known = set(plain);
    known.extend(words(plain).map(hash));
    let mut all = set(html);
    let mut missing = Vec::new();
    for word in words(html) {
        let hash = hash(word);
        if all.insert(hash) && !known.contains(&hash) {
            missing.push(word);
        }
    }
    if missing.len() * MISSING_SHARE > all.len() {
        return html.to_owned();
    }
    missing.join(" ")
}

/// Hashes of words.
type Words = HashSet<u64, BuildHasherDefault<Given>>;

/// The hash of a set whose members are hashes already.
#[derive(Default)]
struct Given(u64);

impl Hasher for Given {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty())
}

/// FNV-1a over the word in lower case, stirred at the end so that all bits count.
fn hash(word: &str) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |value: u32| hash = (hash ^ u64::from(value)).wrapping_mul(PRIME);
    if word.is_ascii() {
        word.bytes().for_each(|it| take(u32::from(it.to_ascii_lowercase())));
    } else {
        word.chars().flat_map(char::to_lowercase).for_each(|it| take(u32::from(it)));
    }
    hash ^ (hash >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_that_says_the_same_adds_nothing() {
        assert_eq!(what_more("One two, three!", "one TWO three"), "");
        assert_eq!(what_more("Größe zählt", "GRÖSSE größe ZÄHLT").trim(), "GRÖSSE größe ZÄHLT");
    }

    #[test]
    fn few_words_more_are_added_alone() {
        let plain = "a b c d e f g h i j k l m n o p q r s t";
        assert_eq!(what_more(plain, &format!("{plain} unsubscribe Unsubscribe")), "unsubscribe");
        let html = format!("{plain} buy cheap pills now");
        assert_eq!(what_more(plain, &html), html);
    }

    #[test]
    fn plain_text_that_is_a_notice_leaves_the_html_whole() {
        let plain = "Your program cannot show HTML.";
        let html = "Dear Alice, the contract is attached.";
        assert_eq!(what_more(plain, html), html);
        assert_eq!(what_more("", ""), "");
    }
}
