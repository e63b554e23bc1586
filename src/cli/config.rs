//! `chuky config`: what can be set, whether a settings file can be used, and what holds. Opens no database and no token.

use super::{Common, printing, unusable};
use crate::config::{Origin, Settings, reference, shown};
use chuky_model::text::Language;
use clap::{Args, Subcommand};
use std::{fmt::Write, path::PathBuf, process::ExitCode};

/// Cấu hình / Settings: list, check, show
///
/// Exit codes: 0 the settings can be used, 2 they cannot.
#[derive(Debug, Args)]
pub struct Config {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every setting with type, default and meaning, as Markdown
    Reference,
    /// Whether the settings can be used; the first thing that is wrong, with its line
    Check {
        /// Directory of the service's data
        #[arg(long, value_name = "DIR", default_value = "var")]
        data_dir: PathBuf,
    },
    /// What holds, and whether a default, the file or the environment says it
    Show,
}

impl Config {
    /// Runs the command.
    pub fn run(self, common: &Common) -> ExitCode {
        let vietnamese = common.language == Language::Vi;
        let text = match self.what {
            What::Reference => reference::markdown(),
            What::Check { data_dir } => match Settings::load(common.config.as_deref(), &data_dir) {
                Ok(_) if vietnamese => "Cấu hình dùng được.\n".to_owned(),
                Ok(_) => "The settings can be used.\n".to_owned(),
                Err(error) => return unusable(error),
            },
            What::Show => match shown(common.config.as_deref()) {
                Ok(values) => table(values, vietnamese),
                Err(error) => return unusable(error),
            },
        };
        match printing::print(&text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => unusable(error),
        }
    }
}

fn table(values: Vec<(String, String, Origin)>, vietnamese: bool) -> String {
    let mut text = String::new();
    for (key, value, origin) in values {
        let origin = match (origin, vietnamese) {
            (Origin::Default, true) => "mặc định".to_owned(),
            (Origin::Default, false) => "default".to_owned(),
            (Origin::File { line }, true) => format!("tệp, dòng {line}"),
            (Origin::File { line }, false) => format!("file, line {line}"),
            (Origin::Environment, true) => "biến môi trường".to_owned(),
            (Origin::Environment, false) => "environment".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key} = {value}  # {origin}");
    }
    text
}
