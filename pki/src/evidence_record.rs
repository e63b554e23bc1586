//! Evidence records (RFC 4998, DER, and RFC 6283, XML): hash trees under timestamps, renewed over the years. Reads them and checks
//! which digests each timestamp covers; whose timestamps they are and whether they count is judged elsewhere.

mod xml;

pub use xml::canonical_form;

use crate::algorithm::DigestAlgorithm;
use crate::asn1::{Element, Reader, tag};
use crate::crypto::{self, Hasher};
use crate::error::{Error, Result};
use crate::limits;
use crate::timestamp::TimestampToken;
use crate::xml::canonical::Method;
use chuky_model::report::Check;

/// An evidence record: chains of archive timestamps, oldest first.
#[derive(Clone, Debug)]
pub struct EvidenceRecord {
    chains: Vec<Chain>,
    /// How XML data is canonicalised before it is digested (RFC 6283 §3.2.1); `None` in DER records, which digest octets.
    pub canonicalisation: Option<Method>,
}

/// The digests that one data object may be known by: of its octets, and of its canonical form where it is XML.
pub type Alternatives = Vec<Vec<u8>>;

#[derive(Clone, Debug)]
struct Chain {
    /// The chains before this one as an `ArchiveTimeStampSequence`, DER: what a renewed hash tree covers beside the data.
    earlier: Vec<u8>,
    stamps: Vec<Stamp>,
}

#[derive(Clone, Debug)]
struct Stamp {
    algorithm: DigestAlgorithm,
    /// `reducedHashtree`: lists of digests from the leaf to the root.
    tree: Vec<Vec<Vec<u8>>>,
    /// What a timestamp renewal covers of this one.
    covered_by_renewal: Vec<u8>,
    token: TimestampToken,
}

/// A timestamp of a record with the check of what it covers, `message_imprint`.
#[derive(Clone, Debug)]
pub struct Stamped {
    pub token: TimestampToken,
    pub covers: Check,
    /// The digest that the token's imprint must be.
    pub root: Option<Vec<u8>>,
}

const WHAT: &str = "EvidenceRecord";

impl EvidenceRecord {
    /// Reads a record in DER or BER, nothing behind it.
    pub fn parse(input: &[u8]) -> Result<Self> {
        let (der, length) = crate::cms::ber::normalise(input)?;
        if length != input.len() {
            return Err(Error::Malformed("EvidenceRecord: bytes behind it"));
        }
        let mut fields = Element::sequence(&der, WHAT)?;
        if fields.expect(tag::INTEGER, WHAT)?.unsigned()? != 1 {
            return Err(Error::Unsupported("version of an evidence record".into()));
        }
        fields.sequence(WHAT)?;
        fields.optional(tag::constructed(0))?;
        if fields.optional(tag::constructed(1))?.is_some() {
            // RFC 4998 §5: the hashed data would be the encrypted form.
            return Err(Error::Unsupported("evidence record over encrypted data".into()));
        }
        let sequence = fields.expect(tag::SEQUENCE, WHAT)?;
        fields.finish(WHAT)?;
        let mut reader = sequence.reader();
        let mut chains = Vec::new();
        let mut count = 0;
        while !reader.is_empty() {
            let before = sequence.content.len() - reader.rest().len();
            let earlier = sequence.content.get(..before).unwrap_or_default();
            let mut stamps = Vec::new();
            let mut chain = reader.sequence(WHAT)?;
            while !chain.is_empty() {
                count += 1;
                if count > limits::MOST_TIMESTAMPS {
                    return Err(Error::Limit("timestamps of an evidence record"));
                }
                stamps.push(stamp(chain.sequence(WHAT)?)?);
            }
            if stamps.is_empty() {
                return Err(Error::Malformed(WHAT));
            }
            chains.push(Chain { earlier: crate::asn1::write::element(tag::SEQUENCE, earlier), stamps });
        }
        if chains.is_empty() { Err(Error::Malformed(WHAT)) } else { Ok(Self { chains, canonicalisation: None }) }
    }

