//! The ciphers that PDF files are protected with (ISO 32000-2 §7.6): AES in CBC mode, and RC4, which OpenSSL 3 has only in its legacy
//! provider, as twenty lines of its own. They protect nothing of ours: keys of old documents are known to everybody who can open
//! them, and nothing that must stay secret is ever sealed here.

use openssl::symm::{Cipher, Crypter, Mode};

/// Bytes of one AES block.
pub const BLOCK: usize = 16;

/// AES-CBC without padding over whole blocks; what is no whole block at the end is left out. `None` where key or vector has a wrong length.
pub fn aes_cbc_open(key: &[u8], vector: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let whole = data.len() - data.len() % BLOCK;
    aes_cbc(Mode::Decrypt, key, vector, data.get(..whole)?)
}

/// AES-CBC without padding. `None` where key or vector has a wrong length, or the data is no whole number of blocks.
pub fn aes_cbc_seal(key: &[u8], vector: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    if !data.len().is_multiple_of(BLOCK) {
        return None;
    }
    aes_cbc(Mode::Encrypt, key, vector, data)
}

fn aes_cbc(mode: Mode, key: &[u8], vector: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let cipher = match key.len() {
        16 => Cipher::aes_128_cbc(),
        32 => Cipher::aes_256_cbc(),
        _ => return None,
    };
    if vector.len() != BLOCK {
        return None;
    }
    let mut crypter = Crypter::new(cipher, mode, key, Some(vector)).ok()?;
    crypter.pad(false);
    // `update` wants room for one block more.
    let mut out = vec![0; data.len() + BLOCK];
    let written = crypter.update(data, &mut out).ok()?;
    let rest = crypter.finalize(out.get_mut(written..)?).ok()?;
    out.truncate(written + rest);
    Some(out)
}

/// RC4, which opens what it sealed. An empty key gives the data back.
pub fn rc4(key: &[u8], data: &[u8]) -> Vec<u8> {
    if key.is_empty() {
        return data.to_vec();
    }
    let mut state: [u8; 256] = std::array::from_fn(|at| (at & 0xff) as u8);
    let mut other = 0_u8;
    for (at, key_byte) in (0_u8..=255).zip(key.iter().cycle()) {
        other = other.wrapping_add(state[usize::from(at)]).wrapping_add(*key_byte);
        state.swap(usize::from(at), usize::from(other));
    }
    let (mut at, mut other) = (0_u8, 0_u8);
    data.iter()
        .map(|byte| {
            at = at.wrapping_add(1);
            other = other.wrapping_add(state[usize::from(at)]);
            state.swap(usize::from(at), usize::from(other));
            byte ^ state[usize::from(state[usize::from(at)].wrapping_add(state[usize::from(other)]))]
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rc4_gives_the_published_streams() {
        // RFC 6229 §2, 40-bit and 128-bit keys, first 16 bytes.
        let stream = |key: &str| hex::encode(rc4(&hex::decode(key).unwrap(), &[0; 16]));
        assert_eq!(stream("0102030405"), "b2396305f03dc027ccc3524a0a1118a8");
        assert_eq!(stream("0102030405060708090a0b0c0d0e0f10"), "9ac7cc9a609d1ef7b2932899cde41b97");
    }

    #[test]
    fn aes_opens_what_it_sealed_and_refuses_other_lengths() {
        let (key, vector, data) = ([7; 32], [9; 16], [1; 48]);
        let sealed = aes_cbc_seal(&key, &vector, &data).unwrap();
        assert_eq!(aes_cbc_open(&key, &vector, &sealed).unwrap(), data);
        assert_eq!(aes_cbc_open(&key, &vector, &[&sealed[..], b"tail"].concat()).unwrap(), data);
        assert!(aes_cbc_seal(&key, &vector, &data[..47]).is_none());
        assert!(aes_cbc_open(&key[..24], &vector, &sealed).is_none());
        // FIPS 197 vectors in CBC: NIST SP 800-38A F.2.1, first block.
        let key = hex::decode("2b7e151628aed2a6abf7158809cf4f3c").unwrap();
        let vector = hex::decode("000102030405060708090a0b0c0d0e0f").unwrap();
        let block = hex::decode("6bc1bee22e409f96e93d7e117393172a").unwrap();
        assert_eq!(hex::encode(aes_cbc_seal(&key, &vector, &block).unwrap()), "7649abac8119b246cee98e9b12e9197d");
    }
}
