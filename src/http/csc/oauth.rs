//! `oauth2/token` and `oauth2/revoke` (RFC 6749, RFC 7009, CSC API §8.3). Applications prove themselves by `Authorization: Basic` or in the
//! form; nothing secret is read from an address. The page of consent is in `sites`.

use super::{Access, Route, Version, both, failure::Failure};
use crate::{
    app::App,
    error::Error,
    http::{Remote, pages::form::Secret},
    oauth::{self, Granted, Scope},
    rates::Kind,
};
use axum::{
    Form, Json,
    extract::{State, rejection::FormRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::record::oauth::OauthClient;
use serde::Deserialize;
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    let token = both(["/csc/v1/oauth2/token", "/csc/v2/oauth2/token"], Access::Public, || post(token));
    let revoke = both(["/csc/v1/oauth2/revoke", "/csc/v2/oauth2/revoke"], Access::Public, || post(revoke));
    token.into_iter().chain(revoke).collect()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenForm {
    grant_type: String,
    code: Secret,
    redirect_uri: String,
    code_verifier: Secret,
    refresh_token: Secret,
    scope: String,
    client_id: String,
    client_secret: Secret,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RevokeForm {
    token: Secret,
    client_id: String,
    client_secret: Secret,
}

async fn token(
    State(app): State<App>,
    remote: Remote,
    version: Version,
    headers: HeaderMap,
    form: Result<Form<TokenForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::invalid("The body is not a form"))?;
    let client = client(&app, &remote, &headers, (&form.client_id, &form.client_secret)).await?;
    let granted = match form.grant_type.as_str() {
        "authorization_code" => {
            let (code, verifier) = (form.code.reveal(), form.code_verifier.reveal());
            Some(oauth::exchange(&app, &client, code, &form.redirect_uri, verifier).await?)
        }
        "refresh_token" => Some(Granted::Lasting(oauth::refresh(&app, &client, form.refresh_token.reveal()).await?)),
        "client_credentials" if matches!(form.scope.as_str(), "" | "service") => {
            let (text, seconds) = oauth::for_itself(&app, &client).await?;
            Some(Granted::Token(text, seconds))
        }
        _ => None,
    };
    let answer = match granted {
        Some(Granted::Token(text, seconds)) => {
            json!({ "access_token": text.as_str(), "token_type": "Bearer", "expires_in": seconds, "scope": "service" })
        }
        Some(Granted::Lasting(given)) => json!({
            "access_token": given.access.as_str(), "token_type": "Bearer", "expires_in": given.seconds,
            "refresh_token": given.refresh.as_str(), "scope": Scope::Lasting.name(),
        }),
        Some(Granted::Activation(sad, seconds)) => {
            // Version 1 names the activation data that stands for an access token by its own type.
            let kind = if version == Version::V1 { "SAD" } else { "Bearer" };
            json!({ "access_token": sad.reveal(), "token_type": kind, "expires_in": seconds, "scope": "credential" })
        }
        None if form.grant_type == "client_credentials" => {
            return Err(listed("invalid_scope", "An application's own token has scope service"));
        }
        None if form.grant_type.is_empty() => return Err(Failure::missing("string", "grant_type")),
        None => {
            let known = "authorization_code, refresh_token and client_credentials are supported";
            return Err(listed("unsupported_grant_type", known));
        }
    };
    // RFC 6749 §5.1.
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    Ok((headers, Json(answer)).into_response())
}

async fn revoke(
    State(app): State<App>,
    remote: Remote,
    headers: HeaderMap,
    form: Result<Form<RevokeForm>, FormRejection>,
) -> Result<StatusCode, Failure> {
    let Form(form) = form.map_err(|_| Failure::invalid("The body is not a form"))?;
    if form.token.is_empty() {
        return Err(Failure::missing("string", "token"));
    }
    let client = client(&app, &remote, &headers, (&form.client_id, &form.client_secret)).await?;
    oauth::revoke(&app, &client, form.token.reveal()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The application that calls. Codes, tokens and secrets have 256 bits, so nothing here is guessed, and behind an application's address are
/// all its users: only wrong names and secrets are counted, and what is right is let in however often something was wrong before.
async fn client(app: &App, remote: &Remote, headers: &HeaderMap, said: (&str, &Secret)) -> Result<OauthClient, Error> {
    let proved = proved(app, headers, said).await;
    if let Err(Error::Request(refused)) = &proved
        && refused.code == "oauth_invalid_client"
    {
        app.rates.take(Kind::ClientAddress, remote.as_str(), app.clock.steady())?;
    }
    proved
}

/// RFC 6749 §2.3.1.
async fn proved(app: &App, headers: &HeaderMap, (id, secret): (&str, &Secret)) -> Result<OauthClient, Error> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return oauth::authenticate(app, id, Some(secret.reveal())).await;
    };
    // RFC 9110 §11.1: the name of a scheme is written in either case.
    let basic = value.to_str().ok().and_then(|text| text.split_once(' '));
    let basic = basic.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let basic = basic.and_then(|(_, text)| STANDARD.decode(text.trim()).ok());
    let basic = basic.and_then(|octets| String::from_utf8(octets).ok());
    let basic = Secret::new(basic.ok_or_else(oauth::invalid_client)?);
    let (id, secret) = basic.reveal().split_once(':').ok_or_else(oauth::invalid_client)?;
    oauth::authenticate(app, id, Some(secret)).await
}

fn listed(error: &'static str, description: &str) -> Failure {
    Failure::Listed { status: StatusCode::BAD_REQUEST, error, description: description.to_owned() }
}
