//! `job test` and `job effective-folders` of a job over many mailboxes: a few accounts of it.
//!
//! What it is not: the guard of a run, which looks at every account. It owns no data directory and
//! asks no governor: it is a few connections that a person waits for.

use commands::{AdminAnswer, EffectiveFolder, Failure, JobSource, TestAnswer, TestStep};
use rules::same_mailbox::Guard;

use super::job_work::{self, Ready};
use super::many_accounts::{self, AccountOf, Accounts, NewUsers};
use super::{blocking, identity, jobs};
use crate::context::DataDir;

/// Accounts that are tried.
const TRIED_MAX: usize = 3;

async fn accounts(data: &DataDir, base: &Ready) -> Result<Accounts, Failure> {
    let (data, of) = (data.clone(), base.clone());
    blocking(move || many_accounts::of_job(&data, &of, NewUsers::Told, None)).await
}

/// Tries the first accounts of a job step by step, and whether each has a mailbox of its own.
pub(super) async fn test(data: &DataDir, base: Ready) -> Result<AdminAnswer, Failure> {
    let subject = format!("job {}", base.job.name);
    let Accounts { list, told: mut warnings, .. } = match accounts(data, &base).await {
        Ok(accounts) => accounts,
        Err(failure) => {
            let steps = vec![TestStep::failure("accounts", failure.message, failure.hint)];
            return Ok(AdminAnswer::Test(TestAnswer { subject, steps, warnings: Vec::new() }));
        }
    };
    let tried = list.len().min(TRIED_MAX);
    let told = format!("{} in all, of which {tried} are tried", list.len());
    let mut steps = vec![TestStep::success("accounts", told)];
    for account in list.iter().take(TRIED_MAX) {
        try_one(data, account, &mut steps, &mut warnings).await;
    }
    if matches!(base.job.source, JobSource::Master(_)) {
        steps.push(whose(&base, list.get(..tried).unwrap_or_default()).await);
    }
    let mut seen = std::collections::BTreeSet::new();
    warnings.retain(|it| seen.insert(it.clone()));
    Ok(AdminAnswer::Test(TestAnswer { subject, steps, warnings }))
}

async fn try_one(
    data: &DataDir,
    account: &AccountOf,
    steps: &mut Vec<TestStep>,
    warnings: &mut Vec<String>,
) {
    let name = &account.planned.account;
    let tested = match account.ready.clone() {
        Ok(ready) => job_work::test(data, ready).await,
        Err(failure) => Err(failure),
    };
    match tested {
        Ok(AdminAnswer::Test(test)) => {
            let named = |it: TestStep| TestStep { told: format!("{name}: {}", it.told), ..it };
            steps.extend(test.steps.into_iter().map(named));
            warnings.extend(test.warnings);
        }
        Ok(_) => (),
        Err(failure) => {
            let told = format!("{name}: {}", failure.message);
            steps.push(TestStep::failure("login", told, failure.hint));
        }
    }
}

/// Whether these accounts, and the login of the master itself, are different mailboxes.
async fn whose(base: &Ready, accounts: &[AccountOf]) -> TestStep {
    let mut guard = Guard::default();
    if base.login().is_some()
        && let Ok(seen) = identity::look_once(base).await
    {
        let _ = guard.add(base.login().map_or("", String::as_str), seen);
    }
    for account in accounts {
        let Ok(ready) = &account.ready else { continue };
        let Ok(seen) = identity::look_once(ready).await else { continue };
        if let Err(same) = guard.add(&account.planned.account, seen) {
            let failure = identity::same(&same);
            return TestStep::failure("mailboxes", failure.message, failure.hint);
        }
    }
    TestStep::success("mailboxes", "no two of them are the same")
}

/// The folders of the first accounts.
pub(super) async fn folders(data: &DataDir, base: &Ready) -> Result<Vec<EffectiveFolder>, Failure> {
    let accounts = accounts(data, base).await?;
    let mut folders = Vec::new();
    for account in accounts.list.into_iter().take(TRIED_MAX) {
        folders.extend(jobs::folders(&account.ready?).await?);
    }
    Ok(folders)
}
