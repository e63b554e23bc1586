//! Signed payments: one a request, or a stream of lines answered by a stream of lines. A line that is wrong answers for itself;
//! what is held in memory does not depend on how many lines there are.

use crate::{
    accounts::Principal,
    app::App,
    error::{Error, RequestError, RequestErrorKind, Result},
    http::{Access, Caller, Route, problem::Problem},
    transactions::verify_payment,
};
use axum::{
    Json,
    body::{Body, Bytes, HttpBody},
    extract::{DefaultBodyLimit, State},
    http::{Method, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_model::payment::PaymentAnswer;
use chuky_pki::jose::limits::LONGEST_JWS;
use serde::Serialize;
use std::{future::poll_fn, pin::Pin, time::Duration};
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::io::ReaderStream;

pub(super) fn routes() -> Vec<Route> {
    // Everybody with an account may ask; only a payment provider's call consumes, which the flow decides.
    let one = post(verify).layer(DefaultBodyLimit::max(LONGEST_BODY));
    // A stream has no largest size: lines are bounded, and so are the lines under way.
    let many = post(verify_batch).layer(DefaultBodyLimit::disable());
    vec![
        Route::new(Method::POST, "/api/v1/transactions/verify", Access::Account, one),
        Route::new(Method::POST, "/api/v1/transactions/verify-batch", Access::Account, many),
        Route::new(Method::GET, "/api/v1/schemas/payment-order.json", Access::Public, get(schema)),
    ]
}

/// Verifies one signed payment: a JWS over a payment order, in compact form or, as application/json, in JSON form. A payment
/// provider's call consumes it once. A rejected payment is an answer, too.
#[utoipa::path(post, path = "/api/v1/transactions/verify", request_body(content = String, content_type = "application/jose"),
    responses((status = 200, body = serde_json::Value), (status = 401), (status = 413)))]
pub async fn verify(
    State(app): State<App>,
    caller: Caller,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Json<PaymentAnswer>> {
    let by = caller.required()?;
    let body = body.map_err(|_| cut_short())?;
    Ok(Json(verify_payment(&app, &by, body.trim_ascii()).await?))
}

/// Verifies a stream of signed payments, one a line (a JWS in compact form, the same as a JSON string, or a JWS in JSON form),
/// and answers with one line each, in their order, while the lines still come in. A line that could not be judged gets a problem.
#[utoipa::path(post, path = "/api/v1/transactions/verify-batch", request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, body = String, content_type = "application/x-ndjson"), (status = 401)))]
pub async fn verify_batch(State(app): State<App>, caller: Caller, body: Body) -> Result<Response> {
    let by = caller.required()?;
    let (answers, outgoing) = tokio::io::duplex(ANSWERS_HELD);
    tokio::spawn(async move {
        let (under_way, in_order) = mpsc::channel(LINES_AT_A_TIME);
        tokio::join!(read(app, by, body, under_way), write(in_order, answers));
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::from_stream(ReaderStream::new(outgoing))).into_response())
}

/// The schema of a payment order (JSON Schema 2020-12).
#[utoipa::path(get, path = "/api/v1/schemas/payment-order.json", responses((status = 200, body = serde_json::Value)))]
pub async fn schema() -> Response {
    ([(header::CONTENT_TYPE, "application/schema+json")], SCHEMA).into_response()
}

/// What a line is answered with.
#[derive(Serialize)]
#[serde(untagged)]
enum LineAnswer {
    Payment(Box<PaymentAnswer>),
    Problem(Problem),
}

impl LineAnswer {
    fn of(answer: Result<PaymentAnswer>) -> Self {
        match answer {
            Ok(answer) => Self::Payment(Box::new(answer)),
            Err(error) => Self::Problem(error.into_problem().1),
        }
    }
}

/// Splits the body into lines and starts on each; the channel's bound holds the sender back.
async fn read(app: App, by: Principal, mut body: Body, under_way: mpsc::Sender<JoinHandle<LineAnswer>>) {
    let mut lines = Lines::default();
    loop {
        let frame = timeout(LONGEST_PAUSE, poll_fn(|context| Pin::new(&mut body).poll_frame(context))).await;
        let (chunk, last) = match frame {
            Ok(Some(Ok(frame))) => (frame.into_data().unwrap_or_default(), false),
            Ok(None) => (Bytes::from_static(b"\n"), true),
            // The line under way is incomplete, so nothing is said about it; the stream says that it was cut short.
            Ok(Some(Err(_))) | Err(_) => {
                let problem = tokio::spawn(async { LineAnswer::of(Err(cut_short())) });
                let _ = under_way.send(problem).await;
                return;
            }
        };
        for line in lines.push(&chunk) {
            let (app, by) = (app.clone(), by.clone());
            let answer = tokio::spawn(async move { LineAnswer::of(verify_payment(&app, &by, &line).await) });
            // Nobody listens any more: the payments already under way are finished, no others are begun.
            if under_way.send(answer).await.is_err() {
                return;
            }
        }
        if last {
            return;
        }
    }
}

/// Writes the answers in the order of their lines.
async fn write(mut in_order: mpsc::Receiver<JoinHandle<LineAnswer>>, mut answers: DuplexStream) {
    while let Some(answer) = in_order.recv().await {
        // A line's task that failed has answered nothing; its payment may or may not be consumed, and asking again tells.
        let answer = answer.await.unwrap_or_else(|_| LineAnswer::of(Err(RequestError::try_again().into())));
        let Ok(mut line) = serde_json::to_vec(&answer) else { return };
        line.push(b'\n');
        if answers.write_all(&line).await.is_err() {
            return;
        }
    }
}

/// Lines put together from the pieces in which a body arrives. Of a line that is too long only so much is kept as shows that it is.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// The lines that end in this piece, without blank ones.
    fn push(&mut self, piece: &[u8]) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        let mut parts = piece.split(|octet| *octet == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = LONGEST_LINE.saturating_sub(self.begun.len());
            self.begun.extend_from_slice(part.get(..room).unwrap_or(part));
            if parts.peek().is_some() {
                let line = message(&std::mem::take(&mut self.begun));
                if !line.is_empty() {
                    whole.push(line);
                }
            }
        }
        whole
    }
}

