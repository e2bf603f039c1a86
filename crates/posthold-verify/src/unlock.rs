//! The key of encrypted stores, and what it opens.

use std::io;
use std::path::Path;
use std::sync::Arc;

use frames::{Casing, Prelude, Seal};
use sealing::{KeyRing, UnwrapError, WrappedKey};

/// Why a segment stays closed.
pub(crate) enum Closed {
    /// The key that it takes was not given.
    NotGiven(String),
    /// Its own key is missing or changed: no key opens it.
    Damaged(String),
}

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
    pub(crate) fn casing(&self, segments: &Path, prelude: &Prelude) -> Result<Casing, Closed> {
        let salt = prelude.salt;
        let Some(name) = prelude.key else { return Ok(Casing { salt, seal: None }) };
        let name = name.to_string();
        let path = segments.with_file_name("keys").join(format!("{name}.key"));
        let shown = path.display();
        let spoiled = || Closed::Damaged(format!("its key {shown} is not what was written there"));
        let text = std::fs::read_to_string(&path).map_err(|it| match it.kind() {
            io::ErrorKind::NotFound => Closed::Damaged(format!("its key {shown} is missing")),
            io::ErrorKind::InvalidData => spoiled(),
            _ => Closed::NotGiven(format!("its key {shown}: {it}")),
        })?;
        let wrapped = WrappedKey::parse(&text).ok_or_else(spoiled)?;
        let with = wrapped.with();
        let Some(ring) = &self.0 else {
            let what = format!("it is encrypted with key {with}: name that with --unlock");
            return Err(Closed::NotGiven(what));
        };
        let opened = wrapped.open(ring, &name).map_err(|error| match error {
            UnwrapError::Spoiled => spoiled(),
            UnwrapError::Missing(_) => {
                let given: Vec<String> = ring.ids().map(ToString::to_string).collect();
                let given = given.join(", ");
                Closed::NotGiven(format!("it is encrypted with key {with}, and given is {given}"))
            }
        })?;
        let key = opened.try_into().map_err(|_| spoiled())?;
        // Nothing is sealed here.
        let seal = Seal::new(&key, Arc::new(|_| ()));
        Ok(Casing { salt, seal: Some(seal) })
    }
}
