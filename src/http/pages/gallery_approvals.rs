//! The pages of approval on another device in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    approvals::{ApprovalPage, ApprovalsPage, Done},
    gallery::{LONG_NAME, Screen, at, frame, refused},
};
use crate::{
    approvals::{ApprovalView, Asker, Words},
    custody::Demand,
};
use chuky_model::{
    id::{CredentialId, SigningApprovalId},
    text::Language,
};
use uuid::Uuid;

fn view(asker: Asker, count: usize, demand: Demand) -> ApprovalView {
    ApprovalView {
        id: SigningApprovalId(Uuid::nil()),
        asker,
        client: "oauth:00000000-0000-0000-0000-000000000000".into(),
        credential: CredentialId(Uuid::nil()),
        holder: LONG_NAME.into(),
        serial: "4f1d0c9a7be84d55a1b2c3d4e5f60718".into(),
        hashes: vec![vec![0x9f; 32]; count],
        said: Words {
            description: "Hợp đồng thuê nhà số 12/2026 và phụ lục".into(),
            names: vec![
                "Quyết định số 15-QĐ-UBND về việc công bố danh mục thủ tục hành chính (bản ký).pdf".into();
                count
            ],
        },
        asked_at: at("2026-11-22T02:05:09Z"),
        expires_at: at("2026-11-22T02:10:09Z"),
        left: 272,
        demand,
    }
}

pub(super) fn screens(language: Language) -> Vec<Screen> {
    let application = || Asker::Application("Hệ thống quản lý văn bản và điều hành thành phố Hà Nội".into());
    let list = |approvals, done| ApprovalsPage { frame: frame(language, "/approvals"), approvals, done }.html();
    let page = |approval, problems| {
        ApprovalPage { frame: frame(language, "/approvals/x"), approval, number: String::new(), problems }.html()
    };
    let both = Demand::Factor { code: true, passkey: true };
    let number = "Số không đúng. Hãy xem lại số đang hiện trong ứng dụng; còn 2 lần nhập.";
    vec![
        ("approvals-empty", list(Vec::new(), Some(Done::Approved))),
        ("approvals-refused", list(Vec::new(), Some(Done::Refused))),
        ("approvals", list(vec![view(application(), 2, both), view(Asker::OwnAccount, 40, Demand::Nothing)], None)),
        ("approval", page(view(application(), 2, both), Problems::none())),
        ("approval-many", page(view(Asker::OwnAccount, 140, both), Problems::none())),
        ("approval-number", page(view(application(), 1, Demand::Nothing), refused("number", number))),
    ]
}
