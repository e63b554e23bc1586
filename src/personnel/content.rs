//! What an order says: as it was asked for, and checked. The checked form is what is stored encrypted, shown and approved.

use crate::{
    app::App,
    error::{InternalError, RequestError, Result},
    issuance::revocation::Ground,
    units,
};
use chuky_model::{
    id::{AccountId, PersonnelOrderId},
    instant::Instant,
    record::state::PersonnelKind,
    text::turns_direction,
};
use chuky_pki::crl::Reason;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// What becomes of the certificates of officials that are issued here. Whoever resigned, retired or died loses them in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PersonnelCertificates)]
pub enum Certificates {
    /// For good.
    #[default]
    Revoke,
    /// Until somebody resumes or revokes them.
    Suspend,
    /// They still say what is true.
    Keep,
    /// A request for one with the new title is entered; with its issue the old one is revoked.
    Reissue,
}

impl Certificates {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Reissue, Self::Revoke, Self::Suspend, Self::Keep];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Suspend => "suspend",
            Self::Keep => "keep",
            Self::Reissue => "reissue",
        }
    }

    /// Whether it may be chosen for what happened.
    pub fn fits(self, kind: PersonnelKind) -> bool {
        match kind {
            PersonnelKind::Transfer => matches!(self, Self::Revoke | Self::Suspend),
            PersonnelKind::Title => matches!(self, Self::Reissue | Self::Revoke | Self::Keep),
            PersonnelKind::Merger => matches!(self, Self::Revoke | Self::Suspend | Self::Keep),
            PersonnelKind::Resignation | PersonnelKind::Retirement | PersonnelKind::Death => self == Self::Revoke,
        }
    }
}

/// What somebody asks for.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PersonnelWanted)]
pub struct Wanted {
    /// `transfer`, `title`, `resignation`, `retirement`, `death` or `merger`.
    #[schema(value_type = String)]
    pub kind: PersonnelKind,
    /// The log-in or the personal number of the official; of a merger none.
    #[serde(default)]
    pub account: String,
    /// Of a merger: the code of the agency that ends.
    #[serde(default)]
    pub from_unit: String,
    /// Of a transfer or a merger: the code of the unit where they go.
    #[serde(default)]
    pub unit: String,
    /// Of another title.
    #[serde(default)]
    pub title: String,
    /// `YYYY-MM-DD`: from the beginning of that day, Vietnamese time; today where left out.
    #[serde(default)]
    pub from: String,
    /// `revoke`, `suspend`, `keep` or `reissue`, as far as it fits what happened.
    #[serde(default)]
    pub certificates: Certificates,
    /// By which decision: number and date of the paper.
    #[serde(default)]
    pub ground: String,
}

/// The same, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub kind: PersonnelKind,
    pub accounts: Vec<AccountId>,
    pub unit: String,
    pub title: String,
    pub certificates: Certificates,
    pub ground: String,
}

impl Content {
    pub(super) fn seal(&self, app: &App, id: PersonnelOrderId) -> Result<Vec<u8>> {
        app.vault.seal(PLACE, &id.to_string(), self.text()?.as_bytes())
    }

    pub(super) fn open(app: &App, id: PersonnelOrderId, sealed: &[u8]) -> Result<Self> {
        let plain = app.vault.open(PLACE, &id.to_string(), sealed)?;
        Ok(serde_json::from_slice(&plain).map_err(|error| InternalError::other(error.to_string()))?)
    }

    pub(super) fn text(&self) -> Result<String> {
        Ok(serde_json::to_string(self).map_err(|error| InternalError::other(error.to_string()))?)
    }

    /// RFC 5280 §5.3.1 and the words of Decree 68/2024, article 17: why an official's certificate is revoked.
    pub(super) fn reason(&self) -> (Reason, Ground) {
        match self.kind {
            PersonnelKind::Transfer | PersonnelKind::Title => (Reason::AffiliationChanged, Ground::PositionChanged),
            PersonnelKind::Resignation | PersonnelKind::Retirement => {
                (Reason::CessationOfOperation, Ground::LeftOffice)
            }
            PersonnelKind::Death => (Reason::CessationOfOperation, Ground::SubscriberDied),
            PersonnelKind::Merger => (Reason::AffiliationChanged, Ground::OrganizationEnded),
        }
    }

