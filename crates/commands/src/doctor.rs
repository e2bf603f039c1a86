//! What `doctor` looks at, and what it finds.

/// How much a doctor reads, or `verify`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Examination {
    /// What opening reads: the beginnings and ends of segments, and the views.
    #[default]
    Brief,
    /// Every byte of each log, and of each catalog, too.
    Thorough,
}

/// What a check found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CheckResult {
    /// Nothing is wrong.
    Good,
    /// It could not be looked at, or does not apply: the message says why.
    Unknown,
    /// Something deserves attention; everything works.
    Warning,
    /// Something is wrong, and something does not work or is at risk.
    Bad,
}

impl CheckResult {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CheckResult::Good => "good",
            CheckResult::Unknown => "unknown",
            CheckResult::Warning => "warning",
            CheckResult::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DoctorCheck {
    /// Its name, the same in every version: `data_directory`, `lock`, and so on.
    pub name: &'static str,
    /// Of which store; `None` when it is about all of them.
    pub store: Option<String>,
    /// What was found.
    pub result: CheckResult,
    /// The same in words: a sentence.
    pub message: String,
    /// What that means, when it is not good: sentences.
    pub meaning: Option<String>,
    /// What can be done: sentences.
    pub hint: Option<String>,
}

impl DoctorCheck {
    /// A check of all stores: what it found.
    #[must_use]
    pub fn new(name: &'static str, result: CheckResult, message: impl Into<String>) -> DoctorCheck {
        let message = message.into();
        DoctorCheck { name, store: None, result, message, meaning: None, hint: None }
    }

    /// The same, with what it means.
    #[must_use]
    pub fn means(self, text: impl Into<String>) -> DoctorCheck {
        DoctorCheck { meaning: Some(text.into()), ..self }
    }

    /// The same, with what can be done.
    #[must_use]
    pub fn with_hint(self, text: impl Into<String>) -> DoctorCheck {
        DoctorCheck { hint: Some(text.into()), ..self }
    }
}

/// All that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DoctorAnswer {
    /// The checks, in the order in which they were made.
    pub checks: Vec<DoctorCheck>,
    /// How much was read for them.
    pub examination: Examination,
}

impl DoctorAnswer {
    /// Whether nothing is bad.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.checks.iter().all(|it| it.result != CheckResult::Bad)
    }
}
