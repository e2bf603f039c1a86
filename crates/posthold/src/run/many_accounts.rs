//! Which accounts a job over many mailboxes has now, and whose archive each goes to.
//!
//! What it is not: a look at the server. Users and a file say it.
//!
//! Rules: an account whose login cannot be made is an account that fails, and is not passed over;
//! whoever is left out on purpose is told.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use commands::{BatchAccounts, Failure, FailureKind, JobSource, MasterLogin, Mechanism};
use disk::{OsRandom, SystemClock};
use ports::Clock;
use rules::batch_file::{BATCH_BYTES_MAX, BatchError, BatchFile, BatchRow};
use rules::macros::{Identity, Login, LoginForm, MacroError, Person};
use rules::selection::{Candidate, LeftOut, NeedsAddress, Selected};
use state::{PlannedStep, Standing, State, User};
use types::UserName;

use super::job_work::Ready;
use super::{faults, job_check, users};
use crate::context::DataDir;

/// Names that are told before the others are only counted.
const NAMED_MAX: usize = 20;

/// What a job over many mailboxes has to do.
pub(super) struct Accounts {
    /// Account by account.
    pub(super) list: Vec<AccountOf>,
    /// What there is to say of those that are left out: sentences.
    pub(super) told: Vec<String>,
    /// Whether all that the job asks for is in the list.
    pub(super) is_whole: bool,
}

/// One account.
#[derive(Clone)]
pub(super) struct AccountOf {
    /// The account and its target, as they are shown.
    pub(super) planned: PlannedStep,
    /// What archives it, or why it cannot be.
    pub(super) ready: Result<Ready, Failure>,
}

/// Whether users that a file names are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NewUsers {
    /// They are. The caller owns the data directory.
    Made,
    /// They are only told.
    Told,
}

/// The accounts of a job now. `run` is the number of the run that they are for.
pub(super) fn of_job(
    data: &DataDir,
    base: &Ready,
    new_users: NewUsers,
    run: Option<u64>,
) -> Result<Accounts, Failure> {
    match &base.job.source {
        JobSource::Master(it) => of_master(&users::open_for_reading(data)?, base, it),
        JobSource::Batch(it) => of_file(data, base, it, new_users, run),
        other => {
            let message = format!("a job of the kind {} has one account", other.kind().name());
            Err(Failure::new(FailureKind::Internal, message))
        }
    }
}

fn of_master(state: &State, base: &Ready, source: &MasterLogin) -> Result<Accounts, Failure> {
    let (form, identity, selection) = job_check::master(source)?;
    let master = base.login().cloned().unwrap_or_default();
    if (master.is_empty() && form != LoginForm::Kerio) || base.secret.is_none() {
        let message = format!("the job {:?} has no master login with a password", base.job.name);
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("Give them with `posthold job set NAME --login LOGIN --password`."));
    }
    let all = state.users().map_err(|it| faults::state(&it))?;
    let candidates: Vec<Candidate<'_>> = all
        .iter()
        .map(|it| Candidate {
            name: &it.name,
            has_address: !it.addresses.is_empty(),
            is_deactivated: it.standing == Standing::Deactivated,
        })
        .collect();
    let needs = if identity == Identity::Address { NeedsAddress::Yes } else { NeedsAddress::No };
    let selected = selection.apply(&candidates, needs);
    let taken: BTreeSet<&UserName> = selected.taken.iter().collect();
    let mut first: HashMap<String, UserName> = HashMap::new();
    let mut list = Vec::new();
    for user in all.iter().filter(|it| taken.contains(&it.name)) {
        let account = master_account(base, form, &identity, &master, user);
        list.push(once(account, user, &mut first));
    }
    Ok(Accounts { list, is_whole: selected.unknown.is_empty(), told: of_selection(&selected) })
}

