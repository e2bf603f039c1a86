//! Whose an address is: the one place where addresses are compared.
//!
//! What it is not: a check whether an address could receive mail. Whatever has something on both
//! sides of an `@` is compared.
//!
//! Rules:
//! - Case never counts, in the local part either: no system in use tells `Bob@` from `bob@`.
//! - A domain in letters and the same domain as `xn--…` are one domain.
//! - An address that somebody has, counts as written. Only one that nobody has is looked up once
//!   more without its detail: `bob+news@example.org` is `bob@example.org`.
//! - An address belongs to one user or to nobody. Two users with the same address are an error,
//!   because a guess would show somebody's mail to somebody else. A deactivated user keeps his
//!   addresses until an active user has them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use thiserror::Error;
use types::{Hash, UserName};
use unicode_normalization::UnicodeNormalization;

use crate::punycode;

/// The longest address that is compared, in bytes. A longer one belongs to nobody.
pub const ADDRESS_BYTES_MAX: usize = 1024;

/// An address in the form for comparing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AddressKey {
    local: String,
    domain: String,
}

impl AddressKey {
    /// Reads an address as headers, directories and people write it: with spaces or angle
    /// brackets around it, with `mailto:` or `smtp:` before it, its local part in quotes.
    /// `None` when it is none.
    #[must_use]
    pub fn read(text: &str) -> Option<AddressKey> {
        let bare = bare(text);
        if bare.len() > ADDRESS_BYTES_MAX {
            return None;
        }
        let (local, domain) = bare.rsplit_once('@')?;
        let local = folded(&unquoted(local)?);
        let domain = domain_key(domain)?;
        (!local.is_empty()).then_some(AddressKey { local, domain })
    }

    /// The local part, folded, without quotes.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain, folded, in letters.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The same address without the detail behind `separator`; `None` when it has none.
    ///
    /// A separator at the very beginning separates nothing.
    #[must_use]
    pub fn without_detail(&self, separator: char) -> Option<AddressKey> {
        let (local, _) = self.local.split_once(separator)?;
        let key = AddressKey { local: local.to_owned(), domain: self.domain.clone() };
        (!local.is_empty()).then_some(key)
    }
}

/// `local@domain`. A local part that would need quotes has none here.
impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Whether two texts name one address.
#[must_use]
pub fn is_same(a: &str, b: &str) -> bool {
    AddressKey::read(a).is_some_and(|it| AddressKey::read(b).is_some_and(|other| it == other))
}

/// Without what stands around an address.
fn bare(text: &str) -> &str {
    let text = text.trim();
    // A display name may stand before the angle brackets, and hold some itself.
    let inner = text.strip_suffix('>').and_then(|it| it.rsplit_once('<')).map(|(_, it)| it);
    let text = inner.unwrap_or(text).trim();
    let prefixes = ["mailto:", "smtp:"];
    let without = |prefix: &&str| {
        let (start, rest) = text.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then(|| rest.trim())
    };
    prefixes.iter().find_map(without).unwrap_or(text)
}

/// RFC 5322 §3.2.4: the quotes of a quoted string, and its backslashes, mean nothing.
fn unquoted(local: &str) -> Option<String> {
    let local = local.trim();
    let Some(inner) = local.strip_prefix('"').and_then(|it| it.strip_suffix('"')) else {
        let plain = !local.chars().any(|it| it.is_whitespace() || it.is_control());
        return plain.then(|| local.to_owned());
    };
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next()? } else { c });
    }
    (!text.chars().any(char::is_control)).then_some(text)
}

fn folded(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// A domain in the form for comparing; `None` when it is none.
fn domain_key(text: &str) -> Option<String> {
    let text = text.trim();
    let text = folded(text.strip_suffix('.').unwrap_or(text));
    let is_wrong =
        |it: char| it.is_whitespace() || it.is_control() || matches!(it, '@' | ',' | '"');
    if text.is_empty() || text.chars().any(is_wrong) {
        return None;
    }
    let labels = text.split('.').map(|label| match label.strip_prefix("xn--") {
        Some(encoded) => punycode::decode(encoded).map_or(label.to_owned(), |it| folded(&it)),
        None => label.to_owned(),
    });
    Some(labels.collect::<Vec<_>>().join("."))
}

/// How addresses are compared besides case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressRules {
    /// What separates a detail from the local part; `None`: there are no details.
    pub detail_separator: Option<char>,
    /// Domains that are other names of a domain: `(other name, domain)`.
    pub domain_aliases: Vec<(String, String)>,
}

