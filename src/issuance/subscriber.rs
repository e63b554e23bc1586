//! What a subscriber's certificate says: the subject by Vietnamese convention, the profile, the validity, the issuer. Made of what was
//! approved, and shown to the subscriber before anything is signed.

use super::{
    Authority, CertifiedKey, authority::internal, ceremony::publication, certify::random_serial, revocation_list,
};
use crate::{
    accounts,
    app::App,
    error::{InternalError, Result},
    registration::{self, Details, Redeemable},
};
use chuky_model::{
    algorithm::KeyAlgorithm,
    id::AccountId,
    instant::Instant,
    record::{certificate::Certificate as Row, request::RegistrationRequest},
    request::{Hierarchy, SubjectKind},
    role::Role,
};
use chuky_pki::{
    issue::CertificateIntent,
    name::{DistinguishedName, NameAttribute},
    profile::Profile,
};
use serde::Serialize;
use std::fmt;

/// What the certificate will say, for its subscriber to check before it is made.
#[derive(Clone, Serialize, utoipa::ToSchema)]
pub struct Preview {
    #[schema(value_type = String)]
    pub hierarchy: Hierarchy,
    /// `person`, `seal`, `device` or `payment_provider`.
    #[schema(value_type = String)]
    pub kind: SubjectKind,
    pub common_name: String,
    /// Of a seal, a device or a payment provider, whoever answers for it; the certificate does not name them.
    pub responsible: String,
    /// Of a person all twelve digits, as the certificate will carry them. Masked to whoever is to log in first, and of everything that is
    /// no person.
    pub personal_number: String,
    /// `YYYY-MM-DD`, where the number is whole; it stands in no certificate.
    pub birth_date: String,
    pub title: String,
    pub organization: String,
    pub organizational_unit: String,
    pub tax_code: String,
    pub device_serial: String,
    pub locality: String,
    pub province: String,
    #[schema(value_type = String)]
    pub algorithm: KeyAlgorithm,
    pub valid_days: u32,
    pub issuer: String,
    /// The subscriber has an account already: only the PIN is chosen, and only in a session of that account.
    pub has_account: bool,
    /// Whoever asks is not logged in to it: log in first.
    pub log_in_first: bool,
    /// The masked contact to which a second secret was sent that the redemption asks for.
    pub second_secret_sent_to: Option<String>,
    /// The key is always the subscriber's own: the code is redeemed with a PKCS #10 request.
    pub own_key_only: bool,
    /// The certificate takes the place of one in force, which is revoked with it.
    pub replaces: bool,
    /// What is confirmed by sending it back as `confirmed`: a keyed digest of the request's content.
    pub content_digest: String,
}

impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preview").finish_non_exhaustive()
    }
}

/// The certificate that a code would bring; to whoever is logged in to that account.
pub async fn preview(app: &App, code: &str, by: Option<AccountId>) -> Result<Preview> {
    let Redeemable { request, details, code } = registration::redeemable(app, code).await?;
    let accounts = accounts::of_person(app, &request.person_lookup).await?;
    let has_account = !accounts.is_empty() || request.follows_certificate.is_some();
    let second_secret_sent_to = registration::sent_to(&details, &code).filter(|_| !has_account);
    let authority = Authority::of(app).await?;
    let issuer = authority.issuing(request.hierarchy)?;
    let log_in_first = has_account && !accounts.iter().any(|account| Some(account.id) == by);
    let in_full = details.kind == SubjectKind::Person && !log_in_first;
    Ok(Preview {
        content_digest: registration::content_digest(app, &request, &details),
        hierarchy: request.hierarchy,
        kind: details.kind,
        common_name: details.common_name().to_owned(),
        responsible: if details.kind == SubjectKind::Person { String::new() } else { details.full_name.clone() },
        own_key_only: details.kind.has_own_key(),
        replaces: details.replaces.is_some(),
        valid_days: intended_days(app, &request, &details).await?,
        tax_code: details.tax_code,
        device_serial: details.device_serial,
        personal_number: match in_full {
            true => details.personal_number.reveal().to_owned(),
            false => details.personal_number.masked(),
        },
        birth_date: if in_full { details.birth_date } else { String::new() },
        title: details.title,
        organization: details.organization,
        organizational_unit: details.organizational_unit,
        locality: details.locality,
        province: details.province,
        algorithm: KeyAlgorithm::P256,
        issuer: issuer.certificate.subject().common_name(),
        log_in_first,
        second_secret_sent_to,
        has_account,
    })
}

/// The intent of a certificate by this issuer over these details, valid from now on.
pub(super) fn intent(
    app: &App,
    issuer: &CertifiedKey,
    details: &Details,
    followed: Option<&Row>,
    now: Instant,
) -> Result<CertificateIntent> {
    let profile = profile(app, issuer.hierarchy, details.kind)?.clone();
    let from = Instant::from_unix_seconds(now.unix_seconds());
    let until = until(&profile, details, followed, from);
    let subject = subject(issuer, details);
    let serial = random_serial();
    let list = revocation_list::list_of(app, &issuer.label, &serial);
    let publication = publication(app, &profile, &issuer.label, &list);
    let intent = CertificateIntent::new(
        profile,
        &issuer.certificate,
        issuer.scheme,
        serial,
        &subject,
        (from, until),
        publication,
    );
    Ok(intent.map_err(internal)?)
}

