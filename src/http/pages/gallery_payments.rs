//! The pages around payments in every state worth looking at: receipts, merchants' codes, the registry. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    alarms::{AlarmCard, AlarmsPage},
    gallery::{AGENCY, LONG_NAME, Screen, at, frame, refused},
    mandates::{MandateCard, MandateForm, MandatesPage},
    merchant::{AccountCard, CodePage, MerchantPage, RegisterForm},
    payments::{ChangeForm, PaymentsPage, change_card, provider_card, reason_rows},
    receipt::{ReceiptForm, ReceiptPage},
    sign::CredentialChoice,
};
use crate::{
    custody::Demand,
    rates::Quota,
    transactions::{
        figures::Counts,
        mandates::{CollectionView, MandateView, Period, Wish},
        merchant::AccountView,
        provider_changes::{ChangeView, ProviderView},
        providers::{ProviderCertificate, Terms},
        vietqr::{CodeAccount, CodeAnswer, CodeHolder, CodeVerdict},
        webhooks::AlarmView,
    },
};
use chuky_model::{
    id::{AccountId, CredentialId, MandateId, MerchantAccountId, PaymentAlarmId, ProviderChangeId},
    payment::{PaymentVerdict, Seen},
    record::state::{AlarmKind, AlarmState, ChangeState, MandateState, MerchantState},
    report::Check,
    text::{Bilingual, Language},
};
use chuky_pki::payment::receipt::{Beside, CheckedReceipt, Receipt, Standing};
use std::collections::BTreeMap;
use uuid::Uuid;

const CODE: &str = "00020101021138540010A00000072701240006970436011012345678900208QRIBFTTA5204000053037045802VN5916PHO THIN LO DUC6006HA NOI80950008vn.chuky010110227T4yHl1oRl0y3mPq0Yk0f8Kq1cXk0343aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa81590008vn.chuky0343aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa63040000";

pub(super) fn screens(language: Language) -> Vec<Screen> {
    let mut screens = receipts(language);
    screens.extend(codes(language));
    screens.extend(merchants(language));
    screens.extend(registry(language));
    screens.extend(mandates(language));
    screens.extend(alarms(language));
    screens
}

fn receipts(language: Language) -> Vec<Screen> {
    let stated = Receipt {
        issuer: "https://chuky.hanoi.example".into(),
        verdict: PaymentVerdict::Accepted,
        seen: Seen::First,
        reasons: Vec::new(),
        message_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        beside: Beside {
            content_sha256: Some("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".into()),
            layout: Some("napas".into()),
            algorithm: Some("ES256".into()),
            certificate_sha256: Some("486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7".into()),
            certificate_serial: None,
        },
        id: Some("INV-2026-000123".into()),
        order_sha256: Some("60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752".into()),
        asked_by: "0199a7c2-2222-7000-8000-00000000abcd".into(),
        judged: "2026-11-22T02:05:09Z".into(),
    };
    let page = |checked| {
        let form = ReceiptForm::default();
        ReceiptPage { frame: frame(language, "/receipts"), form, checked, problems: Problems::none() }.html()
    };
    let checked = |standing, checks: Vec<Check>, message: &str| CheckedReceipt {
        standing,
        message: Bilingual::new(message, message),
        receipt: Some(stated.clone()),
        tree_size: Some(4_096),
        checks,
    };
    let open =
        vec![Check::passed("format"), Check::not_done("about_message", ""), Check::not_done("about_content", "")];
    let failed = vec![Check::passed("format"), Check::failed("signature_value", "")];
    let valid = "Biên nhận hợp lệ: dịch vụ đã đưa ra đúng kết luận này.";
    let wrong = "Biên nhận không hợp lệ: nội dung hoặc chữ ký không khớp. Đừng tin biên nhận này.";
    vec![
        ("receipt", page(None)),
        ("receipt-valid", page(Some(checked(Standing::Valid, open, valid)))),
        ("receipt-not-valid", page(Some(checked(Standing::NotValid, failed, wrong)))),
    ]
}

