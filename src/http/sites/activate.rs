//! `/activate`: the code, then what the certificate will say with PIN and log-in to choose, then the receipt. Whoever has an account is
//! logged in to it; whoever made one here is logged in with it.

use super::{
    PageForm, Visit,
    login::{device_cookie, session_cookie},
    requests::shown_beside,
};
use crate::{
    accounts::{SESSION_SECONDS, device_token, open_session},
    app::App,
    error::Result,
    http::{
        Access, Remote, Route,
        api::{activations::guess, idempotency},
        pages::{
            Problems,
            activate::{
                ActivateForm, CodeForm, CodePage, ConsentPage, Holder, OwnKeyForm, OwnKeyPage, OwnKeyReceiptPage,
                ReceiptPage, RefuseForm, StatusLink,
            },
            certificate::{CertificateContent, Further, day_on_screen, grouped_digits},
            form::Secret,
            html,
        },
    },
    issuance::{self, OwnKeyReceipt, OwnKeyRedemption, Preview, Proof, Receipt, Redemption},
    rates::WRONG_CODE,
    registration::{
        self, ReceiptKey,
        consent::{self, Confirmation},
    },
};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use axum_extra::extract::CookieJar;
use chuky_model::{algorithm::KeyAlgorithm, id::AccountId};
use zeroize::Zeroizing;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/activate", Access::Public, get(show)),
        Route::new(Method::POST, "/activate", Access::Public, post(read)),
        Route::new(Method::POST, "/activate/confirm", Access::Public, post(confirm)),
        Route::new(Method::POST, "/activate/own-key", Access::Public, post(redeem_with_own_key)),
        Route::new(Method::POST, "/activate/refuse", Access::Public, post(refuse)),
    ]
}

async fn show(visit: Visit) -> Response {
    crate::http::pages::activate::show(visit.frame).await
}

async fn read(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    PageForm(form): PageForm<CodeForm>,
) -> Result<Response> {
    match looked_up(&app, &visit, &remote, &form.code).await {
        Ok(preview) => {
            let typed = ActivateForm { code: form.code, receipt_key: fresh_key(), ..ActivateForm::default() };
            let page = match preview.own_key_only {
                true => own_key_page(&visit, &preview, of_code(&typed), Problems::none()).html(),
                false => consent_page(&visit, &preview, typed, Problems::none()).html(),
            };
            Ok(html(StatusCode::OK, page))
        }
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            Ok(html(status, CodePage { frame: visit.frame, refused: false, problems }.html()))
        }
    }
}

async fn confirm(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    jar: CookieJar,
    PageForm(form): PageForm<ActivateForm>,
) -> Result<Response> {
    let key = (!form.receipt_key.is_empty()).then(|| ReceiptKey::enter(form.receipt_key.reveal())).transpose()?;
    if let Some(key) = &key
        && let Some(receipt) = issuance::receipt_again(&app, form.code.reveal(), key).await?
    {
        return Ok(html(StatusCode::CREATED, receipt_page(&app, visit, receipt).html()));
    }
    let preview = match looked_up(&app, &visit, &remote, &form.code).await {
        Ok(preview) => preview,
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            return Ok(html(status, CodePage { frame: visit.frame, refused: false, problems }.html()));
        }
    };
    let problems = typed_problems(&form);
    if !problems.is_empty() {
        let page = consent_page(&visit, &preview, form, problems);
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, page.html()));
    }
    let redemption = Redemption {
        code: Zeroizing::new(form.code.reveal().to_owned()),
        proof: proof(&visit, (&form.csrf, &form.second_secret), &form.login, &form.password)?,
        pin: Zeroizing::new(form.pin.reveal().to_owned()),
        algorithm: KeyAlgorithm::P256,
        confirmation: Confirmation { content_digest: form.confirmed.clone(), consent: form.consent.clone() },
        key,
    };
    match issuance::redeem(&app, redemption).await {
        Ok(receipt) => {
            let jar = match receipt.new_account {
                true => {
                    let token = open_session(&app, receipt.account).await?;
                    let device = device_cookie(&app, device_token(&app, receipt.account));
                    jar.add(session_cookie(&app, token.reveal().to_owned(), SESSION_SECONDS)).add(device)
                }
                false => jar,
            };
            Ok((jar, html(StatusCode::CREATED, receipt_page(&app, visit, receipt).html())).into_response())
        }
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            let page = consent_page(&visit, &preview, form, problems);
            Ok(html(status, page.html()))
        }
    }
}

