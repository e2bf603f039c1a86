//! Removal: when an archived message may leave its source.
//!
//! What it is not: the removal. Whoever removes needs the proof that the archived copy was read
//! back, whatever is decided here.
//!
//! Rules:
//! - Nothing is removed unless somebody asked for it.
//! - A flagged message stays, one in quarantine stays, one outside the job's filter stays. One
//!   whose date nobody knows stays when age decides.
//! - By message date means: by the later of its own date and the day it arrived. A message with
//!   an old date that arrived today is not an old message.

use std::fmt;
use std::str::FromStr;

use types::{Flags, FolderPath, Timestamp};

use crate::age::Age;
use crate::filter::Answer;
use crate::wording::{Word, WordingError, limited, words};

/// What happens with archived messages at their source.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Removal {
    /// When.
    pub when: When,
    /// Whither.
    pub way: Way,
    /// Where else it has to be.
    pub copies: Copies,
}

/// Where a message has to be before it leaves its source.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Copies {
    /// In the archive.
    #[default]
    Archive,
    /// In the archive, and in a whole backup of it.
    Backup,
}

/// When a message leaves its source.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum When {
    /// Never.
    #[default]
    Never,
    /// As soon as the whole account is archived without a failure.
    AtOnce,
    /// When it is that old, by one of its dates.
    After(Age, DateBy),
}

/// Which date of a message counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum DateBy {
    /// The later of the message's own date and its arrival at the source.
    #[default]
    Message,
    /// When it was archived.
    Archived,
}

/// How a message leaves.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Way {
    /// It is removed.
    #[default]
    Removed,
    /// It is moved to this mailbox, which the job then leaves out. Parts are joined by `/`.
    Moved(String),
}

/// What is known of a message when its removal is decided.
#[derive(Clone, Copy, Debug)]
pub struct RemovalFacts {
    /// Its flags at the source, read just now.
    pub flags: Flags,
    /// What the archive has of it.
    pub archived: Archived,
    /// What the filter of the job says about its removal now
    /// ([`Filter::decide_removal`](crate::filter::Filter::decide_removal)).
    pub filter: Answer,
    /// Its own date.
    pub date: Option<Timestamp>,
    /// When it arrived at the source.
    pub received: Option<Timestamp>,
    /// Whether a whole backup has it.
    pub backed_up: bool,
}

/// What the archive has of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Archived {
    /// Nothing.
    No,
    /// It could not be archived, and is known for that.
    Quarantined,
    /// The message, since then.
    Since(Timestamp),
}

/// Whether a message leaves its source now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision<'a> {
    /// It stays.
    Stays(StayReason),
    /// It is removed.
    Removed,
    /// It is moved to this mailbox.
    Moved(&'a str),
}

/// Why a message stays at its source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StayReason {
    /// The job removes nothing.
    NeverRemoved,
    /// It is not archived.
    NotArchived,
    /// It is in quarantine.
    Quarantined,
    /// It is flagged.
    Flagged,
    /// The filter leaves it out, or cannot say.
    OutsideFilter,
    /// It is not old enough.
    NotOldEnough,
    /// The date that its age is counted from is not known.
    NoDate,
    /// It is in no whole backup yet.
    NotBackedUp,
}

/// The reason in words.
impl fmt::Display for StayReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StayReason::NeverRemoved => "nothing is removed",
            StayReason::NotArchived => "not archived",
            StayReason::Quarantined => "in quarantine",
            StayReason::Flagged => "flagged",
            StayReason::OutsideFilter => "outside the filter",
            StayReason::NotOldEnough => "not old enough",
            StayReason::NoDate => "its date is not known",
            StayReason::NotBackedUp => "in no backup yet",
        })
    }
}

