//! The payment order inside the signature: read strictly, judged by its own content, and put into the canonical form under which it is
//! remembered. Pure; knows no certificate. A member that the schema does not name is refused, because a signer may have meant it.

use super::{
    currency::{is_currency, minor_digits},
    layout::Layout,
    limits::{LARGEST_EXACT_AMOUNT, LONGEST_ID, LONGEST_PARTY, LONGEST_REFERENCE, LONGEST_TIME},
    reason::Reason,
};
use crate::{
    crypto,
    jose::json::{self, JsonError},
    qualified::MonetaryValue,
};
use chuky_model::{instant::Instant, payment::PaymentOrder};
use der::asn1::ObjectIdentifier;
use serde_json::{Map, Value};
use unicode_normalization::is_nfc;

/// What the operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPolicy {
    /// In minor units.
    pub largest_amount: u64,
    /// Between `created` and `expires`, in seconds.
    pub longest_window_seconds: i64,
    /// How far the payer's clock may run ahead, in seconds.
    pub clock_skew_seconds: i64,
    /// Orders that were created before this may have been accepted without a trace: the database was restored from a backup.
    pub created_after: Option<Instant>,
    /// What was accepted before this has been forgotten: an order of then could only be fresh by a clock that was set back.
    pub remembered_from: Option<Instant>,
    /// Certificate policies (RFC 5280 §4.2.1.4), one of which a signer's certificate must name; any certificate will do where there are none.
    pub certificate_policies: Vec<ObjectIdentifier>,
    /// How switches write what they sign.
    pub layouts: Vec<Layout>,
}

impl Default for OrderPolicy {
    fn default() -> Self {
        Self {
            largest_amount: super::limits::LARGEST_AMOUNT,
            longest_window_seconds: super::limits::LONGEST_WINDOW_SECONDS,
            clock_skew_seconds: super::limits::CLOCK_SKEW_SECONDS,
            created_after: None,
            remembered_from: None,
            certificate_policies: Vec::new(),
            layouts: Vec::new(),
        }
    }
}

/// A reason with an explanation for experts.
pub type Refusal = (Reason, String);

/// Reads the payload of a payment. Everything the schema says about single members is checked; amounts and times against policy are not.
pub fn read(payload: &[u8]) -> Result<PaymentOrder, Refusal> {
    // serde would also take an array in the order of the fields for a struct; an order is an object.
    let object = payload.trim_ascii_start().first() == Some(&b'{');
    match serde_json::from_slice::<PaymentOrder>(payload) {
        Ok(order) if object => shape(&order).map_or(Ok(order), Err),
        _ => Err(explain(payload)),
    }
}

/// Reads what is signed: an order in JSON, or an ISO 20022 message.
pub fn read_content(content: &[u8]) -> Result<PaymentOrder, Refusal> {
    let is_json = content.trim_ascii_start().first() == Some(&b'{');
    match is_json || !is_xml(content) {
        true => read(content),
        false => super::iso20022::read_unsigned(content),
    }
}

/// XML begins with a bracket, behind a byte order mark where there is one.
fn is_xml(content: &[u8]) -> bool {
    let first = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content).trim_ascii_start().first();
    first == Some(&b'<') || content.starts_with(&[0xfe, 0xff]) || content.starts_with(&[0xff, 0xfe])
}

/// Why a payload is not an order: the slow, exact look, for the answer only.
fn explain(payload: &[u8]) -> Refusal {
    let members = match json::parse_object(payload) {
        Ok(members) => members,
        Err(JsonError::DuplicateMember) => return (Reason::OrderDuplicateMember, "a member appears twice".to_owned()),
        Err(other) => return (Reason::OrderMalformed, other.to_string()),
    };
    let wrong = |name: &str| !members.get(name).is_some_and(Value::is_string);
    if members.get("amount").is_none_or(|amount| amount.as_u64().is_none()) {
        return (Reason::AmountInvalid, "amount is not a whole number of minor units".to_owned());
    }
    if let Some(missing) = TEXT_MEMBERS.into_iter().find(|name| wrong(name)) {
        return (Reason::OrderMalformed, format!("{missing} is missing or not a text"));
    }
    (Reason::OrderMalformed, unknown_member(&members))
}

fn unknown_member(members: &Map<String, Value>) -> String {
    let known = |name: &str| name == "amount" || name == "reference" || TEXT_MEMBERS.contains(&name);
    match members.keys().find(|name| !known(name)) {
        Some(_) => "a member that the schema does not name".to_owned(),
        None => "reference is not a text".to_owned(),
    }
}

