//! Pictures of QR codes that strangers send: read by a reader worker, never here.

use crate::{
    app::App,
    error::{InternalError, RequestError, Result},
    reader::{ReaderFailure, Task, TaskOutput},
    verification::Spool,
};
use chuky_pki::picture::code::Unreadable;

/// The text of the QR code in a picture. Of several codes the one for payments is meant; two of those are one too many.
pub async fn code_in(app: &App, picture: Spool) -> Result<String> {
    let document = picture.finish().await?;
    let codes = match app.readers.run(Task::ReadCodes { wanted: PAYMENT.to_owned() }, Some(document)).await {
        Ok(TaskOutput::Codes(Ok(codes))) => codes,
        Ok(TaskOutput::Codes(Err(why))) => return Err(unreadable(why).into()),
        Ok(_) => return Err(InternalError::other("the reader answered another task").into()),
        Err(ReaderFailure::NotStarted(error)) => return Err(InternalError::other(error.to_string()).into()),
        Err(failure) => {
            tracing::warn!(event = "picture_not_read", %failure);
            return Err(unreadable(Unreadable::NotAPicture).into());
        }
    };
    let is_payment = |code: &&String| code.starts_with(PAYMENT);
    let payments = codes.iter().filter(is_payment).count();
    if payments > 1 {
        return Err(RequestError::invalid(
            "picture",
            "picture_several_codes",
            "Trong ảnh có nhiều mã QR thanh toán. Hãy chụp riêng từng mã.",
            "The picture shows several QR codes for payments. Photograph one at a time.",
        )
        .into());
    }
    let code = codes.iter().find(is_payment).or(codes.first()).cloned();
    Ok(code.ok_or_else(|| unreadable(Unreadable::NoCode))?)
}

fn unreadable(why: Unreadable) -> RequestError {
    let (code, vi, en) = match why {
        Unreadable::NotAPicture => (
            "picture_unreadable",
            "Không đọc được ảnh. Hãy gửi ảnh PNG hoặc JPEG.",
            "The picture cannot be read. Send a PNG or JPEG file.",
        ),
        Unreadable::TooLarge => (
            "picture_too_large",
            "Ảnh quá lớn: tối đa 64 triệu điểm ảnh.",
            "The picture is too large: at most 64 million pixels.",
        ),
        Unreadable::NoCode => (
            "picture_without_code",
            "Không thấy mã QR trong ảnh. Hãy chụp gần hơn, thẳng và đủ sáng.",
            "No QR code is seen in the picture. Come closer, hold the telephone straight, and mind the light.",
        ),
    };
    RequestError::invalid("picture", code, vi, en)
}

/// How a code for payments begins (EMVCo: payload format indicator).
const PAYMENT: &str = "000201";
