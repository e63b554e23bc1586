//! `chuky staff`: the founding on the machine; accounts of staff, orders about them with a second pair of eyes, and invitations through the
//! service. Codes are printed once, to whoever hands them over; a personal number comes from a file and is never an argument.

use super::{
    Common,
    client::{Client, ClientError, Session},
    printing, runtime, unusable,
};
use crate::{
    bootstrap,
    clock::Clock,
    config::Settings,
    error::{Error, InternalError, Result},
    http::pages::texts,
    staff::{self, Founding, Sheet},
};
use chuky_model::{role::Role, text::Language};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::{fmt::Write, fs, path::PathBuf, process::ExitCode};
use zeroize::Zeroizing;

/// Tài khoản nhân viên / Accounts of staff
///
/// `found` works on the machine itself; everything else as whoever logged in with `chuky login`. Exit codes: 0 done, 1 refused, 2 wrong usage.
#[derive(Debug, Args)]
pub struct Staff {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lập hệ thống / The first accounts of an installation, once
    Found {
        /// TOML with [[staff]]: login, full_name, personal_number, phone, unit, roles
        #[arg(value_name = "FILE", required_unless_present = "renew")]
        file: Option<PathBuf>,
        /// Directory of the service's data
        #[arg(long, value_name = "DIR", default_value = "var")]
        data_dir: PathBuf,
        /// Say what would be made, and make nothing
        #[arg(long, conflicts_with = "renew")]
        dry_run: bool,
        /// New invitations while no two people can enter and approve orders: for founders who lost theirs, or to recover accounts
        #[arg(long, conflicts_with = "file")]
        renew: bool,
        /// Only for the account of this log-in name; several times for several
        #[arg(long = "account", value_name = "LOGIN", requires = "renew")]
        accounts: Vec<String>,
    },
    /// Accounts with roles, unit, state and last log-in
    List,
    /// Orders, newest first
    Orders,
    /// One order, with exactly what it would change
    Show { id: String },
    /// Enter an order; another person approves it
    Order {
        #[command(subcommand)]
        what: Order,
    },
    /// Approve exactly what is shown; without --yes it is only shown
    Approve {
        id: String,
        #[arg(long)]
        yes: bool,
    },
    /// Refuse an order: nothing changes
    Refuse {
        id: String,
        /// Why, for whoever entered it
        #[arg(long)]
        reason: String,
    },
    /// Take back one's own open order
    Withdraw { id: String },
    /// Make the invitation of an approved order, to be handed over; printed once
    Invite { id: String },
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Open an account: TOML with login, full_name, personal_number, phone, unit, roles
    Open {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Further roles for an account
    Grant {
        login: String,
        #[arg(required = true)]
        roles: Vec<String>,
    },
    /// Move an account to another unit
    Move { login: String, unit: String },
    /// Have password and second factor set anew
    Recover {
        login: String,
        /// Another telephone number than the one that is kept
        #[arg(long, default_value = "")]
        phone: String,
    },
    /// Let a disabled account act again
    Enable { login: String },
    /// Have a subscriber erased whose certificates have ended
    Erase { login: String },
}

impl Staff {
    /// Runs the command.
    pub fn run(self, common: &Common) -> ExitCode {
        if let What::Found { file, data_dir, dry_run, renew: _, accounts } = self.what {
            let founding = Here { file, data_dir, dry_run, accounts, language: common.language };
            return founding.run(common);
        }
        let Some(session) = Session::load() else {
            return unusable(match common.language {
                Language::Vi => "hãy đăng nhập trước: chuky login TÊN",
                Language::En => "log in first: chuky login NAME",
            });
        };
        let client = Client::of_session(&session, common.language);
        match client.and_then(|client| self.what.done(&client, common.language)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(ClientError::Refused(why)) => {
                eprintln!("chuky staff: {why}");
                ExitCode::FAILURE
            }
            Err(error) => unusable(error),
        }
    }
}

impl What {
    fn done(&self, client: &Client, language: Language) -> Result<(), ClientError> {
        let act = |id: &str, what: &str, body: &Value| client.post(&format!("{ORDERS}/{id}/{what}"), body);
        match self {
            Self::Found { .. } => {}
            Self::List => pages(client, "/api/v1/staff", "after", "staff", account)?,
            Self::Orders => pages(client, ORDERS, "before", "orders", order)?,
            Self::Show { id } => shown(&client.get(&format!("{ORDERS}/{id}"))?),
            Self::Order { what } => shown(&client.post(ORDERS, &what.wanted()?)?),
            Self::Approve { id, yes } => {
                let found = client.get(&format!("{ORDERS}/{id}"))?;
                shown(&found);
                if *yes {
                    order(&act(id, "approve", &json!({ "content_digest": found["content_digest"] }))?);
                }
            }
            Self::Refuse { id, reason } => order(&act(id, "refuse", &json!({ "reason": reason }))?),
            Self::Withdraw { id } => order(&act(id, "withdraw", &json!({}))?),
            Self::Invite { id } => {
                let made = act(id, "invitation", &json!({}))?;
                let sheet = Printed {
                    login: text(&made, "login"),
                    name: text(&made, "name"),
                    rows: Vec::new(),
                    code: Zeroizing::new(text(&made, "invitation_code")),
                    address: text(&made, "address"),
                    until: texts::screen_time(&text(&made, "expires_at")),
                    sent_to: made["second_secret_sent_to"].as_str().map(str::to_owned),
                };
                print(&sheet.text(language))?;
            }
        }
        Ok(())
    }
}

impl Order {
    /// The order as the service takes it.
    fn wanted(&self) -> Result<Value, ClientError> {
        Ok(match self {
            Self::Open { file } => {
                let what = file.display().to_string();
                let text = fs::read_to_string(file).map_err(|source| ClientError::Io { what: what.clone(), source })?;
                let mut person: Value = toml::from_str(&Zeroizing::new(text)).map_err(|_| {
                    // The error's own text would quote a personal number.
                    ClientError::Io { what, source: std::io::ErrorKind::InvalidData.into() }
                })?;
                person["kind"] = json!("open");
                person
            }
            Self::Grant { login, roles } => json!({ "kind": "grant", "account": login, "roles": roles }),
            Self::Move { login, unit } => json!({ "kind": "move", "account": login, "unit": unit }),
            Self::Recover { login, phone } => json!({ "kind": "recover", "account": login, "phone": phone }),
            Self::Enable { login } => json!({ "kind": "enable", "account": login }),
            Self::Erase { login } => json!({ "kind": "erase", "account": login }),
        })
    }
}

/// A founding, on the machine that holds the tokens.
struct Here {
    /// `None` where invitations of an earlier one are made anew.
    file: Option<PathBuf>,
    data_dir: PathBuf,
    dry_run: bool,
    /// Whose invitations are made anew; empty for everybody's.
    accounts: Vec<String>,
    language: Language,
}

impl Here {
    fn run(&self, common: &Common) -> ExitCode {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return unusable(error),
        };
        let vietnamese = self.language == Language::Vi;
        match runtime.block_on(self.act(common)) {
            Ok(_) if self.dry_run => {
                println!("{}", if vietnamese { "Chạy thử: chưa tạo gì." } else { "Dry run: nothing was made." })
            }
            Ok(count) if vietnamese => println!("Xong: {count} lời mời có hiệu lực."),
            Ok(count) => println!("Done: {count} invitations are in force."),
            Err(Error::Request(error)) => {
                eprintln!("chuky staff: {}", error.detail.in_language(self.language));
                return ExitCode::FAILURE;
            }
            Err(Error::Internal(error)) => return unusable(error),
        }
        ExitCode::SUCCESS
    }

