//! `info`: what this service offers, and nothing that it does not (CSC API §11.1).

use super::{Access, Route, Version, both, fields::Fields};
use crate::app::App;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::algorithm::KeyAlgorithm;
use chuky_pki::algorithm::scheme_parts;
use serde_json::{Value, json};

pub(super) fn routes() -> Vec<Route> {
    both(["/csc/v1/info", "/csc/v2/info"], Access::Public, || post(info)).into()
}

async fn info(State(app): State<App>, version: Version, fields: Fields) -> Result<Response, super::failure::Failure> {
    let address = app.settings.public_url.trim_end_matches('/');
    let vietnamese = !fields.text("lang")?.is_some_and(|language| language.to_ascii_lowercase().starts_with("en"));
    let description = match vietnamese {
        true => "Dịch vụ ký số từ xa. Mỗi chữ ký cần người ký nhập mã PIN cho đúng những giá trị băm được ký (SCAL2).",
        false => {
            "Remote signing. Each signature needs its signer's PIN for exactly the hashes that are signed (SCAL2)."
        }
    };
    let mut info = json!({
        "specs": match version { Version::V1 => "1.0.4.0", Version::V2 => "2.0.0.2" },
        "name": "Chuky",
        "logo": format!("{address}/favicon.ico"),
        "region": "VN",
        "lang": if vietnamese { "vi-VN" } else { "en-US" },
        "description": description,
        // `external`: sessions and API keys of the service itself.
        "authType": ["external", "oauth2code", "oauth2client"],
        "oauth2": format!("{address}/csc/{}", match version { Version::V1 => "v1", Version::V2 => "v2" }),
        "methods": methods(version),
    });
    if version == Version::V2 {
        info["asynchronousOperationMode"] = json!(false);
        info["validationInfo"] = json!(false);
        info["signAlgorithms"] = sign_algorithms();
        info["signature_formats"] = json!({
            "formats": ["C", "P", "X", "J"],
            "envelope_properties": [["Attached", "Detached"], ["Revision"], ["Enveloped", "Enveloping", "Detached"], ["Detached"]],
        });
        info["conformance_levels"] = json!(["Ades-B-B", "Ades-B-T", "Ades-B-LT", "Ades-B-LTA"]);
    }
    Ok(Json(info).into_response())
}

fn methods(version: Version) -> Vec<&'static str> {
    let mut methods = vec![
        "oauth2/authorize",
        "oauth2/token",
        "oauth2/revoke",
        "credentials/list",
        "credentials/info",
        "credentials/authorize",
        "signatures/signHash",
        "signatures/timestamp",
    ];
    if version == Version::V2 {
        methods.push("credentials/authorizeCheck");
        methods.push("signatures/signDoc");
    }
    methods
}

/// Each key signs with one scheme.
fn sign_algorithms() -> Value {
    let mut parts: Vec<_> = KeyAlgorithm::ALL.iter().map(|key| scheme_parts(key.default_scheme())).collect();
    parts.dedup();
    let parameters = parts.iter().map(|(_, parameters)| parameters.as_ref().map(|der| STANDARD.encode(der)));
    json!({
        "algos": parts.iter().map(|(oid, _)| oid.to_string()).collect::<Vec<_>>(),
        "algoParams": parameters.map(Option::unwrap_or_default).collect::<Vec<_>>(),
    })
}
