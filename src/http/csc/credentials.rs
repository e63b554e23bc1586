//! `credentials/list`, `credentials/info`, `credentials/authorize` (CSC API §11.4 to §11.6).

use super::{Route, Version, asynchronous, both, failure::Failure, fields::Fields};
use crate::{
    app::App,
    approvals::{Wish, Words},
    custody::{self, Demand, Factors, SAD_SECONDS, Signer},
    error::RequestError,
    http::{
        Caller, Remote,
        api::{credentials::with_pin, documents::SIGNERS},
    },
    issuance::Authority,
    signing::{
        limits::MOST_SIGNATURES,
        remote::{self, Variants},
    },
};
use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::{
    algorithm::KeyAlgorithm,
    instant::Instant,
    record::state::{CertificateState, CredentialState},
};
use chuky_pki::algorithm::scheme_parts;
use serde_json::{Map, Value, json};

pub(super) fn routes() -> Vec<Route> {
    let mut routes = super::not_offered_routes();
    routes.extend(both(["/csc/v1/credentials/list", "/csc/v2/credentials/list"], SIGNERS, || post(list)));
    routes.extend(both(["/csc/v1/credentials/info", "/csc/v2/credentials/info"], SIGNERS, || post(info)));
    let paths = ["/csc/v1/credentials/authorize", "/csc/v2/credentials/authorize"];
    routes.extend(both(paths, SIGNERS, || post(authorize)));
    routes
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    version: Version,
    fields: Fields,
) -> Result<Json<Value>, Failure> {
    let by = caller.required()?;
    // Tokens are a user's: whose credentials are meant is never a parameter.
    if fields.value("userID").is_some() {
        return Err(Failure::invalid("userID parameter MUST be null"));
    }
    let most = match fields.number("maxResults")? {
        None => PAGE,
        Some(0) => return Err(Failure::invalid("Invalid parameter maxResults")),
        Some(most) => usize::try_from(most).unwrap_or(PAGE).min(PAGE),
    };
    let from = match fields.text("pageToken")?.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token.parse::<usize>().map_err(|_| Failure::bad("pageToken"))?,
    };
    let mut signers = custody::signers(&app, &by).await?;
    if fields.flag("onlyValid")? {
        signers.retain(|signer| status(signer, app.clock.now()) == "valid" && enabled(signer));
    }
    let shown: Vec<&Signer> = signers.iter().skip(from).take(most).collect();
    let mut answer = json!({ "credentialIDs": shown.iter().map(|signer| signer.credential.id).collect::<Vec<_>>() });
    let next = from.saturating_add(shown.len());
    if next < signers.len() && !shown.is_empty() {
        answer["nextPageToken"] = json!(next.to_string());
    }
    if version == Version::V2 && fields.flag("credentialInfo")? {
        let wanted = Wanted::read(&fields)?;
        let mut infos = Vec::with_capacity(shown.len());
        for signer in shown {
            let mut one = wanted.of(&app, version, signer).await?;
            one.insert("credentialID".to_owned(), json!(signer.credential.id));
            infos.push(Value::Object(one));
        }
        answer["credentialInfos"] = Value::Array(infos);
    }
    Ok(Json(answer))
}

async fn info(
    State(app): State<App>,
    caller: Caller,
    version: Version,
    fields: Fields,
) -> Result<Json<Value>, Failure> {
    let by = caller.required()?;
    let id = fields.credential()?;
    let wanted = Wanted::read(&fields)?;
    let signers = custody::signers(&app, &by).await?;
    let signer = signers.iter().find(|signer| signer.credential.id == id).ok_or_else(RequestError::not_found)?;
    Ok(Json(Value::Object(wanted.of(&app, version, signer).await?)))
}

