//! Whose mailboxes a job over many users archives.
//!
//! What it is not: a login. Which name of a user is sent to the server, `macros` says.
//!
//! Rules:
//! - Whoever is left out is left out for one named reason.
//! - Deactivated users are never taken, even when they are named.
//! - A name in the job that no user has is told: it may be misspelt, and a mailbox that nobody
//!   archives looks like one that is complete.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use types::UserName;

use crate::wording::{WordingError, limited, pieces};

const HINT: &str = "Write all, all except alice, bob or only alice, bob.";

/// The users of a job.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// All but these.
    Except(BTreeSet<UserName>),
    /// These.
    Only(BTreeSet<UserName>),
}

/// A user who may be taken.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The name.
    pub name: &'a UserName,
    /// Whether there is an address.
    pub has_address: bool,
    /// Whether the user was deactivated.
    pub is_deactivated: bool,
}

/// Whether the job reaches a mailbox by its user's address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NeedsAddress {
    /// Users without one are left out.
    Yes,
    /// Other names will do.
    No,
}

/// Why a user is left out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LeftOut {
    /// The job does not ask for this user.
    NotSelected,
    /// Deactivated.
    Deactivated,
    /// There is no address to reach the mailbox by.
    NoAddress,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LeftOut::NotSelected => "not selected",
            LeftOut::Deactivated => "deactivated",
            LeftOut::NoAddress => "no address",
        })
    }
}

/// What a selection means now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selected {
    /// Who is archived, in the order of the candidates.
    pub taken: Vec<UserName>,
    /// Who is not.
    pub left_out: Vec<(UserName, LeftOut)>,
    /// Names of the job that no user has.
    pub unknown: Vec<UserName>,
}

impl Selection {
    /// Chooses among all users.
    #[must_use]
    pub fn apply(&self, users: &[Candidate<'_>], needs: NeedsAddress) -> Selected {
        let mut selected = Selected::default();
        for user in users {
            match self.refuses(user, needs) {
                None => selected.taken.push(user.name.clone()),
                Some(why) => selected.left_out.push((user.name.clone(), why)),
            }
        }
        let known: BTreeSet<&UserName> = users.iter().map(|it| it.name).collect();
        let unknown = self.named().filter(|it| !known.contains(it));
        selected.unknown = unknown.cloned().collect();
        selected
    }

    fn refuses(&self, user: &Candidate<'_>, needs: NeedsAddress) -> Option<LeftOut> {
        let is_asked_for = match self {
            Selection::All => true,
            Selection::Except(names) => !names.contains(user.name),
            Selection::Only(names) => names.contains(user.name),
        };
        if !is_asked_for {
            return Some(LeftOut::NotSelected);
        }
        if user.is_deactivated {
            return Some(LeftOut::Deactivated);
        }
        (needs == NeedsAddress::Yes && !user.has_address).then_some(LeftOut::NoAddress)
    }

    fn named(&self) -> impl Iterator<Item = &UserName> {
        let names = match self {
            Selection::All => None,
            Selection::Except(names) | Selection::Only(names) => Some(names),
        };
        names.into_iter().flatten()
    }
}

/// As it is written, which [`FromStr`] understands.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Selection::All => "all",
            Selection::Except(_) => "all except ",
            Selection::Only(_) => "only ",
        })?;
        for (n, name) in self.named().enumerate() {
            write!(f, "{}{name}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// `all`, `all except alice, bob` or `only alice, bob`.
impl FromStr for Selection {
    type Err = WordingError;

    fn from_str(text: &str) -> Result<Selection, WordingError> {
        limited(text)?;
        let begin = text.len() - text.trim_start().len();
        let trimmed = text.trim();
        if trimmed == "all" {
            return Ok(Selection::All);
        }
        let behind = |form: &str| Some((trimmed.strip_prefix(form)?, begin + form.len()));
        if let Some((rest, at)) = behind("all except ") {
            return names(rest, at).map(Selection::Except);
        }
        if let Some((rest, at)) = behind("only ") {
            return names(rest, at).map(Selection::Only);
        }
        Err(WordingError::new(begin, "this says nothing about users", HINT))
    }
}

fn names(text: &str, base: usize) -> Result<BTreeSet<UserName>, WordingError> {
    let mut names = BTreeSet::new();
    for piece in pieces(text, base, |it| it == ',') {
        let at = piece.at + (piece.text.len() - piece.text.trim_start().len());
        let name = UserName::new(piece.text.trim())
            .map_err(|error| WordingError::new(at, error.to_string(), HINT))?;
        names.insert(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// alice and bob have addresses, carol has none, dora is deactivated.
    fn check(selection: &str, needs: NeedsAddress, want: &str) {
        let users = ["alice", "bob", "carol", "dora"].map(|it| UserName::new(it).unwrap());
        let candidates = users.each_ref().map(|name| Candidate {
            name,
            has_address: name.as_str() != "carol",
            is_deactivated: name.as_str() == "dora",
        });
        let parsed: Selection = selection.parse().unwrap();
        assert_eq!(parsed.to_string(), selection);
        let Selected { taken, left_out, unknown } = parsed.apply(&candidates, needs);
        let taken = taken.iter().map(ToString::to_string);
        let left_out = left_out.iter().map(|(name, why)| format!("-{name}: {why}"));
        let unknown = unknown.iter().map(|it| format!("?{it}"));
        let got: Vec<String> = taken.chain(left_out).chain(unknown).collect();
        assert_eq!(got.join(" | "), want, "{selection}");
    }

    #[test]
    fn everybody_is_taken_or_left_out_for_a_reason() {
        let (yes, no) = (NeedsAddress::Yes, NeedsAddress::No);
        check("all", yes, "alice | bob | -carol: no address | -dora: deactivated");
        check("all", no, "alice | bob | carol | -dora: deactivated");
        let want = "alice | -bob: not selected | -carol: no address | -dora: deactivated | ?rob";
        check("all except bob, rob", yes, want);
        let want = "carol | -alice: not selected | -bob: not selected | -dora: deactivated";
        check("only carol, dora", no, want);
    }

    #[test]
    fn texts_that_say_nothing() {
        for (text, at, what) in [
            ("", 0, "this says nothing about users"),
            ("  everybody", 2, "this says nothing about users"),
            ("all but bob", 0, "this says nothing about users"),
        ] {
            let error = text.parse::<Selection>().unwrap_err();
            assert_eq!((error.position(), error.to_string().as_str()), (at, what), "{text}");
        }
        assert_eq!("only alice,,bob".parse::<Selection>().unwrap_err().position(), 11);
        assert!("only ".parse::<Selection>().is_err());
    }
}
