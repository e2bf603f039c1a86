//! `delete`: messages that a person removes, by their ids or by a query.
//!
//! Rules: what is planned and what is done is found the same way; a query removes what it
//! certainly finds and nothing else; nothing goes that a hold, a minimum period or a store that is
//! not written to keeps, and nothing at all while a store cannot be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use commands::{
    Delete, DeleteAnswer, DeleteWhich, Failure, FailureKind, ProgressSink, WaitForViews,
};
use disk::SystemClock;
use ledger::EraseReason;
use ports::{Clock, Condemnation, Covers, Erase, RetentionViews};
use retention::Judge;
use state::{SavedStore, State};
use tokio::runtime::Handle;
use types::{BlobId, MessageKey, MessageSet, Timestamp};

use super::carry_out::{due, opened, read_all};
use super::erasing::StoreErase;
use super::holds::{self, takes_entries};
use super::views::{StoreViews, check_query};
use super::{is_enabled, policies_of, who};
use crate::context::{Context, DataDir};
use crate::render::words;
use crate::run::all_stores::{AllStores, OneStore, saved};
use crate::run::stores::Writing;
use crate::run::{blocking, faults, show, users};

/// Messages that one request removes, at most.
const MESSAGES_MAX: usize = 100_000;

/// Messages whose ids are asked for together.
const ASKED_TOGETHER: usize = 1_000;

/// The messages that a request means.
#[derive(Default)]
struct Meant {
    ids: Vec<BlobId>,
    /// Those that its query finds perhaps.
    unclear: Vec<BlobId>,
}

/// A message that may go, in one store.
struct Goes {
    store: String,
    key: MessageKey,
}

/// What is known of one store.
struct Looked<'a> {
    name: &'a str,
    saved: SavedStore,
    views: &'a StoreViews<'a>,
    judge: Judge<'a>,
    condemned: BTreeSet<MessageKey>,
}

/// What a request would do. Blocks.
pub(super) fn planned(data: &DataDir, which: &DeleteWhich) -> Result<DeleteAnswer, Failure> {
    let now = SystemClock.now();
    let all = read_all(data)?;
    let state = users::open_for_reading(data)?;
    let (_, answer) = look(data, &state, &all, which, now)?;
    let erased_from = due(&state, now)?;
    Ok(DeleteAnswer {
        erased_from: (!answer.condemned.is_empty()).then_some(erased_from),
        ..answer
    })
}

/// The ids of the messages that would go. Blocks.
pub(super) fn ids(data: &DataDir, which: &DeleteWhich) -> Result<Vec<BlobId>, Failure> {
    match which {
        DeleteWhich::Ids(_) => Ok(meant(&AllStores::open(data)?, which)?.ids),
        DeleteWhich::Query(_) => Ok(planned(data, which)?.condemned),
    }
}

/// Removes messages, as far as nothing keeps them.
pub(super) async fn delete(
    context: &Context,
    request: Delete,
    progress: &dyn ProgressSink,
) -> Result<DeleteAnswer, Failure> {
    let Delete { which, reason, .. } = request;
    let (data, now) = (context.data.clone(), SystemClock.now());
    let (looked, due) = blocking(move || {
        let all = read_all(&data)?;
        let state = users::open_for_reading(&data)?;
        Ok((look(&data, &state, &all, &which, now)?, due(&state, now)?))
    })
    .await?;
    let (goes, mut answer) = looked;
    let stores: BTreeSet<&String> = goes.iter().map(|it| &it.store).collect();
    let condemnation = |store: &&String| {
        let keys = goes.iter().filter(|it| it.store == **store).map(|it| it.key);
        let what = Condemnation {
            messages: keys.collect(),
            reason: EraseReason::Request,
            due,
            rule: "delete".to_owned(),
            by: who(context),
            why: reason.clone(),
        };
        ((*store).clone(), what)
    };
    let condemns: Vec<(String, Condemnation)> = stores.iter().map(condemnation).collect();
    if !condemns.is_empty() {
        let writing = Writing::open(context).await?;
        let done = condemn(&writing, condemns).await;
        answer.warnings.extend(writing.close(WaitForViews::Yes, progress).await.warnings);
        done?;
        answer.condemned.iter().for_each(|it| context.reads.note(it));
    }
    answer.done = true;
    answer.erased_from = (!answer.condemned.is_empty()).then_some(due);
    Ok(answer)
}

async fn condemn(writing: &Writing, condemns: Vec<(String, Condemnation)>) -> Result<(), Failure> {
    for (name, what) in condemns {
        let members = writing.stores().members();
        let Some(member) = members.iter().find(|it| it.name() == name) else { continue };
        let store = opened(writing, member).await?;
        blocking(move || {
            let store = Arc::clone(&store);
            let condemned = Handle::current().block_on(StoreErase::new(&store).condemn(what));
            condemned.map_err(|it| faults::log(&it))
        })
        .await?;
    }
    Ok(())
}

