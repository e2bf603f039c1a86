//! Whether two accounts of a job open the same mailbox.
//!
//! Some servers ignore the account that somebody with a master password asks for, and open that
//! somebody's own mailbox each time (RFC 4616 §2 lets them refuse, not ignore). A job that does
//! not notice puts one person's mail into everybody's archive. So each account's INBOX is looked
//! at before anything is archived, and compared with those of the accounts before it.
//!
//! What it is not: a look at a server.
//!
//! Rules:
//! - Where the server names mailboxes for good (MAILBOXID, RFC 8474 §5.1), the name decides.
//! - Other UIDVALIDITY or another UIDNEXT: another mailbox, if no mail arrived in between; so a
//!   mailbox is looked at by what its oldest message is, which does not change with new mail.
//! - Empty mailboxes prove nothing: two that were made in the same second look the same.

use types::Hash;

/// What was seen of an account's INBOX.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// MAILBOXID, where the server has one.
    pub mailbox_id: Option<String>,
    /// UIDVALIDITY, or 0 when the server gives none.
    pub uid_validity: u64,
    /// The oldest message: its UID, size and the hash of its header block.
    pub oldest: Option<(u64, u64, Hash)>,
    /// The newest message that was there when it was seen, in the same form.
    pub newest: Option<(u64, u64, Hash)>,
}

/// What two of them say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sameness {
    /// Two mailboxes.
    Different,
    /// One mailbox.
    Same,
    /// Nothing: one is empty, and has no lasting name.
    Unknown,
}

/// Compares what two logins saw.
#[must_use]
pub fn compare(one: &Seen, other: &Seen) -> Sameness {
    if let (Some(a), Some(b)) = (&one.mailbox_id, &other.mailbox_id) {
        return if a == b { Sameness::Same } else { Sameness::Different };
    }
    if one.uid_validity != other.uid_validity {
        return Sameness::Different;
    }
    match (one.oldest, other.oldest) {
        (Some(a), Some(b)) if a != b => Sameness::Different,
        (Some(_), Some(_)) => newest(one, other),
        _ => Sameness::Unknown,
    }
}

/// Two people may have the same oldest message, such as a welcome; hardly the same newest one with
/// the same number. Mail that arrived between the two looks makes one mailbox look like two:
/// then the greater number decides nothing.
fn newest(one: &Seen, other: &Seen) -> Sameness {
    match (one.newest, other.newest) {
        (Some(a), Some(b)) if a == b => Sameness::Same,
        (Some((a, ..)), Some((b, ..))) if a == b => Sameness::Different,
        _ => Sameness::Unknown,
    }
}

/// An account that opened the mailbox of another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SameAs {
    /// The account that was looked at before.
    pub earlier: String,
    /// The account that should have had a mailbox of its own.
    pub account: String,
}

/// Remembers what the accounts of a run opened.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    seen: Vec<(String, Seen)>,
}

impl Guard {
    /// Adds what an account opened: an error when another account has opened the same. The first
    /// to be added is the privileged account itself, if it has a mailbox.
    pub fn add(&mut self, account: &str, seen: Seen) -> Result<(), SameAs> {
        let same = self.seen.iter().find(|(_, it)| compare(it, &seen) == Sameness::Same);
        if let Some((earlier, _)) = same {
            return Err(SameAs { earlier: earlier.clone(), account: account.to_owned() });
        }
        self.seen.push((account.to_owned(), seen));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str, uid: u64) -> Option<(u64, u64, Hash)> {
        Some((uid, 100, Hash::of(text.as_bytes())))
    }

    fn seen(uid_validity: u64, oldest: (&str, u64), newest: (&str, u64)) -> Seen {
        Seen {
            mailbox_id: None,
            uid_validity,
            oldest: message(oldest.0, oldest.1),
            newest: message(newest.0, newest.1),
        }
    }

    #[test]
    fn what_two_looks_say() {
        let alice = seen(7, ("welcome", 1), ("lunch", 9));
        let empty = Seen { uid_validity: 7, ..Seen::default() };
        let named = |id: &str| Seen { mailbox_id: Some(id.into()), ..alice.clone() };
        let cases = [
            (alice.clone(), alice.clone(), Sameness::Same),
            (alice.clone(), seen(8, ("welcome", 1), ("lunch", 9)), Sameness::Different),
            (alice.clone(), seen(7, ("hello", 1), ("lunch", 9)), Sameness::Different),
            (alice.clone(), seen(7, ("welcome", 2), ("lunch", 9)), Sameness::Different),
            (alice.clone(), seen(7, ("welcome", 1), ("dinner", 9)), Sameness::Different),
            (alice.clone(), seen(7, ("welcome", 1), ("dinner", 10)), Sameness::Unknown),
            (alice.clone(), empty.clone(), Sameness::Unknown),
            (empty.clone(), empty, Sameness::Unknown),
            (named("x"), named("x"), Sameness::Same),
            (named("x"), named("y"), Sameness::Different),
            (named("x"), alice.clone(), Sameness::Same),
        ];
        for (one, other, want) in cases {
            assert_eq!(compare(&one, &other), want, "{one:?} {other:?}");
            assert_eq!(compare(&other, &one), want, "{other:?} {one:?}");
        }
    }

    #[test]
    fn the_guard_names_both_accounts() {
        let mut guard = Guard::default();
        guard.add("master", seen(1, ("a", 1), ("b", 2))).unwrap();
        guard.add("alice", seen(2, ("a", 1), ("b", 2))).unwrap();
        let same = guard.add("bob", seen(1, ("a", 1), ("b", 2))).unwrap_err();
        assert_eq!(same, SameAs { earlier: "master".into(), account: "bob".into() });
    }
}
