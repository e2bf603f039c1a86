//! Posthold's binary: arguments in, one command run, its answer and exit code out.
//!
//! It alone knows every adapter and brings them together. `cli` makes a request, `run` carries it
//! out, `progress` and `render` show what comes back.

mod cli;
mod context;
mod password;
mod progress;
mod reference;
mod render;
mod run;
mod serving;
mod stop;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process;
use std::str::FromStr;
use std::sync::Arc;

use archiver::CancelToken;
use commands::{ExitCode, Failure, FailureKind};
use tracing::level_filters::LevelFilter;

use crate::cli::{Format, Invocation, Refused, Task};
use crate::context::{Context, DataDir, KeySource};
use crate::progress::Surface;

/// Threads that run tasks. Fetching, writing and answering want two; hashing, compression and
/// SQLite run on the blocking pool.
const WORKER_THREADS: usize = 2;

fn main() -> process::ExitCode {
    let code = command();
    process::ExitCode::from(code as u8)
}

fn command() -> ExitCode {
    start_trace();
    let args: Vec<OsString> = std::env::args_os().collect();
    let wants_json = args.iter().any(|it| it == "--json");
    match cli::parse(args, &password::OfProcess) {
        Ok(Invocation { task: Task::Reference, .. }) => print(&reference::page(&cli::command())),
        Ok(Invocation { task: Task::SettingsReference, .. }) => print(&settings::reference()),
        Ok(Invocation { task: Task::BenchSearch(queries), data, .. }) => {
            bench_search(&DataDir::new(data), &queries)
        }
        Ok(Invocation { task: Task::Request(request), data, format, ownership, network_files }) => {
            let surface = Arc::new(Surface::of_process(format));
            let (data, stop) = (DataDir::new(data), CancelToken::new());
            let keys = KeySource::of_process();
            let context = Context { data, ownership, network_files, stop, keys, serving: None };
            execute(request, &context, &surface)
        }
        Err(Refused::Request(failure)) => {
            let format = if wants_json { Format::Json } else { Format::Text };
            Surface::of_process(format).failure(&failure);
            failure.kind.exit_code()
        }
        Err(Refused::Usage(error)) => usage(&error, wants_json),
    }
}

fn execute(request: commands::Request, context: &Context, surface: &Arc<Surface>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build();
    let answer = match runtime {
        Ok(runtime) => {
            let answer = runtime.block_on(async {
                let at_first = {
                    let surface = Arc::clone(surface);
                    move || surface.remark("Ending at the next batch; once more ends at once.")
                };
                stop::on_signals(context.stop.clone(), at_first)
                    .map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
                run::run(request, context, &**surface).await
            });
            // Reading that was given up must not be waited for.
            runtime.shutdown_background();
            answer
        }
        Err(error) => Err(Failure::new(FailureKind::Io, format!("failed to start: {error}"))),
    };
    let code = match &answer {
        Ok(answer) => {
            surface.answer(answer);
            answer.exit_code()
        }
        Err(failure) => {
            surface.failure(failure);
            failure.kind.exit_code()
        }
    };
    match surface.fault() {
        None => code,
        Some(fault) => {
            // Nobody is left to tell when standard error is closed as well.
            let _ = render::failure(Format::Text, &fault, &mut io::sink(), &mut io::stderr());
            code.max(fault.kind.exit_code())
        }
    }
}

fn print(page: &str) -> ExitCode {
    match io::stdout().write_all(page.as_bytes()) {
        Ok(()) => ExitCode::Done,
        Err(_) => ExitCode::Failed,
    }
}

/// Prints how long searches take, for the benchmark.
fn bench_search(data: &DataDir, queries: &Path) -> ExitCode {
    match run::bench_search(data, queries) {
        Ok(times) => match render::json::search_times(&times, &mut io::stdout().lock()) {
            Ok(()) => ExitCode::Done,
            Err(_) => ExitCode::Failed,
        },
        Err(failure) => {
            Surface::of_process(Format::Text).failure(&failure);
            failure.kind.exit_code()
        }
    }
}

/// Prints what clap has to say: help and version as they are, errors in the format asked for.
fn usage(error: &clap::Error, wants_json: bool) -> ExitCode {
    if error.use_stderr() && wants_json {
        let failure = usage_failure(&error.render().to_string());
        Surface::of_process(Format::Json).failure(&failure);
        return ExitCode::Wrong;
    }
    // Nobody is left to tell when the stream is closed.
    let _ = error.print();
    if error.use_stderr() { ExitCode::Wrong } else { ExitCode::Done }
}

/// From clap's text: the first paragraph is the message, the others are the hint.
fn usage_failure(text: &str) -> Failure {
    let one_line = |it: &str| it.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut paragraphs = text.split("\n\n").map(one_line).filter(|it| !it.is_empty());
    let first = paragraphs.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(&first);
    let failure = Failure::new(FailureKind::Request, message);
    match paragraphs.collect::<Vec<_>>() {
        hint if hint.is_empty() => failure,
        hint => failure.with_hint(hint.join(" ")),
    }
}

/// Sends what the program says about itself to standard error, from `POSTHOLD_TRACE` up.
fn start_trace() {
    let level = std::env::var("POSTHOLD_TRACE").ok();
    let level = level.and_then(|it| LevelFilter::from_str(&it).ok()).unwrap_or(LevelFilter::OFF);
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).init();
}
