//! The folders of a watched sign run. A document goes through them by single renames, in this order: taken out of the incoming folder into
//! `source`; its signed form whole in `signed`; the original put away; the signed form delivered. Whatever instruction a crash falls on, what
//! lies where tells what was done, so nothing is lost and nothing is delivered twice. No file ever takes another's name.

use super::placed::sync;
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The folders, held by one run at a time.
pub(super) struct Spool {
    incoming: PathBuf,
    outgoing: PathBuf,
    done: PathBuf,
    failed: PathBuf,
    work: PathBuf,
    settle: Duration,
    seen: HashMap<OsString, Seen>,
    _held: File,
}

/// Where a spool's folders are.
pub(super) struct Folders<'a> {
    pub(super) incoming: &'a Path,
    pub(super) outgoing: &'a Path,
    pub(super) done: PathBuf,
    pub(super) failed: PathBuf,
}

/// A file in the incoming folder, and since when it looks so.
struct Seen {
    state: State,
    since: Instant,
}

/// What changes while a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

/// A document that was taken out of the incoming folder.
pub(super) struct Taken {
    pub(super) name: OsString,
    pub(super) path: PathBuf,
    state: State,
}

/// What a crash left behind, and what became of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// A document that was taken and not signed.
    Unsigned,
    /// A signed form that was delivered now or before, with the line that tells of it.
    Delivered {
        line: String,
        under: Option<OsString>,
    },
    /// A document that was put away as failed, with its line.
    Told(String),
}

impl Spool {
    /// Makes the folders that are missing, and holds them. All lie on one file system, as renames are what makes a crash harmless.
    pub(super) fn open(folders: Folders<'_>, settle: Duration) -> io::Result<Self> {
        let Folders { incoming, outgoing, done, failed } = folders;
        let work = incoming.join(WORK);
        for folder in [incoming, outgoing] {
            if !folder.is_dir() {
                return Err(named(folder, io::ErrorKind::NotADirectory.into()));
            }
        }
        for folder in [&done, &failed, &work, &work.join(SOURCE), &work.join(PART), &work.join(SIGNED)] {
            fs::create_dir_all(folder).map_err(|error| named(folder, error))?;
        }
        let device = fs::metadata(incoming)?.dev();
        for folder in [outgoing, &done, &failed] {
            if fs::metadata(folder)?.dev() != device {
                let reason = "lies on another file system than the watched folder";
                return Err(named(folder, io::Error::other(reason)));
            }
        }
        let held = OpenOptions::new().create(true).truncate(false).write(true).open(work.join("held"))?;
        flock(&held, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| named(incoming, io::Error::other("another chuky watches this folder")))?;
        let (incoming, outgoing) = (incoming.to_owned(), outgoing.to_owned());
        let spool = Self { incoming, outgoing, done, failed, work, settle, seen: HashMap::new(), _held: held };
        spool.try_renaming()?;
        Ok(spool)
    }

    /// A file system that cannot rename without replacing would lose files.
    fn try_renaming(&self) -> io::Result<()> {
        let (one, other) = (self.work.join("rename-1"), self.work.join("rename-2"));
        File::create(&one)?;
        let _ = fs::remove_file(&other);
        let renamed = rename(&one, &other);
        let _ = fs::remove_file(&one);
        let _ = fs::remove_file(&other);
        renamed.map_err(|error| named(&self.incoming, error))
    }

    /// Brings what a crash left to where it belongs. An unsigned document stays where it is, to be signed next.
    pub(super) fn recover(&self) -> io::Result<Left> {
        self.clear_parts()?;
        let (source, signed) = (only(&self.work.join(SOURCE))?, only(&self.work.join(SIGNED))?);
        match (source, signed) {
            (Some(_), None) => Ok(Left::Unsigned),
            (Some(name), Some(_)) => {
                self.put_away(&name)?;
                self.deliver_left()
            }
            (None, Some(_)) => self.deliver_left(),
            (None, None) => match self.line() {
                Some(line) => Ok(Left::Told(line)),
                None => Ok(Left::Nothing),
            },
        }
    }

    fn deliver_left(&self) -> io::Result<Left> {
        let under = self.deliver()?;
        Ok(Left::Delivered { line: self.line().unwrap_or_default(), under: Some(under) })
    }

    /// The document that a crash left unsigned.
    pub(super) fn left(&self) -> io::Result<Option<Taken>> {
        let Some(name) = only(&self.work.join(SOURCE))? else { return Ok(None) };
        let path = self.work.join(SOURCE).join(&name);
        let state = state(&path)?;
        Ok(state.map(|state| Taken { name, path, state }))
    }

