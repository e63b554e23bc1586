//! VietQR: merchant-presented QR codes of EMVCo (QRCPS, merchant-presented mode 1.1) as NAPAS uses them, read strictly and written, and a
//! signature of the merchant in unreserved templates that today's bank apps pass over. Pure: whether the signer's certificate is good is
//! judged elsewhere.

mod banks;
mod limits;
mod signature;
mod tlv;

pub use banks::{BANKS, bank_name};
pub use limits::{LONGEST_PAYLOAD, LONGEST_SHOP};
pub use signature::{Attached, Unsigned, attached};

use chuky_model::text::Bilingual;
use limits::{LONGEST_ACCOUNT, LONGEST_CITY, LONGEST_PURPOSE};
use tlv::{Object, objects};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// What is wrong with a code. The names are stable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VietQrError {
    #[error("longer than {LONGEST_PAYLOAD} characters")]
    TooLong,
    /// The text does not begin as a code of EMVCo does.
    #[error("not an EMVCo code")]
    NotACode,
    /// A length says more or fewer characters than there are.
    #[error("the length of object {0} is wrong")]
    Length(String),
    /// Two readers would take different ones.
    #[error("object {0} appears twice")]
    Twice(String),
    #[error("the checksum is missing or not at the end")]
    NoChecksum,
    #[error("the checksum does not match")]
    Checksum,
    /// No account of a Vietnamese bank: another scheme's code.
    #[error("no VietQR account in the code")]
    NoAccount,
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// A signature that is not as it must be.
    #[error("the signature in the code is malformed")]
    Signature,
}

impl VietQrError {
    /// The stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotACode => "not_a_code",
            Self::Length(_) => "wrong_length",
            Self::Twice(_) => "object_twice",
            Self::NoChecksum => "no_checksum",
            Self::Checksum => "wrong_checksum",
            Self::NoAccount => "no_account",
            Self::Malformed(_) => "malformed",
            Self::Signature => "signature_malformed",
        }
    }

    /// One sentence in both languages.
    pub fn sentence(&self) -> Bilingual {
        match self {
            Self::TooLong | Self::NotACode => {
                Bilingual::new("Đây không phải là mã QR thanh toán.", "This is not a QR code for payments.")
            }
            Self::NoAccount => Bilingual::new(
                "Mã QR này không nêu tài khoản ngân hàng theo chuẩn VietQR.",
                "This QR code names no bank account by the VietQR standard.",
            ),
            Self::Length(_) | Self::Twice(_) | Self::Malformed(_) => Bilingual::new(
                "Mã QR này viết sai chuẩn, các ứng dụng có thể đọc ra những số tài khoản khác nhau: đừng chuyển tiền.",
                "This QR code is malformed, and apps may read different account numbers from it: do not pay.",
            ),
            Self::NoChecksum | Self::Checksum => Bilingual::new(
                "Mã QR này bị hỏng hoặc đã bị sửa: đừng chuyển tiền.",
                "This QR code is damaged or was changed: do not pay.",
            ),
            Self::Signature => Bilingual::new(
                "Chữ ký trong mã QR này bị hỏng: đừng chuyển tiền.",
                "The signature in this QR code is damaged: do not pay.",
            ),
        }
    }
}

/// How the money is sent (NAPAS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// To an account number.
    ToAccount,
    /// To a card number.
    ToCard,
}

impl Service {
    fn code(self) -> &'static str {
        match self {
            Self::ToAccount => "QRIBFTTA",
            Self::ToCard => "QRIBFTTC",
        }
    }
}

/// A code, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VietQr {
    /// Made for one payment rather than to stand on a counter.
    pub is_dynamic: bool,
    /// BIN of the bank, six digits.
    pub bank: String,
    pub account: String,
    pub service: Service,
    /// In đồng.
    pub amount: Option<u64>,
    pub merchant_name: Option<String>,
    pub merchant_city: Option<String>,
    /// What the payment is for.
    pub purpose: Option<String>,
}

