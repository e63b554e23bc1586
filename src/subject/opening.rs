//! The commitment to a subscriber's identity that the entry of an issuance holds: made where the certificate is issued, opened for a security officer
//! while the person's data are there. Each opening is an entry of the log.

use crate::{
    accounts::Principal,
    app::App,
    audit::{
        self, Actor, Entry, Kind,
        commitment::{self, FORM, Fields, Opening, SALT_OCTETS},
    },
    error::{InternalError, RequestError, Result},
    registration::{self, Details},
    store::Transaction,
};
use chuky_model::id::RequestId;
use rand::Rng;
use serde_json::Value;
use zeroize::Zeroizing;

/// Commits to the person of a request, in the transaction that issues to them: what goes into the entry.
pub async fn commit(app: &App, transaction: &mut Transaction, request: RequestId, details: &Details) -> Result<Value> {
    let mut salt = Zeroizing::new([0; SALT_OCTETS]);
    rand::rng().fill_bytes(salt.as_mut_slice());
    let sealed = app.vault.seal(SALT, &request.to_string(), salt.as_slice())?;
    transaction.insert_identity_salt(request, &sealed).await?;
    let hidden = hex::encode(commitment::commitment(&salt, &fields(details)?));
    Ok(serde_json::json!({ "form": FORM, "commitment": hidden }))
}

/// Opens the commitment of the entry at that place of the log; `None` where there is no such entry, or none with a commitment.
pub async fn open(app: &App, by: &Principal, place: u64) -> Result<Option<Opening>> {
    let place = i64::try_from(place).map_err(|_| RequestError::not_found())?;
    let Some((_, entry)) =
        app.store.list_audit_leaves(place, 1).await?.into_iter().find(|(leaf, _)| leaf.sequence == place)
    else {
        return Ok(None);
    };
    let content: Value = serde_json::from_slice(&entry.content).unwrap_or_default();
    let request = content["request"].as_str().and_then(|id| id.parse::<RequestId>().ok());
    let (Some(request), Some(hidden)) = (request, content["identity"]["commitment"].as_str()) else { return Ok(None) };
    let sealed = app.store.identity_salt(request).await?.ok_or_else(erased)?;
    let salt = app.vault.open(SALT, &request.to_string(), &sealed)?;
    let row = registration::load(app, request).await?;
    let fields = fields(&registration::open(app, &row)?)?;
    let opening = Opening { form: FORM.to_owned(), salt: hex::encode(&*salt), fields };
    if !opening.opens(hidden) {
        tracing::error!(event = "commitment_not_opened", request = %request);
        return Err(InternalError::other("an entry's commitment is to another identity than the request's").into());
    }
    let told = Entry::new(app.clock.now(), Kind::IdentityOpened, Actor::Account(by.account), entry.subject);
    let mut transaction = app.store.begin().await?;
    audit::record(&mut transaction, told.with(serde_json::json!({ "entry": entry.id }))).await?;
    transaction.commit().await?;
    Ok(Some(opening))
}

/// What a certificate says of its subscriber, and what the request says of who that is. Neither telephone nor what was checked.
fn fields(details: &Details) -> Result<Fields> {
    let unreadable = || InternalError::other("the details of a request have another form");
    let Value::Object(all) = serde_json::to_value(details).map_err(|_| unreadable())? else {
        return Err(unreadable().into());
    };
    let text = |name: &&str| {
        let value = all.get(*name).and_then(Value::as_str).unwrap_or_default();
        (!value.is_empty()).then(|| ((*name).to_owned(), value.to_owned()))
    };
    Ok(COMMITTED.iter().filter_map(text).collect())
}

fn erased() -> RequestError {
    RequestError::conflict(
        "identity_erased",
        "Cam kết này không mở được nữa: dữ liệu về người đó đã được xóa, và muối của cam kết cùng với nó.",
        "This commitment is not opened any more: the person's data were erased, and the commitment's salt with them.",
    )
}

const SALT: &str = "identity_salt.salt";
/// Fields of [`Details`].
const COMMITTED: [&str; 13] = [
    "full_name",
    "personal_number",
    "birth_date",
    "sex",
    "province",
    "locality",
    "organization",
    "organizational_unit",
    "title",
    "kind",
    "subject_name",
    "tax_code",
    "device_serial",
];