async fn redeem_with_own_key(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    PageForm(form): PageForm<OwnKeyForm>,
) -> Result<Response> {
    let key = (!form.receipt_key.is_empty()).then(|| ReceiptKey::enter(form.receipt_key.reveal())).transpose()?;
    let redemption = OwnKeyRedemption {
        code: Zeroizing::new(form.code.reveal().to_owned()),
        proof: proof(&visit, (&form.csrf, &form.second_secret), &form.login, &form.password)?,
        request: form.request.clone().into_bytes(),
        confirmation: Confirmation { content_digest: form.confirmed.clone(), consent: form.consent.clone() },
        key,
    };
    let flow = issuance::redeem_with_own_key(&app, redemption);
    match app.rates.guessing(guess(&app, &remote), WRONG_CODE, flow).await {
        Ok((receipt, _)) => Ok(html(StatusCode::CREATED, own_key_receipt(&app, visit, receipt).html())),
        Err(error) => {
            let (status, problems) = shown_beside(error)?;
            match looked_up(&app, &visit, &remote, &form.code).await {
                Ok(preview) => Ok(html(status, own_key_page(&visit, &preview, form, problems).html())),
                Err(_) => Ok(html(status, CodePage { frame: visit.frame, refused: false, problems }.html())),
            }
        }
    }
}

fn of_code(typed: &ActivateForm) -> OwnKeyForm {
    OwnKeyForm { code: typed.code.clone(), receipt_key: typed.receipt_key.clone(), ..OwnKeyForm::default() }
}

fn own_key_page(visit: &Visit, preview: &Preview, typed: OwnKeyForm, problems: Problems) -> OwnKeyPage {
    OwnKeyPage {
        frame: visit.frame.clone(),
        code: typed.code,
        receipt_key: typed.receipt_key,
        content: content(preview, ""),
        confirmed: preview.content_digest.clone(),
        consent: consent::OWN_KEY,
        login: typed.login,
        request: typed.request,
        holder: holder(preview),
        shortest_password: crate::accounts::SHORTEST_PASSWORD,
        problems,
    }
}

fn own_key_receipt(app: &App, visit: Visit, receipt: OwnKeyReceipt) -> OwnKeyReceiptPage {
    OwnKeyReceiptPage {
        frame: visit.frame,
        receipt: receipt_file(&receipt.serial),
        status: StatusLink::of(&app.settings.public_url, &receipt.serial),
        name: receipt.common_name,
        issuer: receipt.issuer,
        serial: receipt.serial,
        valid_from: receipt.not_before,
        valid_until: receipt.not_after,
        certificates: [receipt.certificate].into_iter().chain(receipt.chain).collect(),
        notices: receipt.notices,
    }
}

async fn refuse(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    PageForm(form): PageForm<RefuseForm>,
) -> Result<Response> {
    let flow = registration::refuse(&app, form.code.reveal(), &form.refusal);
    let Err(error) = app.rates.guessing(guess(&app, &remote), WRONG_CODE, flow).await else {
        let page = CodePage { frame: visit.frame, refused: true, problems: Problems::none() };
        return Ok(html(StatusCode::OK, page.html()));
    };
    let (status, problems) = shown_beside(error)?;
    match looked_up(&app, &visit, &remote, &form.code).await {
        Ok(preview) => {
            let typed = ActivateForm { code: form.code, receipt_key: fresh_key(), ..ActivateForm::default() };
            let page = match preview.own_key_only {
                true => own_key_page(&visit, &preview, of_code(&typed), problems).html(),
                false => consent_page(&visit, &preview, typed, problems).html(),
            };
            Ok(html(status, page))
        }
        Err(_) => Ok(html(status, CodePage { frame: visit.frame, refused: false, problems }.html())),
    }
}

