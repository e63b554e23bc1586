//! What a signer asks for: which credential, which level, what shows where. Parsed once; texts are bounded here, everything that
//! depends on the document is decided by the reader.

use super::{code::CodeRequest, limits::REASON_CHARACTERS};
use crate::{
    app::App,
    custody::Signer,
    error::{RequestError, Result},
    issuance::revocation,
    reader::{Anchor, Appearance, Corner, Page, Place, Side},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::{
    id::CredentialId,
    record::certificate::Certificate as Row,
    request::{Hierarchy, SubjectKind},
};
use chuky_pki::{certificate::Certificate, pdf::write::limits::PICTURE_BYTES};
use serde::{Deserialize, Serialize};

/// Level of a signature (EN 319 142-1 §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// The signature alone.
    #[default]
    B,
    /// With a timestamp.
    T,
    /// With the data that checks it later.
    LT,
    /// With an archive timestamp over all of it.
    LTA,
}

/// Format of a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// In a PDF (EN 319 142).
    #[default]
    Pades,
    /// CMS (EN 319 122).
    Cades,
    /// XML (EN 319 132).
    Xades,
    /// JSON (TS 119 182).
    Jades,
    /// A container with the document and a XAdES signature (EN 319 162).
    Asice,
    /// A simple container with the document and a CAdES signature.
    Asics,
}

/// Where the document stands to the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Packaging {
    /// Inside the signature's file.
    Attached,
    /// Beside it.
    Detached,
    /// Around it: an XML document.
    Enveloped,
}

/// How the signature shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    #[default]
    Invisible,
    Citizen,
    Official,
    Seal,
    /// A copy: the whole document, of one that is a copy itself, of a part (Decree 30/2020/NĐ-CP, Article 25).
    SaoY,
    SaoLuc,
    TrichSao,
    /// An appendix in a file of its own.
    Appendix,
}

impl Look {
    /// Whether it is lines in the upper right corner of the first page.
    pub fn is_lines(self) -> bool {
        matches!(self, Self::SaoY | Self::SaoLuc | Self::TrichSao | Self::Appendix)
    }
}

/// A text of a PDF beside which a signature stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorWanted {
    pub text: String,
    /// Any where absent.
    pub page: Option<PageWanted>,
    /// Which one, from 1 in reading order; the last where absent.
    pub hit: Option<u32>,
    /// Default `below`.
    #[serde(default)]
    pub side: Side,
}

/// A page: `first`, `last` or its number from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PageWanted {
    Number(u32),
    Name(String),
}

/// One signature as it is asked for; the PIN comes beside it.
#[derive(Clone, Debug, Deserialize)]
pub struct SignRequest {
    pub credential: CredentialId,
    #[serde(default)]
    pub format: Format,
    /// Where the format leaves a choice: `enveloped` for XML documents in XAdES, else `attached`.
    pub packaging: Option<Packaging>,
    #[serde(default)]
    pub level: Level,
    #[serde(default)]
    pub look: Look,
    /// Default `last`.
    pub page: Option<PageWanted>,
    /// A corner of that page, default `bottom-right`.
    #[serde(default)]
    pub place: Corner,
    /// Instead of a corner: left, bottom, right, top in points.
    pub rectangle: Option<[f32; 4]>,
    /// Instead of a place: beside a text of the document.
    pub anchor: Option<AnchorWanted>,
    /// Instead of a place: an empty signature field of the document.
    pub field: Option<String>,
    /// Of an appendix: number and notation of the document that it belongs to.
    pub document_number: Option<String>,
    pub reason: Option<String>,
    pub location: Option<String>,
    /// Base64 of a PNG: the handwriting or the seal.
    pub picture: Option<String>,
    /// Instead: the picture that is kept with the credential.
    #[serde(default)]
    pub kept_picture: bool,
    /// A code on the page of a PDF, by which its holders find what is known of the signature.
    pub code: Option<CodeRequest>,
    /// Hex of the SHA-256 of the bytes that the signer was shown; others are not signed.
    pub sha256: Option<String>,
}

impl SignRequest {
    /// An invisible signature at level B.
    pub fn plain(credential: CredentialId) -> Self {
        Self {
            credential,
            format: Format::Pades,
            packaging: None,
            level: Level::B,
            look: Look::Invisible,
            page: None,
            place: Corner::default(),
            rectangle: None,
            anchor: None,
            field: None,
            document_number: None,
            reason: None,
            location: None,
            picture: None,
            kept_picture: false,
            code: None,
            sha256: None,
        }
    }

