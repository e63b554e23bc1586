//! Many documents in one call: the parts of a form in, a line of NDJSON for each out, in their order and as soon as each is judged.
//! A part that is refused gets a line that says so, and the others go on.

use super::verification::{UNNAMED, allow, missing_document, policy};
use crate::{
    app::App,
    audit::Actor,
    error::{Error, RequestError, RequestErrorKind, Result},
    http::{Caller, Remote, parameters::Query, problem::Problem, upload},
    verification::{
        self, Arriving, Spool, Submission,
        limits::{BATCH, BATCH_AT_A_TIME, LONGEST_PART},
    },
};
use axum::{
    body::Body,
    extract::{Multipart, Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use chuky_model::report::Report;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_util::io::ReaderStream;
use utoipa::IntoParams;

/// A line of the answer.
#[derive(Serialize)]
#[serde(untagged)]
enum Line {
    Report(Box<Report>),
    Refused { file: String, problem: Problem },
}

impl Line {
    fn of(file: String, answer: Result<Report>) -> Self {
        match answer {
            Ok(report) => Self::Report(Box::new(report)),
            Err(error) => Self::Refused { file, problem: error.into_problem().1 },
        }
    }
}

/// What may stand behind the address.
#[derive(Debug, Deserialize, IntoParams)]
pub struct BatchQuery {
    /// The validation policy of all of them, as for one document.
    policy: Option<String>,
}

/// Judges many documents: the parts named `document` of a form. Answers with a line of JSON for each, in their order: the report, or
/// an object with `file` and `problem`. Each document counts as one call.
#[utoipa::path(post, path = "/api/v1/documents/verify-batch", params(BatchQuery), request_body(content = Vec<u8>, content_type = "multipart/form-data"),
    responses((status = 200, body = String, content_type = "application/x-ndjson"), (status = 422), (status = 503)))]
pub async fn verify_batch(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    Query(query): Query<BatchQuery>,
    request: Request,
) -> Result<Response, Error> {
    let policy = policy(&app, query.policy.as_deref())?;
    let arriving = app.admission.arrive(caller.0.as_ref(), remote.as_str())?;
    if !upload::is_form(request.headers()) {
        return Err(missing_document().into());
    }
    let form = upload::form(request).await?;
    let (answers, outgoing) = tokio::io::duplex(ANSWERS_HELD);
    tokio::spawn(async move {
        let (under_way, in_order) = mpsc::channel(BATCH_AT_A_TIME);
        let asked = Asked { caller, remote, policy, arriving: Arc::new(arriving) };
        tokio::join!(read(app, asked, form, under_way), write(in_order, answers));
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::from_stream(ReaderStream::new(outgoing))).into_response())
}

/// What all documents of a call have in common.
struct Asked {
    caller: Caller,
    remote: Remote,
    policy: String,
    /// The call's place among the uploads.
    arriving: Arc<Arriving>,
}

impl Asked {
    /// Judges one of them in a task of its own.
    fn judge(&self, app: &App, name: String, document: Spool) -> JoinHandle<Line> {
        let actor = self.caller.0.as_ref().map_or(Actor::Anonymous, |principal| Actor::Account(principal.account));
        let (app, arriving) = (app.clone(), self.arriving.clone());
        let submission = Submission { name: name.clone(), document, content: None, policy: self.policy.clone() };
        tokio::spawn(async move {
            let judged = async {
                let _place = arriving.judge().await?;
                verification::verify_document(&app, actor, submission).await
            };
            Line::of(name, judged.await.map(|judged| judged.report))
        })
    }
}

/// Takes the parts one by one and starts on each; the channel's bound holds the sender back.
async fn read(app: App, asked: Asked, mut form: Multipart, under_way: mpsc::Sender<JoinHandle<Line>>) {
    let said = |file: String, error: Error| tokio::spawn(async move { Line::of(file, Err(error)) });
    let (mut count, mut parts) = (0, 0);
    loop {
        parts += 1;
        let mut field = match in_time(upload::next_field(&mut form)).await {
            Ok(Some(field)) if field.name() == Some("document") => field,
            Ok(Some(_)) if parts <= PARTS => continue,
            Ok(Some(_)) => return drop(under_way.send(said(String::new(), too_many().into())).await),
            Ok(None) if count == 0 => {
                return drop(under_way.send(said(String::new(), missing_document().into())).await);
            }
            Ok(None) => return,
            Err(error) => return drop(under_way.send(said(String::new(), error)).await),
        };
        let name = field.file_name().filter(|name| !name.is_empty()).unwrap_or(UNNAMED).to_owned();
        count += 1;
        if count > BATCH {
            return drop(under_way.send(said(name, too_many().into())).await);
        }
        let spooled = match allow(&app, asked.caller.0.as_ref(), &asked.remote) {
            Ok(()) => in_time(upload::spool_field(&app, &mut field)).await,
            Err(refused) => Err(refused.into()),
        };
        let answer = match spooled {
            Err(error) => said(name, error),
            Ok(document) => asked.judge(&app, name, document),
        };
        // Nobody listens any more: what is under way is finished, nothing else is begun.
        if under_way.send(answer).await.is_err() {
            return;
        }
    }
}

/// A part that takes longer than a whole request may is as one that was cut short.
async fn in_time<T>(part: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(LONGEST_PART, part).await.unwrap_or_else(|_| Err(upload::cut_short().into()))
}

/// Writes the answers in the order of the parts.
async fn write(mut in_order: mpsc::Receiver<JoinHandle<Line>>, mut answers: DuplexStream) {
    while let Some(answer) = in_order.recv().await {
        let answer = answer.await.unwrap_or_else(|_| Line::of(String::new(), Err(RequestError::try_again().into())));
        let Ok(mut line) = serde_json::to_vec(&answer) else { return };
        line.push(b'\n');
        if answers.write_all(&line).await.is_err() {
            return;
        }
    }
}

fn too_many() -> RequestError {
    RequestError::new(
        RequestErrorKind::TooLarge,
        "documents_too_many",
        format!("Mỗi lần chỉ nhận {BATCH} tệp; các tệp sau chưa được kiểm tra."),
        format!("At most {BATCH} files are taken at once; the files after these were not checked."),
    )
}

/// Parts of a form, whatever their names.
const PARTS: usize = 2 * BATCH;
/// Bytes of answers that wait for a slow reader.
const ANSWERS_HELD: usize = 64 * 1024;
