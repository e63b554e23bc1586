//! Amounts, limits, headings and formulas of payrolls, without a service around them. Uses the rules of orders; touches no database.
#![allow(clippy::unwrap_used)]
use super::*;

#[test]
fn amounts_are_whole() {
    for (text, amount) in
        [("1500000", 1_500_000), ("1.500.000", 1_500_000), ("1,500", 1_500), ("12 000", 12_000), ("0", 0)]
    {
        assert_eq!(amount_of(text), Some(amount), "{text}");
    }
    for text in [
        "",
        "1.5",
        "1500.50",
        "1.500,000",
        "1..000",
        ".500",
        "1500.000",
        "-1",
        "1e6",
        "１５０",
        "1.500 đ",
        "99999999999999999999",
    ] {
        assert_eq!(amount_of(text), None, "{text}");
    }
}

fn order(id: &str, amount: u64) -> PaymentOrder {
    let text = |text: &str| text.to_owned();
    PaymentOrder {
        id: text(id),
        payer: text("sha256:00"),
        payee: text("account:970436:0123456789"),
        amount,
        currency: text("VND"),
        created: text("2026-11-26T01:00:00Z"),
        expires: text("2026-11-27T01:00:00Z"),
        reference: None,
    }
}

fn codes(
    orders: &[PaymentOrder],
    largest: u64,
    limit: Option<&MonetaryValue>,
) -> Vec<(usize, &'static str, &'static str)> {
    let policy = OrderPolicy { largest_amount: largest, ..OrderPolicy::default() };
    judged(orders, &policy, limit).into_iter().map(|(at, problem)| (at, problem.field, problem.code)).collect()
}

#[test]
fn each_order_and_the_total_are_within_their_limits() {
    let three = [order("1", 40), order("2", 60), order("3", 1)];
    assert_eq!(codes(&three, 101, None), []);
    assert_eq!(codes(&three, 100, None), [(2, "amount", "total_too_large")]);
    assert_eq!(codes(&three, 59, None), [(1, "amount", "amount_too_large"), (2, "amount", "total_too_large")]);
    // EN 319 412-5: the limit is of one transaction.
    let limit = MonetaryValue { currency: "VND".to_owned(), amount: 50, exponent: 0 };
    assert_eq!(codes(&three, 1_000, Some(&limit)), [(1, "amount", "amount_too_large")]);
    let other = MonetaryValue { currency: "USD".to_owned(), ..limit };
    assert_eq!(codes(&three[..1], 1_000, Some(&other)), [(0, "amount", "amount_too_large")]);
}

#[test]
fn what_is_wrong_is_told_of_its_field() {
    let mut orders = [order("1", 5), order("1", 5), order("có dấu", 5), order("4", 5), order("5", 0), order("6", 5)];
    orders[3].payee = " ".to_owned();
    orders[5].reference = Some("mandate:0199".to_owned());
    assert_eq!(
        codes(&orders, 1_000, None),
        [
            (1, "id", "id_twice"),
            (2, "id", "id_invalid"),
            (3, "payee", "party_invalid"),
            (4, "amount", "amount_invalid"),
            (5, "reference", "collection"),
        ]
    );
}

#[test]
fn a_file_has_its_columns_once_and_formulas_are_told() {
    let table = |text: &str| Table::of_csv(text.as_bytes()).unwrap();
    let code = |text: &str| match rows_of(&table(text)) {
        Err(crate::error::Error::Request(refused)) => refused.code,
        _ => "",
    };
    assert_eq!(code("Mã lệnh,Người nhận\n1,2"), "payroll_headings");
    assert_eq!(code("id,payee,amount,amount\n1,2,3,4"), "payroll_headings");
    assert_eq!(code("id,payee,amount\n,,\n"), "payroll_empty");
    let many: String = (0..=MOST_ORDERS).map(|number| format!("{number},A,1\n")).collect();
    assert_eq!(code(&format!("id,payee,amount\n{many}")), "payroll_size");
    let rows = rows_of(&table("Số tiền,Mã lệnh *,NGƯỜI NHẬN\n1.000,L-1,account:970436:1\n\n5,L-2,B")).unwrap();
    assert_eq!((rows[0].id.as_str(), rows[0].amount.as_str(), rows[1].row), ("L-1", "1.000", 4));
    let formula =
        PayrollRow { row: 9, id: "1".into(), payee: FORMULA.into(), amount: "1".into(), reference: String::new() };
    assert_eq!(written(&formula, Some(1)).map(|problem| (problem.field, problem.code)), Some(("payee", "formula")));
}
