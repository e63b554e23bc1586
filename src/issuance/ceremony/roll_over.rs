//! Roll-over: further keys beside those in use. A new issuing CA is prepared with its own responder while the old one goes on; issuing
//! moves to it by a step of its own. A new root and the one before certify each other. Nothing in use is changed by the ceremony.

use super::{
    Held, certificate_of, keep,
    make::{ToMake, certified_key, cross_certificate, intent, next_label},
    plan::{HierarchyPlan, KeyPlan, Plan, unusable},
    record::{Made, What},
    told,
};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    issuance::{Authority, revocation_list},
};
use chuky_model::{
    instant::Instant,
    record::{
        certificate::{AuthorityKey, CrossCertificate},
        state::{AuthorityState, KeyPurpose},
    },
    request::Hierarchy,
};

/// Makes the keys that `text` (TOML) names beside those in use. Roots that sign must be here.
pub async fn roll_over(app: &App, text: &str) -> Result<Held> {
    // 1. What is to be made, beside what is there.
    let plan = Plan::from_toml(text)?;
    let now = Instant::from_unix_seconds(app.clock.now().unix_seconds());
    let mut known = rows(app).await?;
    if !known.iter().any(|row| row.purpose == KeyPurpose::Root) {
        return Err(no_authority().into());
    }
    check(app, &plan, &known, now)?;
    // 2. Keys and certificates, from the root down.
    let (mut made, mut crosses) = (Vec::new(), Vec::new());
    for (hierarchy, keys) in plan.hierarchies() {
        make(app, (&plan, hierarchy, keys), &mut known, (&mut made, &mut crosses), now).await?;
    }
    // 3. The record, signed by the new CAs, or by those in use where there is no new one.
    let signing = |row: &&AuthorityKey| matches!(row.purpose, KeyPurpose::Root | KeyPurpose::Issuing);
    let mut signers: Vec<AuthorityKey> = made.iter().filter(signing).cloned().collect();
    if signers.is_empty() {
        let issuer = |row: &AuthorityKey| known.iter().find(|known| Some(&known.label) == row.issuer_label.as_ref());
        signers.extend(made.iter().find_map(issuer).cloned());
    }
    let record = Made::new(app, (&plan, text), What::RollOver, (&made, &crosses), (&signers, Vec::new()), now).await?;
    let held = keep(app, record, now)?;
    // 4. All rows with their audit entries in one transaction.
    let mut transaction = app.store.begin().await?;
    for row in &made {
        transaction.insert_authority_key(row).await?;
        audit::record(&mut transaction, Entry::of_row(now, Kind::AuthorityPrepared, Actor::Service, row)).await?;
    }
    for row in &crosses {
        transaction.insert_cross_certificate(row).await?;
    }
    let entry = Entry::new(now, Kind::CeremonyHeld, Actor::Service, "authority").with(told(&held)?);
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    // 5. Their lists, those of new roots above all.
    Authority::refresh(app).await?;
    revocation_list::publish_due(app).await?;
    Ok(held)
}

/// Everything that can be wrong with a file, before the first key is made.
fn check(app: &App, plan: &Plan, known: &[AuthorityKey], now: Instant) -> Result<()> {
    plan.check_further()?;
    plan.rehearse(&app.issuing, now)?;
    plan.check_names(known)?;
    for (hierarchy, keys) in plan.hierarchies() {
        for (purpose, key) in keys.keys() {
            let made_with_it = match purpose {
                KeyPurpose::Root => true,
                KeyPurpose::Issuing => keys.root.is_some(),
                _ => keys.issuing.is_some(),
            };
            if !made_with_it {
                intent(app, purpose, key, issuer_of(known, hierarchy, keys, (purpose, key))?, now)?;
            }
        }
    }
    Ok(())
}

/// Who certifies a key, of what is there.
fn issuer_of<'a>(
    known: &'a [AuthorityKey],
    hierarchy: Hierarchy,
    keys: &HierarchyPlan,
    (purpose, key): (KeyPurpose, &KeyPlan),
) -> Result<Option<&'a AuthorityKey>> {
    let above = match (purpose, &key.issuer) {
        (KeyPurpose::Root, _) => return Ok(None),
        (KeyPurpose::Issuing, _) => newest(known, hierarchy, KeyPurpose::Root),
        // A responder of a CA that is prepared or retiring.
        (_, Some(label)) => known.iter().find(|row| {
            let is_issuing = row.purpose == KeyPurpose::Issuing && row.hierarchy == Some(hierarchy);
            is_issuing && row.label == *label && row.state != Some(AuthorityState::Ended)
        }),
        // Of the new CA where there is one, else of the one in use.
        (_, None) if keys.issuing.is_some() => newest(known, hierarchy, KeyPurpose::Issuing),
        (_, None) => in_use(known, hierarchy),
    };
    match above {
        Some(above) => Ok(Some(above)),
        None => Err(unusable(&format!(
            "there is no CA {} in the hierarchy of {} that could certify a key",
            key.issuer.as_deref().unwrap_or("in use"),
            hierarchy.name()
        ))
        .into()),
    }
}

