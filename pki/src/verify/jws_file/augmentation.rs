//! Augmentation of JAdES signatures (TS 119 182-1 §5.3): components behind those of `etsiU`. Header, payload and value are texts that stay as they
//! are; a compact signature becomes flattened JSON, for only there is an unprotected header.

use super::signature::Payload;
use super::{archived, as_error};
use crate::creation::jades::{encoded_component, tokens, validation_data};
use crate::error::{Error, Result};
use crate::jose::document::{Document, DocumentSignature};
use crate::jose::jades::SignatureHeader;
use crate::jose::unsigned::{self, Component};
use crate::verify::augmentation::{Addition, Over, digest, missing, only};
use serde_json::{Map, Value, json};

/// The signatures, as the report names them.
pub(in crate::verify) fn signatures(bytes: &[u8]) -> Result<Vec<String>> {
    Ok(names(&Document::parse(bytes).map_err(|error| as_error(&error))?))
}

/// What a timestamp is over; `content` is the detached payload.
pub(in crate::verify) fn imprint(bytes: &[u8], content: Option<&[u8]>, signature: &str, over: Over) -> Result<Vec<u8>> {
    let document = Document::parse(bytes).map_err(|error| as_error(&error))?;
    let signature = find(&document, signature)?;
    if over == Over::Signature {
        return Ok(digest(signature.text.as_bytes()));
    }
    let header =
        SignatureHeader::parse(&signature.protected, &signature.unprotected).map_err(|error| as_error(&error))?;
    let payload = Payload::find(&header, document.payload.as_deref(), content);
    let covered = archived(&payload, signature, &components(signature)?);
    let missing = || Error::Unsupported("archive timestamp over content that is not at hand".into());
    Ok(digest(&covered.ok_or_else(missing)?))
}

/// The document with them.
pub(in crate::verify) fn add(bytes: &[u8], additions: &[(String, Addition)]) -> Result<Vec<u8>> {
    let document = Document::parse(bytes).map_err(|error| as_error(&error))?;
    let mut members = members(bytes, &document)?;
    for (name, addition) in additions {
        let at = only(&names(&document), name)?;
        let signature = find(&document, name)?;
        let present = components(signature)?;
        let of_signature = match members.get_mut("signatures").and_then(Value::as_array_mut) {
            Some(several) => several.get_mut(at).and_then(Value::as_object_mut).ok_or(WHAT)?,
            None => &mut members,
        };
        let header = of_signature.entry("header").or_insert_with(|| json!({})).as_object_mut().ok_or(WHAT)?;
        let list = header.entry("etsiU").or_insert_with(|| json!([])).as_array_mut().ok_or(WHAT)?;
        // §5.3.1: all components are in one form.
        let is_clear = list.first().is_some_and(Value::is_object);
        for (name, value) in values(addition, &present, is_clear) {
            list.push(if is_clear { json!({ name: value }) } else { encoded_component(name, value)?.into() });
        }
    }
    Ok(Value::Object(members).to_string().into_bytes())
}

fn values(addition: &Addition, present: &[Component], is_clear: bool) -> Vec<(&'static str, Value)> {
    match addition {
        Addition::Timestamp { over: Over::Signature, token } => vec![("sigTst", tokens(token))],
        Addition::Timestamp { over: Over::Archive, token } => {
            let mut container = tokens(token);
            // §5.4.3.3: components in the clear are covered in a canonical form, which is named.
            if let Some(members) = container.as_object_mut().filter(|_| is_clear) {
                members.insert("canonAlg".into(), unsigned::CANONICAL.into());
            }
            vec![("arcTst", container)]
        }
        Addition::ValidationData(data) => {
            let (mut certificates, mut lists, mut answers) = (Vec::new(), Vec::new(), Vec::new());
            for component in present {
                let values = component.values();
                certificates.extend(values.certificates);
                lists.extend(values.crls);
                answers.extend(values.responses);
            }
            let stands = present.iter().any(|one| matches!(one.name.as_str(), "xVals" | "rVals"));
            validation_data(&missing(data, &certificates, &lists, &answers), stands)
        }
    }
}

/// The members of the JSON serialisation; a compact signature gets those of the flattened one (RFC 7515 §7.2.2).
fn members(bytes: &[u8], document: &Document<'_>) -> Result<Map<String, Value>> {
    let body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    if body.first() == Some(&b'{') {
        // It was read strictly already: no member stands twice.
        return serde_json::from_slice(body).map_err(|_| WHAT);
    }
    let Some(Ok(signature)) = document.signatures.first() else { return Err(WHAT) };
    let mut members = Map::new();
    if let Some(payload) = &document.payload {
        let text = std::str::from_utf8(payload).map_err(|_| WHAT)?;
        members.insert("payload".into(), text.into());
    }
    members.insert("protected".into(), signature.protected.as_ref().into());
    members.insert("signature".into(), signature.text.as_ref().into());
    Ok(members)
}

fn names(document: &Document<'_>) -> Vec<String> {
    (1..=document.signatures.len()).map(|at| format!("signature {at}")).collect()
}

fn find<'d, 'a>(document: &'d Document<'a>, name: &str) -> Result<&'d DocumentSignature<'a>> {
    let at = only(&names(document), name)?;
    let found = document.signatures.get(at).ok_or(WHAT)?;
    found.as_ref().map_err(as_error)
}

/// All of them: behind one that cannot be read, nothing is added.
fn components(signature: &DocumentSignature<'_>) -> Result<Vec<Component>> {
    match unsigned::components(&signature.unprotected) {
        (components, None) => Ok(components),
        (_, Some(reason)) => Err(Error::Unsupported(format!("unsigned components: {reason}"))),
    }
}

const WHAT: Error = Error::Malformed("JSON signature");
