//! A new outgoing document: the PDF looked at for marks of secrecy, its fields made, its road laid down.

use super::{
    details::{Details, Metadata, RecipientWanted, steps_invalid},
    issue::draft_fits,
    number::{designated, year_of},
    reminders,
    road::{Act, Road, digest, due, event, history_after, recipients_digest},
    view::{self, OutgoingView},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    fault,
    reader::{FieldsWanted, Page, SignerWanted, Task, TextWanted},
    signing,
};
use chuky_model::{
    id::{AccountId, OutgoingId},
    instant::Instant,
    record::{
        account::Account,
        document::Document,
        outgoing::{OutgoingDocument, OutgoingEvent, OutgoingRecipient, OutgoingStep, designation},
        state::{OutgoingState, StepKind, StepState},
    },
    role::Role,
};
use std::fs::File;
use uuid::Uuid;

/// What a drafter hands in.
pub struct Draft {
    pub metadata: Metadata,
    /// The PDF in an unnamed file.
    pub clear: File,
    pub name: String,
}

/// The name of the number's field.
pub(super) const NUMBER: &str = "SoVanBan";
/// The name of the date's field.
pub(super) const DATE: &str = "NgayBanHanh";
/// The name of the seal's field.
pub(super) const SEAL: &str = "ConDau";

/// The name of the field of a person's signature, by the step's position.
pub(super) fn signature_field(position: i64) -> String {
    format!("NguoiKy{position}")
}

/// Takes a draft.
pub async fn draft(app: &App, by: &Principal, draft: Draft) -> Result<OutgoingView> {
    // 1. What it is, and people of the same agency on its road.
    let Draft { metadata, clear, name } = draft;
    let mut metadata = metadata.checked(app.clock.now())?;
    let id = OutgoingId(Uuid::now_v7());
    let steps = steps(app, by, id, &metadata).await?;
    settle_series(app, by, &mut metadata).await?;
    if !metadata.recipients.is_empty() {
        draft_fits(clear.metadata().map_err(InternalError::io("a spool file"))?.len())?;
    }
    // 2. The PDF with its fields, encrypted on disk; nothing of a document that bears a mark of secrecy.
    let fields = Task::MakeFields(Box::new(fields(&metadata, &steps)));
    let (document, searched) = signing::taken(app, by, clear, &name, fields).await?;
    // 3. Its rows with the audit entry, in one transaction.
    let details = Details {
        subject: metadata.subject.clone(),
        type_name: metadata.type_name.clone(),
        place: metadata.place.clone(),
        urgency: metadata.urgency,
        due: metadata.due()?,
        number_shown: metadata.number_shown,
        verification_code: metadata.verification_code,
        searched,
    };
    let recipients = recipients(id, metadata.recipients);
    let mut row = OutgoingDocument {
        id,
        document_id: document.id,
        unit: by.unit.clone(),
        series: metadata.series,
        type_code: metadata.type_code,
        notation: metadata.notation,
        details: details.sealed(app, id)?,
        state: OutgoingState::Draft,
        due_at: due(OutgoingState::Draft, &details, document.created_at),
        steps_digest: digest(&steps),
        recipients_digest: Some(recipients_digest(&recipients)),
        history_digest: None,
        content_sha256: document.sha256.clone(),
        year: None,
        number: None,
        issued_at: None,
        agency: None,
        drafted_by: by.account,
        created_at: document.created_at,
        updated_at: document.created_at,
        version: 1,
        mac: Vec::new(),
    };
    let act = Act { by, kind: Kind::OutgoingDrafted, note: None };
    let event = event(app, &row, row.version, (act, document.created_at))?;
    row.history_digest = Some(history_after(None, &event));
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    let road = Road { row, steps, acts_for: vec![by.account], own: vec![by.account] };
    store(app, by, (&road, &document), (&recipients, &event), searched).await?;
    fault::point("outgoing.drafted");
    view::of_road(app, by, &road).await
}

async fn steps(app: &App, by: &Principal, id: OutgoingId, metadata: &Metadata) -> Result<Vec<OutgoingStep>> {
    if by.unit.is_empty() {
        let (vi, en) = (
            "Tài khoản của bạn chưa thuộc cơ quan nào nên không soạn văn bản đi được.",
            "Your account belongs to no agency, so it cannot draft outgoing documents.",
        );
        return Err(RequestError::conflict("no_agency", vi, en).into());
    }
    let mut steps = Vec::new();
    for ((step, stage), position) in metadata.steps.iter().zip(metadata.stages()).zip(1..) {
        steps.push(OutgoingStep {
            outgoing_id: id,
            position,
            kind: step.kind,
            stage,
            account_id: colleague(app, by, &step.account).await?,
            state: StepState::Planned,
            acted_by: None,
            acted_at: None,
        });
    }
    one_part_a_person(app, &steps).await?;
    Ok(steps)
}

/// Two signatures, or two initials, are two persons', whatever accounts they have.
async fn one_part_a_person(app: &App, steps: &[OutgoingStep]) -> Result<()> {
    for (at, step) in steps.iter().enumerate() {
        for other in steps.iter().skip(at + 1).filter(|other| other.kind == step.kind) {
            if accounts::same_person(app, step.account_id, other.account_id).await? {
                return Err(steps_invalid().into());
            }
        }
    }
    Ok(())
}

