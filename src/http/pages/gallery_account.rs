//! The pages of passkeys in every state worth looking at. Test code only.
#![allow(clippy::unwrap_used)]

use super::{
    Problems,
    account::{AccountPage, ConfirmPage},
    gallery::{LONG_NAME, Screen, frame, refused},
};
use crate::accounts::passkey::{PasskeyView, Waiting};
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
        backed_up,
        comparison_code: "481 516 234 215".into(),
        content_digest: "00ff".into(),
    };
    let account = |passkeys, approves, done: &str, problems| {
        let (frame, login) = (frame(language, "/account"), "quynh.uong".to_owned());
        let (confirms, available, done) = (approves, true, done.to_owned());
        AccountPage { frame, login, passkeys, approves, confirms, available, done, problems }.html()
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
        ("account-wrong", account(two, true, "", refused("password", "Mật khẩu không đúng. Hãy thử lại."))),
        ("passkeys-empty", confirm(Vec::new(), true, Problems::none())),
        ("passkeys-waiting", confirm(vec![waiting(true), waiting(false)], false, Problems::none())),
    ]
}
