//! Words of commands.

/// The words of a command: atoms and quoted strings.
pub(super) struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    pub(super) fn new(command: &'a str) -> Words<'a> {
        Words(command)
    }

    /// What was not read.
    pub(super) fn rest(&self) -> &'a str {
        self.0.trim_start()
    }

    /// The next word, without quotes; empty at the end.
    pub(super) fn next(&mut self) -> String {
        let text = self.0.trim_start();
        let Some(quoted) = text.strip_prefix('"') else {
            let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
            self.0 = rest;
            return word.to_owned();
        };
        let mut word = String::new();
        let mut letters = quoted.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.0 = &quoted[at + 1..];
                    return word;
                }
                '\\' => word.extend(letters.next().map(|it| it.1)),
                _ => word.push(letter),
            }
        }
        self.0 = "";
        word
    }
}

/// A mailbox name; INBOX in any case is INBOX.
pub(super) fn mailbox_named(words: &mut Words<'_>) -> String {
    let name = words.next();
    if name.eq_ignore_ascii_case("INBOX") { "INBOX".to_owned() } else { name }
}

/// Whether a set such as `1:3,7,9:*` names `n`; `last` stands for `*`.
pub(super) fn in_set(set: &str, n: u32, last: u32) -> bool {
    let number = |text: &str| if text == "*" { last } else { text.parse().unwrap_or(0) };
    set.split(',').any(|range| {
        let (from, to) = range.split_once(':').unwrap_or((range, range));
        let (from, to) = (number(from), number(to));
        (from.min(to)..=from.max(to)).contains(&n)
    })
}
