//! The key of encrypted stores, and what it opens.

use std::io;
use std::path::Path;
use std::sync::Arc;

use frames::{Casing, Prelude, Seal};
use sealing::{KeyRing, UnwrapError, WrappedKey};

/// The keys that were given, if any.
pub(crate) struct Unlock(Option<KeyRing>);

impl Unlock {
    /// Those of a file; `None` when there is none.
    pub(crate) fn with(path: Option<&Path>) -> io::Result<Unlock> {
        let Some(path) = path else { return Ok(Unlock(None)) };
        let named =
            |kind, what: String| io::Error::new(kind, format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|it| named(it.kind(), it.to_string()))?;
        let keys = KeyRing::parse(&text);
        keys.map(|it| Unlock(Some(it)))
            .map_err(|it| named(io::ErrorKind::InvalidData, it.to_string()))
    }

    /// What the frames of a segment have in common, whose directory is `segments`; else why that
    /// cannot be known.
    pub(crate) fn casing(&self, segments: &Path, prelude: &Prelude) -> Result<Casing, String> {
        let salt = prelude.salt;
        let Some(name) = prelude.key else { return Ok(Casing { salt, seal: None }) };
        let name = name.to_string();
        let path = segments.with_file_name("keys").join(format!("{name}.key"));
        let shown = path.display();
        let text = std::fs::read_to_string(&path).map_err(|it| format!("its key {shown}: {it}"))?;
        let spoiled = || format!("its key {shown} is not what was written there");
        let wrapped = WrappedKey::parse(&text).ok_or_else(spoiled)?;
        let with = wrapped.with();
        let Some(ring) = &self.0 else {
            return Err(format!("it is encrypted with key {with}: name that with --unlock"));
        };
        let opened = wrapped.open(ring, &name).map_err(|error| match error {
            UnwrapError::Spoiled => spoiled(),
            UnwrapError::Missing(_) => {
                let given: Vec<String> = ring.ids().map(ToString::to_string).collect();
                format!("it is encrypted with key {with}, and given is {}", given.join(", "))
            }
        })?;
        let key = opened.try_into().map_err(|_| spoiled())?;
        // Nothing is sealed here.
        let seal = Seal::new(&key, Arc::new(|_| ()));
        Ok(Casing { salt, seal: Some(seal) })
    }
}
