//! What custodians hold together: secrets that come out of enough of their shares, the PINs and keys derived from them, and the note in
//! the data directory that names the sets. No secret and no PIN made of one is ever written by this module.

use crate::{
    config::Settings,
    error::{InternalError, RequestError, Result},
};
use chuky_hsm::{
    Pin, Secret32,
    provision::Secrets,
    share::{self, Purpose, Share},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

/// Secrets that shares gave, by what they open.
#[derive(Clone, Default)]
pub struct Opened(BTreeMap<Purpose, Secret32>);

/// A set of shares, as the ceremony's record and the data directory's note name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareSet {
    /// [`Purpose::name`].
    pub purpose: String,
    /// Hex.
    pub set: String,
    pub threshold: u8,
    pub custodians: Vec<String>,
}

/// The note in the data directory: public, so that whoever unlocks the service knows whom to call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub sets: Vec<ShareSet>,
}

impl Opened {
    /// Brings the shares of each purpose together. What is wrong with one is told by its name.
    pub fn of_shares(shares: &[Share]) -> Result<Self> {
        let mut by_purpose: BTreeMap<Purpose, Vec<Share>> = BTreeMap::new();
        for share in shares {
            by_purpose.entry(share.purpose).or_default().push(share.clone());
        }
        let mut opened = Self::default();
        for (purpose, shares) in by_purpose {
            let secret = share::combine(&shares).map_err(|error| refused(purpose, &error))?;
            opened.0.insert(purpose, secret);
        }
        Ok(opened)
    }

    /// A secret of one's own making, for splitting.
    pub fn insert(&mut self, purpose: Purpose, secret: Secret32) {
        self.0.insert(purpose, secret);
    }

    /// Whether there is a secret for it.
    pub fn has(&self, purpose: Purpose) -> bool {
        self.0.contains_key(&purpose)
    }

    /// The secret; an error of the request where it was not brought together.
    pub fn secret(&self, purpose: Purpose) -> Result<&Secret32> {
        Ok(self.0.get(&purpose).ok_or_else(|| missing(purpose))?)
    }

    /// The PIN of a token.
    pub fn pin(&self, purpose: Purpose, token_label: &str) -> Result<Pin> {
        Ok(share::pin_of(self.secret(purpose)?, purpose, token_label)?)
    }

    /// The values of the subscribers token's keys.
    pub fn token_secrets(&self) -> Result<Secrets> {
        let keys = self.secret(Purpose::Keys)?;
        Ok(Secrets {
            wrapping: share::secret_of(keys, "wrapping")?,
            row_mac: share::secret_of(keys, "row-mac")?,
            data: share::secret_of(keys, "data")?,
            pepper: self.secret(Purpose::Pepper(1))?.clone(),
        })
    }
}

impl Note {
    fn path(settings: &Settings) -> PathBuf {
        settings.data_dir.join("custodians.json")
    }

    /// The note of this data directory; `None` where PINs lie in files.
    pub fn load(settings: &Settings) -> Result<Option<Self>> {
        let path = Self::path(settings);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(InternalError::io(path.display().to_string())(error).into()),
        };
        let note = serde_json::from_slice(&text);
        Ok(Some(note.map_err(|error| InternalError::other(format!("{}: {error}", path.display())))?))
    }

    /// Leaves the note, whole and durable: without it a later start would take the tokens' PINs for lost.
    pub fn save(&self, settings: &Settings) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| InternalError::other(error.to_string()))?;
        crate::tokens::write_secret(&Self::path(settings), &text)
    }

    /// The sets by name and purpose: what makes two ceremonies' shares different, whoever holds them.
    pub fn names(&self) -> BTreeSet<(&str, &str)> {
        self.sets.iter().map(|set| (set.purpose.as_str(), set.set.as_str())).collect()
    }

    /// The set for a purpose.
    pub fn set(&self, purpose: Purpose) -> Option<&ShareSet> {
        self.sets.iter().find(|set| set.purpose == purpose.name())
    }

    /// Refuses a share of another set than the ceremony made, before its holder has left.
    pub fn admit(&self, share: &Share) -> Result<()> {
        let Some(set) = self.set(share.purpose) else { return Ok(()) };
        let found = hex::encode(share.set);
        if found == set.set {
            return Ok(());
        }
        let (index, expected) = (share.index, set.set.clone());
        Err(refused(share.purpose, &share::ShareError::Mixed { index, found, expected }).into())
    }
}

/// The name of what shares open, as people say it.
pub fn purpose_in_words(purpose: Purpose) -> (&'static str, &'static str) {
    match purpose {
        Purpose::OfficerPin => {
            ("PIN cán bộ an ninh (SO) của các thiết bị khóa", "security officer (SO) PINs of the tokens")
        }
        Purpose::UserPin => ("PIN sử dụng các thiết bị khóa của dịch vụ", "user PINs of the service's tokens"),
        Purpose::RootPin => ("PIN sử dụng thiết bị khóa gốc", "user PIN of the root's token"),
        Purpose::Keys => ("khóa bọc, khóa MAC và khóa dữ liệu", "wrapping key, row MAC key and data secret"),
        Purpose::Pepper(_) => ("pepper niêm phong khóa thuê bao", "pepper that seals subscribers' keys"),
        Purpose::Backup => ("khóa giải mã bản sao lưu", "key that opens the backups"),
    }
}

/// What is wrong with shares, for whoever entered them.
pub fn refused(purpose: Purpose, error: &share::ShareError) -> RequestError {
    let ((name_vi, name_en), (vi, en)) = (purpose_in_words(purpose), share_error_in_words(error));
    RequestError::invalid("share", "share_refused", format!("{name_vi}: {vi}"), format!("{name_en}: {en}"))
}

/// The same in both languages, where nobody knows what the share was for.
pub fn share_error_in_words(error: &share::ShareError) -> (String, String) {
    use share::ShareError as E;
    let vi = match error {
        E::Length { found } => format!("không phải mảnh khóa: cần {} chữ và số, đã nhập {found}", share::SHARE_LETTERS),
        E::Mistyped => "gõ sai: mã kiểm tra không khớp".to_owned(),
        E::Mixed { index, found, expected } => format!("mảnh số {index} thuộc bộ {found}, không phải bộ {expected}"),
        E::Twice { index } => format!("mảnh số {index} đã được nhập hai lần"),
        E::TooFew { given, threshold } => format!("cần {threshold} mảnh, mới có {given}"),
        E::Altered => "các mảnh không ghép lại được: có mảnh đã bị sửa".to_owned(),
        E::Numbers => "số mảnh từ 2 đến 16, số mảnh cần có từ 2 đến số mảnh".to_owned(),
    };
    (vi, error.to_string())
}

fn missing(purpose: Purpose) -> RequestError {
    let (vi, en) = purpose_in_words(purpose);
    RequestError::invalid(
        "share",
        "shares_missing",
        format!("Chưa có mảnh khóa nào cho {vi}."),
        format!("No shares were entered for the {en}."),
    )
}
