//! What staff see of orders: what happened, from when, what it brings or brought for whom, and who decided.

use super::{
    content::Certificates,
    effect::Effect,
    may_decide,
    order::{digest, effects, is_about, load, may_be_withdrawn, opened},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    current,
    error::{RequestError, Result},
};
use chuky_model::{
    id::PersonnelOrderId,
    instant::Instant,
    record::{
        Cursor,
        personnel::PersonnelOrder,
        state::{PersonnelKind, PersonnelState},
    },
    role::Role,
};
use serde::{Deserialize, Serialize};

/// What an order would bring.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PersonnelPreview)]
pub struct Preview {
    /// What entering the order must repeat.
    pub content_digest: String,
    /// RFC 3339.
    pub effective_at: String,
    pub effects: Vec<Effect>,
}

/// An order as those who may see it are shown it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PersonnelOrderView)]
pub struct OrderView {
    #[schema(value_type = String)]
    pub id: PersonnelOrderId,
    /// `transfer`, `title`, `resignation`, `retirement`, `death` or `merger`.
    #[schema(value_type = String)]
    pub kind: PersonnelKind,
    /// `open`, `approved`, `done`, `refused` or `withdrawn`.
    #[schema(value_type = String)]
    pub state: PersonnelState,
    pub unit: String,
    /// Where they go; empty where they stay.
    pub unit_after: String,
    pub title: String,
    pub ground: String,
    /// What becomes of officials' certificates, those that are issued before its day among them.
    pub certificates: Certificates,
    /// RFC 3339.
    pub effective_at: String,
    /// Until when it is to be dealt with (`authority.revocation_hours` after it was entered, or after its day).
    pub due_at: String,
    /// What an approval must repeat; empty of one that is decided.
    pub content_digest: String,
    /// What it brings as things are; of one that waits for a decision or for its day.
    pub effects: Vec<Effect>,
    pub lines: Vec<OrderLine>,
    pub entered_by: String,
    pub entered_at: String,
    pub decided_by: Option<String>,
    pub decided_at: Option<String>,
    pub refusal_reason: Option<String>,
    pub finished_at: Option<String>,
    /// Whether the reader may decide on it: a second pair of eyes.
    pub decidable: bool,
    /// Whether the reader may take it back.
    pub withdrawable: bool,
}

/// One official of an order.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PersonnelOrderLine)]
pub struct OrderLine {
    pub name: String,
    pub login: String,
    /// `done`, or the code of what kept it from being done; absent before.
    pub outcome: Option<String>,
    pub done_at: Option<String>,
}

/// Orders, newest first, before a cursor, without what they bring; with the cursor of the next page. A registrar sees those of the own unit.
pub async fn list(app: &App, by: &Principal, before: Cursor) -> Result<(Vec<OrderView>, Option<Cursor>)> {
    let rows = current::rows(app, || app.store.list_personnel_orders(before, PAGE)).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    let next = rows.last().filter(|_| full).map(|last| Cursor { at: last.entered_at, id: last.id.0 });
    let mut views = Vec::new();
    for order in rows.into_iter().filter(|order| sees(by, order)) {
        views.push(shown(app, by, &order).await?);
    }
    Ok((views, next))
}

/// One order, with what it brings as things are.
pub async fn one(app: &App, by: &Principal, id: PersonnelOrderId) -> Result<OrderView> {
    let order = load(app, id).await?;
    if !sees(by, &order) {
        return Err(RequestError::not_found().into());
    }
    viewed(app, by, &order).await
}

pub(super) async fn viewed(app: &App, by: &Principal, order: &PersonnelOrder) -> Result<OrderView> {
    let mut view = shown(app, by, order).await?;
    if matches!(order.state, PersonnelState::Open | PersonnelState::Approved) {
        let content = opened(app, order)?;
        view.effects = effects(app, &content).await?;
        if order.state == PersonnelState::Open {
            view.content_digest = hex::encode(digest(app, order, &content, &view.effects)?);
        }
    }
    for line in app.store.personnel_lines(order.id, 0, order.size).await? {
        let account = current::row(app, || app.store.account_by_id(line.account_id)).await?;
        let account = account.ok_or_else(RequestError::not_found)?;
        view.lines.push(OrderLine {
            name: accounts::display_name(app, &account)?,
            login: account.login,
            outcome: line.outcome,
            done_at: line.done_at.map(Instant::rfc3339),
        });
    }
    Ok(view)
}

async fn shown(app: &App, by: &Principal, order: &PersonnelOrder) -> Result<OrderView> {
    let content = opened(app, order)?;
    let decided_by = match order.decided_by {
        Some(account) => Some(accounts::name_of(app, account).await?),
        None => None,
    };
    let open = order.state == PersonnelState::Open;
    let entered = accounts::same_person(app, by.account, order.entered_by).await?;
    let hours = app.settings.authority.revocation_hours.saturating_mul(3_600);
    Ok(OrderView {
        id: order.id,
        kind: order.kind,
        state: order.state,
        unit: order.unit.clone(),
        unit_after: content.unit.clone(),
        title: content.title.clone(),
        ground: content.ground.clone(),
        certificates: content.certificates,
        effective_at: order.effective_at.rfc3339(),
        due_at: order.effective_at.max(order.entered_at).plus_seconds(hours).rfc3339(),
        content_digest: String::new(),
        effects: Vec::new(),
        lines: Vec::new(),
        entered_by: accounts::name_of(app, order.entered_by).await?,
        entered_at: order.entered_at.rfc3339(),
        decided_by,
        decided_at: order.decided_at.map(Instant::rfc3339),
        refusal_reason: order.refusal_reason.clone(),
        finished_at: order.finished_at.map(Instant::rfc3339),
        decidable: open && !entered && may_decide(by) && !is_about(app, by, &content).await?,
        withdrawable: may_be_withdrawn(app, order)
            && (entered || may_decide(by))
            && !is_about(app, by, &content).await?,
    })
}

fn sees(by: &Principal, order: &PersonnelOrder) -> bool {
    let all = [Role::Administrator, Role::SecurityOfficer, Role::Auditor];
    all.iter().any(|role| by.has(*role)) || by.unit == order.unit
}

const PAGE: i64 = 50;
