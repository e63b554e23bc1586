//! What an order says: as it was asked for, and checked. Whatever a form, a program or a file brings is parsed here once; the checked form is
//! what is stored encrypted, shown and approved.

use crate::{
    accounts,
    app::App,
    config::SecondSecretRule,
    error::{InternalError, RequestError, Result},
};
use chuky_model::{
    card::{CardError, name_problem, number_of},
    id::StaffOrderId,
    person::PersonalNumber,
    record::state::StaffOrderKind,
    role::Role,
    text::turns_direction,
};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// What somebody asks for. Accounts are named by their log-in.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Wanted {
    Open(Person),
    Grant {
        account: String,
        #[schema(value_type = Vec<String>)]
        roles: Vec<Role>,
    },
    Move {
        account: String,
        unit: String,
    },
    Recover {
        account: String,
        /// Another number for the second secret than the one that is kept.
        #[serde(default)]
        phone: String,
    },
    Enable {
        account: String,
    },
    /// A subscriber, whose certificates have ended, is erased.
    Erase {
        account: String,
    },
}

/// A person who is to have a staff account, as somebody wrote it down.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub login: String,
    pub full_name: String,
    /// Twelve digits.
    pub personal_number: String,
    #[serde(default)]
    pub phone: String,
    /// The code of a unit; of operators, registrars, approvers and clerks.
    #[serde(default)]
    pub unit: String,
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
}

/// What becomes of an account, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    Open(Opening),
    Grant {
        roles: Vec<Role>,
    },
    Move {
        unit: String,
    },
    /// `phone` is empty where the number that is kept stays.
    Recover {
        phone: String,
    },
    Enable {},
    Erase {},
}

/// An account that is to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    pub login: String,
    pub full_name: String,
    pub personal_number: PersonalNumber,
    /// Where the second secret goes; may be empty.
    pub phone: String,
    pub unit: String,
    pub roles: Vec<Role>,
}

impl Change {
    /// Its kind, as the order's row names it.
    pub fn kind(&self) -> StaffOrderKind {
        match self {
            Self::Open(_) => StaffOrderKind::Open,
            Self::Grant { .. } => StaffOrderKind::Grant,
            Self::Move { .. } => StaffOrderKind::Move,
            Self::Recover { .. } => StaffOrderKind::Recover,
            Self::Enable {} => StaffOrderKind::Enable,
            Self::Erase {} => StaffOrderKind::Erase,
        }
    }

    pub(super) fn seal(&self, app: &App, id: StaffOrderId) -> Result<Vec<u8>> {
        app.vault.seal(CONTENT, &id.to_string(), self.text()?.as_bytes())
    }

    pub(super) fn open(app: &App, id: StaffOrderId, sealed: &[u8]) -> Result<Self> {
        let plain = app.vault.open(CONTENT, &id.to_string(), sealed)?;
        Ok(serde_json::from_slice(&plain).map_err(|error| InternalError::other(error.to_string()))?)
    }

    pub(super) fn text(&self) -> Result<Zeroizing<String>> {
        let text = serde_json::to_string(self).map_err(|error| InternalError::other(error.to_string()))?;
        Ok(Zeroizing::new(text))
    }
}

impl Wanted {
    /// The log-in of the account that it is about; `None` of one that is to be opened.
    pub fn account(&self) -> Option<String> {
        match self {
            Self::Open(_) => None,
            Self::Grant { account, .. }
            | Self::Move { account, .. }
            | Self::Recover { account, .. }
            | Self::Enable { account }
            | Self::Erase { account } => Some(account.trim().to_lowercase()),
        }
    }

    /// The change that is asked for, each value by its rule.
    pub fn checked(self, app: &App) -> Result<Change> {
        Ok(match self {
            Self::Open(person) => Change::Open(person.checked(app)?),
            Self::Grant { roles, .. } => Change::Grant { roles: ordered(roles)? },
            Self::Move { unit, .. } => Change::Move { unit: checked_unit(&unit)? },
            Self::Recover { phone, .. } => Change::Recover { phone: checked_phone(&phone)? },
            Self::Enable { .. } => Change::Enable {},
            Self::Erase { .. } => Change::Erase {},
        })
    }
}

impl Person {
    /// The account to be opened, each value by its rule.
    pub fn checked(self, app: &App) -> Result<Opening> {
        let login = self.login.trim().to_lowercase();
        accounts::check_login(&login)?;
        let full_name: String = self.full_name.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
        if let Some(problem) = name_problem(&full_name) {
            return Err(of_card(problem).into());
        }
        if full_name.chars().any(turns_direction) {
            return Err(of_card(CardError::NameNotLetters).into());
        }
        let digits: Zeroizing<String> =
            Zeroizing::new(self.personal_number.chars().filter(|letter| !letter.is_whitespace()).collect());
        let personal_number = number_of(&digits).map_err(of_card)?;
        let phone = checked_phone(&self.phone)?;
        if phone.is_empty() && app.settings.registration.second_secret == SecondSecretRule::Required {
            return Err(phone_missing().into());
        }
        let unit = checked_unit(&self.unit)?;
        let roles = ordered(self.roles)?;
        check_unit_of(&roles, &unit)?;
        Ok(Opening { login, full_name, personal_number, phone, unit, roles })
    }
}

