//! Reports on what no reader could judge. Each says what happened and what to do; none of them is ever a valid answer.

use super::limits::{LARGEST_FILE, PIECE};
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

/// Why a document was not judged to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unjudged {
    /// It has so many bytes, more than are read.
    TooLarge(u64),
    /// The reader's time was over: a machine that is busy, or a file that asks for much.
    OutOfTime(String),
    /// The reader ended in the middle, or answered what nobody asked.
    Stopped(String),
}

/// The report on a document that was not judged to the end.
pub fn unread(name: &str, sha256: Option<String>, why: &Unjudged) -> Report {
    let megabytes = |bytes: u64| bytes / 1_000_000;
    let (sub, check, message, next_step) = match why {
        Unjudged::TooLarge(length) => (
            SubIndication::PolicyProcessingError,
            Check::not_done("size_limit", format!("the file has {length} bytes; at most {LARGEST_FILE} are read")),
            Bilingual::new(
                format!(
                    "Tệp có {} MB, lớn hơn mức {} MB nên chưa được kiểm tra.",
                    megabytes(*length),
                    megabytes(LARGEST_FILE)
                ),
                format!(
                    "The file has {} MB, more than {} MB, and was not checked.",
                    megabytes(*length),
                    megabytes(LARGEST_FILE)
                ),
            ),
            Bilingual::new(
                "Tệp không bị coi là sai. Hãy xin người gửi bản nhỏ hơn, chẳng hạn chia thành nhiều tệp, rồi kiểm tra từng tệp.",
                "Nothing is wrong with the file as far as is known. Ask the sender for a smaller version, such as several files, and check each.",
            ),
        ),
        Unjudged::OutOfTime(reason) => (
            SubIndication::TryLater,
            Check::not_done("time_limit", reason),
            Bilingual::new(
                "Chưa kiểm tra xong trong thời gian cho phép; hệ thống có thể đang bận.",
                "The check did not finish in the time allowed; the system may be busy.",
            ),
            Bilingual::new(
                "Hãy kiểm tra lại sau ít phút. Nếu vẫn như vậy, hãy báo cho quản trị viên: tệp này cần nhiều thời gian hơn mức đặt.",
                "Check again in a few minutes. If it happens again, tell the administrator: this file needs more time than is set.",
            ),
        ),
        Unjudged::Stopped(reason) => (
            SubIndication::PolicyProcessingError,
            Check::not_done("reader", reason),
            Bilingual::new(
                "Chưa xác định được: bộ đọc đã dừng giữa chừng khi đọc tệp này.",
                "Cannot be determined: the reader stopped in the middle of this file.",
            ),
            Bilingual::new(
                "Hãy kiểm tra lại. Nếu vẫn như vậy, tệp có thể bị hỏng hoặc được tạo bất thường: hãy xin bản gốc từ người gửi.",
                "Check again. If it happens again, the file may be damaged or made abnormally: ask the sender for the original.",
            ),
        ),
    };
    Report { sub_indication: Some(sub), ..undetermined(name, sha256, check, message, next_step) }
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
        trust: None,
        checks: vec![check],
    }
}
