//! How mail is sorted: whose every address is, where their archives are, who is told of addresses
//! that belong to nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use archiver::{Home, SortBy, SortOptions, UnknownAddresses, UnknownSeen};
use commands::{Failure, FailureKind, MailDirection};
use disk::{OsRandom, SystemClock};
use ports::Clock;
use rules::address::{AddressBook, AddressKey, AddressRules, BookUser, Standing};
use rules::sorting::{Direction, Domain, Sorting, Unclaimed};
use state::{JobId, UnknownFound, User};
use types::UserName;

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
pub(super) fn options(
    data: &DataDir,
    by: SortBy,
    sorting: Sorting,
    job: Option<JobId>,
) -> Result<SortOptions, Failure> {
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
