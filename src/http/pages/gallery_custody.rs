//! The pages around a subscriber's own keys in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    credentials::{CredentialCard, CredentialsPage, PinPage},
    gallery::{AGENCY, LONG_NAME, Screen, at, frame, refused},
    unlocks::{AskForm, UnlockCard, UnlocksPage},
};
use chuky_model::{
    id::{CredentialId, UnlockId},
    record::state::{CertificateState, CredentialState},
    text::Language,
};

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
    }
}

pub(super) fn screens(language: Language) -> Vec<Screen> {
    use CertificateState::{Issued, Revoked};
    use CredentialState::{Active, Closed, Locked};
    let list = |credentials: Vec<CredentialCard>, changed| {
        CredentialsPage { frame: frame(language, "/credentials"), credentials, changed }.html()
    };
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
    screens.extend([
        ("credentials", list(vec![card(Active, Issued, 2), card(Locked, Issued, 1)], false)),
        ("credentials-changed", list(vec![card(Active, Issued, 2)], true)),
        ("credentials-over", list(vec![card(Locked, Issued, 0), card(Closed, Revoked, 2)], false)),
        ("credentials-none", list(Vec::new(), false)),
        ("pin", pin(Problems::none())),
        ("pin-wrong", pin(wrong)),
        ("pin-differs", pin(Problems::one("new_pin_again", "problem-pin-differs"))),
    ]);
    screens
}

fn unlock_screens(language: Language) -> Vec<Screen> {
    let unlock = |decidable| UnlockCard {
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
