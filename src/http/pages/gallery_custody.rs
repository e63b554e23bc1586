//! The pages around a subscriber's own keys in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    certificate::CodeCard,
    certificate_status::CertificateStatusPage,
    certificates::{Card, CertificatesPage, HotlineForm, HotlinePage, SuspendPage, Waiting},
    credentials::{CredentialCard, CredentialsPage, Done, PinPage},
    gallery::{AGENCY, LONG_NAME, Screen, at, frame, refused, stranger},
    messages::{MessagesPage, ShownMessage},
    picture::PicturePage,
    unlocks::{AskForm, UnlockCard, UnlocksPage},
};
use crate::{issuance::PublicStatus, oauth::GrantView};
use chuky_model::{
    id::{CredentialId, RequestId, UnlockId},
    instant::Instant,
    record::state::{CertificateState, CredentialState},
    request::RequestState,
    text::Language,
};
use chuky_pki::{crl::Reason, ocsp::Status};

fn card(state: CredentialState, certificate: CertificateState, unlocks_left: u32) -> CredentialCard {
    CredentialCard {
        credential: CredentialId("0199a7c2-2222-7000-8000-00000000abcd".parse().unwrap()),
        holder: LONG_NAME.into(),
        organization: if state == CredentialState::Active { AGENCY.into() } else { String::new() },
        serial: "4f1d0c9a7be84d55a1b2c3d4e5f60718".into(),
        issuer: "TEST CA cấp chứng thư cho công dân".into(),
        valid_until: at("2029-11-22T02:00:00Z"),
        state,
        certificate_state: certificate,
        tries_left: 3,
        unlocks_left,
        may_keep_picture: true,
    }
}

/// The picture that is kept with a credential, and none.
fn picture_page(language: Language, is_kept: bool, problems: Problems) -> String {
    PicturePage {
        frame: frame(language, "/credentials/0199a7c2-2222-7000-8000-00000000abcd/picture"),
        credential: CredentialId("0199a7c2-2222-7000-8000-00000000abcd".parse().unwrap()),
        holder: format!("{LONG_NAME}, {AGENCY}"),
        is_kept,
        problems,
    }
    .html()
}

pub(super) fn screens(language: Language) -> Vec<Screen> {
    use CertificateState::{Issued, Revoked};
    use CredentialState::{Active, Closed, Locked};
    let page = |credentials: Vec<CredentialCard>, grants: Vec<GrantView>, done| {
        CredentialsPage { frame: frame(language, "/credentials"), credentials, grants, done }.html()
    };
    let list = |credentials: Vec<CredentialCard>, done| page(credentials, Vec::new(), done);
    let grant = |name: &str, service, signatures| GrantView {
        client_id: "0199a7c2-4444-7000-8000-00000000abcd".into(),
        name: name.into(),
        service,
        signatures,
        since: "2026-11-22T02:05:09Z".into(),
        until: "2026-11-22T03:05:09Z".into(),
    };
    let grants =
        vec![grant("Hệ thống quản lý văn bản và điều hành thành phố Hà Nội", true, 0), grant("Một cửa", false, 12)];
    let pin = |problems| {
        PinPage {
            frame: frame(language, "/credentials/0199a7c2-2222-7000-8000-00000000abcd/pin"),
            card: card(Active, Issued, 2),
            idempotency_key: "1f0c".into(),
            shortest_pin: 8,
            problems,
        }
        .html()
    };
    let wrong = refused("old_pin", "Mã PIN không đúng. Còn 2 lần thử trước khi bị khóa.");
    let mut screens = unlock_screens(language);
    screens.extend(certificate_screens(language));
    screens.extend([
        ("credentials", list(vec![card(Active, Issued, 2), card(Locked, Issued, 1)], None)),
        ("picture", picture_page(language, true, Problems::none())),
        (
            "picture-refused",
            picture_page(
                language,
                false,
                refused("picture", "Hình này không có nền trong suốt nên sẽ che chữ bên dưới."),
            ),
        ),
        ("credentials-changed", list(vec![card(Active, Issued, 2)], Some(Done::PinChanged))),
        ("credentials-over", list(vec![card(Locked, Issued, 0), card(Closed, Revoked, 2)], None)),
        ("credentials-none", list(Vec::new(), None)),
        ("credentials-grants", page(vec![card(Active, Issued, 2)], grants, None)),
        ("credentials-grant-ended", list(vec![card(Active, Issued, 2)], Some(Done::GrantEnded))),
        ("pin", pin(Problems::none())),
        ("pin-wrong", pin(wrong)),
        ("pin-differs", pin(Problems::one("new_pin_again", "problem-pin-differs"))),
    ]);
    screens
}

