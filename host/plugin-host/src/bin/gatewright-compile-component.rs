//! The compiler process on its own, for tests and tools that are not the `gatewright` program.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    gatewright_plugin_host::compile_child_main()
}
