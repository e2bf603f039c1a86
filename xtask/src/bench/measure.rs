//! What a process costs: wall time, processor time, and memory of its own at its peak.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Clock ticks in a second, as `/proc` counts processor time; fixed on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What one run of a program cost.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Sample {
    /// From start to end, in seconds.
    pub(super) wall_s: f64,
    /// User and system time of all its threads, in seconds.
    pub(super) cpu_s: f64,
    /// Its anonymous memory at the peak, in MiB.
    pub(super) anon_mib: f64,
}

/// Runs a program to its end; gives what it cost and what it wrote to standard output.
pub(super) fn run(command: &mut Command) -> Result<(Sample, String, Option<i32>), String> {
    let name = command_name(command);
    let failed = |it: std::io::Error| format!("{name}: {it}");
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let output = child.stdout.take();
    let reader = thread::spawn(move || output.map(std::io::read_to_string));
    let (cpu_s, anon_mib) = watch(&child)?;
    let wall_s = began.elapsed().as_secs_f64();
    let status = child.wait().map_err(failed)?;
    let Ok(Some(Ok(text))) = reader.join() else {
        return Err(format!("{name}: its output could not be read"));
    };
    Ok((Sample { wall_s, cpu_s, anon_mib }, text, status.code()))
}

/// Runs a program until `enough` says so, then ends it as a power cut would. What it cost is what
/// it had cost a moment before.
pub(super) fn run_until(
    command: &mut Command,
    enough: impl Fn() -> bool,
) -> Result<Sample, String> {
    let name = command_name(command);
    let failed = |it: std::io::Error| format!("{name}: {it}");
    let began = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().map_err(failed)?;
    let mut sample = Sample::default();
    while !enough() {
        if child.try_wait().map_err(failed)?.is_some() {
            return Err(format!("{name} ended before it was to be killed"));
        }
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        sample.cpu_s = cpu_seconds(&stat).unwrap_or(sample.cpu_s);
        let anon_mib = anon_kib(child.id()).unwrap_or_default() as f64 / 1024.0;
        sample.anon_mib = sample.anon_mib.max(anon_mib);
        thread::sleep(LOOK_EVERY);
    }
    sample.wall_s = began.elapsed().as_secs_f64();
    child.kill().and_then(|()| child.wait()).map_err(failed)?;
    Ok(sample)
}

fn command_name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// Waits until the child has ended, without reaping it: `/proc` still tells of it then.
fn watch(child: &Child) -> Result<(f64, f64), String> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or("no process id")?;
    let ended = AtomicBool::new(false);
    let peak_kib = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                if let Some(kib) = anon_kib(child.id()) {
                    peak_kib.fetch_max(kib, Ordering::Relaxed);
                }
                thread::sleep(LOOK_EVERY);
            }
        });
        let waited = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        ended.store(true, Ordering::Relaxed);
        waited.map_err(|it| format!("waiting: {it}"))
    })?;
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id()));
    let cpu_s = stat.ok().and_then(|it| cpu_seconds(&it)).ok_or("no processor time in /proc")?;
    Ok((cpu_s, peak_kib.into_inner() as f64 / 1024.0))
}

fn anon_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|it| it.starts_with("RssAnon:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// User and system time from a line of `/proc/PID/stat`.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The name in parentheses may hold anything; fields 14 and 15 are counted from behind it.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(f64::from(user + system) / TICKS_PER_SECOND)
}

/// How many files a directory holds.
pub(super) fn n_files(dir: &Path) -> u64 {
    fs::read_dir(dir).map_or(0, |it| it.count() as u64)
}

/// The bytes of all files below a directory.
pub(super) fn tree_bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => tree_bytes(&entry.path()),
        _ => entry.metadata().map_or(0, |it| it.len()),
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_stands_behind_the_name() {
        let stat = "7 (a ) b) R 1 7 7 0 -1 4194304 82 0 0 0 150 50 3 4 20 0 1 0 23 5 1";
        assert_eq!(cpu_seconds(stat), Some(2.0));
    }

    #[test]
    fn a_run_is_measured() {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; exit 3"]);
        let (sample, text, code) = run(&mut shell).unwrap();
        assert_eq!((text.as_str(), code), ("done\n", Some(3)));
        assert!(0.0 < sample.wall_s && 0.0 < sample.cpu_s, "{sample:?}");
    }
}
