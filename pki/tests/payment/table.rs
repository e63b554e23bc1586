//! The table of reasons in the documents is the one in the code.

use chuky_model::payment::PaymentVerdict;
use chuky_pki::payment::{CHECKS, Reason};

#[test]
fn the_documents_list_every_reason_with_both_sentences() {
    let text = include_str!("../../../docs/payments.md");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    for (at, reason) in Reason::ALL.iter().enumerate() {
        let verdict = match reason.verdict() {
            PaymentVerdict::Rejected => "rejected",
            PaymentVerdict::Indeterminate => "indeterminate",
            PaymentVerdict::Accepted => "accepted",
        };
        let sentence = reason.sentence();
        let row =
            format!("| `{}` | {} | {verdict} | {} | {} |", reason.code(), reason.check(), sentence.vi, sentence.en);
        assert!(rows.contains(&row.as_str()), "row {at} is missing or differs:\n{row}");
    }
    let documented =
        rows.iter().filter(|row| row.contains("| rejected |") || row.contains("| indeterminate |")).count();
    assert_eq!(documented, Reason::ALL.len(), "a reason is documented that does not exist");
    for check in CHECKS {
        assert!(text.contains(&format!("`{check}`")) || rows.iter().any(|row| row.contains(check)), "{check}");
    }
}
