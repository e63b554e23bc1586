//! What a person reads: one sentence and the next step, in Vietnamese and English.

use super::trust::{ON_HOLD, REVOKED_SINCE};
use chuky_model::report::{Indication, Integrity, SignatureReport, SubIndication};
use chuky_model::text::Bilingual;

type Sentences = (Bilingual, Bilingual);

fn pair(message: (&str, &str), next: (&str, &str)) -> Sentences {
    (Bilingual::new(message.0, message.1), Bilingual::new(next.0, next.1))
}

pub(super) fn unreadable() -> Sentences {
    pair(
        ("Không đọc được tệp này trong giới hạn cho phép.", "This file could not be read within limits."),
        ("Hãy xin lại tệp gốc từ người gửi rồi kiểm tra lại.", "Ask the sender for the original file and check again."),
    )
}

pub(super) fn closed() -> Sentences {
    pair(
        (
            "Tệp PDF được mã hóa và không mở được nếu không có mật khẩu nên chưa kiểm tra được chữ ký.",
            "The PDF is encrypted and does not open without a password, so its signatures could not be checked.",
        ),
        (
            "Hãy xin người gửi bản không đặt mật khẩu mở tệp rồi kiểm tra lại.",
            "Ask the sender for a version that opens without a password and check again.",
        ),
    )
}

/// What follows a signature could be judged by one reader only.
pub(super) fn unheard() -> Sentences {
    pair(
        (
            "Sau chữ ký có phần được bổ sung mà hệ thống chưa thể kiểm tra chéo, nên chưa xác định được văn bản có bị thay đổi hay không.",
            "Something was added after the signature that could not be cross-checked, so whether the document was changed cannot be determined.",
        ),
        (
            "Hãy xin người ký bản tệp đúng như khi ký, không có phần bổ sung, rồi kiểm tra lại.",
            "Ask the signer for the file as it was signed, without what was added, and check again.",
        ),
    )
}

pub(super) fn no_signature() -> Sentences {
    pair(
        ("Tệp này không có chữ ký số.", "This file carries no digital signature."),
        (
            "Hình ảnh chữ ký hay con dấu không phải là chữ ký số. Nếu văn bản lẽ ra phải được ký, hãy yêu cầu người gửi cung cấp bản đã ký.",
            "A picture of a signature or a seal is not a signature. If it should have been signed, ask the sender for the signed version.",
        ),
    )
}

pub(super) fn not_supported(what: &str) -> Sentences {
    (
        Bilingual::new(
            "Chưa kiểm tra được chữ ký trong tệp thuộc định dạng này.",
            format!("Signatures in a file of this kind ({what}) cannot be checked yet."),
        ),
        Bilingual::new(
            "Hãy yêu cầu bản PDF đã ký, hoặc kiểm tra bằng phần mềm đã tạo ra tệp.",
            "Ask for a signed PDF, or check the file with the software that made it.",
        ),
    )
}

/// The sentences on a timestamp that stands alone and covers what it was given.
pub(super) fn timestamped(indication: Indication, time: &str, authority: &str) -> Sentences {
    let authority_vi = if authority.is_empty() { "tổ chức chưa xác định" } else { authority };
    let authority_en = if authority.is_empty() { "an unknown authority" } else { authority };
    if indication == Indication::TotalPassed {
        return (
            Bilingual::new(
                format!("Dấu thời gian của {authority_vi} hợp lệ: nội dung đã tồn tại vào lúc {time}."),
                format!("The timestamp of {authority_en} is valid: the content existed at {time}."),
            ),
            Bilingual::new(
                "Có thể dùng làm bằng chứng về thời gian; dấu thời gian không cho biết ai đã ký nội dung.",
                "You can use it as a proof of time; a timestamp does not say who signed the content.",
            ),
        );
    }
    (
        Bilingual::new(
            format!("Dấu thời gian {time} khớp với nội dung, nhưng chưa xác định được độ tin cậy của {authority_vi}."),
            format!("The timestamp of {time} fits the content, but trust in {authority_en} cannot be determined."),
        ),
        Bilingual::new(
            "Hãy cung cấp chứng thư gốc của tổ chức cấp dấu thời gian và thông tin thu hồi rồi kiểm tra lại.",
            "Provide the timestamp authority's root certificate and revocation information, and check again.",
        ),
    )
}

/// The sentences on a signature or timestamp in a file of its own, without what it covers.
pub(super) fn content_missing() -> Sentences {
    pair(
        (
            "Chữ ký hoặc dấu thời gian này nằm trong tệp riêng: phải có văn bản đã được ký mới kiểm tra được.",
            "This signature or timestamp stands in a file of its own: it can only be checked together with the document that was signed.",
        ),
        (
            "Hãy chọn cùng lúc cả tệp này và văn bản đã được ký, rồi kiểm tra lại.",
            "Choose this file and the document that was signed together, and check again.",
        ),
    )
}

