//! What is set, as fields and as a file.

use std::fmt::Write;

use ::settings::SETTINGS;
use commands::{
    Failure, Half, HalfName, MailSettings, OutgoingLogin, Profile, Rank, Security, Switch,
    trust_words,
};
use state::{SavedProfile, SecretPlace, Standing, State, User};

use super::super::{faults, settings as values_of};
use super::fields::Fields;
use super::job;
use super::wanted::WantedUser;

/// Whether a password is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kept {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// The file.
pub(crate) fn page(state: &State) -> Result<String, Failure> {
    let failed = |it| faults::state(&it);
    let mut page = String::from("# Posthold: settings, users, server profiles and jobs\n");
    let values = values_of::values(state)?;
    let mut set = Fields::default();
    for setting in SETTINGS.iter().filter(|it| values.is_set(it)) {
        set.text(setting.key, values.text(setting));
    }
    let mut add = |head: &str, fields: &Fields| {
        // Writing to a string does not fail.
        let _ = write!(page, "\n{head}\n{fields}");
    };
    if set != Fields::default() {
        add("[settings]", &set);
    }
    for it in state.users().map_err(failed)? {
        add("[[user]]", &user(&it));
    }
    for saved in state.profiles().map_err(failed)? {
        add("[[profile]]", &saved_profile(state, &saved)?);
    }
    for saved in state.jobs().map_err(failed)? {
        let kept = match state.has_secret(SecretPlace::Job(saved.id)).map_err(failed)? {
            true => Kept::Yes,
            false => Kept::No,
        };
        add("[[job]]", &job::fields(&saved.job, kept));
    }
    if let Some(settings) = state.mail_settings().map_err(failed)? {
        let kept = match state.has_secret(SecretPlace::Mail).map_err(failed)? {
            true => Kept::Yes,
            false => Kept::No,
        };
        add("[mail]", &mail(&settings, kept));
    }
    Ok(page)
}

/// How mail is sent.
pub(super) fn mail(settings: &MailSettings, kept: Kept) -> Fields {
    let mut fields = Fields::default();
    half(&mut fields, "server", &settings.server, kept);
    fields.text("sender", &settings.sender.addr);
    fields.text_unless_empty("sender_name", &settings.sender.name);
    fields.list("alerts_to", &settings.alerts_to);
    fields.list("daily_to", &settings.daily_to);
    fields
}

/// A user.
pub(super) fn user(user: &User) -> Fields {
    let mut fields = Fields::default();
    fields.text("name", user.name.as_str());
    fields.text_unless_empty("full_name", &user.full_name);
    if user.standing == Standing::Deactivated {
        fields.switch("active", false);
    }
    rank(&mut fields, user.rank);
    fields.list("addresses", &user.addresses);
    fields.list("aliases", &user.aliases);
    fields
}

fn rank(fields: &mut Fields, rank: Rank) {
    if rank == Rank::Administrator {
        fields.switch("administrator", true);
    }
}

/// A user of a file.
pub(super) fn wanted_user(user: &WantedUser) -> Fields {
    let WantedUser { name, full_name, switch, rank: may, addresses, aliases } = user;
    let mut fields = Fields::default();
    fields.text("name", name.as_str());
    fields.text_unless_empty("full_name", full_name);
    if *switch == Switch::Disabled {
        fields.switch("active", false);
    }
    rank(&mut fields, *may);
    fields.list("addresses", addresses);
    fields.list("aliases", aliases);
    fields
}

/// A profile that is kept.
pub(super) fn saved_profile(state: &State, saved: &SavedProfile) -> Result<Fields, Failure> {
    let mut kept = [(HalfName::Incoming, Kept::No), (HalfName::Outgoing, Kept::No)];
    for (half, kept) in &mut kept {
        let place = SecretPlace::Profile(saved.id, *half);
        if state.has_secret(place).map_err(|it| faults::state(&it))? {
            *kept = Kept::Yes;
        }
    }
    Ok(profile(&saved.profile, kept))
}

/// A profile.
pub(super) fn profile(profile: &Profile, kept: [(HalfName, Kept); 2]) -> Fields {
    let Profile { name, description, switch, limits, outgoing_login, .. } = profile;
    let mut fields = Fields::default();
    fields.text("name", name);
    fields.text_unless_empty("description", description);
    if *switch == Switch::Disabled {
        fields.switch("enabled", false);
    }
    fields.whole("connections", limits.connections.into());
    if let Some(bytes) = limits.bytes_per_day {
        fields.whole("bytes_per_day", bytes);
    }
    fields.seconds("poll_seconds", limits.poll_every);
    fields.seconds("pause_first_seconds", limits.pause_first);
    fields.seconds("pause_max_seconds", limits.pause_max);
    if *outgoing_login == OutgoingLogin::Own {
        fields.switch("same_for_outgoing", false);
    }
    for (name, it) in profile.halves() {
        let kept = kept.contains(&(name, Kept::Yes));
        half(&mut fields, name.name(), it, if kept { Kept::Yes } else { Kept::No });
    }
    fields
}

fn half(fields: &mut Fields, name: &str, half: &Half, kept: Kept) {
    let key = |it: &str| format!("{name}.{it}");
    fields.text(key("protocol"), half.protocol.name());
    fields.text(key("host"), half.host.to_string());
    fields.text_if(key("security"), half.security.map(Security::name));
    fields.text(key("auth"), half.mechanism.name());
    fields.text_if(key("login"), half.login.as_deref());
    if kept == Kept::Yes {
        // A reference: the file can be shown to anybody, and applied where the secret is kept.
        fields.text(key("password"), "kept");
    }
    let (trust, trusted) = trust_words(&half.trust);
    fields.text(key("trust"), trust);
    fields.text_if(key("trusted"), trusted.as_deref());
    if let Some(timeout) = half.timeout {
        fields.seconds(key("timeout_seconds"), timeout);
    }
}
