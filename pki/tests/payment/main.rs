//! Signed payments judged: each way in which one can be wrong gets its own answer, and foreign tools make and read the same messages.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod detached;
mod evidence;
mod foreign;
mod forms;
mod hostile;
mod iso;
mod messages;
mod pki;
mod table;
mod vectors;

use chuky_model::{
    instant::Instant,
    payment::{PaymentAnswer, PaymentVerdict, Seen},
    report::Outcome,
};
use chuky_pki::{
    certificate::Certificate,
    jose::{Form, JwsAlgorithm, SignerReference},
    payment::{CHECKS, Consumption, OrderPolicy, Status, Verifier, Wanted},
};
use pki::{NOW, Template, World, p256, p384, rsa, sign};
use serde_json::{Value, json};

pub fn order() -> Value {
    json!({
        "id": "INV-2026-0001", "payer": "CCCD:001190012345", "payee": "Sở Tài chính Hà Nội", "amount": 150_000, "currency": "VND",
        "created": "2026-11-22T02:59:30Z", "expires": "2026-11-22T10:15:00+07:00", "reference": "Lệ phí hộ tịch"
    })
}

pub fn with(name: &str, value: Value) -> Vec<u8> {
    let mut order = order();
    order[name] = value;
    order.to_string().into_bytes()
}

pub fn judge_at(world: &World, body: &[u8], status: Status, at: Instant) -> PaymentAnswer {
    judge_with(&Verifier::new(world.trust(), OrderPolicy::default()), body, None, status, at)
}

fn judge_with(
    verifier: &Verifier,
    body: &[u8],
    named: Option<&Certificate>,
    status: Status,
    at: Instant,
) -> PaymentAnswer {
    let presented = verifier.read(body, at);
    let judgement = verifier.examine(&presented, named, at).conclude(status);
    let consumption = if judgement.consumable().is_some() { Consumption::First } else { Consumption::NotReached };
    judgement.answer(consumption)
}

pub fn judge(world: &World, body: &str) -> PaymentAnswer {
    judge_at(world, body.as_bytes(), Status::Good, NOW)
}

pub fn assert_refused(answer: &PaymentAnswer, verdict: PaymentVerdict, code: &str) {
    assert_eq!((answer.verdict, &answer.reasons[..]), (verdict, &[code.to_owned()][..]), "{:?}", answer.checks);
    assert_eq!(answer.seen, Seen::NotConsumed);
    assert_eq!(answer.checks.iter().map(|check| check.name.as_str()).collect::<Vec<_>>(), CHECKS);
    assert!(answer.checks.iter().any(|check| check.outcome != Outcome::Passed));
    assert!(!answer.message.vi.is_empty() && answer.message.vi != answer.message.en);
}

use PaymentVerdict::{Indeterminate, Rejected};

#[test]
fn every_algorithm_and_serialisation_is_accepted() {
    let world = World::new();
    let payload = order().to_string();
    let holders = [
        (world.citizen(), vec![JwsAlgorithm::Es256]),
        (world.issuing.holder(&Template::default(), p384()), vec![JwsAlgorithm::Es384]),
        (
            world.issuing.holder(&Template::default(), rsa()),
            JwsAlgorithm::ALL.into_iter().filter(|algorithm| algorithm.half_length().is_none()).collect(),
        ),
    ];
    for (holder, algorithms) in holders {
        for algorithm in algorithms {
            for form in [Form::Compact, Form::Flattened, Form::General] {
                let body = sign(&holder, algorithm, &world.chain(&holder), payload.as_bytes(), form);
                let answer = judge(&world, &body);
                assert_eq!(answer.verdict, PaymentVerdict::Accepted, "{algorithm:?} {form:?} {:?}", answer.checks);
                assert!(answer.checks.iter().all(|check| check.outcome == Outcome::Passed));
                assert_eq!(answer.payer.unwrap().common_name, "TEST Nguyễn Thị Ưởng");
            }
        }
    }
}

#[test]
fn a_changed_amount_breaks_the_signature() {
    let world = World::new();
    let holder = world.citizen();
    let body = world.sign(&holder, JwsAlgorithm::Es256, order().to_string().as_bytes());
    let other = world.sign(&holder, JwsAlgorithm::Es256, &with("amount", json!(1_500_000)));
    let (header, rest) = body.split_once('.').unwrap();
    let signature = rest.split_once('.').unwrap().1;
    let payload = other.split('.').nth(1).unwrap();
    let answer = judge(&world, &format!("{header}.{payload}.{signature}"));
    assert_refused(&answer, Rejected, "signature_invalid");
    assert_eq!(answer.payer, None);
    let not_reached = |name: &str| answer.checks.iter().find(|check| check.name == name).unwrap().outcome;
    assert_eq!((not_reached("amount"), not_reached("revocation")), (Outcome::NotDone, Outcome::NotDone));
}

