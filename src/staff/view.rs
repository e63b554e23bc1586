//! What staff see: the accounts with their roles, and orders with exactly what they would change. Numbers are masked, except to whoever
//! decides: who approves compares all of them with the papers, as all of them count.

use super::{
    Change, check_second,
    content::masked_phone,
    invitation, may_decide,
    order::{Ordered, digest, is_open, load, subject as about, with_account},
};
use crate::{
    accounts::{self, Principal, second_factor},
    app::App,
    audit::Kind,
    current,
    error::Result,
    subject::{self, Kept},
    units,
};
use chuky_model::{
    id::{AccountId, StaffOrderId},
    instant::Instant,
    record::{
        Cursor,
        account::Account,
        state::{StaffOrderKind, StaffOrderState},
    },
    role::Role,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An account of staff.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct StaffView {
    #[schema(value_type = String)]
    pub id: AccountId,
    pub login: String,
    pub name: String,
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
    pub unit: String,
    /// `invited`, `active` or `disabled`.
    pub state: &'static str,
    /// Whether a second factor is enrolled.
    pub second_factor: bool,
    /// RFC 3339; absent where nobody has logged in.
    pub last_log_in: Option<String>,
}

/// An order with what it would change.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = StaffOrderView)]
pub struct OrderView {
    #[schema(value_type = String)]
    pub id: StaffOrderId,
    /// `open`, `grant`, `move`, `recover`, `enable` or `erase`.
    #[schema(value_type = String)]
    pub kind: StaffOrderKind,
    /// `open`, `approved`, `refused`, `withdrawn` or `expired`.
    #[schema(value_type = String)]
    pub state: StaffOrderState,
    pub login: String,
    pub name: String,
    /// Masked; only of an account that is to be opened.
    pub personal_number: Option<String>,
    /// Masked: where the second secret goes; empty where there is no number.
    pub phone: String,
    /// Masked: where it would go as things are; only of an account that is to be recovered.
    pub phone_before: Option<String>,
    /// Whether a recovery sends it elsewhere than to the number that is kept.
    pub phone_changes: bool,
    /// As they are now; none of an account that is to be opened.
    #[schema(value_type = Vec<String>)]
    pub roles_before: Vec<Role>,
    /// As they will be, or are.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<Role>,
    pub unit_before: String,
    pub unit: String,
    /// The unit's name today; `None` where the code names none that is known.
    pub unit_name: Option<String>,
    /// Certificates that stay where a subscriber is erased, and until when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keeps: Vec<Kept>,
    /// What an approval must repeat.
    pub content_digest: String,
    /// Display names, and RFC 3339.
    pub entered_by: String,
    pub entered_at: String,
    pub expires_at: String,
    pub decided_by: Option<String>,
    pub decided_at: Option<String>,
    pub refusal_reason: Option<String>,
    /// Whether the reader may decide it: a second pair of eyes.
    pub decidable: bool,
    /// Whether the reader entered it and may take it back.
    pub withdrawable: bool,
    /// Whether the reader hands over the invitation.
    pub invitable: bool,
    /// The numbers in full; only of one open order, and only for whoever may decide on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<OrderIdentity>,
}

/// The numbers of an order as whoever decides compares them with the papers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OrderIdentity {
    /// All twelve digits; only of an account that is to be opened.
    pub personal_number: Option<String>,
    /// Where the second secret goes; empty where there is no number.
    pub phone: String,
    /// Where it would go as things are; only of an account that is to be recovered.
    pub phone_before: Option<String>,
}

impl fmt::Debug for OrderIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OrderIdentity(…)")
    }
}

/// Accounts of staff after the cursor, oldest first, with the cursor of the next page.
pub async fn accounts(app: &App, after: Cursor) -> Result<(Vec<StaffView>, Option<Cursor>)> {
    let rows = current::rows(app, || app.store.list_staff_accounts(after, PAGE)).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    let next = rows.last().filter(|_| full).map(|last| Cursor { at: last.created_at, id: last.id.0 });
    let mut views = Vec::new();
    for account in rows {
        let subject = format!("account:{}", account.id);
        let last = app.store.latest_audit_entry_at(Kind::AccountForgiven.name(), &subject).await?;
        views.push(StaffView {
            id: account.id,
            name: accounts::display_name(app, &account)?,
            state: state_of(&account),
            second_factor: second_factor::is_enrolled(&account),
            last_log_in: last.map(Instant::rfc3339),
            login: account.login,
            roles: account.roles,
            unit: account.unit,
        });
    }
    Ok((views, next))
}

/// Orders, newest first, before a cursor; with the cursor of the next page.
pub async fn orders(app: &App, by: &Principal, before: Cursor) -> Result<(Vec<OrderView>, Option<Cursor>)> {
    let rows = current::rows(app, || app.store.list_staff_orders(before, PAGE)).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    let next = rows.last().filter(|_| full).map(|last| Cursor { at: last.entered_at, id: last.id.0 });
    let mut views = Vec::new();
    for order in rows {
        views.push(OrderView::of(app, by, with_account(app, order).await?).await?);
    }
    Ok((views, next))
}

