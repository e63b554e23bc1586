//! Reader workers: the only processes that parse, compare and render documents that strangers made. Each runs under limits
//! of memory, time and files, with no network, and is retired at once after anything abnormal. The service never parses
//! such a document itself; it hands over a descriptor and gets a report, or the fact that there could be none.

mod augmentation;
mod certificate;
mod code;
mod form;
mod package;
mod pool;
mod probe;
mod protocol;
mod request;
mod sandbox;
mod signing;
pub mod table;
mod worker;

pub use augmentation::{Augmentation, Augmented, Augmenting};
pub use code::CodeWanted;
pub use form::{FieldsWanted, SignerWanted, TextWanted};
pub use package::{ATTACHED, AttachmentRead, PackageRead, PackageUnusable};
pub use pool::{ReaderFailure, ReaderPool};
pub use probe::Probe;
pub use protocol::{Aside, Evidence, Task, TaskOutput};
pub use request::{RequestRead, RequestUnusable};
pub use sandbox::Confinement;
pub use signing::{Anchor, Appearance, Corner, Page, Place, Preparation, Side, Unsuitable};
pub use worker::run as run_worker;
