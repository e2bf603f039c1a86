//! `profile ...`: server profiles.

use ::settings::{ALLOW_PLAIN_MAIL_CONNECTIONS, Values};
use commands::{
    AdminAnswer, Answer, Failure, FailureKind, HalfName, Profile, ProfileChange, ProfileRequest,
    ProfileShown, ProgressSink, Security, Switch, Trust, check_name,
};
use disk::{OsRandom, SystemClock};
use ports::Clock;
use sealing::KeyRing;
use state::{SavedProfile, SecretPlace, State};
use types::Secret;

use super::{blocking, faults, keys, ownership, profile_test, settings as values_of, users};
use crate::context::{Context, DataDir, KeySource};

/// Carries out a request about profiles.
pub(super) async fn run(
    context: &Context,
    request: ProfileRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let data = context.data.clone();
    let answer = match request {
        ProfileRequest::List => blocking(move || list(&data)).await?,
        ProfileRequest::Show(name) => {
            blocking(move || {
                let state = users::open_for_reading(&data)?;
                Ok(AdminAnswer::Profile(Box::new(shown(&state, named(&state, &name)?)?)))
            })
            .await?
        }
        ProfileRequest::Test(it) => profile_test::test(context, it).await?,
        change => {
            let _owned = ownership::take(context, title, progress).await?;
            let keys = context.keys.clone();
            let (answer, told) = blocking(move || carry_out(&data, &keys, change)).await?;
            if let Some(told) = told {
                // Whoever asked and went may still want it done.
                let _ = progress.send(told);
            }
            answer
        }
    };
    Ok(Answer::Admin(Box::new(answer)))
}

type Told = Option<commands::Progress>;

fn carry_out(
    data: &DataDir,
    source: &KeySource,
    request: ProfileRequest,
) -> Result<(AdminAnswer, Told), Failure> {
    let mut state = users::open(data)?;
    let failed = |it| faults::state(&it);
    let saved = match request {
        ProfileRequest::Add(name, change) => {
            check_name(&name)?;
            return add(&mut state, data, source, &change.begin(&name)?, &change, None);
        }
        ProfileRequest::Copy { from, to, change } => {
            check_name(&to)?;
            let from = named(&state, &from)?;
            let like = Profile { name: to, ..from.profile.clone() };
            let profile = change.apply(like)?;
            return add(&mut state, data, source, &profile, &change, Some(&from));
        }
        ProfileRequest::Set(name, change) => {
            let saved = named(&state, &name)?;
            let profile = change.apply(saved.profile.clone())?;
            check(&state, &profile)?;
            let saved = SavedProfile { id: saved.id, profile };
            let secrets = given(&change);
            let (keys, told) = keys_for(&secrets, data, source, &state)?;
            let now = SystemClock.now();
            let changed = state.change_profile(&saved, &secrets, keys.as_ref(), now, &OsRandom);
            changed.map_err(failed)?;
            return Ok((answer(&state, saved)?, told));
        }
        ProfileRequest::Switch(name, switch) => {
            let saved = named(&state, &name)?;
            let profile = Profile { switch, ..saved.profile };
            if switch == Switch::Enabled {
                check(&state, &profile)?;
            }
            SavedProfile { id: saved.id, profile }
        }
        ProfileRequest::Rename { from, to } => {
            check_name(&to)?;
            let saved = named(&state, &from)?;
            SavedProfile { id: saved.id, profile: Profile { name: to, ..saved.profile } }
        }
        ProfileRequest::Remove(name) => {
            state.remove_profile(&name).map_err(failed)?;
            return Ok((AdminAnswer::ProfileRemoved(name), None));
        }
        ProfileRequest::List | ProfileRequest::Show(_) | ProfileRequest::Test(_) => {
            return Err(Failure::new(FailureKind::Internal, "reading is no change"));
        }
    };
    state.change_profile(&saved, &[], None, SystemClock.now(), &OsRandom).map_err(failed)?;
    Ok((answer(&state, saved)?, None))
}

