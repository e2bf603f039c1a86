//! What a server offers (RFC 2449 §5).

use std::collections::BTreeMap;

/// Capabilities, upper case, with their arguments as sent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Capabilities {
    /// `None` when the server does not know CAPA: it is older than that.
    listed: Option<BTreeMap<String, Vec<String>>>,
}

impl Capabilities {
    /// From the lines of an answer to CAPA.
    pub(crate) fn new<'a>(lines: impl IntoIterator<Item = &'a str>) -> Capabilities {
        let mut listed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in lines {
            let mut words = line.split_ascii_whitespace();
            if let Some(name) = words.next() {
                let arguments = listed.entry(name.to_ascii_uppercase()).or_default();
                arguments.extend(words.map(str::to_owned));
            }
        }
        Capabilities { listed: Some(listed) }
    }

    /// Whether the server said what it offers.
    pub(crate) fn are_known(&self) -> bool {
        self.listed.is_some()
    }

    /// Whether `name`, upper case, is offered.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.listed.as_ref().is_some_and(|it| it.contains_key(name))
    }

    /// Whether `name` may be tried: it is offered, or nobody knows.
    pub(crate) fn may_have(&self, name: &str) -> bool {
        self.has(name) || !self.are_known()
    }

    /// The arguments of `name`.
    pub(crate) fn arguments(&self, name: &str) -> &[String] {
        self.listed.as_ref().and_then(|it| it.get(name)).map_or(&[], Vec::as_slice)
    }

    /// The pause between logins that the server wants, in seconds (RFC 2449 §6.5).
    pub(crate) fn login_delay(&self) -> Option<u64> {
        let seconds = self.arguments("LOGIN-DELAY").first()?.parse().ok()?;
        Some(seconds).filter(|it| *it > 0)
    }

    /// Whether what was fetched may be removed by the server at the end of the session (RFC 2449
    /// §6.7).
    pub(crate) fn expires_at_once(&self) -> bool {
        self.arguments("EXPIRE").first().is_some_and(|it| it == "0")
    }

    /// All of them with their arguments, sorted.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |(name, arguments): (&String, &Vec<String>)| {
            std::iter::once(name).chain(arguments).map(String::as_str).collect::<Vec<_>>().join(" ")
        };
        self.listed.iter().flatten().map(line).collect()
    }
}
