//! `signatures/signHash`, `signatures/signDoc`, `signatures/timestamp` (CSC API §11.10, §11.11, §11.13). Activation data is taken from the
//! body only, and goes nowhere but into the flow.

use super::{Access, Route, both, failure::Failure, fields::Fields};
use crate::{
    accounts::Principal,
    app::App,
    custody::{self, Sad},
    http::{
        Caller,
        api::{documents::SIGNERS, idempotency::once},
    },
    signing::{
        Level,
        limits::MOST_SIGNATURES,
        remote::{self, ObjectForm, ObjectWanted},
    },
};
use axum::{
    Json,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Method, StatusCode},
    response::Response,
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::{algorithm::SignatureScheme, id::CredentialId};
use chuky_pki::{algorithm::DigestAlgorithm, crypto};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(super) fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    routes.extend(both(["/csc/v1/signatures/signHash", "/csc/v2/signatures/signHash"], SIGNERS, || post(sign_hash)));
    let paths = ["/csc/v1/signatures/timestamp", "/csc/v2/signatures/timestamp"];
    routes.extend(both(paths, Access::Account, || post(time_stamp)));
    let documents = post(sign_doc).layer(DefaultBodyLimit::max(LARGEST_DOCUMENTS));
    routes.push(Route::new(Method::POST, "/csc/v2/signatures/signDoc", SIGNERS, documents));
    routes
}

#[derive(Serialize)]
struct Signatures {
    signatures: Vec<String>,
}

