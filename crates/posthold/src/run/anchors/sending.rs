//! Sending checkpoints to anchors.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use commands::{AnchorChoice, AnchorRan, AnchorShown, AnchorTarget, AnchorsRan, Failure};
use disk::SystemClock;
use ledger::{AnchorKind, Anchored};
use ports::Clock;
use state::KeptAnchored;
use store::evidence::{Evidence, SignedCheckpoint};
use types::Timestamp;

use super::files::in_anchor;
use super::logs::{Logs, told};
use super::{chosen, mail_settings, missing, stamp};
use crate::context::{Context, DataDir};
use crate::run::deliver::{self, Taken};
use crate::run::{blocking, faults, mail, users};

/// A checkpoint that is to go out.
#[derive(Clone)]
struct Outgoing {
    /// The store, or `audit log`.
    name: String,
    evidence: Evidence,
    signed: SignedCheckpoint,
}

/// What is known before anything goes out.
struct Prepared {
    anchors: Vec<AnchorShown>,
    outgoing: Vec<Outgoing>,
    /// Logs that are not what was anchored of them, or cannot be read: sentences.
    refused: Vec<String>,
}

/// Sends checkpoints of every log to the anchors that are meant. The caller owns the data
/// directory.
pub(super) async fn run(context: &Context, choice: AnchorChoice) -> Result<AnchorsRan, Failure> {
    sign(context).await;
    let data = context.data.clone();
    let prepared = blocking(move || prepared(&data, &choice)).await?;
    let Prepared { anchors, outgoing, refused } = prepared;
    let mut ran = AnchorsRan { anchors: Vec::new(), refused };
    for anchor in anchors {
        let name = anchor.name.clone();
        let sent = send(context, &anchor, &outgoing).await;
        let (sent, mut failures) = match sent {
            Ok(Sent { anchored, failure }) => (anchored, Vec::from_iter(failure)),
            Err(failure) => (Vec::new(), vec![failure.message]),
        };
        failures.extend(ran.refused.iter().map(|it| it.trim_end_matches('.').to_owned()));
        let failure = (!failures.is_empty()).then(|| failures.join("; "));
        let n_sent = u64::try_from(sent.len()).unwrap_or(u64::MAX);
        let n_all = u64::try_from(outgoing.len()).unwrap_or(u64::MAX);
        let unchanged = if failures.len() <= ran.refused.len() { n_all - n_sent } else { 0 };
        let (data, noted) = (context.data.clone(), failure.clone());
        let of = name.clone();
        let beside = outgoing.clone();
        blocking(move || note(&data, &of, &beside, &sent, noted.as_deref())).await?;
        ran.anchors.push(AnchorRan { name, sent: n_sent, unchanged, failure });
    }
    Ok(ran)
}

/// What is written and not signed yet is signed first.
async fn sign(context: &Context) {
    let Some(serving) = &context.serving else { return };
    let Some(stores) = serving.store.look(Arc::clone).await else { return };
    let signed = blocking(move || {
        for member in stores.members().into_iter().filter(|it| it.is_writable()) {
            member.store().checkpoint().map_err(|it| faults::store(&it))?;
        }
        Ok(())
    });
    if let Err(failure) = signed.await {
        tracing::warn!("no new checkpoint is anchored: {}", failure.message);
    }
}

fn prepared(data: &DataDir, choice: &AnchorChoice) -> Result<Prepared, Failure> {
    let state = users::open(data)?;
    let anchors = chosen(&state, choice)?;
    let logs = Logs::open(data, &state)?;
    let (mut outgoing, mut refused) = (Vec::new(), logs.closed.clone());
    for log in &logs.open {
        let kept = logs.held(log, &state).at_hand()?;
        if let Some(it) = kept.iter().find(|it| it.failure.is_some()) {
            let why = it.failure.as_deref().unwrap_or_default();
            let mut by = vec![it.place.clone(), it.anchor.clone()];
            by.extend(it.at.map(|it| it.to_string()));
            by.retain(|it| !it.is_empty());
            let (of, by) = (told(&log.name), by.join(", "));
            refused.push(format!("The {of} is not what was anchored of it ({by}): {why}."));
            continue;
        }
        if let Some(signed) = log.last()? {
            let (name, evidence) = (log.name.clone(), log.evidence.clone());
            outgoing.push(Outgoing { name, evidence, signed });
        }
    }
    Ok(Prepared { anchors, outgoing, refused })
}

/// What went to one anchor.
struct Sent {
    /// The names of logs with what went there.
    anchored: Vec<(String, Anchored)>,
    failure: Option<String>,
}

