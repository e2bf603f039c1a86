//! Tests of the state database on real files.

use std::path::PathBuf;

use commands::{
    ExcludedCounts, HalfChange, HalfName, Profile, ProfileChange, Rank, RunOutcome, RunState,
    StepShown, Switch, Trigger,
};
use ports::Random;
use sealing::{KeyRing, SealingKey};
use types::{ArchiveId, Secret, UserName};

use super::*;

struct Counting;

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for (byte, value) in bytes.iter_mut().zip(1..) {
            *byte = value;
        }
    }
}

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    (dir, path)
}

#[test]
fn users_are_there_after_reopening() {
    let (_dir, path) = fresh();
    let alice = UserName::new("alice").unwrap();
    let addresses = vec!["alice@example.org".to_owned(), "a@example.org".to_owned()];
    let made = {
        let mut state = State::open(&path).unwrap();
        assert_eq!(state.user(&alice).unwrap(), None);
        state.add_user(&alice, &addresses, Timestamp(7), &Counting).unwrap()
    };
    let mut state = State::open(&path).unwrap();
    assert_eq!(state.user(&alice).unwrap(), Some(made));
    let again = state.add_user(&alice, &[], Timestamp(8), &Counting).unwrap_err();
    assert_eq!(again.kind(), StateErrorKind::UserExists);
    let reader = State::open_for_reading(&path).unwrap();
    assert_eq!(reader.users().unwrap().len(), 1);
}

#[test]
fn heads_and_confirmations_are_replaced() {
    let (_dir, path) = fresh();
    let mut state = State::open(&path).unwrap();
    assert_eq!(state.store_head("default").unwrap(), None);
    for entries in [3, u64::MAX] {
        let position = Position { entries, root: Hash::of(b"root") };
        state.set_store_head("default", position).unwrap();
        assert_eq!(state.store_head("default").unwrap(), Some(position));
    }
    for at in [1, 2] {
        state.confirm("default", &[SourceId(4), SourceId(5)], Timestamp(at)).unwrap();
        assert_eq!(state.confirmed_at("default", SourceId(5)).unwrap(), Some(Timestamp(at)));
    }
    assert_eq!(state.confirmed_at("other", SourceId(5)).unwrap(), None);
}

#[test]
fn a_newer_schema_is_refused_by_its_number() {
    let (_dir, path) = fresh();
    drop(State::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = State::open(&path).unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::NewerSchema);
    assert!(error.to_string().contains("schema 99"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let (_dir, path) = fresh();
    std::fs::write(&path, [7; 4096]).unwrap();
    let error = State::open(&path).unwrap_err();
    assert!(error.to_string().contains("state.db"), "{error}");
}

#[test]
fn a_user_is_durable_at_once_and_private() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, path) = fresh();
    let mut state = State::open(&path).unwrap();
    let alice = UserName::new("alice").unwrap();
    state.add_user(&alice, &[], Timestamp(7), &Counting).unwrap();
    let level: i64 = state.db.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    assert_eq!(level, 1, "and what comes later need not be");
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", path.display());
        let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
}

/// Random as far as tests need it: no two calls give the same.
#[derive(Default)]
struct Different(std::sync::atomic::AtomicU64);

impl Random for Different {
    fn fill(&self, bytes: &mut [u8]) {
        let n = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let hash = Hash::of(&n.to_le_bytes());
        for (byte, value) in bytes.iter_mut().zip(hash.0.iter().cycle()) {
            *byte = *value;
        }
    }
}

fn profile(name: &str) -> Profile {
    let change = ProfileChange {
        incoming: HalfChange {
            host: "mail.example.org".parse().ok(),
            login: Some(Some("master".into())),
            ..HalfChange::default()
        },
        ..ProfileChange::default()
    };
    change.begin(name).unwrap()
}

const PASSWORD: &str = "correct horse battery staple";

fn password(half: HalfName) -> Vec<(HalfName, Secret)> {
    vec![(half, Secret::new(PASSWORD.into()))]
}

