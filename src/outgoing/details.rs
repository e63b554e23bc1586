//! What a document is about, as its drafter says it: parsed and bounded once, stored encrypted with its road.

use super::limits::{
    DEADLINE_DAYS, NAME_CHARACTERS, NOTATION_CHARACTERS, PLACE_CHARACTERS, RECIPIENTS, SHORT_CHARACTERS, STEPS,
    SUBJECT_CHARACTERS,
};
use crate::{
    app::App,
    error::{InternalError, RequestError, Result},
};
use chuky_model::{
    id::OutgoingId,
    instant::Instant,
    record::{
        outgoing::{OutgoingDocument, number_and_notation},
        state::StepKind,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use unicode_normalization::UnicodeNormalization;

/// What a drafter hands in beside the PDF.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Trích yếu, at most 500 characters.
    pub subject: String,
    /// Abbreviation of the type, `QĐ`; left out for a công văn.
    #[serde(default)]
    pub type_code: String,
    /// Name of the type, `Quyết định`; default `Công văn`.
    #[serde(default)]
    pub type_name: String,
    /// Behind the number and the type: `UBND`, `BNV-VP`.
    pub notation: String,
    /// Which numbering of the agency and the year it takes part in; default the one in which its type and notation were numbered this
    /// year, else the type, or `CV`. What was numbered in one this year is not numbered in another.
    #[serde(default)]
    pub series: String,
    /// Place of issue, `Hà Nội`: letters, at most two digits (`Phường 1`), spaces, `.`, `-` and `'`. It stands before the date.
    pub place: String,
    /// `normal`, `khan` (KHẨN), `thuong_khan` (THƯỢNG KHẨN) or `hoa_toc` (HỎA TỐC).
    #[serde(default)]
    pub urgency: Urgency,
    /// RFC 3339: until when the signers are to sign.
    #[serde(default)]
    pub due: Option<String>,
    /// Whether the field shows `Số: 15/QĐ-UBND`, or the number alone where the draft has the rest printed.
    #[serde(default)]
    pub number_shown: NumberShown,
    /// Left, bottom, right, top in points in the upper third of the first page; the decree's usual places where left out.
    #[serde(default)]
    pub number_rectangle: Option<[f32; 4]>,
    #[serde(default)]
    pub date_rectangle: Option<[f32; 4]>,
    /// Whether the first signature puts a verification code on the last page.
    #[serde(default)]
    pub verification_code: bool,
    /// Who acts, in order.
    pub steps: Vec<StepWanted>,
    /// Whom it goes to; with none it is issued without a package.
    #[serde(default)]
    pub recipients: Vec<RecipientWanted>,
}

/// One person's part.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepWanted {
    /// `initials` or `sign`; every initials come before the first signature.
    #[schema(value_type = String)]
    pub kind: StepKind,
    /// Log-in name of an account of the same agency.
    pub account: String,
    /// Those of one stage act in any order, the next stage after all of them; left out: one after the other.
    #[serde(default)]
    pub stage: Option<u16>,
    /// Page from 1 and rectangle of the signature; the last page's lower right where left out.
    #[serde(default)]
    pub page: Option<u32>,
    #[serde(default)]
    pub rectangle: Option<[f32; 4]>,
}

/// An agency that it goes to.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipientWanted {
    /// Code by Decision 20/2020/QĐ-TTg (`H26.18`) or in the older form (`000.00.18.H26`).
    pub organ_id: String,
    pub name: String,
}

/// How soon it is to be dealt with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    #[default]
    Normal,
    Khan,
    ThuongKhan,
    HoaToc,
}

/// What the number's field shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumberShown {
    #[default]
    Whole,
    Number,
}

/// What is stored encrypted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Details {
    pub subject: String,
    pub type_name: String,
    pub place: String,
    pub urgency: Urgency,
    pub due: Option<Instant>,
    pub number_shown: NumberShown,
    /// Whether the first signature puts a code on the last page.
    #[serde(default)]
    pub verification_code: bool,
    /// Whether the first page's text was searched for marks of secrecy.
    pub searched: bool,
}

