//! Verification with one key again and again: a table of the key's multiples makes the half of an ECDSA verification that depends on it
//! as cheap as the half that depends on the curve's generator. For the keys that sign for this service all day; making a table takes some
//! 30 ms and it holds 150 kB.

use super::{Curve, Kind, PublicKey};
use crate::error::{Error, Result};
use foreign_types::ForeignType;
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::ec::{EcGroup, EcPoint};
use openssl::ecdsa::EcdsaSigRef;
use openssl::error::ErrorStack;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// The curve with the key in its generator's place, and the table for it.
pub(super) struct Table(EcGroup);

impl PublicKey {
    /// A key of this service, from its `SubjectPublicKeyInfo`: parsed once for as long as the process lives, and with a table where its
    /// curve has one. The number of keys kept is bounded; one more is read as any other key.
    pub fn of_service(spki: &[u8]) -> Result<Self> {
        static KEYS: LazyLock<Mutex<HashMap<Vec<u8>, PublicKey>>> = LazyLock::new(Mutex::default);
        let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(spki) {
            return Ok(key.clone());
        }
        let key = Self::from_spki_der(spki)?;
        if keys.len() < MOST_KEYS {
            if let Kind::Ec { curve: Curve::P256, key: point, table } = &*key.0 {
                let prepared = Table::new(point.public_key().to_owned(point.group()).ok());
                drop(table.set(prepared));
            }
            keys.insert(spki.to_vec(), key.clone());
        }
        Ok(key)
    }
}

impl Table {
    /// `None` where OpenSSL makes none.
    fn new(key: Option<EcPoint>) -> Option<Self> {
        let standard = Curve::P256.group().ok()?;
        let mut group = EcGroup::from_curve_name(standard.curve_name()?).ok()?;
        let mut order = BigNum::new().ok()?;
        standard.order(&mut order, &mut *BigNumContext::new().ok()?).ok()?;
        group.set_generator(key?, order, BigNum::from_u32(1).ok()?).ok()?;
        precompute(&group).then_some(Self(group))
    }

    /// FIPS 186-5 §6.4.2 over digests as long as the curve's order: with w = s⁻¹, whether (e·w)G + (r·w)Q has r for its x. All or none.
    pub(super) fn verify<'s>(&self, signed: impl Iterator<Item = (&'s [u8], &'s EcdsaSigRef)>) -> Result<()> {
        let standard = Curve::P256.group()?;
        match all_hold(standard, &self.0, &signed.collect::<Vec<_>>()) {
            Ok(true) => Ok(()),
            _ => Err(Error::BadSignature),
        }
    }
}

