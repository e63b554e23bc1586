//! `chuky doctor`: every dependency of the service, one line each, with the repair where one is needed. Looks and asks; makes and
//! changes nothing, not even tables that are older than this program.

mod authority;

use super::{Common, printing, runtime, unusable};
use crate::{
    app::remembered_head,
    clock::Clock,
    config::Settings,
    outbox,
    reader::{Probe, ReaderPool, Task, TaskOutput},
    restoration,
    store::{self, Store},
    tls,
    tokens::Tokens,
};
use chuky_hsm::{Hsm, Standing, TokenHealth};
use chuky_model::{tables::Tables, text::Language};
use chuky_pki::pdf::typeface::Typeface;
use clap::Args;
use std::{
    fs,
    io::ErrorKind,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Kiểm tra mọi thành phần / Check every dependency, one line each, with the repair
///
/// Exit codes: 0 nothing is missing, 1 something is, 2 wrong usage or settings.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Directory of the service's data
    #[arg(long, value_name = "DIR", default_value = "var")]
    data_dir: PathBuf,
}

/// What came of looking at one dependency.
enum Finding {
    Good(String),
    /// Not there yet, and nothing has to be done by hand.
    Later(String),
    /// What is wrong, and the repair.
    Bad(String, String),
}

impl Doctor {
    /// Runs the command: 0 where everything is there, 1 where something needs a repair.
    pub fn run(self, common: &Common) -> ExitCode {
        let settings = match Settings::load(common.config.as_deref(), &self.data_dir) {
            Ok(settings) => settings,
            Err(error) => return unusable(error),
        };
        let prepared = runtime().and_then(|runtime| Ok((runtime, std::env::current_exe()?)));
        let (runtime, executable) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return unusable(error),
        };
        let findings = runtime.block_on(examine(&settings, &executable));
        // Workers that hang must not keep the command.
        runtime.shutdown_background();
        let text: String = findings.iter().map(|(name, finding)| line(name, finding, common.language)).collect();
        if let Err(error) = printing::print(&text) {
            return unusable(error);
        }
        let bad = findings.iter().any(|(_, finding)| matches!(finding, Finding::Bad(..)));
        if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

async fn examine(settings: &Settings, executable: &Path) -> Vec<(String, Finding)> {
    let mut findings = vec![
        ("data directory".to_owned(), directory(&settings.data_dir)),
        ("secrets directory".to_owned(), directory(&settings.secrets_dir)),
        ("disk space".to_owned(), disk(&settings.data_dir)),
        ("typefaces".to_owned(), typefaces(&settings.fonts_dir)),
        ("address".to_owned(), address(settings)),
        ("proxy".to_owned(), proxy(settings)),
        ("PKCS#11 module".to_owned(), module(settings)),
    ];
    findings.extend(own_tls(settings));
    findings.extend(messages(settings));
    findings.extend(mail(settings).await);
    findings.extend(tokens(settings, executable).await);
    findings.extend(database(settings).await);
    let readers = ReaderPool::new(settings.readers.clone(), executable.to_owned());
    findings.push(("reader workers".to_owned(), reader(&readers).await));
    findings
}

fn line(name: &str, finding: &Finding, language: Language) -> String {
    let repair_word = if language == Language::Vi { "cách sửa" } else { "repair" };
    match finding {
        Finding::Good(detail) => format!("✓ {name}: {detail}\n"),
        Finding::Later(detail) => format!("– {name}: {detail}\n"),
        Finding::Bad(detail, repair) => format!("✕ {name}: {detail}; {repair_word}: {repair}\n"),
    }
}

fn directory(path: &Path) -> Finding {
    let shown = path.display();
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Finding::Later(format!("{shown} does not exist; the first `chuky serve` makes it"))
        }
        Err(error) => Finding::Bad(format!("{shown}: {error}"), format!("give this user access to {shown}")),
        Ok(found) if !found.is_dir() => {
            Finding::Bad(format!("{shown} is not a directory"), format!("move {shown} away"))
        }
        Ok(found) if found.permissions().mode() & OTHERS != 0 => {
            Finding::Bad(format!("others can enter {shown}"), format!("chmod 700 {shown}"))
        }
        Ok(_) => Finding::Good(format!("{shown}, for its owner alone")),
    }
}

