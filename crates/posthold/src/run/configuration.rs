//! The whole configuration as a file: `apply` and `settings export`.
//!
//! What it is not: a backup. Passwords are named in the file, never written; archives, runs and
//! cursors are not in it.
//!
//! Rules:
//! - What is exported can be applied, and changes nothing then.
//! - An object of the file is what the file says, with defaults for what it leaves out; its
//!   password is replaced only where the file names a new one.
//! - An object that the file does not name stays as it is, unless `--prune` asks for its removal.
//!   Users are deactivated then: their archives stay.
//! - The plan is a value: what is shown is what is carried out.
//! - Nothing is changed before the whole file was read and checked.

mod anchor;
mod carry_out;
mod export;
mod fields;
mod job;
mod object;
mod plan;
mod policy;
mod present;
mod wanted;

use std::path::Path;

use commands::{AdminAnswer, Answer, Apply, ApplyMode, Failure, FailureKind, ProgressSink};
use state::State;

use self::plan::Plan;
use super::{blocking, faults, ownership, users};
use crate::context::{Context, DataDir, KeySource};

pub(super) use export::page;

/// The largest file, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Makes the state what a file says, or shows what that would change.
pub(super) async fn apply(
    context: &Context,
    request: Apply,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let is_done = request.mode == ApplyMode::Apply;
    let _owned = match request.mode {
        ApplyMode::Apply => Some(ownership::take(context, title, progress).await?),
        ApplyMode::Plan => None,
    };
    let (data, keys) = (context.data.clone(), context.keys.clone());
    let by = context.asker.who().to_owned();
    let plan = blocking(move || planned(&data, &keys, &request, &by)).await?;
    if !is_done {
        return Ok(answered(carry_out::answer(plan, false)));
    }
    carry_out::show(&plan, progress);
    let (data, keys) = (context.data.clone(), context.keys.clone());
    let by = context.asker.who().to_owned();
    let (plan, told) = blocking(move || {
        let mut state = users::open(&data)?;
        let told = carry_out::apply(&mut state, &data, &keys, &plan, &by)?;
        Ok((plan, told))
    })
    .await?;
    context.governing.settings_changed(&context.data).await?;
    if let Some(told) = told {
        // Whoever asked and went may still want it done.
        let _ = progress.send(told);
    }
    Ok(answered(carry_out::answer(plan, true)))
}

fn answered(answer: commands::ApplyAnswer) -> Answer {
    Answer::Admin(Box::new(AdminAnswer::Applied(answer)))
}

fn planned(data: &DataDir, keys: &KeySource, request: &Apply, by: &str) -> Result<Plan, Failure> {
    let text = read(&request.file)?;
    let mut wanted = wanted::read(&text, &request.file)?;
    for it in &mut wanted.policies {
        by.clone_into(&mut it.changed_by);
    }
    // A data directory that is not there yet is as good as an empty one.
    let state = match data.state().is_file() {
        true => users::open_for_reading(data)?,
        false => State::empty().map_err(|it| faults::state(&it))?,
    };
    carry_out::planned(&state, data, keys, &wanted, request)
}

fn read(path: &Path) -> Result<String, Failure> {
    let unreadable = |what: String| {
        let message = format!("failed to read {}: {what}", path.display());
        Failure::new(FailureKind::Request, message)
            .with_hint("`posthold settings export` writes such a file.")
    };
    let size = std::fs::metadata(path).map_err(|it| unreadable(it.to_string()))?.len();
    if FILE_BYTES_MAX < size {
        return Err(unreadable(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read_to_string(path).map_err(|it| unreadable(it.to_string()))
}
