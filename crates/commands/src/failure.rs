//! How a command failed, and what the caller can do.

/// The exit code of a command.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum ExitCode {
    /// All done.
    Done = 0,
    /// Done in part: something was quarantined, not found, found damaged, or left for the next
    /// run. The answer says what.
    Partly = 1,
    /// The request or the configuration is wrong.
    Wrong = 2,
    /// It failed.
    Failed = 3,
}

/// What the caller can do about a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureKind {
    /// Ask for something else: the request is wrong.
    Request,
    /// Change host, port, security, certificate or a file that is named in the configuration.
    Configuration,
    /// Give the right name and password.
    Credentials,
    /// Ask for another message: there is none with this id.
    NotFound,
    /// Run `posthold verify`: bytes are not those that were stored.
    Damaged,
    /// Wait: another process owns the data directory.
    Busy,
    /// Try again later: the server or the network did not answer.
    Unavailable,
    /// Try again later: the server asked for a pause.
    Throttled,
    /// Report it: the server broke its protocol.
    Protocol,
    /// Make room on the disk.
    DiskFull,
    /// Look at the disk, the file system or their permissions.
    Io,
    /// Look at the store: it cannot be opened or written.
    Store,
    /// Run it again: it was asked to stop before it had an answer.
    Cancelled,
    /// Report it: an invariant of the program does not hold.
    Internal,
}

impl FailureKind {
    /// The name in machine-readable answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FailureKind::Request => "request",
            FailureKind::Configuration => "configuration",
            FailureKind::Credentials => "credentials",
            FailureKind::NotFound => "not_found",
            FailureKind::Damaged => "damaged",
            FailureKind::Busy => "busy",
            FailureKind::Unavailable => "unavailable",
            FailureKind::Throttled => "throttled",
            FailureKind::Protocol => "protocol",
            FailureKind::DiskFull => "disk_full",
            FailureKind::Io => "io",
            FailureKind::Store => "store",
            FailureKind::Cancelled => "cancelled",
            FailureKind::Internal => "internal",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<FailureKind> {
        const ALL: [FailureKind; 14] = [
            FailureKind::Request,
            FailureKind::Configuration,
            FailureKind::Credentials,
            FailureKind::NotFound,
            FailureKind::Damaged,
            FailureKind::Busy,
            FailureKind::Unavailable,
            FailureKind::Throttled,
            FailureKind::Protocol,
            FailureKind::DiskFull,
            FailureKind::Io,
            FailureKind::Store,
            FailureKind::Cancelled,
            FailureKind::Internal,
        ];
        ALL.into_iter().find(|it| it.name() == name)
    }

    /// The exit code that it ends the program with.
    #[must_use]
    pub fn exit_code(self) -> ExitCode {
        match self {
            FailureKind::Request | FailureKind::Configuration | FailureKind::Credentials => {
                ExitCode::Wrong
            }
            FailureKind::NotFound | FailureKind::Damaged | FailureKind::Cancelled => {
                ExitCode::Partly
            }
            FailureKind::Busy
            | FailureKind::Unavailable
            | FailureKind::Throttled
            | FailureKind::Protocol
            | FailureKind::DiskFull
            | FailureKind::Io
            | FailureKind::Store
            | FailureKind::Internal => ExitCode::Failed,
        }
    }
}

/// A command failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What the caller can do.
    pub kind: FailureKind,
    /// What went wrong: lower case, without a full stop, causes included.
    pub message: String,
    /// What a person can do about it: a sentence.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure of this kind. `message` is lower case, without a full stop.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), hint: None }
    }

    /// The same with what a person can do about it: a sentence.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// A failure with the whole chain of causes in its message: `a: because b: because c`.
    #[must_use]
    pub fn chain(kind: FailureKind, error: &dyn std::error::Error) -> Failure {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some libraries repeat their cause in their own text.
            if !message.ends_with(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        Failure::new(kind, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_of_causes_is_told_once() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError, &'static str);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.1)
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let Err(cause) = "x".parse::<u8>() else { panic!("x is no number") };
        let failure = Failure::chain(FailureKind::Request, &Outer(cause.clone(), "bad port"));
        assert_eq!(failure.message, "bad port: invalid digit found in string");
        let told = Outer(cause, "bad port: invalid digit found in string");
        let failure = Failure::chain(FailureKind::Request, &told);
        assert_eq!(failure.message, "bad port: invalid digit found in string");
    }

    #[test]
    fn exit_codes() {
        let cases = [
            (FailureKind::Request, 2),
            (FailureKind::Credentials, 2),
            (FailureKind::NotFound, 1),
            (FailureKind::Damaged, 1),
            (FailureKind::Busy, 3),
            (FailureKind::Unavailable, 3),
        ];
        for (kind, code) in cases {
            assert_eq!(kind.exit_code() as u8, code, "{}", kind.name());
        }
    }
}
