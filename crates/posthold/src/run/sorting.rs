//! How mail is sorted: whose every address is, where their archives are, who is told of addresses
//! that belong to nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use archiver::{Home, SortBy, SortOptions, UnknownAddresses, UnknownSeen};
use commands::{
    Failure, FailureKind, FolderChoice, Job, JobSource, MailDirection, Profile, SortingRules,
    UnclaimedMail,
};
use disk::{OsRandom, SystemClock};
use ports::Clock;
use rules::address::{AddressBook, AddressKey, AddressRules, BookUser, Standing};
use rules::sorting::{
    Direction, Domain, Finding, FolderScope, Protocol, Severity, Sorting, SortingFolders,
    SortingSetup, Unclaimed, check,
};
use state::{JobId, UnknownFound, User};
use types::{FolderPath, UserName};

use super::all_stores::{self, AllStores};
use super::{faults, users};
use crate::context::{DataDir, OpenState};

/// Whose every address is.
pub(super) fn book(all: &[User]) -> Result<AddressBook, Failure> {
    let user = |it: &User| BookUser {
        name: it.name.clone(),
        addresses: it.addresses.iter().chain(&it.aliases).cloned().collect(),
        standing: match it.standing {
            state::Standing::Active => Standing::Active,
            state::Standing::Deactivated => Standing::Deactivated,
        },
    };
    let book = AddressBook::new(&AddressRules::default(), all.iter().map(user).collect());
    book.map_err(|errors| {
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        let message = match errors.len() {
            0 | 1 => first,
            more => format!("{first}, and {} more", more - 1),
        };
        Failure::new(FailureKind::Configuration, message)
            .with_hint("`posthold user set` gives addresses to one user only.")
    })
}

/// The archives of all users.
pub(super) fn homes(all: &[User]) -> HashMap<UserName, Home> {
    let home = |it: &User| Home { archive: it.archive, root: root(it).to_owned() };
    all.iter().map(|it| (it.name.clone(), home(it))).collect()
}

/// The first level of what is sorted into somebody's archive.
pub(super) fn root(user: &User) -> &str {
    user.addresses.first().map_or(user.name.as_str(), String::as_str)
}

/// How a job sorts. Makes the archive `@catchall` when the job wants it; the caller owns the data
/// directory.
pub(crate) fn options(
    data: &DataDir,
    rules: &SortingRules,
    job: Option<JobId>,
) -> Result<SortOptions, Failure> {
    let by = match &rules.by {
        commands::SortBy::Header => SortBy::Header,
        commands::SortBy::EnvelopeField(name) => SortBy::Field(name.clone()),
        commands::SortBy::JournalReport => SortBy::Journal,
    };
    let sorting = sorting_of(rules);
    let failed = |it| faults::state(&it);
    let mut state = users::open(data)?;
    let all = state.users().map_err(failed)?;
    let catch_all = match sorting.unclaimed {
        Unclaimed::CaughtAll => {
            Some(state.make_catch_all(SystemClock.now(), &OsRandom).map_err(failed)?)
        }
        Unclaimed::Left => None,
    };
    Ok(SortOptions {
        by,
        sorting,
        book: book(&all)?,
        homes: homes(&all),
        catch_all,
        unknown: Arc::new(Unknown { state: Mutex::new(state), job }),
    })
}

fn sorting_of(rules: &SortingRules) -> Sorting {
    Sorting {
        folders: SortingFolders { received: rules.received.clone(), sent: rules.sent.clone() },
        unclaimed: match rules.unclaimed {
            UnclaimedMail::Left => Unclaimed::Left,
            UnclaimedMail::CatchAll => Unclaimed::CaughtAll,
        },
        journal_address: rules.journal_address.clone(),
    }
}

