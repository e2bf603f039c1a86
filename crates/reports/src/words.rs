//! Numbers, sizes and foreign text as people can read them.

use std::borrow::Cow;

use commands::{ExcludedCounts, FieldChange, LoginBy, Planned};
use types::Timestamp;

/// `1,234,567`
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place != 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 message`, `2 messages`
pub fn counted(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", count(n)) }
}

/// `31 excluded (30 in default folders, 1 by the filter)`
pub fn excluded(it: ExcludedCounts) -> String {
    let reasons = [
        (it.default_folders, "in default folders"),
        (it.folder_list, "by the choice of folders"),
        (it.filter, "by the filter"),
        (it.unknown_address, "of unknown addresses"),
    ];
    let named = reasons.iter().filter(|(n, _)| *n != 0);
    let named: Vec<String> = named.map(|(n, why)| format!("{} {why}", count(*n))).collect();
    match named.is_empty() {
        true => "0 excluded".to_owned(),
        false => format!("{} excluded ({})", count(it.total()), named.join(", ")),
    }
}

/// How a user logs in.
pub fn login_by(it: LoginBy) -> &'static str {
    match it {
        LoginBy::Nothing => "not until a password or a directory login is set",
        LoginBy::Password => "by password",
        LoginBy::Directory => "by a directory",
    }
}

/// `999 B`, `1.0 kB`, `12 MB`: powers of 1000, two or three digits.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "";
    for it in UNITS {
        tenths = (tenths + 500) / 1000;
        unit = it;
        if tenths < 9995 {
            break;
        }
    }
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", (tenths + 5) / 10)
    }
}

/// `12 seconds`, `3 minutes`, `2 hours`, `5 days`: the largest unit of which there are two.
#[must_use]
pub fn duration(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    let (n, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    counted(n, unit)
}

/// `2026-11-21 18:01`, in UTC.
pub fn minute(at: Timestamp) -> String {
    let it = at.civil();
    format!("{:04}-{:02}-{:02} {:02}:{:02}", it.year, it.month, it.day, it.hour, it.minute)
}

/// A step of a plan, with a line for each key.
#[must_use]
pub fn planned(step: &Planned) -> String {
    let kind = match step.kind {
        "profile" => "server profile",
        "policy" => "retention policy",
        other => other,
    };
    let mut words = format!("{} {kind} {}", step.action.name(), line(&step.name));
    for FieldChange { key, before, after } in &step.fields {
        let value = |it: &Option<String>| match it {
            Some(it) => line(it).into_owned(),
            None => "(default)".to_owned(),
        };
        words.push_str(&match before {
            None => format!("\n    {key} = {}", value(after)),
            Some(_) => format!("\n    {key} = {} (was {})", value(after), value(before)),
        });
    }
    words
}

/// Text of one line that a terminal shows as it is: what would move the cursor, change colours
/// or turn the direction of writing becomes a visible sign.
pub fn line(text: &str) -> Cow<'_, str> {
    shown(text, char::is_control)
}

/// Text of many lines, likewise; line ends (CR LF as LF) and tabs stay.
pub fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    shown(&text, |it| it.is_control() && it != '\n' && it != '\t').into_owned()
}

fn shown(text: &str, is_control: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_harmful = |it: char| is_control(it) || is_invisible(it);
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|it| if is_harmful(it) { sign(it) } else { it }).collect()
}

/// Characters that act and show nothing: bidirectional controls (UAX #9), separators, marks and
/// tags.
fn is_invisible(it: char) -> bool {
    matches!(u32::from(it),
        0x061c | 0x200e | 0x200f | 0x2028..=0x202e | 0x2066..=0x206f | 0xfeff | 0xe0000..=0xe0fff)
}

fn sign(it: char) -> char {
    match it {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        '\u{7f}' => '\u{2421}',
        // The control pictures stand in the order of what they picture.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(it)).unwrap_or('\u{fffd}'),
        _ => '\u{fffd}',
    }
}

/// Columns that a terminal takes for `text`.
pub fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// Two for East Asian wide characters and pictures, none for combining marks, else one. The
/// ranges are those of UAX #11 as far as mail needs them.
fn columns_of(it: char) -> usize {
    match u32::from(it) {
        0x0300..=0x036f | 0x200b..=0x200d | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// `text` in at most `width` columns, the end replaced by `…` where it is longer.
pub fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if columns(text) <= width {
        return Cow::Borrowed(text);
    }
    let mut taken = 0;
    let mut short: String = text
        .chars()
        .take_while(|it| {
            taken += columns_of(*it);
            taken < width
        })
        .collect();
    short.push('…');
    Cow::Owned(short)
}

/// `text` in exactly `width` columns.
pub fn padded(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let gap = width.saturating_sub(columns(&text));
    format!("{text}{:gap$}", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (n, want) in cases {
            assert_eq!(count(n), want);
        }
        assert_eq!(counted(1, "message"), "1 message");
        assert_eq!(counted(2000, "message"), "2,000 messages");
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (9_950, "10 kB"),
            (999_449, "999 kB"),
            (999_999, "1.0 MB"),
            (209_715_200, "210 MB"),
            (u64::MAX, "18 EB"),
        ];
        for (bytes, want) in cases {
            assert_eq!(size(bytes), want, "{bytes}");
        }
    }

    #[test]
    fn durations() {
        let cases = [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7_200, "2 hours"),
            (172_800, "2 days"),
        ];
        for (seconds, want) in cases {
            assert_eq!(duration(seconds), want);
        }
    }

    #[test]
    fn hostile_text_is_harmless() {
        let cases = [
            ("plain ünï 漢字", "plain ünï 漢字"),
            ("\u{1b}[31mred\u{7}", "␛[31mred␇"),
            ("a\r\nb\tc", "a  b c"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("exe\u{202e}gpj", "exe\u{fffd}gpj"),
        ];
        for (text, want) in cases {
            assert_eq!(line(text), want);
        }
        assert_eq!(lines("a\r\nb\tc\u{1b}"), "a\nb\tc␛");
    }

    #[test]
    fn fitting_into_columns() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(cut("漢字漢字", 4), "漢…");
        assert_eq!(padded("漢字", 6), "漢字  ");
        assert_eq!(columns("e\u{301}"), 1);
    }
}
