//! `verilane cid`: IPFS content identifiers of files.

use std::fmt;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use verilane_ledger::cid::{ImportError, Importer, Profile};

use crate::Status;
use crate::shared::backends_used::BackendsUsed;
use crate::shared::context::Context;
use crate::shared::{input, output, progress};

/// Compute the identifiers that IPFS gives to files: those of `ipfs add` in kubo
///
/// An identifier depends on how the file is split, which the profile (IPIP-499) defines: unixfs-v0-2015
/// has 256 KiB chunks, 174 links and dag-pb leaves, unixfs-v1-2025 1 MiB, 1024 and raw leaves.
#[derive(clap::Args)]
pub struct Args {
    /// unixfs-v0-2015 or unixfs-v1-2025
    #[arg(long, default_value = "unixfs-v1-2025", value_name = "NAME")]
    profile: Profile,
    /// Files; - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Summary {
    profile: String,
    files: Vec<Identified>,
    unreadable: Vec<String>,
    #[serde(flatten)]
    backends: BackendsUsed,
}

#[derive(Serialize)]
struct Identified {
    path: String,
    cid: String,
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let engine = context.engine()?;
    let bar = progress::bytes(input::total_size(&args.files));
    let mut importer = Importer::new(&engine, args.profile);
    let mut read = Vec::new();
    let mut unreadable = Vec::new();
    for path in &args.files {
        let added = input::open(path).and_then(|file| match importer.add(bar.wrap_read(file)) {
            Err(ImportError::Io(error)) => Err(error).context(format!("cannot read {}", path.display())),
            added => Ok(added?),
        });
        match added {
            Ok(()) => read.push(path),
            Err(error) if error.is::<verilane::Error>() => return Err(error),
            Err(error) => {
                output::error(&error);
                unreadable.push(format!("{error:#}"));
            }
        }
    }
    let import = importer.finish()?;
    bar.finish_and_clear();
    let backends = import.reports.iter().collect();
    let identified = |(path, cid): (&&PathBuf, _)| Identified {
        path: path.display().to_string(),
        cid: ToString::to_string(cid),
    };
    let files = read.iter().zip(&import.cids).map(identified).collect();
    let summary = Summary { profile: args.profile.to_string(), files, unreadable, backends };
    output::print(context, &summary)?;
    Ok(Status::of(!summary.unreadable.is_empty(), false))
}

/// In the format of `sha256sum`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.iter().try_for_each(|file| writeln!(f, "{}  {}", file.cid, file.path))
    }
}