fn codes(language: Language) -> Vec<Screen> {
    let page = |code: &str, answer, problems| {
        CodePage { frame: frame(language, "/qr"), code: code.into(), answer, problems }.html()
    };
    let answer = |verdict, sentence: &str, holder| CodeAnswer {
        verdict,
        reason: String::new(),
        message: Bilingual::new(sentence, sentence),
        account: Some(CodeAccount {
            bank: "970436".into(),
            bank_name: Some("Vietcombank".into()),
            number: "1234567890".into(),
            amount: Some(1_250_000),
            name_in_code: Some("PHO THIN LO DUC".into()),
            purpose: None,
        }),
        holder,
        checks: Vec::new(),
    };
    let holder = CodeHolder {
        name: LONG_NAME.into(),
        shop: "Phở Thìn Lò Đúc".into(),
        issuer: "TEST CA cấp chứng thư cho công dân".into(),
        serial: "4f1d0c9a7be84d55a1b2c3d4e5f60718".into(),
        registered: "2026-11-22T02:05:09Z".into(),
    };
    let signed = format!(
        "Tài khoản 1234567890 tại Vietcombank là của {LONG_NAME}: chính người này đã ký mã QR bằng chứng thư số còn hiệu lực."
    );
    let not_signed = "Mã này không có chữ ký: tiền sẽ vào tài khoản 1234567890 tại Vietcombank, và không ai bảo đảm tài khoản đó là của ai.";
    let altered = "Mã QR này đã bị sửa sau khi ký: đừng chuyển tiền.";
    let none = Problems::none;
    vec![
        ("qr", page("", None, none())),
        ("qr-signed", page(CODE, Some(answer(CodeVerdict::Signed, &signed, Some(holder))), none())),
        ("qr-not-signed", page(CODE, Some(answer(CodeVerdict::NotSigned, not_signed, None)), none())),
        ("qr-not-valid", page(CODE, Some(answer(CodeVerdict::NotValid, altered, None)), none())),
        (
            "qr-no-code",
            page("", None, refused("picture", "Không thấy mã QR trong ảnh. Hãy chụp gần hơn, thẳng và đủ sáng.")),
        ),
    ]
}

fn mandates(language: Language) -> Vec<Screen> {
    let frame = || frame(language, "/mandates");
    let provider = AccountId(Uuid::from_u128(3));
    let view = |state, ended: Option<&str>, count: u64| MandateView {
        id: MandateId(Uuid::from_u128(8)),
        mandate: Wish {
            currency: "VND".into(),
            from: "2026-12-01".into(),
            largest: 2_500_000,
            payee: "MST:0100100079".into(),
            per_period: 5_000_000,
            period: Period::Month,
            provider,
            reference: "Tiền điện căn hộ 1205, tòa nhà Hoàn Kiếm".into(),
            until: "2027-11-30".into(),
        },
        provider_name: "Ví điện tử Hà Nội".into(),
        state,
        created: "2026-11-22T02:05:09Z".into(),
        ended: ended.map(str::to_owned),
        collected: count * 1_234_567,
        collections: (0..count)
            .map(|number| CollectionView {
                id: format!("EVN-2026-12-{number:04}"),
                amount: 1_234_567,
                collected: "2026-12-05T02:05:09Z".into(),
            })
            .collect(),
        jws: String::new(),
    };
    let choice = CredentialChoice {
        demand: Demand::Nothing,
        credential: CredentialId(Uuid::from_u128(9)),
        holder: LONG_NAME.into(),
        valid_until: at("2029-11-22T02:00:00Z"),
        tries_left: 3,
        picture: None,
    };
    let page = |views: Vec<MandateView>, credentials: Vec<CredentialChoice>, done: &str, problems| {
        let mandates = views.iter().map(|view| MandateCard::of(&frame(), view)).collect();
        let providers = vec![(provider, "Ví điện tử Hà Nội".to_owned())];
        let (form, done) = (MandateForm::default(), done.to_owned());
        MandatesPage { frame: frame(), mandates, next: None, providers, credentials, form, done, problems }.html()
    };
    let both = vec![view(MandateState::Active, None, 2), view(MandateState::Ended, Some("2027-01-02T02:05:09Z"), 0)];
    let wrong = refused("largest", "Mức mỗi lần là số nguyên dương, không vượt mức mỗi kỳ.");
    vec![
        ("mandates", page(both, vec![choice.clone()], "signed", Problems::none())),
        ("mandates-none", page(Vec::new(), Vec::new(), "", Problems::none())),
        ("mandates-wrong", page(Vec::new(), vec![choice], "", wrong)),
    ]
}

