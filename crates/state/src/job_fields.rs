//! The fields that only some kinds of jobs have, as they are kept: lists of texts by name.
//!
//! Rules: a field that is missing is the default of its kind, so that a newer program may have
//! more fields; a value that no program writes is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use commands::{
    BatchAccounts, FileMapping, FileTrees, JobKind, JobSource, MasterLogin, MboxForm,
    SMTP_SIZE_MAX_DEFAULT, Security, SharedMailbox, SingleMailbox, SmtpAccess, SmtpReception,
    SmtpRecipients, SortBy, SortingRules, UnclaimedMail,
};
use types::UserName;

use crate::{StateError, StateErrorKind};

/// The fields of one job.
#[derive(Debug, Default)]
pub(crate) struct Fields(pub(crate) BTreeMap<String, Vec<String>>);

/// What else a source needs: columns that refer to other tables.
#[derive(Debug, Default)]
pub(crate) struct Referred {
    pub(crate) target: Option<String>,
    pub(crate) profile: Option<String>,
}

fn text(path: &Path) -> Result<String, StateError> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        let message = format!("the path {} is not UTF-8, and cannot be kept", path.display());
        StateError::plain(StateErrorKind::Io, message)
    })
}

const MBOX_FORMS: [(MboxForm, &str); 5] = [
    (MboxForm::Auto, "auto"),
    (MboxForm::Mboxrd, "mboxrd"),
    (MboxForm::Mboxo, "mboxo"),
    (MboxForm::Mboxcl, "mboxcl"),
    (MboxForm::Mboxcl2, "mboxcl2"),
];

impl Fields {
    /// What is kept of a source.
    pub(crate) fn of(source: &JobSource) -> Result<Fields, StateError> {
        let mut fields = Fields::default();
        match source {
            JobSource::Single(it) => {
                fields.put("root", it.root.as_ref());
                fields.put("login", it.login.as_ref());
                fields.put("authzid", it.authzid.as_ref());
            }
            JobSource::Master(it) => {
                fields.put("login", it.login.as_ref());
                fields.put("form", [&it.form]);
                fields.put("identity", [&it.identity]);
                fields.put("users", [&it.users]);
            }
            JobSource::Batch(it) => {
                fields.put("file", [text(&it.file)?]);
                fields.put("code_page", it.code_page.as_ref());
            }
            JobSource::Sorting(it) => {
                fields.put("login", it.login.as_ref());
                fields.put("authzid", it.authzid.as_ref());
                fields.put_sorting(&it.sorting);
            }
            JobSource::Smtp(it) => fields.put_smtp(it)?,
            JobSource::Files(it) => {
                let paths: Result<Vec<_>, _> = it.paths.iter().map(|it| text(it)).collect();
                fields.put("path", paths?);
                let form = MBOX_FORMS.iter().find(|(form, _)| *form == it.mbox);
                fields.put("mbox", form.map(|(_, name)| name));
                fields.put("root", it.root.as_ref());
            }
        }
        Ok(fields)
    }

    /// Puts rows of the table together: name and value, in the order of both.
    pub(crate) fn read(rows: Vec<(String, String)>) -> Fields {
        let mut fields = Fields::default();
        for (field, value) in rows {
            fields.0.entry(field).or_default().push(value);
        }
        fields
    }

    /// The source that is kept; `None` when a value is none that a program writes.
    pub(crate) fn source(mut self, kind: JobKind, referred: Referred) -> Option<JobSource> {
        let Referred { target, profile } = referred;
        Some(match kind {
            JobKind::Single => JobSource::Single(SingleMailbox {
                profile: profile?,
                target: UserName::new(&target?).ok()?,
                root: self.take("root"),
                login: self.take("login"),
                authzid: self.take("authzid"),
            }),
            JobKind::Master => JobSource::Master(MasterLogin {
                profile: profile?,
                login: self.take("login"),
                form: self.take("form")?,
                identity: self.take("identity")?,
                users: self.take("users")?,
            }),
            JobKind::Batch => JobSource::Batch(BatchAccounts {
                profile: profile?,
                file: self.take("file")?.into(),
                code_page: self.take("code_page"),
            }),
            JobKind::Sorting => JobSource::Sorting(SharedMailbox {
                profile: profile?,
                login: self.take("login"),
                authzid: self.take("authzid"),
                sorting: self.sorting()?,
            }),
            JobKind::Smtp => JobSource::Smtp(self.smtp()?),
            JobKind::Files => JobSource::Files(FileTrees {
                paths: self.all("path").into_iter().map(PathBuf::from).collect(),
                mbox: {
                    let name = self.take("mbox")?;
                    MBOX_FORMS.iter().find(|(_, it)| *it == name)?.0
                },
                mapping: match target {
                    Some(user) => FileMapping::User(UserName::new(&user).ok()?),
                    None => FileMapping::FirstLevel,
                },
                root: self.take("root"),
            }),
        })
    }

