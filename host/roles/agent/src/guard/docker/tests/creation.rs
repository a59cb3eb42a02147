//! What a container may be.

use super::*;

#[test]
fn what_must_hold_is_set() {
    let made = create(&sensible()).unwrap();
    holds(&made);
    // A plugin that says only what it must gets the same.
    let short = json!({"HostConfig": {
        "Memory": 512u64 << 20, "NanoCpus": 1_500_000_000u64, "PidsLimit": 200, "ShmSize": 64u64 << 20,
        "Binds": [format!("{FOLDER}:/run/session:rw")],
    }});
    assert_eq!(create(&short).unwrap(), made);
    assert_eq!(made["HostConfig"]["Memory"], 512u64 << 20);
    assert_eq!(made["HostConfig"]["NanoCpus"], 1_500_000_000u64);
    assert_eq!(made["Image"], IMAGE);
    assert_eq!(made["Hostname"], "desk");
    // Less than promised is the plugin's business.
    let mut less = sensible();
    less["HostConfig"]["Memory"] = json!(256u64 << 20);
    less["HostConfig"]["MemorySwap"] = json!(0);
    assert_eq!(create(&less).unwrap()["HostConfig"]["MemorySwap"], 256u64 << 20);
}

#[test]
fn privileges_are_refused_by_name() {
    let long_name = "x".repeat(200);
    for (path, value, named) in [
        ("/HostConfig/Privileged", json!(true), "HostConfig.Privileged"),
        ("/HostConfig/CapAdd", json!(["SYS_ADMIN"]), "HostConfig.CapAdd"),
        ("/HostConfig/CapDrop", json!(["CHOWN"]), "HostConfig.CapDrop"),
        ("/HostConfig/SecurityOpt", json!(["seccomp=unconfined"]), "HostConfig.SecurityOpt"),
        (
            "/HostConfig/SecurityOpt",
            json!(["no-new-privileges:false"]),
            "HostConfig.SecurityOpt",
        ),
        ("/HostConfig/SecurityOpt", json!(["apparmor=unconfined"]), "HostConfig.SecurityOpt"),
        ("/HostConfig/NetworkMode", json!("host"), "HostConfig.NetworkMode"),
        ("/HostConfig/NetworkMode", json!("container:x"), "HostConfig.NetworkMode"),
        ("/HostConfig/PidMode", json!("host"), "HostConfig.PidMode"),
        ("/HostConfig/IpcMode", json!("host"), "HostConfig.IpcMode"),
        ("/HostConfig/UTSMode", json!("host"), "HostConfig.UTSMode"),
        ("/HostConfig/UsernsMode", json!("host"), "HostConfig.UsernsMode"),
        ("/HostConfig/CgroupnsMode", json!("host"), "HostConfig.CgroupnsMode"),
        ("/HostConfig/CgroupParent", json!("/"), "HostConfig.CgroupParent"),
        ("/HostConfig/Cgroup", json!("host"), "HostConfig.Cgroup"),
        ("/HostConfig/Devices", json!([{"PathOnHost": "/dev/sda"}]), "HostConfig.Devices"),
        ("/HostConfig/DeviceRequests", json!([{"Count": -1}]), "HostConfig.DeviceRequests"),
        (
            "/HostConfig/DeviceCgroupRules",
            json!(["a *:* rwm"]),
            "HostConfig.DeviceCgroupRules",
        ),
        ("/HostConfig/VolumesFrom", json!(["x"]), "HostConfig.VolumesFrom"),
        ("/HostConfig/Binds", json!(["/:/host"]), "HostConfig.Binds"),
        (
            "/HostConfig/Binds",
            json!([format!("{FOLDER}/..:/run/session")]),
            "HostConfig.Binds",
        ),
        (
            "/HostConfig/Mounts",
            json!([{"Type": "bind", "Source": "/", "Target": "/run/session"}]),
            "HostConfig.Mounts",
        ),
        (
            "/HostConfig/Mounts",
            json!([{"Type": "bind", "Source": FOLDER, "Target": "/etc"}]),
            "HostConfig.Mounts",
        ),
        ("/HostConfig/Mounts", json!([]), "HostConfig.Mounts"),
        (
            "/HostConfig/Mounts",
            json!([{"Type": "bind", "Source": FOLDER, "Target": "/run/session", "BindOptions": {"Propagation": "shared"}}]),
            "HostConfig.Mounts.BindOptions.Propagation",
        ),
        (
            "/HostConfig/Mounts",
            json!([{"Type": "bind", "Source": FOLDER, "Target": "/run/session", "BindOptions": {"CreateMountpoint": true}}]),
            "HostConfig.Mounts.BindOptions.CreateMountpoint",
        ),
        ("/HostConfig/Tmpfs", json!({"/run": "exec"}), "HostConfig.Tmpfs"),
        ("/HostConfig/MaskedPaths", json!(["/x"]), "HostConfig.MaskedPaths"),
        ("/HostConfig/ReadonlyPaths", json!(["/x"]), "HostConfig.ReadonlyPaths"),
        ("/HostConfig/Sysctls", json!({"kernel.msgmax": "1"}), "HostConfig.Sysctls"),
        ("/HostConfig/Ulimits", json!([{"Name": "core", "Soft": -1}]), "HostConfig.Ulimits"),
        ("/HostConfig/OomScoreAdj", json!(-1000), "HostConfig.OomScoreAdj"),
        ("/HostConfig/OomKillDisable", json!(true), "HostConfig.OomKillDisable"),
        (
            "/HostConfig/RestartPolicy",
            json!({"Name": "always"}),
            "HostConfig.RestartPolicy.Name",
        ),
        ("/HostConfig/LogConfig", json!({"Type": "syslog"}), "HostConfig.LogConfig.Type"),
        (
            "/HostConfig/LogConfig",
            json!({"Type": "json-file", "Config": {"env": "x"}}),
            "HostConfig.LogConfig.Config",
        ),
        ("/HostConfig/Runtime", json!("other"), "HostConfig.Runtime"),
        (
            "/HostConfig/PortBindings",
            json!({"1/tcp": [{"HostPort": "1"}]}),
            "HostConfig.PortBindings",
        ),
        ("/HostConfig/PublishAllPorts", json!(true), "HostConfig.PublishAllPorts"),
        ("/HostConfig/ExtraHosts", json!(["a:1.2.3.4"]), "HostConfig.ExtraHosts"),
        ("/HostConfig/Links", json!(["x"]), "HostConfig.Links"),
        ("/HostConfig/ContainerIDFile", json!("/etc/x"), "HostConfig.ContainerIDFile"),
        ("/HostConfig/AutoRemove", json!(true), "HostConfig.AutoRemove"),
        ("/HostConfig/privileged", json!(true), "HostConfig.privileged"),
        ("/HostConfig/Memory", json!(0), "HostConfig.Memory"),
        ("/HostConfig/Memory", json!(-1), "HostConfig.Memory"),
        ("/HostConfig/Memory", json!((512u64 << 20) + 1), "HostConfig.Memory"),
        ("/HostConfig/Memory", json!("1"), "HostConfig.Memory"),
        ("/HostConfig/Memory", json!(1.5), "HostConfig.Memory"),
        ("/HostConfig/MemorySwap", json!(-1), "HostConfig.MemorySwap"),
        ("/HostConfig/MemorySwap", json!(1u64 << 40), "HostConfig.MemorySwap"),
        ("/HostConfig/NanoCpus", json!(1_500_000_001u64), "HostConfig.NanoCpus"),
        ("/HostConfig/CpuQuota", json!(1), "HostConfig.CpuQuota"),
        ("/HostConfig/PidsLimit", json!(-1), "HostConfig.PidsLimit"),
        ("/HostConfig/PidsLimit", json!(201), "HostConfig.PidsLimit"),
        ("/HostConfig/ShmSize", json!(1u64 << 40), "HostConfig.ShmSize"),
        ("/HostConfig", json!(null), "HostConfig"),
        ("/HostConfig", json!([]), "HostConfig"),
        ("/Image", json!("other"), "Image"),
        ("/Hostname", json!("other"), "Hostname"),
        ("/User", json!("root"), "User"),
        ("/User", json!("1000:0"), "User"),
        ("/Labels", json!({"gatewright.session": session(2).to_string()}), "Labels"),
        ("/Labels", json!({"other": "x"}), "Labels"),
        ("/Env", json!(["LD_PRELOAD=x"]), "Env"),
        ("/Cmd", json!(["sh"]), "Cmd"),
        ("/Entrypoint", json!(["sh"]), "Entrypoint"),
        ("/Volumes", json!({"/x": {}, "/y": {"a": 1}}), "Volumes"),
        (
            "/NetworkingConfig",
            json!({"EndpointsConfig": {"bridge": {"IPAMConfig": {"IPv4Address": "1"}}}}),
            "NetworkingConfig",
        ),
        ("/ExposedPorts", json!({"1/tcp": 1}), "ExposedPorts"),
        ("/StopTimeout", json!(61), "StopTimeout"),
        ("/Healthcheck", json!({"Test": ["CMD", "x"]}), "Healthcheck"),
        ("/\u{1b}[2J", json!(1), "\\u{1b}[2J"),
        (&format!("/{long_name}"), json!(1), &format!("{}…", "x".repeat(80))),
    ] {
        let mut body = sensible();
        let (parent, name) = path.rsplit_once('/').unwrap();
        body.pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .insert(name.into(), value.clone());
        match create(&body) {
            Err(Refusal::Field(field) | Refusal::Value { field, .. }) => assert_eq!(field, named, "{path} = {value}"),
            other => panic!("{path} = {value}: {other:?}"),
        }
    }
    assert!(ask(&creating(), "POST", "/containers/create?name=other", &[], b"{}").is_err());
    assert!(ask(&creating(), "POST", "/containers/create?platform=x", &[], b"{}").is_err());
    assert_eq!(
        ask(&creating(), "POST", "/containers/create", &[], &vec![b' '; 65 * 1024]).unwrap_err(),
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
    let made = ask(&scope, "POST", "/containers/create", &[], sensible().to_string().as_bytes()).unwrap();
    let made: Value = serde_json::from_str(&made.body.unwrap()).unwrap();
    assert_eq!(
        (&made["NetworkDisabled"], &made["HostConfig"]["NetworkMode"]),
        (&json!(true), &json!("none"))
    );
    assert_eq!(made["Labels"]["gatewright.network"], "internet");
    assert_eq!(
        made["HostConfig"]["Mounts"][1],
        json!({"Type": "bind", "Source": "/data/resolv.conf", "Target": "/etc/resolv.conf", "ReadOnly": true, "BindOptions": {"Propagation": "rprivate"}})
    );
    assert_eq!(made["HostConfig"]["Mounts"].as_array().unwrap().len(), 2);
    // A plugin can't make it so by itself.
    let mut body = sensible();
    body["Labels"]["gatewright.network"] = json!("internet");
    assert!(create(&body).is_err());
}

#[test]
fn a_kept_home_is_mounted_by_the_guard_alone() {
    let rules = CreateRules {
        home: Some("/data/homes/7".into()),
        ..rules()
    };
    let scope = Scope::Create(Box::new(rules));
    let made = ask(&scope, "POST", "/containers/create", &[], sensible().to_string().as_bytes()).unwrap();
    let made: Value = serde_json::from_str(&made.body.unwrap()).unwrap();
    assert_eq!(made["Labels"]["gatewright.home"], "7");
    assert_eq!(
        made["HostConfig"]["Mounts"][1],
        json!({"Type": "bind", "Source": "/data/homes/7", "Target": "/home/user", "ReadOnly": false, "BindOptions": {"Propagation": "rprivate"}})
    );
    // A plugin can neither ask for one nor name another.
    let mut body = sensible();
    body["Labels"]["gatewright.home"] = json!("7");
    assert!(create(&body).is_err());
    let mut body = sensible();
    body["HostConfig"]["Binds"] = json!(["/data/homes/8:/home/user"]);
    assert!(create(&body).is_err());
}

#[test]
fn a_session_has_its_devices_and_no_other() {
    let rules = CreateRules {
        devices: vec!["vendor.example/probe=one".parse().unwrap(), "nvidia.com/gpu=all".parse().unwrap()],
        ..rules()
    };
    let scope = Scope::Create(Box::new(rules));
    let asked = |api: &str, requests: Value| {
        let mut body = sensible();
        body["HostConfig"]["DeviceRequests"] = requests;
        let body = body.to_string();
        let guard = Guard {
            dialect: Dialect::Docker(ApiVersion::negotiate(api).unwrap()),
            ..guard()
        };
        let request = Request {
            method: "POST",
            target: "/containers/create",
            headers: &[],
            body: body.as_bytes(),
        };
        let made = guard.check(&scope, &known(), &request)?;
        Ok::<Value, Refusal>(serde_json::from_str(&made.body.unwrap()).unwrap())
    };
    let cdi = |names: &[&str]| json!({"Driver": "cdi", "DeviceIDs": names});
    let (one, all) = ("vendor.example/probe=one", "nvidia.com/gpu=all");
    // In the session's order, whatever the plugin's was, and as one request.
    for requests in [
        json!([cdi(&[one, all])]),
        json!([cdi(&[all, one])]),
        json!([cdi(&[all]), cdi(&[one])]),
    ] {
        let mut made = asked("1.44", requests).unwrap();
        let devices = made["HostConfig"].as_object_mut().unwrap().remove("DeviceRequests");
        assert_eq!(devices, Some(json!([cdi(&[one, all])])));
        holds(&made);
    }
    let more = |name: &str, value: Value| {
        let mut request = cdi(&[one, all]);
        request[name] = value;
        json!([request])
    };
    for (requests, named) in [
        (json!([]), "HostConfig.DeviceRequests"),
        (json!(null), "HostConfig.DeviceRequests"),
        (json!([cdi(&[one])]), "HostConfig.DeviceRequests"),
        (json!([cdi(&[one, one])]), "HostConfig.DeviceRequests"),
        (json!([cdi(&[one, all, "nvidia.com/gpu=1"])]), "HostConfig.DeviceRequests"),
        (json!([cdi(&[one, "/dev/sda"])]), "HostConfig.DeviceRequests"),
        (json!([cdi(&[one, all]), cdi(&[one])]), "HostConfig.DeviceRequests"),
        (json!([cdi(&[one, all]), {"Count": -1}]), "HostConfig.DeviceRequests"),
        (json!([{"DeviceIDs": [one, all]}]), "HostConfig.DeviceRequests"),
        (json!([{"Driver": "nvidia", "DeviceIDs": [one, all]}]), "HostConfig.DeviceRequests"),
        (more("Count", json!(-1)), "HostConfig.DeviceRequests.Count"),
        (more("Capabilities", json!([["gpu"]])), "HostConfig.DeviceRequests.Capabilities"),
        (more("Options", json!({"a": "b"})), "HostConfig.DeviceRequests.Options"),
    ] {
        match asked("1.44", requests.clone()) {
            Err(Refusal::Value { field, .. } | Refusal::Field(field)) => assert_eq!(field, named, "{requests}"),
            other => panic!("{requests}: {other:?}"),
        }
    }
    // An engine that does not know such names is not asked.
    for api in ["1.41", "1.43"] {
        assert!(asked(api, json!([cdi(&[one, all])])).is_err(), "{api}");
    }
    // A session without devices gets none, even one that others have.
    let mut body = sensible();
    body["HostConfig"]["DeviceRequests"] = json!([cdi(&[one])]);
    assert!(create(&body).is_err());
    assert_eq!(create(&sensible()).unwrap()["HostConfig"].get("DeviceRequests"), None);
}
