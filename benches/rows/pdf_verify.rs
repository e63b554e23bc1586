//! Verifying foreign PDF files, signed by pyHanko, beside pyHanko: the whole verdict on bytes in memory, with one anchor.

use super::{Context, raw};
use crate::harness::{Goal, Local, Row, Unit};
use crate::peer::PeerTask;
use crate::signing::now;
use chuky_model::report::Indication;
use chuky_pki::certificate::Certificate;
use chuky_pki::crypto::forget_proven_signatures;
use chuky_pki::verify::{VerificationContext, verify_document};
use std::hint::black_box;

/// A row's file, the peer's task and the goals.
struct Case {
    file: &'static str,
    task: &'static str,
    goals: &'static [Goal],
}

pub fn small(context: &mut Context) -> Result<Row, String> {
    row(context, &Case { file: "50kb.b.pdf", task: "verify", goals: &[Goal::PeerRatioAtLeast(15.0)] })
}

pub fn medium(context: &mut Context) -> Result<Row, String> {
    row(context, &Case { file: "1mb.b.pdf", task: "verify", goals: &[Goal::PeerRatioAtLeast(8.0)] })
}

pub fn large(context: &mut Context) -> Result<Row, String> {
    // pyHanko's time at most 0.7 of it, SHA-256's at most 1.5 times.
    let goals = &[Goal::PeerRatioAtLeast(1.0 / 0.7), Goal::RatioAtMost(1.5)];
    row(context, &Case { file: "20mb.b.pdf", task: "verify", goals })
}

/// A first meeting: nothing about the authorities is remembered.
pub fn first_meeting(context: &mut Context) -> Result<Row, String> {
    let mut row = small(context)?;
    let (bytes, trust) = (context.fixtures.read("50kb.b.pdf")?, trust(context)?);
    row.ours = Local::new("pki::verify, forgetful", move || {
        forget_proven_signatures();
        black_box(verify_document(black_box(&bytes), "50kb.b.pdf", &trust));
    });
    row.goals = Vec::new();
    Ok(row)
}

pub fn long_term_small(context: &mut Context) -> Result<Row, String> {
    row(context, &Case { file: "50kb.lt.pdf", task: "verify-lt", goals: &[Goal::PeerRatioAtLeast(25.0)] })
}

pub fn long_term_medium(context: &mut Context) -> Result<Row, String> {
    row(context, &Case { file: "1mb.lt.pdf", task: "verify-lt", goals: &[Goal::PeerRatioAtLeast(20.0)] })
}

pub fn long_term_large(context: &mut Context) -> Result<Row, String> {
    row(context, &Case { file: "20mb.lt.pdf", task: "verify-lt", goals: &[Goal::PeerRatioAtLeast(6.0)] })
}

pub fn many_signatures(context: &mut Context) -> Result<Row, String> {
    row(context, &Case { file: "many.b.pdf", task: "verify", goals: &[Goal::PeerRatioAtLeast(40.0)] })
}

fn row(context: &mut Context, case: &Case) -> Result<Row, String> {
    let bytes = context.fixtures.read(case.file)?;
    let limit = raw::sha256(bytes.clone());
    let trust = trust(context)?;
    let report = verify_document(&bytes, case.file, &trust);
    if report.indication != Indication::TotalPassed {
        return Err(format!(
            "{} is a genuine file, and the verdict is {:?}: {}",
            case.file, report.indication, report.message.en
        ));
    }
    let name = case.file;
    let ours = Local::new("pki::verify", move || {
        let report = verify_document(black_box(&bytes), name, &trust);
        assert!(black_box(report).indication == Indication::TotalPassed, "a genuine file is valid");
    });
    let peer = PeerTask::new(&context.peer()?, case.task, case.file);
    Ok(Row { unit: Unit::CpuMilliseconds, ours, limit: Some(limit), peer: Some(peer), goals: case.goals.to_vec() })
}

/// The hierarchy's root as anchor, with its CRLs, so that every check can be made without network.
pub fn trust(context: &Context) -> Result<VerificationContext, String> {
    let certificate =
        |name: &str| Certificate::from_der(&context.fixtures.certificate(name)?).map_err(|error| error.to_string());
    let mut trust = VerificationContext::at(now());
    trust.anchors.push(certificate("root")?);
    trust.intermediates.push(certificate("issuing")?);
    trust.crls = vec![context.fixtures.read("root.crl")?, context.fixtures.read("issuing.crl")?];
    Ok(trust)
}