/// The sentence on a signature whose claimed time is seven hours ahead.
pub(super) fn local_time(message: &Bilingual) -> Bilingual {
    let (vi, en) = (&message.vi, &message.en);
    Bilingual::new(
        format!("{vi} Giờ ký do người ký ghi có vẻ là giờ Việt Nam nhưng bị ghi thành giờ UTC, nên lệch 7 giờ."),
        format!("{en} The claimed signing time seems to be Viet Nam's local time labelled UTC, seven hours ahead."),
    )
}

/// The sentence on a document of which only a part is signed.
pub(super) fn only_part(message: &Bilingual, covers: &str) -> Bilingual {
    let (vi, en) = (message.vi.trim_end_matches('.'), message.en.trim_end_matches('.'));
    Bilingual::new(
        format!("{vi}; chữ ký chỉ bao phủ một phần của tệp ({covers}), phần còn lại không được ký."),
        format!("{en}; only a part of the file is signed ({covers}), the rest is not."),
    )
}

/// The sentences on a file with parts that nobody signed: these are named before anything else is said.
pub(super) fn unsigned_parts(message: &Bilingual, parts: &str) -> Sentences {
    (
        Bilingual::new(
            format!("KHÔNG ĐƯỢC KÝ: {parts}. Chữ ký hay dấu thời gian chỉ bao phủ phần còn lại. {}", message.vi),
            format!("NOT SIGNED: {parts}. Signatures and timestamps cover the rest only. {}", message.en),
        ),
        Bilingual::new(
            "Không sử dụng phần không được ký như thể người ký đã ký; hãy hỏi người ký về phần đó.",
            "Do not use what is not signed as if the signer had signed it; ask the signer about it.",
        ),
    )
}

/// The sentence on a document whose signed manifest names files that were not there to be compared.
pub(super) fn parts_not_at_hand(message: &Bilingual, count: usize) -> Bilingual {
    let (vi, en) = (message.vi.trim_end_matches('.'), message.en.trim_end_matches('.'));
    Bilingual::new(
        format!("{vi}; {count} tệp kèm theo mà chữ ký nêu tên chưa được đối chiếu vì không có ở đây."),
        format!("{en}; {count} accompanying files that the signature names are not here and were not compared."),
    )
}

/// What the sentences must tell beyond the indications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Circumstance {
    /// Nothing.
    None,
    /// A certificate was revoked after the proven time of signing.
    RevokedSince,
    /// A certificate is on hold.
    OnHold,
}

impl Circumstance {
    /// What the checks of the signatures say.
    pub(super) fn of(signatures: &[SignatureReport]) -> Self {
        let says = |name: &str| signatures.iter().any(|line| line.checks.iter().any(|check| check.name == name));
        match (says(ON_HOLD), says(REVOKED_SINCE)) {
            (true, _) => Self::OnHold,
            (false, true) => Self::RevokedSince,
            (false, false) => Self::None,
        }
    }
}

/// The sentences on a signed document. The worse of integrity and trust is told first.
pub(super) fn signed(
    integrity: Integrity,
    indication: Indication,
    sub: Option<SubIndication>,
    circumstance: Circumstance,
    signer: &str,
) -> Sentences {
    match integrity {
        Integrity::Broken => broken(sub),
        Integrity::Altered => pair(
            (
                "Văn bản đã bị thay đổi sau khi ký mà người ký không cho phép.",
                "The document was changed after signing in a way the signer did not permit.",
            ),
            (
                "Không sử dụng văn bản này; hãy xem danh sách thay đổi và xin lại bản gốc.",
                "Do not rely on this document; see the list of changes and ask for the original.",
            ),
        ),
        Integrity::Unknown if sub == Some(SubIndication::SignedDataNotFound) => content_missing(),
        Integrity::Unknown => pair(
            ("Chưa thể xác định chữ ký có hợp lệ hay không.", "Whether the signature is valid cannot be determined."),
            (
                "Hãy xem các bước kiểm tra chưa thực hiện được và bổ sung thông tin còn thiếu.",
                "See which checks were not done and provide what is missing.",
            ),
        ),
        Integrity::None => no_signature(),
        Integrity::Intact if indication == Indication::TotalPassed => valid(circumstance, signer),
        Integrity::Intact => intact(sub, circumstance, signer),
    }
}

