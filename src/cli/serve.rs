//! `chuky serve`: the service. On an empty data directory it prepares everything for a demonstration first.

use super::{Common, printing, runtime, unusable};
use crate::{
    app::App, bootstrap, clock::Clock, config::Settings, demo, error::Result, http, issuance::ceremony, logging,
    restoration, tokens, worker,
};
use chuky_model::text::Language;
use clap::Args;
use std::{path::PathBuf, process::ExitCode};
use tokio::{net::TcpListener, signal::unix};

/// Chạy dịch vụ / Run the service
///
/// An empty data directory is filled first: SoftHSM tokens, an SQLite database, a TEST hierarchy, demonstration accounts.
#[derive(Debug, Args)]
pub struct Serve {
    /// Directory of database, tokens and documents; secrets lie beside it in DIR.secrets
    #[arg(long, value_name = "DIR", default_value = "var")]
    data_dir: PathBuf,
    /// Make no demonstration accounts
    #[arg(long)]
    no_demo: bool,
}

impl Serve {
    /// Runs the command until it is told to stop.
    pub fn run(self, common: &Common) -> ExitCode {
        logging::start();
        let settings = match Settings::load(common.config.as_deref(), &self.data_dir) {
            Ok(settings) => settings,
            Err(error) => return unusable(error),
        };
        let executable = match std::env::current_exe() {
            Ok(executable) => executable,
            Err(error) => return unusable(error),
        };
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return unusable(error),
        };
        match runtime.block_on(self.serve(settings, &executable, common.language)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("chuky serve: {error}");
                ExitCode::FAILURE
            }
        }
    }

    async fn serve(&self, mut settings: Settings, executable: &std::path::Path, language: Language) -> Result<()> {
        let listen = settings.listen;
        let say = |vi: &str, en: &str| println!("{}", if language == Language::Vi { vi } else { en });
        if let Some(needed) = restoration::of(&settings).await? {
            let refusal = restoration::refusal(&needed);
            println!("{}", refusal.detail.in_language(language));
            let listener = TcpListener::bind(listen)
                .await
                .map_err(crate::error::InternalError::io(format!("listening on {listen}")))?;
            if !http::serve_until_reconciled(&settings, listener, stop_signal()).await? {
                return Ok(());
            }
        }
        say("Chuẩn bị thiết bị khóa, cơ sở dữ liệu và hệ chứng thư…", "Preparing tokens, database and hierarchies…");
        let sink = (!self.no_demo).then(|| bootstrap::message_sink(&mut settings)).flatten();
        if !self.no_demo {
            bootstrap::relax_second_factor(&mut settings);
        }
        let app = bootstrap::open(settings, Clock::default(), executable).await?;
        if let Some(sink) = sink {
            tokens::private_directory(&sink)?;
        }
        let mut accounts = Vec::new();
        if !self.no_demo {
            bootstrap::demo_authority(&app).await?;
            accounts = bootstrap::demo_accounts(&app).await?;
        }
        refuse_development(&app).await?;
        worker::prepare(&app).await?;
        let background = worker::start(&app);
        let listener = TcpListener::bind(listen)
            .await
            .map_err(crate::error::InternalError::io(format!("listening on {listen}")))?;
        let serving = tokio::spawn(http::serve(app.clone(), listener, stop_signal()));
        if !self.no_demo && app.settings.tls.is_none() {
            // Its own certificate need not name the address that it listens on.
            first_round(&app, accounts.clone(), language).await;
        }
        announce(&app, language, &accounts);
        let served = serving.await;
        background.abort();
        Ok(served.map_err(|error| crate::error::InternalError::other(error.to_string()))??)
    }
}

/// Refuses what is for development where the authority is no TEST.
async fn refuse_development(app: &App) -> Result<()> {
    let settings = &app.settings;
    let told = [
        (
            settings.payments.webhooks.is_for_development(),
            "payments.webhooks.addresses = \"loopback\" is for development, over a TEST authority: name hosts, and public or private addresses",
        ),
        (
            settings.shows_messages,
            "messages.shown is for development, over a TEST authority: it shows everybody's codes",
        ),
    ];
    match told.into_iter().find(|(is_set, _)| *is_set) {
        Some((_, what)) if !ceremony::is_test(app).await? => Err(crate::error::InternalError::other(what).into()),
        _ => Ok(()),
    }
}

