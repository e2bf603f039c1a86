//! From a saved job to what `archive` does: one way through the code for both.

use std::num::NonZeroU16;

use ::jobs::JobShare;
use archiver::RetryQuarantined;
use commands::{
    Account, AdminAnswer, Archive, Compression, Failure, FailureKind, Half, HalfName, Job,
    JobSource, Mechanism, Plaintext, Profile, Protocol, Scheme, Security, SharedMailbox,
    SingleMailbox, SortingRules, Switch, TestAnswer, TestResult, TestStep, Trigger, WaitForViews,
};
use rules::removal::When;
use state::{JobId, ProfileId, SecretPlace, Standing, User};
use types::{Secret, UserName};

use super::archive::{self, Work};
use super::bounded::Allowed;
use super::{
    faults, job_check, jobs, keys, presets, profile_test, profiles, removal, settings as values_of,
    sorting, users,
};
use crate::context::{DataDir, KeySource};

/// The name under which cursors are kept. By id: they stay when the profile gets another name or
/// the server another host.
pub(super) fn cursors_of(profile: ProfileId) -> String {
    format!("profile:{:016x}", profile.0)
}

/// A job with everything that a run of it needs, at one account.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) id: JobId,
    pub(super) job: Job,
    pub(super) mailbox: SingleMailbox,
    /// How its messages are sorted, when they are many people's.
    pub(super) sorting: Option<SortingRules>,
    pub(super) profile_id: ProfileId,
    pub(super) profile: Profile,
    pub(super) target: User,
    pub(super) secret: Option<Secret>,
    pub(super) connections: u64,
    pub(super) server_connections: u16,
    /// How to log in, when the job knows better than the profile.
    pub(super) mechanism: Option<Mechanism>,
    /// Whose mailboxes are opened, when the login does not say.
    pub(super) opened: Option<String>,
}

/// Reads a job and opens its password.
pub(super) fn ready(data: &DataDir, source: &KeySource, name: &str) -> Result<Ready, Failure> {
    let failed = |it| faults::state(&it);
    let state = users::open_for_reading(data)?;
    let saved = jobs::named(&state, name)?;
    let mut sorting = None;
    let mailbox = match &saved.job.source {
        JobSource::Single(it) => it.clone(),
        JobSource::Master(it) => master_mailbox(&saved.job, &it.profile, it.login.clone()),
        JobSource::Batch(it) => master_mailbox(&saved.job, &it.profile, None),
        JobSource::Sorting(it) => {
            sorting = Some(it.sorting.clone());
            shared(it)
        }
        _ => return Err(not_yet(&saved.job)),
    };
    job_check::owner(&state, &saved.job)?;
    let profile = profiles::named(&state, &mailbox.profile)?;
    let own = SecretPlace::Job(saved.id);
    let place = match mailbox.login.is_some() || state.has_secret(own).map_err(failed)? {
        true => own,
        false => SecretPlace::Profile(profile.id, HalfName::Incoming),
    };
    let secret = match state.has_secret(place).map_err(failed)? {
        true => state.secret(place, &keys::needed(data, source)?).map_err(failed)?,
        false => None,
    };
    let limits = jobs::limits(&state, &saved.job, Some(&profile.profile))?;
    Ok(Ready {
        id: saved.id,
        target: match sorting {
            Some(_) => users::many(),
            None => users::find(data, &mailbox.target)?,
        },
        mailbox,
        sorting,
        connections: limits.first().map_or(1, |(_, limit)| *limit),
        server_connections: limits
            .iter()
            .find(|(of, _)| *of == "server")
            .map_or(1, |(_, it)| u16::try_from(*it).unwrap_or(u16::MAX)),
        job: saved.job,
        profile_id: profile.id,
        profile: profile.profile,
        secret,
        mechanism: None,
        opened: None,
    })
}

/// The mailbox of whoever opens those of others. Its mail goes nowhere.
fn master_mailbox(job: &Job, profile: &str, login: Option<String>) -> SingleMailbox {
    let target = job.owner.clone();
    SingleMailbox { profile: profile.to_owned(), target, root: None, login, authzid: None }
}

/// A shared mailbox, as one that is nobody's in particular.
fn shared(it: &SharedMailbox) -> SingleMailbox {
    SingleMailbox {
        profile: it.profile.clone(),
        target: UserName::many(),
        root: None,
        login: it.login.clone(),
        authzid: it.authzid.clone(),
    }
}

