//! The same rules over a list that comes piece by piece, in memory for its frame and one entry at a time: a list of millions is read back
//! and linted as it is stored. What is signed is digested on the way, so that the caller can verify the signature over the very octets.

use super::list::{self, EntryRules};
use super::{Finding, Findings, Rule};
use crate::algorithm::DigestAlgorithm;
use crate::asn1::{Element, Reader, tag, write};
use crate::certificate::Certificate;
use crate::crl::Crl;
use crate::crypto::Hasher;
use crate::error::{Error, Result};

/// A list on its way.
pub struct LongList<'a> {
    issuer: &'a Certificate,
    /// Octets that came and are not judged yet.
    waiting: Vec<u8>,
    /// Octets that came.
    position: usize,
    frame: Option<Frame>,
    /// Octets of entries that are still to come.
    entries_left: usize,
    entries: usize,
    rules: EntryRules,
    signed: Hasher,
    found: Findings,
}

/// Where things stand, as the beginning says.
struct Frame {
    /// Octets of the whole list.
    length: usize,
    /// What is signed: from where to where.
    signed: (usize, usize),
    /// The fields before the entries.
    fields: Vec<u8>,
    /// Octets of what is signed after the entries.
    after_entries: usize,
}

/// A list that was read to its end.
#[derive(Clone, Debug)]
pub struct LongListRead {
    /// What stands around the entries, as a list without any.
    pub frame: Crl,
    pub entries: usize,
    /// Of what is signed.
    pub digest: Vec<u8>,
    pub signature: Vec<u8>,
    /// Every rule that is broken; of each rule about entries the first place.
    pub findings: Vec<Finding>,
}

impl<'a> LongList<'a> {
    /// Nothing has come yet. `algorithm` is that of the issuer's signatures.
    pub fn new(issuer: &'a Certificate, algorithm: DigestAlgorithm) -> Self {
        Self {
            issuer,
            waiting: Vec::new(),
            position: 0,
            frame: None,
            entries_left: 0,
            entries: 0,
            rules: EntryRules::default(),
            signed: Hasher::new(algorithm),
            found: Findings::default(),
        }
    }

    /// The next octets.
    pub fn read(&mut self, octets: &[u8]) -> Result<()> {
        self.waiting.extend_from_slice(octets);
        let from = self.position;
        self.position = from.saturating_add(octets.len());
        match &self.frame {
            Some(frame) => digest(&mut self.signed, frame.signed, (from, octets)),
            None if self.waiting.len() >= BEGINNING => self.begin()?,
            None => return Ok(()),
        }
        self.judge()
    }

    /// What was read, where it was a whole list.
    pub fn finish(mut self) -> Result<LongListRead> {
        if self.frame.is_none() {
            self.begin()?;
            self.judge()?;
        }
        let frame = self.frame.take().ok_or(Error::Malformed(WHAT))?;
        if self.entries_left > 0 || self.position != frame.length || self.waiting.len() < frame.after_entries {
            return Err(Error::Malformed(WHAT));
        }
        let (after, rest) = self.waiting.split_at(frame.after_entries);
        let mut members = Reader::new(rest);
        members.expect(tag::SEQUENCE, WHAT)?;
        let signature = members.expect(tag::BIT_STRING, WHAT)?.bit_string_octets()?.to_vec();
        let around = write::sequence(&[write::sequence(&[frame.fields.as_slice(), after]).as_slice(), rest]);
        let mut findings = self.found.0;
        findings.extend(list::lint_crl(&around, self.issuer));
        let digest = self.signed.finish();
        Ok(LongListRead { frame: Crl::parse(&around)?, entries: self.entries, digest, signature, findings })
    }

