//! `/documents`: outgoing documents by inbox, one with its road and its next action, the form of a new one, and several signed at once.

use super::{
    PageForm, Visit,
    credentials::usable,
    requests::shown_beside,
    sheets::{FromQuery, SheetQuery, picture_answer},
};
use crate::{
    accounts::Principal,
    app::App,
    custody::Factors,
    error::{Error, InternalError, RequestError, Result},
    http::{
        Remote, Route,
        api::{
            credentials::with_pin,
            outgoing::{CLERKS, PEOPLE, read},
            outgoing_draft::read_draft,
        },
        pages::{
            Problems,
            documents::{
                Again, BatchForm, DocumentPage, DocumentRow, DocumentsPage, Happened, Inbox, NewDocumentForm,
                NewDocumentPage, Outcome, Recipient, Step, StepForm,
            },
            html,
            sheets::SheetsView,
            sign::CredentialChoice,
        },
        upload,
    },
    outgoing::{
        self, BatchLine, Metadata, OutgoingDetail, OutgoingView, RecipientView, RecipientWanted, StepWanted, Urgency,
    },
    signing::picture::PictureWanted,
};
use axum::{
    extract::{DefaultBodyLimit, Path, Query, Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{
    id::{CredentialId, OutgoingId},
    record::state::StepKind,
};
use std::collections::BTreeMap;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/documents", PEOPLE, get(list)),
        Route::new(Method::GET, "/documents/new", PEOPLE, get(form)),
        Route::new(Method::POST, "/documents", PEOPLE, post(draft).layer(DefaultBodyLimit::disable())),
        Route::new(Method::POST, "/documents/sign", PEOPLE, post(sign_many)),
        Route::new(Method::GET, "/documents/{id}", PEOPLE, get(show)),
        Route::new(Method::GET, "/documents/{id}/pages/{page}", PEOPLE, get(sheet)),
        Route::new(Method::POST, "/documents/{id}/{step}", PEOPLE, post(step)),
    ]
}

async fn list(State(app): State<App>, visit: Visit) -> Result<Response> {
    inboxes(&app, visit, Vec::new(), (StatusCode::OK, Problems::none())).await
}

async fn form(visit: Visit) -> Response {
    let form = NewDocumentForm { place: "Hà Nội".to_owned(), ..NewDocumentForm::default() };
    html(StatusCode::OK, NewDocumentPage { frame: visit.frame, form, problems: Problems::none() }.html())
}

/// The form's fields are read first, its token among them, so that nothing of a stranger's or a classified document is kept.
async fn draft(State(app): State<App>, visit: Visit, request: Request) -> Result<Response> {
    let form = upload::form(request).await?;
    let mut fields = BTreeMap::new();
    let drafted = async {
        let admit = |token: &str| visit.posting(token).map(drop);
        let (draft, _) = read_draft(&app, form, admit, &mut fields).await?;
        outgoing::draft(&app, visit.required()?, draft).await
    };
    match drafted.await {
        Ok(view) => Ok(Redirect::to(&format!("/documents/{}", view.id)).into_response()),
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            let page = NewDocumentPage { form: again(&fields), problems, frame: visit.frame };
            Ok(html(status, page.html()))
        }
    }
}

async fn show(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<FromQuery>,
) -> Result<Response> {
    let said = (StatusCode::OK, Problems::none());
    page(&app, visit, (read(&id)?, query.from), Again::default(), said).await
}

async fn sheet(
    State(app): State<App>,
    visit: Visit,
    Path((id, page)): Path<(String, String)>,
    Query(query): Query<SheetQuery>,
) -> Result<Response> {
    let page = page.parse().map_err(|_| RequestError::not_found())?;
    Ok(picture_answer(outgoing::page(&app, visit.required()?, read(&id)?, (&query.sha256, page)).await?))
}

