//! The process that holds somebody's own token. Its socket is its standard input; it ends when that closes or when the one who started it
//! dies, and is killed where the driver hangs.

use super::{
    message::{Answer, Order, Refusal},
    token::Own,
};
use crate::{error::Error, frame};
use std::{
    io::{BufReader, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    process::ExitCode,
};

/// Answers one order after the other. To be called before any other thread exists.
pub fn run() -> ExitCode {
    confine();
    let Ok(descriptor) = std::io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let mut writer = UnixStream::from(descriptor);
    let Ok(reader) = writer.try_clone() else { return ExitCode::FAILURE };
    let (mut frames, mut own) = (BufReader::new(reader), None);
    while let Ok(Some(order)) = frame::read::<Order>(&mut frames) {
        let answer = perform(order, &mut own).unwrap_or_else(Answer::Refused);
        let frame = frame::encode(&answer).or_else(|error: Error| frame::encode(&Answer::Refused(error.into())));
        if frame.map_or(true, |frame| writer.write_all(&frame).is_err()) {
            break;
        }
    }
    if let Some(own) = &mut own {
        own.close();
    }
    crate::worker::end(0)
}

fn perform(order: Order, own: &mut Option<Own>) -> Result<Answer, Refusal> {
    if let Order::Tokens(path) = order {
        return Ok(Answer::Tokens(own.insert(Own::load(&path)?).tokens()?));
    }
    let own = own.as_mut().ok_or_else(|| Refusal::Odd("no module is loaded".to_owned()))?;
    Ok(match order {
        Order::Tokens(_) => Answer::Tokens(own.tokens()?),
        Order::LogIn { slot, pin } => {
            own.log_in(slot, pin.as_ref())?;
            Answer::LoggedIn
        }
        Order::Objects => Answer::Objects(own.objects()?),
        Order::Sign(wanted) => Answer::Signature(own.sign(&wanted)?),
    })
}

/// Memory that held a PIN is dumped nowhere, and the process outlives nobody: a driver that hangs would keep the token to itself.
fn confine() {
    #[allow(unsafe_code)]
    // SAFETY: prctl with these two options takes integers only and touches no memory of this process.
    unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
    }
}