/// Signs hashes. An `Idempotency-Key` stands for one call: what it gave the first time is given again to whoever has the same SAD.
async fn sign_hash(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, Failure> {
    let by = caller.required()?;
    let sad = taken_sad(&mut fields)?;
    let id = fields.credential()?;
    let hashes = fields.hashes()?;
    fields.check_synchronous()?;
    let signer = custody::signer(&app, &by, id).await?;
    fields.check_scheme(signer.credential.algorithm.default_scheme())?;
    let identity = identity(&sad, id, &hashes.concat());
    let flow = async move |app: App, by: Principal| {
        let signatures = remote::sign_hashes(&app, &by, &signer, &sad, &hashes).await?;
        Ok(Signatures { signatures: signatures.iter().map(|one| STANDARD.encode(one)).collect() })
    };
    let route = "POST /csc/signatures/signHash";
    Ok(once(&app, &by, route, (&headers, &identity), StatusCode::OK, flow).await?)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Documents {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    document_with_signature: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signature_object: Vec<String>,
}

/// Makes signature objects over documents or their hashes.
async fn sign_doc(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, Failure> {
    let by = caller.required()?;
    let sad = taken_sad(&mut fields)?;
    let id = fields.credential()?;
    fields.check_synchronous()?;
    if fields.flag("returnValidationInfo")? {
        return Err(Failure::bad("returnValidationInfo"));
    }
    let signer = custody::signer(&app, &by, id).await?;
    let scheme = signer.credential.algorithm.default_scheme();
    let wanted = match (fields.value("documentDigests"), fields.value("documents")) {
        (Some(_), Some(_)) => return Err(Failure::invalid("Both documentDigests and documents parameters passed")),
        (Some(digests), None) => each(digests, "documentDigests", |entry| by_digest(entry, scheme))?,
        (None, Some(documents)) => {
            each(documents, "documents", |entry| by_content(entry, scheme).map(|one| vec![one]))?
        }
        (None, None) => return Err(Failure::invalid("Empty documentDigests and documents objects")),
    };
    let mut content = Vec::new();
    for one in &wanted {
        content.extend_from_slice(&one.hash);
        content.extend_from_slice(format!("{:?}{:?}", one.form, one.level).as_bytes());
    }
    let identity = identity(&sad, id, &content);
    let flow = async move |app: App, by: Principal| {
        let objects = remote::sign_objects(&app, &by, &signer, &sad, &wanted).await?;
        let mut answer = Documents { document_with_signature: Vec::new(), signature_object: Vec::new() };
        for (one, object) in wanted.iter().zip(&objects) {
            match one.form.holds_document() && one.content.is_some() {
                true => answer.document_with_signature.push(STANDARD.encode(object)),
                false => answer.signature_object.push(STANDARD.encode(object)),
            }
        }
        Ok(answer)
    };
    let route = "POST /csc/signatures/signDoc";
    Ok(once(&app, &by, route, (&headers, &identity), StatusCode::OK, flow).await?)
}

async fn time_stamp(State(app): State<App>, caller: Caller, fields: Fields) -> Result<Json<Value>, Failure> {
    let by = caller.required()?;
    let digest = STANDARD.decode(fields.required("hash")?);
    let digest = digest.map_err(|_| Failure::invalid("Invalid Base64 hash string parameter"))?;
    let algorithm = fields.hash_algorithm()?.ok_or_else(|| Failure::missing("string", "hashAlgo"))?;
    if digest.len() != algorithm.length() {
        return Err(Failure::invalid("Invalid digest value length"));
    }
    let nonce = match fields.text("nonce")?.filter(|nonce| !nonce.is_empty()) {
        None => None,
        Some(text) if text.len() <= NONCE_DIGITS => {
            let even = if text.len().is_multiple_of(2) { text.to_owned() } else { format!("0{text}") };
            Some(hex::decode(even).map_err(|_| Failure::bad("nonce"))?)
        }
        Some(_) => return Err(Failure::bad("nonce")),
    };
    let token = remote::time_stamp(&app, &by, algorithm, &digest, nonce.as_deref()).await?;
    Ok(Json(json!({ "timestamp": STANDARD.encode(token) })))
}

fn taken_sad(fields: &mut Fields) -> Result<Sad, Failure> {
    let sad = fields.secret("SAD")?.filter(|sad| !sad.is_empty()).ok_or_else(|| Failure::missing("string", "SAD"))?;
    Ok(Sad::enter(sad.reveal()))
}

/// What a repetition must have in common: activation data, credential, what is signed.
fn identity(sad: &Sad, id: CredentialId, content: &[u8]) -> Vec<u8> {
    Sha256::new().chain_update(sad.reveal()).chain_update(id.as_bytes()).chain_update(content).finalize().to_vec()
}

fn each(
    entries: &Value,
    name: &str,
    read: impl Fn(&Fields) -> Result<Vec<ObjectWanted>, Failure>,
) -> Result<Vec<ObjectWanted>, Failure> {
    let invalid = || Failure::invalid(format!("Invalid array parameter {name}"));
    let entries = entries.as_array().ok_or_else(invalid)?;
    let mut wanted = Vec::new();
    for entry in entries {
        wanted.extend(read(&Fields::of(entry).ok_or_else(invalid)?)?);
        if wanted.len() > MOST_SIGNATURES {
            return Err(Failure::invalid("Numbers of signatures is too high"));
        }
    }
    if wanted.is_empty() {
        return Err(Failure::invalid("Empty documentDigests and documents objects"));
    }
    Ok(wanted)
}

fn by_digest(entry: &Fields, scheme: SignatureScheme) -> Result<Vec<ObjectWanted>, Failure> {
    entry.check_scheme(scheme)?;
    check_properties(entry)?;
    let level = level(entry)?;
    let form = match entry.required("signature_format")? {
        "C" => envelope(entry, "Detached", &["Detached"]).map(|_| ObjectForm::CadesDetached)?,
        "P" => envelope(entry, "Revision", &["Revision"]).map(|_| ObjectForm::Pades)?,
        // The element that its caller puts into the document.
        "X" => match envelope(entry, "Detached", &["Detached", "Enveloped"])? {
            "Enveloped" => ObjectForm::XadesEnveloped,
            _ => ObjectForm::XadesDetached,
        },
        "J" => envelope(entry, "Detached", &["Detached"]).map(|_| ObjectForm::JadesDetached)?,
        _ => return Err(Failure::bad("signature_format")),
    };
    // An archive timestamp covers the document itself; a PDF's validation data stands outside the signature object.
    let most = if form == ObjectForm::Pades { Level::T } else { Level::LT };
    if level == Level::LTA || (most == Level::T && level == Level::LT) {
        return Err(Failure::invalid("Invalid parameter conformance_level: it needs the document itself"));
    }
    let hashes = entry.hashes()?.into_iter();
    Ok(hashes.map(|hash| ObjectWanted { hash, content: None, form, level }).collect())
}

fn by_content(entry: &Fields, scheme: SignatureScheme) -> Result<ObjectWanted, Failure> {
    entry.check_scheme(scheme)?;
    check_properties(entry)?;
    let level = level(entry)?;
    let form = match entry.required("signature_format")? {
        "C" => match envelope(entry, "Attached", &["Attached", "Detached"])? {
            "Attached" => ObjectForm::CadesAttached,
            _ => ObjectForm::CadesDetached,
        },
        "X" => match envelope(entry, "Enveloped", &["Enveloped", "Enveloping", "Detached"])? {
            "Enveloped" => ObjectForm::XadesEnveloped,
            "Enveloping" => ObjectForm::XadesEnveloping,
            _ => ObjectForm::XadesDetached,
        },
        // What an attached JWS signs is made of its whole payload (RFC 7515 §5.1), so no consent can name it by the document's hash.
        "J" => envelope(entry, "Detached", &["Detached"]).map(|_| ObjectForm::JadesDetached)?,
        // What a PDF's signature covers is not known before it is prepared, so no consent can name it by the file's hash.
        "P" => return Err(Failure::invalid("Invalid parameter signature_format: a PDF is signed by documentDigests")),
        _ => return Err(Failure::bad("signature_format")),
    };
    let content = STANDARD.decode(entry.required("document")?);
    let content = content.map_err(|_| Failure::invalid("Invalid Base64 documents string parameter"))?;
    let hash = crypto::digest(DigestAlgorithm::from(scheme.hash()), &content);
    Ok(ObjectWanted { hash, content: Some(content), form, level })
}

fn envelope<'a>(entry: &'a Fields, usual: &'a str, known: &[&str]) -> Result<&'a str, Failure> {
    let asked = entry.text("signed_envelope_property")?.filter(|text| !text.is_empty()).unwrap_or(usual);
    if known.contains(&asked) { Ok(asked) } else { Err(Failure::bad("signed_envelope_property")) }
}

/// Every attribute is the service's own.
fn check_properties(entry: &Fields) -> Result<(), Failure> {
    match entry.value("signed_props") {
        None => Ok(()),
        Some(Value::Array(properties)) if properties.is_empty() => Ok(()),
        Some(_) => Err(Failure::bad("signed_props")),
    }
}

fn level(entry: &Fields) -> Result<Level, Failure> {
    let text = entry.text("conformance_level")?.unwrap_or_default().to_ascii_lowercase();
    match text.strip_prefix("ades-b-").or_else(|| text.strip_prefix("ades-")).unwrap_or(&text) {
        "" | "b" => Ok(Level::B),
        "t" => Ok(Level::T),
        "lt" => Ok(Level::LT),
        "lta" => Ok(Level::LTA),
        _ => Err(Failure::bad("conformance_level")),
    }
}

/// Octets of a body with documents: 12 MiB of them in base64.
const LARGEST_DOCUMENTS: usize = 16 << 20;
/// Hexadecimal digits of the longest nonce: 256 bits.
const NONCE_DIGITS: usize = 64;
