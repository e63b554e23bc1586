//! Bounds of what the pages take, as their hints say them. Handlers set the same bounds on bodies; nothing else belongs here.

/// Largest document, in bytes, that a page's hint names where no setting says otherwise: 200 MB.
pub const LARGEST_DOCUMENT: u64 = 200_000_000;

/// Most documents that one posted form may hold; the script sends them one by one.
pub const MOST_DOCUMENTS: u32 = 20;