async fn send(
    context: &Context,
    anchor: &AnchorShown,
    outgoing: &[Outgoing],
) -> Result<Sent, Failure> {
    let now = SystemClock.now();
    let all = |kind: AnchorKind| -> Vec<(String, Anchored)> {
        let anchored = |it: &Outgoing| {
            let (anchor, note) = (anchor.name.clone(), it.signed.note.clone());
            (it.evidence.base().to_owned(), Anchored { anchor, kind, at: now, token: None, note })
        };
        outgoing.iter().map(anchored).collect()
    };
    match &anchor.target {
        AnchorTarget::Mail(people) => {
            let anchored = all(AnchorKind::Mail);
            let text = letter(&anchored, outgoing);
            let sent = by_mail(context, people, text, now).await?;
            let anchored = if sent.by_anybody { anchored } else { Vec::new() };
            Ok(Sent { anchored, failure: sent.why })
        }
        AnchorTarget::File(path) => {
            let (path, anchored) = (path.clone(), all(AnchorKind::File));
            blocking(move || {
                let anchored = to_file(&path, anchored, now)?;
                Ok(Sent { anchored, failure: None })
            })
            .await
        }
        AnchorTarget::Tsa { url, roots } => {
            let mut sent = Sent { anchored: Vec::new(), failure: None };
            let had = had(context, anchor).await?;
            for (log, it) in
                all(AnchorKind::Tsa).into_iter().filter(|(_, it)| !had.contains(&it.note))
            {
                match stamp::stamped(url, roots, &it.note).await {
                    Ok(token) => sent.anchored.push((log, Anchored { token: Some(token), ..it })),
                    // The next one would fail likewise.
                    Err(failure) => {
                        sent.failure = Some(failure.message);
                        break;
                    }
                }
            }
            Ok(sent)
        }
    }
}

/// The checkpoints that an anchor has.
async fn had(context: &Context, anchor: &AnchorShown) -> Result<BTreeSet<String>, Failure> {
    let (data, name) = (context.data.clone(), anchor.name.clone());
    blocking(move || {
        let (state, mut had) = (users::open(&data)?, BTreeSet::new());
        let failed = |it| faults::state(&it);
        for log in state.anchored_logs().map_err(failed)? {
            let of_log = state.anchored(&log).map_err(failed)?;
            had.extend(of_log.into_iter().filter(|it| it.anchor == name).map(|it| it.note));
        }
        Ok(had)
    })
    .await
}

/// Adds to a file what it does not have, and gives that.
fn to_file(
    path: &Path,
    mut anchored: Vec<(String, Anchored)>,
    now: Timestamp,
) -> Result<Vec<(String, Anchored)>, Failure> {
    // What is not there yet has nothing.
    let there = in_anchor(path).unwrap_or_default();
    anchored.retain(|(_, it)| !there.iter().any(|that| that.note == it.note));
    let text: String = anchored.iter().map(|(_, it)| it.text()).collect();
    if text.is_empty() {
        return Ok(anchored);
    }
    let path = match path.is_dir() {
        true => path.join(format!("checkpoints-{}.txt", now.to_string().replace(':', ""))),
        false => path.to_owned(),
    };
    // Whoever died while adding left a piece: what comes now begins on a line of its own.
    let apart = match std::fs::metadata(&path) {
        Ok(it) if it.len() != 0 && there.is_empty() => "\n\n",
        _ => "",
    };
    let added = disk::append(&path, format!("{apart}{text}").as_bytes());
    added.map_err(|it| faults::io(&it, "failed to add to the file"))?;
    Ok(anchored)
}

/// What people get.
fn letter(anchored: &[(String, Anchored)], outgoing: &[Outgoing]) -> String {
    let mut text = format!(
        "These are signed checkpoints of the archive on {}. Keep this message where whoever runs \
         the archive\ncannot change it: it shows later whether the archive still has what it has \
         now.\n\n",
        deliver::host()
    );
    for it in outgoing {
        let position = it.signed.checkpoint.position;
        text.push_str(&format!(
            "  {}: {} entries, root {}\n",
            it.name, position.entries, position.root
        ));
    }
    text.push_str(
        "\nTo compare, save this message as a file and give it to `posthold anchor verify \
         FILE`, or to\n`posthold-verify DIR --anchor FILE`, which needs no Posthold.\n\n",
    );
    anchored.iter().for_each(|(_, it)| text.push_str(&it.text()));
    text
}

/// Sends a text to people now.
async fn by_mail(
    context: &Context,
    people: &[String],
    text: String,
    now: Timestamp,
) -> Result<Taken, Failure> {
    let (data, source) = (context.data.clone(), context.keys.clone());
    let (settings, login) = blocking(move || {
        let state = users::open(&data)?;
        let settings = mail_settings(&state)?;
        let login = mail::login(&data, &source, &state, &settings)?;
        Ok((settings, login))
    })
    .await?;
    let subject = format!("[Posthold {}] Checkpoints of {}", deliver::host(), day(now));
    Ok(deliver::send_text(&settings, login, people, &subject, &text).await)
}

fn day(at: Timestamp) -> String {
    at.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// Keeps what went out, in the state and beside each log.
fn note(
    data: &DataDir,
    anchor: &str,
    outgoing: &[Outgoing],
    sent: &[(String, Anchored)],
    failure: Option<&str>,
) -> Result<(), Failure> {
    let mut state = users::open(data)?;
    let kept = |(log, it): &(String, Anchored)| KeptAnchored {
        log: log.clone(),
        anchor: it.anchor.clone(),
        kind: it.kind.name().to_owned(),
        at: it.at,
        token: it.token.clone(),
        note: it.note.clone(),
    };
    let kept: Vec<KeptAnchored> = sent.iter().map(kept).collect();
    // First beside the log: what only the state has counts as taken away there.
    for it in outgoing {
        let of_log = sent.iter().filter(|(name, _)| name == it.evidence.base());
        let of_log: Vec<Anchored> = of_log.map(|(_, it)| it.clone()).collect();
        if !of_log.is_empty() {
            it.evidence.add_anchored(&of_log).map_err(|it| faults::store(&it))?;
        }
    }
    state.note_anchored(anchor, &kept, failure, SystemClock.now()).map_err(|it| missing(&it))
}
