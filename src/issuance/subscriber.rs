//! What a subscriber's certificate says: the subject by Vietnamese convention, the profile, the validity, the issuer. Made of what was
//! approved, and shown to the subscriber before anything is signed.

use super::{
    Authority, CertifiedKey, authority::internal, ceremony::publication, certify::random_serial, revocation_list,
};
use crate::{
    app::App,
    current,
    error::Result,
    registration::{self, Details, Redeemable},
};
use chuky_model::{
    algorithm::KeyAlgorithm,
    instant::Instant,
    record::{account::Account, certificate::Certificate as Row},
    request::Hierarchy,
    role::Role,
};
use chuky_pki::{
    issue::CertificateIntent,
    name::{DistinguishedName, NameAttribute},
    profile::Profile,
};
use serde::Serialize;

/// What the certificate will say, for its subscriber to check before it is made.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Preview {
    #[schema(value_type = String)]
    pub hierarchy: Hierarchy,
    pub common_name: String,
    /// Masked.
    pub personal_number: String,
    pub title: String,
    pub organization: String,
    pub organizational_unit: String,
    pub locality: String,
    pub province: String,
    #[schema(value_type = String)]
    pub algorithm: KeyAlgorithm,
    pub valid_days: u32,
    pub issuer: String,
    /// The subscriber has an account already: only the PIN is chosen.
    pub has_account: bool,
    /// What is confirmed by sending it back as `confirmed`: a keyed digest of the request's content.
    pub content_digest: String,
}

/// The certificate that a code would bring.
pub async fn preview(app: &App, code: &str) -> Result<Preview> {
    let Redeemable { request, details, .. } = registration::redeemable(app, code).await?;
    let authority = Authority::of(app).await?;
    let issuer = authority.issuing(request.hierarchy)?;
    Ok(Preview {
        content_digest: registration::content_digest(app, &request, &details),
        hierarchy: request.hierarchy,
        common_name: details.full_name,
        personal_number: details.personal_number.masked(),
        title: details.title,
        organization: details.organization,
        organizational_unit: details.organizational_unit,
        locality: details.locality,
        province: details.province,
        algorithm: KeyAlgorithm::P256,
        valid_days: valid_days(app, request.hierarchy)?,
        issuer: issuer.certificate.subject().common_name(),
        has_account: account_of(app, &request.person_lookup).await?.is_some(),
    })
}

/// The account that a person has already, as it is now; a disabled one does not count.
pub(super) async fn account_of(app: &App, person_lookup: &[u8]) -> Result<Option<Account>> {
    for account in current::rows(app, || app.store.accounts_of_person(person_lookup)).await? {
        if account.disabled_at.is_none() {
            return Ok(Some(account));
        }
    }
    Ok(None)
}

/// The intent of a certificate by this issuer over these details, valid from now on.
pub(super) fn intent(
    app: &App,
    issuer: &CertifiedKey,
    details: &Details,
    followed: Option<&Row>,
    now: Instant,
) -> Result<CertificateIntent> {
    let profile = profile(app, issuer.hierarchy)?.clone();
    let from = Instant::from_unix_seconds(now.unix_seconds());
    // Decree 68/2024, article 9: a certificate that follows another lives less long than a first one.
    let days = whole_years(profile.longest_days(followed.is_some()));
    let until = from.plus_seconds(i64::from(days) * 86_400);
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

/// The role that a certificate of this hierarchy brings.
pub(super) fn role(hierarchy: Hierarchy) -> Role {
    match hierarchy {
        Hierarchy::Citizens => Role::Citizen,
        Hierarchy::Officials => Role::Official,
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
    let present = attributes.into_iter().filter(|(_, value)| !value.is_empty());
    DistinguishedName(present.map(|(attribute, value)| (attribute, value.to_owned())).collect())
}

/// Family name and the rest of a Vietnamese name: the family name comes first, as passports part it (ICAO Doc 9303-3 §4.6). A name of
/// one word is a given name.
fn parts_of_name(full_name: &str) -> (&str, &str) {
    full_name.split_once(' ').unwrap_or(("", full_name))
}

/// The profile of a hierarchy's subscribers.
pub(super) fn profile(app: &App, hierarchy: Hierarchy) -> Result<&Profile> {
    let name = match hierarchy {
        Hierarchy::Citizens => "citizen",
        Hierarchy::Officials => "official",
    };
    Ok(app.issuing.profiles.by_name(name).map_err(internal)?)
}

/// Days that a subscriber's certificate is valid: whole years, as far as the profile goes. Decree 23/2025: at most three years for
/// subscribers; Decree 68/2024, article 9: at most five for officials.
pub fn valid_days(app: &App, hierarchy: Hierarchy) -> Result<u32> {
    Ok(whole_years(profile(app, hierarchy)?.longest_days(false)))
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
