//! `chuky audit …`: checks the whole audit log against its signed heads and the head remembered outside the database, prints the key that its
//! checkpoints are verified with, checks a proof, and is a witness.

mod check;
mod witness;

use super::{Common, runtime, unusable};
use crate::{
    app::{audit_key_file, remembered_head},
    audit::verify::{Findings, verify},
    config::Settings,
    error::{InternalError, Result},
    store::{self, Store},
};
use chuky_model::{tables::Tables, text::Language};
use chuky_pki::transparency::VerifierKey;
use clap::{Args, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// Nhật ký kiểm toán / The audit log
#[derive(Debug, Args)]
pub struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Kiểm tra toàn bộ nhật ký / Check the whole log; exit 1 when anything is off
    Verify {
        /// Directory of the service's data
        #[arg(long, value_name = "DIR", default_value = "var")]
        data_dir: PathBuf,
    },
    /// In khóa để kiểm tra nhật ký / Print the key that checkpoints are verified with
    Key {
        /// Directory of the service's data
        #[arg(long, value_name = "DIR", default_value = "var")]
        data_dir: PathBuf,
    },
    Check(check::Check),
    Witness(witness::Serve),
}

impl Audit {
    /// Runs the command: 0 where the log is whole, 1 where it is not, 2 where it cannot be read.
    pub fn run(self, common: &Common) -> ExitCode {
        let data_dir = match &self.action {
            Action::Verify { data_dir } | Action::Key { data_dir } => data_dir,
            Action::Check(_) | Action::Witness(_) => return self.action.without_service(common),
        };
        let settings = match Settings::load(common.config.as_deref(), data_dir) {
            Ok(settings) => settings,
            Err(error) => return unusable(error),
        };
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return unusable(error),
        };
        if matches!(self.action, Action::Key { .. }) {
            return match runtime.block_on(published_key(&settings)) {
                Ok(key) => {
                    println!("{key}");
                    ExitCode::SUCCESS
                }
                Err(error) => unusable(error),
            };
        }
        match runtime.block_on(check(&settings)) {
            Ok(findings) => report(&findings, common.language),
            Err(error) => unusable(error),
        }
    }
}

impl Action {
    fn without_service(self, common: &Common) -> ExitCode {
        match self {
            Self::Check(check) => check.run(common),
            Self::Witness(witness) => witness.run(common),
            Self::Verify { .. } | Self::Key { .. } => ExitCode::from(2),
        }
    }
}

/// The key under the log's name, which is another one after each reconciliation.
async fn published_key(settings: &Settings) -> Result<VerifierKey> {
    let path = audit_key_file(settings);
    let spki = std::fs::read(&path).map_err(InternalError::io(path.display().to_string()))?;
    let (store, _) = Store::open_as_it_is(&settings.database_url).await?;
    let reconciled = store.latest_restoration().await?.and_then(|row| row.reconciled_at);
    let key = VerifierKey::ecdsa(&settings.audit.after(reconciled).origin, &spki);
    Ok(key.map_err(|error| InternalError::Pki(error.to_string()))?)
}

async fn check(settings: &Settings) -> Result<Findings> {
    let path = audit_key_file(settings);
    let key = std::fs::read(&path).map_err(InternalError::io(path.display().to_string()))?;
    let (store, tables) = Store::open_as_it_is(&settings.database_url).await?;
    match verify(&store, &key, &remembered_head(settings)).await {
        Ok(mut findings) => {
            if tables != Tables::Same {
                findings.notices.push(tables.to_string());
            }
            Ok(findings)
        }
        // Tables of another version may lack what is asked for: that is no finding about the log.
        Err(_) if !tables.are_usable() => Err(store::Error::Tables(tables).into()),
        Err(error) => Err(error),
    }
}

fn report(findings: &Findings, language: Language) -> ExitCode {
    let whole = findings.faults.is_empty();
    let (entries, heads, waiting) = (findings.entries, findings.heads, findings.waiting);
    match language {
        Language::Vi => println!("Đã kiểm tra {entries} mục, {heads} đầu nhật ký đã ký, {waiting} mục đang chờ."),
        Language::En => println!("Checked {entries} entries, {heads} signed heads; {waiting} entries wait."),
    }
    if let Some(head) = &findings.head {
        println!("head: size {} root {} at {}", head.size, hex::encode(head.root), head.at.rfc3339());
    }
    for notice in &findings.notices {
        println!("! {notice}");
    }
    for fault in &findings.faults {
        println!("✕ {fault}");
    }
    match (whole, language) {
        (true, Language::Vi) => println!("✓ Nhật ký toàn vẹn."),
        (true, Language::En) => println!("✓ The log is whole."),
        (false, Language::Vi) => {
            println!("✕ Nhật ký KHÔNG toàn vẹn: giữ nguyên hiện trạng và báo người phụ trách an ninh.")
        }
        (false, Language::En) => {
            println!("✕ The log is NOT whole: keep everything as it is and tell the security officer.")
        }
    }
    if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
