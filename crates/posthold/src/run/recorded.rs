//! Runs as people look them up later.

use commands::{
    ExcludedCounts, Failure, RemovalAnswer, RunAnswer, RunOutcome, RunState, StepAnswer,
    StepDetails, StepShown, Trigger,
};
use disk::SystemClock;
use ports::Clock;
use state::{JobId, PlannedStep, StepEnd};

use super::{blocking, faults, users};
use crate::context::Context;

/// Lines that are kept of what a run told.
const TOLD_MAX: usize = 50;

/// A run that is being kept. The caller owns the data directory.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    context: Context,
    job: Option<JobId>,
    /// Its number.
    pub(crate) id: u64,
}

impl Recorded {
    /// Notes that a run begins.
    pub(crate) async fn begin(
        context: &Context,
        job: Option<JobId>,
        trigger: Trigger,
        title: &str,
    ) -> Result<Recorded, Failure> {
        let (data, title) = (context.data.clone(), title.to_owned());
        let id = blocking(move || {
            let mut state = users::open(&data)?;
            let begun = state.begin_run(job, trigger, &title, SystemClock.now());
            begun.map_err(|it| faults::state(&it))
        })
        .await?;
        Ok(Recorded { context: context.clone(), job, id })
    }

    /// Notes the steps that it is going to have.
    pub(crate) async fn plan(&self, steps: Vec<PlannedStep>) -> Result<(), Failure> {
        let run = self.id;
        self.keep(move |state| state.plan_steps(run, &steps)).await
    }

    /// Notes that the step at this place is at work.
    pub(crate) async fn alive(&self, place: usize) -> Result<(), Failure> {
        let run = self.id;
        self.keep(move |state| state.step_is_alive(run, place, SystemClock.now())).await
    }

    /// Notes how the step at this place ended.
    pub(crate) async fn end_step(&self, place: usize, step: &StepAnswer) -> Result<(), Failure> {
        let (run, job, shown) = (self.id, self.job, kept(step));
        let (details, why) = (details(step), why(step));
        self.keep(move |state| {
            let end = StepEnd {
                run,
                place,
                job,
                account: &shown.account,
                target: &shown.target,
                outcome: shown.state.outcome().unwrap_or(RunOutcome::Failed),
                why: &why,
                quarantined: shown.quarantined,
                at: SystemClock.now(),
            };
            state.end_step_with(&shown, &end, &details)
        })
        .await
    }

    /// Notes how it ended.
    pub(crate) async fn end(&self, outcome: RunOutcome, told: &[String]) -> Result<(), Failure> {
        let (run, told) = (self.id, lines(told.iter().cloned()));
        self.keep(move |state| state.end_run(run, outcome, &told, SystemClock.now())).await
    }

    async fn keep(
        &self,
        write: impl FnOnce(&mut state::State) -> Result<(), state::StateError> + Send + 'static,
    ) -> Result<(), Failure> {
        let data = self.context.data.clone();
        blocking(move || {
            let mut state = users::open(&data)?;
            write(&mut state).map_err(|it| faults::state(&it))
        })
        .await
    }
}

fn lines(told: impl Iterator<Item = String>) -> Vec<String> {
    told.take(TOLD_MAX).map(|it| it.replace('\n', " ")).collect()
}

/// What is kept of a step.
fn kept(answer: &StepAnswer) -> StepShown {
    let step = StepShown {
        account: answer.account.clone(),
        target: answer.target.clone(),
        began: None,
        ended: None,
        state: RunState::Ended(answer.outcome()),
        archived: 0,
        already: 0,
        excluded: ExcludedCounts::default(),
        quarantined: 0,
        told: Vec::new(),
    };
    match &answer.ended {
        None => StepShown { told: vec!["It did not begin.".into()], ..step },
        Some(Err(failure)) => StepShown { told: lines([sentence(failure)].into_iter()), ..step },
        Some(Ok(run)) => of_run(run, step),
    }
}

/// What is kept of it besides its sums.
fn details(answer: &StepAnswer) -> StepDetails {
    match &answer.ended {
        None => StepDetails::default(),
        Some(Err(failure)) => StepDetails { failure: Some(failure.kind), ..StepDetails::default() },
        Some(Ok(run)) => StepDetails {
            removed: run.removal.as_ref().map_or(0, |it| it.left),
            failure: None,
            warnings: lines(stayed(run).chain(run.warnings.iter().cloned())),
            insecure: run.insecure.clone(),
            mailboxes: run.mailboxes.clone(),
            complete_at: None,
        },
    }
}

/// What a removal left at the source, and why, in sentences.
fn stayed(run: &RunAnswer) -> impl Iterator<Item = String> {
    let worth = |it: &&RemovalAnswer| !it.stayed.is_empty() || it.failure.is_some();
    run.removal.iter().filter(worth).flat_map(RemovalAnswer::told)
}

/// Why an account is not complete, in a few words; empty when it is.
fn why(answer: &StepAnswer) -> String {
    let run = match &answer.ended {
        None => return "it did not begin".to_owned(),
        Some(Err(failure)) => return failure.message.replace('\n', " "),
        Some(Ok(run)) if run.outcome == RunOutcome::Succeeded => return String::new(),
        Some(Ok(run)) => run,
    };
    let of_mailbox = run
        .mailboxes
        .iter()
        .find_map(|it| Some(format!("{}: {}", it.mailbox, it.failure.as_ref()?)));
    let why = of_mailbox.unwrap_or_else(|| match (run.cancelled, run.quarantined) {
        (true, _) => "it was asked to stop".to_owned(),
        (false, 0) if run.removal.as_ref().is_some_and(|it| it.failure.is_some()) => {
            run.removal.as_ref().and_then(|it| it.failure.clone()).unwrap_or_default()
        }
        (false, 0) => run.warnings.first().cloned().unwrap_or_default(),
        (false, n) => crate::render::words::counted(n, "message") + " quarantined",
    });
    why.replace('\n', " ")
}

/// A failure as one sentence, with its hint.
pub(super) fn sentence(failure: &Failure) -> String {
    let hint = failure.hint.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
    format!("{}.{hint}", failure.message)
}

/// A sentence with its full stop.
pub(super) fn full_stop(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

fn of_run(run: &RunAnswer, step: StepShown) -> StepShown {
    let failed = run
        .mailboxes
        .iter()
        .filter_map(|it| it.failure.as_ref().map(|failure| format!("{}: {failure}.", it.mailbox)));
    let removed = run.removal.iter().flat_map(RemovalAnswer::told);
    StepShown {
        archived: run.archived,
        already: run.already,
        excluded: run.excluded,
        quarantined: run.quarantined,
        told: lines(removed.chain(run.warnings.iter().cloned()).chain(failed)),
        ..step
    }
}
