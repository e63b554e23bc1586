//! The Cloud Signature Consortium API in the service's description (OpenAPI 3.1): every method of both versions with the fields that are
//! read and given. What the fields mean is the specification's to say, and docs/csc.md's.

use utoipa::openapi::{
    Content, ContentBuilder, HttpMethod, PathItem, RefOr, Required, ResponseBuilder, Schema,
    path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::{RequestBody, RequestBodyBuilder},
    schema::{ArrayBuilder, ObjectBuilder, Type},
};

/// Each path with its operations.
pub fn paths() -> Vec<(String, PathItem)> {
    let mut paths = Vec::new();
    for (index, version) in ["v1", "v2"].into_iter().enumerate() {
        for method in METHODS {
            let Some(fields) = method.fields.get(index).copied().flatten() else { continue };
            let operation = operation(version, method, fields);
            paths.push((format!("/csc/{version}/{}", method.path), PathItem::new(HttpMethod::Post, operation)));
        }
        let path = format!("/csc/{version}/oauth2/authorize");
        paths.push((path, PathItem::new(HttpMethod::Get, authorization(version))));
    }
    paths
}

/// Which tag a path of this API has.
pub fn tag(path: &str) -> Option<String> {
    let version = path.strip_prefix("/csc/")?.split('/').next()?;
    Some(format!("csc {version}"))
}

struct Method {
    path: &'static str,
    summary: &'static str,
    /// Whether the body is a form (RFC 6749) and not JSON.
    is_form: bool,
    /// The status of success.
    status: &'static str,
    /// Of version 1 and version 2, what is read and what is given; `None` where the version has no such method.
    fields: [Option<Fields>; 2],
}

/// Names with their types (`name:type`, without a type a text), those that must be there with `!`.
type Fields = (&'static str, &'static str);

const fn json(path: &'static str, summary: &'static str, v1: Option<Fields>, v2: Option<Fields>) -> Method {
    Method { path, summary, is_form: false, status: "200", fields: [v1, v2] }
}

const fn form(path: &'static str, summary: &'static str, status: &'static str, fields: Fields) -> Method {
    Method { path, summary, is_form: true, status, fields: [Some(fields), Some(fields)] }
}

/// A method that no credential needs: it tells so.
const fn refused(path: &'static str, fields: [Option<Fields>; 2]) -> Method {
    let summary = "No code is sent: answers 400. The second factor is made by the signer's own device.";
    Method { path, summary, is_form: false, status: "400", fields }
}

const fn not_offered(path: &'static str) -> Method {
    let summary = "Not offered: answers 501.";
    Method { path, summary, is_form: false, status: "501", fields: [Some(("", "")), Some(("", ""))] }
}

const METHODS: &[Method] = &[
    json(
        "info",
        "What this service offers, to anybody.",
        Some(("lang", "specs! name! logo! region! lang! description! authType:texts! oauth2! methods:texts!")),
        Some((
            "lang",
            "specs! name! logo! region! lang! description! authType:texts! oauth2! methods:texts! \
             asynchronousOperationMode:boolean! validationInfo:boolean! signAlgorithms:object! signature_formats:object! \
             conformance_levels:texts!",
        )),
    ),
    form(
        "oauth2/token",
        "Exchanges a code or a refresh token for tokens or activation data, or gives a system a token of its own.",
        "200",
        (
            "grant_type! code redirect_uri code_verifier refresh_token scope client_id client_secret",
            "access_token! token_type! expires_in:integer! refresh_token scope!",
        ),
    ),
    form(
        "oauth2/revoke",
        "Ends a token, or activation data, of the application that calls.",
        "204",
        ("token! client_id client_secret", ""),
    ),
    json(
        "credentials/list",
        "The caller's credentials.",
        Some(("maxResults:integer pageToken onlyValid:boolean", "credentialIDs:texts! nextPageToken")),
        Some((
            "maxResults:integer pageToken onlyValid:boolean credentialInfo:boolean certificates certInfo:boolean authInfo:boolean",
            "credentialIDs:texts! credentialInfos:objects nextPageToken",
        )),
    ),
    json(
        "credentials/info",
        "One credential of the caller: key, certificate, how signatures are authorized.",
        Some((
            "credentialID! certificates certInfo:boolean authInfo:boolean",
            "description! key:object! cert:object! authMode! PIN:object OTP:object SCAL! multisign:integer! lang!",
        )),
        Some((
            "credentialID! certificates certInfo:boolean authInfo:boolean",
            "description! key:object! cert:object! auth:object! SCAL! multisign:integer! lang!",
        )),
    ),
    json(
        "credentials/authorize",
        "Activation data for exactly these hashes, by PIN.",
        Some(("credentialID! numSignatures:integer! hash:texts! hashAlgo PIN!", "SAD! expiresIn:integer!")),
        Some((
            "credentialID! numSignatures:integer! hashes:texts documentDigests:objects hashAlgorithmOID authData:objects! description",
            "SAD! expiresIn:integer!",
        )),
    ),
    json(
        "credentials/authorizeCheck",
        "What became of an authorization that the signer approves on another device.",
        None,
        Some(("handle!", "SAD! expiresIn:integer!")),
    ),
    refused("credentials/sendOTP", [Some(("credentialID!", "")), Some(("credentialID!", ""))]),
    refused("credentials/getChallenge", [None, Some(("credentialID! authObjectID!", ""))]),
    not_offered("credentials/extendTransaction"),
    json(
        "signatures/signHash",
        "Signs hashes that the activation data allows, each once.",
        Some(("credentialID! SAD! hash:texts! hashAlgo signAlgo! signAlgoParams", "signatures:texts!")),
        Some((
            "credentialID! SAD! hashes:texts! hashAlgorithmOID signAlgo! signAlgoParams operationMode",
            "signatures:texts!",
        )),
    ),
    json(
        "signatures/signDoc",
        "Signature objects over documents or their hashes.",
        None,
        Some((
            "credentialID! SAD! documents:objects documentDigests:objects operationMode returnValidationInfo:boolean",
            "DocumentWithSignature:texts SignatureObject:texts",
        )),
    ),
    json(
        "signatures/timestamp",
        "A timestamp of the service's own authority.",
        Some(("hash! hashAlgo! nonce", "timestamp!")),
        Some(("hash! hashAlgo! nonce", "timestamp!")),
    ),
];