impl Metadata {
    /// Checked and with its defaults filled in; the series is settled with the register.
    pub fn checked(mut self, now: Instant) -> Result<Self> {
        for (field, value, most) in [
            ("subject", &mut self.subject, SUBJECT_CHARACTERS),
            ("type_name", &mut self.type_name, SHORT_CHARACTERS),
            ("type_code", &mut self.type_code, NOTATION_CHARACTERS),
            ("notation", &mut self.notation, NOTATION_CHARACTERS),
            ("series", &mut self.series, NOTATION_CHARACTERS),
            ("place", &mut self.place, PLACE_CHARACTERS),
        ] {
            // Composed, and Đ as Đ: what looks the same is the same.
            let letters = value.nfc().map(|letter| if matches!(letter, '\u{d0}' | '\u{189}') { 'Đ' } else { letter });
            *value = line(field, &letters.collect::<String>(), most)?;
        }
        for (field, value) in [("subject", &self.subject), ("notation", &self.notation), ("place", &self.place)] {
            if value.is_empty() {
                return Err(missing(field).into());
            }
        }
        for (field, value) in [("type_code", &self.type_code), ("notation", &self.notation), ("series", &self.series)] {
            let more = if field == "series" { "-.& " } else { "-.&" };
            let fits = |letter: char| is_vietnamese(letter) || letter.is_ascii_digit() || more.contains(letter);
            if !value.chars().all(fits) {
                return Err(malformed(field).into());
            }
        }
        if !is_place(&self.place) {
            return Err(malformed("place").into());
        }
        if self.type_name.is_empty() {
            "Công văn".clone_into(&mut self.type_name);
        }
        if self.due()?.is_some_and(|due| due <= now || due > now.plus_seconds(DEADLINE_DAYS * 86_400)) {
            return Err(malformed("due").into());
        }
        self.check_steps()?;
        self.recipients = checked_recipients(std::mem::take(&mut self.recipients))?;
        Ok(self)
    }

    /// The drafter's deadline.
    pub fn due(&self) -> Result<Option<Instant>> {
        let read = |text: &str| Instant::parse_rfc3339(text).ok_or_else(|| malformed("due").into());
        self.due.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(read).transpose()
    }

    /// The series of its type where nothing else is settled.
    pub fn usual_series(&self) -> String {
        if self.type_code.is_empty() { "CV".to_owned() } else { self.type_code.clone() }
    }

    /// The stage of each step, in order.
    pub fn stages(&self) -> Vec<i64> {
        self.steps.iter().zip(1_i64..).map(|(step, place)| step.stage.map_or(place, i64::from)).collect()
    }

    fn check_steps(&self) -> Result<()> {
        let signs = |step: &StepWanted| step.kind == StepKind::Sign;
        let stages = self.stages();
        let of = |wanted: bool| stages.iter().zip(&self.steps).filter(move |(_, step)| signs(step) == wanted);
        let first = of(true).map(|(stage, _)| *stage).min();
        let in_order = of(false).all(|(stage, _)| first.is_some_and(|first| *stage < first));
        let mut names = HashSet::new();
        let once = self.steps.iter().all(|step| names.insert((signs(step), step.account.as_str())));
        if first.is_none() || !in_order || !once || self.steps.len() > STEPS {
            return Err(steps_invalid().into());
        }
        Ok(())
    }
}

/// Recipients with their codes and names in order, each once.
pub(super) fn checked_recipients(mut recipients: Vec<RecipientWanted>) -> Result<Vec<RecipientWanted>> {
    let mut codes = HashSet::new();
    for recipient in &mut recipients {
        recipient.name = line("recipients", &recipient.name, NAME_CHARACTERS)?;
        recipient.organ_id = recipient.organ_id.trim().to_owned();
        let is_new = codes.insert(recipient.organ_id.clone());
        if !is_agency_code(&recipient.organ_id) || recipient.name.is_empty() || !is_new {
            return Err(malformed("recipients").into());
        }
    }
    if recipients.len() > RECIPIENTS {
        return Err(malformed("recipients").into());
    }
    Ok(recipients)
}

