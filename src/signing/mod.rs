//! Documents that people sign: given, kept encrypted, signed with a credential, handed back. A stranger's bytes are parsed in reader
//! workers only; the service itself moves, hashes and encrypts them. May use `custody`, `issuance`, `reader` and `store`.

mod archive;
mod assembly;
mod augment;
mod batch;
pub mod code;
mod create;
mod document;
mod earlier;
mod erased;
mod evidence;
mod extend;
pub mod files;
mod form;
pub mod limits;
pub mod own;
pub mod picture;
mod places;
pub mod remote;
mod request;
mod routed;
mod secrecy;
pub mod sheets;
mod sign;
pub mod two_step;

pub use archive::{
    DueArchive, ROAD_KIND as ROAD_ARCHIVE, archive_wanted, archived, due_on_roads,
    find_unrenewed as find_unrenewed_archives, is_archived, renew_due as renew_archives,
};
pub use batch::{ToSign, sign_all};
pub use document::{
    Content, DocumentPage, DocumentView, Upload, Uploaded, clear_up, content, list, load, name_of as document_name,
    view,
};
pub use earlier::attest_earlier;
pub use erased::{remove_documents_of, remove_unsigned};
pub use extend::{ArchiveLevel, ExtensionRequest, extend};
pub use form::signed_name;
pub use places::{Clear, Place, Places};
pub use request::{AnchorWanted, Format, Level, Look, Packaging, PageWanted, SignRequest, unit_of};
pub use routed::{
    PACKAGE, content_of_road, extended, first_page, insert_taken, of_road, package_taken, routed_content, taken,
};
pub use secrecy::{refuse_marked, refuse_secret};
pub use sign::{Signed, Unrecorded, read as read_by_reader, sign};
