//! `/sign`: a subscriber signs a PDF with a PIN and gets it back with the verdict of our own verifier.

use super::{Visit, credentials::usable};
use crate::{
    accounts::Principal,
    app::App,
    custody::Pin,
    error::{Error, RequestError, Result},
    http::{
        Remote, Route,
        api::{
            credentials::with_pin,
            documents::{SIGNERS, broken_off, short_text},
            idempotency,
        },
        pages::{
            Frame, Problems, VerdictCard,
            form::Secret,
            html,
            sign::{CodePlace, Look, Place, SignChoices, SignPage, SignedPage},
            verdict::ReportLinks,
        },
        problem::status_of,
    },
    reader::Corner,
    signing::{
        self, Level, PageWanted, SignRequest, Signed, Upload, Uploaded,
        code::{self, CodeRequest},
    },
};
use axum::{
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State},
    http::{Method, StatusCode},
    response::Response,
    routing::{get, post},
};
use chuky_model::role::Role;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/sign", SIGNERS, get(show)),
        Route::new(Method::POST, "/sign", SIGNERS, post(sign).layer(DefaultBodyLimit::disable())),
    ]
}

/// What the form posts, the document already on disk.
#[derive(Default)]
struct Form {
    csrf: String,
    idempotency_key: String,
    chosen: SignChoices,
    pin: Secret,
    document: Option<(Uploaded, String)>,
}

async fn show(State(app): State<App>, visit: Visit) -> Result<Response> {
    let by = visit.required()?.clone();
    page(&app, &by, visit.frame, SignChoices::default(), (StatusCode::OK, Problems::none())).await
}

async fn sign(State(app): State<App>, visit: Visit, remote: Remote, request: Request) -> Result<Response> {
    let form = Multipart::from_request(request, &app).await.map_err(|_| broken_off())?;
    let form = read(&app, &visit, form).await;
    let by = visit.required()?.clone();
    let (chosen, signed) = match form {
        Ok(form) => {
            visit.posting(&form.csrf)?;
            (form.chosen.clone(), signed(&app, &by, &remote, form).await)
        }
        Err(error) => (SignChoices::default(), Err(error)),
    };
    match signed {
        Ok(signed) => Ok(html(StatusCode::OK, signed_page(visit.frame, &signed).html())),
        Err(Error::Request(refused)) if refused.field.is_some() => {
            let status = status_of(refused.kind);
            page(&app, &by, visit.frame, chosen, (status, Problems::said(refused.field, refused.detail))).await
        }
        Err(error) => Err(error),
    }
}

async fn signed(app: &App, by: &Principal, remote: &Remote, form: Form) -> Result<Signed> {
    let (document, name) = form.document.ok_or_else(|| {
        RequestError::invalid("document", "document_missing", "Hãy chọn tệp PDF để ký.", "Choose a PDF file to sign.")
    })?;
    // What is signed is what the browser sent.
    let request = SignRequest { sha256: Some(hex::encode(document.sha256())), ..request(&form.chosen)? };
    let pin = Pin::enter(form.pin.reveal()).map_err(RequestError::from)?;
    let identity = format!("{}\n{:?}", hex::encode(document.sha256()), form.chosen);
    let remote = remote.clone();
    let flow = async move |app: App, by: Principal| {
        let view = document.record(&app, &by, &name).await?;
        let id = view.id.parse().map_err(|_| RequestError::not_found())?;
        with_pin(&app, &by, &remote, signing::sign(&app, &by, id, &request, &pin)).await
    };
    idempotency::once_on_page(app, by, "POST /sign", (&form.idempotency_key, identity.as_bytes()), flow).await
}

