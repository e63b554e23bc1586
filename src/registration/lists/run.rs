//! Carrying out approved lists: each line in a transaction of its own, with its request, its approval, its code on the way to its official,
//! and what became of it, so that the job can stop anywhere and go on later, here or on another node.

use super::{CheckedLine, Column, Known, entered_lines, finished, known_person, load};
use crate::{
    accounts::passkey::{Approved, Subject, approval},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{Error, InternalError, Result},
    fault,
    outbox::{self, Said},
    registration::{ActivationCode, Details, decision, new_request, person_lookup},
    store::{self, Transaction},
    units,
};
use chuky_model::{
    id::{AccountId, AgencyListId},
    instant::Instant,
    record::{
        agency::{AgencyLine, AgencyList},
        request::RegistrationRequest,
        state::{AgencyLineOutcome, AgencyListState},
        work::Message,
    },
    request::Hierarchy,
};
use uuid::Uuid;

/// Carries a list out beside the request that approved it; what fails is taken up again by [`run_due`].
pub fn start(app: &App, id: AgencyListId) {
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = run(&app, id).await {
            tracing::error!(event = "agency_list_failed", list = %id, error = %error);
        }
    });
}

/// Takes up every approved list that is not finished; how many were finished. One that fails keeps no other back.
pub async fn run_due(app: &App) -> Result<usize> {
    let (mut finished, mut failed) = (0, None);
    for list in app.store.agency_lists_in(AgencyListState::Approved, AT_A_TIME).await? {
        match run(app, list.id).await {
            Ok(done) => finished += usize::from(done),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(finished), Err)
}

/// Carries a list out; `false` where another node is at it.
async fn run(app: &App, id: AgencyListId) -> Result<bool> {
    let holder = Uuid::now_v7().to_string();
    if !held(app, &holder).await? {
        return Ok(false);
    }
    let outcome = carry_out(app, id, &holder).await;
    let mut transaction = app.store.begin().await?;
    transaction.release_lease(LEASE, &holder).await?;
    transaction.commit().await?;
    outcome
}

async fn held(app: &App, holder: &str) -> Result<bool> {
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    let held = transaction.take_lease(LEASE, holder, now, now.plus_seconds(LEASE_SECONDS)).await?.is_some();
    transaction.commit().await?;
    Ok(held)
}

async fn carry_out(app: &App, id: AgencyListId, holder: &str) -> Result<bool> {
    // 1. An approved list, over exactly the lines that were approved.
    let mut list = load(app, id).await?;
    let (AgencyListState::Approved, Some(approver)) = (list.state, list.decided_by) else { return Ok(false) };
    let lines = entered_lines(app, &list).await?;
    let content = list.content_digest.as_ref().map(hex::encode).unwrap_or_default();
    let decided_at = list.decided_at.unwrap_or(list.uploaded_at);
    approval::check(app, (approver, decided_at), Subject::AgencyList(id), &content).await?;
    // 2. Those without an outcome, one by one.
    let mut renewed = app.clock.now();
    for line in lines.into_iter().filter(|line| line.line.outcome.is_none()) {
        carry_out_line(app, &list, approver, line).await?;
        fault::point("list.after_line");
        if app.clock.now() >= renewed.plus_seconds(RENEWED_SECONDS) {
            renewed = app.clock.now();
            if !held(app, holder).await? {
                return Ok(false);
            }
        }
    }
    // 3. Done: every line has its outcome.
    let now = app.clock.now();
    list.state = AgencyListState::Done;
    list.finished_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut list).await?;
    let mut transaction = app.store.begin().await?;
    transaction.update_agency_list(&list).await?;
    let entry = Entry::of_row(now, Kind::AgencyListFinished, Actor::Service, &list);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "size": list.size }))).await?;
    transaction.commit().await?;
    current::changed(app, &list);
    Ok(true)
}

/// Carries one line of an approved list out. One that another node has finished, or whose list has moved on, is left as it is.
async fn carry_out_line(app: &App, list: &AgencyList, approver: AccountId, line: CheckedLine) -> Result<()> {
    let by = Actor::Account(approver);
    let mut prepared = Prepared::of(app, list, (approver, Approved::nothing()), line).await?;
    loop {
        let mut transaction = app.store.begin().await?;
        match prepared.store(app, &mut transaction, list).await? {
            Stored::Whole(line) => {
                let entry = finished::entry(app.clock.now(), by, list, &line);
                audit::record(&mut transaction, entry).await?;
                return Ok(transaction.commit().await?);
            }
            Stored::RequestOpen(line) => prepared = Prepared::without(line, AgencyLineOutcome::RequestOpen),
            Stored::MovedOn => return Ok(()),
        }
    }
}

/// What becomes of one approved line, with every MAC made before a transaction keeps others waiting.
pub(super) struct Prepared {
    line: AgencyLine,
    made: Option<Box<Made>>,
}

struct Made {
    request: RegistrationRequest,
    approving: decision::Approving,
    /// Proves the decision on this line alone; that on a whole list stands with the list.
    approved: Approved,
    /// The code on its way; of somebody without a telephone it is printed later, and what is stored now opens nothing.
    message: Option<Message>,
}

