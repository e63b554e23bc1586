//! Preparing tokens: initialising, the wrapping key in an SO session, pepper, row MAC key and data secret in a user session, from
//! components or fresh. For the ceremony and `make run`, in process only; every step can be run again and changes nothing then.

use crate::{
    error::{Error, has_code},
    limits, objects,
    secret::{Pin, Secret32},
    settings::TokenKind,
    token::{self, Token},
};
use cryptoki::{
    context::Pkcs11,
    error::RvError,
    object::ObjectClass,
    session::{Session, UserType},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use zeroize::Zeroizing;

/// One token to prepare.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// The PKCS#11 module.
    pub module: &'a Path,
    /// The label to give.
    pub token_label: &'a str,
    /// Its serial number, where several tokens have this label.
    pub serial: Option<&'a str>,
    /// What it is for.
    pub kind: TokenKind,
    /// The security officer's PIN.
    pub so_pin: &'a Pin,
    /// The user PIN, which workers hold.
    pub user_pin: &'a Pin,
    /// Whether a token that is not there is made out of an uninitialised one.
    pub initialise: bool,
}

/// The values of the subscribers token's keys. Whoever has the components can prepare a second token that opens the same blobs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secrets {
    /// Wraps subscribers' keys.
    pub wrapping: Secret32,
    /// Pepper, version 1.
    pub pepper: Secret32,
    /// Makes the rows' MACs.
    pub row_mac: Secret32,
    /// Data keys are derived from it.
    pub data: Secret32,
}

impl Secrets {
    /// Fresh values. Unless they are split and kept, the token cannot be recovered.
    pub fn random() -> Self {
        Self {
            wrapping: Secret32::random(),
            pepper: Secret32::random(),
            row_mac: Secret32::random(),
            data: Secret32::random(),
        }
    }
}

/// What a run of [`prepare`] changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// The token was initialised now.
    pub initialised: bool,
    /// Labels of the keys made or imported now.
    pub made: Vec<String>,
}

/// Prepares a token; what is there already stays as it is, and both PINs are tried on it. `secrets` is used for a subscribers token only.
pub fn prepare(plan: &Plan<'_>, secrets: &Secrets) -> Result<Prepared, Error> {
    let module = token::load(plan.module)?;
    let mut prepared = Prepared::default();
    let token = match Token::find(&module, plan.token_label, plan.serial) {
        Ok(token) => token,
        Err(Error::Unavailable { .. }) if plan.initialise => {
            initialise(&module, plan)?;
            prepared.initialised = true;
            Token::find(&module, plan.token_label, plan.serial)?
        }
        Err(other) => return Err(other),
    };
    let has_user_pin = module.get_token_info(token.slot).map_err(Error::while_opening)?.user_pin_initialized();
    as_officer(&token, plan, |session| match has_user_pin {
        true => Ok(()),
        // A run that was cut short after it had initialised the token leaves it without.
        false => Ok(session.init_pin(&plan.user_pin.for_login())?),
    })?;
    as_user(&token, plan, |_| Ok(()))?;
    if plan.kind == TokenKind::Subscribers {
        as_officer(&token, plan, |session| make_wrapping_key(session, secrets, &mut prepared))?;
        if !prepared.made.is_empty() {
            attack_wrapping_key(&token)?;
        }
        as_user(&token, plan, |session| {
            let pepper = format!("{}1", objects::PEPPER_PREFIX);
            if objects::peppers(session)?.is_empty() {
                make_hmac_key(session, &pepper, &secrets.pepper, &mut prepared)?;
            }
            make_hmac_key(session, objects::ROW_MAC_LABEL, &secrets.row_mac, &mut prepared)?;
            make_hmac_key(session, objects::DATA_LABEL, &secrets.data, &mut prepared)
        })?;
    }
    Ok(prepared)
}

