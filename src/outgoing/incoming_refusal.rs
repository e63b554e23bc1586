//! What whoever hands in a package is told where it is not taken as it is.

use crate::{error::RequestError, reader::PackageUnusable};
use chuky_model::{record::incoming::IncomingDocument, text::Bilingual};

/// It cannot be read.
pub(super) fn unusable(why: PackageUnusable) -> RequestError {
    let (vi, en) = match why {
        PackageUnusable::Malformed => (
            "Tệp này không phải gói tin edXML đúng cú pháp (QCVN 102:2016/BTTTT).",
            "This is no well-formed edXML package (QCVN 102:2016/BTTTT).",
        ),
        PackageUnusable::Incomplete => (
            "Gói tin thiếu thông tin bắt buộc: nơi gửi, số và ký hiệu, ngày, trích yếu hoặc tên tệp.",
            "The package lacks what must be there: sender, number and notation, date, subject, or a file's name.",
        ),
        PackageUnusable::Attachment => {
            ("Tệp đính kèm trong gói tin bị hỏng (base64).", "An attachment of the package is damaged (base64).")
        }
        PackageUnusable::TooLarge => {
            ("Gói tin có quá nhiều hoặc quá lớn tệp đính kèm.", "The package has too many or too large attachments.")
        }
    };
    RequestError::invalid("document", "package_unusable", vi, en)
}

/// What is open is the clerk's to accept.
pub(super) fn undetermined(open: &[Bilingual]) -> RequestError {
    let (vi, en) = joined(open);
    RequestError::conflict("incoming_undetermined", vi, en)
}

/// Another package of that name is registered.
pub(super) fn differs(other: &IncomingDocument, open: &[Bilingual]) -> RequestError {
    let (number, year) = (other.number.unwrap_or_default(), other.year.unwrap_or_default());
    let (vi, en) = joined(open);
    let vi = format!(
        "Số đến {number} năm {year} đã đăng ký một văn bản cùng nơi gửi, ngày, số và ký hiệu, nhưng gói tin này có nội dung khác. {vi}"
    );
    let en = format!(
        "The incoming number {number} of {year} has a document of the same sender, day, number and notation, and this package is another. {en}"
    );
    RequestError::conflict("incoming_differs", vi.trim_end(), en.trim_end())
}

fn joined(open: &[Bilingual]) -> (String, String) {
    let of = |text: fn(&Bilingual) -> &str| open.iter().map(text).collect::<Vec<_>>().join(" ");
    (of(|one| &one.vi), of(|one| &one.en))
}

/// Its business is none that is taken.
pub(super) fn not_taken() -> RequestError {
    RequestError::invalid(
        "document",
        "package_not_taken",
        "Gói tin này là cập nhật; ở đây nhận văn bản mới, thu hồi và thay thế.",
        "This package is an update; new documents, recalls and replacements are taken here.",
    )
}