/// Goes the demonstration round once: its files stay in the data directory, and a start that finds them does not repeat it.
async fn first_round(app: &App, accounts: Vec<bootstrap::DemoAccount>, language: Language) {
    let directory = app.settings.data_dir.join("demo");
    let done = directory.join("done");
    if done.exists() {
        return;
    }
    println!(
        "{}",
        match language {
            Language::Vi => "Chạy thử trọn vòng: cấp chứng thư, ký, kiểm tra, thanh toán…",
            Language::En => "The whole road once: issue, sign, verify, pay…",
        }
    );
    let (app, fonts) = (app.clone(), app.settings.fonts_dir.clone());
    let gone = tokio::task::spawn_blocking(move || {
        let url = format!("http://{}", app.settings.listen);
        let now = app.clock.now();
        demo::Round { url: &url, accounts: &accounts, directory, fonts: &fonts, language, now }.run()
    });
    match gone.await {
        Ok(Ok(logins)) => {
            if let Err(error) = std::fs::write(&done, logins.join(", ")) {
                eprintln!("chuky serve: {}: {error}", done.display());
            }
        }
        Ok(Err(error)) => eprintln!("chuky serve: the demonstration round stopped: {error}"),
        Err(error) => eprintln!("chuky serve: the demonstration round stopped: {error}"),
    }
}

/// Says where the service is, who may log in, and where the signed sample lies. Passwords are shown for demonstration accounts only.
fn announce(app: &App, language: Language, accounts: &[bootstrap::DemoAccount]) {
    let url = &app.settings.public_url;
    let sample = app.settings.data_dir.join("demo/3-hai-chu-ky.pdf");
    let file = app.settings.secrets_dir.join("demo-accounts.json");
    let say = |vi: String, en: String| println!("{}", if language == Language::Vi { vi } else { en });
    say(
        format!("Chuky đang chạy tại {url} (phần mềm thử nghiệm: chứng thư mang chữ TEST)."),
        format!("Chuky is running at {url} (demonstration: certificates carry TEST)."),
    );
    if !accounts.is_empty() {
        say("Tài khoản mẫu (đăng nhập, mật khẩu):".to_owned(), "Demonstration accounts (log-in, password):".to_owned());
        for account in accounts {
            // The one place that shows a password: it was made for a demonstration, and its owner is who reads this terminal.
            drop(printing::print(&account.shown()));
        }
        say(format!("  Lưu trong {}", file.display()), format!("  Kept in {}", file.display()));
    }
    let signers = std::fs::read_to_string(app.settings.data_dir.join("demo/done")).unwrap_or_default();
    if !accounts.is_empty() && !signers.is_empty() {
        // Theirs are the same in every demonstration, and stand in the source.
        let (password, pin) = (demo::DEMO_PASSWORD, demo::DEMO_PIN);
        say(
            format!("Người ký mẫu: {signers} (mật khẩu {password}, mã PIN {pin}); ký văn bản tại {url}/sign"),
            format!("Sample signers: {signers} (password {password}, PIN {pin}); they sign at {url}/sign"),
        );
    }
    if app.settings.shows_messages {
        say(
            format!("Tin nhắn (thay cho điện thoại): {url}/messages"),
            format!("Messages (in the place of telephones): {url}/messages"),
        );
    }
    if sample.exists() {
        say(format!("Văn bản mẫu đã ký: {}", sample.display()), format!("Signed sample: {}", sample.display()));
    }
    say(
        "English: --lang en, or the switch on each page.".to_owned(),
        "Tiếng Việt: --lang vi, hoặc nút chuyển ngôn ngữ trên mỗi trang.".to_owned(),
    );
}

/// Resolves at SIGTERM or Ctrl-C.
async fn stop_signal() {
    let Ok(mut terminate) = unix::signal(unix::SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
