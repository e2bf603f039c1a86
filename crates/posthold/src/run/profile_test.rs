//! `profile test`: from the name of a host to one message, step by step.
//!
//! Rules: a step that cannot be tried is told as not run, with the reason; nothing is written to
//! the server; the password goes out only after the connection is what the profile asks for.

use commands::{
    AdminAnswer, Failure, FailureKind, Half, HalfName, OutgoingLogin, ProfileTest, Protocol,
    Security, Switch, TestAnswer, TestStep,
};
use mail_client::{
    ImapAccount, ImapGreeted, ImapSettings, Pop3Account, Pop3Greeted, Pop3Settings, Server,
    Timeouts,
};
use net::{Deadlines, NetError, Stream};
use ports::{InFlight, Source, SourceError, Uids};
use state::SecretPlace;
use tokio::sync::mpsc;
use types::Secret;

use super::{archive, blocking, faults, keys, profiles, sending, settings as values_of, users};
use crate::context::Context;

/// The steps, in order.
const STEPS: [&str; 7] = ["resolve", "connect", "tls", "login", "identity", "folders", "fetch"];

/// Bytes of the one message that may be held.
const FETCH_BYTES_MAX: usize = 8 << 20;

/// Tries a profile.
pub(super) async fn test(context: &Context, request: ProfileTest) -> Result<AdminAnswer, Failure> {
    let (data, source) = (context.data.clone(), context.keys.clone());
    let name = request.name.clone();
    let (saved, kept, kept_outgoing) = blocking(move || {
        let state = users::open_for_reading(&data)?;
        let saved = profiles::named(&state, &name)?;
        let kept = |half| -> Result<Option<Secret>, Failure> {
            let place = SecretPlace::Profile(saved.id, half);
            if !state.has_secret(place).map_err(|it| faults::state(&it))? {
                return Ok(None);
            }
            let keys = keys::needed(&data, &source)?;
            state.secret(place, &keys).map_err(|it| faults::state(&it))
        };
        let (incoming, outgoing) = (kept(HalfName::Incoming)?, kept(HalfName::Outgoing)?);
        Ok((saved, incoming, outgoing))
    })
    .await?;
    let account = match (request.account, saved.profile.incoming.login.clone(), kept) {
        (Some(given), _, _) => Some(given),
        (None, Some(login), Some(secret)) => Some((login, secret)),
        (None, _, _) => None,
    };
    let mut warnings: Vec<String> =
        values_of::insecure(&saved.profile).into_iter().map(|it| it.warning).collect();
    if saved.profile.switch == Switch::Disabled {
        warnings.push("The server profile is disabled.".into());
    }
    let login = account.as_ref().map(|(login, _)| login.clone()).unwrap_or_default();
    let domain = login.rsplit_once('@').map(|(_, domain)| domain);
    let profile = &saved.profile;
    let outgoing_login = match profile.outgoing_login {
        OutgoingLogin::Same => account.clone(),
        OutgoingLogin::Own => {
            profile.outgoing.as_ref().and_then(|it| it.login.clone()).zip(kept_outgoing)
        }
    };
    let tried = tried(&profile.incoming, account, None, domain, &mut warnings).await?;
    let mut steps = filled_up(tried);
    if let Some(outgoing) = &profile.outgoing {
        steps.extend(sending::tried(outgoing, outgoing_login, domain, None, &mut warnings).await?);
    }
    let subject = format!("server profile {}", saved.profile.name);
    Ok(AdminAnswer::Test(TestAnswer { subject, steps, warnings }))
}

/// Every step; those behind one that failed were not run.
pub(super) fn filled_up(mut steps: Vec<TestStep>) -> Vec<TestStep> {
    for name in STEPS.iter().skip(steps.len()) {
        steps.push(TestStep::not_run(name, "a step before it failed"));
    }
    steps
}

