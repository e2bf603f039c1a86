//! From samples to a page: medians, ratios, and what they were to be.

use std::fmt::Write as _;
use std::fs;

use super::goals::{self, Bound, Goal};
use super::mail::Corpus;
use super::measure::Sample;
use super::median;
use super::posthold::{SearchTimes, Sizes};
use super::runs::Runs;
use Bound::{AtLeast, AtMost};

/// What `verify` is compared with.
pub(super) const SHA256SUM: &str = "sha256sum over the messages";
pub(super) const VERIFY: &str = "posthold verify";

/// What keeps messages whole, when there is such a program to compare with.
pub(super) const WHOLE: &str = "messages kept whole, import maildir";

/// All that was measured.
pub(super) struct Report {
    description: String,
    n_messages: u64,
    n_bytes: u64,
    n_runs: usize,
    served: Option<(u64, u64)>,
    runs: Runs,
    disk: Vec<f64>,
    sizes: Option<Sizes>,
    notmuch_bytes: Option<(u64, u64)>,
    search: Vec<SearchTimes>,
    notmuch_search: Option<(f64, Vec<f64>)>,
    large: Option<Sample>,
}

impl Report {
    pub(super) fn new(corpus: &Corpus, n_runs: usize) -> Report {
        Report {
            description: corpus.description.clone(),
            n_messages: corpus.mails.len() as u64,
            n_bytes: corpus.n_bytes(),
            n_runs,
            served: None,
            runs: Runs::default(),
            disk: Vec::new(),
            sizes: None,
            notmuch_bytes: None,
            search: Vec::new(),
            notmuch_search: None,
            large: None,
        }
    }

    /// A run over all messages.
    pub(super) fn add(&mut self, name: &str, sample: Sample) {
        self.add_partial(name, sample, self.n_messages);
    }

    /// A run over `n` messages.
    pub(super) fn add_partial(&mut self, name: &str, sample: Sample, n: u64) {
        self.runs.add(name, sample, n);
    }

    pub(super) fn served(&mut self, served: (u64, u64)) {
        self.served = Some(served);
    }

    pub(super) fn disk(&mut self, syncs_per_second: f64) {
        println!("{:<28} {syncs_per_second:>8.0} appends of 30 kB and fdatasync a second", "disk");
        self.disk.push(syncs_per_second);
    }

    pub(super) fn store(&mut self, sizes: Sizes) {
        self.sizes = Some(sizes);
    }

    pub(super) fn notmuch_bytes(&mut self, bytes: u64, n_messages: u64) {
        self.notmuch_bytes = Some((bytes, n_messages));
    }

    pub(super) fn search(&mut self, times: SearchTimes) {
        let [p50, p99] = [0.5, 0.99].map(|share| quantile(&times.again_us, share) / 1000.0);
        println!("{:<28} p50 {p50:.3} ms, p99 {p99:.3} ms", "posthold search");
        self.search.push(times);
    }

    pub(super) fn notmuch_search(&mut self, times: (f64, Vec<f64>)) {
        self.notmuch_search = Some(times);
    }

    pub(super) fn large(&mut self, sample: Sample) {
        self.add_partial("posthold archive, 200 MB", sample, 1);
        self.large = Some(sample);
    }

