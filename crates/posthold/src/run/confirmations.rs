//! Certificates that were found to hold: the state keeps since when, and once a day the log of the
//! current store names the root over all of them.
//!
//! Rules: a run that found nothing new writes nothing, but for this one entry a day; the day begins
//! with the first mailbox that was found to be as it was certified.

use std::collections::BTreeMap;

use archiver::RunReport;
use commands::Failure;
use disk::RealDisk;
use ledger::ConfirmedLeaf;
use ports::{Change, Log};
use state::State;
use store::{Member, Stores};
use types::{SourceId, Timestamp};

use super::stores::Writing;
use super::{blocking, faults, users};
use crate::context::{Context, DataDir};

/// Seconds between two entries.
const DAY_SECONDS: i64 = 86_400;

/// Stands for the store itself among its sources: when its log said last which of them hold. No
/// entry has this number.
const ALL: SourceId = SourceId(u64::MAX);

/// What needs a program to know these entries.
const FEATURE: &str = "confirmations";

/// Notes when the certificates of complete mailboxes were found to hold. Those that changed are
/// entries of the log and say so themselves; of the others only this is new.
pub(super) async fn note(
    context: &Context,
    writing: &Writing,
    report: &RunReport,
    now: Timestamp,
) -> Result<(), Failure> {
    let complete = report.mailboxes.iter().filter(|it| it.complete);
    let sources: Vec<SourceId> = complete.filter_map(|it| it.source).collect();
    if sources.is_empty() {
        return Ok(());
    }
    found(&context.data, writing, &sources, now).await
}

/// Notes that the certificates of these sources hold.
async fn found(
    data: &DataDir,
    writing: &Writing,
    sources: &[SourceId],
    now: Timestamp,
) -> Result<(), Failure> {
    let mut by_store: BTreeMap<String, Vec<SourceId>> = BTreeMap::new();
    for (store, source) in sources.iter().filter_map(|it| writing.stores().split(*it)) {
        by_store.entry(store).or_default().push(source);
    }
    let (current, stores) = (writing.stores().current(), std::sync::Arc::clone(writing.stores()));
    let (data, member) = (data.clone(), std::sync::Arc::clone(&current));
    let leaves = blocking(move || {
        let mut state = users::open(&data)?;
        for (store, sources) in by_store {
            state.confirm(&store, &sources, now).map_err(|it| faults::state(&it))?;
        }
        let failed = |it| faults::state(&it);
        let last = state.confirmed_at(member.name(), ALL).map_err(failed)?;
        if last.is_some_and(|it| now.0 < it.0.saturating_add(DAY_SECONDS)) {
            return Ok(None);
        }
        // Before the entry: two runs that end together make one.
        state.confirm(member.name(), &[ALL], now).map_err(failed)?;
        let Some(last) = last else { return Ok(None) };
        let leaves = leaves(&state, &stores, &member, last)?;
        store::add_feature(&RealDisk, member.dir(), FEATURE).map_err(|it| faults::store(&it))?;
        Ok(Some(leaves))
    })
    .await?;
    let Some(leaves) = leaves else { return Ok(()) };
    let change = Change::Fact(ledger::confirmed(leaves), None);
    let appended = current.store().log().append(vec![change]).await;
    appended.map(|_| ()).map_err(|it| faults::log(&it))
}

/// The certificates of a store that were found to hold behind `last`.
fn leaves(
    state: &State,
    stores: &Stores,
    member: &Member,
    last: Timestamp,
) -> Result<Vec<ConfirmedLeaf>, Failure> {
    let failed = |it| faults::catalog(&it);
    let mut leaves = Vec::new();
    for row in member.store().catalog().certificates(None).map_err(failed)? {
        // The state knows it by its number in the oldest store that has it.
        let named = stores.join(member.name(), row.certificate.source).map_err(failed)?;
        let Some((store, source)) = named.and_then(|it| stores.split(it)) else { continue };
        let at = state.confirmed_at(&store, source).map_err(|it| faults::state(&it))?;
        let certificate = row.certificate;
        leaves.extend(at.filter(|it| last < *it).map(|at| ConfirmedLeaf { certificate, at }));
    }
    Ok(leaves)
}