/// The parameters of the page of consent (RFC 6749 §4.1.1, RFC 7636 §4.3, CSC API §8.3).
const AUTHORIZATION: &str = "response_type! client_id! redirect_uri! scope state code_challenge! code_challenge_method! credentialID \
                             numSignatures:integer hash hashes hashAlgorithmOID description";

fn operation(version: &str, method: &Method, (asked, given): Fields) -> Operation {
    let mut success = ResponseBuilder::new().description("Success");
    if method.status == "501" {
        success = success.description("Not offered").content("application/json", content(ERROR));
    } else if !given.is_empty() {
        success = success.content("application/json", content(given));
    }
    let refused = ResponseBuilder::new().description("Refused").content("application/json", content(ERROR));
    let id = format!("csc_{version}_{}", method.path.replace('/', "_"));
    let operation = OperationBuilder::new().operation_id(Some(id)).summary(Some(method.summary));
    let mut operation = operation.request_body((!asked.is_empty()).then(|| body(method, asked)));
    if version == "v2" && matches!(method.path, "credentials/authorize" | "credentials/authorizeCheck") {
        let waits =
            ResponseBuilder::new().description("The signer is asked on another device: ask again with the handle");
        operation = operation.response("202", waits.content("application/json", content(WAITS)).build());
    }
    match method.status {
        "400" => operation.response("4XX", refused.build()).build(),
        status => operation.response(status, success.build()).response("4XX", refused.build()).build(),
    }
}

fn authorization(version: &str) -> Operation {
    let summary = "The page of consent, for a browser; leads back with code, state and iss, or with error.";
    let id = format!("csc_{version}_oauth2_authorize");
    let operation = OperationBuilder::new().operation_id(Some(id)).summary(Some(summary));
    let operation = read(AUTHORIZATION).fold(operation, |operation, (name, kind, required)| {
        let required = if required { Required::True } else { Required::False };
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).required(required);
        operation.parameter(parameter.schema(Some(schema(kind))).build())
    });
    let page = ResponseBuilder::new().description("The page").build();
    let back = ResponseBuilder::new().description("To the log-in, or back to the application with an error").build();
    let refused =
        ResponseBuilder::new().description("Refused where nothing can be led back: a page, or a problem").build();
    operation.response("200", page).response("303", back).response("4XX", refused).build()
}

fn body(method: &Method, asked: &str) -> RequestBody {
    let kind = if method.is_form { "application/x-www-form-urlencoded" } else { "application/json" };
    RequestBodyBuilder::new().content(kind, content(asked)).required(Some(Required::True)).build()
}

fn content(fields: &str) -> Content {
    let object = read(fields).fold(ObjectBuilder::new(), |object, (name, kind, required)| {
        let object = object.property(name, schema(kind));
        if required { object.required(name) } else { object }
    });
    ContentBuilder::new().schema(Some(object)).build()
}

fn read(fields: &str) -> impl Iterator<Item = (&str, &str, bool)> {
    fields.split_whitespace().map(|field| {
        let (field, required) = field.strip_suffix('!').map_or((field, false), |field| (field, true));
        let (name, kind) = field.split_once(':').unwrap_or((field, "text"));
        (name, kind, required)
    })
}

fn schema(kind: &str) -> RefOr<Schema> {
    let of = |kind: Type| ObjectBuilder::new().schema_type(kind);
    match kind {
        "integer" => of(Type::Integer).into(),
        "boolean" => of(Type::Boolean).into(),
        "object" => of(Type::Object).into(),
        "objects" => ArrayBuilder::new().items(of(Type::Object)).into(),
        "texts" => ArrayBuilder::new().items(of(Type::String)).into(),
        _ => of(Type::String).into(),
    }
}

/// `number` and what follows it in the answer of `authorize` alone.
const WAITS: &str = "handle! expiresIn:integer number approvalURI";
const ERROR: &str = "error! error_description!";