/// Reads the form. Its token comes before the document, so nothing of a stranger's upload is kept.
async fn read(app: &App, visit: &Visit, mut form: Multipart) -> Result<Form> {
    let mut read = Form::default();
    let mut number = String::new();
    while let Some(mut field) = form.next_field().await.map_err(|_| broken_off())? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "document" {
            visit.posting(&read.csrf)?;
            let file = field.file_name().unwrap_or_default().to_owned();
            let mut upload = Upload::begin(app)?;
            while let Some(piece) = field.chunk().await.map_err(|_| broken_off())? {
                upload.write(&piece).await?;
            }
            read.document = Some((upload.complete().await?, file));
            continue;
        }
        let text = zeroize::Zeroizing::new(short_text(&mut field).await?);
        match name.as_str() {
            "csrf" => read.csrf = text.to_string(),
            "idempotency_key" => read.idempotency_key = text.to_string(),
            "secrecy" => signing::refuse_secret(Some(&text))?,
            "credential" => read.chosen.credential = text.parse().ok(),
            "look" => read.chosen.look = Look::from_name(&text).unwrap_or_default(),
            "place" => read.chosen.place = Place::from_name(&text).unwrap_or_default(),
            "page" => read.chosen.page = text.to_string(),
            "page_number" => number = text.to_string(),
            "reason" => read.chosen.reason = text.to_string(),
            "code" => read.chosen.code = text.as_str() == "yes",
            "code_place" => read.chosen.code_place = Place::from_name(&text).map(CodePlace).unwrap_or_default(),
            "code_title" => read.chosen.code_title = text.to_string(),
            "pin" => read.pin = Secret::new(text.as_str()),
            _ => {}
        }
    }
    if read.chosen.page == "number" {
        read.chosen.page = number;
    }
    Ok(read)
}

fn request(chosen: &SignChoices) -> Result<SignRequest> {
    let credential = chosen.credential.ok_or_else(|| {
        RequestError::invalid("credential", "credential_missing", "Hãy chọn chữ ký.", "Choose a signature.")
    })?;
    Ok(SignRequest {
        level: Level::LT,
        look: match chosen.look {
            Look::Citizen => signing::Look::Citizen,
            Look::Official => signing::Look::Official,
            Look::Seal => signing::Look::Seal,
            Look::Invisible => signing::Look::Invisible,
        },
        page: Some(PageWanted::Name(chosen.page.clone())),
        place: corner(chosen.place),
        reason: Some(chosen.reason.clone()),
        code: chosen.code.then(|| CodeRequest {
            title: Some(chosen.code_title.clone()),
            place: Some(corner(chosen.code_place.0)),
            ..CodeRequest::default()
        }),
        ..SignRequest::plain(credential)
    })
}

fn corner(place: Place) -> Corner {
    match place {
        Place::TopLeft => Corner::TopLeft,
        Place::TopRight => Corner::TopRight,
        Place::BottomLeft => Corner::BottomLeft,
        Place::BottomRight => Corner::BottomRight,
    }
}

async fn page(
    app: &App,
    by: &Principal,
    frame: Frame,
    chosen: SignChoices,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let mut looks = vec![Look::Citizen, Look::Invisible];
    if by.has(Role::Official) {
        looks.insert(1, Look::Official);
    }
    if by.has(Role::Clerk) {
        looks.insert(1, Look::Seal);
    }
    let page = SignPage {
        frame,
        credentials: usable(app, by, |_| true).await?,
        looks,
        chosen,
        idempotency_key: idempotency::fresh_key(),
        largest_bytes: app.settings.largest_upload,
        problems,
    };
    Ok(html(status, page.html()))
}

fn signed_page(frame: Frame, signed: &Signed) -> SignedPage {
    SignedPage {
        file: signed.document.name.clone(),
        bytes: u64::try_from(signed.document.signed_size.unwrap_or_default()).unwrap_or(0),
        download: format!("/api/v1/documents/{}/content", signed.document.id),
        card: VerdictCard::of(&signed.report, &frame, ReportLinks::default()),
        code: signed.code.as_ref().map(|one| (one.code.clone(), format!("{}/{}", code::PATH, one.code))),
        frame,
    }
}
