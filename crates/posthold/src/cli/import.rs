//! `import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use commands::{Failure, Import, MboxForm};

use super::{WriteArgs, name_of, user_name, wait_for_views};

/// What is imported, and where to.
#[derive(Args, Debug)]
pub(super) struct ImportArgs {
    /// EML files, directories, Maildirs, mbox files
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Whose archive it goes to; the user is made when missing
    #[arg(long, value_name = "NAME")]
    user: String,

    /// The first level of the folder tree [default: the user's name]
    #[arg(long)]
    root: Option<String>,

    /// The folder below the root, parts joined by `/` [default: as the files are called]
    #[arg(long)]
    folder: Option<String>,

    /// How mbox files are read [default: as each looks]
    #[arg(long, value_name = "FORM")]
    mbox: Option<MboxArg>,

    /// Do not wait until what was imported can be found
    #[arg(long)]
    no_wait: bool,

    #[command(flatten)]
    pub(super) write: WriteArgs,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum MboxArg {
    Mboxrd,
    Mboxo,
    Mboxcl,
    Mboxcl2,
}

/// From arguments to a request.
pub(super) fn import(args: ImportArgs) -> Result<Import, Failure> {
    Ok(Import {
        paths: args.paths,
        user: user_name(&args.user)?,
        root: args.root.map(|it| name_of("--root", it)).transpose()?,
        folder: args.folder.map(|it| name_of("--folder", it)).transpose()?,
        mbox: match args.mbox {
            None => MboxForm::Auto,
            Some(MboxArg::Mboxrd) => MboxForm::Mboxrd,
            Some(MboxArg::Mboxo) => MboxForm::Mboxo,
            Some(MboxArg::Mboxcl) => MboxForm::Mboxcl,
            Some(MboxArg::Mboxcl2) => MboxForm::Mboxcl2,
        },
        wait: wait_for_views(args.no_wait),
    })
}