impl Default for AddressRules {
    /// `+`, and no domain aliases.
    fn default() -> AddressRules {
        AddressRules { detail_separator: Some('+'), domain_aliases: Vec::new() }
    }
}

/// A user, as far as addresses go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookUser {
    /// The user's name here.
    pub name: UserName,
    /// The user's addresses, the primary one first, then aliases. May be empty.
    pub addresses: Vec<String>,
    /// Whether the user works here.
    pub standing: Standing,
}

/// Whether a user works here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The user does.
    Active,
    /// The user does not any more. The archive stays, and mail that is still found goes there.
    Deactivated,
}

/// What keeps users and rules from being an address book.
///
/// What a caller can do: show it to whoever manages users.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Error)]
pub enum BookError {
    /// Two users have one address.
    #[error("{address} belongs to {first} and to {second}")]
    TwoUsers {
        /// The address, in the form for comparing.
        address: AddressKey,
        /// The user that was named first.
        first: UserName,
        /// The other one.
        second: UserName,
    },
    /// A user has something for an address that is none.
    #[error("{text:?}, an address of {user}, is not an address")]
    NoAddress {
        /// The user.
        user: UserName,
        /// What stands there.
        text: String,
    },
    /// A domain alias is not two domains.
    #[error("{text:?} is not a domain")]
    NoDomain {
        /// What stands there.
        text: String,
    },
    /// The domain that an alias stands for is an alias itself, or the alias has two meanings.
    #[error("the domain alias {alias} leads to {domain}, which is not one domain in the end")]
    UnclearDomain {
        /// The other name.
        alias: String,
        /// What it stands for.
        domain: String,
    },
}

/// Whose every address is.
#[derive(Clone, Debug)]
pub struct AddressBook {
    separator: Option<char>,
    domains: HashMap<String, String>,
    owners: HashMap<AddressKey, usize>,
    our_domains: HashSet<String>,
    users: Vec<BookUser>,
}

impl AddressBook {
    /// Makes a book of all users. Everything that is wrong with them is the error, in a fixed
    /// order.
    pub fn new(rules: &AddressRules, users: Vec<BookUser>) -> Result<AddressBook, Vec<BookError>> {
        let mut errors = Vec::new();
        let domains = domains(&rules.domain_aliases, &mut errors);
        let mut book = AddressBook {
            separator: rules.detail_separator,
            domains,
            owners: HashMap::new(),
            our_domains: HashSet::new(),
            users: Vec::new(),
        };
        for (idx, user) in users.iter().enumerate() {
            book.enter(idx, user, &users, &mut errors);
        }
        book.our_domains = book.owners.keys().map(|it| it.domain.clone()).collect();
        book.users = users;
        errors.sort_unstable();
        errors.dedup();
        if errors.is_empty() { Ok(book) } else { Err(errors) }
    }

    fn enter(
        &mut self,
        idx: usize,
        user: &BookUser,
        users: &[BookUser],
        errors: &mut Vec<BookError>,
    ) {
        for text in &user.addresses {
            let Some(address) = self.key(text) else {
                errors.push(BookError::NoAddress { user: user.name.clone(), text: text.clone() });
                continue;
            };
            let before = self.owners.get(&address).copied().filter(|it| *it != idx);
            let Some(other) = before.and_then(|it| users.get(it)) else {
                self.owners.insert(address, idx);
                continue;
            };
            match (other.standing, user.standing) {
                (Standing::Active, Standing::Deactivated) => (),
                (Standing::Deactivated, Standing::Active) => {
                    self.owners.insert(address, idx);
                }
                _ => errors.push(BookError::TwoUsers {
                    address,
                    first: other.name.clone(),
                    second: user.name.clone(),
                }),
            }
        }
    }

    /// An address in the form for comparing, at the domain that its domain stands for.
    #[must_use]
    pub fn key(&self, text: &str) -> Option<AddressKey> {
        let mut key = AddressKey::read(text)?;
        if let Some(domain) = self.domains.get(&key.domain) {
            key.domain.clone_from(domain);
        }
        Some(key)
    }

    /// The user that an address belongs to.
    #[must_use]
    pub fn owner(&self, text: &str) -> Option<&BookUser> {
        let key = self.key(text)?;
        let without_detail = || key.without_detail(self.separator?);
        let exact = self.owners.get(&key);
        let idx = exact.or_else(|| self.owners.get(&without_detail()?))?;
        self.users.get(*idx)
    }

    /// Whether a user has an address in the domain of this one: then it is one of ours, and that
    /// nobody has it is a gap in the book. Most addresses in mail are other people's.
    #[must_use]
    pub fn is_ours(&self, text: &str) -> bool {
        self.key(text).is_some_and(|it| self.our_domains.contains(&it.domain))
    }

