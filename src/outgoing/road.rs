//! A road as it may be relied on, and its transitions. The row's MAC covers a digest of the steps, so neither a row nor a step that SQL
//! made or brought back moves anything.

use super::{
    delegation::acts_for,
    details::Details,
    limits::{ACT_HOURS, CLERK_HOURS, DRAFT_HOURS, REASON_CHARACTERS},
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{Error, InternalError, RequestError, Result},
    fault,
    signing::Unrecorded,
};
use chuky_model::{
    id::{AccountId, OutgoingId},
    instant::Instant,
    record::{
        outgoing::{OutgoingDocument, OutgoingEvent, OutgoingStep},
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
}

/// What belongs to a transition beside the row, its steps and its event.
pub(super) enum Also<'a> {
    Nothing,
    /// The document's new bytes.
    File(&'a Unrecorded),
    /// Its number, where it has one, is void for this reason.
    Void(&'a str),
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
        road.acts_for = acts_for(app, by).await?;
        if !road.is_seen_by(by) {
            return Err(RequestError::not_found().into());
        }
        Ok(road)
    }

    /// The road of that identifier, its MAC checked, no older than the audit log says.
    pub(super) async fn of(app: &App, id: OutgoingId) -> Result<Self> {
        for _ in 0..READ_AGAIN {
            let row = current::row_by_log(app, || app.store.outgoing_by_id(id)).await?;
            let row = row.ok_or_else(RequestError::not_found)?;
            let steps = app.store.outgoing_steps(id).await?;
            if row.steps_digest == digest(&steps) {
                return Ok(Self { row, steps, acts_for: Vec::new() });
            }
            // It moved between the two reads, or somebody wrote into the steps.
            let again = app.store.outgoing_by_id(id).await?;
            if again.is_some_and(|again| again.version == row.version) {
                tracing::error!(event = "row_forged", table = "outgoing_step");
                return Err(InternalError::RowForged { table: "outgoing_step" }.into());
            }
        }
        Err(RequestError::try_again().into())
    }

    /// Drafter, whoever has a part or acts for somebody who has, and the agency's clerks. People of other agencies see nothing.
    pub(super) fn is_seen_by(&self, by: &Principal) -> bool {
        let has_part = self.steps.iter().any(|step| self.acts_for.contains(&step.account_id));
        by.unit == self.row.unit && (has_part || self.row.drafted_by == by.account || by.has(Role::Clerk))
    }

    /// The step that waits for whoever loaded the road: an own one before those of others.
    pub(super) fn waiting(&self) -> Option<usize> {
        let waits = |account: &AccountId| {
            self.steps.iter().position(|step| step.account_id == *account && step.state == StepState::Waiting)
        };
        self.acts_for.iter().find_map(waits)
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
        attestation::attest_change(&*app.tokens.subscribers, &mut self.row).await?;
        let event = event(app, &self.row, act, now)?;
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
        match also {
            Also::Nothing => {}
            Also::File(file) => file.record(&mut transaction).await?,
            Also::Void(reason) => drop(transaction.void_outgoing_number(self.row.id, reason).await?),
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

    /// What the audit log says of it: no subject, no names.
    pub(super) fn said(&self) -> serde_json::Value {
        serde_json::json!({
            "state": self.row.state, "unit": self.row.unit, "sha256": hex::encode(&self.row.content_sha256),
            "series": self.row.series, "year": self.row.year, "number": self.row.number,
        })
    }
}

/// An event of the row as it is now; its place is the row's version.
pub(super) fn event(app: &App, row: &OutgoingDocument, act: Act<'_>, now: Instant) -> Result<OutgoingEvent> {
    let place = note_place(row.id, row.version);
    let note = act.note.map(|note| app.vault.seal(NOTE, &place, note.as_bytes())).transpose()?;
    Ok(OutgoingEvent {
        outgoing_id: row.id,
        position: row.version,
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

fn not_your_turn() -> RequestError {
    RequestError::conflict(
        "not_your_turn",
        "Văn bản này chưa đến lượt bạn, hoặc bạn đã xử lý rồi.",
        "It is not your turn with this document, or you have done your part.",
    )
}

/// How often a road is read again that moves while it is read.
const READ_AGAIN: usize = 8;
/// Where an event's note is encrypted for.
const NOTE: &str = "outgoing_event.note";
