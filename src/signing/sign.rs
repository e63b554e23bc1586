//! A signature on a document, in the order of the architecture: prepared in a reader, PIN and activation for exactly its digest, signed
//! in the HSM, finished, verified by our own verifier in a reader, and only then stored and handed out. PDF here, other formats in
//! `create`.

use super::{
    archive,
    code::{self, CodeView, FreshCode},
    create::{self, Order},
    document::{self, Bytes, DocumentView},
    evidence::{Stamping, Surroundings},
    files::{self, Written},
    form::Form,
    limits::PIECE,
    picture,
    places::{Clear, in_pieces},
    request::{Level, SignRequest},
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    custody::{self, Factors, Signer, Wanted},
    error::{Error, InternalError, RequestError, Result},
    fault,
    reader::{CodeWanted, Preparation, ReaderFailure, ReaderPool, Task, TaskOutput, Unsuitable},
    store::Transaction,
};
use chuky_model::{
    algorithm::SignatureScheme,
    id::DocumentId,
    instant::Instant,
    record::{
        document::{Document, DocumentCode},
        state::DocumentState,
        work::Job,
    },
    report::{Indication, Integrity, Report},
};
use chuky_pki::{
    algorithm::DigestAlgorithm,
    cms::build::{self, SignatureToMake},
    crypto::{self, Hasher},
    pdf::write::{LongTermData, Prepared},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
};
use uuid::Uuid;

/// A signed document with the verdict of the own verifier.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Signed {
    pub document: DocumentView,
    #[schema(value_type = Object)]
    pub report: Report,
    /// The code that its signature put on its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeView>,
}

/// Signs a document. A document that was signed here before gets a further signature.
pub async fn sign(
    app: &App,
    by: &Principal,
    id: DocumentId,
    wanted: &SignRequest,
    factors: &Factors,
) -> Result<Signed> {
    // 1. The document, the credential, and what goes along.
    let wanted = &picture::resolved(app, by, wanted).await?;
    let document = document::load(app, by, id).await?;
    let form = form(&document, wanted)?;
    let bytes = Bytes::newest(&document);
    wanted.is_of(&bytes.written.sha256)?;
    let signer = custody::signer(app, by, wanted.credential).await?;
    wanted.check_look(app, Some(&signer.row)).await?;
    let around = Surroundings::of(app, &signer).await?;
    let clear = document::opened(app, &document, bytes, app.places.enter(by.account)?).await?;
    let name = document::name_of(app, &document)?;
    // 2 to 4. Prepared, signed, finished.
    let (around, fresh) = (&around, wanted.code.as_ref().map(FreshCode::new).transpose()?);
    let code = fresh.as_ref();
    let order =
        Order { app, by, signer: &signer, around, wanted, factors, document: &document, name: &name, form, code };
    let (made, pages) = match form {
        Form::Pades => in_pdf(&order, clear).await?,
        _ => (create::create(&order, clear).await?, None),
    };
    // 5 and 6. Verified by our own verifier, stored, with its audit entry.
    let unrecorded = Unrecorded::new(&order, made).await?.with_code(&order, pages).await?;
    let code = unrecorded.code.as_ref().map(|row| code::view_of(app, row)).transpose()?;
    let (document, report) = unrecorded.stored(app, None).await?;
    Ok(Signed { document: document::view_of(app, &document)?, report, code })
}

/// A signed document whose file is stored and whose row is not: whoever made it stores it with what belongs to it, in one transaction.
pub struct Unrecorded {
    document: Document,
    earlier: Option<String>,
    stored_as: String,
    entry: Entry,
    report: Report,
    /// When its archive timestamp is followed by the next, where it has one.
    renewal: Option<Job>,
    /// The code that its signature put on its page.
    code: Option<DocumentCode>,
    /// When it was made, by a clock that was not set ahead.
    certain: Instant,
}

