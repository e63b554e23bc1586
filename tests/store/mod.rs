//! Storage on both databases: the same tests on SQLite and on PostgreSQL. Each has a database of its own and looks into it from
//! outside where that tells more.

mod append_only;
mod concurrency;
mod crash;
mod pages;
mod rows;
mod sample;
mod work;

/// Runs each of the tests of a module on both databases.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            use crate::harness::database::Database;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(Database::sqlite().await).await;
            })*
        }
        mod postgres {
            use crate::harness::database::Database;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(Database::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;
