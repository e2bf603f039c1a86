//! The words of retention policies.

/// From when the periods of a policy count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CountedFrom {
    /// When the message was archived.
    #[default]
    Archived,
    /// The later of the message's date and when it was first received.
    Message,
}

impl CountedFrom {
    /// The name in options and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CountedFrom::Archived => "archived",
            CountedFrom::Message => "message",
        }
    }

    /// What this name means.
    #[must_use]
    pub fn from_name(name: &str) -> Option<CountedFrom> {
        [CountedFrom::Archived, CountedFrom::Message].into_iter().find(|it| it.name() == name)
    }
}

/// What happens when the maximum period is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AtTheEnd {
    /// Nothing: somebody may remove the message.
    #[default]
    Stays,
    /// The message is removed.
    Removed,
}

impl AtTheEnd {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AtTheEnd::Stays => "stays",
            AtTheEnd::Removed => "removed",
        }
    }

    /// What this name means.
    #[must_use]
    pub fn from_name(name: &str) -> Option<AtTheEnd> {
        [AtTheEnd::Stays, AtTheEnd::Removed].into_iter().find(|it| it.name() == name)
    }
}

/// Whether a policy, or a hold, covers a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Coverage {
    /// It does not.
    No,
    /// That cannot be told: not every word of the message was read.
    Unclear,
    /// It does.
    Yes,
}

impl Coverage {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Coverage::No => "no",
            Coverage::Unclear => "unclear",
            Coverage::Yes => "yes",
        }
    }
}
