//! MAIL and RCPT: the envelope, and whether it is accepted.

use super::{Asked, Session, State, Step};
use crate::envelope::{Envelope, Recipient};
use crate::parameters::{self, BadParameter, RcptParameters};
use crate::policy::Recipients;

impl Session {
    pub(super) fn mail(&mut self, address: &str, rest: &str) -> Step {
        let Some(hello) = self.hello.clone() else {
            return self.answered(503, "5.5.1", "EHLO comes first");
        };
        if self.envelope.is_some() {
            return self.answered(503, "5.5.1", "a message is under way already");
        }
        if self.needs_tls() {
            return self.answered(530, "5.7.0", "mail is taken over TLS only");
        }
        if self.config.policy.needs_login(self.client) && self.login.is_none() {
            return self.answered(530, "5.7.0", "log in first");
        }
        let parameters = match parameters::mail(rest) {
            Ok(it) => it,
            Err(bad) => return self.bad_parameter(bad),
        };
        if !parameters.smtp_utf8 && !address.is_ascii() {
            return self.answered(553, "5.6.7", "this address needs SMTPUTF8");
        }
        if parameters.bytes.is_some_and(|it| self.config.limits.message_bytes_max < it) {
            return self.answered(552, "5.3.4", "the message is larger than this server takes");
        }
        if !self.config.policy.accepts_sender(address) {
            return self.answered(550, "5.7.1", "mail of this sender is not taken here");
        }
        self.envelope = Some(Envelope {
            sender: address.to_owned(),
            recipients: Vec::new(),
            body: parameters.body,
            smtp_utf8: parameters.smtp_utf8,
            announced_bytes: parameters.bytes,
            envelope_id: parameters.envelope_id,
            submitter: parameters.submitter,
            hello,
            client: self.client,
            login: self.login.clone(),
            tls: self.tls,
        });
        self.answered(250, "2.1.0", "sender accepted")
    }

    pub(super) fn rcpt(&mut self, address: &str, rest: &str) -> Step {
        let (n_recipients, smtp_utf8) = match &self.envelope {
            Some(it) if self.incoming.is_none() => (it.recipients.len(), it.smtp_utf8),
            _ => return self.answered(503, "5.5.1", "MAIL comes first"),
        };
        if address.is_empty() {
            return self.answered(501, "5.1.3", "a recipient has an address");
        }
        if !smtp_utf8 && !address.is_ascii() {
            return self.answered(553, "5.6.7", "this address needs SMTPUTF8");
        }
        let rest = match parameters::rcpt(rest) {
            Ok(it) => it,
            Err(bad) => return self.bad_parameter(bad),
        };
        if self.config.limits.recipients_max <= n_recipients {
            return self.answered(452, "4.5.3", "too many recipients, send the others later");
        }
        match &self.config.policy.recipients {
            Recipients::Any => {
                self.add_recipient(address.to_owned(), rest);
                Step::Answered
            }
            Recipients::Listed(patterns) if patterns.iter().any(|it| it.matches(address)) => {
                self.add_recipient(address.to_owned(), rest);
                Step::Answered
            }
            Recipients::Listed(_) => {
                self.answered(550, "5.7.1", "mail for this recipient is not taken here")
            }
            Recipients::Asked => {
                let address = address.to_owned();
                self.state = State::Asked(Asked::Recipient { address: address.clone(), rest });
                Step::Recipient(address)
            }
        }
    }

    pub(super) fn add_recipient(&mut self, address: String, rest: RcptParameters) {
        let Some(envelope) = &mut self.envelope else { return };
        envelope.recipients.push(Recipient {
            address,
            original: rest.original,
            notify: rest.notify,
        });
        // It brought us nearer to a message.
        self.n_commands = self.n_commands.saturating_sub(1);
        self.reply(250, "2.1.5", "recipient accepted");
    }

    fn bad_parameter(&mut self, bad: BadParameter) -> Step {
        match bad {
            BadParameter::Unknown => self.answered(555, "5.5.4", "a parameter is not known here"),
            BadParameter::Value => self.answered(501, "5.5.4", "a parameter makes no sense"),
        }
    }
}
