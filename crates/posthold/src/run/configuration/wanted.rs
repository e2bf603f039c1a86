//! What a file says, read and checked as far as that needs nothing but the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use commands::{
    AnchorAdd, Failure, FailureKind, HalfChange, HalfName, Job, MailChange, MailSettings,
    Mechanism, OutgoingLogin, Profile, ProfileChange, Protocol, Rank, Security, Switch, check_name,
    trust_from_words,
};
use state::{SavedPolicy, Standing, User};
use toml::Value;
use types::UserName;

use super::object::Object;
use super::{anchor, job, policy};

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Settings, by key, in the form that is kept.
    pub(super) settings: BTreeMap<String, String>,
    /// Users.
    pub(super) users: Vec<WantedUser>,
    /// Server profiles.
    pub(super) profiles: Vec<WantedProfile>,
    /// Jobs.
    pub(super) jobs: Vec<WantedJob>,
    /// How mail is sent.
    pub(super) mail: Option<WantedMail>,
    /// Anchors.
    pub(super) anchors: Vec<AnchorAdd>,
    /// Retention policies, in order.
    pub(super) policies: Vec<SavedPolicy>,
}

/// How mail is sent, by the file.
#[derive(Debug)]
pub(super) struct WantedMail {
    /// What it says.
    pub(super) settings: MailSettings,
    /// Where the password of the login is.
    pub(super) password: Option<Password>,
}

/// A user of the file.
#[derive(Debug)]
pub(super) struct WantedUser {
    /// The name.
    pub(super) name: UserName,
    /// The full name.
    pub(super) full_name: String,
    /// Whether the user takes part.
    pub(super) switch: Switch,
    /// What the user may do.
    pub(super) rank: Rank,
    /// Addresses, the primary one first.
    pub(super) addresses: Vec<String>,
    /// Aliases.
    pub(super) aliases: Vec<String>,
}

impl From<&User> for WantedUser {
    fn from(user: &User) -> WantedUser {
        WantedUser {
            name: user.name.clone(),
            full_name: user.full_name.clone(),
            switch: match user.standing {
                Standing::Active => Switch::Enabled,
                Standing::Deactivated => Switch::Disabled,
            },
            rank: user.rank,
            addresses: user.addresses.clone(),
            aliases: user.aliases.clone(),
        }
    }
}

/// A server profile of the file.
#[derive(Debug)]
pub(super) struct WantedProfile {
    /// What it says.
    pub(super) profile: Profile,
    /// Where its passwords are.
    pub(super) passwords: Vec<(HalfName, Password)>,
}

/// A job of the file.
#[derive(Debug)]
pub(super) struct WantedJob {
    /// What it says.
    pub(super) job: Job,
    /// Where the password of its account is.
    pub(super) password: Option<Password>,
}

/// Where a password is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Password {
    /// It is kept already.
    Kept,
    /// The first line of this file.
    File(PathBuf),
    /// In this variable of whoever applies the file.
    Environment(String),
}

/// Reads a file. `path` is where it lies: paths in it that are relative begin there.
pub(super) fn read(text: &str, path: &Path) -> Result<Wanted, Failure> {
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let place = error.span().map(|it| line_and_column(text, it.start));
        let place = place.map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
        let message = format!("{}{place}: {}", path.display(), error.message().trim());
        Failure::new(FailureKind::Request, message)
            .with_hint("The file is TOML; `posthold settings export` shows how it looks.")
    })?;
    // What is kept has to be found from anywhere.
    let whole_path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let dir = whole_path.parent().unwrap_or(Path::new(""));
    let within =
        |it: Failure| Failure { message: format!("{}: {}", path.display(), it.message), ..it };
    whole(&mut table, dir).map_err(within)
}

