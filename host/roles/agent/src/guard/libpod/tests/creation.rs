//! What a container may be.

use super::*;

#[test]
fn what_must_hold_is_set() {
    let made = create(&sensible()).unwrap();
    holds(&made);
    // A plugin that says only what it must gets the same.
    let short = json!({
        "shm_size": 64u64 << 20,
        "mounts": [{"type": "bind", "source": FOLDER, "destination": "/run/session"}],
        "resource_limits": {"memory": {"limit": 512u64 << 20}, "cpu": {"quota": 150_000}, "pids": {"limit": 200}},
    });
    assert_eq!(create(&short).unwrap(), made);
    // Less than promised is the plugin's business.
    let mut less = sensible();
    less["resource_limits"]["memory"] = json!({"limit": 256u64 << 20});
    let less = create(&less).unwrap();
    holds(&less);
    assert_eq!(less["resource_limits"]["memory"]["swap"], 256u64 << 20);
}

#[test]
fn an_ordinary_users_engine_maps_that_user() {
    let body = sensible().to_string();
    let request = Request {
        method: "POST",
        target: "/v4.0.0/libpod/containers/create",
        headers: &[],
        body: body.as_bytes(),
    };
    let made = guard_of(User::Rootless).check(&creating(), &known(), &request).unwrap();
    let mut made: Value = serde_json::from_str(&made.body.unwrap()).unwrap();
    let userns = made.as_object_mut().unwrap().remove("userns").unwrap();
    assert_eq!(userns, json!({"nsmode": "keep-id", "value": "uid=1000,gid=1000"}));
    holds(&made);
}

/// The plugin asks for all of them in any case: which are left out is the operator's choice.
#[test]
fn a_limit_that_can_not_be_enforced_is_not_asked_for_where_that_is_accepted() {
    for (limit, field) in [(Limit::Cpu, "cpu"), (Limit::Memory, "memory"), (Limit::Pids, "pids")] {
        let rules = CreateRules {
            unenforced: BTreeSet::from([limit]),
            ..rules()
        };
        let (scope, path) = (Scope::Create(Box::new(rules)), "/v4.0.0/libpod/containers/create");
        let made = ask(&scope, "POST", path, sensible().to_string().as_bytes()).unwrap();
        let mut made: Value = serde_json::from_str(&made.body.unwrap()).unwrap();
        let all = create(&sensible()).unwrap()["resource_limits"].clone();
        assert!(made["resource_limits"].get(field).is_none());
        made["resource_limits"][field] = all[field].clone();
        holds(&made);
        let mut body = sensible();
        body["resource_limits"].as_object_mut().unwrap().remove(field);
        assert!(ask(&scope, "POST", path, body.to_string().as_bytes()).is_err());
    }
}