#[test]
fn a_database_of_schema_1_is_upgraded() {
    for read_only in [false, true] {
        let (_dir, path) = fresh();
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/test_data/schema-1.db");
        std::fs::copy(golden, &path).unwrap();
        let state = if read_only { State::open_for_reading(&path) } else { State::open(&path) };
        let state = state.unwrap();
        let alice = state.user(&UserName::new("alice").unwrap()).unwrap().unwrap();
        assert_eq!(alice.addresses, ["alice@example.org", "a@example.org"]);
        assert_eq!(
            (alice.archive, alice.created),
            (ArchiveId(0x0807_0605_0403_0201), Timestamp(7))
        );
        assert_eq!((alice.standing, alice.aliases.len()), (Standing::Active, 0));
        let head = Position { entries: 3, root: Hash::of(b"root") };
        assert_eq!(state.store_head("default").unwrap(), Some(head));
        assert_eq!(state.confirmed_at("default", SourceId(4)).unwrap(), Some(Timestamp(9)));
        assert!(state.profiles().unwrap().is_empty());
        drop(state);
        // And it is as one that was made new.
        let (_other_dir, other) = fresh();
        drop(State::open(&other).unwrap());
        assert_eq!(tables(&path), tables(&other));
    }
}

fn tables(path: &Path) -> Vec<String> {
    let db = Connection::open(path).unwrap();
    let sql = "SELECT m.name || ': ' || group_concat(c.name) FROM sqlite_master m
               JOIN pragma_table_info(m.name) c GROUP BY m.name ORDER BY m.name";
    let mut select = db.prepare(sql).unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn users_are_changed_where_something_is_named() {
    let (_dir, path) = fresh();
    let mut state = State::open(&path).unwrap();
    let alice = UserName::new("alice").unwrap();
    state.add_user(&alice, &["a@example.org".into()], Timestamp(7), &Counting).unwrap();
    let change = UserChange {
        standing: Some(Standing::Deactivated),
        aliases: Some(vec!["info@example.org".into()]),
        ..UserChange::default()
    };
    let changed = state.change_user(&alice, &change).unwrap();
    assert_eq!(changed.standing, Standing::Deactivated);
    assert_eq!(changed.addresses, ["a@example.org"]);
    assert_eq!(changed.aliases, ["info@example.org"]);
    let bob = UserName::new("bob").unwrap();
    let error = state.change_user(&bob, &change).unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Missing);
}

#[test]
fn settings_are_set_and_taken_back() {
    let (_dir, path) = fresh();
    let mut state = State::open(&path).unwrap();
    state.set_value("a", Some("1")).unwrap();
    state.set_value("a", Some("2")).unwrap();
    state.set_value("b", Some("3")).unwrap();
    state.set_value("b", None).unwrap();
    assert_eq!(state.set_values().unwrap(), [("a".to_owned(), "2".to_owned())]);
}

#[test]
fn w31_profiles_come_back_as_they_went_in() {
    let (_dir, path) = fresh();
    let mut state = State::open(&path).unwrap();
    let random = Different::default();
    let mut full = profile("office");
    full.description = "the old server".into();
    full.switch = commands::Switch::Disabled;
    full.incoming.host = "tls:[::1]:10993".parse().unwrap();
    full.incoming.trust = commands::Trust::CaFile("ca.pem".into());
    full.incoming.timeout = Some(Duration::from_secs(7));
    full.incoming.mechanism = commands::Mechanism::ScramSha256;
    full.outgoing = Some(commands::Half {
        protocol: commands::Protocol::Smtp,
        security: Some(commands::Security::StartTls),
        trust: commands::Trust::AcceptAll,
        login: None,
        host: "smtp.^0".parse().unwrap(),
        ..full.incoming.clone()
    });
    full.limits.bytes_per_day = Some(u64::MAX);
    full.limits.poll_every = Duration::from_mins(5);
    for it in [profile("a"), full.clone()] {
        state.add_profile(&it, &[], None, Timestamp(1), &random).unwrap();
        assert_eq!(state.named_profile(&it.name).unwrap().profile, it);
    }
    let again = state.add_profile(&full, &[], None, Timestamp(1), &Counting).unwrap_err();
    assert_eq!(again.kind(), StateErrorKind::NameTaken);
    let mut saved = state.named_profile("office").unwrap();
    saved.profile.name = "a".into();
    let taken = state.change_profile(&saved, &[], None, Timestamp(2), &Counting).unwrap_err();
    assert_eq!(taken.kind(), StateErrorKind::NameTaken);
    saved.profile.name = "b".into();
    state.change_profile(&saved, &[], None, Timestamp(2), &Counting).unwrap();
    let names: Vec<_> = state.profiles().unwrap().into_iter().map(|it| it.profile.name).collect();
    assert_eq!(names, ["a", "b"]);
    state.remove_profile("a").unwrap();
    assert_eq!(state.remove_profile("a").unwrap_err().kind(), StateErrorKind::Missing);
}

