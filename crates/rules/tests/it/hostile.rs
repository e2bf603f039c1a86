//! Settings as nobody writes them: good ones, cut, mixed and spoiled.

use crate::properties::check;

const GOOD: [&str; 12] = [
    "unread larger:1M younger:90d -from:bob",
    "date:2026-01..2026-03 subject:\"weekly \\\"report\\\"\" unflagged",
    "older:1y to:\"Bob Müller\" smaller:10k before:2026-11",
    "after 3 months by archive date into Old mail/2026",
    "at once",
    "every 15 minutes pause 5 minutes; not mon-fri 22:00-04:00; zone Europe/Berlin",
    "cron */15 2-5,8 1,15 jan-mar sun; at start; not 08:00-24:00",
    "by hand",
    "^0@example.org",
    "user*master",
    "\"a b\"@xn--mnchen-3ya.example, Bob <bob+x@example.org>; c@d",
    "sep=;\r\nlogin;password;address;user\r\nbob;'it''s';bob@example.org;robert\r\na;\"b",
];

const PIECES: [&str; 24] = [
    ";",
    ":",
    "\"",
    "'",
    "\\",
    "-",
    "*",
    "/",
    ",",
    "@",
    "<",
    ">",
    "..",
    " ",
    "\n",
    "\u{0}",
    "ü",
    "\u{301}",
    "99999999999999999999",
    "0",
    "not ",
    "cron ",
    "^0",
    "xn--",
];

/// A generator whose numbers are always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

#[test]
fn good_settings_are_read() {
    GOOD.iter().for_each(|it| check(it.as_bytes()));
}

#[test]
fn cut_anywhere_they_are_read_or_refused() {
    for text in GOOD {
        (0..text.len()).for_each(|end| check(&text.as_bytes()[..end]));
    }
}

#[test]
fn spoiled_they_are_read_or_refused() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for round in 0..4_000 {
        let mut bytes = GOOD[round % GOOD.len()].as_bytes().to_vec();
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(bytes.len() + 1);
            let end = (at + numbers.below(6)).min(bytes.len());
            match numbers.below(4) {
                0 => drop(bytes.drain(at..end)),
                1 => drop(bytes.splice(at..at, PIECES[numbers.below(PIECES.len())].bytes())),
                2 => {
                    let copied = bytes[at..end].to_vec();
                    drop(bytes.splice(at..at, copied));
                }
                _ if at < bytes.len() => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
                _ => bytes.push(b' '),
            }
        }
        check(&bytes);
    }
}