fn certificate_screens(language: Language) -> Vec<Screen> {
    use CertificateState::{Issued, Revoked, Suspended};
    let card = |state, expired| Card {
        serial: "4f1d0c9a7be84d55a1b2c3d4e5f60718".into(),
        holder: LONG_NAME.into(),
        issuer: "TEST CA cấp chứng thư cho công dân".into(),
        state,
        not_before: "2026-11-22T02:00:00Z".into(),
        not_after: "2029-11-22T02:00:00Z".into(),
        revoked_at: (state != Issued).then(|| "2026-12-01T02:00:00Z".to_owned()),
        expired,
        renewable: !expired,
        untold: !expired && state == Issued,
        issuer_revoked: false,
    };
    let page = |cards: Vec<Card>, waiting: Vec<Waiting>, done: &str, problems| {
        CertificatesPage {
            frame: frame(language, "/certificates"),
            cards,
            foreign: Vec::new(),
            waiting,
            done: done.into(),
            problems,
        }
        .html()
    };
    let list = |cards: Vec<Card>, done: &str, problems| page(cards, Vec::new(), done, problems);
    let one = |state, code| Waiting { request: RequestId(uuid::Uuid::nil()), name: LONG_NAME.into(), state, code };
    let made = CodeCard::new("K7QF-3MPX-9TWH", "https://chuky.hanoi.example/activate", at("2026-11-22T04:05:00Z"));
    let waiting = vec![
        one(RequestState::Submitted, None),
        one(RequestState::Approved, None),
        one(RequestState::Approved, Some(made)),
    ];
    let hotline = |cards: Vec<Card>, done, problems| {
        let form = HotlineForm { whom: "001190012345".into(), ..HotlineForm::default() };
        HotlinePage { frame: frame(language, "/hotline"), form, cards, done, problems }.html()
    };
    let early = refused("", "Chưa đến kỳ gia hạn: chỉ nhận đề nghị trong 90 ngày trước khi chứng thư hết hạn.");
    let address = "/certificates/4f1d0c9a7be84d55a1b2c3d4e5f60718/suspend";
    let suspend =
        SuspendPage { frame: frame(language, address), card: card(Issued, false), problems: Problems::none() };
    let unknown = refused("whom", "Không tìm thấy chứng thư còn hiệu lực theo số này.");
    let not_asked = refused("asked", "Hãy xác minh người gọi bằng ít nhất 2 câu hỏi trước khi tạm dừng.");
    let all = vec![card(Issued, false), card(Suspended, false), card(Revoked, false), card(Issued, true)];
    vec![
        ("certificates", list(all, "", Problems::none())),
        ("certificates-suspended", list(vec![card(Suspended, false)], "suspended", Problems::none())),
        ("certificates-early", list(vec![card(Issued, false)], "", early)),
        ("certificates-waiting", page(vec![card(Issued, false)], waiting, "", Problems::none())),
        ("certificates-none", list(Vec::new(), "", Problems::none())),
        ("certificate-suspend", suspend.html()),
        ("hotline", hotline(Vec::new(), false, Problems::none())),
        ("hotline-unknown", hotline(Vec::new(), false, unknown)),
        ("hotline-found", hotline(vec![card(Issued, false), card(Suspended, false)], false, not_asked)),
        ("hotline-done", hotline(Vec::new(), true, Problems::none())),
        ("messages", messages(language)),
        ("certificate-status-good", standing(language, Status::Good, None)),
        ("certificate-status-suspended", standing(language, gone(Reason::CertificateHold), None)),
        ("certificate-status-revoked", standing(language, gone(Reason::KeyCompromise), None)),
        ("certificate-status-issuer-revoked", standing(language, Status::Good, Some(at("2026-12-02T02:03:04Z")))),
    ]
}

fn messages(language: Language) -> String {
    let message = |to: &str, text: &str| ShownMessage {
        to: to.into(),
        text: text.into(),
        at: "22/11/2026 10:05:09 (+07:00)".into(),
    };
    let messages = vec![
        message(
            "0912345678",
            "Ma xac nhan kich hoat chung thu so: 1234 5678. Khong doc ma nay cho bat ky ai, ke ca can bo.",
        ),
        message(
            "0987654321",
            "Ma kich hoat chu ky so cua ban: K7QF-3MPX-9TWH. Mo https://chuky.hanoi.example/activate truoc ngay 25/11/2026. Khong dua ma cho ai.",
        ),
    ];
    MessagesPage { frame: stranger(language, "/messages"), messages }.html()
}

fn gone(reason: Reason) -> Status {
    Status::Revoked { at: at("2026-12-01T02:03:04Z"), reason }
}

fn standing(language: Language, status: Status, issuer_revoked: Option<Instant>) -> String {
    let told = PublicStatus {
        serial: "4f1d0c9a7be84d55a1b2c3d4e5f60718".into(),
        issuer: "TEST CA cấp chứng thư công cộng".into(),
        not_before: at("2026-11-22T03:10:00Z"),
        not_after: at("2029-11-21T03:10:00Z"),
        status,
        issuer_revoked,
    };
    let frame = stranger(language, "/c/4f1d0c9a7be84d55a1b2c3d4e5f60718");
    CertificateStatusPage { frame, told, now: at("2026-12-03T04:05:00Z") }.html()
}

fn unlock_screens(language: Language) -> Vec<Screen> {
    let unlock = |decidable| UnlockCard {
        content_digest: "00ff".to_owned(),
        unlock: UnlockId("0199a7c2-3333-7000-8000-00000000abcd".parse().unwrap()),
        holder: LONG_NAME.into(),
        organization: if decidable { AGENCY.into() } else { String::new() },
        personal_number: "001•••••2345".into(),
        serial: "4f1d0c9a7be84d55a1b2c3d4e5f60718".into(),
        number: 1,
        reason: "Đối chiếu thẻ căn cước bản gốc và khuôn mặt tại quầy số 3.".into(),
        asked_at: "2026-11-22T02:05:09Z".into(),
        asked_by: "Trần Văn Đức".into(),
        decidable,
    };
    let page = |unlocks: Vec<UnlockCard>, done: &str, problems| {
        let form = AskForm { whom: "001190012345".into(), ..AskForm::default() };
        let frame = frame(language, "/unlocks");
        UnlocksPage { frame, unlocks, next: None, may_ask: true, form, done: done.into(), problems }.html()
    };
    let unknown = refused("whom", "Không tìm thấy chữ ký nào theo số này.");
    vec![
        ("unlocks", page(vec![unlock(true), unlock(false)], "", Problems::none())),
        ("unlocks-asked", page(vec![unlock(false)], "asked", Problems::none())),
        ("unlocks-empty", page(Vec::new(), "", unknown)),
    ]
}