#[test]
fn w31_secrets_are_sealed_and_found_again() {
    let (dir, path) = fresh();
    let random = Different::default();
    let keys = KeyRing::of(SealingKey::random(|it| random.fill(it)));
    let mut state = State::open(&path).unwrap();
    let office = profile("office");
    let given = password(HalfName::Incoming);
    let saved = state.add_profile(&office, &given, Some(&keys), Timestamp(1), &random).unwrap();
    let place = SecretPlace::Profile(saved.id, HalfName::Incoming);
    let kept = state.secret(place, &keys).unwrap().unwrap();
    assert_eq!(kept.declassify(), PASSWORD);
    // Not given again, it stays.
    state.change_profile(&saved, &[], None, Timestamp(2), &random).unwrap();
    assert!(state.has_secret(place).unwrap());
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(PASSWORD.len()).any(|it| it == PASSWORD.as_bytes());
        assert!(!found, "{} holds the password", path.display());
    }
    // A login that is taken away takes its password along.
    let mut without = saved.clone();
    without.profile.incoming.login = None;
    state.change_profile(&without, &[], None, Timestamp(3), &random).unwrap();
    assert!(!state.has_secret(place).unwrap());
}

#[test]
fn a_sealed_value_cannot_be_moved() {
    let (_dir, path) = fresh();
    let random = Different::default();
    let keys = KeyRing::of(SealingKey::random(|it| random.fill(it)));
    let mut state = State::open(&path).unwrap();
    let mut places = Vec::new();
    for name in ["a", "b"] {
        let given = password(HalfName::Incoming);
        let it = state.add_profile(&profile(name), &given, Some(&keys), Timestamp(1), &random);
        places.push(SecretPlace::Profile(it.unwrap().id, HalfName::Incoming));
    }
    state.secret(places[0], &keys).unwrap().unwrap();
    let swap = "CREATE TEMP TABLE old AS SELECT * FROM secret;
                UPDATE secret SET sealed = (SELECT old.sealed FROM old WHERE old.owner != secret.owner)";
    state.db.execute_batch(swap).unwrap();
    for place in places {
        let error = state.secret(place, &keys).unwrap_err();
        assert_eq!(error.kind(), StateErrorKind::Tampered, "{error}");
    }
    let error = state.reseal(&keys, &random).unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Tampered, "{error}");
}

