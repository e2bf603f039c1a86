//! INTERNALDATE (RFC 9051 §9, `date-time`).

use types::{Civil, Timestamp};

/// Reads `17-Jul-1996 02:44:25 -0700`; the day may have a leading space or one digit, the zone
/// may be missing or a name of UTC. `None` when it is no date.
pub(super) fn internal_date(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let mut words = text.split_ascii_whitespace();
    let (date, time, zone) = (words.next()?, words.next()?, words.next().unwrap_or("+0000"));
    let mut date = date.split('-');
    let day = number(date.next()?, 1..=31)?;
    let month = month(date.next()?)?;
    let year: i64 = date.next().filter(|it| it.len() == 4)?.parse().ok()?;
    let mut time = time.split(':');
    let hour = number(time.next()?, 0..=23)?;
    let minute = number(time.next()?, 0..=59)?;
    // A leap second counts as the one that follows it.
    let second = number(time.next().unwrap_or("0"), 0..=60)?;
    let local = Timestamp::from_civil(Civil { year, month, day, hour, minute, second });
    Some(Timestamp(local.0 - offset_seconds(zone)?))
}

fn number(text: &str, range: std::ops::RangeInclusive<u8>) -> Option<u8> {
    text.parse().ok().filter(|it| range.contains(it))
}

fn month(name: &str) -> Option<u8> {
    const NAMES: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let name = name.to_ascii_lowercase();
    (1..).zip(NAMES).find(|(_, it)| **it == name).map(|(month, _)| month)
}

fn offset_seconds(zone: &str) -> Option<i64> {
    if matches!(zone, "GMT" | "UTC" | "UT" | "Z") {
        return Some(0);
    }
    let (sign, digits) = zone.split_at_checked(1)?;
    let digits: i64 = digits.parse().ok().filter(|_| digits.len() == 4)?;
    let seconds = (digits / 100) * 3600 + (digits % 100) * 60;
    match sign {
        "+" => Some(seconds),
        "-" => Some(-seconds),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let cases = [
            ("17-Jul-1996 02:44:25 -0700", Some("1996-07-17T09:44:25Z")),
            (" 1-jan-2024 00:00:00 +0100", Some("2023-12-31T23:00:00Z")),
            ("1-JAN-2024 00:00:00 GMT", Some("2024-01-01T00:00:00Z")),
            ("29-Feb-2024 23:59:60 +0000", Some("2024-03-01T00:00:00Z")),
            ("01-Jan-1970 00:00:00", Some("1970-01-01T00:00:00Z")),
            ("01-Jan-0000 00:00:00 +0000", Some("0000-01-01T00:00:00Z")),
            ("32-Jan-2024 00:00:00 +0000", None),
            ("01-Foo-2024 00:00:00 +0000", None),
            ("01-Jan-24 00:00:00 +0000", None),
            ("01-Jan-2024 24:00:00 +0000", None),
            ("01-Jan-2024 00:00:00 0000", None),
            ("01-Jan-2024 00:00:00 +üü", None),
            ("", None),
        ];
        for (text, want) in cases {
            let got = internal_date(text.as_bytes()).map(|it| it.to_string());
            assert_eq!(got.as_deref(), want, "{text}");
        }
    }
}