/// `QCStatements` with a limit of `amount` × 10^exponent of a currency (EN 319 412-5 §4.3.2).
fn limited(currency: &str, amount: u8, exponent: u8) -> Vec<u8> {
    let mut value = vec![0x13, 3];
    value.extend_from_slice(currency.as_bytes());
    value.extend_from_slice(&[2, 1, amount, 2, 1, exponent]);
    let mut statement = vec![6, 6, 4, 0, 0x8e, 0x46, 1, 2, 0x30, 11];
    statement.extend_from_slice(&value);
    let inner = [&[0x30, statement.len() as u8][..], &statement].concat();
    [&[0x30, inner.len() as u8][..], &inner].concat()
}

#[test]
fn no_payment_goes_beyond_the_certificates_limit() {
    let world = World::new();
    let judged = |statements: &[u8], body: &[u8]| {
        let template = Template { statements: Some(statements), ..Template::default() };
        let holder = world.issuing.holder(&template, p256());
        judge(&world, &world.sign(&holder, JwsAlgorithm::Es256, body))
    };
    // The limit is fifteen times ten thousand đồng, which have no smaller unit.
    let limit = limited("VND", 15, 4);
    assert_eq!(judged(&limit, &with("amount", json!(150_000))).verdict, PaymentVerdict::Accepted);
    assert_refused(&judged(&limit, &with("amount", json!(150_001))), Rejected, "amount_too_large");
    // Fifteen hundred dollars are 150,000 cents; and no payment in đồng is compared with them.
    let dollars = limited("USD", 15, 2);
    let mut order = order();
    order["currency"] = json!("USD");
    for (amount, accepted) in [(150_000, true), (150_001, false)] {
        order["amount"] = json!(amount);
        let verdict = judged(&dollars, order.to_string().as_bytes()).verdict;
        assert_eq!(verdict == PaymentVerdict::Accepted, accepted, "{amount}");
    }
    assert_refused(&judged(&dollars, &with("amount", json!(1))), Rejected, "amount_too_large");
    // Statements that cannot be read may hold a limit.
    assert_refused(&judged(&[0x30, 1], &with("amount", json!(1))), Rejected, "certificate_malformed");
}

#[test]
fn time_counts() {
    let world = World::new();
    let body = world.sign(&world.citizen(), JwsAlgorithm::Es256, order().to_string().as_bytes());
    let at = |seconds| judge_at(&world, body.as_bytes(), Status::Good, NOW.plus_seconds(seconds));
    assert_eq!(at(899).verdict, PaymentVerdict::Accepted);
    assert_refused(&at(900), Rejected, "expired");
    assert_eq!(at(-90).verdict, PaymentVerdict::Accepted, "a clock that runs ahead by the tolerance");
    assert_refused(&at(-91), Rejected, "created_in_future");
    for (name, value, code) in [
        ("expires", "2026-11-22T02:59:30Z", "time_invalid"),
        ("expires", "tomorrow", "time_invalid"),
        ("expires", "2027-11-22T03:00:00Z", "window_too_long"),
    ] {
        let body = world.sign(&world.citizen(), JwsAlgorithm::Es256, &with(name, json!(value)));
        assert_refused(&judge(&world, &body), Rejected, code);
    }
}

