//! Asking for the certificate that follows one's own. What was checked and approved before is taken over; somebody approves it anew, and
//! the new certificate has a new key, because a public key is certified once (Decree 23/2025, article 38).

use super::{
    Details, RequestView, entered,
    identity::{self, Despite},
    load, new_request, open, refuse_second, today,
    view::Sight,
};
use crate::{
    accounts::Principal,
    app::App,
    current,
    error::{InternalError, RequestError, Result},
    issuance::register,
};
use chuky_model::{
    instant::Instant,
    record::{certificate::Certificate, state::CertificateState},
    serial::Serial,
};

/// Enters the request for a certificate that follows the caller's own.
pub async fn renew(app: &App, by: &Principal, serial: &str) -> Result<RequestView> {
    // 1. The caller's certificate, good, and near enough to its end.
    let certificate = own(app, by, serial).await?;
    let now = app.clock.now();
    if certificate.state != CertificateState::Issued || certificate.not_after <= now {
        return Err(RequestError::conflict(
            "certificate_state",
            "Chỉ gia hạn được chứng thư còn hiệu lực. Hãy đăng ký chứng thư mới tại điểm đăng ký.",
            "Only a valid certificate is followed by another. Ask for a new one at the registration point.",
        )
        .into());
    }
    if now < opens(app, &certificate) {
        let days = app.settings.authority.renewal_days;
        return Err(RequestError::conflict(
            "renewal_too_early",
            format!("Chưa đến kỳ gia hạn: chỉ nhận đề nghị trong {days} ngày trước khi chứng thư hết hạn."),
            format!("It is too early: a renewal is asked for within {days} days before the certificate ends."),
        )
        .into());
    }
    // 2. What was checked before, checked by rule again.
    let request = certificate.request_id.ok_or_else(RequestError::not_found)?;
    let request = load(app, request).await?;
    // What the one before replaced is no matter of the one that follows.
    let details =
        Details { replaces: None, identity: None, ..open(app, &request)? }.checked(request.hierarchy, today(app))?;
    // 3. One open request of the same.
    refuse_second(app, request.hierarchy, &details).await?;
    // 4. What the identity provider says today.
    let details = identity::checked(app, by, details, Despite::Decided).await?;
    // 5. The row with its MAC, and its audit entry.
    let unit = Sight::of(app).await?.code_today(&request.unit, request.created_at);
    let mut follower = new_request(app, by.account, request.hierarchy, &unit, &details)?;
    follower.follows_certificate = Some(certificate.id);
    entered(app, follower).await
}

/// From when on a certificate can be renewed.
fn opens(app: &App, certificate: &Certificate) -> Instant {
    certificate.not_after.plus_seconds(-app.settings.authority.renewal_days.saturating_mul(86_400))
}

/// The certificate of that serial, for its subscriber.
async fn own(app: &App, by: &Principal, serial: &str) -> Result<Certificate> {
    let rows = of_serial(app, serial).await?;
    let own = rows.into_iter().find(|row| row.account_id == Some(by.account));
    Ok(own.ok_or_else(RequestError::not_found)?)
}

/// The certificates of that serial number as they are now, of whichever issuer.
pub(super) async fn of_serial(app: &App, serial: &str) -> Result<Vec<Certificate>> {
    let serial: Serial = serial.parse().map_err(|_| RequestError::not_found())?;
    register::follow(app).await?;
    let mut found = Vec::new();
    for row in current::rows(app, || app.store.certificates_by_serial(&serial)).await? {
        let id = row.id;
        let row = register::genuine(app, || app.store.certificate_by_id(id)).await?;
        found.push(row.ok_or(InternalError::RowForged { table: "certificate" })?);
    }
    Ok(found)
}
