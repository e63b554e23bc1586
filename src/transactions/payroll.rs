//! Payrolls: a company's file of payments becomes orders that are shown with their count, total and digest, and one PIN signs exactly
//! these. Each order is a payment order of its own, as a JWS over its canonical form (RFC 8785), so that whoever takes payments takes them
//! one by one. Nothing of a payroll is stored here: what is approved is what the digest is of.

use super::{mandates, sign::sign_payloads};
use crate::{
    accounts::Principal,
    app::App,
    custody::{self, Factors, Signer},
    error::{InternalError, RequestError, Result},
    reader,
};
use chuky_model::{
    id::CredentialId,
    payment::PaymentOrder,
    table::{Cell, Table},
    text::Bilingual,
};
use chuky_pki::{
    crypto,
    payment::{OrderPolicy, Reason, order},
    qualified::{self, MonetaryValue},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
};

/// Orders of one payroll: one answer holds them all, about two kilobytes each, and is kept for a day for whoever asks again.
pub const MOST_ORDERS: usize = 2_000;
/// The columns of a file, by name and heading; the last may be left out.
pub const COLUMNS: [(&str, &str); 4] =
    [("id", "Mã lệnh"), ("payee", "Người nhận"), ("amount", "Số tiền"), ("reference", "Nội dung")];

/// One row of a file, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayrollRow {
    /// Its row in the file, from 1 on.
    pub row: u32,
    pub id: String,
    pub payee: String,
    pub amount: String,
    #[serde(default)]
    pub reference: String,
}

/// What is wrong with one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = PayrollRowProblem)]
pub struct RowProblem {
    /// The row in the file.
    pub row: u32,
    /// `id`, `payee`, `amount` or `reference`; `expires` where it is the day of all.
    pub field: &'static str,
    /// Stable.
    pub code: &'static str,
    #[schema(value_type = Object)]
    pub message: Bilingual,
}

/// A payroll before it is signed. While anything is wrong it has no digest, and nothing can be signed.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PayrollView {
    pub count: usize,
    /// Minor units by currency.
    pub totals: BTreeMap<String, u64>,
    /// Of the orders' canonical forms (RFC 8785), each followed by a line feed; lower-case hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[schema(value_type = Vec<Object>)]
    pub orders: Vec<PaymentOrder>,
    pub problems: Vec<RowProblem>,
}

/// A payroll that was signed.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignedPayroll {
    pub count: usize,
    pub totals: BTreeMap<String, u64>,
    pub sha256: String,
    /// In the payroll's order.
    pub signed: Vec<SignedLine>,
}

/// One order of a signed payroll.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignedLine {
    pub id: String,
    pub payee: String,
    /// Minor units.
    pub amount: u64,
    pub currency: String,
    /// The order as a compact JWS.
    pub jws: String,
}

/// The rows of a CSV or XLSX file, read by a reader worker under its limits.
pub async fn rows(app: &App, file: File) -> Result<Vec<PayrollRow>> {
    let table = reader::table::read(app, file).await?;
    rows_of(&table)
}

fn rows_of(table: &Table) -> Result<Vec<PayrollRow>> {
    let Some((headings, rows)) = table.rows.split_first() else { return Err(headings_missing(&COLUMNS).into()) };
    let place = |(name, heading): (&str, &str)| {
        let is = |cell: &Cell| cell.text().is_some_and(|text| is_heading(text, name, heading));
        let mut places = headings.cells.iter().enumerate().filter(|(_, cell)| is(cell)).map(|(at, _)| at);
        (places.next(), places.next().is_some())
    };
    let places = COLUMNS.map(place);
    let wrong: Vec<(&str, &str)> = COLUMNS
        .into_iter()
        .zip(&places)
        .filter(|((name, _), (at, twice))| *twice || (at.is_none() && *name != "reference"))
        .map(|(column, _)| column)
        .collect();
    if !wrong.is_empty() {
        return Err(headings_missing(&wrong).into());
    }
    // A formula is never evaluated: a mark that no field may hold stands in its place, and is told as what it is.
    let text = |cell: Option<&Cell>| cell.map_or("", |cell| cell.text().unwrap_or(FORMULA)).to_owned();
    let read = rows.iter().map(|row| {
        let [id, payee, amount, reference] = places.map(|(at, _)| text(at.and_then(|at| row.cells.get(at))));
        PayrollRow { row: row.number, id, payee, amount, reference }
    });
    let read: Vec<PayrollRow> = read
        .filter(|row| ![&row.id, &row.payee, &row.amount, &row.reference].iter().all(|text| text.is_empty()))
        .collect();
    match read.len() {
        0 => Err(unusable(
            "payroll_empty",
            "Tệp không có lệnh nào dưới tiêu đề.",
            "The file has no order below its headings.",
        )),
        count if count > MOST_ORDERS => Err(too_many()),
        _ => Ok(read),
    }
}

