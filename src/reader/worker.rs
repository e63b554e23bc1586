//! The worker's side: confines itself, then answers one task after another until its socket closes.
//! It reads nothing but the descriptors it is handed and writes nothing but answers.

use super::{
    augmentation, certificate, form, package, probe,
    protocol::{self, Aside, Evidence, Task, TaskOutput},
    request,
    sandbox::{self, Confinement},
    signing::{self, Faces, Unsuitable},
};
use chuky_model::table::{Table, TableUnreadable};
use chuky_pki::{
    certificate::Certificate,
    office::workbook,
    picture::{code::codes, sheet},
    verify::{Gaps, Recorded, Relied, VerificationContext, policy::ValidationPolicy},
};
use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Runs a reader worker on standard input, which is its end of a socket pair. Returns when the service goes away.
pub fn run(memory: u64, cpu_seconds: u64, typefaces: Option<&Path>) -> io::Result<()> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let faces = Faces::map(typefaces);
    // A document's nesting is bounded by the parsers; the large stack is for what they allow. The thread is made before the
    // sandbox, which forbids new ones.
    std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || serve(socket, memory, cpu_seconds, faces))?
        .join()
        .unwrap_or_else(|_| std::process::exit(PANICKED))
}

fn serve(mut socket: UnixStream, memory: u64, cpu_seconds: u64, mut faces: Faces) -> io::Result<()> {
    // The library reads its configuration file at first use, which must be before files are out of reach.
    let _ = chuky_pki::crypto::sha256(b"");
    let confinement = sandbox::confine(memory, cpu_seconds).map_err(io::Error::other)?;
    while let Some((task, descriptor)) = protocol::receive::<Task>(&mut socket)? {
        let output = perform(task, descriptor, confinement, &mut faces)?;
        protocol::send(&mut socket, &output, None)?;
    }
    Ok(())
}

fn perform(
    task: Task,
    descriptor: Option<OwnedFd>,
    confinement: Confinement,
    faces: &mut Faces,
) -> io::Result<TaskOutput> {
    match task {
        Task::Hello => Ok(TaskOutput::Hello(confinement)),
        Task::Verify { name, evidence, content_after } => {
            let document = Document::map(descriptor)?;
            let context = context(evidence)?;
            let (bytes, content) = match content_after.and_then(|length| usize::try_from(length).ok()) {
                None => (document.bytes(), None),
                Some(length) => {
                    let parts = document.bytes().split_at_checked(length);
                    let (bytes, content) = parts.ok_or_else(|| io::Error::other("the content is missing"))?;
                    (bytes, Some(content))
                }
            };
            let report = chuky_pki::verify::verify_with_content(bytes, content, &name, &context);
            let aside = Aside { gaps: context.gaps.take(), relied: context.relied.take() };
            Ok(TaskOutput::Report(Box::new(report), aside))
        }
        Task::Draw(wanted) => {
            let document = Document::map(descriptor)?;
            let begun = Instant::now();
            let drawn = chuky_pki::picture::pages(document.bytes(), &wanted, &mut || begun.elapsed() < LONGEST_DRAWING);
            Ok(TaskOutput::Pictures(drawn.map_err(|none| none.to_string())))
        }
        Task::ReadFirstPage => {
            Ok(TaskOutput::Lines(chuky_pki::picture::lines::first_page(Document::map(descriptor)?.bytes())))
        }
        Task::MeasureSheets { from, most } => {
            let measured = sheet::measure(Document::map(descriptor)?.bytes(), from, most);
            Ok(TaskOutput::Sheets(measured.map_err(|none| none.to_string())))
        }
        Task::DrawSheet(page) => {
            let drawn = sheet::draw(Document::map(descriptor)?.bytes(), page);
            Ok(TaskOutput::Sheet(drawn.map_err(|none| none.to_string())))
        }
        Task::ReadPicture(png) => {
            let picture = chuky_pki::pdf::write::Picture::from_png(&png).ok();
            Ok(TaskOutput::PictureRead(picture.map(|picture| picture.shows_ground())))
        }
        Task::ReadPackage => Ok(TaskOutput::Package(package::read(Document::map(descriptor)?.bytes()))),
        task @ (Task::Prepare(_)
        | Task::PrepareTimestamp { .. }
        | Task::ReadEnveloped { .. }
        | Task::AddLongTerm(_)
        | Task::Augment(_)
        | Task::MakeFields(_)
        | Task::FindAnchor(_)
        | Task::FillFields(_)) => {
            let document = Document::map(descriptor)?;
            Ok(update(task, document.bytes(), faces).unwrap_or_else(TaskOutput::Unsuitable))
        }
        Task::VerifyCertificate { name, certificate: der, evidence } => {
            Ok(TaskOutput::Certificate(Box::new(certificate::judge(&name, &der, &evidence))))
        }
        Task::ReadTrustedList { signers, at } => {
            let document = Document::map(descriptor)?;
            let read = chuky_pki::verify::read_trusted_list(document.bytes(), &signers, at);
            Ok(TaskOutput::TrustedList(read.map(Box::new)))
        }
        Task::ReadCodes { wanted } => Ok(TaskOutput::Codes(codes(Document::map(descriptor)?.bytes(), &wanted))),
        Task::ReadTable => Ok(TaskOutput::Table(table(Document::map(descriptor)?.bytes()))),
        Task::ReadRequest(input) => Ok(TaskOutput::Request(request::read(&input))),
        Task::Probe(wanted) => Ok(TaskOutput::Possible(probe::run(wanted))),
    }
}

