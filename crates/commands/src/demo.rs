//! A look at the program with sample mail.

/// Show what the program does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Demo {
    /// Whether the directory stays.
    pub keep: KeepDir,
}

/// Whether a directory stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum KeepDir {
    /// It is removed at the end.
    #[default]
    No,
    /// It stays.
    Yes,
}
