//! `chuky api-key`: an API key for the account that is logged in, printed once.

use super::{Common, in_session};
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// Tạo khóa API cho tài khoản đang đăng nhập / Make an API key for the account that is logged in
///
/// Log in first with `chuky login`. The key has the account's roles, goes to standard output and is shown nowhere again. Exit codes: 0 made, 1 refused, 2 wrong
/// usage.
#[derive(Debug, Args)]
pub struct ApiKey {
    /// What the audit log calls it
    #[arg(long)]
    label: String,
    /// How long it lasts, 1 to 366
    #[arg(long, default_value_t = 90)]
    days: i64,
}

impl ApiKey {
    /// Runs the command.
    pub fn run(self, common: &Common) -> ExitCode {
        in_session(common, "api-key", |client| {
            let made = client.post("/api/v1/api-keys", &json!({ "label": self.label, "days": self.days }))?;
            println!("{}", made["key"].as_str().unwrap_or_default());
            eprintln!("→ {}", made["expires_at"].as_str().unwrap_or_default());
            Ok(true)
        })
    }
}