    /// Names of the files that are complete: regular, not hidden, none of the endings of a transfer under way, and unchanged for the time of
    /// settling. The oldest first.
    pub(super) fn settled(&mut self) -> io::Result<Vec<OsString>> {
        let (mut present, mut settled) = (HashMap::new(), Vec::new());
        for entry in fs::read_dir(&self.incoming)?.take(MOST_SEEN) {
            let entry = entry?;
            let name = entry.file_name();
            if is_partial(&name) {
                continue;
            }
            let Some(state) = state(&entry.path())? else { continue };
            let before = self.seen.get(&name).filter(|seen| seen.state == state).map(|seen| seen.since);
            let since = before.unwrap_or_else(Instant::now);
            if before.is_some() && since.elapsed() >= self.settle {
                settled.push((state.modified, name.clone()));
            }
            present.insert(name, Seen { state, since });
        }
        self.seen = present;
        settled.sort();
        Ok(settled.into_iter().map(|(_, name)| name).collect())
    }

    /// Takes a file out of the incoming folder; `None` where it is gone or looks different now.
    pub(super) fn take(&mut self, name: &OsStr) -> io::Result<Option<Taken>> {
        let Some(seen) = self.seen.remove(name) else { return Ok(None) };
        let path = self.work.join(SOURCE).join(name);
        match rename(&self.incoming.join(name), &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        }
        sync(&self.incoming)?;
        sync(&self.work.join(SOURCE))?;
        let taken = Taken { name: name.to_owned(), path, state: seen.state };
        if self.is_unchanged(&taken)? {
            return Ok(Some(taken));
        }
        self.give_back(&taken)?;
        Ok(None)
    }

    /// Whether nobody wrote to it since it was found complete.
    pub(super) fn is_unchanged(&self, taken: &Taken) -> io::Result<bool> {
        Ok(state(&taken.path)? == Some(taken.state))
    }

    /// Puts it back as if it had never been taken.
    pub(super) fn give_back(&self, taken: &Taken) -> io::Result<()> {
        self.clear_parts()?;
        moved(&taken.path, &self.incoming, &taken.name)?;
        sync(&self.work.join(SOURCE))
    }

    /// Where the signed form is written.
    pub(super) fn parts(&self) -> PathBuf {
        self.work.join(PART)
    }

    /// The signed form is whole: from here on it will be delivered, crash or not. The line tells of it afterwards.
    pub(super) fn keep(&self, signed: tempfile::NamedTempFile, under: &OsStr, line: &str) -> io::Result<()> {
        self.write_line(line)?;
        let to = self.work.join(SIGNED).join(under);
        signed.persist_noclobber(to).map_err(|error| error.error)?;
        sync(&self.work.join(SIGNED))
    }

    /// The original goes to the documents that are done.
    pub(super) fn put_away(&self, name: &OsStr) -> io::Result<()> {
        moved(&self.work.join(SOURCE).join(name), &self.done, name)?;
        sync(&self.work.join(SOURCE))
    }

    /// The signed form goes out, once; gives the name that it has there.
    pub(super) fn deliver(&self) -> io::Result<OsString> {
        let Some(name) = only(&self.work.join(SIGNED))? else { return Err(io::ErrorKind::NotFound.into()) };
        let under = moved(&self.work.join(SIGNED).join(&name), &self.outgoing, &name)?;
        sync(&self.work.join(SIGNED))?;
        Ok(under)
    }

    /// A document that cannot be signed goes aside.
    pub(super) fn set_aside(&self, taken: &Taken, line: &str) -> io::Result<OsString> {
        self.write_line(line)?;
        self.clear_parts()?;
        let under = moved(&taken.path, &self.failed, &taken.name)?;
        sync(&self.work.join(SOURCE))?;
        Ok(under)
    }