#[test]
fn an_order_is_read_strictly() {
    let world = World::new();
    let holder = world.citizen();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (with("amount", json!(0)), "amount_invalid"),
        (with("amount", json!(-5)), "amount_invalid"),
        (with("amount", json!(1.5)), "amount_invalid"),
        (with("amount", json!("150000")), "amount_invalid"),
        (with("amount", json!(9_007_199_254_740_993_u64)), "amount_too_large"),
        (with("currency", json!("vnd")), "currency_invalid"),
        (with("currency", json!("XXX")), "currency_invalid"),
        (with("id", json!("")), "id_invalid"),
        (with("id", json!("a b")), "id_invalid"),
        (with("id", json!("x".repeat(65))), "id_invalid"),
        (with("payee", json!("")), "party_invalid"),
        (with("payee", json!("Ha\u{0300} No\u{0323}i")), "party_invalid"),
        (with("payee", json!("a\u{0}b")), "party_invalid"),
        (with("reference", json!(7)), "order_malformed"),
        (with("discount", json!(1)), "order_malformed"),
        (with("payer", json!("CCCD:001190099999")), "payer_mismatch"),
        (
            order().to_string().replace("\"amount\":150000", "\"amount\":150000,\"amount\":1").into_bytes(),
            "order_duplicate_member",
        ),
        (
            order().to_string().replace("\"amount\":150000", "\"amount\":150000,\"am\\u006funt\":1").into_bytes(),
            "order_duplicate_member",
        ),
        (
            json!(["a", "CCCD:001190012345", "b", 1, "VND", "2026-11-22T02:59:30Z", "2026-11-22T03:15:00Z", "r"])
                .to_string()
                .into_bytes(),
            "amount_invalid",
        ),
        (b"not json".to_vec(), "order_malformed"),
    ];
    for (payload, code) in cases {
        let answer = judge(&world, &world.sign(&holder, JwsAlgorithm::Es256, &payload));
        let shown = String::from_utf8_lossy(&payload);
        assert_eq!(answer.verdict, Rejected, "{shown}");
        assert!(
            code == "amount_invalid" && shown.starts_with('[') || answer.reasons == [code],
            "{shown}: {:?}",
            answer.reasons
        );
    }
}

#[test]
fn the_payer_is_the_certificates_holder() {
    let world = World::new();
    let holder = world.citizen();
    let certificate = Certificate::from_der(&holder.certificate.to_der().unwrap()).unwrap();
    let serial = format!("serial:{}", certificate.serial().unwrap());
    let fingerprint = format!("sha256:{}", hex::encode(certificate.fingerprint()));
    for payer in ["CCCD:001190012345", &serial, &fingerprint] {
        let answer = judge(&world, &world.sign(&holder, JwsAlgorithm::Es256, &with("payer", json!(payer))));
        assert_eq!(answer.verdict, PaymentVerdict::Accepted, "{payer}");
    }
    for payer in ["001190012345", "serial:", "serial:00", "sha256:", "uid:CCCD:001190012345"] {
        let answer = judge(&world, &world.sign(&holder, JwsAlgorithm::Es256, &with("payer", json!(payer))));
        assert_refused(&answer, Rejected, "payer_mismatch");
    }
}

#[test]
fn the_certificate_and_its_status_count() {
    let world = World::new();
    let payload = order().to_string();
    let good = world.sign(&world.citizen(), JwsAlgorithm::Es256, payload.as_bytes());
    let with_status = |status| judge_at(&world, good.as_bytes(), status, NOW);
    assert_refused(&with_status(Status::Revoked { at: NOW.plus_seconds(-1) }), Rejected, "certificate_revoked");
    assert_refused(&with_status(Status::Suspended { at: NOW }), Rejected, "certificate_suspended");
    assert_refused(&with_status(Status::Unknown("no CRL".to_owned())), Indeterminate, "status_unknown");
    assert_eq!(with_status(Status::Revoked { at: NOW.plus_seconds(1) }).verdict, PaymentVerdict::Accepted);

    let of = |template: Template<'_>| {
        let holder = world.issuing.holder(&template, p256());
        judge(&world, &world.sign(&holder, JwsAlgorithm::Es256, payload.as_bytes()))
    };
    assert_refused(&of(Template { days: (-30, -1), ..Template::default() }), Rejected, "certificate_expired");
    assert_refused(&of(Template { days: (1, 30), ..Template::default() }), Rejected, "certificate_not_yet_valid");
    assert_refused(&of(Template { signs: false, ..Template::default() }), Rejected, "key_usage");
    assert_refused(&of(Template { authority: true, ..Template::default() }), Rejected, "key_usage");

    let stranger = World::new();
    let holder = stranger.citizen();
    let alone = SignerReference::Chain(vec![holder.certificate.to_der().unwrap()]);
    assert_refused(
        &judge(&world, &sign(&holder, JwsAlgorithm::Es256, &alone, payload.as_bytes(), Form::Compact)),
        Indeterminate,
        "issuer_unknown",
    );
    let rooted = SignerReference::Chain(vec![
        holder.certificate.to_der().unwrap(),
        stranger.issuing.certificate.to_der().unwrap(),
        stranger.root.certificate.to_der().unwrap(),
    ]);
    let answer = judge(&world, &sign(&holder, JwsAlgorithm::Es256, &rooted, payload.as_bytes(), Form::Compact));
    assert_eq!((answer.verdict, answer.payer), (Rejected, None), "{:?}", answer.checks);
}

