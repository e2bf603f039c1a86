//! The whole configuration as a file.

use std::path::PathBuf;

/// Make the state what a file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Apply {
    /// The file.
    pub file: PathBuf,
    /// Whether to do it.
    pub mode: ApplyMode,
    /// What happens with what the file does not name.
    pub unnamed: Unnamed,
}

/// Whether a plan is carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ApplyMode {
    /// It is, after it was shown.
    #[default]
    Apply,
    /// It is only shown.
    Plan,
}

/// What happens with what the file does not name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unnamed {
    /// It stays, and is listed.
    #[default]
    Stays,
    /// Settings go back to their defaults, jobs, profiles, anchors and policies are
    /// removed, users deactivated.
    Goes,
}

/// What a file changes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ApplyAnswer {
    /// The plan, in the order in which it is carried out.
    pub plan: Vec<Planned>,
    /// Whether it was carried out.
    pub applied: bool,
    /// What is there and not in the file, and stays: kind and name.
    pub unnamed: Vec<(&'static str, String)>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// One step of a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Planned {
    /// What is done.
    pub action: PlanAction,
    /// With what: `setting`, `user`, `profile`, `job`, `mail`, `anchor` or `policy`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What is different then.
    pub fields: Vec<FieldChange>,
    /// What it does to a server that runs: `none`, `part` or `all`.
    pub applies: &'static str,
}

/// What is done with one thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlanAction {
    /// It is made.
    Create,
    /// It is changed.
    Change,
    /// It is removed.
    Remove,
    /// It stays, and takes no part any more.
    Deactivate,
}

impl PlanAction {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PlanAction::Create => "create",
            PlanAction::Change => "change",
            PlanAction::Remove => "remove",
            PlanAction::Deactivate => "deactivate",
        }
    }
}

/// A key with another value, written as in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldChange {
    /// The key.
    pub key: String,
    /// What it is; `None` is the default.
    pub before: Option<String>,
    /// What it becomes.
    pub after: Option<String>,
}
