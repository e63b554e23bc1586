//! Signatures in other formats than PDF taken to a higher level (EN 319 132-1 §5.3 to §5.5, EN 319 122-1 §5.3 to §5.5, TS 119 182-1 §5.3): a reader says
//! what changes where, and here those octets are put in, tokens asked for and everything else copied. Tried without a timestamp first.

use super::{
    evidence::Stamping,
    extend::{ArchiveLevel, ExtensionRequest},
    files,
    limits::{AUGMENTED, PIECE},
    places::{Clear, Wanted, in_pieces},
    sign::{disk, pki, read, unexpected},
};
use crate::{
    app::App,
    error::{InternalError, RequestError, Result},
    reader::{Augmentation, Augmented, Augmenting, Evidence, Task, TaskOutput},
    verification,
};
use chuky_model::report::{Indication, Integrity, Report};
use chuky_pki::{
    pdf::write::LongTermData,
    splice::{self, Splice},
    verify::augmentation::{Addition, Over},
};
use std::io::{Read, Seek, SeekFrom, Write};

/// A signed file with what its signatures cover where that lies outside.
pub(super) struct Signatures<'a> {
    pub(super) app: &'a App,
    pub(super) name: &'a str,
    pub(super) clear: Clear,
    pub(super) content: Option<&'a Clear>,
}

/// What they are taken to.
pub(super) struct Aim<'a> {
    pub(super) stamping: &'a Stamping,
    pub(super) wanted: &'a ExtensionRequest,
    /// The verdict on the file as it is, and what it was made by.
    pub(super) report: &'a Report,
    pub(super) evidence: &'a Evidence,
}

impl Signatures<'_> {
    /// Those that are asked for, taken to the level; how many timestamps were added. `data` is what checks them later.
    pub(super) async fn taken_to(mut self, aim: &Aim<'_>, data: LongTermData) -> Result<(Clear, usize)> {
        let chosen = self.chosen(aim.wanted).await?;
        let lacking: Vec<String> = chosen.iter().filter(|one| lacks_time(aim.report, one)).cloned().collect();
        let mut added = lacking.len();
        // 1. What cannot be added to, or would break by it, is refused before a timestamp is made.
        let data = |chosen: &[String]| -> Vec<(String, Addition)> {
            chosen.iter().map(|one| (one.clone(), Addition::ValidationData(data.clone()))).collect()
        };
        self.rehearse(aim, &chosen, data(&chosen)).await?;
        // 2. A proven time (level T), before the data that checks it.
        self.stamp(aim.stamping, Over::Signature, lacking).await?;
        // 3. That data (level LT).
        if aim.wanted.level != ArchiveLevel::T {
            self.clear = self.with(data(&chosen)).await?;
        }
        // 4. A timestamp over all of it (level LTA).
        if aim.wanted.level == ArchiveLevel::LTA {
            added = added.saturating_add(chosen.len());
            self.stamp(aim.stamping, Over::Archive, chosen).await?;
        }
        Ok((self.clear, added))
    }

    /// The signatures that are asked for, or all.
    async fn chosen(&self, wanted: &ExtensionRequest) -> Result<Vec<String>> {
        let Augmented::Signatures(known) = self.ask(Augmentation::Signatures).await? else {
            return Err(unexpected().into());
        };
        let chosen = match &wanted.signatures {
            None => known,
            Some(asked) => {
                let mut asked = asked.clone();
                asked.sort();
                asked.dedup();
                if asked.is_empty() || asked.iter().any(|one| !known.contains(one)) {
                    return Err(no_such_signature().into());
                }
                asked
            }
        };
        if chosen.len() > AUGMENTED { Err(too_many().into()) } else { Ok(chosen) }
    }

    /// The same with the data alone, judged: every signature and timestamp must be what it was before.
    async fn rehearse(&self, aim: &Aim<'_>, chosen: &[String], data: Vec<(String, Addition)>) -> Result<()> {
        let clear = self.with(data).await?;
        let files = (&*clear, self.content.map(|content| &**content));
        let after = verification::judge_again(self.app, self.name, files, aim.evidence.clone()).await?.report;
        if after.integrity != Integrity::Intact
            || after.signatures.len() != aim.report.signatures.len()
            || sound(&after) < sound(aim.report)
        {
            tracing::info!(event = "not_extended", integrity = ?after.integrity, indication = ?after.indication);
            return Err(would_break().into());
        }
        if aim.wanted.level == ArchiveLevel::LTA {
            let asked = Augmentation::Imprints { over: Over::Archive, signatures: chosen.to_vec() };
            Signatures { clear, ..*self }.ask(asked).await?;
        }
        Ok(())
    }

    /// With a timestamp on each of these, all over the file as it is now.
    async fn stamp(&mut self, stamping: &Stamping, over: Over, signatures: Vec<String>) -> Result<()> {
        if signatures.is_empty() {
            return Ok(());
        }
        let asked = Augmentation::Imprints { over, signatures: signatures.clone() };
        let Augmented::Imprints(imprints) = self.ask(asked).await? else { return Err(unexpected().into()) };
        if imprints.len() != signatures.len() {
            return Err(unexpected().into());
        }
        let mut additions = Vec::new();
        for (signature, imprint) in signatures.into_iter().zip(imprints) {
            let token = stamping.timestamp(self.app, &imprint).await?;
            additions.push((signature, Addition::Timestamp { over, token }));
        }
        self.clear = self.with(additions).await?;
        Ok(())
    }

    /// The file with these, as a file of its own.
    async fn with(&self, additions: Vec<(String, Addition)>) -> Result<Clear> {
        let Augmented::Splices(splices) = self.ask(Augmentation::Add(additions)).await? else {
            return Err(unexpected().into());
        };
        let (app, clear) = (self.app.clone(), self.clear.again().map_err(disk())?);
        in_pieces(move |wanted| {
            let out = clear.beside(files::unnamed(&app.settings)?);
            spliced(clear, out, &splices, wanted)
        })
        .await
    }

    async fn ask(&self, wanted: Augmentation) -> Result<Augmented> {
        let task = |content_after| Task::Augment(Augmenting { content_after, wanted });
        let answer = match self.content {
            None => read(self.app, task(None), &self.clear).await?,
            Some(content) => {
                let length = self.clear.metadata().map_err(disk())?.len();
                let both = verification::joined(&self.clear, content)?;
                read(self.app, task(Some(length)), &both).await?
            }
        };
        match answer {
            TaskOutput::Augmented(augmented) => Ok(augmented),
            _ => Err(unexpected().into()),
        }
    }
}