impl Unrecorded {
    /// Nothing leaves that our own verifier does not call valid.
    pub(super) async fn new(order: &Order<'_>, made: Made) -> Result<Self> {
        fault::point("document.signed");
        let Order { app, signer, around, form, name, .. } = *order;
        let report = verified(app, around, signer, form.file_name(name), &made).await?;
        let Made { file, content_after } = made;
        if let Some(length) = content_after {
            file.set_len(length).map_err(disk())?;
        }
        let content = serde_json::json!({
            "credential": signer.credential.id, "level": order.wanted.level, "look": order.wanted.look, "format": form.name(),
        });
        let by = Actor::Account(order.by.account);
        let made =
            Self::of_file(app, (by, order.document), (file, form), (Kind::DocumentSigned, content), report).await?;
        if order.wanted.level != Level::LTA {
            return Ok(made);
        }
        let until = around.stamping.counts_until(app.clock.now())?;
        archive::renewed_later(app, made, &Default::default(), (signer.row.hierarchy, until))
    }

    /// Stores the file; the digest joins the entry's content.
    pub(super) async fn of_file(
        app: &App,
        (by, document): (Actor, &Document),
        (mut clear, form): (Clear, Form),
        (kind, mut content): (Kind, serde_json::Value),
        report: Report,
    ) -> Result<Self> {
        let mut document = document.clone();
        let earlier = document.signed_stored_as.clone();
        // Two who sign the same version at once write two files; the row of one of them is stored.
        let next = document.version.saturating_add(1);
        let stored_as = format!("{}.{next}.{}.signed", document.id, Uuid::new_v4().simple());
        let (app_, name) = (app.clone(), stored_as.clone());
        let stored = in_pieces(move |wanted| files::store(&app_.settings, &app_.vault, &name, &mut clear, wanted));
        let Written { sha256, size } = stored.await?;
        fault::point("document.signed_stored");
        content["sha256"] = hex::encode(&sha256).into();
        document.signed_sha256 = Some(sha256);
        document.signed_size = Some(i64::try_from(size).unwrap_or(i64::MAX));
        document.signed_stored_as = Some(stored_as.clone());
        document.signed_format = Some(form.name().to_owned());
        if document.state != DocumentState::Outgoing {
            document.state = DocumentState::Signed;
        }
        document.updated_at = app.clock.now();
        attestation::attest_change(&*app.tokens.subscribers, &mut document).await?;
        let entry = Entry::of_row(document.updated_at, kind, by, &document);
        let certain = app.clock.certain();
        let entry = entry.with(content);
        Ok(Self { document, earlier, stored_as, entry, report, renewal: None, code: None, certain })
    }

    /// Stores the row and its audit entry, and what renews an archive. A conflict where the document has changed meanwhile.
    pub async fn record(&self, transaction: &mut Transaction) -> Result<()> {
        self.record_for(transaction, None).await
    }

    async fn record_for(&self, transaction: &mut Transaction, claimed: Option<&Job>) -> Result<()> {
        match transaction.update_document(&self.document).await {
            Err(crate::store::Error::Stale) => return Err(moved_on().into()),
            other => other?,
        }
        audit::record(transaction, self.entry.clone()).await?;
        if let Some(row) = &self.code {
            code::insert(transaction, self.entry.actor, row).await?;
        }
        archive::goes_on(transaction, &self.document, self.renewal.as_ref(), claimed, self.certain).await
    }

    /// Records it in a transaction of its own, with the end of the renewal that it is the work of.
    pub(super) async fn stored(self, app: &App, claimed: Option<&Job>) -> Result<(Document, Report)> {
        let mut transaction = app.store.begin().await?;
        if let Err(error) = self.record_for(&mut transaction, claimed).await {
            if matches!(error, Error::Request(_)) {
                self.give_up(app);
            }
            return Err(error);
        }
        transaction.commit().await?;
        fault::point("document.signed_recorded");
        Ok(self.recorded(app))
    }

    /// With the code on its page, of a document with so many pages.
    pub(super) async fn with_code(self, order: &Order<'_>, pages: Option<u32>) -> Result<Self> {
        let Some(code) = order.code else { return Ok(self) };
        let row = code.row(order.app, &self.document, &order.signer.row, pages).await?;
        Ok(Self { code: Some(row), ..self })
    }

