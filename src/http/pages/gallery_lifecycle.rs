//! The pages of further kinds of certificates, of changed information and of revocation orders in every state worth looking at. Test code
//! only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    activate::{Holder, OwnKeyPage, OwnKeyReceiptPage, StatusLink},
    certificate::{CertificateContent, Further},
    form::Secret,
    gallery::{AGENCY, LONG_NAME, Screen, frame, refused},
    registration::{ModifyPage, OfficialForm, OfficialPage},
    revocations::{NewOrderPage, OrderCard, OrderForm, OrderPage, OrderRow, OrdersPage},
};
use chuky_model::{
    id::RevocationOrderId,
    request::{Hierarchy, SubjectKind},
    text::{Bilingual, Language},
};

const SERIAL: &str = "4f1d0c9a7be84d55a1b2c3d4e5f60718";

/// The pages.
pub(super) fn screens(language: Language) -> Vec<Screen> {
    [
        kinds(language),
        orders(language),
        super::gallery_lists::screens(language),
        super::gallery_foreign::screens(language),
        super::gallery_personnel::screens(language),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn kinds(language: Language) -> Vec<Screen> {
    let form = |kind: SubjectKind| OfficialForm {
        kind: kind.name().into(),
        full_name: LONG_NAME.into(),
        organization: AGENCY.into(),
        tax_code: "0101234567".into(),
        ..OfficialForm::default()
    };
    let new = |kind, problems| {
        OfficialPage { frame: frame(language, "/registration/new"), form: form(kind), problems }.html()
    };
    let modify = |kind, citizen| {
        let place = frame(language, "/certificates/4f1d0c9a7be84d55a1b2c3d4e5f60718/modify");
        ModifyPage { frame: place, serial: SERIAL.into(), form: form(kind), citizen, problems: Problems::none() }.html()
    };
    let own_key = |problems| OwnKeyPage {
        frame: frame(language, "/activate"),
        code: Secret::new("K7QF-3MPX-9TWH"),
        receipt_key: Secret::new("0199a7c2-1111-7000-8000-00000000abcd"),
        content: content(),
        confirmed: "4f1d0c9a".into(),
        consent: crate::registration::consent::OWN_KEY,
        login: "quynh.uong".into(),
        request: String::new(),
        holder: Holder::New(None),
        shortest_password: 10,
        problems,
    };
    let receipt = OwnKeyReceiptPage {
        frame: frame(language, "/activate"),
        name: "Máy chủ liên thông văn bản 01".into(),
        issuer: "TEST CA cấp chứng thư cho cán bộ".into(),
        serial: SERIAL.into(),
        valid_from: "2026-11-22T02:00:00Z".into(),
        valid_until: "2031-11-22T02:00:00Z".into(),
        certificates: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".repeat(3),
        receipt: format!("/certificates/{SERIAL}/receipt"),
        status: StatusLink::of("https://chuky.hanoi.example", SERIAL),
        notices: vec![Bilingual::new(
            "Tên chủ thể trong yêu cầu không được dùng.",
            "The request's subject is not taken over.",
        )],
    };
    let malformed = refused("request", "Tệp không phải là yêu cầu cấp chứng thư PKCS #10.");
    vec![
        ("registration-seal", new(SubjectKind::Seal, Problems::none())),
        ("registration-device", new(SubjectKind::Device, refused("tax_code", "Mã số thuế có 10 chữ số."))),
        ("registration-provider", new(SubjectKind::PaymentProvider, Problems::none())),
        ("certificate-modify", modify(SubjectKind::Person, false)),
        ("certificate-modify-citizen", modify(SubjectKind::Person, true)),
        ("certificate-modify-device", modify(SubjectKind::Device, false)),
        ("activate-own-key", own_key(malformed).html()),
        ("activate-own-key-receipt", receipt.html()),
    ]
}

fn content() -> CertificateContent {
    CertificateContent {
        hierarchy: Hierarchy::Officials,
        common_name: "Máy chủ liên thông văn bản 01".into(),
        personal_number: String::new(),
        birth_date: String::new(),
        title: String::new(),
        organization: AGENCY.into(),
        organizational_unit: String::new(),
        locality: "Phường Hoàn Kiếm".into(),
        province: "Hà Nội".into(),
        algorithm: String::new(),
        valid_days: 1_825,
        issuer: "TEST CA cấp chứng thư cho cán bộ".into(),
        further: Further {
            kind: SubjectKind::Device,
            responsible: LONG_NAME.into(),
            tax_code: "0101234567".into(),
            device_serial: "SN-2026-0001".into(),
            replaces: true,
        },
    }
}

fn orders(language: Language) -> Vec<Screen> {
    let card = |state: &'static str, decidable| OrderCard {
        order: RevocationOrderId("0199a7c2-4444-7000-8000-00000000abcd".parse().unwrap()),
        state,
        reason: "key_compromise".into(),
        ground: "key_exposed".into(),
        invalid_since: Some("2026-11-20T02:00:00Z".into()),
        content_digest: "00ff".into(),
        size: 1_240,
        done: if state == "entered" { 0 } else { 310 },
        entered_by: "Nguyễn Thị Hồng Nhung".into(),
        entered_at: "2026-11-22T02:00:00Z".into(),
        due_at: "2026-11-23T02:00:00Z".into(),
        decided: (state != "entered").then(|| ("Trần Văn Đức".into(), "2026-11-22T03:00:00Z".into())),
        rejection: (state == "rejected").then(|| "Nhầm lô thiết bị.".into()),
        finished_at: (state == "done").then(|| "2026-11-22T03:05:00Z".into()),
        decidable,
    };
    let row = |outcome: &str, left_out| OrderRow {
        serial: SERIAL.into(),
        name: LONG_NAME.into(),
        outcome: outcome.into(),
        left_out,
    };
    let rows = vec![row("Sẽ thu hồi", false), row("Chứng thư số không ở trạng thái cho phép việc này.", true)];
    let list = |orders: Vec<OrderCard>| {
        OrdersPage { frame: frame(language, "/revocations"), orders, next: None, may_enter: true }.html()
    };
    let new = |shown, problems| {
        let form = OrderForm { unit: "H26".into(), hierarchy: "officials".into(), ..OrderForm::default() };
        NewOrderPage { frame: frame(language, "/revocations/new"), form, shown, problems }.html()
    };
    let one = |card, problems| {
        OrderPage {
            frame: frame(language, "/revocations"),
            card,
            rows: rows.clone(),
            has_form: true,
            next: None,
            problems,
        }
        .html()
    };
    vec![
        ("revocations", list(vec![card("entered", true), card("approved", false), card("rejected", false)])),
        ("revocations-empty", list(Vec::new())),
        ("revocation-new", new(None, refused("unit", "Hãy dán danh sách, hoặc ghi mã đơn vị."))),
        ("revocation-shown", new(Some((rows.clone(), 1)), Problems::none())),
        ("revocation-decide", one(card("entered", true), refused("reason", "Hãy ghi lý do từ chối."))),
        ("revocation-waits", one(card("entered", false), Problems::none())),
        ("revocation-running", one(card("approved", false), Problems::none())),
        ("revocation-done", one(card("done", false), Problems::none())),
    ]
}
