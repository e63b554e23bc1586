//! Where the tiles of a log lie (C2SP tlog-tiles): 256 hashes each, of subtrees that are eight levels high.

use super::{checkpoint::decimal, limits::LONGEST_ENTRY, tree::Node};
use crate::error::{Error, Result};

/// Hashes of a full tile.
pub const WIDTH: u64 = 256;
/// Levels of the tree within a tile.
pub const HEIGHT: u32 = 8;

/// A tile of hashes, or a bundle of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// `None`: entries.
    pub level: Option<u32>,
    pub index: u64,
    /// How many hashes or entries are asked for, 1 to 256.
    pub width: u64,
}

impl Tile {
    /// Reads what follows `tile/` in an address: `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]`. `None` of anything else: there is one
    /// way to write each.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.split_once('/')?;
        let level = match level {
            "entries" => None,
            level => Some(u32::try_from(decimal(level)?).ok().filter(|level| *level < 64)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, decimal(width).filter(|width| (1..WIDTH).contains(width))?),
            None => (rest, WIDTH),
        };
        let mut elements = number.split('/').rev();
        let three = |digits: &str| -> Option<u64> {
            let plain = digits.len() == 3 && digits.bytes().all(|octet| octet.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        let (mut index, mut unit) = (three(elements.next()?)?, 1_u64);
        let mut first = index;
        for element in elements {
            unit = unit.checked_mul(1_000)?;
            first = three(element.strip_prefix('x')?)?;
            index = first.checked_mul(unit)?.checked_add(index)?;
        }
        // No leading element that says nothing.
        let is_shortest = unit == 1 || first > 0;
        is_shortest.then_some(Self { level, index, width })
    }

    /// The tile and its place in which the hash of a perfect subtree stands, where it stands in one: `None` between the levels of tiles.
    pub fn of(node: Node) -> Option<(u32, u64)> {
        node.height.is_multiple_of(HEIGHT).then_some((node.height / HEIGHT, node.index))
    }
}

/// Puts an entry into a bundle: its length in two octets, then its octets.
pub fn bundle_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<()> {
    let length = u16::try_from(entry.len()).map_err(|_| Error::Limit("octets of a log's entry"))?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

const _: () = assert!(LONGEST_ENTRY == u16::MAX as usize);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_of_tiles() {
        let tile = |level, index, width| Some(Tile { level, index, width });
        assert_eq!(Tile::parse("0/000"), tile(Some(0), 0, 256));
        assert_eq!(Tile::parse("1/x001/x234/067"), tile(Some(1), 1_234_067, 256));
        assert_eq!(Tile::parse("2/000.p/1"), tile(Some(2), 0, 1));
        assert_eq!(Tile::parse("entries/x999/999.p/255"), tile(None, 999_999, 255));
        for wrong in [
            "",
            "0",
            "0/",
            "00/000",
            "64/000",
            "0/0",
            "0/0000",
            "0/001/000",
            "0/x000/001",
            "0/x001/x002",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/-01",
            "0/+01",
            "x/000",
            "0/000/",
            "0/000.p/",
            "0/000.p/1/2",
            "0/x001/x234/x567/x890/x123/x456/x789/012",
        ] {
            assert_eq!(Tile::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_bundle_tells_lengths() {
        let mut bundle = Vec::new();
        bundle_entry(&mut bundle, b"ab").unwrap();
        bundle_entry(&mut bundle, b"").unwrap();
        assert_eq!(bundle, b"\0\x02ab\0\0");
        assert!(bundle_entry(&mut bundle, &vec![0; LONGEST_ENTRY + 1]).is_err());
    }
}