    /// Names what the book says: two books that give the same owner to every address have the
    /// same one.
    #[must_use]
    pub fn fingerprint(&self) -> Hash {
        let domains: BTreeMap<&String, &String> = self.domains.iter().collect();
        let owner = |idx: &usize| self.users.get(*idx).map(|it| &it.name);
        let owners: BTreeMap<&AddressKey, Option<&UserName>> =
            self.owners.iter().map(|(key, idx)| (key, owner(idx))).collect();
        // Debug quotes texts, so that no two books are written alike.
        Hash::of(format!("book 1\n{:?}\n{domains:?}\n{owners:?}", self.separator).as_bytes())
    }

    /// All users, in the order in which they were given.
    #[must_use]
    pub fn users(&self) -> &[BookUser] {
        &self.users
    }

    /// Active users who have no address: mail for them is not recognised.
    pub fn without_address(&self) -> impl Iterator<Item = &UserName> {
        let active = self.users.iter().filter(|it| it.standing == Standing::Active);
        active.filter(|it| it.addresses.is_empty()).map(|it| &it.name)
    }
}

/// Every other name of a domain with the domain.
fn domains(aliases: &[(String, String)], errors: &mut Vec<BookError>) -> HashMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (alias, domain) in aliases {
        let mut read = |text: &String| {
            let key = domain_key(text);
            if key.is_none() {
                errors.push(BookError::NoDomain { text: text.clone() });
            }
            key
        };
        let (alias, domain) = (read(alias), read(domain));
        let (Some(alias), Some(domain)) = (alias, domain) else { continue };
        let before = found.insert(alias.clone(), domain.clone());
        if before.is_some_and(|it| it != domain) {
            errors.push(BookError::UnclearDomain { alias, domain });
        }
    }
    for (alias, domain) in &found {
        if found.contains_key(domain) {
            let (alias, domain) = (alias.clone(), domain.clone());
            errors.push(BookError::UnclearDomain { alias, domain });
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let cases = [
            ("bob@example.org", "bob@example.org"),
            ("  Bob@Example.ORG ", "bob@example.org"),
            ("<bob@example.org>", "bob@example.org"),
            ("Bob \"<x@y>\" B. <bob@example.org>", "bob@example.org"),
            ("SMTP:Bob@example.org", "bob@example.org"),
            ("mailto:bob@example.org", "bob@example.org"),
            ("\"bob\"@example.org", "bob@example.org"),
            ("\"Bob \\\"B\\\" @home\"@example.org", "bob \"b\" @home@example.org"),
            ("bob@example.org.", "bob@example.org"),
            ("bob@[192.0.2.1]", "bob@[192.0.2.1]"),
            ("bob@xn--mnchen-3ya.example", "bob@münchen.example"),
            ("bob@MÜNCHEN.example", "bob@münchen.example"),
            ("bob@mu\u{308}nchen.example", "bob@münchen.example"),
            ("bob@xn--!.example", "bob@xn--!.example"),
            ("bob+x@example.org", "bob+x@example.org"),
            ("jürgen@example.org", "jürgen@example.org"),
            ("bob", "-"),
            ("", "-"),
            ("@example.org", "-"),
            ("\"\"@example.org", "-"),
            ("bob@", "-"),
            ("bob@.", "-"),
            ("bob b@example.org", "-"),
            ("bob@exa mple.org", "-"),
            ("\"bob\\\"@example.org", "-"),
            ("a@b, c@d", "-"),
        ];
        for (text, want) in cases {
            let got = AddressKey::read(text).map_or("-".to_owned(), |it| it.to_string());
            assert_eq!(got, want, "{text}");
        }
        assert_eq!(AddressKey::read(&format!("{}@x", "a".repeat(1023))), None);
        assert!(is_same("A@xn--mnchen-3ya.example", "<a@münchen.example>"));
        assert!(!is_same("", ""), "two texts that are no address");
    }

    #[test]
    fn reading_what_was_read_changes_nothing() {
        for text in ["B@Ex.org", "\"B\"@X.", "İ@ÄÖ.example", "ΑΣ@x", "a+b@xn--bcher-kva.example"]
        {
            let once = AddressKey::read(text).unwrap();
            assert_eq!(AddressKey::read(&once.to_string()), Some(once), "{text}");
        }
    }

    #[test]
    fn details() {
        let cases = [
            ("bob+news@x", '+', "bob@x"),
            ("bob+a+b@x", '+', "bob@x"),
            ("bob-news@x", '-', "bob@x"),
            ("+news@x", '+', "-"),
            ("bob@x", '+', "-"),
            ("bob+@x", '+', "bob@x"),
        ];
        for (text, separator, want) in cases {
            let got = AddressKey::read(text).unwrap().without_detail(separator);
            assert_eq!(got.map_or("-".to_owned(), |it| it.to_string()), want, "{text}");
        }
    }

    /// Users as `name: address address`; `!name` is deactivated.
    fn book(rules: &AddressRules, users: &[&str]) -> Result<AddressBook, Vec<BookError>> {
        let user = |text: &&str| {
            let (name, addresses) = text.split_once(':').unwrap();
            let (name, standing) = match name.strip_prefix('!') {
                Some(name) => (name, Standing::Deactivated),
                None => (name, Standing::Active),
            };
            let addresses = addresses.split_whitespace().map(str::to_owned).collect();
            BookUser { name: UserName::new(name).unwrap(), addresses, standing }
        };
        AddressBook::new(rules, users.iter().map(user).collect())
    }

    fn rules(separator: Option<char>, aliases: &[(&str, &str)]) -> AddressRules {
        let aliases = aliases.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        AddressRules { detail_separator: separator, domain_aliases: aliases.collect() }
    }

    #[test]
    fn w30_every_address_has_its_owner() {
        let rules = rules(Some('+'), &[("example.com", "Example.ORG")]);
        let users = [
            "alice:alice@example.org a.smith@example.org",
            "bob:bob@example.com bob+list@example.org",
            "list:info+bob@example.org",
            "!carol:carol@example.org",
            "nobody:",
        ];
        let book = book(&rules, &users).unwrap();
        let cases = [
            ("ALICE@example.org", "alice"),
            ("a.smith@example.com", "alice"),
            ("alice+anything@example.com", "alice"),
            ("bob@example.org", "bob"),
            ("bob+list@example.org", "bob"),
            ("info+bob@example.org", "list"),
            ("info@example.org", "-"),
            ("info+x@example.org", "-"),
            ("carol@example.org", "carol"),
            ("alice@example.net", "-"),
            ("alice", "-"),
        ];
        for (address, want) in cases {
            let got = book.owner(address).map_or("-", |it| it.name.as_str());
            assert_eq!(got, want, "{address}");
        }
        let ours = ["x@example.org", "x@EXAMPLE.com", "x@example.net", "x@mail.example.org", "x"];
        assert_eq!(ours.map(|it| book.is_ours(it)), [true, true, false, false, false]);
        let without: Vec<_> = book.without_address().map(UserName::as_str).collect();
        assert_eq!(without, ["nobody"]);
    }

    #[test]
    fn without_a_separator_a_plus_is_a_letter() {
        let book = book(&rules(None, &[]), &["alice:alice@x"]).unwrap();
        assert!(book.owner("alice+x@x").is_none());
    }

    #[test]
    fn what_cannot_be_a_book() {
        let check = |aliases: &[(&str, &str)], users: &[&str], want: &[&str]| {
            let errors = book(&rules(Some('+'), aliases), users).err().unwrap_or_default();
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(errors, want, "{users:?}");
        };
        check(&[], &["a:x@y X@Y"], &[]);
        check(&[], &["a:x@y", "b:X@y."], &["x@y belongs to a and to b"]);
        check(&[("z", "y")], &["a:x@y", "b:x@z"], &["x@y belongs to a and to b"]);
        check(
            &[],
            &["a:x", "b:x"],
            &[
                "\"x\", an address of a, is not an address",
                "\"x\", an address of b, is not an address",
            ],
        );
        check(&[("", "y")], &[], &["\"\" is not a domain"]);
        check(
            &[("a", "b"), ("b", "c")],
            &[],
            &["the domain alias a leads to b, which is not one domain in the end"],
        );
        check(
            &[("a", "a")],
            &[],
            &["the domain alias a leads to a, which is not one domain in the end"],
        );
        check(
            &[("a", "b"), ("a", "c")],
            &[],
            &["the domain alias a leads to c, which is not one domain in the end"],
        );
    }

    #[test]
    fn an_active_user_takes_the_address_of_a_deactivated_one() {
        for users in [["!old:x@y", "new:x@y"], ["new:x@y", "!old:x@y"]] {
            let book = book(&AddressRules::default(), &users).unwrap();
            assert_eq!(book.owner("x@y").map(|it| it.name.as_str()), Some("new"));
        }
        assert!(book(&AddressRules::default(), &["!a:x@y", "!b:x@y"]).is_err());
    }
}