    /// The row as it will be.
    pub(super) fn document(&self) -> &Document {
        &self.document
    }

    /// With the job that renews its archive timestamp.
    pub(super) fn with_renewal(self, job: Job) -> Self {
        Self { renewal: Some(job), ..self }
    }

    /// With the job that gives a road's document its archive timestamp soon.
    pub fn archived_later(self, app: &App) -> Result<Self> {
        let job = archive::archive_wanted(app, self.document.id)?;
        Ok(self.with_renewal(job))
    }

    /// SHA-256 of the signed bytes.
    pub fn sha256(&self) -> Vec<u8> {
        self.document.signed_sha256.clone().unwrap_or_default()
    }

    /// Once it is committed: the file before it is of no further use.
    pub fn recorded(self, app: &App) -> (Document, Report) {
        current::changed(app, &self.document);
        if let Some(earlier) = self.earlier {
            files::remove(&app.settings, &earlier);
        }
        (self.document, self.report)
    }

    /// Where it cannot be recorded.
    pub fn give_up(self, app: &App) {
        files::remove(&app.settings, &self.stored_as);
    }
}

/// A signed file; what it covers may stand behind it, for the verifier.
pub(super) struct Made {
    pub(super) file: Clear,
    pub(super) content_after: Option<u64>,
}

/// What becomes of the document. A further signature is added to a PDF only: the other formats would wrap what is signed already.
pub(super) fn form(document: &Document, wanted: &SignRequest) -> Result<Form> {
    let form = Form::wanted(wanted.format, wanted.packaging, &document.media_type)?;
    if wanted.code.is_some() && form != Form::Pades {
        return Err(code::needs_pdf().into());
    }
    let before = document.signed_stored_as.as_ref().map(|_| Form::of_row(document.signed_format.as_deref()));
    match before {
        None | Some(Form::Pades) if form == Form::Pades => Ok(form),
        None => Ok(form),
        Some(_) => Err(RequestError::conflict(
            "already_signed",
            "Văn bản này đã được ký ở định dạng khác. Hãy tải tệp đã ký (hoặc bản gốc) lên như một văn bản mới rồi ký.",
            "This document is signed in another format already. Upload the signed file, or the original, as a new document and sign that.",
        )
        .into()),
    }
}

/// The steps for PDF; the finished file comes back, with its number of pages where it carries a code.
async fn in_pdf(order: &Order<'_>, clear: Clear) -> Result<(Made, Option<u32>)> {
    let prepared = PreparedPdf::new(order, clear).await?;
    let (scheme, document) = (order.signer.credential.algorithm.default_scheme(), Some(order.document.id));
    let wanted = Wanted { scheme, hashes: vec![prepared.digest_to_sign().to_vec()], document, shown: order.shown() };
    let signatures =
        custody::sign_hashes(order.app, order.by, order.signer.credential.id, order.factors, wanted).await?;
    let signature = signatures.first().ok_or_else(|| InternalError::other("the HSM gave no signature"))?;
    let pages = prepared.pages();
    Ok((Made { file: prepared.finish(order, signature).await?, content_after: None }, pages))
}

/// A PDF with everything of a signature but its value.
pub(super) struct PreparedPdf {
    clear: Clear,
    prepared: Prepared,
    to_make: SignatureToMake,
}

impl PreparedPdf {
    /// Prepared where a stranger's file may be parsed; what is signed is computed here.
    pub(super) async fn new(order: &Order<'_>, clear: Clear) -> Result<Self> {
        let Order { app, signer, around, wanted, .. } = *order;
        let drawn = order.code.map(|code| code.drawn(app));
        let prepared = prepare(app, signer, around, (wanted, drawn), &clear).await?;
        let scheme = signer.credential.algorithm.default_scheme();
        let (prepared, digest) = digested(prepared, scheme, clear.again().map_err(disk())?).await?;
        let to_make = SignatureToMake::detached(scheme, &digest, &signer.certificate).map_err(pki)?;
        Ok(Self { clear, prepared, to_make })
    }