/// Until when it is valid. A certificate with changed information ends when the one that it replaces would have: nothing is extended.
fn until(profile: &Profile, details: &Details, followed: Option<&Row>, from: Instant) -> Instant {
    match followed {
        Some(replaced) if details.replaces.is_some() => replaced.not_after,
        // Decree 68/2024, article 9: a certificate that follows another lives less long than a first one.
        _ => {
            let days = whole_years(profile.longest_days(followed.is_some()));
            from.plus_seconds(i64::from(days) * 86_400)
        }
    }
}

/// The role that a certificate brings its subscriber's account.
pub(super) fn role(hierarchy: Hierarchy, kind: SubjectKind) -> Role {
    match (kind, hierarchy) {
        (SubjectKind::Seal, _) => Role::Clerk,
        (SubjectKind::PaymentProvider, _) => Role::PaymentProvider,
        (_, Hierarchy::Citizens) => Role::Citizen,
        (_, Hierarchy::Officials) => Role::Official,
    }
}

fn subject(issuer: &CertifiedKey, details: &Details) -> DistinguishedName {
    use NameAttribute::{
        CommonName, Country, GivenName, Locality, Organization, OrganizationalUnit, SerialNumber, StateOrProvince,
        Surname, Title, UserId,
    };
    // Certificates of a demonstration hierarchy carry the word TEST, each by itself.
    let test = issuer.certificate.subject().common_name().contains("TEST");
    let mark = if test { "TEST" } else { "" };
    if details.kind != SubjectKind::Person {
        return of_organization(details, mark);
    }
    let number = format!("CCCD:{}", details.personal_number.reveal());
    // EN 319 412-1 §5.1.3: the number of the national register of persons.
    let identifier = format!("PNOVN-{}", details.personal_number.reveal());
    let (surname, given_name) = parts_of_name(&details.full_name);
    let attributes = [
        (Country, "VN"),
        (StateOrProvince, details.province.as_str()),
        (Locality, details.locality.as_str()),
        (Organization, details.organization.as_str()),
        (OrganizationalUnit, details.organizational_unit.as_str()),
        (OrganizationalUnit, mark),
        (Title, details.title.as_str()),
        (Surname, surname),
        (GivenName, given_name),
        (CommonName, details.full_name.as_str()),
        (SerialNumber, identifier.as_str()),
        (UserId, number.as_str()),
    ];
    present(&attributes)
}

/// The subject of a seal, a device or a payment provider: the organization, never the person who answers for it.
fn of_organization(details: &Details, mark: &str) -> DistinguishedName {
    use NameAttribute::{
        CommonName, Country, Locality, Organization, OrganizationIdentifier, OrganizationalUnit, SerialNumber,
        StateOrProvince, UserId,
    };
    let prefixed = |prefix: &str| match details.tax_code.as_str() {
        "" => String::new(),
        code => format!("{prefix}{code}"),
    };
    // EN 319 412-1 §5.1.4: the tax code as identifier of a legal person; beside it as Vietnamese software reads it.
    let identifier = prefixed("VATVN-");
    let number = if details.kind == SubjectKind::Device { String::new() } else { prefixed("MST:") };
    present(&[
        (Country, "VN"),
        (StateOrProvince, details.province.as_str()),
        (Locality, details.locality.as_str()),
        (Organization, details.organization.as_str()),
        (OrganizationIdentifier, identifier.as_str()),
        (OrganizationalUnit, details.organizational_unit.as_str()),
        (OrganizationalUnit, mark),
        (CommonName, details.common_name()),
        (SerialNumber, details.device_serial.as_str()),
        (UserId, number.as_str()),
    ])
}

fn present(attributes: &[(NameAttribute, &str)]) -> DistinguishedName {
    let present = attributes.iter().filter(|(_, value)| !value.is_empty());
    DistinguishedName(present.map(|(attribute, value)| (*attribute, (*value).to_owned())).collect())
}

/// Family name and the rest of a Vietnamese name: the family name comes first, as passports part it (ICAO Doc 9303-3 §4.6). A name of
/// one word is a given name.
fn parts_of_name(full_name: &str) -> (&str, &str) {
    full_name.split_once(' ').unwrap_or(("", full_name))
}

/// The profile of a hierarchy's certificates of that kind.
pub(super) fn profile(app: &App, hierarchy: Hierarchy, kind: SubjectKind) -> Result<&Profile> {
    let name = kind.profile(hierarchy).ok_or_else(|| InternalError::other("a kind of another hierarchy"))?;
    Ok(app.issuing.profiles.by_name(name).map_err(internal)?)
}

/// Days that a subscriber's first certificate of that kind is valid: whole years, as far as the profile goes. Decree 23/2025: at most
/// three years for subscribers; Decree 68/2024, article 9: at most five for officials and agencies.
pub fn valid_days(app: &App, hierarchy: Hierarchy, kind: SubjectKind) -> Result<u32> {
    Ok(whole_years(profile(app, hierarchy, kind)?.longest_days(false)))
}

/// Days that the certificate of a request would be valid if it were made now.
async fn intended_days(app: &App, request: &RegistrationRequest, details: &Details) -> Result<u32> {
    let followed = super::issue::followed(app, request).await?;
    let now = app.clock.now();
    let until = until(profile(app, request.hierarchy, details.kind)?, details, followed.as_ref(), now);
    let seconds = until.unix_seconds().saturating_sub(now.unix_seconds());
    Ok(u32::try_from(seconds / 86_400).unwrap_or_default())
}

fn whole_years(days: u32) -> u32 {
    if days < 365 { days } else { days / 365 * 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parted_as_in_passports() {
        assert_eq!(parts_of_name("Nguyễn Thị Hồng Ưởng"), ("Nguyễn", "Thị Hồng Ưởng"));
        assert_eq!(parts_of_name("Thơm"), ("", "Thơm"));
    }
}
