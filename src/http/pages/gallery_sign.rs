//! The pages on which a subscriber signs, in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    gallery::{AGENCY, LONG_NAME, Screen, at, frame, refused, reports, request},
    own,
    sheets::SheetsView,
    sign,
    verdict::{ReportLinks, VerdictCard},
};
use crate::{custody::Demand, signing::sheets};
use chuky_model::{id::CredentialId, text::Language};

/// The pages.
pub(super) fn screens(language: Language) -> Vec<Screen> {
    let wrong_pin = refused("pin", "Mã PIN không đúng. Bạn còn 4 lần.");
    vec![
        ("sign", sign_page(language, true, Problems::none())),
        ("sign-secret", sign_page(language, true, refused("secrecy", "Hệ thống này không nhận văn bản mật."))),
        ("sign-none", sign_page(language, false, Problems::none())),
        ("sign-review", review_page(language, drawn(), Problems::none())),
        ("sign-review-factor", review_page_of(language, drawn(), BOTH_FACTORS, Problems::none())),
        ("sign-review-factor-lacking", review_page_of(language, drawn(), Demand::Enrolment, Problems::none())),
        ("sign-review-problem", review_page(language, drawn(), wrong_pin)),
        ("sign-review-undrawable", review_page(language, sheets::Pages::Undrawable, Problems::none())),
        ("sign-review-not-now", review_page(language, sheets::Pages::NotNow, Problems::none())),
        ("sign-review-other", review_page(language, sheets::Pages::OtherFormat, Problems::none())),
        ("signed", signed_page(language)),
        ("sign-own", sign_own_page(language)),
    ]
}

fn sign_page(language: Language, can_sign: bool, problems: Problems) -> String {
    sign::SignPage {
        frame: frame(language, "/sign"),
        can_sign,
        asks_class: true,
        idempotency_key: "key".into(),
        largest_bytes: 200_000_000,
        problems,
    }
    .html()
}

pub(super) fn drawn() -> sheets::Pages {
    sheets::Pages::Drawn { count: 120, from: 51, sizes: vec![(900, 1_273); 2] }
}

/// A document as it is shown before it is signed.
pub(super) fn shown(pages: sheets::Pages, here: &str) -> SheetsView {
    SheetsView {
        shown: sheets::Shown {
            name: "Đơn xin xác nhận.pdf".into(),
            bytes: 1_234_567,
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            pages,
        },
        title: "sign",
        here: here.into(),
        pictures: format!("{here}/pages"),
        download: format!("{here}/content"),
    }
}

fn review_page(language: Language, pages: sheets::Pages, problems: Problems) -> String {
    review_page_of(language, pages, Demand::Nothing, problems)
}

fn review_page_of(language: Language, pages: sheets::Pages, demand: Demand, problems: Problems) -> String {
    review_of(language, pages, demand, problems).html()
}

/// What will be signed, and the PIN.
pub(super) fn review(language: Language, pages: sheets::Pages, problems: Problems) -> sign::ReviewPage {
    review_of(language, pages, Demand::Nothing, problems)
}

fn review_of(language: Language, pages: sheets::Pages, demand: Demand, problems: Problems) -> sign::ReviewPage {
    let credential = sign::CredentialChoice {
        demand,
        credential: CredentialId(request().0),
        holder: format!("{LONG_NAME}, Phó Chủ tịch, {AGENCY}"),
        valid_until: at("2029-11-21T03:10:00Z"),
        tries_left: 5,
        picture: Some("/credentials/0199a7c2-1111-7000-8000-00000000abcd/picture.png".into()),
    };
    sign::ReviewPage {
        frame: frame(language, "/sign"),
        sheets: shown(pages, "/sign/0199a7c2-0000-7000-8000-000000000000"),
        removable: true,
        credentials: vec![credential],
        looks: vec![sign::Look::Citizen, sign::Look::Official, sign::Look::Seal, sign::Look::Invisible],
        chosen: sign::SignChoices::default(),
        idempotency_key: "key".into(),
        problems,
    }
}

fn signed_page(language: Language) -> String {
    let [(_, valid), ..] = reports();
    sign::SignedPage {
        frame: frame(language, "/sign"),
        file: "Đơn xin xác nhận.pdf".into(),
        bytes: 1_234_567,
        download: "/sign/0199a7c2/file".into(),
        card: VerdictCard::of(&valid, &frame(language, "/sign"), ReportLinks::default()),
        code: Some(("K7M2Q9-X4T8W3-N6P1R5".into(), "/k/K7M2Q9-X4T8W3-N6P1R5".into())),
    }
    .html()
}

fn sign_own_page(language: Language) -> String {
    own::OwnPage {
        official: true,
        frame: frame(language, "/sign/own"),
        site: "https://chuky.example".into(),
        port: 17_346,
        largest_bytes: 200_000_000,
    }
    .html()
}

const BOTH_FACTORS: Demand = Demand::Factor { code: true, passkey: true };