/// Two users with one name at the server would get the same mailbox.
fn once(account: AccountOf, user: &User, first: &mut HashMap<String, UserName>) -> AccountOf {
    let key = account.planned.account.to_lowercase();
    match first.get(&key) {
        Some(other) if account.ready.is_ok() => {
            let message = format!("{} and {other} are one account at the server", user.name);
            let failure = Failure::new(FailureKind::Configuration, message)
                .with_hint("Give them different primary addresses, or leave one out.");
            AccountOf { ready: Err(failure), ..account }
        }
        _ => {
            first.insert(key, user.name.clone());
            account
        }
    }
}

fn master_account(
    base: &Ready,
    form: LoginForm,
    identity: &Identity,
    master: &str,
    user: &User,
) -> AccountOf {
    let address = user.addresses.first().map(String::as_str);
    let person = Person { login: user.name.as_str(), address };
    let root = address.unwrap_or(user.name.as_str()).to_owned();
    let names = identity
        .of(&person)
        .and_then(|opened| form.login(master, identity, &person).map(|login| (opened, login)));
    let planned =
        |account: &str| PlannedStep { account: account.to_owned(), target: user.name.to_string() };
    let (opened, login) = match names {
        Ok(names) => names,
        Err(error) => {
            return AccountOf { planned: planned(&root), ready: Err(no_name(&error)) };
        }
    };
    let mut ready = Ready { target: user.clone(), opened: Some(opened.clone()), ..base.clone() };
    ready.mailbox.target = user.name.clone();
    ready.mailbox.root = Some(root);
    match login {
        Login::Sasl { authcid, authzid } => {
            // Dovecot takes such a name by PLAIN only; SCRAM would prove it, and it refuses.
            let is_joined = authzid.is_none();
            let is_auto = base.profile.incoming.mechanism == Mechanism::Auto;
            ready.mechanism = (is_joined && is_auto).then_some(Mechanism::Plain);
            ready.mailbox.login = Some(authcid);
            ready.mailbox.authzid = authzid;
        }
        Login::Kerio { user } => {
            ready.mailbox.login = Some(user.clone());
            ready.mailbox.authzid = Some(user);
            ready.mechanism = Some(Mechanism::KerioMaster);
        }
    }
    AccountOf { planned: planned(&opened), ready: Ok(ready) }
}

fn no_name(error: &MacroError) -> Failure {
    Failure::new(FailureKind::Configuration, error.to_string())
        .with_hint("`posthold user set` gives addresses; --identity says which name is sent.")
}

fn of_selection(selected: &Selected) -> Vec<String> {
    let left_out = |why: LeftOut| {
        let of = selected.left_out.iter().filter(|(_, it)| *it == why);
        of.map(|(name, _)| name.to_string()).collect::<Vec<_>>()
    };
    let unknown: Vec<String> = selected.unknown.iter().map(ToString::to_string).collect();
    let told = [
        ("Left out, because they are deactivated", left_out(LeftOut::Deactivated)),
        ("Left out, because they have no address", left_out(LeftOut::NoAddress)),
        ("The job names users that there are not", unknown),
    ];
    told.into_iter().filter_map(|(what, names)| named(what, &names)).collect()
}

/// `what: a, b and 3 more.`; `None` without names.
fn named(what: &str, names: &[String]) -> Option<String> {
    let shown = names.get(..NAMED_MAX).unwrap_or(names);
    let more = match names.len() - shown.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    (!names.is_empty()).then(|| format!("{what}: {}{more}.", shown.join(", ")))
}