fn disk(data_dir: &Path) -> Finding {
    let place = data_dir.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    match rustix::fs::statvfs(place) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let said = format!("{} MiB free", free >> 20);
            let repair = || format!("make room on the file system of {}", place.display());
            if free < LEAST_DISK { Finding::Bad(said, repair()) } else { Finding::Good(said) }
        }
        Err(error) => Finding::Bad(error.to_string(), format!("check {}", place.display())),
    }
}

/// The typefaces must have the Vietnamese letters: version 1 of Liberation has not.
fn typefaces(directory: &Path) -> Finding {
    let repair = "apt-get install fonts-liberation2, or set fonts.directory".to_owned();
    for name in TYPEFACES {
        let path = directory.join(name);
        let face = fs::read(&path).map_err(|error| error.to_string());
        let face = face.and_then(|bytes| Typeface::parse(bytes).map_err(|error| error.to_string()));
        match face {
            Err(error) => return Finding::Bad(format!("{}: {error}", path.display()), repair),
            Ok(face) if LETTERS.chars().any(|letter| face.glyph(letter).is_none()) => {
                return Finding::Bad(format!("{} lacks Vietnamese letters", path.display()), repair);
            }
            Ok(_) => {}
        }
    }
    Finding::Good(format!("{} ({LETTERS})", directory.display()))
}

fn address(settings: &Settings) -> Finding {
    match TcpListener::bind(settings.listen) {
        Ok(_) => Finding::Good(format!("{} is free", settings.listen)),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Finding::Good(format!("{} is in use: by the service, if it runs", settings.listen))
        }
        Err(error) => Finding::Bad(format!("{}: {error}", settings.listen), "set server.listen".to_owned()),
    }
}

/// Callers behind a proxy that is not named share one address, and so one quota.
fn proxy(settings: &Settings) -> Finding {
    let behind_one = settings.public_url.starts_with("https://") && settings.tls.is_none();
    match settings.trusted_proxies.len() {
        0 if behind_one => Finding::Bad(
            "the public address is https, but no proxy is named: all callers share one quota".to_owned(),
            "set server.trusted_proxies".to_owned(),
        ),
        0 => Finding::Good("none, callers come directly".to_owned()),
        count => Finding::Good(format!("{count} named in server.trusted_proxies")),
    }
}

/// The certificate and key of TLS, where the service ends it itself.
fn own_tls(settings: &Settings) -> Option<(String, Finding)> {
    let tls = settings.tls.as_ref()?;
    let now = Clock::default().now();
    let host = settings.public_url.trim_start_matches("https://").split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(name, port)| if port.contains(']') { host } else { name });
    let finding = match tls::examine(tls, host.trim_matches(['[', ']']), now) {
        Ok(certificate) if certificate.not_after() <= now.plus_seconds(CERTIFICATE_WARNED) => Finding::Bad(
            format!("the certificate ends on {}", certificate.not_after().rfc3339()),
            format!("renew it and replace {}; a running service takes it up", tls.certificate.display()),
        ),
        Ok(certificate) => Finding::Good(format!("until {}", certificate.not_after().rfc3339())),
        Err(error) => Finding::Bad(
            format!("{error}; a running service goes on with what it had"),
            "see server.tls in docs/tls.md".to_owned(),
        ),
    };
    Some(("TLS".to_owned(), finding))
}

/// Where messages are handed over, if a gateway or a directory is named. The gateway is not called.
fn messages(settings: &Settings) -> Option<(String, Finding)> {
    if let Some(gateway) = &settings.gateway {
        let finding = match gateway.secret_file.as_ref().map(|file| (file, fs::read_to_string(file))) {
            Some((file, Err(error))) => Finding::Bad(
                format!("{}: {error}", file.display()),
                "put the gateway's secret there for this user to read, or set messages.gateway.secret_file".to_owned(),
            ),
            _ => Finding::Good(format!("messages are posted to {}", gateway.reach.hosts.join(", "))),
        };
        return Some(("message gateway".to_owned(), finding));
    }
    let finding = match outbox::readiness(settings.spool_dir.as_deref())? {
        Ok(()) => Finding::Good("messages can be handed over".to_owned()),
        Err(reason) => Finding::Bad(
            format!("messages cannot be handed over: {reason}"),
            "make the directory, give this user access and room, or set messages.spool_dir".to_owned(),
        ),
    };
    Some(("message spool".to_owned(), finding))
}

