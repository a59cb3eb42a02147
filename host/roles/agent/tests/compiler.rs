//! Compiles a plugin for the tests, as the product's binary does for the product.

fn main() -> std::process::ExitCode {
    gatewright_plugin_host::compile_child_main()
}
