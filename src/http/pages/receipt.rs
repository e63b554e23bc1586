//! `/receipts`: a receipt of a payment, pasted or chosen, checked and put into words.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`ReceiptForm`] | `/receipts` | the receipt, and the payment that it should be about |

use super::{Frame, Problems, rendered, rows::Row, texts};
use askama::Template;
use chuky_model::{payment::PaymentVerdict, report::Outcome};
use chuky_pki::payment::receipt::{CheckedReceipt, Standing};
use serde::Deserialize;

/// What is posted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReceiptForm {
    pub receipt: String,
    pub message: String,
}

/// The page.
#[derive(Clone, Template)]
#[template(path = "receipt.html")]
pub struct ReceiptPage {
    pub frame: Frame,
    pub form: ReceiptForm,
    pub checked: Option<CheckedReceipt>,
    /// Of the field `receipt`.
    pub problems: Problems,
}

impl ReceiptPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["receipt"]), ..self.clone() })
    }

    fn mark(&self, checked: &CheckedReceipt) -> &'static str {
        match checked.standing {
            Standing::Valid => "valid",
            Standing::NotValid => "not-valid",
            Standing::Undetermined => "undetermined",
        }
    }

    /// What the receipt states, only where it may be believed.
    fn rows(&self, checked: &CheckedReceipt) -> Vec<Row> {
        let frame = &self.frame;
        let Some(receipt) = checked.receipt.as_ref().filter(|_| checked.standing == Standing::Valid) else {
            return Vec::new();
        };
        let verdict = match receipt.verdict {
            PaymentVerdict::Accepted => frame.say("receipts-accepted"),
            PaymentVerdict::Rejected => frame.say("receipts-rejected"),
            PaymentVerdict::Indeterminate => frame.say("receipts-indeterminate"),
        };
        let mut rows = vec![Row::new(frame, "receipts-verdict", &verdict)];
        if !receipt.reasons.is_empty() {
            rows.push(Row::new(frame, "receipts-reasons", &receipt.reasons.join(", ")));
        }
        if let Some(id) = &receipt.id {
            rows.push(Row::new(frame, "receipts-order", id));
        }
        rows.push(Row::new(frame, "receipts-judged", &texts::screen_time(&receipt.judged)));
        rows.push(Row::new(frame, "receipts-issuer", &receipt.issuer));
        rows.push(Row::new(frame, "receipts-message", &receipt.message_sha256));
        let beside = &receipt.beside;
        for (text, stated) in [
            ("receipts-content", &beside.content_sha256),
            ("receipts-layout", &beside.layout),
            ("receipts-certificate", &beside.certificate_sha256),
            ("receipts-certificate-serial", &beside.certificate_serial),
        ] {
            rows.extend(stated.as_ref().map(|stated| Row::new(frame, text, stated)));
        }
        if let Some(size) = checked.tree_size.filter(|size| *size > 1) {
            rows.push(Row::new(frame, "receipts-tree", &texts::grouped(size)));
        }
        rows
    }

    /// What failed or was not done, one line each.
    fn open(&self, checked: &CheckedReceipt) -> Vec<String> {
        let open = checked.checks.iter().filter(|check| check.outcome != Outcome::Passed);
        open.map(|check| self.frame.name_of("receipts-check", &check.name)).collect()
    }
}
