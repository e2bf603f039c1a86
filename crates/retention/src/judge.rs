//! Policies and holds with what each of them covers, asked of the views once.

use ports::{CatalogError, Covered, Covers, MessageTimes, RetentionViews};
use rules::retention::{Coverage, Periods, Times, Verdict, decide};
use types::MessageSet;

use crate::{Hold, Policy};

/// Decides over messages of one store.
#[derive(Debug)]
pub struct Judge<'a> {
    pub(crate) policies: Vec<(&'a Policy, Covered)>,
    pub(crate) holds: Vec<(&'a Hold, Covered)>,
    /// All messages that any hold covers, perhaps.
    pub(crate) held: MessageSet,
}

impl<'a> Judge<'a> {
    /// Asks what `policies` (those that are enabled, in order) and `holds` cover.
    ///
    /// A hold that cannot be asked covers everything. A policy that cannot be asked is an error:
    /// what comes behind it must not decide in its place.
    pub fn new(
        views: &impl RetentionViews,
        policies: &'a [Policy],
        holds: &'a [Hold],
    ) -> Result<Judge<'a>, CatalogError> {
        let covered = |it: &'a Policy| {
            let covers = it.query.clone().map_or(Covers::All, Covers::Query);
            Ok((it, views.covered(&covers)?))
        };
        let policies = policies.iter().map(covered).collect::<Result<_, CatalogError>>()?;
        let mut held = MessageSet::default();
        let mut asked = Vec::new();
        for hold in holds {
            let covered = match views.covered(&hold.scope.covers()) {
                Ok(covered) => covered,
                Err(_) => Covered { certain: MessageSet::default(), possible: views.all()? },
            };
            held.unite(&covered.certain);
            held.unite(&covered.possible);
            asked.push((hold, covered));
        }
        Ok(Judge { policies, holds: asked, held })
    }

    /// The names of the policies, in their order.
    #[must_use]
    pub fn policy_names(&self) -> Vec<&'a str> {
        self.policies.iter().map(|(policy, _)| policy.name.as_str()).collect()
    }

    /// Whether any hold covers a message, perhaps.
    #[must_use]
    pub fn is_held(&self, n: u32) -> bool {
        self.held.contains(n)
    }

    /// The name of a hold that covers a message, perhaps: of several the first one that does for
    /// certain.
    #[must_use]
    pub fn hold_of(&self, n: u32) -> Option<&'a str> {
        let sure = self.holds.iter().find(|(_, it)| it.certain.contains(n));
        let perhaps = || self.holds.iter().find(|(_, it)| it.possible.contains(n));
        sure.or_else(perhaps).map(|(hold, _)| hold.name.as_str())
    }

    /// What the policies say of a message.
    #[must_use]
    pub fn verdict(&self, message: &MessageTimes) -> Verdict {
        let asked = |(policy, covered): &(&Policy, Covered)| -> (Periods, Coverage) {
            (policy.periods, coverage(covered, message.n))
        };
        let policies: Vec<_> = self.policies.iter().map(asked).collect();
        decide(&policies, &times(message))
    }
}

pub(crate) fn coverage(covered: &Covered, n: u32) -> Coverage {
    if covered.certain.contains(n) {
        Coverage::Yes
    } else if covered.possible.contains(n) {
        Coverage::Unclear
    } else {
        Coverage::No
    }
}

pub(crate) fn times(message: &MessageTimes) -> Times {
    let MessageTimes { archived, date, received, .. } = *message;
    Times { archived, date, received }
}
