//! What a reader does for signatures that are taken to a higher level: it says what a timestamp must be over, and what changes in the file.

use super::signing::Unsuitable;
use chuky_model::text::Bilingual;
use chuky_pki::{
    Error,
    splice::Splice,
    verify::augmentation::{self, Addition, Over},
};
use serde::{Deserialize, Serialize};

/// What is asked about the signatures of a file. Where a detached signature's content was handed in too, it lies behind the file, after
/// `content_after` bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Augmenting {
    pub content_after: Option<u64>,
    pub wanted: Augmentation,
}

/// Which of the three.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Augmentation {
    /// The identifiers of all signatures.
    Signatures,
    /// What timestamps on these signatures must be over.
    Imprints { over: Over, signatures: Vec<String> },
    /// What changes where these are added.
    Add(Vec<(String, Addition)>),
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Augmented {
    Signatures(Vec<String>),
    /// SHA-256 each, in the order that was asked for.
    Imprints(Vec<[u8; 32]>),
    Splices(Vec<Splice>),
}

pub(super) fn augment(handed: &[u8], wanted: Augmenting) -> Result<Augmented, Unsuitable> {
    let place = wanted.content_after.and_then(|place| usize::try_from(place).ok());
    let (bytes, content) = match place.and_then(|place| handed.split_at_checked(place)) {
        Some((bytes, content)) => (bytes, Some(content)),
        None => (handed, None),
    };
    let answer = match wanted.wanted {
        Augmentation::Signatures => augmentation::signatures(bytes).map(Augmented::Signatures),
        Augmentation::Imprints { over, signatures } => {
            let imprints = signatures.iter().map(|one| augmentation::imprint(bytes, content, one, over));
            imprints.collect::<Result<_, _>>().map(Augmented::Imprints)
        }
        Augmentation::Add(additions) => augmentation::add(bytes, content, &additions).map(Augmented::Splices),
    };
    answer.map_err(|error| unsuitable(&error))
}

fn unsuitable(error: &Error) -> Unsuitable {
    Unsuitable {
        reason: error.to_string(),
        message: Bilingual::new(
            format!(
                "Không thêm được dữ liệu lưu trữ vào chữ ký này do cách tệp được tạo ra ({error}). Hãy giữ tệp như hiện có, hoặc đề nghị người ký ký lại ở mức LTA."
            ),
            format!(
                "Nothing can be added to this signature because of how the file was made ({error}). Keep the file as it is, or ask the signer to sign again at level LTA."
            ),
        ),
    }
}