    /// Refuses to sign other bytes than those that the signer was shown, where it is said which.
    pub(super) fn is_of(&self, sha256: &[u8]) -> Result<()> {
        is_shown(self.sha256.as_deref(), sha256)
    }

    /// Passes where the certificate is one that may be shown so: an official's, an agency's seal, by the row of a certificate of this
    /// authority. What a look says is not the signer's to choose.
    pub(super) async fn check_look(&self, app: &App, row: Option<&Row>) -> Result<()> {
        let fits = match (self.look, row) {
            (Look::Invisible | Look::Citizen, _) => true,
            (_, None) => false,
            (Look::Official, Some(row)) => {
                row.hierarchy == Hierarchy::Officials && is_of(app, row, SubjectKind::Person).await?
            }
            (_, Some(row)) => is_of(app, row, SubjectKind::Seal).await?,
        };
        if fits {
            return Ok(());
        }
        Err(RequestError::invalid(
            "look",
            "look_of_another",
            "Hình thức này dành cho chứng thư cán bộ hoặc con dấu cơ quan; chứng thư đã chọn không phải loại đó. Hãy chọn hình thức khác.",
            "This look is an official's or an agency's seal's, and the chosen certificate is not. Choose another look.",
        )
        .into())
    }

    /// What is shown of this signer.
    pub(super) fn appearance(&self, certificate: &Certificate) -> Result<Appearance> {
        let subject = certificate.subject();
        let picture = self.picture.as_deref().map(picture).transpose()?;
        let agency = || {
            let agency = subject.organization();
            if agency.is_empty() { subject.common_name() } else { agency }
        };
        Ok(match self.look {
            Look::Invisible => Appearance::Nothing,
            Look::Citizen => Appearance::Citizen {
                name: subject.common_name(),
                certificate_number: grouped(&hex::encode_upper(certificate.serial_octets())),
            },
            Look::Official => Appearance::Official { full_name: subject.common_name(), picture },
            Look::Seal => Appearance::Seal { agency: agency(), picture },
            Look::SaoY => Appearance::Lines(vec!["SAO Y".to_owned(), agency()]),
            Look::SaoLuc => Appearance::Lines(vec!["SAO LỤC".to_owned(), agency()]),
            Look::TrichSao => Appearance::Lines(vec!["TRÍCH SAO".to_owned(), agency()]),
            Look::Appendix => Appearance::Lines(vec![self.number()?]),
        })
    }

    /// Where it stands.
    pub(super) fn place(&self) -> Result<Place> {
        if let Some(field) = &self.field {
            return Ok(Place::Field(short("field", field)?));
        }
        if let Some(anchor) = &self.anchor {
            return Ok(Place::Anchor(anchor.read()?));
        }
        let page = page_of(self.page.as_ref())?;
        Ok(match self.rectangle {
            Some(rectangle) => Place::Rectangle { page, rectangle },
            // Decree 30/2020/NĐ-CP, Appendix I: the upper right corner of the first page.
            None if self.look.is_lines() => Place::Corner { page: Page::First, corner: Corner::TopRight },
            None => Place::Corner { page, corner: self.place },
        })
    }

    /// Number and notation of the document that an appendix belongs to.
    fn number(&self) -> Result<String> {
        let number = self.document_number.as_deref().map(str::trim).filter(|number| !number.is_empty());
        let number = number.ok_or_else(|| {
            RequestError::invalid(
                "document_number",
                "document_number_missing",
                "Hãy ghi số, ký hiệu của văn bản mà phụ lục kèm theo, ví dụ 15/QĐ-UBND.",
                "Say number and notation of the document that the appendix belongs to, such as 15/QĐ-UBND.",
            )
        })?;
        short("document_number", number)
    }

    /// Reason and location, bounded.
    pub(super) fn texts(&self) -> Result<(Option<String>, Option<String>)> {
        let bounded = |field, text: &Option<String>| {
            let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty());
            text.map(|text| short(field, text)).transpose()
        };
        Ok((bounded("reason", &self.reason)?, bounded("location", &self.location)?))
    }
}

