//! What people see of outgoing documents: their inboxes with the next action, a document with its road as steps with who and when, and its
//! bytes. Reads only.

use super::{
    delegation::acts_for,
    details::{Details, Urgency},
    limits::{INBOX, PAGE},
    road::{Road, note_of, recipients_digest},
    seal::agency_of,
    send::was_sent,
    status::{note_of as status_note_of, statuses},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    current,
    error::Result,
    signing::{
        self, Content,
        sheets::{self, Shown},
    },
};
use chuky_model::{
    id::{AccountId, OutgoingId},
    instant::Instant,
    record::{
        Cursor,
        outgoing::{OutgoingDocument, designation, number_and_notation},
        state::{OutgoingState, StepKind},
    },
    role::Role,
};
use chuky_pki::picture::Picture;
use serde::{Deserialize, Serialize};

/// An outgoing document in one line.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OutgoingView {
    pub id: String,
    /// `draft`, `initials`, `signing`, `numbering`, `sealing`, `sealed`, `sent`, `published`, `recalled`, `refused` or `withdrawn`.
    pub state: String,
    /// What the caller may do now: `submit`, `initial`, `sign`, `number`, `seal`, `send`, or `publish` where it has no recipient.
    pub action: Option<String>,
    /// RFC 3339: until when whoever has it is to act; absent once nobody is.
    pub due_at: Option<String>,
    pub overdue: bool,
    /// `15/QĐ-UBND`, once it has a number.
    pub code: Option<String>,
    pub series: String,
    pub type_name: String,
    pub subject: String,
    /// `normal`, `khan`, `thuong_khan` or `hoa_toc`.
    #[schema(value_type = String)]
    pub urgency: Urgency,
    pub drafted_by: String,
    pub created_at: String,
    pub updated_at: String,
    /// Hex of the SHA-256 of the bytes that the next one acts on; signing may repeat it.
    pub content_sha256: String,
}

/// A person's part.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RoadStep {
    /// `initials` or `sign`.
    pub kind: String,
    pub stage: i64,
    pub name: String,
    /// `planned`, `waiting`, `done` or `refused`.
    pub state: String,
    pub acted_at: Option<String>,
    /// Who did it, where it was somebody else in that person's place.
    pub acted_by: Option<String>,
}

/// What happened.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RoadEvent {
    /// `outgoing.submitted` and so on.
    pub kind: String,
    pub state: String,
    pub name: String,
    pub at: String,
    pub note: Option<String>,
}

/// Whom it goes to, and what they said.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RecipientView {
    pub organ_id: String,
    pub name: String,
    pub delivered_at: Option<String>,
    pub recall_delivered_at: Option<String>,
    pub status: Option<String>,
    pub status_note: Option<String>,
    pub status_at: Option<String>,
}

/// A document with its road.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OutgoingDetail {
    #[serde(flatten)]
    pub document: OutgoingView,
    pub agency: Option<String>,
    pub place: String,
    /// What the clerk writes behind the number: `QĐ-UBND`.
    pub designation: String,
    pub issued_at: Option<String>,
    /// Whether the first page's text could be searched for marks of secrecy; a scanned page has none.
    pub marks_searched: bool,
    pub steps: Vec<RoadStep>,
    pub events: Vec<RoadEvent>,
    pub recipients: Vec<RecipientView>,
    /// Whether its package can be had: of what was sent, or of its recall.
    pub has_package: bool,
    /// Whether the caller may issue it without a package, and name further recipients.
    pub may_publish: bool,
    pub may_add_recipients: bool,
    /// Whether the caller may refuse it, withdraw it, call it back.
    pub may_refuse: bool,
    pub may_withdraw: bool,
    pub may_recall: bool,
}

/// The caller's inboxes, oldest first; `drafts` newest first.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Inboxes {
    pub to_initial: Vec<OutgoingView>,
    pub to_sign: Vec<OutgoingView>,
    pub to_number: Vec<OutgoingView>,
    pub to_seal: Vec<OutgoingView>,
    pub to_send: Vec<OutgoingView>,
    pub sent: Vec<OutgoingView>,
    /// Issued without a package.
    pub published: Vec<OutgoingView>,
    pub drafts: Vec<OutgoingView>,
}

/// A page of a list, newest first.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OutgoingPage {
    pub documents: Vec<OutgoingView>,
    /// For `before`; absent on the last page.
    pub next: Option<String>,
}

/// Documents that wait for that account to act.
pub async fn waiting_for(app: &App, account: AccountId) -> Result<Vec<String>> {
    let waiting = current::rows(app, || app.store.outgoing_waiting_for(account, INBOX)).await?;
    Ok(waiting.into_iter().map(|row| row.id.to_string()).collect())
}

