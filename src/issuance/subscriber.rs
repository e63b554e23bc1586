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
    algorithm::KeyAlgorithm, instant::Instant, record::account::Account, request::Hierarchy, role::Role,
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
}

/// The certificate that a code would bring.
pub async fn preview(app: &App, code: &str) -> Result<Preview> {
    let Redeemable { request, details, .. } = registration::redeemable(app, code).await?;
    let authority = Authority::of(app).await?;
    let issuer = authority.issuing(request.hierarchy)?;
    Ok(Preview {
        hierarchy: request.hierarchy,
        common_name: details.full_name,
        personal_number: details.personal_number.masked(),
        title: details.title,
        organization: details.organization,
        organizational_unit: details.organizational_unit,
        locality: details.locality,
        province: details.province,
        algorithm: KeyAlgorithm::P256,
        valid_days: valid_days(request.hierarchy),
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
pub(super) fn intent(app: &App, issuer: &CertifiedKey, details: &Details, now: Instant) -> Result<CertificateIntent> {
    let profile = match issuer.hierarchy {
        Hierarchy::Citizens => "citizen",
        Hierarchy::Officials => "official",
    };
    let from = Instant::from_unix_seconds(now.unix_seconds());
    let until = from.plus_seconds(i64::from(valid_days(issuer.hierarchy)) * 86_400);
    let subject = subject(issuer, details);
    let serial = random_serial();
    let list = revocation_list::list_of(app, &issuer.label, &serial);
    let intent = CertificateIntent::new(
        Profile::built_in(profile).map_err(internal)?,
        &issuer.certificate,
        issuer.scheme,
        serial,
        &subject,
        (from, until),
        publication(&app.settings.public_url, &issuer.label, &list),
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
        CommonName, Country, Locality, Organization, OrganizationalUnit, StateOrProvince, Title, UserId,
    };
    // Certificates of a demonstration hierarchy carry the word TEST, each by itself.
    let test = issuer.certificate.subject().common_name().contains("TEST");
    let mark = if test { "TEST" } else { "" };
    let number = format!("CCCD:{}", details.personal_number.reveal());
    let attributes = [
        (Country, "VN"),
        (StateOrProvince, details.province.as_str()),
        (Locality, details.locality.as_str()),
        (Organization, details.organization.as_str()),
        (OrganizationalUnit, details.organizational_unit.as_str()),
        (OrganizationalUnit, mark),
        (Title, details.title.as_str()),
        (CommonName, details.full_name.as_str()),
        (UserId, number.as_str()),
    ];
    let present = attributes.into_iter().filter(|(_, value)| !value.is_empty());
    DistinguishedName(present.map(|(attribute, value)| (attribute, value.to_owned())).collect())
}

/// Days that a subscriber's certificate is valid. Decree 23/2025: at most three years for subscribers; Decree 68/2024, article 9: at most five for officials.
pub fn valid_days(hierarchy: Hierarchy) -> u32 {
    match hierarchy {
        Hierarchy::Citizens => 3 * 365,
        Hierarchy::Officials => 5 * 365,
    }
}