impl Details {
    /// Encrypted for its row.
    pub fn sealed(&self, app: &App, id: OutgoingId) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(self).map_err(|error| InternalError::other(error.to_string()))?;
        app.vault.seal(PLACE, &id.to_string(), &plain)
    }

    /// Of a row.
    pub fn of(app: &App, row: &OutgoingDocument) -> Result<Self> {
        let plain = app.vault.open(PLACE, &row.id.to_string(), &row.details)?;
        Ok(serde_json::from_slice(&plain).map_err(|error| InternalError::other(error.to_string()))?)
    }

    /// What the number's field shows.
    pub fn number_text(&self, row: &OutgoingDocument, number: i64) -> String {
        match self.number_shown {
            NumberShown::Whole => format!("Số: {}", number_and_notation(number, &row.type_code, &row.notation)),
            NumberShown::Number => format!("{number:02}"),
        }
    }

    /// `Hà Nội, ngày 05 tháng 02 năm 2026`: days below 10 and the months 1 and 2 with a leading zero (Decree 30/2020/NĐ-CP,
    /// Appendix I, part II, 4.b).
    pub fn date_text(&self, issued: Instant) -> String {
        let Some(date) = issued.in_vietnam() else { return String::new() };
        let month = u8::from(date.month());
        let month = if month < 3 { format!("{month:02}") } else { month.to_string() };
        format!("{}, ngày {:02} tháng {month} năm {}", self.place, date.day(), date.year())
    }
}

pub(super) fn steps_invalid() -> RequestError {
    let (vi, en) = (
        "Cần ít nhất một người ký; ký nháy đứng trước mọi chữ ký; mỗi người ký một lần; không quá 20 bước.",
        "At least one person signs, initials come before every signature, each person signs once, at most 20 steps.",
    );
    RequestError::invalid("steps", "steps_invalid", vi, en)
}

/// A letter of the Vietnamese alphabet, or of the Latin one that it is made of: those of other scripts only look like it.
fn is_vietnamese(letter: char) -> bool {
    let mut parts = std::iter::once(letter).nfd();
    let base = parts.next();
    base.is_some_and(|base| base.is_ascii_alphabetic() || "đĐ".contains(base))
        && parts.all(|mark| MARKS.contains(&mark))
}

/// A place's name: what stands before the date on a signed document says nothing else.
fn is_place(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let fits = |letter: char| is_vietnamese(letter) || letter.is_ascii_digit() || " .-'’".contains(letter);
    digits <= 2 && text.chars().all(fits) && text.chars().next().is_some_and(is_vietnamese)
}

/// At most 35 of digits, capitals and full stops (QĐ 20/2020/QĐ-TTg), in groups; the older form is one of them too.
pub fn is_agency_code(code: &str) -> bool {
    (1..=35).contains(&code.len())
        && code.split('.').all(|group| {
            !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        })
}

/// One line of text, bounded.
pub fn line(field: &'static str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    if text.chars().count() > most || text.chars().any(char::is_control) {
        let vi = format!("Nội dung này có tối đa {most} ký tự trên một dòng.");
        let en = format!("This text has at most {most} characters on one line.");
        return Err(RequestError::invalid(field, "text_too_long", vi, en).into());
    }
    Ok(text.to_owned())
}

fn missing(field: &'static str) -> RequestError {
    let (vi, en) = ("Hãy điền mục này.", "Fill this in.");
    RequestError::invalid(field, "field_missing", vi, en)
}

fn malformed(field: &'static str) -> RequestError {
    let (vi, en) = ("Mục này không đúng mẫu; xem mô tả ở /api/docs.", "This does not have its form; see /api/docs.");
    RequestError::invalid(field, "field_invalid", vi, en)
}

