//! `/payroll`: a company's file of payments, or one payment that is typed, shown as what would be signed, corrected in place, and signed with
//! one PIN.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | file | `/payroll/check` | `csrf`, `credential`, `file` |
//! | one payment, typed; correction | `/payroll/check-again` | `csrf`, `credential`, `rows` (JSON), and for each wrong row `id-N`, `payee-N`, `amount-N`, `reference-N` |
//! | [`PayrollForm`] | `/payroll/sign` | what was shown, `pin` |
//! | [`PayrollForm`] | `/payroll/result` | what was signed, `kind` |

use super::{
    Frame, Problems,
    form::Secret,
    rendered,
    rows::Row,
    sign::{CredentialChoice, TakesFactor},
    texts,
};
use crate::transactions::payroll::{COLUMNS, PayrollRow, PayrollView, SignedPayroll};
use askama::Template;
use serde::Deserialize;

/// Wrong rows that are shown at a time; further ones follow when these are right.
pub const WRONG_SHOWN: usize = 50;

/// What is posted to sign a payroll, and to fetch what was signed.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct PayrollForm {
    pub csrf: String,
    pub credential: String,
    pub sha256: String,
    /// The orders as JSON.
    pub orders: String,
    pub pin: Secret,
    /// The code of the authenticator app, or nothing.
    pub totp: Secret,
    /// A passkey's answer as JSON, or nothing.
    pub assertion: String,
    /// `ndjson` or `xlsx`.
    pub kind: String,
}

/// One row that has something wrong.
#[derive(Clone, Debug)]
pub struct WrongRow {
    pub row: u32,
    pub cells: Vec<WrongCell>,
}

/// One field of such a row.
#[derive(Clone, Debug)]
pub struct WrongCell {
    /// `id-7`.
    pub name: String,
    pub label: String,
    pub value: String,
    pub problem: Option<String>,
}

/// One order, as it is shown before it is signed.
#[derive(Clone, Debug)]
pub struct OrderLine {
    pub id: String,
    pub payee: String,
    pub amount: String,
    pub reference: String,
}

/// A payroll that has been read.
#[derive(Clone, Debug)]
pub struct PayrollCard {
    pub summary: Vec<Row>,
    pub orders: Vec<OrderLine>,
    pub wrong: Vec<WrongRow>,
    /// What is wrong with all of it.
    pub whole: Vec<String>,
    /// How many rows are wrong.
    pub count_wrong: usize,
    /// The rows as JSON, carried along while they are corrected.
    pub rows: String,
    /// The orders as JSON, and their digest.
    pub ready: Option<(String, String)>,
}

impl PayrollCard {
    /// What was read, for the eye: rows that are wrong first.
    pub fn of(frame: &Frame, rows: &[PayrollRow], view: &PayrollView) -> Self {
        let mut wrong: Vec<WrongRow> = Vec::new();
        let mut whole = Vec::new();
        for problem in &view.problems {
            let Some(row) = rows.iter().find(|row| row.row == problem.row).filter(|_| problem.field != "expires")
            else {
                whole.push(frame.of(&problem.message).to_owned());
                continue;
            };
            let values = [&row.id, &row.payee, &row.amount, &row.reference];
            let cells = COLUMNS.into_iter().zip(values).map(|((name, _), value)| WrongCell {
                name: format!("{name}-{}", row.row),
                label: frame.name_of("payroll-column", name),
                value: value.chars().filter(|letter| !letter.is_control()).collect(),
                problem: (problem.field == name).then(|| frame.of(&problem.message).to_owned()),
            });
            wrong.push(WrongRow { row: row.row, cells: cells.collect() });
        }
        let count_wrong = wrong.len();
        wrong.truncate(WRONG_SHOWN);
        let orders = view.orders.iter().map(|order| OrderLine {
            id: order.id.clone(),
            payee: order.payee.clone(),
            amount: texts::grouped(order.amount),
            reference: order.reference.clone().unwrap_or_default(),
        });
        let mut summary = summary(frame, view.count, &view.totals);
        if let Some(order) = view.orders.first() {
            summary.push(Row::new(frame, "payroll-expires", &texts::screen_time(&order.expires)));
        }
        if let Some(sha256) = &view.sha256 {
            summary.push(Row::new(frame, "payroll-digest", sha256));
        }
        let json = serde_json::to_string(&view.orders).unwrap_or_default();
        Self {
            summary,
            orders: orders.collect(),
            wrong,
            whole,
            count_wrong,
            rows: serde_json::to_string(rows).unwrap_or_default(),
            ready: view.sha256.clone().map(|sha256| (json, sha256)),
        }
    }
}

fn summary(frame: &Frame, count: usize, totals: &std::collections::BTreeMap<String, u64>) -> Vec<Row> {
    let mut rows = vec![Row::new(frame, "payroll-count", &texts::grouped(count as u64))];
    for (currency, total) in totals {
        rows.push(Row::new(frame, "payroll-total", &format!("{} {currency}", texts::grouped(*total))));
    }
    rows
}

/// The page in each of its states: to choose a file, to correct or sign, signed.
#[derive(Clone, Template)]
#[template(path = "payroll.html")]
pub struct PayrollPage {
    pub frame: Frame,
    pub credentials: Vec<CredentialChoice>,
    /// Who pays.
    pub credential: String,
    pub card: Option<PayrollCard>,
    /// What was signed: its summary and its digest.
    pub signed: Option<(Vec<Row>, String)>,
    pub problems: Problems,
}

impl PayrollPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["credential", "file", "pin", "totp"]), ..self.clone() })
    }

    /// The summary of what was signed.
    pub fn signed_summary(frame: &Frame, signed: &SignedPayroll) -> (Vec<Row>, String) {
        let mut rows = summary(frame, signed.count, &signed.totals);
        rows.push(Row::new(frame, "payroll-digest", &signed.sha256));
        (rows, signed.sha256.clone())
    }

    /// One row that is still empty: a payment that is typed goes the road of a file with one row.
    #[allow(clippy::unused_self)] // the template calls methods
    fn single_row(&self) -> String {
        serde_json::to_string(&[PayrollRow { row: 1, ..PayrollRow::default() }]).unwrap_or_default()
    }

    fn wrong_text(&self, card: &PayrollCard) -> String {
        self.frame.fill("payroll-wrong", &[("count", &texts::grouped(card.count_wrong as u64))])
    }
}
