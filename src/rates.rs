//! How often somebody may try: by remote address and by account, each kind of try with its own quota, kept in this process's memory.
//! Only what costs something or guesses something is counted, so that whoever is at work is not held up by whoever attacks: a wrong
//! try of one caller never counts against another's account. It knows no HTTP and no row.

use crate::error::{Error, RequestError, RequestErrorKind, Result};
use chuky_model::instant::Instant;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    cmp::Ordering,
    collections::HashMap,
    net::Ipv6Addr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// So many at once, regained evenly over that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    pub count: u32,
    pub seconds: u32,
}

/// The quotas, as settings name them (`[rates]`).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatesConfig {
    /// Wrong passwords for one account, from one address or one known device.
    pub login: Quota,
    /// The same over a day, so that a single address does not keep an account's count high.
    pub login_day: Quota,
    /// Wrong log-ins from one address, for whatever accounts.
    pub login_address: Quota,
    /// Wrong activation codes from one address.
    pub activation_address: Quota,
    /// PIN entries of one account, right or wrong: each costs 64 MiB for a good part of a second.
    pub pin: Quota,
    /// Wrong PINs from one address, for whatever accounts; through an application or with an API key, of each of its users.
    pub pin_address: Quota,
    /// Wrong names and secrets of applications from one address. Right ones are not held up.
    pub client_address: Quota,
    /// Documents to verify from one address, for callers who are not logged in.
    pub verify_address: Quota,
    /// Documents to verify of one account.
    pub verify: Quota,
    /// Documents of one account taken to a higher level: each is judged twice and takes timestamps.
    pub extend: Quota,
    /// Verdicts put under a short link, from one address or by one account.
    pub verdict_link: Quota,
}

impl Default for RatesConfig {
    fn default() -> Self {
        let quota = |count, seconds| Quota { count, seconds };
        Self {
            login: quota(5, 300),
            login_day: quota(30, 86_400),
            login_address: quota(30, 300),
            activation_address: quota(30, 600),
            pin: quota(60, 60),
            pin_address: quota(100, 600),
            client_address: quota(30, 300),
            verify_address: quota(60, 60),
            verify: quota(600, 60),
            extend: quota(120, 60),
            verdict_link: quota(20, 600),
        }
    }
}

impl RatesConfig {
    /// Whether every quota allows something and ends.
    pub fn is_usable(&self) -> bool {
        let all = [
            self.login,
            self.login_day,
            self.login_address,
            self.activation_address,
            self.pin,
            self.pin_address,
            self.client_address,
            self.verify_address,
            self.verify,
            self.extend,
            self.verdict_link,
        ];
        all.iter().all(|quota| quota.count > 0 && quota.seconds > 0 && quota.seconds <= 86_400)
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    LogIn,
    LogInDay,
    LogInAddress,
    /// For a name that nobody has; as many as an account's row would count.
    LogInUnknown,
    /// Wrong codes of a second factor behind the right password.
    SecondFactor,
    ActivationAddress,
    Pin,
    PinAddress,
    ClientAddress,
    VerifyAddress,
    Verify,
    VerdictLink,
    Extend,
}

/// What has been tried of late, for every caller.
#[derive(Debug)]
pub struct Rates {
    quotas: RatesConfig,
    /// For each kind of try and caller the moment at which everything is regained, in microseconds (generic cell rate algorithm). Each kind has room
    /// of its own: who has very many addresses takes it from no other kind.
    full_at: Mutex<HashMap<Kind, Callers>>,
}

impl Rates {
    /// With these quotas.
    pub fn new(quotas: RatesConfig) -> Self {
        Self { quotas, full_at: Mutex::default() }
    }

    /// Counts one, or refuses with the time to wait.
    pub fn take(&self, kind: Kind, caller: &str, now: Instant) -> Result<(), RequestError> {
        let quota = self.quota(kind);
        let (mut full_at, key) = (self.full_at(), key(kind, caller));
        let callers = full_at.entry(kind).or_default();
        if callers.len() >= CALLERS && !callers.contains_key(&key) {
            callers.retain(|_, full| *full > now.0);
            if callers.len() >= CALLERS {
                // Somebody with very many addresses. What is worth guessing is counted in rows as well.
                tracing::warn!(event = "rates_forgotten", kind = ?kind, callers = FORGOTTEN);
                forget_lightest(callers);
            }
        }
        let full = callers.entry(key).or_insert(now.0);
        let next = (*full).max(now.0).saturating_add(quota.interval());
        match next.saturating_sub(now.0).saturating_sub(quota.period()) {
            ..=0 => {
                *full = next;
                Ok(())
            }
            wait => Err(too_many(wait)),
        }
    }