fn alarms(language: Language) -> Vec<Screen> {
    let frame = || frame(language, "/payments/alarms");
    let view = |number: u128, alarm, state, next_try: Option<&str>, last_error: Option<&str>| AlarmView {
        id: PaymentAlarmId(Uuid::from_u128(number)),
        provider: AccountId(Uuid::from_u128(5)),
        alarm,
        details: serde_json::json!({
            "order_sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
            "other_order_sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        }),
        raised: "2026-11-22T02:05:09Z".into(),
        state,
        tries: 3,
        next_try: next_try.map(str::to_owned),
        told: (state == AlarmState::Told).then(|| "2026-11-22T02:06:09Z".into()),
        last_error: last_error.map(str::to_owned),
    };
    let page = |views: Vec<AlarmView>, done| {
        let alarms = views.iter().map(|view| AlarmCard::of(&frame(), view, "Ví điện tử Hà Nội")).collect();
        AlarmsPage { frame: frame(), alarms, next: None, may_repeat: true, done, problems: Problems::none() }.html()
    };
    let soon = Some("2026-11-22T02:09:09Z");
    let all = vec![
        view(1, AlarmKind::Conflict, AlarmState::Waiting, soon, Some("connect: connection refused")),
        view(2, AlarmKind::CertificateRevoked, AlarmState::Told, None, None),
        view(3, AlarmKind::KeyPhasedOut, AlarmState::GivenUp, None, Some("503 Service Unavailable")),
        view(4, AlarmKind::AcquiredByAnother, AlarmState::Waiting, None, None),
    ];
    vec![("payment-alarms", page(all, true)), ("payment-alarms-none", page(Vec::new(), false))]
}

fn merchants(language: Language) -> Vec<Screen> {
    let frame = || frame(language, "/merchant");
    let account = |state, ended: Option<&str>| {
        let view = AccountView {
            id: MerchantAccountId(Uuid::from_u128(7)),
            bank: "970436".into(),
            bank_name: Some("Vietcombank".into()),
            number: "1234567890".into(),
            shop: "Phở Thìn Lò Đúc".into(),
            holder: LONG_NAME.into(),
            payload: CODE.into(),
            state,
            created: "2026-11-22T02:05:09Z".into(),
            ended: ended.map(str::to_owned),
        };
        AccountCard::of(&frame(), &view)
    };
    let choice = CredentialChoice {
        demand: Demand::Nothing,
        credential: CredentialId(Uuid::from_u128(9)),
        holder: format!("{LONG_NAME} ({AGENCY})"),
        valid_until: at("2029-11-22T02:00:00Z"),
        tries_left: 3,
        picture: None,
    };
    let page = |accounts: Vec<AccountCard>, credentials: Vec<CredentialChoice>, done: &str, problems| {
        let form = RegisterForm { bank: "970436".into(), shop: "Phở Thìn".into(), ..RegisterForm::default() };
        let done = done.to_owned();
        MerchantPage { frame: frame(), accounts, next: None, credentials, form, done, problems }.html()
    };
    let both =
        vec![account(MerchantState::Active, None), account(MerchantState::Withdrawn, Some("2026-12-01T02:00:00Z"))];
    let wrong = refused("number", "Số tài khoản gồm 1 đến 19 chữ cái hoặc chữ số, không có dấu cách.");
    vec![
        ("merchant", page(both, vec![choice.clone()], "registered", Problems::none())),
        ("merchant-none", page(Vec::new(), Vec::new(), "", Problems::none())),
        ("merchant-wrong", page(Vec::new(), vec![choice], "", wrong)),
    ]
}

fn terms(active: bool) -> Terms {
    Terms {
        webhook: Some("https://canh-bao.vi-dien-tu.example.vn/chuky".into()),
        name: "Công ty cổ phần Ví điện tử Sao Khuê".into(),
        active,
        largest_amounts: BTreeMap::from([("VND".to_owned(), 500_000_000)]),
        rate: Some(Quota { count: 500, seconds: 1 }),
        per_day: Some(1_000_000),
        certificates: vec![ProviderCertificate {
            sha256: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752".into(),
            phase_out: Some("2027-01-31T00:00:00Z".into()),
            note: "khóa RSA cũ".into(),
        }],
    }
}

fn registry(language: Language) -> Vec<Screen> {
    let frame = || frame(language, "/payments");
    let provider = |active| {
        let counts = Counts {
            accepted: 1_204_331,
            repeated: 812,
            conflicts: 3,
            rejected: 4_120,
            indeterminate: 17,
            throttled: 250,
        };
        let view = ProviderView {
            id: AccountId(Uuid::nil()),
            login: "vi.sao.khue".into(),
            terms: terms(active),
            changed: "2026-11-22T02:05:09Z".into(),
            accepted_today: 81_233,
            counts,
        };
        provider_card(&frame(), &view)
    };
    let change = |decidable| {
        let view = ChangeView {
            id: ProviderChangeId(Uuid::from_u128(3)),
            provider: AccountId(Uuid::nil()),
            login: "vi.sao.khue".into(),
            terms: terms(false),
            reason: "Tạm dừng theo công văn 12/NHNN của ngày 20 tháng 11.".into(),
            state: ChangeState::Asked,
            asked_by: AccountId(Uuid::nil()),
            asked_by_name: "Trần Văn Đức".into(),
            asked_at: "2026-11-22T02:05:09Z".into(),
            content_digest: "00ff".to_owned(),
            decidable,
        };
        change_card(&frame(), &view)
    };
    let reasons =
        BTreeMap::from([("expired".to_owned(), 3_998), ("conflict".to_owned(), 3), ("provider_limit".to_owned(), 122)]);
    let page = |full: bool, done: &str, problems| {
        PaymentsPage {
            frame: frame(),
            providers: if full { vec![provider(true), provider(false)] } else { Vec::new() },
            changes: if full { vec![change(true), change(false)] } else { Vec::new() },
            reasons: if full { reason_rows(&frame(), &reasons) } else { Vec::new() },
            remembered: 1_204_331,
            may_change: true,
            form: ChangeForm { active: "1".into(), ..ChangeForm::default() },
            done: done.to_owned(),
            problems,
        }
        .html()
    };
    vec![
        ("payments", page(true, "asked", Problems::none())),
        ("payments-empty", page(false, "", Problems::one("rate", "problem-no-number"))),
    ]
}
