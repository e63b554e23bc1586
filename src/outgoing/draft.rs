//! A new outgoing document: the PDF looked at for marks of secrecy, its fields made, its road laid down.

use super::{
    details::{Details, Metadata, RecipientWanted},
    road::{Act, Road, digest, due, event},
    view::{self, OutgoingView},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    fault,
    reader::{FieldsWanted, Page, SignerWanted, Task, TextWanted},
    signing,
};
use chuky_model::{
    id::{AccountId, OutgoingId},
    record::{
        document::Document,
        outgoing::{OutgoingDocument, OutgoingRecipient, OutgoingStep},
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
    let metadata = metadata.checked(app.clock.now())?;
    let id = OutgoingId(Uuid::now_v7());
    let steps = steps(app, by, id, &metadata).await?;
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
        searched,
    };
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
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    let road = Road { row, steps, acts_for: vec![by.account] };
    store(app, by, (&road, &document), metadata.recipients, searched).await?;
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
    Ok(steps)
}

async fn store(
    app: &App,
    by: &Principal,
    (road, document): (&Road, &Document),
    recipients: Vec<RecipientWanted>,
    searched: bool,
) -> Result<()> {
    let (id, now) = (road.row.id, road.row.created_at);
    let event = event(app, &road.row, Act { by, kind: Kind::OutgoingDrafted, note: None }, now)?;
    let mut transaction = app.store.begin().await?;
    signing::insert_taken(&mut transaction, by, document).await?;
    transaction.insert_outgoing(&road.row).await?;
    for step in &road.steps {
        transaction.insert_outgoing_step(step).await?;
    }
    for (RecipientWanted { organ_id, name }, position) in recipients.into_iter().zip(1..) {
        let row = OutgoingRecipient {
            outgoing_id: id,
            position,
            organ_id,
            name,
            delivered_at: None,
            recall_delivered_at: None,
            status: None,
            status_note: None,
            status_at: None,
        };
        transaction.insert_outgoing_recipient(&row).await?;
    }
    transaction.insert_outgoing_event(&event).await?;
    let entry = Entry::of_row(now, Kind::OutgoingDrafted, Actor::Account(by.account), &road.row);
    let mut said = road.said();
    said["marks_searched"] = searched.into();
    audit::record(&mut transaction, entry.with(said)).await?;
    Ok(transaction.commit().await?)
}

/// An account of the same agency that may act on its documents.
pub(super) async fn colleague(app: &App, by: &Principal, login: &str) -> Result<AccountId> {
    let account = current::row(app, || app.store.account_by_login(login)).await?;
    let fits = |roles: &[Role]| roles.iter().any(|role| matches!(role, Role::Official | Role::Clerk));
    let account =
        account.filter(|account| account.unit == by.unit && fits(&account.roles) && accounts::is_enabled(account));
    let account = account.ok_or_else(|| {
        let vi = format!("Không có cán bộ “{login}” trong cơ quan của bạn.");
        let en = format!("Your agency has no official “{login}”.");
        RequestError::invalid("steps", "no_such_colleague", vi, en)
    })?;
    Ok(account.id)
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
