//! Who is given a certificate: how old they are, whether the card they came with is still valid, and whether they have one already. Asked on
//! every road by which a new certificate is asked for; a certificate that follows or replaces another has conditions of its own.

use super::{Details, today, view::Sight};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    config::SecondCertificateRule,
    error::{RequestError, Result},
    issuance::register,
};
use chuky_model::{
    card::{self, Card},
    instant::Instant,
    person::PersonalNumber,
    record::{certificate::Certificate, request::RegistrationRequest, state::CertificateState},
    request::{Hierarchy, RequestState, SubjectKind},
};
use time::Date;

/// What the register knows of a person's certificates, for whoever enters another request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlierCertificates {
    /// Those of the caller's unit, newest first.
    pub own: Vec<EarlierCertificate>,
    /// How many in force were entered in other units; more about them is told there.
    pub elsewhere: usize,
    /// What is done about one in force.
    pub rule: SecondCertificateRule,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierCertificate {
    /// The serial's last four digits.
    pub serial: String,
    pub state: CertificateState,
    pub not_after: Instant,
    /// Neither revoked nor over.
    pub is_in_force: bool,
}

impl EarlierCertificates {
    /// Whether one of them is in force, in whatever unit.
    pub fn any_in_force(&self) -> bool {
        self.elsewhere > 0 || self.own.iter().any(|one| one.is_in_force)
    }
}

/// Passes where a person of that age is given a certificate (`registration.lowest_age`).
pub(super) fn check_age(app: &App, details: &Details, today: Date) -> Result<()> {
    let lowest = app.settings.registration.lowest_age;
    let old_enough = details.born().is_some_and(|born| card::age(born, today) >= i32::from(lowest));
    if old_enough || details.kind != SubjectKind::Person {
        return Ok(());
    }
    Err(RequestError::invalid(
        "birth_date",
        "under_age",
        format!("Người này chưa đủ {lowest} tuổi nên chưa được cấp chứng thư, theo quy định của dịch vụ này."),
        format!("This person is not yet {lowest}: by the rules of this service no certificate is issued."),
    )
    .into())
}

/// Passes where a card that was issued on that day is still valid (`registration.expired_cards`).
pub(super) fn check_card(app: &App, details: &Details, issued: Option<Date>) -> Result<()> {
    let (Some(issued), Some(born), true) = (issued, details.born(), app.settings.registration.refuse_expired_cards())
    else {
        return Ok(());
    };
    if issued > today(app) || issued < born {
        let (vi, en) = (
            "Ngày cấp thẻ ở tương lai hoặc trước ngày sinh. Hãy đối chiếu với thẻ.",
            "The card's day of issue is in the future or before the birth. Compare it with the card.",
        );
        return Err(RequestError::invalid("card_issued", "card_issued_form", vi, en).into());
    }
    match card::valid_until(born, issued) {
        Some(last) if last < today(app) => {
            let day = format!("{:02}/{:02}/{:04}", last.day(), u8::from(last.month()), last.year());
            Err(RequestError::invalid(
                "card_issued",
                "card_expired",
                format!("Thẻ căn cước đã hết hạn ngày {day}. Mời công dân đổi thẻ trước, rồi quay lại với thẻ mới."),
                format!("The identity card ended on {day}. Ask its holder to renew it first and to come back with the new one."),
            )
            .into())
        }
        _ => Ok(()),
    }
}

/// Passes where the person of a scanned card is of age and the card is still valid: asked before anything is compared.
pub fn check_scanned(app: &App, scanned: &Card) -> Result<()> {
    let details = Details::from_card(scanned);
    check_age(app, &details, today(app))?;
    check_card(app, &details, scanned.issued)
}

/// Passes where the person has no certificate of the hierarchy in force, or may have another (`registration.second_certificate`); whether
/// there is one.
pub(super) async fn check_first(app: &App, hierarchy: Hierarchy, details: &Details) -> Result<bool> {
    if details.kind != SubjectKind::Person {
        return Ok(false);
    }
    let now = app.clock.now();
    let rows = certificates_of(app, hierarchy, &details.personal_number).await?;
    let has_one = rows.iter().any(|(_, row)| is_in_force(row, now));
    match app.settings.registration.second_certificate {
        SecondCertificateRule::Refuse if has_one => Err(has_certificate().into()),
        _ => Ok(has_one),
    }
}

fn has_certificate() -> RequestError {
    RequestError::conflict(
        "certificate_in_force",
        "Người này đã có chứng thư còn hiệu lực nên không cấp thêm. Sắp hết hạn: người đó tự đề nghị gia hạn ở trang Chứng thư của tôi. Thông tin thay đổi: thay đổi trên chứng thư đó. Quên PIN hoặc mất khóa: thu hồi chứng thư đó (người đó, nơi đã nhập hồ sơ hoặc tổng đài thành phố), rồi nhập lại.",
        "This person has a certificate in force, so no other is issued. Near its end: they ask for a renewal at My certificates. Information changed: change it on that certificate. PIN or key lost: have it revoked (by its holder, the unit that entered it or the city's hotline), then enter this again.",
    )
}

/// What the caller is told of the certificates of a person in a hierarchy: those of the caller's own unit, masked, and how many in force there
/// are elsewhere.
pub async fn earlier_certificates(
    app: &App,
    by: &Principal,
    hierarchy: Hierarchy,
    number: &PersonalNumber,
) -> Result<EarlierCertificates> {
    let (sight, now) = (Sight::of(app).await?, app.clock.now());
    let rule = app.settings.registration.second_certificate;
    let mut told = EarlierCertificates { rule, ..EarlierCertificates::default() };
    for (request, row) in certificates_of(app, hierarchy, number).await? {
        let is_in_force = is_in_force(&row, now);
        if sight.is_own(by, &request.unit, request.created_at) {
            let serial = row.serial.to_string();
            let tail = serial.get(serial.len().saturating_sub(4)..).unwrap_or_default();
            let (serial, not_after) = (format!("…{tail}"), row.not_after);
            told.own.push(EarlierCertificate { serial, state: row.state, not_after, is_in_force });
        } else if is_in_force {
            told.elsewhere += 1;
        }
    }
    told.own.truncate(MOST_SHOWN);
    Ok(told)
}

fn is_in_force(row: &Certificate, now: Instant) -> bool {
    matches!(row.state, CertificateState::Issued | CertificateState::Suspended) && row.not_after > now
}

/// A person's own certificates of a hierarchy with their requests, newest first, as they are now.
async fn certificates_of(
    app: &App,
    hierarchy: Hierarchy,
    number: &PersonalNumber,
) -> Result<Vec<(RegistrationRequest, Certificate)>> {
    register::follow(app).await?;
    let person = app.vault.lookup("person", number.reveal());
    let mut found = Vec::new();
    for request in app.store.requests_of_person(&person).await? {
        let Some(id) = request.certificate_id.filter(|_| request.state == RequestState::Issued) else { continue };
        // Seals and devices are somebody's responsibility, not somebody's certificate.
        if request.hierarchy != hierarchy || super::open(app, &request)?.kind != SubjectKind::Person {
            continue;
        }
        let request = attestation::check(&*app.tokens.subscribers, request).await?;
        if let Some(row) = register::genuine(app, || app.store.certificate_by_id(id)).await? {
            found.push((request, row));
        }
    }
    Ok(found)
}

/// Lines on the page: a person has one or two.
const MOST_SHOWN: usize = 5;