impl Removal {
    /// Decides whether a message leaves its source at `now`.
    #[must_use]
    pub fn decide(&self, facts: &RemovalFacts, now: Timestamp) -> Decision<'_> {
        match (self.stays(facts, now), &self.way) {
            (Some(reason), _) => Decision::Stays(reason),
            (None, Way::Removed) => Decision::Removed,
            (None, Way::Moved(mailbox)) => Decision::Moved(mailbox),
        }
    }

    fn stays(&self, facts: &RemovalFacts, now: Timestamp) -> Option<StayReason> {
        if self.when == When::Never {
            return Some(StayReason::NeverRemoved);
        }
        let archived = match facts.archived {
            Archived::No => return Some(StayReason::NotArchived),
            Archived::Quarantined => return Some(StayReason::Quarantined),
            Archived::Since(at) => at,
        };
        if facts.flags.contains(Flags::FLAGGED) {
            return Some(StayReason::Flagged);
        }
        if facts.filter != Answer::Yes {
            return Some(StayReason::OutsideFilter);
        }
        if self.copies == Copies::Backup && !facts.backed_up {
            return Some(StayReason::NotBackedUp);
        }
        let When::After(age, by) = self.when else { return None };
        let dated = match by {
            DateBy::Message => facts.date.max(facts.received),
            DateBy::Archived => Some(archived),
        };
        match dated {
            None => Some(StayReason::NoDate),
            Some(at) => (at > age.before(now)).then_some(StayReason::NotOldEnough),
        }
    }

    /// Whether a message is too young whatever else its source says of it. `date` is its own date,
    /// or a later one; `archived` is when it was archived.
    #[must_use]
    pub fn is_too_young(&self, date: Timestamp, archived: Timestamp, now: Timestamp) -> bool {
        match self.when {
            When::Never => true,
            When::AtOnce => false,
            When::After(age, DateBy::Message) => date > age.before(now),
            When::After(age, DateBy::Archived) => archived > age.before(now),
        }
    }

    /// The mailbox that messages are moved to, which the job has to leave out.
    #[must_use]
    pub fn moves_to(&self) -> Option<&str> {
        match (&self.way, self.when) {
            (Way::Moved(mailbox), When::AtOnce | When::After(..)) => Some(mailbox),
            _ => None,
        }
    }
}

impl Removal {
    /// The entry of an exclude list that leaves out the mailbox that messages are moved to, and
    /// what is below it.
    #[must_use]
    pub fn exclude_entry(&self) -> Option<String> {
        let parts = self.moves_to()?.split('/');
        Some(FolderPath::from_parts(parts).as_str().to_owned())
    }
}

/// The rule as it is written, which [`FromStr`] understands.
impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            When::Never => return f.write_str("never"),
            When::AtOnce => f.write_str("at once")?,
            When::After(age, DateBy::Message) => write!(f, "after {age}")?,
            When::After(age, DateBy::Archived) => write!(f, "after {age} by archive date")?,
        }
        if self.copies == Copies::Backup {
            write!(f, " if backed up")?;
        }
        match &self.way {
            Way::Removed => Ok(()),
            Way::Moved(mailbox) => write!(f, " into {mailbox}"),
        }
    }
}

const WHEN_HINT: &str = "Write never, at once, or after 3 months.";
const AGE_HINT: &str = "Write a number and days, weeks, months or years: after 90 days, after 3m.";

/// `never`, `at once`, `after 3 months`; behind the last two `by archive date` or `by message
/// date`, then `if backed up`, and then `into MAILBOX`.
impl FromStr for Removal {
    type Err = WordingError;

    fn from_str(text: &str) -> Result<Removal, WordingError> {
        limited(text)?;
        let words = words(text);
        let mut rest = words.iter().copied().peekable();
        let end = WordingError::new(text.len(), "here a word is missing", WHEN_HINT);
        let first = rest.next().ok_or_else(|| end.clone())?;
        let mut when = match first.text.to_ascii_lowercase().as_str() {
            "never" => When::Never,
            "at-once" | "immediately" => When::AtOnce,
            "at" => {
                let once = rest.next().filter(|it| it.text.eq_ignore_ascii_case("once"));
                once.ok_or_else(|| first.wrong("\"at\" is followed by \"once\"", WHEN_HINT))?;
                When::AtOnce
            }
            "after" => When::After(age(&mut rest, text)?, DateBy::Message),
            _ => {
                let what = format!("\"{}\" is not a time to remove messages", first.text);
                return Err(first.wrong(what, WHEN_HINT));
            }
        };
        if let Some(by) = rest.next_if(|it| it.text.eq_ignore_ascii_case("by")) {
            when = dated_by(when, by, &mut rest)?;
        }
        let copies = match rest.next_if(|it| it.text.eq_ignore_ascii_case("if")) {
            Some(word) => backed_up(when, word, &mut rest)?,
            None => Copies::Archive,
        };
        let way = match rest.next() {
            None => Way::Removed,
            Some(into) => moved(when, into, rest.next(), text)?,
        };
        Ok(Removal { when, way, copies })
    }
}

