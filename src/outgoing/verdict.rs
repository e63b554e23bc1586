//! What is known of an incoming package: each attachment's verdict by our own verifier, whether its first page was searched for marks of
//! secrecy, whose signature it bears, and what speaks against taking it for the sender's document of that number. Decides nothing for
//! the clerk; stores nothing.

use super::{incoming::Details, limits::TITLES};
use crate::{
    accounts::Principal,
    app::App,
    audit::Actor,
    current,
    error::{Error, Result},
    reader::{AttachmentRead, PackageRead},
    signing,
    verification::{self, Spool, Submission},
};
use chuky_model::{
    record::{incoming::IncomingDocument, state::IncomingChangeKind},
    report::{Indication, Integrity, Outcome, Report, SignatureReport},
    text::Bilingual,
};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

/// One file of a package, looked at.
pub(super) struct Judged {
    pub(super) name: String,
    pub(super) report: Report,
    pub(super) sha256: Vec<u8>,
    /// The first page's lines without white space; `None` where it could not be read, or the file is no PDF.
    pub(super) lines: Option<Vec<String>>,
}

/// What becomes of a package.
pub(super) enum Verdict {
    /// Nothing speaks against it.
    Good,
    /// It goes back to its sender for this reason.
    Refused(Bilingual),
    /// Whether it is the sender's is the clerk's to find out: what is open.
    Open(Vec<Bilingual>),
}

impl Judged {
    /// Looks at a file. `document_secret` where its first page bears a mark of secrecy.
    pub(super) async fn of(app: &App, by: &Principal, attachment: &AttachmentRead) -> Result<Self> {
        let mut spool = Spool::new(&app.settings.data_dir, app.settings.largest_upload)?;
        spool.take(&attachment.content).await?;
        let head = attachment.content.get(..signing::limits::HEADER_WITHIN).unwrap_or(&attachment.content);
        let mut lines = None;
        if head.windows(5).any(|window| window == b"%PDF-") {
            let file = spool.finish().await?;
            lines = match signing::first_page(app, &file).await {
                // Not read within the limits is not searched; the verdict says the rest.
                Err(Error::Request(refused)) if refused.code == "document_unreadable" => None,
                other => other?,
            };
            spool = Spool::new(&app.settings.data_dir, app.settings.largest_upload)?;
            spool.take(&attachment.content).await?;
        }
        let policy = app.policies.standard().to_owned();
        let submission = Submission { name: attachment.name.clone(), document: spool, content: None, policy };
        let report = verification::verify_document(app, Actor::Account(by.account), submission).await?.report;
        Ok(Self { name: attachment.name.clone(), report, sha256: Sha256::digest(&attachment.content).to_vec(), lines })
    }

    /// Whether a valid signature in it is of that organization: its seal, or an official's certificate that names it.
    pub(super) fn is_signed_by(&self, organization: &str) -> bool {
        let is_good =
            |one: &&SignatureReport| one.indication == Indication::TotalPassed && one.integrity == Integrity::Intact;
        let mut signers = self.report.signatures.iter().filter(is_good).filter_map(|one| one.signer.as_ref());
        self.report.indication == Indication::TotalPassed
            && signers.any(|signer| is_same_name(&signer.organization, organization))
    }

    /// Who signed it, as the certificates name them.
    pub(super) fn signers(&self) -> Vec<String> {
        let named = |one: &SignatureReport| {
            let signer = one.signer.as_ref()?;
            Some(match signer.organization.is_empty() || signer.organization == signer.common_name {
                true => signer.common_name.clone(),
                false => format!("{} ({})", signer.common_name, signer.organization),
            })
        };
        self.report.signatures.iter().filter_map(named).collect()
    }
}

