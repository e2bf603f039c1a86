//! What follows a run: archived messages leave their source, if a rule says so.
//!
//! What it is not: the removal. `archiver` decides, a source removes, and a proof is between them.

use std::sync::Arc;

use archiver::{RemovalOptions, RemovalReport, RunReport};
use commands::{
    Failure, FailureKind, FolderChoice, RemovalAnswer, RunAnswer, RunOutcome, StayedCount, TestStep,
};
use disk::SystemClock;
use ports::{Connect, Removes, Source};
use rules::WordingError;
use rules::removal::{Copies, Removal, When};

use super::stores::Writing;
use super::{archive, faults, report};

/// A rule by its words; without any, nothing is removed.
pub(super) fn rule(text: Option<&str>) -> Result<Removal, Failure> {
    let Some(text) = text else { return Ok(Removal::default()) };
    text.parse().map_err(|error: WordingError| {
        let rendered = error.render(text);
        // Text, caret and what is wrong; the hint has a place of its own.
        let shown: Vec<&str> = rendered.lines().take(2).collect();
        let message = format!("the removal rule is wrong:\n  {}", shown.join("\n  "));
        Failure::new(FailureKind::Request, message).with_hint(error.hint())
    })
}

/// The folders of a job, without the one that it moves messages to.
pub(super) fn left_out(folders: &FolderChoice, rule: &Removal) -> FolderChoice {
    let mut folders = folders.clone();
    folders.exclude.extend(rule.exclude_entry());
    folders
}

/// Removes behind a run what the rule lets go. `None` when the rule is to remove nothing.
pub(super) async fn after<C>(
    connector: Arc<C>,
    writing: &Writing,
    what: RemovalOptions<'_>,
    run: &RunReport,
) -> Option<RemovalAnswer>
where
    C: Connect,
    C::Source: Removes,
{
    if what.rule.when == When::Never {
        return None;
    }
    let backed_up = match what.rule.copies {
        Copies::Archive => Vec::new(),
        Copies::Backup => writing.backed_up().await,
    };
    let rule = what.rule;
    let what = RemovalOptions { backed_up, ..what };
    let (log, catalog, clock) = (writing.log(), writing.catalog(), Arc::new(SystemClock));
    let removed = archiver::remove_archived(connector, log, catalog, clock, what, run).await;
    Some(answer(rule, removed))
}

fn answer(rule: &Removal, removed: RemovalReport) -> RemovalAnswer {
    let not_tried = removed.not_tried.map(|why| format!("Nothing was tried to remove: {why}."));
    let stopped = removed.cancelled.then(|| "It was asked to end before.".to_owned());
    let mut told: Vec<String> = removed.failure.as_ref().map(report::told).into_iter().collect();
    told.extend(not_tried.or(stopped));
    told.extend(removed.warnings.into_iter().map(|it| it + "."));
    RemovalAnswer {
        rule: rule.to_string(),
        left: removed.left,
        moved_to: removed.moved_to,
        stayed: removed
            .stayed
            .iter()
            .map(|(why, count)| StayedCount { reason: why.to_string(), count: *count })
            .collect(),
        unconfirmed: removed.unconfirmed,
        failure: (!told.is_empty()).then(|| told.join(" ")),
    }
}

/// Puts what was removed into the answer of a run. A removal that did not do all that it should
/// makes it one in part.
pub(super) fn put(answer: &mut RunAnswer, removal: Option<RemovalAnswer>) {
    let is_done = removal.as_ref().is_none_or(|it| it.failure.is_none() && it.unconfirmed == 0);
    if !is_done && answer.outcome == RunOutcome::Succeeded {
        answer.outcome = RunOutcome::Partial;
    }
    answer.removal = removal;
}

/// Whether a job may do what its rule says: a step of its test. Removes nothing.
pub(super) async fn right(account: &archive::Reached, rule: &Removal) -> TestStep {
    let tried = match account {
        archive::Reached::Imap(account) => tried(account, rule).await,
        archive::Reached::Pop3(account) => tried(account, rule).await,
    };
    match tried {
        Ok(by) => TestStep::success("removal", format!("{rule}, by {by}")),
        Err(error) => {
            let failure = faults::source(&error);
            TestStep::failure("removal", failure.message, failure.hint)
        }
    }
}

async fn tried<C>(account: &C, rule: &Removal) -> Result<String, ports::SourceError>
where
    C: Connect,
    C::Source: Removes,
{
    let mut source = account.connect().await?;
    let tried = source.try_removal(&rule.way).await;
    source.close().await;
    tried
}

#[cfg(test)]
mod tests {
    use super::*;
    use archiver::{RunFailure, RunFailureKind, Stayed};
    use rules::removal::StayReason;

    #[test]
    fn a_removal_that_fails_makes_the_run_one_in_part() {
        let rule: Removal = "at once".parse().unwrap();
        let mut removed = RemovalReport { left: 2, ..RemovalReport::default() };
        removed.stayed.insert(Stayed::Rule(StayReason::Flagged), 1);
        let mut run =
            RunAnswer { outcome: RunOutcome::Succeeded, ..crate::render::sample::partial_run() };
        put(&mut run, Some(answer(&rule, removed.clone())));
        assert_eq!(run.outcome, RunOutcome::Succeeded);
        removed.failure = Some(RunFailure {
            kind: RunFailureKind::Configuration,
            message: "the server cannot remove messages by UID (no UIDPLUS)".into(),
            hint: Some("Set the removal of the job to never.".into()),
        });
        put(&mut run, Some(answer(&rule, removed)));
        assert_eq!(run.outcome, RunOutcome::Partial);
        let told = run.removal.unwrap().told();
        let want = [
            "2 removed at the source (at once); stayed: 1 flagged.",
            "the server cannot remove messages by UID (no UIDPLUS). Set the removal of the job to \
             never.",
        ];
        assert_eq!(told, want);
    }

    #[test]
    fn wrong_rules_are_shown() {
        let failure = rule(Some("sometimes")).unwrap_err();
        assert!(failure.message.starts_with("the removal rule is wrong:\n  sometimes\n  ^"));
        assert_eq!(rule(None).unwrap(), Removal::default());
    }
}
