//! Every setting of Posthold, declared once: key, type, default, what it is for, and what applying
//! it does. Everything that shows or takes a setting reads it here.
//!
//! What it is not: a place where values are kept, and not the properties of a job or profile.

mod reference;

use std::collections::BTreeMap;
use std::fmt;

pub use reference::reference;

/// What applying a setting does to a server that runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applies {
    /// Nothing: the next thing that asks gets the new value.
    None,
    /// The profiles and jobs that it concerns connect anew.
    Part,
    /// Everything begins anew, between two batches.
    All,
}

impl Applies {
    /// The name in answers and in the reference.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Applies::None => "none",
            Applies::Part => "part",
            Applies::All => "all",
        }
    }
}

/// The most bytes of a pattern.
pub const PATTERN_BYTES_MAX: usize = 1000;

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// `on` or `off`.
    Switch,
    /// A whole number within these bounds, both included.
    Number {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A text in one line, not empty, of at most [`PATTERN_BYTES_MAX`]. These names may stand in it
    /// in braces, and nothing else.
    Pattern(&'static [&'static str]),
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueType::Switch => f.write_str("on or off"),
            ValueType::Number { min, max } => write!(f, "a number from {min} to {max}"),
            ValueType::Choice(words) => write!(f, "one of {}", words.join(", ")),
            ValueType::Pattern(names) => {
                let names: Vec<String> = names.iter().map(|it| format!("{{{it}}}")).collect();
                let names = names.join(", ");
                write!(f, "a text of at most {PATTERN_BYTES_MAX} bytes, in braces only {names}")
            }
        }
    }
}

/// A setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Its name.
    pub key: &'static str,
    /// What its values are.
    pub value: ValueType,
    /// What counts while nobody has set it.
    pub default: &'static str,
    /// What applying it does.
    pub applies: Applies,
    /// What it is for: sentences.
    pub doc: &'static str,
}

/// When the disk counts as nearly full.
pub const ALERT_DISK_FREE_PERCENT: Setting = Setting {
    key: "alert_disk_free_percent",
    value: ValueType::Number { min: 0, max: 50 },
    default: "5",
    applies: Applies::None,
    doc: "How much of the data directory's disk should be free, in percent. Below it there is an \
          alert; 0 asks for none.",
};

/// How many messages about alerts are written.
pub const ALERT_MAILS_PER_HOUR: Setting = Setting {
    key: "alert_mails_per_hour",
    value: ValueType::Number { min: 1, max: 60 },
    default: "6",
    applies: Applies::None,
    doc: "Messages about alerts in an hour at most. What happens beyond waits and is told together \
          in the next one.",
};

/// When a source counts as stuck.
pub const ALERT_STALE_HOURS: Setting = Setting {
    key: "alert_stale_hours",
    value: ValueType::Number { min: 1, max: 8760 },
    default: "48",
    applies: Applies::None,
    doc: "How many hours an account of a job may be without a proof that everything of it is \
          archived. Then there is an alert that says when it was last proven complete.",
};

/// Whether mail connections may stay unencrypted.
pub const ALLOW_PLAIN_MAIL_CONNECTIONS: Setting = Setting {
    key: "allow_plain_mail_connections",
    value: ValueType::Switch,
    default: "off",
    applies: Applies::Part,
    doc: "Lets server profiles reach other machines without encryption. Passwords and mail can be \
          read on the way then. Connections to this machine need no permission.",
};

/// Whether it is logged who looks at settings, jobs and reports.
pub const AUDIT_CONFIGURATION_READ: Setting = Setting {
    key: "audit_configuration_read",
    value: ValueType::Switch,
    default: "off",
    applies: Applies::None,
    doc: "Whether the audit log says who looked at settings, users, jobs, runs, reports \
          and alerts. No mail is shown by these, and nothing is changed.",
};

/// Whether it is logged that users run jobs of their own.
pub const AUDIT_JOB_RUN: Setting = Setting {
    key: "audit_job_run",
    value: ValueType::Switch,
    default: "on",
    applies: Applies::None,
    doc: "Whether the audit log says that users run jobs of their own. What administrators \
          run, and what is run on the command line of the server, is always logged.",
};

