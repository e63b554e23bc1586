//! The two spellings of an ECDSA signature: `r ‖ s` of fixed length (RFC 7518 §3.4) and `Ecdsa-Sig-Value` DER (RFC 3279 §2.2.3).
//! Pure byte moving for curves up to 384 bits; anything that is not exactly one of the two forms is refused.

/// DER of a raw signature whose halves have that many octets each; `None` where the length differs or a half is zero.
pub fn raw_to_der(raw: &[u8], half: usize) -> Option<Vec<u8>> {
    if raw.len() != half.checked_mul(2)? || half > LONGEST_HALF {
        return None;
    }
    let (r, s) = raw.split_at(half);
    let mut content = Vec::with_capacity(2 * (half + 3));
    write_integer(r, &mut content)?;
    write_integer(s, &mut content)?;
    let mut der = Vec::with_capacity(content.len() + 2);
    der.push(SEQUENCE);
    // With halves of at most 48 octets the content has at most 102 octets: the short form of X.690 §8.1.3.4 always suffices.
    der.push(u8::try_from(content.len()).ok().filter(|length| *length < 0x80)?);
    der.extend_from_slice(&content);
    Some(der)
}

/// The raw form of a DER signature, each half left-padded to that many octets; `None` where it is not exactly that.
pub fn der_to_raw(der: &[u8], half: usize) -> Option<Vec<u8>> {
    let (content, rest) = read_element(der, SEQUENCE)?;
    let (r, after_r) = read_element(content, INTEGER)?;
    let (s, after_s) = read_element(after_r, INTEGER)?;
    if !rest.is_empty() || !after_s.is_empty() || half > LONGEST_HALF {
        return None;
    }
    let mut raw = Vec::with_capacity(2 * half);
    for integer in [r, s] {
        let significant = integer.strip_prefix(&[0]).unwrap_or(integer);
        raw.resize(raw.len() + half.checked_sub(significant.len())?, 0);
        raw.extend_from_slice(significant);
    }
    Some(raw)
}

fn write_integer(octets: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let first = octets.iter().position(|octet| *octet != 0)?;
    let significant = octets.get(first..)?;
    let sign_octet = significant.first().is_some_and(|octet| *octet >= 0x80);
    out.push(INTEGER);
    out.push(u8::try_from(significant.len() + usize::from(sign_octet)).ok()?);
    if sign_octet {
        out.push(0);
    }
    out.extend_from_slice(significant);
    Some(())
}

/// Content and rest of one element in the short form, with that tag.
fn read_element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, length, rest @ ..] = bytes else { return None };
    if *found != tag || *length >= 0x80 {
        return None;
    }
    rest.split_at_checked(usize::from(*length))
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// P-384.
const LONGEST_HALF: usize = 48;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_give_the_same_signature(half in prop_oneof![Just(32_usize), Just(48)], zeros in 0_usize..31, seed in any::<[u8; 96]>()) {
            let mut raw = seed[..2 * half].to_vec();
            raw[..zeros].fill(0);
            raw[half - 1] |= 1;
            raw[2 * half - 1] |= 1;
            let der = raw_to_der(&raw, half).unwrap();
            openssl::ecdsa::EcdsaSig::from_der(&der).unwrap();
            prop_assert_eq!(der_to_raw(&der, half).unwrap(), raw);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = der_to_raw(&bytes, 32);
            let _ = raw_to_der(&bytes, 32);
        }
    }

    #[test]
    fn zero_halves_and_wrong_lengths_are_refused() {
        assert_eq!(raw_to_der(&[0; 64], 32), None);
        assert_eq!(raw_to_der(&[1; 63], 32), None);
        assert_eq!(der_to_raw(&[0x30, 0x06, 2, 1, 1, 2, 1, 1, 0], 32), None);
    }
}