async fn step(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    Path((id, step)): Path<(String, String)>,
    PageForm(form): PageForm<StepForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let id = read(&id)?;
    // A page always says what it showed: nothing is other bytes than those.
    let seen = Some(form.content_sha256.as_str());
    let (reason, remark) = (form.reason.as_str(), Some(form.reason.as_str()));
    let done = match step.as_str() {
        "submit" => outgoing::submit(&app, by, id).await,
        "initials" => outgoing::initial(&app, by, id, (seen, remark)).await,
        "number" => outgoing::give_number(&app, by, id, seen).await,
        "send" => outgoing::send(&app, by, id).await,
        "publish" => outgoing::publish(&app, by, id).await,
        "recipients" => outgoing::add_recipients(&app, by, id, recipients_of(&form.recipients)).await,
        "recall" => outgoing::recall(&app, by, id, reason).await,
        "refuse" => outgoing::refuse(&app, by, id, reason).await,
        "withdraw" => outgoing::withdraw(&app, by, id, reason).await,
        "sign" | "seal" => with_key(&app, by, &remote, id, (&step, &form)).await,
        _ => Err(RequestError::not_found().into()),
    };
    match done {
        Ok(view) => Ok(Redirect::to(&format!("/documents/{}", view.id)).into_response()),
        Err(error) => {
            let said = pin_beside(error)?;
            let again = Again { step, reason: form.reason.clone(), recipients: form.recipients.clone() };
            page(&app, visit, (id, 1), again, said).await
        }
    }
}

async fn with_key(
    app: &App,
    by: &Principal,
    remote: &Remote,
    id: OutgoingId,
    (step, form): (&str, &StepForm),
) -> Result<OutgoingView> {
    let credential = credential(&form.credential)?;
    let factors = Factors::of_form(form.pin.reveal(), form.totp.reveal(), &form.assertion)?;
    let seen = Some(form.content_sha256.as_str());
    let picture = PictureWanted::where_kept(app, credential, form.kept_picture == "yes").await?;
    if step == "seal" {
        return with_pin(app, by, remote, outgoing::seal(app, by, id, credential, &factors, (seen, picture))).await;
    }
    let wanted = [(id, Some(form.content_sha256.clone()))];
    let lines = with_pin(app, by, remote, outgoing::sign(app, by, credential, &factors, &wanted, picture)).await?;
    let line = lines.into_iter().next();
    match line {
        Some(BatchLine { document: Some(document), .. }) => Ok(document),
        Some(BatchLine { detail: Some(detail), .. }) => {
            Err(RequestError::conflict("not_signed", detail.vi, detail.en).into())
        }
        _ => Err(RequestError::try_again().into()),
    }
}

async fn sign_many(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    PageForm(form): PageForm<BatchForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?;
    let signed = async {
        let credential = credential(&form.credential)?;
        let factors = Factors::of_form(form.pin.reveal(), form.totp.reveal(), &form.assertion)?;
        let picture = PictureWanted::where_kept(&app, credential, form.kept_picture == "yes").await?;
        let mut wanted = Vec::new();
        for (name, seen) in &form.chosen {
            if let Some(id) = name.strip_prefix("document-") {
                wanted.push((read(id)?, Some(seen.clone())));
            }
        }
        with_pin(&app, by, &remote, outgoing::sign(&app, by, credential, &factors, &wanted, picture)).await
    };
    let lines = match signed.await {
        Ok(lines) => lines,
        Err(error) => {
            let said = pin_beside(error)?;
            return inboxes(&app, visit, Vec::new(), said).await;
        }
    };
    let mut outcomes = Vec::new();
    for line in lines {
        let subject = match &line.document {
            Some(document) => document.subject.clone(),
            None => subject_of(&app, by, &line.id).await,
        };
        let detail = line.detail.map(|detail| visit.frame.of(&detail).to_owned()).unwrap_or_default();
        outcomes.push(Outcome { document: line.id, subject, signed: line.signed, detail });
    }
    inboxes(&app, visit, outcomes, (StatusCode::OK, Problems::none())).await
}

/// The subject where the reader may know it.
async fn subject_of(app: &App, by: &Principal, id: &str) -> String {
    let found = async { outgoing::one(app, by, read(id)?).await };
    found.await.map_or_else(|_| id.to_owned(), |detail| detail.document.subject)
}

