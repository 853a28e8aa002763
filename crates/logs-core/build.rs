//! A changed migration is compiled in again; `sqlx::migrate!` alone does not notice a new file.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