/// Adds the next pepper and gives its version. Keys are resealed under it at their next use.
pub fn add_pepper(plan: &Plan<'_>, value: &Secret32) -> Result<u32, Error> {
    let token = Token::find(&token::load(plan.module)?, plan.token_label, plan.serial)?;
    as_user(&token, plan, |session| {
        let newest = objects::peppers(session)?.last().map_or(0, |(version, _)| *version);
        if newest >= limits::PEPPER_VERSION {
            return Err(Error::invalid("no pepper version is left"));
        }
        let version = newest.saturating_add(1);
        let label = format!("{}{version}", objects::PEPPER_PREFIX);
        make_hmac_key(session, &label, value, &mut Prepared::default())?;
        Ok(version)
    })
}

/// Destroys a pepper that is not the newest: blobs still under it, old backups among them, never open again.
pub fn destroy_pepper(plan: &Plan<'_>, version: u32) -> Result<(), Error> {
    let token = Token::find(&token::load(plan.module)?, plan.token_label, plan.serial)?;
    as_user(&token, plan, |session| {
        let peppers = objects::peppers(session)?;
        if peppers.last().is_some_and(|(newest, _)| *newest == version) {
            return Err(Error::invalid("the newest pepper is in use"));
        }
        match peppers.iter().find(|(found, _)| *found == version) {
            Some((_, pepper)) => Ok(session.destroy_object(*pepper)?),
            None => Err(Error::UnknownKey { label: format!("{}{version}", objects::PEPPER_PREFIX) }),
        }
    })
}

/// One of M components of a secret, all of which are needed (XOR). Each alone tells nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    number: u8,
    of: u8,
    share: Secret32,
    /// Says whether the right components were brought together, and nothing about the value.
    check: [u8; 4],
}

impl Component {
    /// Splits a secret into 2 to 16 components.
    pub fn split(secret: &Secret32, of: u8) -> Result<Vec<Self>, Error> {
        if !(2..=16).contains(&of) {
            return Err(Error::invalid("a secret is split into 2 to 16 components"));
        }
        let check = check_value(secret);
        let mut last = Zeroizing::new(*secret.expose());
        let mut components = Vec::new();
        for number in 1..of {
            let share = Secret32::random();
            last.iter_mut().zip(share.expose()).for_each(|(left, right)| *left ^= right);
            components.push(Self { number, of, share, check });
        }
        components.push(Self { number: of, of, share: Secret32::new(*last), check });
        Ok(components)
    }

    /// Brings all components together, in any order. Wrong, missing or foreign ones are noticed.
    pub fn combine(components: &[Self]) -> Result<Secret32, Error> {
        let first = components.first().ok_or_else(|| Error::invalid("no components"))?;
        let mut numbers: Vec<u8> = components.iter().map(|component| component.number).collect();
        numbers.sort_unstable();
        let complete = numbers.iter().copied().eq(1..=first.of);
        if !complete || components.iter().any(|c| c.of != first.of || c.check != first.check) {
            return Err(Error::invalid(format!("all {} components of one secret are needed, each once", first.of)));
        }
        let mut value = Zeroizing::new([0_u8; 32]);
        for component in components {
            value.iter_mut().zip(component.share.expose()).for_each(|(left, right)| *left ^= right);
        }
        let secret = Secret32::new(*value);
        if check_value(&secret) == first.check { Ok(secret) } else { Err(Error::invalid("a component was mistyped")) }
    }

    /// `chuky-component-<n>-<m>-<64 hex>-<check>-<checksum>`, to be printed for its keeper.
    pub fn to_text(&self) -> Zeroizing<String> {
        let body = Zeroizing::new(format!(
            "{TEXT_PREFIX}{}-{}-{}-{}",
            self.number,
            self.of,
            hex::encode(self.share.expose()),
            hex::encode(self.check)
        ));
        Zeroizing::new(format!("{}-{}", *body, hex::encode(checksum(&body))))
    }

    /// Reads what [`Component::to_text`] printed; a typing error is found by the checksum of each.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid("not a component, or mistyped");
        let (body, sum) = text.trim().rsplit_once('-').ok_or_else(wrong)?;
        if hex::decode(sum).ok().as_deref() != Some(checksum(body).as_slice()) {
            return Err(wrong());
        }
        let mut fields = body.strip_prefix(TEXT_PREFIX).ok_or_else(wrong)?.split('-');
        let mut next = || fields.next().ok_or_else(wrong);
        let number = next()?.parse().map_err(|_| wrong())?;
        let of = next()?.parse().map_err(|_| wrong())?;
        let mut share = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(next()?, share.as_mut()).map_err(|_| wrong())?;
        let mut check = [0_u8; 4];
        hex::decode_to_slice(next()?, &mut check).map_err(|_| wrong())?;
        Ok(Self { number, of, share: Secret32::new(*share), check })
    }
}

