//! What `doctor` looks at, and what it finds.

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
    /// What can be done: sentences.
    pub hint: Option<String>,
}

/// All that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DoctorAnswer {
    /// The checks, in the order in which they were made.
    pub checks: Vec<DoctorCheck>,
}

impl DoctorAnswer {
    /// Whether nothing is bad.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.checks.iter().all(|it| it.result != CheckResult::Bad)
    }
}
