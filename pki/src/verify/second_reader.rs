//! Second and third opinions on what readers see: hayro-syntax and lopdf read the signed revision and the current one, each with its own
//! eyes, and what changed for them must have changed for our reader, who judged it. Asked only where something follows a signature or
//! our own reading was repaired. Their panics are caught. Where one reads what was signed and gives up on what follows, or where none could be
//! asked, the file is left open: whoever appends must not be able to silence them.

mod hayro;
mod lopdf;
mod ours;
mod seen;
mod view;

use crate::pdf::{PdfFile, Reading};
use chuky_model::report::Check;
use seen::Reader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use view::{Difference, Outcome};

/// Files above this size are not given to readers that copy them: 64 MiB. Both together hold such a file three times, a quarter of a reader process's
/// memory (`readers.memory_mib`).
pub(super) const LARGEST: usize = 64 << 20;
/// The checks' names, in the order of the readers.
pub(super) const NAMES: [&str; 2] = ["second_reader", "third_reader"];

/// What the other readers say.
#[derive(Debug, Default)]
pub(super) struct Opinions {
    pub(super) checks: Vec<Check>,
    /// Why nothing can be concluded about what follows the signature, though it had to be asked about.
    pub(super) unheard: Option<&'static str>,
}

impl Opinions {
    /// Nobody is asked, for this reason.
    pub(super) fn not_asked(why: &str) -> Self {
        Self { checks: NAMES.map(|name| Check::not_done(name, why)).to_vec(), unheard: None }
    }
}

/// What the other readers say of the file and of its signed revision, given by its end and as it reads: `None` where nothing follows the
/// signature.
pub(super) fn compare<'d>(file: &PdfFile<'d>, signed: Option<(usize, Option<Rc<PdfFile<'d>>>)>) -> Opinions {
    let data = file.data();
    if data.len() > LARGEST {
        let unheard = signed.is_some().then_some(TOO_LARGE);
        return Opinions { unheard, ..Opinions::not_asked(TOO_LARGE) };
    }
    let (signed, older) = match signed {
        None => (None, None),
        Some((end, Some(older))) => (Some(end), Some(older)),
        Some(_) => return Opinions::not_asked("the signed revision cannot be read"),
    };
    let ours = (older.as_deref().map(ours::Ours::new), ours::Ours::new(file));
    let copy = std::sync::Arc::new(data.to_vec());
    let hayro = || {
        let open = |end: usize| hayro::open(&copy, end);
        opinion(&ours, signed, data.len(), &open)
    };
    let lopdf = || opinion(&ours, signed, data.len(), &|end| lopdf::open(data.get(..end)?));
    let answers: [&dyn Fn() -> Result<(), Answer>; 2] = [&hayro, &lopdf];
    let answers = answers.map(|answer| catch_unwind(AssertUnwindSafe(answer)).unwrap_or(Err(Answer::Lost(GAVE_UP))));
    Opinions { unheard: signed.and_then(|_| unheard(&answers)), checks: NAMES.iter().zip(answers).map(check).collect() }
}

const TOO_LARGE: &str = "the file is larger than other readers are given";
const GAVE_UP: &str = "the other reader gave up";

