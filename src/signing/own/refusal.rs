//! What a token's refusal means to the person who holds it, in both languages, with what to do.

use crate::error::{RequestError, RequestErrorKind};
use chuky_hsm::own::{PinState, Refusal, TokenFound};
use chuky_model::text::Bilingual;

/// The refusal as an error of the request. Codes begin with `pin_` where nothing but the PIN is at fault: then nothing is tried again.
pub fn explained(refusal: &Refusal) -> RequestError {
    let error = |code, vi: &str, en: &str| RequestError::new(RequestErrorKind::Forbidden, code, vi, en);
    match refusal {
        Refusal::PinWrong => error(
            "pin_wrong",
            "Token báo sai mã PIN. Chương trình không thử lại; nhập sai nhiều lần token sẽ khóa.",
            "The token says that the PIN is wrong. It is not tried again; several wrong PINs lock the token.",
        ),
        Refusal::PinLocked => error("pin_locked", LOCKED.0, LOCKED.1),
        Refusal::PinExpired => error(
            "pin_expired",
            "Mã PIN của token đã hết hạn. Hãy đổi mã PIN bằng phần mềm của nhà cung cấp token rồi ký lại.",
            "The token's PIN has expired. Change it with the maker's program, then sign again.",
        ),
        Refusal::PinForm => error(
            "pin_form",
            "Token không nhận mã PIN có độ dài hoặc ký tự như vậy.",
            "The token takes no PIN of this length or with these characters.",
        ),
        Refusal::PinUnset => error("pin_unset", UNSET.0, UNSET.1),
        Refusal::Cancelled => error(
            "token_cancelled",
            "Mã PIN không được nhập trên token, hoặc việc ký bị từ chối tại đó.",
            "The PIN was not entered on the token, or the signature was refused there.",
        ),
        Refusal::Gone => error(
            "token_gone",
            "Token không còn cắm vào máy. Hãy cắm lại rồi ký lại.",
            "The token is no longer there. Connect it and sign again.",
        ),
        Refusal::Module(reason) => said(
            "module_not_loaded",
            format!("Không nạp được thư viện của token: {reason}. Hãy kiểm tra --module và trình điều khiển."),
            format!("The token's library cannot be loaded: {reason}. Check --module and the driver."),
        ),
        Refusal::Crashed(how) => said(
            "module_crashed",
            format!(
                "Thư viện của token bị dừng đột ngột ({how}). Không có tệp nào được ghi; hãy rút token ra, cắm lại, hoặc cập nhật trình điều khiển."
            ),
            format!(
                "The token's library crashed ({how}). No file was written; take the token out, connect it again, or update the driver."
            ),
        ),
        Refusal::Late(seconds) => said(
            "module_hangs",
            format!(
                "Thư viện của token không trả lời trong {seconds} giây. Hãy rút token ra, cắm lại; nếu token cần thao tác tại chỗ, tăng --patience."
            ),
            format!(
                "The token's library did not answer within {seconds} seconds. Take the token out and connect it again; where it waits for you, raise --patience."
            ),
        ),
        Refusal::Code { function, code } => said(
            "token_failed",
            format!("Token báo lỗi: {function} trả về {code}."),
            format!("The token failed: {function} returned {code}."),
        ),
        Refusal::Odd(what) => said(
            "token_odd",
            format!("Token trả về dữ liệu không hiểu được: {what}."),
            format!("The token gave something that cannot be understood: {what}."),
        ),
    }
}

/// What is known of a token's PIN before one is asked for: the refusal where none can help, and a warning where the next one may lock it.
pub fn told_before(token: &TokenFound) -> Result<Option<Bilingual>, RequestError> {
    let refused = |code, (vi, en): (&str, &str)| Err(RequestError::new(RequestErrorKind::Forbidden, code, vi, en));
    if token.needs_no_log_in {
        return Ok(None);
    }
    match token.pin {
        PinState::Locked => refused("pin_locked", LOCKED),
        PinState::Unset => refused("pin_unset", UNSET),
        PinState::FinalTry => Ok(Some(Bilingual::new(
            "Chỉ còn MỘT lần nhập mã PIN trước khi token khóa.",
            "ONE try is left before the token locks its PIN.",
        ))),
        PinState::CountLow => Ok(Some(Bilingual::new(
            "Lần trước mã PIN bị nhập sai; nhập sai nữa token có thể khóa.",
            "A wrong PIN was entered before; more of them lock the token.",
        ))),
        PinState::Usual => Ok(None),
    }
}

fn said(code: &'static str, vi: String, en: String) -> RequestError {
    RequestError::new(RequestErrorKind::Unavailable, code, vi, en)
}

const LOCKED: (&str, &str) = (
    "Mã PIN của token đã bị khóa. Hãy mở khóa bằng phần mềm của nhà cung cấp token hoặc liên hệ nơi cấp.",
    "The token's PIN is locked. Unlock it with the maker's program, or ask whoever issued the token.",
);
const UNSET: (&str, &str) = ("Token chưa được đặt mã PIN.", "No PIN was ever set on the token.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_the_pin_alone_is_named_so() {
        for refusal in [Refusal::PinWrong, Refusal::PinLocked, Refusal::PinExpired, Refusal::PinForm, Refusal::PinUnset]
        {
            assert!(refusal.is_about_pin() && explained(&refusal).code.starts_with("pin_"), "{refusal}");
        }
        for refusal in [Refusal::Gone, Refusal::Cancelled, Refusal::Late(1), Refusal::Crashed(String::new())] {
            assert!(!refusal.is_about_pin() && !explained(&refusal).code.starts_with("pin_"), "{refusal}");
        }
    }
}