/// What waits for the caller.
pub async fn inboxes(app: &App, by: &Principal) -> Result<Inboxes> {
    let mut inboxes = Inboxes::default();
    for account in acts_for(app, by).await? {
        let waiting = current::rows(app, || app.store.outgoing_waiting_for(account, INBOX)).await?;
        for row in waiting.iter().filter(|row| row.unit == by.unit) {
            let (inbox, action) = match row.state {
                OutgoingState::Initials => (&mut inboxes.to_initial, "initial"),
                OutgoingState::Signing => (&mut inboxes.to_sign, "sign"),
                _ => continue,
            };
            // Of what others delegated only what the caller may fill.
            if account != by.account && Road::load(app, by, row.id).await?.waiting().is_none() {
                continue;
            }
            let view = of_row(app, row, Some(action)).await?;
            if !inbox.iter().any(|other| other.id == view.id) {
                inbox.push(view);
            }
        }
    }
    if by.has(Role::Clerk) && !by.unit.is_empty() {
        for (state, action, inbox) in [
            (OutgoingState::Numbering, Some("number"), &mut inboxes.to_number),
            (OutgoingState::Sealing, Some("seal"), &mut inboxes.to_seal),
            (OutgoingState::Sealed, None, &mut inboxes.to_send),
            (OutgoingState::Sent, None, &mut inboxes.sent),
            (OutgoingState::Published, None, &mut inboxes.published),
        ] {
            // What waits comes oldest first; of what is out, the newest.
            let rows = match state {
                OutgoingState::Sent | OutgoingState::Published => {
                    current::rows(app, || app.store.newest_outgoing_in_state(&by.unit, state, INBOX)).await?
                }
                _ => current::rows(app, || app.store.outgoing_in_state(&by.unit, state, INBOX)).await?,
            };
            for row in rows {
                let action = match state {
                    OutgoingState::Sealed => Some(after_seal(&row)),
                    OutgoingState::Published => has_recipients(&row).then_some("send"),
                    _ => action,
                };
                inbox.push(of_row(app, &row, action).await?);
            }
        }
    }
    let own = current::rows(app, || app.store.outgoing_drafted_by(by.account, Cursor::NEWEST, PAGE)).await?;
    for row in own {
        let action = (row.state == OutgoingState::Draft).then_some("submit");
        inboxes.drafts.push(of_row(app, &row, action).await?);
    }
    Ok(inboxes)
}

/// The agency's documents for its clerks, one's own drafts for others.
pub async fn list(app: &App, by: &Principal, before: Cursor) -> Result<OutgoingPage> {
    let whole = by.has(Role::Clerk) && !by.unit.is_empty();
    let rows = match whole {
        true => current::rows(app, || app.store.list_outgoing(&by.unit, before, PAGE)).await?,
        false => current::rows(app, || app.store.outgoing_drafted_by(by.account, before, PAGE)).await?,
    };
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    let next = rows.last().filter(|_| full).map(|last| format!("{}_{}", last.created_at.0, last.id));
    let mut documents = Vec::new();
    for row in &rows {
        documents.push(of_row(app, row, None).await?);
    }
    Ok(OutgoingPage { documents, next })
}

/// One document with its road.
pub async fn one(app: &App, by: &Principal, id: OutgoingId) -> Result<OutgoingDetail> {
    let road = Road::load(app, by, id).await?;
    let details = Details::of(app, &road.row)?;
    let mut steps = Vec::new();
    for step in &road.steps {
        steps.push(RoadStep {
            kind: step.kind.name().to_owned(),
            stage: step.stage,
            name: accounts::name_of(app, step.account_id).await?,
            state: step.state.name().to_owned(),
            acted_at: step.acted_at.map(Instant::rfc3339),
            acted_by: match step.acted_by.filter(|actor| *actor != step.account_id) {
                Some(actor) => Some(accounts::name_of(app, actor).await?),
                None => None,
            },
        });
    }
    let history = road.history(app).await?;
    let has_package = was_sent(&history);
    let mut events = Vec::new();
    for event in history {
        events.push(RoadEvent {
            name: accounts::name_of(app, event.account_id).await?,
            note: note_of(app, &event)?,
            kind: event.kind,
            state: event.state.name().to_owned(),
            at: event.happened_at.rfc3339(),
        });
    }
    let is_clerk = by.has(Role::Clerk);
    let state = road.row.state;
    let own_turn = matches!(action(&road, by), Some("initial" | "sign"));
    let with_clerk = matches!(state, OutgoingState::Numbering | OutgoingState::Sealing);
    Ok(OutgoingDetail {
        document: of_road(app, by, &road).await?,
        agency: agency_of(app, &road.row)?,
        place: details.place,
        designation: designation(&road.row.type_code, &road.row.notation),
        issued_at: road.row.issued_at.map(Instant::rfc3339),
        marks_searched: details.searched,
        steps,
        events,
        recipients: recipients(app, &road).await?,
        may_refuse: own_turn || (is_clerk && with_clerk),
        may_withdraw: road.row.drafted_by == by.account && state.may_become(OutgoingState::Withdrawn),
        may_recall: is_clerk && state.may_become(OutgoingState::Recalled),
        has_package,
        may_publish: is_clerk && state == OutgoingState::Sealed,
        may_add_recipients: is_clerk && matches!(state, OutgoingState::Sealed | OutgoingState::Published),
    })
}

