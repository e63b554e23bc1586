//! The page of payrolls in each of its states. Test code only.

use super::{
    Problems,
    gallery::{LONG_NAME, Screen, at, frame, refused},
    payroll::{PayrollCard, PayrollPage},
    sign::CredentialChoice,
};
use crate::{
    custody::Demand,
    transactions::payroll::{PayrollRow, PayrollView, RowProblem, SignedPayroll},
};
use chuky_model::{
    id::CredentialId,
    payment::PaymentOrder,
    text::{Bilingual, Language},
};
use std::collections::BTreeMap;
use uuid::Uuid;

const SHA256: &str = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";

fn rows() -> Vec<PayrollRow> {
    let text = |text: &str| text.to_owned();
    let row = |row, id, payee, amount, reference| PayrollRow {
        row,
        id: text(id),
        payee: text(payee),
        amount: text(amount),
        reference: text(reference),
    };
    vec![
        row(
            2,
            "L-2026-11-0001",
            "account:970436:0011001234567",
            "12500000",
            "Lương tháng 11 năm 2026 và phụ cấp trách nhiệm",
        ),
        row(3, "L-2026-11-0002-BO-SUNG-THEO-QUYET-DINH-SO-1187-QD-UBND-2026-00000000", "MST:0100109106", "9250000", ""),
        row(4, "L-2026-11-0003", "account:970415:1020304050", "8.000.00", "Lương tháng 11"),
        row(5, "", "account:970422:8888888888", "7000000", "Lương tháng 11"),
    ]
}

fn order(row: &PayrollRow) -> PaymentOrder {
    PaymentOrder {
        id: row.id.clone(),
        payer: format!("sha256:{SHA256}"),
        payee: row.payee.clone(),
        amount: row.amount.parse().unwrap_or_default(),
        currency: "VND".to_owned(),
        created: "2026-11-26T02:00:00Z".to_owned(),
        expires: "2026-11-27T02:00:00Z".to_owned(),
        reference: (!row.reference.is_empty()).then(|| row.reference.clone()),
    }
}

fn view(rows: &[PayrollRow], problems: Vec<RowProblem>) -> PayrollView {
    PayrollView {
        count: rows.len(),
        totals: BTreeMap::from([("VND".to_owned(), 21_750_000)]),
        sha256: problems.is_empty().then(|| SHA256.to_owned()),
        orders: rows.iter().map(order).collect(),
        problems,
    }
}

pub(super) fn screens(language: Language) -> Vec<Screen> {
    let credentials = vec![CredentialChoice {
        demand: Demand::Nothing,
        credential: CredentialId(Uuid::nil()),
        holder: LONG_NAME.to_owned(),
        valid_until: at("2029-01-01T00:00:00Z"),
        tries_left: 5,
        picture: None,
    }];
    let start = PayrollPage {
        frame: frame(language, "/payroll"),
        credentials,
        credential: String::new(),
        card: None,
        signed: None,
        problems: Problems::none(),
    };
    let all = rows();
    let wrong = |row, field, vi| RowProblem { row, field, code: "", message: Bilingual::new(vi, vi) };
    let two = vec![
        wrong(4, "amount", "Số tiền là số nguyên đồng, ví dụ 1500000 hoặc 1.500.000."),
        wrong(5, "id", "Ô này còn trống."),
    ];
    let card = |rows: &[PayrollRow], problems| Some(PayrollCard::of(&start.frame, rows, &view(rows, problems)));
    let ready = PayrollPage { card: card(&all[..2], Vec::new()), ..start.clone() };
    let done = SignedPayroll {
        count: 2,
        totals: BTreeMap::from([("VND".to_owned(), 21_750_000)]),
        sha256: SHA256.to_owned(),
        signed: Vec::new(),
    };
    let done = PayrollPage::signed_summary(&start.frame, &done);
    let expired = wrong(0, "expires", "Lệnh thanh toán đã hết hạn.");
    vec![
        ("payroll", start.html()),
        ("payroll-none", PayrollPage { credentials: Vec::new(), ..start.clone() }.html()),
        (
            "payroll-file",
            PayrollPage { problems: refused("file", "Tệp CSV không phải UTF-8."), ..start.clone() }.html(),
        ),
        ("payroll-wrong", PayrollPage { card: card(&all, two), ..start.clone() }.html()),
        ("payroll-expired", PayrollPage { card: card(&all[..2], vec![expired]), ..start.clone() }.html()),
        ("payroll-ready", ready.html()),
        ("payroll-pin", PayrollPage { problems: refused("pin", "Mã PIN không đúng."), ..ready }.html()),
        ("payroll-signed", PayrollPage { signed: Some(done), ..start }.html()),
    ]
}
