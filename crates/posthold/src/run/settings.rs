//! `settings ...`, and what is insecure.

use ::settings::{SETTINGS, Setting, Values};
use commands::{
    AdminAnswer, Answer, Failure, FailureKind, ProgressSink, SettingShown, SettingsRequest,
};
use state::State;

pub(super) use super::insecure::{is_loopback, of_profile as insecure};
use super::{approvals, blocking, configuration, faults, insecure, ownership, users};
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
            approvals::check_setting(&state, setting.key, value.as_deref())?;
            state.set_value(setting.key, value.as_deref()).map_err(|it| faults::state(&it))?;
            AdminAnswer::Setting(shown(setting, &values(&state)?))
        }
        SettingsRequest::Export => {
            let state = users::open_for_reading(data)?;
            AdminAnswer::Export(configuration::page(&state)?)
        }
        SettingsRequest::Check => {
            let state = users::open_for_reading(data)?;
            AdminAnswer::Insecure(insecure::all(&state)?)
        }
    })
}

/// The values that count in a data directory, which may be empty.
pub(super) fn of_data_dir(data: &DataDir) -> Result<Values, Failure> {
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
