//! What `wit-bindgen` makes of the shared package `gatewright:types`.
#![expect(missing_docs, reason = "generated code")]

wit_bindgen::generate!({
    inline: "
        package gatewright:sdk;
        world shared {
            import gatewright:types/types@0.1.0;
            import gatewright:types/log@0.1.0;
            import gatewright:types/config@0.1.0;
            import gatewright:types/http@0.1.0;
        }
    ",
    path: ["../wit/types@0.1.0"],
    world: "shared",
    generate_all,
    generate_unused_types: true,
    additional_derives: [PartialEq, Eq],
    additional_derives_ignore: ["response"],
});
