//! The other side of the process that holds somebody's own token: starts it, asks, waits as long as a person's patience allows, and tells a
//! driver that crashed from one that hangs and from a token that says no.

use super::message::{Answer, Objects, Order, Refusal, ToSign, TokenFound};
use crate::{frame, secret::Pin};
use chuky_model::algorithm::SignatureScheme;
use std::{
    io::{self, ErrorKind, Read, Write},
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A module in a process of its own. Dropping it logs out and ends the process.
#[derive(Debug)]
pub struct OwnModule {
    child: Child,
    stream: UnixStream,
    patience: Duration,
}

impl OwnModule {
    /// Runs `executable arguments…`, which must call [`super::worker::run`]. The environment is handed on: drivers are configured by it. What a
    /// driver prints is not.
    pub fn start(executable: &Path, arguments: &[&str], patience: Duration) -> io::Result<Self> {
        let (stream, theirs) = UnixStream::pair()?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let child = Command::new(executable)
            .args(arguments)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C on the terminal is for whoever started this, who ends it in order.
            .process_group(0)
            .spawn()?;
        Ok(Self { child, stream, patience })
    }

    /// Loads the module and gives its tokens.
    pub fn tokens(&mut self, module: &Path) -> Result<Vec<TokenFound>, Refusal> {
        match self.ask(&Order::Tokens(module.to_owned()))? {
            Answer::Tokens(tokens) => Ok(tokens),
            _ => Err(another()),
        }
    }

    /// Logs in to the token in that slot, once. Without a PIN the token's own pad asks for it.
    pub fn log_in(&mut self, slot: u64, pin: Option<Pin>) -> Result<(), Refusal> {
        match self.ask(&Order::LogIn { slot, pin })? {
            Answer::LoggedIn => Ok(()),
            _ => Err(another()),
        }
    }

    /// Keys and certificates of the token that was logged in to.
    pub fn objects(&mut self) -> Result<Objects, Refusal> {
        match self.ask(&Order::Objects)? {
            Answer::Objects(objects) => Ok(objects),
            _ => Err(another()),
        }
    }

    /// A signature in X.509 form with the key of that place in the list, not verified. The PIN is for a key that asks each time.
    pub fn sign(
        &mut self,
        key: usize,
        scheme: SignatureScheme,
        digest: &[u8],
        pin: Option<Pin>,
    ) -> Result<Vec<u8>, Refusal> {
        match self.ask(&Order::Sign(ToSign { key, scheme, digest: digest.to_vec(), pin }))? {
            Answer::Signature(signature) => Ok(signature),
            _ => Err(another()),
        }
    }

    fn ask(&mut self, order: &Order) -> Result<Answer, Refusal> {
        let frame = frame::encode(order)?;
        if let Err(error) = self.stream.write_all(&frame) {
            return Err(self.ended(is_late(&error)));
        }
        let mut watched = Watched { stream: &self.stream, late: false };
        match frame::read::<Answer>(&mut watched) {
            Ok(Some(Answer::Refused(refusal))) => Err(refusal),
            Ok(Some(answer)) => Ok(answer),
            Ok(None) | Err(_) => {
                let late = watched.late;
                Err(self.ended(late))
            }
        }
    }

    /// Why there is no answer. The process is of no use any more.
    fn ended(&mut self, late: bool) -> Refusal {
        if late {
            let _ = self.child.kill();
            let _ = self.child.wait();
            return Refusal::Late(self.patience.as_secs());
        }
        let _ = self.stream.shutdown(Shutdown::Both);
        match self.child.wait() {
            Ok(status) => Refusal::Crashed(status.to_string()),
            Err(error) => Refusal::Crashed(error.to_string()),
        }
    }
}

impl Drop for OwnModule {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
        let begun = Instant::now();
        while begun.elapsed() < LEAVING {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                _ => return,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads, and remembers whether the time was over.
struct Watched<'s> {
    stream: &'s UnixStream,
    late: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(into);
        self.late = self.late || read.as_ref().is_err_and(is_late);
        read
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn another() -> Refusal {
    Refusal::Odd("an answer to another question".to_owned())
}

/// How long a driver may take to log out before its process is killed.
const LEAVING: Duration = Duration::from_secs(3);
