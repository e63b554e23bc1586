//! Every page in every state worth looking at, with long names, empty, full and with errors. Tests read them; they are
//! also written to `target/screens` so that they can be looked at in a browser. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Frame, Problems, activate, booth,
    certificate::{self, CertificateContent, CodeCard},
    form::Secret,
    gallery_booth::{CARD, TODAY},
    home, kept, login, refusal, registration,
    verdict::{ReportLinks, VerdictCard},
    verify,
};
use crate::{
    identity::{Field, Finding, Outcome},
    registration::IdentityView,
    verification::{Judged, Kept},
};
use axum::http::StatusCode;
use chuky_model::{
    card::{Card, CardError},
    id::RequestId,
    instant::Instant,
    person::Sex,
    report::{
        Change, Check, DocumentFormat, Indication, Integrity, Report, SignatureReport, Signer, SubIndication,
        TimestampReport,
    },
    request::{Hierarchy, RequestState},
    text::{Bilingual, Language},
};

pub(super) const LONG_NAME: &str = "Công Tằng Tôn Nữ Nguyễn Phước Thị Hoàng Quỳnh Ưởng";
pub(super) const AGENCY: &str = "Ủy ban nhân dân phường Văn Miếu - Quốc Tử Giám, thành phố Hà Nội";

/// A page in one state: its name and its HTML.
pub(super) type Screen = (&'static str, String);

pub(super) fn at(text: &str) -> Instant {
    Instant::parse_rfc3339(text).unwrap()
}

pub(super) fn frame(language: Language, path: &str) -> Frame {
    Frame::new(language, path).with_csrf("form-token").with_visitor("Nguyễn Thị Hồng Nhung")
}

pub(super) fn stranger(language: Language, path: &str) -> Frame {
    Frame::new(language, path).with_csrf("form-token")
}

pub(super) fn request() -> RequestId {
    RequestId("0199a7c2-1111-7000-8000-00000000abcd".parse().unwrap())
}

/// What a flow refused, in its own words.
pub(super) fn refused(field: &'static str, sentence: &str) -> Problems {
    Problems::said(Some(field), Bilingual::new(sentence, sentence))
}

pub(super) fn code() -> CodeCard {
    CodeCard::new("K7QF-3MPX-9TWH", "https://chuky.hanoi.example/activate", at("2026-11-22T04:05:00Z"))
}

fn signature(name: &str, verdict: (Indication, Integrity, Option<SubIndication>)) -> SignatureReport {
    SignatureReport {
        id: "Signature1".into(),
        format: "PAdES-BASELINE-LT".into(),
        integrity: verdict.1,
        indication: verdict.0,
        sub_indication: verdict.2,
        signer: Some(Signer {
            common_name: name.into(),
            organization: AGENCY.into(),
            issuer: "TEST CA cấp chứng thư cho cán bộ, công chức".into(),
            serial: "4f1d0c9a7be84d55a1b2c3d4e5f60718".into(),
            not_before: "2026-01-01T00:00:00Z".into(),
            not_after: "2029-01-01T00:00:00Z".into(),
        }),
        claimed_signing_time: Some("2026-11-22T02:05:09Z".into()),
        best_signature_time: Some("2026-11-22T02:05:11Z".into()),
        covers: "revision 2 of 3".into(),
        changes_after: vec![Change {
            kind: "long_term_data".into(),
            permitted: true,
            page: None,
            detail: "a DSS dictionary was added".into(),
        }],
        checks: vec![
            Check::passed("byte_range"),
            Check::passed("signature_value"),
            Check::not_done("revocation", "no revocation data and no network access"),
        ],
    }
}

fn report(indication: Indication, integrity: Integrity, message: Bilingual, next_step: Bilingual) -> Report {
    Report {
        file: "Quyết định số 15-QĐ-UBND về việc công bố danh mục thủ tục hành chính (bản ký).pdf".into(),
        sha256: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()),
        format: DocumentFormat::PAdES,
        integrity,
        indication,
        sub_indication: None,
        message,
        next_step,
        signatures: Vec::new(),
        timestamps: Vec::new(),
        policy: None,
        trust: None,
        checks: vec![Check::passed("second_reader")],
    }
}

