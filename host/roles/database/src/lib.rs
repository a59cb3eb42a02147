//! Owns the schema: migrations and typed repositories over SQLite. The only crate that names sqlx.
