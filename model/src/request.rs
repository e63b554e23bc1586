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