    async fn act(&self, common: &Common) -> Result<usize> {
        let settings = Settings::load(common.config.as_deref(), &self.data_dir);
        let settings = settings.map_err(|error| InternalError::other(error.to_string()))?;
        let founding = match &self.file {
            Some(file) => {
                let text = fs::read_to_string(file).map_err(InternalError::io(file.display().to_string()))?;
                Some(Founding::parse(&Zeroizing::new(text))?)
            }
            None => None,
        };
        let executable = std::env::current_exe().map_err(InternalError::io("the program's own path"))?;
        let address = format!("{}/welcome", settings.public_url);
        let app = bootstrap::open(settings, Clock::default(), &executable).await?;
        let show = |sheets: &[Sheet]| self.show(sheets, &address);
        match founding {
            Some(founding) if self.dry_run => {
                let sheets = staff::planned(&app, founding).await?;
                show(&sheets)?;
                Ok(sheets.len())
            }
            Some(founding) => staff::found(&app, founding, show).await,
            None => staff::renew(&app, &self.accounts, show).await,
        }
    }

    /// Prints the sheets, each for one person.
    fn show(&self, sheets: &[Sheet], address: &str) -> Result<()> {
        let mut text = Zeroizing::new(String::new());
        for sheet in sheets {
            let roles: Vec<String> = sheet.roles.iter().map(|role| role_in_words(*role, self.language)).collect();
            let (role, unit, phone) = match self.language {
                Language::Vi => ("Vai trò", "Đơn vị", "Điện thoại"),
                Language::En => ("Roles", "Unit", "Telephone"),
            };
            let rows = [(role, roles.join(", ")), (unit, sheet.unit.clone()), (phone, sheet.phone.clone())];
            let printed = Printed {
                login: sheet.login.clone(),
                name: sheet.name.clone(),
                rows: rows.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
                code: Zeroizing::new(sheet.code.as_ref().map(|code| code.grouped()).unwrap_or_default()),
                address: address.to_owned(),
                until: sheet.expires_at.vietnamese(),
                sent_to: sheet.sent_to.clone(),
            };
            text.push_str(&printed.text(self.language));
        }
        printing::print(&text).map_err(InternalError::io("standard output"))?;
        Ok(())
    }
}