/// The steps up to the first that failed, or all of them. `whose` is the account whose mailboxes
/// are opened, when it is another; `domain` stands for `^0`.
pub(super) async fn tried(
    half: &Half,
    account: Option<(String, Secret)>,
    whose: Option<String>,
    domain: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<Vec<TestStep>, Failure> {
    let mut steps = Vec::new();
    let (security, port) = half.resolved();
    let Some(host) = half.host.host_for(domain) else {
        let hint = "Name an account with --login whose domain can stand for it.".to_owned();
        steps.push(TestStep::failure("resolve", "^0 stands for no domain here", Some(hint)));
        return Ok(steps);
    };
    let server = Server { host, port };
    match net::resolve(&server).await {
        Ok(found) => {
            let addresses: Vec<String> = found.iter().map(|it| it.ip().to_string()).collect();
            steps.push(TestStep::success("resolve", addresses.join(", ")));
        }
        Err(error) => {
            steps.push(of_net("resolve", &error));
            return Ok(steps);
        }
    }
    if half.protocol == Protocol::Smtp {
        let told = "sending is not tested further yet";
        steps.extend(STEPS.iter().skip(1).map(|it| TestStep::not_run(it, told)));
        return Ok(steps);
    }
    let has_account = account.is_some();
    let account = reached(half, security, server.clone(), account, whose)?;
    let stream = match Stream::connect(&server, account.deadlines()).await {
        Ok(stream) => stream,
        Err(error) => {
            steps.push(of_net("connect", &error));
            return Ok(steps);
        }
    };
    match account.greet_over(stream).await {
        Ok(greeted) => {
            steps.push(TestStep::success("connect", server.to_string()));
            steps.push(match greeted.encryption() {
                Some(encryption) => TestStep::success("tls", encryption),
                None => TestStep::not_run("tls", "the connection is not encrypted"),
            });
            if has_account {
                logged_in(greeted, &account, &mut steps, warnings).await;
            } else {
                let told = "no login is kept or given (--login)";
                steps.extend(STEPS.iter().skip(3).map(|it| TestStep::not_run(it, told)));
            }
        }
        Err(error) if security == Security::Plain => steps.push(of_source("connect", &error)),
        Err(error) => {
            steps.push(TestStep::success("connect", server.to_string()));
            steps.push(of_source("tls", &error));
        }
    }
    Ok(steps)
}

/// An account of one of the protocols that mail is fetched by.
enum Reached {
    Imap(ImapAccount),
    Pop3(Pop3Account),
}

enum Greeted<'a> {
    Imap(ImapGreeted<'a>),
    Pop3(Pop3Greeted<'a>),
}

impl Reached {
    fn deadlines(&self) -> Deadlines {
        match self {
            Reached::Imap(it) => it.deadlines(),
            Reached::Pop3(it) => it.deadlines(),
        }
    }

    async fn greet_over(&self, stream: Stream) -> Result<Greeted<'_>, SourceError> {
        match self {
            Reached::Imap(it) => it.greet_over(stream).await.map(Greeted::Imap),
            Reached::Pop3(it) => it.greet_over(stream).await.map(Greeted::Pop3),
        }
    }

    /// The login that is sent, and the account whose mailboxes are opened.
    fn names(&self) -> (&str, &str) {
        let (login, authzid) = match self {
            Reached::Imap(it) => (&it.settings().login, &it.settings().authzid),
            Reached::Pop3(it) => (&it.settings().login, &it.settings().authzid),
        };
        (login, authzid.as_deref().unwrap_or(login))
    }
}

impl Greeted<'_> {
    fn encryption(&self) -> Option<String> {
        match self {
            Greeted::Imap(it) => it.encryption(),
            Greeted::Pop3(it) => it.encryption(),
        }
    }
}

fn reached(
    half: &Half,
    security: Security,
    server: Server,
    account: Option<(String, Secret)>,
    authzid: Option<String>,
) -> Result<Reached, Failure> {
    let (login, secret) = account.unwrap_or_else(|| (String::new(), Secret::new(String::new())));
    let security = match security {
        Security::Tls => mail_client::Security::ImplicitTls,
        Security::StartTls => mail_client::Security::StartTls,
        Security::Plain => mail_client::Security::Plain,
    };
    let certificates = archive::certificates(&half.trust)?;
    let mechanism = archive::mechanism(half.mechanism);
    let timeouts = half.timeout.map_or_else(Timeouts::default, archive::timeouts);
    let made = if half.protocol == Protocol::Pop3 {
        Pop3Account::new(Pop3Settings {
            server,
            security,
            certificates,
            login,
            authzid,
            secret,
            mechanism,
            timeouts,
        })
        .map(Reached::Pop3)
    } else {
        ImapAccount::new(ImapSettings {
            server,
            security,
            certificates,
            login,
            authzid,
            secret,
            mechanism,
            compress: false,
            timeouts,
        })
        .map(Reached::Imap)
    };
    made.map_err(|it| faults::source(&it))
}