/// What is odd about how a job sorts: errors, and warnings as sentences. Blocks.
pub(super) fn findings(
    data: &DataDir,
    job: &Job,
    protocol: Option<Protocol>,
) -> Result<(Vec<Finding>, Vec<String>), Failure> {
    let rules = match &job.source {
        JobSource::Sorting(it) => &it.sorting,
        JobSource::Smtp(it) => &it.sorting,
        _ => return Ok(Default::default()),
    };
    let all = users::open_for_reading(data)?.users().map_err(|it| faults::state(&it))?;
    let book = book(&all)?;
    let existing = existing(data, &all)?;
    let existing: Vec<(&str, u64)> = existing.iter().map(|(it, n)| (it.as_str(), *n)).collect();
    let sorting = sorting_of(rules);
    let found = check(&SortingSetup {
        protocol: protocol.unwrap_or(Protocol::Imap),
        scope: match job.folders == FolderChoice::default() {
            true => FolderScope::NotGiven,
            false => FolderScope::Given,
        },
        folders: &sorting.folders,
        journal_address: rules.journal_address.as_deref(),
        existing: &existing,
        book: &book,
    });
    let (errors, warnings): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|it| it.severity() == Severity::Error);
    let sentence = |it: &Finding| format!("{}. {}", capitalized(&it.to_string()), it.hint());
    let warnings = warnings.iter().map(sentence).collect();
    Ok((errors, warnings))
}

/// How a shared mailbox is read.
pub(super) fn protocol(profile: &Profile) -> Protocol {
    match profile.incoming.protocol {
        commands::Protocol::Pop3 => Protocol::Pop3,
        _ => Protocol::Imap,
    }
}

/// Fails with the first thing that a job cannot be saved with; else what there is to warn of.
pub(super) fn checked(
    data: &DataDir,
    job: &Job,
    protocol: Option<Protocol>,
) -> Result<Vec<String>, Failure> {
    let (errors, warnings) = findings(data, job, protocol)?;
    match errors.first() {
        Some(error) => {
            Err(Failure::new(FailureKind::Request, error.to_string()).with_hint(error.hint()))
        }
        None => Ok(warnings),
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |it| it.to_uppercase().chain(chars).collect())
}

/// Folders below the roots that are sorted into, with the number of archives that have each.
fn existing(data: &DataDir, all: &[User]) -> Result<BTreeMap<String, u64>, Failure> {
    let mut existing = BTreeMap::new();
    if all_stores::check_have_log(data).is_err() {
        return Ok(existing);
    }
    let mut folders = BTreeSet::new();
    for one in AllStores::open(data)?.stores {
        let found = one.reading.store.catalog().folders(None);
        let found = found.map_err(|it| faults::catalog(&it))?;
        folders.extend(found.into_iter().map(|it| (it.archive, it.path)));
    }
    let roots: HashMap<_, _> = all
        .iter()
        .map(|it| (it.archive, FolderPath::from_parts([root(it)]).as_str().to_owned()))
        .collect();
    for (archive, path) in folders {
        let below = roots.get(&archive).and_then(|it| path.strip_prefix(it));
        if let Some(below) = below.and_then(|it| it.strip_prefix('/')) {
            *existing.entry(below.to_owned()).or_insert(0) += 1;
        }
    }
    Ok(existing)
}

/// The form for comparing, or whatever stood in its place.
pub(super) fn key(address: &str) -> String {
    AddressKey::read(address).map_or_else(|| address.to_owned(), |it| it.to_string())
}

/// Keeps addresses that belong to nobody.
struct Unknown {
    state: Mutex<OpenState>,
    job: Option<JobId>,
}

impl std::fmt::Debug for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unknown").field("job", &self.job).finish_non_exhaustive()
    }
}

impl UnknownAddresses for Unknown {
    fn note(&self, seen: Vec<UnknownSeen>) {
        let found: Vec<UnknownFound> = seen.into_iter().map(found).collect();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = state.note_unknown(self.job, &found, SystemClock.now()) {
            // The mail itself is not concerned.
            tracing::warn!(%error, "unknown addresses could not be kept");
        }
    }
}

fn found(seen: UnknownSeen) -> UnknownFound {
    let UnknownSeen { address, messages, example } = seen;
    UnknownFound {
        key: key(&address.address),
        direction: match address.direction {
            Direction::Received => MailDirection::Received,
            Direction::Sent => MailDirection::Sent,
        },
        ours: address.domain == Domain::Ours,
        address: address.address,
        messages,
        example,
    }
}