#[cfg(test)]
mod tests {
    use archiver::CancelToken;
    use commands::{Gone, Progress, ProgressSink, WaitForViews};
    use ledger::{Certificate, Detail, Fact, FolderDetail, RunCounts, SourceDetail, TreeKind};
    use ports::Catalog;
    use types::{ArchiveId, EntryNumber, FolderId};

    use super::*;
    use crate::context::{KeySource, NetworkFiles, Ownership};
    use crate::run::Governing;

    struct Silent;

    impl ProgressSink for Silent {
        fn send(&self, _: Progress) -> Result<(), Gone> {
            Ok(())
        }
    }

    fn context(dir: &std::path::Path) -> Context {
        Context {
            data: DataDir::new(dir.to_owned()),
            ownership: Ownership::AtOnce,
            network_files: NetworkFiles::Refused,
            stop: CancelToken::new(),
            keys: KeySource::DataDir,
            serving: None,
            governing: Governing::default(),
            asker: crate::run::Asker::default(),
            reads: crate::run::Reads::default(),
        }
    }

    async fn append(writing: &Writing, fact: Fact, detail: Option<Detail>) -> EntryNumber {
        writing.log().append(vec![Change::Fact(fact, detail)]).await.unwrap()[0]
    }

    /// A source with a certificate.
    async fn certified(writing: &Writing) -> Certificate {
        let archive = ArchiveId(1);
        let fact = Fact::FolderChanged { folder: None, archive, kind: TreeKind::Archive };
        let detail = FolderDetail { user: "alice".into(), path: "a/INBOX".into() };
        let folder = FolderId(append(writing, fact, Some(Detail::Folder(detail))).await.0);
        let fact = Fact::SourceOpened { archive, folder, uid_validity: 9 };
        let detail = Detail::Source(SourceDetail::default());
        let source = SourceId(append(writing, fact, Some(detail)).await.0);
        let counts = RunCounts { server_count: 3, archived: 3, ..RunCounts::default() };
        let certificate = Certificate { source, uid_validity: 9, uid_next: 4, modseq: 0, counts };
        append(writing, Fact::Certified(certificate), None).await;
        writing.catalog().wait_for(writing.log().position().entries).await.unwrap();
        certificate
    }

    /// The entries of this kind in the current store.
    fn told(writing: &Writing) -> Vec<Fact> {
        let run = writing.store().log().entries(0, 1 << 20).unwrap();
        let facts = run.items.into_iter().map(|(entry, _)| entry.fact);
        facts.filter(|it| matches!(it, Fact::Confirmed { .. })).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn once_a_day_the_log_names_what_holds() {
        let dir = tempfile::tempdir().unwrap();
        let context = context(dir.path());
        let writing = Writing::open(&context).await.unwrap();
        let certificate = certified(&writing).await;
        let (data, source) = (&context.data, [certificate.source]);
        let begun = 1_795_284_100;
        let mut want = Vec::new();
        // Days and seconds behind the first time, and whether that makes an entry.
        for (days, seconds, makes) in
            [(0, 0, false), (0, 86_399, false), (1, 0, true), (1, 5, false), (3, 0, true)]
        {
            let now = Timestamp(begun + days * DAY_SECONDS + seconds);
            found(data, &writing, &source, now).await.unwrap();
            if makes {
                want.push(ledger::confirmed(vec![ConfirmedLeaf { certificate, at: now }]));
            }
            assert_eq!(told(&writing), want, "after {days} days and {seconds} seconds");
        }
        let description = std::fs::read_to_string(data.store().join("store.toml")).unwrap();
        assert!(description.contains(FEATURE), "{description}");
        assert!(writing.close(WaitForViews::Yes, &Silent).await.warnings.is_empty());
        // A program that knows the feature opens it.
        let again = Writing::open(&context).await.unwrap();
        assert_eq!(told(&again), want);
        again.close(WaitForViews::Yes, &Silent).await;
    }
}
