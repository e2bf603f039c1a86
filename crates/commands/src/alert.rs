//! Alerts: what a person should know, told once until it changes or is over.

use types::Timestamp;

/// What an alert is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AlertKind {
    /// The newest run of a job failed, or did its work in part.
    Run,
    /// A source was not proven complete for too long.
    Stale,
    /// Messages are quarantined.
    Quarantine,
    /// The disk of the data directory is nearly full.
    Disk,
    /// The store could not be opened or written.
    Store,
    /// A key that passwords are sealed with is missing.
    Key,
    /// A connection is not safe.
    Insecure,
    /// As much was fetched from a server as may be in a day.
    Quota,
    /// Mail came for addresses that nobody has.
    UnknownAddresses,
    /// Mail to those who look after the server cannot be sent.
    Mail,
    /// The clock jumped, and retention stands still.
    Clock,
    /// One of the stores cannot be read.
    StoreError,
    /// The current store has nearly as many messages as are recommended.
    StoreFull,
    /// The index of a store is defective.
    StoreIndex,
    /// There is no store that mail could go to.
    NoStore,
    /// Checkpoints do not go to where they are kept.
    Anchor,
}

impl AlertKind {
    /// All of them.
    pub const ALL: [AlertKind; 16] = [
        AlertKind::Run,
        AlertKind::Stale,
        AlertKind::Quarantine,
        AlertKind::Disk,
        AlertKind::Store,
        AlertKind::Key,
        AlertKind::Insecure,
        AlertKind::Quota,
        AlertKind::UnknownAddresses,
        AlertKind::Mail,
        AlertKind::Clock,
        AlertKind::StoreError,
        AlertKind::StoreFull,
        AlertKind::StoreIndex,
        AlertKind::NoStore,
        AlertKind::Anchor,
    ];

    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AlertKind::Run => "run",
            AlertKind::Stale => "stale",
            AlertKind::Quarantine => "quarantine",
            AlertKind::Disk => "disk",
            AlertKind::Store => "store",
            AlertKind::Key => "key",
            AlertKind::Insecure => "insecure",
            AlertKind::Quota => "quota",
            AlertKind::UnknownAddresses => "unknown_addresses",
            AlertKind::Mail => "mail",
            AlertKind::Clock => "clock",
            AlertKind::StoreError => "store_error",
            AlertKind::StoreFull => "store_full",
            AlertKind::StoreIndex => "store_index",
            AlertKind::NoStore => "no_store",
            AlertKind::Anchor => "anchor",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<AlertKind> {
        AlertKind::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// How much an alert matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Somebody should look at it some time.
    Warning,
    /// Mail is not archived, or will soon not be.
    Serious,
}

impl Severity {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Serious => "serious",
        }
    }

    /// The severity of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Severity> {
        [Severity::Warning, Severity::Serious].into_iter().find(|it| it.name() == name)
    }
}

/// What an alert says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alert {
    /// What it is about.
    pub kind: AlertKind,
    /// Which one of them: the name of a job, of a server profile, ...
    pub subject: String,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong: a sentence.
    pub message: String,
    /// What in particular: a line each.
    pub details: Vec<String>,
    /// What a person can do: a sentence.
    pub hint: Option<String>,
}

/// An alert as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertShown {
    /// Its number.
    pub id: u64,
    /// What it says, as it was when it was last looked at.
    pub alert: Alert,
    /// When it was raised.
    pub raised: Timestamp,
    /// When it last changed for the worse.
    pub changed: Timestamp,
    /// When somebody said that it is known.
    pub acknowledged: Option<Timestamp>,
    /// When it was over.
    pub resolved: Option<Timestamp>,
    /// Whether a message about its newest change is still to be written.
    pub untold: bool,
}

impl AlertShown {
    /// Whether it waits for a person.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.resolved.is_none() && self.acknowledged.is_none()
    }
}

/// Which alerts are listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AlertChoice {
    /// Those that are not over.
    #[default]
    Open,
    /// All that are kept.
    All,
}

/// What can be asked of alerts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AlertRequest {
    /// List them, after looking anew.
    List(AlertChoice),
    /// Show one.
    Show(u64),
    /// Say that one is known: it is told again only when it changes.
    Acknowledge(u64),
}

impl AlertRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            AlertRequest::List(_) => "alert list",
            AlertRequest::Show(_) => "alert show",
            AlertRequest::Acknowledge(_) => "alert acknowledge",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for kind in AlertKind::ALL {
            assert_eq!(AlertKind::from_name(kind.name()), Some(kind));
        }
    }
}