/// Finds what a request means.
fn meant(all: &AllStores, which: &DeleteWhich) -> Result<Meant, Failure> {
    let mut meant = Meant::default();
    match which {
        DeleteWhich::Ids(ids) => {
            let mut seen = BTreeSet::new();
            for id in ids {
                let id = show::found(all, id)?.id;
                meant.ids.extend(seen.insert(id).then_some(id));
            }
        }
        DeleteWhich::Query(query) => {
            check_query(query)?;
            let (mut certain, mut unclear) = (BTreeSet::new(), BTreeSet::new());
            for one in &all.stores {
                let views = StoreViews::new(&one.reading.store)?;
                let covered = views.covered(&Covers::Query(query.clone()));
                let covered = covered.map_err(|it| faults::catalog(&it))?;
                add_ids(&views, &covered.certain, &mut certain)?;
                add_ids(&views, &covered.possible, &mut unclear)?;
            }
            meant.unclear = unclear.difference(&certain).copied().collect();
            meant.ids = certain.into_iter().collect();
        }
    }
    if MESSAGES_MAX < meant.ids.len() {
        let n = u64::try_from(meant.ids.len()).unwrap_or(u64::MAX);
        let message = format!("these are {}, which is too many", words::counted(n, "message"));
        let most = u64::try_from(MESSAGES_MAX).unwrap_or(u64::MAX);
        let hint = format!("Remove {} at a time: narrow the query.", words::count(most));
        return Err(Failure::new(FailureKind::Request, message).with_hint(hint));
    }
    Ok(meant)
}

fn add_ids(
    views: &StoreViews<'_>,
    set: &MessageSet,
    ids: &mut BTreeSet<BlobId>,
) -> Result<(), Failure> {
    let mut n_first = 0;
    loop {
        let rows = views.times(set, n_first, ASKED_TOGETHER).map_err(|it| faults::catalog(&it))?;
        let Some(last) = rows.last().map(|it| it.n) else { return Ok(()) };
        ids.extend(rows.iter().map(|it| it.blob));
        let Some(next) = last.checked_add(1) else { return Ok(()) };
        n_first = next;
    }
}

/// Decides over each message that a request means.
fn look(
    data: &DataDir,
    state: &State,
    all: &AllStores,
    which: &DeleteWhich,
    now: Timestamp,
) -> Result<(Vec<Goes>, DeleteAnswer), Failure> {
    let Meant { ids, unclear } = meant(all, which)?;
    let policies = policies_of(state, is_enabled)?;
    let holds = holds::open_holds(all)?;
    let stores = saved(data)?;
    let mut views = Vec::new();
    for one in &all.stores {
        views.push(StoreViews::new(&one.reading.store)?);
    }
    let mut looked = Vec::new();
    for (one, views) in all.stores.iter().zip(&views) {
        let Some(saved) = stores.iter().find(|it| it.name == one.name) else { continue };
        let judge = Judge::new(views, &policies, &holds).map_err(|it| faults::catalog(&it))?;
        let condemned = one.reading.store.log().condemned().map_err(|it| faults::log(&it))?;
        let condemned = condemned.into_iter().map(|it| it.message).collect();
        let (name, saved) = (one.name.as_str(), saved.clone());
        looked.push(Looked { name, saved, views, judge, condemned });
    }
    let mut answer = DeleteAnswer { unclear, ..DeleteAnswer::default() };
    answer.warnings.extend(all.stores.iter().zip(&views).filter_map(unread));
    let mut goes = Vec::new();
    for id in ids {
        let held = show::found(all, &id.to_string())?;
        let mut copies = Vec::new();
        let mut kept = None;
        for (one, row) in &held.copies {
            let Some(looked) = looked.iter().find(|it| it.name == one.name) else { continue };
            if !looked.condemned.contains(&row.key) {
                kept = kept.or(looked.keeps(row.key, now)?);
                copies.push(Goes { store: one.name.clone(), key: row.key });
            }
        }
        match kept {
            Some(why) => answer.kept.push((id, why)),
            None if copies.is_empty() => answer.waiting.push(id),
            None => {
                answer.condemned.push(id);
                goes.extend(copies);
            }
        }
    }
    Ok((goes, answer))
}

/// A query says nothing of what a view has not read.
fn unread((one, views): (&OneStore, &StoreViews<'_>)) -> Option<String> {
    let beyond = one.reading.entries().saturating_sub(views.reach());
    (beyond != 0).then(|| {
        let (entries, name) = (words::counted(beyond, "entry"), &one.name);
        format!("The views of {name} have not read {entries} yet, of which a query says nothing.")
    })
}

impl Looked<'_> {
    /// Why a message stays; `None` when it may go.
    fn keeps(&self, key: MessageKey, now: Timestamp) -> Result<Option<String>, Failure> {
        if !takes_entries(&self.saved) {
            return Ok(Some(format!("the store {} is not written to", self.name)));
        }
        let message = self.views.message(key).map_err(|it| faults::catalog(&it))?;
        let Some(message) = message.filter(|it| it.key.0 < self.views.reach()) else {
            return Ok(Some("not both views have read it yet".to_owned()));
        };
        if let Some(hold) = self.judge.hold_of(message.n) {
            return Ok(Some(format!("the legal hold {hold:?} covers it")));
        }
        let verdict = self.judge.verdict(&message);
        let until = verdict.kept_until.filter(|it| now < *it);
        Ok(until.map(|it| format!("retention keeps it until {}", words::minute(it))))
    }
}
