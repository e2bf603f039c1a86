//! What is set, as fields and as a file.

use std::fmt::Write;

use ::settings::SETTINGS;
use commands::{
    Failure, Half, HalfName, MailSettings, OutgoingLogin, Profile, Rank, Security, Switch,
    trust_words,
};
use state::State;

use super::fields::Fields;
use super::present::{Kept, Present};
use super::wanted::WantedUser;
use super::{anchor, job, policy};

/// The file.
pub(crate) fn page(state: &State) -> Result<String, Failure> {
    let present = Present::read(state)?;
    let Present { values, users, profiles, jobs, mail: sending, anchors, policies } = present;
    let mut page = String::from("# Posthold: the whole configuration\n");
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
    for it in &users {
        add("[[user]]", &user(&it.into()));
    }
    for (saved, kept) in &profiles {
        add("[[profile]]", &profile(&saved.profile, *kept));
    }
    for (saved, kept) in &jobs {
        add("[[job]]", &job::fields(&saved.job, *kept));
    }
    if let Some((settings, kept)) = &sending {
        add("[mail]", &mail(settings, *kept));
    }
    for it in &anchors {
        add("[[anchor]]", &anchor::fields(&it.name, &it.target, it.every_hours));
    }
    for it in &policies {
        add("[[policy]]", &policy::fields(it));
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

fn rank(fields: &mut Fields, rank: Rank) {
    if rank == Rank::Administrator {
        fields.switch("administrator", true);
    }
}

/// A user.
pub(super) fn user(user: &WantedUser) -> Fields {
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
