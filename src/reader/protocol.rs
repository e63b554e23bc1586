//! Frames between the service and a reader worker: a length, postcard, and with a task the document's descriptor.

use super::signing::{Preparation, Unsuitable};
use chuky_model::{
    algorithm::HashAlgorithm,
    instant::Instant,
    report::{CertificateReport, Report},
    table::{Table, TableUnreadable},
};
use chuky_pki::{
    creation::Enveloped,
    pdf::write::{LongTermData, Prepared},
    picture::{PagePictures, Picture, Wanted, code::Unreadable, sheet::Sheets},
    revocation::Hold,
    trusted_list::TrustedList,
    verify::{Fetched, Gap, ListRefused, TrustSnapshot, policy::ValidationPolicy},
};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
};

/// Sends a frame, and a descriptor with its first byte where there is one.
pub fn send<T: Serialize>(stream: &mut UnixStream, message: &T, descriptor: Option<&File>) -> io::Result<()> {
    let body = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    if length > LONGEST_FRAME {
        return Err(io::Error::other("the frame is longer than allowed"));
    }
    let mut frame = Vec::with_capacity(body.len() + 4);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&body);
    let sent = match descriptor {
        None => 0,
        Some(file) => {
            let descriptors = [file.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
            sendmsg(&*stream, &[IoSlice::new(&frame)], &mut ancillary, SendFlags::NOSIGNAL)?
        }
    };
    stream.write_all(frame.get(sent..).unwrap_or_default())
}

/// Receives a frame and the descriptor that came with it. `None` at the orderly end of the stream.
pub fn receive<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<Option<(T, Option<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut head = [0_u8; 4];
    let received = recvmsg(&*stream, &mut [IoSliceMut::new(&mut head)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?.bytes;
    if received == 0 {
        return Ok(None);
    }
    let descriptor = ancillary.drain().find_map(|message| {
        if let RecvAncillaryMessage::ScmRights(mut rights) = message { rights.next() } else { None }
    });
    if let Some(rest) = head.get_mut(received..) {
        stream.read_exact(rest)?;
    }
    let length = u32::from_be_bytes(head);
    if length > LONGEST_FRAME {
        return Err(io::Error::other("the frame is longer than allowed"));
    }
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body)?;
    Ok(Some((postcard::from_bytes(&body).map_err(io::Error::other)?, descriptor)))
}

/// Bytes of a frame: contexts with large CRLs, prepared updates with appearances, page pictures.
const LONGEST_FRAME: u32 = 64 << 20;

/// What a worker is asked to do with the document whose descriptor comes with the frame.
#[derive(Debug, Serialize, Deserialize)]
pub enum Task {
    /// Says which confinements took hold; no document.
    Hello,
    /// Judges the document. Where a detached signature's content was handed in too, it lies behind the document, after that
    /// many bytes.
    Verify { name: String, evidence: Evidence, content_after: Option<u64> },
    /// Draws pages of the document.
    Draw(Wanted),
    /// Judges one certificate (DER); no document.
    VerifyCertificate { name: String, certificate: Vec<u8>, evidence: Evidence },
    /// Reads the trusted list whose descriptor comes along, signed with one of these certificates (SHA-256).
    ReadTrustedList { signers: Vec<[u8; 32]>, at: Instant },
    /// Reads the QR codes in the picture whose descriptor comes along, thoroughly enough to find one that begins so.
    ReadCodes { wanted: String },
    /// Reads a certification request (DER or PEM); no document.
    ReadRequest(Vec<u8>),
    /// Reads the table in the CSV file or workbook whose descriptor comes along.
    ReadTable,
    /// Tries the sandbox; no document.
    Probe(super::Probe),
    /// Prepares a signature in the document.
    Prepare(Box<Preparation>),
    /// Prepares a document timestamp over a PDF, with room for a token of that many bytes.
    PrepareTimestamp { at: Instant, token_bytes: usize },
    /// Finds where a signature inside the XML document goes, and the digest of the document's canonical form and what is behind it.
    ReadEnveloped { algorithm: HashAlgorithm, behind: Vec<u8> },
    /// Makes the fields of an outgoing document in a PDF that nobody has signed.
    MakeFields(Box<super::FieldsWanted>),
    /// Fills text fields of a PDF.
    FillFields(Vec<(String, String)>),
    /// Reads the lines of a PDF's first page.
    ReadFirstPage,
    /// Reads an edXML package.
    ReadPackage,
    /// Says what takes the signatures of a file that is no PDF to a higher level.
    Augment(super::Augmenting),
    /// Adds long-term data to the signed document.
    AddLongTerm(LongTermData),
    /// Counts pages and measures some, from that number.
    MeasureSheets { from: u32, most: u32 },
    /// Draws one page: that number, or the last.
    DrawSheet(Option<u32>),
    /// Finds the page on which a text stands.
    FindAnchor(super::Anchor),
    /// Decodes a picture of handwriting or a seal; no document.
    ReadPicture(Vec<u8>),
}

/// What a verdict may rely on beside the document itself, as bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// Trusted roots, DER each.
    pub anchors: Vec<Vec<u8>>,
    /// Anchors with purpose, time and origin.
    pub trust: Option<TrustSnapshot>,
    /// Further certificates for paths, DER each.
    pub intermediates: Vec<Vec<u8>>,
    /// DER each.
    pub crls: Vec<Vec<u8>>,
    /// DER each.
    pub ocsp_responses: Vec<Vec<u8>>,
    /// Suspensions that were lifted.
    pub holds: Vec<Hold>,
    /// The moment of the verdict.
    pub at: Instant,
    /// The validation policy's text.
    pub policy: String,
    /// What was fetched because an earlier verdict on the same document lacked it; unread.
    pub fetched: Vec<Fetched>,
    /// Whether the reader says what was missing.
    pub wants_gaps: bool,
    /// Whether the reader says what the verdict relied on.
    pub wants_relied: bool,
}

