//! The sealed stream of a backup: AES-256-GCM in chunks that can be neither altered, reordered nor cut off unseen (STREAM: Hoang,
//! Reyhanitabar, Rogaway, Vizár 2015), under a key that HKDF makes of the backup key and the file's own salt. Inside stand named entries.

use crate::error::{InternalError, RequestError, Result};
use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use chuky_hsm::Secret32;
use hkdf::Hkdf;
use rand::Rng;
use sha2::Sha256;
use std::io::{Read, Write};
use zeroize::Zeroizing;

/// Seals what is written to it.
pub struct Sealer<W: Write> {
    to: W,
    cipher: Aes256Gcm,
    header: Vec<u8>,
    chunk: Vec<u8>,
    count: u64,
}

impl<W: Write> Sealer<W> {
    /// Begins a sealed file.
    pub fn begin(mut to: W, key: &Secret32) -> Result<Self> {
        let mut salt = [0_u8; SALT];
        rand::rng().fill_bytes(&mut salt);
        let header = [MAGIC.as_slice(), &salt].concat();
        to.write_all(&header).map_err(InternalError::io("backup"))?;
        Ok(Self { to, cipher: cipher(key, &salt)?, header, chunk: Vec::with_capacity(CHUNK), count: 0 })
    }

    /// Adds an entry of exactly `size` octets.
    pub fn entry(&mut self, name: &str, size: u64, content: &mut dyn Read) -> Result<()> {
        let length = u16::try_from(name.len()).map_err(|_| InternalError::other("a file's name is too long"))?;
        self.put(&length.to_be_bytes())?;
        self.put(name.as_bytes())?;
        self.put(&size.to_be_bytes())?;
        let mut left = size;
        let mut octets = vec![0; 64 << 10];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(octets.len());
            let read = content.read(octets.get_mut(..most).unwrap_or_default()).map_err(InternalError::io(name))?;
            if read == 0 {
                return Err(InternalError::other(format!("{name} became shorter while it was read")).into());
            }
            self.put(octets.get(..read).unwrap_or_default())?;
            left = left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<W> {
        self.put(&0_u16.to_be_bytes())?;
        self.flush(true)?;
        self.to.flush().map_err(InternalError::io("backup"))?;
        Ok(self.to)
    }

    fn put(&mut self, mut octets: &[u8]) -> Result<()> {
        while !octets.is_empty() {
            if self.chunk.len() == CHUNK {
                self.flush(false)?;
            }
            let (now, later) = octets.split_at(octets.len().min(CHUNK.saturating_sub(self.chunk.len())));
            self.chunk.extend_from_slice(now);
            octets = later;
        }
        Ok(())
    }

    fn flush(&mut self, last: bool) -> Result<()> {
        let payload = Payload { msg: &self.chunk, aad: &self.header };
        let sealed = self.cipher.encrypt(&nonce(self.count, last), payload);
        let sealed = sealed.map_err(|_| InternalError::other("the backup cannot be sealed"))?;
        self.count = self.count.saturating_add(1);
        self.chunk.clear();
        let length = u32::try_from(sealed.len()).map_err(|_| InternalError::other("a chunk is too long"))?;
        let written = self.to.write_all(&length.to_be_bytes()).and_then(|()| self.to.write_all(&sealed));
        Ok(written.map_err(InternalError::io("backup"))?)
    }
}

/// Opens what a [`Sealer`] made. Nothing is given out that was altered.
pub struct Opener<R: Read> {
    from: R,
    cipher: Aes256Gcm,
    header: Vec<u8>,
    chunk: Zeroizing<Vec<u8>>,
    at: usize,
    count: u64,
    ended: bool,
}

impl<R: Read> Opener<R> {
    /// Begins to read a sealed file.
    pub fn begin(mut from: R, key: &Secret32) -> Result<Self> {
        let mut header = vec![0; MAGIC.len() + SALT];
        from.read_exact(&mut header).map_err(|_| refused())?;
        let salt = header.strip_prefix(MAGIC.as_slice()).ok_or_else(refused)?;
        let cipher = cipher(key, salt)?;
        Ok(Self { from, cipher, header, chunk: Zeroizing::default(), at: 0, count: 0, ended: false })
    }

    /// The next entry's name and size; `None` after the last. The content of the one before must have been taken.
    pub fn next_entry(&mut self) -> Result<Option<(String, u64)>> {
        let mut length = [0; 2];
        self.take(&mut length)?;
        let length = usize::from(u16::from_be_bytes(length));
        if length == 0 {
            return if self.ended && self.at == self.chunk.len() { Ok(None) } else { Err(refused().into()) };
        }
        let mut name = vec![0; length];
        self.take(&mut name)?;
        let mut size = [0; 8];
        self.take(&mut size)?;
        Ok(Some((String::from_utf8(name).map_err(|_| refused())?, u64::from_be_bytes(size))))
    }

