//! What this service knows itself: the roots of both hierarchies, their issuing certificates and the newest revocation lists.
//! No network: what others published must come with the document.

use crate::{app::App, error::Result, issuance::Authority, reader::Evidence};

/// Evidence for the default policy, at the present moment.
pub async fn of_authority(app: &App) -> Result<Evidence> {
    let authority = Authority::of(app).await?;
    let mut evidence = Evidence::at(app.clock.now());
    evidence.anchors = authority.anchors().iter().map(|root| root.der().to_vec()).collect();
    evidence.intermediates = authority.intermediates().iter().map(|issuing| issuing.der().to_vec()).collect();
    for issuer in authority.issuers() {
        evidence.crls.extend(app.store.latest_crl(&issuer.label).await?.map(|crl| crl.list));
    }
    Ok(evidence)
}
