//! SMTP before the archiver: envelopes, refusals and logins in words of both.

use std::sync::Arc;

use archiver::{Arriving, NotReceived, RunFailureKind};
use commands::{Failure, FailureKind};
use ledger::EnvelopeDetail;
use smtpd::{
    Credentials, Delivery, Envelope, Incoming, LoginVerdict, Logins, Outcome, RecipientVerdict,
    Refusal,
};
use store::{AllCatalog, AllLog};
use types::{Hash, Secret};

use super::keeper::{Keeper, Lent};

impl Delivery for Keeper {
    type Incoming = Handed;

    async fn recipient(&self, address: &str) -> RecipientVerdict {
        match self.sorting().await {
            Ok(sorting) if sorting.keeps_mail_for(address) => RecipientVerdict::Known,
            Ok(_) => RecipientVerdict::Unknown,
            Err(_) => RecipientVerdict::NotNow,
        }
    }

    async fn begin(&self, envelope: Envelope) -> Result<Handed, Refusal> {
        let lent = self.lend().await.map_err(|it| refusal_of(&it))?;
        let origin = origin(&envelope);
        let said = EnvelopeDetail {
            senders: Vec::from_iter(Some(envelope.sender).filter(|it| !it.is_empty())),
            recipients: envelope.recipients.into_iter().map(|it| it.address).collect(),
        };
        let arriving = lent.reception.begin(said, origin);
        Ok(Handed { keeper: self.clone(), lent, arriving })
    }
}

/// A message that is being handed in, and the store while it is.
pub(super) struct Handed {
    keeper: Keeper,
    lent: Arc<Lent>,
    arriving: Arriving<AllLog, AllCatalog>,
}

impl Incoming for Handed {
    async fn piece(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let taken = self.arriving.piece(bytes).await;
        if let Err(why) = &taken {
            self.keeper.heed(why, &self.lent).await;
        }
        taken.map_err(|it| refusal(&it))
    }

    async fn finish(self) -> Outcome {
        let Handed { keeper, lent, arriving } = self;
        match arriving.finish().await {
            Ok(id) => Outcome::Durable(id),
            Err(why) => {
                keeper.heed(&why, &lent).await;
                Outcome::Refused(refusal(&why))
            }
        }
    }
}

fn refusal(why: &NotReceived) -> Refusal {
    match why {
        NotReceived::Failed(failure) if failure.kind == RunFailureKind::DiskFull => Refusal::NoRoom,
        NotReceived::Failed(_) => Refusal::NotNow,
        NotReceived::Unclaimed => Refusal::UnknownRecipient,
        NotReceived::TooLarge => Refusal::TooLarge,
        NotReceived::Stopping => Refusal::Stopping,
    }
}

/// Why a store cannot be had is a reason to come again.
fn refusal_of(failure: &Failure) -> Refusal {
    match failure.kind {
        FailureKind::DiskFull => Refusal::NoRoom,
        _ => Refusal::NotNow,
    }
}

/// Who hands a message in, as it is kept with its placements.
fn origin(envelope: &Envelope) -> String {
    let Envelope { sender, hello, client, login, tls, .. } = envelope;
    let login = login.as_ref().map(|it| format!(", logged in as {it}")).unwrap_or_default();
    let tls = tls.unwrap_or("in clear");
    format!("<{sender}> by {hello} [{client}], {tls}{login}")
}

/// One name with a password, or none.
#[derive(Debug)]
pub(super) struct OneLogin(Option<(String, Secret)>);

impl OneLogin {
    /// Without both nobody can log in.
    pub(super) fn new(name: Option<String>, password: Option<Secret>) -> OneLogin {
        OneLogin(name.zip(password))
    }
}

impl Logins for OneLogin {
    async fn check(&self, credentials: Credentials) -> LoginVerdict {
        let Some((name, password)) = &self.0 else { return LoginVerdict::Wrong };
        let given = credentials.password.declassify().as_bytes();
        let right = is_same(name.as_bytes(), credentials.name.as_bytes())
            & is_same(password.declassify().as_bytes(), given);
        if right { LoginVerdict::Right } else { LoginVerdict::Wrong }
    }
}

/// Compares hashes, so that how long it takes says nothing of what is the same.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    Hash::of(a) == Hash::of(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use archiver::RunFailure;

    #[test]
    fn what_cannot_be_kept_now_can_come_again() {
        let failed =
            |kind| NotReceived::Failed(RunFailure { kind, message: String::new(), hint: None });
        let cases = [
            (failed(RunFailureKind::DiskFull), Refusal::NoRoom),
            (failed(RunFailureKind::Store), Refusal::NotNow),
            (NotReceived::Stopping, Refusal::Stopping),
            (NotReceived::Unclaimed, Refusal::UnknownRecipient),
            (NotReceived::TooLarge, Refusal::TooLarge),
        ];
        for (why, want) in cases {
            assert_eq!(refusal(&why), want, "{why:?}");
        }
        let busy = Failure::new(FailureKind::Store, "the log stopped writing");
        assert_eq!(refusal_of(&busy), Refusal::NotNow);
    }

    #[tokio::test]
    async fn one_name_with_one_password_can_log_in() {
        let secret = |it: &str| Secret::new(it.to_owned());
        let give = |name: &str, password: &str| Credentials {
            name: name.to_owned(),
            password: secret(password),
        };
        let logins = OneLogin::new(Some("mx".into()), Some(secret("open")));
        assert_eq!(logins.check(give("mx", "open")).await, LoginVerdict::Right);
        assert_eq!(logins.check(give("mx", "Open")).await, LoginVerdict::Wrong);
        assert_eq!(logins.check(give("my", "open")).await, LoginVerdict::Wrong);
        let nobody = OneLogin::new(Some("mx".into()), None);
        assert_eq!(nobody.check(give("mx", "")).await, LoginVerdict::Wrong);
    }
}
