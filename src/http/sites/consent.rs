//! The page of consent (RFC 6749 §4.1.1): log-in, what an application asks for, agree or refuse. The request is read anew when the form
//! comes back; what a browser could have changed of it is checked as if it came for the first time.

use super::{Visit, documents::pin_beside};
use crate::{
    accounts::{Principal, passkey::MOST_SHOWN},
    app::App,
    custody::{self, Factors},
    error::{RequestError, Result},
    http::{
        Access, Remote, Route,
        api::{credentials::with_pin, documents::SIGNERS},
        pages::{
            self, Frame, Problems,
            consent::{ConsentForm, ConsentPage, WishCard},
            html,
        },
    },
    oauth::{self, Asked, AuthorizationRequest, Refusal, Wish},
};
use axum::{
    extract::{
        Form, OriginalUri, Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    let paths = ["/csc/v1/oauth2/authorize", "/csc/v2/oauth2/authorize"];
    let shown = paths.map(|path| Route::new(Method::GET, path, Access::Public, get(show)));
    let decided = paths.map(|path| Route::new(Method::POST, path, Access::Public, post(decide)));
    shown.into_iter().chain(decided).collect()
}

/// The request's own parameters with what the form adds.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Posted {
    #[serde(flatten)]
    asked: Asked,
    #[serde(flatten)]
    form: ConsentForm,
}

async fn show(
    State(app): State<App>,
    visit: Visit,
    OriginalUri(address): OriginalUri,
    query: std::result::Result<Query<Asked>, QueryRejection>,
) -> Result<Response> {
    // RFC 6749 §3.1: a parameter that comes twice makes the request malformed.
    let Query(asked) = query.map_err(|_| malformed())?;
    let request = match AuthorizationRequest::read(&app, &asked).await {
        Ok(request) => request,
        Err(refusal) => return told(refusal),
    };
    let Some(by) = &visit.principal else {
        let back = address.path_and_query().map_or(address.path(), |whole| whole.as_str());
        return Ok(Redirect::to(&format!("/login?next={}", encoded(back))).into_response());
    };
    may_sign(by)?;
    let Some(wish) = wish_card(&app, by, &request).await? else {
        return Ok(Redirect::to(&request.refusal("invalid_request", "Invalid parameter credentialID")).into_response());
    };
    Ok(page(visit, (address.path(), &asked), &request, wish, (StatusCode::OK, Problems::none())))
}

async fn decide(
    State(app): State<App>,
    visit: Visit,
    remote: Remote,
    OriginalUri(address): OriginalUri,
    form: std::result::Result<Form<Posted>, FormRejection>,
) -> Result<Response> {
    let Form(Posted { asked, form }) = form.map_err(|_| malformed())?;
    let request = match AuthorizationRequest::read(&app, &asked).await {
        Ok(request) => request,
        Err(refusal) => return told(refusal),
    };
    let by = visit.posting(&form.csrf)?;
    may_sign(by)?;
    if form.decision != "approve" {
        return Ok(Redirect::to(&oauth::refuse(&app, by, &request).await?).into_response());
    }
    let flow = async {
        match &request.wish {
            None => oauth::approve(&app, by, &request, None).await,
            Some(_) => {
                let factors = Factors::of_form(form.pin.reveal(), form.totp.reveal(), &form.assertion)?;
                with_pin(&app, by, &remote, oauth::approve(&app, by, &request, Some(&factors))).await
            }
        }
    };
    match flow.await {
        Ok(address) => Ok(Redirect::to(&address).into_response()),
        Err(error) => {
            let said = pin_beside(error)?;
            let wish = wish_card(&app, by, &request).await?.unwrap_or_default();
            Ok(page(visit, (address.path(), &asked), &request, wish, said))
        }
    }
}

fn told(refusal: Refusal) -> Result<Response> {
    match refusal {
        Refusal::Page(error) => Err(error),
        Refusal::Redirect(address) => Ok(Redirect::to(&address).into_response()),
    }
}

/// Consent is a person's: at a browser, with a role that signs.
fn may_sign(by: &Principal) -> Result<()> {
    let person = by.client.starts_with("session:") && SIGNERS.admits(Some(&by.roles));
    if person { Ok(()) } else { Err(RequestError::forbidden().into()) }
}

