//! Opening a token: module, slot, sessions, login. The only place that initialises a PKCS#11 module; each process does so once, and
//! a token that went away is met again by a fresh process.

use crate::{
    error::{Error, has_code},
    secret::Pin,
};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::RvError,
    session::{Session, UserType},
    slot::Slot,
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

/// A module and the slot of one token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) module: Pkcs11,
    pub(crate) slot: Slot,
    pub(crate) serial: String,
}

/// Loads and initialises a module, once a process.
pub(crate) fn load(path: &Path) -> Result<Pkcs11, Error> {
    static LOADED: OnceLock<Mutex<HashMap<PathBuf, Pkcs11>>> = OnceLock::new();
    let mut loaded = LOADED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = loaded.get(path) {
        return Ok(module.clone());
    }
    if !path.is_file() {
        return Err(Error::Module { reason: format!("{} does not exist", path.display()) });
    }
    let module = Pkcs11::new(path)?;
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(Error::while_opening)?;
    loaded.insert(path.to_owned(), module.clone());
    Ok(module)
}

impl Token {
    /// Finds the token of this label, and of this serial number where one is named. A slot whose token cannot be read is passed over.
    pub(crate) fn find(module: &Pkcs11, label: &str, serial: Option<&str>) -> Result<Self, Error> {
        let slots = module.get_slots_with_token().map_err(Error::while_opening)?;
        let mut found = slots.into_iter().filter_map(|slot| {
            let information = module.get_token_info(slot).ok()?;
            let found = information.serial_number().trim().to_owned();
            let wanted = information.label().trim_end() == label && serial.is_none_or(|serial| serial == found);
            (information.token_initialized() && wanted).then(|| Self { module: module.clone(), slot, serial: found })
        });
        match (found.next(), found.next()) {
            (Some(token), None) => Ok(token),
            (None, _) => Err(Error::unavailable(format!("no token labelled {label}"))),
            (Some(_), Some(_)) => {
                Err(Error::invalid(format!("several tokens labelled {label}: name the serial number")))
            }
        }
    }

    /// A session for reading and writing, not logged in by itself.
    pub(crate) fn session(&self) -> Result<Session, Error> {
        self.module.open_rw_session(self.slot).map_err(Error::while_opening)
    }

    /// Logs the process in. PKCS#11 §5.6: login is per token and process, so "already" is success.
    pub(crate) fn log_in(&self, session: &Session, who: UserType, pin: &Pin) -> Result<(), Error> {
        match session.login(who, Some(&pin.for_login())) {
            Err(error) if !has_code(&error, RvError::UserAlreadyLoggedIn) => Err(Error::while_opening(error)),
            _ => Ok(()),
        }
    }
}
