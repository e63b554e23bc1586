//! Verifying a foreign container, signed by libdigidocpp, beside libdigidocpp: the whole verdict on bytes in memory, with one anchor.

use super::{Context, pdf_verify, raw};
use crate::harness::{Goal, Local, Row, Unit};
use crate::peer::{Peer, PeerTask};
use chuky_model::report::Indication;
use chuky_pki::verify::verify_document;
use std::hint::black_box;

const FILE: &str = "50kb.asice";

/// ASiC-E with XAdES over a PDF of 50 kB.
pub fn extended(context: &mut Context) -> Result<Row, String> {
    let bytes = context.fixtures.read(FILE)?;
    let limit = raw::sha256(bytes.clone());
    let trust = pdf_verify::trust(context)?;
    let report = verify_document(&bytes, FILE, &trust);
    if report.indication != Indication::TotalPassed {
        return Err(format!(
            "{FILE} is a genuine file, and the verdict is {:?}: {}",
            report.indication, report.message.en
        ));
    }
    let ours = Local::new("pki::verify", move || {
        let report = verify_document(black_box(&bytes), FILE, &trust);
        assert!(black_box(report).indication == Indication::TotalPassed, "a genuine file is valid");
    });
    let peer = PeerTask::new(&Peer::start(&context.fixtures, &[])?, "verify-asice", FILE);
    let goals = vec![Goal::PeerRatioAtLeast(15.0)];
    Ok(Row { unit: Unit::CpuMilliseconds, ours, limit: Some(limit), peer: Some(peer), goals })
}
