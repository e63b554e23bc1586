//! The first start on an empty directory: tokens, keys, hierarchies and demonstration accounts, each step only where it is
//! missing, so that a start that was killed midway is simply started again.

use crate::{
    accounts::{self, NewAccount, Password},
    app::App,
    audit::Actor,
    clock::Clock,
    config::{SecondFactorRule, Settings},
    error::{InternalError, Result},
    issuance::ceremony,
    softhsm, tokens,
};
use chuky_model::{instant::Instant, record::Cursor, role::Role};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// A demonstration account with its password, as the file outside the data directory keeps it.
#[derive(Clone, Serialize, Deserialize)]
pub struct DemoAccount {
    pub login: String,
    pub password: Zeroizing<String>,
    pub roles: Vec<Role>,
    pub display_name: String,
}

impl DemoAccount {
    /// A line for the terminal of whoever started the demonstration.
    pub fn shown(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("  {:<10} {}  {}\n", self.login, *self.password, self.display_name))
    }
}

/// Opens the service over a directory that may be empty: prepares what is missing, then opens.
pub async fn open(settings: Settings, clock: Clock, executable: &Path) -> Result<App> {
    softhsm::mend(&settings.data_dir).await?;
    tokens::prepare(&settings, executable).await?;
    softhsm::mend(&settings.data_dir).await?;
    App::open(settings, clock, executable.to_owned()).await
}

/// Has the messages of a demonstration written into its data directory, where its settings name no other place: whoever tries it reads
/// there what a subscriber's telephone would show.
pub fn message_sink(settings: &mut Settings) -> Option<PathBuf> {
    if settings.spool_dir.is_none() {
        settings.spool_dir = Some(settings.data_dir.join("messages"));
        return settings.spool_dir.clone();
    }
    None
}

/// Lets the staff of a demonstration log in by password alone, where its settings do not say otherwise.
pub fn relax_second_factor(settings: &mut Settings) {
    settings.accounts.second_factor.get_or_insert(SecondFactorRule::WhereEnrolled);
}

/// Holds the TEST ceremony where none was held yet.
pub async fn demo_authority(app: &App) -> Result<()> {
    if !ceremony::was_held(app).await? {
        ceremony::hold(app, ceremony::TEST).await?;
    }
    Ok(())
}

/// Makes the demonstration accounts where the database has no account yet, and returns them as the file keeps them. Passwords
/// are written before the accounts are made, so that no account exists whose password is lost.
pub async fn demo_accounts(app: &App) -> Result<Vec<DemoAccount>> {
    let file = app.settings.secrets_dir.join("demo-accounts.json");
    let accounts = match fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| InternalError::other(error.to_string()))?,
        Err(_) => {
            let fresh = fresh_accounts();
            let text = serde_json::to_vec_pretty(&fresh).map_err(|error| InternalError::other(error.to_string()))?;
            tokens::write_secret(&file, &text)?;
            fresh
        }
    };
    for account in &accounts {
        let person = demo_person(&account.login).map(|number| app.vault.lookup("person", number));
        let there = app.store.account_by_login(&account.login).await?;
        if let (Some(there), Some(person)) = (&there, person) {
            accounts::name_person(app, Actor::Service, there.id, person).await?;
        }
        if there.is_none() {
            let new = NewAccount {
                login: account.login.clone(),
                password: Password::choose(&account.password)?,
                roles: account.roles.clone(),
                display_name: account.display_name.clone(),
                unit: DEMO_UNIT.to_owned(),
                person_lookup: person,
            };
            accounts::create_account(app, Actor::Service, new).await?;
        }
    }
    Ok(accounts)
}

/// Whether nobody has an account yet.
pub async fn is_empty(app: &App) -> Result<bool> {
    let from_the_start = Cursor { at: Instant(0), id: uuid::Uuid::nil() };
    Ok(app.store.list_accounts(from_the_start, 1).await?.is_empty())
}

fn fresh_accounts() -> Vec<DemoAccount> {
    DEMO_ACCOUNTS
        .iter()
        .map(|(login, display_name, roles)| DemoAccount {
            login: (*login).to_owned(),
            password: random_password(),
            roles: roles.to_vec(),
            display_name: (*display_name).to_owned(),
        })
        .collect()
}

/// Four groups of four letters and digits without look-alikes: about 78 bits, easy to type from a screen.
fn random_password() -> Zeroizing<String> {
    const ALPHABET: &[u8; 31] = b"23456789abcdefghjkmnpqrstuvwxyz";
    let mut rng = rand::rng();
    let mut group = || (0..4).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect::<String>();
    Zeroizing::new([group(), group(), group(), group()].join("-"))
}

/// H26: the People's Committee of Hanoi (Decision 20/2020/QĐ-TTg).
const DEMO_UNIT: &str = "H26";

/// Whose a demonstration account is: invented numbers, so that four eyes are those of two people here, too. A payment provider is nobody.
fn demo_person(login: &str) -> Option<&'static str> {
    let persons = [
        ("quantri", "079075990001"),
        ("gianhang", "079195990002"),
        ("dangky", "079088990003"),
        ("duyet", "079170990004"),
        ("kiemtoan", "079082990005"),
    ];
    persons.into_iter().find(|(known, _)| *known == login).map(|(_, number)| number)
}

const DEMO_ACCOUNTS: &[(&str, &str, &[Role])] = &[
    ("quantri", "Quản trị (TEST)", &[Role::Administrator, Role::SecurityOfficer]),
    ("gianhang", "Nhân viên gian hàng (TEST)", &[Role::Operator]),
    ("dangky", "Cán bộ đăng ký (TEST)", &[Role::Registrar]),
    ("duyet", "Cán bộ phê duyệt (TEST)", &[Role::Approver]),
    ("kiemtoan", "Kiểm toán (TEST)", &[Role::Auditor]),
    ("thanhtoan", "Tổ chức thanh toán (TEST)", &[Role::PaymentProvider]),
];
