//! `chuky ceremony`: makes the keys and certificates of both hierarchies from one file, and prints the record.

use super::{Common, printed};
use crate::{app::App, clock::Clock, config::Settings, error::Error, issuance::ceremony, tokens};
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

/// Lễ tạo khóa của các CA / Create roots and issuing CAs, with a record
///
/// The record and every certificate are kept in `ceremony/` of the data directory. A ceremony is held once.
#[derive(Debug, Args)]
pub struct Ceremony {
    /// Directory of database and tokens
    #[arg(long, value_name = "DIRECTORY", default_value = "var")]
    data_dir: PathBuf,
    /// What to create (TOML)
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
}

impl Ceremony {
    /// Holds the ceremony: 0 where it was held now, 1 where it is refused, 2 where something cannot be used.
    pub fn run(self, common: &Common) -> ExitCode {
        printed(common, self.hold(common))
    }

    async fn hold(&self, common: &Common) -> Result<String, Error> {
        use crate::error::InternalError;
        let text = std::fs::read_to_string(&self.file).map_err(InternalError::io(self.file.display().to_string()))?;
        let settings = Settings::load(common.config.as_deref(), &self.data_dir);
        let settings = settings.map_err(|error| InternalError::other(error.to_string()))?;
        let executable = std::env::current_exe().map_err(InternalError::io("the program's own path"))?;
        tokens::prepare(&settings, &executable).await?;
        let app = App::open(settings, Clock::default(), executable).await?;
        Ok(ceremony::hold(&app, &text).await?.text)
    }
}