#[test]
fn privileges_are_refused_by_name() {
    let mount = |more: Value| {
        let mut mount = json!({"type": "bind", "source": FOLDER, "destination": "/run/session"});
        mount.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([mount])
    };
    for (path, value, named) in [
        ("/privileged", json!(true), "privileged"),
        ("/cap_add", json!(["SYS_ADMIN"]), "cap_add"),
        ("/cap_drop", json!(["CHOWN"]), "cap_drop"),
        ("/seccomp_profile_path", json!("unconfined"), "seccomp_profile_path"),
        ("/seccomp_policy", json!("image"), "seccomp_policy"),
        ("/apparmor_profile", json!("unconfined"), "apparmor_profile"),
        ("/selinux_opts", json!(["disable"]), "selinux_opts"),
        ("/mask", json!(["/x"]), "mask"),
        ("/unmask", json!(["ALL"]), "unmask"),
        ("/procfs_opts", json!(["hidepid=0"]), "procfs_opts"),
        ("/netns", json!({"nsmode": "host"}), "netns.nsmode"),
        ("/netns", json!({"nsmode": "bridge"}), "netns.nsmode"),
        ("/netns", json!({"nsmode": "none", "value": "x"}), "netns.value"),
        ("/netns", json!({"nsmode": "path", "value": "/proc/1/ns/net"}), "netns.nsmode"),
        ("/pidns", json!({"nsmode": "host"}), "pidns.nsmode"),
        ("/ipcns", json!({"nsmode": "container", "value": "x"}), "ipcns.nsmode"),
        ("/utsns", json!({"nsmode": "host"}), "utsns.nsmode"),
        ("/cgroupns", json!({"nsmode": "host"}), "cgroupns.nsmode"),
        ("/userns", json!({"nsmode": "host"}), "userns"),
        ("/userns", json!({"nsmode": "keep-id"}), "userns"),
        ("/idmappings", json!({"HostUIDMapping": true}), "idmappings"),
        ("/pod", json!("x"), "pod"),
        ("/cgroup_parent", json!("/"), "cgroup_parent"),
        ("/cgroups_mode", json!("disabled"), "cgroups_mode"),
        ("/devices", json!([{"path": "/dev/sda"}]), "devices"),
        ("/device_cgroup_rule", json!([{"allow": true}]), "device_cgroup_rule"),
        ("/device_cgroup_rule", json!([{}]), "device_cgroup_rule"),
        ("/host_device_list", json!([{"path": "/dev/kvm"}]), "host_device_list"),
        ("/volumes", json!([{"Name": "x", "Dest": "/x"}]), "volumes"),
        ("/volumes_from", json!(["x"]), "volumes_from"),
        (
            "/overlay_volumes",
            json!([{"source": "/", "destination": "/host"}]),
            "overlay_volumes",
        ),
        ("/image_volumes", json!([{"Source": "x", "Destination": "/x"}]), "image_volumes"),
        ("/image_volume_mode", json!("bind"), "image_volume_mode"),
        ("/storage_opts", json!({"size": "1"}), "storage_opts"),
        ("/rootfs", json!("/"), "rootfs"),
        ("/rootfs_overlay", json!(true), "rootfs_overlay"),
        ("/init_path", json!("/bin/sh"), "init_path"),
        ("/conmon_pid_file", json!("/etc/x"), "conmon_pid_file"),
        ("/container_create_command", json!(["x"]), "container_create_command"),
        ("/oci_runtime", json!("other"), "oci_runtime"),
        ("/annotations", json!({"run.oci.keep_original_groups": "1"}), "annotations"),
        ("/sysctl", json!({"kernel.msgmax": "1"}), "sysctl"),
        ("/r_limits", json!([{"type": "RLIMIT_CORE", "hard": 1}]), "r_limits"),
        ("/oom_score_adj", json!(-1000), "oom_score_adj"),
        ("/secrets", json!([{"Secret": "x"}]), "secrets"),
        ("/secret_env", json!({"A": "x"}), "secret_env"),
        ("/env", json!({"LD_PRELOAD": "x"}), "env"),
        ("/env_host", json!(true), "env_host"),
        ("/command", json!(["sh"]), "command"),
        ("/entrypoint", json!(["sh"]), "entrypoint"),
        ("/groups", json!(["0"]), "groups"),
        ("/user", json!("0"), "user"),
        ("/user", json!("1000:0"), "user"),
        ("/name", json!("other"), "name"),
        ("/image", json!("other"), "image"),
        ("/raw_image_name", json!("other"), "raw_image_name"),
        ("/hostname", json!("other"), "hostname"),
        ("/hostadd", json!(["a:1.2.3.4"]), "hostadd"),
        ("/portmappings", json!([{"container_port": 1}]), "portmappings"),
        ("/publish_image_ports", json!(true), "publish_image_ports"),
        ("/Networks", json!({"x": {"static_ips": ["1.2.3.4"]}}), "Networks"),
        ("/Privileged", json!(true), "Privileged"),
        ("/systemd", json!("always"), "systemd"),
        ("/sdnotifyMode", json!("conmon"), "sdnotifyMode"),
        ("/healthconfig", json!({"Test": ["x"]}), "healthconfig"),
        ("/log_configuration", json!({"driver": "journald"}), "log_configuration.driver"),
        (
            "/log_configuration",
            json!({"driver": "k8s-file", "path": "/etc/x"}),
            "log_configuration.path",
        ),
        ("/restart_policy", json!("always"), "restart_policy"),
        ("/restart_tries", json!(3), "restart_tries"),
        ("/remove", json!(true), "remove"),
        ("/stop_timeout", json!(61), "stop_timeout"),
        ("/shm_size", json!(0), "shm_size"),
        ("/shm_size", json!(1u64 << 40), "shm_size"),
        ("/labels", json!({"gatewright.session": session(2).to_string()}), "labels"),
        ("/labels", json!({"other": "x"}), "labels"),
        ("/resource_limits", json!(null), "resource_limits"),
        ("/resource_limits/memory", json!({"limit": -1}), "resource_limits.memory.limit"),
        (
            "/resource_limits/memory",
            json!({"limit": (512u64 << 20) + 1}),
            "resource_limits.memory.limit",
        ),
        ("/resource_limits/memory/swap", json!(-1), "resource_limits.memory.swap"),
        (
            "/resource_limits/memory/disableOOMKiller",
            json!(true),
            "resource_limits.memory.disableOOMKiller",
        ),
        ("/resource_limits/cpu/quota", json!(-1), "resource_limits.cpu.quota"),
        ("/resource_limits/cpu/quota", json!(150_001), "resource_limits.cpu.quota"),
        ("/resource_limits/cpu/period", json!(10_000), "resource_limits.cpu.period"),
        ("/resource_limits/cpu/cpus", json!("0"), "resource_limits.cpu.cpus"),
        ("/resource_limits/pids/limit", json!(0), "resource_limits.pids.limit"),
        ("/resource_limits/devices", json!([{"allow": true}]), "resource_limits.devices"),
        ("/resource_limits/unified", json!({"memory.max": "max"}), "resource_limits.unified"),
        ("/mounts", json!([]), "mounts"),
        ("/mounts", mount(json!({"source": "/"})), "mounts"),
        ("/mounts", mount(json!({"destination": "/etc"})), "mounts"),
        ("/mounts", mount(json!({"type": "devpts"})), "mounts"),
        ("/mounts", mount(json!({"options": ["rshared"]})), "mounts.options"),
        ("/mounts", mount(json!({"options": ["U"]})), "mounts.options"),
        ("/mounts", mount(json!({"uidMappings": [{"containerID": 0}]})), "mounts.uidMappings"),
    ] {
        let mut body = sensible();
        let (parent, name) = path.rsplit_once('/').unwrap();
        let fields = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        fields.insert(name.into(), value.clone());
        match create(&body) {
            Err(Refusal::Field(field) | Refusal::Value { field, .. }) => assert_eq!(field, named, "{path} = {value}"),
            other => panic!("{path} = {value}: {other:?}"),
        }
    }
    let path = "/v4.0.0/libpod/containers/create";
    assert!(ask(&creating(), "POST", &format!("{path}?name=x"), b"{}").is_err());
    assert_eq!(
        ask(&creating(), "POST", path, &vec![b' '; 65 * 1024]).unwrap_err(),
        Refusal::Body("too large")
    );
}