const TEXT_MEMBERS: [&str; 6] = ["id", "payer", "payee", "currency", "created", "expires"];

/// The schema's patterns and lengths.
pub(super) fn shape(order: &PaymentOrder) -> Option<Refusal> {
    let refuse = |reason, what: &str| Some((reason, what.to_owned()));
    if order.id.is_empty() || order.id.len() > LONGEST_ID || !order.id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refuse(Reason::IdInvalid, "id is 1 to 64 printable ASCII characters without spaces");
    }
    let is_text = |text: &str, longest: usize| {
        // NFC, so that two spellings of one name cannot be two identities.
        text.chars().count() <= longest && !text.chars().any(char::is_control) && is_nfc(text)
    };
    for (name, party) in [("payer", &order.payer), ("payee", &order.payee)] {
        if party.is_empty() || party.trim() != party || !is_text(party, LONGEST_PARTY) {
            return refuse(
                Reason::PartyInvalid,
                &format!("{name} is 1 to 200 characters in NFC, none of them control"),
            );
        }
    }
    if order.reference.as_ref().is_some_and(|text| !is_text(text, LONGEST_REFERENCE)) {
        return refuse(Reason::PartyInvalid, "reference is at most 500 characters in NFC, none of them control");
    }
    if order.created.len() > LONGEST_TIME || order.expires.len() > LONGEST_TIME {
        return refuse(Reason::TimeInvalid, "a time is longer than RFC 3339 needs");
    }
    None
}

/// Whether the amount is positive and within the bounds.
pub fn amount(order: &PaymentOrder, policy: &OrderPolicy) -> Result<(), Refusal> {
    if order.amount == 0 {
        return Err((Reason::AmountInvalid, "the amount is zero".to_owned()));
    }
    let largest = policy.largest_amount.min(LARGEST_EXACT_AMOUNT);
    if order.amount > largest {
        return Err((Reason::AmountTooLarge, format!("the largest amount is {largest} minor units")));
    }
    Ok(())
}

/// Whether the amount is within what the signer's certificate is for (EN 319 412-5 §4.3.2). A limit in another currency admits
/// nothing: there is no rate to compare by.
pub fn within(limit: Option<&MonetaryValue>, order: &PaymentOrder) -> Result<(), Refusal> {
    let Some(limit) = limit else { return Ok(()) };
    if limit.currency != order.currency {
        return Err((Reason::AmountTooLarge, format!("the certificate is limited to payments in {}", limit.currency)));
    }
    let minor = limit.units().and_then(|units| units.checked_mul(10u128.pow(minor_digits(&limit.currency))));
    if minor.is_none_or(|largest| u128::from(order.amount) <= largest) {
        return Ok(());
    }
    Err((Reason::AmountTooLarge, "the amount is above the limit of the signer's certificate".to_owned()))
}

/// Whether the currency is on the list.
pub fn currency(order: &PaymentOrder) -> Result<(), Refusal> {
    if is_currency(&order.currency) {
        Ok(())
    } else {
        Err((Reason::CurrencyInvalid, "not an active code of ISO 4217".to_owned()))
    }
}

/// Whether the order is fresh at that time. The tolerance serves a payer's clock that runs ahead; a deadline has none.
pub fn freshness(order: &PaymentOrder, policy: &OrderPolicy, now: Instant) -> Result<(), Refusal> {
    let parse = |text: &str, name: &str| {
        Instant::parse_rfc3339(text).ok_or_else(|| (Reason::TimeInvalid, format!("{name} is not RFC 3339")))
    };
    let created = parse(&order.created, "created")?;
    let expires = parse(&order.expires, "expires")?;
    if expires <= created {
        return Err((Reason::TimeInvalid, "expires is not after created".to_owned()));
    }
    if expires > created.plus_seconds(policy.longest_window_seconds) {
        let longest = policy.longest_window_seconds;
        return Err((Reason::WindowTooLong, format!("an order may be valid for {longest} seconds at most")));
    }
    if created > now.plus_seconds(policy.clock_skew_seconds) {
        return Err((Reason::CreatedInFuture, format!("created {}, now {}", created.rfc3339(), now.rfc3339())));
    }
    if policy.created_after.is_some_and(|after| created <= after.plus_seconds(policy.clock_skew_seconds)) {
        return Err((Reason::BeforeRestoration, format!("created {}", created.rfc3339())));
    }
    if expires <= now {
        return Err((Reason::Expired, format!("expired {}, now {}", expires.rfc3339(), now.rfc3339())));
    }
    // An order is accepted at `created` less the skew at the earliest.
    if policy.remembered_from.is_some_and(|from| created <= from.plus_seconds(policy.clock_skew_seconds)) {
        return Err((Reason::NotRemembered, format!("created {}", created.rfc3339())));
    }
    Ok(())
}