fn age<'a>(
    rest: &mut std::iter::Peekable<impl Iterator<Item = Word<'a>>>,
    text: &str,
) -> Result<Age, WordingError> {
    let missing = || WordingError::new(text.len(), "after how long is missing", AGE_HINT);
    let count = rest.next().ok_or_else(missing)?;
    if let Some(age) = Age::read(count.text) {
        return Ok(age);
    }
    let wrong = |text: &str| count.wrong(format!("\"{text}\" is not a length of time"), AGE_HINT);
    let unit = rest.next().ok_or_else(|| wrong(count.text))?;
    let both = format!("{} {}", count.text, unit.text);
    Age::read(&both).ok_or_else(|| wrong(&both))
}

fn dated_by<'a>(
    when: When,
    by: Word<'a>,
    rest: &mut impl Iterator<Item = Word<'a>>,
) -> Result<When, WordingError> {
    const HINT: &str = "Write by message date or by archive date.";
    let When::After(age, _) = when else {
        return Err(by.wrong("only an age has a date that it is counted from", WHEN_HINT));
    };
    let which = rest.next().map(|it| it.text.to_ascii_lowercase());
    let date = rest.next().is_some_and(|it| it.text.eq_ignore_ascii_case("date"));
    match which.as_deref() {
        Some("message") if date => Ok(When::After(age, DateBy::Message)),
        Some("archive") if date => Ok(When::After(age, DateBy::Archived)),
        _ => Err(by.wrong("this is not one of the two dates", HINT)),
    }
}

fn backed_up<'a>(
    when: When,
    word: Word<'a>,
    rest: &mut impl Iterator<Item = Word<'a>>,
) -> Result<Copies, WordingError> {
    let mut is = |text: &str| rest.next().is_some_and(|it| it.text.eq_ignore_ascii_case(text));
    if when == When::Never {
        return Err(word.wrong("what is never removed needs no backup for it", WHEN_HINT));
    }
    if is("backed") && is("up") {
        return Ok(Copies::Backup);
    }
    Err(word.wrong("\"if\" is followed by \"backed up\"", "Write at once if backed up."))
}