#[test]
fn another_key_is_named_and_does_not_open() {
    let (_dir, path) = fresh();
    let random = Different::default();
    let (first, second) =
        (SealingKey::random(|it| random.fill(it)), SealingKey::random(|it| random.fill(it)));
    let old = KeyRing::of(first);
    let mut state = State::open(&path).unwrap();
    let given = password(HalfName::Incoming);
    let it = state.add_profile(&profile("a"), &given, Some(&old), Timestamp(1), &random).unwrap();
    let place = SecretPlace::Profile(it.id, HalfName::Incoming);
    let wrong = KeyRing::of(second.clone());
    let error = state.secret(place, &wrong).unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Key);
    assert!(error.to_string().contains(&old.newest().id().0), "{error}");
    assert_eq!(state.reseal(&wrong, &random).unwrap_err().kind(), StateErrorKind::Key);
    // Both keys open it before, both after; the new one alone only after.
    let both = old.with_newest(second);
    assert_eq!(state.secret(place, &both).unwrap().unwrap().declassify(), PASSWORD);
    assert_eq!(state.reseal(&both, &random).unwrap(), 1);
    assert_eq!(state.reseal(&both, &random).unwrap(), 1);
    assert_eq!(state.secret(place, &both).unwrap().unwrap().declassify(), PASSWORD);
    assert_eq!(state.secret(place, &wrong).unwrap().unwrap().declassify(), PASSWORD);
    assert_eq!(state.secret(place, &old).unwrap_err().kind(), StateErrorKind::Key);
    let counts = state.secret_counts().unwrap();
    assert_eq!(counts, [SecretCounts { key: wrong.newest().id().0.clone(), secrets: 1 }]);
}

#[test]
fn keys_as_text() {
    let random = Different::default();
    let ring = KeyRing::of(SealingKey::random(|it| random.fill(it)))
        .with_newest(SealingKey::random(|it| random.fill(it)));
    let again = KeyRing::parse(&format!("# the keys\n{}", ring.declassify())).unwrap();
    assert!(again.ids().eq(ring.ids()));
    let text = ring.newest().declassify();
    let digits = text.strip_prefix("posthold-key-1-").unwrap();
    assert!(!format!("{ring:?}").contains(digits), "a key is not printed");
    let cases = [
        ("", "there is no key"),
        ("hunter2", "a key begins with posthold-key-1- and this one does not"),
        ("posthold-key-1-00", "a key has 64 hexadecimal digits and this one does not"),
    ];
    for (text, want) in cases {
        assert_eq!(KeyRing::parse(text).unwrap_err().to_string(), want);
    }
}

fn with_users(state: &mut State) {
    for (name, at) in [("alice", 7), ("bob", 8)] {
        let name = UserName::new(name).unwrap();
        let random = Different::default();
        for _ in 0..at {
            random.fill(&mut [0]);
        }
        state.add_user(&name, &[], Timestamp(at), &random).unwrap();
    }
}

fn job(name: &str) -> commands::Job {
    let change = commands::JobChange {
        owner: UserName::new("bob").ok(),
        filter: Some(Some("size > 1".into())),
        removal: Some(Some("after 3 months".into())),
        schedule: Some(Some("every 5 minutes".into())),
        accounts: Some(7),
        preset: Some(Some("kerio-connect".into())),
        folders: Some(commands::FolderChoice {
            scope: commands::FolderScope::All,
            shared: commands::SharedFolders::LeftOut,
            include: vec!["b".into(), "a".into()],
            exclude: vec!["c".into()],
        }),
        source: commands::SourceChange {
            target: UserName::new("alice").ok(),
            profile: Some("office".into()),
            login: Some(Some("alice".into())),
            ..commands::SourceChange::default()
        },
        ..commands::JobChange::default()
    };
    change.begin(name).unwrap()
}

