//! Runs that have not ended, as they are shown when nobody is at work: interrupted.

use commands::{AdminAnswer, RunShown, RunState};

/// Whether an answer shows a run that has not ended.
pub(super) fn is_any_running(answer: &mut AdminAnswer) -> bool {
    runs(answer).into_iter().any(|it| it.state == RunState::Running)
}

/// Shows those runs as interrupted, with the steps that they left.
pub(super) fn interrupt(answer: &mut AdminAnswer) {
    for run in runs(answer) {
        if run.state != RunState::Running {
            continue;
        }
        run.state = RunState::Interrupted;
        let open = |it: &RunState| matches!(it, RunState::Running | RunState::Waiting);
        let steps = run.steps.iter_mut().map(|it| &mut it.state);
        steps.filter(|it| open(it)).for_each(|it| *it = RunState::Interrupted);
    }
}

fn runs(answer: &mut AdminAnswer) -> Vec<&mut RunShown> {
    match answer {
        AdminAnswer::Runs(runs) => runs.iter_mut().collect(),
        AdminAnswer::Run(run) => vec![run],
        AdminAnswer::Job(job) => job.last_run.iter_mut().collect(),
        AdminAnswer::Jobs(jobs) => jobs.iter_mut().filter_map(|it| it.last_run.as_mut()).collect(),
        _ => Vec::new(),
    }
}
