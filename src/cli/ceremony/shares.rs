//! Custodians' shares as they come in: out of files, or typed one by one without echo, each judged while its holder is still there.

use super::Here;
use crate::{
    cli::secret,
    custodians::{Opened, refused, share_error_in_words},
    error::{InternalError, RequestError, Result},
};
use chuky_hsm::share::{Purpose, Share};
use chuky_model::text::Language;
use std::fs;

impl Here<'_> {
    /// Secrets out of shares: from the files that were named, else from the terminal.
    pub(super) fn opened(&self, needed: &[Purpose], admit: impl Fn(&Share) -> Result<()>) -> Result<Opened> {
        if needed.is_empty() || !self.shares.is_empty() {
            return self.opened_from_files(admit);
        }
        let mut shares: Vec<Share> = Vec::new();
        for purpose in needed {
            let (vi, en) = crate::custodians::purpose_in_words(*purpose);
            let mut threshold = 2;
            loop {
                let entered = shares.iter().filter(|share| share.purpose == *purpose).count();
                if entered >= threshold {
                    break;
                }
                let number = entered.saturating_add(1);
                let question = match self.language {
                    Language::Vi => format!("{vi}: mảnh thứ {number}: "),
                    Language::En => format!("{en}: share {number}: "),
                };
                let typed = secret::ask(&question).map_err(InternalError::io("the terminal"))?;
                if typed.trim().is_empty() {
                    return Err(given_up().into());
                }
                match self.admitted(*purpose, &typed, &shares, &admit) {
                    Ok(share) => {
                        threshold = usize::from(share.threshold);
                        shares.push(share);
                    }
                    // Whoever typed it is still here: told at once, and asked again.
                    Err(crate::error::Error::Request(error)) => {
                        eprintln!("chuky: {}", error.detail.in_language(self.language));
                    }
                    Err(other) => return Err(other),
                }
            }
        }
        Opened::of_shares(&shares)
    }

    fn admitted(
        &self,
        purpose: Purpose,
        typed: &str,
        before: &[Share],
        admit: impl Fn(&Share) -> Result<()>,
    ) -> Result<Share> {
        let share = Share::parse(typed).map_err(|error| refused(purpose, &error))?;
        let mut together: Vec<Share> = before.iter().filter(|other| other.purpose == purpose).cloned().collect();
        if share.purpose != purpose {
            return Err(another_purpose(share.purpose).into());
        }
        admit(&share)?;
        together.push(share.clone());
        match chuky_hsm::share::combine(&together) {
            Ok(_) | Err(chuky_hsm::share::ShareError::TooFew { .. }) => Ok(share),
            Err(error) => Err(refused(purpose, &error).into()),
        }
    }

    pub(super) fn opened_from_files(&self, admit: impl Fn(&Share) -> Result<()>) -> Result<Opened> {
        let mut shares = Vec::new();
        for file in self.shares {
            let shown = file.display().to_string();
            let text = fs::File::open(file).and_then(secret::first_line).map_err(InternalError::io(shown.clone()))?;
            let share = Share::parse(&text).map_err(|error| {
                let (vi, en) = share_error_in_words(&error);
                RequestError::invalid("share", "share_refused", format!("{shown}: {vi}"), format!("{shown}: {en}"))
            })?;
            admit(&share)?;
            shares.push(share);
        }
        Opened::of_shares(&shares)
    }
}

fn given_up() -> RequestError {
    RequestError::conflict("given_up", "Đã dừng; không có gì thay đổi.", "Given up; nothing was changed.")
}

fn another_purpose(purpose: Purpose) -> RequestError {
    let (vi, en) = crate::custodians::purpose_in_words(purpose);
    RequestError::invalid(
        "share",
        "share_of_another_purpose",
        format!("Mảnh này để mở thứ khác: {vi}."),
        format!("This share opens something else: the {en}."),
    )
}
