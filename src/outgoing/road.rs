//! A road as it may be relied on, and its transitions. The row's MAC covers digests of the steps, of whom it goes to and of what happened,
//! so nothing of it that SQL made or brought back moves or shows anything.

use super::{
    delegation::acts_for,
    details::Details,
    limits::{ACT_HOURS, CLERK_HOURS, DRAFT_HOURS, REASON_CHARACTERS},
    number, reminders,
};
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{Error, InternalError, RequestError, Result},
    fault,
    signing::{self, Unrecorded},
};
use chuky_model::{
    id::{AccountId, OutgoingId},
    instant::Instant,
    record::{
        document::Document,
        outgoing::{OutgoingDocument, OutgoingEvent, OutgoingRecipient, OutgoingStep},
        state::{OutgoingState, StepKind, StepState},
    },
    role::Role,
};
use sha2::{Digest, Sha256};

/// A checked row with its checked steps.
#[derive(Clone, Debug)]
pub(super) struct Road {
    pub(super) row: OutgoingDocument,
    pub(super) steps: Vec<OutgoingStep>,
    /// For whom whoever loaded it acts: that account first, then those who delegated to it.
    pub(super) acts_for: Vec<AccountId>,
    /// Accounts on this road that are whoever loaded it, as far as persons are known.
    pub(super) own: Vec<AccountId>,
}

