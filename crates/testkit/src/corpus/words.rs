//! Chance that can be repeated, and words as often as words are.

/// A stream of numbers that a seed decides (SplitMix64).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// A number below `n`, small ones far more often: each power of two as often as the next,
    /// so that rank k comes about in proportion to 1/k.
    pub(super) fn often_low(&mut self, n: u64) -> u64 {
        let level = self.below(u64::from(n.max(1).ilog2()) + 1);
        let rank = (1 << level) + self.below(1 << level) - 1;
        rank.min(n.saturating_sub(1))
    }

    /// One of these, each as often.
    pub(super) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        nth(from, self.below(from.len() as u64))
    }
}

/// The item at `n`, counted round and round.
fn nth<'a>(from: &[&'a str], n: u64) -> &'a str {
    from[usize::try_from(n % from.len() as u64).expect("below the length")]
}

/// Different words in the corpus.
const N_WORDS: u64 = 60_000;

const FREQUENT: &[&str] = &[
    "the",
    "to",
    "and",
    "of",
    "a",
    "in",
    "is",
    "that",
    "for",
    "it",
    "you",
    "on",
    "this",
    "with",
    "be",
    "not",
    "have",
    "are",
    "we",
    "as",
    "can",
    "will",
    "if",
    "from",
    "was",
    "or",
    "but",
    "your",
    "please",
    "by",
    "at",
    "an",
    "our",
    "has",
    "would",
    "there",
    "when",
    "they",
    "which",
    "all",
    "what",
    "do",
    "so",
    "about",
    "time",
    "new",
    "one",
    "any",
    "been",
    "file",
    "more",
    "meeting",
    "report",
    "should",
    "know",
    "only",
    "also",
    "message",
    "work",
    "use",
    "just",
    "version",
    "then",
    "thanks",
    "after",
    "need",
    "list",
    "see",
    "team",
    "some",
    "like",
    "does",
    "project",
    "could",
    "them",
    "into",
    "week",
    "change",
    "contract",
    "order",
    "invoice",
    "quarterly",
    "review",
    "customer",
    "delivery",
    "problem",
    "office",
    "budget",
    "server",
    "test",
    "question",
    "figures",
];

const ONSETS: &[&str] = &["b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v"];
const RHYMES: &[&str] = &["a", "e", "i", "o", "u", "an", "er", "in", "on", "ar", "est", "ing"];

/// The word of this rank.
fn word(rank: u64) -> String {
    if let Some(word) = usize::try_from(rank).ok().and_then(|it| FREQUENT.get(it)) {
        return (*word).to_owned();
    }
    let mut rest = rank;
    let mut word = String::new();
    while 0 < rest {
        let syllable = rest % 168;
        word.push_str(nth(ONSETS, syllable % 14));
        word.push_str(nth(RHYMES, syllable / 14));
        rest /= 168;
    }
    word
}

/// `n_words` words in lines of about 72 characters.
pub(super) fn paragraph(dice: &mut Dice, n_words: u64) -> String {
    let mut text = String::new();
    let mut column = 0;
    for n in 0..n_words {
        let word = word(dice.often_low(N_WORDS));
        let end = if n + 1 == n_words || dice.below(12) == 0 { "." } else { "" };
        if 72 < column + word.len() {
            text.push('\n');
            column = 0;
        } else if 0 < column {
            text.push(' ');
        }
        column += word.len() + 1 + end.len();
        text.push_str(&word);
        text.push_str(end);
    }
    text.push('\n');
    text
}

pub(super) fn subject(dice: &mut Dice) -> String {
    let prefix = dice.pick(&["", "", "Re: ", "Re: ", "Fwd: ", "[users] "]);
    let words: Vec<String> = (0..3 + dice.below(5)).map(|_| word(dice.often_low(3_000))).collect();
    format!("{prefix}{}", words.join(" "))
}

/// The display name of a correspondent.
pub(super) fn person(n: u64) -> String {
    const FIRST: &[&str] =
        &["Alice", "Bob", "Carla", "Dan", "Erin", "Frank", "Grace", "Heidi", "Ivan", "Judy"];
    let first = nth(FIRST, n);
    let last = word(1_000 + n / 10);
    let (head, tail) = last.split_at(1);
    format!("{first} {}{tail}", head.to_uppercase())
}

/// The address of a correspondent.
pub(super) fn address(n: u64) -> String {
    let name = person(n).to_lowercase().replace(' ', ".");
    format!("{name}@{}.example.{}", word(500 + n % 40), nth(&["com", "org", "net"], n))
}
