//! A PIN from a pinentry program: the Assuan commands that every one of them knows. The program shows the window, this one gets the PIN over a
//! pipe and nothing else.

use super::secret::first_line;
use chuky_model::text::Language;
use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
};
use zeroize::Zeroizing;

/// Has the program ask. An error where the person cancels.
pub fn ask(program: &Path, language: Language) -> io::Result<Zeroizing<String>> {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let asked = conversation(&mut child, language);
    let _ = child.kill();
    child.wait()?;
    asked
}

fn conversation(child: &mut Child, language: Language) -> io::Result<Zeroizing<String>> {
    let (Some(mut to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    // Its pieces are wiped with the buffer's owner; a PIN passes through it once.
    let mut from = BufReader::with_capacity(LONGEST, from.take(MOST));
    ended(&mut from)?;
    let (description, prompt) = match language {
        Language::Vi => ("Mã PIN của token để ký văn bản", "Mã PIN:"),
        Language::En => ("PIN of the token that signs", "PIN:"),
    };
    let terminal = std::env::var_os("GPG_TTY");
    let terminal = terminal.as_deref().unwrap_or(OsStr::new("/dev/tty")).to_string_lossy().into_owned();
    // One that needs no terminal may refuse the option.
    writeln!(to, "OPTION ttyname={terminal}")?;
    let _ = ended(&mut from);
    for command in [format!("SETDESC {description}"), format!("SETPROMPT {prompt}")] {
        writeln!(to, "{command}")?;
        ended(&mut from)?;
    }
    writeln!(to, "GETPIN")?;
    let secret = ended(&mut from)?;
    let _ = writeln!(to, "BYE");
    secret.ok_or_else(|| io::Error::other("no PIN was entered"))
}

/// Reads up to the line that ends an answer, and gives its data.
fn ended(from: &mut impl BufRead) -> io::Result<Option<Zeroizing<String>>> {
    let mut data = None;
    loop {
        let line = line(from)?;
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("OK", _) => return Ok(data),
            ("ERR", reason) => return Err(io::Error::other(reason.to_owned())),
            ("D", text) => data = Some(unescaped(text)?),
            ("", "") => return Err(io::ErrorKind::UnexpectedEof.into()),
            // Status and comments.
            _ => {}
        }
    }
}

fn line(from: &mut impl BufRead) -> io::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    from.take(LONGEST as u64).read_until(b'\n', &mut bytes)?;
    first_line(bytes.as_slice())
}

/// Assuan escapes `%`, CR and LF as `%` and two hexadecimal digits.
fn unescaped(text: &str) -> io::Result<Zeroizing<String>> {
    let odd = || io::Error::from(io::ErrorKind::InvalidData);
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |digit: Option<u8>| digit.and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(odd);
        let value = digit(rest.next())? * 16 + digit(rest.next())?;
        bytes.push(u8::try_from(value).map_err(|_| odd())?);
    }
    std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| odd())
}

/// Bytes of one line (Assuan: 1,000), and of a whole conversation.
const LONGEST: usize = 1_024;
const MOST: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn answers_are_read_to_their_end() {
        let answer = |text: &str| ended(&mut text.as_bytes()).map(|data| data.map(|data| data.to_string()));
        assert_eq!(answer("S PASSWORD_FROM_CACHE\nD 12%2534%0A\nOK\n").unwrap(), Some("12%34\n".to_owned()));
        assert_eq!(answer("OK Pleased to meet you\n").unwrap(), None);
        for refused in ["ERR 83886179 Operation cancelled <Pinentry>\n", "", "D 1%2\nOK\n", "D %zz\nOK\n"] {
            assert!(answer(refused).is_err(), "{refused:?}");
        }
    }
}