fn is_heading(text: &str, name: &str, heading: &str) -> bool {
    let text = text.trim().trim_end_matches('*').trim().to_lowercase();
    text == name || text == heading.to_lowercase()
}

/// Rows as orders of the credential's holder, made now and good until `expires` (RFC 3339): what would be signed, or what is wrong.
pub async fn prepare(
    app: &App,
    by: &Principal,
    credential: CredentialId,
    rows: &[PayrollRow],
    expires: Option<&str>,
) -> Result<PayrollView> {
    if rows.len() > MOST_ORDERS {
        return Err(too_many());
    }
    let signer = custody::signer(app, by, credential).await?;
    let now = app.clock.now();
    let longest = app.payments.policy.longest_window_seconds;
    let expires = expires.map_or_else(|| now.plus_seconds(longest.min(A_DAY)).rfc3339(), str::to_owned);
    let mut orders = Vec::with_capacity(rows.len());
    let mut problems = Vec::new();
    for row in rows {
        let amount = amount_of(&row.amount);
        if let Some(problem) = written(row, amount) {
            problems.push(problem);
        }
        orders.push(PaymentOrder {
            id: row.id.clone(),
            payer: payer(&signer),
            payee: row.payee.clone(),
            amount: amount.unwrap_or_default(),
            currency: "VND".to_owned(),
            created: now.rfc3339(),
            expires: expires.clone(),
            reference: (!row.reference.is_empty()).then(|| row.reference.clone()),
        });
    }
    let wrong: HashSet<u32> = problems.iter().map(|problem| problem.row).collect();
    let number = |at: usize| rows.get(at).map_or(0, |row| row.row);
    let judged = judge(app, &signer, &orders)?.into_iter().map(|(at, problem)| (number(at), problem));
    problems.extend(judged.filter(|(row, _)| !wrong.contains(row)).map(|(row, problem)| RowProblem { row, ..problem }));
    problems.sort_by_key(|problem| problem.row);
    let totals = totals(&orders);
    let sha256 = if problems.is_empty() { Some(digest(&orders)?) } else { None };
    Ok(PayrollView { count: orders.len(), totals, sha256, orders, problems })
}