impl VietQr {
    /// Reads a code. Every length, the checksum and the members that decide where the money goes are checked; what is not known is
    /// passed over, as the standard has it.
    pub fn parse(text: &str) -> Result<Self, VietQrError> {
        let objects = whole(text)?;
        let value = |id: &str| objects.iter().find(|object| object.id == id).map(|object| object.value);
        let is_dynamic = match value("01") {
            None | Some("11") => false,
            Some("12") => true,
            Some(_) => return Err(VietQrError::Malformed("point of initiation")),
        };
        let (bank, account, service) = account(&objects)?;
        if value("53") != Some(DONG) {
            return Err(VietQrError::Malformed("currency"));
        }
        if value("58") != Some("VN") {
            return Err(VietQrError::Malformed("country"));
        }
        let amount = value("54").map(amount).transpose()?;
        let purpose = match value("62") {
            None => None,
            Some(additional) => {
                let inner = inside("62", additional)?;
                inner.iter().find(|object| object.id == "08").map(|object| object.value.to_owned())
            }
        };
        // A signature that cannot be read is no code without one.
        signature::parts(&objects)?;
        Ok(Self {
            is_dynamic,
            bank,
            account,
            service,
            amount,
            merchant_name: value("59").map(str::to_owned),
            merchant_city: value("60").map(str::to_owned),
            purpose,
        })
    }

    /// A code for a counter: any amount, to that account. Names lose their diacritics, for apps read ASCII.
    pub fn for_counter(bank: &str, account: &str, shop: &str, city: &str) -> Result<Self, VietQrError> {
        let code = Self {
            is_dynamic: false,
            bank: bank.to_owned(),
            account: account.to_owned(),
            service: Service::ToAccount,
            amount: None,
            merchant_name: Some(plain(shop, LONGEST_SHOP)).filter(|name| !name.is_empty()),
            merchant_city: Some(plain(city, LONGEST_CITY)).filter(|city| !city.is_empty()),
            purpose: None,
        };
        // What is written must be readable again: the same rules hold on both sides.
        Self::parse(&code.payload()).map(|_| code)
    }

    /// The text of the code, with its checksum.
    pub fn payload(&self) -> String {
        let mut text = self.before_checksum();
        close(&mut text);
        text
    }

    fn before_checksum(&self) -> String {
        let beneficiary = tlv::encode(&[("00", &self.bank), ("01", &self.account)]);
        let napas = tlv::encode(&[("00", NAPAS), ("01", &beneficiary), ("02", self.service.code())]);
        let method = if self.is_dynamic { "12" } else { "11" };
        let mut parts = vec![("00", "01".to_owned()), ("01", method.to_owned()), ("38", napas)];
        // EMVCo: merchant category, 0000 where none is given.
        parts.push(("52", "0000".to_owned()));
        parts.push(("53", DONG.to_owned()));
        parts.extend(self.amount.map(|amount| ("54", amount.to_string())));
        parts.push(("58", "VN".to_owned()));
        parts.extend(self.merchant_name.clone().map(|name| ("59", name)));
        parts.extend(self.merchant_city.clone().map(|city| ("60", city)));
        let purpose = self.purpose.as_ref().map(|purpose| plain(purpose, LONGEST_PURPOSE));
        parts.extend(purpose.map(|purpose| ("62", tlv::encode(&[("08", &purpose)]))));
        let parts: Vec<(&str, &str)> = parts.iter().map(|(id, value)| (*id, value.as_str())).collect();
        tlv::encode(&parts)
    }
}

/// The top-level objects of a code whose frame is right: format indicator first, checksum last and matching, nothing twice.
fn whole(text: &str) -> Result<Vec<Object<'_>>, VietQrError> {
    if text.chars().count() > LONGEST_PAYLOAD {
        return Err(VietQrError::TooLong);
    }
    if !text.starts_with("000201") {
        return Err(VietQrError::NotACode);
    }
    if text.chars().any(char::is_control) {
        return Err(VietQrError::Malformed("text"));
    }
    let objects = inside("", text)?;
    // EMVCo: the checksum is the last object and covers everything before its own value.
    let Some(("63", told)) = objects.last().map(|last| (last.id, last.value)) else {
        return Err(VietQrError::NoChecksum);
    };
    let covered = text.len().checked_sub(told.len()).and_then(|end| text.get(..end)).unwrap_or_default();
    if told.len() != 4 || !told.eq_ignore_ascii_case(&checksum(covered)) {
        return Err(VietQrError::Checksum);
    }
    Ok(objects)
}

