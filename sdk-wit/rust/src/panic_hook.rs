//! A panic's text would be lost on this target: there is no standard error. It goes to the host's log instead.

/// Sets the hook, once per instance. The export macros' glue calls this before each call into the guest.
#[cfg_attr(
    not(any(feature = "dlp", feature = "placement", feature = "credential", feature = "runtime")),
    expect(dead_code, reason = "called by the worlds")
)]
pub(crate) fn set() {
    #[cfg(target_arch = "wasm32")]
    {
        static SET: std::sync::Once = std::sync::Once::new();
        SET.call_once(|| {
            std::panic::set_hook(Box::new(|info| crate::log::error(&info.to_string())));
        });
    }
}
