//! Answers: a code, and lines of text (RFC 5321 §4.2), with an enhanced code where there is one
//! (RFC 2034 §4).

use std::time::Duration;

use ports::SourceErrorKind;

use crate::trouble;

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reply {
    /// 200 to 599.
    pub(crate) code: u16,
    /// Its lines without codes, for people and for EHLO.
    pub(crate) lines: Vec<String>,
}

/// One line of an answer: its code, whether it is the last one, its text.
pub(crate) fn line(line: &[u8]) -> Option<(u16, IsLast, String)> {
    let (code, rest) = line.split_at_checked(3)?;
    let code: u16 = std::str::from_utf8(code).ok()?.parse().ok()?;
    let is_last = match rest.first() {
        None | Some(b' ') => IsLast::Yes,
        Some(b'-') => IsLast::No,
        Some(_) => return None,
    };
    let text = String::from_utf8_lossy(rest.get(1..).unwrap_or_default());
    let text: String = text.trim().chars().filter(|it| !it.is_control()).collect();
    (200..600).contains(&code).then_some((code, is_last, text))
}

/// Whether a line ends its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum IsLast {
    Yes,
    No,
}

impl Reply {
    /// 2xx: done.
    pub(crate) fn is_done(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// The text of all lines.
    pub(crate) fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// As it is shown to people: `550 5.1.1 no such user`.
    pub(crate) fn shown(&self) -> String {
        let text: String = self.text().chars().take(300).collect();
        if text.is_empty() { self.code.to_string() } else { format!("{} {text}", self.code) }
    }

    /// Whether the same may be taken later: by its code, or because its text says so of a code
    /// that means the contrary. Greylisting is such a refusal.
    pub(crate) fn is_for_now(&self) -> bool {
        const WORDS: [&str; 10] = [
            "greylist",
            "graylist",
            "grey list",
            "gray list",
            "try again later",
            "try later",
            "too many",
            "throttl",
            "rate limit",
            "slow down",
        ];
        let text = self.text().to_ascii_lowercase();
        (400..500).contains(&self.code)
            // RFC 5321 §4.5.3.1.10: 552 once meant that there are too many recipients.
            || WORDS.iter().any(|it| text.contains(it))
    }

    /// The pause that the text names.
    pub(crate) fn pause(&self) -> Option<Duration> {
        trouble::asked_pause(&self.text().to_ascii_lowercase())
    }

    /// The kind of the error when it ends everything.
    pub(crate) fn kind(&self) -> SourceErrorKind {
        match self.is_for_now() {
            true => SourceErrorKind::Throttled { retry_after: self.pause() },
            false => SourceErrorKind::Configuration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_answers() {
        for (text, want) in [
            ("250 ok", Some((250, IsLast::Yes, "ok"))),
            ("250-SIZE 10", Some((250, IsLast::No, "SIZE 10"))),
            ("354", Some((354, IsLast::Yes, ""))),
            ("550 a\x1b[31mb\x07", Some((550, IsLast::Yes, "a[31mb"))),
            ("2500 ok", None),
            ("99 ok", None),
            ("150 ok", None),
            ("+OK", None),
            ("", None),
        ] {
            let want = want.map(|(code, is_last, text)| (code, is_last, text.to_owned()));
            assert_eq!(line(text.as_bytes()), want, "{text}");
        }
        assert_eq!(line(b"250 \xff"), Some((250, IsLast::Yes, "\u{fffd}".to_owned())));
    }

    #[test]
    fn refusals_for_now_and_for_good() {
        for (code, text, want) in [
            (450, "4.2.0 Greylisted, see http://postgrey.example", true),
            (451, "4.7.1 try again in 5 minutes", true),
            (421, "4.7.0 too many connections", true),
            (452, "4.2.2 mailbox full", true),
            (550, "5.7.1 Recipient address greylisted", true),
            (554, "5.7.1 sending rate limit reached", true),
            (550, "5.1.1 mailbox unavailable", false),
            (552, "5.3.4 message size exceeded", false),
            (554, "5.7.1 relay access denied", false),
        ] {
            let reply = Reply { code, lines: vec![text.to_owned()] };
            assert_eq!(reply.is_for_now(), want, "{}", reply.shown());
        }
    }
}
