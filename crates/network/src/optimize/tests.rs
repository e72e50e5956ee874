use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::facts::Interface;
use crate::host::Host;

fn wish<'a>(done: &'a Optimized, path: &str) -> Option<&'a str> {
    done.wishes
        .iter()
        .find(|wish| match &wish.subject {
            Subject::Sysctl(known) | Subject::Kernel(known) | Subject::Mtu(known) => known == path,
            _ => false,
        })
        .and_then(|wish| wish.want.as_deref())
}

fn facts() -> Facts {
    Facts {
        cpus: vec![0, 1, 2, 3],
        interfaces: vec![Interface {
            name: "eth0".into(),
            mtu: 1500,
            up: true,
            hardware: true,
            default_route: true,
            ..Interface::default()
        }],
        ..Facts::default()
    }
}

#[test]
fn what_is_more_already_is_not_made_less() {
    let devices = Devices {
        sysctls: BTreeMap::from([
            ("net/core/rmem_max".into(), "268435456".into()),
            ("net/ipv4/tcp_rmem".into(), "4096\t131072\t33554432".into()),
            ("net/core/wmem_max".into(), "212992".into()),
        ]),
        ..Devices::default()
    };
    let done = optimize(&Optimize::default(), &facts(), &devices).unwrap();
    assert_eq!(wish(&done, "net/core/rmem_max"), Some("268435456"));
    assert_eq!(
        wish(&done, "net/ipv4/tcp_rmem"),
        Some("4096 131072 33554432")
    );
    assert_eq!(wish(&done, "net/core/wmem_max"), Some("8388608"));
}

#[test]
fn reserved_ports_of_others_stay_reserved() {
    let path = "net/ipv4/ip_local_reserved_ports";
    let devices = Devices {
        sysctls: BTreeMap::from([(path.into(), "30000-32767,8001".into())]),
        ..Devices::default()
    };
    let done = optimize(&Optimize::default(), &facts(), &devices).unwrap();
    assert_eq!(wish(&done, path), Some("7000-8001,30000-32767"));
}

#[test]
fn the_backlog_grows_only_where_it_overflowed() {
    let path = "net/core/netdev_max_backlog";
    let mut devices = Devices::default();
    let done = optimize(&Optimize::default(), &facts(), &devices).unwrap();
    assert_eq!(wish(&done, path), None);
    devices.backlog_drops = devices::backlog_drops("0001 0000000a 0000\n0002 00000001 0000\n");
    let done = optimize(&Optimize::default(), &facts(), &devices).unwrap();
    assert_eq!(
        (devices.backlog_drops, wish(&done, path)),
        (11, Some("4000"))
    );
}

#[test]
fn congestion_control_that_is_not_there_is_left_out_with_the_way_to_get_it() {
    let devices = Devices {
        congestion: vec!["reno".into(), "cubic".into()],
        ..Devices::default()
    };
    let done = optimize(&Optimize::default(), &facts(), &devices).unwrap();
    assert_eq!(wish(&done, "net/ipv4/tcp_congestion_control"), None);
    let skip = done
        .skips
        .iter()
        .find(|skip| skip.what.contains("congestion"));
    assert!(skip.is_some_and(|skip| skip.reason.contains("modprobe")));
}

#[test]
fn congestion_control_that_is_a_module_is_taken_and_in_a_child_namespace_not() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    // As Debian's kernel has it, and as others compress modules.
    write(
        "lib/modules/6.1/modules.dep",
        "kernel/net/ipv4/tcp_bbr.ko:\nkernel/net/ipv4/tcp_htcp.ko.xz: kernel/a.ko\nkernel/drivers/tcp_x.ko:\n",
    );
    for name in ["available", "allowed"] {
        write(
            &format!("proc/sys/net/ipv4/tcp_{name}_congestion_control"),
            "reno cubic\n",
        );
    }
    let host = Host::below(root.path());
    let ways = |facts: &Facts| {
        let found = Devices::gather(&host, facts, &Optimize::default()).unwrap();
        found.congestion
    };
    let mut facts = facts();
    facts.kernel = "6.1".into();
    assert_eq!(ways(&facts), ["reno", "cubic", "bbr", "htcp"]);
    facts.is_child_netns = true;
    assert_eq!(ways(&facts), ["reno", "cubic"]);
    facts.is_child_netns = false;
    write("proc/sys/kernel/modules_disabled", "1\n");
    assert_eq!(ways(&facts), ["reno", "cubic"]);
}

#[test]
fn jumbo_frames_of_the_guide_do_not_reach_the_internet() {
    let done = optimize(&Optimize::guide(), &facts(), &Devices::default()).unwrap();
    assert_eq!(wish(&done, "eth0"), None);
    assert!(
        done.skips
            .iter()
            .any(|skip| skip.reason.contains("default route"))
    );
}

#[test]
fn a_path_that_is_none_is_refused() {
    for path in [
        "net.core.rmem_max",
        "net/../kernel/panic",
        "/net/core",
        "net//core",
        "rmem_max",
    ] {
        let mut profile = Optimize::default();
        profile.sysctl.insert(path.into(), Some("1".into()));
        let refused = optimize(&profile, &facts(), &Devices::default());
        assert!(matches!(refused, Err(Error::Profile { .. })), "{path}");
    }
}