/// Kinds that nothing carries out yet.
fn not_yet(job: &Job) -> Failure {
    let message = format!("jobs of the kind {} cannot be run yet", job.source.kind().name());
    Failure::new(FailureKind::Request, message)
}

impl Ready {
    pub(super) fn login(&self) -> Option<&String> {
        self.mailbox.login.as_ref().or(self.profile.incoming.login.as_ref())
    }

    /// The domain that `^0` stands for.
    fn domain(&self) -> Option<&str> {
        let address = self.target.addresses.first().map(String::as_str);
        let address = address.or(self.login().map(String::as_str))?;
        address.rsplit_once('@').map(|(_, domain)| domain)
    }

    /// How many of its accounts are archived at the same time.
    pub(super) fn accounts_at_once(&self) -> NonZeroU16 {
        let (profile, server) = (self.profile.limits.connections, self.server_connections);
        let least = self.job.accounts.min(profile).min(server);
        NonZeroU16::new(least).unwrap_or(NonZeroU16::MIN)
    }

    /// Whether it may run.
    pub(super) fn may_run(&self) -> Result<(), Failure> {
        let wrong = |message: String| Failure::new(FailureKind::Request, message);
        let Ready { job, profile, .. } = self;
        if job.switch == Switch::Disabled {
            return Err(wrong(format!("the job {:?} is disabled", job.name))
                .with_hint("`posthold job enable` lets it run."));
        }
        if profile.switch == Switch::Disabled {
            return Err(wrong(format!("the server profile {:?} is disabled", profile.name))
                .with_hint("`posthold profile enable` lets it be used."));
        }
        Ok(())
    }

    /// What a run of it does.
    pub(super) fn work(&self) -> Result<Work, Failure> {
        self.may_run()?;
        let wrong = |message: String| Failure::new(FailureKind::Request, message);
        let Ready { job, profile, .. } = self;
        let half = &profile.incoming;
        let (security, port) = half.resolved();
        let (scheme, plaintext) = match (half.protocol, security) {
            (Protocol::Imap, Security::Tls) => (Scheme::Imaps, Plaintext::LoopbackOnly),
            (Protocol::Imap, Security::StartTls) => (Scheme::Imap, Plaintext::Never),
            (Protocol::Imap, Security::Plain) => (Scheme::Imap, Plaintext::Always),
            (Protocol::Pop3, Security::Tls) => (Scheme::Pop3s, Plaintext::LoopbackOnly),
            (Protocol::Pop3, Security::StartTls) => (Scheme::Pop3, Plaintext::Never),
            (Protocol::Pop3, Security::Plain) => (Scheme::Pop3, Plaintext::Always),
            (protocol @ Protocol::Smtp, _) => {
                let message = format!("jobs do not fetch by {}", protocol.name());
                return Err(Failure::new(FailureKind::Configuration, message));
            }
        };
        let host = half.host.host_for(self.domain()).ok_or_else(|| {
            wrong(format!("the user {} has no address for the ^0 of the server", self.target.name))
                .with_hint("Name one with `posthold user set NAME --address ADDRESS`.")
        })?;
        let (Some(login), Some(password)) = (self.login(), self.secret.clone()) else {
            return Err(wrong(format!("the job {:?} has no login with a password", job.name))
                .with_hint("Give them with `posthold job set NAME --login LOGIN --password`."));
        };
        let connections = u16::try_from(self.connections).unwrap_or(u16::MAX);
        let request = Archive {
            account: Account { scheme, login: login.clone(), host, port },
            password,
            user: self.mailbox.target.clone(),
            root: self.mailbox.root.clone(),
            folders: job.folders.clone(),
            filter: job.filter.clone(),
            removal: job.removal.clone(),
            connections: NonZeroU16::new(connections).unwrap_or(NonZeroU16::MIN),
            plaintext,
            trust: half.trust.clone(),
            mechanism: self.mechanism.unwrap_or(half.mechanism),
            authzid: self.mailbox.authzid.clone(),
            compression: Compression::Off,
            timeout: half.timeout,
            wait: WaitForViews::Yes,
        };
        let mut warnings: Vec<String> =
            values_of::insecure(profile).into_iter().map(|it| it.warning).collect();
        warnings.extend(presets::run_hints(job));
        let id = cursors_of(self.profile_id);
        let accounts = NonZeroU16::new(job.accounts).unwrap_or(NonZeroU16::MIN);
        let share = JobShare { job: format!("{:016x}", self.id.0), accounts };
        let opened = archive::opened_account(&request).to_owned();
        Ok(Work {
            opened: self.opened.clone().unwrap_or(opened),
            request,
            allowed: Allowed::of_profile(profile, &id, share),
            profile: id,
            job: Some(self.id),
            sorting: self.sorting.clone(),
            trigger: Trigger::Hand,
            quarantine: RetryQuarantined::All,
            warnings,
        })
    }
}

