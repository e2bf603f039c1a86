//! An object of the configuration as keys and values, in the order in which they are shown.

use std::fmt::{self, Write};

use commands::FieldChange;

/// A value of a key.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    /// Text.
    Text(String),
    /// Text of several lines.
    Lines(String),
    /// A whole number.
    Whole(u64),
    /// Seconds, and parts of one.
    Seconds(f64),
    /// `true` or `false`.
    Switch(bool),
    /// Texts.
    List(Vec<String>),
}

/// As TOML.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(&quoted(text)),
            Value::Lines(text) => f.write_str(&quoted_lines(text)),
            Value::Whole(number) => write!(f, "{number}"),
            Value::Seconds(number) => write!(f, "{number}"),
            Value::Switch(is_on) => write!(f, "{is_on}"),
            Value::List(texts) => {
                let texts: Vec<String> = texts.iter().map(|it| quoted(it)).collect();
                write!(f, "[{}]", texts.join(", "))
            }
        }
    }
}

impl Value {
    /// As TOML in a line of a plan: of text in several lines there is only by what it is known.
    fn in_a_line(&self) -> String {
        match self {
            Value::Lines(text) => {
                let hash = types::Hash::of(text.as_bytes());
                format!("\"\"\"{} lines, SHA-256 {hash}\"\"\"", text.lines().count())
            }
            other => other.to_string(),
        }
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// A TOML string of several lines. The line end after the opening quotes is not part of it.
fn quoted_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(escaped).collect();
    format!("\"\"\"\n{}\"\"\"", lines.join("\n"))
}

fn escaped(text: &str) -> String {
    let mut quoted = String::new();
    for it in text.chars() {
        match it {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            _ if it.is_control() => {
                // Writing to a string does not fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(it));
            }
            _ => quoted.push(it),
        }
    }
    quoted
}

/// Keys and values of one object. A key that is not there has its default.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Fields(Vec<(String, Value)>);

impl Fields {
    /// Adds text.
    pub(super) fn text(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.0.push((key.into(), Value::Text(text.into())));
    }

    /// Adds text of several lines.
    pub(super) fn lines(&mut self, key: impl Into<String>, text: &str) {
        self.0.push((key.into(), Value::Lines(text.to_owned())));
    }

    /// Adds text, unless it is empty.
    pub(super) fn text_unless_empty(&mut self, key: impl Into<String>, text: &str) {
        if !text.is_empty() {
            self.text(key, text);
        }
    }

    /// Adds text that is there.
    pub(super) fn text_if(&mut self, key: impl Into<String>, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    /// Adds a number.
    pub(super) fn whole(&mut self, key: impl Into<String>, number: u64) {
        self.0.push((key.into(), Value::Whole(number)));
    }

    /// Adds a time.
    pub(super) fn seconds(&mut self, key: impl Into<String>, time: std::time::Duration) {
        self.0.push((key.into(), Value::Seconds(time.as_secs_f64())));
    }

    /// Adds a switch.
    pub(super) fn switch(&mut self, key: impl Into<String>, is_on: bool) {
        self.0.push((key.into(), Value::Switch(is_on)));
    }

    /// Adds texts, unless there are none.
    pub(super) fn list(&mut self, key: impl Into<String>, texts: &[String]) {
        if !texts.is_empty() {
            self.0.push((key.into(), Value::List(texts.to_vec())));
        }
    }

    /// The value of a key.
    fn value(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(it, _)| it == key).map(|(_, value)| value)
    }

    /// What is different in `after`: each key with its values, as TOML.
    pub(super) fn differences(&self, after: &Fields) -> Vec<FieldChange> {
        let gone = self.0.iter().filter(|(key, _)| after.value(key).is_none());
        let keys = after.0.iter().chain(gone).map(|(key, _)| key);
        let difference = |key: &String| {
            let (before, after) = (self.value(key), after.value(key));
            (before != after).then(|| FieldChange {
                key: key.clone(),
                before: before.map(Value::in_a_line),
                after: after.map(Value::in_a_line),
            })
        };
        keys.filter_map(difference).collect()
    }
}

/// A line for each key.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(key, value)| writeln!(f, "{key} = {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted() {
        assert_eq!(quoted("a \"b\" \\ \n ü"), r#""a \"b\" \\ \u000A ü""#);
        for text in ["", "a", "-----BEGIN-----\r\nMII=\n", "\n \"\"\" \\\n\n"] {
            let table: toml::Table = format!("x = {}", quoted_lines(text)).parse().unwrap();
            assert_eq!(table.get("x").and_then(|it| it.as_str()), Some(text));
        }
    }

    #[test]
    fn differences_name_what_was_and_what_comes() {
        let (mut before, mut after) = (Fields::default(), Fields::default());
        before.text("host", "a");
        before.whole("connections", 3);
        before.list("addresses", &["x@example.org".to_owned()]);
        after.text("host", "b");
        after.whole("connections", 3);
        after.switch("enabled", true);
        let shown: Vec<String> = before
            .differences(&after)
            .iter()
            .map(|it| format!("{} {:?} {:?}", it.key, it.before, it.after))
            .collect();
        let want = [
            r#"host Some("\"a\"") Some("\"b\"")"#,
            r#"enabled None Some("true")"#,
            r#"addresses Some("[\"x@example.org\"]") None"#,
        ];
        assert_eq!(shown, want);
    }
}
