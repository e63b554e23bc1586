//! One file or many, in the order in which they were named: one that cannot be signed keeps no other back, what concerns them all ends the
//! run. On a terminal the progress is shown on one line, otherwise each file has a plain line.

use super::{
    Failure, Road, Sign, Signed, WITHOUT_TIMESTAMP,
    placed::{self, exists},
    usage,
};
use chuky_model::text::Language;
use std::{
    collections::HashSet,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

/// A file and where its signed form goes.
pub(super) struct Planned {
    source: PathBuf,
    target: Result<PathBuf, Failure>,
}

/// What is to be done, looked at before any PIN is asked for. What a single file lacks ends the command here.
pub(super) fn plan(sign: &Sign, language: Language) -> Result<Vec<Planned>, Failure> {
    match (&sign.output, &sign.out, sign.files.as_slice()) {
        (Some(output), None, [source]) => {
            drop(super::super::verify::open(source).map_err(|error| unreadable(source, &error))?);
            if output.symlink_metadata().is_ok() {
                return Err(exists(output, language));
            }
            Ok(vec![Planned { source: source.clone(), target: Ok(output.clone()) }])
        }
        (None, Some(folder), [_, ..]) => {
            if !folder.is_dir() {
                return Err(Failure::stop(format!("--out {}: is not a folder", folder.display()), 2));
            }
            let mut taken = HashSet::new();
            Ok(sign.files.iter().map(|source| planned(sign, source, folder, &mut taken, language)).collect())
        }
        _ => Err(usage(language)),
    }
}

fn planned(sign: &Sign, source: &Path, folder: &Path, taken: &mut HashSet<PathBuf>, language: Language) -> Planned {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    let target = sign.signed_name(&name, sign.media_type(source), language).and_then(|name| {
        let target = folder.join(name);
        let free = target.symlink_metadata().is_err() && taken.insert(target.clone());
        if free { Ok(target) } else { Err(exists(&target, language)) }
    });
    Planned { source: source.to_owned(), target }
}

/// Signs them. The exit code is 0 where all were as wanted, else that of the first that was not.
pub(super) fn run(sign: &Sign, plan: &[Planned], road: &mut dyn Road, language: Language) -> Result<u8, Failure> {
    let progress = Progress { shown: plan.len() > 1 && std::io::stderr().is_terminal(), of: plan.len() };
    let (mut code, mut signed) = (0, 0);
    for (number, one) in plan.iter().enumerate() {
        progress.show(number + 1, &one.source);
        let done = match &one.target {
            Ok(target) => one_file(sign, &one.source, target, road, language),
            Err(failure) => Err(Failure::document(&failure.said, failure.code)),
        };
        progress.clear();
        match done {
            Ok(Signed { said, no_timestamp }) => {
                signed += 1;
                let shown = one.target.as_deref().unwrap_or(&one.source).display();
                println!("✓ {shown}{}{said}", if said.is_empty() { "" } else { "  " });
                if let Some(why) = no_timestamp {
                    eprintln!("! {shown}: {why}");
                    code = if code == 0 { WITHOUT_TIMESTAMP } else { code };
                }
            }
            Err(failure) if failure.stops || plan.len() == 1 => return Err(failure),
            Err(failure) => {
                eprintln!("✗ {}: {}", one.source.display(), failure.said);
                code = if code == 0 { failure.code } else { code };
            }
        }
    }
    if plan.len() > 1 {
        eprintln!("{signed}/{}", plan.len());
    }
    Ok(code)
}

fn one_file(
    sign: &Sign,
    source: &Path,
    target: &Path,
    road: &mut dyn Road,
    language: Language,
) -> Result<Signed, Failure> {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    let (file, signed) = placed::signed(road, (source, &name, sign.media_type(source)), placed::parent(target))?;
    placed::place(file, target, language)?;
    Ok(signed)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::document(format!("{}: {error}", path.display()), 2)
}

/// The line on a terminal.
struct Progress {
    shown: bool,
    of: usize,
}

impl Progress {
    fn show(&self, number: usize, source: &Path) {
        if self.shown {
            eprint!("\r\u{1b}[K[{number}/{}] {}", self.of, source.display());
            let _ = std::io::stderr().flush();
        }
    }

    fn clear(&self) {
        if self.shown {
            eprint!("\r\u{1b}[K");
        }
    }
}
