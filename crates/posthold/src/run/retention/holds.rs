//! `hold ...`: legal holds.
//!
//! Rules: a hold is an entry of the log, and nothing but another entry ends it; one whose query
//! cannot be read any more covers everything.

use commands::{
    AdminAnswer, Answer, Failure, FailureKind, HoldChoice, HoldCounts, HoldCovers, HoldLift,
    HoldRequest, HoldSet, HoldShown, ProgressSink, StoreState, WaitForViews, Wanted,
};
use disk::OsRandom;
use ledger::{Detail, Fact, HoldChange, HoldDetail, HoldScope};
use ports::{Change, Log, Random};
use retention::{Hold, HoldScope as Scope, Judge};
use state::SavedStore;
use store::HoldRow;
use types::{HoldId, UserName};

use super::super::all_stores::{AllStores, check_have_log, tell_missing};
use super::super::approvals::{self, Gate};
use super::super::stores::Writing;
use super::super::{blocking, faults, ownership, users};
use super::views::{StoreViews, check_query};
use super::who;
use crate::context::{Context, DataDir};

/// Carries out a request about legal holds.
pub(in crate::run) async fn run(
    context: &Context,
    request: HoldRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let data = context.data.clone();
    let answer = match request {
        HoldRequest::List(choice) => {
            let listed = blocking(move || listed(&data, choice)).await?;
            tell_missing(&context.data, progress).await;
            AdminAnswer::Holds(listed)
        }
        HoldRequest::Show(name) => {
            let shown = blocking(move || one(&AllStores::open(&data)?, &name));
            AdminAnswer::Hold(Box::new(shown.await?))
        }
        HoldRequest::Set(it) => {
            let _owned = ownership::take(context, title, progress).await?;
            AdminAnswer::Hold(Box::new(set(context, *it, progress).await?))
        }
        HoldRequest::Lift(it) => {
            let _owned = ownership::take(context, title, progress).await?;
            match asked_to_lift(&data, &it).await? {
                Gate::Waits(it) => AdminAnswer::Approval(it),
                Gate::Open => AdminAnswer::Hold(Box::new(lift(context, it, progress).await?)),
            }
        }
    };
    Ok(Answer::Admin(Box::new(answer)))
}

fn listed(data: &DataDir, choice: HoldChoice) -> Result<Vec<HoldShown>, Failure> {
    if check_have_log(data).is_err() {
        return Ok(Vec::new());
    }
    let rows = all_holds(&AllStores::open(data)?)?;
    let is_meant = |it: &HoldRow| choice == HoldChoice::All || it.lifted.is_none();
    Ok(rows.into_iter().filter(is_meant).filter_map(shown).collect())
}

/// Every hold of all stores, once. It is lifted when any of them says so.
pub(super) fn all_holds(all: &AllStores) -> Result<Vec<HoldRow>, Failure> {
    let mut found: Vec<HoldRow> = Vec::new();
    for one in &all.stores {
        let rows = one.reading.store.catalog().holds().map_err(|it| faults::catalog(&it))?;
        for row in rows {
            match found.iter_mut().find(|it| it.id == row.id) {
                None => found.push(row),
                Some(known) => {
                    let lifted = known.lifted.take().or(row.lifted.clone());
                    if known.scope.is_none() {
                        *known = row;
                    }
                    known.lifted = lifted;
                }
            }
        }
    }
    found.sort_by_key(|it| (it.set_at, it.id));
    Ok(found)
}

/// One hold, with how much it covers.
fn one(all: &AllStores, name: &str) -> Result<HoldShown, Failure> {
    let row = named(all, name)?;
    let counts = counts(all, &row)?;
    let mut warnings: Vec<String> = all.read().told().into_iter().collect();
    if counts.as_ref().is_some_and(|it| it.possible != 0) {
        warnings.push(
            "Not every word of some messages was read, or they have attachments, whose words are \
             not searched: these are held as well."
                .to_owned(),
        );
    }
    let shown = shown(row).ok_or_else(|| unknown_hold(name))?;
    Ok(HoldShown { counts, warnings, ..shown })
}

fn counts(all: &AllStores, row: &HoldRow) -> Result<Option<HoldCounts>, Failure> {
    if row.lifted.is_some() {
        return Ok(None);
    }
    let holds = [hold_of(row)];
    let mut sum = HoldCounts { name: row.name.clone(), ..HoldCounts::default() };
    for one in &all.stores {
        let views = StoreViews::new(&one.reading.store)?;
        let judge = Judge::new(&views, &[], &holds).map_err(|it| faults::catalog(&it))?;
        for count in retention::hold_counts(&judge) {
            sum.certain += count.certain;
            sum.possible += count.possible;
        }
    }
    Ok(Some(sum))
}

/// The holds that count, over all stores. Blocks.
pub(super) fn open_holds(all: &AllStores) -> Result<Vec<Hold>, Failure> {
    Ok(all_holds(all)?.iter().filter(|it| it.lifted.is_none()).map(hold_of).collect())
}

/// A hold as the engine takes it.
pub(super) fn hold_of(row: &HoldRow) -> Hold {
    let scope = match (row.scope, &row.query) {
        (Some(HoldScope::Archive(archive)), _) => Scope::Archive(archive),
        (Some(HoldScope::Query), Some(query)) => Scope::Query(query.clone()),
        (Some(HoldScope::All), _) => Scope::All,
        (Some(HoldScope::Query) | None, _) => Scope::Unreadable,
    };
    Hold { id: row.id, name: row.name.clone(), scope }
}