    /// Checks what each timestamp covers, oldest first. `digests` gives the digests of the data objects in an algorithm; `None`
    /// where one is not at hand.
    pub fn check(&self, digests: &mut dyn FnMut(DigestAlgorithm) -> Option<Vec<Alternatives>>) -> Vec<Stamped> {
        let mut checked = Vec::new();
        for (number, chain) in self.chains.iter().enumerate() {
            let mut before: Option<&Stamp> = None;
            for stamp in &chain.stamps {
                let leaves = match before {
                    // RFC 4998 §5.2, timestamp renewal: the timestamp before, in the chain's one algorithm.
                    Some(before) if before.algorithm == stamp.algorithm => {
                        Some(vec![vec![crypto::digest(stamp.algorithm, &before.covered_by_renewal)]])
                    }
                    Some(_) => Some(Vec::new()),
                    None if number == 0 => digests(stamp.algorithm),
                    None => digests(stamp.algorithm).map(|digests| {
                        // Hash-tree renewal: each object's digest joined with that of all chains before.
                        let earlier = crypto::digest(stamp.algorithm, &chain.earlier);
                        let joined =
                            |digest: Vec<u8>| crypto::digest(stamp.algorithm, &[digest, earlier.clone()].concat());
                        digests.into_iter().map(|object| object.into_iter().map(joined).collect()).collect()
                    }),
                };
                checked.push(stamp.covers(leaves));
                before = Some(stamp);
            }
        }
        checked
    }
}

impl Stamp {
    /// RFC 4998 §4.3: every leaf in the first list, and the root in the timestamp.
    fn covers(&self, leaves: Option<Vec<Alternatives>>) -> Stamped {
        const NAME: &str = "message_imprint";
        let stamped = |covers, root| Stamped { token: self.token.clone(), covers, root };
        let Some(leaves) = leaves else {
            return stamped(Check::not_done(NAME, "the covered data is not at hand"), None);
        };
        let only = std::slice::from_ref(&self.token.digest);
        let first = self.tree.first().map_or(only, Vec::as_slice);
        let listed = leaves.iter().all(|object| object.iter().any(|digest| first.contains(digest)));
        let listed = listed && (leaves.len() == 1 || !self.tree.is_empty());
        if leaves.is_empty() || !listed || self.token.digest_algorithm != self.algorithm {
            return stamped(Check::failed(NAME, "the evidence record covers other data"), None);
        }
        let root = self.root().or(Some(self.token.digest.clone()));
        if root.as_ref() == Some(&self.token.digest) {
            stamped(Check::passed(NAME), root)
        } else {
            stamped(Check::failed(NAME, "the hash tree does not lead to the timestamp"), root)
        }
    }

    fn root(&self) -> Option<Vec<u8>> {
        let mut root: Option<Vec<u8>> = None;
        for list in &self.tree {
            let mut members: Vec<&Vec<u8>> = list.iter().chain(&root).collect();
            root = Some(match members.as_slice() {
                [] => return None,
                // RFC 4998 §4.2.2: a group of one is its own digest.
                [one] => (*one).clone(),
                _ => {
                    members.sort();
                    let mut hasher = Hasher::new(self.algorithm);
                    members.iter().for_each(|member| hasher.update(member));
                    hasher.finish()
                }
            });
        }
        root
    }
}

fn stamp(mut fields: Reader<'_>) -> Result<Stamp> {
    let algorithm = fields.optional(0xa0)?;
    fields.optional(0xa1)?;
    let mut tree = Vec::new();
    let mut members = 0;
    if let Some(lists) = fields.optional(0xa2)? {
        let mut lists = lists.reader();
        while !lists.is_empty() {
            let mut list = lists.sequence(WHAT)?;
            let mut digests = Vec::new();
            while !list.is_empty() {
                members += 1;
                if members > limits::MOST_TREE_MEMBERS {
                    return Err(Error::Limit("digests in an evidence record"));
                }
                digests.push(list.expect(tag::OCTET_STRING, WHAT)?.content.to_vec());
            }
            tree.push(digests);
        }
    }
    let token_der = fields.expect(tag::SEQUENCE, WHAT)?.raw.to_vec();
    fields.finish(WHAT)?;
    let token = TimestampToken::parse(&token_der)?;
    // RFC 4998 §4.1: absent, it is the timestamp's own. IMPLICIT: the tag replaces that of the SEQUENCE.
    let algorithm = match algorithm {
        Some(element) => DigestAlgorithm::from_identifier(&element)?,
        None => token.digest_algorithm,
    };
    Ok(Stamp { algorithm, tree, covered_by_renewal: token_der, token })
}
