use commands::{HalfChange, MailChange};

use sealing::{KeyRing, SealingKey};

use super::*;

struct Counting;

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for (byte, value) in bytes.iter_mut().zip(1..) {
            *byte = value;
        }
    }
}

fn fresh() -> (tempfile::TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join("state.db")).unwrap();
    (dir, state)
}

fn settings(login: Option<&str>) -> MailSettings {
    let server = HalfChange {
        host: Some("mail.example.org".parse().unwrap()),
        login: Some(login.map(str::to_owned)),
        ..HalfChange::default()
    };
    let change = MailChange {
        server,
        sender_name: Some("Posthold".into()),
        sender_address: Some("archive@example.org".into()),
        alerts_to: Some(vec!["a@example.org".into(), "b@example.org".into()]),
        daily_to: Some(vec!["c@example.org".into()]),
        ..MailChange::default()
    };
    change.apply(None).unwrap()
}

fn mail(purpose: MailPurpose) -> NewMail {
    NewMail {
        purpose,
        recipients: vec!["a@example.org".into(), "b@example.org".into()],
        subject: "Two alerts".into(),
        message: b"Subject: Two alerts\r\n\r\nx".to_vec(),
    }
}

#[test]
fn settings_and_password_are_kept_and_forgotten() {
    let (_dir, mut state) = fresh();
    assert_eq!(state.mail_settings().unwrap(), None);
    let keys = KeyRing::of(SealingKey::random(|it| Counting.fill(it)));
    let secret = Secret::new("hunter2".into());
    let with = settings(Some("archive"));
    state.set_mail_settings(&with, Some((&secret, &keys)), Timestamp(1), &Counting).unwrap();
    assert_eq!(state.mail_settings().unwrap(), Some(with.clone()));
    let kept = state.secret(SecretPlace::Mail, &keys).unwrap().unwrap();
    assert_eq!(kept.declassify(), "hunter2");
    state.set_mail_settings(&with, None, Timestamp(2), &Counting).unwrap();
    assert!(state.has_secret(SecretPlace::Mail).unwrap());
    state.set_mail_settings(&settings(None), None, Timestamp(2), &Counting).unwrap();
    assert!(!state.has_secret(SecretPlace::Mail).unwrap());
    state.remove_mail_settings().unwrap();
    assert_eq!(state.mail_settings().unwrap(), None);
}

#[test]
fn a_message_stays_until_a_server_took_it() {
    let (_dir, mut state) = fresh();
    let id = state.queue_mail(&mail(MailPurpose::Alerts), &[], Timestamp(100)).unwrap();
    assert_eq!(state.mail_counts(MailPurpose::Alerts, Timestamp(50)).unwrap(), (1, 1));
    assert_eq!(state.mail_counts(MailPurpose::Daily, Timestamp(50)).unwrap(), (0, 0));
    assert_eq!(state.due_mail(Timestamp(99)).unwrap(), []);
    let due = state.due_mail(Timestamp(100)).unwrap();
    assert_eq!(due[0].recipients.len(), 2);
    state.mail_failed(id, "connection refused", Timestamp(160)).unwrap();
    assert_eq!(state.due_mail(Timestamp(159)).unwrap(), []);
    let due = state.due_mail(Timestamp(160)).unwrap();
    assert_eq!((due[0].failures, &due[0].message), (1, &mail(MailPurpose::Alerts).message));
    // One of both got it: the other one waits, and keeps nothing else from being written.
    let other = state.queue_mail(&mail(MailPurpose::Alerts), &[], Timestamp(100)).unwrap();
    let b = ["b@example.org".to_owned()];
    state.mail_partly_sent(other, &b, "b: greylisted", Timestamp(900)).unwrap();
    assert_eq!(state.mail_counts(MailPurpose::Alerts, Timestamp(50)).unwrap(), (1, 2));
    let due = state.due_mail(Timestamp(900)).unwrap();
    assert!(due[1].accepted && due[1].recipients == b);
    state.mail_sent(other, Some("b: refused"), Timestamp(110)).unwrap();
    assert_eq!(state.mail_last_refused().unwrap().as_deref(), Some("b: refused"));
    let waiting = state.waiting_mail().unwrap();
    assert_eq!(waiting[0].why.as_deref(), Some("connection refused"));
    // Other settings: it is tried again at once.
    state.set_mail_settings(&settings(None), None, Timestamp(120), &Counting).unwrap();
    let due = state.due_mail(Timestamp(120)).unwrap();
    assert_eq!(due[0].recipients, settings(None).alerts_to);
    state.mail_sent(id, None, Timestamp(200)).unwrap();
    assert_eq!(state.waiting_mail().unwrap(), []);
    assert_eq!(state.mail_last_sent().unwrap(), Some(Timestamp(200)));
    assert_eq!(state.mail_counts(MailPurpose::Alerts, Timestamp(100)).unwrap(), (0, 2));
    let later = state.queue_mail(&mail(MailPurpose::Daily), &[], Timestamp(200)).unwrap();
    state.mail_sent(later, None, Timestamp(200).plus_days(SENT_DAYS_KEPT + 1)).unwrap();
    assert_eq!(state.mail_counts(MailPurpose::Alerts, Timestamp(0)).unwrap(), (0, 0));
}
