//! Errors of the request and errors of the world. The first go to the caller in both languages; the second go to the log
//! under the request's id, and the caller learns only that something failed on our side.

use chuky_model::text::Bilingual;

/// Either kind of failure of a flow.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller can do something about it.
    #[error("{0}")]
    Request(#[from] RequestError),
    /// Nobody outside can.
    #[error("{0}")]
    Internal(#[from] InternalError),
}

/// A result of a flow.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is wrong with a request, in a class that transports translate to their own status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestErrorKind {
    /// The content is malformed or breaks a rule.
    Invalid,
    /// Nobody is logged in, or the credentials are wrong.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// There is no such thing, or the caller may not know of it.
    NotFound,
    /// The thing is not in a state that allows this.
    Conflict,
    /// A named limit of size or count is exceeded.
    TooLarge,
    /// The content is of a type that is not read here.
    Unsupported,
    /// The caller asks too often, or a factor is locked.
    TooMany,
    /// A part of the service is away for the moment: try again.
    Unavailable,
}

impl From<crate::store::Error> for Error {
    fn from(error: crate::store::Error) -> Self {
        Self::Internal(InternalError::Store(error))
    }
}

impl From<chuky_hsm::Error> for Error {
    fn from(error: chuky_hsm::Error) -> Self {
        Self::Internal(InternalError::Hsm(error))
    }
}

/// An error of the request: a stable code and one sentence in both languages that says what to do.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {}", detail.en)]
pub struct RequestError {
    pub kind: RequestErrorKind,
    /// Stable, `snake_case`; the last part of the problem's `type`.
    pub code: &'static str,
    pub detail: Bilingual,
    /// The field that the error belongs to, where it belongs to one.
    pub field: Option<&'static str>,
    /// Seconds after which it is worth trying again, where that is known.
    pub retry_after: Option<u32>,
}

impl RequestError {
    /// An error of that kind with its sentence in Vietnamese and English.
    pub fn new(kind: RequestErrorKind, code: &'static str, vi: impl Into<String>, en: impl Into<String>) -> Self {
        Self { kind, code, detail: Bilingual::new(vi, en), field: None, retry_after: None }
    }

    /// A malformed or rule-breaking value of a named field.
    pub fn invalid(field: &'static str, code: &'static str, vi: impl Into<String>, en: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(RequestErrorKind::Invalid, code, vi, en) }
    }

    /// Nothing there by that name.
    pub fn not_found() -> Self {
        Self::new(
            RequestErrorKind::NotFound,
            "not_found",
            "Không tìm thấy. Hãy kiểm tra lại mã hoặc đường dẫn.",
            "Not found. Check the identifier or the address.",
        )
    }

    /// The caller's roles do not admit this.
    pub fn forbidden() -> Self {
        Self::new(
            RequestErrorKind::Forbidden,
            "forbidden",
            "Tài khoản của bạn không có quyền thực hiện việc này.",
            "Your account is not allowed to do this.",
        )
    }

    /// Nobody is logged in.
    pub fn unauthenticated() -> Self {
        Self::new(
            RequestErrorKind::Unauthenticated,
            "unauthenticated",
            "Bạn cần đăng nhập, hoặc gửi khóa API hợp lệ.",
            "Log in first, or send a valid API key.",
        )
    }

    /// The thing has moved on, or somebody else was faster.
    pub fn conflict(code: &'static str, vi: impl Into<String>, en: impl Into<String>) -> Self {
        Self::new(RequestErrorKind::Conflict, code, vi, en)
    }

    /// Somebody else changed the same thing in this moment, so that nothing was done.
    pub fn overtaken() -> Self {
        Self::conflict(
            "changed_meanwhile",
            "Có người vừa thay đổi cùng một nội dung nên việc này chưa được thực hiện. Hãy tải lại rồi thử lại.",
            "Somebody has just changed the same thing, so nothing was done. Reload, then try again.",
        )
    }

    /// The signing device or the database is away for the moment.
    pub fn try_again() -> Self {
        Self::new(
            RequestErrorKind::Unavailable,
            "try_again",
            "Hệ thống đang bận hoặc tạm gián đoạn. Hãy thử lại sau ít phút; dữ liệu đã lưu không bị mất.",
            "The service is busy or briefly interrupted. Try again in a moment; nothing that was saved is lost.",
        )
    }
}

/// An error of the world, for the log.
#[derive(Debug, thiserror::Error)]
pub enum InternalError {
    #[error("hsm: {0}")]
    Hsm(chuky_hsm::Error),
    #[error("store: {0}")]
    Store(crate::store::Error),
    #[error("pki: {0}")]
    Pki(String),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    /// A row's MAC does not fit its content: somebody changed the database behind the service.
    #[error("the MAC of a row in {table} does not fit")]
    RowForged { table: &'static str },
    /// The audit log contradicts itself, its signed heads, or what is remembered of it.
    #[error("the audit log is not whole: {0}")]
    LogNotWhole(String),
    #[error("{0}")]
    Other(String),
}

impl InternalError {
    /// An input or output error with what was being done.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Anything else, in words.
    pub fn other(what: impl Into<String>) -> Self {
        Self::Other(what.into())
    }
}
