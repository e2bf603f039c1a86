//! What became of archived messages at their source.

/// What a removal rule did behind a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RemovalAnswer {
    /// The rule, as it is written.
    pub rule: String,
    /// Messages that left the source.
    pub left: u64,
    /// The mailbox that they were moved to, when they were not removed.
    pub moved_to: Option<String>,
    /// Archived messages that stayed, by the reason.
    pub stayed: Vec<StayedCount>,
    /// Messages of which it is not known yet whether they left: the next run looks.
    pub unconfirmed: u64,
    /// Why nothing, or not everything, was tried: a sentence.
    pub failure: Option<String>,
}

/// Messages that stayed at their source for one reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StayedCount {
    /// Why, in words.
    pub reason: String,
    /// How many.
    pub count: u64,
}

impl RemovalAnswer {
    /// What it did, in sentences.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let RemovalAnswer { rule, left, moved_to, stayed, unconfirmed, failure } = self;
        let what = match moved_to {
            Some(mailbox) => format!("moved to {mailbox} at the source"),
            None => "removed at the source".to_owned(),
        };
        let mut text = format!("{left} {what} ({rule})");
        for (n, it) in stayed.iter().enumerate() {
            let before = if n == 0 { "; stayed: " } else { ", " };
            text.push_str(&format!("{before}{} {}", it.count, it.reason));
        }
        let mut told = vec![text + "."];
        if *unconfirmed > 0 {
            told.push(format!(
                "Of {unconfirmed} more it is not known whether they went; the next run looks."
            ));
        }
        told.extend(failure.clone());
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removals_in_words() {
        let mut removal =
            RemovalAnswer { rule: "at once".into(), left: 3, ..RemovalAnswer::default() };
        assert_eq!(removal.told(), ["3 removed at the source (at once)."]);
        removal.moved_to = Some("Old".into());
        removal.unconfirmed = 2;
        removal.failure = Some("The connection ended.".into());
        let stayed = |reason: &str, count| StayedCount { reason: reason.into(), count };
        removal.stayed = vec![stayed("flagged", 1), stayed("not old enough", 4)];
        let want = [
            "3 moved to Old at the source (at once); stayed: 1 flagged, 4 not old enough.",
            "Of 2 more it is not known whether they went; the next run looks.",
            "The connection ended.",
        ];
        assert_eq!(removal.told(), want);
    }
}
