//! Reports on what no reader could judge. Each says what happened and what to do; none of them is ever a valid answer.

use super::limits::PIECE;
use chuky_model::{
    report::{Check, DocumentFormat, Indication, Integrity, Report, SubIndication},
    text::Bilingual,
};
use chuky_pki::{algorithm::DigestAlgorithm, crypto::Hasher};
use std::{fs::File, os::unix::fs::FileExt};

/// SHA-256 of a file in lower-case hex, read in pieces from its start; `None` where it cannot be read to its end.
pub fn digest_of(file: &File) -> Option<String> {
    let mut hasher = Hasher::new(DigestAlgorithm::Sha256);
    let mut piece = vec![0; PIECE];
    let mut offset = 0_u64;
    loop {
        match file.read_at(&mut piece, offset).ok()? {
            0 => return Some(hex::encode(hasher.finish())),
            count => {
                hasher.update(piece.get(..count)?);
                offset = offset.checked_add(u64::try_from(count).ok()?)?;
            }
        }
    }
}

/// The report on a file that could not be opened.
pub fn unreadable(name: &str, reason: &str) -> Report {
    let message = Bilingual::new(
        "Không mở được tệp này nên chưa kiểm tra được.",
        "This file could not be opened, so it could not be checked.",
    );
    let next_step = Bilingual::new(
        "Kiểm tra đường dẫn và quyền đọc tệp, rồi thử lại.",
        "Check the path and the right to read the file, then try again.",
    );
    undetermined(name, None, Check::not_done("reading", reason), message, next_step)
}

/// The report on a document that the reader could not finish within its limits.
pub fn unread(name: &str, sha256: Option<String>, reason: &str) -> Report {
    let message = Bilingual::new(
        "Chưa xác định được: tệp này không thể đọc xong trong giới hạn an toàn.",
        "Cannot be determined: this file could not be read within the safe limits.",
    );
    let next_step = Bilingual::new(
        "Xin người gửi bản gốc của văn bản; tệp có thể bị hỏng hoặc được tạo bất thường.",
        "Ask the sender for the original document; the file may be damaged or made abnormally.",
    );
    undetermined(name, sha256, Check::not_done("reading", reason), message, next_step)
}

fn undetermined(name: &str, sha256: Option<String>, check: Check, message: Bilingual, next_step: Bilingual) -> Report {
    Report {
        file: name.to_owned(),
        sha256,
        format: DocumentFormat::Unknown,
        integrity: Integrity::Unknown,
        indication: Indication::Indeterminate,
        sub_indication: Some(SubIndication::SignedDataNotFound),
        message,
        next_step,
        signatures: Vec::new(),
        timestamps: Vec::new(),
        policy: None,
        checks: vec![check],
    }
}
