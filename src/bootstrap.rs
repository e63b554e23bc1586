//! The first start on an empty directory: tokens, keys, hierarchies and demonstration accounts, each step only where it is
//! missing, so that a start that was killed midway is simply started again.

use crate::{
    accounts::{self, NewAccount, Password},
    app::App,
    audit::Actor,
    clock::Clock,
    config::{SecondFactorRule, Settings},
    error::{InternalError, RequestError, Result},
    issuance::ceremony,
    softhsm, tokens,
};
use chuky_model::{
    record::{Cursor, state::MessageChannel},
    role::Role,
};
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

/// Has the messages of a demonstration written into its data directory, where its settings name no other place, and shown on a page: whoever
/// tries it reads there what a subscriber's telephone would show.
pub fn message_sink(settings: &mut Settings) -> Option<PathBuf> {
    settings.shows_messages = true;
    if !settings.sends(MessageChannel::Sms) {
        settings.spool_dir = Some(settings.data_dir.join("messages"));
        return settings.spool_dir.clone();
    }
    None
}

/// Lets the staff of a demonstration log in by password alone, where its settings do not say otherwise.
pub fn relax_second_factor(settings: &mut Settings) {
    settings.accounts.second_factor.get_or_insert(SecondFactorRule::WhereEnrolled);
}

/// Refuses a demonstration over what is none: an authority without TEST in its names, or accounts that are not the demonstration's where one
/// of its own is missing. A service that is meant to be relied on would get an administrator and an approver whose passwords lie in a file.
pub async fn check_demo(app: &App) -> Result<()> {
    if !ceremony::is_test(app).await? {
        return Err(
            no_demo("Hệ chứng thư không mang chữ TEST", "The authority's names do not carry the word TEST").into()
        );
    }
    let known = kept_accounts(app)?.unwrap_or_else(fresh_accounts);
    let mut missing = false;
    for account in &known {
        missing |= app.store.account_by_login(&account.login).await?.is_none();
    }
    // One more than the demonstration has: among so many is another's, if there is one.
    let most = i64::try_from(known.len()).unwrap_or(i64::MAX).saturating_add(1);
    let there = app.store.list_accounts(Cursor::OLDEST, most).await?;
    if missing && there.iter().any(|account| !known.iter().any(|known| known.login == account.login)) {
        return Err(no_demo("Cơ sở dữ liệu đã có tài khoản khác", "The database has other accounts").into());
    }
    // Accounts of the same names, made by somebody else, are not the demonstration's.
    if kept_accounts(app)?.is_none() && !there.is_empty() {
        return Err(no_demo("Cơ sở dữ liệu đã có tài khoản", "The database has accounts").into());
    }
    Ok(())
}

fn no_demo(vi: &str, en: &str) -> RequestError {
    RequestError::conflict(
        "no_demonstration",
        format!("{vi}, nên không tạo tài khoản mẫu. Hãy chạy chuky serve --no-demo."),
        format!("{en}, so no demonstration accounts are made. Start with chuky serve --no-demo."),
    )
}

/// The demonstration accounts that an earlier start made, as their file keeps them.
fn kept_accounts(app: &App) -> Result<Option<Vec<DemoAccount>>> {
    match fs::read(accounts_file(app)) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text).map_err(|error| InternalError::other(error.to_string()))?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(InternalError::io(accounts_file(app).display().to_string())(error).into()),
    }
}

fn accounts_file(app: &App) -> PathBuf {
    app.settings.secrets_dir.join("demo-accounts.json")
}

/// Holds the TEST ceremony where none was held yet.
pub async fn demo_authority(app: &App) -> Result<()> {
    check_demo(app).await?;
    if !ceremony::was_held(app).await? {
        ceremony::hold(app, ceremony::TEST).await?;
    }
    Ok(())
}

/// Makes the demonstration accounts that are missing, where [`check_demo`] finds nothing against it, and returns them as the file keeps
/// them. Passwords are written before the accounts are made, so that no account exists whose password is lost.
pub async fn demo_accounts(app: &App) -> Result<Vec<DemoAccount>> {
    check_demo(app).await?;
    let accounts = match kept_accounts(app)? {
        Some(accounts) => accounts,
        None => {
            let fresh = fresh_accounts();
            let text = serde_json::to_vec_pretty(&fresh).map_err(|error| InternalError::other(error.to_string()))?;
            tokens::write_secret(&accounts_file(app), &text)?;
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
