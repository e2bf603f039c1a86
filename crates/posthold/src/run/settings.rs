//! `settings ...`, and what is insecure.

use ::settings::{SETTINGS, Setting, Values};
use commands::{
    AdminAnswer, Answer, Failure, FailureKind, Insecure, InsecureKind, Profile, ProgressSink,
    Security, SettingShown, SettingsRequest, Trust,
};
use state::State;

use super::{blocking, configuration, faults, ownership, users};
use crate::context::{Context, DataDir};

/// Carries out a request about settings.
pub(super) async fn run(
    context: &Context,
    request: SettingsRequest,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let data = context.data.clone();
    let _owned = match request {
        SettingsRequest::Set(..) => Some(ownership::take(context, title, progress).await?),
        _ => None,
    };
    let answer = blocking(move || carry_out(&data, request)).await?;
    context.governing.settings_changed(&context.data).await?;
    Ok(Answer::Admin(Box::new(answer)))
}

fn carry_out(data: &DataDir, request: SettingsRequest) -> Result<AdminAnswer, Failure> {
    Ok(match request {
        SettingsRequest::List => {
            let values = of_data_dir(data)?;
            AdminAnswer::Settings(SETTINGS.iter().map(|it| shown(it, &values)).collect())
        }
        SettingsRequest::Get(key) => AdminAnswer::Setting(shown(known(&key)?, &of_data_dir(data)?)),
        SettingsRequest::Set(key, value) => {
            let setting = known(&key)?;
            let value = value.map(|it| setting.check(&it)).transpose().map_err(|error| {
                Failure::new(FailureKind::Request, error.to_string()).with_hint(setting.doc)
            })?;
            let mut state = users::open(data)?;
            state.set_value(setting.key, value.as_deref()).map_err(|it| faults::state(&it))?;
            AdminAnswer::Setting(shown(setting, &values(&state)?))
        }
        SettingsRequest::Export => {
            let state = users::open_for_reading(data)?;
            AdminAnswer::Export(configuration::page(&state)?)
        }
        SettingsRequest::Check => {
            let state = users::open_for_reading(data)?;
            let profiles = state.profiles().map_err(|it| faults::state(&it))?;
            AdminAnswer::Insecure(profiles.iter().flat_map(|it| insecure(&it.profile)).collect())
        }
    })
}

/// The values that count in a data directory, which may be empty.
fn of_data_dir(data: &DataDir) -> Result<Values, Failure> {
    if !data.state().is_file() {
        return Ok(Values::default());
    }
    values(&users::open_for_reading(data)?)
}

/// The values that count.
pub(super) fn values(state: &State) -> Result<Values, Failure> {
    state.set_values().map(Values::new).map_err(|it| faults::state(&it))
}

fn known(key: &str) -> Result<&'static Setting, Failure> {
    ::settings::find(key).ok_or_else(|| {
        Failure::new(FailureKind::Request, format!("there is no setting {key:?}"))
            .with_hint("`posthold settings list` shows the settings.")
    })
}

fn shown(setting: &Setting, values: &Values) -> SettingShown {
    SettingShown {
        key: setting.key.to_owned(),
        value: values.text(setting).to_owned(),
        default: setting.default.to_owned(),
        is_set: values.is_set(setting),
        applies: setting.applies.name(),
        doc: setting.doc.to_owned(),
    }
}

/// What is insecure about a server profile. The one place that decides it: run reports, `settings
/// check` and `profile show` all ask here.
pub(super) fn insecure(profile: &Profile) -> Vec<Insecure> {
    let mut found = Vec::new();
    let mut add = |kind, warning: String| {
        let name = profile.name.clone();
        found.push(Insecure { of: "profile".into(), name, kind, warning });
    };
    for (name, half) in profile.halves() {
        let (security, port) = half.resolved();
        let place = format!("the {} server {}:{port}", name.name(), half.host.host);
        if security == Security::Plain {
            let (kind, what) = match is_loopback(&half.host.host) {
                true => (InsecureKind::PlainHere, "is not encrypted; it is on this machine"),
                false => (
                    InsecureKind::Plain,
                    "is not encrypted: passwords and mail can be read on the way",
                ),
            };
            add(kind, format!("The connection to {place} {what}."));
        } else if half.trust == Trust::AcceptAll {
            add(
                InsecureKind::AnyCertificate,
                format!("Any certificate is accepted from {place}: anybody can pretend to be it."),
            );
        }
    }
    found
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    net::Server { host: host.to_owned(), port: 0 }.is_loopback()
}
