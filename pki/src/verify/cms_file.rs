//! The verdict on a bare CMS file (CAdES, EN 319 122-1), with its content inside or beside it, in DER, BER or an armour of text,
//! and on a timestamp that stands alone (RFC 3161). A detached signature is judged once its content is at hand; until then the
//! report says so.

mod armour;

use super::cades::{Content, Judge};
use super::line;
use super::store::Gathering;
use super::trust::{self, Proof};
use super::xml_coverage::COVERAGE;
use super::{VerificationContext, conclusion, empty_report, other_readers, sentences};
use crate::cms::{SignedData, ber};
use crate::timestamp::{self, TimestampToken};
use crate::{crypto, oid};
use chuky_model::report::{Check, DocumentFormat, Indication, Integrity, Report, SubIndication};

use armour::Taken;
pub(super) use armour::is_armoured;

/// Judges a CMS file. `content` is the detached content, where the caller has it.
pub(super) fn verify(bytes: &[u8], content: Option<&[u8]>, context: &VerificationContext) -> Report {
    let mut report = empty_report(DocumentFormat::CAdES);
    report.sha256 = Some(hex::encode(crypto::sha256(bytes)));
    let taken = match armour::take_off(bytes) {
        Ok(taken) => taken,
        Err(error) => {
            conclusion::unread(&mut report, &error);
            return report;
        }
    };
    let beside = beside(bytes, &taken);
    let mut report = judge(report, &taken, content, context);
    if report.integrity != Integrity::Broken && !beside.is_empty() {
        report.checks.extend(beside);
        conclusion::conclude(&mut report, Integrity::Altered);
    }
    report
}

/// The checks that fail where the file shows something beside what is signed.
fn beside(bytes: &[u8], taken: &Taken<'_>) -> Vec<Check> {
    let mut signed = ber::octets_at(bytes, &E_CONTENT);
    // Of a message with its content in clear, where it is kept with the line ends that are signed.
    let clear =
        taken.content.as_deref().and_then(|content| Some((memchr::memmem::find(bytes, content)?, content.len())));
    signed.extend(clear.map(|(start, length)| start..start + length));
    let text = taken
        .has_other_text
        .then(|| Check::failed(COVERAGE, "text beside the signature's block that no signature covers"));
    text.into_iter().chain(other_readers::as_pdf(bytes, &signed)).collect()
}

fn judge(mut report: Report, taken: &Taken<'_>, content: Option<&[u8]>, context: &VerificationContext) -> Report {
    let cms = &taken.cms;
    let content = taken.content.as_deref().or(content);
    // A response of a timestamp authority holds its token (RFC 3161 §2.4.2).
    let granted = timestamp::granted(cms).ok();
    let data = match SignedData::parse(granted.as_deref().unwrap_or(cms)) {
        Ok(data) => data,
        Err(error) => {
            conclusion::unread(&mut report, &error);
            return report;
        }
    };
    report.checks.push(Check::passed("reading"));
    if data.content_type == oid::TST_INFO {
        return lone_timestamp(data, content, context, report);
    }
    let attached = data.content.is_some();
    if attached && content.is_some_and(|content| data.content.as_deref() != Some(content)) {
        // Whoever names a content wants to know about that one.
        report.checks.push(Check::failed("content", "the signature carries a content that is not the one given"));
        conclusion::conclude(&mut report, Integrity::Broken);
        report.sub_indication = Some(SubIndication::HashFailure);
        return report;
    }
    let mut gathering = Gathering::new(context);
    gathering.add_signed_data(&data);
    let material = gathering.read(context);
    let lines = Judge {
        data: &data,
        content: &Content::new(data.content.as_deref().or(content)),
        material: &material,
        context,
        outer: Proof { time: context.at, proven: false },
        whole: Some(granted.as_deref().unwrap_or(cms)),
        prefix: "",
        covers: if attached { "whole_file" } else { "the content given" },
        before: &[],
        between: &[],
    }
    .signers();
    report.signatures = lines.signatures;
    report.timestamps = lines.timestamps;
    report.checks.extend(lines.undone);
    conclusion::of_lines(&mut report);
    if report.integrity == Integrity::Intact && report.checks.iter().any(|check| check.name == "signatures") {
        conclusion::conclude(&mut report, Integrity::Unknown);
    }
    report
}

/// EN 319 102-1 §5.4: the timestamp is what is judged.
fn lone_timestamp(
    data: SignedData,
    content: Option<&[u8]>,
    context: &VerificationContext,
    mut report: Report,
) -> Report {
    let mut gathering = Gathering::new(context);
    gathering.add_signed_data(&data);
    let material = gathering.read(context);
    let token = match TimestampToken::from_signed_data(data) {
        Ok(token) => token,
        Err(error) => {
            conclusion::unread(&mut report, &error);
            return report;
        }
    };
    let content = Content::new(content);
    let findings = token.check(&material.certificates, &mut |algorithm| content.digest(algorithm));
    let (integrity, sub) = match line::integrity(&findings) {
        // The imprint, and nothing else, is what could not be compared.
        (Integrity::Unknown, _) if content.is_missing() => {
            (Integrity::Unknown, Some(SubIndication::SignedDataNotFound))
        }
        other => other,
    };
    let proof = Proof { time: context.at, proven: false };
    let (_, mut line) = trust::timestamp_report(&token, findings, proof, &material, context);
    line.checks.insert(0, trust::kind_of_timestamp("timestamp token"));
    let (trusted, open) = (line.indication, line.sub_indication);
    report.timestamps.push(line);
    conclusion::conclude(&mut report, integrity);
    report.sub_indication = match integrity {
        Integrity::Intact if trusted == Indication::TotalPassed => None,
        Integrity::Intact => open.or(Some(SubIndication::NoPoe)),
        _ => sub,
    };
    if integrity == Integrity::Unknown && sub == Some(SubIndication::SignedDataNotFound) {
        (report.message, report.next_step) = sentences::content_missing();
    }
    report
}

/// `eContent` in a ContentInfo (RFC 5652 §3, §5.1, §5.2): [0], SignedData, encapContentInfo, [0], OCTET STRING.
const E_CONTENT: [usize; 5] = [1, 0, 2, 1, 0];