pub(super) fn reports() -> [(&'static str, Report); 4] {
    let mut valid = report(
        Indication::TotalPassed,
        Integrity::Intact,
        Bilingual::new(
            format!("Văn bản này do {LONG_NAME} ký lúc 09:05:11 ngày 22/11/2026 và không thay đổi từ đó."),
            format!("{LONG_NAME} signed this document at 09:05:11 on 22/11/2026, and it has not changed since."),
        ),
        Bilingual::new("Có thể dùng văn bản này.", "The document can be relied on."),
    );
    valid.signatures = vec![
        signature(LONG_NAME, (Indication::TotalPassed, Integrity::Intact, None)),
        signature("Trần Văn Đức", (Indication::TotalPassed, Integrity::Intact, None)),
    ];
    valid.timestamps = vec![TimestampReport {
        time: "2026-11-22T02:05:11Z".into(),
        authority: "TEST Dấu thời gian".into(),
        indication: Indication::TotalPassed,
        sub_indication: None,
        checks: vec![Check::passed("imprint")],
    }];
    let mut altered = report(
        Indication::TotalFailed,
        Integrity::Altered,
        Bilingual::new(
            "Trang 3 của văn bản đã bị thay đổi sau khi ký, người ký không cho phép.",
            "Page 3 was changed after signing, which the signer does not permit.",
        ),
        Bilingual::new(
            "Đừng dùng văn bản này; hãy xin lại bản gốc từ người ký.",
            "Do not rely on it; ask the signer for the original.",
        ),
    );
    let mut changed =
        signature(LONG_NAME, (Indication::TotalFailed, Integrity::Altered, Some(SubIndication::HashFailure)));
    changed.changes_after = vec![Change {
        kind: "page_content".into(),
        permitted: false,
        page: Some(3),
        detail: "object 12 0: content stream replaced".into(),
    }];
    changed.checks.push(Check::failed("changes", "one change is not permitted"));
    altered.signatures = vec![changed];
    let mut open = report(
        Indication::Indeterminate,
        Integrity::Intact,
        Bilingual::new(
            "Nội dung không thay đổi từ khi ký, nhưng chưa biết người cấp chứng thư có đáng tin không.",
            "The content is unchanged since signing, but whether the issuer can be trusted is not known.",
        ),
        Bilingual::new("Hãy hỏi người ký xem chứng thư do ai cấp.", "Ask the signer who issued the certificate."),
    );
    open.sub_indication = Some(SubIndication::NoCertificateChainFound);
    let mut unproven = signature(
        "Lê Thị Bích",
        (Indication::Indeterminate, Integrity::Intact, Some(SubIndication::NoCertificateChainFound)),
    );
    unproven.best_signature_time = None;
    open.signatures = vec![unproven];
    let none = report(
        Indication::NoSignatureFound,
        Integrity::None,
        Bilingual::new(
            "Tệp này không có chữ ký số; trên trang 1 chỉ có hình ảnh của một chữ ký.",
            "The file has no digital signature; page 1 only has a picture of one.",
        ),
        Bilingual::new("Hãy xin người gửi bản đã ký số.", "Ask the sender for the digitally signed file."),
    );
    [("valid", valid), ("altered", altered), ("undetermined", open), ("unsigned", none)]
}

fn verify_page(language: Language, cards: Vec<VerdictCard>, problems: Problems) -> String {
    let frame = stranger(language, "/verify");
    verify::VerifyPage::of(frame, cards, problems).html()
}

fn kept_page(language: Language, same: Option<bool>) -> String {
    let (_, report) = reports().into_iter().next().unwrap();
    let (created_at, expires_at) = (at("2026-11-22T03:05:09Z"), at("2027-02-20T03:05:09Z"));
    let kept = Kept { judged: Judged { report, at: created_at }, created_at, expires_at };
    let frame = stranger(language, "/v/k7m2q9x4t8w3n6p1r5v0c8d2fz");
    let compared = same.map(|is_same| kept::Comparison { is_same, file: "Đơn.pdf".into(), sha256: "ab".repeat(32) });
    kept::KeptPage { comparison: compared, ..kept::KeptPage::of(frame, &kept, "https://chuky.example") }.html()
}

fn public_screens(language: Language) -> Vec<Screen> {
    let card = |report: &Report| {
        let card = VerdictCard::of(report, &stranger(language, "/verify"), ReportLinks::default());
        card.with_handed("AbC-_9".repeat(20))
    };
    let mut screens = vec![
        ("home", home::HomePage { frame: stranger(language, "/") }.html()),
        ("agency", home::AgencyPage { frame: frame(language, "/agency") }.html()),
        ("verify", verify_page(language, Vec::new(), Problems::none())),
        ("verify-problem", verify_page(language, Vec::new(), Problems::one("document", "problem-file-missing"))),
        ("login", login_page(language, Problems::none())),
        (
            "login-problem",
            login_page(
                language,
                refused("", "Tên đăng nhập hoặc mật khẩu không đúng. Hãy kiểm tra phím Caps Lock và bộ gõ tiếng Việt."),
            ),
        ),
    ];
    for ((_, report), name) in
        reports().iter().zip(["verdict-valid", "verdict-altered", "verdict-open", "verdict-none"])
    {
        screens.push((name, verify_page(language, vec![card(report)], Problems::none())));
    }
    screens.push(("kept", kept_page(language, None)));
    screens.push(("kept-same", kept_page(language, Some(true))));
    screens.push(("kept-other", kept_page(language, Some(false))));
    let statuses = [400, 401, 403, 404, 409, 413, 429, 500, 503];
    let names = ["r-400", "r-401", "r-403", "r-404", "r-409", "r-413", "r-429", "r-500", "r-503"];
    for (status, name) in statuses.into_iter().zip(names) {
        let page = refusal::RefusalPage {
            frame: stranger(language, "/nowhere"),
            status: StatusCode::from_u16(status).unwrap(),
            said: None,
            request_id: Some("0199a7c2-7b5e-7000-9000-0123456789ab".into()),
        };
        screens.push((name, page.html()));
    }
    screens
}

fn login_page(language: Language, problems: Problems) -> String {
    let login = if problems.is_empty() { String::new() } else { "nhung.nguyen".to_owned() };
    login::LoginPage { frame: stranger(language, "/login"), login, next: "/sign".into(), problems }.html()
}

fn content(hierarchy: Hierarchy) -> CertificateContent {
    let official = hierarchy == Hierarchy::Officials;
    let only_official = |text: &str| if official { text.to_owned() } else { String::new() };
    CertificateContent {
        hierarchy,
        common_name: LONG_NAME.into(),
        personal_number: certificate::grouped_number(&Card::parse(CARD, TODAY).unwrap().number),
        birth_date: "05/03/1990".into(),
        title: only_official("Phó Chủ tịch Thường trực"),
        organization: only_official(AGENCY),
        organizational_unit: only_official("Văn phòng Hội đồng nhân dân và Ủy ban nhân dân"),
        locality: "Phường Hoàn Kiếm".into(),
        province: "Hà Nội".into(),
        algorithm: "ECDSA P-256".into(),
        valid_days: 1_095,
        issuer: "TEST CA cấp chứng thư công cộng".into(),
        further: Default::default(),
    }
}

/// A check that failed, entered all the same.
fn differing() -> IdentityView {
    IdentityView {
        outcome: Outcome::Failed,
        finding: Finding::Differs,
        fields: vec![Field::Name, Field::BirthDate],
        at: "2026-11-22T02:58:00Z".into(),
        ground: "Thẻ mới cấp sau khi cải chính hộ tịch; đã xem quyết định cải chính.".into(),
    }
}

fn registration_screens(language: Language) -> Vec<Screen> {
    use registration::{Decision, OfficialForm, OfficialPage, RegistrationPage, RequestPage, RequestRow};
    let place = |path: &str| frame(language, path);
    let list = |rows: Vec<RequestRow>, filter| RegistrationPage {
        frame: place("/registration"),
        filter,
        rows,
        next: Some("/registration?after=abc".into()),
        may_enter: true,
    };
    let rows = RequestState::ALL
        .map(|state| RequestRow {
            request: request(),
            name: LONG_NAME.into(),
            place: AGENCY.into(),
            state,
            entered_by: "Nguyễn Thị Hồng Nhung".into(),
            entered: at("2026-11-22T02:58:00Z"),
            decidable: state == RequestState::Submitted,
        })
        .to_vec();
    let one = |decision, state, code: Option<CodeCard>| {
        let decided =
            (state != RequestState::Submitted).then(|| ("Trần Văn Đức".to_owned(), at("2026-11-22T03:08:00Z")));
        RequestPage {
            frame: place("/registration"),
            request: request(),
            state,
            content: CertificateContent { birth_date: String::new(), ..content(Hierarchy::Officials) },
            content_digest: "00ff".into(),
            papers: (decision == Decision::Offered).then(|| registration::Papers {
                full_name: LONG_NAME.into(),
                personal_number: "001 190 012 345".into(),
                birth_date: "05/03/1990".into(),
                sex: Sex::Female,
                phone: "0912345678".into(),
            }),
            contact: "•••• 678".into(),
            identity: Some(differing()),
            entered_by: "Nguyễn Thị Hồng Nhung".into(),
            entered: at("2026-11-22T02:58:00Z"),
            decided,
            rejection: (state == RequestState::Rejected).then(|| "Chức vụ không khớp quyết định bổ nhiệm.".to_owned()),
            decision,
            may_make_code: state == RequestState::Approved,
            has_form: matches!(decision, Decision::Offered | Decision::OwnEntry),
            modifiable: None,
            code,
            problems: Problems::none(),
        }
    };
    let form = OfficialForm { full_name: LONG_NAME.into(), phone: "sai".into(), ..OfficialForm::default() };
    let problems = booth::CardForm::default().problems(&[CardError::BirthDateForm, CardError::NumberLength]);
    let refused = RequestPage {
        problems: refused("reason", "Hãy ghi lý do từ chối, tối đa 500 ký tự."),
        ..one(Decision::Offered, RequestState::Submitted, None)
    };
    vec![
        ("registration-empty", list(Vec::new(), None).html()),
        ("registration-list", list(rows, Some(RequestState::Submitted)).html()),
        ("registration-new", OfficialPage { frame: place("/registration/new"), form, problems }.html()),
        ("registration-decide", one(Decision::Offered, RequestState::Submitted, None).html()),
        ("registration-reason", refused.html()),
        ("registration-own", one(Decision::OwnEntry, RequestState::Submitted, None).html()),
        ("registration-wait", one(Decision::NotApprover, RequestState::Submitted, None).html()),
        ("registration-approved", one(Decision::Made, RequestState::Approved, Some(code())).html()),
        ("registration-rejected", one(Decision::Made, RequestState::Rejected, None).html()),
    ]
}

fn subscriber_screens(language: Language) -> Vec<Screen> {
    let consent = |holder, problems| activate::ConsentPage {
        receipt_key: Secret::new("0199a7c2-1111-7000-8000-00000000abcd"),
        frame: stranger(language, "/activate"),
        code: Secret::new("K7QF-3MPX-9TWH"),
        content: content(Hierarchy::Citizens),
        confirmed: "4f1d0c9a".into(),
        consent: crate::registration::consent::KEPT_HERE,
        login: "quynh.uong".into(),
        holder,
        shortest_pin: 8,
        shortest_password: 10,
        problems,
    };
    let wrong = refused("pin", "Mã PIN này quá dễ đoán. Hãy chọn mã khác, ví dụ ghép vài từ không liên quan.")
        .and("pin_again", "problem-pin-differs")
        .and("consent", "problem-consent-missing");
    let receipt = activate::ReceiptPage {
        frame: stranger(language, "/activate"),
        name: LONG_NAME.into(),
        issuer: "TEST CA cấp chứng thư công cộng".into(),
        serial: "4f1d0c9a7be84d55a1b2c3d4e5f60718".into(),
        valid_from: at("2026-11-22T03:10:00Z"),
        valid_until: at("2029-11-21T03:10:00Z"),
        issued: at("2026-11-22T03:10:00Z"),
        login: "quynh.uong".into(),
        receipt: "/certificates/4f1d0c9a7be84d55a1b2c3d4e5f60718/receipt".into(),
        status: activate::StatusLink::of("https://chuky.hanoi.example", "4f1d0c9a7be84d55a1b2c3d4e5f60718"),
        suspend_contact: "024 0000 0000".into(),
    };
    let code_page =
        |problems| activate::CodePage { frame: stranger(language, "/activate"), refused: false, problems }.html();
    vec![
        ("activate-code", code_page(Problems::none())),
        (
            "activate-code-problem",
            code_page(refused(
                "code",
                "Mã không đúng, đã dùng rồi hoặc đã hết hạn. Hãy xem lại từng ký tự, hoặc xin cán bộ mã mới.",
            )),
        ),
        ("activate-consent", consent(activate::Holder::New(Some("•••• 678".into())), Problems::none()).html()),
        ("activate-consent-problem", consent(activate::Holder::New(None), wrong).html()),
        ("activate-consent-sheet", consent(activate::Holder::New(Some("sheet".into())), Problems::none()).html()),
        ("activate-consent-account", consent(activate::Holder::LoggedIn, Problems::none()).html()),
        ("activate-stranger", consent(activate::Holder::Stranger, Problems::none()).html()),
        ("activate-receipt", receipt.html()),
    ]
}

/// Every page in every state worth looking at.
pub(super) fn screens(language: Language) -> Vec<Screen> {
    let parts = [
        public_screens(language),
        super::gallery_booth::screens(language),
        registration_screens(language),
        subscriber_screens(language),
        super::gallery_sign::screens(language),
        super::gallery_audit::screens(language),
        super::gallery_consent::screens(language),
        super::gallery_approvals::screens(language),
        super::gallery_custody::screens(language),
        super::gallery_lifecycle::screens(language),
        super::gallery_documents::screens(language),
        super::gallery_codes::screens(language),
        super::gallery_incoming::screens(language),
        super::gallery_lists::screens(language),
        super::gallery_account::screens(language),
        super::gallery_payments::screens(language),
        super::gallery_payroll::screens(language),
        super::gallery_reports::screens(language),
        super::gallery_staff::screens(language),
    ];
    parts.into_iter().flatten().collect()
}
