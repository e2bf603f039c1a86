//! Which policy decides over one message, and what the others would do.

use ports::MessageTimes;
use rules::retention::{Coverage, Dates, Verdict};

use crate::judge::{Judge, coverage, times};

/// What retention says of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explained {
    /// Who decides, and the dates that follow.
    pub verdict: Verdict,
    /// What each policy means for it, in their order.
    pub policies: Vec<PolicyEffect>,
    /// The holds that cover it, perhaps.
    pub holds: Vec<HoldEffect>,
}

/// What a policy means for a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyEffect {
    /// Its name.
    pub name: String,
    /// Whether it covers the message.
    pub coverage: Coverage,
    /// What its periods mean, whether or not it decides.
    pub dates: Dates,
}

/// A hold that covers a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HoldEffect {
    /// Its name.
    pub name: String,
    /// Whether that is certain.
    pub coverage: Coverage,
}

/// Explains what becomes of a message.
#[must_use]
pub fn explain(judge: &Judge<'_>, message: &MessageTimes) -> Explained {
    let policies = judge.policies.iter().map(|(policy, covered)| PolicyEffect {
        name: policy.name.clone(),
        coverage: coverage(covered, message.n),
        dates: policy.periods.of(&times(message)),
    });
    let holds = judge.holds.iter().map(|(hold, covered)| HoldEffect {
        name: hold.name.clone(),
        coverage: coverage(covered, message.n),
    });
    Explained {
        verdict: judge.verdict(message),
        policies: policies.collect(),
        holds: holds.filter(|it| it.coverage != Coverage::No).collect(),
    }
}