/// A job of every kind, with every field of that kind.
fn sources() -> Vec<commands::JobSource> {
    use commands::{
        BatchAccounts, FileMapping, FileTrees, JobSource, MasterLogin, MboxForm, Security,
        SharedMailbox, SmtpAccess, SmtpReception, SmtpRecipients, SortBy, SortingRules,
        UnclaimedMail,
    };
    let sorting = |by| SortingRules {
        by,
        received: "In/Box".into(),
        sent: "Out".into(),
        unclaimed: UnclaimedMail::CatchAll,
        journal_address: Some("j@example.org".into()),
    };
    let profile = || "office".to_owned();
    let shared = |by| SharedMailbox {
        profile: profile(),
        login: Some("journal".into()),
        authzid: Some("j".into()),
        sorting: sorting(by),
    };
    let smtp = |recipients| SmtpReception {
        listen: vec!["[::1]:25".into(), "127.0.0.1:25".into()],
        security: Security::Tls,
        certificate: Some("cert.pem".into()),
        key: Some("key.pem".into()),
        networks: vec!["10.0.0.0/8".into()],
        access: SmtpAccess::NetworkOrLogin,
        login: Some("exchange".into()),
        senders: vec!["*@example.org".into()],
        recipients,
        size_max: 1 << 33,
        sorting: sorting(SortBy::JournalReport),
    };
    let files = |mapping| FileTrees {
        paths: vec!["a".into(), "b c".into()],
        mbox: MboxForm::Mboxcl2,
        mapping,
        root: Some("old".into()),
    };
    vec![
        JobSource::Master(MasterLogin {
            profile: profile(),
            login: Some("master".into()),
            form: "user*master".into(),
            identity: "^0@example.org".into(),
            users: "all except alice".into(),
        }),
        JobSource::Batch(BatchAccounts {
            profile: profile(),
            file: "staff.csv".into(),
            code_page: Some("iso-8859-15".into()),
        }),
        JobSource::Sorting(shared(SortBy::Header)),
        JobSource::Sorting(shared(SortBy::EnvelopeField("X-Envelope-To".into()))),
        JobSource::Smtp(smtp(SmtpRecipients::Known)),
        JobSource::Smtp(smtp(SmtpRecipients::Any)),
        JobSource::Smtp(smtp(SmtpRecipients::Listed(vec!["j@example.org".into()]))),
        JobSource::Files(files(FileMapping::FirstLevel)),
        JobSource::Files(files(FileMapping::User(UserName::new("alice").unwrap()))),
    ]
}

#[test]
fn every_kind_of_job_comes_back_as_it_went_in() {
    let (_dir, path) = fresh();
    let random = Different::default();
    let mut state = State::open(&path).unwrap();
    with_users(&mut state);
    state.add_profile(&profile("office"), &[], None, Timestamp(1), &random).unwrap();
    for (n, source) in sources().into_iter().enumerate() {
        let name = format!("job {n}");
        let job = commands::Job { source, ..job(&name) };
        let saved = state.add_job(&job, None, Timestamp(1), &random).unwrap();
        assert_eq!(state.named_job(&name).unwrap(), saved);
        // Fields that are gone are gone.
        let job = commands::Job { folders: commands::FolderChoice::default(), ..job };
        let saved = SavedJob { job, ..saved };
        state.change_job(&saved, None, Timestamp(2), &random).unwrap();
        assert_eq!(state.named_job(&name).unwrap(), saved);
    }
    assert_eq!(state.jobs().unwrap().len(), sources().len());
}

#[test]
fn jobs_come_back_as_they_went_in() {
    let (_dir, path) = fresh();
    let random = Different::default();
    let keys = KeyRing::of(SealingKey::random(|it| random.fill(it)));
    let mut state = State::open(&path).unwrap();
    with_users(&mut state);
    let early = state.add_job(&job("j"), None, Timestamp(1), &random).unwrap_err();
    assert_eq!(early.kind(), StateErrorKind::Missing, "{early}");
    state.add_profile(&profile("office"), &[], None, Timestamp(1), &random).unwrap();
    let secret = Secret::new(PASSWORD.into());
    let saved = state.add_job(&job("j"), Some((&secret, &keys)), Timestamp(1), &random).unwrap();
    assert_eq!(state.named_job("j").unwrap().job, job("j"));
    let place = SecretPlace::Job(saved.id);
    assert_eq!(state.secret(place, &keys).unwrap().unwrap(), secret);
    let again = state.add_job(&job("j"), None, Timestamp(1), &random).unwrap_err();
    assert_eq!(again.kind(), StateErrorKind::NameTaken);
    assert_eq!(state.remove_profile("office").unwrap_err().kind(), StateErrorKind::InUse);
    // Profiles that get another name take their jobs along.
    let mut office = state.named_profile("office").unwrap();
    office.profile.name = "head".into();
    state.change_profile(&office, &[], None, Timestamp(2), &random).unwrap();
    assert_eq!(state.named_job("j").unwrap().job.source.profile(), Some("head"));
    state.remove_job("j").unwrap();
    assert!(!state.has_secret(place).unwrap());
    state.remove_profile("head").unwrap();
}

