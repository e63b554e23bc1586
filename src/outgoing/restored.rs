//! Registers of numbers after a restore: the numbers that were given since the backup are on paper and in others' registers, and this database
//! does not know them. So each register of that year is closed until its clerks say what the last number was.

use crate::{
    app::App,
    audit::{self, Actor, Entry, Kind},
    error::{RequestError, Result},
    store::Store,
};
use chuky_model::{instant::Instant, record::certificate::RegisterConfirmation};

/// Which register of an agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    Outgoing,
    Incoming,
}

impl Register {
    /// As it is stored, and typed in the command.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outgoing => "outgoing",
            Self::Incoming => "incoming",
        }
    }
}

/// The last number that a register had given before this database was restored, as it was confirmed: the next one is greater. 0 where nothing
/// was restored. Refused while nobody has confirmed it.
pub(super) async fn floor(app: &App, register: Register, unit: &str, year: i64, series: &str) -> Result<i64> {
    let Some(reconciled) = reconciled(&app.store, year).await? else { return Ok(0) };
    let confirmed = app.store.confirmed_register_number(register.name(), unit, year, series, reconciled).await?;
    Ok(confirmed.ok_or_else(|| closed(register, unit, year, series))?)
}

/// Says what the last number of a register was, and opens it again. `series` is empty for incoming documents.
pub async fn confirm(
    store: &Store,
    now: Instant,
    register: Register,
    (unit, year, series): (&str, i64, &str),
    last_number: i64,
) -> Result<()> {
    if reconciled(store, year).await?.is_none() {
        return Err(RequestError::conflict(
            "nothing_to_confirm",
            format!("Dữ liệu này không được khôi phục trong năm {year}: sổ không bị đóng."),
            format!("This data was not restored in {year}: the register is not closed."),
        )
        .into());
    }
    let row = RegisterConfirmation {
        register: register.name().to_owned(),
        unit: unit.to_owned(),
        year,
        series: series.to_owned(),
        last_number,
        confirmed_at: now,
    };
    let mut transaction = store.begin().await?;
    transaction.insert_register_confirmation(&row).await?;
    match register {
        Register::Outgoing => transaction.raise_outgoing_series(unit, year, series, last_number).await?,
        Register::Incoming => transaction.raise_incoming_series(unit, year, last_number).await?,
    }
    let subject = format!("register:{}/{unit}/{year}/{series}", register.name());
    let entry = Entry::new(now, Kind::RegisterConfirmed, Actor::Service, subject);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "last_number": last_number }))).await?;
    Ok(transaction.commit().await?)
}

/// When this database was reconciled, where numbers of that year may have been given before.
async fn reconciled(store: &Store, year: i64) -> Result<Option<Instant>> {
    let at = store.latest_restoration().await?.and_then(|row| row.reconciled_at);
    Ok(at.filter(|at| at.in_vietnam().is_none_or(|moment| year <= i64::from(moment.year()))))
}

fn closed(register: Register, unit: &str, year: i64, series: &str) -> RequestError {
    let option = if series.is_empty() { String::new() } else { format!(" --series {series}") };
    let command = format!("chuky numbers {} --unit {unit} --year {year}{option} --last …", register.name());
    RequestError::conflict(
        "register_closed",
        format!(
            "Dữ liệu đã được khôi phục, các số đã cấp sau bản sao lưu không còn trong sổ. Sổ đóng cho đến khi quản trị viên nhập số cuối cùng: {command}"
        ),
        format!(
            "The data was restored, and numbers given since the backup are not in the register. It is closed until an administrator enters the last one: {command}"
        ),
    )
}