impl Ready {
    /// Whether the job may do at the server what its removal rule says.
    async fn removal_right(&self) -> Result<TestStep, Failure> {
        let rule = removal::rule(self.job.removal.as_deref())?;
        if rule.when == When::Never {
            return Ok(TestStep::not_run("removal", "the job removes nothing at the server"));
        }
        let is_whose = self.mailbox.authzid.is_some() || self.opened.is_some();
        if !matches!(self.job.source, JobSource::Single(_)) && !is_whose {
            return Ok(TestStep::not_run("removal", "it shows with the first account of a run"));
        }
        match self.work() {
            Ok(work) => Ok(removal::right(&archive::account(&work.request)?, &rule).await),
            Err(failure) => Ok(TestStep::failure("removal", failure.message, failure.hint)),
        }
    }
}

/// Tries a job step by step: its server profile with its account, its folders, its target.
pub(super) async fn test(data: &DataDir, ready: Ready) -> Result<AdminAnswer, Failure> {
    let account = ready.login().cloned().zip(ready.secret.clone());
    let mut warnings: Vec<String> =
        values_of::insecure(&ready.profile).into_iter().map(|it| it.warning).collect();
    let half = &ready.profile.incoming;
    let mechanism = ready.mechanism.unwrap_or(half.mechanism);
    let half = Half { mechanism, ..half.clone() };
    let whose = ready.mailbox.authzid.clone();
    let tried = profile_test::tried(&half, account, whose, ready.domain(), &mut warnings).await?;
    let mut steps = profile_test::filled_up(tried);
    steps.push(match archive::scope(&ready.job.folders) {
        Ok(_) => TestStep::success("scope", "the folder lists can be read"),
        Err(failure) => TestStep::failure("scope", failure.message, failure.hint),
    });
    steps.push(ready.removal_right().await?);
    if ready.sorting.is_some() {
        steps.extend(sorting_steps(data, &ready, &mut warnings)?);
        return Ok(tested(&ready, steps, warnings));
    }
    let user = &ready.target.name;
    steps.push(match ready.target.standing {
        Standing::Active => TestStep::success("target", format!("the archive of {user}")),
        Standing::Deactivated => {
            let hint = "`posthold user set NAME --activate` takes it back.".to_owned();
            TestStep::failure("target", format!("the user {user} is deactivated"), Some(hint))
        }
    });
    Ok(tested(&ready, steps, warnings))
}

fn tested(ready: &Ready, steps: Vec<TestStep>, mut warnings: Vec<String>) -> AdminAnswer {
    if ready.job.switch == Switch::Disabled {
        warnings.push("The job is disabled.".into());
    }
    debug_assert!(steps.iter().any(|it| it.result != TestResult::NotRun), "something was tried");
    let subject = format!("job {}", ready.job.name);
    AdminAnswer::Test(TestAnswer { subject, steps, warnings })
}

/// Whether the messages of a shared mailbox can find their users.
fn sorting_steps(
    data: &DataDir,
    ready: &Ready,
    warnings: &mut Vec<String>,
) -> Result<Vec<TestStep>, Failure> {
    let protocol = sorting::protocol(&ready.profile);
    let (errors, more) = sorting::findings(data, &ready.job, Some(protocol))?;
    warnings.extend(more);
    let steps =
        errors.iter().map(|it| TestStep::failure("target", it.to_string(), Some(it.hint())));
    let mut steps: Vec<TestStep> = steps.collect();
    if steps.is_empty() {
        steps.push(TestStep::success("target", "the archives of those whom messages name"));
    }
    Ok(steps)
}