    /// Refuses as [`Rates::take`] would now, and counts nothing.
    pub fn check(&self, kind: Kind, caller: &str, now: Instant) -> Result<(), RequestError> {
        let quota = self.quota(kind);
        let known = self.full_at().get(&kind).and_then(|callers| callers.get(&key(kind, caller)).copied());
        let full = known.unwrap_or(now.0);
        let next = full.max(now.0).saturating_add(quota.interval());
        match next.saturating_sub(now.0).saturating_sub(quota.period()) {
            ..=0 => Ok(()),
            wait => Err(too_many(wait)),
        }
    }

    /// Gives one back that was counted before it was known to be right.
    pub fn give_back(&self, kind: Kind, caller: &str) {
        if let Some(full) = self.full_at().get_mut(&kind).and_then(|callers| callers.get_mut(&key(kind, caller))) {
            *full = full.saturating_sub(self.quota(kind).interval());
        }
    }

    /// Runs a flow in which something can be guessed wrong: refused where this caller guessed wrong too often, and counted where the
    /// flow says one of these codes.
    pub async fn guessing<T>(
        &self,
        (kind, caller, now): (Kind, &str, Instant),
        wrong: &[&str],
        flow: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.check(kind, caller, now)?;
        let answer = flow.await;
        if let Err(Error::Request(refused)) = &answer
            && wrong.contains(&refused.code)
        {
            // The answer is told all the same; the next try is refused.
            let _ = self.take(kind, caller, now);
        }
        answer
    }

    fn quota(&self, kind: Kind) -> Quota {
        match kind {
            Kind::LogIn => self.quotas.login,
            Kind::LogInDay => self.quotas.login_day,
            Kind::LogInAddress => self.quotas.login_address,
            Kind::LogInUnknown => UNKNOWN_NAME,
            Kind::SecondFactor => WRONG_CODES,
            Kind::ActivationAddress => self.quotas.activation_address,
            Kind::Pin => self.quotas.pin,
            Kind::PinAddress => self.quotas.pin_address,
            Kind::ClientAddress => self.quotas.client_address,
            Kind::VerifyAddress => self.quotas.verify_address,
            Kind::Verify => self.quotas.verify,
            Kind::Extend => self.quotas.extend,
            Kind::VerdictLink => self.quotas.verdict_link,
        }
    }

    fn full_at(&self) -> MutexGuard<'_, HashMap<Kind, Callers>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Quota {
    fn period(self) -> i64 {
        i64::from(self.seconds).saturating_mul(1_000_000)
    }