#[test]
fn a_session_with_a_network_gets_its_name_servers_and_nothing_else_from_the_engine() {
    let rules = CreateRules {
        resolv_conf: Some("/data/resolv.conf".into()),
        ..rules()
    };
    let scope = Scope::Create(Box::new(rules));
    let made = ask(
        &scope,
        "POST",
        "/v4.0.0/libpod/containers/create",
        sensible().to_string().as_bytes(),
    )
    .unwrap();
    let made: Value = serde_json::from_str(&made.body.unwrap()).unwrap();
    assert_eq!(made["netns"]["nsmode"], "none");
    assert_eq!(made["labels"]["gatewright.network"], "internet");
    assert_eq!(
        made["mounts"][1],
        json!({"type": "bind", "source": "/data/resolv.conf", "destination": "/etc/resolv.conf", "options": ["ro", "rprivate", "nosuid", "nodev"]})
    );
    assert_eq!(made["mounts"].as_array().unwrap().len(), 2);
    // A plugin can't make it so by itself.
    let mut body = sensible();
    body["labels"]["gatewright.network"] = json!("internet");
    assert!(create(&body).is_err());
}

#[test]
fn a_kept_home_is_mounted_by_the_guard_alone() {
    let rules = CreateRules {
        home: Some("/data/homes/7".into()),
        ..rules()
    };
    let scope = Scope::Create(Box::new(rules));
    let path = "/v4.0.0/libpod/containers/create";
    let made = ask(&scope, "POST", path, sensible().to_string().as_bytes()).unwrap();
    let made: Value = serde_json::from_str(&made.body.unwrap()).unwrap();
    assert_eq!(made["labels"]["gatewright.home"], "7");
    assert_eq!(
        made["mounts"][1],
        json!({"type": "bind", "source": "/data/homes/7", "destination": "/home/user", "options": ["rw", "rprivate", "nosuid", "nodev"]})
    );
    // A plugin can neither ask for one nor name another.
    let mut body = sensible();
    body["labels"]["gatewright.home"] = json!("7");
    assert!(create(&body).is_err());
    let mut body = sensible();
    body["mounts"] = json!([{"type": "bind", "source": "/data/homes/8", "destination": "/home/user"}]);
    assert!(create(&body).is_err());
}

