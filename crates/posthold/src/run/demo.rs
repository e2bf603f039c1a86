//! `demo`: archive, search, export and verify on the sample mail, in a directory of its own.

mod mail;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use commands::{
    Answer, Demo, DemoAnswer, DemoImport, DemoSearch, Examination, Export, ExportFormat,
    ExportScope, Failure, FailureKind, Gone, Hit, Import, KeepDir, MboxForm, Order, Progress,
    ProgressSink, Proof, Request, Search, SearchOutput, WaitForViews,
};
use disk::{OsRandom, RealDisk};
use ports::{Access, Disk, Random};
use types::UserName;

use super::{Governing, Reads, blocking, faults, run};
use crate::context::{Context, DataDir, KeySource, Ownership};

/// Whose mail the sample is.
const USERS: [&str; 2] = ["alice", "bob"];

/// What is searched for: a phrase and a sender, words without their accents, what has files.
const QUERIES: [&str; 3] =
    ["from:bob subject:\"quarterly report\"", "ubersicht OR grosse", "has:attachment lantern"];

/// Runs the demonstration.
pub(super) async fn demo(
    context: &Context,
    demo: Demo,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let dir = blocking(make_dir).await?;
    let stage = Stage { dir: dir.clone(), context: within(context, &dir) };
    let shown = stage.play(demo.keep, progress).await;
    if demo.keep == KeepDir::No || shown.is_err() {
        blocking(move || remove_dir(&dir)).await?;
    }
    shown.map(|it| Answer::Demo(Box::new(it)))
}

fn within(context: &Context, dir: &Path) -> Context {
    Context {
        data: DataDir::new(dir.join("data")),
        ownership: Ownership::AtOnce,
        network_files: context.network_files,
        stop: context.stop.clone(),
        keys: KeySource::DataDir,
        serving: None,
        governing: Governing::default(),
        asker: context.asker.clone(),
        reads: Reads::default(),
    }
}

/// Where the demonstration plays.
struct Stage {
    dir: PathBuf,
    context: Context,
}

impl Stage {
    async fn play(
        &self,
        keep: KeepDir,
        progress: &dyn ProgressSink,
    ) -> Result<DemoAnswer, Failure> {
        let mail_dir = self.dir.join("mail");
        let to = mail_dir.clone();
        blocking(move || write_mail(&to)).await?;
        let mut imports = Vec::new();
        for user in USERS {
            imports.push(self.import(user, mail_dir.join(user), progress).await?);
        }
        let mut searches = Vec::new();
        for query in QUERIES {
            searches.push(self.search(query).await?);
        }
        let export = Export {
            scope: ExportScope::All,
            user: None,
            to: self.dir.join("out"),
            format: ExportFormat::Eml,
            proof: Proof::None,
        };
        let Answer::Export(exported) = self.run(Request::Export(export), progress).await? else {
            return Err(another_answer());
        };
        let Answer::Verify(verify) =
            self.run(Request::Verify(Examination::Brief), progress).await?
        else {
            return Err(another_answer());
        };
        let kept = keep == KeepDir::Yes;
        let data = self.context.data.path().to_owned();
        Ok(DemoAnswer { data, kept, imports, searches, exported, verify })
    }

    async fn import(
        &self,
        name: &str,
        path: PathBuf,
        progress: &dyn ProgressSink,
    ) -> Result<DemoImport, Failure> {
        let user = UserName::new(name)
            .map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
        let import = Import {
            paths: vec![path],
            user: user.clone(),
            root: None,
            folder: None,
            mbox: MboxForm::Auto,
            wait: WaitForViews::Yes,
        };
        match self.run(Request::Import(import), progress).await? {
            Answer::Import(run, read) => Ok(DemoImport { user, run, read }),
            _ => Err(another_answer()),
        }
    }

    async fn search(&self, query: &str) -> Result<DemoSearch, Failure> {
        let search = Search {
            query: query.to_owned(),
            user: None,
            order: Order::Date,
            limit: None,
            output: SearchOutput::Hits,
        };
        let hits = Collected::default();
        self.run(Request::Search(search), &hits).await?;
        let hits = hits.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(DemoSearch { query: query.to_owned(), hits })
    }

    async fn run(&self, request: Request, progress: &dyn ProgressSink) -> Result<Answer, Failure> {
        // Boxed, because a demonstration is a command that runs commands.
        Box::pin(run(request, &self.context, progress)).await
    }
}

/// Keeps the hits of a search.
#[derive(Default)]
struct Collected(Mutex<Vec<Hit>>);

impl ProgressSink for Collected {
    fn send(&self, progress: Progress) -> Result<(), Gone> {
        if let Progress::Hits(hits) = progress {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(hits);
        }
        Ok(())
    }
}

fn another_answer() -> Failure {
    Failure::new(FailureKind::Internal, "a command gave the answer of another one")
}

/// Makes a directory that nobody else has, in that for temporary files.
fn make_dir() -> Result<PathBuf, Failure> {
    let mut random = [0; 8];
    OsRandom.fill(&mut random);
    let name = format!("posthold-demo-{:016x}", u64::from_le_bytes(random));
    let dir = std::env::temp_dir().join(name);
    RealDisk
        .create_dir_all(&dir)
        .map_err(|it| faults::io(&it, "failed to make a directory for the demonstration"))?;
    Ok(dir)
}

fn remove_dir(dir: &Path) -> Result<(), Failure> {
    disk::remove_tree(dir).map_err(|it| {
        faults::io(&it, &format!("failed to remove {}", dir.display()))
            .with_hint("Nothing needs it any more: remove it by hand.")
    })
}

fn write_mail(dir: &Path) -> Result<(), Failure> {
    let write = |path: &Path, bytes: &[u8]| -> io::Result<()> {
        if let Some(parent) = path.parent() {
            RealDisk.create_dir_all(parent)?;
        }
        RealDisk.open(path, Access::CreateNew)?.write_at(bytes, 0)
    };
    for (path, bytes) in mail::MAIL {
        write(&dir.join(path), bytes)
            .map_err(|it| faults::io(&it, "failed to write the sample mail"))?;
    }
    Ok(())
}
