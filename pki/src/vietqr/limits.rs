//! Bounds of a QR code for payments, with their origin.

/// Characters of a code: EMVCo bounds a payload so, and a QR code of this size is still read by telephones.
pub const LONGEST_PAYLOAD: usize = 512;
/// Characters of a value: two digits of length.
pub const LONGEST_VALUE: usize = 99;
/// Characters of an account or card number (NAPAS).
pub const LONGEST_ACCOUNT: usize = 19;
/// Characters of a merchant's name (EMVCo, object 59).
pub const LONGEST_SHOP: usize = 25;
/// Characters of a merchant's city (EMVCo, object 60).
pub const LONGEST_CITY: usize = 15;
/// Characters of a purpose (EMVCo, object 62.08).
pub const LONGEST_PURPOSE: usize = 25;
/// Octets of a certificate's serial number (RFC 5280 §4.1.2.2).
pub const LONGEST_SERIAL: usize = 20;
