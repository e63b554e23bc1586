//! `/sign`: a subscriber hands in a PDF, looks at its pages and at where the signature will stand, and signs exactly that with a PIN; then
//! gets it back with the verdict of our own verifier. An official says the class before the file.

use super::{
    PageForm, TokenForm, Visit,
    credentials::usable,
    sheets::{FromQuery, SheetQuery, picture_answer},
};
use crate::{
    accounts::Principal,
    app::App,
    custody::Factors,
    error::{Error, RequestError, Result},
    http::{
        Remote, Route,
        api::{
            credentials::with_pin,
            documents::{SIGNERS, broken_off, short_text},
            idempotency,
        },
        pages::{
            Frame, Problems, VerdictCard, html,
            sheets::SheetsView,
            sign::{Look, Place, PreviewQuery, ReviewForm, ReviewPage, SignChoices, SignPage, SignedPage},
            verdict::ReportLinks,
        },
        problem::status_of,
    },
    reader::{Corner, Side},
    signing::{
        self, AnchorWanted, DocumentView, Level, PageWanted, SignRequest, Signed, Upload, Uploaded,
        code::{self, CodeRequest},
        sheets,
    },
};
use axum::{
    extract::{DefaultBodyLimit, FromRequest, Multipart, Path, Query, Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use chuky_model::{id::DocumentId, record::state::DocumentState, role::Role};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/sign", SIGNERS, get(show)),
        Route::new(Method::POST, "/sign", SIGNERS, post(hand_in).layer(DefaultBodyLimit::disable())),
        Route::new(Method::GET, "/sign/{id}", SIGNERS, get(review)),
        Route::new(Method::POST, "/sign/{id}", SIGNERS, post(sign)),
        Route::new(Method::POST, "/sign/{id}/remove", SIGNERS, post(remove)),
        Route::new(Method::GET, "/sign/{id}/pages/{page}", SIGNERS, get(sheet)),
        Route::new(Method::GET, "/sign/{id}/preview", SIGNERS, get(preview)),
    ]
}

async fn show(State(app): State<App>, visit: Visit) -> Result<Response> {
    let by = visit.required()?.clone();
    first_page(&app, &by, visit.frame, (StatusCode::OK, Problems::none())).await
}

/// The first step: the document is kept, and shown.
async fn hand_in(State(app): State<App>, visit: Visit, request: Request) -> Result<Response> {
    let form = Multipart::from_request(request, &app).await.map_err(|_| broken_off())?;
    let by = visit.required()?.clone();
    let handed_in = async {
        let form = read(&app, &visit, form).await?;
        visit.posting(&form.csrf)?;
        let (document, name) = form.document.ok_or_else(document_missing)?;
        let identity = hex::encode(document.sha256());
        let flow = async move |app: App, by: Principal| document.record(&app, &by, &name).await;
        let key = (form.idempotency_key.as_str(), identity.as_bytes());
        idempotency::once_on_page::<DocumentView, _>(&app, &by, "POST /sign", key, flow).await
    };
    match handed_in.await {
        Ok(document) => Ok(Redirect::to(&format!("/sign/{}", document.id)).into_response()),
        Err(Error::Request(refused)) if refused.field.is_some() => {
            let said = (status_of(refused.kind), Problems::said(refused.field, refused.detail));
            first_page(&app, &by, visit.frame, said).await
        }
        Err(error) => Err(error),
    }
}

/// The second step: what will be signed is seen.
async fn review(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<FromQuery>,
) -> Result<Response> {
    let by = visit.required()?.clone();
    let said = (StatusCode::OK, Problems::none());
    let chosen = SignChoices { kept_picture: true, ..SignChoices::default() };
    review_page(&app, &by, visit.frame, (parse(&id)?, query.from), chosen, said).await
}

/// The third: those bytes, with what was chosen, are signed.
async fn sign(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    Path(id): Path<String>,
    PageForm(form): PageForm<ReviewForm>,
) -> Result<Response> {
    let by = visit.posting(&form.csrf)?.clone();
    let id = parse(&id)?;
    let chosen = form.choices();
    match signed(&app, &by, &remote, (id, &form, &chosen)).await {
        Ok(signed) => Ok(html(StatusCode::OK, signed_page(visit.frame, &signed).html())),
        Err(Error::Request(refused)) if refused.field.is_some() => {
            let said = (status_of(refused.kind), Problems::said(refused.field, refused.detail));
            review_page(&app, &by, visit.frame, (id, 1), chosen, said).await
        }
        Err(error) => Err(error),
    }
}

/// Instead of the third: the document is taken away, and another may be handed in.
async fn remove(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(form): PageForm<TokenForm>,
) -> Result<Redirect> {
    signing::remove_unsigned(&app, visit.posting(&form.csrf)?, parse(&id)?).await?;
    Ok(Redirect::to("/sign"))
}

async fn sheet(
    State(app): State<App>,
    visit: Visit,
    Path((id, page)): Path<(String, String)>,
    Query(query): Query<SheetQuery>,
) -> Result<Response> {
    let page = page.parse().map_err(|_| RequestError::not_found())?;
    Ok(picture_answer(sheets::sheet(&app, visit.required()?, parse(&id)?, (&query.sha256, page)).await?))
}

async fn preview(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<PreviewQuery>,
) -> Result<Response> {
    let wanted = SignRequest { sha256: Some(query.sha256.clone()), ..asked(&app, &query.choices()).await? };
    Ok(picture_answer(sheets::with_signature(&app, visit.required()?, parse(&id)?, &wanted).await?))
}