proptest! {
    #[test]
    fn interrupts_and_packets_stay_away_from_game_cpus(
        online in prop::collection::btree_set(0u32..32, 1..32),
        game in prop::collection::btree_set(0u32..32, 0..32),
        local in prop::collection::btree_set(0u32..32, 0..8),
        tx_queues in 1u32..40,
    ) {
        let online: Vec<u32> = online.into_iter().collect();
        let game: Vec<u32> = game.into_iter().collect();
        let nic = Nic {
            name: "eth0".into(),
            irqs: (40..60).collect(),
            local_cpus: local.into_iter().collect(),
            tx_queues,
            rx_queues: 1,
        };
        let devices = Devices { nics: vec![nic], irqs: (0..100).collect(), ..Devices::default() };
        let facts = Facts { cpus: online.clone(), ..facts() };
        let profile = Optimize { game_cpus: (!game.is_empty()).then(|| list_of(&game)), ..Optimize::default() };
        let done = optimize(&profile, &facts, &devices).expect("a profile that can be");
        for wish in &done.wishes {
            let (Subject::Kernel(path), Some(want)) = (&wish.subject, &wish.want) else { continue };
            let cpus: Vec<u32> = if path.ends_with("smp_affinity_list") {
                parse_list(want).expect("a list")
            } else if path.ends_with("_cpus") {
                let mask = u64::from_str_radix(want, 16).expect("a mask");
                (0..64).filter(|cpu| mask >> cpu & 1 == 1).collect()
            } else {
                continue;
            };
            prop_assert!(!cpus.is_empty(), "{path} has a CPU");
            prop_assert!(cpus.iter().all(|cpu| online.contains(cpu) && !game.contains(cpu)), "{path}: {cpus:?}");
        }
        // Every CPU that may handle packets has a queue to send by.
        let free: Vec<u32> = online.iter().copied().filter(|cpu| !game.contains(cpu)).collect();
        if tx_queues > 1 && !free.is_empty() {
            let all = done.wishes.iter().filter_map(|wish| match (&wish.subject, &wish.want) {
                (Subject::Kernel(path), Some(want)) if path.ends_with("xps_cpus") => u64::from_str_radix(want, 16).ok(),
                _ => None,
            }).fold(0, |all, mask| all | mask);
            prop_assert!(free.iter().all(|cpu| all >> cpu & 1 == 1));
        }
    }

    #[test]
    fn no_text_of_the_kernel_makes_us_panic(text in ".{0,200}") {
        let _ = devices::backlog_drops(&text);
        let _ = at_least(&text, Some(&text));
    }
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A machine with two CPUs, frequencies, sleep states, a virtio NIC and irqbalance, as sysfs shows them.
fn machine(root: &Path) {
    put(root, "/sys/devices/system/cpu/online", "0-1\n");
    for policy in ["policy0", "policy1"] {
        let dir = format!("/sys/devices/system/cpu/cpufreq/{policy}");
        put(root, &format!("{dir}/scaling_governor"), "powersave\n");
        put(
            root,
            &format!("{dir}/scaling_available_governors"),
            "performance powersave \n",
        );
    }
    put(
        root,
        "/sys/devices/system/cpu/cpuidle/current_driver",
        "intel_idle\n",
    );
    for cpu in 0..2 {
        put(
            root,
            &format!("/sys/devices/system/cpu/cpu{cpu}/power/pm_qos_resume_latency_us"),
            "0\n",
        );
    }
    let pci = "/sys/devices/pci0000:00/0000:00:02.0";
    for irq in [37, 38, 39] {
        put(root, &format!("{pci}/msi_irqs/{irq}"), "msix\n");
        put(root, &format!("/proc/irq/{irq}/smp_affinity_list"), "0-1\n");
    }
    put(root, &format!("{pci}/virtio2/features"), "0\n");
    let nic = "/sys/class/net/eth0";
    for (file, text) in [
        ("flags", "0x1003\n"),
        ("mtu", "1500\n"),
        ("queues/rx-0/rps_cpus", "0\n"),
        ("queues/tx-0/xps_cpus", "0\n"),
    ] {
        put(root, &format!("{nic}/{file}"), text);
    }
    let device = root.join("sys/class/net/eth0/device");
    symlink("../../../devices/pci0000:00/0000:00:02.0/virtio2", device).unwrap();
    put(root, "/usr/sbin/irqbalance", "");
    put(root, "/proc/sys/net/core/rmem_max", "212992\n");
    fs::create_dir_all(root.join("etc/systemd/system")).unwrap();
}

#[test]
fn governor_sleep_states_and_interrupts_are_found_below_a_directory() {
    let root = tempfile::tempdir().unwrap();
    machine(root.path());
    let host = Host::below(root.path());
    let facts = Facts::gather(&host, &BTreeMap::new()).unwrap();
    let profile = Optimize::default();
    let devices = Devices::gather(&host, &facts, &profile).unwrap();
    assert_eq!(devices.nics[0].irqs, [37, 38, 39]);
    let done = optimize(&profile, &facts, &devices).unwrap();
    let governor = "/sys/devices/system/cpu/cpufreq/policy1/scaling_governor";
    assert_eq!(wish(&done, governor), Some("performance"));
    let latency = "/sys/devices/system/cpu/cpu1/power/pm_qos_resume_latency_us";
    assert_eq!(wish(&done, latency), Some("10"));
    assert_eq!(wish(&done, "/proc/irq/37/smp_affinity_list"), Some("0"));
    assert_eq!(wish(&done, "/proc/irq/38/smp_affinity_list"), Some("1"));
    assert_eq!(
        wish(&done, "/sys/class/net/eth0/queues/rx-0/rps_cpus"),
        Some("3")
    );
    let told = done
        .wishes
        .iter()
        .filter(|wish| matches!(wish.subject, Subject::Owned(_)))
        .filter_map(|wish| wish.want.as_deref());
    let told: String = told.collect();
    assert!(told.contains("--banirq=37 --banirq=38 --banirq=39"));
}
