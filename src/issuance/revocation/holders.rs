//! A subscriber's own certificates, and suspending at once for a caller whom the hotline operator has asked who they are. Only what was
//! asked is recorded, never the answers.

use super::{CertificateView, Change, Ground, Why, as_it_is, change, is_staff_for, shown};
use crate::{
    accounts::Principal,
    app::App,
    current,
    error::{RequestError, Result},
    issuance::register,
};
use chuky_model::{
    person::PersonalNumber,
    record::{certificate::Certificate as Row, state::CertificateState},
    serial::Serial,
};
use serde::{Deserialize, Serialize};

/// What a caller was asked to show who they are, or how they were called back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    BirthDate,
    Address,
    Agency,
    /// When and what they last signed.
    LastSigning,
    /// Called back at the number that was registered.
    CalledBack,
}

impl Question {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::BirthDate, Self::Address, Self::Agency, Self::LastSigning, Self::CalledBack];
}

/// The caller's own certificates, newest first.
pub async fn own(app: &App, by: &Principal) -> Result<Vec<CertificateView>> {
    register::follow(app).await?;
    let mut rows = app.store.certificates_of_account(by.account).await?;
    rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id.0)));
    let mut views = Vec::new();
    for row in rows.into_iter().filter(was_issued).take(MOST_SHOWN) {
        views.push(shown(app, by, &as_it_is(app, row.id).await?)?);
    }
    Ok(views)
}

/// The certificates that can still be suspended of the person with that number, or the one of that serial number.
pub async fn of_caller(app: &App, by: &Principal, whom: &str) -> Result<Vec<CertificateView>> {
    register::follow(app).await?;
    let digits: String = whom.chars().filter(|letter| !letter.is_whitespace()).collect();
    let mut rows = Vec::new();
    if let Ok(number) = PersonalNumber::parse(&digits) {
        let person = app.vault.lookup("person", number.reveal());
        for account in current::rows(app, || app.store.accounts_of_person(&person)).await? {
            rows.extend(app.store.certificates_of_account(account.id).await?);
        }
    } else if let Ok(serial) = digits.parse::<Serial>() {
        rows.extend(app.store.certificates_by_serial(&serial).await?);
    }
    let now = app.clock.now();
    let mut views = Vec::new();
    for row in rows.into_iter().filter(was_issued).take(MOST_SHOWN) {
        let row = as_it_is(app, row.id).await?;
        let usable = row.state != CertificateState::Revoked && row.not_after > now;
        if usable && is_staff_for(app, by, &row).await? {
            views.push(shown(app, by, &row)?);
        }
    }
    if views.is_empty() {
        return Err(RequestError::invalid(
            "whom",
            "holder_unknown",
            "Không tìm thấy chứng thư còn hiệu lực theo số này trong đơn vị của bạn. Hãy kiểm tra lại số định danh hoặc số hiệu chứng thư; chứng thư đăng ký ở đơn vị khác do tổng đài thành phố tạm dừng.",
            "No certificate in force is found by this number in your unit. Check the personal number or the serial number; what was registered in another unit is suspended by the city's hotline.",
        )
        .into());
    }
    Ok(views)
}

/// Suspends at once for a caller who was asked at least two of the questions.
pub async fn suspend_for_caller(
    app: &App,
    by: &Principal,
    serial: &str,
    ground: Ground,
    asked: Vec<Question>,
) -> Result<CertificateView> {
    if asked.len() < LEAST_ASKED {
        return Err(RequestError::invalid(
            "asked",
            "identity_not_asked",
            format!("Hãy xác minh người gọi bằng ít nhất {LEAST_ASKED} câu hỏi trước khi tạm dừng."),
            format!("Establish who calls by at least {LEAST_ASKED} questions before suspending."),
        )
        .into());
    }
    change(app, by, serial, Change::Suspend, Why { ground, asked, ordered: None }).await
}

fn was_issued(row: &Row) -> bool {
    matches!(row.state, CertificateState::Issued | CertificateState::Suspended | CertificateState::Revoked)
}

/// Questions that establish who calls: one answer may be known to others.
const LEAST_ASKED: usize = 2;
/// Certificates on a page: a person has one or two, a careless script's person a few hundred.
const MOST_SHOWN: usize = 200;