/// Whether the mail server lets this service in, where one is named. Nothing is sent.
async fn mail(settings: &Settings) -> Option<(String, Finding)> {
    let server = settings.mail.as_ref()?;
    let finding = match outbox::mail_standing(server).await {
        Ok(()) => Finding::Good(format!("{}:{} takes messages", server.host, server.port)),
        Err(why) => Finding::Bad(
            format!("{}:{}: {why}", server.host, server.port),
            "start the mail server, or put messages.mail right (docs/operators.md, Messages)".to_owned(),
        ),
    };
    Some(("mail server".to_owned(), finding))
}

fn module(settings: &Settings) -> Finding {
    match chuky_hsm::find_module(settings.hsm.module.as_deref()) {
        Ok(path) => Finding::Good(path.display().to_string()),
        Err(error) => Finding::Bad(error.to_string(), "apt-get install softhsm2, or set hsm.module".to_owned()),
    }
}

async fn tokens(settings: &Settings, executable: &Path) -> Vec<(String, Finding)> {
    if !settings.secrets_dir.exists() {
        let later = Finding::Later("not prepared; the first `chuky serve` does it".to_owned());
        return vec![("tokens".to_owned(), later)];
    }
    let repair = || {
        format!(
            "check the token and its PIN in {}; where custodians hold it, run `chuky ceremony unlock`",
            settings.pins_dir.display()
        )
    };
    let started = match Tokens::start(settings, executable) {
        Ok(started) => started,
        Err(error) => return vec![("tokens".to_owned(), Finding::Bad(error.to_string(), repair()))],
    };
    let mut findings = Vec::new();
    for (name, token) in started.named() {
        let finding = match token.probe().await {
            Ok(probe) => Finding::Good(format!("serial {}", probe.token_serial)),
            Err(error) => Finding::Bad(error.to_string(), repair()),
        };
        findings.push((format!("token {name}"), finding));
        findings.extend(of_role(name, &**token).await);
    }
    findings
}