    /// Reads what stands before the entries.
    fn begin(&mut self) -> Result<()> {
        let (outer, length) = header(&self.waiting, tag::SEQUENCE)?.ok_or(Error::Malformed(WHAT))?;
        let inner = self.waiting.get(outer..).unwrap_or_default();
        let (inner, signed) = header(inner, tag::SEQUENCE)?.ok_or(Error::Malformed(WHAT))?;
        let start = outer.saturating_add(inner);
        let inside = self.waiting.get(start..).unwrap_or_default();
        let mut fields = Reader::new(inside);
        fields.optional(tag::INTEGER)?;
        fields.expect(tag::SEQUENCE, WHAT)?;
        fields.expect(tag::SEQUENCE, WHAT)?;
        let made = fields.any()?.time()?;
        if matches!(fields.peek(), Some(tag::UTC_TIME | tag::GENERALIZED_TIME)) {
            fields.any()?;
        }
        let before = inside.len().saturating_sub(fields.rest().len());
        let (list, entries) = match fields.peek() {
            Some(tag::SEQUENCE) => header(fields.rest(), tag::SEQUENCE)?.ok_or(Error::Malformed(WHAT))?,
            _ => (0, 0),
        };
        self.found.unless(list == 0 || entries > 0, Rule::ListEmpty);
        let taken = before.saturating_add(list);
        let after_entries = signed.checked_sub(taken.saturating_add(entries)).ok_or(Error::Malformed(WHAT))?;
        let frame = Frame {
            length: outer.saturating_add(length),
            signed: (outer, start.saturating_add(signed)),
            fields: inside.get(..before).unwrap_or_default().to_vec(),
            after_entries,
        };
        digest(&mut self.signed, frame.signed, (0, &self.waiting));
        self.frame = Some(frame);
        self.entries_left = entries;
        self.rules.made = Some(made);
        self.waiting.drain(..start.saturating_add(taken));
        Ok(())
    }

    /// Judges every entry that is there as a whole.
    fn judge(&mut self) -> Result<()> {
        let mut taken = 0;
        while self.entries_left > 0 {
            let here = self.waiting.get(taken..).unwrap_or_default();
            let Some((head, content)) = header(here, tag::SEQUENCE)? else { break };
            let length = head.saturating_add(content);
            if length > LONGEST_ENTRY || length > self.entries_left {
                return Err(Error::Malformed(WHAT));
            }
            let Some(entry) = here.get(..length) else { break };
            self.rules.look(Element::sequence(entry, WHAT)?, &mut self.found)?;
            taken = taken.saturating_add(length);
            self.entries_left = self.entries_left.saturating_sub(length);
            self.entries = self.entries.saturating_add(1);
        }
        self.waiting.drain(..taken);
        if self.entries_left == 0 && self.waiting.len() > LONGEST_END {
            return Err(Error::Malformed(WHAT));
        }
        Ok(())
    }
}

/// Digests what of the octets, which stand at a place of the list, is signed.
fn digest(hasher: &mut Hasher, (start, end): (usize, usize), (from, octets): (usize, &[u8])) {
    let within = |place: usize| place.clamp(start, end).saturating_sub(from).min(octets.len());
    let until = from.saturating_add(octets.len());
    if let Some(signed) = octets.get(within(from)..within(until)) {
        hasher.update(signed);
    }
}

/// Length of a header of that tag and of its content; `None` where not all of the header is there.
fn header(octets: &[u8], expected: u8) -> Result<Option<(usize, usize)>> {
    let [found, first, rest @ ..] = octets else { return Ok(None) };
    if *found != expected {
        return Err(Error::Malformed(WHAT));
    }
    let count = usize::from(first & 0x7f);
    match (first & 0x80, rest.get(..count)) {
        (0, _) => Ok(Some((2, usize::from(*first)))),
        // X.690 §10.1: the definite form, and no list needs more than four octets of length.
        _ if !(1..=4).contains(&count) => Err(Error::Malformed(WHAT)),
        (_, None) => Ok(None),
        (_, Some(length)) => {
            let length = length.iter().fold(0_usize, |sum, octet| (sum << 8) | usize::from(*octet));
            Ok(Some((count + 2, length)))
        }
    }
}

const WHAT: &str = "CertificateList";
/// Octets within which the entries begin: the issuer's name is the longest of what comes before.
const BEGINNING: usize = 64 * 1024;
/// Octets of an entry: serial number, time, reason and date take less than a hundred.
const LONGEST_ENTRY: usize = 4 * 1024;
/// Octets after the entries: extensions, algorithm and signature.
const LONGEST_END: usize = 64 * 1024;