/// Whether it is logged that users export their own mail.
pub const AUDIT_MESSAGE_EXPORT: Setting = Setting {
    key: "audit_message_export",
    value: ValueType::Switch,
    default: "on",
    applies: Applies::None,
    doc: "Whether the audit log says that users export mail of their own. Exports of the mail of \
          others, and on the command line of the server, are always logged.",
};

/// Whether it is logged that users read their own mail.
pub const AUDIT_MESSAGE_RETRIEVE_CONTENT: Setting = Setting {
    key: "audit_message_retrieve_content",
    value: ValueType::Switch,
    default: "on",
    applies: Applies::None,
    doc: "Whether the audit log says that users read mail of their own, which is very many \
          entries. Reading the mail of others, and on the command line of the server, is \
          always logged.",
};

/// Whether it is logged that users search their own mail.
pub const AUDIT_MESSAGE_SEARCH: Setting = Setting {
    key: "audit_message_search",
    value: ValueType::Switch,
    default: "on",
    applies: Applies::None,
    doc: "Whether the audit log says that users search mail of their own. Searching the mail of \
          others, and on the command line of the server, is always logged.",
};

/// Whether reading on the command line needs a reason.
pub const AUDIT_READING_NEEDS_REASON: Setting = Setting {
    key: "audit_reading_needs_reason",
    value: ValueType::Switch,
    default: "off",
    applies: Applies::None,
    doc: "Whether commands of the server's command line show mail only with a reason: one that is \
          given with --reason, or for a while with `posthold audit unlock`. It stands in the audit \
          log. Who may read the files of the server can do so without asking Posthold.",
};

/// When the daily report is sent.
pub const DAILY_REPORT_HOUR: Setting = Setting {
    key: "daily_report_hour",
    value: ValueType::Number { min: 0, max: 23 },
    default: "6",
    applies: Applies::None,
    doc: "The hour of the day, in UTC, at which the daily report is sent to those whom `posthold \
          mail set --daily-to` names.",
};

/// How long what is condemned can still be spared.
pub const ERASURE_GRACE_DAYS: Setting = Setting {
    key: "erasure_grace_days",
    value: ValueType::Number { min: 0, max: 365 },
    default: "7",
    applies: Applies::None,
    doc: "How many days messages that retention or a person removes stay in the store before they \
          are erased. A legal hold or the same mail arriving again spares them meanwhile.",
};

/// Whether a removal needs a second person.
pub const FOUR_EYES: Setting = Setting {
    key: "four_eyes",
    value: ValueType::Switch,
    default: "off",
    applies: Applies::None,
    doc: "Lets removals of messages, and lifting a legal hold, wait until a second person has \
          approved them. `posthold approval` shows what waits and who the persons are. Turning it \
          off needs a second person, too.",
};

/// When retention runs.
pub const RETENTION_HOUR: Setting = Setting {
    key: "retention_hour",
    value: ValueType::Number { min: 0, max: 24 },
    default: "2",
    applies: Applies::None,
    doc: "The hour of the day, in UTC, at which `posthold serve` carries the retention policies \
          out. 24 leaves that to `posthold retention run`.",
};

/// Whether stores that are made are encrypted.
pub const ENCRYPT_NEW_STORES: Setting = Setting {
    key: "encrypt_new_stores",
    value: ValueType::Switch,
    default: "off",
    applies: Applies::None,
    doc: "Encrypts stores that are made from now on. The key has to be there before; without it \
          their mail cannot be read any more. `posthold store encrypt` turns encryption on for a \
          store that is there.",
};

/// How long runs are kept.
pub const RUN_DAYS_KEPT: Setting = Setting {
    key: "run_days_kept",
    value: ValueType::Number { min: 1, max: 36500 },
    default: "365",
    applies: Applies::None,
    doc: "How many days runs and alerts that are over are kept. The newest run of each job always \
          is. What was archived, and when, is in the store and stays.",
};