/// What is to be signed, as the page shows it: `Some(None)` where nothing is, `None` where the credential is not the user's.
async fn wish_card(app: &App, by: &Principal, request: &AuthorizationRequest) -> Result<Option<Option<WishCard>>> {
    let Some(Wish { credential, hashes }) = &request.wish else { return Ok(Some(None)) };
    let signers = custody::signers(app, by).await?;
    let Some(signer) = signers.iter().find(|signer| signer.credential.id == *credential) else { return Ok(None) };
    let shown: Vec<String> = hashes.iter().map(hex::encode).collect();
    let demand = custody::demand(app, signer).await?;
    Ok(Some(Some(WishCard {
        holder: signer.certificate.subject().common_name(),
        serial: hex::encode(signer.row.serial.as_octets()),
        hashes: hashes.iter().take(HASHES_SHOWN).map(|hash| grouped(hash)).collect(),
        count: hashes.len(),
        description: request.description.clone(),
        credential: *credential,
        demand,
        acting: oauth::by_client(by, &request.client).client,
        shown: if shown.len() > MOST_SHOWN { String::new() } else { shown.join(" ") },
    })))
}

fn page(
    visit: Visit,
    (path, asked): (&str, &Asked),
    request: &AuthorizationRequest,
    wish: Option<WishCard>,
    (status, problems): (StatusCode, Problems),
) -> Response {
    let origin = origin(&request.redirect_uri);
    // Browsers apply form-action to where a form is redirected, too.
    let policy = pages::CONTENT_SECURITY_POLICY.replace("form-action 'self'", &format!("form-action 'self' {origin}"));
    let (action, client, parameters) = (path.to_owned(), request.client.name.clone(), parameters(asked));
    // In the other language the page is asked for again as it was, also where a form was answered.
    let query: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let frame = Frame { path: format!("{path}?{}", query.join("&")), ..visit.frame };
    let lasting = request.lasting;
    let page = ConsentPage { frame, action, client, origin, parameters, wish, lasting, problems };
    let mut response = html(status, page.html());
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn parameters(asked: &Asked) -> Vec<(&'static str, String)> {
    let all = [
        ("response_type", &asked.response_type),
        ("client_id", &asked.client_id),
        ("redirect_uri", &asked.redirect_uri),
        ("scope", &asked.scope),
        ("state", &asked.state),
        ("code_challenge", &asked.code_challenge),
        ("code_challenge_method", &asked.code_challenge_method),
        ("credentialID", &asked.credential_id),
        ("numSignatures", &asked.num_signatures),
        ("hash", &asked.hash),
        ("hashes", &asked.hashes),
        ("hashAlgorithmOID", &asked.hash_algorithm),
        ("description", &asked.description),
    ];
    let stated = all.into_iter().filter(|(_, value)| !value.is_empty());
    stated.map(|(name, value)| (name, value.clone())).collect()
}

/// Scheme, host and port of a registered address.
fn origin(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or_default();
    format!("{scheme}://{}", rest.split(['/', '?']).next().unwrap_or_default())
}

fn grouped(hash: &[u8]) -> String {
    let groups: Vec<String> = hash.chunks(4).map(hex::encode).collect();
    groups.join(" ")
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'/' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn malformed() -> RequestError {
    RequestError::invalid(
        "client_id",
        "authorization_request_malformed",
        "Ứng dụng gửi bạn đến đây với một yêu cầu không đọc được. Bạn không cần làm gì; hãy báo cho đơn vị quản lý ứng dụng.",
        "The application sent you here with a request that cannot be read. There is nothing to do for you; tell whoever runs it.",
    )
}

/// Hashes that are written out; the rest is counted.
const HASHES_SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_person_can_judge() {
        assert_eq!(origin("https://a.example:8443/cb?x=1"), "https://a.example:8443");
        assert_eq!(origin("http://[::1]:9/"), "http://[::1]:9");
        assert_eq!(encoded("/csc/v1?a=b&c"), "/csc/v1%3Fa%3Db%26c");
        assert_eq!(grouped(&[1, 2, 3, 4, 255]), "01020304 ff");
    }
}