/// Signs all orders under one activation for exactly their hashes; they are judged again, and are those that the digest is of.
pub async fn sign(
    app: &App,
    by: &Principal,
    credential: CredentialId,
    factors: &Factors,
    (orders, sha256): (Vec<PaymentOrder>, &str),
) -> Result<SignedPayroll> {
    // 1. What is signed is what was shown, and still good.
    if orders.is_empty() || orders.len() > MOST_ORDERS {
        return Err(too_many());
    }
    if digest(&orders)? != sha256 {
        return Err(RequestError::conflict(
            "payroll_changed",
            "Bảng lương không phải là bảng đã được xem: mã băm khác. Hãy kiểm tra lại.",
            "The payroll is not the one that was shown: its digest differs. Check it again.",
        )
        .into());
    }
    let signer = custody::signer(app, by, credential).await?;
    let own = payer(&signer);
    if orders.iter().any(|order| order.payer != own) {
        return Err(refused(Reason::PayerMismatch.sentence(), "payer_mismatch"));
    }
    if let Some((at, problem)) = judge(app, &signer, &orders)?.into_iter().next() {
        let place = |text: &str, word: &str| format!("{word} {}: {text}", at.saturating_add(1));
        let message = Bilingual::new(place(&problem.message.vi, "Lệnh"), place(&problem.message.en, "Order"));
        return Err(refused(message, problem.code));
    }
    // 2. One activation, one signature for each.
    let payloads = orders.iter().map(canonical).collect::<Result<Vec<_>>>()?;
    let shown = hex::decode(sha256).into_iter().collect();
    let signed = sign_payloads(app, by, &signer, factors, (None, &payloads, shown)).await?;
    let totals = totals(&orders);
    let line = |(order, jws): (PaymentOrder, String)| SignedLine {
        id: order.id,
        payee: order.payee,
        amount: order.amount,
        currency: order.currency,
        jws,
    };
    let signed: Vec<SignedLine> = orders.into_iter().zip(signed).map(line).collect();
    Ok(SignedPayroll { count: signed.len(), totals, sha256: sha256.to_owned(), signed })
}

/// Tells nothing personal, and binds to the one certificate.
fn payer(signer: &Signer) -> String {
    format!("sha256:{}", hex::encode(signer.certificate.fingerprint()))
}

fn totals(orders: &[PaymentOrder]) -> BTreeMap<String, u64> {
    let mut totals = BTreeMap::new();
    for order in orders {
        let total: &mut u64 = totals.entry(order.currency.clone()).or_default();
        *total = total.saturating_add(order.amount);
    }
    totals
}

fn canonical(order: &PaymentOrder) -> Result<Vec<u8>> {
    Ok(order::canonical(order).ok_or_else(|| InternalError::other("an order has no canonical form"))?)
}

fn digest(orders: &[PaymentOrder]) -> Result<String> {
    let mut lines = Vec::new();
    for order in orders {
        lines.extend_from_slice(&canonical(order)?);
        lines.push(b'\n');
    }
    Ok(hex::encode(crypto::sha256(&lines)))
}

/// What is wrong with the orders by the rules that they will be verified by, with the place of each; the first of each order.
pub(super) fn judge(app: &App, signer: &Signer, orders: &[PaymentOrder]) -> Result<Vec<(usize, RowProblem)>> {
    let limit = qualified::limit(&signer.certificate).map_err(|error| InternalError::Pki(error.to_string()))?;
    let policy = OrderPolicy { remembered_from: app.payments.remembered.forgotten(), ..app.payments.policy.clone() };
    let now = app.clock.now();
    let mut problems = judged(orders, &policy, limit.as_ref());
    let wrong = |order| order::freshness(order, &policy, now).err();
    if problems.is_empty()
        && let Some((reason, _)) = orders.first().and_then(wrong)
    {
        problems.push((0, RowProblem { row: 0, field: "expires", code: reason.code(), message: reason.sentence() }));
    }
    Ok(problems)
}

fn judged(orders: &[PaymentOrder], policy: &OrderPolicy, limit: Option<&MonetaryValue>) -> Vec<(usize, RowProblem)> {
    let mut problems = Vec::new();
    let mut seen = HashSet::new();
    let mut total = 0_u64;
    for (at, one) in orders.iter().enumerate() {
        let bytes = serde_json::to_vec(one).unwrap_or_default();
        let read = order::read(&bytes).and_then(|read| {
            order::amount(&read, policy)?;
            order::within(limit, &read)?;
            order::currency(&read)
        });
        let mut say = |field, code, message| problems.push((at, RowProblem { row: 0, field, code, message }));
        if let Err((reason, detail)) = read {
            say(field_of(reason, &detail), reason.code(), reason.sentence());
        } else if mandates::is_collection(one) {
            say("reference", Reason::Collection.code(), Reason::Collection.sentence());
        } else if !seen.insert(one.id.as_str()) {
            say("id", "id_twice", Bilingual::new("Mã lệnh này đã có ở một dòng trên.", "An earlier row has this id."));
        } else if total.checked_add(one.amount).is_none_or(|sum| sum > policy.largest_amount) {
            let vi = "Tổng đến dòng này vượt mức cao nhất. Hãy chia bảng lương.";
            say(
                "amount",
                "total_too_large",
                Bilingual::new(vi, "The total up to this row is above the limit. Part the payroll."),
            );
        }
        total = total.saturating_add(one.amount);
    }
    problems
}

