//! Signing with subscribers' keys the way the service does it: activations of 1,000 hashes through the HSM's workers, which verify each
//! signature, beside raw PKCS#11 with a verification each on the same token in as many processes.

use super::Context;
use crate::harness::{Batch, Goal, Row, Unit};
use crate::signing::{HASHES_AN_ACTIVATION, Signing};
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};
use std::sync::Arc;

pub fn p256(context: &mut Context) -> Result<Row, String> {
    sign(context, KeyAlgorithm::P256, SignatureScheme::EcdsaSha256)
}

pub fn rsa2048(context: &mut Context) -> Result<Row, String> {
    sign(context, KeyAlgorithm::Rsa2048, SignatureScheme::RsaPkcs1Sha256)
}

pub fn rsa3072(context: &mut Context) -> Result<Row, String> {
    sign(context, KeyAlgorithm::Rsa3072, SignatureScheme::RsaPkcs1Sha256)
}

fn sign(context: &mut Context, algorithm: KeyAlgorithm, scheme: SignatureScheme) -> Result<Row, String> {
    let token = context.token()?;
    let workers = token.settings()?.workers;
    let limit = token.raw_verified(algorithm, workers)?;
    let signing = Arc::new(Signing::new(context, algorithm, scheme)?);
    let runtime = context.runtime()?;
    let ours = Batch::new("activations of 1,000", context.worker_processes(), move |count| {
        runtime.block_on(async {
            // As many activations at once as there are workers, as a busy service has them.
            let share = count.div_ceil(u32::try_from(workers).unwrap_or(1));
            let tasks: Vec<_> = (0..workers)
                .map(|worker| {
                    let signing = Arc::clone(&signing);
                    tokio::spawn(async move { sign_share(&signing, worker, share).await })
                })
                .collect();
            for task in tasks {
                task.await.map_err(|error| error.to_string())??;
            }
            Ok(())
        })
    });
    Ok(Row { unit: Unit::PerSecond, ours, limit: Some(limit), peer: None, goals: vec![Goal::RatioAtLeast(0.7)] })
}

async fn sign_share(signing: &Signing, worker: usize, mut count: u32) -> Result<(), String> {
    while count > 0 {
        let part = count.min(HASHES_AN_ACTIVATION);
        let hashes: Vec<Vec<u8>> = (0..part).map(|number| hash(worker, number)).collect();
        let signatures = signing.activation(hashes.clone()).await?;
        if signatures.len() != hashes.len() {
            return Err(format!("{} signatures of {} hashes", signatures.len(), hashes.len()));
        }
        count -= part;
    }
    Ok(())
}

fn hash(worker: usize, number: u32) -> Vec<u8> {
    let mut hash = vec![0x5a; 32];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    hash[4] = u8::try_from(worker).unwrap_or(0xff);
    hash
}