    pub(super) fn pages(&self) -> Option<u32> {
        self.prepared.pages()
    }

    pub(super) fn digest_to_sign(&self) -> &[u8] {
        self.to_make.digest_to_sign()
    }

    /// The container finished, as the level asks.
    pub(super) async fn finish(self, order: &Order<'_>, signature: &[u8]) -> Result<Clear> {
        let Order { app, signer, around, wanted, .. } = *order;
        let Self { mut clear, prepared, to_make } = self;
        // Not verified here: the whole document is, afterwards.
        let mut cms = to_make.assemble_unverified(signature, Some(&around.travelling()?));
        if wanted.level != Level::B {
            let token = around.stamping.timestamp(app, &crypto::sha256(signature)).await?;
            cms = build::with_signature_timestamp(&cms, &token).map_err(pki)?;
        }
        let update = prepared.finish(&cms).map_err(|error| InternalError::Pki(error.to_string()))?;
        append(&mut clear, &update)?;
        if matches!(wanted.level, Level::LT | Level::LTA) {
            add_long_term(app, around.long_term(app, signer).await?, &mut clear).await?;
        }
        if wanted.level == Level::LTA {
            document_timestamp(app, &around.stamping, &mut clear).await?;
        }
        Ok(clear)
    }
}

/// EN 319 142-1 §5.4.2: what a later verifier needs, in the document's store.
pub(super) async fn add_long_term(app: &App, data: LongTermData, clear: &mut File) -> Result<()> {
    let answer = read(app, Task::AddLongTerm(data), clear).await?;
    let TaskOutput::Update(update) = answer else { return Err(unexpected().into()) };
    append(clear, &update)
}

/// EN 319 142-1 §5.4.3: the archive timestamp of a PDF, over the whole of it.
pub(super) async fn document_timestamp(app: &App, stamping: &Stamping, clear: &mut Clear) -> Result<()> {
    let task = Task::PrepareTimestamp { at: app.clock.now(), token_bytes: stamping.timestamp_bytes()? };
    let TaskOutput::Prepared(prepared) = read(app, task, clear).await? else { return Err(unexpected().into()) };
    let (prepared, digest) = digested(*prepared, SignatureScheme::EcdsaSha256, clear.again().map_err(disk())?).await?;
    let digest: [u8; 32] = digest.try_into().map_err(|_| unexpected())?;
    let token = stamping.timestamp(app, &digest).await?;
    append(clear, &prepared.finish(&token).map_err(|error| InternalError::Pki(error.to_string()))?)
}

async fn prepare(
    app: &App,
    signer: &Signer,
    around: &Surroundings,
    (wanted, code): (&SignRequest, Option<CodeWanted>),
    clear: &File,
) -> Result<Prepared> {
    let timestamp = if wanted.level == Level::B { 0 } else { around.stamping.timestamp_bytes()? };
    let (reason, location) = wanted.texts()?;
    let preparation = Preparation {
        signed_at: app.clock.now(),
        signer_name: signer.certificate.subject().common_name(),
        reason,
        location,
        look: wanted.appearance(&signer.certificate)?,
        place: wanted.place()?,
        code,
        contents_bytes: build::longest(&signer.certificate, &around.travelling()?, timestamp),
    };
    match read(app, Task::Prepare(Box::new(preparation)), clear).await? {
        TaskOutput::Prepared(prepared) => Ok(*prepared),
        _ => Err(unexpected().into()),
    }
}

/// The digest of what the signature covers, computed here: the reader's word is not taken for what is signed.
pub(super) async fn digested(
    prepared: Prepared,
    scheme: SignatureScheme,
    mut clear: Clear,
) -> Result<(Prepared, Vec<u8>)> {
    in_pieces(move |wanted| {
        let length = clear.seek(SeekFrom::End(0)).map_err(disk())?;
        clear.rewind().map_err(disk())?;
        if u64::try_from(prepared.source_length()).ok() != Some(length) {
            return Err(InternalError::other("an update for another document").into());
        }
        let mut hasher = Hasher::new(DigestAlgorithm::from(scheme.hash()));
        let mut piece = vec![0; PIECE];
        loop {
            wanted.check().map_err(disk())?;
            match clear.read(&mut piece).map_err(disk())? {
                0 => break,
                count => hasher.update(piece.get(..count).unwrap_or_default()),
            }
        }
        for part in prepared.covered(&[]).iter().skip(1) {
            hasher.update(part);
        }
        Ok((prepared, hasher.finish()))
    })
    .await
}