fn whole(table: &mut toml::Table, dir: &Path) -> Result<Wanted, Failure> {
    let mut wanted = Wanted { settings: settings(table.remove("settings"))?, ..Wanted::default() };
    for object in objects(table, "user")? {
        wanted.users.push(user(object)?);
    }
    for object in objects(table, "profile")? {
        wanted.profiles.push(profile(object, dir)?);
    }
    for object in objects(table, "job")? {
        wanted.jobs.push(job::read(object, dir)?);
    }
    wanted.mail = match table.remove("mail") {
        None => None,
        Some(Value::Table(table)) => Some(mail(table, dir)?),
        Some(_) => {
            let message = "mail: write [mail] before it, once";
            return Err(Failure::new(FailureKind::Request, message));
        }
    };
    for object in objects(table, "anchor")? {
        wanted.anchors.push(anchor::read(object, dir)?);
    }
    for object in objects(table, "policy")? {
        wanted.policies.push(policy::read(object)?);
    }
    if let Some(key) = table.keys().next() {
        let message = format!("{key}: there is no such part of the configuration");
        return Err(Failure::new(FailureKind::Request, message).with_hint(
            "Its parts are [settings], [[user]], [[profile]], [[job]], [mail], [[anchor]] and \
                 [[policy]].",
        ));
    }
    Ok(wanted)
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// The objects of a kind, each name once.
fn objects(table: &mut toml::Table, kind: &'static str) -> Result<Vec<Object>, Failure> {
    let wrong = |message: String| Failure::new(FailureKind::Request, message);
    let tables = match table.remove(kind) {
        None => return Ok(Vec::new()),
        Some(Value::Array(tables)) => tables,
        Some(_) => return Err(wrong(format!("{kind}: write [[{kind}]] before each one"))),
    };
    let mut objects = Vec::new();
    let mut names = BTreeSet::new();
    for (place, value) in (1..).zip(tables) {
        let Value::Table(table) = value else {
            return Err(wrong(format!("{kind}: write [[{kind}]] before each one")));
        };
        let object = Object::new(kind, table, place)?;
        if !names.insert(object.name().to_owned()) {
            return Err(wrong(format!("the {kind} {:?} stands there twice", object.name())));
        }
        objects.push(object);
    }
    Ok(objects)
}

fn settings(value: Option<Value>) -> Result<BTreeMap<String, String>, Failure> {
    let wrong = |message: String| Failure::new(FailureKind::Request, message);
    let table = match value {
        None => return Ok(BTreeMap::new()),
        Some(Value::Table(table)) => table,
        Some(_) => return Err(wrong("settings: write [settings] before them".to_owned())),
    };
    let mut set = BTreeMap::new();
    for (key, value) in table {
        let setting = ::settings::find(&key).ok_or_else(|| {
            wrong(format!("there is no setting {key:?}"))
                .with_hint("`posthold settings list` shows the settings.")
        })?;
        let text = match value {
            Value::String(text) => text,
            Value::Boolean(is_on) => if is_on { "on" } else { "off" }.to_owned(),
            other => other.to_string(),
        };
        let kept = setting.check(&text).map_err(|it| wrong(format!("settings: {it}")))?;
        set.insert(key, kept);
    }
    Ok(set)
}

/// Whether something may be used; it may when the key is not there.
pub(super) fn switch(object: &mut Object, key: &str) -> Result<Switch, Failure> {
    Ok(match object.switch(key)? {
        None | Some(true) => Switch::Enabled,
        Some(false) => Switch::Disabled,
    })
}

fn user(mut object: Object) -> Result<WantedUser, Failure> {
    let name = UserName::new(object.name()).map_err(|it| object.wrong("name", it))?;
    let user = WantedUser {
        name,
        full_name: object.text("full_name")?.unwrap_or_default(),
        switch: switch(&mut object, "active")?,
        rank: match object.switch("administrator")? {
            Some(true) => Rank::Administrator,
            None | Some(false) => Rank::Ordinary,
        },
        addresses: object.list("addresses")?.unwrap_or_default(),
        aliases: object.list("aliases")?.unwrap_or_default(),
    };
    for (key, list) in [("addresses", &user.addresses), ("aliases", &user.aliases)] {
        for address in list {
            super::super::users::check_address(address)
                .map_err(|it| object.wrong(key, it.message))?;
        }
    }
    object.end()?;
    Ok(user)
}

fn profile(mut object: Object, dir: &Path) -> Result<WantedProfile, Failure> {
    check_name(object.name()).map_err(|it| object.about(it))?;
    let switch = switch(&mut object, "enabled")?;
    let mut change = ProfileChange {
        description: object.text("description")?,
        connections: object.whole("connections")?,
        bytes_per_day: object.whole("bytes_per_day")?.map(Some),
        poll_every: object.seconds("poll_seconds")?,
        pause_first: object.seconds("pause_first_seconds")?,
        pause_max: object.seconds("pause_max_seconds")?,
        ..ProfileChange::default()
    };
    change.outgoing_login = object.switch("same_for_outgoing")?.map(|it| match it {
        true => OutgoingLogin::Same,
        false => OutgoingLogin::Own,
    });
    let mut passwords = Vec::new();
    for name in [HalfName::Incoming, HalfName::Outgoing] {
        if !object.has(name.name()) {
            continue;
        }
        let (half, password) = half(&mut object, name.name(), dir)?;
        passwords.extend(password.map(|it| (name, it)));
        match name {
            HalfName::Incoming => change.incoming = half,
            HalfName::Outgoing => change.outgoing = half,
        }
    }
    let profile = change.begin(object.name()).map_err(|it| object.about(it))?;
    object.end()?;
    Ok(WantedProfile { profile: Profile { switch, ..profile }, passwords })
}

fn mail(mut table: toml::Table, dir: &Path) -> Result<WantedMail, Failure> {
    // It is the only one, and what is wrong with it is told as of all others.
    table.insert("name".to_owned(), Value::String(MAIL_NAME.to_owned()));
    let mut object = Object::new("mail", table, 1)?;
    let (server, password) = half(&mut object, "server", dir)?;
    let change = MailChange {
        server,
        port: None,
        sender_name: object.text("sender_name")?,
        sender_address: object.text("sender")?,
        alerts_to: object.list("alerts_to")?,
        daily_to: object.list("daily_to")?,
    };
    let settings = change.apply(None).map_err(|it| object.about(it))?;
    super::super::mail::check_addresses(&settings).map_err(|it| object.about(it))?;
    object.end()?;
    Ok(WantedMail { settings, password })
}

/// What the one way of sending mail is called in plans.
pub(super) const MAIL_NAME: &str = "outgoing mail";

fn half(
    object: &mut Object,
    name: &str,
    dir: &Path,
) -> Result<(HalfChange, Option<Password>), Failure> {
    let key = |it: &str| format!("{name}.{it}");
    let host = match object.text(&key("host"))? {
        None => None,
        Some(text) => Some(text.parse().map_err(|it| object.wrong(&key("host"), it))?),
    };
    let trusted = object.text(&key("trusted"))?;
    let what = "system, ca_file, fingerprint or accept_all; the second and third need `trusted`";
    let trust = object.word(&key("trust"), what, |it| trust_from_words(it, trusted))?;
    let half = HalfChange {
        protocol: object.word(&key("protocol"), "imap, pop3 or smtp", Protocol::from_name)?,
        host,
        security: object
            .word(&key("security"), "tls, starttls or plain", Security::from_name)?
            .map(Some),
        mechanism: object.word(&key("auth"), "a mechanism", Mechanism::from_name)?,
        login: object.text(&key("login"))?.map(Some),
        secret: None,
        trust,
        timeout: object.seconds(&key("timeout_seconds"))?.map(Some),
    };
    Ok((half, password(object, &key("password"), dir)?))
}

/// Where the password of a key is: `"kept"`, `{ file = "..." }` or `{ env = "..." }`. A password
/// itself is refused, without repeating it.
pub(super) fn password(
    object: &mut Object,
    key: &str,
    dir: &Path,
) -> Result<Option<Password>, Failure> {
    let (file, env) = (format!("{key}.file"), format!("{key}.env"));
    if let Some(path) = object.text(&file)? {
        return Ok(Some(Password::File(dir.join(path))));
    }
    if let Some(name) = object.text(&env)? {
        return Ok(Some(Password::Environment(name)));
    }
    match object.text(key)?.as_deref() {
        None => Ok(None),
        Some("kept") => Ok(Some(Password::Kept)),
        Some(_) => Err(object.wrong(key, "a password does not stand in the file").with_hint(
            "Write \"kept\" for the one that is kept, { file = \"PATH\" } or { env = \"NAME\" }.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "tests are read more easily")]
    fn check(text: &str, want: Expect) {
        let got = match read(text, Path::new("posthold.toml")) {
            Ok(wanted) => format!("{wanted:#?}"),
            Err(failure) => format!("{}\n{}", failure.message, failure.hint.unwrap_or_default()),
        };
        want.assert_eq(&got);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        check(
            "[settings\n",
            expect![[r#"
            posthold.toml:1:10: unclosed table, expected `]`
            The file is TOML; `posthold settings export` shows how it looks."#]],
        );
        check(
            "[[prof]]\nname = \"a\"",
            expect![[r#"
            posthold.toml: prof: there is no such part of the configuration
            Its parts are [settings], [[user]], [[profile]], [[job]], [mail], [[anchor]] and [[policy]]."#]],
        );
        check(
            "[profile]\nname = \"a\"",
            expect![[r#"
            posthold.toml: profile: write [[profile]] before each one
        "#]],
        );
        check(
            "[[user]]\nname = \"a\"\n[[user]]\nname = \"a\"",
            expect![[r#"
            posthold.toml: the user "a" stands there twice
        "#]],
        );
        check(
            "[[user]]\nname = \"a\"\naddresses = [\"b\"]",
            expect![[r#"
            posthold.toml: user "a", addresses: "b" is no mail address
        "#]],
        );
        check(
            "[settings]\nserver_connections = 0",
            expect![[r#"
            posthold.toml: settings: server_connections is a number from 1 to 1000, not "0"
        "#]],
        );
        check(
            "[[profile]]\nname = \"a\"",
            expect![[r#"
            posthold.toml: server profile "a": there is no host
            Name it with --host [tls:]HOST[:PORT]."#]],
        );
        check(
            "[[profile]]\nname = \"a\"\nincoming.host = \"h:0\"",
            expect![[r#"
            posthold.toml: server profile "a", incoming.host: the port is not a number from 1 to 65535
        "#]],
        );
        check(
            "[[profile]]\nname = \"a\"\nincoming = { host = \"h\", trust = \"x\" }",
            expect![[r#"
            posthold.toml: server profile "a", incoming.trust: "x" is not system, ca_file, fingerprint or accept_all; the second and third need `trusted`
        "#]],
        );
        check(
            "[[profile]]\nname = \"a\"\nincoming = { host = \"h\", login = \"l\", password = \"Pa55\" }",
            expect![[r#"
                posthold.toml: server profile "a", incoming.password: a password does not stand in the file
                Write "kept" for the one that is kept, { file = "PATH" } or { env = "NAME" }."#]],
        );
    }

    #[test]
    fn anchors_and_policies_that_are_wrong_are_named() {
        check(
            "[[anchor]]\nname = \"a\"",
            expect![[r#"
            posthold.toml: anchor "a": it is at one place: to, file or url says where
        "#]],
        );
        check(
            "[[anchor]]\nname = \"a\"\nurl = \"http://t/\"",
            expect![[r#"
            posthold.toml: anchor "a", url: it comes with ca_file or certificates, and without it not
        "#]],
        );
        check(
            "[[anchor]]\nname = \"a\"\nfile = \"f\"\nevery_hours = 0",
            expect![[r#"
                posthold.toml: anchor "a": every_hours is a number from 1 to 8760
            "#]],
        );
        check(
            "[[anchor]]\nname = \"a\"\nto = [\"nobody\"]",
            expect![[r#"
                posthold.toml: anchor "a": "nobody" is no mail address: it has no @
                Write an address as name@example.org."#]],
        );
        check(
            "[[anchor]]\nname = \"a\"\nurl = \"http://t/\"\ncertificates = \"x\"",
            expect![[r#"
                posthold.toml: anchor "a", certificates: there is no certificate of the authority that can be read
            "#]],
        );
        check(
            "[[policy]]\nname = \"a\"\nremove_after = \"1y\"",
            expect![[r#"
                posthold.toml: retention policy "a": it covers what its query says, or with all = true every message
            "#]],
        );
        check(
            "[[policy]]\nname = \"a\"\nall = true",
            expect![[r#"
                posthold.toml: retention policy "a": a policy needs a minimum or a maximum period
                Give --keep, --remove-after, or both: 90d, 2w, 6m, 10y."#]],
        );
        check(
            "[[policy]]\nname = \"a\"\nquery = \"from:bob\"\nkeep = \"soon\"",
            expect![[r#"
                posthold.toml: retention policy "a": "soon" is no period
                Write 90d, 2w, 6m or 10y: days, weeks, months or years."#]],
        );
    }

    #[test]
    fn references_are_read() {
        let text = "[[profile]]\nname = \"a\"\n[profile.incoming]\nhost = \"h\"\nlogin = \"l\"\n\
                    password = { file = \"p\" }";
        let wanted = read(text, Path::new("/etc/posthold.toml")).unwrap();
        let password = Password::File("/etc/p".into());
        assert_eq!(wanted.profiles[0].passwords, [(HalfName::Incoming, password)]);
    }
}
