//! `mail ...`: how mail is sent, and a test of it that ends with a message.
//!
//! Rules: a failed test applies nothing unless that was asked for; the password is sealed and
//! shown by nothing; no mail goes to another machine without encryption unless the settings allow
//! it.

use ::settings::{ALLOW_PLAIN_MAIL_CONNECTIONS, Values};
use commands::{
    AdminAnswer, Answer, Failure, FailureKind, MailChange, MailRequest, MailSettings, MailShown,
    MailTested, OnFailure, ProgressSink, Security, TestAnswer, TestResult, TestStep,
};
use disk::{OsRandom, SystemClock};
use mail_client::Letter;
use ports::Clock;
use reports::mail::check_address;
use state::{SecretPlace, State};
use types::Secret;

use super::{
    blocking, deliver, faults, insecure, keys, ownership, sending, settings as values_of, users,
};
use crate::context::{Context, DataDir, KeySource};

/// What is told beside a message that was taken: people look for it in the wrong place.
const SPAM_HINT: &str = "If it does not arrive, look into the spam or junk folder of the mailbox.";

/// Carries out a request about outgoing mail.
pub(super) async fn run(
    context: &Context,
    request: MailRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let data = context.data.clone();
    let answer = match request {
        MailRequest::Show => {
            let shown = blocking(move || match data.state().is_file() {
                true => shown(&users::open_for_reading(&data)?),
                false => Ok(MailShown::default()),
            });
            AdminAnswer::Mail(Box::new(shown.await?))
        }
        MailRequest::Set(change) => {
            let _owned = ownership::take(context, title, progress).await?;
            apply(context, *change, progress).await?;
            let shown = blocking(move || shown(&*users::open(&data)?)).await?;
            AdminAnswer::Mail(Box::new(shown))
        }
        MailRequest::Remove => {
            let _owned = ownership::take(context, title, progress).await?;
            blocking(move || {
                let mut state = users::open(&data)?;
                state.remove_mail_settings().map_err(|it| faults::state(&it))?;
                Ok(AdminAnswer::Mail(Box::new(shown(&state)?)))
            })
            .await?
        }
        MailRequest::Test(change, on_failure) => {
            test(context, *change, on_failure, title, progress).await?
        }
    };
    Ok(Answer::Admin(Box::new(answer)))
}

/// The settings with a change, checked against everything but the server.
fn changed(state: &State, change: &MailChange) -> Result<MailSettings, Failure> {
    let before = state.mail_settings().map_err(|it| faults::state(&it))?;
    let mut settings = change.apply(before)?;
    // Whoever is named twice gets it once.
    for list in [&mut settings.alerts_to, &mut settings.daily_to] {
        let mut once: Vec<String> = Vec::new();
        for it in list.drain(..) {
            if !once.contains(&it) {
                once.push(it);
            }
        }
        *list = once;
    }
    check_addresses(&settings)?;
    check_with(&values_of::values(state)?, &settings)?;
    Ok(settings)
}

/// Whether every address in them is one that mail can go to.
pub(super) fn check_addresses(settings: &MailSettings) -> Result<(), Failure> {
    let named = [("--sender", vec![&settings.sender.addr])];
    let lists =
        [("--alerts-to", &settings.alerts_to), ("--daily-to", &settings.daily_to)].into_iter();
    for (option, addresses) in named.into_iter().chain(lists.map(|(o, l)| (o, l.iter().collect())))
    {
        for address in addresses {
            check_address(address).map_err(|error| {
                Failure::new(FailureKind::Request, format!("{option}: {error}"))
                    .with_hint("Write an address as name@example.org; several with commas.")
            })?;
        }
    }
    Ok(())
}

/// Whether they may be kept, with these settings of the server.
pub(super) fn check_with(values: &Values, settings: &MailSettings) -> Result<(), Failure> {
    // What cannot be read as a certificate policy is said now, not at the first alert.
    super::archive::certificates(&settings.server.trust)?;
    let (security, _) = settings.server.resolved();
    let host = &settings.server.host;
    let is_allowed = values.is_on(&ALLOW_PLAIN_MAIL_CONNECTIONS);
    if security == Security::Plain && !values_of::is_loopback(&host.host) && !is_allowed {
        let message = format!("the server {host} would be reached without encryption");
        return Err(Failure::new(FailureKind::Configuration, message).with_hint(
            "Choose --protocol smtp-tls or smtp-ssl. If it has to be: `posthold settings set \
             allow_plain_mail_connections on`.",
        ));
    }
    Ok(())
}

/// Keeps a change. The caller owns the data directory.
async fn apply(
    context: &Context,
    change: MailChange,
    progress: &dyn ProgressSink,
) -> Result<(), Failure> {
    let (data, source) = (context.data.clone(), context.keys.clone());
    let told = blocking(move || {
        let mut state = users::open(&data)?;
        let settings = changed(&state, &change)?;
        let (keys, told) = match &change.server.secret {
            None => (None, None),
            Some(_) => {
                let (keys, told) = keys::found_or_made(&data, &source, &state)?;
                (Some(keys), told)
            }
        };
        let secret = change.server.secret.as_ref().zip(keys.as_ref());
        let kept = state.set_mail_settings(&settings, secret, SystemClock.now(), &OsRandom);
        kept.map_err(|it| faults::state(&it))?;
        Ok(told)
    })
    .await?;
    if let Some(told) = told {
        // Whoever asked and went may still want it done.
        let _ = progress.send(told);
    }
    Ok(())
}