/// One order; the numbers in full for whoever may decide on it now.
pub async fn one(app: &App, by: &Principal, id: StaffOrderId) -> Result<OrderView> {
    let ordered = load(app, id).await?;
    let identity = OrderIdentity::of(&ordered);
    let view = OrderView::of(app, by, ordered).await?;
    let identity = Some(identity).filter(|_| view.decidable);
    Ok(OrderView { identity, ..view })
}

impl OrderIdentity {
    fn of(ordered: &Ordered) -> Self {
        let kept = ordered.kept_contact.as_str().to_owned();
        match &ordered.change {
            Change::Open(opening) => Self {
                personal_number: Some(opening.personal_number.reveal().to_owned()),
                phone: opening.phone.clone(),
                phone_before: None,
            },
            Change::Recover { phone } => Self {
                personal_number: None,
                phone: if phone.is_empty() { kept.clone() } else { phone.clone() },
                phone_before: Some(kept),
            },
            _ => Self { personal_number: None, phone: String::new(), phone_before: None },
        }
    }
}

impl OrderView {
    pub(super) async fn of(app: &App, by: &Principal, ordered: Ordered) -> Result<Self> {
        let now = app.clock.now();
        let invitable = invitation::may_invite(app, by, &ordered).await?;
        let mut numbers = OrderIdentity::of(&ordered);
        // What was kept before is known of what waits only.
        numbers.phone_before = numbers.phone_before.filter(|_| ordered.order.state == StaffOrderState::Open);
        let digest = match ordered.order.state {
            StaffOrderState::Open => digest(app, &ordered)?.to_vec(),
            _ => ordered.order.content_digest.clone(),
        };
        let Ordered { order, change, account, .. } = ordered;
        let decided_by = match order.decided_by {
            Some(account) => Some(accounts::name_of(app, account).await?),
            None => None,
        };
        let open = is_open(&order, now);
        let content = Content::of(app, &change, account.as_ref())?;
        let about = about(app, &change, account.as_ref());
        let second = match check_second(app, by.account, order.entered_by, about.as_deref()).await {
            Ok(()) => true,
            Err(crate::error::Error::Request(_)) => false,
            Err(error) => return Err(error),
        };
        Ok(Self {
            id: order.id,
            kind: order.kind,
            state: if order.state == StaffOrderState::Open && !open { StaffOrderState::Expired } else { order.state },
            unit_name: units::unit_at(app, &content.unit, now).await?.map(|unit| unit.name),
            login: content.login,
            name: content.name,
            personal_number: content.personal_number,
            phone_changes: numbers.phone_before.as_ref().is_some_and(|before| *before != numbers.phone),
            phone: masked_phone(&numbers.phone),
            phone_before: numbers.phone_before.as_deref().map(masked_phone),
            roles_before: content.roles_before,
            roles: content.roles,
            unit_before: content.unit_before,
            unit: content.unit,
            keeps: match order.kind {
                StaffOrderKind::Erase => subject::kept(app, order.account_id).await?,
                _ => Vec::new(),
            },
            content_digest: hex::encode(digest),
            entered_by: accounts::name_of(app, order.entered_by).await?,
            entered_at: order.entered_at.rfc3339(),
            expires_at: order.expires_at.rfc3339(),
            decided_by,
            decided_at: order.decided_at.map(Instant::rfc3339),
            refusal_reason: order.refusal_reason,
            decidable: open && second && may_decide(by),
            withdrawable: open && accounts::same_person(app, by.account, order.entered_by).await?,
            invitable,
            identity: None,
        })
    }
}

/// What an order says, in clear but for numbers.
struct Content {
    login: String,
    name: String,
    personal_number: Option<String>,
    roles_before: Vec<Role>,
    roles: Vec<Role>,
    unit_before: String,
    unit: String,
}

impl Content {
    fn of(app: &App, change: &Change, account: Option<&Account>) -> Result<Self> {
        if let Change::Open(opening) = change {
            return Ok(Self {
                login: opening.login.clone(),
                name: opening.full_name.clone(),
                personal_number: Some(opening.personal_number.masked()),
                roles_before: Vec::new(),
                roles: opening.roles.clone(),
                unit_before: String::new(),
                unit: opening.unit.clone(),
            });
        }
        let account = account.ok_or_else(crate::error::RequestError::not_found)?;
        let mut content = Self {
            login: account.login.clone(),
            name: accounts::display_name(app, account)?,
            personal_number: None,
            roles_before: account.roles.clone(),
            roles: account.roles.clone(),
            unit_before: account.unit.clone(),
            unit: account.unit.clone(),
        };
        match change {
            Change::Open(_) | Change::Enable {} | Change::Erase {} | Change::Recover { .. } => {}
            Change::Grant { roles } => {
                content.roles.extend(roles);
                content.roles.sort();
                content.roles.dedup();
            }
            Change::Move { unit } => content.unit.clone_from(unit),
        }
        Ok(content)
    }
}

fn state_of(account: &Account) -> &'static str {
    match (account.disabled_at, &account.password_hash) {
        (Some(_), _) => "disabled",
        (None, None) => "invited",
        (None, Some(_)) => "active",
    }
}

const PAGE: i64 = 50;
