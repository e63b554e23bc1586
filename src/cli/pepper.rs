//! `chuky pepper`: the peppers of the subscribers token: how many keys lie under each, a new one made, an old one destroyed.

use super::{Common, printed};
use crate::{
    app::App,
    clock::Clock,
    config::Settings,
    custody::pepper::{self as peppers, Pepper as Row},
    error::{InternalError, RequestError, Result},
    tokens,
};
use chuky_hsm::{Secret32, provision::Component};
use chuky_model::{instant::Instant, text::Language};
use clap::{Args, Subcommand};
use std::{fmt::Write, path::PathBuf, process::ExitCode};

/// Pepper niêm phong khóa thuê bao / Peppers that seal subscribers' keys
#[derive(Debug, Args)]
pub struct Pepper {
    /// Directory of the service's data
    #[arg(long, value_name = "DIR", default_value = "var", global = true)]
    data_dir: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Các phiên bản và số khóa dưới mỗi phiên bản / Versions, and how many keys lie under each
    List,
    /// Tạo pepper mới / Make a new pepper; each key follows it when its PIN is next entered
    Add {
        /// Print the value in so many components, each for a keeper of its own; without them a second token cannot be made
        #[arg(long, value_name = "2-16", conflicts_with = "components")]
        split: Option<u8>,
        /// Files with the components of a value that another token has already
        #[arg(long, value_name = "FILE", num_args = 2..=16)]
        components: Vec<PathBuf>,
        /// Which token of `hsm.tokens`: a second one is given what the first has, from components
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        token: usize,
    },
    /// Hủy pepper cũ / Destroy an old pepper: old backups of the database become worthless
    Destroy {
        /// Version, as `list` tells
        #[arg(value_name = "VERSION")]
        pepper: u32,
        /// How many usable keys are lost by it, as `list` tells
        #[arg(long, value_name = "COUNT", default_value_t = 0)]
        lose: i64,
        /// Which token of `hsm.tokens`: on a second one what the first no longer has is destroyed
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        token: usize,
    },
}

impl Pepper {
    /// Runs the command: 0 where it was done, 1 where it is refused, 2 where something cannot be used.
    pub fn run(self, common: &Common) -> ExitCode {
        printed(common, self.act(common))
    }

    async fn act(&self, common: &Common) -> Result<String> {
        let settings = Settings::load(common.config.as_deref(), &self.data_dir);
        let settings = settings.map_err(|error| InternalError::other(error.to_string()))?;
        let executable = std::env::current_exe().map_err(InternalError::io("the program's own path"))?;
        let vietnamese = common.language == Language::Vi;
        // A second token that lacks a pepper is not one to open the service with: it is changed by itself.
        match &self.action {
            Action::Add { components, token, .. } if *token > 1 => {
                let version = tokens::add_pepper(&settings, &executable, *token, &combined(components)?).await?;
                return Ok(added(version, &[], vietnamese));
            }
            Action::Destroy { pepper: version, token, .. } if *token > 1 => {
                tokens::destroy_pepper(&settings, &executable, *token, *version).await?;
                return Ok(destroyed(*version, 0, vietnamese));
            }
            _ => {}
        }
        let app = App::open(settings, Clock::default(), executable).await?;
        match &self.action {
            Action::List => Ok(listed(&peppers::peppers(&app).await?, vietnamese)),
            Action::Add { split, components, .. } => {
                let value = match components.is_empty() {
                    true => Secret32::random(),
                    false => combined(components)?,
                };
                let parts = match split {
                    Some(count) => Component::split(&value, *count).map_err(|error| refused(&error))?,
                    None => Vec::new(),
                };
                let version = peppers::add_pepper(&app, &value).await?;
                Ok(added(version, &parts, vietnamese))
            }
            Action::Destroy { pepper: version, lose, .. } => {
                let closed = peppers::destroy_pepper(&app, *version, *lose).await?;
                Ok(destroyed(*version, closed, vietnamese))
            }
        }
    }
}

fn destroyed(version: u32, closed: impl std::fmt::Display, vietnamese: bool) -> String {
    match vietnamese {
        true => format!("Đã hủy pepper {version}. Số chữ ký bị ngừng sử dụng: {closed}.\n"),
        false => format!("Pepper {version} is destroyed. Credentials closed: {closed}.\n"),
    }
}

fn combined(files: &[PathBuf]) -> Result<Secret32> {
    let mut components = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(InternalError::io(file.display().to_string()))?;
        let text = zeroize::Zeroizing::new(text);
        components.push(Component::parse(&text).map_err(|error| refused(&error))?);
    }
    Ok(Component::combine(&components).map_err(|error| refused(&error))?)
}

fn refused(error: &chuky_hsm::Error) -> RequestError {
    RequestError::invalid(
        "components",
        "components_invalid",
        format!("Thành phần không dùng được: {error}"),
        error.to_string(),
    )
}

fn listed(peppers: &[Row], vietnamese: bool) -> String {
    let mut text = String::new();
    for pepper in peppers {
        let Row { version, used, unused, .. } = pepper;
        let until = match (pepper.until, vietnamese) {
            (None, true) => "mới nhất, đang dùng".to_owned(),
            (None, false) => "newest, in use".to_owned(),
            (Some(Instant(i64::MAX)), true) => "không rõ pepper sau được tạo khi nào".to_owned(),
            (Some(Instant(i64::MAX)), false) => "unknown when the next one was made".to_owned(),
            (Some(until), true) => format!("hủy được từ {}", until.vietnamese()),
            (Some(until), false) => format!("may be destroyed from {}", until.rfc3339()),
        };
        // Writing to a string cannot fail.
        let _ = match vietnamese {
            true => writeln!(text, "pepper {version}: {used} khóa dùng được, {unused} khóa không còn dùng; {until}"),
            false => writeln!(text, "pepper {version}: {used} usable keys, {unused} others; {until}"),
        };
    }
    text
}

fn added(version: u32, parts: &[Component], vietnamese: bool) -> String {
    let mut text = match vietnamese {
        true => format!("Đã tạo pepper {version}. Mỗi khóa chuyển sang khi mã PIN của nó được nhập lần tới.\n"),
        false => format!("Pepper {version} is made. Each key follows it when its PIN is next entered.\n"),
    };
    for part in parts {
        text.push_str(&part.to_text());
        text.push('\n');
    }
    text
}