/// Decree 30/2020/NĐ-CP, article 21: authenticity and integrity are checked; what fails goes back. Appendix I: files beside the document
/// bear the agency's signature as well.
///
/// A package that calls a registered document back, or replaces it, says so in its header, which nobody signed: `about` is that document,
/// and what the sender signed must say the same.
pub(super) async fn verdict(
    app: &App,
    by: &Principal,
    read: &PackageRead,
    (judged, about): (&[Judged], Option<&About<'_>>),
) -> Result<Verdict> {
    let said = |one: &Judged| {
        let (name, message) = (&one.name, &one.report.message);
        Bilingual::new(format!("{name}: {}", message.vi), format!("{name}: {}", message.en))
    };
    let fails = |one: &&Judged| {
        one.report.indication == Indication::TotalFailed
            || matches!(one.report.integrity, Integrity::Altered | Integrity::Broken)
    };
    if let Some(one) = judged.iter().find(fails) {
        return Ok(Verdict::Refused(said(one)));
    }
    if judged.iter().all(|one| one.report.indication == Indication::NoSignatureFound) {
        return Ok(Verdict::Refused(Bilingual::new(
            "Gói tin không có văn bản nào mang chữ ký số.",
            "The package holds no document with a digital signature.",
        )));
    }
    let not_passed = judged.iter().filter(|one| one.report.indication != Indication::TotalPassed);
    let mut open: Vec<Bilingual> = not_passed.map(said).collect();
    let own: Vec<&Judged> = judged.iter().filter(|one| one.is_signed_by(&read.sender_name)).collect();
    if own.is_empty() {
        open.push(nobody_of(&read.sender_name));
    } else if number_shown(read, &own) == Outcome::Failed {
        open.push(another_number(read));
    }
    match about {
        Some(about) => open.extend(about.not_said(app, by, &own).await?),
        None => open.extend(known(app, by, &own).await?.as_ref().map(came_before)),
    }
    if let Some(name) = known_as(app, by, read).await? {
        open.push(another_name(&read.sender_id, &name));
    }
    Ok(if open.is_empty() { Verdict::Good } else { Verdict::Open(open) })
}

/// Whether number and notation of the header stand on the first page of a document that the sender signed.
pub(super) fn number_shown(read: &PackageRead, own: &[&Judged]) -> Outcome {
    let mut readable = own.iter().filter_map(|one| one.lines.as_ref()).filter(|lines| !lines.is_empty()).peekable();
    if readable.peek().is_none() {
        return Outcome::NotDone;
    }
    match readable.any(|lines| bears(lines, &read.number, &read.notation)) {
        true => Outcome::Passed,
        false => Outcome::Failed,
    }
}

/// What a package is about whose header calls a document back, or replaces it.
pub(super) struct About<'a> {
    pub(super) kind: IncomingChangeKind,
    pub(super) original: &'a IncomingDocument,
    /// Whether the package bears the name of the original itself.
    pub(super) same_name: bool,
}

impl About<'_> {
    /// What is open of it. A letter of the sender's says it where its first page names the original by number and notation and has a word for
    /// what is done to it, and where it was not here before: a document that only cites the original, a scan, and another copy of the
    /// original itself under its own name say nothing.
    async fn not_said(&self, app: &App, by: &Principal, own: &[&Judged]) -> Result<Option<Bilingual>> {
        let code = Details::of(app, self.original)?.code;
        let Some((number, notation)) = code.split_once('/') else { return Ok(Some(names_another(&code))) };
        let words: &[&str] = match self.kind {
            IncomingChangeKind::Recalled => &RECALLS,
            IncomingChangeKind::Replaced => &REPLACES,
        };
        let does = |lines: &[String]| match (self.kind, self.same_name) {
            // What stands in a document's place under its own number and day.
            (IncomingChangeKind::Replaced, true) => bears(lines, number, notation),
            (IncomingChangeKind::Recalled, true) => false,
            (_, false) => {
                let text = lines.iter().map(|line| plain(line)).collect::<String>();
                names(lines, number, notation) && words.iter().any(|word| text.contains(word))
            }
        };
        let mut before = None;
        for one in own.iter().filter(|one| one.lines.as_deref().is_some_and(does)) {
            match current::row(app, || app.store.incoming_with_attachment(&by.unit, &one.sha256)).await? {
                Some(earlier) => before = Some(earlier),
                None => return Ok(None),
            }
        }
        Ok(Some(match before {
            Some(earlier) => came_before(&earlier),
            None if self.same_name && self.kind == IncomingChangeKind::Recalled => under_its_name(&code),
            None => names_another(&code),
        }))
    }
}

/// As it is compared: without white space and capitals.
fn plain(text: &str) -> String {
    text.nfc().filter(|letter| !letter.is_whitespace()).collect::<String>().to_lowercase()
}

/// `Số:01/QĐ-UBND` in one line, or the number in a line of its own beside `Số:/QĐ-UBND`. Leading zeros count nothing.
fn bears(lines: &[String], number: &str, notation: &str) -> bool {
    let (own, behind) = (plain(number), format!("/{}", plain(notation)));
    let own = own.trim_start_matches('0');
    let lines: Vec<String> = lines.iter().map(|line| plain(line)).collect();
    let is_there = |line: &String| line.match_indices(&behind).any(|(at, _)| ends(line, at + behind.len()));
    let alone = || !own.is_empty() && lines.iter().any(|line| line.trim_start_matches('0') == own);
    names(&lines, number, notation) || (lines.iter().any(is_there) && alone())
}