async fn authorize(
    State(app): State<App>,
    caller: Caller,
    remote: Remote,
    version: Version,
    mut fields: Fields,
) -> Result<Response, Failure> {
    let by = caller.required()?;
    let given = fields.authentication()?;
    let id = fields.credential()?;
    let count = fields.number("numSignatures")?.ok_or_else(|| Failure::missing("integer", "numSignatures"))?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count == 0 {
        return Err(Failure::invalid("Invalid value for parameter numSignatures"));
    }
    if count > MOST_SIGNATURES {
        return Err(Failure::invalid("Numbers of signatures is too high"));
    }
    let (hashes, names) = match (version, given.elsewhere) {
        (Version::V2, true) => fields.labelled_hashes()?,
        (Version::V1, true) => return Err(Failure::bad("authData")),
        (_, false) => (fields.hashes()?, Vec::new()),
    };
    fields.hash_algorithm()?;
    // SCAL2: as many signatures as there are hashes, one for each.
    if hashes.len() != count {
        return Err(Failure::invalid("Invalid value for parameter numSignatures"));
    }
    if given.elsewhere {
        let said = Words { description: fields.text("description")?.unwrap_or_default().to_owned(), names };
        return asynchronous::asked(&app, &by, &Wish { credential: id, hashes, said }).await;
    }
    let pin = given.pin.ok_or_else(|| Failure::missing("string", "PIN"))?;
    let factors = Factors::enter(pin.reveal(), given.code.unwrap_or_default().reveal(), None)?;
    let variants = if version == Version::V2 { Variants::All } else { Variants::HashOnly };
    let sad = with_pin(&app, &by, &remote, remote::authorize(&app, &by, id, &hashes, variants, &factors)).await?;
    let answer = json!({ "SAD": sad.reveal(), "expiresIn": SAD_SECONDS });
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// Which parts of a credential are asked for.
struct Wanted {
    /// `none`, `single` or `chain`.
    certificates: &'static str,
    certificate_info: bool,
    authorization_info: bool,
}

impl Wanted {
    fn read(fields: &Fields) -> Result<Self, Failure> {
        let certificates = match fields.text("certificates")? {
            None | Some("" | "single") => "single",
            Some("none") => "none",
            Some("chain") => "chain",
            Some(_) => return Err(Failure::bad("certificates")),
        };
        let (certificate_info, authorization_info) = (fields.flag("certInfo")?, fields.flag("authInfo")?);
        Ok(Self { certificates, certificate_info, authorization_info })
    }

    async fn of(&self, app: &App, version: Version, signer: &Signer) -> Result<Map<String, Value>, Failure> {
        let mut info = Map::new();
        info.insert("description".to_owned(), json!(signer.certificate.subject().common_name()));
        info.insert("key".to_owned(), key(signer));
        info.insert("cert".to_owned(), self.certificate(app, signer).await?);
        match version {
            Version::V1 => {
                info.insert("authMode".to_owned(), json!("explicit"));
                if self.authorization_info {
                    info.insert("PIN".to_owned(), pin_object("presence", json!("true")));
                    info.insert("OTP".to_owned(), otp_v1(custody::demand(app, signer).await?));
                }
            }
            Version::V2 => {
                let mut auth = json!({ "mode": "explicit" });
                if self.authorization_info {
                    let mut object = pin_object("type", json!("Password"));
                    object["id"] = json!("PIN");
                    let with_code = custody::demand(app, signer).await? != Demand::Nothing;
                    auth["expression"] = json!(if with_code { "(PIN AND OTP) OR APPROVAL" } else { "PIN OR APPROVAL" });
                    let mut objects = vec![object];
                    objects.extend(with_code.then(otp_v2));
                    objects.push(asynchronous::object());
                    auth["objects"] = Value::Array(objects);
                }
                info.insert("auth".to_owned(), auth);
            }
        }
        info.insert("SCAL".to_owned(), json!("2"));
        info.insert("multisign".to_owned(), json!(MOST_SIGNATURES));
        info.insert("lang".to_owned(), json!("vi-VN"));
        Ok(info)
    }

    async fn certificate(&self, app: &App, signer: &Signer) -> Result<Value, Failure> {
        let mut cert = json!({ "status": status(signer, app.clock.now()) });
        let mut certificates = vec![STANDARD.encode(signer.certificate.der())];
        if self.certificates == "chain" {
            let authority = Authority::of(app).await?;
            let mut above = authority.by_label(&signer.row.issuer_label);
            while let Some(issuer) = above {
                certificates.push(STANDARD.encode(issuer.certificate.der()));
                above = issuer.issuer_label.as_deref().and_then(|label| authority.by_label(label));
                if certificates.len() >= LONGEST_CHAIN {
                    break;
                }
            }
        }
        if self.certificates != "none" {
            cert["certificates"] = json!(certificates);
        }
        if self.certificate_info {
            cert["issuerDN"] = json!(signer.certificate.issuer().to_string());
            cert["serialNumber"] = json!(hex::encode_upper(signer.row.serial.as_octets()));
            cert["subjectDN"] = json!(signer.certificate.subject().to_string());
            cert["validFrom"] = json!(generalized(signer.row.not_before));
            cert["validTo"] = json!(generalized(signer.row.not_after));
        }
        Ok(cert)
    }
}

fn pin_object(first: &str, value: Value) -> Value {
    let mut object = json!({ "format": "A", "label": "PIN", "description": "Mã PIN ký số / signing PIN" });
    object[first] = value;
    object
}

/// §11.5: of version 1. The code is made by the signer's own device, so none is asked for (`sendOTP`) and the type is `offline`.
fn otp_v1(demand: Demand) -> Value {
    match demand {
        Demand::Nothing => json!({ "presence": "false" }),
        Demand::Factor { .. } | Demand::Enrolment => json!({
            "presence": "true", "type": "offline", "format": "N", "label": "OTP", "description": OTP, "ID": "totp",
            "provider": "RFC 6238",
        }),
    }
}

/// The same of version 2: an object that needs no challenge.
fn otp_v2() -> Value {
    json!({ "id": "OTP", "type": "Password", "format": "N", "label": "OTP", "description": OTP })
}

fn key(signer: &Signer) -> Value {
    let (oid, parameters) = scheme_parts(signer.credential.algorithm.default_scheme());
    let mut key = json!({
        "status": if enabled(signer) { "enabled" } else { "disabled" },
        "algo": [oid.to_string()],
    });
    let (length, curve) = match signer.credential.algorithm {
        KeyAlgorithm::P256 => (256, Some("1.2.840.10045.3.1.7")),
        KeyAlgorithm::P384 => (384, Some("1.3.132.0.34")),
        rsa => (rsa.modulus_bits().unwrap_or_default(), None),
    };
    key["len"] = json!(length);
    if let Some(curve) = curve {
        key["curve"] = json!(curve);
    }
    if let Some(parameters) = parameters {
        key["algoParams"] = json!([STANDARD.encode(parameters)]);
    }
    key
}

fn enabled(signer: &Signer) -> bool {
    signer.credential.state == CredentialState::Active
}

fn status(signer: &Signer, now: Instant) -> &'static str {
    match signer.row.state {
        CertificateState::Issued if now > signer.row.not_after => "expired",
        CertificateState::Issued => "valid",
        CertificateState::Suspended => "suspended",
        _ => "revoked",
    }
}

/// `20260102030405Z`.
fn generalized(at: Instant) -> String {
    let seconds = Instant::from_unix_seconds(at.unix_seconds()).rfc3339();
    let digits: String = seconds.chars().filter(char::is_ascii_digit).take(14).collect();
    format!("{digits}Z")
}

const OTP: &str = "Mã 6 số của ứng dụng xác thực / six digits of the authenticator app";
/// Credentials of one page.
const PAGE: usize = 100;
/// Certificates of a chain, the signer's and the root's among them.
const LONGEST_CHAIN: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_specification_has_them() {
        assert_eq!(generalized(Instant::from_unix_seconds(1_767_323_045)), "20260102030405Z");
    }
}
