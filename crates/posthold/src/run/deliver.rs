//! Mail to those who look after the server: written when there is something to tell, kept until a
//! server has taken it.
//!
//! Rules: what happens while a message waits, or beyond the limit of an hour, is told together in
//! the next one; a message that cannot be sent is tried again with a growing pause and never
//! forgotten; a recipient that is refused keeps no other one from getting it; nothing of this ever
//! makes a run fail.

use std::time::Duration;

use ::settings::{ALERT_MAILS_PER_HOUR, DAILY_REPORT_HOUR, RUN_DAYS_KEPT};
use commands::{Failure, Gone, MailSettings, Progress, ProgressSink};
use disk::{OsRandom, SystemClock};
use mail_client::{Letter, Server, Told};
use ports::{Clock, Random};
use reports::mail::{Letter as Written, write};
use reports::{Document, alerts, pacing};
use state::{DueMail, MailPurpose, NewMail, State};
use types::{Secret, Timestamp};

use super::{
    alerts as looking, blocking, daily, faults, mail, ownership, sending, settings as values_of,
    users,
};
use crate::context::{Context, DataDir, Ownership};

/// How long a command that archived may still take to send what it has to tell.
const AFTER_RUN_MAX: Duration = Duration::from_secs(30);

/// Failures after which those who never took a message that others got are given up.
const FAILURES_MAX: u32 = 10;

const HOUR_SECONDS: i64 = 3_600;

/// What was sent, and what was not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Delivered {
    /// Messages that a server took.
    pub(crate) sent: u64,
    /// Messages that wait for another try.
    pub(crate) waiting: u64,
}

/// Looks whether there is something to tell, writes it, and sends what is due. The caller owns the
/// data directory.
pub(crate) async fn deliver_due(context: &Context) -> Result<Delivered, Failure> {
    let (data, source) = (context.data.clone(), context.keys.clone());
    if !data.state().is_file() {
        return Ok(Delivered::default());
    }
    let due = blocking(move || {
        let now = SystemClock.now();
        looking::look(&data, &source, now, looking::Keys::Ours)?;
        let mut state = users::open(&data)?;
        forget(&mut state, now)?;
        let failed = |it| faults::state(&it);
        let Some(settings) = state.mail_settings().map_err(failed)? else { return Ok(None) };
        write_alerts(&mut state, &settings, now)?;
        write_daily(&data, &mut state, &settings, now)?;
        let due = state.due_mail(now).map_err(failed)?;
        if due.is_empty() {
            return Ok(None);
        }
        let login = mail::login(&data, &source, &state, &settings);
        Ok(Some((settings, login, due)))
    })
    .await?;
    let Some((settings, login, due)) = due else { return Ok(Delivered::default()) };
    let answers = match login {
        Ok(login) => send(&settings, login, &due).await,
        Err(failure) => due.iter().map(|_| Err(failure.message.clone())).collect(),
    };
    let data = context.data.clone();
    blocking(move || note(&data, &due, answers)).await
}

/// Tells of a run at its end, when no server does. What goes wrong is in `mail show`. `title` is
/// what ran: others are told that it is at work still.
pub(super) async fn after_run(context: &Context, title: &str) {
    if context.serving.is_some() || context.stop.is_cancelled() || !context.data.state().is_file() {
        return;
    }
    let context = Context { ownership: Ownership::AtOnce, ..context.clone() };
    // Whoever owns it now tells at its own end.
    let Ok(_owned) = ownership::take(&context, title, &Silent).await else { return };
    match tokio::time::timeout(AFTER_RUN_MAX, deliver_due(&context)).await {
        Ok(Ok(delivered)) => tracing::info!(?delivered, "mail"),
        Ok(Err(failure)) => tracing::warn!(failure.message, "mail could not be written or sent"),
        Err(_) => tracing::warn!("the mail server keeps silent; the message is kept"),
    }
}

/// Nobody waits for it.
struct Silent;

impl ProgressSink for Silent {
    fn send(&self, _: Progress) -> Result<(), Gone> {
        Ok(())
    }
}

/// Runs and alerts are kept for a while.
fn forget(state: &mut State, now: Timestamp) -> Result<(), Failure> {
    let days = values_of::values(state)?.number(&RUN_DAYS_KEPT);
    let before = now.plus_days(-i64::try_from(days).unwrap_or(i64::MAX));
    let forgotten = state.forget_runs(before).and_then(|()| state.forget_alerts(before));
    forgotten.map_err(|it| faults::state(&it))
}