#[test]
fn a_session_has_its_devices_and_no_other() {
    let rules = CreateRules {
        devices: vec!["vendor.example/probe=one".parse().unwrap(), "nvidia.com/gpu=all".parse().unwrap()],
        ..rules()
    };
    let scope = Scope::Create(Box::new(rules));
    let asked = |devices: Value| {
        let mut body = sensible();
        body["devices"] = devices;
        let body = body.to_string();
        let made = ask(&scope, "POST", "/v4.0.0/libpod/containers/create", body.as_bytes())?;
        Ok::<Value, Refusal>(serde_json::from_str(&made.body.unwrap()).unwrap())
    };
    let (one, all) = (json!({"path": "vendor.example/probe=one"}), json!({"path": "nvidia.com/gpu=all"}));
    // In the session's order, whatever the plugin's was.
    let mut made = asked(json!([all, one])).unwrap();
    assert_eq!(made["devices"], json!([one, all]));
    made["devices"] = json!([]);
    holds(&made);
    for (devices, named) in [
        (json!([]), "devices"),
        (json!(null), "devices"),
        (json!([one]), "devices"),
        (json!([one, one]), "devices"),
        (json!([one, all, all]), "devices"),
        (json!([one, all, {"path": "nvidia.com/gpu=1"}]), "devices"),
        (json!([one, {"path": "nvidia.com/gpu=1"}]), "devices"),
        (json!([one, all, {"path": "/dev/sda"}]), "devices"),
        (json!([one, {"path": "/dev/sda"}]), "devices"),
        (json!([one, {"path": "nvidia.com/gpu=all:/dev/x:rwm"}]), "devices"),
        (json!([one, all, {}]), "devices"),
        (json!([one, {"path": "nvidia.com/gpu=all", "major": 8}]), "devices.major"),
        (json!([one, {"path": "nvidia.com/gpu=all", "type": "b"}]), "devices.type"),
        (json!([one, {"path": "nvidia.com/gpu=all", "fileMode": 511}]), "devices.fileMode"),
        (json!(["vendor.example/probe=one", "nvidia.com/gpu=all"]), "devices"),
    ] {
        match asked(devices.clone()) {
            Err(Refusal::Value { field, .. } | Refusal::Field(field)) => assert_eq!(field, named, "{devices}"),
            other => panic!("{devices}: {other:?}"),
        }
    }
    // A session without devices gets none, even one that others have.
    let mut body = sensible();
    body["devices"] = json!([one]);
    assert!(create(&body).is_err());
}
