//! Signed payments: one a request, or a stream of lines answered by a stream of lines. A line that is wrong answers for itself;
//! what is held in memory does not depend on how many lines there are.

use crate::{
    accounts::Principal,
    app::App,
    error::{Error, RequestError, RequestErrorKind, Result},
    http::{Access, Caller, Route, Standing, parameters::Query, problem::Problem, upload},
    transactions::{
        ReceiptForm,
        receipts::{RECEIPTS_IN_A_TREE, Receipts, with_receipt},
        verify_detached_payment, verify_payment,
    },
};
use axum::{
    Json,
    body::{Body, Bytes, HttpBody},
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State},
    http::{Method, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chuky_model::payment::PaymentAnswer;
use chuky_pki::payment::{
    Fields,
    limits::LONGEST_MESSAGE,
    receipt::{Beside, Receipt},
};
use serde::{Deserialize, Serialize};
use std::{future::poll_fn, pin::Pin, time::Duration};
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;

pub(super) fn routes() -> Vec<Route> {
    // Everybody with an account may ask; only a payment provider's call consumes, which the flow decides.
    let one = post(verify).layer(DefaultBodyLimit::max(LONGEST_BODY));
    // A stream has no largest size: lines are bounded, and so are the lines under way.
    let many = post(verify_batch).layer(DefaultBodyLimit::disable());
    vec![
        Route::new(Method::POST, "/api/v1/transactions/verify", WHO, one),
        Route::new(Method::POST, "/api/v1/transactions/verify-batch", WHO, many),
        Route::new(Method::GET, "/api/v1/schemas/payment-order.json", Access::Public, get(schema)),
    ]
}

#[utoipa::path(post, path = "/api/v1/transactions/verify", params(("receipt" = Option<String>, Query)),
    request_body(content((String = "application/jose"), (serde_json::Value = "application/json"), (String = "application/xml"),
        (Vec<u8> = "application/cms"), (DetachedForm = "multipart/form-data"))),
    responses((status = 200, body = serde_json::Value), (status = 401), (status = 413), (status = 422)))]
/// Verifies one signed payment: a JWS (compact or JSON), a signed ISO 20022 message, a CMS object, or the fields `signature` and
/// `content` (with `layout`, `algorithm` and the certificate for a bare signature) as a JSON object or a form. A payment provider's call
/// consumes it once. A rejected payment is an answer, too. With `?receipt=jws` or `?receipt=merkle` the answer carries the service's signed
/// receipt; of a form, the part `signature` is the message that it names, and the other parts stand in it as digests or names.
pub async fn verify(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ReceiptQuery>,
    request: Request,
) -> Result<Json<PaymentAnswer>> {
    let by = caller.required()?;
    let form = query.form()?;
    if upload::is_form(request.headers()) {
        let fields = fields(upload::form(request).await?).await?;
        let (message, beside) = (fields.signature.clone().unwrap_or_default(), Beside::of(&fields));
        let judged = verify_detached_payment(&app, &by, fields).await?;
        return Ok(Json(with_receipt(&app, &by, (&message, beside), judged, form).await?));
    }
    let body = Bytes::from_request(request, &()).await.map_err(|_| cut_short())?;
    let judged = verify_payment(&app, &by, &body).await?;
    Ok(Json(with_receipt(&app, &by, (&body, Beside::default()), judged, form).await?))
}

/// A signature beside its content, as a form.
#[derive(ToSchema)]
#[allow(dead_code)] // Describes the form; its parts are read one by one.
pub struct DetachedForm {
    /// A JWS with a detached payload, a CMS object, or with `layout` a bare value.
    signature: Vec<u8>,
    /// What is signed.
    content: Vec<u8>,
    /// The name of a configured layout.
    layout: Option<String>,
    /// `ES256`, `RS256` and so on.
    algorithm: Option<String>,
    /// A certificate's serial number in hexadecimal.
    serial: Option<String>,
    /// A certificate's SHA-256 in hexadecimal.
    sha256: Option<String>,
    /// A certificate.
    certificate: Option<Vec<u8>>,
}

/// The parts of a form; the body's limit bounds them together.
async fn fields(mut form: Multipart) -> Result<Fields> {
    let mut fields = Fields::default();
    while let Some(field) = upload::next_field(&mut form).await? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(|_| cut_short())?.to_vec();
        let twice = match name.as_str() {
            "signature" => fields.signature.replace(bytes).is_some(),
            "content" => fields.content.replace(bytes).is_some(),
            "certificate" => fields.certificate.replace(bytes).is_some(),
            "layout" => fields.layout.replace(text(bytes)?).is_some(),
            "algorithm" => fields.algorithm.replace(text(bytes)?).is_some(),
            "serial" => fields.serial.replace(text(bytes)?).is_some(),
            "sha256" => fields.sha256.replace(text(bytes)?).is_some(),
            _ => return Err(unknown_part()),
        };
        if twice {
            return Err(unknown_part());
        }
    }
    Ok(fields)
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| unknown_part())
}