fn shown(row: HoldRow) -> Option<HoldShown> {
    let covers = match row.scope? {
        HoldScope::All => Some(HoldCovers::All),
        HoldScope::Archive(_) => UserName::new(&row.user).ok().map(HoldCovers::User),
        HoldScope::Query => row.query.map(HoldCovers::Query),
    };
    Some(HoldShown {
        id: row.id,
        name: row.name,
        covers,
        reason: row.reason,
        set_by: row.set_by,
        set_at: row.set_at,
        lifted: row.lifted.map(|it| (it.by, it.at, it.reason)),
        counts: None,
        warnings: Vec::new(),
    })
}

/// The hold of this name that counts, or the one with this id.
fn named(all: &AllStores, name: &str) -> Result<HoldRow, Failure> {
    let rows = all_holds(all)?;
    let id: Option<HoldId> = name.parse().ok();
    let mut found: Vec<HoldRow> = rows
        .into_iter()
        .filter(|it| Some(it.id) == id || (it.name == name && it.scope.is_some()))
        .collect();
    // Of several with one name the one that counts, else the newest.
    found.sort_by_key(|it| (it.lifted.is_none(), it.set_at));
    found.pop().ok_or_else(|| unknown_hold(name))
}

fn unknown_hold(name: &str) -> Failure {
    Failure::new(FailureKind::NotFound, format!("there is no legal hold {name:?}"))
        .with_hint("`posthold hold list --all` shows them all.")
}

async fn set(
    context: &Context,
    request: HoldSet,
    progress: &dyn ProgressSink,
) -> Result<HoldShown, Failure> {
    let HoldSet { name, covers, reason } = request;
    let (scope, query, user) = match &covers {
        HoldCovers::All => (HoldScope::All, String::new(), String::new()),
        HoldCovers::Query(query) => {
            check_query(query)?;
            (HoldScope::Query, query.clone(), String::new())
        }
        HoldCovers::User(user) => {
            let (data, asked) = (context.data.clone(), user.clone());
            let found = blocking(move || users::find(&data, &asked)).await?;
            (HoldScope::Archive(found.archive), String::new(), user.to_string())
        }
    };
    let mut id = [0; 16];
    OsRandom.fill(&mut id);
    let hold = HoldId(id);
    let detail = HoldDetail { name: name.clone(), query, user, by: who(context), reason };
    let (data, asked) = (context.data.clone(), name.clone());
    blocking(move || refuse_taken(&data, &asked)).await?;
    let fact = Fact::Hold { hold, change: HoldChange::Set(scope) };
    append(context, &fact, &detail, hold, progress).await
}

fn refuse_taken(data: &DataDir, name: &str) -> Result<(), Failure> {
    let is_taken = |it: &HoldShown| it.name == name;
    if listed(data, HoldChoice::Open)?.iter().any(is_taken) {
        let message = format!("there is a legal hold {name:?} already");
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("Choose another name, or lift it first."));
    }
    Ok(())
}

async fn asked_to_lift(data: &DataDir, request: &HoldLift) -> Result<Gate, Failure> {
    let (data, HoldLift { name, reason, by }) = (data.clone(), request.clone());
    blocking(move || {
        let row = named(&AllStores::open(&data)?, &name)?;
        let title = format!("hold lift {}", row.name);
        approvals::gate(&data, Wanted::LiftHold(row.id), by, &title, &reason)
    })
    .await
}

/// Lifts a hold; whoever has to has approved it.
pub(in crate::run) async fn lift(
    context: &Context,
    request: HoldLift,
    progress: &dyn ProgressSink,
) -> Result<HoldShown, Failure> {
    let HoldLift { name, reason, .. } = request;
    let (data, asked) = (context.data.clone(), name.clone());
    let row = blocking(move || named(&AllStores::open(&data)?, &asked)).await?;
    if row.lifted.is_some() {
        let message = format!("the legal hold {name:?} was lifted already");
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("`posthold hold list` shows those that count."));
    }
    let HoldRow { id, name, user, .. } = row;
    let detail = HoldDetail { name, query: String::new(), user, by: who(context), reason };
    let fact = Fact::Hold { hold: id, change: HoldChange::Lifted };
    append(context, &fact, &detail, id, progress).await
}

/// Writes it to the log of every store that is written to: a hold stays where mail is, whichever
/// store is detached.
async fn append(
    context: &Context,
    fact: &Fact,
    detail: &HoldDetail,
    hold: HoldId,
    progress: &dyn ProgressSink,
) -> Result<HoldShown, Failure> {
    let writing = Writing::open(context).await?;
    // The log over all stores writes it to each that takes entries.
    let change = Change::Fact(fact.clone(), Some(Detail::Hold(detail.clone())));
    let appended = writing.log().append(vec![change]).await;
    let closed = writing.close(WaitForViews::Yes, progress).await;
    appended.map_err(|it| faults::log(&it))?;
    let mut warnings = closed.warnings;
    let data = context.data.clone();
    let shown = blocking(move || one(&AllStores::open(&data)?, &hold.to_string())).await?;
    warnings.extend(shown.warnings.iter().cloned());
    Ok(HoldShown { warnings, ..shown })
}

/// Whether something can be written to the log of a store. One that nothing was ever written to
/// has nothing to hold, unless it is the one that mail goes to.
pub(super) fn takes_entries(store: &SavedStore) -> bool {
    match store.state {
        StoreState::Current => true,
        StoreState::Normal => store.is_begun,
        _ => false,
    }
}