fn broken(sub: Option<SubIndication>) -> Sentences {
    let message = match sub {
        Some(SubIndication::HashFailure) => (
            "Nội dung văn bản không khớp với chữ ký: văn bản đã bị sửa.",
            "The content does not match the signature: the document was modified.",
        ),
        Some(SubIndication::SigCryptoFailure) => (
            "Giá trị chữ ký không đúng với chứng thư của người ký.",
            "The signature value does not fit the signer's certificate.",
        ),
        _ => ("Chữ ký bị hỏng hoặc bị làm giả cấu trúc.", "The signature is damaged or its structure was forged."),
    };
    pair(
        message,
        (
            "Không sử dụng văn bản này; hãy xin lại bản gốc từ người ký.",
            "Do not rely on this document; ask the signer for the original.",
        ),
    )
}

fn valid(circumstance: Circumstance, signer: &str) -> Sentences {
    if circumstance == Circumstance::RevokedSince {
        return (
            Bilingual::new(
                format!(
                    "Chữ ký của {signer} có hiệu lực vào thời điểm ký, văn bản còn nguyên vẹn; chứng thư bị thu hồi sau đó."
                ),
                format!(
                    "The signature of {signer} was valid when it was made and the document is intact; a certificate was revoked later."
                ),
            ),
            Bilingual::new(
                "Có thể sử dụng văn bản này: dấu thời gian chứng minh văn bản được ký trước khi thu hồi.",
                "You can rely on this document: a timestamp proves that it was signed before the revocation.",
            ),
        );
    }
    (
        Bilingual::new(
            format!("Chữ ký của {signer} hợp lệ, văn bản còn nguyên vẹn."),
            format!("The signature of {signer} is valid and the document is intact."),
        ),
        Bilingual::new("Có thể sử dụng văn bản này.", "You can rely on this document."),
    )
}

fn intact(sub: Option<SubIndication>, circumstance: Circumstance, signer: &str) -> Sentences {
    let (vi, en, next_vi, next_en) = match sub {
        Some(SubIndication::NoCertificateChainFound) => (
            "nhưng chưa xác định được tổ chức cấp chứng thư có đáng tin cậy hay không",
            "but the issuer of the certificate is not among the trusted ones",
            "Hãy cung cấp chứng thư gốc của tổ chức cấp chứng thư rồi kiểm tra lại.",
            "Provide the issuer's root certificate and check again.",
        ),
        Some(SubIndication::RevokedNoPoe | SubIndication::RevokedCaNoPoe) => (
            "nhưng chứng thư đã bị thu hồi",
            "but the certificate has been revoked",
            "Hãy liên hệ người ký; chỉ sử dụng nếu có bằng chứng văn bản được ký trước khi thu hồi.",
            "Contact the signer; rely on it only with proof that it was signed before the revocation.",
        ),
        Some(SubIndication::OutOfBoundsNoPoe | SubIndication::OutOfBoundsNotRevoked) => (
            "nhưng chứng thư ngoài thời hạn hiệu lực và không có bằng chứng văn bản được ký trong thời hạn",
            "but the certificate is outside its validity and nothing proves that it was signed within it",
            "Hãy yêu cầu người ký gia hạn chứng thư và ký lại, hoặc cung cấp dấu thời gian.",
            "Ask the signer to sign again with a current certificate, or for a timestamp.",
        ),
        Some(SubIndication::NotYetValid) => (
            "nhưng dấu thời gian chứng minh văn bản được ký trước khi chứng thư có hiệu lực",
            "but a timestamp proves that it was signed before the certificate became valid",
            "Không sử dụng văn bản này; hãy yêu cầu người ký ký lại bằng chứng thư đang có hiệu lực.",
            "Do not rely on this document; ask the signer to sign again with a current certificate.",
        ),
        Some(SubIndication::ChainConstraintsFailure) => (
            "nhưng chứng thư không được phép dùng để ký văn bản này",
            "but the certificate may not be used to sign documents",
            "Không sử dụng văn bản này; hãy yêu cầu người ký ký lại bằng chứng thư dùng để ký văn bản.",
            "Do not rely on this document; ask the signer to sign again with a certificate for signing documents.",
        ),
        Some(SubIndication::TryLater) if circumstance == Circumstance::OnHold => (
            "nhưng chứng thư đang bị tạm dừng",
            "but the certificate is on hold",
            "Hãy liên hệ người ký và kiểm tra lại khi việc tạm dừng chấm dứt.",
            "Contact the signer, and check again when the hold has ended.",
        ),
        Some(SubIndication::TryLater | SubIndication::RevocationOutOfBoundsNoPoe) => (
            "nhưng chưa có thông tin thu hồi chứng thư",
            "but there is no usable revocation information for the certificate",
            "Hãy kiểm tra lại khi có CRL hoặc OCSP của tổ chức cấp chứng thư.",
            "Check again with the issuer's CRL or OCSP answer.",
        ),
        Some(SubIndication::NoSigningCertificateFound) => (
            "nhưng không tìm thấy chứng thư của người ký",
            "but the signer's certificate was not found",
            "Hãy yêu cầu người ký cung cấp chứng thư.",
            "Ask the signer for the certificate.",
        ),
        other => rare(other),
    };
    (
        Bilingual::new(
            format!("Văn bản còn nguyên vẹn sau khi {signer} ký, {vi}."),
            format!("The document is intact since {signer} signed, {en}."),
        ),
        Bilingual::new(next_vi, next_en),
    )
}

