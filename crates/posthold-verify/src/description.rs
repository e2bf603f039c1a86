//! `store.toml`: whether what is in the store can be understood at all.

use std::io;
use std::path::Path;

use frames::features;
use toml::{Table, Value};

/// The version of the layout that is known.
const FORMAT: i64 = 1;

/// Refuses a store that needs something unknown, by its name. A log alone, without a description,
/// is read as it stands.
pub(crate) fn check(dir: &Path) -> io::Result<()> {
    let path = dir.join("store.toml");
    let refused = |what: String| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()))
    };
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text.map_err(|it| refused(it.to_string()))?,
    };
    let told: Table = text.parse().map_err(|_| refused("it cannot be understood".into()))?;
    let needs = |name: &str| refused(format!("the store needs {name}, which is not known here"));
    match told.get("format").and_then(Value::as_integer) {
        Some(FORMAT) => (),
        Some(other) => return Err(needs(&format!("format {other}"))),
        None => return Err(refused("it names no format".into())),
    }
    let named = told.get("features").and_then(Value::as_array);
    let named: Vec<&str> =
        named.into_iter().flatten().map(|it| it.as_str().unwrap_or("?")).collect();
    features::unknown(&named).map_or(Ok(()), |it| Err(needs(it)))
}