fn all_hold(
    standard: &EcGroup,
    with_table: &EcGroup,
    signed: &[(&[u8], &EcdsaSigRef)],
) -> std::result::Result<bool, ErrorStack> {
    let mut context = BigNumContext::new()?;
    let mut order = BigNum::new()?;
    standard.order(&mut order, &mut context)?;
    let in_range = |number: &BigNumRef| !number.is_negative() && number.num_bits() > 0 && *number < *order;
    if !signed.iter().all(|(_, signature)| in_range(signature.r()) && in_range(signature.s())) {
        return Ok(false);
    }
    let inverses = inverses(signed.iter().map(|(_, signature)| signature.s()), &order, &mut context)?;
    for ((digest, signature), inverse) in signed.iter().zip(&inverses) {
        let (mut of_generator, mut of_key) = (BigNum::new()?, BigNum::new()?);
        of_generator.mod_mul(&*BigNum::from_slice(digest)?, inverse, &order, &mut context)?;
        of_key.mod_mul(signature.r(), inverse, &order, &mut context)?;
        let (mut left, mut right) = (EcPoint::new(standard)?, EcPoint::new(standard)?);
        left.mul_generator2(standard, &of_generator, &mut context)?;
        right.mul_generator2(with_table, &of_key, &mut context)?;
        let mut sum = EcPoint::new(standard)?;
        sum.add(standard, &left, &right, &mut context)?;
        if sum.is_infinity(standard) {
            return Ok(false);
        }
        let (mut x, mut y, mut reduced) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
        sum.affine_coordinates(standard, &mut x, &mut y, &mut context)?;
        reduced.nnmod(&x, &order, &mut context)?;
        if *reduced != *signature.r() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The inverses of numbers between 0 and a prime, for one inversion and three multiplications each (Montgomery): an inversion takes as long
/// as forty multiplications.
fn inverses<'s>(
    numbers: impl Iterator<Item = &'s BigNumRef>,
    prime: &BigNumRef,
    context: &mut BigNumContext,
) -> std::result::Result<Vec<BigNum>, ErrorStack> {
    let numbers: Vec<&BigNumRef> = numbers.collect();
    // The product of all numbers before each.
    let mut before = Vec::with_capacity(numbers.len());
    let mut product = BigNum::from_u32(1)?;
    for number in &numbers {
        let mut next = BigNum::new()?;
        next.mod_mul(&product, number, prime, context)?;
        before.push(std::mem::replace(&mut product, next));
    }
    let mut rest = BigNum::new()?;
    rest.mod_inverse(&product, prime, context)?;
    // From the last to the first: the inverse of the product up to here, times what stands before.
    let mut inverses = Vec::with_capacity(numbers.len());
    for (number, before) in numbers.iter().zip(&before).rev() {
        let (mut inverse, mut next) = (BigNum::new()?, BigNum::new()?);
        inverse.mod_mul(&rest, before, prime, context)?;
        next.mod_mul(&rest, number, prime, context)?;
        inverses.push(inverse);
        rest = next;
    }
    inverses.reverse();
    Ok(inverses)
}

/// `EC_GROUP_precompute_mult`, which the crate does not wrap.
#[allow(unsafe_code)]
fn precompute(group: &EcGroup) -> bool {
    // SAFETY: the declaration of `openssl/ec.h`, in the OpenSSL that `openssl-sys` links.
    unsafe extern "C" {
        fn EC_GROUP_precompute_mult(group: *mut openssl_sys::EC_GROUP, context: *mut openssl_sys::BN_CTX) -> i32;
    }
    // SAFETY: `group` is a whole EC_GROUP that nobody else has seen yet; a null context makes OpenSSL use one of its own. The table that
    // it hangs into the group is freed with the group and only read from then on.
    unsafe { EC_GROUP_precompute_mult(group.as_ptr(), std::ptr::null_mut()) == 1 }
}

/// A service has some two dozen keys; peers of a roll-over and tests more.
const MOST_KEYS: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
    use crate::asn1::write;
    use crate::crypto::sha256;
    use openssl::{ec::EcKey, ecdsa::EcdsaSig, nid::Nid, pkey::PKey};

    const ALGORITHM: SignatureAlgorithm = SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256);

    fn pair() -> (EcKey<openssl::pkey::Private>, PublicKey, PublicKey) {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = EcKey::generate(&group).unwrap();
        let spki = PKey::from_ec_key(key.clone()).unwrap().public_key_to_der().unwrap();
        (key, PublicKey::of_service(&spki).unwrap(), PublicKey::from_spki_der(&spki).unwrap())
    }

    fn has_table(key: &PublicKey) -> bool {
        matches!(&*key.0, Kind::Ec { table, .. } if matches!(table.get(), Some(Some(_))))
    }

    #[test]
    fn many_at_once_are_genuine_or_none_is() {
        let (key, with, without) = pair();
        let signed: Vec<([u8; 32], Vec<u8>)> = (0..9_u8)
            .map(|number| {
                let digest = sha256(&[number]);
                (digest, EcdsaSig::sign(&digest, &key).unwrap().to_der().unwrap())
            })
            .collect();
        let accepts = |key: &PublicKey, signed: &[([u8; 32], Vec<u8>)]| {
            key.verify_digests(ALGORITHM, signed.iter().map(|(digest, signature)| (&digest[..], &signature[..])))
                .is_ok()
        };
        for count in 0..=signed.len() {
            assert!(accepts(&with, &signed[..count]) && accepts(&without, &signed[..count]), "{count}");
        }
        for place in 0..signed.len() {
            let mut other_digest = signed.clone();
            other_digest[place].0[7] ^= 1;
            let mut other_signature = signed.clone();
            *other_signature[place].1.last_mut().unwrap() ^= 1;
            let mut exchanged = signed.clone();
            exchanged[place].1 = signed[(place + 1) % signed.len()].1.clone();
            for wrong in [other_digest, other_signature, exchanged] {
                assert!(!accepts(&with, &wrong) && !accepts(&without, &wrong), "{place}");
            }
        }
    }

    #[test]
    fn agrees_with_verification_without_table() {
        let (signer, with, without) = pair();
        assert!(has_table(&with) && !has_table(&without));
        for number in 0..200_u32 {
            let digest = sha256(&number.to_be_bytes());
            let good = EcdsaSig::sign(&digest, &signer).unwrap().to_der().unwrap();
            assert!(with.verify_digest(ALGORITHM, &digest, &good).is_ok());
            let mut changed = good.clone();
            let place = 4 + usize::try_from(number).unwrap() % (changed.len() - 4);
            changed[place] ^= 1 << (number % 8);
            let mut other = digest;
            other[usize::try_from(number).unwrap() % 32] ^= 1;
            for (digest, signature) in [(&digest, &changed), (&other, &good)] {
                let expected = without.verify_digest(ALGORITHM, digest, signature).is_ok();
                assert_eq!(with.verify_digest(ALGORITHM, digest, signature).is_ok(), expected);
                assert!(!expected);
            }
        }
    }

    #[test]
    fn numbers_at_the_edge_are_no_signatures() {
        let (signer, with, without) = pair();
        let mut order = BigNum::new().unwrap();
        signer.group().order(&mut order, &mut BigNumContext::new().unwrap()).unwrap();
        let digest = sha256(b"edge");
        let good = EcdsaSig::sign(&digest, &signer).unwrap();
        let order = order.to_vec();
        let (r, s) = (good.r().to_vec(), good.s().to_vec());
        let zero = vec![0_u8];
        for (r, s) in [(&zero, &s), (&r, &zero), (&zero, &zero), (&order, &s), (&r, &order)] {
            let der = write::sequence(&[write::integer(r), write::integer(s)]);
            assert!(with.verify_digest(ALGORITHM, &digest, &der).is_err());
        }
        // A digest of zeros leaves the key's half alone, and both agree.
        let zeros = [0; 32];
        let signature = EcdsaSig::sign(&zeros, &signer).unwrap().to_der().unwrap();
        assert!(with.verify_digest(ALGORITHM, &zeros, &signature).is_ok());
        assert!(without.verify_digest(ALGORITHM, &zeros, &signature).is_ok());
        // The other of the two signatures that ECDSA admits, (r, n − s).
        let mut mirrored = BigNum::new().unwrap();
        mirrored.checked_sub(&BigNum::from_slice(&order).unwrap(), good.s()).unwrap();
        let der = write::sequence(&[write::integer(&r), write::integer(&mirrored.to_vec())]);
        assert!(
            with.verify_digest(ALGORITHM, &digest, &der).is_ok()
                && without.verify_digest(ALGORITHM, &digest, &der).is_ok()
        );
    }

    #[test]
    fn a_key_that_is_the_generator_doubles_rightly() {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let one = BigNum::from_u32(1).unwrap();
        let key = EcKey::from_private_components(&group, &one, group.generator_opt().unwrap()).unwrap();
        let spki = PKey::from_ec_key(key.clone()).unwrap().public_key_to_der().unwrap();
        let with = PublicKey::of_service(&spki).unwrap();
        let digest = sha256(b"generator");
        let signature = EcdsaSig::sign(&digest, &key).unwrap().to_der().unwrap();
        assert!(with.verify_digest(ALGORITHM, &digest, &signature).is_ok());
    }
}
