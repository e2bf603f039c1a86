//! `quarantine export`: the bytes that a server gives of a message, suspect as they are.

use std::path::{Path, PathBuf};

use commands::{Failure, FailureKind, QuarantineExport, QuarantineExported};
use disk::RealDisk;
use ports::{Access, Body, Catalog, Connect, Disk, DiskFile, Fetched, InFlight, Piece, Source};
use tokio::sync::mpsc;
use types::{MailboxName, SourceId};

use crate::context::Context;
use crate::run::archive::{self, Reached, Work};
use crate::run::stores::reading_catalog;
use crate::run::{blocking, faults};

/// Bytes of the message that may be held.
const FETCH_BYTES_MAX: usize = 16 << 20;

/// Where a message stands at its source.
struct Wanted {
    mailbox: MailboxName,
    uid_validity: u64,
    uid: u64,
}

/// Fetches a message that is in quarantine, and writes what comes.
pub(super) async fn export(
    context: &Context,
    work: Work,
    request: QuarantineExport,
) -> Result<QuarantineExported, Failure> {
    let QuarantineExport { id, to } = request;
    let data = context.data.clone();
    let wanted = blocking(move || {
        let catalog = reading_catalog(&data)?;
        let failed = |it| faults::catalog(&it);
        let source = SourceId(id.source);
        let name = catalog.mailbox_name(source).map_err(failed)?;
        let uid_validity = catalog.uid_validity(source).map_err(failed)?;
        let (Some(mailbox), Some(uid_validity)) = (name, uid_validity) else {
            let message = format!("the mailbox of message {id} is not known any more");
            return Err(Failure::new(FailureKind::NotFound, message));
        };
        Ok(Wanted { mailbox, uid_validity, uid: id.uid })
    })
    .await?;
    let written = match archive::account(&work.request)? {
        Reached::Imap(account) => fetch(&account, &wanted, &to).await,
        Reached::Pop3(account) => fetch(&account, &wanted, &to).await,
    };
    let Written { bytes, announced, mut warnings } = written?;
    if announced.is_some_and(|it| it != bytes) {
        warnings.push("The server announced another size than came.".into());
    }
    warnings.push("Nothing of it was archived, and nobody vouches for these bytes.".into());
    Ok(QuarantineExported { id, path: to, bytes, announced, warnings })
}

/// What was written.
struct Written {
    bytes: u64,
    announced: Option<u64>,
    warnings: Vec<String>,
}

async fn fetch<C: Connect>(account: &C, wanted: &Wanted, to: &Path) -> Result<Written, Failure> {
    let failed = |it| faults::source(&it);
    let mut source = account.connect().await.map_err(failed)?;
    let opened = source.open(&wanted.mailbox, None).await.map_err(failed)?;
    if opened.status.uid_validity != wanted.uid_validity {
        let message = "the server has renumbered the mailbox since: the UID means another message";
        return Err(Failure::new(FailureKind::NotFound, message)
            .with_hint("The next run finds out which messages are missing now."));
    }
    let budget = InFlight::new(FETCH_BYTES_MAX);
    let (out, mut came) = mpsc::channel(1);
    let uids = [wanted.uid];
    let fetch = async {
        let answer = source.fetch(&uids, &budget, &out).await;
        drop(out);
        answer
    };
    let take = async {
        let mut written = None;
        while let Some(message) = came.recv().await {
            if written.is_none() {
                written = Some(write(message, to).await);
            }
        }
        written
    };
    let (answer, written) = tokio::join!(fetch, take);
    source.close().await;
    match (written, answer) {
        (Some(written), _) => written,
        (None, Err(error)) => Err(faults::source(&error)),
        (None, Ok(answer)) => {
            let message = format!("the server gives nothing of the message ({answer:?})");
            Err(Failure::new(FailureKind::NotFound, message))
        }
    }
}

async fn write(message: Fetched, to: &Path) -> Result<Written, Failure> {
    let mut warnings = Vec::new();
    let announced = Some(message.size_claimed).filter(|it| *it != 0);
    let mut file = Output::create(to).await?;
    match message.body {
        Body::Whole(bytes) => file.append(bytes).await?,
        Body::Nil => warnings.push("The server answered NIL in place of the message.".into()),
        Body::Pieces(mut pieces) => {
            let mut is_whole = false;
            while let Some(piece) = pieces.recv().await {
                match piece {
                    Piece::Bytes(bytes) => file.append(bytes).await?,
                    Piece::End => is_whole = true,
                }
            }
            if !is_whole {
                warnings.push("The message was cut while it came.".into());
            }
        }
    }
    let bytes = file.finish().await?;
    Ok(Written { bytes, announced, warnings })
}

/// A new file that grows.
struct Output {
    path: PathBuf,
    file: std::sync::Arc<dyn DiskFile>,
    len: u64,
}

impl Output {
    async fn create(path: &Path) -> Result<Output, Failure> {
        let path = path.to_owned();
        blocking(move || {
            let file = RealDisk.open(&path, Access::CreateNew);
            let file = file.map_err(|it| faults::io(&it, "make the file"))?;
            Ok(Output { path, file: file.into(), len: 0 })
        })
        .await
    }

    async fn append(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        let (file, at) = (std::sync::Arc::clone(&self.file), self.len);
        self.len += u64::try_from(bytes.len()).unwrap_or(0);
        let what = format!("write {}", self.path.display());
        blocking(move || file.write_at(&bytes, at).map_err(|it| faults::io(&it, &what))).await
    }

    async fn finish(self) -> Result<u64, Failure> {
        let Output { path, file, len } = self;
        let what = format!("write {}", path.display());
        blocking(move || file.sync().map_err(|it| faults::io(&it, &what))).await?;
        Ok(len)
    }
}