/// SHA-256 over the canonical form (RFC 8785): equal for every spelling of the same order.
pub fn canonical_digest(order: &PaymentOrder) -> Option<[u8; 32]> {
    canonical(order).map(|text| crypto::sha256(&text))
}

/// The canonical form. An order is a flat object of texts and one integer that a double carries, so plain JSON with its members in order is
/// the form already; an amount that is not exact takes the general way.
pub fn canonical(order: &PaymentOrder) -> Option<Vec<u8>> {
    /// The members by UTF-16 code unit (RFC 8785 §3.2.3).
    #[derive(serde::Serialize)]
    struct InOrder<'o> {
        amount: u64,
        created: &'o str,
        currency: &'o str,
        expires: &'o str,
        id: &'o str,
        payee: &'o str,
        payer: &'o str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reference: Option<&'o str>,
    }
    let PaymentOrder { id, payer, payee, amount, currency, created, expires, reference } = order;
    if *amount > LARGEST_EXACT_AMOUNT {
        return json::canonical(order);
    }
    let reference = reference.as_deref();
    serde_json::to_vec(&InOrder { amount: *amount, created, currency, expires, id, payee, payer, reference }).ok()
}

/// What a payment's identity is a keyed hash of: verified payer, payee and id, each after its length, so that no two meet.
pub fn identity_content(verified_payer: &str, order: &PaymentOrder) -> Vec<u8> {
    let mut content = b"chuky-payment-identity-v1".to_vec();
    for part in [verified_payer, &order.payee, &order.id] {
        content.extend_from_slice(&(part.len() as u64).to_be_bytes());
        content.extend_from_slice(part.as_bytes());
    }
    content
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn orders_of_before_a_restoration_are_not_decided() {
        let text = |text: &str| text.to_owned();
        let order = PaymentOrder {
            id: text("1"),
            payer: text("A"),
            payee: text("B"),
            amount: 1,
            currency: text("VND"),
            created: text("2026-11-22T03:00:00Z"),
            expires: text("2026-11-22T03:15:00Z"),
            reference: None,
        };
        let now = Instant::parse_rfc3339("2026-11-22T03:05:00Z").unwrap();
        let judged = |after: &str| {
            let policy = OrderPolicy { created_after: Instant::parse_rfc3339(after), ..OrderPolicy::default() };
            freshness(&order, &policy, now).map_err(|(reason, _)| reason)
        };
        assert_eq!(judged("2026-11-22T03:00:30Z"), Err(Reason::BeforeRestoration));
        assert_eq!(judged("2026-11-22T02:59:30Z"), Err(Reason::BeforeRestoration), "the payer's clock may run ahead");
        assert_eq!(judged("2026-11-22T02:50:00Z"), Ok(()));
        let judged = |from: &str| {
            let policy = OrderPolicy { remembered_from: Instant::parse_rfc3339(from), ..OrderPolicy::default() };
            freshness(&order, &policy, now).map_err(|(reason, _)| reason)
        };
        assert_eq!(judged("2026-11-22T03:00:30Z"), Err(Reason::NotRemembered));
        assert_eq!(judged("2026-11-22T02:59:00Z"), Err(Reason::NotRemembered));
        assert_eq!(judged("2026-11-22T02:58:59Z"), Ok(()));
    }

    proptest! {
        #[test]
        fn the_short_way_to_the_canonical_form_is_that_of_the_rfc(
            texts in proptest::array::uniform6(any::<String>()), amount in 0..=LARGEST_EXACT_AMOUNT, reference in any::<Option<String>>()
        ) {
            let [id, payer, payee, currency, created, expires] = texts;
            let order = PaymentOrder { id, payer, payee, amount, currency, created, expires, reference };
            prop_assert_eq!(canonical(&order).unwrap(), json::canonical(&order).unwrap());
        }
    }
}