#[test]
fn a_certificate_known_by_serial_or_thumbprint_is_asked_for() {
    let world = World::new();
    let holder = world.citizen();
    let certificate = Certificate::from_der(&holder.certificate.to_der().unwrap()).unwrap();
    let mut trust = world.trust();
    trust.intermediates.push(world.issuing.read());
    let verifier = Verifier::new(trust, OrderPolicy::default());
    let serial = certificate.serial().unwrap();
    for (reference, wanted) in [
        (SignerReference::KeyIdentifier(serial.to_string()), Wanted::Serial(serial.clone())),
        (SignerReference::KeyIdentifier(format!("serial:{serial}")), Wanted::Serial(serial)),
        (SignerReference::Thumbprint(*certificate.fingerprint()), Wanted::Fingerprint(*certificate.fingerprint())),
    ] {
        let body = sign(&holder, JwsAlgorithm::Es256, &reference, order().to_string().as_bytes(), Form::Compact);
        assert_eq!(verifier.read(body.as_bytes(), NOW).wanted(), Some(wanted));
        let unknown = judge_with(&verifier, body.as_bytes(), None, Status::Good, NOW);
        assert_refused(&unknown, Indeterminate, "certificate_unknown");
        let known = judge_with(&verifier, body.as_bytes(), Some(&certificate), Status::Good, NOW);
        assert_eq!(known.verdict, PaymentVerdict::Accepted, "{:?}", known.checks);
        // Remembered from now on.
        assert_eq!(verifier.read(body.as_bytes(), NOW).wanted(), None);
        assert_eq!(judge_with(&verifier, body.as_bytes(), None, Status::Good, NOW).verdict, PaymentVerdict::Accepted);
    }
}

#[test]
fn what_is_remembered_does_not_outlive_the_certificate() {
    let world = World::new();
    let body = world.sign(
        &world.issuing.holder(&Template { days: (-1, 0), ..Template::default() }, p256()),
        JwsAlgorithm::Es256,
        order().to_string().as_bytes(),
    );
    let verifier = Verifier::new(world.trust(), OrderPolicy::default());
    let at = |seconds| judge_with(&verifier, body.as_bytes(), None, Status::Good, NOW.plus_seconds(seconds));
    assert_eq!(at(-10).verdict, PaymentVerdict::Accepted);
    assert_refused(&at(10), Rejected, "certificate_expired");
    assert_refused(
        &judge_with(&verifier, body.as_bytes(), None, Status::Revoked { at: NOW }, NOW),
        Rejected,
        "certificate_revoked",
    );
}

#[test]
fn identity_and_digest_follow_the_order_not_its_spelling() {
    let world = World::new();
    let holder = world.citizen();
    let verifier = Verifier::new(world.trust(), OrderPolicy::default());
    let verified = |payload: &[u8]| {
        let body = world.sign(&holder, JwsAlgorithm::Es256, payload);
        let presented = verifier.read(body.as_bytes(), NOW);
        verifier.examine(&presented, None, NOW).conclude(Status::Good).consumable().cloned().unwrap()
    };
    let first = verified(order().to_string().as_bytes());
    let respelled = verified(serde_json::to_string_pretty(&order()).unwrap().replace("VND", "\\u0056ND").as_bytes());
    assert_eq!(first, respelled);
    let other = verified(&with("amount", json!(1)));
    assert_eq!(first.identity_content, other.identity_content);
    assert_ne!(first.digest, other.digest);
    let elsewhere = verified(&with("payee", json!("Sở Tư pháp")));
    assert_ne!(first.identity_content, elsewhere.identity_content);
}

#[test]
fn the_published_schema_states_the_same_bounds() {
    use chuky_pki::payment::limits::*;
    let schema: Value = serde_json::from_str(include_str!("../../../web/schemas/payment-order.json")).unwrap();
    let property = |name: &str, bound: &str| schema["properties"][name][bound].as_u64().unwrap();
    assert_eq!(property("id", "maxLength"), LONGEST_ID as u64);
    assert_eq!(property("payer", "maxLength"), LONGEST_PARTY as u64);
    assert_eq!(property("payee", "maxLength"), LONGEST_PARTY as u64);
    assert_eq!(property("reference", "maxLength"), LONGEST_REFERENCE as u64);
    assert_eq!(property("created", "maxLength"), LONGEST_TIME as u64);
    assert_eq!(property("amount", "maximum"), LARGEST_AMOUNT);
    let named: std::collections::BTreeSet<_> = schema["properties"].as_object().unwrap().keys().collect();
    let example = order();
    assert_eq!(named, example.as_object().unwrap().keys().collect());
}