/// Roles that an order may give, each once, and none that excludes another.
fn ordered(mut roles: Vec<Role>) -> Result<Vec<Role>> {
    roles.sort();
    roles.dedup();
    if roles.is_empty() || !roles.iter().all(|role| role.is_ordered()) {
        let (vi, en) = (
            "Hãy chọn ít nhất một vai trò. Vai trò công dân và cán bộ đi cùng chứng thư, không cấp bằng lệnh.",
            "Choose at least one role. Those of citizens and officials come with a certificate, not by order.",
        );
        return Err(RequestError::invalid("roles", "roles_missing", vi, en).into());
    }
    check_together(&roles)?;
    Ok(roles)
}

/// Passes where no two of the roles exclude each other.
pub(super) fn check_together(roles: &[Role]) -> Result<()> {
    let Some((one, other)) = Role::contradiction(roles) else { return Ok(()) };
    let (one, other) = (one.name(), other.name());
    Err(RequestError::invalid(
        "roles",
        "roles_exclude",
        format!("Một người không thể giữ cả hai vai trò này ({one}, {other}). Hãy giao cho hai người."),
        format!("One person cannot hold both of these roles ({one}, {other}). Give them to two people."),
    )
    .into())
}

/// Passes where roles that see one unit's work have a unit.
pub(super) fn check_unit_of(roles: &[Role], unit: &str) -> Result<()> {
    let of_unit = |role: &Role| matches!(role, Role::Operator | Role::Registrar | Role::Approver | Role::Clerk);
    if !unit.is_empty() || !roles.iter().any(of_unit) {
        return Ok(());
    }
    let (vi, en) = (
        "Vai trò này làm việc trong một đơn vị. Hãy nhập mã đơn vị, ví dụ H26.",
        "This role works within a unit. Enter the unit's code, for example H26.",
    );
    Err(RequestError::invalid("unit", "unit_missing", vi, en).into())
}

fn checked_unit(unit: &str) -> Result<String> {
    let unit: String = unit.trim().nfc().collect();
    if unit.chars().count() > LONGEST_UNIT || unit.chars().any(|letter| letter.is_control() || turns_direction(letter))
    {
        let (vi, en) = ("Mã đơn vị có tối đa 64 ký tự.", "The code of a unit has at most 64 characters.");
        return Err(RequestError::invalid("unit", "unit_form", vi, en).into());
    }
    Ok(unit)
}

fn checked_phone(phone: &str) -> Result<String> {
    let phone: String =
        phone.chars().filter(|letter| !letter.is_whitespace() && !matches!(letter, '.' | '-')).collect();
    let digits = phone.strip_prefix('+').unwrap_or(&phone);
    let fits = (9..=14).contains(&digits.len()) && digits.bytes().all(|octet| octet.is_ascii_digit());
    if phone.is_empty() || fits {
        return Ok(phone);
    }
    let (vi, en) = (
        "Số điện thoại có 9 đến 14 chữ số, có thể có dấu + ở đầu.",
        "A telephone number has 9 to 14 digits, perhaps with + before them.",
    );
    Err(RequestError::invalid("phone", "phone_form", vi, en).into())
}

fn of_card(problem: CardError) -> RequestError {
    let said = problem.said();
    RequestError::invalid(problem.field().name(), "person_wrong", said.vi, said.en)
}

fn phone_missing() -> RequestError {
    let (vi, en) = (
        "Cần số điện thoại của người nhận tài khoản: mã xác nhận gửi đến số đó.",
        "The telephone number of the account's holder is needed: the second secret goes there.",
    );
    RequestError::invalid("phone", "contact_missing", vi, en)
}

/// A telephone number with its last three digits readable; empty where there is none.
pub(super) fn masked_phone(phone: &str) -> String {
    let last: String = phone.chars().skip(phone.chars().count().saturating_sub(3)).collect();
    if last.is_empty() { last } else { format!("•••• {last}") }
}

/// The place of the encrypted column.
const CONTENT: &str = "staff_order.content";
const LONGEST_UNIT: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_order_is_read_strictly() {
        let read = |text: &str| serde_json::from_str::<Wanted>(text).map(|wanted| wanted.account());
        assert_eq!(
            read(r#"{"kind":"grant","account":" An.Nguyen ","roles":["operator"]}"#).unwrap(),
            Some("an.nguyen".into())
        );
        assert_eq!(read(r#"{"kind":"enable","account":"an"}"#).unwrap(), Some("an".into()));
        for wrong in [
            r#"{"kind":"enable","account":"an","roles":["operator"]}"#,
            r#"{"kind":"grant","account":"an","roles":["root"]}"#,
            r#"{"kind":"make_king","account":"an"}"#,
            r#"{"account":"an"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn roles_are_ordered_once_and_exclude_each_other() {
        assert_eq!(
            ordered(vec![Role::Registrar, Role::Operator, Role::Registrar]).unwrap(),
            [Role::Operator, Role::Registrar]
        );
        for wrong in [
            vec![],
            vec![Role::Citizen],
            vec![Role::Operator, Role::Approver],
            vec![Role::Auditor, Role::Administrator],
        ] {
            assert!(ordered(wrong).is_err());
        }
        assert!(check_unit_of(&[Role::Operator], "").is_err());
        assert!(check_unit_of(&[Role::Auditor], "").is_ok());
    }

    #[test]
    fn telephone_numbers_are_digits() {
        assert_eq!(checked_phone("0912 345.678").unwrap(), "0912345678");
        assert_eq!(masked_phone("0912345678"), "•••• 678");
        for wrong in ["12345678", "sai", "+", "123456789012345"] {
            assert!(checked_phone(wrong).is_err(), "{wrong}");
        }
    }
}
