//! Posthold's binary: arguments in, one command run, its answer and exit code out.
//!
//! It alone knows every adapter and brings them together. `cli` makes a request, `run` carries it
//! out, `progress` and `render` show what comes back.

mod cli;
mod context;
mod password;
mod progress;
mod receive;
mod reference;
mod render;
mod run;
mod serve;
mod serving;
mod stop;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use archiver::CancelToken;
use commands::{ExitCode, Failure, FailureKind, Request};
use tracing::level_filters::LevelFilter;

use crate::cli::{Format, Invocation, Refused, Task};
use crate::context::{Context, DataDir, KeySource};
use crate::progress::Surface;
use crate::run::{Asker, Governing, Reads};
use crate::serve::Typed;

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
    let recorded = password::Recorded::default();
    match cli::parse(args.clone(), &recorded) {
        Ok(Invocation { task: Task::Reference, .. }) => print(&reference::page(&cli::command())),
        Ok(Invocation { task: Task::SettingsReference, .. }) => print(&settings::reference()),
        Ok(Invocation { task: Task::BenchSearch(queries), data, .. }) => {
            bench_search(&DataDir::new(data), &queries)
        }
        Ok(Invocation {
            task: Task::Request(request),
            data,
            format,
            ownership,
            network_files,
            reason,
        }) => {
            let surface = Arc::new(Surface::of_process(format));
            let (data, stop) = (DataDir::new(data), CancelToken::new());
            let keys = KeySource::of_process();
            let governing = Governing::default();
            let (asker, reads) = (Asker::of_process(&args, reason), Reads::default());
            let serving = None;
            let context = Context {
                data,
                ownership,
                network_files,
                stop,
                keys,
                serving,
                governing,
                asker,
                reads,
            };
            let typed = Typed { args, secrets: recorded.secrets() };
            execute(request, &context, &surface, &typed)
        }
        Err(Refused::Request(failure)) => {
            let format = if wants_json { Format::Json } else { Format::Text };
            Surface::of_process(format).failure(&failure);
            failure.kind.exit_code()
        }
        Err(Refused::Usage(error)) => usage(&error, wants_json),
    }
}

/// Carries out a request here, or hands it over to the server that owns the data directory.
fn execute(request: Request, context: &Context, surface: &Arc<Surface>, typed: &Typed) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::new(FailureKind::Io, format!("failed to start: {error}"));
            return surface.ended(&Err(failure));
        }
    };
    let code = runtime.block_on(async {
        let is_handed_over = Arc::new(AtomicBool::new(false));
        let at_first = {
            let (surface, is_handed_over) = (Arc::clone(surface), Arc::clone(&is_handed_over));
            move || {
                // Else the server says what becomes of it.
                if !is_handed_over.load(Ordering::Acquire) {
                    surface.remark("Ending at the next batch; once more ends at once.");
                }
            }
        };
        if let Err(error) = stop::on_signals(context.stop.clone(), at_first) {
            return surface.ended(&Err(Failure::new(FailureKind::Internal, error.to_string())));
        }
        let handing = Handing { context, surface, is_handed_over };
        let is_for_server = !request.only_reads() && request != Request::Serve;
        if is_for_server && let Some(code) = handing.over(typed).await {
            return code;
        }
        let ended = run::run(request, context, &**surface).await;
        let is_busy = ended.as_ref().is_err_and(|it| it.kind == FailureKind::Busy);
        // A server that has begun meanwhile.
        if is_for_server
            && is_busy
            && let Some(code) = handing.over(typed).await
        {
            return code;
        }
        surface.ended(&ended)
    });
    // Reading that was given up must not be waited for.
    runtime.shutdown_background();
    code
}

/// A command that may be for the server that owns the data directory.
struct Handing<'a> {
    context: &'a Context,
    surface: &'a Surface,
    is_handed_over: Arc<AtomicBool>,
}

impl Handing<'_> {
    /// Hands it over, and gives the exit code; `None` when there is no server.
    async fn over(&self, typed: &Typed) -> Option<ExitCode> {
        self.is_handed_over.store(true, Ordering::Release);
        match serve::hand_over(&self.context.data, typed, &self.context.stop).await {
            Some(Ok(code)) => Some(code),
            Some(Err(failure)) => Some(self.surface.ended(&Err(failure))),
            None => {
                self.is_handed_over.store(false, Ordering::Release);
                None
            }
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