    /// Whether they leave office.
    pub(super) fn leaves(&self) -> bool {
        matches!(self.kind, PersonnelKind::Resignation | PersonnelKind::Retirement | PersonnelKind::Death)
    }
}

/// The day from which it counts, as a moment.
pub(super) fn effective(app: &App, day: &str) -> Result<Instant> {
    let now = app.clock.now();
    let day = if day.trim().is_empty() { units::day_of(now) } else { day.trim().to_owned() };
    let at = (day.len() == 10).then(|| Instant::parse_rfc3339(&format!("{day}T00:00:00+07:00"))).flatten();
    let at = at.filter(|at| {
        let years = |years: i64| years.saturating_mul(366 * 86_400);
        now.plus_seconds(years(-EARLIEST_YEARS)) <= *at && *at <= now.plus_seconds(years(LATEST_YEARS))
    });
    Ok(at.ok_or_else(|| {
        let (vi, en) = (
            "Ngày có hiệu lực cần có dạng NĂM-THÁNG-NGÀY, không quá 2 năm trước và 1 năm sau hôm nay.",
            "The day from which it counts is YYYY-MM-DD, within the last 2 years and the next year.",
        );
        RequestError::invalid("from", "day_form", vi, en)
    })?)
}

impl Wanted {
    /// The texts by their rules; whom it is about is the flow's.
    pub(super) fn checked(
        &self,
        app_units: &chuky_model::unit::Units,
        today: &str,
    ) -> Result<(String, String, String)> {
        let unit = one_line(&self.unit, LONGEST_UNIT, "unit")?;
        let goes = matches!(self.kind, PersonnelKind::Transfer | PersonnelKind::Merger);
        if goes && unit.is_empty() {
            return Err(missing("unit", "Hãy nhập mã đơn vị mới.", "Enter the code of the new unit.").into());
        }
        if goes && chuky_model::unit::AgencyCode::parse(&unit).is_none() && app_units.unit_at(&unit, today).is_none() {
            let (vi, en) = (
                "Không có đơn vị nào mang mã này. Hãy nhập mã đơn vị, ví dụ H26.",
                "There is no unit of this code. Enter a unit's code, for example H26.",
            );
            return Err(RequestError::invalid("unit", "unit_unknown", vi, en).into());
        }
        let title = one_line(&self.title, LONGEST_TITLE, "title")?;
        if self.kind == PersonnelKind::Title && title.is_empty() {
            return Err(missing("title", "Hãy nhập chức vụ mới.", "Enter the new title.").into());
        }
        let ground = one_line(&self.ground, LONGEST_GROUND, "ground")?;
        if ground.is_empty() {
            let (vi, en) = (
                "Hãy ghi căn cứ: số và ngày của quyết định hoặc giấy tờ.",
                "Name the ground: number and date of the decision or the paper.",
            );
            return Err(missing("ground", vi, en).into());
        }
        if !self.certificates.fits(self.kind) {
            let (vi, en) = (
                "Cách xử lý chứng thư này không hợp với việc đã xảy ra. Hãy chọn cách khác.",
                "The certificates cannot be dealt with so after what happened. Choose another way.",
            );
            return Err(RequestError::invalid("certificates", "certificates_unfit", vi, en).into());
        }
        let title = if self.kind == PersonnelKind::Title { title } else { String::new() };
        Ok((if goes { unit } else { String::new() }, title, ground))
    }
}

fn one_line(text: &str, longest: usize, field: &'static str) -> Result<String> {
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
    if text.chars().count() <= longest && !text.chars().any(|letter| letter.is_control() || turns_direction(letter)) {
        return Ok(text);
    }
    let vi = format!("Mục này có tối đa {longest} ký tự trên một dòng.");
    let en = format!("This field has at most {longest} characters on one line.");
    Err(RequestError::invalid(field, "text_form", vi, en).into())
}

fn missing(field: &'static str, vi: &str, en: &str) -> RequestError {
    RequestError::invalid(field, "field_missing", vi, en)
}

const PLACE: &str = "personnel_order.content";
const LONGEST_UNIT: usize = 64;
const LONGEST_TITLE: usize = 200;
const LONGEST_GROUND: usize = 300;
/// How far back a paper that comes late counts.
const EARLIEST_YEARS: i64 = 2;
/// How far ahead somebody plans.
const LATEST_YEARS: i64 = 1;