/// The message of a line: a JSON string stands for its content, everything else for itself.
fn message(line: &[u8]) -> Vec<u8> {
    let line = line.trim_ascii();
    match line.first() {
        Some(b'"') => serde_json::from_slice::<String>(line).map_or_else(|_| line.to_vec(), String::into_bytes),
        _ => line.to_vec(),
    }
}

fn cut_short() -> Error {
    RequestError::new(
        RequestErrorKind::TooLarge,
        "body_too_large",
        "Nội dung gửi lên quá lớn hoặc bị ngắt giữa chừng.",
        "The body is too large or was cut short.",
    )
    .into()
}

/// Bytes of one request: a little more than the longest message, so that a message that is too long gets a verdict that says so.
const LONGEST_BODY: usize = LONGEST_JWS * 2;
/// Bytes kept of a line: more than the longest message, so that the verdict says it is too long.
const LONGEST_LINE: usize = LONGEST_JWS + 16;
/// Lines of one stream that are worked on at a time: enough to fill a group commit, few enough that one stream does not fill the queue.
const LINES_AT_A_TIME: usize = 128;
/// Bytes of answers that wait for a slow reader.
const ANSWERS_HELD: usize = 64 * 1024;
/// How long a stream may be silent.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The published schema.
const SCHEMA: &str = include_str!("../../../web/schemas/payment-order.json");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn lines_are_the_same_however_the_body_is_cut() {
        let body = b"one\r\n\n\"tw\\u006f\"\n{\"a\": 1}\n  \nlast";
        for size in 1..=body.len() {
            let mut lines = Lines::default();
            let mut found: Vec<Vec<u8>> = body.chunks(size).flat_map(|piece| lines.push(piece)).collect();
            found.extend(lines.push(b"\n"));
            let text: Vec<&str> = found.iter().map(|line| std::str::from_utf8(line).unwrap()).collect();
            assert_eq!(text, ["one", "two", "{\"a\": 1}", "last"], "pieces of {size}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            assert!(lines.push(&[b'a'; 1000]).is_empty());
        }
        assert_eq!(lines.begun.len(), LONGEST_LINE);
        assert_eq!(lines.push(b"\nnext\n"), [vec![b'a'; LONGEST_LINE], b"next".to_vec()]);
    }
}
