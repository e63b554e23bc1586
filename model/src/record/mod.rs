//! Rows as storage keeps them and flows use them: one struct a table, the same for every database. Pure data: how a row is
//! read and written is the business of `store`, what it may become that of the flows; encrypted columns stay encrypted here.

pub mod account;
pub mod agency;
pub mod audit;
pub mod booth;
pub mod canonical;
pub mod certificate;
pub mod credential;
pub mod cursor;
pub mod document;
pub mod figure;
pub mod foreign;
pub mod incoming;
pub mod oauth;
pub mod outgoing;
pub mod passkey;
pub mod payment;
pub mod personnel;
pub mod request;
pub mod revocation;
pub mod signing_approval;
pub mod staff;
pub mod state;
pub mod verdict;
pub mod work;

pub use canonical::{Authenticated, Canonical};
pub use cursor::Cursor;

/// Declares a row type. `Debug` shows the table only, so that no log can carry a row's content. With `authenticated` the row has
/// `version` and `mac`, and [`Authenticated::content`] is what the MAC covers: every other column, by name.
macro_rules! record {
    ($(#[$doc:meta])* $name:ident in $table:literal { $($(#[$field_doc:meta])* $field:ident: $kind:ty),* $(,)? }) => {
        $(#[$doc])*
        #[allow(missing_docs)] // the type's line and the column's name say it, where a column has no line of its own
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name { $($(#[$field_doc])* pub $field: $kind),* }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct($table).finish_non_exhaustive()
            }
        }
    };
    ($(#[$doc:meta])* authenticated $name:ident in $table:literal $(as $noun:literal)? {
        $(#[$key_doc:meta])* $key:ident: $key_kind:ty $(, $(#[$field_doc:meta])* $field:ident: $kind:ty)* $(,)?
    }) => {
        $(#[$doc])*
        #[allow(missing_docs)] // the type's line and the column's name say it, where a column has no line of its own
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name {
            $(#[$key_doc])* pub $key: $key_kind,
            $($(#[$field_doc])* pub $field: $kind,)*
            /// Grows by one with every change; an update is a compare-and-swap on it. A new row has 1.
            pub version: i64,
            /// HSM MAC over [`crate::record::Authenticated::content`], 32 bytes.
            pub mac: Vec<u8>,
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct($table).field("version", &self.version).finish_non_exhaustive()
            }
        }

        impl crate::record::Authenticated for $name {
            const TABLE: &'static str = $table;
            const NOUN: &'static str = {
                #[allow(unused_mut, unused_assignments)]
                let mut noun = $table;
                $(noun = $noun;)?
                noun
            };

            fn content(&self) -> Vec<u8> {
                let mut content = crate::record::canonical::Content::new($table);
                content.column(stringify!($key), &self.$key);
                $(content.column(stringify!($field), &self.$field);)*
                content.column("version", &self.version);
                content.finish()
            }

            fn subject(&self) -> String {
                format!("{}:{}", Self::NOUN, crate::record::canonical::Key::text(&self.$key))
            }

            fn version(&self) -> i64 {
                self.version
            }

            fn advance(&mut self) {
                self.version = self.version.saturating_add(1);
            }

            fn mac(&self) -> &[u8] {
                &self.mac
            }

            fn attach_mac(&mut self, mac: &[u8]) {
                self.mac = mac.to_vec();
            }
        }
    };
}
pub(crate) use record;