fn add(
    state: &mut State,
    data: &DataDir,
    source: &KeySource,
    profile: &Profile,
    change: &ProfileChange,
    from: Option<&SavedProfile>,
) -> Result<(AdminAnswer, Told), Failure> {
    check(state, profile)?;
    if state.profile(&profile.name).map_err(|it| faults::state(&it))?.is_some() {
        let message = format!("there is a server profile {:?} already", profile.name);
        return Err(Failure::new(FailureKind::Request, message)
            .with_hint("`posthold profile list` shows the server profiles."));
    }
    let mut secrets = given(change);
    // A copy gets the passwords of the logins that it keeps.
    for (half, it) in profile.halves() {
        let Some(from) = from else { break };
        let same_login = from
            .profile
            .halves()
            .any(|(name, that)| name == half && that.login == it.login && that.host == it.host);
        let place = SecretPlace::Profile(from.id, half);
        let is_kept = state.has_secret(place).map_err(|it| faults::state(&it))?;
        if same_login && is_kept && change.secret(half).is_none() {
            let keys = keys::needed(data, source)?;
            let secret = state.secret(place, &keys).map_err(|it| faults::state(&it))?;
            secrets.extend(secret.map(|it| (half, it)));
        }
    }
    let (keys, told) = keys_for(&secrets, data, source, state)?;
    let saved = state.add_profile(profile, &secrets, keys.as_ref(), SystemClock.now(), &OsRandom);
    let saved = saved.map_err(|it| faults::state(&it))?;
    Ok((answer(state, saved)?, told))
}

/// The profile of this name; a failure when there is none.
pub(super) fn named(state: &State, name: &str) -> Result<SavedProfile, Failure> {
    state.named_profile(name).map_err(|it| {
        faults::state(&it).with_hint("`posthold profile list` shows the server profiles.")
    })
}

fn given(change: &ProfileChange) -> Vec<(HalfName, Secret)> {
    let of = |half| change.secret(half).map(|it| (half, it.clone()));
    [HalfName::Incoming, HalfName::Outgoing].into_iter().filter_map(of).collect()
}

fn keys_for(
    secrets: &[(HalfName, Secret)],
    data: &DataDir,
    source: &KeySource,
    state: &State,
) -> Result<(Option<KeyRing>, Told), Failure> {
    if secrets.is_empty() {
        return Ok((None, None));
    }
    let (keys, told) = keys::found_or_made(data, source, state)?;
    Ok((Some(keys), told))
}

/// What cannot be kept, by what the settings and this machine say.
fn check(state: &State, profile: &Profile) -> Result<(), Failure> {
    check_with(&values_of::values(state)?, profile)
}

/// The same, with these settings.
pub(super) fn check_with(values: &Values, profile: &Profile) -> Result<(), Failure> {
    for (name, half) in profile.halves() {
        let (security, _) = half.resolved();
        let is_plain = security == Security::Plain && !values_of::is_loopback(&half.host.host);
        if is_plain && !values.is_on(&ALLOW_PLAIN_MAIL_CONNECTIONS) {
            let message = format!(
                "the {} server {} would be reached without encryption",
                name.name(),
                half.host
            );
            return Err(Failure::new(FailureKind::Configuration, message).with_hint(
                "Choose --security tls or starttls. If it has to be: `posthold settings set \
                 allow_plain_mail_connections on`.",
            ));
        }
        if let Trust::Fingerprint(text) = &half.trust {
            let parsed: Result<net::Fingerprint, _> = text.parse();
            parsed.map_err(|error| {
                Failure::new(FailureKind::Request, format!("--fingerprint {text}: {error}"))
            })?;
        }
    }
    Ok(())
}

fn list(data: &DataDir) -> Result<AdminAnswer, Failure> {
    if !data.state().is_file() {
        return Ok(AdminAnswer::Profiles(Vec::new()));
    }
    let state = users::open_for_reading(data)?;
    let profiles = state.profiles().map_err(|it| faults::state(&it))?;
    let shown = profiles.into_iter().map(|it| shown(&state, it)).collect::<Result<_, _>>()?;
    Ok(AdminAnswer::Profiles(shown))
}

fn answer(state: &State, saved: SavedProfile) -> Result<AdminAnswer, Failure> {
    Ok(AdminAnswer::Profile(Box::new(shown(state, saved)?)))
}

fn shown(
    state: &State,
    SavedProfile { id, profile }: SavedProfile,
) -> Result<ProfileShown, Failure> {
    let has = |half| state.has_secret(SecretPlace::Profile(id, half));
    let failed = |it| faults::state(&it);
    let has_secret =
        (has(HalfName::Incoming).map_err(failed)?, has(HalfName::Outgoing).map_err(failed)?);
    let mut warnings: Vec<String> =
        values_of::insecure(&profile).into_iter().map(|it| it.warning).collect();
    if profile.incoming.login.is_some() && !has_secret.0 {
        warnings.push("The login of the incoming server has no password yet.".into());
    }
    Ok(ProfileShown {
        jobs: state.profile_jobs(id).map_err(failed)?,
        profile,
        has_secret,
        warnings,
    })
}