fn initialise(module: &Pkcs11, plan: &Plan<'_>) -> Result<(), Error> {
    let free = module
        .get_slots_with_token()?
        .into_iter()
        .find(|slot| module.get_token_info(*slot).is_ok_and(|token| !token.token_initialized()))
        .ok_or_else(|| Error::unavailable("no slot with an uninitialised token"))?;
    Ok(module.init_token(free, &plan.so_pin.for_login(), plan.token_label)?)
}

fn as_officer<T>(token: &Token, plan: &Plan<'_>, work: impl FnOnce(&Session) -> Result<T, Error>) -> Result<T, Error> {
    logged_in(token, UserType::So, plan.so_pin, work)
}

fn as_user<T>(token: &Token, plan: &Plan<'_>, work: impl FnOnce(&Session) -> Result<T, Error>) -> Result<T, Error> {
    logged_in(token, UserType::User, plan.user_pin, work)
}

fn logged_in<T>(
    token: &Token,
    who: UserType,
    pin: &Pin,
    work: impl FnOnce(&Session) -> Result<T, Error>,
) -> Result<T, Error> {
    let session = token.session()?;
    match session.login(who, Some(&pin.for_login())) {
        // PKCS#11 §5.6: login is per token and process.
        Err(error) if has_code(&error, RvError::UserAlreadyLoggedIn) => {}
        // Never tried again: a token counts wrong PINs.
        Err(error) if [RvError::PinIncorrect, RvError::PinLocked].into_iter().any(|code| has_code(&error, code)) => {
            let whose = if matches!(who, UserType::So) { "security officer's" } else { "user" };
            return Err(Error::invalid(format!("the token refuses the {whose} PIN")));
        }
        other => other.map_err(Error::while_opening)?,
    }
    let result = work(&session);
    session.logout()?;
    result
}

/// In an SO session, or anyone with the user PIN and a row could unwrap a key as extractable (hsm.md).
fn make_wrapping_key(session: &Session, secrets: &Secrets, prepared: &mut Prepared) -> Result<(), Error> {
    let label = objects::WRAPPING_LABEL;
    if objects::find(session, ObjectClass::SECRET_KEY, label)?.is_none() {
        session.create_object(&objects::wrapping_template(label, Some(secrets.wrapping.expose())))?;
        prepared.made.push(label.to_owned());
    }
    Ok(())
}

/// Tries to destroy the new key as a process without a PIN could, while nothing is lost by it yet.
fn attack_wrapping_key(token: &Token) -> Result<(), Error> {
    let outsider = token.session()?;
    match objects::find(&outsider, ObjectClass::SECRET_KEY, objects::WRAPPING_LABEL)? {
        Some(key) if outsider.destroy_object(key).is_ok() => Err(Error::SelfTest {
            check: "destroy the wrapping key without log-in".to_owned(),
            finding: "succeeded".to_owned(),
        }),
        _ => Ok(()),
    }
}

fn make_hmac_key(session: &Session, label: &str, value: &Secret32, prepared: &mut Prepared) -> Result<(), Error> {
    if objects::find(session, ObjectClass::SECRET_KEY, label)?.is_none() {
        session.create_object(&objects::hmac_template(label, value.expose()))?;
        prepared.made.push(label.to_owned());
    }
    Ok(())
}

fn check_value(secret: &Secret32) -> [u8; 4] {
    first_four(Sha256::new().chain_update(b"chuky-component-check-v1").chain_update(secret.expose()))
}

fn checksum(text: &str) -> [u8; 4] {
    first_four(Sha256::new().chain_update(b"chuky-component-text-v1").chain_update(text))
}

fn first_four(digest: Sha256) -> [u8; 4] {
    let digest: [u8; 32] = digest.finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

const TEXT_PREFIX: &str = "chuky-component-";