fn moved(
    when: When,
    into: Word<'_>,
    mailbox: Option<Word<'_>>,
    text: &str,
) -> Result<Way, WordingError> {
    if !into.text.eq_ignore_ascii_case("into") {
        let what = format!("\"{}\" is one word too many", into.text);
        return Err(into.wrong(what, "Leave it out, or write into MAILBOX."));
    }
    if when == When::Never {
        return Err(into.wrong("what is never removed is not moved either", WHEN_HINT));
    }
    let Some(mailbox) = mailbox else {
        let hint = "Write into and a mailbox: at once into Archived.";
        return Err(WordingError::new(text.len(), "the mailbox is missing", hint));
    };
    // The rest of the text: names of mailboxes have spaces.
    let name = text.get(mailbox.at..).unwrap_or_default().trim_end();
    let is_wrong = name.split('/').any(|it| it.is_empty() || it == ".")
        || name.starts_with('|')
        || name.eq_ignore_ascii_case("INBOX")
        || name.chars().any(char::is_control);
    if is_wrong {
        let what = format!("\"{name}\" is no mailbox that messages can be moved to");
        return Err(mailbox.wrong(what, "Write its path with slashes: Archived/Old."));
    }
    Ok(Way::Moved(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::at;
    use crate::{DefaultFolders, ListedMailbox, Scope, Verdict, Whose};
    use expect_test::expect;
    use types::MailboxName;

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn facts() -> RemovalFacts {
        RemovalFacts {
            flags: Flags::SEEN,
            archived: Archived::Since(at("2026-11-01T00:00:00Z")),
            filter: Answer::Yes,
            date: Some(at("2026-01-15T00:00:00Z")),
            received: Some(at("2026-01-15T00:00:10Z")),
            backed_up: true,
        }
    }

    fn check(rule: &str, change: impl FnOnce(&mut RemovalFacts), want: &str) {
        let mut facts = facts();
        change(&mut facts);
        let rule: Removal = rule.parse().unwrap();
        let got = match rule.decide(&facts, at(NOW)) {
            Decision::Stays(reason) => reason.to_string(),
            Decision::Removed => "removed".into(),
            Decision::Moved(mailbox) => format!("moved to {mailbox}"),
        };
        assert_eq!(got, want, "{rule}: {facts:?}");
    }

    #[test]
    fn what_leaves_and_what_stays() {
        check("never", |_| (), "nothing is removed");
        check("at once", |_| (), "removed");
        check("at once into Old/2026", |_| (), "moved to Old/2026");
        check("at once", |it| it.flags = Flags::FLAGGED.with(Flags::SEEN), "flagged");
        check("at once into Old", |it| it.flags = Flags::FLAGGED, "flagged");
        check("at once if backed up", |_| (), "removed");
        check("at once if backed up into Old", |_| (), "moved to Old");
        check("at once if backed up", |it| it.backed_up = false, "in no backup yet");
        check("after 11 months if backed up", |_| (), "not old enough");
        check("at once", |it| it.backed_up = false, "removed");
        check("at once", |it| it.archived = Archived::No, "not archived");
        check("at once", |it| it.archived = Archived::Quarantined, "in quarantine");
        check("at once", |it| it.filter = Answer::No, "outside the filter");
        check("at once", |it| it.filter = Answer::NeedsHeaders, "outside the filter");
    }

    #[test]
    fn ages_are_counted_from_the_named_date() {
        check("after 10 months", |_| (), "removed");
        check("after 11 months", |_| (), "not old enough");
        check("after 1 week by archive date", |_| (), "removed");
        check("after 1 month by archive date", |_| (), "not old enough");
        check(
            "after 1 month",
            |it| it.received = Some(at("2026-11-20T00:00:00Z")),
            "not old enough",
        );
        check("after 1 month", |it| it.date = Some(at("2038-01-01T00:00:00Z")), "not old enough");
        check("after 1 month", |it| it.received = None, "removed");
        check("after 1 month", |it| it.date = None, "removed");
        let no_date = |it: &mut RemovalFacts| (it.date, it.received) = (None, None);
        check("after 1 month", no_date, "its date is not known");
        check("after 1 week by archive date", no_date, "removed");
        check("at once", no_date, "removed");
        let just = |it: &mut RemovalFacts| it.received = Some(at("2026-10-21T12:00:00Z"));
        check("after 1 month", just, "removed");
        let later = |it: &mut RemovalFacts| it.received = Some(at("2026-10-21T12:00:01Z"));
        check("after 1 month", later, "not old enough");
    }

    /// What is too young without asking is not old enough when asked.
    #[test]
    fn the_young_are_known_beforehand() {
        let cases = [
            ("never", true),
            ("at once", false),
            ("after 10 months", false),
            ("after 11 months", true),
            ("after 1 week by archive date", false),
            ("after 1 month by archive date", true),
        ];
        for (rule, want) in cases {
            let rule: Removal = rule.parse().unwrap();
            let facts = facts();
            let Archived::Since(archived) = facts.archived else { panic!("it is archived") };
            assert_eq!(rule.is_too_young(facts.date.unwrap(), archived, at(NOW)), want, "{rule}");
            let stays = matches!(rule.decide(&facts, at(NOW)), Decision::Stays(_));
            assert_eq!(stays, want, "{rule}");
        }
    }

    #[test]
    fn rules_are_written_as_they_are_read() {
        let cases = [
            ("never", "never"),
            ("  At   Once ", "at once"),
            ("at-once", "at once"),
            ("at once IF backed UP", "at once if backed up"),
            (
                "after 1y by archive date if backed up into Old mail",
                "after 1 year by archive date if backed up into Old mail",
            ),
            ("immediately", "at once"),
            ("after 90d", "after 90 days"),
            ("after 1 Week", "after 1 week"),
            ("after 3 months by message date", "after 3 months"),
            ("after 2y by archive date", "after 2 years by archive date"),
            ("at once into Old mail/2026 ", "at once into Old mail/2026"),
            (
                "after 1 month by archive date into by date",
                "after 1 month by archive date into by date",
            ),
        ];
        for (text, want) in cases {
            let rule: Removal = text.parse().unwrap();
            assert_eq!(rule.to_string(), want);
            assert_eq!(want.parse(), Ok(rule));
        }
        assert_eq!(Removal::default().to_string(), "never");
        assert_eq!("at once into A/B".parse::<Removal>().unwrap().moves_to(), Some("A/B"));
        assert_eq!("at once".parse::<Removal>().unwrap().moves_to(), None);
    }

    #[test]
    fn a_job_leaves_out_what_it_moves_messages_to() {
        for mailbox in ["Old", "Old mail/2026", "100%", "a|b", "Entwürfe/x", "inbox/Old"] {
            let rule: Removal = format!("at once into {mailbox}").parse().unwrap();
            let exclude = [rule.exclude_entry().unwrap()];
            let scope = Scope::parse(DefaultFolders::Kept, &[], &exclude).unwrap();
            let names = [
                MailboxName::from_parts(mailbox.split('/')),
                MailboxName::from_parts(mailbox.split('/').chain(["below"])),
                MailboxName::from_parts(["INBOX"]),
            ];
            let listed = names.each_ref().map(|name| {
                let whose = Whose::Own;
                ListedMailbox { name, role: None, whose }
            });
            let inside: Vec<bool> =
                scope.apply(&listed).iter().map(|it| *it == Verdict::In).collect();
            assert_eq!(inside, [false, false, true], "{mailbox}");
        }
        assert_eq!(Removal::default().exclude_entry(), None);
    }

    #[test]
    fn wrong_rules() {
        let texts = [
            "",
            "sometimes",
            "at noon",
            "after",
            "after 3",
            "after 3 moons",
            "after 0 days",
            "at once by message date",
            "after 3m by date",
            "after 3m please",
            "never into Old",
            "at once into",
            "at once into inbox",
            "at once into Old//x",
            "at once into Old/.",
            "at once into ||Old",
        ];
        let shown = texts.map(|it| it.parse::<Removal>().unwrap_err().render(it) + "\n");
        expect![[r#"

            ^ here a word is missing
            Write never, at once, or after 3 months.
            sometimes
            ^ "sometimes" is not a time to remove messages
            Write never, at once, or after 3 months.
            at noon
            ^ "at" is followed by "once"
            Write never, at once, or after 3 months.
            after
                 ^ after how long is missing
            Write a number and days, weeks, months or years: after 90 days, after 3m.
            after 3
                  ^ "3" is not a length of time
            Write a number and days, weeks, months or years: after 90 days, after 3m.
            after 3 moons
                  ^ "3 moons" is not a length of time
            Write a number and days, weeks, months or years: after 90 days, after 3m.
            after 0 days
                  ^ "0 days" is not a length of time
            Write a number and days, weeks, months or years: after 90 days, after 3m.
            at once by message date
                    ^ only an age has a date that it is counted from
            Write never, at once, or after 3 months.
            after 3m by date
                     ^ this is not one of the two dates
            Write by message date or by archive date.
            after 3m please
                     ^ "please" is one word too many
            Leave it out, or write into MAILBOX.
            never into Old
                  ^ what is never removed is not moved either
            Write never, at once, or after 3 months.
            at once into
                        ^ the mailbox is missing
            Write into and a mailbox: at once into Archived.
            at once into inbox
                         ^ "inbox" is no mailbox that messages can be moved to
            Write its path with slashes: Archived/Old.
            at once into Old//x
                         ^ "Old//x" is no mailbox that messages can be moved to
            Write its path with slashes: Archived/Old.
            at once into Old/.
                         ^ "Old/." is no mailbox that messages can be moved to
            Write its path with slashes: Archived/Old.
            at once into ||Old
                         ^ "||Old" is no mailbox that messages can be moved to
            Write its path with slashes: Archived/Old.
        "#]]
        .assert_eq(&shown.concat());
    }
}
