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

    /// FIPS 186-5 §6.4.2 over a digest as long as the curve's order: with w = s⁻¹, whether (e·w)G + (r·w)Q has r for its x.
    pub(super) fn verify(&self, digest: &[u8], signature: &EcdsaSigRef) -> Result<()> {
        let standard = Curve::P256.group()?;
        match holds(standard, &self.0, digest, signature) {
            Ok(true) => Ok(()),
            _ => Err(Error::BadSignature),
        }
    }
}

fn holds(
    standard: &EcGroup,
    with_table: &EcGroup,
    digest: &[u8],
    signature: &EcdsaSigRef,
) -> std::result::Result<bool, ErrorStack> {
    let (r, s) = (signature.r(), signature.s());
    let mut context = BigNumContext::new()?;
    let mut order = BigNum::new()?;
    standard.order(&mut order, &mut context)?;
    let in_range = |number: &BigNumRef| !number.is_negative() && number.num_bits() > 0 && *number < *order;
    if !in_range(r) || !in_range(s) {
        return Ok(false);
    }
    let mut inverse = BigNum::new()?;
    inverse.mod_inverse(s, &order, &mut context)?;
    let (mut of_generator, mut of_key) = (BigNum::new()?, BigNum::new()?);
    of_generator.mod_mul(&*BigNum::from_slice(digest)?, &inverse, &order, &mut context)?;
    of_key.mod_mul(r, &inverse, &order, &mut context)?;
    let (mut left, mut right, mut sum) = (EcPoint::new(standard)?, EcPoint::new(standard)?, EcPoint::new(standard)?);
    left.mul_generator2(standard, &of_generator, &mut context)?;
    right.mul_generator2(with_table, &of_key, &mut context)?;
    sum.add(standard, &left, &right, &mut context)?;
    if sum.is_infinity(standard) {
        return Ok(false);
    }
    let (mut x, mut y, mut reduced) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
    sum.affine_coordinates(standard, &mut x, &mut y, &mut context)?;
    reduced.nnmod(&x, &order, &mut context)?;
    Ok(*reduced == *r)
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
