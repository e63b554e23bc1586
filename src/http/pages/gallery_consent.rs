//! The page of consent in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    consent::{ConsentPage, WishCard},
    gallery::{LONG_NAME, Screen, frame, refused},
};
use crate::custody::Demand;
use chuky_model::{id::CredentialId, text::Language};
use uuid::Uuid;

pub(super) fn screens(language: Language) -> Vec<Screen> {
    let service = |lasting, wish, problems| {
        ConsentPage {
            frame: frame(language, "/csc/v1/oauth2/authorize"),
            action: "/csc/v1/oauth2/authorize".into(),
            client: "Hệ thống quản lý văn bản và điều hành thành phố Hà Nội".into(),
            origin: "https://van-ban.hanoi.example".into(),
            parameters: vec![("response_type", "code".into()), ("state", "x".into())],
            wish,
            lasting,
            problems,
        }
        .html()
    };
    let page = |wish, problems| service(false, wish, problems);
    let wish = |count: usize| {
        let hash = "9f86d081 884c7d65 9a2feaa0 c55ad015 a3bf4f1b 2b0b822c d15d6c15 b0f00a08".to_owned();
        Some(WishCard {
            holder: LONG_NAME.into(),
            serial: "4f1d0c9a7be84d55a1b2c3d4e5f60718".into(),
            hashes: vec![hash; count.min(20)],
            count,
            description: "Hợp đồng thuê nhà số 12/2026 và phụ lục".into(),
            credential: CredentialId(Uuid::nil()),
            demand: if count == 2 { Demand::Factor { code: true, passkey: true } } else { Demand::Nothing },
            acting: "oauth_client:00000000-0000-0000-0000-000000000000".into(),
            shown: String::new(),
        })
    };
    vec![
        ("consent-service", page(None, Problems::none())),
        ("consent-lasting", service(true, None, Problems::none())),
        ("consent-sign", page(wish(2), Problems::none())),
        ("consent-sign-many", page(wish(50), Problems::none())),
        ("consent-pin-wrong", page(wish(1), refused("pin", "Mã PIN không đúng. Còn 2 lần thử trước khi bị khóa."))),
    ]
}
