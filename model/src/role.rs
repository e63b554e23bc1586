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

    /// Whether whoever holds it works for the service: a second factor is asked of them, and their sessions end when they are idle.
    pub fn is_staff(self) -> bool {
        matches!(
            self,
            Self::Operator
                | Self::Registrar
                | Self::Approver
                | Self::Clerk
                | Self::Auditor
                | Self::SecurityOfficer
                | Self::Administrator
        )
    }

    /// Whether it is given by order: all but those that come with a certificate of one's own.
    pub fn is_ordered(self) -> bool {
        !matches!(self, Self::Citizen | Self::Official)
    }

    /// Two of these roles that one account must not hold together; `None` where they go together.
    pub fn contradiction(roles: &[Role]) -> Option<(Role, Role)> {
        CONTRADICTIONS.iter().copied().find(|(one, other)| roles.contains(one) && roles.contains(other))
    }

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

/// Who rules over accounts, who grants, and who watches are three; who enters a request never approves one.
const CONTRADICTIONS: [(Role, Role); 5] = [
    (Role::SecurityOfficer, Role::Administrator),
    (Role::SecurityOfficer, Role::Auditor),
    (Role::Administrator, Role::Auditor),
    (Role::Operator, Role::Approver),
    (Role::Registrar, Role::Approver),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_roles_never_meet() {
        use Role::*;
        assert_eq!(Role::contradiction(&[Approver, Auditor, Operator]), Some((Operator, Approver)));
        for fine in [&[][..], &[Operator, Registrar], &[Approver, Clerk], &[SecurityOfficer, Approver], &[Auditor]] {
            assert_eq!(Role::contradiction(fine), None, "{fine:?}");
        }
        assert!(Role::ALL.iter().all(|role| role.is_ordered() || !role.is_staff()));
    }
}