/// The objects of a template, none of them twice.
fn inside<'t>(place: &str, text: &'t str) -> Result<Vec<Object<'t>>, VietQrError> {
    let found = objects(text).map_err(|id| VietQrError::Length(named(place, &id)))?;
    for (index, object) in found.iter().enumerate() {
        if found.iter().take(index).any(|earlier| earlier.id == object.id) {
            return Err(VietQrError::Twice(named(place, object.id)));
        }
    }
    Ok(found)
}

fn named(place: &str, id: &str) -> String {
    if place.is_empty() { id.to_owned() } else { format!("{place}.{id}") }
}

/// Bank, account and service of the one NAPAS account (templates 26 to 51 are for merchants' accounts; VietQR uses 38).
fn account(objects: &[Object<'_>]) -> Result<(String, String, Service), VietQrError> {
    let mut found = None;
    for object in objects.iter().filter(|object| ("26"..="51").contains(&object.id)) {
        let inner = inside(object.id, object.value)?;
        let value = |id: &str| inner.iter().find(|object| object.id == id).map(|object| object.value);
        if value("00") != Some(NAPAS) {
            continue;
        }
        // Two accounts of one scheme: apps would choose.
        if found.is_some() {
            return Err(VietQrError::Twice(NAPAS.to_owned()));
        }
        let place = named(object.id, "01");
        let beneficiary = inside(&place, value("01").ok_or(VietQrError::Malformed("beneficiary"))?)?;
        let part = |id: &str| beneficiary.iter().find(|object| object.id == id).map(|object| object.value);
        let bank = part("00").filter(|bank| bank.len() == 6 && bank.bytes().all(|octet| octet.is_ascii_digit()));
        let bank = bank.ok_or(VietQrError::Malformed("bank"))?;
        let account = part("01").filter(|account| is_account(account)).ok_or(VietQrError::Malformed("account"))?;
        let service = match value("02") {
            None | Some("QRIBFTTA") => Service::ToAccount,
            Some("QRIBFTTC") => Service::ToCard,
            Some(_) => return Err(VietQrError::Malformed("service")),
        };
        found = Some((bank.to_owned(), account.to_owned(), service));
    }
    found.ok_or(VietQrError::NoAccount)
}

fn is_account(account: &str) -> bool {
    (1..=LONGEST_ACCOUNT).contains(&account.len()) && account.bytes().all(|octet| octet.is_ascii_alphanumeric())
}

/// Whole đồng; a fraction of zeros is none.
fn amount(text: &str) -> Result<u64, VietQrError> {
    let malformed = || VietQrError::Malformed("amount");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || text.len() > 13 || !whole.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(malformed());
    }
    if !fraction.bytes().all(|octet| octet == b'0') {
        return Err(malformed());
    }
    whole.parse().ok().filter(|amount| *amount > 0).ok_or_else(malformed)
}

/// CRC-16 with polynomial 1021 and start FFFF (CCITT-FALSE), four capital hexadecimal digits.
pub fn checksum(text: &str) -> String {
    let mut crc: u16 = 0xffff;
    for octet in text.bytes() {
        crc ^= u16::from(octet) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
    }
    format!("{crc:04X}")
}

/// Adds the checksum.
fn close(text: &mut String) {
    text.push_str("6304");
    let checksum = checksum(text);
    text.push_str(&checksum);
}

/// Letters without diacritics, in capitals, at most so many: what every app shows.
fn plain(text: &str, most: usize) -> String {
    let decomposed = text.nfd().filter(|letter| !is_combining_mark(*letter)).map(|letter| match letter {
        'đ' | 'Đ' => 'D',
        other => other.to_ascii_uppercase(),
    });
    let kept: String = decomposed.filter(|letter| letter.is_ascii_graphic() || *letter == ' ').take(most).collect();
    kept.trim().to_owned()
}

/// NAPAS's application identifier.
const NAPAS: &str = "A000000727";
/// ISO 4217 number of the đồng.
const DONG: &str = "704";

#[cfg(test)]
mod tests;