/// What came of storing a line's outcome.
pub(super) enum Stored {
    /// All of it, as the line is from now on.
    Whole(AgencyLine),
    /// Nothing: somebody has asked for the same since a moment. The transaction is of no use.
    RequestOpen(AgencyLine),
    /// Nothing: the line has its outcome, or the list is not of that version any more.
    MovedOn,
}

impl Prepared {
    /// The request of a line, approved by `approver` over exactly its content, with its code in a message; where the register knows nothing
    /// of the person that speaks against it.
    pub(super) async fn of(
        app: &App,
        list: &AgencyList,
        (approver, approved): (AccountId, Approved),
        CheckedLine { line, cells, details, .. }: CheckedLine,
    ) -> Result<Self> {
        let details = details.ok_or_else(super::differs)?;
        match known_person(app, &person_lookup(app, &details)).await? {
            Some(Known::RequestOpen) => return Ok(Self::without(line, AgencyLineOutcome::RequestOpen)),
            Some(Known::HasCertificate) => return Ok(Self::without(line, AgencyLineOutcome::HasCertificate)),
            None => {}
        }
        let entered = list.entered_at.unwrap_or(list.uploaded_at);
        let code = cells.text(Column::Unit);
        let unit = match code.is_empty() {
            true => list.unit.clone(),
            false => units::unit_at(app, &code, entered).await?.map_or(code, |unit| unit.code),
        };
        // The unit that was named when the list was handed in, as it is called today.
        let (then, today) = (units::day_of(entered), units::day_of(app.clock.now()));
        let unit = units::known(app).await?.code_today(&unit, &then, &today);
        let mut request = new_request(app, list.entered_by, Hierarchy::Officials, &unit, &details)?;
        attestation::attest(&*app.tokens.subscribers, &mut request).await?;
        let digest = decision::digest(app, &request, &details);
        let approving = decision::Approving::prepare(app, approver, request.id, digest, !details.by_sheet).await?;
        let message = match details.by_sheet {
            true => None,
            false => Some(message(app, &details, approving.code())?),
        };
        let outcome = Some(AgencyLineOutcome::Approved);
        let line = AgencyLine { outcome, request_id: Some(request.id), ..line };
        Ok(Self { line, made: Some(Box::new(Made { request, approving, approved, message })) })
    }

    /// A line of which nothing is made.
    pub(super) fn without(line: AgencyLine, outcome: AgencyLineOutcome) -> Self {
        Self { line: AgencyLine { outcome: Some(outcome), request_id: None, ..line }, made: None }
    }

    /// Stores request, approval, code, message and outcome, all or none, while the list is of the version that was read. The caller records
    /// the outcome and commits.
    pub(super) async fn store(self, app: &App, transaction: &mut Transaction, list: &AgencyList) -> Result<Stored> {
        let Self { line, made } = self;
        let line = AgencyLine { done_at: Some(app.clock.now()), ..line };
        // The request first: the line refers to it.
        let made = made.map(|made| *made);
        if let Some(made) = &made {
            match crate::registration::insert(app, transaction, &made.request, serde_json::Value::Null).await {
                Err(Error::Request(_)) => return Ok(Stored::RequestOpen(line)),
                other => other?,
            }
        }
        match transaction.finish_agency_line(&line, list.version).await {
            Err(store::Error::Stale) => return Ok(Stored::MovedOn),
            other => other?,
        }
        if let Some(Made { mut request, approving, approved, message }) = made {
            approving.store(app, transaction, &mut request, &approved).await?;
            if let Some(message) = message {
                transaction.insert_message(&message).await?;
            }
        }
        Ok(Stored::Whole(line))
    }
}

/// The code on its way. It names no person.
fn message(app: &App, details: &Details, (code, expires): (&ActivationCode, Instant)) -> Result<Message> {
    let Some(to) = details.contact() else {
        return Err(InternalError::other("a list's line without a contact").into());
    };
    let (day, address) = (expires.vietnamese(), app.settings.public_url.trim_end_matches('/'));
    // Without diacritics: one SMS has 160 characters then.
    let text = zeroize::Zeroizing::new(format!(
        "Ma kich hoat chu ky so cua ban: {}. Mo {address}/activate truoc ngay {}. Khong dua ma cho ai.",
        code.grouped(),
        day.get(..10).unwrap_or_default()
    ));
    let long = zeroize::Zeroizing::new(format!(
        "Mã kích hoạt chữ ký số của bạn: {code}\n\nMở {address}/activate trước ngày {day}, nhập mã này và tự đặt mã PIN.\n\
         Không đưa mã cho ai, kể cả cán bộ.\n\nYour activation code is above. Open {address}/activate before {day}, enter it and\n\
         choose a PIN of your own. Give it to nobody, not even to staff.\n",
        code = code.grouped(),
        day = day.get(..10).unwrap_or_default()
    ));
    let said = Said { short: &text, subject: "Mã kích hoạt chữ ký số", long: &long };
    outbox::message(app, &to, &said)
}

const LEASE: &str = "agency-lists";
/// A node that died gives the work up after this.
const LEASE_SECONDS: i64 = 120;
/// Between two renewals of the lease.
const RENEWED_SECONDS: i64 = 30;
/// Lists that one round takes up.
const AT_A_TIME: i64 = 20;
