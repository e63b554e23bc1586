//! The pages of passkeys in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    account::{AccountPage, ConfirmPage},
    gallery::{LONG_NAME, Screen, frame, refused},
};
use crate::accounts::{
    ApiKeyView,
    passkey::{PasskeyView, Waiting},
};
use chuky_model::text::Language;

const ID: &str = "0199a7c2-1111-7000-8000-00000000abcd";

/// The pages.
pub(super) fn screens(language: Language) -> Vec<Screen> {
    let passkey = |name: &str, confirmed: bool, backed_up| PasskeyView {
        id: ID.parse().unwrap(),
        name: name.to_owned(),
        created_at: "2026-11-22T02:00:00Z".into(),
        last_used_at: confirmed.then(|| "2026-11-25T02:00:00Z".into()),
        confirmed,
        distrusted: false,
        backed_up,
        comparison_code: "481 516 234 215".into(),
        content_digest: "00ff".into(),
    };
    let key = |label: &str| ApiKeyView {
        id: ID.parse().unwrap(),
        label: label.to_owned(),
        created_at: "2026-11-22T02:00:00Z".into(),
        expires_at: "2027-02-20T02:00:00Z".into(),
    };
    let keys = [key("Phần mềm văn thư của Sở Thông tin và Truyền thông thành phố"), key("máy quét tầng 2")];
    let account = |passkeys: Vec<PasskeyView>, approves, done: &str, problems| {
        let keys = if done == "removed" { keys.to_vec() } else { Vec::new() };
        let (frame, login) = (frame(language, "/account"), "quynh.uong".to_owned());
        let (confirms, available, done) = (approves, true, done.to_owned());
        AccountPage { frame, login, passkeys, keys, approves, confirms, available, done, problems }.html()
    };
    let waiting = |confirmable| Waiting {
        passkey: passkey("Điện thoại cơ quan", false, true),
        account: ID.parse().unwrap(),
        holder: LONG_NAME.to_owned(),
        confirmable,
    };
    let confirm =
        |waiting, done, problems| ConfirmPage { frame: frame(language, "/passkeys"), waiting, done, problems }.html();
    let two = vec![passkey("Điện thoại cơ quan", true, true), passkey("Khóa USB màu xanh trong két", false, false)];
    vec![
        ("account-empty", account(Vec::new(), false, "", Problems::none())),
        ("account-two", account(two.clone(), true, "added", Problems::none())),
        (
            "account-lost",
            account(
                vec![PasskeyView { distrusted: true, ..passkey("Máy tính ở nhà", false, false) }],
                true,
                "lost",
                Problems::none(),
            ),
        ),
        ("account-wrong", account(two, true, "", refused("password", "Mật khẩu không đúng. Hãy thử lại."))),
        ("account-keys", account(Vec::new(), false, "removed", Problems::none())),
        ("passkeys-empty", confirm(Vec::new(), true, Problems::none())),
        ("passkeys-waiting", confirm(vec![waiting(true), waiting(false)], false, Problems::none())),
    ]
}