fn unknown_part() -> Error {
    RequestError::new(
        RequestErrorKind::Invalid,
        "form_part_unknown",
        "Biểu mẫu có phần không rõ hoặc lặp lại. Các phần là signature, content, layout, algorithm, serial, sha256, certificate.",
        "The form has a part that is unknown or stands twice. Parts are signature, content, layout, algorithm, serial, sha256, certificate.",
    )
    .into()
}

/// Whether and how a receipt is wanted.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ReceiptQuery {
    receipt: Option<String>,
}

impl ReceiptQuery {
    fn form(&self) -> Result<Option<ReceiptForm>> {
        match self.receipt.as_deref() {
            None => Ok(None),
            Some("jws") => Ok(Some(ReceiptForm::Jws)),
            Some("merkle") => Ok(Some(ReceiptForm::Merkle)),
            Some(_) => Err(RequestError::invalid(
                "receipt",
                "receipt_form",
                "Biên nhận có hai dạng: jws hoặc merkle.",
                "A receipt has one of two forms: jws or merkle.",
            )
            .into()),
        }
    }
}

/// Verifies a stream of signed payments, one a line (a JWS in compact form, a JSON string that holds a JWS, an ISO 20022 message or a CMS
/// object in base64, a JWS in JSON form, or a JSON object with `signature` and `content`),
/// and answers with one line each, in their order, while the lines still come in. A line that could not be judged gets a problem. With
/// `?receipt=jws` each answer carries a receipt of its own, with `?receipt=merkle` one under a root that is signed for up to 4,096 lines.
#[utoipa::path(post, path = "/api/v1/transactions/verify-batch", params(("receipt" = Option<String>, Query)), request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, body = String, content_type = "application/x-ndjson"), (status = 401)))]
pub async fn verify_batch(
    State(app): State<App>,
    standing: Standing,
    Query(query): Query<ReceiptQuery>,
    body: Body,
) -> Result<Response> {
    let by = Asked::now(&app, standing).await?;
    let form = query.form()?;
    let (answers, outgoing) = tokio::io::duplex(ANSWERS_HELD);
    tokio::spawn(async move {
        let (under_way, in_order) = mpsc::channel(LINES_AT_A_TIME);
        let receipts = app.receipts.clone();
        tokio::join!(read(app, by, form, body, under_way), write(in_order, answers, receipts));
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::from_stream(ReaderStream::new(outgoing))).into_response())
}

/// The schema of a payment order (JSON Schema 2020-12).
#[utoipa::path(get, path = "/api/v1/schemas/payment-order.json",
    responses((status = 200, body = serde_json::Value, content_type = "application/schema+json")))]
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

/// A line's answer, and the receipt that is signed together with those of other lines.
struct Line {
    answer: LineAnswer,
    receipt: Option<Receipt>,
}

impl LineAnswer {
    fn of(answer: Result<PaymentAnswer>) -> Self {
        match answer {
            Ok(answer) => Self::Payment(Box::new(answer)),
            Err(error) => Self::Problem(error.into_problem().1),
        }
    }
}

impl Line {
    fn problem(error: Error) -> Self {
        Self { answer: LineAnswer::of(Err(error)), receipt: None }
    }

    async fn judge(app: App, by: Principal, form: Option<ReceiptForm>, line: Vec<u8>) -> Self {
        let judged = match verify_payment(&app, &by, &line).await {
            Ok(judged) => judged,
            Err(error) => return Self::problem(error),
        };
        match form {
            Some(ReceiptForm::Merkle) => {
                let receipt =
                    app.receipts.receipt(&by, (&line, Beside::default()), &judged.answer, judged.order.as_ref());
                Self { answer: LineAnswer::of(Ok(judged.answer)), receipt: Some(receipt) }
            }
            form => Self {
                answer: LineAnswer::of(with_receipt(&app, &by, (&line, Beside::default()), judged, form).await),
                receipt: None,
            },
        }
    }
}

/// Who asks, looked at again while lines come.
struct Asked {
    standing: Standing,
    principal: Principal,
    looked_at: Instant,
    /// Of the stream.
    end: Instant,
}

impl Asked {
    async fn now(app: &App, standing: Standing) -> Result<Self> {
        let looked_at = Instant::now();
        let principal = standing.principal(app, WHO).await?;
        Ok(Self { standing, principal, looked_at, end: looked_at + LONGEST_STREAM })
    }

    /// Whether they still may: a key that was revoked since opens nothing more.
    async fn again(&mut self, app: &App) -> Result<()> {
        if Instant::now() >= self.end {
            return Err(ended().into());
        }
        if self.looked_at.elapsed() >= BETWEEN_LOOKS {
            self.looked_at = Instant::now();
            self.principal = self.standing.principal(app, WHO).await?;
        }
        Ok(())
    }
}

