//! One object of the file, while its keys are taken out of it.

use std::collections::BTreeMap;
use std::time::Duration;

use commands::{Failure, FailureKind};
use toml::Value;

/// The longest time that a key may say: a century.
const SECONDS_MAX: f64 = 3.2e9;

/// An object of the file. Whoever reads it takes the keys that it may have; what is left at the
/// end is an error.
#[derive(Debug)]
pub(super) struct Object {
    /// `profile`, `job`, ...
    kind: &'static str,
    /// Its name.
    name: String,
    /// Keys that nobody took, with those of tables joined by dots.
    left: BTreeMap<String, Value>,
    /// Keys that were asked for.
    known: Vec<String>,
}

impl Object {
    /// The object that a table of the file says.
    pub(super) fn new(
        kind: &'static str,
        table: toml::Table,
        place: usize,
    ) -> Result<Self, Failure> {
        let mut left = BTreeMap::new();
        flatten("", table, &mut left);
        let Some(Value::String(name)) = left.remove("name") else {
            let message = format!("the {} number {place} has no name", words(kind));
            return Err(Failure::new(FailureKind::Request, message)
                .with_hint("Write name = \"...\" as its first line."));
        };
        Ok(Object { kind, name, left, known: vec!["name".to_owned()] })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// An error about one of its keys. `what` is lower case, without a full stop.
    pub(super) fn wrong(&self, key: &str, what: impl std::fmt::Display) -> Failure {
        let message = format!("{} {:?}, {key}: {what}", words(self.kind), self.name);
        Failure::new(FailureKind::Request, message)
    }

    /// An error about it as a whole.
    pub(super) fn about(&self, failure: Failure) -> Failure {
        let message = format!("{} {:?}: {}", words(self.kind), self.name, failure.message);
        Failure { message, ..failure }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.known.push(key.to_owned());
        self.left.remove(key)
    }

    /// Whether a key, or one of the table of this name, is there.
    pub(super) fn has(&self, key: &str) -> bool {
        let table = format!("{key}.");
        self.left.keys().any(|it| it == key || it.starts_with(&table))
    }

    /// Whether a key is there with text as its value.
    pub(super) fn is_text(&self, key: &str) -> bool {
        matches!(self.left.get(key), Some(Value::String(_)))
    }

    /// Text.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, Failure> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(key, is_not(&other, "text"))),
        }
    }

    /// Text that means something: `None` of `read` is an error that names `what` it should be.
    pub(super) fn word<T>(
        &mut self,
        key: &str,
        what: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        match read(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(self.wrong(key, format!("{text:?} is not {what}"))),
        }
    }

    /// A whole number from 0 up.
    pub(super) fn whole<T: TryFrom<i64>>(&mut self, key: &str) -> Result<Option<T>, Failure> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Integer(number)) => match T::try_from(number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.wrong(key, format!("{number} is out of range"))),
            },
            Some(other) => Err(self.wrong(key, is_not(&other, "a whole number"))),
        }
    }

    /// Seconds.
    pub(super) fn seconds(&mut self, key: &str) -> Result<Option<Duration>, Failure> {
        let seconds = match self.take(key) {
            None => return Ok(None),
            #[expect(clippy::cast_precision_loss, reason = "what is too large is refused below")]
            Some(Value::Integer(number)) => number as f64,
            Some(Value::Float(number)) => number,
            Some(other) => return Err(self.wrong(key, is_not(&other, "a number of seconds"))),
        };
        if !(0.0..=SECONDS_MAX).contains(&seconds) {
            return Err(self.wrong(key, format!("{seconds} seconds are out of range")));
        }
        Ok(Some(Duration::from_secs_f64(seconds)))
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, key: &str) -> Result<Option<bool>, Failure> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Boolean(is_on)) => Ok(Some(is_on)),
            Some(other) => Err(self.wrong(key, is_not(&other, "true or false"))),
        }
    }

    /// A list of texts.
    pub(super) fn list(&mut self, key: &str) -> Result<Option<Vec<String>>, Failure> {
        let values = match self.take(key) {
            None => return Ok(None),
            Some(Value::Array(values)) => values,
            Some(other) => return Err(self.wrong(key, is_not(&other, "a list of texts"))),
        };
        let mut texts = Vec::new();
        for value in values {
            match value {
                Value::String(text) => texts.push(text),
                other => return Err(self.wrong(key, is_not(&other, "text"))),
            }
        }
        Ok(Some(texts))
    }

    /// Refuses the keys that nobody took.
    pub(super) fn end(self) -> Result<(), Failure> {
        let Some(key) = self.left.keys().next() else { return Ok(()) };
        let known = self.known.join(", ");
        Err(self.wrong(key, "there is no such key").with_hint(format!("Its keys are: {known}.")))
    }
}

/// The name of a kind of object in sentences.
pub(super) fn words(kind: &str) -> &str {
    match kind {
        "profile" => "server profile",
        "policy" => "retention policy",
        other => other,
    }
}

fn is_not(value: &Value, what: &str) -> String {
    format!("a value of the type {} is not {what}", value.type_str())
}

fn flatten(prefix: &str, table: toml::Table, left: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => flatten(&key, inner, left),
            other => {
                left.insert(key, other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        Object::new("profile", text.parse().unwrap(), 1).unwrap()
    }

    #[test]
    fn wrong_values_are_named() {
        let mut it = object("name = \"a\"\nx = 3\nincoming.host = \"h\"\nlist = [1]\nt = -1.5");
        assert_eq!(
            it.text("x").unwrap_err().message,
            "server profile \"a\", x: a value of the type integer is not text"
        );
        assert!(it.has("incoming") && !it.has("outgoing"));
        assert_eq!(it.text("incoming.host").unwrap().as_deref(), Some("h"));
        assert!(it.list("list").unwrap_err().message.ends_with("is not text"));
        assert!(it.seconds("t").unwrap_err().message.ends_with("out of range"));
        assert_eq!(it.switch("none").unwrap(), None);
        it.end().unwrap();
    }

    #[test]
    fn keys_that_nobody_knows_are_refused() {
        let mut it = object("name = \"a\"\nhots = \"h\"");
        it.text("host").unwrap();
        let failure = it.end().unwrap_err();
        assert_eq!(failure.message, "server profile \"a\", hots: there is no such key");
        assert_eq!(failure.hint.as_deref(), Some("Its keys are: name, host."));
        let nameless = Object::new("job", "x = 1".parse().unwrap(), 2).unwrap_err();
        assert_eq!(nameless.message, "the job number 2 has no name");
    }
}