/// What is handed to one person.
struct Printed {
    login: String,
    name: String,
    rows: Vec<(&'static str, String)>,
    /// Empty of what is only planned.
    code: Zeroizing<String>,
    address: String,
    until: String,
    sent_to: Option<String>,
}

impl Printed {
    fn text(&self, language: Language) -> Zeroizing<String> {
        let vietnamese = language == Language::Vi;
        let say = |vi: &'static str, en: &'static str| if vietnamese { vi } else { en };
        let mut text = Zeroizing::new(String::new());
        let mut row = |label: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {label}: {value}");
        };
        row(say("Họ tên", "Name"), &self.name);
        for (label, value) in &self.rows {
            row(label, value);
        }
        row(say("Tên đăng nhập", "Log-in name"), &self.login);
        if !self.code.is_empty() {
            row(say("Mã mời", "Invitation code"), &self.code);
            row(say("Nhập tại", "To be entered at"), &self.address);
            row(say("Hết hạn", "Ends"), &self.until);
        }
        if let Some(phone) = &self.sent_to {
            row(say("Mã xác nhận 8 số gửi đến", "A code of 8 digits goes to"), phone);
        }
        let title = say(
            "── Lời mời nhận tài khoản: trao tận tay, chỉ hiện một lần ──",
            "── Invitation to an account: hand it over in person, it is shown once ──",
        );
        text.insert(0, '\n');
        text.insert_str(0, title);
        text.push('\n');
        text
    }
}

/// Prints every page of a list.
fn pages(client: &Client, path: &str, cursor: &str, list: &str, line: impl Fn(&Value)) -> Result<(), ClientError> {
    let mut query = String::new();
    loop {
        let answer = client.get(&format!("{path}{query}"))?;
        answer[list].as_array().into_iter().flatten().for_each(&line);
        match answer["next"].as_str() {
            Some(next) => query = format!("?{cursor}={next}"),
            None => return Ok(()),
        }
    }
}

fn account(one: &Value) {
    println!(
        "{} {} [{}] {} {} {} {}",
        text(one, "login"),
        text(one, "state"),
        names(&one["roles"]),
        text(one, "unit"),
        if one["second_factor"] == true { "2fa" } else { "-" },
        text(one, "last_log_in"),
        text(one, "name")
    );
}

fn order(one: &Value) {
    println!(
        "{} {} {} {} {} {}",
        text(one, "id"),
        text(one, "kind"),
        text(one, "state"),
        text(one, "login"),
        text(one, "entered_by"),
        text(one, "entered_at")
    );
}

/// An order with everything that it would change.
fn shown(one: &Value) {
    order(one);
    // Whoever may decide sees the numbers in full.
    let whole = |name: &str| one["identity"][name].as_str().or_else(|| one[name].as_str());
    for name in [
        "name",
        "personal_number",
        "phone_before",
        "phone",
        "unit_before",
        "unit",
        "unit_name",
        "expires_at",
        "decided_by",
        "decided_at",
        "refusal_reason",
    ] {
        if let Some(value) = whole(name).filter(|value| !value.is_empty()) {
            println!("  {name}: {value}");
        }
    }
    if one["phone_before"].is_string() {
        println!("  phone_changes: {}", one["phone_changes"]);
    }
    println!("  roles: [{}] → [{}]", names(&one["roles_before"]), names(&one["roles"]));
}

fn names(list: &Value) -> String {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn role_in_words(role: Role, language: Language) -> String {
    let key = format!("role-{}", role.name().replace('_', "-"));
    texts::text(language, &key, &[]).unwrap_or_else(|| role.name().to_owned())
}

fn print(text: &str) -> Result<(), ClientError> {
    printing::print(text).map_err(|source| ClientError::Io { what: "standard output".to_owned(), source })
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or("-").to_owned()
}

const ORDERS: &str = "/api/v1/staff/orders";