fn of_file(
    data: &DataDir,
    base: &Ready,
    source: &BatchAccounts,
    new_users: NewUsers,
    run: Option<u64>,
) -> Result<Accounts, Failure> {
    let failed = |it| faults::state(&it);
    let file = read(&source.file, source.code_page.as_deref())?;
    let state = users::open_for_reading(data)?;
    let shown = source.file.display();
    let mut told: Vec<String> =
        file.errors.iter().map(|it| format!("{shown}, {it}. {}", it.hint())).collect();
    let is_whole = file.errors.is_empty();
    let all = state.users().map_err(failed)?;
    let known: BTreeSet<UserName> = all.iter().map(|it| it.name.clone()).collect();
    let new: Vec<String> = file.new_users(&known).into_iter().map(ToString::to_string).collect();
    told.extend(made(&new, new_users));
    let mut by_name: HashMap<UserName, User> =
        all.into_iter().map(|it| (it.name.clone(), it)).collect();
    let mut list = Vec::new();
    let mut deactivated = Vec::new();
    for row in &file.rows {
        let user = match (by_name.get(&row.user), new_users) {
            (Some(user), _) => user.clone(),
            (None, NewUsers::Made) => make(data, row, &by_name)?,
            (None, NewUsers::Told) => base.target.clone(),
        };
        by_name.insert(row.user.clone(), user.clone());
        match user.standing {
            Standing::Active => list.push(of_row(base, row, user)),
            Standing::Deactivated => deactivated.push(user.name.to_string()),
        }
    }
    told.extend(named("Left out, because they are deactivated", &deactivated));
    let before = state.accounts_before(base.id, run.unwrap_or(0)).map_err(failed)?;
    let vanished = file.vanished(before.iter().map(String::as_str));
    let vanished: Vec<String> = vanished.into_iter().map(str::to_owned).collect();
    told.extend(named("Not in the file any more; what is archived of them stays", &vanished));
    Ok(Accounts { list, told, is_whole })
}

fn made(names: &[String], new_users: NewUsers) -> Option<String> {
    let what = match new_users {
        NewUsers::Made => {
            "Made these users, who cannot log in until a password or a directory login is set"
        }
        NewUsers::Told => "A run will make these users",
    };
    named(what, names)
}

fn read(path: &Path, code_page: Option<&str>) -> Result<BatchFile, Failure> {
    let shown = path.display();
    let wrong = |message: String| Failure::new(FailureKind::Configuration, message);
    let size = std::fs::metadata(path).map(|it| it.len());
    if size.as_ref().is_ok_and(|it| (BATCH_BYTES_MAX as u64) < *it) {
        return Err(wrong(format!("{shown} is larger than {} MiB", BATCH_BYTES_MAX >> 20))
            .with_hint("Divide it among several jobs."));
    }
    let bytes = size.and_then(|_| std::fs::read(path)).map_err(|error| {
        wrong(format!("failed to read the batch file {shown}: {error}"))
            .with_hint("`posthold job set NAME --file FILE` names another one.")
    })?;
    BatchFile::read(&bytes, code_page)
        .map_err(|error: BatchError| wrong(format!("{shown}, {error}")).with_hint(error.hint()))
}

/// Makes the user of a row, with the address that the row gives unless somebody has it.
fn make(data: &DataDir, row: &BatchRow, others: &HashMap<UserName, User>) -> Result<User, Failure> {
    let is_taken = |address: &String| {
        let mut theirs = others.values().flat_map(|it| it.addresses.iter().chain(&it.aliases));
        theirs.any(|it| it.eq_ignore_ascii_case(address))
    };
    let addresses: Vec<String> = row.address.iter().filter(|it| !is_taken(it)).cloned().collect();
    let mut state = users::open(data)?;
    let made = state.add_user(&row.user, &addresses, SystemClock.now(), &OsRandom);
    made.map_err(|it| faults::state(&it))
}

fn of_row(base: &Ready, row: &BatchRow, user: User) -> AccountOf {
    let planned = PlannedStep { account: row.login.clone(), target: row.user.to_string() };
    let mut ready = Ready { target: user, secret: Some(row.password.clone()), ..base.clone() };
    ready.mailbox.target = row.user.clone();
    ready.mailbox.root = Some(row.root().to_owned());
    ready.mailbox.login = Some(row.login.clone());
    ready.opened = Some(row.login.clone());
    AccountOf { planned, ready: Ok(ready) }
}