/// How mail is sent, as it is shown.
fn shown(state: &State) -> Result<MailShown, Failure> {
    let failed = |it| faults::state(&it);
    let settings = state.mail_settings().map_err(failed)?;
    let has_secret = state.has_secret(SecretPlace::Mail).map_err(failed)?;
    let mut warnings: Vec<String> =
        settings.iter().flat_map(insecure::of_mail).map(|it| it.warning).collect();
    if let Some(settings) = &settings {
        if settings.server.login.is_some() && !has_secret {
            warnings.push("The login has no password yet.".into());
        }
        if settings.alerts_to.is_empty() {
            warnings.push("Nobody is told of alerts (--alerts-to).".into());
        }
    }
    let refused = state.mail_last_refused().map_err(failed)?;
    warnings
        .extend(refused.map(|it| format!("The last message was not taken for everybody: {it}.")));
    Ok(MailShown {
        has_secret,
        waiting: state.waiting_mail().map_err(failed)?,
        sent: state.mail_last_sent().map_err(failed)?,
        settings,
        warnings,
    })
}

/// The login with its password, when there is one.
pub(super) fn login(
    data: &DataDir,
    source: &KeySource,
    state: &State,
    settings: &MailSettings,
) -> Result<Option<(String, Secret)>, Failure> {
    let Some(login) = settings.server.login.clone() else { return Ok(None) };
    if !state.has_secret(SecretPlace::Mail).map_err(|it| faults::state(&it))? {
        let message = "the login for outgoing mail has no password";
        return Err(Failure::new(FailureKind::Configuration, message)
            .with_hint("Give it with `posthold mail set --password`."));
    }
    let keys = keys::needed(data, source)?;
    let secret = state.secret(SecretPlace::Mail, &keys).map_err(|it| faults::state(&it))?;
    Ok(secret.map(|it| (login, it)))
}

async fn test(
    context: &Context,
    change: MailChange,
    on_failure: OnFailure,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<AdminAnswer, Failure> {
    let changes = !change.is_empty();
    let _owned = match changes {
        true => Some(ownership::take(context, title, progress).await?),
        false => None,
    };
    let (data, source, tried) = (context.data.clone(), context.keys.clone(), change.clone());
    let (settings, login) = blocking(move || {
        // Whoever changes something may be the first in this directory.
        if changes {
            drop(users::open(&data)?);
        }
        let state = users::open_for_reading(&data)?;
        let settings = changed(&state, &tried)?;
        let login = match (&settings.server.login, tried.server.secret) {
            (Some(login), Some(secret)) => Some((login.clone(), secret)),
            _ => login(&data, &source, &state, &settings)?,
        };
        Ok((settings, login))
    })
    .await?;
    let test = sent(&settings, login).await?;
    let applied = match (changes, test.is_clean(), on_failure) {
        (false, ..) => None,
        (true, true, _) | (true, false, OnFailure::Apply) => {
            apply(context, change, progress).await?;
            Some(true)
        }
        (true, false, OnFailure::Discard) => Some(false),
    };
    Ok(AdminAnswer::MailTest(MailTested { test, applied }))
}

/// Sends the test message, step by step.
async fn sent(
    settings: &MailSettings,
    login: Option<(String, Secret)>,
) -> Result<TestAnswer, Failure> {
    let mut to = settings.alerts_to.clone();
    to.extend(settings.daily_to.iter().filter(|it| !settings.alerts_to.contains(it)).cloned());
    let mut warnings: Vec<String> =
        insecure::of_mail(settings).into_iter().map(|it| it.warning).collect();
    let message = deliver::test_message(settings, &to);
    let letter = Letter { sender: &settings.sender.addr, recipients: &to, message: &message };
    let letter = (!to.is_empty()).then_some(&letter);
    let has_login = login.is_some();
    let tried = sending::tried(&settings.server, login, None, letter, &mut warnings).await?;
    let steps: Vec<TestStep> = tried.into_iter().map(|it| hinted(it, has_login)).collect();
    if to.is_empty() {
        warnings.push("Nobody is named, so no message was sent (--alerts-to, --daily-to).".into());
    }
    Ok(TestAnswer { subject: "outgoing mail".into(), steps, warnings })
}

/// A step of this test, with the name that it has here, and with what mostly helps.
fn hinted(mut step: TestStep, has_login: bool) -> TestStep {
    step.name = step.name.strip_prefix("outgoing ").unwrap_or(step.name);
    if step.result == TestResult::Success && step.name == "message" {
        step.hint = Some(SPAM_HINT.to_owned());
    }
    if step.result != TestResult::Failure {
        return step;
    }
    let mostly = match step.name {
        "login" => Some("Login and password are mostly those of a mailbox at that server."),
        "message" if !has_login => Some(
            "A server that refuses recipients or sender mostly wants a login first: give --login \
             and --password.",
        ),
        "message" => {
            Some("Many servers take mail only from an address of their own: see --sender.")
        }
        _ => None,
    };
    if let Some(mostly) = mostly {
        step.hint = Some(match step.hint {
            Some(hint) => format!("{hint} {mostly}"),
            None => mostly.to_owned(),
        });
    }
    step
}