async fn inboxes(
    app: &App,
    visit: Visit,
    outcomes: Vec<Outcome>,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let by = visit.required()?;
    let found = outgoing::inboxes(app, by).await?;
    let inbox = |name, views: Vec<OutgoingView>| Inbox { name, rows: views.into_iter().map(row).collect() };
    let inboxes = vec![
        inbox("to-initial", found.to_initial),
        inbox("to-sign", found.to_sign),
        inbox("to-number", found.to_number),
        inbox("to-seal", found.to_seal),
        inbox("to-send", found.to_send),
        inbox("drafts", found.drafts),
        inbox("sent", found.sent),
        inbox("published", found.published),
    ];
    let credentials = keys(app, by, false).await?;
    let is_clerk = CLERKS.admits(Some(&by.roles));
    let page = DocumentsPage { inboxes, credentials, outcomes, is_clerk, problems, frame: visit.frame };
    Ok(html(status, page.html()))
}

async fn page(
    app: &App,
    visit: Visit,
    (id, from): (OutgoingId, u32),
    again: Again,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let by = visit.required()?;
    let detail = outgoing::one(app, by, id).await?;
    let sheets = sheets(app, by, (id, from), detail.document.action.as_deref()).await?;
    let credentials = match detail.document.action.as_deref() {
        Some("sign") => keys(app, by, false).await?,
        Some("seal") => keys(app, by, true).await?,
        _ => Vec::new(),
    };
    let page = DocumentPage {
        sheets,
        again,
        steps: steps(&detail),
        place: detail.place,
        designation: detail.designation,
        series: detail.document.series.clone(),
        agency: detail.agency,
        issued_at: detail.issued_at,
        marks_searched: detail.marks_searched,
        history: detail.events.into_iter().map(happened).collect(),
        recipients: detail.recipients.into_iter().map(recipient).collect(),
        credentials,
        may_refuse: detail.may_refuse,
        may_withdraw: detail.may_withdraw,
        may_recall: detail.may_recall,
        may_publish: detail.may_publish,
        may_add_recipients: detail.may_add_recipients,
        may_fetch_package: detail.has_package && CLERKS.admits(Some(&by.roles)),
        row: row(detail.document),
        problems,
        frame: visit.frame,
    };
    Ok(html(status, page.html()))
}

/// Its pages; none where they cannot be looked at in this moment, which keeps nobody from reading what became of the document.
async fn sheets(
    app: &App,
    by: &Principal,
    (id, from): (OutgoingId, u32),
    action: Option<&str>,
) -> Result<Option<SheetsView>> {
    let shown = match outgoing::pages(app, by, id, from).await {
        Ok(shown) => shown,
        Err(error @ Error::Internal(InternalError::RowForged { .. })) => return Err(error),
        Err(error) => {
            tracing::error!(event = "pages_not_shown", outgoing = %id, %error);
            return Ok(None);
        }
    };
    Ok(Some(SheetsView {
        shown,
        title: match action {
            Some("initial") => "initial",
            Some("sign") => "sign",
            Some("submit") => "submit",
            Some("number") => "number",
            Some("seal") => "seal",
            Some("send") => "send",
            Some("publish") => "publish",
            _ => "look",
        },
        here: format!("/documents/{id}"),
        pictures: format!("/documents/{id}/pages"),
        download: format!("/api/v1/documents/outgoing/{id}/content"),
    }))
}

/// The reader's usable keys: a person's own, or the agency's seals.
async fn keys(app: &App, by: &Principal, seals: bool) -> Result<Vec<CredentialChoice>> {
    usable(app, by, |signer| signer.personal_number().is_none() == seals).await
}

/// The people's steps, and those of the agency's clerk behind them.
fn steps(detail: &OutgoingDetail) -> Vec<Step> {
    let state_of = |name: &str| match name {
        "waiting" => "waiting",
        "done" => "done",
        "refused" => "refused",
        _ => "planned",
    };
    let mut steps: Vec<Step> = detail
        .steps
        .iter()
        .map(|step| Step {
            kind: step.kind.clone(),
            name: match &step.acted_by {
                Some(actor) => format!("{actor} ({})", step.name),
                None => step.name.clone(),
            },
            state: state_of(&step.state),
            at: step.acted_at.clone(),
        })
        .collect();
    let now = detail.document.state.as_str();
    // The last step is what became of it, or what the clerk is to do.
    let was = |name: &str| detail.events.iter().any(|happened| happened.kind == name);
    let published = !was("outgoing.sent") && (was("outgoing.published") || detail.recipients.is_empty());
    let last =
        if published { ("publish", "sealed", "outgoing.published") } else { ("send", "sealed", "outgoing.sent") };
    for (kind, waiting, event) in
        [("number", "numbering", "outgoing.numbered"), ("seal", "sealing", "outgoing.sealed"), last]
    {
        let done = detail.events.iter().find(|happened| happened.kind == event);
        let state = match done {
            Some(_) => "done",
            None if now == waiting => "waiting",
            None => "planned",
        };
        let (name, at) = done.map(|event| (event.name.clone(), event.at.clone())).unzip();
        steps.push(Step { kind: kind.to_owned(), name: name.unwrap_or_default(), state, at });
    }
    steps
}