/// Copies a file with these done to it. Nothing of it is understood here.
fn spliced(mut from: Clear, mut to: Clear, splices: &[Splice], wanted: &Wanted) -> Result<Clear> {
    let length = from.metadata().map_err(disk())?.len();
    splice::check(splices, length).map_err(pki)?;
    let mut at = 0;
    for splice in splices {
        copy_between(&mut from, &mut to, (at, splice.at), wanted)?;
        to.write_all(&splice.inserted).map_err(disk())?;
        at = splice.end();
    }
    copy_between(&mut from, &mut to, (at, length), wanted)?;
    Ok(to)
}

fn copy_between(from: &mut Clear, to: &mut Clear, (start, end): (u64, u64), wanted: &Wanted) -> Result<()> {
    from.seek(SeekFrom::Start(start)).map_err(disk())?;
    let (mut left, mut piece) = (end.saturating_sub(start), vec![0; PIECE]);
    while left > 0 {
        wanted.check().map_err(disk())?;
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
        let count = from.read(piece.get_mut(..most).unwrap_or_default()).map_err(disk())?;
        if count == 0 {
            return Err(InternalError::other("a file is shorter than it was").into());
        }
        to.write_all(piece.get(..count).unwrap_or_default()).map_err(disk())?;
        left = left.saturating_sub(u64::try_from(count).unwrap_or(left));
    }
    Ok(())
}

/// Whether nothing proves yet when that signature was there.
fn lacks_time(report: &Report, signature: &str) -> bool {
    report.signatures.iter().any(|line| line.id == signature && line.best_signature_time.is_none())
}

/// Timestamps that count.
pub(super) fn sound(report: &Report) -> usize {
    report.timestamps.iter().filter(|line| line.indication == Indication::TotalPassed).count()
}

fn no_such_signature() -> RequestError {
    RequestError::invalid(
        "signatures",
        "signature_not_found",
        "Tệp này không có chữ ký mang mã đó. Hãy kiểm tra tệp và dùng mã (id) trong kết quả, hoặc bỏ trống để chọn tất cả.",
        "The file has no signature of that identifier. Verify the file and use an id of its report, or leave it out for all.",
    )
}

fn too_many() -> RequestError {
    RequestError::invalid(
        "signatures",
        "too_many_signatures",
        format!("Mỗi lần nâng mức được tối đa {AUGMENTED} chữ ký. Hãy chọn từng phần trong danh sách signatures."),
        format!("At most {AUGMENTED} signatures are extended at once. Choose some of them in signatures."),
    )
}

fn would_break() -> RequestError {
    RequestError::conflict(
        "extension_would_break",
        "Không nâng mức được vì phần thêm vào sẽ làm hỏng một chữ ký hoặc dấu thời gian khác đang bao trùm nó. Hãy giữ tệp như hiện có, hoặc chọn chữ ký khác.",
        "This cannot be extended: what is added would break another signature or timestamp that covers it. Keep the file as it is, or choose another signature.",
    )
}
