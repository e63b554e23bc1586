//! The last lists of a CA that ends: good for ever once it has ended, and followed by ordinary ones where it did not end after all.

use super::{ListName, Row, names, publish, publish_until};
use crate::{
    app::App,
    error::Result,
    issuance::{Authority, CertifiedKey, limits::LAST_LIST_SETTLES, register},
};
use chuky_model::instant::Instant;

/// The last lists of a CA that ends, whole and in parts, which are good for ever: their names and numbers.
pub(in crate::issuance) async fn publish_last(app: &App, issuer: &CertifiedKey) -> Result<Vec<(String, i64)>> {
    let _one = app.publications.lock().await;
    register::follow_now(app).await?;
    let authority = Authority::of(app).await?;
    let mut lists = Vec::new();
    for name in names(app, issuer).await? {
        let Some(list) = ListName::parse(&authority, &name) else { continue };
        let row = publish_until(app, &list, Some(FOR_EVER)).await?;
        lists.push((name, row.number));
    }
    Ok(lists)
}

/// Whether those lists are the newest of the issuer by every name, and tell every change until now.
pub(in crate::issuance) async fn are_newest(app: &App, issuer: &CertifiedKey, lists: &[(String, i64)]) -> Result<bool> {
    register::follow_now(app).await?;
    let authority = Authority::of(app).await?;
    for name in names(app, issuer).await? {
        let Some(list) = ListName::parse(&authority, &name) else { continue };
        let number = lists.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
        let newest = app.store.latest_crl_head(&name).await?.map(|row| row.number);
        if number.is_none() || newest != number || list.is_behind(app) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Has lists that are good for ever followed by ordinary ones: the CA did not end after all.
pub(in crate::issuance) async fn publish_after_last(app: &App, issuer: &CertifiedKey) -> Result<()> {
    let _one = app.publications.lock().await;
    let authority = Authority::of(app).await?;
    for name in names(app, issuer).await? {
        let Some(list) = ListName::parse(&authority, &name) else { continue };
        if app.store.latest_crl_head(&name).await?.is_some_and(|row| row.next_update == FOR_EVER) {
            publish(app, &list).await?;
        }
    }
    Ok(())
}

/// Whether an end that broke off left the list, whose CA has not ended: it is good for ever, and nobody is at work on the end any more.
pub(super) fn is_left(app: &App, row: &Row) -> bool {
    row.next_update == FOR_EVER && app.clock.now() >= row.this_update.plus_seconds(LAST_LIST_SETTLES)
}

/// 9999-12-31T23:59:59Z, which RFC 5280 §4.1.2.5 gives the meaning of no end.
pub(in crate::issuance) const FOR_EVER: Instant = Instant(253_402_300_799_000_000);
