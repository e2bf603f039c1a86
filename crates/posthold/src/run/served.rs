//! The commands of a server, in the process of a test.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use archiver::CancelToken;
use commands::{
    AdminAnswer, AlertKind, Answer, Failure, Gone, Progress, ProgressSink, RunAnswer, StoreState,
};
use disk::SystemClock;
use ports::Clock;
use tempfile::TempDir;
use types::Timestamp;

use super::{Governing, all_stores, store_admin, stores, succession};
use crate::cli::{self, Task};
use crate::context::{Context, DataDir, KeySource, NetworkFiles, Ownership};
use crate::password::Recorded;
use crate::serving::{Serving, Use};

/// A clock that stands, until a test turns it.
#[derive(Clone)]
pub(super) struct TurnedClock(Arc<Mutex<Timestamp>>);

impl TurnedClock {
    /// It begins with now: other times in a data directory are those of the system.
    pub(super) fn new() -> TurnedClock {
        TurnedClock(Arc::new(Mutex::new(SystemClock.now())))
    }

    pub(super) fn turn(&self, days: i64) {
        let mut time = self.0.lock().unwrap();
        *time = time.plus_days(days);
    }
}

impl Clock for TurnedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct Silent;

impl ProgressSink for Silent {
    fn send(&self, _: Progress) -> Result<(), Gone> {
        Ok(())
    }
}

/// A server without a socket.
pub(super) struct Served {
    dir: TempDir,
    pub(super) context: Context,
    pub(super) serving: Arc<Serving>,
}

impl Served {
    pub(super) fn new() -> Served {
        let dir = tempfile::tempdir().unwrap();
        let serving = Arc::new(Serving::new());
        let context = Context {
            data: DataDir::new(dir.path().join("data")),
            ownership: Ownership::AtOnce,
            network_files: NetworkFiles::Refused,
            stop: CancelToken::new(),
            keys: KeySource::DataDir,
            serving: Some(Arc::clone(&serving)),
            governing: Governing::default(),
            asker: super::Asker::default(),
            reads: super::Reads::default(),
        };
        std::fs::create_dir_all(context.data.path()).unwrap();
        Served { dir, context, serving }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Opens the stores, with a clock that says when the next one is due.
    pub(super) async fn open_by(&self, clock: &TurnedClock) {
        let data = self.context.data.clone();
        let due = Arc::new(succession::Due::by(&data, Arc::new(clock.clone())));
        let open = || async move { stores::open_with_next(&data, NetworkFiles::Refused, due) };
        self.serving.store.lend(Use::Together, open).await.unwrap();
    }

    pub(super) async fn give(&self, line: &[&str]) -> Result<Answer, Failure> {
        let args = ["posthold"].iter().chain(line).map(OsString::from);
        let Ok(given) = cli::parse(args, &Recorded::default()) else { panic!("{line:?}") };
        let Task::Request(request) = given.task else { panic!("{line:?}") };
        super::run(request, &self.context, &Silent).await
    }

    pub(super) async fn ok(&self, line: &[&str]) -> Answer {
        self.give(line).await.unwrap_or_else(|it| panic!("{line:?}: {it:?}"))
    }

    /// Writes a message with this subject, to be imported.
    pub(super) fn write_mail(&self, subject: &str) {
        let mail = self.path("mail");
        std::fs::create_dir_all(&mail).unwrap();
        let text = format!("From: a@x.org\r\nSubject: {subject}\r\n\r\nIt is {subject}.\r\n");
        std::fs::write(mail.join(format!("{subject}.eml")), text).unwrap();
    }

    /// Imports a new message with this subject and all that were written, for alice.
    pub(super) async fn import(&self, subject: &str) -> RunAnswer {
        self.write_mail(subject);
        let mail = self.path("mail");
        match self.ok(&["import", mail.to_str().unwrap(), "--user", "alice"]).await {
            Answer::Import(run, _) => run,
            other => panic!("{other:?}"),
        }
    }

    /// Name, state and messages of each store, in the order of their turns.
    pub(super) fn stores(&self) -> Vec<(String, StoreState, u64)> {
        let data = &self.context.data;
        let stores = all_stores::saved(data).unwrap().into_iter();
        let shown = |it: state::SavedStore| {
            let messages = store_admin::messages(data, &data.at(&it).store());
            (it.name, it.state, messages.unwrap_or_default())
        };
        stores.map(shown).collect()
    }

    /// The alerts that are open, as `alert list` finds them, by name.
    pub(super) async fn alerts(&self) -> Vec<AlertKind> {
        let Answer::Admin(answer) = self.ok(&["alert", "list"]).await else { panic!("no list") };
        let AdminAnswer::Alerts(alerts) = *answer else { panic!("{answer:?}") };
        let mut kinds: Vec<AlertKind> = alerts.into_iter().map(|it| it.alert.kind).collect();
        kinds.sort_by_key(|it| it.name());
        kinds
    }
}