/// Circumflex, breve and horn, and the five tones.
const MARKS: [char; 8] = ['\u{302}', '\u{306}', '\u{31b}', '\u{300}', '\u{301}', '\u{303}', '\u{309}', '\u{323}'];
/// Where details are encrypted for.
const PLACE: &str = "outgoing_document.details";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn metadata(steps: &str) -> Result<Metadata> {
        let text = format!(
            r#"{{"subject":"Về việc thử","notation":"UBND","type_code":"QĐ","place":"Hà Nội","steps":{steps}}}"#
        );
        serde_json::from_str::<Metadata>(&text).unwrap().checked(Instant::from_unix_seconds(1_800_000_000))
    }

    #[test]
    fn a_road_has_initials_first_and_a_signature() {
        let good = metadata(r#"[{"kind":"initials","account":"a"},{"kind":"sign","account":"b"}]"#).unwrap();
        assert_eq!((good.stages(), good.usual_series().as_str()), (vec![1, 2], "QĐ"));
        let side_by_side = r#"[{"kind":"sign","account":"a","stage":1},{"kind":"sign","account":"b","stage":1}]"#;
        assert_eq!(metadata(side_by_side).unwrap().stages(), [1, 1]);
        for bad in [
            "[]",
            r#"[{"kind":"initials","account":"a"}]"#,
            r#"[{"kind":"sign","account":"a"},{"kind":"initials","account":"b"}]"#,
            r#"[{"kind":"sign","account":"a"},{"kind":"sign","account":"a"}]"#,
            r#"[{"kind":"initials","account":"b","stage":1},{"kind":"sign","account":"a","stage":1}]"#,
        ] {
            assert!(metadata(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_the_clerk_will_write_is_a_place_and_a_notation() {
        let with = |field: &str, value: &str| {
            let mut metadata = serde_json::json!({
                "subject": "Về việc thử", "notation": "UBND", "type_code": "QĐ", "place": "Hà Nội",
                "steps": [{ "kind": "sign", "account": "a" }],
            });
            metadata[field] = value.into();
            serde_json::from_value::<Metadata>(metadata).unwrap().checked(Instant::from_unix_seconds(1_800_000_000))
        };
        for place in ["Hà Nội", "TP. Hồ Chí Minh", "Bà Rịa - Vũng Tàu", "Phường 1 Bảo Lộc", "B'Lao"] {
            assert!(with("place", place).is_ok(), "{place}");
        }
        for place in
            ["Hà Nội, ngày 01", "Hà Nội 2025", "Hа Nội", "Hà Nội (đã duyệt)", "1 Bảo Lộc", "漢字", &"x".repeat(61)]
        {
            assert!(with("place", place).is_err(), "{place}");
        }
        // Decomposed is the same; a Cyrillic letter is none of ours.
        for look in ["Q\u{110}", "Q\u{d0}", "Q\u{189}"] {
            assert_eq!(with("type_code", look).unwrap().type_code, "QĐ");
        }
        assert_eq!(with("notation", "U\u{309}B").unwrap().notation, "ỦB");
        for notation in ["UВND", "UBND/VP", "UBND VP", "ＵＢＮＤ"] {
            assert!(with("notation", notation).is_err(), "{notation}");
        }
        assert!(with("series", "Sổ chung 1").is_ok() && with("series", "QĐ\u{200b}").is_err());
    }

    #[test]
    fn both_forms_of_agency_codes_and_nothing_else() {
        for code in ["H26", "H26.18", "G09.03.2", "000.00.00.H49", "000.18.26.H49"] {
            assert!(is_agency_code(code), "{code}");
        }
        for code in ["", ".", "H26.", "h26", "H26/18", "H26 18", "../H26", "H26.18.000000000000000000000000000000"] {
            assert!(!is_agency_code(code), "{code}");
        }
    }

    #[test]
    fn dates_and_numbers_are_written_as_the_decree_wants() {
        let details = Details {
            subject: String::new(),
            type_name: String::new(),
            place: "Hà Nội".to_owned(),
            urgency: Urgency::Normal,
            due: None,
            number_shown: NumberShown::Whole,
            verification_code: false,
            searched: true,
        };
        let date = |text: &str| details.date_text(Instant::parse_rfc3339(text).unwrap());
        assert_eq!(date("2026-02-04T17:30:00Z"), "Hà Nội, ngày 05 tháng 02 năm 2026", "by Vietnam's clock");
        assert_eq!(date("2026-11-22T03:00:00Z"), "Hà Nội, ngày 22 tháng 11 năm 2026");
        assert_eq!(date("2026-03-09T03:00:00Z"), "Hà Nội, ngày 09 tháng 3 năm 2026");
    }
}
