//! `chuky login`: a session for the commands of a user. Asks for password and code on the terminal; never for a PIN.

use super::{
    Common,
    client::{Client, ClientError},
    secret, unusable,
};
use chuky_model::text::Language;
use clap::Args;
use std::{fs::File, path::PathBuf, process::ExitCode};

/// Đăng nhập / Log in, for `chuky sign`
///
/// The session is kept for this user alone in $XDG_STATE_HOME/chuky (or ~/.local/state/chuky) and ends after twelve hours.
#[derive(Debug, Args)]
pub struct Login {
    /// Address of the service
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", env = "CHUKY_SERVER")]
    server: String,
    /// File whose first line is the password; without it the terminal asks
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// File whose first line is the code of the authenticator app; without both files the terminal asks
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
    /// Log-in name
    login: String,
}

impl Login {
    /// Runs the command: 0 where a session was opened and stored.
    pub fn run(self, common: &Common) -> ExitCode {
        let vietnamese = common.language == Language::Vi;
        let password = match &self.password_file {
            Some(file) => File::open(file).and_then(secret::first_line),
            None => secret::ask(if vietnamese { "Mật khẩu: " } else { "Password: " }),
        };
        let password = match password {
            Ok(password) => password,
            Err(error) => return unusable(error),
        };
        // Asked of everybody: whether the account has a second factor is nobody's business before the log-in.
        let code = match (&self.code_file, &self.password_file) {
            (Some(file), _) => File::open(file).and_then(secret::first_line),
            (None, Some(_)) => Ok(zeroize::Zeroizing::default()),
            (None, None) => secret::ask(match vietnamese {
                true => "Mã xác thực (để trống nếu chưa cài): ",
                false => "Code of the authenticator app (empty for none): ",
            }),
        };
        let code = match code {
            Ok(code) => code,
            Err(error) => return unusable(error),
        };
        let stored = Client::new(&self.server, common.language).and_then(|client| {
            let session = client.log_in(&self.login, &password, &code)?;
            session.store()
        });
        match stored {
            Ok(_) if vietnamese => println!("Đã đăng nhập với tên {}.", self.login),
            Ok(_) => println!("Logged in as {}.", self.login),
            Err(ClientError::Refused(why)) => {
                eprintln!("chuky login: {why}");
                return ExitCode::FAILURE;
            }
            Err(error) => return unusable(error),
        }
        ExitCode::SUCCESS
    }
}
