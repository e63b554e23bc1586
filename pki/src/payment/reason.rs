//! Everything that can keep a payment from being accepted: a stable code, the check it belongs to, whether it settles the matter, and
//! a sentence in both languages. The codes are promised to callers; a sentence never repeats content of the order.

use chuky_model::{payment::PaymentVerdict, text::Bilingual};

/// The checks of a payment, in the order in which they are made and listed.
pub const CHECKS: [&str; 14] = [
    "format",
    "certificate",
    "signature_value",
    "signed_content",
    "key_usage",
    "certificate_path",
    "certificate_validity",
    "order",
    "amount",
    "currency",
    "freshness",
    "payer",
    "revocation",
    "identity",
];

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $code:literal $check:literal $verdict:ident $vi:literal $en:literal;)*) => {
        /// Why a payment is not accepted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* #[doc = $en] $name),* }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Reason] = &[$(Reason::$name),*];

            fn row(self) -> (&'static str, &'static str, PaymentVerdict, &'static str, &'static str) {
                match self { $(Self::$name => ($code, $check, PaymentVerdict::$verdict, $vi, $en)),* }
            }
        }
    };
}

reasons! {
    Malformed "malformed" "format" Rejected
        "Dữ liệu không phải là một lệnh thanh toán được ký theo một dạng mà hệ thống đọc được." "The data is not a signed payment order in a form that is read here.";
    TooLarge "too_large" "format" Rejected
        "Dữ liệu vượt quá kích thước cho phép." "The data is larger than allowed.";
    DuplicateMember "duplicate_member" "format" Rejected
        "Một trường JSON xuất hiện hai lần nên nội dung không rõ ràng." "A JSON member appears twice, so the content is ambiguous.";
    UnknownCritical "unknown_critical" "format" Rejected
        "Tiêu đề chữ ký yêu cầu một phần mở rộng mà hệ thống không hỗ trợ." "The signature header demands an extension that is not supported.";
    AlgorithmNotAllowed "algorithm_not_allowed" "format" Rejected
        "Thuật toán ký không được chấp nhận." "The signature algorithm is not accepted.";
    EmbeddedKey "embedded_key" "format" Rejected
        "Thông điệp mang theo khóa của chính nó; khóa đó không đáng tin cậy." "The message brings a key of its own, which cannot be trusted.";
    SeveralSignatures "several_signatures" "format" Rejected
        "Thông điệp phải có đúng một chữ ký." "The message must carry exactly one signature.";
    ContentMissing "content_missing" "format" Rejected
        "Chữ ký được gửi tách rời mà không kèm nội dung đã ký." "The signature is detached, and what it signs was not sent with it.";
    UnknownLayout "unknown_layout" "format" Rejected
        "Chưa khai báo cách ghép trường (layout) mà thông điệp nêu." "The layout of fields that the message names is not configured.";
    CertificateMissing "certificate_missing" "certificate" Rejected
        "Thông điệp không cho biết chứng thư số của người ký." "The message does not name the signer's certificate.";
    CertificateUnknown "certificate_unknown" "certificate" Indeterminate
        "Không tìm thấy chứng thư số mà thông điệp nêu." "The certificate that the message names is not known here.";
    CertificateMalformed "certificate_malformed" "certificate" Rejected
        "Chứng thư số của người ký không đọc được." "The signer's certificate cannot be read.";
    CertificateMismatch "certificate_mismatch" "certificate" Rejected
        "Chứng thư số không phải là chứng thư số mà chữ ký nêu." "The certificate is not the one that the signature names.";
    KeyTooWeak "key_too_weak" "certificate" Rejected
        "Khóa của người ký quá ngắn (cần RSA từ 2048 bit hoặc đường cong elliptic từ 256 bit)." "The signer's key is too short (RSA from 2048 bits or an elliptic curve from 256 bits is needed).";
    AlgorithmDoesNotFitKey "algorithm_does_not_fit_key" "signature_value" Rejected
        "Thuật toán ký không phù hợp với loại khóa trong chứng thư số." "The signature algorithm does not fit the certificate's key.";
    SignatureInvalid "signature_invalid" "signature_value" Rejected
        "Chữ ký số không khớp: nội dung đã bị thay đổi sau khi ký, hoặc không do chủ chứng thư số ký."
        "The signature does not match: the content was changed after signing, or the certificate's holder did not sign it.";
    ContentAltered "content_altered" "signed_content" Rejected
        "Nội dung không phải là nội dung đã được ký." "The content is not the content that was signed.";
    ContentNotSigned "content_not_signed" "signed_content" Rejected
        "Chữ ký không bao trùm toàn bộ lệnh thanh toán trong thông điệp." "The signature does not cover the whole payment order in the message.";
    KeyUsage "key_usage" "key_usage" Rejected
        "Chứng thư số không được phép dùng để ký lệnh thanh toán." "The certificate may not be used to sign payment orders.";
    CertificatePolicy "certificate_policy" "key_usage" Rejected
        "Chứng thư số không được cấp theo chính sách dùng cho thanh toán." "The certificate was not issued under a policy for payments.";
    IssuerUnknown "issuer_unknown" "certificate_path" Indeterminate
        "Thiếu chứng thư số để nối tới một tổ chức chứng thực được tin cậy." "A certificate is missing between the signer and a trusted authority.";
    IssuerNotTrusted "issuer_not_trusted" "certificate_path" Rejected
        "Chứng thư số do một tổ chức không được tin cậy cấp." "The certificate was issued by an authority that is not trusted.";
    PathInvalid "path_invalid" "certificate_path" Rejected
        "Chuỗi chứng thư số không hợp lệ." "The certificate chain is not valid.";
    PathAlgorithm "path_algorithm" "certificate_path" Rejected
        "Chuỗi chứng thư số dùng thuật toán hoặc khóa không còn an toàn." "The certificate chain uses an algorithm or a key that is no longer safe.";
    CertificateExpired "certificate_expired" "certificate_validity" Rejected
        "Chứng thư số của người ký đã hết hạn." "The signer's certificate has expired.";
    CertificateNotYetValid "certificate_not_yet_valid" "certificate_validity" Rejected
        "Chứng thư số của người ký chưa có hiệu lực." "The signer's certificate is not yet valid.";
    OrderMalformed "order_malformed" "order" Rejected
        "Nội dung được ký không đúng mẫu lệnh thanh toán." "The signed content does not follow the schema of a payment order.";
    OrderDuplicateMember "order_duplicate_member" "order" Rejected
        "Một trường của lệnh thanh toán xuất hiện hai lần." "A member of the payment order appears twice.";
    AmbiguousLayout "ambiguous_layout" "order" Rejected
        "Nội dung được ký đọc được theo nhiều cách ghép trường (layout) thành những lệnh khác nhau."
        "The signed content can be read by several layouts, as different orders.";
    MessageNotSupported "message_not_supported" "order" Rejected
        "Nội dung XML không phải là thông điệp pain.001, pain.013 hoặc pacs.008." "The XML is no pain.001, pain.013 or pacs.008 message.";
    SeveralTransactions "several_transactions" "order" Rejected
        "Thông điệp có nhiều giao dịch; hãy gửi mỗi giao dịch một thông điệp." "The message holds several transactions; send one message for each.";
    IdInvalid "id_invalid" "order" Rejected
        "Mã lệnh thanh toán không đúng quy định." "The payment order's id is not as prescribed.";
    PartyInvalid "party_invalid" "order" Rejected
        "Người trả, người nhận hoặc nội dung tham chiếu không đúng quy định." "Payer, payee or reference is not as prescribed.";
    AmountInvalid "amount_invalid" "amount" Rejected
        "Số tiền phải là số nguyên dương." "The amount must be a positive whole number.";
    AmountTooLarge "amount_too_large" "amount" Rejected
        "Số tiền vượt quá giới hạn." "The amount is above the limit.";
    CurrencyInvalid "currency_invalid" "currency" Rejected
        "Loại tiền không có trong danh mục ISO 4217." "The currency is not on the list of ISO 4217.";
    TimeInvalid "time_invalid" "freshness" Rejected
        "Thời điểm lập hoặc hết hạn của lệnh không hợp lệ." "The order's creation or expiry time is not valid.";
    WindowTooLong "window_too_long" "freshness" Rejected
        "Thời hạn của lệnh dài hơn mức cho phép." "The order is valid for longer than allowed.";
    CreatedInFuture "created_in_future" "freshness" Rejected
        "Thời điểm lập lệnh nằm trong tương lai." "The order was created in the future.";
    BeforeRestoration "before_restoration" "freshness" Indeterminate
        "Lệnh được lập trước khi hệ thống được khôi phục từ bản sao lưu, nên không biết đã được chấp nhận chưa; hãy lập lệnh mới."
        "The order was created before the service was restored from a backup, so whether it was accepted is not known: make a new one.";
    NotRemembered "not_remembered" "freshness" Indeterminate
        "Lệnh được lập vào những ngày mà hệ thống không còn lưu các khoản đã chấp nhận, nên không biết đã được chấp nhận chưa; hãy lập lệnh mới."
        "The order was created in days of which accepted payments are no longer kept, so whether it was accepted is not known: make a new one.";
    Expired "expired" "freshness" Rejected
        "Lệnh thanh toán đã hết hạn." "The payment order has expired.";
    PayerMismatch "payer_mismatch" "payer" Rejected
        "Người trả ghi trong lệnh không phải là chủ chứng thư số đã ký." "The payer in the order is not the holder of the signing certificate.";
    CertificateRevoked "certificate_revoked" "revocation" Rejected
        "Chứng thư số của người ký đã bị thu hồi." "The signer's certificate has been revoked.";
    CertificateSuspended "certificate_suspended" "revocation" Rejected
        "Chứng thư số của người ký đang bị tạm dừng." "The signer's certificate is suspended.";
    StatusUnknown "status_unknown" "revocation" Indeterminate
        "Chưa xác định được tình trạng thu hồi của chứng thư số." "The certificate's revocation status could not be determined.";
    Conflict "conflict" "identity" Rejected
        "Một lệnh thanh toán khác đã được chấp nhận dưới cùng mã này." "Another order was already accepted under the same identity.";
    OtherProvider "acquired_by_another_provider" "identity" Rejected
        "Lệnh thanh toán này đã được một đơn vị khác tiếp nhận." "This payment order was already acquired by another provider.";
    ProviderNotRegistered "provider_not_registered" "identity" Rejected
        "Đơn vị gửi lệnh chưa được đăng ký để tiếp nhận thanh toán." "The provider that sent the order is not registered to acquire payments.";
    ProviderSuspended "provider_suspended" "identity" Rejected
        "Đơn vị gửi lệnh đang bị tạm dừng tiếp nhận thanh toán." "The provider that sent the order is suspended from acquiring payments.";
    ProviderLimit "provider_limit" "identity" Rejected
        "Số tiền vượt hạn mức của đơn vị gửi lệnh." "The amount is above the limit of the provider that sent the order.";
    KeyPhasedOut "key_phased_out" "identity" Rejected
        "Khóa ký lệnh đã hết thời hạn sử dụng theo đăng ký." "The key that signed the order is phased out by its registration.";
    Collection "collection" "identity" Rejected
        "Lệnh này là khoản thu theo ủy quyền; hãy gửi tới /api/v1/mandates/collections." "The order is a collection under a mandate; present it at /api/v1/mandates/collections.";
    NotRecorded "not_recorded" "identity" Indeterminate
        "Chưa ghi nhận được lệnh thanh toán; hãy gửi lại." "The payment could not be recorded; send it again.";
}

impl Reason {
    /// The stable code.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// The name of the check that it belongs to; one of [`CHECKS`].
    pub fn check(self) -> &'static str {
        self.row().1
    }

    /// What it makes of the payment: rejected for good, or not to be determined now.
    pub fn verdict(self) -> PaymentVerdict {
        self.row().2
    }

    /// One sentence in both languages.
    pub fn sentence(self) -> Bilingual {
        let (_, _, _, vi, en) = self.row();
        Bilingual::new(vi, en)
    }

    /// Whether time alone brought it about, so that it says nothing against an order that was accepted earlier.
    pub fn is_of_time(self) -> bool {
        use Reason::{
            BeforeRestoration, CertificateExpired, CertificateRevoked, CertificateSuspended, Expired, NotRemembered,
        };
        matches!(
            self,
            BeforeRestoration
                | NotRemembered
                | Expired
                | CertificateExpired
                | CertificateRevoked
                | CertificateSuspended
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_every_reason_belongs_to_a_check() {
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert!(CHECKS.contains(&reason.check()), "{}", reason.code());
            assert_ne!(reason.verdict(), PaymentVerdict::Accepted, "{}", reason.code());
        }
    }
}