fn row(view: OutgoingView) -> DocumentRow {
    DocumentRow {
        document: view.id,
        subject: view.subject,
        type_name: view.type_name,
        code: view.code,
        state: view.state,
        urgency: match view.urgency {
            Urgency::Normal => "normal",
            Urgency::Khan => "khan",
            Urgency::ThuongKhan => "thuong_khan",
            Urgency::HoaToc => "hoa_toc",
        },
        drafted_by: view.drafted_by,
        due_at: view.due_at,
        overdue: view.overdue,
        action: view.action,
        content_sha256: view.content_sha256,
    }
}

fn happened(event: outgoing::RoadEvent) -> Happened {
    let kind = event.kind.trim_start_matches("outgoing.").to_owned();
    Happened { kind, name: event.name, at: event.at, note: event.note }
}

fn recipient(view: RecipientView) -> Recipient {
    Recipient {
        organ_id: view.organ_id,
        name: view.name,
        delivered_at: view.delivered_at,
        status: view.status,
        status_note: view.status_note,
        status_at: view.status_at,
    }
}

/// What a form's page shows of a refusal; a wrong PIN, and what is wrong with the second factor, stands beside its field.
pub(super) fn pin_beside(error: Error) -> Result<(StatusCode, Problems)> {
    match error {
        Error::Request(refused) if matches!(refused.field, Some("pin" | "totp")) => {
            Ok((crate::http::problem::status_of(refused.kind), Problems::said(refused.field, refused.detail)))
        }
        error => shown_beside(error),
    }
}

fn credential(text: &str) -> Result<CredentialId> {
    Ok(text.parse().map_err(|_| {
        RequestError::invalid("credential", "credential_missing", "Hãy chọn chữ ký.", "Choose a signature.")
    })?)
}

/// What the fields of the page's form say of a new document.
pub(in crate::http) fn metadata(fields: &BTreeMap<String, String>) -> Metadata {
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let (initials, signers) = (field("initials"), field("signers"));
    let logins = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|login| !login.is_empty()).map(str::to_owned).collect()
    };
    let parallel = fields.contains_key("parallel");
    let agreeing = logins(&initials);
    let first = u16::try_from(agreeing.len()).unwrap_or(u16::MAX).saturating_add(1);
    let step = |kind, account, stage| StepWanted { kind, account, stage, page: None, rectangle: None };
    let mut steps: Vec<StepWanted> =
        agreeing.into_iter().map(|account| step(StepKind::Initials, account, None)).collect();
    let stage = parallel.then_some(first);
    steps.extend(logins(&signers).into_iter().map(|account| step(StepKind::Sign, account, stage)));
    Metadata {
        subject: field("subject"),
        type_code: field("type_code"),
        type_name: field("type_name"),
        notation: field("notation"),
        series: field("series"),
        place: field("place"),
        recipients: recipients_of(&field("recipients")),
        steps,
        verification_code: fields.contains_key("verification_code"),
        ..Metadata::default()
    }
}

/// One recipient a line: code, space, name.
fn recipients_of(text: &str) -> Vec<RecipientWanted> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let read = lines.map(|line| {
        let (organ_id, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        RecipientWanted { organ_id: organ_id.to_owned(), name: name.trim().to_owned() }
    });
    read.collect()
}

/// The form as it was filled in.
fn again(fields: &BTreeMap<String, String>) -> NewDocumentForm {
    let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
    NewDocumentForm {
        subject: field("subject"),
        type_code: field("type_code"),
        type_name: field("type_name"),
        notation: field("notation"),
        series: field("series"),
        place: field("place"),
        initials: field("initials"),
        signers: field("signers"),
        parallel: fields.contains_key("parallel"),
        verification_code: fields.contains_key("verification_code"),
        recipients: field("recipients"),
    }
}
