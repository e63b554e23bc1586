//! Why a PDF could not be written or signed, each reason with a sentence for the person who asked.

use chuky_model::text::Bilingual;
use thiserror::Error;

/// Reasons of the request or of the document; none of them is a fault of the service. Each variant says what it is in its message.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WriteError {
    #[error("not a PDF file that can be read")]
    NotPdf,
    #[error("the file is larger than {} bytes", super::limits::FILE_BYTES)]
    TooLarge,
    #[error("the document is encrypted and cannot be opened without a password")]
    Encrypted,
    #[error("the document is encrypted and its owner permits no signature")]
    ForbiddenByOwner,
    #[error("the document is signed and its cross-reference table is damaged")]
    ReconstructedSigned,
    #[error("the document is certified: no further changes are permitted (DocMDP 1)")]
    CertifiedNoChanges,
    #[error("an earlier signature forbids this change to field {0:?}")]
    LockedField(String),
    #[error("the document has no page {0}")]
    NoSuchPage(u32),
    #[error("the document's structure is damaged: {0}")]
    Structure(&'static str),
    #[error("the document is already signed: only its first signature can certify it")]
    AlreadySigned,
    #[error("the document has no signature that the data could belong to")]
    NotSigned,
    #[error("the form uses XFA, which a signature cannot cover")]
    XfaForm,
    #[error("the rectangle of the signature is empty or not a number")]
    Rectangle,
    #[error("a field of this name exists and is not an empty signature field: {0:?}")]
    FieldTaken(String),
    #[error("no signature field of this name: {0:?}")]
    NoSuchField(String),
    #[error("the document is signed, so fields can no longer be added")]
    FieldsAfterSigning,
    #[error("a text field cannot stand on a turned page")]
    TurnedPage,
    #[error("no empty text field of this name: {0:?}")]
    NoSuchTextField(String),
    #[error("the field holds a value already: {0:?}")]
    AlreadyFilled(String),
    #[error("the signature needs {needed} bytes, {reserved} were reserved")]
    ContentsTooSmall { needed: usize, reserved: usize },
    #[error("the document is signed, so a code can no longer be added beside a look")]
    CodeAfterSigning,
    #[error("the place of the code is too small")]
    CodeTooSmall,
    #[error("the typeface cannot be read")]
    Typeface,
    #[error("the typeface lacks the letter {0:?}")]
    MissingLetter(char),
    #[error("the picture is not a PNG within bounds")]
    Picture,
    #[error("a text is longer than {} characters", super::limits::TEXT_CHARACTERS)]
    TextTooLong,
    #[error("too many {0}")]
    TooMany(&'static str),
    #[error("the document could not be composed")]
    Composition,
}

impl WriteError {
    /// One sentence in both languages for the person who asked for the signature.
    pub fn message(&self) -> Bilingual {
        let (vi, en) = match self {
            Self::NotPdf => ("Tệp này không phải là tệp PDF đọc được.", "This is not a PDF file that can be read."),
            Self::TooLarge => ("Tệp quá lớn để ký.", "The file is too large to sign."),
            Self::Encrypted => (
                "Tệp PDF được bảo vệ bằng mật khẩu; hãy bỏ mật khẩu rồi ký lại.",
                "The PDF is protected by a password; remove it and sign again.",
            ),
            Self::ForbiddenByOwner => (
                "Chủ sở hữu tệp PDF không cho phép ký; hãy xin bản không hạn chế.",
                "The owner of the PDF permits no signature; ask for a version without this restriction.",
            ),
            Self::ReconstructedSigned => (
                "Tệp đã có chữ ký nhưng cấu trúc bị hỏng; ký thêm sẽ làm hỏng chữ ký trước.",
                "The file is already signed but its structure is damaged; signing again would break the earlier signature.",
            ),
            Self::CertifiedNoChanges => (
                "Người ký trước đã chứng thực tài liệu và không cho phép thay đổi hay ký thêm.",
                "An earlier signer certified the document and permits no change and no further signature.",
            ),
            Self::LockedField(_) => (
                "Một chữ ký trước không cho phép thay đổi trường này.",
                "An earlier signature forbids a change to this field.",
            ),
            Self::NoSuchPage(_) => {
                ("Tài liệu không có trang được chọn.", "The document does not have the chosen page.")
            }
            Self::Structure(_) => ("Cấu trúc tệp PDF bị hỏng.", "The structure of the PDF file is damaged."),
            Self::AlreadySigned => (
                "Tài liệu đã có chữ ký nên không thể chứng thực.",
                "The document is already signed, so it cannot be certified.",
            ),
            Self::NotSigned => ("Tài liệu chưa có chữ ký.", "The document has no signature."),
            Self::XfaForm => (
                "Biểu mẫu XFA không ký được; hãy xuất ra PDF thường.",
                "An XFA form cannot be signed; export it as plain PDF.",
            ),
            Self::Rectangle => ("Vị trí chữ ký không hợp lệ.", "The place of the signature is not valid."),
            Self::FieldTaken(_) => (
                "Trường này đã được ký hoặc không phải ô chữ ký.",
                "This field is already signed or is not a signature field.",
            ),
            Self::NoSuchField(_) => ("Tài liệu không có ô chữ ký này.", "The document has no such signature field."),
            Self::FieldsAfterSigning | Self::TurnedPage | Self::NoSuchTextField(_) | Self::AlreadyFilled(_) => {
                self.of_text_fields()
            }
            Self::CodeAfterSigning | Self::CodeTooSmall => self.of_codes(),
            Self::ContentsTooSmall { .. } => (
                "Chữ ký lớn hơn chỗ dành sẵn; hãy thử lại.",
                "The signature is larger than the room reserved for it; try again.",
            ),
            Self::Typeface | Self::Composition => ("Không tạo được trang hiển thị.", "The page could not be composed."),
            Self::MissingLetter(_) => (
                "Phông chữ thiếu một ký tự trong nội dung hiển thị.",
                "The typeface lacks a letter of the text to show.",
            ),
            Self::Picture => (
                "Hình ảnh chữ ký phải là tệp PNG có kích thước hợp lý.",
                "The picture must be a PNG file of a reasonable size.",
            ),
            Self::TextTooLong => ("Nội dung hiển thị quá dài.", "The text to show is too long."),
            Self::TooMany(_) => ("Tài liệu có quá nhiều thành phần.", "The document has too many parts."),
        };
        Bilingual::new(vi, en)
    }

    fn of_codes(&self) -> (&'static str, &'static str) {
        match self {
            Self::CodeAfterSigning => (
                "Tài liệu đã có chữ ký trước nên mã kiểm tra không đứng cạnh hình chữ ký được. Hãy chọn hình thức “không hiện trên trang”: khi đó chính mã là hình của chữ ký.",
                "The document carries earlier signatures, so no code can stand beside a look. Choose the look “invisible”: the code itself is then what the signature shows.",
            ),
            _ => (
                "Chỗ dành cho mã kiểm tra quá nhỏ để máy quét đọc được: cần ít nhất 16 mm mỗi cạnh.",
                "The place of the code is too small for a scanner: it needs at least 16 mm a side.",
            ),
        }
    }

    fn of_text_fields(&self) -> (&'static str, &'static str) {
        match self {
            Self::FieldsAfterSigning => (
                "Tài liệu đã có chữ ký nên không thể thêm ô số và ngày; hãy dùng bản chưa ký.",
                "The document is signed already, so fields for number and date cannot be added; use the unsigned version.",
            ),
            Self::TurnedPage => (
                "Trang có ô số hoặc ngày bị xoay; hãy xuất lại PDF với trang đứng.",
                "The page with the number or the date is turned; export the PDF with upright pages.",
            ),
            Self::AlreadyFilled(_) => ("Ô này đã được điền.", "The field is filled already."),
            _ => ("Tài liệu không có ô này.", "The document has no such text field."),
        }
    }
}