/// What a signature, or what goes before and after it, appends to a document.
fn update(task: Task, source: &[u8], faces: &mut Faces) -> Result<TaskOutput, Unsuitable> {
    Ok(match task {
        Task::Prepare(wanted) => TaskOutput::Prepared(Box::new(signing::prepare(source, *wanted, faces)?)),
        Task::PrepareTimestamp { at, token_bytes } => {
            TaskOutput::Prepared(Box::new(signing::prepare_timestamp(source, at, token_bytes)?))
        }
        Task::ReadEnveloped { algorithm, behind } => {
            TaskOutput::Enveloped(signing::enveloped(source, algorithm, &behind)?)
        }
        Task::Augment(wanted) => TaskOutput::Augmented(augmentation::augment(source, wanted)?),
        Task::AddLongTerm(data) => TaskOutput::Update(signing::add_long_term(source, &data)?),
        Task::MakeFields(wanted) => TaskOutput::Update(form::make_fields(source, *wanted, faces)?),
        Task::FindAnchor(anchor) => TaskOutput::AnchorFound(signing::anchor_page(source, &anchor)?),
        Task::FillFields(values) => TaskOutput::Update(form::fill_fields(source, &values)?),
        _ => unreachable!("only tasks that append come here"),
    })
}

fn table(bytes: &[u8]) -> Result<Table, TableUnreadable> {
    if workbook::is_workbook(bytes) { workbook::read(bytes) } else { Table::of_csv(bytes) }
}

fn context(evidence: Evidence) -> io::Result<VerificationContext> {
    let read = |list: Vec<Vec<u8>>| {
        list.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)
    };
    let gaps = if evidence.wants_gaps { Gaps::collecting() } else { Gaps::default() };
    let relied = if evidence.wants_relied { Relied::collecting() } else { Relied::default() };
    let context = VerificationContext {
        anchors: read(evidence.anchors)?,
        recorded: evidence.trust.map(Recorded::read).transpose().map_err(io::Error::other)?.map(Arc::new),
        intermediates: read(evidence.intermediates)?,
        crls: evidence.crls,
        ocsp_responses: evidence.ocsp_responses,
        holds: evidence.holds,
        at: evidence.at,
        policy: ValidationPolicy::of_text(&evidence.policy).map_err(io::Error::other)?,
        gaps,
        relied,
    };
    Ok(context.with_fetched(evidence.fetched))
}

/// A document as bytes, mapped where it is a file with content.
enum Document {
    Mapped(memmap2::Mmap),
    Empty,
}

impl Document {
    #[allow(unsafe_code)]
    fn map(descriptor: Option<OwnedFd>) -> io::Result<Self> {
        let file = File::from(descriptor.ok_or_else(|| io::Error::other("the task came without its document"))?);
        if file.metadata()?.len() == 0 {
            return Ok(Self::Empty);
        }
        // SAFETY: the service hands over a private, sealed or unlinked copy that nobody else writes to or truncates. For
        // `chuky verify` the file is the user's own; were it truncated meanwhile, this process alone dies of SIGBUS.
        Ok(Self::Mapped(unsafe { memmap2::Mmap::map(&file)? }))
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Empty => &[],
        }
    }
}

/// Bytes of stack, beyond what the bounded recursion of the parsers needs.
const STACK: usize = 64 << 20;
/// No further page is drawn after this time: whoever asked waits for the verdict, not for pictures.
const LONGEST_DRAWING: Duration = Duration::from_secs(4);
/// The exit status that a panic ends in, as Rust's own.
const PANICKED: i32 = 101;
