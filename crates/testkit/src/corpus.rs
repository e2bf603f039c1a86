//! Made-up mail in any quantity: the same seed and number always give the same message.
//!
//! It is shaped like the mail of an office: lists with quoted replies, newsletters in HTML,
//! attachments of which some come again and again, several charsets, long trace headers. It is
//! no model of hostile mail. Lines end with LF, as in files; servers make CRLF of it.

mod words;

use std::fmt::Write as _;

use words::{Dice, address, paragraph, person, subject};

/// Where a message belongs, and its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MadeMail {
    /// The mailbox: INBOX, Archive, Sent or Projects.
    pub mailbox: &'static str,
    /// When it arrived, in seconds since 1970.
    pub received: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// When the first message arrived: 2019-01-01.
const BEGIN: u64 = 1_546_300_800;

/// Seconds from one message to the next, on average.
const PACE: u64 = 9_000;

/// Seconds from one short message to the next.
const SMALL_PACE: u64 = 120;

/// How many different files are attached, many times each.
const N_HOT_FILES: u64 = 150;

/// Message number `n` of the corpus with this seed.
#[must_use]
pub fn message(seed: u64, n: u64) -> MadeMail {
    let mut dice = Dice::new(seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let received = BEGIN + n * PACE + dice.below(PACE);
    let mailbox = match dice.below(10) {
        0..=3 => "INBOX",
        4..=6 => "Archive",
        7..=8 => "Sent",
        _ => "Projects",
    };
    let mut text = trace_headers(&mut dice, n, received);
    let kind = dice.below(100);
    match kind {
        0..=54 => plain(&mut dice, &mut text),
        55..=64 => quoted_printable(&mut dice, &mut text),
        65..=84 => alternative(&mut dice, &mut text, n),
        _ => with_attachment(&mut dice, &mut text, seed, n),
    }
    MadeMail { mailbox, received, bytes: text.into_bytes() }
}

/// The messages of a corpus, in order.
pub fn messages(seed: u64, n_messages: u64) -> impl Iterator<Item = MadeMail> {
    (0..n_messages).map(move |n| message(seed, n))
}

/// A short message, with line ends as IMAP sends them: a header and a paragraph, 500 bytes or so.
#[must_use]
pub fn small_message(seed: u64, n: u64) -> MadeMail {
    let mut dice = Dice::new(seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let received = BEGIN + n * SMALL_PACE;
    let (from, to) = (dice.often_low(400), dice.often_low(400));
    let text = format!(
        "Message-ID: <{n}.{seed:x}@mail.example.org>\nFrom: {} <{}>\nTo: <{}>\nSubject: {}\n\
         Date: {}\n\n{}",
        person(from),
        address(from),
        address(to),
        subject(&mut dice),
        date(received),
        paragraph(&mut dice, 30)
    );
    MadeMail { mailbox: "INBOX", received, bytes: text.replace('\n', "\r\n").into_bytes() }
}

/// A message of `size` bytes and a little more: text, and one attachment that does not repeat.
#[must_use]
pub fn large_message(seed: u64, size: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut text = trace_headers(&mut dice, seed, BEGIN);
    text.push_str("Content-Type: multipart/mixed; boundary=\"large\"\n\n--large\n\n");
    text.push_str(&paragraph(&mut dice, 80));
    text.push_str("\n--large\nContent-Type: application/octet-stream; name=\"large.bin\"\n");
    text.push_str("Content-Transfer-Encoding: base64\n\n");
    base64_lines(&mut dice, size * 76 / 77 * 3 / 4, &mut text);
    text.push_str("--large--\n");
    text.into_bytes()
}

fn trace_headers(dice: &mut Dice, n: u64, received: u64) -> String {
    let (from, to) = (dice.often_low(400), dice.often_low(400));
    let stamp = date(received);
    let mut text = String::new();
    for hop in 0..2 + dice.below(4) {
        let (a, b) = (dice.below(250), dice.next());
        let _ = writeln!(
            text,
            "Received: from relay{hop}.example.net (relay{hop}.example.net [192.0.2.{a}])\n\
             \tby mx{hop}.example.org (Postfix) with ESMTPS id {b:016x}\n\tfor <{}>; {stamp}",
            address(to)
        );
    }
    if dice.below(2) == 0 {
        text.push_str("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;\n\tb=");
        base64_lines(dice, 192, &mut text);
    }
    let _ = writeln!(text, "Message-ID: <{n}.{:x}@mail.example.org>", dice.next());
    if 3 < n && dice.below(2) == 0 {
        let _ = writeln!(text, "In-Reply-To: <{}.0@mail.example.org>", dice.below(n));
    }
    let _ = writeln!(text, "From: {} <{}>", person(from), address(from));
    let _ = writeln!(text, "To: {} <{}>", person(to), address(to));
    if dice.below(4) == 0 {
        let cc = dice.often_low(400);
        let _ = writeln!(text, "Cc: {}", address(cc));
    }
    let _ = writeln!(text, "Subject: {}", subject(dice));
    let _ = writeln!(text, "Date: {stamp}\nMIME-Version: 1.0");
    text
}

fn plain(dice: &mut Dice, text: &mut String) {
    text.push_str("Content-Type: text/plain; charset=us-ascii\n");
    text.push_str("List-Id: Users <users.lists.example.org>\nPrecedence: list\n\n");
    for _ in 0..1 + dice.often_low(14) {
        let n_words = 20 + dice.below(80);
        let paragraph = paragraph(dice, n_words);
        let quoted = dice.below(3) == 0;
        for line in paragraph.lines() {
            text.push_str(if quoted { "> " } else { "" });
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
    }
    let _ = writeln!(text, "-- \n{}", person(dice.often_low(400)));
}

fn quoted_printable(dice: &mut Dice, text: &mut String) {
    let latin = dice.below(2) == 0;
    let charset = if latin { "iso-8859-1" } else { "utf-8" };
    let _ = writeln!(text, "Content-Type: text/plain; charset={charset}");
    text.push_str("Content-Transfer-Encoding: quoted-printable\n\n");
    for _ in 0..2 + dice.below(6) {
        let umlaut = if latin { "=FC" } else { "=C3=BC" };
        text.push_str(&paragraph(dice, 50).replace(" f", &format!(" {umlaut}b")));
        text.push('\n');
    }
}

fn alternative(dice: &mut Dice, text: &mut String, n: u64) {
    let _ = writeln!(text, "Content-Type: multipart/alternative; boundary=\"=_{n}\"\n");
    let paragraphs: Vec<String> = (0..3 + dice.below(12)).map(|_| paragraph(dice, 45)).collect();
    let _ = writeln!(text, "--=_{n}\nContent-Type: text/plain; charset=utf-8\n");
    text.push_str(&paragraphs.join("\n"));
    let _ = writeln!(text, "\n--=_{n}\nContent-Type: text/html; charset=utf-8\n");
    text.push_str("<html><head><style>body { font-family: sans-serif; }</style></head><body>\n");
    for paragraph in &paragraphs {
        let link = dice.next();
        let _ = writeln!(
            text,
            "<table width=\"600\" cellpadding=\"0\" cellspacing=\"0\"><tr><td \
             style=\"padding: 12px; color: #333333;\"><p class=\"text\">\n{paragraph}</p>\n\
             <a href=\"https://click.example.com/track?id={link:016x}\">more</a></td></tr></table>"
        );
    }
    let _ = writeln!(text, "</body></html>\n--=_{n}--");
}

fn with_attachment(dice: &mut Dice, text: &mut String, seed: u64, n: u64) {
    let _ = writeln!(text, "Content-Type: multipart/mixed; boundary=\"=-{n}\"\n");
    let _ = writeln!(text, "--=-{n}\nContent-Type: text/plain; charset=utf-8\n");
    text.push_str(&paragraph(dice, 60));
    // Half of the attachments are files that were sent before.
    let file = if dice.below(2) == 0 { dice.often_low(N_HOT_FILES) } else { N_HOT_FILES + n };
    let mut content = Dice::new(seed.rotate_left(17) ^ file);
    let size = 4_000 + content.often_low(60) * content.below(8_000);
    let _ = writeln!(
        text,
        "\n--=-{n}\nContent-Type: application/pdf; name=\"report-{file}.pdf\"\n\
         Content-Disposition: attachment; filename=\"report-{file}.pdf\"\n\
         Content-Transfer-Encoding: base64\n"
    );
    base64_lines(&mut content, usize::try_from(size).unwrap_or(4_000), text);
    let _ = writeln!(text, "--=-{n}--");
}

/// About `size` bytes of content as base64, in lines of 76 characters; one in four repeats.
fn base64_lines(dice: &mut Dice, size: usize, text: &mut String) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut line = String::new();
    for n in 0..size.div_ceil(57) {
        if n % 4 != 3 {
            line.clear();
            while line.len() < 76 {
                let [a, b, c, d, ..] = dice.next().to_le_bytes();
                for bits in [a, b, c, d] {
                    line.push(char::from(LETTERS[usize::from(bits & 63)]));
                }
            }
        }
        text.push_str(&line);
        text.push('\n');
    }
}

/// A date as RFC 5322 §3.3 writes it.
fn date(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let [year, month, day, hour, minute, second] = civil(seconds);
    let (week_day, month) = (nth(&DAYS, seconds / 86_400), nth(&MONTHS, month));
    format!("{week_day}, {day} {month} {year} {hour:02}:{minute:02}:{second:02} +0000")
}

/// A date as RFC 9051 §9 (`date-time`) writes it.
pub(crate) fn imap_date(seconds: u64) -> String {
    let [year, month, day, hour, minute, second] = civil(seconds);
    let month = nth(&MONTHS, month);
    format!("{day:>2}-{month}-{year} {hour:02}:{minute:02}:{second:02} +0000")
}

/// From March, as the arithmetic counts them.
const MONTHS: [&str; 12] =
    ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];

fn nth(names: &[&'static str], n: u64) -> &'static str {
    names[usize::try_from(n).unwrap_or_default() % names.len()]
}

/// Year, month from March (0), day, hour, minute, second.
fn civil(seconds: u64) -> [u64; 6] {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's arithmetic for the proleptic Gregorian calendar, years from March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = year + era * 400 + u64::from(10 <= month);
    [year, month, day, second / 3_600, second / 60 % 60, second % 60]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "Thu, 1 Jan 1970 00:00:00 +0000");
        assert_eq!(date(951_782_400), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(date(1_767_225_599), "Wed, 31 Dec 2025 23:59:59 +0000");
        assert_eq!(imap_date(0), " 1-Jan-1970 00:00:00 +0000");
        assert_eq!(imap_date(951_782_400), "29-Feb-2000 00:00:00 +0000");
    }

    #[test]
    fn the_same_seed_gives_the_same_mail() {
        assert_eq!(message(1, 7), message(1, 7));
        assert_ne!(message(1, 7).bytes, message(2, 7).bytes);
        assert_ne!(message(1, 7).bytes, message(1, 8).bytes);
    }

    #[test]
    fn it_has_the_size_and_the_mix_of_an_office() {
        let mails: Vec<_> = messages(3, 1_000).collect();
        let bytes: usize = mails.iter().map(|it| it.bytes.len()).sum();
        assert!((10_000..40_000).contains(&(bytes / mails.len())), "{bytes}");
        let count = |word: &str| {
            let has = |it: &&MadeMail| String::from_utf8_lossy(&it.bytes).contains(word);
            mails.iter().filter(has).count()
        };
        assert!((100..200).contains(&count("Content-Disposition: attachment")));
        assert!((150..250).contains(&count("text/html")));
        for name in ["INBOX", "Archive", "Sent", "Projects"] {
            assert!(50 < mails.iter().filter(|it| it.mailbox == name).count(), "{name}");
        }
        assert!(mails.iter().all(|it| it.bytes.is_ascii()));
    }

    #[test]
    fn a_large_message_has_its_size() {
        let n = large_message(1, 3_000_000).len();
        assert!((2_950_000..3_100_000).contains(&n), "{n}");
    }
}
