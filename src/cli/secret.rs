//! Secrets that are typed: from the terminal without echo, or from a file or descriptor that a script names. They are wiped after use
//! and never an argument, which every user of the machine could read.

use chuky_model::text::Language;
use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Where the PIN comes from; without any, it is asked for on the terminal.
#[derive(Debug, Default, Args)]
pub struct PinSource {
    /// File whose first line is the PIN
    #[arg(long, value_name = "FILE", conflicts_with = "pin_fd")]
    pin_file: Option<PathBuf>,
    /// Open descriptor whose first line is the PIN
    #[arg(long, value_name = "N")]
    pin_fd: Option<u32>,
    /// Program that asks for the PIN in a window or on a terminal (pinentry, as GnuPG uses it)
    #[arg(long, value_name = "PROGRAM", conflicts_with_all = ["pin_file", "pin_fd"])]
    pin_agent: Option<PathBuf>,
}

impl PinSource {
    /// The PIN.
    pub fn read(&self, language: Language) -> io::Result<Zeroizing<String>> {
        match (&self.pin_file, self.pin_fd, &self.pin_agent) {
            (Some(file), ..) => first_line(File::open(file)?),
            (_, Some(number), _) => first_line(File::open(Path::new("/dev/fd").join(number.to_string()))?),
            (_, _, Some(program)) => super::pinentry::ask(program, language),
            _ => ask(if language == Language::Vi { "Mã PIN: " } else { "PIN: " }),
        }
    }

    /// Whether a person types it now.
    pub fn is_typed(&self) -> bool {
        self.pin_file.is_none() && self.pin_fd.is_none()
    }
}

/// Asks on the terminal, without showing what is typed.
pub fn ask(question: &str) -> io::Result<Zeroizing<String>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(question.as_bytes())?;
    let shown = tcgetattr(&terminal)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &hidden)?;
    let typed = first_line(terminal.try_clone()?);
    tcsetattr(&terminal, OptionalActions::Flush, &shown)?;
    terminal.write_all(b"\n")?;
    typed
}

/// The first line, without its end.
pub fn first_line(source: impl Read) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::with_capacity(LONGEST));
    BufReader::with_capacity(LONGEST, source.take(LONGEST as u64)).read_line(&mut line)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}

/// Bytes of a PIN or password, more than any rule admits.
const LONGEST: usize = 1_024;
