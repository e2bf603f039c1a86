//! What a file changes: a value, made before anything is changed.

use std::collections::BTreeSet;

use ::settings::SETTINGS;
use commands::{
    AnchorAdd, FieldChange, HalfName, Job, MailSettings, PlanAction, Planned, Profile, Switch,
    Unnamed,
};
use state::{JobId, ProfileId, SavedPolicy, Standing, UserChange};
use types::{Secret, UserName};

use super::present::{Kept, Present};
use super::wanted::{MAIL_NAME, Wanted, WantedJob, WantedProfile, WantedUser};
use super::{anchor, export, job, policy};

/// Passwords of a profile that the file gives and that are not the ones kept.
pub(super) type NewPasswords = Vec<(HalfName, Secret)>;

/// Passwords that the file gives and that are not the ones kept, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Passwords {
    /// Of each profile.
    pub(super) profiles: Vec<NewPasswords>,
    /// Of each job.
    pub(super) jobs: Vec<Option<Secret>>,
    /// Of outgoing mail.
    pub(super) mail: Option<Secret>,
}

/// A step with what it needs.
#[derive(Debug)]
pub(super) struct Step {
    /// As it is shown.
    pub(super) shown: Planned,
    /// What is done.
    pub(super) deed: Deed,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Deed {
    /// Sets a setting, or takes it back to its default.
    Setting(&'static str, Option<String>),
    /// Makes a user.
    AddUser(UserName, UserChange),
    /// Changes a user.
    ChangeUser(UserName, UserChange),
    /// Keeps a profile: a new one, or that of this id.
    Profile(Option<ProfileId>, Box<Profile>, NewPasswords),
    /// Keeps a job: a new one, or that of this id.
    Job(Option<JobId>, Box<Job>, Option<Secret>),
    /// Keeps how mail is sent.
    Mail(Box<MailSettings>, Option<Secret>),
    /// Sends no mail any more.
    RemoveMail,
    /// Makes an anchor.
    AddAnchor(Box<AnchorAdd>),
    /// Changes an anchor.
    ChangeAnchor(Box<AnchorAdd>),
    /// Lets an anchor go.
    RemoveAnchor(String),
    /// Keeps all retention policies, at once: a list of which a part is new would decide over
    /// messages in a way that nobody wanted.
    Policies(Vec<SavedPolicy>),
    /// Was done with [`Deed::Policies`].
    WithPolicies,
    /// Removes a job.
    RemoveJob(String),
    /// Removes a profile.
    RemoveProfile(String),
}

/// The plan.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Its steps, in order.
    pub(super) steps: Vec<Step>,
    /// What stays although the file does not name it.
    pub(super) unnamed: Vec<(&'static str, String)>,
    /// What deserves attention: sentences.
    pub(super) warnings: Vec<String>,
}

impl Plan {
    /// What makes `present` what `wanted` says.
    pub(super) fn new(
        present: &Present,
        wanted: &Wanted,
        passwords: Passwords,
        unnamed: Unnamed,
    ) -> Plan {
        let mut plan = Plan::default();
        plan.settings(present, wanted, unnamed);
        for user in &wanted.users {
            plan.user(present, user);
        }
        for (wanted, new) in wanted.profiles.iter().zip(passwords.profiles) {
            plan.profile(present, wanted, new);
        }
        for (wanted, new) in wanted.jobs.iter().zip(passwords.jobs) {
            plan.job(present, wanted, new);
        }
        plan.mail(present, wanted, passwords.mail, unnamed);
        plan.anchors(present, wanted, unnamed);
        plan.policies(present, wanted, unnamed);
        plan.rest(present, wanted, unnamed);
        plan
    }

    fn anchors(&mut self, present: &Present, wanted: &Wanted, unnamed: Unnamed) {
        for it in &wanted.anchors {
            let found = present.anchors.iter().find(|that| that.name == it.name);
            let before = found.map(|it| anchor::fields(&it.name, &it.target, it.every_hours));
            let after = anchor::fields(&it.name, &it.target, it.every_hours);
            let fields = before.unwrap_or_default().differences(&after);
            let (action, deed) = match found {
                None => (PlanAction::Create, Deed::AddAnchor(Box::new(it.clone()))),
                Some(_) => (PlanAction::Change, Deed::ChangeAnchor(Box::new(it.clone()))),
            };
            if !fields.is_empty() {
                let change = Change { fields, applies: "none", deed };
                self.push(action, "anchor", &it.name, change);
            }
        }
        let is_named = |name: &str| wanted.anchors.iter().any(|it| it.name == name);
        for it in present.anchors.iter().filter(|it| !is_named(&it.name)) {
            if unnamed == Unnamed::Stays {
                self.unnamed.push(("anchor", it.name.clone()));
                continue;
            }
            let deed = Deed::RemoveAnchor(it.name.clone());
            let change = Change { fields: Vec::new(), applies: "none", deed };
            self.push(PlanAction::Remove, "anchor", &it.name, change);
        }
    }

    fn policies(&mut self, present: &Present, wanted: &Wanted, unnamed: Unnamed) {
        let (after, steps) = policy::list(&present.policies, &wanted.policies, unnamed);
        let is_named = |name: &str| wanted.policies.iter().any(|it| it.name == name);
        if unnamed == Unnamed::Stays {
            let rest = present.policies.iter().filter(|it| !is_named(&it.name));
            self.unnamed.extend(rest.map(|it| ("policy", it.name.clone())));
        }
        let mut all = Some(after);
        for it in steps {
            let deed = all.take().map_or(Deed::WithPolicies, Deed::Policies);
            let change = Change { fields: it.fields, applies: "none", deed };
            self.push(it.action, "policy", &it.name, change);
        }
    }

    fn mail(&mut self, present: &Present, wanted: &Wanted, new: Option<Secret>, unnamed: Unnamed) {
        let found = present.mail.as_ref();
        let before_kept = found.map_or(Kept::No, |(_, kept)| *kept);
        let Some(after) = wanted.mail.as_ref().map(|it| &it.settings) else {
            match (found, unnamed) {
                (None, _) => (),
                (Some(_), Unnamed::Stays) => self.unnamed.push(("mail", MAIL_NAME.to_owned())),
                (Some(_), _) => {
                    let (fields, deed) = (Vec::new(), Deed::RemoveMail);
                    let change = Change { fields, applies: "none", deed };
                    self.push(PlanAction::Remove, "mail", MAIL_NAME, change);
                }
            }
            return;
        };
        let has_login = after.server.login.is_some();
        let is_kept = has_login && (new.is_some() || before_kept == Kept::Yes);
        let after_kept = if is_kept { Kept::Yes } else { Kept::No };
        let before = found.map(|(it, kept)| export::mail(it, *kept)).unwrap_or_default();
        let mut fields = before.differences(&export::mail(after, after_kept));
        if new.is_some() && before_kept == Kept::Yes {
            fields.push(another_password("server.password".to_owned()));
        }
        if has_login && !is_kept {
            self.warnings.push(
                "The login for outgoing mail has no password: name one with { file = \"PATH\" }, \
                 or give it with `posthold mail set`."
                    .to_owned(),
            );
        }
        if fields.is_empty() {
            return;
        }
        let action = if found.is_some() { PlanAction::Change } else { PlanAction::Create };
        let deed = Deed::Mail(Box::new(after.clone()), new);
        self.push(action, "mail", MAIL_NAME, Change { fields, applies: "none", deed });
    }

    fn push(&mut self, action: PlanAction, kind: &'static str, name: &str, change: Change) {
        let Change { fields, applies, deed } = change;
        let shown = Planned { action, kind, name: name.to_owned(), fields, applies };
        self.steps.push(Step { shown, deed });
    }

    fn settings(&mut self, present: &Present, wanted: &Wanted, unnamed: Unnamed) {
        for setting in SETTINGS {
            let key = setting.key;
            let is_set = present.values.is_set(setting);
            let before = is_set.then(|| present.values.text(setting).to_owned());
            let after = wanted.settings.get(key).cloned();
            if after.is_none() && unnamed == Unnamed::Stays {
                self.unnamed.extend(before.map(|_| ("setting", key.to_owned())));
                continue;
            }
            if before == after {
                continue;
            }
            let field = FieldChange { key: "value".to_owned(), before, after: after.clone() };
            let deed = Deed::Setting(key, after);
            let change = Change { fields: vec![field], applies: setting.applies.name(), deed };
            self.push(PlanAction::Change, "setting", key, change);
        }
    }

    fn user(&mut self, present: &Present, wanted: &WantedUser) {
        let standing = match wanted.switch {
            Switch::Enabled => Standing::Active,
            Switch::Disabled => Standing::Deactivated,
        };
        let change = UserChange {
            full_name: Some(wanted.full_name.clone()),
            standing: Some(standing),
            rank: Some(wanted.rank),
            addresses: Some(wanted.addresses.clone()),
            aliases: Some(wanted.aliases.clone()),
        };
        let found = present.users.iter().find(|it| it.name == wanted.name);
        let before = found.map(|it| export::user(&WantedUser::from(it)));
        let after = export::user(wanted);
        let name = wanted.name.clone();
        let (action, deed) = match found {
            None => (PlanAction::Create, Deed::AddUser(name, change)),
            Some(_) => (PlanAction::Change, Deed::ChangeUser(name, change)),
        };
        let fields = before.unwrap_or_default().differences(&after);
        if !fields.is_empty() {
            let change = Change { fields, applies: "none", deed };
            self.push(action, "user", wanted.name.as_str(), change);
        }
    }

    fn profile(&mut self, present: &Present, wanted: &WantedProfile, new: NewPasswords) {
        let name = &wanted.profile.name;
        let found = present.profiles.iter().find(|(it, _)| it.profile.name == *name);
        let before_kept = found.map_or(NONE_KEPT, |(_, kept)| *kept);
        let after_kept = before_kept.map(|(half, kept)| {
            let has_login =
                wanted.profile.halves().any(|(it, that)| it == half && that.login.is_some());
            let is_new = new.iter().any(|(it, _)| *it == half);
            (half, if has_login && (is_new || kept == Kept::Yes) { Kept::Yes } else { Kept::No })
        });
        let before = found.map(|(it, kept)| export::profile(&it.profile, *kept));
        let after = export::profile(&wanted.profile, after_kept);
        let mut fields = before.unwrap_or_default().differences(&after);
        for (half, _) in &new {
            if before_kept.contains(&(*half, Kept::Yes)) {
                fields.push(another_password(format!("{}.password", half.name())));
            }
        }
        for (half, it) in wanted.profile.halves() {
            if it.login.is_some() && after_kept.contains(&(half, Kept::No)) {
                self.warnings.push(format!(
                    "The {} login of the server profile {name} has no password: name one with \
                     {{ file = \"PATH\" }}, or give it with `posthold profile set`.",
                    half.name()
                ));
            }
        }
        if fields.is_empty() {
            return;
        }
        let action = if found.is_some() { PlanAction::Change } else { PlanAction::Create };
        let id = found.map(|(it, _)| it.id);
        let deed = Deed::Profile(id, Box::new(wanted.profile.clone()), new);
        self.push(action, "profile", name, Change { fields, applies: "part", deed });
    }

    fn job(&mut self, present: &Present, wanted: &WantedJob, new: Option<Secret>) {
        let WantedJob { job: after, .. } = wanted;
        let found = present.jobs.iter().find(|(it, _)| it.job.name == after.name);
        let (id, before_kept) = found.map_or((None, Kept::No), |(it, kept)| (Some(it.id), *kept));
        let after_kept = match after.source.may_keep_secret() {
            true if new.is_some() => Kept::Yes,
            true => before_kept,
            false => Kept::No,
        };
        let before = found.map(|(it, kept)| job::fields(&it.job, *kept)).unwrap_or_default();
        let mut fields = before.differences(&job::fields(after, after_kept));
        if new.is_some() && before_kept == Kept::Yes {
            fields.push(another_password("password".to_owned()));
        }
        if after.source.may_keep_secret() && after_kept == Kept::No {
            self.warnings.push(format!(
                "The login of the job {} has no password: name one with {{ file = \"PATH\" }}, or \
                 give it with `posthold job set`.",
                after.name
            ));
        }
        if fields.is_empty() {
            return;
        }
        let action = if found.is_some() { PlanAction::Change } else { PlanAction::Create };
        let deed = Deed::Job(id, Box::new(after.clone()), new);
        self.push(action, "job", &after.name, Change { fields, applies: "part", deed });
    }

    /// What is there and not in the file.
    fn rest(&mut self, present: &Present, wanted: &Wanted, unnamed: Unnamed) {
        for (saved, _) in &present.jobs {
            let name = &saved.job.name;
            if wanted.jobs.iter().any(|it| it.job.name == *name) {
                continue;
            }
            if unnamed == Unnamed::Stays {
                self.unnamed.push(("job", name.clone()));
                continue;
            }
            let deed = Deed::RemoveJob(name.clone());
            let change = Change { fields: Vec::new(), applies: "part", deed };
            self.push(PlanAction::Remove, "job", name, change);
        }
        let named: BTreeSet<&str> =
            wanted.profiles.iter().map(|it| it.profile.name.as_str()).collect();
        for (saved, _) in &present.profiles {
            let name = &saved.profile.name;
            if named.contains(name.as_str()) {
                continue;
            }
            if unnamed == Unnamed::Stays {
                self.unnamed.push(("profile", name.clone()));
                continue;
            }
            let deed = Deed::RemoveProfile(name.clone());
            let change = Change { fields: Vec::new(), applies: "part", deed };
            self.push(PlanAction::Remove, "profile", name, change);
        }
        for user in &present.users {
            let is_named = wanted.users.iter().any(|it| it.name == user.name);
            if is_named || user.standing == Standing::Deactivated {
                continue;
            }
            let name = user.name.clone();
            if unnamed == Unnamed::Stays {
                self.unnamed.push(("user", name.as_str().to_owned()));
                continue;
            }
            let change =
                UserChange { standing: Some(Standing::Deactivated), ..UserChange::default() };
            let deed = Deed::ChangeUser(name.clone(), change);
            let change = Change { fields: Vec::new(), applies: "none", deed };
            self.push(PlanAction::Deactivate, "user", name.as_str(), change);
        }
    }
}

/// The password that is kept is replaced.
fn another_password(key: String) -> FieldChange {
    let (before, after) = (Some("\"kept\"".to_owned()), Some("another one".to_owned()));
    FieldChange { key, before, after }
}

/// No password is kept.
const NONE_KEPT: [(HalfName, Kept); 2] =
    [(HalfName::Incoming, Kept::No), (HalfName::Outgoing, Kept::No)];

/// What a step changes.
struct Change {
    fields: Vec<FieldChange>,
    applies: &'static str,
    deed: Deed,
}