fn field_of(reason: Reason, detail: &str) -> &'static str {
    match reason.check() {
        "amount" | "currency" => "amount",
        "freshness" => "expires",
        _ if reason == Reason::IdInvalid => "id",
        _ if detail.starts_with("reference") => "reference",
        _ => "payee",
    }
}

/// What is wrong with how a row is written, before it is an order.
fn written(row: &PayrollRow, amount: Option<u64>) -> Option<RowProblem> {
    let fields = [("id", &row.id), ("payee", &row.payee), ("amount", &row.amount), ("reference", &row.reference)];
    let say = |field, code, vi, en| Some(RowProblem { row: row.row, field, code, message: Bilingual::new(vi, en) });
    if let Some((field, _)) = fields.into_iter().find(|(_, text)| *text == FORMULA) {
        let en = "The cell holds a formula. Paste its value.";
        return say(field, "formula", "Ô có công thức. Hãy dán giá trị vào ô.", en);
    }
    if let Some((field, _)) = fields.into_iter().take(3).find(|(_, text)| text.is_empty()) {
        return say(field, "missing", "Ô này còn trống.", "The cell is empty.");
    }
    if amount.is_none() {
        let vi = "Số tiền là số nguyên đồng, ví dụ 1500000 hoặc 1.500.000.";
        return say(
            "amount",
            "amount_invalid",
            vi,
            "An amount is a whole number of đồng, such as 1500000 or 1.500.000.",
        );
    }
    None
}

/// Whole đồng: digits, or digits in groups of three by one kind of mark. Nothing that could be a fraction.
fn amount_of(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let mark =
        text.chars().find(|letter| !letter.is_ascii_digit()).filter(|mark| ['.', ',', ' ', '\u{a0}'].contains(mark))?;
    let groups: Vec<&str> = text.split(mark).collect();
    let whole = |group: &&str| group.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.first().is_some_and(|group| (1..=3).contains(&group.len()));
    let rest = groups.iter().skip(1).all(|group| group.len() == 3);
    (first && rest && groups.iter().all(whole)).then(|| groups.concat().parse().ok())?
}

fn headings_missing(columns: &[(&str, &str)]) -> RequestError {
    let names = columns.iter().map(|(_, heading)| *heading).collect::<Vec<_>>().join(", ");
    RequestError::invalid(
        "file",
        "payroll_headings",
        format!("Dòng đầu của tệp cần có mỗi cột sau đúng một lần: {names}. Hãy dùng tệp mẫu."),
        format!("The first row needs each of these columns exactly once: {names}. Use the template."),
    )
}

fn too_many() -> crate::error::Error {
    unusable(
        "payroll_size",
        "Một bảng lương có từ 1 đến 2.000 lệnh. Hãy chia tệp.",
        "A payroll has 1 to 2,000 orders. Part the file.",
    )
}

fn unusable(code: &'static str, vi: &str, en: &str) -> crate::error::Error {
    RequestError::invalid("file", code, vi, en).into()
}

fn refused(message: Bilingual, code: &'static str) -> crate::error::Error {
    RequestError::invalid("orders", code, message.vi, message.en).into()
}

/// Stands where a formula stood; no field of an order may hold a control character.
const FORMULA: &str = "\u{1}";
/// Seconds.
const A_DAY: i64 = 86_400;

#[cfg(test)]
#[path = "payroll/tests.rs"]
mod tests;
