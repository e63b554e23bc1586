//! Builds the package again when a migration is added, query data changes, or another database is asked about the queries.
//! Does nothing else, and never touches a database.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations/postgres");
    println!("cargo:rerun-if-changed=.sqlx");
    println!("cargo:rerun-if-env-changed=CHUKY_POSTGRES_URL");
}
