//! Removals that wait for a second person.

use types::{BlobId, HoldId, Secret, Timestamp};

/// Somebody who says who he is, and proves it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AsPerson {
    /// The name.
    pub name: String,
    /// What only this person knows.
    pub passphrase: Secret,
}

/// What needs a second person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Carry retention out, while the policies are these: their digest.
    RetentionRun(String),
    /// Remove messages.
    Delete(Vec<BlobId>),
    /// Lift a hold.
    LiftHold(HoldId),
    /// No longer ask for a second person.
    FourEyesOff,
    /// Take no approvals of this person any more.
    RemovePerson(String),
    /// Take approvals of this person, who proves himself by this: salt and verifier.
    AddPerson(String, Vec<u8>, Vec<u8>),
}

impl Wanted {
    /// The name of its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Wanted::RetentionRun(_) => "retention run",
            Wanted::Delete(_) => "delete",
            Wanted::LiftHold(_) => "hold lift",
            Wanted::FourEyesOff => "four_eyes off",
            Wanted::RemovePerson(_) => "person remove",
            Wanted::AddPerson(..) => "person add",
        }
    }

    /// What it is about, a line each.
    #[must_use]
    pub fn subject(&self) -> Vec<String> {
        let hex = |bytes: &[u8]| bytes.iter().map(|it| format!("{it:02x}")).collect::<String>();
        match self {
            Wanted::RetentionRun(digest) => vec![digest.clone()],
            Wanted::Delete(ids) => ids.iter().map(ToString::to_string).collect(),
            Wanted::LiftHold(id) => vec![id.to_string()],
            Wanted::FourEyesOff => Vec::new(),
            Wanted::RemovePerson(name) => vec![name.clone()],
            Wanted::AddPerson(name, salt, verifier) => vec![name.clone(), hex(salt), hex(verifier)],
        }
    }

    /// What [`kind`](Self::kind) and [`subject`](Self::subject) gave; `None` for anything else.
    #[must_use]
    pub fn read(kind: &str, subject: &[String]) -> Option<Wanted> {
        let bytes = |text: &String| -> Option<Vec<u8>> {
            let digits: Option<Vec<u8>> =
                text.chars().map(|it| u8::try_from(it.to_digit(16)?).ok()).collect();
            digits.map(|it| {
                it.chunks_exact(2).map(|it| it.iter().fold(0, |a, b| a * 16 + b)).collect()
            })
        };
        Some(match (kind, subject) {
            ("retention run", [digest]) => Wanted::RetentionRun(digest.clone()),
            ("delete", ids) => {
                Wanted::Delete(ids.iter().map(|it| it.parse().ok()).collect::<Option<_>>()?)
            }
            ("hold lift", [id]) => Wanted::LiftHold(id.parse().ok()?),
            ("four_eyes off", []) => Wanted::FourEyesOff,
            ("person remove", [name]) => Wanted::RemovePerson(name.clone()),
            ("person add", [name, salt, verifier]) => {
                Wanted::AddPerson(name.clone(), bytes(salt)?, bytes(verifier)?)
            }
            _ => return None,
        })
    }
}

/// How a request for approval stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ApprovalState {
    /// Nobody has decided.
    #[default]
    Waits,
    /// It was approved, and is being carried out or was interrupted in it.
    Approved,
    /// It was approved and carried out.
    Done,
    /// It was approved and could not be carried out.
    Failed,
    /// It was refused.
    Rejected,
}

impl ApprovalState {
    const ALL: [ApprovalState; 5] = [
        ApprovalState::Waits,
        ApprovalState::Approved,
        ApprovalState::Done,
        ApprovalState::Failed,
        ApprovalState::Rejected,
    ];

    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ApprovalState::Waits => "waits",
            ApprovalState::Approved => "approved",
            ApprovalState::Done => "done",
            ApprovalState::Failed => "failed",
            ApprovalState::Rejected => "rejected",
        }
    }

    /// What this name means.
    #[must_use]
    pub fn from_name(name: &str) -> Option<ApprovalState> {
        ApprovalState::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// A request that waits, or waited, for a second person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApprovalShown {
    /// Its number.
    pub id: u64,
    /// What is wanted.
    pub wanted: Wanted,
    /// The same in words.
    pub title: String,
    /// Who asked; the schedule where nobody did.
    pub asked_by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub asked_at: Timestamp,
    /// Until when it can be approved.
    pub expires: Timestamp,
    /// How it stands.
    pub state: ApprovalState,
    /// Who decided, and when.
    pub decided: Option<(String, Timestamp)>,
    /// What came of it.
    pub told: String,
}

/// What can be asked about approvals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ApprovalRequest {
    /// Those that wait, or all.
    List(ApprovalChoice),
    /// One of them.
    Show(u64),
    /// Approve one, and carry it out.
    Approve(u64, AsPerson),
    /// Refuse one.
    Reject(u64, AsPerson),
    /// The persons who ask and approve.
    Persons,
    /// Take another person; the person who asks for it, while approvals are needed.
    AddPerson(AsPerson, Option<AsPerson>),
    /// Take no approvals of a person any more.
    RemovePerson(String, Option<AsPerson>),
    /// Need no second person any more.
    TurnOff(AsPerson),
}

/// Which approvals are listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ApprovalChoice {
    /// Those that wait.
    #[default]
    Open,
    /// All.
    All,
}

impl ApprovalRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            ApprovalRequest::List(_) => "approval list",
            ApprovalRequest::Show(_) => "approval show",
            ApprovalRequest::Approve(..) => "approval approve",
            ApprovalRequest::Reject(..) => "approval reject",
            ApprovalRequest::Persons => "approval persons",
            ApprovalRequest::AddPerson(..) => "approval add-person",
            ApprovalRequest::RemovePerson(..) => "approval remove-person",
            ApprovalRequest::TurnOff(_) => "approval turn-off",
        }
    }

    /// Whether it only reads.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        matches!(
            self,
            ApprovalRequest::List(_) | ApprovalRequest::Show(_) | ApprovalRequest::Persons
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_comes_back() {
        let all = [
            Wanted::RetentionRun("abc".into()),
            Wanted::Delete(vec![BlobId::of(b"a"), BlobId::of(b"b")]),
            Wanted::LiftHold(HoldId([7; 16])),
            Wanted::FourEyesOff,
            Wanted::RemovePerson("ann".into()),
            Wanted::AddPerson("ann".into(), vec![1, 255], vec![0, 16]),
        ];
        for wanted in all {
            assert_eq!(Wanted::read(wanted.kind(), &wanted.subject()), Some(wanted));
        }
        assert_eq!(Wanted::read("hold lift", &[]), None);
        for state in ApprovalState::ALL {
            assert_eq!(ApprovalState::from_name(state.name()), Some(state));
        }
    }
}
