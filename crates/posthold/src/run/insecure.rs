//! The one list of what is not safe: connections without encryption, and certificates that nobody
//! checks, of every kind of connection.
//!
//! Rules: whatever connects or listens says so as a [`Connection`], and [`judge`] alone decides;
//! run reports, `settings check`, what shows a thing, alerts, the daily report and the trace all
//! ask here.

use commands::{
    Archive, Half, HalfName, Insecure, InsecureKind, Job, JobSource, MailSettings, Plaintext,
    Profile, Scheme, Security, Trust,
};
use state::State;

use super::faults;

/// Something that connects to another machine, or lets others connect.
struct Connection<'a> {
    /// What it belongs to: a kind, and its name.
    of: &'static str,
    name: &'a str,
    /// What is at its other end, as it stands in a sentence.
    place: String,
    /// The host, to know whether it is this machine.
    host: &'a str,
    /// How it is protected.
    security: Security,
    /// Which certificates are taken.
    trust: &'a Trust,
}

/// Whether a connection is not safe, and in which way.
fn judge(it: &Connection<'_>) -> Option<Insecure> {
    let place = &it.place;
    let (kind, warning) = match (it.security, it.trust) {
        (Security::Plain, _) if is_loopback(it.host) => (
            InsecureKind::PlainHere,
            format!("The connection to {place} is not encrypted; it is on this machine."),
        ),
        (Security::Plain, _) => (
            InsecureKind::Plain,
            format!(
                "The connection to {place} is not encrypted: passwords and mail can be read on \
                 the way."
            ),
        ),
        (_, Trust::AcceptAll) => (
            InsecureKind::AnyCertificate,
            format!("Any certificate is accepted from {place}: anybody can pretend to be it."),
        ),
        _ => return None,
    };
    Some(Insecure { of: it.of.into(), name: it.name.into(), kind, warning })
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    net::Server { host: host.to_owned(), port: 0 }.is_loopback()
}

/// What is not safe about a server profile.
pub(super) fn of_profile(profile: &Profile) -> Vec<Insecure> {
    let half = |(name, half): (HalfName, &Half)| {
        let (security, port) = half.resolved();
        judge(&Connection {
            of: "profile",
            name: &profile.name,
            place: format!("the {} server {}:{port}", name.name(), half.host.host),
            host: &half.host.host,
            security,
            trust: &half.trust,
        })
    };
    profile.halves().filter_map(half).collect()
}

/// What is not safe about how mail is sent.
pub(super) fn of_mail(mail: &MailSettings) -> Vec<Insecure> {
    let (security, port) = mail.server.resolved();
    let host = &mail.server.host.host;
    let found = judge(&Connection {
        of: "mail",
        name: "outgoing mail",
        place: format!("the server of outgoing mail {host}:{port}"),
        host,
        security,
        trust: &mail.server.trust,
    });
    found.into_iter().collect()
}

/// What is not safe about an account that is archived without a profile. What it turns out to be
/// with a server that offers no encryption, its connection tells.
pub(super) fn of_archive(request: &Archive) -> Vec<Insecure> {
    let account = &request.account;
    let security = match (account.scheme, request.plaintext) {
        (Scheme::Imaps | Scheme::Pop3s, _) => Security::Tls,
        (_, Plaintext::Always) => Security::Plain,
        (_, Plaintext::LoopbackOnly | Plaintext::Never) => Security::StartTls,
    };
    let found = judge(&Connection {
        of: "archive",
        name: &account.login,
        // In the words of a server profile: both may speak of one connection.
        place: format!("the incoming server {}:{}", account.host, account.port),
        host: &account.host,
        security,
        trust: &request.trust,
    });
    found.into_iter().collect()
}

/// What is not safe about how a job lets others hand mail in.
pub(super) fn of_job(job: &Job) -> Vec<Insecure> {
    let JobSource::Smtp(reception) = &job.source else { return Vec::new() };
    let listener = |address: &String| {
        let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
        judge(&Connection {
            of: "job",
            name: &job.name,
            place: format!("whoever hands in mail at {address}"),
            host: host.trim_start_matches('[').trim_end_matches(']'),
            security: reception.security,
            // Whoever connects shows no certificate.
            trust: &Trust::System,
        })
    };
    reception.listen.iter().filter_map(listener).collect()
}

/// What is not safe about everything that is saved.
pub(super) fn all(state: &State) -> Result<Vec<Insecure>, commands::Failure> {
    let failed = |it| faults::state(&it);
    let profiles = state.profiles().map_err(failed)?;
    let jobs = state.jobs().map_err(failed)?;
    let mail = state.mail_settings().map_err(failed)?;
    let of_profiles = profiles.iter().flat_map(|it| of_profile(&it.profile));
    let of_jobs = jobs.iter().flat_map(|it| of_job(&it.job));
    Ok(of_profiles.chain(of_jobs).chain(mail.iter().flat_map(of_mail)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_connection_is_judged_alike() {
        let cases = [
            (Security::Tls, Trust::System, "mail.example.org", None),
            (Security::StartTls, Trust::System, "mail.example.org", None),
            (Security::StartTls, Trust::Fingerprint("x".into()), "mail.example.org", None),
            (Security::Tls, Trust::AcceptAll, "localhost", Some(InsecureKind::AnyCertificate)),
            (Security::Plain, Trust::System, "mail.example.org", Some(InsecureKind::Plain)),
            (Security::Plain, Trust::AcceptAll, "0.0.0.0", Some(InsecureKind::Plain)),
            (Security::Plain, Trust::System, "127.0.0.1", Some(InsecureKind::PlainHere)),
            (Security::Plain, Trust::System, "::1", Some(InsecureKind::PlainHere)),
        ];
        for (security, trust, host, want) in cases {
            let place = host.to_owned();
            let it = Connection { of: "x", name: "y", place, host, security, trust: &trust };
            assert_eq!(judge(&it).map(|it| it.kind), want, "{security:?} {trust:?} {host}");
        }
    }
}
