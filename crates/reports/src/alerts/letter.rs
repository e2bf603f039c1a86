//! What a message about alerts says.

use commands::{AlertShown, Severity};

use super::News;
use crate::document::{Block, Document, Note, Section, Tone, Unfolded};
use crate::words::{counted, cut, minute};

/// Columns of a subject.
const SUBJECT_COLUMNS: usize = 120;

/// How good it is that there is such an alert.
pub(crate) fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Warning => Tone::Warn,
        Severity::Serious => Tone::Bad,
    }
}

/// The subject and the report of a message that tells of these alerts at `host`. Of several about
/// the same thing the newest counts.
#[must_use]
pub fn alert_letter(news: &[(AlertShown, News)], host: &str) -> (String, Document) {
    let same = |a: &AlertShown, b: &AlertShown| {
        a.alert.kind == b.alert.kind && a.alert.subject == b.alert.subject
    };
    let mut told: Vec<&(AlertShown, News)> = Vec::new();
    for it in news {
        told.retain(|before| !same(&before.0, &it.0));
        told.push(it);
    }
    // What is wrong comes before what is over, and what is worst first.
    told.sort_by_key(|(it, news)| (is_over(*news), std::cmp::Reverse(it.alert.severity)));
    let is_wrong = |it: &&&(AlertShown, News)| !is_over(it.1);
    let n_wrong = told.iter().filter(is_wrong).count();
    let n_over = told.len() - n_wrong;
    let n = |n: usize| counted(u64::try_from(n).unwrap_or(u64::MAX), "alert");
    let verdict = match (n_wrong, n_over, told.as_slice()) {
        (_, _, [(it, news)]) if is_over(*news) => format!("Over: {}", it.alert.message),
        (_, _, [(it, _)]) => it.alert.message.clone(),
        (0, over, _) => format!("{} are over.", n(over)),
        (wrong, 0, _) => format!("{} wait for you.", n(wrong)),
        (1, over, _) => format!("1 alert waits for you, {over} {} over.", are(over)),
        (wrong, over, _) => format!("{} wait for you, {over} {} over.", n(wrong), are(over)),
    };
    let worst = told.iter().filter(is_wrong).map(|(it, _)| tone(it.alert.severity)).max();
    let document = Document {
        title: format!("Posthold on {host}"),
        tone: worst.unwrap_or(Tone::Good),
        verdict: verdict.clone(),
        lead: Vec::new(),
        blocks: told.iter().map(|(it, news)| Block::Section(section(it, *news, &told))).collect(),
        foot: "Times are in UTC. `posthold alert list` shows what is open.".to_owned(),
    };
    let subject = format!("[Posthold {host}] {verdict}");
    (cut(&subject, SUBJECT_COLUMNS).into_owned(), document)
}

fn are(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

fn is_over(news: News) -> bool {
    matches!(news, News::Resolved | News::Passed)
}

fn section(it: &AlertShown, news: News, all: &[&(AlertShown, News)]) -> Section {
    let resolved = it.resolved.map(minute).unwrap_or_default();
    let summary = match news {
        News::Raised => format!("alert {}, since {}", it.id, minute(it.raised)),
        News::Worse => {
            format!("alert {}, since {}, worse at {}", it.id, minute(it.raised), minute(it.changed))
        }
        News::Resolved => format!("over at {resolved}, since {}", minute(it.raised)),
        News::Passed => format!("came at {} and was over at {resolved}", minute(it.raised)),
    };
    let mut blocks = Vec::new();
    if !it.alert.details.is_empty() && !is_over(news) {
        blocks.push(Block::Text(it.alert.details.join("\n")));
    }
    if let Some(hint) = it.alert.hint.as_ref().filter(|_| !is_over(news)) {
        blocks.push(Block::Notes(vec![Note { tone: Tone::Plain, text: hint.clone(), hint: None }]));
    }
    Section {
        // Of the only one everybody has read the message above.
        title: if all.len() == 1 { "What it is".to_owned() } else { it.alert.message.clone() },
        summary,
        tone: if is_over(news) { Tone::Good } else { tone(it.alert.severity) },
        unfolded: Unfolded::Always,
        blocks,
    }
}
