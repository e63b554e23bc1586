//! Identity providers: whether a person is who the card says. The one by default is whoever enters the request and looks at card and face; the other
//! asks a population database besides. Nothing that was not answered counts as passed. Knows no request and no row; numbers go into the body of
//! a question and nowhere else.

mod breaker;
mod check;
mod client;
mod wire;

pub use check::{Asked, Field, Finding, IdentityCheck, Outcome};
pub use wire::{Answer, Question, Said};

use crate::{
    clock::Clock,
    config::{IdentityConfig, IdentityProvider},
    tls::TlsError,
};
use client::Client;

/// The provider that is set.
pub enum Provider {
    /// Whoever enters the request states it.
    Manual,
    Population(Client),
}

impl Provider {
    /// As the settings have it, with the files that they name.
    pub fn open(settings: &IdentityConfig) -> Result<Self, TlsError> {
        match (settings.provider, &settings.url) {
            (IdentityProvider::Population, Some(url)) => Ok(Self::Population(Client::open(settings, url)?)),
            _ => Ok(Self::Manual),
        }
    }

    /// What it says of a person, within the time that is set.
    pub async fn ask(&self, clock: &Clock, asked: Asked<'_>) -> IdentityCheck {
        let (finding, fields) = match self {
            Self::Manual => (Finding::Statement, Vec::new()),
            Self::Population(client) => client.ask(clock, asked).await,
        };
        match self {
            // Nobody was asked: the request's own entry in the audit log says all there is.
            Self::Manual => tracing::debug!(event = "identity_checked", finding = finding.name()),
            Self::Population(_) => tracing::info!(event = "identity_checked", finding = finding.name()),
        }
        IdentityCheck { finding, fields, at: clock.now(), ground: String::new() }
    }
}
