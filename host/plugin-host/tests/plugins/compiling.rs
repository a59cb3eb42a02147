//! The compiler process and its cache.

use std::ffi::OsString;

use gatewright_plugin_host::{Approved, CompileError, HostConfig, LoadError, PluginHost};

use crate::stand::{Stand, config, decide};

#[tokio::test]
async fn what_the_child_compiled_is_taken_from_the_cache() {
    let stand = Stand::new();
    let plugin = stand.quiet_clipboard().await;
    decide(&plugin, "x").await.unwrap();
    let counts = stand.host.counts();
    assert_eq!((counts.cache_hits, counts.cache_misses), (1, 0));
    // Another process finds it as well.
    let other = PluginHost::new(config(&stand.cache)).unwrap();
    let bytes = gatewright_hostile_guests::clipboard("1.0.0", 1024).unwrap();
    other.load(&bytes, &Approved::nothing()).await.unwrap();
    assert_eq!(other.counts().cache_misses, 0);
}

#[tokio::test]
async fn two_users_of_a_version_share_it() {
    let stand = Stand::new();
    let (one, two) = (stand.quiet_clipboard().await, stand.quiet_clipboard().await);
    assert!(std::sync::Arc::ptr_eq(&one, &two));
    assert_eq!(stand.host.counts().cache_hits, 1);
}

async fn compile_with(script: &str) -> CompileError {
    let cache = tempfile::tempdir().unwrap();
    let host = PluginHost::new(HostConfig {
        compiler: ["/bin/sh", "-c", script].map(OsString::from).to_vec(),
        ..config(&cache)
    })
    .unwrap();
    let bytes = gatewright_hostile_guests::clipboard("1.0.0", 1024).unwrap();
    match host.load(&bytes, &Approved::nothing()).await.unwrap_err() {
        LoadError::Compile(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn how_the_compiler_ends_is_told_apart() {
    assert!(matches!(compile_with("kill -KILL $$").await, CompileError::Died { .. }));
    assert!(matches!(compile_with("kill -XCPU $$").await, CompileError::CpuTime));
    assert!(matches!(compile_with("kill -ABRT $$").await, CompileError::Died { .. }));
    assert!(matches!(compile_with("exit 101").await, CompileError::Died { .. }));
    let refused = compile_with("cat >/dev/null; echo bad offset; exit 3").await;
    assert_eq!(refused.to_string(), "component is not valid: bad offset ");
    let missing = tempfile::tempdir().unwrap();
    let host = PluginHost::new(HostConfig {
        compiler: vec![missing.path().join("nothing").into()],
        ..config(&missing)
    })
    .unwrap();
    let bytes = gatewright_hostile_guests::clipboard("1.0.0", 1024).unwrap();
    let error = host.load(&bytes, &Approved::nothing()).await.unwrap_err();
    assert!(matches!(error, LoadError::Compile(CompileError::Unusable { .. })), "{error}");
}

#[tokio::test]
async fn a_dropped_load_kills_its_compiler() {
    let cache = tempfile::tempdir().unwrap();
    let pid_file = cache.path().join("pid");
    let host = PluginHost::new(HostConfig {
        compiler: vec![
            "/bin/sh".into(),
            "-c".into(),
            format!("echo $$ > {}; exec sleep 600", pid_file.display()).into(),
        ],
        ..config(&cache)
    })
    .unwrap();
    let bytes = gatewright_hostile_guests::clipboard("1.0.0", 1024).unwrap();
    let approved = Approved::nothing();
    let load = host.load(&bytes, &approved);
    let pid = async {
        loop {
            match std::fs::read_to_string(&pid_file) {
                Ok(pid) if pid.ends_with('\n') => return pid.trim().to_owned(),
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let pid = tokio::select! {
        loaded = load => panic!("{loaded:?}"),
        pid = pid => pid,
    };
    let stat = format!("/proc/{pid}/stat");
    let gone = async {
        // Killed, and reaped or waiting to be.
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.unwrap();
}

#[tokio::test]
async fn a_cache_that_others_can_write_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let cache = tempfile::tempdir().unwrap();
    let folder = config(&cache).cache_dir;
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(PluginHost::new(config(&cache)).is_err());
}
