//! The pages of staff accounts in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Frame, Problems,
    gallery::{AGENCY, LONG_NAME, Screen, frame, refused},
    quick_response::QuickResponse,
    staff::{InvitationCard, NewOrderForm, NewOrderPage, OrderPage, StaffPage},
    welcome::{Enrolling, SecondFactorPage, WelcomePage, grouped},
};
use crate::staff::{OrderIdentity, OrderView, StaffView};
use crate::subject::Kept;
use chuky_model::{
    id::{AccountId, StaffOrderId},
    record::state::{StaffOrderKind, StaffOrderState},
    role::Role,
    text::Language,
};

pub(super) fn screens(language: Language) -> Vec<Screen> {
    [lists(language), orders(language), holders(language)].into_iter().flatten().collect()
}

fn account(state: &'static str, roles: &[Role]) -> StaffView {
    StaffView {
        id: AccountId(uuid::Uuid::nil()),
        login: "quynh.cong-tang-ton-nu".into(),
        name: LONG_NAME.into(),
        roles: roles.to_vec(),
        unit: if state == "disabled" { String::new() } else { "H26".into() },
        state,
        second_factor: state == "active",
        last_log_in: (state != "invited").then(|| "2026-11-22T02:05:09Z".into()),
    }
}

fn order(kind: StaffOrderKind, state: StaffOrderState, decidable: bool) -> OrderView {
    let decided = matches!(state, StaffOrderState::Approved | StaffOrderState::Refused);
    let (opens, recovers) = (kind == StaffOrderKind::Open, kind == StaffOrderKind::Recover);
    OrderView {
        id: StaffOrderId("0199a7c2-5555-7000-8000-00000000abcd".parse().unwrap()),
        kind,
        state,
        login: "quynh.cong-tang-ton-nu".into(),
        name: LONG_NAME.into(),
        personal_number: opens.then(|| "001•••••2345".into()),
        phone: if opens || recovers { "•••• 678".into() } else { String::new() },
        phone_before: recovers.then(|| "•••• 678".into()),
        phone_changes: recovers,
        identity: decidable.then(|| OrderIdentity {
            personal_number: opens.then(|| "001190012345".into()),
            phone: if opens || recovers { "0912345678".into() } else { String::new() },
            phone_before: recovers.then(|| "0988111678".into()),
        }),
        roles_before: if opens { Vec::new() } else { vec![Role::Operator] },
        roles: vec![Role::Operator, Role::Registrar],
        unit_before: if opens { String::new() } else { "H26".into() },
        unit: if kind == StaffOrderKind::Move { "H99.1".into() } else { "H26".into() },
        unit_name: (kind != StaffOrderKind::Move).then(|| AGENCY.into()),
        keeps: match kind {
            StaffOrderKind::Erase => {
                vec![Kept { serial: "5f3a91c27d04e8b6a1".into(), until: "2034-11-22T03:08:00Z".into() }]
            }
            _ => Vec::new(),
        },
        content_digest: "ab".repeat(32),
        entered_by: "Nguyễn Thị Hồng Nhung".into(),
        entered_at: "2026-11-22T02:05:09Z".into(),
        expires_at: "2026-11-29T02:05:09Z".into(),
        decided_by: decided.then(|| "Trần Văn Đức".into()),
        decided_at: decided.then(|| "2026-11-22T03:05:09Z".into()),
        refusal_reason: (state == StaffOrderState::Refused).then(|| "Người này đã chuyển công tác.".into()),
        decidable,
        withdrawable: state == StaffOrderState::Open && !decidable,
        invitable: state == StaffOrderState::Approved && opens,
    }
}

fn lists(language: Language) -> Vec<Screen> {
    let page = |accounts: Vec<StaffView>, orders: Vec<OrderView>, may_enter, problems| {
        StaffPage {
            frame: frame(language, "/staff"),
            accounts,
            orders,
            next: None,
            next_orders: Some("/staff?before=1_2".into()),
            may_enter,
            reader: "quan.tri".into(),
            problems,
        }
        .html()
    };
    let accounts = vec![
        account("active", &[Role::Operator, Role::Registrar, Role::PaymentProvider]),
        account("invited", &[Role::SecurityOfficer]),
        account("disabled", &[Role::Auditor]),
    ];
    let all = StaffOrderState::ALL.iter().map(|state| order(StaffOrderKind::Grant, *state, false)).collect();
    let own = refused("", "Không thể tự thu hẹp quyền của chính tài khoản mình. Hãy nhờ một người khác.");
    vec![
        ("staff", page(accounts.clone(), all, true, Problems::none())),
        ("staff-auditor", page(accounts, Vec::new(), false, Problems::none())),
        ("staff-problem", page(Vec::new(), Vec::new(), true, own)),
    ]
}