fn ended(outcome: RunOutcome) -> StepShown {
    StepShown {
        account: "alice".into(),
        target: "alice".into(),
        began: Some(Timestamp(4)),
        ended: Some(Timestamp(6)),
        state: RunState::Ended(outcome),
        archived: 1,
        already: 2,
        excluded: ExcludedCounts {
            default_folders: 3,
            folder_list: 4,
            filter: 5,
            unknown_address: 6,
        },
        quarantined: 7,
        told: vec!["One.".into(), "Two.".into()],
    }
}

fn planned(account: &str) -> PlannedStep {
    PlannedStep { account: account.into(), target: "alice".into() }
}

#[test]
fn a_run_is_kept_step_by_step() {
    let (_dir, path) = fresh();
    let random = Different::default();
    let mut state = State::open(&path).unwrap();
    with_users(&mut state);
    state.add_profile(&profile("office"), &[], None, Timestamp(1), &random).unwrap();
    let job = state.add_job(&job("j"), None, Timestamp(1), &random).unwrap().id;
    assert_eq!(state.newest_run(job).unwrap(), None);
    let run = state.begin_run(Some(job), Trigger::Schedule, "job run j", Timestamp(3)).unwrap();
    assert_eq!(state.run(run).unwrap().state, RunState::Running);
    state.plan_steps(run, &[planned("alice"), planned("b"), planned("c")]).unwrap();
    state.step_is_alive(run, 0, Timestamp(4)).unwrap();
    state.step_is_alive(run, 1, Timestamp(4)).unwrap();
    state.step_is_alive(run, 0, Timestamp(5)).unwrap();
    state.end_step(run, 0, &ended(RunOutcome::Partial), Timestamp(6)).unwrap();
    let states = |state: &State| -> Vec<&'static str> {
        state.run(run).unwrap().steps.iter().map(|it| it.state.name()).collect()
    };
    assert_eq!(states(&state), ["partial", "running", "waiting"]);
    // Whoever comes after its process died finds it interrupted, and what ended ended.
    state.interrupt_runs().unwrap();
    assert_eq!(states(&state), ["partial", "interrupted", "interrupted"]);
    let kept = state.newest_run(job).unwrap().unwrap();
    assert_eq!((kept.state, kept.ended), (RunState::Interrupted, None));
    assert_eq!(kept.steps[0], ended(RunOutcome::Partial));
    let next = state.begin_run(Some(job), Trigger::Hand, "job run j", Timestamp(7)).unwrap();
    assert_eq!(state.accounts_before(job, next).unwrap(), ["alice", "b", "c"]);
    state.end_run(next, RunOutcome::Failed, &["No.".into()], Timestamp(8)).unwrap();
    state.interrupt_runs().unwrap();
    let kept = state.runs(Some(job)).unwrap();
    assert_eq!(
        (kept.len(), kept[0].state.name(), kept[1].trigger.name()),
        (2, "failed", "schedule")
    );
    assert_eq!((kept[0].ended, &kept[0].told), (Some(Timestamp(8)), &vec!["No.".to_owned()]));
    state.remove_job("j").unwrap();
    assert_eq!(state.runs(None).unwrap()[0].job, None, "what it did stays");
    assert_eq!(state.run(99).unwrap_err().kind(), StateErrorKind::Missing);
}