fn write_alerts(state: &mut State, settings: &MailSettings, now: Timestamp) -> Result<(), Failure> {
    let failed = |it| faults::state(&it);
    let news = state.untold_alerts().map_err(failed)?;
    if news.is_empty() || settings.alerts_to.is_empty() {
        return Ok(());
    }
    let hour_max = values_of::values(state)?.number(&ALERT_MAILS_PER_HOUR);
    let since = Timestamp(now.0.saturating_sub(HOUR_SECONDS));
    let (waiting, written) = state.mail_counts(MailPurpose::Alerts, since).map_err(failed)?;
    if !pacing::may_write(waiting, written, hour_max) {
        return Ok(());
    }
    let (subject, document) = alerts::alert_letter(&news, &host());
    let ids: Vec<u64> = news.iter().map(|(it, _)| it.id).collect();
    let mail = written_mail(settings, MailPurpose::Alerts, subject, &document, now);
    state.queue_mail(&mail, &ids, now).map_err(failed)?;
    Ok(())
}

/// Writes the daily report when its hour has come and it is not written yet.
fn write_daily(
    data: &DataDir,
    state: &mut State,
    settings: &MailSettings,
    now: Timestamp,
) -> Result<(), Failure> {
    if settings.daily_to.is_empty() {
        return Ok(());
    }
    let hour = values_of::values(state)?.number(&DAILY_REPORT_HOUR);
    let due = pacing::last_daily(now, u8::try_from(hour).unwrap_or(0));
    let failed = |it| faults::state(&it);
    let (_, written) = state.mail_counts(MailPurpose::Daily, due).map_err(failed)?;
    // Who names recipients at noon gets the first report tomorrow.
    let since = state.mail_since().map_err(failed)?;
    if written != 0 || since.is_none_or(|it| due < it) {
        return Ok(());
    }
    let report = daily::report(data, state, due.plus_days(-1), due)?;
    queue_daily(state, settings, &report, now)
}

/// Keeps a daily report to be sent.
pub(super) fn queue_daily(
    state: &mut State,
    settings: &MailSettings,
    report: &commands::DailyReport,
    now: Timestamp,
) -> Result<(), Failure> {
    let (subject, document) = (reports::daily_subject(report), reports::daily_report(report));
    let mail = written_mail(settings, MailPurpose::Daily, subject, &document, now);
    state.queue_mail(&mail, &[], now).map_err(|it| faults::state(&it))?;
    Ok(())
}

fn written_mail(
    settings: &MailSettings,
    purpose: MailPurpose,
    subject: String,
    document: &Document,
    now: Timestamp,
) -> NewMail {
    let recipients = match purpose {
        MailPurpose::Alerts => settings.alerts_to.clone(),
        MailPurpose::Daily => settings.daily_to.clone(),
    };
    let (text, html) = (reports::text(document), reports::html(document));
    let message = write(&Written {
        from: &settings.sender,
        to: &recipients,
        subject: &subject,
        date: now,
        id: &random_id(),
        text: &text,
        html: Some(&html),
    });
    NewMail { purpose, recipients, subject, message }
}

/// The message of `mail test`.
pub(super) fn test_message(settings: &MailSettings, to: &[String]) -> Vec<u8> {
    let host = host();
    let document = Document {
        title: format!("Posthold on {host}"),
        tone: reports::Tone::Good,
        verdict: "Mail from Posthold arrives here.".to_owned(),
        lead: vec!["This is the test message of `posthold mail test`.".to_owned()],
        blocks: Vec::new(),
        foot: "Alerts and the daily report come from the same sender.".to_owned(),
    };
    let (text, html) = (reports::text(&document), reports::html(&document));
    write(&Written {
        from: &settings.sender,
        to,
        subject: &format!("[Posthold {host}] Test message"),
        date: SystemClock.now(),
        id: &random_id(),
        text: &text,
        html: Some(&html),
    })
}

/// The name of this machine, for people.
pub(super) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

fn random_id() -> String {
    let mut bytes = [0; 12];
    OsRandom.fill(&mut bytes);
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

/// What became of a text that was sent at once.
pub(super) struct Taken {
    /// Whether a server took it for anybody.
    pub(super) by_anybody: bool,
    /// Why somebody does not get it.
    pub(super) why: Option<String>,
}

/// Sends a text to people now, and keeps nothing of it.
pub(super) async fn send_text(
    settings: &MailSettings,
    login: Option<(String, Secret)>,
    to: &[String],
    subject: &str,
    text: &str,
) -> Taken {
    let from = &settings.sender;
    let (id, date) = (random_id(), SystemClock.now());
    let message = write(&Written { from, to, subject, date, id: &id, text, html: None });
    let recipients = to.to_vec();
    let mail = DueMail { id: 0, recipients, message, accepted: false, failures: FAILURES_MAX };
    let answer = send(settings, login, std::slice::from_ref(&mail)).await.pop();
    match judge(&mail, answer.unwrap_or_else(|| Err("nothing was sent".to_owned()))) {
        Fate::Sent(why) => Taken { by_anybody: true, why },
        Fate::Partly(_, why) => Taken { by_anybody: true, why: Some(why) },
        Fate::Waits(why) => Taken { by_anybody: false, why: Some(why) },
    }
}

/// What became of a message: for each recipient, or why it could not even be tried.
type Answer = Result<Vec<Told>, String>;

/// Sends messages over one session. After an error the rest waits for another one.
async fn send(
    settings: &MailSettings,
    login: Option<(String, Secret)>,
    due: &[DueMail],
) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    let (_, port) = settings.server.resolved();
    let server = Server { host: settings.server.host.host.clone(), port };
    let connected = async {
        let account = sending::account(&settings.server, server, login)?;
        account.open().await.map_err(|it| faults::source(&it))
    };
    let mut connection = match connected.await {
        Ok(connection) => connection,
        Err(failure) => return due.iter().map(|_| Err(failure.message.clone())).collect(),
    };
    for it in due {
        let sender = &settings.sender.addr;
        let letter = Letter { sender, recipients: &it.recipients, message: &it.message };
        match connection.send(&letter).await {
            Ok(told) => answers.push(Ok(told)),
            Err(error) => {
                let why = faults::source(&error).message;
                answers.resize(due.len(), Err(why));
                return answers;
            }
        }
    }
    connection.close().await;
    answers
}