    fn put(&mut self, field: &str, values: impl IntoIterator<Item = impl ToString>) {
        let values: Vec<String> = values.into_iter().map(|it| it.to_string()).collect();
        if !values.is_empty() {
            self.0.insert(field.to_owned(), values);
        }
    }

    fn all(&mut self, field: &str) -> Vec<String> {
        self.0.remove(field).unwrap_or_default()
    }

    fn take(&mut self, field: &str) -> Option<String> {
        self.all(field).into_iter().next()
    }

    fn put_sorting(&mut self, it: &SortingRules) {
        match &it.by {
            SortBy::Header => self.put("sort_by", ["header"]),
            SortBy::JournalReport => self.put("sort_by", ["journal"]),
            SortBy::EnvelopeField(name) => self.put("sort_by", ["envelope", name]),
        }
        self.put("received", [&it.received]);
        self.put("sent", [&it.sent]);
        self.put("unclaimed", [it.unclaimed.name()]);
        self.put("journal_address", it.journal_address.as_ref());
    }

    fn sorting(&mut self) -> Option<SortingRules> {
        let by = self.all("sort_by");
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        Some(SortingRules {
            by: match by[..] {
                ["header"] => SortBy::Header,
                ["journal"] => SortBy::JournalReport,
                ["envelope", name] => SortBy::EnvelopeField(name.to_owned()),
                _ => return None,
            },
            received: self.take("received")?,
            sent: self.take("sent")?,
            unclaimed: UnclaimedMail::from_name(&self.take("unclaimed")?)?,
            journal_address: self.take("journal_address"),
        })
    }

    fn put_smtp(&mut self, it: &SmtpReception) -> Result<(), StateError> {
        self.put("listen", &it.listen);
        self.put("security", [it.security.name()]);
        self.put("certificate", it.certificate.as_deref().map(text).transpose()?);
        self.put("key", it.key.as_deref().map(text).transpose()?);
        self.put("network", &it.networks);
        self.put("access", [it.access.name()]);
        self.put("login", it.login.as_ref());
        self.put("sender", &it.senders);
        match &it.recipients {
            SmtpRecipients::Known => self.put("recipients", ["known"]),
            SmtpRecipients::Any => self.put("recipients", ["any"]),
            SmtpRecipients::Listed(listed) => {
                self.put("recipients", ["listed"]);
                self.put("recipient", listed);
            }
        }
        self.put("size_max", [it.size_max]);
        self.put_sorting(&it.sorting);
        Ok(())
    }

    fn smtp(&mut self) -> Option<SmtpReception> {
        Some(SmtpReception {
            listen: self.all("listen"),
            security: Security::from_name(&self.take("security")?)?,
            certificate: self.take("certificate").map(PathBuf::from),
            key: self.take("key").map(PathBuf::from),
            networks: self.all("network"),
            access: SmtpAccess::from_name(&self.take("access")?)?,
            login: self.take("login"),
            senders: self.all("sender"),
            recipients: match self.take("recipients")?.as_str() {
                "known" => SmtpRecipients::Known,
                "any" => SmtpRecipients::Any,
                "listed" => SmtpRecipients::Listed(self.all("recipient")),
                _ => return None,
            },
            size_max: match self.take("size_max") {
                None => SMTP_SIZE_MAX_DEFAULT,
                Some(text) => text.parse().ok()?,
            },
            sorting: self.sorting()?,
        })
    }
}