async fn signed(
    app: &App,
    by: &Principal,
    remote: &Remote,
    (id, form, chosen): (DocumentId, &ReviewForm, &SignChoices),
) -> Result<Signed> {
    // What is signed is what was shown.
    let request = SignRequest { sha256: Some(form.sha256.clone()), ..asked(app, chosen).await? };
    let factors = Factors::of_form(form.pin.reveal(), form.totp.reveal(), &form.assertion)?;
    let identity = format!("{}\n{chosen:?}", form.sha256);
    let remote = remote.clone();
    let flow = async move |app: App, by: Principal| {
        with_pin(&app, &by, &remote, signing::sign(&app, &by, id, &request, &factors)).await
    };
    let route = format!("POST /sign/{id}");
    idempotency::once_on_page(app, by, &route, (&form.idempotency_key, identity.as_bytes()), flow).await
}

/// What the first form posts, the document already on disk.
#[derive(Default)]
struct HandedIn {
    csrf: String,
    idempotency_key: String,
    document: Option<(Uploaded, String)>,
}

/// Reads the form. Token and class come before the document, so nothing of a stranger's upload or of a classified document is kept.
async fn read(app: &App, visit: &Visit, mut form: Multipart) -> Result<HandedIn> {
    let mut read = HandedIn::default();
    let mut class_said = !asks_class(visit.required()?);
    while let Some(mut field) = form.next_field().await.map_err(|_| broken_off())? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "document" {
            visit.posting(&read.csrf)?;
            if !class_said {
                return Err(class_not_said().into());
            }
            let file = field.file_name().unwrap_or_default().to_owned();
            let mut upload = Upload::begin(app)?;
            while let Some(piece) = field.chunk().await.map_err(|_| broken_off())? {
                upload.write(&piece).await?;
            }
            read.document = Some((upload.complete().await?, file));
            continue;
        }
        let text = short_text(&mut field).await?;
        match name.as_str() {
            "csrf" => read.csrf = text,
            "idempotency_key" => read.idempotency_key = text,
            "secrecy" => {
                signing::refuse_secret(Some(&text))?;
                class_said = true;
            }
            _ => {}
        }
    }
    Ok(read)
}

/// Whether the class is asked for: officials' documents have one.
fn asks_class(by: &Principal) -> bool {
    by.has(Role::Official) || by.has(Role::Clerk)
}

/// What is chosen; the kept picture is where that signature has one.
async fn asked(app: &App, chosen: &SignChoices) -> Result<SignRequest> {
    let mut wanted = request(chosen)?;
    wanted.kept_picture = wanted.kept_picture && signing::picture::is_kept(app, wanted.credential).await?;
    Ok(wanted)
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
            Look::SaoY => signing::Look::SaoY,
            Look::SaoLuc => signing::Look::SaoLuc,
            Look::TrichSao => signing::Look::TrichSao,
            Look::Appendix => signing::Look::Appendix,
        },
        page: Some(PageWanted::Name(chosen.page.clone())),
        place: corner(chosen.place),
        anchor: (!chosen.anchor.trim().is_empty()).then(|| AnchorWanted {
            text: chosen.anchor.clone(),
            page: None,
            hit: None,
            side: side(&chosen.side),
        }),
        document_number: Some(chosen.document_number.clone()),
        reason: Some(chosen.reason.clone()),
        kept_picture: chosen.kept_picture,
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

fn side(name: &str) -> Side {
    match name {
        "above" => Side::Above,
        "left" => Side::Left,
        "right" => Side::Right,
        _ => Side::Below,
    }
}

async fn first_page(
    app: &App,
    by: &Principal,
    frame: Frame,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let page = SignPage {
        frame,
        can_sign: !usable(app, by, |_| true).await?.is_empty(),
        asks_class: asks_class(by),
        idempotency_key: idempotency::fresh_key(),
        largest_bytes: app.settings.largest_upload,
        problems,
    };
    Ok(html(status, page.html()))
}

async fn review_page(
    app: &App,
    by: &Principal,
    frame: Frame,
    (id, from): (DocumentId, u32),
    chosen: SignChoices,
    (status, problems): (StatusCode, Problems),
) -> Result<Response> {
    let mut looks = vec![Look::Citizen];
    if by.has(Role::Clerk) {
        looks.extend([Look::Seal, Look::SaoY, Look::SaoLuc, Look::TrichSao, Look::Appendix]);
    }
    if by.has(Role::Official) {
        looks.push(Look::Official);
    }
    looks.push(Look::Invisible);
    let credentials = usable(app, by, |_| true).await?;
    // Offered, and used unless somebody says otherwise, where there is one.
    let has_picture = credentials.iter().any(|choice| choice.picture.is_some());
    let chosen = SignChoices { kept_picture: chosen.kept_picture && has_picture, ..chosen };
    let removable = signing::view(app, by, id).await?.state == DocumentState::Ready.name();
    let sheets = SheetsView {
        shown: sheets::shown(app, by, id, from).await?,
        title: "sign",
        here: format!("/sign/{id}"),
        pictures: format!("/sign/{id}/pages"),
        download: format!("/api/v1/documents/{id}/content"),
    };
    let idempotency_key = idempotency::fresh_key();
    let page = ReviewPage { frame, sheets, removable, credentials, looks, chosen, idempotency_key, problems };
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

fn parse(id: &str) -> Result<DocumentId> {
    Ok(id.parse().map_err(|_| RequestError::not_found())?)
}

fn document_missing() -> RequestError {
    RequestError::invalid("document", "document_missing", "Hãy chọn tệp PDF để ký.", "Choose a PDF file to sign.")
}

fn class_not_said() -> RequestError {
    RequestError::invalid(
        "secrecy",
        "class_not_before",
        "Hãy chọn độ mật trước khi gửi tệp. Chưa có nội dung nào được nhận.",
        "Say the class before the file is sent. Nothing of it was taken.",
    )
}
