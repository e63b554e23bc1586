//! Frames between service and worker: four bytes of length, then postcard. Bounded in both directions, and wiped after use, as
//! they carry PINs and secrets. Holds the two message types; knows nothing of what they mean.

use crate::{
    error::Error,
    limits,
    message::{Fingerprint, Request, Response},
    provision::{Prepared, Secrets},
    secret::{Pin, Secret32},
    settings::{Settings, StockTarget, TokenAddress, TokenKind},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    io::{self, Read},
    path::PathBuf,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

/// From the service. `Start` is the first frame and comes once: so the PIN is in neither arguments nor environment.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    Start(Start),
    /// Instead of `Start`: prepare a token or change its peppers, answer and end.
    Prepare(Prepare),
    Call {
        id: u64,
        milliseconds: u64,
        request: Request,
    },
}

/// What a worker is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) module: PathBuf,
    pub(crate) token_label: String,
    pub(crate) serial: Option<String>,
    pub(crate) kind: TokenKind,
    pub(crate) pin: Pin,
    pub(crate) threads: usize,
    pub(crate) stock: Vec<StockTarget>,
}

impl Start {
    /// One token of a role.
    pub(crate) fn of(settings: &Settings, address: &TokenAddress) -> Result<Self, Error> {
        Ok(Self {
            module: address.module.clone(),
            token_label: address.token_label.clone(),
            serial: address.serial.clone(),
            kind: settings.kind,
            pin: address.pin.read()?,
            threads: settings.threads,
            stock: settings.stock.clone(),
        })
    }

    /// The role's first token.
    pub(crate) fn first_of(settings: &Settings) -> Result<Self, Error> {
        let addresses = settings.addresses();
        Self::of(settings, addresses.first().ok_or_else(|| Error::invalid("no token"))?)
    }
}

/// A token to prepare or to change, see [`crate::provision`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Prepare {
    pub(crate) module: PathBuf,
    pub(crate) token_label: String,
    pub(crate) serial: Option<String>,
    pub(crate) kind: TokenKind,
    pub(crate) so_pin: Pin,
    pub(crate) user_pin: Pin,
    pub(crate) initialise: bool,
    pub(crate) task: Task,
}

/// What is to be done with it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    Prepare(Secrets),
    AddPepper(Secret32),
    DestroyPepper(u32),
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// Token open, logged in, self-test passed, with what it holds; or why not.
    Started(Result<Fingerprint, Error>),
    Prepared(Result<Prepared, Error>),
    Answer {
        id: u64,
        result: Result<Response, Error>,
    },
}

/// A message with its length before it.
pub(crate) fn encode(message: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let body = Zeroizing::new(postcard::to_allocvec(message).map_err(protocol)?);
    let length = u32::try_from(body.len()).map_err(protocol)?;
    if body.len() > limits::FRAME_LENGTH {
        return Err(Error::invalid("the request is too large"));
    }
    Ok(Zeroizing::new([length.to_be_bytes().as_slice(), &body].concat()))
}

/// Reads one frame, blocking. `None` where the other side has closed.
pub(crate) fn read<T: DeserializeOwned>(stream: &mut impl Read) -> Result<Option<T>, Error> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other.map_err(protocol)?,
    }
    let mut body = body_buffer(length)?;
    stream.read_exact(&mut body).map_err(protocol)?;
    postcard::from_bytes(&body).map(Some).map_err(protocol)
}

/// Reads one frame in async code. An error where the other side has closed.
pub(crate) async fn receive<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> Result<T, Error> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.map_err(protocol)?;
    let mut body = body_buffer(length)?;
    stream.read_exact(&mut body).await.map_err(protocol)?;
    postcard::from_bytes(&body).map_err(protocol)
}

fn body_buffer(length: [u8; 4]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(protocol)?;
    if length > limits::FRAME_LENGTH {
        return Err(Error::Protocol { reason: "a frame above the bound".to_owned() });
    }
    Ok(Zeroizing::new(vec![0; length]))
}

fn protocol(error: impl std::fmt::Display) -> Error {
    Error::Protocol { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let call = ToWorker::Call { id: 7, milliseconds: 9, request: Request::DeriveDataKey { version: 3 } };
        let mut stream = [encode(&call).unwrap().as_slice(), &encode(&call).unwrap()].concat();
        let mut bytes = stream.as_slice();
        for _ in 0..2 {
            let read = read::<ToWorker>(&mut bytes).unwrap().unwrap();
            assert!(matches!(
                read,
                ToWorker::Call { id: 7, milliseconds: 9, request: Request::DeriveDataKey { version: 3 } }
            ));
        }
        assert!(read::<ToWorker>(&mut bytes).unwrap().is_none(), "the end is no error");
        stream.truncate(stream.len() - 1);
        let mut cut = stream.as_slice();
        assert!(read::<ToWorker>(&mut cut).unwrap().is_some());
        assert!(read::<ToWorker>(&mut cut).is_err(), "an end within a frame is one");
    }

    #[test]
    fn a_length_above_the_bound_reserves_nothing() {
        let hostile = [u32::MAX.to_be_bytes().as_slice(), &[0; 64]].concat();
        assert!(matches!(read::<ToWorker>(&mut hostile.as_slice()), Err(Error::Protocol { .. })));
        assert!(matches!(read::<FromWorker>(&mut [0, 0, 0, 1, 0xff].as_slice()), Err(Error::Protocol { .. })));
    }

    #[test]
    fn what_is_printed_of_a_frame_holds_no_secret() {
        let start = ToWorker::Start(Start {
            module: PathBuf::from("module.so"),
            token_label: "token".to_owned(),
            serial: None,
            kind: TokenKind::Subscribers,
            pin: Pin::parse("0123456789abcdef").unwrap(),
            threads: 1,
            stock: Vec::new(),
        });
        assert!(!format!("{start:?}").contains("0123"));
    }
}
