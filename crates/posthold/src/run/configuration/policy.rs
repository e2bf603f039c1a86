//! A retention policy as keys and values, and back. The keys are called like the options of
//! `retention add`. Policies are a list: the first one that covers a message decides.

use commands::{Failure, FailureKind, PlanAction, PolicyPeriods, Switch, Unnamed};
use state::SavedPolicy;
use types::retention::{AtTheEnd, CountedFrom};

use super::super::retention;
use super::fields::Fields;
use super::object::Object;
use super::wanted::switch;

/// A policy as fields.
pub(super) fn fields(policy: &SavedPolicy) -> Fields {
    let SavedPolicy { name, query, periods, switch, .. } = policy;
    let mut fields = Fields::default();
    fields.text("name", name);
    match query {
        Some(query) => fields.text("query", query),
        None => fields.switch("all", true),
    }
    fields.text_if("keep", periods.minimum.as_deref());
    fields.text_if("remove_after", periods.maximum.as_deref());
    fields.text("from", periods.from.name());
    if periods.maximum.is_some() && periods.at_the_end == AtTheEnd::Stays {
        fields.switch("by_hand", true);
    }
    if *switch == Switch::Disabled {
        fields.switch("enabled", false);
    }
    fields
}

/// Reads a policy.
pub(super) fn read(mut object: Object) -> Result<SavedPolicy, Failure> {
    let query = object.text("query")?;
    // A scope that was forgotten would be everything.
    match (&query, object.switch("all")?.unwrap_or(false)) {
        (Some(_), false) | (None, true) => (),
        _ => {
            let message = "it covers what its query says, or with all = true every message";
            return Err(object.about(Failure::new(FailureKind::Request, message)));
        }
    }
    let maximum = object.text("remove_after")?;
    let is_by_hand = object.switch("by_hand")?.unwrap_or(false);
    let periods = PolicyPeriods {
        minimum: object.text("keep")?,
        at_the_end: match (is_by_hand, &maximum) {
            (false, Some(_)) => AtTheEnd::Removed,
            _ => AtTheEnd::Stays,
        },
        maximum,
        from: object
            .word("from", "archived or message", CountedFrom::from_name)?
            .unwrap_or_default(),
    };
    let switch = switch(&mut object, "enabled")?;
    let saved = retention::saved(object.name(), query, &periods, "");
    let saved = saved.map_err(|it| object.about(it))?;
    object.end()?;
    Ok(SavedPolicy { switch, ..saved })
}

/// A step over one policy, as it is shown.
pub(super) struct PolicyStep {
    /// What is done.
    pub(super) action: PlanAction,
    /// Its name.
    pub(super) name: String,
    /// What is different then.
    pub(super) fields: Vec<commands::FieldChange>,
}

/// The list that there is then, and what is done for it. Policies of the file stand in its order;
/// those that it does not name keep their places.
pub(super) fn list(
    present: &[SavedPolicy],
    wanted: &[SavedPolicy],
    unnamed: Unnamed,
) -> (Vec<SavedPolicy>, Vec<PolicyStep>) {
    let is_named = |it: &SavedPolicy| wanted.iter().any(|that| that.name == it.name);
    let stays = |it: &&SavedPolicy| unnamed == Unnamed::Stays || is_named(it);
    let gone = present.iter().filter(|it| !stays(it)).map(|it| PolicyStep {
        action: PlanAction::Remove,
        name: it.name.clone(),
        fields: Vec::new(),
    });
    let mut steps: Vec<PolicyStep> = gone.collect();
    let left: Vec<&SavedPolicy> = present.iter().filter(stays).collect();
    let mut in_file = wanted.iter();
    let mut after = Vec::new();
    for it in &left {
        after.extend(if is_named(it) { in_file.next() } else { Some(*it) });
    }
    after.extend(in_file);
    for (place, it) in after.iter().enumerate().filter(|(_, it)| is_named(it)) {
        let before = left.iter().position(|that| that.name == it.name);
        let found = before.and_then(|it| left.get(it));
        let mut changed = found.map(|it| fields(it)).unwrap_or_default().differences(&fields(it));
        if before.is_some_and(|it| it != place) {
            let (before, after) = (before.map(|it| (it + 1).to_string()), (place + 1).to_string());
            changed.push(commands::FieldChange { key: "place".into(), before, after: Some(after) });
        }
        let action = if found.is_some() { PlanAction::Change } else { PlanAction::Create };
        if !changed.is_empty() {
            steps.push(PolicyStep { action, name: it.name.clone(), fields: changed });
        }
    }
    // One that is as it was is still his who changed it last.
    let as_it_was = |it: &&SavedPolicy| {
        let found = left.iter().find(|that| that.name == it.name);
        found.filter(|that| fields(that) == fields(it)).copied().unwrap_or(it).clone()
    };
    (after.iter().map(as_it_was).collect(), steps)
}

#[cfg(test)]
mod tests {
    use types::Timestamp;

    use super::*;

    fn policies(names: &str) -> Vec<SavedPolicy> {
        let policy = |name: char| SavedPolicy {
            name: name.to_lowercase().to_string(),
            // A capital letter is one with another query.
            query: Some(format!("from:{name}")),
            periods: PolicyPeriods { minimum: Some("1y".into()), ..PolicyPeriods::default() },
            switch: Switch::Enabled,
            changed_by: "ann".into(),
            changed_at: Timestamp(1),
        };
        names.chars().map(policy).collect()
    }

    #[test]
    fn the_order_is_that_of_the_file_and_what_it_does_not_name_keeps_its_place() {
        let cases = [
            ("abc", "abc", Unnamed::Stays, "abc", ""),
            ("abc", "", Unnamed::Stays, "abc", ""),
            ("abc", "", Unnamed::Goes, "", "remove a, remove b, remove c"),
            ("abc", "cab", Unnamed::Goes, "cab", "change c 1, change a 2, change b 3"),
            ("pab", "ba", Unnamed::Stays, "pba", "change b 2, change a 3"),
            ("pab", "ba", Unnamed::Goes, "ba", "remove p, change b 1, change a 2"),
            ("pa", "xa", Unnamed::Stays, "pxa", "create x, change a 3"),
            ("pa", "aB", Unnamed::Stays, "paB", "create b"),
            ("ab", "Ab", Unnamed::Stays, "Ab", "change a"),
        ];
        for (present, wanted, unnamed, want, want_steps) in cases {
            let (after, steps) = list(&policies(present), &policies(wanted), unnamed);
            assert_eq!(after, policies(want), "{present} {wanted}");
            let shown: Vec<String> = steps
                .iter()
                .map(|it| {
                    let place = it.fields.iter().find(|it| it.key == "place");
                    let place = place.and_then(|it| it.after.as_deref());
                    let words = [it.action.name(), &it.name, place.unwrap_or_default()];
                    words.join(" ").trim_end().to_owned()
                })
                .collect();
            assert_eq!(shown.join(", "), want_steps, "{present} {wanted}");
        }
    }
}
