//! Runs as people look them up later.

use commands::{
    ExcludedCounts, Failure, RunAnswer, RunOutcome, RunState, StepAnswer, StepShown, Trigger,
};
use disk::SystemClock;
use ports::Clock;
use state::{JobId, PlannedStep};

use super::{blocking, faults, users};
use crate::context::Context;

/// Lines that are kept of what a run told.
const TOLD_MAX: usize = 50;

/// A run that is being kept. The caller owns the data directory.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    context: Context,
    /// Its number.
    pub(super) id: u64,
}

impl Recorded {
    /// Notes that a run begins.
    pub(super) async fn begin(
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
        Ok(Recorded { context: context.clone(), id })
    }

    /// Notes the steps that it is going to have.
    pub(super) async fn plan(&self, steps: Vec<PlannedStep>) -> Result<(), Failure> {
        let run = self.id;
        self.keep(move |state| state.plan_steps(run, &steps)).await
    }

    /// Notes that the step at this place is at work.
    pub(super) async fn alive(&self, place: usize) -> Result<(), Failure> {
        let run = self.id;
        self.keep(move |state| state.step_is_alive(run, place, SystemClock.now())).await
    }

    /// Notes how the step at this place ended.
    pub(super) async fn end_step(&self, place: usize, step: &StepAnswer) -> Result<(), Failure> {
        let (run, step) = (self.id, kept(step));
        self.keep(move |state| state.end_step(run, place, &step, SystemClock.now())).await
    }

    /// Notes how it ended.
    pub(super) async fn end(&self, outcome: RunOutcome, told: &[String]) -> Result<(), Failure> {
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

/// A failure as one sentence, with its hint.
pub(super) fn sentence(failure: &Failure) -> String {
    let hint = failure.hint.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
    format!("{}.{hint}", failure.message)
}

fn of_run(run: &RunAnswer, step: StepShown) -> StepShown {
    let failed = run
        .mailboxes
        .iter()
        .filter_map(|it| it.failure.as_ref().map(|failure| format!("{}: {failure}.", it.mailbox)));
    StepShown {
        archived: run.archived,
        already: run.already,
        excluded: run.excluded,
        quarantined: run.quarantined,
        told: lines(run.warnings.iter().cloned().chain(failed)),
        ..step
    }
}
