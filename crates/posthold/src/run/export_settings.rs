//! `settings export`: what was set, as a TOML file. Secrets are named, never written.

use std::fmt::Write;

use ::settings::SETTINGS;
use commands::{Failure, Half, HalfName, Profile, Security, Switch, trust_words};
use state::{SavedProfile, SecretPlace, State};

use super::{faults, settings as values_of};

/// The file.
pub(super) fn page(state: &State) -> Result<String, Failure> {
    let mut page = String::from("# Posthold: settings and server profiles\n");
    let values = values_of::values(state)?;
    let set: Vec<_> = SETTINGS.iter().filter(|it| values.is_set(it)).collect();
    if !set.is_empty() {
        page.push_str("\n[settings]\n");
    }
    for setting in set {
        line(&mut page, setting.key, &text(values.text(setting)));
    }
    for saved in state.profiles().map_err(|it| faults::state(&it))? {
        profile(&mut page, state, &saved)?;
    }
    Ok(page)
}

fn profile(page: &mut String, state: &State, saved: &SavedProfile) -> Result<(), Failure> {
    let Profile { name, description, switch, limits, .. } = &saved.profile;
    page.push_str("\n[[profile]]\n");
    line(page, "name", &text(name));
    line(page, "description", &text(description));
    line(page, "enabled", &(*switch == Switch::Enabled).to_string());
    line(page, "connections", &limits.connections.to_string());
    if let Some(bytes) = limits.bytes_per_day {
        line(page, "bytes_per_day", &bytes.to_string());
    }
    line(page, "poll_seconds", &limits.poll_every.as_secs_f64().to_string());
    line(page, "pause_first_seconds", &limits.pause_first.as_secs_f64().to_string());
    line(page, "pause_max_seconds", &limits.pause_max.as_secs_f64().to_string());
    for (half_name, it) in saved.profile.halves() {
        let place = SecretPlace::Profile(saved.id, half_name);
        let has_secret = state.has_secret(place).map_err(|it| faults::state(&it))?;
        half(page, name, half_name, it, has_secret);
    }
    Ok(())
}

fn half(page: &mut String, profile: &str, name: HalfName, half: &Half, has_secret: bool) {
    let _ = write!(page, "\n[profile.{}]\n", name.name());
    line(page, "protocol", &text(half.protocol.name()));
    line(page, "host", &text(&half.host.to_string()));
    if let Some(security) = half.security {
        line(page, "security", &text(Security::name(security)));
    }
    line(page, "auth", &text(half.mechanism.name()));
    if let Some(login) = &half.login {
        line(page, "login", &text(login));
    }
    if has_secret {
        // A reference: the file can be shown to anybody, and applied where the secret is kept.
        line(page, "password", &text(&format!("kept:profile/{profile}/{}", name.name())));
    }
    let (trust, trusted) = trust_words(&half.trust);
    line(page, "trust", &text(trust));
    if let Some(trusted) = trusted {
        line(page, "trusted", &text(&trusted));
    }
    if let Some(timeout) = half.timeout {
        line(page, "timeout_seconds", &timeout.as_secs().to_string());
    }
}

fn line(page: &mut String, key: &str, value: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(page, "{key} = {value}");
}

/// A TOML basic string.
fn text(value: &str) -> String {
    let mut quoted = String::from("\"");
    for it in value.chars() {
        match it {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            _ if it.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(it));
            }
            _ => quoted.push(it),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted() {
        assert_eq!(text("a \"b\" \\ \n ü"), r#""a \"b\" \\ \u000A ü""#);
    }
}