/// Why a reader does not simply agree.
#[derive(Debug)]
enum Answer {
    Disagrees(String),
    /// It cannot read what was signed, so nothing that came later took its voice.
    Stranger(&'static str),
    /// It reads what was signed and not what the file became.
    Lost(&'static str),
}

/// Whether the answers leave open what the update did: a reader was lost on the way, or none reads such files.
fn unheard(answers: &[Result<(), Answer>]) -> Option<&'static str> {
    let lost = answers.iter().find_map(|answer| if let Err(Answer::Lost(why)) = answer { Some(*why) } else { None });
    let none = answers.iter().all(|answer| matches!(answer, Err(Answer::Stranger(_))));
    lost.or(none.then_some("no other reader can read the signed revision"))
}

fn check((name, answer): (&&str, Result<(), Answer>)) -> Check {
    match answer {
        Ok(()) => Check::passed(name),
        Err(Answer::Disagrees(what)) => Check::failed(name, what),
        Err(Answer::Stranger(why) | Answer::Lost(why)) => Check::not_done(name, why),
    }
}

/// Compares one reader's view with ours.
fn opinion<R: Reader>(
    ours: &(Option<ours::Ours<'_, '_>>, ours::Ours<'_, '_>),
    signed: Option<usize>,
    whole: usize,
    open: &dyn Fn(usize) -> Option<R>,
) -> Result<(), Answer> {
    let open = |end: usize| catch_unwind(AssertUnwindSafe(|| open(end))).ok().flatten();
    let cannot = "the other reader cannot read the file";
    let (Some(end), Some(our_old)) = (signed, &ours.0) else {
        return absolute(&ours.1, &open(whole).ok_or(Answer::Stranger(cannot))?);
    };
    let their_old = open(end).ok_or(Answer::Stranger("the other reader cannot read the signed revision"))?;
    let theirs = open(whole).ok_or(Answer::Lost(cannot))?;
    let budget = view::Budget::default();
    let ours_changed = view::differences(our_old, &ours.1, &budget);
    let theirs_changed = view::differences(&their_old, &theirs, &budget);
    for difference in &theirs_changed {
        // What both see changed must have become the same for both.
        let agreed = ours_changed.iter().any(|own| own.is_like(difference))
            && view::agree(difference, (our_old, &ours.1), (&their_old, &theirs), &budget) != Outcome::Different;
        if !agreed {
            return Err(Answer::Disagrees(said(difference)));
        }
    }
    if budget.is_spent() {
        return Err(Answer::Lost("there is more to compare than the limit"));
    }
    Ok(())
}

fn said(difference: &Difference) -> String {
    format!("another reader sees {difference}, which this one does not")
}

/// Where our reading was repaired and nothing follows the signature: whether the pages are the same ones.
fn absolute(ours: &impl Reader, theirs: &impl Reader) -> Result<(), Answer> {
    let (own, other) = (ours.pages().len(), theirs.pages().len());
    if own != other {
        return Err(Answer::Disagrees(format!("another reader sees {other} pages, this one {own}")));
    }
    let budget = view::Budget::default();
    match view::first_other_page(ours, theirs, &budget) {
        Some(page) => Err(Answer::Disagrees(format!("another reader sees something else on page {page}"))),
        None if budget.is_spent() => Err(Answer::Stranger("there is more to compare than the limit")),
        None => Ok(()),
    }
}

/// Whether our reading was repaired, so that the others are asked though nothing follows the signature.
pub(super) fn was_repaired(file: &PdfFile<'_>) -> bool {
    file.reading() == Reading::Recovered
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    /// Appends objects, a table and a trailer.
    fn revision(mut bytes: Vec<u8>, objects: &[(u32, &str)], previous: Option<usize>) -> (Vec<u8>, usize) {
        let mut table = String::from("xref\n0 1\n0000000000 65535 f \n");
        for (number, body) in objects {
            table += &format!("{number} 1\n{:010} 00000 n \n", bytes.len());
            bytes.extend(format!("{number} 0 obj\n{body}\nendobj\n").bytes());
        }
        let start = bytes.len();
        let previous = previous.map(|at| format!("/Prev {at}")).unwrap_or_default();
        let end = format!("{table}trailer\n<</Size 20/Root 1 0 R{previous}>>\nstartxref\n{start}\n%%EOF\n");
        bytes.extend(end.bytes());
        (bytes, start)
    }

    fn content(text: &str) -> String {
        let text = format!("BT /F1 9 Tf ({text}) Tj ET");
        format!("<</Length {}>>\nstream\n{text}\nendstream", text.len())
    }

    fn base() -> (Vec<u8>, usize) {
        let page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>/Annots[6 0 R]>>";
        let objects: &[(u32, &str)] = &[
            (1, "<</Type/Catalog/Pages 2 0 R>>"),
            (2, "<</Type/Pages/Kids[3 0 R]/Count 1>>"),
            (3, page),
            (4, &content("As signed")),
            (5, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"),
            (6, "<</Type/Annot/Subtype/Text/Rect[1 1 9 9]/Contents(Note)>>"),
        ];
        revision(b"%PDF-1.7\n".to_vec(), objects, None)
    }

    /// What each of the two other readers says where we read `ours` and they read `theirs`.
    fn opinions(ours: &[u8], theirs: &[u8]) -> Vec<Option<String>> {
        let (signed, _) = base();
        let (older, newer) = (PdfFile::open(&signed).unwrap(), PdfFile::open(ours).unwrap());
        let ours = (Some(ours::Ours::new(&older)), ours::Ours::new(&newer));
        let whole = std::sync::Arc::new(theirs.to_vec());
        let end = signed.len();
        let said = |answer: Result<(), Answer>| match answer {
            Ok(()) => None,
            Err(Answer::Disagrees(what)) => Some(what),
            Err(Answer::Stranger(why)) => Some(format!("stranger: {why}")),
            Err(Answer::Lost(why)) => Some(format!("lost: {why}")),
        };
        vec![
            said(opinion(&ours, Some(end), theirs.len(), &|end| hayro::open(&whole, end))),
            said(opinion(&ours, Some(end), theirs.len(), &|end| lopdf::open(whole.get(..end)?))),
        ]
    }

    #[test]
    fn what_only_others_see_changed_is_a_disagreement() {
        let (signed, at) = base();
        let changed = |objects: &[(u32, &str)]| revision(signed.clone(), objects, Some(at)).0;
        let same = changed(&[(9, "(x)")]);
        let page = |entries: &str| {
            format!("<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>{entries}>>")
        };
        let cases = [
            ("content on page 1", changed(&[(4, &content("Forged"))])),
            ("2 pages", changed(&[(2, "<</Type/Pages/Kids[3 0 R 7 0 R]/Count 2>>"), (7, &page("/MediaBox[0 0 9 9]"))])),
            ("size of page 1", changed(&[(3, &page("/MediaBox[0 0 9 9]/Annots[6 0 R]"))])),
            ("fonts, pictures or forms on page 1", changed(&[(5, "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>")])),
            ("annotations on page 1", changed(&[(6, "<</Type/Annot/Subtype/Text/Rect[1 1 9 9]/Contents(Other)>>")])),
            ("annotations on page 1", changed(&[(3, &page("/MediaBox[0 0 99 99]"))])),
        ];
        for (what, theirs) in &cases {
            for (at, said) in opinions(&same, theirs).into_iter().enumerate() {
                assert!(said.as_ref().is_some_and(|said| said.contains(what)), "{what}, reader {at}: {said:?}");
            }
            // Seen by all, it is for our own comparison to judge.
            assert_eq!(opinions(theirs, theirs), [None, None], "{what}");
        }
        assert_eq!(opinions(&same, &same), [None, None]);
        // Both see a change, but not the same one.
        let said = opinions(&changed(&[(4, &content("Harmless"))]), &changed(&[(4, &content("Forged"))]));
        assert!(said.iter().all(Option::is_some), "{said:?}");
    }

    #[test]
    fn a_reader_that_is_lost_on_the_way_leaves_the_file_open() {
        let (signed, _) = base();
        let lost = || Err(Answer::Lost(GAVE_UP));
        let stranger = || Err(Answer::Stranger("cannot"));
        assert_eq!(unheard(&[Ok(()), Ok(())]), None);
        assert_eq!(unheard(&[Ok(()), stranger()]), None);
        assert_eq!(unheard(&[lost(), Ok(())]), Some(GAVE_UP));
        assert_eq!(unheard(&[stranger(), lost()]), Some(GAVE_UP));
        assert!(unheard(&[stranger(), stranger()]).is_some());
        // What is known to be an alteration stays one.
        assert_eq!(unheard(&[Err(Answer::Disagrees("x".to_owned())), Ok(())]), None);
        let panics = |_: usize| -> Option<lopdf::Lopdf> { panic!("as some readers do") };
        let file = PdfFile::open(&signed).unwrap();
        let ours = (Some(ours::Ours::new(&file)), ours::Ours::new(&file));
        let answer = opinion(&ours, Some(signed.len()), signed.len() + 1, &panics);
        assert!(matches!(answer, Err(Answer::Stranger(_))), "{answer:?}");
        let late = |end: usize| if end == signed.len() { lopdf::open(&signed) } else { panic!("as some readers do") };
        let answer = opinion(&ours, Some(signed.len()), signed.len() + 1, &late);
        assert!(matches!(answer, Err(Answer::Lost(_))), "{answer:?}");
    }
}
