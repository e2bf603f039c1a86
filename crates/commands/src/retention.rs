//! Retention policies and legal holds: what can be asked of them, and what is answered.

use types::retention::{AtTheEnd, CountedFrom, Coverage};
use types::{BlobId, HoldId, Timestamp, UserName};

use crate::Switch;
use crate::approval::AsPerson;
use crate::store::CompactAnswer;

/// What can be asked about retention.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RetentionRequest {
    /// All policies, in order.
    List,
    /// One of them.
    Show(String),
    /// Make one, at the end of the list.
    Add(Box<PolicyAdd>),
    /// Change one.
    Set(Box<PolicySet>),
    /// Put one to this place, counted from 1.
    Move(String, u32),
    /// Enable or disable one.
    Switch(String, Switch),
    /// Remove one.
    Remove(String),
    /// What becomes of a message, and why.
    Explain(String),
    /// What a run would do now. At most so many of the messages are named.
    Plan(u64),
    /// Carry the policies out; who asks, where a second person is needed.
    Run(Option<AsPerson>),
    /// Say that the clock is right, after it jumped.
    ConfirmClock,
}

impl RetentionRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            RetentionRequest::List => "retention list",
            RetentionRequest::Show(_) => "retention show",
            RetentionRequest::Add(_) => "retention add",
            RetentionRequest::Set(_) => "retention set",
            RetentionRequest::Move(..) => "retention move",
            RetentionRequest::Switch(_, Switch::Enabled) => "retention enable",
            RetentionRequest::Switch(_, Switch::Disabled) => "retention disable",
            RetentionRequest::Remove(_) => "retention remove",
            RetentionRequest::Explain(_) => "retention explain",
            RetentionRequest::Plan(_) => "retention plan",
            RetentionRequest::Run(_) => "retention run",
            RetentionRequest::ConfirmClock => "retention confirm-clock",
        }
    }

    /// Whether it only reads.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        matches!(
            self,
            RetentionRequest::List
                | RetentionRequest::Show(_)
                | RetentionRequest::Explain(_)
                | RetentionRequest::Plan(_)
        )
    }
}

/// A policy to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyAdd {
    /// Its name.
    pub name: String,
    /// Which messages, in the words of `docs/reference/query.md`; `None` is all.
    pub query: Option<String>,
    /// How long they are kept.
    pub periods: PolicyPeriods,
}

/// How long messages are kept, as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PolicyPeriods {
    /// How long nobody removes one: `90d`, `10y`.
    pub minimum: Option<String>,
    /// How long one is kept at most.
    pub maximum: Option<String>,
    /// From when both count.
    pub from: CountedFrom,
    /// What happens at the end.
    pub at_the_end: AtTheEnd,
}

/// A change of a policy. What is `None` stays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PolicySet {
    /// Its name.
    pub name: String,
    /// Which messages.
    pub query: Option<PolicyScope>,
    /// The minimum; empty is none any more.
    pub minimum: Option<String>,
    /// The maximum; empty is none any more.
    pub maximum: Option<String>,
    /// From when they count.
    pub from: Option<CountedFrom>,
    /// What happens at the end.
    pub at_the_end: Option<AtTheEnd>,
}

/// Which messages a policy is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PolicyScope {
    /// All.
    All,
    /// Those that a query finds.
    Query(String),
}

/// A policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyShown {
    /// Its name.
    pub name: String,
    /// Its place, counted from 1.
    pub place: u32,
    /// Which messages; `None` is all.
    pub query: Option<String>,
    /// How long they are kept.
    pub periods: PolicyPeriods,
    /// Whether it is enabled.
    pub switch: Switch,
    /// Who changed it last.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// What retention would do, or has done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RetentionAnswer {
    /// Whether it was done.
    pub done: bool,
    /// Messages that were looked at.
    pub seen: u64,
    /// Messages that go.
    pub removes: u64,
    /// Bytes of those that go.
    pub bytes: u64,
    /// Messages whose time is over, and that a hold keeps.
    pub held: u64,
    /// Messages that stay because it cannot be told which policy decides.
    pub unclear: u64,
    /// Messages that are on their way out already.
    pub waiting: u64,
    /// Entries of the log that one of the views has not read: what they say was not looked at.
    pub beyond: u64,
    /// What was done with those that were on their way out; `None` of a plan.
    pub reviewed: Option<Reviewed>,
    /// What each policy does.
    pub policies: Vec<PolicyCounts>,
    /// What each hold covers.
    pub holds: Vec<HoldCounts>,
    /// Some of those that go.
    pub messages: Vec<MessageGoes>,
    /// What was taken out of the files of each store, behind what was erased.
    pub compacted: Vec<CompactAnswer>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// What was done with messages that were on their way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reviewed {
    /// Spared, because a hold covers them.
    pub held: u64,
    /// Spared, because no policy removes them any more.
    pub withdrawn: u64,
    /// Erased.
    pub erased: u64,
}

/// What a policy does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PolicyCounts {
    /// Its name.
    pub name: String,
    /// Messages that it decides over.
    pub decides: u64,
    /// Of these, those that nobody may remove.
    pub protected: u64,
    /// Of these, those that go.
    pub removes: u64,
    /// Bytes of those that go.
    pub bytes: u64,
    /// Of these, those that a hold keeps.
    pub held: u64,
    /// Messages of which it cannot be told whether it covers them.
    pub unclear: u64,
}

