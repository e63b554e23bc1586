//! Verifying foreign XML signatures over an e-invoice of 50 kB, beside python-xmlsec and signxml: the whole verdict on bytes in memory.

use super::pdf_verify::trust;
use super::{Context, raw};
use crate::harness::{Goal, Local, Row, Unit};
use crate::peer::PeerTask;
use chuky_model::report::Indication;
use chuky_pki::verify::verify_document;
use std::hint::black_box;

pub fn plain(context: &mut Context) -> Result<Row, String> {
    row(context, "50kb.dsig.xml", "verify-xmlsec", 3.0)
}

pub fn qualified(context: &mut Context) -> Result<Row, String> {
    row(context, "50kb.xades.xml", "verify-signxml", 10.0)
}

fn row(context: &mut Context, file: &'static str, task: &'static str, goal: f64) -> Result<Row, String> {
    let bytes = context.fixtures.read(file)?;
    let limit = raw::sha256(bytes.clone());
    let trust = trust(context)?;
    let report = verify_document(&bytes, file, &trust);
    if report.indication != Indication::TotalPassed {
        return Err(format!(
            "{file} is a genuine file, and the verdict is {:?}: {}",
            report.indication, report.message.en
        ));
    }
    let ours = Local::new("pki::verify", move || {
        let report = verify_document(black_box(&bytes), file, &trust);
        assert!(black_box(report).indication == Indication::TotalPassed, "a genuine file is valid");
    });
    let peer = PeerTask::new(&context.peer()?, task, file);
    Ok(Row {
        unit: Unit::CpuMilliseconds,
        ours,
        limit: Some(limit),
        peer: Some(peer),
        goals: vec![Goal::PeerRatioAtLeast(goal)],
    })
}
