//! Bindings generated from the WIT of `sdk-wit`. Types of these modules stay inside this crate.
#![allow(
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "generated"
)]

/// The interfaces that worlds share, generated once so that their host side is written once.
pub(crate) mod shared {
    wasmtime::component::bindgen!({
        inline: "
            package gatewright:host@0.1.0;
            world shared {
                import gatewright:types/types@0.1.0;
                import gatewright:types/log@0.1.0;
                import gatewright:types/config@0.1.0;
                import gatewright:types/http@0.1.0;
            }
        ",
        path: "../../sdk-wit/wit/types@0.1.0",
        world: "gatewright:host/shared",
        imports: {
            "gatewright:types/http": async | trappable,
            default: trappable,
        },
        with: {
            "gatewright:types/http.body": crate::imports::http::Body,
        },
    });
}

pub(crate) mod dlp {
    wasmtime::component::bindgen!({
        path: ["../../sdk-wit/wit/types@0.1.0", "../../sdk-wit/wit/dlp@0.1.0"],
        world: "gatewright:dlp/clipboard-rule",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "gatewright:types": super::shared::gatewright::types,
        },
    });
}

pub(crate) mod dlp_file {
    wasmtime::component::bindgen!({
        path: ["../../sdk-wit/wit/types@0.1.0", "../../sdk-wit/wit/dlp@0.1.0"],
        world: "gatewright:dlp/file-rule",
        imports: {
            "gatewright:dlp/content": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        with: {
            "gatewright:types": super::shared::gatewright::types,
            "gatewright:dlp/content.source": crate::imports::content::Source,
        },
    });
}

pub(crate) mod placement {
    wasmtime::component::bindgen!({
        path: ["../../sdk-wit/wit/types@0.1.0", "../../sdk-wit/wit/placement@0.1.0"],
        world: "gatewright:placement/placement",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "gatewright:types": super::shared::gatewright::types,
        },
    });
}

pub(crate) mod credential {
    wasmtime::component::bindgen!({
        path: ["../../sdk-wit/wit/types@0.1.0", "../../sdk-wit/wit/credential@0.1.0"],
        world: "gatewright:credential/credential",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "gatewright:types": super::shared::gatewright::types,
        },
    });
}

pub(crate) mod runtime {
    wasmtime::component::bindgen!({
        path: ["../../sdk-wit/wit/types@0.1.0", "../../sdk-wit/wit/runtime@0.1.0"],
        world: "gatewright:runtime/runtime",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "gatewright:types": super::shared::gatewright::types,
        },
    });
}
