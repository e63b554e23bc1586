//! The pages of the booth in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems, booth,
    booth_queue::{DeskPage, QueuePage},
    certificate::card_rows,
    gallery::{LONG_NAME, Screen, at, code, frame, request},
};
use crate::{
    config::SecondCertificateRule,
    registration::{
        admission::{EarlierCertificate, EarlierCertificates},
        numbers::Numbers,
    },
};
use chuky_model::{
    card::{Card, CardNotice},
    instant::Instant,
    record::{booth::BoothCall, state::CertificateState},
    request::RequestState,
    text::Language,
};

pub(super) const TODAY: time::Date = time::macros::date!(2026 - 11 - 26);
pub(super) const CARD: &str = "001190012345||Công Tằng Tôn Nữ Nguyễn Phước Thị Hoàng Quỳnh Ưởng|05031990|Nữ|Số 1 ngõ 102 Tràng Tiền, phường Hoàn Kiếm, Hà Nội|01012022";

fn booth_page(language: Language, step: booth::BoothStep, full: bool) -> String {
    let row = |name: &str, state, entered: &str| booth::QueueRow {
        request: request(),
        name: name.into(),
        state,
        entered: at(entered),
    };
    let queue = vec![
        row(LONG_NAME, RequestState::Submitted, "2026-11-22T02:58:00Z"),
        row("Trần Văn Đức", RequestState::Approved, "2026-11-22T03:01:00Z"),
        row("Lê Thị Bích", RequestState::Issuing, "2026-11-22T03:04:00Z"),
    ];
    booth::BoothPage {
        frame: frame(language, "/booth"),
        issued_today: if full { 1_104 } else { 0 },
        entered_today: if full { 1_107 } else { 0 },
        queue: if full { queue } else { Vec::new() },
        step,
    }
    .html()
}

pub(super) fn screens(language: Language) -> Vec<Screen> {
    use booth::{ApprovalStep, BoothStep, CardForm, CodeStep, CompareStep, ConfirmForm, EndStep, EnterStep};
    let named =
        |opened, code| BoothStep::Code(Box::new(CodeStep { request: request(), name: LONG_NAME.into(), code, opened }));
    let end = |state, reason: Option<&str>, serial: Option<&str>| {
        BoothStep::End(EndStep {
            name: LONG_NAME.into(),
            state,
            serial: serial.map(Into::into),
            reason: reason.map(Into::into),
        })
    };
    let typed = CardForm {
        full_name: LONG_NAME.into(),
        personal_number: "00119001234".into(),
        birth_date: "5/3/1990".into(),
        sex: "Nữ".into(),
        address: "Hà Nội".into(),
        ..CardForm::default()
    };
    let problems = typed.problems(&Card::parse(&typed.as_card_text(), TODAY).unwrap_err());
    let compare = CompareStep {
        rows: card_rows(&Card::parse(CARD, TODAY).unwrap(), &frame(language, "/booth")),
        notices: vec![CardNotice::FurtherFields, CardNotice::UnknownProvince],
        earlier: earlier(SecondCertificateRule::Warn),
        form: ConfirmForm {
            card_text: CARD.into(),
            province: "Hà Nội".into(),
            locality: "Phường Hoàn Kiếm".into(),
            ..ConfirmForm::default()
        },
        problems: Problems::none(),
    };
    let refused = CompareStep { earlier: earlier(SecondCertificateRule::Refuse), ..compare.clone() };
    let unchecked =
        CompareStep { problems: Problems::one("face_compared", "problem-compare-first"), ..compare.clone() };
    let mut screens = vec![
        ("booth-enter", booth_page(language, BoothStep::Enter(Box::default()), false)),
        (
            "booth-enter-problem",
            booth_page(language, BoothStep::Enter(Box::new(EnterStep { form: typed, problems })), true),
        ),
        ("booth-compare-refused", booth_page(language, BoothStep::Compare(Box::new(refused)), true)),
        ("booth-compare", booth_page(language, BoothStep::Compare(Box::new(compare)), true)),
        ("booth-compare-problem", booth_page(language, BoothStep::Compare(Box::new(unchecked)), true)),
        (
            "booth-approval",
            booth_page(
                language,
                BoothStep::Approval(ApprovalStep { request: request(), name: LONG_NAME.into() }),
                true,
            ),
        ),
        ("booth-code", booth_page(language, named(false, Some(code())), true)),
        ("booth-code-shown", booth_page(language, named(false, None), true)),
        ("booth-opened", booth_page(language, named(true, None), true)),
        ("booth-issued", booth_page(language, end(RequestState::Issued, None, Some("4f1d0c9a7be84d55")), true)),
        ("booth-rejected", booth_page(language, end(RequestState::Rejected, Some("Ảnh không khớp"), None), true)),
        ("booth-expired", booth_page(language, end(RequestState::Expired, None, None), true)),
    ];
    screens.extend(of_numbers(language));
    screens
}

/// Numbers at the desk and in the waiting room.
fn of_numbers(language: Language) -> Vec<Screen> {
    let calls = [(112, 4), (111, 1), (110, 12), (109, 2), (108, 4), (107, 3)].map(|(number, desk)| BoothCall {
        number,
        desk,
        called_at: Instant::from_unix_seconds(1_790_000_000),
    });
    let numbers = |full: bool| Numbers {
        unit: "00070".into(),
        name: "Phường Hoàn Kiếm".into(),
        given: if full { 1_127 } else { 0 },
        called: if full { 112 } else { 0 },
        calls: if full { calls.to_vec() } else { Vec::new() },
    };
    let screen = |full| QueuePage { frame: frame(language, "/booth/queue"), numbers: numbers(full) }.html();
    let desk = |given, called, problems| {
        let frame = frame(language, "/booth/queue/desk");
        let numbers = numbers(given != called);
        DeskPage { frame, numbers, given, called, nobody: given == called, desk: "4".into(), problems }.html()
    };
    vec![
        ("waiting-room", screen(true)),
        ("waiting-room-empty", screen(false)),
        ("booth-desk-given", desk(Some(1_127), None, Problems::none())),
        ("booth-desk-called", desk(None, Some(112), Problems::none())),
        ("booth-desk-nobody", desk(None, None, Problems::one("desk", "problem-compare-first"))),
    ]
}

/// One in force, one that was revoked, and one of another unit.
fn earlier(rule: SecondCertificateRule) -> EarlierCertificates {
    let one = |serial: &str, state, is_in_force| EarlierCertificate {
        serial: serial.into(),
        state,
        not_after: Instant::from_unix_seconds(1_900_000_000),
        is_in_force,
    };
    let own = vec![one("…5f3a", CertificateState::Issued, true), one("…90c1", CertificateState::Revoked, false)];
    EarlierCertificates { own, elsewhere: 1, rule }
}