/// What belongs to a transition beside the row, its steps and its event.
pub(super) enum Also<'a> {
    Nothing,
    /// The document's new bytes.
    File(&'a Unrecorded),
    /// Its number, where it has one, is void for this reason.
    Void(&'a str),
    /// Whom it goes to as well.
    Recipients(&'a [OutgoingRecipient]),
}

/// Who does what, and why.
#[derive(Clone, Copy)]
pub(super) struct Act<'a> {
    pub(super) by: &'a Principal,
    pub(super) kind: Kind,
    pub(super) note: Option<&'a str>,
}

impl Road {
    /// The road of that identifier, where the caller may see it.
    pub(super) async fn load(app: &App, by: &Principal, id: OutgoingId) -> Result<Self> {
        let mut road = Self::of(app, id).await?;
        road.seen_by(app, by).await?;
        if !road.is_seen_by(by) {
            return Err(RequestError::not_found().into());
        }
        Ok(road)
    }

    /// Notes who looks at it, and for whom that person acts at this moment.
    pub(super) async fn seen_by(&mut self, app: &App, by: &Principal) -> Result<()> {
        self.acts_for = acts_for(app, by).await?;
        self.own = vec![by.account];
        let mut accounts: Vec<AccountId> = self.steps.iter().map(|step| step.account_id).collect();
        accounts.extend(self.steps.iter().filter_map(|step| step.acted_by));
        for account in accounts {
            if !self.own.contains(&account) && accounts::same_person(app, by.account, account).await? {
                self.own.push(account);
            }
        }
        Ok(())
    }

    /// The road of that identifier, its MAC checked, no older than the audit log says.
    pub(super) async fn of(app: &App, id: OutgoingId) -> Result<Self> {
        for _ in 0..READ_AGAIN {
            let row = current::row_by_log(app, || app.store.outgoing_by_id(id)).await?;
            let row = row.ok_or_else(RequestError::not_found)?;
            if row.history_digest.is_none() || row.recipients_digest.is_none() {
                return Err(not_attested().into());
            }
            let steps = app.store.outgoing_steps(id).await?;
            if row.steps_digest == digest(&steps) {
                return Ok(Self { row, steps, acts_for: Vec::new(), own: Vec::new() });
            }
            // It moved between the two reads, or somebody wrote into the steps.
            let again = app.store.outgoing_by_id(id).await?;
            if again.is_some_and(|again| again.version == row.version) {
                return Err(forged("outgoing_step"));
            }
        }
        Err(moved_on().into())
    }

    /// The road with its document, whose bytes are those that the road tells of.
    pub(super) async fn with_document(app: &App, by: &Principal, id: OutgoingId) -> Result<(Self, Document)> {
        for _ in 0..READ_AGAIN {
            let road = Self::load(app, by, id).await?;
            let document = signing::of_road(app, road.row.document_id).await?;
            if *document.signed_sha256.as_ref().unwrap_or(&document.sha256) == road.row.content_sha256 {
                return Ok((road, document));
            }
            // Somebody else signed between the two reads, or wrote into the document's row.
            let again = app.store.outgoing_by_id(id).await?;
            if again.is_some_and(|again| again.version == road.row.version) {
                return Err(forged("document"));
            }
        }
        Err(moved_on().into())
    }

    /// Whom it goes to, in order, exactly as its drafter said.
    pub(super) async fn recipients(&self, app: &App) -> Result<Vec<OutgoingRecipient>> {
        let recipients = app.store.outgoing_recipients(self.row.id).await?;
        match self.row.recipients_digest == Some(recipients_digest(&recipients)) {
            true => Ok(recipients),
            false => Err(forged("outgoing_recipient")),
        }
    }

    /// What happened up to this version of the row, in order.
    pub(super) async fn history(&self, app: &App) -> Result<Vec<OutgoingEvent>> {
        let mut events = app.store.outgoing_events(self.row.id).await?;
        // It may have moved on since the row was read.
        events.retain(|event| event.position <= self.row.version);
        match self.row.history_digest == Some(history_digest(&events)) {
            true => Ok(events),
            false => Err(forged("outgoing_event")),
        }
    }

    /// Drafter, whoever has a part or acts for somebody who has, and the agency's clerks. People of other agencies see nothing.
    pub(super) fn is_seen_by(&self, by: &Principal) -> bool {
        let has_part = self.steps.iter().any(|step| self.acts_for.contains(&step.account_id));
        by.unit == self.row.unit && (has_part || self.row.drafted_by == by.account || by.has(Role::Clerk))
    }

    /// The step that waits for whoever loaded the road: an own one before those of others.
    pub(super) fn waiting(&self) -> Option<usize> {
        let waits = |account: &AccountId| {
            let own = |step: &OutgoingStep| step.account_id == *account && step.state == StepState::Waiting;
            self.steps.iter().position(|step| own(step) && self.may_fill(step))
        };
        self.acts_for.iter().find_map(waits)
    }

    /// Two signatures, or two initials, are two persons': whoever has an own part of that kind, or did one, takes nobody else's.
    fn may_fill(&self, step: &OutgoingStep) -> bool {
        let is_own = |account: &AccountId| self.own.contains(account);
        let mut others = self.steps.iter().filter(|other| other.kind == step.kind && other.position != step.position);
        let filled = |other: &OutgoingStep| other.acted_by.as_ref().is_some_and(is_own);
        match is_own(&step.account_id) {
            true => !others.any(filled),
            false => !others.any(|other| filled(other) || is_own(&other.account_id)),
        }
    }

    /// The same, to be changed.
    pub(super) fn waiting_step(&mut self) -> Result<&mut OutgoingStep> {
        let at = self.waiting();
        Ok(at.and_then(|at| self.steps.get_mut(at)).ok_or_else(not_your_turn)?)
    }

    /// Refuses where the document does not stand where this can be done.
    pub(super) fn stands(&self, wanted: OutgoingState) -> Result<()> {
        if self.row.state == wanted { Ok(()) } else { Err(moved_on().into()) }
    }

    /// Lets the next stage begin where the one before is done, and says where the document stands then.
    pub(super) fn go_on(&mut self, details: &Details, now: Instant) {
        let open = self.steps.iter().any(|step| step.state == StepState::Waiting);
        if !open {
            let next = self.steps.iter().filter(|step| step.state == StepState::Planned).map(|step| step.stage).min();
            for step in self.steps.iter_mut().filter(|step| Some(step.stage) == next) {
                step.state = StepState::Waiting;
            }
        }
        let waiting = self.steps.iter().find(|step| step.state == StepState::Waiting);
        let state = match waiting.map(|step| step.kind) {
            Some(StepKind::Initials) => OutgoingState::Initials,
            Some(StepKind::Sign) => OutgoingState::Signing,
            None => OutgoingState::Numbering,
        };
        self.moves_to(state, details, now);
    }

    /// Puts the row into a state with the deadline of whoever acts then.
    pub(super) fn moves_to(&mut self, state: OutgoingState, details: &Details, now: Instant) {
        self.row.state = state;
        self.row.due_at = due(state, details, now);
    }

    /// Stores a transition from `before`: the row by compare-and-swap, its steps, an event, the audit entry, and what belongs to it, in one
    /// transaction.
    pub(super) async fn store(&mut self, app: &App, before: OutgoingState, act: Act<'_>, also: Also<'_>) -> Result<()> {
        let now = app.clock.now();
        if !before.may_become(self.row.state) {
            return Err(InternalError::other("a transition that the model does not know").into());
        }
        self.row.steps_digest = digest(&self.steps);
        self.row.updated_at = now;
        if let Also::File(file) = &also {
            self.row.content_sha256 = file.sha256();
        }
        let event = event(app, &self.row, self.row.version.saturating_add(1), (act, now))?;
        self.row.history_digest = Some(history_after(self.row.history_digest.as_deref(), &event));
        attestation::attest_change(&*app.tokens.subscribers, &mut self.row).await?;
        let void = match also {
            Also::Void(reason) => number::voided(app, self.row.id, reason).await?,
            _ => None,
        };
        fault::point("outgoing.before_transition");
        let mut transaction = app.store.begin().await?;
        match transaction.update_outgoing(&self.row).await {
            Err(crate::store::Error::Stale) => return Err(moved_on().into()),
            other => other?,
        }
        for step in &self.steps {
            transaction.update_outgoing_step(step).await?;
        }
        transaction.insert_outgoing_event(&event).await?;
        reminders::queue(&mut transaction, &self.row, now).await?;
        match also {
            Also::Nothing => {}
            Also::File(file) => file.record(&mut transaction).await?,
            Also::Recipients(added) => {
                for recipient in added {
                    transaction.insert_outgoing_recipient(recipient).await?;
                }
            }
            Also::Void(_) => number::store_void(&mut transaction, self.row.id, void, (act.by, now)).await?,
        }
        let entry = Entry::of_row(now, act.kind, Actor::Account(act.by.account), &self.row);
        audit::record(&mut transaction, entry.with(self.said())).await?;
        transaction.commit().await?;
        current::changed(app, &self.row);
        fault::point("outgoing.after_transition");
        Ok(())
    }

    /// The same with the document's new bytes. Where somebody else was first, their file goes; where it is not known what the database
    /// did, it stays until it is known that no row has it.
    pub(super) async fn store_file(
        &mut self,
        app: &App,
        before: OutgoingState,
        act: Act<'_>,
        file: Unrecorded,
    ) -> Result<()> {
        match self.store(app, before, act, Also::File(&file)).await {
            Ok(()) => {
                drop(file.recorded(app));
                Ok(())
            }
            Err(error) => {
                if matches!(error, Error::Request(_)) {
                    file.give_up(app);
                }
                Err(error)
            }
        }
    }

    /// Stores the document's bytes with an archive timestamp, which the service adds by itself: nobody's act, so no event of the history, and
    /// the road stands where it stood.
    pub(super) async fn store_archived(&mut self, app: &App, file: Unrecorded) -> Result<()> {
        self.row.content_sha256 = file.sha256();
        self.row.updated_at = app.clock.now();
        attestation::attest_change(&*app.tokens.subscribers, &mut self.row).await?;
        fault::point("outgoing.before_archive");
        let stored = async {
            let mut transaction = app.store.begin().await?;
            match transaction.update_outgoing(&self.row).await {
                Err(crate::store::Error::Stale) => return Err(moved_on().into()),
                other => other?,
            }
            file.record(&mut transaction).await?;
            let entry = Entry::of_row(self.row.updated_at, Kind::OutgoingArchived, Actor::Service, &self.row);
            audit::record(&mut transaction, entry.with(self.said())).await?;
            Ok(transaction.commit().await?)
        };
        if let Err(error) = stored.await {
            if matches!(error, Error::Request(_)) {
                file.give_up(app);
            }
            return Err(error);
        }
        current::changed(app, &self.row);
        drop(file.recorded(app));
        fault::point("outgoing.after_archive");
        Ok(())
    }

    /// What the audit log says of it: no subject, no names.
    pub(super) fn said(&self) -> serde_json::Value {
        serde_json::json!({
            "state": self.row.state, "unit": self.row.unit, "sha256": hex::encode(&self.row.content_sha256),
            "series": self.row.series, "year": self.row.year, "number": self.row.number,
        })
    }
}

/// An event of the row, whose state is the one from then on; its place is the version that the row gets.
pub(super) fn event(
    app: &App,
    row: &OutgoingDocument,
    position: i64,
    (act, now): (Act<'_>, Instant),
) -> Result<OutgoingEvent> {
    let place = note_place(row.id, position);
    let note = act.note.map(|note| app.vault.seal(NOTE, &place, note.as_bytes())).transpose()?;
    Ok(OutgoingEvent {
        outgoing_id: row.id,
        position,
        kind: act.kind.name().to_owned(),
        state: row.state,
        account_id: act.by.account,
        happened_at: now,
        note,
    })
}

/// An event's note in clear.
pub(super) fn note_of(app: &App, event: &OutgoingEvent) -> Result<Option<String>> {
    let Some(sealed) = &event.note else { return Ok(None) };
    let plain = app.vault.open(NOTE, &note_place(event.outgoing_id, event.position), sealed)?;
    Ok(Some(String::from_utf8_lossy(&plain).into_owned()))
}

fn note_place(id: OutgoingId, position: i64) -> String {
    format!("{id}/{position}")
}

/// SHA-256 over the steps in order.
pub(super) fn digest(steps: &[OutgoingStep]) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update("chuky-outgoing-steps-v1\n");
    for step in steps {
        digest.update(step.canonical());
    }
    digest.finalize().to_vec()
}

/// SHA-256 over the recipients in order.
pub(super) fn recipients_digest(recipients: &[OutgoingRecipient]) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update("chuky-outgoing-recipients-v1\n");
    for recipient in recipients {
        let content = recipient.canonical();
        digest.update(u64::try_from(content.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(content);
    }
    digest.finalize().to_vec()
}

/// The digest of a history after one more event: a chain, so that a transition need not read what came before.
pub(super) fn history_after(before: Option<&[u8]>, event: &OutgoingEvent) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update("chuky-outgoing-history-v1\n");
    digest.update(before.unwrap_or(&[0; 32]));
    digest.update(event.canonical());
    digest.finalize().to_vec()
}

/// The same of a whole history.
pub(super) fn history_digest(events: &[OutgoingEvent]) -> Vec<u8> {
    let chain = |before: Option<Vec<u8>>, event| Some(history_after(before.as_deref(), event));
    events.iter().fold(None, chain).unwrap_or_default()
}

/// Until when whoever has it in that state is to act.
pub(super) fn due(state: OutgoingState, details: &Details, now: Instant) -> Instant {
    let hours = match state {
        OutgoingState::Draft => DRAFT_HOURS,
        OutgoingState::Initials | OutgoingState::Signing => match details.due {
            Some(due) => return due,
            None => ACT_HOURS,
        },
        _ => CLERK_HOURS,
    };
    now.plus_seconds(hours * 3_600)
}

/// A reason, which must be given.
pub(super) fn reason(text: &str) -> Result<String> {
    let text = text.trim();
    let clean = !text.chars().any(|letter| letter.is_control() && letter != '\n' && letter != '\r');
    if text.is_empty() || text.chars().count() > REASON_CHARACTERS || !clean {
        let (vi, en) = ("Hãy ghi lý do, tối đa 500 ký tự.", "Give a reason, at most 500 characters.");
        return Err(RequestError::invalid("reason", "reason_missing", vi, en).into());
    }
    Ok(text.to_owned())
}

/// The caller is the agency's clerk, or has no business here.
pub(super) fn clerk(by: &Principal) -> Result<()> {
    if by.has(Role::Clerk) { Ok(()) } else { Err(RequestError::forbidden().into()) }
}

pub(super) fn moved_on() -> RequestError {
    RequestError::conflict(
        "document_moved_on",
        "Văn bản không còn ở bước này. Hãy tải lại trang để xem văn bản đang ở đâu.",
        "The document does not stand at this step any more. Reload to see where it is.",
    )
}

pub(super) fn not_your_turn() -> RequestError {
    RequestError::conflict(
        "not_your_turn",
        "Văn bản này chưa đến lượt bạn, hoặc bạn đã xử lý rồi.",
        "It is not your turn with this document, or you have done your part.",
    )
}

/// A part of a road is not what its row says.
pub(super) fn forged(table: &'static str) -> Error {
    tracing::error!(event = "row_forged", table);
    InternalError::RowForged { table }.into()
}

/// A road from before its row covered recipients and history, of which the audit log tells something else.
fn not_attested() -> RequestError {
    RequestError::conflict(
        "document_not_attested",
        "Văn bản này được lưu từ phiên bản trước và không khớp với nhật ký kiểm toán nên không mở được. Hãy trình lại như một văn bản mới.",
        "This document was kept by an earlier version and does not match the audit log, so it is not opened. Draft it again as a new document.",
    )
}

/// How often a road is read again that moves while it is read.
const READ_AGAIN: usize = 8;
/// Where an event's note is encrypted for.
const NOTE: &str = "outgoing_event.note";
