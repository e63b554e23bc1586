//! Roles of accounts. Every route names those it admits.

use serde::{Deserialize, Serialize};

/// What an account may do. An account can hold several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Citizen,
    Official,
    /// Enters citizens' requests at a booth.
    Operator,
    /// Enters and reviews officials' requests.
    Registrar,
    /// Approves what somebody else entered.
    Approver,
    Clerk,
    Auditor,
    SecurityOfficer,
    Administrator,
    RelyingParty,
    PaymentProvider,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 11] = [
        Self::Citizen,
        Self::Official,
        Self::Operator,
        Self::Registrar,
        Self::Approver,
        Self::Clerk,
        Self::Auditor,
        Self::SecurityOfficer,
        Self::Administrator,
        Self::RelyingParty,
        Self::PaymentProvider,
    ];

    /// The stable name used in settings, API and database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Citizen => "citizen",
            Self::Official => "official",
            Self::Operator => "operator",
            Self::Registrar => "registrar",
            Self::Approver => "approver",
            Self::Clerk => "clerk",
            Self::Auditor => "auditor",
            Self::SecurityOfficer => "security_officer",
            Self::Administrator => "administrator",
            Self::RelyingParty => "relying_party",
            Self::PaymentProvider => "payment_provider",
        }
    }

    /// The role of that name, `None` where there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Several roles as one text, names in the order given with commas between, as the database keeps them.
    pub fn join(roles: &[Role]) -> String {
        roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(",")
    }

    /// Reads what [`Role::join`] wrote; `None` where a name is unknown.
    pub fn split(text: &str) -> Option<Vec<Role>> {
        text.split(',').filter(|name| !name.is_empty()).map(Self::from_name).collect()
    }
}