async fn store(
    app: &App,
    by: &Principal,
    (road, document): (&Road, &Document),
    (recipients, event): (&[OutgoingRecipient], &OutgoingEvent),
    searched: bool,
) -> Result<()> {
    let mut transaction = app.store.begin().await?;
    signing::insert_taken(&mut transaction, by, document).await?;
    transaction.insert_outgoing(&road.row).await?;
    for step in &road.steps {
        transaction.insert_outgoing_step(step).await?;
    }
    for recipient in recipients {
        transaction.insert_outgoing_recipient(recipient).await?;
    }
    transaction.insert_outgoing_event(event).await?;
    reminders::queue(&mut transaction, &road.row, road.row.created_at).await?;
    let entry = Entry::of_row(road.row.created_at, Kind::OutgoingDrafted, Actor::Account(by.account), &road.row);
    let mut said = road.said();
    said["marks_searched"] = searched.into();
    audit::record(&mut transaction, entry.with(said)).await?;
    Ok(transaction.commit().await?)
}

fn recipients(id: OutgoingId, wanted: Vec<RecipientWanted>) -> Vec<OutgoingRecipient> {
    wanted.into_iter().zip(1..).map(|(one, position)| recipient(id, one, position)).collect()
}

/// A recipient in that place of the document's.
pub(super) fn recipient(outgoing_id: OutgoingId, wanted: RecipientWanted, position: i64) -> OutgoingRecipient {
    let RecipientWanted { organ_id, name } = wanted;
    OutgoingRecipient {
        outgoing_id,
        position,
        organ_id,
        name,
        delivered_at: None,
        recall_delivered_at: None,
        tries: 0,
        try_after: Instant(0),
        status: None,
        status_note: None,
        status_at: None,
    }
}

/// What the clerk numbered this year under the same designation stays in its register, so that no number is shown twice.
async fn settle_series(app: &App, by: &Principal, metadata: &mut Metadata) -> Result<()> {
    let year = year_of(app.clock.now())?;
    let designation = designation(&metadata.type_code, &metadata.notation);
    let settled = designated(app, &by.unit, year, &designation).await?.map(|number| number.series);
    match settled {
        Some(series) if !metadata.series.is_empty() && metadata.series != series => {
            let vi =
                format!("Văn bản ký hiệu “{designation}” năm nay lấy số ở sổ “{series}”. Hãy ghi sổ đó hoặc để trống.");
            let en = format!(
                "Documents with “{designation}” are numbered in the register “{series}” this year. Name that one, or none."
            );
            return Err(RequestError::invalid("series", "series_of_designation", vi, en).into());
        }
        Some(series) => metadata.series = series,
        None if metadata.series.is_empty() => metadata.series = metadata.usual_series(),
        None => {}
    }
    Ok(())
}

/// An account of the same agency that may act on its documents.
pub(super) async fn colleague(app: &App, by: &Principal, login: &str) -> Result<AccountId> {
    let account = current::row(app, || app.store.account_by_login(login)).await?;
    let account = account.filter(|account| acts_on_roads(account, &by.unit));
    let account = account.ok_or_else(|| {
        let vi = format!("Không có cán bộ “{login}” trong cơ quan của bạn.");
        let en = format!("Your agency has no official “{login}”.");
        RequestError::invalid("steps", "no_such_colleague", vi, en)
    })?;
    Ok(account.id)
}

/// Whether the account has business with the documents of that agency at that moment.
pub(super) fn acts_on_roads(account: &Account, unit: &str) -> bool {
    let fits = account.roles.iter().any(|role| matches!(role, Role::Official | Role::Clerk));
    account.unit == unit && fits && accounts::is_enabled(account)
}

fn fields(metadata: &Metadata, steps: &[OutgoingStep]) -> FieldsWanted {
    let signs = metadata.steps.iter().zip(steps).filter(|(_, step)| step.kind == StepKind::Sign);
    let signers = signs.map(|(wanted, step)| SignerWanted {
        name: signature_field(step.position),
        place: wanted.rectangle.map(|rectangle| (wanted.page.map_or(Page::Last, Page::Number), rectangle)),
    });
    FieldsWanted {
        number: TextWanted {
            name: NUMBER.to_owned(),
            label: "Số, ký hiệu văn bản".to_owned(),
            letters: format!("Số: /{}-{}", metadata.type_code, metadata.notation),
            rectangle: metadata.number_rectangle,
        },
        date: TextWanted {
            name: DATE.to_owned(),
            label: "Địa danh, thời gian ban hành".to_owned(),
            letters: format!("{}, ngày tháng năm", metadata.place),
            rectangle: metadata.date_rectangle,
        },
        signers: signers.collect(),
        seal: SEAL.to_owned(),
    }
}

impl Metadata {
    /// Reads the metadata of a draft. What the error's own text could quote stays out of answers and logs.
    pub fn read(text: &str) -> Result<Self> {
        Ok(serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let vi = format!("Thông tin văn bản không đúng mẫu JSON (dòng {line}, cột {column}). Xem /api/docs.");
            let en =
                format!("The metadata do not have the expected form (line {line}, column {column}). See /api/docs.");
            RequestError::invalid("metadata", "json_invalid", vi, en)
        })?)
    }
}
