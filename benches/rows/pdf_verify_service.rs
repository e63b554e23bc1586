//! Verdicts on PDF files through the whole service, over HTTP on loopback, each in a reader worker without network and file system, with the
//! client on the same cores; beside the same verdict in process, one after the other on one core.

use super::{
    Context,
    payment_service::{Supply, over_http},
    pdf_verify,
};
use crate::{
    harness::{Goal, Local, Row, Unit},
    service::{Client, Kind, Service, post},
};
use chuky_model::role::Role;
use chuky_pki::verify::verify_document;
use std::hint::black_box;

/// Callers at a time: more than there are readers.
const CALLERS: usize = 8;

/// The goal is of the service: so many typical files a second on two cores, isolation included.
pub fn small(context: &mut Context) -> Result<Row, String> {
    let bytes = context.fixtures.read("50kb.b.pdf")?;
    let trust = pdf_verify::trust(context)?;
    let runtime = context.runtime()?;
    let service = Service::start(&runtime, Kind::Sqlite)?;
    let key = service.key(&runtime, Role::RelyingParty)?;
    let requests = vec![post("/api/v1/documents/verify", &key, &bytes)];
    let client = Client::new(&runtime, service.address, CALLERS)?.accepting(intact);
    let ours = over_http("service, 8 callers", &runtime, client, Supply::again(requests));
    let limit = Local::new("pki::verify, one core", move || {
        black_box(verify_document(black_box(&bytes), "50kb.b.pdf", &trust));
    });
    std::mem::forget(service);
    Ok(Row { unit: Unit::PerSecond, ours, limit: Some(limit), peer: None, goals: vec![Goal::ValueAtLeast(300.0)] })
}

/// The signer's authority is none of the service's, so the verdict rests on the signature alone.
fn intact(answer: &[u8]) -> Result<(), String> {
    let report: serde_json::Value = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    match report["integrity"].as_str() {
        Some("intact") => Ok(()),
        _ => Err(format!("the verdict is {}", String::from_utf8_lossy(answer))),
    }
}