    /// The line was printed.
    pub(super) fn told(&self) -> io::Result<()> {
        match fs::remove_file(self.work.join(LINE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn line(&self) -> Option<String> {
        fs::read_to_string(self.work.join(LINE)).ok()
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new_in(self.parts())?;
        file.write_all(line.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(self.work.join(LINE)).map_err(|error| error.error)?;
        sync(&self.work)
    }

    fn clear_parts(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.parts())? {
            fs::remove_file(entry?.path())?;
        }
        Ok(())
    }
}

/// What a regular file looks like; `None` of anything else, and of one that is gone.
fn state(path: &Path) -> io::Result<Option<State>> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(found) if !found.is_file() => Ok(None),
        Ok(found) => {
            Ok(Some(State { inode: found.ino(), size: found.len(), modified: (found.mtime(), found.mtime_nsec()) }))
        }
    }
}

/// Hidden files, and the endings by which programs mark what they still write.
fn is_partial(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    let ending = Path::new(name).extension().unwrap_or_default().to_string_lossy().to_lowercase();
    bytes.starts_with(b".") || bytes.ends_with(b"~") || PARTIAL.contains(&ending.as_str())
}

/// Moves a file into a folder under its name, or, where that is taken, under the name with a number before its ending.
fn moved(from: &Path, folder: &Path, name: &OsStr) -> io::Result<OsString> {
    for number in 1..MOST_NUMBERS {
        let under = numbered(name, number);
        match rename(from, &folder.join(&under)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(named(&folder.join(&under), error)),
            Ok(()) => {
                sync(folder)?;
                return Ok(under);
            }
        }
    }
    Err(named(&folder.join(name), io::ErrorKind::AlreadyExists.into()))
}

/// `letter.pdf`, `letter-2.pdf`, …
fn numbered(name: &OsStr, number: u32) -> OsString {
    if number == 1 {
        return name.to_owned();
    }
    let path = Path::new(name);
    let mut numbered = path.file_stem().unwrap_or(name).to_owned();
    numbered.push(format!("-{number}"));
    if let Some(ending) = path.extension() {
        numbered.push(".");
        numbered.push(ending);
    }
    numbered
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

/// The one entry of a folder of the work; there is never a second.
fn only(folder: &Path) -> io::Result<Option<OsString>> {
    fs::read_dir(folder)?.next().map(|entry| Ok(entry?.file_name())).transpose()
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Hidden, so that it is no document: where the one in work lies.
const WORK: &str = ".chuky-sign";
const SOURCE: &str = "source";
const PART: &str = "part";
const SIGNED: &str = "signed";
const LINE: &str = "line.json";
/// Endings of files that browsers, transfer and office programs still write.
const PARTIAL: [&str; 8] = ["part", "partial", "filepart", "tmp", "temp", "crdownload", "download", "swp"];
/// Files of the incoming folder that are looked at in one round; the others wait.
const MOST_SEEN: usize = 10_000;
/// Names that are tried for one file.
const MOST_NUMBERS: u32 = 10_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn spool(root: &Path, settle: Duration) -> Spool {
        let folders = ["in", "out", "done", "failed"].map(|name| root.join(name));
        folders.iter().for_each(|folder| fs::create_dir_all(folder).unwrap());
        let [incoming, outgoing, done, failed] = &folders;
        let folders = Folders { incoming, outgoing, done: done.clone(), failed: failed.clone() };
        Spool::open(folders, settle).unwrap()
    }

    #[test]
    fn only_complete_files_are_taken() {
        let root = tempfile::tempdir().unwrap();
        let mut spool = spool(root.path(), Duration::ZERO);
        let put = |name: &str, text: &str| fs::write(root.path().join("in").join(name), text).unwrap();
        for name in [".hidden", "a.part", "b.TMP", "c~", "d.crdownload"] {
            put(name, "partial");
        }
        fs::create_dir(root.path().join("in/folder")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("in/link")).unwrap();
        put("whole.pdf", "one");
        assert!(spool.settled().unwrap().is_empty(), "seen for the first time");
        put("whole.pdf", "longer");
        assert!(spool.settled().unwrap().is_empty(), "it has grown");
        assert_eq!(spool.settled().unwrap(), ["whole.pdf"]);
        put("whole.pdf", "longer again");
        assert!(spool.take(OsStr::new("whole.pdf")).unwrap().is_none(), "written to before it was taken");
        assert!(root.path().join("in/whole.pdf").exists());
    }

    #[test]
    fn nothing_takes_the_name_of_another() {
        let root = tempfile::tempdir().unwrap();
        let spool = spool(root.path(), Duration::ZERO);
        for number in 1..4 {
            fs::write(spool.work.join(SOURCE).join("a.pdf"), number.to_string()).unwrap();
            spool.put_away(OsStr::new("a.pdf")).unwrap();
        }
        for (name, text) in [("a.pdf", "1"), ("a-2.pdf", "2"), ("a-3.pdf", "3")] {
            assert_eq!(fs::read_to_string(root.path().join("done").join(name)).unwrap(), text);
        }
    }

    #[test]
    fn a_folder_is_watched_once() {
        let root = tempfile::tempdir().unwrap();
        let first = spool(root.path(), Duration::ZERO);
        let (incoming, outgoing) = (root.path().join("in"), root.path().join("out"));
        let again = || {
            let folders = Folders {
                incoming: &incoming,
                outgoing: &outgoing,
                done: root.path().join("done"),
                failed: root.path().join("failed"),
            };
            Spool::open(folders, Duration::ZERO)
        };
        assert!(again().is_err());
        drop(first);
        assert!(again().is_ok());
    }
}