/// The middle of the sentence and the next step, in both languages, for what is met less often.
fn rare(sub: Option<SubIndication>) -> (&'static str, &'static str, &'static str, &'static str) {
    match sub {
        Some(SubIndication::Revoked) => (
            "nhưng dấu thời gian chứng minh văn bản được ký sau khi chứng thư đã bị thu hồi",
            "but a timestamp proves that it was signed after the certificate had been revoked",
            "Không sử dụng văn bản này; hãy liên hệ người ký.",
            "Do not rely on this document; contact the signer.",
        ),
        Some(SubIndication::Expired) => (
            "nhưng dấu thời gian chứng minh văn bản được ký sau khi chứng thư hết hạn",
            "but a timestamp proves that it was signed after the certificate had expired",
            "Không sử dụng văn bản này; hãy yêu cầu người ký ký lại bằng chứng thư đang có hiệu lực.",
            "Do not rely on this document; ask the signer to sign again with a current certificate.",
        ),
        Some(SubIndication::NoPoe) => (
            "nhưng không có gì chứng minh thông tin thu hồi đi kèm đã tồn tại vào thời điểm cần thiết",
            "but nothing proves that the revocation information beside it existed in time",
            "Hãy cung cấp CRL hiện hành của các tổ chức cấp chứng thư, hoặc bản có dấu thời gian lưu trữ.",
            "Provide the authorities' current CRLs, or a version with an archive timestamp.",
        ),
        Some(SubIndication::CryptoConstraintsFailure | SubIndication::CryptoConstraintsFailureNoPoe) => (
            "nhưng thuật toán đã dùng không còn được chấp nhận và không có bằng chứng văn bản được ký khi còn được chấp nhận",
            "but an algorithm that it relies on is no longer accepted and nothing proves that it was signed while it was",
            "Hãy yêu cầu người ký ký lại, hoặc cung cấp dấu thời gian cũ hơn.",
            "Ask the signer to sign again, or for an older timestamp.",
        ),
        Some(SubIndication::SigConstraintsFailure) => (
            "nhưng chữ ký thiếu điều mà chính sách kiểm tra đòi hỏi",
            "but the signature lacks something that the validation policy demands",
            "Hãy xem các bước kiểm tra để biết chính sách đòi hỏi gì.",
            "See the checks for what the policy demands.",
        ),
        Some(SubIndication::SignaturePolicyNotAvailable | SubIndication::PolicyProcessingError) => (
            "nhưng chính sách chữ ký mà văn bản nêu ra không dùng được",
            "but the signature policy that it names cannot be used",
            "Hãy kiểm tra bằng chính sách biết quy tắc chữ ký này.",
            "Check again with a validation policy that knows this signature policy.",
        ),
        Some(SubIndication::TimestampOrderFailure) => (
            "nhưng thứ tự các dấu thời gian mâu thuẫn nhau",
            "but the order of its timestamps contradicts itself",
            "Hãy yêu cầu người ký cung cấp bản khác; các dấu thời gian này không đáng tin cậy.",
            "Ask the signer for another version; these timestamps cannot be relied on.",
        ),
        Some(SubIndication::NoCertificateChainFoundNoPoe) => (
            "nhưng tổ chức cấp chứng thư không còn được tin cậy và không có bằng chứng văn bản được ký trước đó",
            "but the issuer is no longer trusted and nothing proves that it was signed before",
            "Hãy cung cấp dấu thời gian của lúc tổ chức cấp chứng thư còn được tin cậy.",
            "Provide a timestamp of the time when the issuer was trusted.",
        ),
        _ => (
            "nhưng chưa thể xác định độ tin cậy của chữ ký",
            "but trust in the signature cannot be determined",
            "Hãy xem các bước kiểm tra để biết còn thiếu gì.",
            "See the checks for what is missing.",
        ),
    }
}
