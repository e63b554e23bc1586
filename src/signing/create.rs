//! Signatures in other formats than PDF, made in the service: assembled (`assembly`), signed in the HSM, brought to their level. A stranger's
//! XML is read in a reader only.

use super::{
    assembly::{self, Finished, Making, Prepared, Source},
    code::FreshCode,
    document::Bytes,
    evidence::Surroundings,
    files,
    form::Form,
    places::{Clear, in_pieces},
    request::{Level, SignRequest},
    sign::{Made, pki, unexpected},
};
use crate::{
    accounts::Principal,
    app::App,
    custody::{self, Factors, Signer, Wanted},
    error::{InternalError, Result},
};
use chuky_model::{algorithm::HashAlgorithm, record::document::Document};
use chuky_pki::creation;
use std::fs::File;
use uuid::Uuid;

/// One signature to be made.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    pub(super) app: &'a App,
    pub(super) by: &'a Principal,
    pub(super) signer: &'a Signer,
    pub(super) around: &'a Surroundings,
    pub(super) wanted: &'a SignRequest,
    pub(super) factors: &'a Factors,
    pub(super) document: &'a Document,
    pub(super) name: &'a str,
    pub(super) form: Form,
    /// The code on its page.
    pub(super) code: Option<&'a FreshCode>,
}

impl Order<'_> {
    /// What the signer was shown: the document as it is.
    pub(super) fn shown(&self) -> Vec<Vec<u8>> {
        vec![Bytes::newest(self.document).written.sha256.clone()]
    }
}

/// Makes the signature and its file.
pub(super) async fn create(order: &Order<'_>, clear: Clear) -> Result<Made> {
    let scheme = order.signer.credential.algorithm.default_scheme();
    let travelling = order.around.travelling()?;
    let making = Making {
        readers: &order.app.readers,
        form: order.form,
        scheme,
        level: order.wanted.level,
        name: order.name,
        media_type: &order.document.media_type,
        signer: &order.signer.certificate,
        further: &travelling,
        at: order.app.clock.now(),
        identifier: Uuid::new_v4(),
    };
    let source = Source::measure(&making, &clear).await?;
    let prepared = Prepared::new(&making, &source)?;
    let hashes = Wanted {
        scheme,
        hashes: vec![prepared.digest_to_sign().to_vec()],
        document: Some(order.document.id),
        shown: order.shown(),
    };
    let signatures =
        custody::sign_hashes(order.app, order.by, order.signer.credential.id, order.factors, hashes).await?;
    let signature = signatures.first().ok_or_else(|| InternalError::other("the HSM gave no signature"))?;
    let mut made = prepared.assemble(signature, &travelling)?;
    let raising = Raising { app: order.app, around: order.around, signer: order.signer, level: order.wanted.level };
    raise(&raising, Some((&source, &clear)), &mut made).await?;
    let file = Finished::of(&making, made);
    let app = order.app.clone();
    in_pieces(move |asked| {
        let out = clear.beside(files::unnamed(&app.settings)?);
        file.write(out, &source, clear, asked)
    })
    .await
}

/// How far a signature is brought, and by whom.
pub(super) struct Raising<'a> {
    pub(super) app: &'a App,
    pub(super) around: &'a Surroundings,
    pub(super) signer: &'a Signer,
    pub(super) level: Level,
}

/// Brings the signature to its level; an archive timestamp is over the document, too, which is there for it.
pub(super) async fn raise(
    raising: &Raising<'_>,
    document: Option<(&Source, &File)>,
    made: &mut creation::Made,
) -> Result<()> {
    let Raising { app, around, signer, level } = *raising;
    if level == Level::B {
        return Ok(());
    }
    let token = around.stamping.timestamp(app, &made.timestamped()).await?;
    made.add_signature_timestamp(&token).map_err(pki)?;
    if level == Level::T {
        return Ok(());
    }
    made.add_validation_data(&around.long_term(app, signer).await?).map_err(pki)?;
    if level == Level::LT {
        return Ok(());
    }
    let (source, clear) = document.ok_or_else(|| InternalError::other("an archive timestamp without the document"))?;
    let behind = match made {
        creation::Made::Xades(xades) if source.place.is_some() => Some(xades.behind_data_objects()),
        _ => None,
    };
    let over = match behind {
        Some(behind) => assembly::enveloped(&app.readers, clear, HashAlgorithm::Sha256, behind).await?.digest,
        None => made.archived(&source.octets).map_err(pki)?,
    };
    let over: [u8; 32] = over.try_into().map_err(|_| unexpected())?;
    let token = around.stamping.timestamp(app, &over).await?;
    Ok(made.add_archive_timestamp(&token).map_err(pki)?)
}
