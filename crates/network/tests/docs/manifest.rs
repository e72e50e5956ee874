//! The DaemonSet: what it asks for, and what its containers do with that on a node.

use std::collections::BTreeSet;

use clap::Args as _;
use serde_json::Value;
use stadion_network::cli::Network;
use stadion_network::engine::STATE_DIR;
use stadion_network::profile::Profile;

const MANIFEST: &str = include_str!("../../../../deploy/network-daemonset.yaml");
const RECIPE: &str = include_str!("../../../../deploy/network.Dockerfile");
/// Directories of the node that the tool writes, besides its journals.
const KERNEL_FILES: [&str; 3] = ["/proc/sys", "/proc/irq", "/sys"];

/// The object of the manifest of this kind.
pub(crate) fn object(kind: &str) -> Value {
    let objects = MANIFEST.split("\n---\n");
    let mut read = objects.map(|text| serde_saphyr::from_str::<Value>(text).unwrap());
    read.find(|object| object["kind"] == kind).unwrap()
}

fn pod() -> Value {
    object("DaemonSet")["spec"]["template"]["spec"].take()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn words(value: &Value) -> Vec<String> {
    let texts = list(value).iter().map(|word| word.as_str().unwrap());
    // Kubernetes puts the address of the node there.
    texts
        .map(|text| text.replace("$(NODE_ADDRESS)", "127.0.0.1"))
        .collect()
}

/// The containers, in the order in which a node starts them.
pub(crate) fn containers() -> Vec<Value> {
    let pod = pod();
    let all = ["initContainers", "containers"];
    all.iter()
        .flat_map(|kind| list(&pod[kind]).to_vec())
        .collect()
}

/// The arguments of a container, and those of its probe.
pub(crate) fn arguments(container: &Value) -> (Vec<String>, Option<Vec<String>>) {
    let probe = &container["readinessProbe"]["exec"]["command"];
    (
        words(&container["args"]),
        (!probe.is_null()).then(|| words(probe)[1..].to_vec()),
    )
}

/// What is mounted: the directory of the node, or nothing for the profile, and the place in the container.
pub(crate) fn mounts(container: &Value) -> Vec<(Option<String>, String)> {
    let pod = pod();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let of_node = |name: &Value| {
        let volume = list(&pod["volumes"]).iter().find(|v| v["name"] == *name);
        text(&volume.expect("a volume")["hostPath"]["path"])
    };
    list(&container["volumeMounts"])
        .iter()
        .map(|mount| (of_node(&mount["name"]), text(&mount["mountPath"]).unwrap()))
        .collect()
}

#[test]
fn the_pod_asks_for_no_more_than_the_tool_needs() {
    let set = object("DaemonSet");
    let pod = pod();
    assert_eq!(pod["hostNetwork"], true);
    assert!(pod["hostPID"].is_null() && pod["hostIPC"].is_null());
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    assert_eq!(
        pod["tolerations"],
        serde_json::json!([{ "operator": "Exists" }])
    );
    let update = &set["spec"]["updateStrategy"];
    assert_eq!(update["type"], "RollingUpdate");
    assert_eq!(update["rollingUpdate"]["maxUnavailable"], 1);
    assert_eq!(
        set["spec"]["selector"]["matchLabels"],
        set["spec"]["template"]["metadata"]["labels"]
    );
    assert_eq!(containers().len(), 3);
    for container in containers() {
        assert_eq!(
            container["securityContext"],
            serde_json::json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"], "add": ["NET_ADMIN"] },
            })
        );
        let resources = &container["resources"];
        assert!(resources["requests"]["cpu"].is_string() && resources["limits"]["cpu"].is_null());
        assert!(
            resources["requests"]["memory"].is_string()
                && resources["limits"]["memory"].is_string()
        );
    }
}

#[test]
fn what_is_mounted_is_what_the_tool_uses() {
    for container in containers() {
        let mut of_node = BTreeSet::new();
        for (dir, place) in mounts(&container) {
            let Some(dir) = dir else {
                assert_eq!(place, "/etc/stadion-network", "the profile");
                continue;
            };
            match dir == STATE_DIR {
                true => assert_eq!(place, STATE_DIR),
                false => assert_eq!(place, format!("/host{dir}")),
            }
            of_node.insert(dir);
        }
        let wanted = KERNEL_FILES.into_iter().chain([STATE_DIR]);
        assert_eq!(of_node, wanted.map(str::to_owned).collect());
    }
}

#[test]
fn the_arguments_and_the_profile_are_understood() {
    let config = object("ConfigMap");
    let profiles = config["data"].as_object().unwrap();
    for (name, text) in profiles {
        Profile::parse(name, text.as_str().unwrap()).unwrap();
    }
    let mut all = Vec::new();
    for container in containers() {
        let (arguments, probe) = arguments(&container);
        all.extend([arguments].into_iter().chain(probe));
        assert_eq!(container["image"], "registry.example/stadion-network:0.1.0");
    }
    for arguments in all {
        let whole = Network::augment_args(clap::Command::new("network"));
        let words = ["network"]
            .into_iter()
            .chain(arguments.iter().map(String::as_str));
        let read = whole.try_get_matches_from(words);
        let read = read.unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        let dir = read.get_one::<std::path::PathBuf>("kernel_files");
        assert_eq!(dir.map(|dir| dir.as_os_str()), Some("/host".as_ref()));
        if let Some(path) = arguments.iter().find_map(|a| a.strip_prefix("--profile=")) {
            let name = path.strip_prefix("/etc/stadion-network/").unwrap();
            assert!(profiles.contains_key(name), "{path}");
        }
    }
}

#[test]
fn the_image_has_what_the_pod_starts_and_what_the_tool_runs() {
    let probe = containers()
        .iter()
        .find_map(|container| {
            let command = &container["readinessProbe"]["exec"]["command"][0];
            command.as_str().map(str::to_owned)
        })
        .unwrap();
    assert!(RECIPE.contains(&format!("ENTRYPOINT [\"/usr/bin/{probe}\"]")));
    assert!(RECIPE.contains("-t registry.example/stadion-network:0.1.0"));
    let packages = RECIPE
        .lines()
        .find(|line| line.contains("apt-get install"))
        .unwrap();
    for package in ["iproute2", "iptables", "iputils-ping", "nftables"] {
        assert!(packages.split(' ').any(|word| word == package), "{package}");
    }
    let compiler = include_str!("../../../../rust-toolchain.toml")
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .unwrap();
    let base = format!("FROM rust:{}-slim-bookworm", compiler.trim_matches('"'));
    assert!(RECIPE.contains(&base), "{base}");
}