/// Whether number and notation stand in one line, one behind the other.
fn names(lines: &[String], number: &str, notation: &str) -> bool {
    let number = plain(number).trim_start_matches('0').to_owned();
    if number.is_empty() {
        return false;
    }
    let behind = format!("/{}", plain(notation));
    let is_before = |text: &str| {
        let digits = text.len() - text.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
        text.get(text.len() - digits..).is_some_and(|digits| digits.trim_start_matches('0') == number)
            || text.strip_suffix(&number).is_some_and(|_| !number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    lines.iter().map(|line| plain(line)).any(|line| {
        let mut places = line.match_indices(&behind).map(|(at, _)| at).filter(|at| ends(&line, at + behind.len()));
        places.any(|at| line.get(..at).is_some_and(is_before))
    })
}

/// Whether a notation that ends there is no part of a longer one; a word may follow, because white space is gone.
fn ends(line: &str, at: usize) -> bool {
    let rest = line.get(at..).unwrap_or_default();
    let next = rest.chars().next();
    next.is_none_or(|next| !next.is_alphanumeric() && next != '-') || FOLLOWS.iter().any(|word| rest.starts_with(word))
}

/// What was registered already with every document that the sender signed here.
async fn known(app: &App, by: &Principal, own: &[&Judged]) -> Result<Option<IncomingDocument>> {
    let mut found = None;
    for one in own {
        found = current::row(app, || app.store.incoming_with_attachment(&by.unit, &one.sha256)).await?;
        if found.is_none() {
            return Ok(None);
        }
    }
    Ok(found)
}

/// What the agency of that code was called in what was registered of it last, where that is another name.
async fn known_as(app: &App, by: &Principal, read: &PackageRead) -> Result<Option<String>> {
    let last = current::row(app, || app.store.last_incoming_of(&by.unit, &read.sender_id)).await?;
    let Some(last) = last else { return Ok(None) };
    let name = Details::of(app, &last)?.sender_name;
    Ok((!is_same_name(&name, &read.sender_name)).then_some(name))
}

/// Whether two names of agencies are one: capitals, punctuation, abbreviated titles and the place of a tone's mark aside.
pub(super) fn is_same_name(one: &str, other: &str) -> bool {
    let one = folded(one);
    !one.is_empty() && one == folded(other)
}

fn folded(name: &str) -> Vec<String> {
    let lower = name.nfc().collect::<String>().to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let spelt = words.flat_map(|word| {
        let title = TITLES.iter().find(|(short, _)| *short == word).map(|(_, whole)| *whole);
        title.unwrap_or(word).split(' ')
    });
    spelt.map(tone_last).collect()
}

/// `hòa` and `hoà` are one syllable: the tone is put behind its letters.
fn tone_last(word: &str) -> String {
    let (tones, letters): (String, String) = word.nfd().partition(|letter| TONES.contains(letter));
    letters + &tones
}

fn nobody_of(sender: &str) -> Bilingual {
    Bilingual::new(
        format!(
            "Không có chữ ký hợp lệ nào của “{sender}”: con dấu hoặc chứng thư cán bộ phải ghi đúng tên cơ quan gửi."
        ),
        format!("No valid signature is of “{sender}”: a seal, or an official's certificate, that names the sender."),
    )
}

fn another_number(read: &PackageRead) -> Bilingual {
    let code = format!("{}/{}", read.number, read.notation);
    Bilingual::new(
        format!("Không thấy số, ký hiệu {code} của gói tin trên trang đầu của văn bản đã ký."),
        format!("The package's number {code} does not stand on the first page of the signed document."),
    )
}

fn came_before(earlier: &IncomingDocument) -> Bilingual {
    let (number, year) = (earlier.number.unwrap_or_default(), earlier.year.unwrap_or_default());
    Bilingual::new(
        format!("Chính văn bản đã ký này đã được ghi nhận cùng số đến {number} năm {year}, trong một gói tin khác."),
        format!(
            "This very signed document was taken with the incoming number {number} of {year}, from another package."
        ),
    )
}

fn names_another(code: &str) -> Bilingual {
    Bilingual::new(
        format!(
            "Không có văn bản nào do nơi gửi ký nói rõ trên trang đầu việc thu hồi hoặc thay thế {code}. Hãy xác nhận với nơi gửi trước khi ghi nhận."
        ),
        format!(
            "No document that the sender signed says on its first page that {code} is recalled or replaced. Ask the sender before you take it."
        ),
    )
}

fn under_its_name(code: &str) -> Bilingual {
    Bilingual::new(
        format!(
            "Gói tin thu hồi mang chính số, ký hiệu {code} của văn bản bị thu hồi, nên tệp kèm theo có thể là chính văn bản đó. Hãy xác nhận với nơi gửi trước khi ghi nhận."
        ),
        format!(
            "The recall bears the number {code} of the document that it calls back, so its file may be that very document. Ask the sender before you take it."
        ),
    )
}

fn another_name(code: &str, name: &str) -> Bilingual {
    Bilingual::new(
        format!("Mã định danh {code} ở lần nhận trước là của “{name}”."),
        format!("When something of {code} was registered last, it was called “{name}”."),
    )
}

/// Words for what a letter does to a document, as [`plain`] has them: thu hồi, hủy bỏ, bãi bỏ; thay thế.
const RECALLS: [&str; 4] = ["thuhồi", "hủybỏ", "huỷbỏ", "bãibỏ"];
const REPLACES: [&str; 1] = ["thaythế"];
/// What stands behind a notation in a sentence: `ngày`, `của`, `về`, `và`.
const FOLLOWS: [&str; 4] = ["ngày", "của", "về", "và"];
/// Grave, acute, tilde, hook, dot below.
const TONES: [char; 5] = ['\u{300}', '\u{301}', '\u{303}', '\u{309}', '\u{323}'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_agency_are_one_and_others_are_not() {
        for (one, other) in [
            ("Ủy ban nhân dân phường Hoa Sữa", "UỶ BAN NHÂN DÂN PHƯỜNG HOA SỮA"),
            ("UBND phường Hòa An", "Ủy ban nhân dân Phường Hoà An"),
            ("Bộ Nội vụ", "bộ nội vụ."),
        ] {
            assert!(is_same_name(one, other), "{one}");
        }
        for (one, other) in [
            ("UBND phường Hòa An", "UBND phường Hoa An"),
            ("UBND phường Hòa An", "UBND xã Hòa An"),
            ("", ""),
            ("Sở Tư pháp", "Sở Tư pháp tỉnh Hòa Bình"),
        ] {
            assert!(!is_same_name(one, other), "{one}");
        }
    }

    #[test]
    fn a_number_is_found_where_it_stands_and_nowhere_else() {
        let lines = |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| (*line).to_owned()).collect() };
        for (page, number, notation) in [
            (&["ỦYBAN", "Số:01/QĐ-UBND"][..], "01", "QĐ-UBND"),
            (&["Số:1/QĐ-UBND,"], "01", "QĐ-UBND"),
            (&["Số:/QĐ-UBND", "07"], "7", "QĐ-UBND"),
            (&["Số:12a/BNV-VP"], "12a", "BNV-VP"),
            (&["Số:01/Qđ-ubnd"], "1", "QĐ-UBND"),
        ] {
            assert!(bears(&lines(page), number, notation), "{page:?}");
        }
        for (page, number, notation) in [
            (&["Số:11/QĐ-UBND"][..], "1", "QĐ-UBND"),
            (&["Số:01/QĐ-UBNDX"], "01", "QĐ-UBND"),
            (&["Số:09/QĐ-UBND"], "01", "QĐ-UBND"),
            (&["Số:/QĐ-UBND", "08"], "7", "QĐ-UBND"),
            (&["7"], "7", "QĐ-UBND"),
            (&[], "7", "QĐ-UBND"),
        ] {
            assert!(!bears(&lines(page), number, notation), "{page:?}");
        }
    }

    #[test]
    fn another_document_is_named_only_where_its_number_stands_before_its_notation() {
        let lines = |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| (*line).to_owned()).collect() };
        for (page, is_named) in [
            (&["Số:05/QĐ-UBND", "ThuhồiQuyếtđịnhsố02/QĐ-UBNDngày05"][..], true),
            (&["Số:05/QĐ-UBND", "ThuhồiQuyếtđịnhsố02/QĐ-UBND,"], true),
            (&["Số:05/QĐ-UBND", "2"], false),
            (&["Số:05/QĐ-UBND", "số12/QĐ-UBND"], false),
            (&["số02/QĐ-UBND-VP"], false),
        ] {
            assert_eq!(names(&lines(page), "02", "QĐ-UBND"), is_named, "{page:?}");
        }
    }
}
