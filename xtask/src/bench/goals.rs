//! Figures beside what they were to be.

use std::fmt::Write as _;

use Bound::{AtLeast, AtMost};

/// A figure beside what it was to be.
pub(super) struct Goal {
    pub(super) what: String,
    pub(super) measured: f64,
    pub(super) bound: Bound,
    /// What would be better still.
    pub(super) aim: Option<f64>,
    pub(super) unit: &'static str,
}

/// What a figure was to be.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// The table of goals, without those that were not measured.
pub(super) fn write(goals: &[&Goal], text: &mut String) {
    if goals.iter().all(|it| !it.measured.is_finite()) {
        return;
    }
    text.push_str("| what | measured | goal | aim | reached |\n|---|---|---|---|---|\n");
    for goal in goals.iter().filter(|it| it.measured.is_finite()) {
        let _ = writeln!(text, "{}", goal.row());
    }
    text.push('\n');
}

impl Goal {
    pub(super) fn new(
        what: impl Into<String>,
        measured: f64,
        bound: Bound,
        unit: &'static str,
    ) -> Goal {
        Goal { what: what.into(), measured, bound, aim: None, unit }
    }

    pub(super) fn aim(self, aim: f64) -> Goal {
        Goal { aim: Some(aim), ..self }
    }

    fn row(&self) -> String {
        let Goal { what, measured, bound, aim, unit } = self;
        let (reached, bound) = match bound {
            AtMost(it) => (measured <= it, format!("at most {it:.2}")),
            AtLeast(it) => (it <= measured, format!("at least {it:.2}")),
        };
        let reached = if reached { "yes" } else { "**no**" };
        let aim = aim.map(|it| format!("{it:.2}{unit}")).unwrap_or_default();
        format!("| {what} | {measured:.3}{unit} | {bound}{unit} | {aim} | {reached} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_not_shown() {
        let goals = [
            Goal::new("speed", 0.75, AtMost(0.5), " s").aim(0.33),
            Goal::new("peace", 2.0, AtLeast(1.0), ""),
            Goal::new("nothing", f64::NAN, AtMost(1.0), ""),
        ];
        let goals: Vec<&Goal> = goals.iter().collect();
        let mut text = String::new();
        write(&goals, &mut text);
        assert!(text.contains("| speed | 0.750 s | at most 0.50 s | 0.33 s | **no** |"), "{text}");
        assert!(text.contains("| peace | 2.000 | at least 1.00 |  | yes |"), "{text}");
        assert!(!text.contains("nothing"), "{text}");
        text.clear();
        write(&goals[2..], &mut text);
        assert_eq!(text, "");
    }
}
