//! Runs plugins: manifest, grants, limits, pools, swap. The only crate that names wasmtime.