/// Each token of a role that has several: which one serves, and whether the others could.
async fn of_role(name: &str, token: &dyn Hsm) -> Vec<(String, Finding)> {
    let mut health = token.health();
    for _ in 0..LOOKS_AT_A_START {
        if health.tokens.iter().all(|token| token.standing != Standing::Starting) {
            break;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
        health = token.health();
    }
    if health.tokens.len() < 2 {
        return Vec::new();
    }
    let line = |(number, found): (usize, TokenHealth)| {
        let serial = found.serial.unwrap_or_else(|| "unknown".to_owned());
        let said = format!("{} (serial {serial}) is {}", found.label, found.standing.name().replace('_', " "));
        let finding = match (found.standing, found.reason) {
            (Standing::Serving | Standing::StandingBy, None) => Finding::Good(said),
            (Standing::Different, reason) => Finding::Bad(
                format!("{said}: {}", reason.unwrap_or_default()),
                "copy the keys of a token that is well to it anew, or take it out of hsm.tokens".to_owned(),
            ),
            (Standing::Serving | Standing::StandingBy, Some(reason)) => {
                Finding::Bad(format!("{said}; {reason}"), "copy the keys of a token that is well to it anew".to_owned())
            }
            (Standing::Out | Standing::Starting, reason) => Finding::Bad(
                format!("{said}: {}", reason.unwrap_or_default()),
                "repair or replace it (docs/hsm.md); the service takes it back by itself".to_owned(),
            ),
        };
        (format!("token {name} {number}"), finding)
    };
    (1..).zip(health.tokens).map(line).collect()
}

async fn database(settings: &Settings) -> Vec<(String, Finding)> {
    let name = "database".to_owned();
    if let Some(path) = settings.database_url.strip_prefix("sqlite://")
        && !Path::new(path).exists()
    {
        return vec![(name, Finding::Later("not made yet; the first `chuky serve` makes it".to_owned()))];
    }
    let (store, tables) = match Store::open_as_it_is(&settings.database_url).await {
        Ok(opened) => opened,
        Err(error) => {
            let repair = match &error {
                store::Error::Unavailable(_) => "start the database, or set database.url",
                store::Error::Url => "set database.url",
                _ => "see the database's own log; what is broken comes back from a backup (docs/recovery.md)",
            };
            return vec![(name, Finding::Bad(said(&error), repair.to_owned()))];
        }
    };
    let standing = standing(&tables);
    if !tables.are_usable() {
        store.close().await;
        return vec![(name, standing)];
    }
    let mut findings = vec![(name, standing)];
    match restoration::needed(&store, &remembered_head(settings)).await {
        Ok(None) => {}
        Ok(Some(needed)) => {
            let said = restoration::refusal(&needed).detail.en;
            findings.push(("restored data".to_owned(), Finding::Bad(said, "run `chuky reconcile`".to_owned())));
        }
        Err(error) => {
            findings.push(("restored data".to_owned(), Finding::Bad(error.to_string(), "see the log".to_owned())));
        }
    }
    findings.extend(authority::authority(&store).await.unwrap_or_else(|error| {
        vec![("authority".to_owned(), Finding::Bad(error.to_string(), "see the service's log".to_owned()))]
    }));
    store.close().await;
    findings
}

/// What is to be done about tables as they are: they are not touched here.
fn standing(tables: &Tables) -> Finding {
    let answers = format!("answers; {tables}");
    match tables {
        Tables::Same | Tables::Newer(_) => Finding::Good(answers),
        Tables::Absent => Finding::Later(format!("{answers}; the first `chuky serve` makes them")),
        Tables::Older(_) => Finding::Later(format!(
            "{answers}; make a backup, then start the new version, which runs them (docs/upgrade.md)"
        )),
        Tables::TooNew(_) => Finding::Bad(answers, "use the version that made them (docs/upgrade.md)".to_owned()),
        Tables::Different(_) => Finding::Bad(
            answers,
            "use the program that made them, or set database.url to the right database (docs/upgrade.md)".to_owned(),
        ),
    }
}

/// An error of the database with what the database said.
fn said(error: &store::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Starts a reader and has it try its own sandbox.
async fn reader(readers: &ReaderPool) -> Finding {
    let repair = || "use Linux 5.13 or later with seccomp, or see `readers` in the settings".to_owned();
    let confinement = match readers.run(Task::Hello, None).await {
        Ok(TaskOutput::Hello(confinement)) => confinement,
        Ok(_) => return Finding::Bad("the reader answered another question".to_owned(), repair()),
        Err(error) => return Finding::Bad(error.to_string(), repair()),
    };
    match readers.run(Task::Probe(Probe::Escape), None).await {
        Ok(TaskOutput::Possible(possible)) if possible.is_empty() => {
            let landlock = if confinement.landlock { "seccomp and Landlock" } else { "seccomp; no Landlock here" };
            Finding::Good(format!("confined by {landlock}: no files, no network, no programs"))
        }
        Ok(TaskOutput::Possible(possible)) => Finding::Bad(format!("a reader can {}", possible.join(", ")), repair()),
        Ok(_) => Finding::Bad("the reader answered another question".to_owned(), repair()),
        Err(error) => Finding::Bad(error.to_string(), repair()),
    }
}

/// Seconds in which to renew a TLS certificate.
const CERTIFICATE_WARNED: i64 = 14 * 86_400;
/// Permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;
/// Bytes: room for a day of a busy booth, and for an upload.
const LEAST_DISK: u64 = 1 << 30;
/// How often a token that starts is looked at.
const LOOKS_AT_A_START: usize = 300;
const BETWEEN_LOOKS: std::time::Duration = std::time::Duration::from_millis(100);
const TYPEFACES: [&str; 2] = ["LiberationSerif-Regular.ttf", "LiberationSans-Regular.ttf"];
/// Letters that only a typeface with Vietnamese has.
const LETTERS: &str = "ĐƯỞẫ";