async fn logged_in(
    greeted: Greeted<'_>,
    account: &Reached,
    steps: &mut Vec<TestStep>,
    warnings: &mut Vec<String>,
) {
    let (login, whose) = account.names();
    match greeted {
        Greeted::Imap(greeted) => match greeted.log_in().await {
            Ok(connection) => {
                let described = connection.describe();
                let software =
                    described.software.unwrap_or_else(|| "a server without a name".into());
                let told = format!("{login} at {software}, by {}", described.login);
                steps.push(TestStep::success("login", told));
                read(connection, whose, steps, warnings).await;
            }
            Err(error) => steps.push(of_source("login", &error)),
        },
        Greeted::Pop3(greeted) => match greeted.log_in().await {
            Ok(connection) => {
                steps.push(TestStep::success("login", login));
                read(connection, whose, steps, warnings).await;
            }
            Err(error) => steps.push(of_source("login", &error)),
        },
    }
}

/// The steps behind the login.
async fn read<S: Source>(
    mut connection: S,
    whose: &str,
    steps: &mut Vec<TestStep>,
    warnings: &mut Vec<String>,
) {
    steps.push(TestStep::success("identity", format!("the mailboxes of {whose}")));
    read_one(&mut connection, steps).await;
    for it in connection.warnings() {
        warnings.push(if it.ends_with('.') { it } else { it + "." });
    }
    connection.close().await;
}

/// Lists the folders, and reads one message of the first that has any.
async fn read_one(connection: &mut impl Source, steps: &mut Vec<TestStep>) {
    let mailboxes = match connection.mailboxes().await {
        Ok(mailboxes) => mailboxes,
        Err(error) => {
            steps.push(of_source("folders", &error));
            return;
        }
    };
    let count = mailboxes.len();
    if count == 0 {
        let hint = "The account may have no right to list its folders.".to_owned();
        steps.push(TestStep::failure("folders", "the server lists none", Some(hint)));
        return;
    }
    steps.push(TestStep::success("folders", format!("{count}")));
    let has_mail = |it: &&ports::MailboxInfo| {
        it.selectable && it.status.is_none_or(|status| status.messages != 0)
    };
    let Some(mailbox) = mailboxes.iter().find(has_mail) else {
        steps.push(TestStep::not_run("fetch", "there is no message"));
        return;
    };
    let step = match fetched(connection, mailbox).await {
        Ok(Some(size)) => TestStep::success("fetch", format!("a message of {size} bytes")),
        Ok(None) => TestStep::not_run("fetch", "there is no message"),
        Err(error) => of_source("fetch", &error),
    };
    steps.push(step);
}

async fn fetched(
    connection: &mut impl Source,
    mailbox: &ports::MailboxInfo,
) -> Result<Option<u64>, SourceError> {
    let opened = connection.open(&mailbox.name, None).await?;
    let Uids::All(uids) = opened.uids else { return Ok(None) };
    let Some(uid) = uids.first() else { return Ok(None) };
    let budget = InFlight::new(FETCH_BYTES_MAX);
    let (out, mut came) = mpsc::channel(1);
    let uids = [*uid];
    let fetch = async {
        let answer = connection.fetch(&uids, &budget, &out).await;
        drop(out);
        answer
    };
    let take = async {
        let mut size = None;
        while let Some(message) = came.recv().await {
            size = size.or(Some(measured(message.body).await));
        }
        size
    };
    let (answer, size) = tokio::join!(fetch, take);
    answer.map(|_| size)
}

async fn measured(body: ports::Body) -> u64 {
    match body {
        ports::Body::Whole(bytes) => bytes.len() as u64,
        ports::Body::Nil => 0,
        ports::Body::Pieces(mut pieces) => {
            let mut size = 0;
            while let Some(ports::Piece::Bytes(bytes)) = pieces.recv().await {
                size += bytes.len() as u64;
            }
            size
        }
    }
}

/// A step that failed by an error of the network.
pub(super) fn of_net(name: &'static str, error: &NetError) -> TestStep {
    let message = Failure::chain(FailureKind::Unavailable, error).message;
    TestStep::failure(name, message, error.hint().map(str::to_owned))
}

/// A step that failed by what a server said, or did not say.
pub(super) fn of_source(name: &'static str, error: &SourceError) -> TestStep {
    let failure = faults::source(error);
    TestStep::failure(name, failure.message, failure.hint)
}
