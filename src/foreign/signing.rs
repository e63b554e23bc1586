//! What a registration means for signing: a key that stands with somebody signs for nobody else, and what was taken away signs no more.

use super::rows;
use crate::{
    accounts::{self, Principal},
    app::App,
    config::ForeignRule,
    error::{RequestError, RequestErrorKind, Result},
};
use chuky_model::{
    id::ForeignCertificateId,
    record::foreign::ForeignCertificate,
    record::state::{ForeignCertificateState, ForeignStatus},
};
use chuky_pki::certificate::Certificate;

/// The caller's registration of a certificate of another authority that is signed with; `None` where nobody registered it and that is allowed.
pub async fn may_sign(app: &App, by: &Principal, certificate: &Certificate) -> Result<Option<ForeignCertificateId>> {
    let of_key = rows::of_key(app, certificate).await?;
    if let Some(row) = of_key.iter().find(|row| rows::is_standing(row)) {
        if !accounts::same_person(app, by.account, row.account_id).await? {
            return Err(of_another().into());
        }
        if row.state == ForeignCertificateState::Waiting {
            return Err(waits().into());
        }
        if matches!(row.status, ForeignStatus::Revoked | ForeignStatus::Suspended) {
            return Err(not_usable().into());
        }
        if row.fingerprint == certificate.fingerprint() {
            return Ok(Some(row.id));
        }
    }
    // What the holder took back before anybody decided says nothing: the last word is somebody else's.
    let by_holder = |row: &ForeignCertificate| row.ended_by == Some(row.account_id);
    let last = of_key.iter().rev().find(|row| row.decided_by.is_some() || !by_holder(row));
    let was_taken = last.is_some_and(|row| !rows::is_standing(row) && !by_holder(row));
    match (was_taken, app.settings.documents.foreign_certificates) {
        (true, _) => Err(taken_away().into()),
        (false, ForeignRule::Any) => Ok(None),
        (false, ForeignRule::Registered) => Err(not_registered().into()),
    }
}

fn of_another() -> RequestError {
    let error = RequestError::new(
        RequestErrorKind::Forbidden,
        "certificate_of_another",
        "Chứng thư này đăng ký cho người khác nên bạn không ký bằng nó được.",
        "This certificate is registered for somebody else, so you cannot sign with it.",
    );
    RequestError { field: Some("certificate"), ..error }
}

fn waits() -> RequestError {
    RequestError::conflict(
        "certificate_waits",
        "Chứng thư này đang chờ người có thẩm quyền xác nhận là của bạn.",
        "This certificate waits until somebody has confirmed that it is yours.",
    )
}

fn taken_away() -> RequestError {
    RequestError::conflict(
        "certificate_taken_away",
        "Đăng ký của chứng thư này đã bị từ chối hoặc bị gỡ. Hãy đăng ký lại; người có thẩm quyền sẽ quyết định.",
        "The registration of this certificate was refused or taken away. Register it again; somebody decides on it.",
    )
}

fn not_usable() -> RequestError {
    RequestError::conflict(
        "certificate_not_usable",
        "Nơi cấp báo chứng thư này đang bị tạm dừng hoặc đã bị thu hồi. Nếu đã khôi phục, hãy bấm Kiểm tra lại ở mục Chứng thư của tôi.",
        "Its authority says that this certificate is suspended or revoked. Where it was resumed, ask again under My certificates.",
    )
}

fn not_registered() -> RequestError {
    let error = RequestError::conflict(
        "certificate_not_registered",
        "Chứng thư do nơi khác cấp cần được đăng ký trước khi ký ở đây. Hãy vào mục Chứng thư của tôi.",
        "A certificate that another authority issued is registered before it signs here. Go to My certificates.",
    );
    RequestError { field: Some("certificate"), ..error }
}