/// The document's bytes as they are now.
pub async fn content(app: &App, by: &Principal, id: OutgoingId) -> Result<Content> {
    let road = Road::load(app, by, id).await?;
    signing::content_of_road(app, road.row.document_id, app.places.enter(by.account)?).await
}

/// What the next one acts on, its pages from that number: of exactly the bytes that the road tells of.
pub async fn pages(app: &App, by: &Principal, id: OutgoingId, from: u32) -> Result<Shown> {
    let (road, _) = Road::with_document(app, by, id).await?;
    sheets::shown_of_road(app, by, road.row.document_id, from).await
}

/// One page of it as a picture, of the bytes with that digest.
pub async fn page(app: &App, by: &Principal, id: OutgoingId, wanted: (&str, u32)) -> Result<Picture> {
    let road = Road::load(app, by, id).await?;
    sheets::sheet_of_road(app, by, road.row.document_id, wanted).await
}

/// A road in one line, with what the caller may do.
pub(super) async fn of_road(app: &App, by: &Principal, road: &Road) -> Result<OutgoingView> {
    of_row(app, &road.row, action(road, by)).await
}

fn action(road: &Road, by: &Principal) -> Option<&'static str> {
    let is_clerk = by.has(Role::Clerk) && by.unit == road.row.unit;
    let mine = road.waiting().and_then(|at| road.steps.get(at));
    match road.row.state {
        OutgoingState::Draft => (road.row.drafted_by == by.account).then_some("submit"),
        OutgoingState::Initials | OutgoingState::Signing => mine.map(|step| match step.kind {
            StepKind::Initials => "initial",
            StepKind::Sign => "sign",
        }),
        OutgoingState::Numbering => is_clerk.then_some("number"),
        OutgoingState::Sealing => is_clerk.then_some("seal"),
        OutgoingState::Sealed => is_clerk.then(|| after_seal(&road.row)),
        OutgoingState::Published if has_recipients(&road.row) => is_clerk.then_some("send"),
        _ => None,
    }
}

/// What the clerk does with a sealed document.
fn after_seal(row: &OutgoingDocument) -> &'static str {
    if has_recipients(row) { "send" } else { "publish" }
}

fn has_recipients(row: &OutgoingDocument) -> bool {
    row.recipients_digest.as_deref() != Some(&recipients_digest(&[]))
}

async fn of_row(app: &App, row: &OutgoingDocument, action: Option<&str>) -> Result<OutgoingView> {
    let details = Details::of(app, row)?;
    let ended = matches!(
        row.state,
        OutgoingState::Sent
            | OutgoingState::Published
            | OutgoingState::Recalled
            | OutgoingState::Refused
            | OutgoingState::Withdrawn
    );
    Ok(OutgoingView {
        id: row.id.to_string(),
        state: row.state.name().to_owned(),
        action: action.map(str::to_owned),
        due_at: (!ended).then(|| row.due_at.rfc3339()),
        overdue: !ended && row.due_at < app.clock.now(),
        code: row.number.map(|number| number_and_notation(number, &row.type_code, &row.notation)),
        series: row.series.clone(),
        type_name: details.type_name,
        subject: details.subject,
        urgency: details.urgency,
        drafted_by: accounts::name_of(app, row.drafted_by).await?,
        created_at: row.created_at.rfc3339(),
        updated_at: row.updated_at.rfc3339(),
        content_sha256: hex::encode(&row.content_sha256),
    })
}

async fn recipients(app: &App, road: &Road) -> Result<Vec<RecipientView>> {
    let rows = road.recipients(app).await?;
    let mut said = statuses(app, road.row.id, &rows).await?;
    let mut views = Vec::new();
    for row in rows {
        let status = said.remove(&row.position);
        views.push(RecipientView {
            organ_id: row.organ_id,
            name: row.name,
            delivered_at: row.delivered_at.map(Instant::rfc3339),
            recall_delivered_at: row.recall_delivered_at.map(Instant::rfc3339),
            status_note: status.as_ref().map(|status| status_note_of(app, status)).transpose()?.flatten(),
            status_at: status.as_ref().map(|status| status.recorded_at.rfc3339()),
            status: status.map(|status| status.status),
        });
    }
    Ok(views)
}