/// The keys of one hierarchy, each put into `known` and `made`.
async fn make(
    app: &App,
    (plan, hierarchy, keys): (&Plan, Hierarchy, &HierarchyPlan),
    known: &mut Vec<AuthorityKey>,
    (made, crosses): (&mut Vec<AuthorityKey>, &mut Vec<CrossCertificate>),
    now: Instant,
) -> Result<()> {
    for (purpose, key) in keys.keys() {
        let label = next_label(known, hierarchy, purpose);
        let issuer = issuer_of(known, hierarchy, keys, (purpose, key))?;
        let token = plan.new_root_token.as_ref().or(plan.root_token.as_ref()).filter(|_| purpose == KeyPurpose::Root);
        let prepared = match purpose {
            KeyPurpose::Issuing => true,
            KeyPurpose::Timestamp => keys.issuing.is_some(),
            _ => false,
        };
        let state = prepared.then_some(AuthorityState::Prepared);
        let token = token.map(|token| token.label.clone());
        let to_make = ToMake { label, hierarchy, purpose, plan: key, issuer, token, state };
        let row = certified_key(app, to_make, now).await?;
        if let (KeyPurpose::Root, Some(before)) = (purpose, newest(known, hierarchy, KeyPurpose::Root)) {
            crosses.push(cross_certificate(app, &row, before, now).await?);
            crosses.push(cross_certificate(app, before, &row, now).await?);
        }
        known.push(row.clone());
        made.push(row);
    }
    Ok(())
}

/// Issuing moves to the CA of that label, which a roll-over prepared; the one before is kept for status. How the rows stand then.
pub async fn activate(app: &App, label: &str) -> Result<Vec<(String, AuthorityState)>> {
    let now = app.clock.now();
    let known = rows(app).await?;
    let chosen = known.iter().find(|row| row.label == label && row.purpose == KeyPurpose::Issuing);
    let chosen = chosen.ok_or_else(RequestError::not_found)?;
    if chosen.state != Some(AuthorityState::Prepared) {
        return Err(not_prepared(label).into());
    }
    if !certificate_of(chosen)?.is_valid_at(now) {
        return Err(not_prepared(label).into());
    }
    // Its lists and its responder answer before anything refers to them.
    revocation_list::publish_due(app).await?;
    let authority = Authority::of(app).await?;
    authority.responder(authority.by_label(label).ok_or_else(RequestError::not_found)?)?;
    let mut changed = Vec::new();
    for row in &known {
        let state = row.state.unwrap_or(AuthorityState::Active);
        let same = row.hierarchy == chosen.hierarchy && row.purpose == KeyPurpose::Issuing;
        let next = match state {
            AuthorityState::Prepared if row.label == label || row.issuer_label.as_deref() == Some(label) => {
                AuthorityState::Active
            }
            AuthorityState::Active if same => AuthorityState::Retiring,
            _ => continue,
        };
        let mut row = row.clone();
        row.state = Some(next);
        attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
        changed.push((row, next));
    }
    let mut transaction = app.store.begin().await?;
    for (row, state) in &changed {
        transaction.update_authority_key(row).await?;
        let entry = Entry::of_row(now, Kind::AuthorityMoved, Actor::Service, row);
        audit::record(&mut transaction, entry.with(serde_json::json!({ "state": state.name() }))).await?;
    }
    transaction.commit().await?;
    Authority::refresh(app).await?;
    Ok(changed.into_iter().map(|(row, state)| (row.label, state)).collect())
}

/// Every row of the authority, checked.
pub(super) async fn rows(app: &App) -> Result<Vec<AuthorityKey>> {
    let mut rows = Vec::new();
    for row in app.store.authority_keys().await? {
        rows.extend(current::row_by_log(app, || app.store.authority_key_by_label(&row.label)).await?);
    }
    Ok(rows)
}

fn newest(rows: &[AuthorityKey], hierarchy: Hierarchy, purpose: KeyPurpose) -> Option<&AuthorityKey> {
    let of = |row: &&AuthorityKey| row.hierarchy == Some(hierarchy) && row.purpose == purpose;
    rows.iter().rev().filter(of).find(|row| row.retired_at.is_none() && row.state != Some(AuthorityState::Ended))
}

fn in_use(rows: &[AuthorityKey], hierarchy: Hierarchy) -> Option<&AuthorityKey> {
    let of = |row: &&AuthorityKey| row.hierarchy == Some(hierarchy) && row.purpose == KeyPurpose::Issuing;
    let active = |row: &&AuthorityKey| matches!(row.state, None | Some(AuthorityState::Active));
    rows.iter().rev().filter(of).find(|row| row.retired_at.is_none() && active(row))
}

pub(super) fn no_authority() -> RequestError {
    unusable("there is no authority yet: hold the first ceremony")
}

fn not_prepared(label: &str) -> RequestError {
    RequestError::conflict(
        "not_prepared",
        format!("CA {label} không ở trạng thái chuẩn bị, hoặc chứng thư của nó chưa có hiệu lực."),
        format!("The CA {label} is not prepared, or its certificate is not valid now."),
    )
}