#[test]
fn jobs_and_runs_of_the_second_schema_are_upgraded() {
    let (_dir, path) = fresh();
    let db = Connection::open(&path).unwrap();
    db.execute_batch(include_str!("schema/0001.sql")).unwrap();
    db.execute_batch(include_str!("schema/0002.sql")).unwrap();
    db.execute_batch(
        "INSERT INTO user (name, archive, created) VALUES ('alice', 1, 1);
         INSERT INTO profile VALUES (5, 'office', '', 1, 'same', 10, NULL, 0, 500, 60000, 1);
         INSERT INTO profile_half VALUES
           (5, 'incoming', 'imap', 'mail.example.org', 'tls', 'auto', NULL, 'system', NULL, NULL);
         INSERT INTO job VALUES (-3, 'j', 'single_mailbox', 'd', 0, 'alice', 'alice', 'r', 5,
           'login', NULL, 1, 2, 1, 'unread', 1);
         INSERT INTO job_folder VALUES (-3, 'exclude', 0, 'Projects');
         INSERT INTO run (job, title, began, ended, outcome) VALUES (-3, 't', 1, 2, 'partial');
         INSERT INTO step VALUES (1, 0, 'login', 'alice', 1, 2, 'partial', 1, 2, 3, 4, 'Told.');
         INSERT INTO run (job, title, began) VALUES (-3, 'u', 3);
         PRAGMA user_version = 2;",
    )
    .unwrap();
    drop(db);
    let state = State::open(&path).unwrap();
    let job = state.named_job("j").unwrap().job;
    let source = commands::SingleMailbox {
        profile: "office".into(),
        target: UserName::new("alice").unwrap(),
        root: Some("r".into()),
        login: Some("login".into()),
        authzid: None,
    };
    assert_eq!(job.source, commands::JobSource::Single(source));
    assert_eq!((job.filter.as_deref(), job.accounts, job.connections), (Some("unread"), 4, 2));
    assert_eq!((job.folders.exclude, job.switch), (vec!["Projects".into()], Switch::Disabled));
    let runs = state.runs(None).unwrap();
    assert_eq!((runs.len(), runs[1].job.as_deref(), runs[1].steps.len()), (2, Some("j"), 1));
    assert_eq!((runs[1].steps[0].excluded.total(), runs[0].state.name()), (3, "running"));
    let fails = "INSERT INTO job_folder VALUES (9, 'exclude', 0, 'x')";
    assert!(state.db.execute(fails, []).is_err(), "references are kept");
    assert_eq!(state.user(&UserName::new("alice").unwrap()).unwrap().unwrap().rank, Rank::Ordinary);
}

#[test]
fn what_a_server_leaves_to_the_next_one() {
    let (_dir, path) = fresh();
    let mut state = State::open(&path).unwrap();
    with_users(&mut state);
    let random = Different::default();
    state.add_profile(&profile("office"), &[], None, Timestamp(1), &random).unwrap();
    let job = state.add_job(&job("j"), None, Timestamp(1), &random).unwrap().id;
    assert!(state.owed_jobs().unwrap().is_empty());
    state.owe_jobs(&[job, crate::JobId(job.0 ^ 1)]).unwrap();
    state.owe_jobs(&[job]).unwrap();
    assert_eq!(state.owed_jobs().unwrap(), [job], "what is gone is owed nothing");
    state.settle_job(job).unwrap();
    assert!(state.owed_jobs().unwrap().is_empty());
    state.owe_jobs(&[job]).unwrap();
    state.remove_job("j").unwrap();
    assert!(state.owed_jobs().unwrap().is_empty());
    state.set_paused_groups(&["receive", "fetch"]).unwrap();
    assert_eq!(state.paused_groups().unwrap(), ["fetch", "receive"]);
    state.set_paused_groups(&[]).unwrap();
    assert!(state.paused_groups().unwrap().is_empty());
}

#[test]
fn what_was_accepted_as_missing_is_kept() {
    let (_dir, path) = fresh();
    let accepted = |reason: &str| AcceptedMessage {
        source: SourceId(7),
        uid: u64::MAX,
        account: "alice".into(),
        mailbox: "INBOX".into(),
        by: "root".into(),
        reason: reason.into(),
        at: Timestamp(5),
    };
    let mut state = State::open(&path).unwrap();
    state.accept_missing("default", &accepted("unreadable at the server")).unwrap();
    state.accept_missing("default", &accepted("lost with its disk")).unwrap();
    drop(state);
    let state = State::open_for_reading(&path).unwrap();
    assert_eq!(state.accepted_missing("default").unwrap(), [accepted("lost with its disk")]);
    assert_eq!(state.accepted_missing("other").unwrap(), []);
}