/// Connections to one server over all jobs.
pub const SERVER_CONNECTIONS: Setting = Setting {
    key: "server_connections",
    value: ValueType::Number { min: 1, max: 1000 },
    default: "20",
    applies: Applies::Part,
    doc: "Connections to one server (host and port) at the same time, over all jobs and profiles. \
          The smallest of this, the profile's own limit and what the job asks for counts.",
};

/// When a store gets a successor, by its messages.
pub const STORE_CREATE_AT_MESSAGES: Setting = Setting {
    key: "store_create_at_messages",
    value: ValueType::Number { min: 0, max: 100_000_000 },
    default: "5000000",
    applies: Applies::None,
    doc: "How many messages the current store may have before a new one takes its place by itself, \
          between two batches. 0 asks for none. More than 5,000,000 are not recommended.",
};

/// When a store gets a successor, by the calendar.
pub const STORE_CREATE_EVERY: Setting = Setting {
    key: "store_create_every",
    value: ValueType::Choice(&["never", "month", "quarter", "year"]),
    default: "never",
    applies: Applies::None,
    doc: "How often a new store takes the place of the current one by itself, by the calendar in \
          UTC. The store is named after the time: 2026-12, 2026-Q4 or 2026.",
};

/// Where stores are made that are made by themselves.
pub const STORE_PATH_PATTERN: Setting = Setting {
    key: "store_path_pattern",
    value: ValueType::Pattern(&["name", "year", "month", "quarter"]),
    default: "{name}",
    applies: Applies::None,
    doc: "The directory of a store that is made by itself: below `stores` of the data directory, \
          or a whole path. `{name}`, `{year}`, `{month}` and `{quarter}` are filled in; without \
          `{name}` the store lies below, in a directory of its name.",
};

/// Every setting, by key.
pub const SETTINGS: &[Setting] = &[
    ALERT_DISK_FREE_PERCENT,
    ALERT_MAILS_PER_HOUR,
    ALERT_STALE_HOURS,
    ALLOW_PLAIN_MAIL_CONNECTIONS,
    AUDIT_CONFIGURATION_READ,
    AUDIT_JOB_RUN,
    AUDIT_MESSAGE_EXPORT,
    AUDIT_MESSAGE_RETRIEVE_CONTENT,
    AUDIT_MESSAGE_SEARCH,
    AUDIT_READING_NEEDS_REASON,
    DAILY_REPORT_HOUR,
    ENCRYPT_NEW_STORES,
    ERASURE_GRACE_DAYS,
    FOUR_EYES,
    RETENTION_HOUR,
    RUN_DAYS_KEPT,
    SERVER_CONNECTIONS,
    STORE_CREATE_AT_MESSAGES,
    STORE_CREATE_EVERY,
    STORE_PATH_PATTERN,
];

/// The setting with this key.
#[must_use]
pub fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|it| it.key == key)
}

/// A value does not fit its setting. Lower case, without a full stop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValueError(String);

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ValueError {}

impl Setting {
    /// Takes a value as a person writes it, and gives the form that is kept.
    pub fn check(&self, text: &str) -> Result<String, ValueError> {
        let text = text.trim();
        let kept = match self.value {
            ValueType::Switch => match text.to_ascii_lowercase().as_str() {
                "on" | "true" | "yes" => Some("on".to_owned()),
                "off" | "false" | "no" => Some("off".to_owned()),
                _ => None,
            },
            ValueType::Number { min, max } => {
                let number = text.parse::<u64>().ok();
                number.filter(|it| (min..=max).contains(it)).map(|it| it.to_string())
            }
            ValueType::Choice(words) => {
                words.iter().find(|it| it.eq_ignore_ascii_case(text)).map(|it| (*it).to_owned())
            }
            ValueType::Pattern(names) => {
                let is_line = !text.is_empty() && !text.chars().any(char::is_control);
                let fits = is_line && text.len() <= PATTERN_BYTES_MAX;
                (fits && has_only(text, names)).then(|| text.to_owned())
            }
        };
        kept.ok_or_else(|| ValueError(format!("{} is {}, not {text:?}", self.key, self.value)))
    }
}