    /// Writes an entry's content.
    pub fn content(&mut self, size: u64, to: &mut dyn Write) -> Result<()> {
        let mut left = size;
        let mut octets = vec![0; 64 << 10];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(octets.len());
            let part = octets.get_mut(..most).unwrap_or_default();
            self.take(part)?;
            to.write_all(part).map_err(InternalError::io("restoring"))?;
            left = left.saturating_sub(u64::try_from(most).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    fn take(&mut self, to: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < to.len() {
            if self.at == self.chunk.len() {
                self.next_chunk()?;
            }
            let have = self.chunk.get(self.at..).unwrap_or_default();
            let now = have.len().min(to.len().saturating_sub(filled));
            let (Some(target), Some(source)) = (to.get_mut(filled..filled + now), have.get(..now)) else {
                return Err(refused().into());
            };
            target.copy_from_slice(source);
            filled += now;
            self.at += now;
        }
        Ok(())
    }

    fn next_chunk(&mut self) -> Result<()> {
        if self.ended {
            return Err(refused().into());
        }
        let mut length = [0; 4];
        self.from.read_exact(&mut length).map_err(|_| refused())?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > CHUNK + TAG {
            return Err(refused().into());
        }
        let mut sealed = vec![0; length];
        self.from.read_exact(&mut sealed).map_err(|_| refused())?;
        let open = |last| {
            let payload = Payload { msg: &sealed, aad: &self.header };
            self.cipher.decrypt(&nonce(self.count, last), payload).ok()
        };
        let (plain, ended) = match open(false) {
            Some(plain) => (plain, false),
            None => (open(true).ok_or_else(refused)?, true),
        };
        (self.chunk, self.at, self.ended) = (Zeroizing::new(plain), 0, ended);
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}

fn cipher(key: &Secret32, salt: &[u8]) -> Result<Aes256Gcm> {
    let mut own = Zeroizing::new([0_u8; 32]);
    let made = Hkdf::<Sha256>::new(Some(salt), key.expose()).expand(b"chuky-backup-v1", own.as_mut_slice());
    made.map_err(|_| InternalError::other("too much was asked of HKDF"))?;
    Ok(Aes256Gcm::new(&Key::<Aes256Gcm>::from(*own)))
}

/// The chunk's number, and whether it is the last: so no chunk can take another's place, and none can be missing.
fn nonce(count: u64, last: bool) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut octets = [0_u8; 12];
    octets[0] = u8::from(last);
    octets[4..].copy_from_slice(&count.to_be_bytes());
    Nonce::from(octets)
}

fn refused() -> RequestError {
    RequestError::invalid(
        "backup",
        "backup_unreadable",
        "Tệp sao lưu không mở được: sai khóa, không phải tệp sao lưu, hoặc đã bị sửa hay cắt cụt.",
        "The backup cannot be opened: the key is wrong, it is no backup, or it was altered or cut short.",
    )
}

const MAGIC: &[u8; 8] = b"CHUKYBK1";
const SALT: usize = 32;
const TAG: usize = 16;
/// Octets sealed at a time.
const CHUNK: usize = 1 << 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sealed(key: &Secret32, sizes: &[usize]) -> Vec<u8> {
        let mut sealer = Sealer::begin(Vec::new(), key).unwrap();
        for (number, size) in sizes.iter().enumerate() {
            let content = vec![u8::try_from(number).unwrap(); *size];
            sealer.entry(&format!("files/{number}"), *size as u64, &mut content.as_slice()).unwrap();
        }
        sealer.finish().unwrap()
    }

    fn opened(key: &Secret32, octets: &[u8]) -> Result<Vec<(String, usize)>> {
        let mut opener = Opener::begin(octets, key)?;
        let mut entries = Vec::new();
        while let Some((name, size)) = opener.next_entry()? {
            let mut content = Vec::new();
            opener.content(size, &mut content)?;
            entries.push((name, content.len()));
        }
        Ok(entries)
    }

    #[test]
    fn entries_come_back_and_nothing_altered_does() {
        let key = Secret32::random();
        for sizes in [vec![], vec![0, 5], vec![CHUNK, 1], vec![3 * CHUNK + 7], vec![CHUNK - 2 - 7 - 8, 1]] {
            let octets = sealed(&key, &sizes);
            let names: Vec<_> = sizes.iter().enumerate().map(|(n, size)| (format!("files/{n}"), *size)).collect();
            assert_eq!(opened(&key, &octets).unwrap(), names);
            assert!(opened(&Secret32::random(), &octets).is_err());
            assert!(opened(&key, &octets[..octets.len() - 1]).is_err(), "cut short");
            for at in [0, 9, 45, octets.len() - 1] {
                let mut altered = octets.clone();
                altered[at] ^= 1;
                assert!(opened(&key, &altered).is_err(), "{at}");
            }
        }
        // Whole chunks taken off the end, or two exchanged.
        let octets = sealed(&key, &[3 * CHUNK]);
        let (head, step) = (MAGIC.len() + SALT, 4 + CHUNK + TAG);
        assert!(opened(&key, &octets[..head + 2 * step]).is_err());
        let exchanged = [
            &octets[..head],
            &octets[head + step..head + 2 * step],
            &octets[head..head + step],
            &octets[head + 2 * step..],
        ];
        assert!(opened(&key, &exchanged.concat()).is_err());
    }
}
