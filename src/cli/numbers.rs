//! `chuky numbers`: after a restore, the last number of each register of documents, as its clerks know it; until then the register is closed.

use super::{Common, printed};
use crate::{
    clock::Clock,
    config::Settings,
    error::{InternalError, Result},
    outgoing::{Register, confirm},
    store::Store,
};
use chuky_model::text::Language;
use clap::{Args, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// Số văn bản sau khi khôi phục / Numbers of documents after a restore
///
/// Ask the clerks of each agency which number was given last, and enter it here; the register is closed until then.
#[derive(Debug, Args)]
pub struct Numbers {
    /// Directory of the service's data
    #[arg(long, value_name = "DIR", default_value = "var", global = true)]
    data_dir: PathBuf,
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// Sổ văn bản đi / The register of outgoing documents
    Outgoing {
        /// The series, e.g. QĐ or CV
        #[arg(long)]
        series: String,
        #[command(flatten)]
        last: Last,
    },
    /// Sổ văn bản đến / The register of incoming documents
    Incoming {
        #[command(flatten)]
        last: Last,
    },
}

#[derive(Debug, Args)]
struct Last {
    /// Code of the agency's unit, e.g. H26
    #[arg(long)]
    unit: String,
    /// Year of the register; this one where absent
    #[arg(long, value_parser = clap::value_parser!(i64).range(2_000..10_000))]
    year: Option<i64>,
    /// The number given last, 0 where none was
    #[arg(long, value_parser = clap::value_parser!(i64).range(0..1_000_000_000))]
    last: i64,
}

impl Numbers {
    /// 0 where it was entered, 1 where it is refused, 2 where something cannot be used.
    pub fn run(self, common: &Common) -> ExitCode {
        printed(common, self.act(common))
    }

    async fn act(&self, common: &Common) -> Result<String> {
        let settings = Settings::load(common.config.as_deref(), &self.data_dir);
        let settings = settings.map_err(|error| InternalError::other(error.to_string()))?;
        let now = Clock::default().now();
        let (register, series, Last { unit, year, last }) = match &self.which {
            Which::Outgoing { series, last } => (Register::Outgoing, series.as_str(), last),
            Which::Incoming { last } => (Register::Incoming, "", last),
        };
        let this_year = now.in_vietnam().map_or(0, |moment| i64::from(moment.year()));
        let year = year.unwrap_or(this_year);
        let store = Store::open_beside(&settings.database_url).await?;
        let confirmed = confirm(&store, now, register, (unit, year, series), *last).await;
        store.close().await;
        confirmed?;
        let next = last.saturating_add(1);
        Ok(match common.language {
            Language::Vi => {
                format!("Đã mở lại sổ {} năm {year} của {unit}: số tiếp theo từ {next}.\n", named(register))
            }
            Language::En => {
                format!(
                    "The register of {} documents {year} of {unit} is open: {next} or above comes next.\n",
                    register.name()
                )
            }
        })
    }
}

fn named(register: Register) -> &'static str {
    match register {
        Register::Outgoing => "văn bản đi",
        Register::Incoming => "văn bản đến",
    }
}