fn orders(language: Language) -> Vec<Screen> {
    use StaffOrderKind::{Enable, Erase, Grant, Move, Open, Recover};
    use StaffOrderState::{Approved, Refused};
    let new = |kind: StaffOrderKind, problems| {
        let form = NewOrderForm {
            kind: kind.name().into(),
            account: "quynh.cong-tang-ton-nu".into(),
            full_name: LONG_NAME.into(),
            roles: vec![Role::Operator, Role::Approver],
            ..NewOrderForm::default()
        };
        NewOrderPage { frame: frame(language, "/staff/orders/new"), form, problems }.html()
    };
    let one = |order: OrderView, invitation, problems| {
        OrderPage { frame: frame(language, "/staff/orders/0199a7c2"), order, invitation, problems }.html()
    };
    let card = InvitationCard {
        code: "K7QF-3MPX-9TWH".into(),
        login: "quynh.cong-tang-ton-nu".into(),
        address: "https://chuky.hanoi.example/welcome".into(),
        expires_at: "2026-11-25T02:05:09Z".into(),
        sent_to: Some("•••• 678".into()),
    };
    let exclude = refused("roles", "Một người không thể giữ cả hai vai trò này (operator, approver).");
    let differs = refused("", "Lệnh hoặc tài khoản khác với nội dung bạn đã xem. Hãy xem lại trước khi duyệt.");
    vec![
        ("staff-order-new", new(Open, Problems::none())),
        ("staff-order-new-problem", new(Open, exclude)),
        ("staff-order-new-grant", new(Grant, Problems::none())),
        ("staff-order-new-move", new(Move, Problems::none())),
        ("staff-order-new-recover", new(Recover, Problems::none())),
        ("staff-order-new-enable", new(Enable, Problems::none())),
        ("staff-order-new-erase", new(Erase, Problems::none())),
        ("staff-order-erase", one(order(Erase, StaffOrderState::Open, true), None, Problems::none())),
        ("staff-order-decide", one(order(Open, StaffOrderState::Open, true), None, Problems::none())),
        ("staff-order-decide-problem", one(order(Move, StaffOrderState::Open, true), None, differs)),
        ("staff-order-decide-recovery", one(order(Recover, StaffOrderState::Open, true), None, Problems::none())),
        ("staff-order-waits", one(order(Grant, StaffOrderState::Open, false), None, Problems::none())),
        ("staff-order-approved", one(order(Open, Approved, false), None, Problems::none())),
        ("staff-order-invited", one(order(Open, Approved, false), Some(card), Problems::none())),
        ("staff-order-recovered", one(order(Recover, Approved, false), None, Problems::none())),
        ("staff-order-refused", one(order(Enable, Refused, false), None, Problems::none())),
    ]
}

fn holders(language: Language) -> Vec<Screen> {
    let welcome = |problems| {
        let frame = Frame::new(language, "/welcome").with_csrf("form-token");
        WelcomePage { frame, login: "quynh.cong-tang-ton-nu".into(), problems }.html()
    };
    let factor = |step, due, problems| {
        SecondFactorPage { frame: frame(language, "/second-factor"), step, due, next: "/booth".into(), problems }.html()
    };
    let code = QuickResponse::of("otpauth://totp/Chuky:an?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Chuky");
    let shown = Enrolling::Shown { secret: grouped("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), code };
    let wrong = refused("code", "Tên đăng nhập hoặc mã mời không đúng, mã đã dùng hoặc đã hết hạn.");
    let wrong_code = refused("totp", "Mã không đúng hoặc đã hết hạn.");
    vec![
        ("welcome", welcome(Problems::none())),
        ("welcome-problem", welcome(wrong)),
        ("second-factor-due", factor(Enrolling::Start, true, Problems::none())),
        ("second-factor", factor(Enrolling::Start, false, Problems::none())),
        ("second-factor-shown", factor(shown, true, Problems::none())),
        ("second-factor-again", factor(Enrolling::Again, true, wrong_code)),
        ("second-factor-done", factor(Enrolling::Done, false, Problems::none())),
        ("second-factor-elsewhere", factor(Enrolling::Done, true, Problems::none())),
    ]
}