/// What the code brings; a wrong one counts against the address it comes from.
async fn looked_up(app: &App, visit: &Visit, remote: &Remote, code: &Secret) -> Result<Preview> {
    let flow = issuance::preview(app, code.reveal(), session(visit));
    app.rates.guessing(guess(app, remote), WRONG_CODE, flow).await
}

fn session(visit: &Visit) -> Option<AccountId> {
    visit.principal.as_ref().filter(|principal| principal.is_in_session()).map(|principal| principal.account)
}

/// Proof by what the form holds, and by the session that the form came from: a form of another page proves nothing.
fn proof(visit: &Visit, (csrf, second_secret): (&str, &Secret), login: &str, password: &Secret) -> Result<Proof> {
    let session = match session(visit) {
        Some(_) => Some(visit.posting(csrf)?.account),
        None => None,
    };
    Ok(Proof {
        session,
        second_secret: Zeroizing::new(second_secret.reveal().to_owned()),
        login: login.to_owned(),
        password: Zeroizing::new(password.reveal().to_owned()),
    })
}

fn holder(preview: &Preview) -> Holder {
    match (preview.has_account, preview.log_in_first) {
        (_, true) => Holder::Stranger,
        (true, false) => Holder::LoggedIn,
        (false, false) => Holder::New(preview.second_secret_sent_to.clone()),
    }
}

/// What only the form knows: that the PIN was typed twice, that consent was given. The flow checks all else.
fn typed_problems(form: &ActivateForm) -> Problems {
    let mut problems = Problems::none();
    if form.consent.is_empty() {
        problems = problems.and("consent", "problem-consent-missing");
    }
    if form.pin != form.pin_again {
        problems = problems.and("pin_again", "problem-pin-differs");
    }
    if !form.password.is_empty() && form.password == form.pin {
        problems = problems.and("password", "problem-password-is-pin");
    }
    problems
}

fn fresh_key() -> Secret {
    Secret::new(idempotency::fresh_key())
}

fn consent_page(visit: &Visit, preview: &Preview, typed: ActivateForm, problems: Problems) -> ConsentPage {
    ConsentPage {
        frame: visit.frame.clone(),
        code: typed.code,
        receipt_key: typed.receipt_key,
        content: content(preview, "ECDSA P-256"),
        confirmed: preview.content_digest.clone(),
        consent: consent::KEPT_HERE,
        login: typed.login,
        holder: holder(preview),
        shortest_pin: crate::custody::pin::SHORTEST,
        shortest_password: crate::accounts::SHORTEST_PASSWORD,
        problems,
    }
}

fn content(preview: &Preview, algorithm: &str) -> CertificateContent {
    CertificateContent {
        hierarchy: preview.hierarchy,
        common_name: preview.common_name.clone(),
        // Whole where a birth date stands beside it.
        personal_number: match preview.birth_date.is_empty() {
            true => preview.personal_number.clone(),
            false => grouped_digits(&preview.personal_number),
        },
        birth_date: day_on_screen(&preview.birth_date),
        title: preview.title.clone(),
        organization: preview.organization.clone(),
        organizational_unit: preview.organizational_unit.clone(),
        locality: preview.locality.clone(),
        province: preview.province.clone(),
        algorithm: algorithm.to_owned(),
        valid_days: preview.valid_days,
        issuer: preview.issuer.clone(),
        further: Further {
            kind: preview.kind,
            responsible: preview.responsible.clone(),
            tax_code: preview.tax_code.clone(),
            device_serial: preview.device_serial.clone(),
            replaces: preview.replaces,
        },
    }
}

fn receipt_file(serial: &str) -> String {
    format!("/certificates/{serial}/receipt")
}

fn receipt_page(app: &App, visit: Visit, receipt: Receipt) -> ReceiptPage {
    let [valid_from, valid_until, issued] = receipt.times;
    ReceiptPage {
        frame: visit.frame,
        receipt: receipt_file(&receipt.serial),
        status: StatusLink::of(&app.settings.public_url, &receipt.serial),
        name: receipt.common_name,
        issuer: receipt.issuer,
        serial: receipt.serial,
        valid_from,
        valid_until,
        issued,
        login: receipt.login,
        suspend_contact: app.settings.registration.suspend_contact.clone(),
    }
}
