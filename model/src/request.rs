//! Registration requests: their states, and the moves between them that are legal.

use serde::{Deserialize, Serialize};

/// Which of the two hierarchies a request belongs to. They never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hierarchy {
    /// The public hierarchy.
    Citizens,
    /// The hierarchy of officials and agencies.
    Officials,
}

impl Hierarchy {
    /// Both hierarchies.
    pub const ALL: [Hierarchy; 2] = [Self::Citizens, Self::Officials];

    /// The stable name used in settings, URLs and the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Citizens => "citizens",
            Self::Officials => "officials",
        }
    }

    /// The hierarchy of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hierarchy| hierarchy.name() == name)
    }
}

/// What a certificate that is asked for is to name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A citizen or an official.
    #[default]
    Person,
    /// An agency, whose clerk seals with it (EN 319 412-3).
    Seal,
    /// A device, service or program of an agency, with a key of its own.
    Device,
    /// A payment provider, with a key of its own.
    PaymentProvider,
}

impl SubjectKind {
    /// Every kind.
    pub const ALL: [SubjectKind; 4] = [Self::Person, Self::Seal, Self::Device, Self::PaymentProvider];

    /// The stable name used in API and pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Seal => "seal",
            Self::Device => "device",
            Self::PaymentProvider => "payment_provider",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The certificate profile of this kind in a hierarchy; `None` where the hierarchy has none.
    pub fn profile(self, hierarchy: Hierarchy) -> Option<&'static str> {
        match (self, hierarchy) {
            (Self::Person, Hierarchy::Citizens) => Some("citizen"),
            (Self::Person, Hierarchy::Officials) => Some("official"),
            (Self::Seal, Hierarchy::Officials) => Some("seal"),
            (Self::Device, Hierarchy::Officials) => Some("device"),
            (Self::PaymentProvider, Hierarchy::Citizens) => Some("payment_provider"),
            _ => None,
        }
    }

    /// Whether its key is always its own, and never made here.
    pub fn has_own_key(self) -> bool {
        matches!(self, Self::Device | Self::PaymentProvider)
    }
}

/// Where a registration request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Entered; waits for approval.
    Submitted,
    /// Approved; waits for the subscriber to redeem the activation code.
    Approved,
    /// The subscriber redeemed the code; key and certificate are being made.
    Issuing,
    /// The certificate is issued.
    Issued,
    /// Rejected, with a reason.
    Rejected,
    /// The activation code was not redeemed in time.
    Expired,
}

impl RequestState {
    /// Every state.
    pub const ALL: [RequestState; 6] =
        [Self::Submitted, Self::Approved, Self::Issuing, Self::Issued, Self::Rejected, Self::Expired];

    /// Whether a request may go from this state to that one. `Issuing` goes back to `Approved` when nothing was signed.
    pub fn may_become(self, next: RequestState) -> bool {
        matches!(
            (self, next),
            (Self::Submitted, Self::Approved | Self::Rejected)
                | (Self::Approved, Self::Issuing | Self::Rejected | Self::Expired)
                | (Self::Issuing, Self::Issued | Self::Approved)
        )
    }

    /// Whether it may still become a certificate.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Submitted | Self::Approved | Self::Issuing)
    }

    /// The stable name used in API and database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Approved => "approved",
            Self::Issuing => "issuing",
            Self::Issued => "issued",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}
