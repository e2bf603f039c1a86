//! `import`: mail from files.

use std::path::PathBuf;
use std::sync::Arc;

use archiver::{ImportOptions, Limits, Target};
use commands::{Answer, Failure, FailureKind, Import, MboxForm, ProgressSink};
use disk::SystemClock;
use mail_files::{MboxVariant, ScanOptions, scan};

use super::stores::Writing;
use super::{blocking, ownership, report, users};
use crate::context::Context;

/// Imports files.
pub(super) async fn import(
    context: &Context,
    request: Import,
    title: &str,
    progress: &dyn ProgressSink,
) -> Result<Answer, Failure> {
    let Import { paths, user, root, folder, mbox, wait } = request;
    let mbox = variant(mbox);
    // What is wrong with the request is said before anything is made.
    let reader = blocking(move || {
        check(&paths)?;
        Ok(scan(&paths, ScanOptions { mbox }))
    });
    let reader = reader.await?;
    let _owned = ownership::take(context, title, progress).await?;
    let data = context.data.clone();
    let user = blocking(move || users::find_or_make(&data, &user)).await?;
    let writing = Writing::open(context).await?;
    let root = root.unwrap_or_else(|| user.name.as_str().to_owned());
    let options = ImportOptions {
        target: Target { archive: user.archive, user: user.name, root },
        folder,
        title: title.to_owned(),
        cancel: context.stop.clone(),
        limits: Limits::default(),
    };
    let report = archiver::import(
        reader,
        writing.log(),
        writing.catalog(),
        Arc::new(SystemClock),
        options,
        |it| report::tell(progress, &it),
    )
    .await;
    let closed = writing.close(wait, progress).await;
    report::of_import(report)
        .map(|(answer, counts)| Answer::Import(report::with_end(answer, closed), counts))
}

pub(super) fn variant(mbox: MboxForm) -> MboxVariant {
    match mbox {
        MboxForm::Auto => MboxVariant::Auto,
        MboxForm::Mboxrd => MboxVariant::Rd,
        MboxForm::Mboxo => MboxVariant::O,
        MboxForm::Mboxcl => MboxVariant::Cl,
        MboxForm::Mboxcl2 => MboxVariant::Cl2,
    }
}

/// A path that is not there was typed wrongly; nothing is imported then. What is there and cannot
/// be read is for the quarantine.
pub(super) fn check(paths: &[PathBuf]) -> Result<(), Failure> {
    let missing = paths.iter().find(|it| it.symlink_metadata().is_err());
    missing.map_or(Ok(()), |path| {
        let message = format!("there is nothing at {}", path.display());
        Err(Failure::new(FailureKind::Request, message)
            .with_hint("Name files or directories that are there."))
    })
}