    fn interval(self) -> i64 {
        self.period() / i64::from(self.count.max(1))
    }
}

/// What one customer of a network can have, of an address as quotas count it: an IPv4 address, or the 48 bits of an IPv6 network (RFC 6177 §2: a site
/// is given 48 to 64). Tries at one account are counted by it, for whoever has 48 bits has 65,536 networks of 64.
pub fn customer(address: &str) -> String {
    let network = address.strip_suffix("/64").and_then(|text| text.parse::<Ipv6Addr>().ok());
    match network {
        Some(network) => {
            let [a, b, c, ..] = network.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
        None => address.to_owned(),
    }
}

/// One in five minutes, and a hundred at once: what an account's row forgets and bears.
pub const UNKNOWN_NAME: Quota = Quota { count: 100, seconds: 30_000 };

/// Twenty a day: a guess of six digits, of which three are right, meets once in forty-five years.
pub const WRONG_CODES: Quota = Quota { count: 20, seconds: 86_400 };

/// The kinds of try that a wrong PIN is.
pub const WRONG_PIN: &[&str] = &["pin_wrong"];
/// The kinds of try that a wrong activation code is.
pub const WRONG_CODE: &[&str] = &["code_invalid"];

/// When each caller has regained everything.
type Callers = HashMap<[u8; 16], i64>;

/// Forgets those who have used least, by when they have regained it: whoever is refused now, or soon would be, is the last to be forgotten, so that
/// nobody's count is taken back by calling from elsewhere.
fn forget_lightest(callers: &mut Callers) {
    let mut ends: Vec<i64> = callers.values().copied().collect();
    if ends.len() < FORGOTTEN {
        return;
    }
    let bound = *ends.select_nth_unstable(FORGOTTEN - 1).1;
    // As many as were asked for, also where many have the same end.
    let sooner = ends.iter().filter(|end| **end < bound).count();
    let mut of_bound = FORGOTTEN.saturating_sub(sooner);
    callers.retain(|_, end| match (*end).cmp(&bound) {
        Ordering::Less => false,
        Ordering::Equal if of_bound > 0 => {
            of_bound -= 1;
            false
        }
        Ordering::Equal | Ordering::Greater => true,
    });
}

fn key(kind: Kind, caller: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::new().chain_update([kind as u8]).chain_update(caller).finalize().into();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

fn too_many(wait_microseconds: i64) -> RequestError {
    let seconds = u32::try_from(wait_microseconds.saturating_add(999_999) / 1_000_000).unwrap_or(u32::MAX).max(1);
    let error = RequestError::new(
        RequestErrorKind::TooMany,
        "too_many_tries",
        format!("Bạn đã thử quá nhiều lần. Hãy thử lại sau {seconds} giây."),
        format!("Too many tries. Try again in {seconds} seconds."),
    );
    RequestError { retry_after: Some(seconds), ..error }
}

/// Callers that are remembered of each kind of try: about 40 bytes each, 26 MB for all kinds.
const CALLERS: usize = 50_000;
/// How many are forgotten at once where there is no room: so that a look at all of them is needed for so many new ones only.
const FORGOTTEN: usize = CALLERS / 8;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant(1_000_000_000_000).plus_seconds(seconds)
    }

    #[test]
    fn so_many_at_once_then_one_by_one() {
        let rates = Rates::new(RatesConfig { login: Quota { count: 3, seconds: 30 }, ..RatesConfig::default() });
        for _ in 0..3 {
            rates.take(Kind::LogIn, "a", at(0)).unwrap();
        }
        assert_eq!(rates.check(Kind::LogIn, "a", at(1)).unwrap_err().retry_after, Some(9));
        assert_eq!(rates.take(Kind::LogIn, "a", at(4)).unwrap_err().retry_after, Some(6));
        // Nobody else is held up, nor another kind of try.
        rates.take(Kind::LogIn, "b", at(4)).unwrap();
        rates.take(Kind::Pin, "a", at(4)).unwrap();
        rates.take(Kind::LogIn, "a", at(10)).unwrap();
        assert!(rates.take(Kind::LogIn, "a", at(10)).is_err());
        rates.give_back(Kind::LogIn, "a");
        rates.take(Kind::LogIn, "a", at(10)).unwrap();
        for _ in 0..3 {
            rates.take(Kind::LogIn, "a", at(1_000)).unwrap();
        }
        assert!(rates.take(Kind::LogIn, "a", at(1_000)).is_err());
    }

    #[test]
    fn tries_at_an_account_are_counted_by_customer() {
        assert_eq!(customer("2001:db8:1:2::/64"), "2001:db8:1::/48");
        assert_eq!(customer("2001:db8:1:ffff::/64"), customer("2001:db8:1::/64"));
        assert_ne!(customer("2001:db8:2::/64"), customer("2001:db8:1::/64"));
        assert_eq!([customer("203.0.113.9"), customer("unknown")], ["203.0.113.9", "unknown"]);
    }

    #[test]
    fn memory_is_bounded_and_nobody_is_forgiven_by_a_crowd() {
        let rates = Rates::new(RatesConfig::default());
        let used_up = |kind: Kind, caller: &str| {
            let count = rates.quota(kind).count;
            (0..count).for_each(|_| rates.take(kind, caller, at(0)).unwrap());
            assert!(rates.take(kind, caller, at(0)).is_err());
        };
        used_up(Kind::VerifyAddress, "attacker");
        used_up(Kind::PinAddress, "guesser");
        // Three times as many as there is room for, each a live caller.
        for caller in 0..CALLERS * 3 {
            rates.take(Kind::VerifyAddress, &caller.to_string(), at(1)).unwrap();
            assert!(rates.full_at()[&Kind::VerifyAddress].len() <= CALLERS);
        }
        assert!(rates.check(Kind::VerifyAddress, "attacker", at(0)).is_err());
        assert!(rates.check(Kind::PinAddress, "guesser", at(0)).is_err());
        // The newest of the crowd are still counted.
        let kept = rates.full_at()[&Kind::VerifyAddress].len();
        assert!(kept >= CALLERS - FORGOTTEN, "{kept}");
    }

    #[tokio::test]
    async fn only_wrong_guesses_count() {
        let rates = Rates::new(RatesConfig::default());
        let count = rates.quotas.activation_address.count;
        let guess = async |code: &'static str| {
            let flow = async {
                let refused = RequestError::invalid("code", code, "", "");
                if code.is_empty() { Ok(()) } else { Err(Error::from(refused)) }
            };
            let answer = rates.guessing((Kind::ActivationAddress, "a", at(0)), WRONG_CODE, flow).await;
            answer.err().map(|error| matches!(error, Error::Request(refused) if refused.code == "too_many_tries"))
        };
        for _ in 0..count * 2 {
            assert_eq!(guess("").await, None);
            assert_eq!(guess("pin_length").await, Some(false));
        }
        for _ in 0..count {
            assert_eq!(guess("code_invalid").await, Some(false));
        }
        assert_eq!(guess("").await, Some(true));
    }
}
