//! What one guess of a PIN costs whoever holds the database and the live HSM: Argon2id, then one try of the seal by a worker.

use super::Context;
use crate::harness::{Batch, Local, Row, Unit};
use crate::signing::Signing;
use argon2::{Algorithm, Argon2, Params, Version};
use chuky_hsm::Secret32;
use chuky_model::algorithm::{KeyAlgorithm, SignatureScheme};

/// 64 MiB and three passes: the floor of the service's setting.
const MEMORY_KIBIBYTES: u32 = 64 * 1024;
const PASSES: u32 = 3;

pub fn guess(context: &mut Context) -> Result<Row, String> {
    let signing = Signing::new(context, KeyAlgorithm::P256, SignatureScheme::EcdsaSha256)?;
    let runtime = context.runtime()?;
    let processes = context.worker_processes();
    let mut number = 0u32;
    let ours = Batch::new("a wrong PIN", processes, move |count| {
        for _ in 0..count {
            number = number.wrapping_add(1);
            let secret = Secret32::new(stretch(number)?);
            if runtime.block_on(signing.is_opened_by(&secret))? {
                return Err("a wrong PIN opened the seal".to_owned());
            }
        }
        Ok(())
    });
    let limit = Local::new("Argon2id", || assert!(stretch(0).is_ok(), "Argon2id runs with these parameters"));
    Ok(Row { unit: Unit::CpuMilliseconds, ours, limit: Some(limit), peer: None, goals: Vec::new() })
}

fn stretch(guess: u32) -> Result<[u8; 32], String> {
    let parameters = Params::new(MEMORY_KIBIBYTES, PASSES, 1, Some(32)).map_err(|error| error.to_string())?;
    let mut secret = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(format!("{guess:08}").as_bytes(), b"sixteen bytes 16", &mut secret)
        .map_err(|error| error.to_string())?;
    Ok(secret)
}
