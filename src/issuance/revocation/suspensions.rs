//! Suspensions that nobody lifted within `authority.suspension_days`: they become revocations, for a certificate on hold for ever leaves
//! relying parties without an answer. Where no number is set nothing ends by itself.

use super::{Change, Ground, Reason, Why, as_it_is, changed_for, register, revocation_list};
use crate::{app::App, audit::Actor, error::Result};
use chuky_model::record::{Cursor, state::CertificateState};

/// Revokes what was suspended for too long; how many were.
pub async fn end_suspensions(app: &App) -> Result<usize> {
    let days = app.settings.authority.suspension_days;
    if days == 0 {
        return Ok(0);
    }
    register::follow(app).await?;
    let before = app.clock.now().plus_seconds(-days.saturating_mul(86_400));
    let change = Change::Revoke { reason: Reason::Unspecified, invalid_since: None };
    let (mut after, mut ended, mut last) = (Cursor::OLDEST, 0, None);
    loop {
        // By the time they came into the state: the first one that is young enough ends the search.
        let page = app.store.list_certificates(CertificateState::Suspended, after, PAGE).await?;
        let Some(end) = page.last() else { break };
        after = Cursor { at: end.updated_at, id: end.id.0 };
        let young = end.updated_at > before;
        for row in page.iter().filter(|row| row.updated_at <= before) {
            let mut row = as_it_is(app, row.id).await?;
            if row.state == CertificateState::Suspended && row.updated_at <= before {
                let why = Why::from(Ground::SuspensionNotLifted);
                last = Some(changed_for(app, Actor::Service, &mut row, change, &why).await?);
                ended += 1;
            }
        }
        if young {
            break;
        }
    }
    if let Some(entry) = last {
        app.audit.wait(entry).await?;
        revocation_list::publish_after_change(app).await?;
    }
    Ok(ended)
}

const PAGE: i64 = 200;
