//! The pages about what happened to officials in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    gallery::{LONG_NAME, Screen, frame, refused},
    personnel::{NewPersonnelPage, PersonnelForm, PersonnelOrderPage, PersonnelPage, PreviewPage},
};
use crate::{
    issuance::revocation::Ground,
    personnel::{Action, CertificateEffect, Certificates, Effect, OrderLine, OrderView, Preview},
};
use chuky_model::{
    id::{AccountId, PersonnelOrderId},
    record::state::{PersonnelKind, PersonnelState},
    role::Role,
    text::Language,
};
use chuky_pki::crl::Reason;

pub(super) fn screens(language: Language) -> Vec<Screen> {
    use PersonnelKind::{Death, Merger, Resignation, Retirement, Title, Transfer};
    let new = |kind: PersonnelKind, problems| {
        let form = PersonnelForm { kind: kind.name().into(), account: "quynh".into(), ..PersonnelForm::default() };
        NewPersonnelPage { frame: frame(language, "/personnel/new"), form, problems }.html()
    };
    let one = |state, decidable, problems| {
        let order = order(Transfer, state, decidable);
        PersonnelOrderPage { frame: frame(language, "/personnel/0199a7c2"), order, problems }.html()
    };
    let list = |orders, may_enter| {
        let next = Some("/personnel?before=1_2".into());
        PersonnelPage { frame: frame(language, "/personnel"), orders, next, may_enter }.html()
    };
    let preview = PreviewPage {
        frame: frame(language, "/personnel/preview"),
        form: PersonnelForm { kind: "transfer".into(), ground: "QĐ 12/QĐ-UBND".into(), ..PersonnelForm::default() },
        preview: Preview {
            content_digest: "ab".repeat(32),
            effective_at: "2026-11-30T17:00:00Z".into(),
            effects: vec![effect(false), effect(true)],
        },
        problems: Problems::none(),
    };
    let all = PersonnelState::ALL.iter().map(|state| order(Merger, *state, false)).collect();
    let unknown = refused("unit", "Không có đơn vị nào mang mã này.");
    vec![
        ("personnel", list(all, true)),
        ("personnel-auditor", list(Vec::new(), false)),
        ("personnel-new-transfer", new(Transfer, unknown)),
        ("personnel-new-title", new(Title, Problems::none())),
        ("personnel-new-resignation", new(Resignation, Problems::none())),
        ("personnel-new-retirement", new(Retirement, Problems::none())),
        ("personnel-new-death", new(Death, Problems::none())),
        ("personnel-new-merger", new(Merger, Problems::none())),
        ("personnel-preview", preview.html()),
        ("personnel-decide", one(PersonnelState::Open, true, refused("reason", "Hãy ghi lý do từ chối."))),
        ("personnel-waits", one(PersonnelState::Open, false, Problems::none())),
        ("personnel-approved", one(PersonnelState::Approved, false, Problems::none())),
        ("personnel-done", one(PersonnelState::Done, false, Problems::none())),
        ("personnel-refused", one(PersonnelState::Refused, false, Problems::none())),
    ]
}

fn effect(dies: bool) -> Effect {
    let certificate = |action, reason| CertificateEffect {
        id: None,
        serial: "4f1d0c9a7be84d55a1b2c3d4e5f60718".into(),
        common_name: LONG_NAME.into(),
        action,
        reason,
        ground: Some(Ground::PositionChanged),
    };
    Effect {
        account: AccountId(uuid::Uuid::nil()),
        login: "quynh.cong-tang-ton-nu".into(),
        name: LONG_NAME.into(),
        unit: "H26".into(),
        unit_after: if dies { "H26".into() } else { "H49.64.33".into() },
        unit_after_name: if dies { String::new() } else { "Phường Văn Miếu - Quốc Tử Giám".into() },
        roles_end: vec![Role::Registrar, Role::Clerk],
        roles_stay: vec![Role::Official],
        disabled: dies,
        is_disabled: false,
        certificates: if dies {
            Vec::new()
        } else {
            vec![
                certificate(Action::Revoke, Some(Reason::AffiliationChanged)),
                certificate(Action::Revoke, Some(Reason::Superseded)),
                certificate(Action::Suspend, None),
                certificate(Action::Reissue, None),
                certificate(Action::Keep, None),
            ]
        },
        foreign: vec!["ab".repeat(32)],
        delegations: 2,
        documents: vec!["0199a7c2-5555-7000-8000-00000000abcd".into()],
    }
}

fn order(kind: PersonnelKind, state: PersonnelState, decidable: bool) -> OrderView {
    let open = state == PersonnelState::Open;
    let line = |outcome: Option<&str>| OrderLine {
        name: LONG_NAME.into(),
        login: "quynh.cong-tang-ton-nu".into(),
        outcome: outcome.map(str::to_owned),
        done_at: outcome.map(|_| "2026-11-22T03:05:09Z".into()),
    };
    OrderView {
        id: PersonnelOrderId("0199a7c2-5555-7000-8000-00000000abcd".parse().unwrap()),
        kind,
        state,
        unit: "H26".into(),
        unit_after: "H49.64.33".into(),
        title: "Trưởng phòng".into(),
        ground: "Quyết định 12/QĐ-UBND ngày 20/11/2026".into(),
        certificates: Certificates::Revoke,
        effective_at: "2026-11-30T17:00:00Z".into(),
        due_at: "2026-12-01T17:00:00Z".into(),
        content_digest: "ab".repeat(32),
        effects: if open || state == PersonnelState::Approved { vec![effect(false)] } else { Vec::new() },
        lines: vec![line(Some("done")), line(Some("nobody_could_approve")), line(None)],
        entered_by: "Nguyễn Thị Hồng Nhung".into(),
        entered_at: "2026-11-22T02:05:09Z".into(),
        decided_by: (!open).then(|| "Trần Văn Đức".into()),
        decided_at: (!open).then(|| "2026-11-22T03:05:09Z".into()),
        refusal_reason: (state == PersonnelState::Refused).then(|| "Giấy tờ chưa đủ.".into()),
        finished_at: (state == PersonnelState::Done).then(|| "2026-11-22T03:06:09Z".into()),
        decidable,
        withdrawable: open,
    }
}
