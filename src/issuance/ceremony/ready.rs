//! What must be so before a ceremony asks for a share or touches a token: the file is good, the database and the data directory say that
//! it may be held, and the shares are of the ceremony that was begun here.

use super::{
    held_before,
    plan::{Plan, unusable, was_held_over},
    roll_over::no_authority,
};
use crate::{
    app::remembered_head,
    config::Settings,
    custodians::Note,
    error::{RequestError, Result},
    issuance::IssuingPolicy,
    restoration,
    store::{self, Store, sqlite_file},
    tokens,
};
use chuky_hsm::share::Purpose;
use chuky_model::{instant::Instant, tables::Tables};
use std::collections::BTreeSet;

/// Refuses a first ceremony that could not be held to its end. Changes nothing.
pub async fn may_be_held(settings: &Settings, plan: &Plan, now: Instant) -> Result<()> {
    plan.check_first()?;
    plan.rehearse(&IssuingPolicy::load(&settings.authority)?, now)?;
    if was_held(settings, false).await? {
        return Err(held_before().into());
    }
    let named: BTreeSet<&str> = plan.custody.sets().map(|(purpose, _)| purpose.name()).collect();
    match Note::load(settings)? {
        Some(note) if note.names().iter().map(|(purpose, _)| *purpose).collect::<BTreeSet<_>>() != named => {
            Err(begun(&note).into())
        }
        Some(_) => Ok(()),
        None => {
            let of_tokens = [Purpose::OfficerPin, Purpose::UserPin, Purpose::Keys].map(Purpose::name);
            match tokens::were_prepared(settings) && of_tokens.iter().any(|purpose| named.contains(purpose)) {
                true => Err(prepared_before().into()),
                false => Ok(()),
            }
        }
    }
}

/// Refuses a roll-over that could not be held to its end, as far as that shows without the tokens. Changes nothing but tables of before, which are
/// brought up to date as by every command that works over a founded service.
pub async fn may_roll_over(settings: &Settings, plan: &Plan, now: Instant) -> Result<()> {
    plan.check_further()?;
    plan.rehearse(&IssuingPolicy::load(&settings.authority)?, now)?;
    if !was_held(settings, true).await? {
        return Err(no_authority().into());
    }
    let store = Store::open(&settings.database_url).await?;
    let known = store.authority_keys().await;
    store.close().await;
    plan.check_names(&known?)
}

/// Remembers whose shares the tokens' PINs and keys come from. Others than those of a ceremony that was begun are refused.
pub(super) fn begin(settings: &Settings, note: Note) -> Result<()> {
    tokens::data_directory(&settings.data_dir)?;
    match Note::load(settings)? {
        Some(before) if before.names() != note.names() => Err(begun(&before).into()),
        Some(before) if before == note => Ok(()),
        _ => note.save(settings),
    }
}

/// Whether the database knows of an authority. One that is not there yet knows of none, and is not made for the question. Tables of before are
/// migrated where the caller may.
async fn was_held(settings: &Settings, migrates: bool) -> Result<bool> {
    if sqlite_file(&settings.database_url).is_some_and(|file| !file.exists()) {
        return Ok(false);
    }
    let (mut store, tables) = Store::open_as_it_is(&settings.database_url).await?;
    match tables {
        Tables::Absent => return Ok(false),
        Tables::Older(_) if migrates => {
            store.close().await;
            store = Store::open(&settings.database_url).await?;
        }
        tables if !tables.are_usable() => return Err(store::Error::Tables(tables).into()),
        _ => {}
    }
    let held = match restoration::check(&store, &remembered_head(settings)).await {
        Ok(()) => was_held_over(&store).await,
        Err(error) => Err(error),
    };
    store.close().await;
    held
}

fn begun(note: &Note) -> RequestError {
    let sets: Vec<String> = note.sets.iter().map(|set| format!("{} {}", set.purpose, set.set)).collect();
    let sets = sets.join(", ");
    RequestError::conflict(
        "ceremony_begun",
        format!(
            "Ở đây đã bắt đầu một lễ tạo khóa với các bộ mảnh khác ({sets}). Hãy dùng các tờ in của lễ đó; nếu bỏ hẳn lễ đó, khởi tạo lại các thiết bị khóa và dùng thư mục dữ liệu trống."
        ),
        format!(
            "A ceremony with other sets of shares was begun here ({sets}). Bring the sheets of that one; to give it up for good, initialise the tokens anew and start with an empty data directory."
        ),
    )
}

fn prepared_before() -> RequestError {
    unusable(
        "custody: the tokens were prepared before with PINs and keys that no sheet holds; start with an empty data directory and tokens",
    )
}
