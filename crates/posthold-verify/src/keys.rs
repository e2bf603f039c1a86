//! Whose signatures count.

use std::io;
use std::path::Path;

use ledger::note::Verifier;

use crate::findings::Findings;

/// Keys that the checker got elsewhere, if any.
pub(crate) struct Keys(Option<Vec<Verifier>>);

impl Keys {
    /// Those of a file; `None` when there is none.
    pub(crate) fn elsewhere(path: Option<&Path>) -> io::Result<Keys> {
        let Some(path) = path else { return Ok(Keys(None)) };
        let keys = read(path)?;
        if keys.is_empty() {
            let message = format!("{} has no key", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(Keys(Some(keys)))
    }

    /// The keys that count for what lies beside the file `own`, which has the keys that whoever
    /// made it says are right.
    pub(crate) fn beside(&self, own: &Path, findings: &mut Findings) -> Vec<Verifier> {
        if let Some(keys) = &self.0 {
            return keys.clone();
        }
        let keys = read(own).unwrap_or_else(|error| {
            findings.wrong(own.to_string_lossy(), error.to_string());
            Vec::new()
        });
        for key in &keys {
            findings.note(format!(
                "The key is its own, {key}: whoever made it can have made the key too. Get the \
                 key elsewhere and name it with --key."
            ));
        }
        keys
    }

    /// Whether the keys came from elsewhere.
    pub(crate) fn are_given(&self) -> bool {
        self.0.is_some()
    }
}

fn read(path: &Path) -> io::Result<Vec<Verifier>> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(named)?;
    let lines = text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
    let keys: Result<Vec<Verifier>, _> = lines.map(str::parse).collect();
    keys.map_err(|error| named(io::Error::new(io::ErrorKind::InvalidData, error)))
}
