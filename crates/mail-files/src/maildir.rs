//! What the names of Maildir files say: flags, keywords, when a message arrived.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use types::{Flags, Timestamp};

/// Flags by their letters, in the order in which they are written.
const LETTERS: [(u8, Flags); 6] = [
    (b'D', Flags::DRAFT),
    (b'F', Flags::FLAGGED),
    (b'P', Flags::FORWARDED),
    (b'R', Flags::ANSWERED),
    (b'S', Flags::SEEN),
    (b'T', Flags::DELETED),
];

/// A file name before this moment is a number and no time: 1990-01-01.
const FIRST_TIME: u64 = 631_152_000;

/// The flags of a message, and its keywords as numbers (`a` is 0), by the suffix of its name.
///
/// File systems that allow no colon have `;` or `!` instead.
pub(crate) fn flags(name: &OsStr) -> (Flags, Vec<usize>) {
    let name = name.as_bytes();
    let mut flags = Flags::default();
    let mut keywords = Vec::new();
    let suffix = name.windows(3).rposition(|it| matches!(it, [b':' | b';' | b'!', b'2', b',']));
    for letter in suffix.and_then(|at| name.get(at + 3..)).unwrap_or_default() {
        match letter {
            b'a'..=b'z' => keywords.push(usize::from(letter - b'a')),
            b',' => break,
            _ => {
                let known = LETTERS.iter().find(|(it, _)| it == letter);
                flags = known.map_or(flags, |(_, flag)| flags.with(*flag));
            }
        }
    }
    (flags, keywords)
}

/// The letters for flags, as they stand in a name.
pub(crate) fn letters(flags: Flags) -> String {
    let set = LETTERS.iter().filter(|(_, flag)| flags.contains(*flag));
    set.map(|(letter, _)| char::from(*letter)).collect()
}

/// When a message arrived, by its name: `,R=` as our own export writes it, or the number that a
/// name begins with.
pub(crate) fn name_time(name: &OsStr) -> Option<Timestamp> {
    let name = name.as_bytes();
    let own = name.windows(3).position(|it| it == b",R=").and_then(|it| name.get(it + 3..));
    let number = |bytes: &[u8]| -> Option<u64> {
        let end = bytes.iter().position(|it| !it.is_ascii_digit()).unwrap_or(bytes.len());
        std::str::from_utf8(bytes.get(..end)?).ok()?.parse().ok()
    };
    if let Some(time) = own.and_then(number) {
        return i64::try_from(time).ok().map(Timestamp);
    }
    let time = number(name).filter(|it| *it >= FIRST_TIME)?;
    let seconds = i64::try_from(time).ok()?;
    // Later than 2100 it is no time either.
    (seconds < 4_133_980_800).then_some(Timestamp(seconds))
}

/// The names of keywords by their numbers, as Dovecot keeps them in `dovecot-keywords`: lines of
/// a number and a name.
pub(crate) fn keyword_names(file: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in file.lines() {
        let Some((number, name)) = line.split_once(' ') else { continue };
        let Some(number) = number.parse::<usize>().ok().filter(|it| *it < 26) else { continue };
        if names.len() <= number {
            names.resize(number + 1, String::new());
        }
        if let Some(slot) = names.get_mut(number) {
            name.trim().clone_into(slot);
        }
    }
    names
}

/// Keywords by their numbers; one without a name keeps its letter.
pub(crate) fn keywords(numbers: &[usize], names: &[String]) -> Vec<String> {
    let name = |number: &usize| {
        let known = names.get(*number).filter(|it| !it.is_empty()).cloned();
        let letter = u8::try_from(*number).ok().and_then(|it| b'a'.checked_add(it));
        known.or_else(|| letter.map(|it| format!("keyword-{}", char::from(it))))
    };
    numbers.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_names() {
        let none = Flags::default();
        let all = LETTERS.iter().fold(none, |all, (_, it)| all.with(*it));
        let cases: [(&str, Flags, &[usize]); 8] = [
            ("1234.M1P2.host:2,S", Flags::SEEN, &[]),
            ("1234.M1P2.host:2,FRS", Flags::SEEN.with(Flags::ANSWERED).with(Flags::FLAGGED), &[]),
            ("1234.host:2,DFPRSTab", all, &[0, 1]),
            ("1234.host;2,S", Flags::SEEN, &[]),
            ("1234.host:2,", none, &[]),
            ("1234.host", none, &[]),
            ("1234.host:1,S", none, &[]),
            ("1234.host:2,SX,T", Flags::SEEN, &[]),
        ];
        for (name, want, keywords) in cases {
            assert_eq!(flags(OsStr::new(name)), (want, keywords.to_vec()), "{name}");
        }
        assert_eq!(letters(all), "DFPRST");
    }

    #[test]
    fn times_of_names() {
        let cases = [
            ("1700000000.M1P2.host:2,S", Some(1_700_000_000)),
            ("1700000000", Some(1_700_000_000)),
            ("12.eml", None),
            ("99999999999999.x", None),
            ("abc,R=5:2,S", Some(5)),
            ("mail", None),
        ];
        for (name, want) in cases {
            assert_eq!(name_time(OsStr::new(name)), want.map(Timestamp), "{name}");
        }
    }

    #[test]
    fn keywords_by_dovecots_list() {
        let names = keyword_names("0 $Label1\n2 Work stuff\nx y\n99 z\n");
        assert_eq!(names, ["$Label1", "", "Work stuff"]);
        assert_eq!(
            keywords(&[0, 1, 2, 3], &names),
            ["$Label1", "keyword-b", "Work stuff", "keyword-d"]
        );
    }
}
