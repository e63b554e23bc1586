//! Physical limits: what the primitives cost when nothing else is done.

use crate::harness::{Local, Side};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use std::hint::black_box;

/// Raw verification of a signature over a SHA-256 digest, the key parsed and the context made once.
pub fn verify(name: &str, key: &PKey<Private>, digest: &[u8; 32]) -> Result<Box<dyn Side>, String> {
    let signature = sign_digest(key, digest)?;
    let public = PKey::public_key_from_der(&key.public_key_to_der().map_err(text)?).map_err(text)?;
    let digest = *digest;
    let mut context = PkeyCtx::new(&public).map_err(text)?;
    context.verify_init().map_err(text)?;
    context.set_signature_md(openssl::md::Md::sha256()).map_err(text)?;
    Ok(Local::new(name, move || {
        let valid = context.verify(black_box(&digest), black_box(&signature));
        assert!(valid.is_ok_and(|valid| valid), "a genuine signature verifies");
    }))
}

/// A signature over a SHA-256 digest by a key in memory: ECDSA as DER, RSA as PKCS#1 v1.5.
pub fn sign_digest(key: &PKey<Private>, digest: &[u8]) -> Result<Vec<u8>, String> {
    let mut context = PkeyCtx::new(key).map_err(text)?;
    context.sign_init().map_err(text)?;
    context.set_signature_md(openssl::md::Md::sha256()).map_err(text)?;
    let mut signature = Vec::new();
    context.sign_to_vec(digest, &mut signature).map_err(text)?;
    Ok(signature)
}

/// Raw signing of a SHA-256 digest.
pub fn sign(name: &str, key: &PKey<Private>) -> Result<Box<dyn Side>, String> {
    let key = key.clone();
    sign_digest(&key, &[0x42; 32])?;
    Ok(Local::new(name, move || assert!(black_box(sign_digest(&key, &[0x42; 32])).is_ok(), "a key in memory signs")))
}

/// SHA-256 of bytes.
pub fn sha256(bytes: Vec<u8>) -> Box<dyn Side> {
    Local::new("SHA-256", move || {
        black_box(openssl::hash::hash(MessageDigest::sha256(), black_box(&bytes)).is_ok());
    })
}

fn text(error: openssl::error::ErrorStack) -> String {
    error.to_string()
}
