//! Frames between service and worker: four bytes of length, then postcard. Bounded in both directions, and wiped after use, as
//! they carry PINs and secrets. Holds the two message types; knows nothing of what they mean.

use crate::{
    error::Error,
    limits,
    message::{Request, Response},
    provision::{Prepared, Secrets},
    secret::Pin,
    settings::{StockTarget, TokenKind},
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
    /// Instead of `Start`: prepare a token, answer and end.
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
    pub(crate) kind: TokenKind,
    pub(crate) pin: Pin,
    pub(crate) threads: usize,
    pub(crate) stock: Vec<StockTarget>,
}

/// A token to prepare, see [`crate::provision::prepare`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Prepare {
    pub(crate) module: PathBuf,
    pub(crate) token_label: String,
    pub(crate) kind: TokenKind,
    pub(crate) so_pin: Pin,
    pub(crate) user_pin: Pin,
    pub(crate) secrets: Secrets,
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// Token open, logged in, self-test passed; or why not.
    Started(Result<(), Error>),
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