/// Whether nothing stands in braces but these names.
fn has_only(text: &str, names: &[&str]) -> bool {
    let filled = |text: String, name: &&str| text.replace(&format!("{{{name}}}"), "");
    !names.iter().fold(text.to_owned(), filled).contains(['{', '}'])
}

/// The values that count: those that somebody has set, and the defaults.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// Values that were set, by key. What is no setting of this version, or no value of its
    /// setting, counts as not set.
    #[must_use]
    pub fn new(set: impl IntoIterator<Item = (String, String)>) -> Values {
        let is_valid =
            |(key, value): &(String, String)| find(key).is_some_and(|it| it.check(value).is_ok());
        Values(set.into_iter().filter(is_valid).collect())
    }

    /// The value that counts, as text.
    #[must_use]
    pub fn text(&self, setting: &Setting) -> &str {
        self.0.get(setting.key).map_or(setting.default, String::as_str)
    }

    /// Whether somebody has set it.
    #[must_use]
    pub fn is_set(&self, setting: &Setting) -> bool {
        self.0.contains_key(setting.key)
    }

    /// Whether a switch is on. Off for what is no switch.
    #[must_use]
    pub fn is_on(&self, setting: &Setting) -> bool {
        self.text(setting) == "on"
    }

    /// The value of a number; 0 for what is none.
    #[must_use]
    pub fn number(&self, setting: &Setting) -> u64 {
        self.text(setting).parse().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_hold_together() {
        for setting in SETTINGS {
            assert_eq!(setting.check(setting.default).as_deref(), Ok(setting.default));
            assert_eq!(find(setting.key), Some(setting));
            assert!(setting.doc.ends_with('.'), "{}", setting.key);
        }
        assert!(SETTINGS.is_sorted_by_key(|it| it.key));
    }

    #[test]
    fn values_are_checked() {
        let cases = [
            (&ALLOW_PLAIN_MAIL_CONNECTIONS, "on", "on"),
            (&ALLOW_PLAIN_MAIL_CONNECTIONS, " Yes ", "on"),
            (&ALLOW_PLAIN_MAIL_CONNECTIONS, "false", "off"),
            (
                &ALLOW_PLAIN_MAIL_CONNECTIONS,
                "2",
                "allow_plain_mail_connections is on or off, not \"2\"",
            ),
            (&SERVER_CONNECTIONS, "7", "7"),
            (&STORE_PATH_PATTERN, "/mnt/{year}-{quarter}/{name}", "/mnt/{year}-{quarter}/{name}"),
            (
                &STORE_PATH_PATTERN,
                "/mnt/{week}/{name}",
                "store_path_pattern is a text of at most 1000 bytes, in braces only {name}, \
                 {year}, {month}, {quarter}, not \"/mnt/{week}/{name}\"",
            ),
            (&SERVER_CONNECTIONS, "0", "server_connections is a number from 1 to 1000, not \"0\""),
        ];
        for (setting, text, want) in cases {
            let got = setting.check(text).unwrap_or_else(|it| it.to_string());
            assert_eq!(got, want);
        }
    }

    #[test]
    fn what_is_not_valid_counts_as_not_set() {
        let set = [("server_connections", "5"), ("allow_plain_mail_connections", "x"), ("y", "1")];
        let values = Values::new(set.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(values.number(&SERVER_CONNECTIONS), 5);
        assert!(!values.is_on(&ALLOW_PLAIN_MAIL_CONNECTIONS));
        assert!(!values.is_set(&ALLOW_PLAIN_MAIL_CONNECTIONS));
        assert_eq!(Values::default().number(&SERVER_CONNECTIONS), 20);
    }

    #[test]
    fn the_reference_names_them_all() {
        let page = reference();
        assert!(SETTINGS.iter().all(|it| page.contains(&format!("| `{}` |", it.key))), "{page}");
    }
}