impl AnchorWanted {
    fn read(&self) -> Result<Anchor> {
        let text = short("anchor", self.text.trim())?;
        if text.is_empty() || self.hit == Some(0) {
            return Err(RequestError::invalid(
                "anchor",
                "anchor_empty",
                "Hãy ghi chữ cần tìm trên trang, ví dụ “KT. CHỦ TỊCH”; nếu chọn lần gặp thì tính từ 1.",
                "Say the text to be found on the page, such as “KT. CHỦ TỊCH”; which one of several counts from 1.",
            )
            .into());
        }
        let page = self.page.as_ref().map(|page| page_of(Some(page))).transpose()?;
        Ok(Anchor { text, page, hit: self.hit, side: self.side })
    }
}

/// The page that is meant; the last one where nothing is said.
pub(super) fn page_of(wanted: Option<&PageWanted>) -> Result<Page> {
    let page = match wanted {
        None => Page::Last,
        Some(PageWanted::Number(number)) => Page::Number(*number),
        Some(PageWanted::Name(name)) => match (name.as_str(), name.parse()) {
            ("first", _) => Page::First,
            ("last" | "", _) => Page::Last,
            (_, Ok(number)) => Page::Number(number),
            _ => return Err(page_unknown().into()),
        },
    };
    if page == Page::Number(0) { Err(page_unknown().into()) } else { Ok(page) }
}

/// Passes where the bytes are those that somebody was shown, in hex, where it is said which.
pub(super) fn is_shown(shown: Option<&str>, sha256: &[u8]) -> Result<()> {
    let Some(shown) = shown else { return Ok(()) };
    let shown = hex::decode(shown).ok().filter(|shown| shown.len() == sha256.len()).ok_or_else(sha256_invalid)?;
    if shown == sha256 {
        return Ok(());
    }
    Err(RequestError::conflict(
        "document_another",
        "Tệp trên hệ thống không phải là tệp bạn đã xem (sha256 khác nhau) nên không ký. Hãy mở lại văn bản, xem kỹ rồi ký.",
        "The stored file is not the one you were shown (its sha256 differs), so it is not signed. Open the document again, look at it, then sign.",
    )
    .into())
}

/// The agency for which the signer's certificate was requested; `None` of a citizen's.
pub async fn unit_of(app: &App, signer: &Signer) -> Result<Option<String>> {
    revocation::unit_of(app, &signer.row).await
}

async fn is_of(app: &App, row: &Row, kind: SubjectKind) -> Result<bool> {
    Ok(revocation::kind_of(app, row).await? == Some(kind))
}

fn picture(text: &str) -> Result<Vec<u8>> {
    // Four characters for three bytes.
    let bytes = (text.len() / 4 * 3 <= PICTURE_BYTES + 3).then(|| STANDARD.decode(text).ok()).flatten();
    bytes.ok_or_else(|| {
        RequestError::invalid(
            "picture",
            "picture_invalid",
            "Hình chữ ký hoặc con dấu phải là tệp PNG (base64) không quá 4 MB.",
            "The picture of a signature or seal is a PNG (base64) of at most 4 MB.",
        )
        .into()
    })
}

fn short(field: &'static str, text: &str) -> Result<String> {
    if text.chars().count() <= REASON_CHARACTERS && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(RequestError::invalid(
        field,
        "text_too_long",
        format!("Nội dung này có tối đa {REASON_CHARACTERS} ký tự trên một dòng."),
        format!("This text has at most {REASON_CHARACTERS} characters on one line."),
    )
    .into())
}

fn sha256_invalid() -> RequestError {
    RequestError::invalid(
        "sha256",
        "sha256_invalid",
        "sha256 là 64 chữ số thập lục phân.",
        "The sha256 is 64 hexadecimal digits.",
    )
}

fn page_unknown() -> RequestError {
    RequestError::invalid(
        "page",
        "page_unknown",
        "Trang ký là “first”, “last” hoặc số trang từ 1.",
        "The page is “first”, “last” or a number from 1.",
    )
}

/// `54:01:0A…`: colons are where a line may end.
fn grouped(hex: &str) -> String {
    let pairs: Vec<&str> = (0..hex.len()).step_by(2).filter_map(|start| hex.get(start..start + 2)).collect();
    pairs.join(":")
}
