//! Samples by program, round by round, and what is made of them.

use std::fmt::Write as _;

use super::measure::Sample;
use super::median;

/// What programs cost: for each its name, how many messages it was about, and its rounds.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<(String, u64, Vec<Sample>)>);

impl Runs {
    /// Adds a round of a program over `n` messages, and prints it.
    pub(super) fn add(&mut self, name: &str, sample: Sample, n: u64) {
        let Sample { wall_s, cpu_s, anon_mib } = sample;
        println!("{name:<44} {wall_s:>8.2} s  {cpu_s:>7.2} s CPU  {anon_mib:>6.1} MiB");
        match self.0.iter_mut().find(|(it, ..)| it == name) {
            Some((.., samples)) => samples.push(sample),
            None => self.0.push((name.to_owned(), n, vec![sample])),
        }
    }

    pub(super) fn samples(&self, name: &str) -> &[Sample] {
        self.0.iter().find(|(it, ..)| it == name).map_or(&[], |(.., samples)| samples)
    }

    /// The median of the ratios of wall time, round by round.
    pub(super) fn ratio(&self, ours: &str, theirs: &str) -> f64 {
        let pairs = self.samples(ours).iter().zip(self.samples(theirs));
        median(pairs.map(|(a, b)| a.wall_s / b.wall_s).collect())
    }

    /// Messages a second, in the middle.
    pub(super) fn rate(&self, name: &str) -> f64 {
        let n = self.0.iter().find(|(it, ..)| it == name).map_or(0, |(_, n, _)| *n);
        self.median(name, |it| n as f64 / it.wall_s)
    }

    pub(super) fn median(&self, name: &str, value: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples(name).iter().map(value).collect())
    }

    /// The highest of all rounds.
    pub(super) fn most(&self, name: &str, value: impl Fn(&Sample) -> f64) -> f64 {
        self.samples(name).iter().map(value).fold(f64::NAN, f64::max)
    }

    /// A table of all programs.
    pub(super) fn write(&self, text: &mut String) {
        if self.0.is_empty() {
            return;
        }
        text.push_str("| program | wall | messages a second | CPU | anonymous memory |\n");
        text.push_str("|---|---|---|---|---|\n");
        for (name, ..) in &self.0 {
            let _ = writeln!(
                text,
                "| {name} | {:.2} s | {:.0} | {:.2} s | {:.1} MiB |",
                self.median(name, |it| it.wall_s),
                self.rate(name),
                self.median(name, |it| it.cpu_s),
                self.median(name, |it| it.anon_mib)
            );
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_paired() {
        let mut runs = Runs::default();
        for (ours, theirs) in [(1.0, 2.0), (10.0, 10.0), (3.0, 4.0)] {
            runs.add("ours", Sample { wall_s: ours, ..Sample::default() }, 30);
            runs.add("theirs", Sample { wall_s: theirs, ..Sample::default() }, 30);
        }
        assert_eq!(runs.ratio("ours", "theirs"), 0.75);
        assert_eq!(runs.rate("ours"), 10.0);
        assert_eq!(runs.most("ours", |it| it.wall_s), 10.0);
        assert!(runs.ratio("ours", "nobody").is_nan());
    }
}
