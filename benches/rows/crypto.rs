//! `pki::crypto` beside the raw library: what our wrapping of a primitive costs.

use super::{Context, raw};
use crate::harness::{Goal, Local, Row, Unit};
use chuky_model::algorithm::SignatureScheme;
use chuky_pki::crypto::PublicKey;
use std::hint::black_box;

pub fn verify_p256(context: &mut Context) -> Result<Row, String> {
    verify(context, "signer", SignatureScheme::EcdsaSha256)
}

pub fn verify_rsa2048(context: &mut Context) -> Result<Row, String> {
    verify(context, "signer-rsa", SignatureScheme::RsaPkcs1Sha256)
}

fn verify(context: &mut Context, key: &str, scheme: SignatureScheme) -> Result<Row, String> {
    let key = context.fixtures.key(key)?;
    let digest = [0x42; 32];
    let signature = raw::sign_digest(&key, &digest)?;
    let spki = key.public_key_to_der().map_err(|error| error.to_string())?;
    let public = PublicKey::from_spki_der(&spki).map_err(|error| error.to_string())?;
    let ours = Local::new("pki::crypto", move || {
        let outcome = public.verify_digest(scheme.into(), black_box(&digest), black_box(&signature));
        assert!(outcome.is_ok(), "a genuine signature verifies");
    });
    Ok(Row {
        unit: Unit::CpuMicroseconds,
        ours,
        limit: Some(raw::verify("OpenSSL verify", &key, &digest)?),
        peer: None,
        goals: vec![Goal::RatioAtMost(1.1)],
    })
}
