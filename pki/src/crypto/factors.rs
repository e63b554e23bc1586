//! Numbers of public keys, as far as finding weak ones needs them. Only public numbers are handled, so time may depend on them.

use super::{Kind, PublicKey};
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::error::ErrorStack;
use std::cmp::Ordering;

impl PublicKey {
    /// Modulus and exponent of an RSA key, big-endian without leading zeros.
    pub(crate) fn rsa_numbers(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        match &*self.0 {
            Kind::Rsa { key, .. } => Some((key.n().to_vec(), key.e().to_vec())),
            _ => None,
        }
    }

    /// Whether Fermat's method finds the factors of an RSA modulus within so many rounds: its primes are close together.
    pub(crate) fn has_close_primes(&self, rounds: u32) -> bool {
        match &*self.0 {
            // What OpenSSL cannot compute is not known to be good.
            Kind::Rsa { key, .. } => fermat(key.n(), rounds).unwrap_or(true),
            _ => false,
        }
    }

    /// Whether an RSA modulus is itself a prime, so that whoever has the public key has the private one.
    pub(crate) fn has_prime_modulus(&self) -> bool {
        let is_prime = |number: &BigNumRef| number.is_prime(0, &mut *BigNumContext::new()?);
        match &*self.0 {
            Kind::Rsa { key, .. } => is_prime(key.n()).unwrap_or(true),
            _ => false,
        }
    }

    /// Whether an elliptic curve key's point is the curve's generator or its inverse: the private key is one.
    pub(crate) fn is_generator(&self) -> bool {
        let Kind::Ec { key, .. } = &*self.0 else { return false };
        let compare = || -> Result<bool, ErrorStack> {
            let mut context = BigNumContext::new()?;
            let group = key.group();
            let (mut x, mut y, mut generator_x) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
            key.public_key().affine_coordinates(group, &mut x, &mut y, &mut context)?;
            // A named curve has a generator.
            let Some(generator) = group.generator_opt() else { return Ok(false) };
            generator.affine_coordinates(group, &mut generator_x, &mut y, &mut context)?;
            Ok(x == generator_x)
        };
        compare().unwrap_or(true)
    }
}

/// a = ⌈√n⌉, then a+1, a+2, …: a² − n is a square b² where n = (a−b)(a+b).
fn fermat(modulus: &BigNumRef, rounds: u32) -> Result<bool, ErrorStack> {
    let mut context = BigNumContext::new()?;
    let mut root = square_root(modulus, &mut context)?;
    let mut square = BigNum::new()?;
    square.sqr(&root, &mut context)?;
    if square.ucmp(modulus) == Ordering::Less {
        root.add_word(1)?;
    }
    let mut rest = BigNum::new()?;
    for _ in 0..rounds {
        square.sqr(&root, &mut context)?;
        rest.checked_sub(&square, modulus)?;
        if may_be_square(&rest)? {
            let candidate = square_root(&rest, &mut context)?;
            square.sqr(&candidate, &mut context)?;
            if square == rest {
                return Ok(true);
            }
        }
        root.add_word(1)?;
    }
    Ok(false)
}

/// Squares have few remainders: this lets through about one number in a hundred that is none.
fn may_be_square(number: &BigNumRef) -> Result<bool, ErrorStack> {
    for modulus in [64u64, 63, 65, 11] {
        let rest = number.mod_word(u32::try_from(modulus).unwrap_or(u32::MAX))?;
        if !(0..modulus).any(|root| root * root % modulus == rest) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// ⌊√n⌋ by Newton's method from above.
fn square_root(number: &BigNumRef, context: &mut BigNumContext) -> Result<BigNum, ErrorStack> {
    let mut root = BigNum::new()?;
    root.set_bit(number.num_bits() / 2 + 1)?;
    let (mut quotient, mut sum, mut next) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
    loop {
        quotient.checked_div(number, &root, context)?;
        sum.checked_add(&quotient, &root)?;
        next.rshift1(&sum)?;
        if next.ucmp(&root) != Ordering::Less {
            return Ok(root);
        }
        std::mem::swap(&mut root, &mut next);
    }
}