/// What a hold covers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HoldCounts {
    /// Its name.
    pub name: String,
    /// Messages that it covers for certain.
    pub certain: u64,
    /// Messages that it covers perhaps, and keeps.
    pub possible: u64,
}

/// A message that goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageGoes {
    /// Its id.
    pub id: BlobId,
    /// Number of its bytes.
    pub size: u64,
    /// The policy that removes it.
    pub policy: String,
    /// Since when it may go.
    pub since: Timestamp,
}

/// What becomes of a message, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainAnswer {
    /// Its id.
    pub id: BlobId,
    /// When it was archived.
    pub archived: Timestamp,
    /// Its date.
    pub date: Timestamp,
    /// When it was first received.
    pub received: Option<Timestamp>,
    /// The policy that decides; `None` where none does, or where it cannot be told.
    pub decides: Option<String>,
    /// The policies of which one may decide, where it cannot be told.
    pub may_decide: Vec<String>,
    /// Nobody removes it before.
    pub kept_until: Option<Timestamp>,
    /// It goes by itself from then on.
    pub removed_from: Option<Timestamp>,
    /// It is on its way out, and may be erased then.
    pub erased_from: Option<Timestamp>,
    /// What that comes to: a sentence.
    pub told: String,
    /// What every policy means for it.
    pub policies: Vec<PolicyMeans>,
    /// The holds that cover it.
    pub holds: Vec<HoldMeans>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// What a policy means for a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyMeans {
    /// Its name.
    pub name: String,
    /// Whether it is enabled.
    pub switch: Switch,
    /// Whether it covers the message.
    pub covers: Coverage,
    /// From when its periods count.
    pub counted_from: Timestamp,
    /// Nobody would remove the message before.
    pub kept_until: Option<Timestamp>,
    /// When its maximum period is over.
    pub ends: Option<Timestamp>,
    /// It would go by itself from then on.
    pub removed_from: Option<Timestamp>,
    /// Why it decides, or does not: a sentence.
    pub told: String,
}

/// A hold that covers a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HoldMeans {
    /// Its name.
    pub name: String,
    /// Whether that is certain.
    pub covers: Coverage,
}

/// How the clock stands to what was known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockConfirmed {
    /// What time it is.
    pub now: Timestamp,
    /// Whether retention stood still.
    pub stood_still: bool,
}

/// What can be asked about legal holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HoldRequest {
    /// Those that count, or all that ever were.
    List(HoldChoice),
    /// One of them, with how much it covers.
    Show(String),
    /// Set one.
    Set(Box<HoldSet>),
    /// Lift one.
    Lift(HoldLift),
}

/// Which holds are listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HoldChoice {
    /// Those that count.
    #[default]
    Open,
    /// Those that were lifted, too.
    All,
}

impl HoldRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            HoldRequest::List(_) => "hold list",
            HoldRequest::Show(_) => "hold show",
            HoldRequest::Set(_) => "hold set",
            HoldRequest::Lift(_) => "hold lift",
        }
    }

    /// Whether it only reads.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        matches!(self, HoldRequest::List(_) | HoldRequest::Show(_))
    }
}

/// A hold to be set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HoldSet {
    /// Its name. No other hold that counts has it.
    pub name: String,
    /// What it covers.
    pub covers: HoldCovers,
    /// Why.
    pub reason: String,
}

/// What a hold covers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HoldCovers {
    /// Every message.
    All,
    /// The archive of a user.
    User(UserName),
    /// What a query finds.
    Query(String),
}

/// A hold to be lifted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HoldLift {
    /// Its name, or its id.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Who asks, where a second person is needed.
    pub by: Option<AsPerson>,
}

/// A hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HoldShown {
    /// Its id.
    pub id: HoldId,
    /// Its name.
    pub name: String,
    /// What it covers; `None` when nobody can tell any more: then it covers everything.
    pub covers: Option<HoldCovers>,
    /// Why it was set.
    pub reason: String,
    /// Who set it.
    pub set_by: String,
    /// When.
    pub set_at: Timestamp,
    /// Who lifted it, when, and why.
    pub lifted: Option<(String, Timestamp, String)>,
    /// How much it covers, where that was asked.
    pub counts: Option<HoldCounts>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// Remove messages, as a person and not by a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delete {
    /// Which.
    pub which: DeleteWhich,
    /// Whether it is done.
    pub how: DeleteHow,
    /// Why.
    pub reason: String,
    /// Who asks, where a second person is needed.
    pub by: Option<AsPerson>,
}

/// Which messages are removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DeleteWhich {
    /// Those with these ids, or as much of their beginnings as no other message shares.
    Ids(Vec<String>),
    /// Those that a query certainly finds.
    Query(String),
}

/// Whether messages are removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeleteHow {
    /// It is shown what would be done.
    Plan,
    /// They are.
    Run,
}

/// What became of messages that were to be removed, or what would.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeleteAnswer {
    /// Whether it was done.
    pub done: bool,
    /// Those that go: they are condemned, or would be.
    pub condemned: Vec<BlobId>,
    /// When these may be erased.
    pub erased_from: Option<Timestamp>,
    /// Those that stay, and why: a sentence without a full stop.
    pub kept: Vec<(BlobId, String)>,
    /// Those that were on their way out before.
    pub waiting: Vec<BlobId>,
    /// Those that the query finds perhaps: not every word of them was read. They stay.
    pub unclear: Vec<BlobId>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

impl DeleteAnswer {
    /// Whether all that was asked for goes.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.kept.is_empty() && self.unclear.is_empty()
    }
}
