use super::*;
use crate::profile::Security;

fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

fn of_kind(kind: JobKind) -> JobChange {
    JobChange {
        kind: Some(kind),
        owner: Some(user("admin")),
        source: match kind {
            JobKind::Single => SourceChange {
                profile: Some("office".into()),
                target: Some(user("alice")),
                ..SourceChange::default()
            },
            JobKind::Master | JobKind::Sorting => {
                SourceChange { profile: Some("office".into()), ..SourceChange::default() }
            }
            JobKind::Batch => SourceChange {
                profile: Some("office".into()),
                file: Some("staff.csv".into()),
                ..SourceChange::default()
            },
            JobKind::Smtp => SourceChange {
                listen: Some(vec!["127.0.0.1:2525".into()]),
                ..SourceChange::default()
            },
            JobKind::Files => SourceChange {
                paths: Some(vec!["mail".into()]),
                by_first_level: Some(()),
                ..SourceChange::default()
            },
        },
        ..JobChange::default()
    }
}

#[test]
fn a_new_job_needs_what_its_kind_needs() {
    let cases = [
        (JobKind::Single, "the job has no target archive"),
        (JobKind::Master, "the job has no server profile"),
        (JobKind::Batch, "the job has no server profile"),
        (JobKind::Sorting, "the job has no server profile"),
        (JobKind::Smtp, "the job has no address to listen at"),
        (JobKind::Files, "the job has no path"),
    ];
    for (kind, want) in cases {
        let job = of_kind(kind).begin("j").unwrap();
        assert_eq!((job.source.kind(), job.accounts), (kind, 4));
        let empty = JobChange { kind: Some(kind), ..JobChange::default() };
        assert_eq!(empty.begin("j").unwrap_err().message, want);
        assert_eq!(JobKind::from_name(kind.name()), Some(kind));
    }
    // A single mailbox belongs to whose archive it goes to; of many, somebody is the owner.
    let without = |kind| JobChange { owner: None, ..of_kind(kind) }.begin("j");
    assert_eq!(without(JobKind::Single).unwrap().owner, user("alice"));
    assert_eq!(without(JobKind::Master).unwrap_err().message, "the job has no owner");
}

#[test]
fn what_a_kind_does_not_have_is_refused_by_name() {
    let form = SourceChange { form: Some("kerio".into()), ..SourceChange::default() };
    let root = SourceChange { root: Some(None), ..SourceChange::default() };
    let tls = SourceChange { security: Some(Security::Tls), ..SourceChange::default() };
    let cases = [
        (JobKind::Single, form.clone(), "--form does not go with a job of the kind single"),
        (JobKind::Batch, form, "--form does not go with a job of the kind batch"),
        (JobKind::Master, root, "--root does not go with a job of the kind master"),
        (JobKind::Sorting, tls, "--security does not go with a job of the kind sorting"),
    ];
    for (kind, source, want) in cases {
        let job = of_kind(kind).begin("j").unwrap();
        let change = JobChange { source, ..JobChange::default() };
        assert_eq!(change.apply(job).unwrap_err().message, want);
    }
    let removal =
        JobChange { removal: Some(Some("at once".into())), ..of_kind(JobKind::Files) }.begin("j");
    let want = "--removal does not go with a job of the kind files";
    assert_eq!(removal.unwrap_err().message, want);
    let schedule =
        JobChange { schedule: Some(Some("every 5 minutes".into())), ..of_kind(JobKind::Smtp) };
    let want = "a job that takes mail in by SMTP has no schedule";
    assert_eq!(schedule.begin("j").unwrap_err().message, want);
}

#[test]
fn a_kind_is_for_good_and_a_password_has_its_login() {
    let job = of_kind(JobKind::Master).begin("j").unwrap();
    let other = JobChange { kind: Some(JobKind::Batch), ..JobChange::default() };
    let want = "the job is of the kind master, not batch";
    assert_eq!(other.apply(job.clone()).unwrap_err().message, want);
    let secret = JobChange { secret: Some(types::Secret::new("x".into())), ..JobChange::default() };
    let want = "there is a password and no login that it belongs to";
    assert_eq!(secret.apply(job.clone()).unwrap_err().message, want);
    let kerio = SourceChange { form: Some("kerio".into()), ..SourceChange::default() };
    JobChange { source: kerio, ..secret.clone() }.apply(job).unwrap();
    let files = of_kind(JobKind::Files).begin("j").unwrap();
    assert_eq!(secret.apply(files).unwrap_err().message, want);
}