    /// The section of the page.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.setting());
        goals::write(&self.goals().iter().collect::<Vec<_>>(), &mut text);
        self.runs.write(&mut text);
        self.write_sizes(&mut text);
        self.write_search(&mut text);
        text
    }

    fn setting(&self) -> String {
        let mib = self.n_bytes as f64 / f64::from(1 << 20);
        let mut text = format!(
            "{} {}, {mib:.1} MiB as files (mean {} bytes)",
            self.n_messages,
            self.description,
            self.n_bytes / self.n_messages.max(1)
        );
        if let Some((n, bytes)) = self.served {
            let _ = write!(text, "; as the server gives them {n} with {bytes} bytes");
        }
        let _ = write!(text, ". {}. ", machine());
        let _ = write!(
            text,
            "Medians of {} rounds in which the programs took turns; server and client share the \
             machine; ratios are medians of the ratios within a round.",
            self.n_runs
        );
        if !self.disk.is_empty() {
            let _ = write!(
                text,
                " In the same minutes the disk made {:.0} appends of 30 kB durable in a second.",
                median(self.disk.clone())
            );
        }
        text
    }

    fn goals(&self) -> Vec<Goal> {
        let goal = |what: &str, measured, bound, unit| Goal::new(what, measured, bound, unit);
        let runs = &self.runs;
        let ours = "posthold archive";
        let anon = runs.most(ours, |it| it.anon_mib);
        let ms = |share| {
            let of = |it: &SearchTimes| quantile(&it.again_us, share) / 1000.0;
            median(self.search.iter().map(of).collect())
        };
        let read_ms = |share| {
            let of = |it: &SearchTimes| quantile(&it.read_us, share) / 1000.0;
            median(self.search.iter().map(of).collect())
        };
        let again = "posthold archive, again";
        let import = runs.rate("posthold import mbox") / runs.rate("notmuch new");
        let mut goals = vec![
            goal(
                "archive over IMAP, wall time against mbsync without fsync",
                runs.ratio(ours, "mbsync, no fsync"),
                AtMost(1.2),
                "",
            )
            .aim(0.8),
            goal(
                "archive over IMAP, wall time against mbsync with fsync",
                runs.ratio(ours, "mbsync, fsync"),
                AtMost(0.5),
                "",
            )
            .aim(0.33),
            goal("its peak of anonymous memory", anon, AtMost(300.0), " MiB"),
            goal(
                "second run, nothing new, against mbsync's",
                runs.ratio(again, "mbsync, no fsync, again"),
                AtMost(1.0),
                "",
            ),
            goal(
                "import of mbox, messages a second against notmuch new",
                import,
                AtLeast(20.0),
                "",
            ),
            goal("search, p50", ms(0.5), AtMost(1.0), " ms"),
            goal("search, p99", ms(0.99), AtMost(25.0), " ms"),
            goal("one message is read, median", read_ms(0.5), AtMost(2.0), " ms"),
            goal("one message is read, p95", read_ms(0.95), AtMost(2.0), " ms"),
            goal(
                "verify, wall time beside sha256sum over the messages",
                runs.ratio(VERIFY, SHA256SUM),
                AtMost(1.0),
                "",
            ),
            goal(
                "import, speed against a program that keeps messages whole",
                runs.ratio(WHOLE, "posthold import maildir"),
                AtLeast(0.8),
                "",
            ),
            goal(
                "archive of one 200 MB message, peak of anonymous memory",
                self.large.map_or(f64::NAN, |it| it.anon_mib),
                AtMost(150.0),
                " MiB",
            ),
        ];
        goals.extend(self.size_goals());
        goals
    }

    fn size_goals(&self) -> Vec<Goal> {
        let Some(sizes) = self.sizes else { return Vec::new() };
        let raw = self.served.map_or(self.n_bytes, |(_, bytes)| bytes) as f64;
        let n_messages = self.n_messages as f64;
        let share = |of_raw: f64, each: f64| (of_raw * raw + each * n_messages) / raw;
        let store = (sizes.log + sizes.catalog) as f64 / raw;
        let what = "store without index, of the raw bytes";
        let bound = AtMost(share(0.37, 700.0));
        vec![
            Goal::new(what, store, bound, "").aim(share(0.345, 600.0)),
            Goal::new("index, of the raw bytes", sizes.index as f64 / raw, AtMost(0.06), ""),
        ]
    }

    fn write_sizes(&self, text: &mut String) {
        let Some(sizes) = self.sizes else { return };
        let raw = self.served.map_or(self.n_bytes, |(_, bytes)| bytes) as f64;
        text.push_str("| store | bytes | of the raw bytes | a message |\n|---|---|---|---|\n");
        for (name, bytes) in
            [("log", sizes.log), ("catalog", sizes.catalog), ("index", sizes.index)]
        {
            let each = bytes / self.n_messages.max(1);
            let _ = writeln!(text, "| {name} | {bytes} | {:.3} | {each} |", bytes as f64 / raw);
        }
        if let Some((bytes, n)) = self.notmuch_bytes {
            let share = bytes as f64 / (self.n_bytes as f64 / self.n_messages as f64 * n as f64);
            let each = bytes / n.max(1);
            let _ = writeln!(
                text,
                "| notmuch's index of {n} of them | {bytes} | {share:.3} | {each} |"
            );
        }
        text.push('\n');
    }

    fn write_search(&self, text: &mut String) {
        if self.search.is_empty() {
            return;
        }
        text.push_str(
            "Two hundred queries (words, phrases, senders, date ranges, beginnings of words, 40 \
             each), the newest 20 hits of each shown, in milliseconds:\n\n\
             | program | p50 | p95 | p99 | slowest |\n|---|---|---|---|---|\n",
        );
        let mut row = |name: &str, times_ms: &dyn Fn(f64) -> f64| {
            let [a, b, c, d] = [0.5, 0.95, 0.99, 1.0].map(times_ms);
            let _ = writeln!(text, "| {name} | {a:.3} | {b:.3} | {c:.3} | {d:.3} |");
        };
        let of = |times: fn(&SearchTimes) -> &Vec<f64>| {
            move |share| {
                let each = self.search.iter().map(|it| quantile(times(it), share) / 1000.0);
                median(each.collect())
            }
        };
        row("posthold, asked the first time", &of(|it| &it.first_us));
        row("posthold, asked again", &of(|it| &it.again_us));
        if let Some((floor_s, times_s)) = &self.notmuch_search {
            row("notmuch, a process each", &|share| quantile(times_s, share) * 1000.0);
            let ms = floor_s * 1000.0;
            let _ = writeln!(text, "\nOf notmuch's times, {ms:.1} ms are the start of a process.");
        }
    }
}

/// The value below which this share of the values is.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let rank = (1..=n).find(|it| share * n as f64 <= *it as f64).unwrap_or(n);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Processor, memory and kernel, as `/proc` tells them.
pub(super) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|it| it.starts_with(key));
        line.and_then(|it| it.split_once(':')).map(|(_, it)| it.trim().to_owned())
    };
    let cpu = read("/proc/cpuinfo");
    let n_cpus = cpu.lines().filter(|it| it.starts_with("processor")).count();
    let model = value(&cpu, "model name").unwrap_or_else(|| "unknown processor".into());
    let memory = value(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let memory: f64 = memory.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.split(['-', '+', '\n']).next().unwrap_or_default();
    let gib = memory / f64::from(1 << 20);
    format!("Machine: {n_cpus} processors ({model}), {gib:.0} GiB of memory, Linux {kernel}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        let got = [0.5, 0.99, 1.0].map(|share| quantile(&values, share));
        assert_eq!(got, [100.0, 198.0, 200.0]);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
