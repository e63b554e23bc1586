//! What an order brings for one official, found anew each time: what is shown, what is approved and what is done are the same function of the same
//! rows.

use super::content::{Certificates, Content};
use crate::{
    accounts,
    app::App,
    current,
    error::{RequestError, Result},
    foreign,
    issuance::{
        register,
        revocation::{self, Ground},
        status,
    },
    outgoing, units,
};
use chuky_model::{
    id::{AccountId, CertificateId},
    record::{
        account::Account,
        certificate::Certificate as Row,
        state::{CertificateState, PersonnelKind},
    },
    request::{Hierarchy, SubjectKind},
    role::Role,
};
use chuky_pki::crl::Reason;
use serde::{Deserialize, Serialize};

/// What an order brings for one official.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PersonnelEffect)]
pub struct Effect {
    #[schema(value_type = String)]
    pub account: AccountId,
    pub login: String,
    pub name: String,
    pub unit: String,
    pub unit_after: String,
    /// What that unit is called; empty where the code names none that is known, or nothing changes.
    pub unit_after_name: String,
    /// Roles that end; those of a new place are ordered there.
    #[schema(value_type = Vec<String>)]
    pub roles_end: Vec<Role>,
    #[schema(value_type = Vec<String>)]
    pub roles_stay: Vec<Role>,
    /// Nobody logs in to the account any more.
    pub disabled: bool,
    /// That is so already.
    #[serde(skip)]
    #[schema(ignore)]
    pub is_disabled: bool,
    pub certificates: Vec<CertificateEffect>,
    /// Registered certificates of other authorities that are taken away: their issuers are told by the agency.
    pub foreign: Vec<String>,
    /// Delegations that end.
    pub delegations: usize,
    /// Documents that wait for this person: somebody else takes them up, or their drafters withdraw them.
    pub documents: Vec<String>,
}

/// What becomes of one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CertificateEffect {
    #[serde(skip)]
    #[schema(ignore)]
    pub id: Option<CertificateId>,
    /// Lower-case hex.
    pub serial: String,
    pub common_name: String,
    pub action: Action,
    /// RFC 5280 §5.3.1, where it is revoked.
    #[schema(value_type = Option<String>)]
    pub reason: Option<Reason>,
    /// The ground of the law.
    #[schema(value_type = Option<String>)]
    pub ground: Option<Ground>,
}

/// What is done with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PersonnelAction)]
pub enum Action {
    Revoke,
    Suspend,
    /// A request for the one that follows is entered.
    Reissue,
    Keep,
}

impl Action {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Suspend => "suspend",
            Self::Reissue => "reissue",
            Self::Keep => "keep",
        }
    }
}

impl Effect {
    /// Of the account as it is now.
    pub(super) async fn of(app: &App, content: &Content, id: AccountId) -> Result<Self> {
        let account = current::row_by_log(app, || app.store.account_by_id(id)).await?;
        let account = account.ok_or_else(RequestError::not_found)?;
        let (roles_stay, roles_end) = roles(content, &account);
        let leaves_unit = !matches!(content.kind, PersonnelKind::Title);
        let disabled = content.leaves() && (content.kind == PersonnelKind::Death || roles_stay.is_empty());
        let (mut foreign, mut delegations, mut documents) = (Vec::new(), 0, Vec::new());
        if leaves_unit {
            delegations = outgoing::delegations_of(app, id).await?.len();
            documents = outgoing::waiting_for(app, id).await?;
            for row in foreign::waiting_or_registered(app, id).await? {
                foreign.push(hex::encode(&row.fingerprint));
            }
        }
        let unit_after = unit_after(content, &account, &roles_stay);
        let named = match unit_after == account.unit {
            true => None,
            false => units::unit_at(app, &unit_after, app.clock.now()).await?,
        };
        Ok(Self {
            account: id,
            login: account.login.clone(),
            name: accounts::display_name(app, &account)?,
            unit_after,
            unit_after_name: named.map(|unit| unit.name).unwrap_or_default(),
            unit: account.unit,
            roles_end,
            roles_stay,
            disabled,
            is_disabled: account.disabled_at.is_some(),
            certificates: certificates(app, content, id).await?,
            foreign,
            delegations,
            documents,
        })
    }

