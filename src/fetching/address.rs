//! Which addresses may be connected to: those of the public internet alone. Whoever names a host in a document must not reach what lies
//! behind this machine's firewall, this machine, or the services of its neighbourhood.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether the address is of the public internet, by the registries of special-purpose addresses (RFC 6890, IANA).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Whether the address is of a network that an organisation has to itself (RFC 1918, RFC 4193). Loopback, link-local and metadata addresses
/// are none.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => mapped.is_private(),
            None => address.is_unique_local(),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !special_v4().iter().any(|(network, bits)| same_prefix(address.to_bits(), network.to_bits(), *bits))
}

/// Networks that are not public, with their lengths.
fn special_v4() -> [(Ipv4Addr, u32); 15] {
    [
        (Ipv4Addr::new(0, 0, 0, 0), 8),
        (Ipv4Addr::new(10, 0, 0, 0), 8),
        // Shared between providers and their customers (RFC 6598).
        (Ipv4Addr::new(100, 64, 0, 0), 10),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        // Link-local, and the metadata services of clouds.
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(172, 16, 0, 0), 12),
        (Ipv4Addr::new(192, 0, 0, 0), 24),
        (Ipv4Addr::new(192, 0, 2, 0), 24),
        // 6to4 relays (RFC 7526).
        (Ipv4Addr::new(192, 88, 99, 0), 24),
        (Ipv4Addr::new(192, 168, 0, 0), 16),
        (Ipv4Addr::new(198, 18, 0, 0), 15),
        (Ipv4Addr::new(198, 51, 100, 0), 24),
        (Ipv4Addr::new(203, 0, 113, 0), 24),
        // Multicast, and what is reserved up to the broadcast address.
        (Ipv4Addr::new(224, 0, 0, 0), 4),
        (Ipv4Addr::new(240, 0, 0, 0), 4),
    ]
}

fn same_prefix(one: u32, other: u32, bits: u32) -> bool {
    let shift = 32_u32.saturating_sub(bits);
    one.checked_shr(shift) == other.checked_shr(shift)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // A mapped address is the IPv4 address to whoever connects (RFC 4291 §2.5.5.2).
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [first, second, ..] = address.segments();
    // Global unicast is 2000::/3; loopback, unique-local, link-local, multicast, NAT64 and the old compatible form lie outside.
    let is_global = first & 0xe000 == 0x2000;
    // 2001::/23 of the IETF (Teredo among it), 2001:db8::/32 and 3fff::/20 for documents, and 2002::/16, which hides an IPv4 address.
    let is_special = (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
        || first == 0x2002
        || (first == 0x3fff && second < 0x1000);
    is_global && !is_special
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn private_networks_are_neither_this_machine_nor_its_link() {
        for private in ["10.1.2.3", "172.16.0.1", "192.168.1.1", "fd12::1", "::ffff:10.0.0.1"] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for other in ["127.0.0.1", "::1", "169.254.169.254", "fe80::1", "100.64.0.1", "0.0.0.0", "8.8.8.8"] {
            assert!(!is_private(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn only_the_public_internet_is_reached() {
        for public in [
            "8.8.8.8",
            "1.1.1.1",
            "203.113.130.1",
            "172.32.0.1",
            "100.128.0.1",
            "2a00:1450::1",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for hidden in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "3fff::1",
            "5f00::1",
        ] {
            assert!(!is_public(hidden.parse().unwrap()), "{hidden}");
        }
    }
}