/// Our own verifier's report on a file with a new signature of this signer; an error where it does not call that valid.
pub(super) async fn verified(
    app: &App,
    around: &Surroundings,
    signer: &Signer,
    name: String,
    made: &Made,
) -> Result<Report> {
    let evidence = around.stamping.judging(app).await?;
    let TaskOutput::Report(report, _) =
        read(app, Task::Verify { name, evidence, content_after: made.content_after }, &made.file).await?
    else {
        return Err(unexpected().into());
    };
    // Earlier signatures may be anybody's; ours is the newest with our certificate.
    let serial = hex::encode(signer.row.serial.as_octets());
    let ours = |signature: &&chuky_model::report::SignatureReport| {
        signature.signer.as_ref().is_some_and(|found| found.serial.eq_ignore_ascii_case(&serial))
    };
    let good = report.signatures.iter().rev().find(ours).is_some_and(|signature| {
        signature.integrity == Integrity::Intact && signature.indication == Indication::TotalPassed
    });
    if good && matches!(report.integrity, Integrity::Intact | Integrity::Altered) {
        return Ok(*report);
    }
    let found = report.signatures.last().map(|signature| (signature.indication, signature.sub_indication));
    tracing::error!(event = "own_signature_not_valid", integrity = ?report.integrity, ?found);
    Err(InternalError::other("the own verifier does not call the new signature valid").into())
}

/// Hands a task to a reader of the service.
pub async fn read(app: &App, task: Task, clear: &File) -> Result<TaskOutput> {
    read_with(&app.readers, task, clear).await
}

/// Hands a task to a reader; what the document does not allow is told to the person who asked.
pub(super) async fn read_with(readers: &ReaderPool, task: Task, clear: &File) -> Result<TaskOutput> {
    let file = clear.try_clone().map_err(disk())?;
    match readers.run(task, Some(file)).await {
        Ok(TaskOutput::Unsuitable(unsuitable)) => Err(unsuitable_error(unsuitable).into()),
        Ok(output) => Ok(output),
        Err(ReaderFailure::NotStarted(error)) => Err(InternalError::io("a reader worker")(error).into()),
        Err(failure) => {
            tracing::warn!(event = "document_not_read", reason = %failure);
            Err(RequestError::invalid(
                "document",
                "document_unreadable",
                "Tệp này không thể đọc xong trong giới hạn an toàn nên không ký được.",
                "This file could not be read within the safe limits, so it cannot be signed.",
            )
            .into())
        }
    }
}

pub(super) fn append(clear: &mut File, update: &[u8]) -> Result<()> {
    let appended = clear.seek(SeekFrom::End(0)).and_then(|_| clear.write_all(update));
    Ok(appended.map_err(disk())?)
}

fn unsuitable_error(unsuitable: Unsuitable) -> RequestError {
    let Unsuitable { reason, message } = unsuitable;
    tracing::info!(event = "document_unsuitable", reason);
    RequestError::invalid("document", "document_unsuitable", message.vi, message.en)
}

pub(super) fn moved_on() -> RequestError {
    RequestError::conflict(
        "document_moved_on",
        "Văn bản vừa được ký ở nơi khác. Hãy tải lại rồi ký tiếp.",
        "The document was signed elsewhere in this moment. Reload, then sign again.",
    )
}

pub(super) fn unexpected() -> InternalError {
    InternalError::other("the reader answered another question")
}

pub(super) fn pki(error: chuky_pki::Error) -> InternalError {
    InternalError::Pki(error.to_string())
}

pub(super) fn disk() -> impl FnOnce(std::io::Error) -> InternalError {
    InternalError::io("an unnamed file")
}