impl Evidence {
    /// Nothing but the moment and the default policy.
    pub fn at(at: Instant) -> Self {
        let policy = ValidationPolicy::built_in_text("default").unwrap_or_default().to_owned();
        Self {
            anchors: vec![],
            trust: None,
            intermediates: vec![],
            crls: vec![],
            ocsp_responses: vec![],
            holds: vec![],
            at,
            policy,
            fetched: vec![],
            wants_gaps: false,
            wants_relied: false,
        }
    }
}

/// What is told beside a report, where it was asked for.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Aside {
    /// What the verdict lacked.
    pub gaps: Vec<Gap>,
    /// What it relied on.
    pub relied: LongTermData,
}

/// What came of a task.
#[derive(Debug, Serialize, Deserialize)]
pub enum TaskOutput {
    Hello(super::Confinement),
    Report(Box<Report>, Aside),
    /// Pictures of pages, or why there are none.
    Pictures(Result<Vec<PagePictures>, String>),
    Prepared(Box<Prepared>),
    Enveloped(Enveloped),
    /// What must be appended to the document.
    Update(Vec<u8>),
    Augmented(super::Augmented),
    Package(Result<super::PackageRead, super::PackageUnusable>),
    /// Of the first page, without white space; `None` where it could not be read.
    Lines(Option<Vec<String>>),
    Unsuitable(Unsuitable),
    Certificate(Box<CertificateReport>),
    Request(Result<super::RequestRead, super::RequestUnusable>),
    Codes(Result<Vec<String>, Unreadable>),
    TrustedList(Result<Box<TrustedList>, ListRefused>),
    Table(Result<Table, TableUnreadable>),
    /// What a probe found possible that must not be.
    Possible(Vec<String>),
    /// Or why the pages cannot be drawn.
    Sheets(Result<Sheets, String>),
    Sheet(Result<Picture, String>),
    /// The page's number, from 1.
    AnchorFound(u32),
    /// Whether it is a PNG whose ground is transparent; `None` where it is no PNG within the bounds.
    PictureRead(Option<bool>),
}
