//! Presets: what is known of a kind of mail server, as it is shown.

/// What can be asked of presets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PresetRequest {
    /// List them.
    List,
    /// Show one.
    Show(String),
}

impl PresetRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            PresetRequest::List => "preset list",
            PresetRequest::Show(_) => "preset show",
        }
    }
}

/// What is known of a kind of mail server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PresetShown {
    /// Its name in commands.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Its host, or what one is usually called.
    pub host: String,
    /// Whether there is one host for everybody.
    pub host_is_fixed: bool,
    /// How to reach it, the best way first: `imaps 993`.
    pub endpoints: Vec<String>,
    /// How a master logs in for others; `None` where each mailbox needs its own password.
    pub form: Option<String>,
    /// Which name of a user the server knows then.
    pub identity: Option<String>,
    /// Folders for special mail, each with what it is for.
    pub folders: Vec<(String, &'static str)>,
    /// Folders that a job leaves out besides the default ones.
    pub excluded: Vec<String>,
    /// What administrators have to know: where it matters, and what.
    pub hints: Vec<(&'static str, String)>,
    /// Where all this is from.
    pub source: String,
    /// The page about it, below `docs/guide`.
    pub guide: String,
}