/// Keeps what became of each message.
fn note(data: &DataDir, due: &[DueMail], answers: Vec<Answer>) -> Result<Delivered, Failure> {
    let mut state = users::open(data)?;
    let mut delivered = Delivered::default();
    let now = SystemClock.now();
    for (mail, answer) in due.iter().zip(answers) {
        let next_try = pacing::next_try(mail.failures.saturating_add(1), now);
        let noted = match judge(mail, answer) {
            Fate::Sent(refused) => {
                delivered.sent += 1;
                state.mail_sent(mail.id, refused.as_deref(), now)
            }
            Fate::Partly(remaining, why) => {
                delivered.sent += 1;
                state.mail_partly_sent(mail.id, &remaining, &why, next_try)
            }
            Fate::Waits(why) => {
                tracing::warn!(why, "a message waits");
                delivered.waiting += 1;
                state.mail_failed(mail.id, &why, next_try)
            }
        };
        noted.map_err(|it| faults::state(&it))?;
    }
    Ok(delivered)
}

/// What becomes of a message in the queue.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Fate {
    /// It is sent; and for whom it was refused for good.
    Sent(Option<String>),
    /// Some have it, these are to get it later; why.
    Partly(Vec<String>, String),
    /// Nobody has it; why.
    Waits(String),
}

fn judge(mail: &DueMail, answer: Answer) -> Fate {
    let told = match answer {
        Ok(told) => told,
        Err(why) if mail.accepted && FAILURES_MAX <= mail.failures => return Fate::Sent(Some(why)),
        Err(why) if mail.accepted => return Fate::Partly(mail.recipients.clone(), why),
        Err(why) => return Fate::Waits(why),
    };
    let (mut accepted, mut later, mut why) = (mail.accepted, Vec::new(), Vec::new());
    for (recipient, told) in mail.recipients.iter().zip(told) {
        match told {
            Told::Accepted(_) => accepted = true,
            Told::Later { text, .. } => {
                later.push(recipient.clone());
                why.push(format!("{recipient}: {text}, for now"));
            }
            Told::Refused(text) => why.push(format!("{recipient}: {text}")),
        }
    }
    let why = why.join("; ");
    match (accepted, later.is_empty()) {
        (false, _) => Fate::Waits(why),
        (true, false) if mail.failures < FAILURES_MAX => Fate::Partly(later, why),
        (true, _) => Fate::Sent((!why.is_empty()).then_some(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(accepted: bool, failures: u32) -> DueMail {
        let recipients = vec!["a@x".to_owned(), "b@x".to_owned()];
        DueMail { id: 1, recipients, message: Vec::new(), accepted, failures }
    }

    #[test]
    fn what_becomes_of_a_message() {
        let ok = || Told::Accepted("ok".into());
        let later = || Told::Later { text: "450 wait".into(), after: None };
        let no = || Told::Refused("550 no".into());
        let b = vec!["b@x".to_owned()];
        let cases = [
            (mail(false, 0), Ok(vec![ok(), ok()]), Fate::Sent(None)),
            (mail(false, 0), Ok(vec![ok(), no()]), Fate::Sent(Some("b@x: 550 no".into()))),
            (
                mail(false, 0),
                Ok(vec![ok(), later()]),
                Fate::Partly(b.clone(), "b@x: 450 wait, for now".into()),
            ),
            (
                mail(false, 10),
                Ok(vec![ok(), later()]),
                Fate::Sent(Some("b@x: 450 wait, for now".into())),
            ),
            (
                mail(false, 99),
                Ok(vec![no(), later()]),
                Fate::Waits("a@x: 550 no; b@x: 450 wait, for now".into()),
            ),
            (mail(false, 99), Err("refused".into()), Fate::Waits("refused".into())),
            (mail(true, 99), Err("refused".into()), Fate::Sent(Some("refused".into()))),
        ];
        for (mail, answer, want) in cases {
            assert_eq!(judge(&mail, answer.clone()), want, "{answer:?}");
        }
    }
}
