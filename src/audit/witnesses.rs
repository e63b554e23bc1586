//! Asks witnesses to sign a checkpoint too (C2SP tlog-witness): each on a machine of somebody else, who remembers what it signed last and
//! signs nothing that does not continue it. So the operator of this service, too, cannot show two histories.

use super::published::{Log, Published};
use crate::{config::Witness, tls};
use chuky_pki::transparency::{Note, note::NoteSignature, tree, witness::AddCheckpoint};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// What a witness has signed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    pub size: u64,
    /// Seconds since 1970, as its signature tells; 0 where only the size is known.
    pub at: u64,
}

/// Why a witness did not sign.
#[derive(Debug)]
pub(super) struct Failure {
    pub reason: String,
    /// Where it told how far it is: what it signed last.
    pub size: Option<u64>,
}

/// Asks every witness whose signature the checkpoint lacks, side by side.
pub(super) async fn ask(
    log: &Arc<Log>,
    published: &Published,
    signed: &HashMap<String, Cosigned>,
) -> Vec<(String, Result<NoteSignature, Failure>)> {
    let mut asked = JoinSet::new();
    for witness in &log.settings().witnesses {
        let name = witness.key.name.clone();
        if published.note.signatures.iter().any(|line| line.name == name) {
            continue;
        }
        let old = signed.get(&name).map_or(0, |last| last.size);
        let (log, witness, published) = (Arc::clone(log), witness.clone(), published.clone());
        asked.spawn(async move { (name, ask_one(&log, &witness, &published, old).await) });
    }
    asked.join_all().await
}

async fn ask_one(log: &Log, witness: &Witness, published: &Published, old: u64) -> Result<NoteSignature, Failure> {
    match send(log, witness, published, old).await {
        // It is somewhere else than was thought, and says where: once more from there.
        Err(Failure { size: Some(at), .. }) if at != old && at <= published.checkpoint.size => {
            send(log, witness, published, at).await
        }
        other => other,
    }
}

async fn send(log: &Log, witness: &Witness, published: &Published, old: u64) -> Result<NoteSignature, Failure> {
    let failed = |reason: String| Failure { reason, size: None };
    let size = published.checkpoint.size;
    let parts = tree::consistency(old, size).ok_or_else(|| failed("it has signed more than there is".into()))?;
    let proof = log.proof_of(&parts).await.map_err(|error| failed(error.to_string()))?;
    let own = published.note.signatures.iter().take(1).cloned().collect();
    let checkpoint = Note { text: published.note.text.clone(), signatures: own };
    let body = AddCheckpoint { old, proof, checkpoint }.to_string();
    let asked = witness.clone();
    let answered = tokio::task::spawn_blocking(move || post(&asked, &body)).await;
    let (status, body) = answered.map_err(|error| failed(error.to_string()))?.map_err(failed)?;
    if status == 409 {
        let size = body.trim().parse().ok();
        return Err(Failure {
            reason: format!("it has signed another checkpoint last, of size {}", body.trim()),
            size,
        });
    }
    if status != 200 {
        return Err(failed(format!("it answered {status}")));
    }
    let lines = Note::parse_signatures(&body).map_err(|error| failed(error.to_string()))?;
    let line = lines.into_iter().find(|line| line.name == witness.key.name && line.key_id == witness.key.key_id);
    let line = line.ok_or_else(|| failed("its answer has no signature by its key".into()))?;
    let verified = witness.key.verify(&published.note.text, &line.value);
    verified.map_err(|_| failed("its signature does not fit".into()))?;
    Ok(line)
}

/// One call; status and body. Files of TLS are read each time, so that new ones need no other start.
fn post(witness: &Witness, body: &str) -> Result<(u16, String), String> {
    let config =
        ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).max_redirects(0).http_status_as_error(false);
    let config = match witness.url.starts_with("https://") {
        true => {
            let shown = witness.identity.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path()));
            let by_tls = tls::outgoing(witness.ca.as_deref(), shown).map_err(|error| error.to_string())?;
            config.tls_config(by_tls).https_only(true)
        }
        false => config,
    };
    let agent: ureq::Agent = config.build().into();
    let answer =
        agent.post(format!("{}/add-checkpoint", witness.url)).content_type("text/plain; charset=utf-8").send(body);
    let mut answer = answer.map_err(|error| error.to_string())?;
    let text = answer.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string();
    Ok((answer.status().as_u16(), text.map_err(|error| error.to_string())?))
}

/// A witness answers in milliseconds; one that does not is asked again with the next checkpoint.
const PATIENCE: Duration = Duration::from_secs(5);
/// Octets.
const LONGEST_ANSWER: u64 = 64 * 1024;
