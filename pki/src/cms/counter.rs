//! Counter-signatures (RFC 5652 §11.4, EN 319 122-1 §5.2.7): signers of another signer's signature value, in its unsigned
//! attributes. Reads them; each is checked like a signer whose content is that value.

use super::read::{self, SignerInfo};
use crate::asn1::Element;
use crate::error::Result;
use crate::oid;

impl SignerInfo {
    /// The counter-signatures in this signer's unsigned attributes; an error for each that cannot be read.
    pub fn counter_signatures(&self) -> Vec<Result<SignerInfo>> {
        self.unsigned_values(&oid::COUNTERSIGNATURE)
            .map(|value| read::signer_info(Element::sequence(value, "countersignature")?))
            .collect()
    }
}
