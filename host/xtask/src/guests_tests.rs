#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn guest(root: &Path, home: &str, name: &str, manifests: &[(&str, &str)]) {
    let folder = root.join(home).join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("Cargo.toml"), format!("[package]\nname = \"{name}\"\n")).unwrap();
    for (file, text) in manifests {
        fs::write(folder.join(file), text).unwrap();
    }
}

const FIRST: &str = "version = \"0.1.0\"\nid = \"a-b\"\nkind = \"dlp\"\nwit = \"dlp@0.1\"\n";
const STRICT: &str = "version = \"0.2.0\"\nid = \"a-b\"\nkind = \"dlp\"\nwit = \"dlp@0.1\"\nbuild_features = [\"strict\"]\n";

#[test]
fn each_manifest_is_a_version_and_build_features_stay_out_of_it() {
    let root = tempfile::tempdir().unwrap();
    guest(
        root.path(),
        "plugins",
        "a-b",
        &[("plugin.toml", FIRST), ("plugin-strict.toml", STRICT), ("notes.toml", "x = 1")],
    );
    guest(
        root.path(),
        "tests/guests",
        "loops",
        &[("plugin.toml", &FIRST.replace("a-b", "loops"))],
    );
    fs::create_dir_all(root.path().join("runtimes/images")).unwrap();

    let versions = find(root.path()).unwrap();
    check_names(&versions).unwrap();
    let outputs: Vec<String> = versions
        .iter()
        .flat_map(Version::outputs)
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(
        outputs,
        [
            "a-b@0.2.0.wasm",
            "a-b@0.1.0.wasm",
            "a-b.wasm",
            "hostile/loops@0.1.0.wasm",
            "hostile/loops.wasm"
        ]
    );
    let strict = versions.first().unwrap();
    assert_eq!(strict.features, ["strict"]);
    assert!(
        !strict.manifest.contains("strict") && strict.manifest.contains("0.2.0"),
        "{}",
        strict.manifest
    );
}

#[test]
fn what_makes_no_sense_is_named() {
    for (text, word) in [
        ("id = 1", "id"),
        ("id = \"a\"", "version"),
        (&FIRST.replace("a-b", "../x"), "id and version"),
        (&FIRST.replace("kind", "kinds"), "kind"),
        (&format!("{FIRST}build_features = 3"), "build_features"),
        ("= 3", "not TOML"),
    ] {
        let root = tempfile::tempdir().unwrap();
        guest(root.path(), "plugins", "x", &[("plugin.toml", text)]);
        let error = format!("{:#}", find(root.path()).unwrap_err());
        assert!(error.contains("plugin.toml") && error.contains(word), "{text}: {error}");
    }
}

#[test]
fn two_plugins_of_one_name_are_refused() {
    let root = tempfile::tempdir().unwrap();
    guest(root.path(), "plugins", "x", &[("plugin.toml", FIRST)]);
    guest(root.path(), "runtimes", "y", &[("plugin.toml", FIRST)]);
    assert!(check_names(&find(root.path()).unwrap()).is_err());
}

#[test]
fn the_manifest_is_the_last_section() {
    let plugin = with_manifest(COMPONENT_HEAD.to_vec(), FIRST).unwrap();
    let section = plugin.strip_prefix(COMPONENT_HEAD).unwrap();
    assert_eq!(section.first(), Some(&0));
    assert!(plugin.ends_with(format!("\x13{MANIFEST_SECTION}{FIRST}").as_bytes()));
    assert!(with_manifest(b"\0asm\x01\0\0\0".to_vec(), FIRST).is_err());
}

#[test]
fn a_stamp_holds_only_while_every_file_is_there_and_removes_what_is_gone() {
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("a.wasm"), "1").unwrap();
    fs::write(out.path().join("b.wasm"), "1").unwrap();
    Stamp::at(out.path()).write("in", &["a.wasm".into(), "b.wasm".into()]).unwrap();
    assert!(Stamp::at(out.path()).holds("in"));
    assert!(!Stamp::at(out.path()).holds("other"));
    Stamp::at(out.path()).write("in", &["a.wasm".into()]).unwrap();
    assert!(!out.path().join("b.wasm").exists());
    fs::remove_file(out.path().join("a.wasm")).unwrap();
    assert!(!Stamp::at(out.path()).holds("in"));
}
