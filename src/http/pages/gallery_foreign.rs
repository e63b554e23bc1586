//! The pages of certificates of other authorities in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    certificates::CertificatesPage,
    foreign::{ForeignPage, OfferPage, ProofPage, WaitingPage},
    gallery::{AGENCY, LONG_NAME, Screen, frame, refused},
};
use crate::foreign::{ChallengeView, Fit, ForeignView, challenge::ProofText};
use chuky_model::{
    algorithm::{HashAlgorithm, SignatureScheme},
    id::ForeignCertificateId,
    record::state::{ForeignCertificateState, ForeignStatus},
    text::Language,
};

const SERIAL: &str = "4f1d0c9a7be84d55a1b2c3d4e5f60718";

pub(super) fn screens(language: Language) -> Vec<Screen> {
    use ForeignCertificateState::{Refused, Registered, Removed, Waiting};
    use ForeignStatus::{Good, Revoked, Suspended, Unknown};
    let offer =
        |problems| OfferPage { frame: frame(language, "/foreign-certificates/new"), port: 17_345, problems }.html();
    let proof = |fit, status, problems| {
        let frame = frame(language, "/foreign-certificates/challenges");
        let site = "https://chuky.hanoi.example".to_owned();
        ProofPage { frame, challenge: challenge(fit, status), shown: "e30".into(), site, port: 17_400, problems }.html()
    };
    let one = |card, problems| {
        ForeignPage { frame: frame(language, "/foreign-certificates/0199a7c2"), card, problems }.html()
    };
    let waiting = |cards, next| WaitingPage { frame: frame(language, "/foreign-certificates"), cards, next }.html();
    let states = [
        (Waiting, Unknown),
        (Registered, Good),
        (Registered, Suspended),
        (Registered, Revoked),
        (Refused, Good),
        (Removed, Good),
    ];
    let own = CertificatesPage {
        frame: frame(language, "/certificates"),
        cards: Vec::new(),
        foreign: states.iter().map(|(state, status)| card(*state, *status)).collect(),
        waiting: Vec::new(),
        done: "foreign".into(),
        problems: Problems::none(),
    };
    let unreadable = refused("certificate", "Không đọc được chứng thư.");
    let not_proved = refused("value", "Chữ ký không khớp với thử thách và khóa của chứng thư.");
    let decidable = ForeignView { decidable: true, own: false, ..card(Waiting, Unknown) };
    vec![
        ("foreign-new", offer(Problems::none())),
        ("foreign-new-problem", offer(unreadable)),
        ("foreign-proof", proof(Fit::Number, Good, Problems::none())),
        ("foreign-proof-problem", proof(Fit::NameDiffers, Unknown, not_proved)),
        ("foreign-own", own.html()),
        ("foreign-one", one(card(Registered, Good), Problems::none())),
        ("foreign-decide", one(decidable.clone(), refused("reason", "Hãy ghi lý do từ chối."))),
        (
            "foreign-waiting",
            waiting(vec![decidable.clone(), decidable], Some("/foreign-certificates?after=1_2".into())),
        ),
        ("foreign-waiting-none", waiting(Vec::new(), None)),
    ]
}

fn challenge(fit: Fit, status: ForeignStatus) -> ChallengeView {
    let text = ProofText {
        service: "https://chuky.hanoi.example".into(),
        account: "quynh.cong-tang-ton-nu".into(),
        certificate: "ab".repeat(32),
        nonce: "01".repeat(32),
        until: "2026-11-22T03:05:09Z".into(),
    };
    ChallengeView {
        challenge: "c2VhbGVk".into(),
        text: text.text(),
        digest: "AAAA".into(),
        hash: HashAlgorithm::Sha256,
        scheme: SignatureScheme::EcdsaSha256,
        common_name: LONG_NAME.into(),
        organization: AGENCY.into(),
        issuer: "TEST CA phục vụ các cơ quan Nhà nước G2".into(),
        serial: SERIAL.into(),
        not_after: "2029-01-01T00:00:00Z".into(),
        status,
        status_reason: if status == ForeignStatus::Unknown { "no list".into() } else { String::new() },
        fit,
        expires_at: "2026-11-22T03:05:09Z".into(),
    }
}

fn card(state: ForeignCertificateState, status: ForeignStatus) -> ForeignView {
    let stands = matches!(state, ForeignCertificateState::Waiting | ForeignCertificateState::Registered);
    ForeignView {
        id: ForeignCertificateId("0199a7c2-5555-7000-8000-00000000abcd".parse().unwrap()),
        state,
        fit: Fit::NameDiffers,
        common_name: LONG_NAME.into(),
        organization: AGENCY.into(),
        issuer: "TEST CA phục vụ các cơ quan Nhà nước G2".into(),
        serial: SERIAL.into(),
        fingerprint: "ab".repeat(32),
        not_before: "2026-01-01T00:00:00Z".into(),
        not_after: "2029-01-01T00:00:00Z".into(),
        expired: false,
        status,
        status_at: "2026-11-22T02:05:09Z".into(),
        status_reason: if status == ForeignStatus::Unknown { "no list was published".into() } else { String::new() },
        holder: "Nguyễn Phước Quỳnh".into(),
        login: "quynh.cong-tang-ton-nu".into(),
        content_digest: "ab".repeat(32),
        created_at: "2026-11-22T02:05:09Z".into(),
        decided_by: None,
        decided_at: None,
        refusal_reason: (state == ForeignCertificateState::Refused).then(|| "Giấy tờ mang tên khác.".into()),
        ended_at: None,
        own: true,
        decidable: false,
        removable: stands,
    }
}