    /// What an approver is bound to: documents that wait meanwhile are shown, and nothing is done with them.
    pub(super) fn bound(&self) -> Self {
        Self { documents: Vec::new(), ..self.clone() }
    }

    /// Whether it changes anything.
    pub fn is_something(&self) -> bool {
        let certificates = self.certificates.iter().any(|one| one.action != Action::Keep);
        certificates
            || self.disabled
            || self.unit != self.unit_after
            || !self.roles_end.is_empty()
            || !self.foreign.is_empty()
            || self.delegations > 0
    }
}

/// Roles that stay, and those that end.
pub(super) fn roles(content: &Content, account: &Account) -> (Vec<Role>, Vec<Role>) {
    let stays = |role: &Role| match content.kind {
        PersonnelKind::Title | PersonnelKind::Merger => true,
        // What came by order was for the old place.
        PersonnelKind::Transfer => !role.is_ordered(),
        PersonnelKind::Resignation | PersonnelKind::Retirement => *role == Role::Citizen,
        PersonnelKind::Death => false,
    };
    account.roles.iter().copied().partition(stays)
}

/// The unit that the account is of afterwards.
pub(super) fn unit_after(content: &Content, account: &Account, roles_stay: &[Role]) -> String {
    match content.kind {
        PersonnelKind::Transfer | PersonnelKind::Merger => content.unit.clone(),
        PersonnelKind::Title => account.unit.clone(),
        // Whoever stays as a citizen belongs to no agency.
        _ if roles_stay.is_empty() => account.unit.clone(),
        _ => String::new(),
    }
}

/// What becomes of each certificate that is good or suspended. A citizen's own ends with the citizen alone.
async fn certificates(app: &App, content: &Content, id: AccountId) -> Result<Vec<CertificateEffect>> {
    register::follow(app).await?;
    let now = app.clock.now();
    let mut effects = Vec::new();
    for row in app.store.certificates_of_account(id).await? {
        let row: Row = register::genuine(app, || app.store.certificate_by_id(row.id))
            .await?
            .ok_or_else(RequestError::not_found)?;
        let stands = matches!(row.state, CertificateState::Issued | CertificateState::Suspended);
        if !stands || row.not_after <= now {
            continue;
        }
        let kind = revocation::kind_of(app, &row).await?.unwrap_or_default();
        let (action, reason) = action(content, &row, kind);
        let certificate = status::certificate_of(app, &row)?;
        let revoked = action == Action::Revoke;
        effects.push(CertificateEffect {
            id: Some(row.id),
            serial: row.serial.to_string(),
            common_name: certificate.map(|one| one.subject().common_name()).unwrap_or_default(),
            action,
            reason: revoked.then_some(reason.0),
            ground: (action != Action::Keep).then_some(reason.1),
        });
    }
    Ok(effects)
}

fn action(content: &Content, row: &Row, kind: SubjectKind) -> (Action, (Reason, Ground)) {
    let reason = content.reason();
    let keeps = (Action::Keep, reason);
    if content.kind == PersonnelKind::Death {
        return (Action::Revoke, reason);
    }
    if row.hierarchy == Hierarchy::Citizens {
        return keeps;
    }
    match (kind, content.kind) {
        // Whoever answered for a seal or a device no longer does; who follows gets an own one.
        (SubjectKind::Seal | SubjectKind::Device, PersonnelKind::Title) => keeps,
        (SubjectKind::Seal | SubjectKind::Device, PersonnelKind::Merger)
            if content.certificates == Certificates::Keep =>
        {
            keeps
        }
        (SubjectKind::Seal | SubjectKind::Device, PersonnelKind::Merger) => (Action::Revoke, reason),
        (SubjectKind::Seal | SubjectKind::Device, _) => (Action::Revoke, (Reason::Superseded, Ground::AgencyRequest)),
        (SubjectKind::Person | SubjectKind::PaymentProvider, _) => match content.certificates {
            Certificates::Revoke => (Action::Revoke, reason),
            Certificates::Suspend if row.state == CertificateState::Suspended => keeps,
            Certificates::Suspend => (Action::Suspend, reason),
            Certificates::Reissue if row.state == CertificateState::Issued => (Action::Reissue, reason),
            Certificates::Reissue | Certificates::Keep => keeps,
        },
    }
}
