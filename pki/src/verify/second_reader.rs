//! A second opinion on what readers see: a reader of another make counts the pages. Asked only where something follows a signature,
//! never for a file that its signature covers whole. Its panics are caught, and where it gives up nothing is concluded.

use crate::pdf::PdfFile;
use chuky_model::report::Check;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Files above this size are not given to the second reader, which copies them: 8 MiB.
const LARGEST: usize = 8 << 20;
const NAME: &str = "second_reader";

/// Whether the other reader finds as many pages as ours.
pub(super) fn compare(file: &PdfFile<'_>) -> Check {
    if file.data().len() > LARGEST {
        return Check::not_done(NAME, "the file is larger than the second reader is given");
    }
    let ours = file.pages().len();
    let data = file.data().to_vec();
    let theirs = catch_unwind(AssertUnwindSafe(|| hayro_syntax::Pdf::new(data).ok().map(|pdf| pdf.pages().len())));
    match theirs {
        Ok(Some(theirs)) if theirs == ours => Check::passed(NAME),
        Ok(Some(theirs)) => Check::failed(NAME, format!("another reader sees {theirs} pages, not {ours}")),
        Ok(None) => Check::not_done(NAME, "the other reader cannot read the file"),
        Err(_) => Check::not_done(NAME, "the other reader gave up"),
    }
}