/// Splits the body into lines and starts on each; the channel's bound holds the sender back.
async fn read(
    app: App,
    mut by: Asked,
    form: Option<ReceiptForm>,
    mut body: Body,
    under_way: mpsc::Sender<JoinHandle<Line>>,
) {
    let mut lines = Lines::default();
    loop {
        let until = by.end.min(Instant::now() + LONGEST_PAUSE);
        let frame = timeout_at(until, poll_fn(|context| Pin::new(&mut body).poll_frame(context))).await;
        let (chunk, last) = match frame {
            Ok(Some(Ok(frame))) => (frame.into_data().unwrap_or_default(), false),
            Ok(None) => (Bytes::from_static(b"\n"), true),
            // The line under way is incomplete, so nothing is said about it; the stream says that it was cut short.
            Ok(Some(Err(_))) | Err(_) => {
                let problem = tokio::spawn(async { Line::problem(cut_short()) });
                let _ = under_way.send(problem).await;
                return;
            }
        };
        for line in lines.push(&chunk) {
            // Said once, in place of this line and of all that come behind it.
            if let Err(refused) = by.again(&app).await {
                let problem = tokio::spawn(async { Line::problem(refused) });
                return drop(under_way.send(problem).await);
            }
            let answer = tokio::spawn(Line::judge(app.clone(), by.principal.clone(), form, line));
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

/// Writes the answers in the order of their lines; those whose receipts are signed together wait for each other.
async fn write(mut in_order: mpsc::Receiver<JoinHandle<Line>>, mut answers: DuplexStream, receipts: Receipts) {
    while let Some(first) = in_order.recv().await {
        let mut lines = vec![finished(first).await];
        if lines.iter().any(|line| line.receipt.is_some()) {
            let begun = Instant::now();
            while lines.len() < RECEIPTS_IN_A_TREE {
                let until = (Instant::now() + SHORTEST_GATHERING).min(begun + LONGEST_GATHERING);
                let Ok(Some(next)) = timeout_at(until, in_order.recv()).await else { break };
                lines.push(finished(next).await);
            }
            add_receipts(&mut lines, &receipts).await;
        }
        for line in lines {
            let Ok(mut line) = serde_json::to_vec(&line.answer) else { return };
            line.push(b'\n');
            if answers.write_all(&line).await.is_err() {
                return;
            }
        }
    }
}

/// A line's task that failed has answered nothing; its payment may or may not be consumed, and asking again tells.
async fn finished(line: JoinHandle<Line>) -> Line {
    line.await.unwrap_or_else(|_| Line::problem(RequestError::try_again().into()))
}

/// One signature for all receipts of these lines. Where it cannot be made, their answers are to be asked for again.
async fn add_receipts(lines: &mut [Line], receipts: &Receipts) {
    let wanted: Vec<Receipt> = lines.iter().filter_map(|line| line.receipt.clone()).collect();
    let waiting = lines.iter_mut().filter(|line| line.receipt.is_some());
    match receipts.signed_together(&wanted).await {
        Ok(signed) => {
            for (line, signed) in waiting.zip(signed) {
                if let LineAnswer::Payment(answer) = &mut line.answer {
                    answer.receipt = Some(signed);
                }
            }
        }
        Err(error) => {
            tracing::error!(event = "receipts_not_signed", count = wanted.len(), %error);
            waiting.for_each(|line| *line = Line::problem(RequestError::try_again().into()));
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

fn ended() -> RequestError {
    RequestError::conflict(
        "stream_ended",
        "Luồng này đã kéo dài một giờ. Hãy mở luồng mới và gửi tiếp từ dòng này.",
        "This stream has lasted an hour. Open another one and go on from this line.",
    )
}

/// Everybody with an account.
const WHO: Access = Access::Account;
/// Bytes of one request: a little more than the longest message, so that a message that is too long gets a verdict that says so.
const LONGEST_BODY: usize = LONGEST_MESSAGE * 2;
/// Bytes kept of a line: more than the longest message, so that the verdict says it is too long.
const LONGEST_LINE: usize = LONGEST_BODY + 16;
/// Lines of one stream that are worked on at a time: enough to fill a group commit, few enough that one stream does not fill the queue.
const LINES_AT_A_TIME: usize = 128;
/// Bytes of answers that wait for a slow reader.
const ANSWERS_HELD: usize = 64 * 1024;
/// How long answers wait for further lines whose receipts go under the same signature, where none comes and where they keep coming.
const SHORTEST_GATHERING: Duration = Duration::from_millis(20);
const LONGEST_GATHERING: Duration = Duration::from_millis(500);
/// How long a stream may be silent.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long it may last: whatever ends meanwhile is to reach everybody.
const LONGEST_STREAM: Duration = Duration::from_secs(3_600);
/// How long the answer to who asks holds.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
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
