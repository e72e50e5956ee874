//! The tool, as a process, on network namespaces and on directories that stand for a machine.
#![cfg(test)]

mod host {
    mod journal;
    mod night;
    pub(crate) mod space;
    mod tools;
}

use host::space::{Space, run, wait_for};

/// Everything of `full-setup` that a namespace can have.
const PROFILE: &str = "
traffic_shape:
  rate: 100mbit
firewall:
  games: [minecraft]
  trusted: [198.51.100.0/24]
ddos_protect:
  xdp: auto
";

#[test]
fn applying_twice_changes_nothing_and_a_rollback_restores_all() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    let profile = space.profile(PROFILE);
    let setup = ["full-setup", "--profile", &profile];

    let plan = space.tool(&setup);
    assert_eq!(plan.code, 2, "{plan}");
    assert_eq!(space.state(), before, "a plan changes nothing");

    let apply = [&setup[..], &["--apply"]].concat();
    assert_eq!(space.tool(&apply).code, 0);
    let after = space.state();
    assert_ne!(after, before);
    let again = space.tool(&apply);
    assert_eq!(again.code, 5, "the first one waits still: {again}");
    assert_eq!(space.tool(&["confirm"]).code, 0);
    let again = space.tool(&[&apply[..], &["--json"]].concat());
    assert_eq!(again.json()["applied"]["changed"], 0, "{again}");
    assert_eq!(space.state(), after);
    assert_eq!(space.tool(&setup).code, 0, "nothing is pending");

    let rollback = space.tool(&["rollback"]);
    assert_eq!(rollback.code, 0, "{rollback}");
    assert_eq!(space.state(), before);
    assert_eq!(
        space.tool(&["rollback"]).code,
        0,
        "a second one has nothing to do"
    );
}

#[test]
fn what_nobody_confirms_is_put_back_by_itself() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    let profile = space.profile(PROFILE);
    let args = [
        "full-setup",
        "--profile",
        &profile,
        "--apply",
        "--confirm-within",
        "1s",
    ];
    let applied = space.tool(&args);
    assert_eq!(applied.code, 0, "{applied}");
    assert_ne!(space.state(), before);
    wait_for("the timer", || {
        space.state() == before && !space.is_unfinished()
    });
    let late = space.tool(&["confirm"]);
    assert_eq!(late.code, 5, "{late}");
    assert!(
        late.stderr.contains("nobody confirmed it in time"),
        "{late}"
    );
}

#[test]
fn when_the_timer_is_killed_too_the_next_command_puts_back() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    let args = ["optimize", "--apply", "--confirm-within", "1s"];
    assert_eq!(space.tool(&args).code, 0);
    space.kill_timer();
    wait_for("the end of the time", || {
        space.tool(&["status", "--json"]).json()["pending"]["remaining_ms"] == 0
    });
    assert_ne!(space.state(), before, "nobody was there to put it back");
    let late = space.tool(&["confirm"]);
    assert_eq!(late.code, 5, "{late}");
    assert_eq!(space.state(), before);
}

#[test]
fn a_kill_at_any_step_of_applying_leaves_the_host_as_it_was() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    let profile = space.profile(PROFILE);
    for step in 0.. {
        let step = step.to_string();
        let died = space.tool(&[
            "full-setup",
            "--profile",
            &profile,
            "--apply",
            "--confirm-within",
            "2s",
            "--die-at-step",
            &step,
        ]);
        // The timer finds that the one who applied is gone. Before it was started, nothing had been changed.
        wait_for(&format!("healing after step {step}"), || {
            space.state() == before
        });
        if died.code == 0 {
            assert!(
                step.parse::<usize>().expect("a number") > 15,
                "there are more steps than that"
            );
            wait_for("the timer", || !space.is_unfinished());
            return;
        }
        assert_eq!(died.signal, Some(9), "{died}");
        assert_eq!(space.tool(&["rollback"]).code, 0);
        assert!(!space.is_unfinished());
        assert_eq!(space.state(), before);
    }
}

#[test]
fn a_kill_at_any_step_of_confirming_leaves_it_confirmed() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    let profile = space.profile(PROFILE);
    let apply = ["full-setup", "--profile", &profile, "--apply"];
    for step in 0.. {
        assert_eq!(space.tool(&apply).code, 0);
        let after = space.state();
        let died = space.tool(&["confirm", "--die-at-step", &step.to_string()]);
        wait_for("the confirmation", || !space.is_unfinished());
        assert_eq!(space.state(), after);
        assert_eq!(space.tool(&apply).code, 0, "nothing to change");
        assert_eq!(space.tool(&["rollback"]).code, 0);
        assert_eq!(space.state(), before);
        if died.code == 0 {
            assert!(
                step > 1,
                "it writes down at least that it is confirmed, and what"
            );
            return;
        }
        assert_eq!(died.signal, Some(9), "{died}");
    }
}

#[test]
fn a_kill_at_any_step_of_a_rollback_is_finished_by_the_next_one() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    let profile = space.profile(PROFILE);
    let apply = [
        "full-setup",
        "--profile",
        &profile,
        "--apply",
        "--confirm-now",
    ];
    for step in 0.. {
        assert_eq!(space.tool(&apply).code, 0);
        assert_ne!(space.state(), before);
        let died = space.tool(&["rollback", "--die-at-step", &step.to_string()]);
        let again = space.tool(&["rollback"]);
        assert_eq!(again.code, 0, "{again}");
        assert_eq!(space.state(), before, "after step {step}");
        assert!(!space.is_unfinished());
        if died.code == 0 {
            assert!(step > 10, "there are more steps than that");
            return;
        }
        assert_eq!(died.signal, Some(9), "{died}");
    }
}

#[test]
fn what_others_change_is_shown_and_left_alone() {
    let Some(space) = Space::new() else { return };
    let key = "net/ipv4/tcp_max_syn_backlog";
    let original = space.sysctl(key);
    let apply = ["optimize", "--apply", "--confirm-now"];
    assert_eq!(space.tool(&apply).code, 0);
    let ours = space.sysctl(key);
    assert_ne!(ours, original);
    space.set_sysctl(key, "777");

    let plan = space.tool(&["optimize", "--json"]);
    assert_eq!(plan.code, 2);
    assert_eq!(plan.json()["plan"]["drift"][0]["now"], "777", "{plan}");
    assert_eq!(space.tool(&["status"]).code, 2);
    let applied = space.tool(&apply);
    assert!(applied.stdout.contains("others changed it"), "{applied}");
    assert_eq!(space.sysctl(key), "777");
    assert_eq!(space.tool(&[&apply[..], &["--strict"]].concat()).code, 5);

    let taken = space.tool(&[&apply[..], &["--overwrite-drift"]].concat());
    assert_eq!((taken.code, space.sysctl(key)), (0, ours), "{taken}");
    space.set_sysctl(key, "777");
    let rollback = space.tool(&["rollback"]);
    assert!(
        rollback.stdout.contains("tcp_max_syn_backlog"),
        "{rollback}"
    );
    assert_eq!(space.sysctl(key), "777", "it is theirs now");
    assert_eq!(
        space.sysctl("net/ipv4/tcp_mtu_probing"),
        "0",
        "the rest is put back"
    );
}

#[test]
fn what_is_gone_is_said_and_applied_again() {
    let Some(space) = Space::new() else { return };
    let profile = space.profile(PROFILE);
    let apply = ["ddos-protect", "--profile", &profile];
    let apply = [&apply[..], &["--apply", "--confirm-now"]].concat();
    assert_eq!(space.tool(&apply).code, 0);
    let after = space.state();
    assert_eq!(space.tool(&["status"]).code, 0);
    space.nft("delete table inet stadion\n");
    let status = space.tool(&["status"]);
    assert_eq!(status.code, 2, "{status}");
    assert!(status.stdout.contains("as it was before us"), "{status}");
    assert_eq!(space.tool(&apply).code, 0);
    assert_eq!(space.state(), after);
    space.make_anew();
    let status = space.tool(&["status"]);
    assert!(status.stdout.contains("nothing of ours"), "{status}");
    for args in [&["rollback"][..], &apply, &["rollback"]] {
        let done = space.tool(args);
        assert_eq!(done.code, 0, "{done}");
    }
}

#[test]
fn tables_of_others_survive_everything_that_we_do() {
    let Some(space) = Space::new() else { return };
    let foreign = "table ip docker { chain nat { type nat hook prerouting priority -100; tcp dport 8080 dnat to 192.0.2.9:80; }; }\n";
    space.nft(foreign);
    let theirs = || space.listing("ip docker");
    let before = theirs();
    assert!(before.contains("dnat"), "{before}");
    let profile = space.profile(PROFILE);
    let setup = ["full-setup", "--profile", &profile, "--apply"];
    for args in [&setup[..], &["confirm"], &["rollback"]] {
        let done = space.tool(args);
        assert_eq!(done.code, 0, "{done}");
        assert_eq!(theirs(), before);
    }
}

#[test]
fn a_step_that_fails_takes_the_others_with_it() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    for (value, said) in [
        // Refused by the kernel.
        ("net/ipv4/tcp_ecn: '77'", "tcp_ecn"),
        // Taken, and something else is there afterwards.
        ("net/ipv4/ip_local_reserved_ports: '8,7'", "reads `7-8`"),
    ] {
        let profile = space.profile(&format!(
            "optimize:\n  reserved_ports: null\n  sysctl:\n    net/ipv4/igmp_qrv: '5'\n    {value}\n{PROFILE}"
        ));
        let failed = space.tool(&["full-setup", "--profile", &profile, "--apply"]);
        assert_eq!(failed.code, 1, "{failed}");
        assert!(failed.stderr.contains("as it was before"), "{failed}");
        assert!(failed.stderr.contains(said), "{failed}");
        assert_eq!(space.state(), before);
        assert_eq!(space.sysctl("net/ipv4/igmp_qrv"), "2");
        assert!(!space.is_unfinished());
    }
}

#[test]
fn rules_that_the_kernel_would_not_take_change_nothing() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    // A name of an interface that nft does not take.
    let profile = space.profile("firewall:\n  open_interfaces: [\"a\\\"b\"]\n");
    let failed = space.tool(&["firewall", "--profile", &profile, "--apply"]);
    assert_ne!(failed.code, 0, "{failed}");
    assert_eq!(space.state(), before);
}

#[test]
fn nobody_locks_himself_out() {
    let Some(space) = Space::new() else { return };
    let before = space.state();
    let profile = space.profile("firewall:\n  trusted: [198.51.100.0/24]\n");
    let apply = ["full-setup", "--profile", &profile, "--apply"];
    let refused = space.tool_in_session("192.0.2.7 50000 192.0.2.1 22", &apply);
    assert_eq!(refused.code, 5, "{refused}");
    assert!(refused.stderr.contains("192.0.2.7"), "{refused}");
    assert_eq!(space.state(), before);
    let taken = space.tool_in_session("198.51.100.7 50000 192.0.2.1 22", &apply);
    assert_eq!(taken.code, 0, "{taken}");
    assert_eq!(space.tool(&["rollback"]).code, 0);
    assert_eq!(space.state(), before);
}

#[test]
fn two_runs_at_once_do_not_mix() {
    let Some(space) = Space::new() else { return };
    let _held = space.hold_lock();
    let refused = space.tool(&["optimize", "--apply"]);
    assert_eq!(refused.code, 5, "{refused}");
    assert!(refused.stderr.contains("another"), "{refused}");
}

#[test]
fn a_shaped_interface_of_somebody_else_is_not_touched() {
    let Some(space) = Space::new() else { return };
    space.tc(&["qdisc", "add", "dev", "v0", "root", "handle", "7:", "htb"]);
    let before = space.state();
    let plan = space.tool(&[
        "traffic-shape",
        "--rate",
        "10mbit",
        "--interface",
        "v0",
        "--json",
    ]);
    let skips = plan.json()["plan"]["skips"].to_string();
    assert!(skips.contains("somebody else"), "{plan}");
    space.tool(&[
        "traffic-shape",
        "--rate",
        "10mbit",
        "--interface",
        "v0",
        "--apply",
        "--confirm-now",
    ]);
    assert!(
        space
            .tool_tc(&["qdisc", "show", "dev", "v0"])
            .contains("htb 7:")
    );
    space.tool(&["rollback"]);
    assert_eq!(space.state(), before);
}

#[test]
fn larger_packets_stay_only_where_a_peer_answers_to_them() {
    let Some(space) = Space::new() else { return };
    if run("ping", &["-V"]).code != 0 {
        eprintln!("skipped: no ping");
        return;
    }
    space.peer();
    let profile = space.profile("optimize:\n  jumbo:\n    v2: { mtu: 9000, peer: 203.0.113.2 }\n");
    let args = [
        "optimize",
        "--profile",
        &profile,
        "--apply",
        "--confirm-now",
    ];
    let failed = space.tool(&args);
    assert_eq!(failed.code, 1, "{failed}");
    assert!(failed.stderr.contains("does not answer"), "{failed}");
    assert_eq!(space.mtu("v2"), "1500");
    space.peer_mtu("9000");
    let done = space.tool(&args);
    assert_eq!(done.code, 0, "{done}");
    assert_eq!(space.mtu("v2"), "9000");
    space.tool(&["rollback"]);
    assert_eq!(space.mtu("v2"), "1500");
}

#[test]
fn a_user_without_privileges_gets_a_plan_and_the_right_words() {
    let Some(space) = Space::new() else { return };
    let plan = space.tool_as_nobody(&["full-setup"]);
    assert!([0, 2].contains(&plan.code), "{plan}");
    assert!(plan.stdout.contains("left out"), "{plan}");
    let refused = space.tool_as_nobody(&["optimize", "--apply"]);
    assert_eq!(refused.code, 4, "{refused}");
    assert!(refused.stderr.contains("CAP_NET_ADMIN"), "{refused}");
    assert!(!refused.stderr.contains("panicked"), "{refused}");
}

#[test]
fn a_namespace_that_is_not_there_is_named() {
    let args = ["optimize", "--netns", "no-such-space"];
    let refused = run(env!("CARGO_BIN_EXE_stadion-network"), &args);
    assert!([1, 4].contains(&refused.code), "{refused}");
    assert!(refused.stderr.contains("no-such-space"), "{refused}");
}

/// Below `root`: a machine with frequencies, a NIC and systemd. All that the tool changes there, and its journal.
fn files_below(root: &std::path::Path) -> String {
    let mut all = String::new();
    let mut dirs = vec![root.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        let entries = std::fs::read_dir(&dir).expect("a directory");
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.sort();
        for path in paths {
            if path.is_symlink() {
                all += &format!("{} -> {:?}\n", path.display(), path.read_link());
            } else if path.is_dir() {
                dirs.push(path);
            } else {
                let text = std::fs::read_to_string(&path).expect("text");
                all += &format!("{}: {}\n", path.display(), text.trim());
            }
        }
    }
    all
}

#[test]
fn governor_interrupts_and_what_lasts_are_written_and_taken_back_on_a_machine_of_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("root");
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, text).expect("a file");
    };
    put("sys/devices/system/cpu/online", "0-1\n");
    let policy = "sys/devices/system/cpu/cpufreq/policy0";
    put(&format!("{policy}/scaling_governor"), "powersave\n");
    put(
        &format!("{policy}/scaling_available_governors"),
        "performance powersave\n",
    );
    put("sys/class/net/eth0/flags", "0x1003\n");
    put("sys/class/net/eth0/device/msi_irqs/38", "");
    put("proc/irq/38/smp_affinity_list", "0-1\n");
    put("proc/sys/net/core/rmem_max", "212992\n");
    put("usr/sbin/irqbalance", "");
    std::fs::create_dir_all(root.join("etc/systemd/system")).expect("directories");
    let before = files_below(&root);
    let state = dir.path().join("state").display().to_string();
    let place = root.display().to_string();
    let tool = |args: &[&str]| {
        let common = ["--sysroot", &place, "--state-dir", &state];
        run(
            env!("CARGO_BIN_EXE_stadion-network"),
            &[args, &common].concat(),
        )
    };
    let applied = tool(&["optimize", "--apply"]);
    assert_eq!(applied.code, 0, "{applied}");
    let text = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    assert_eq!(text(&format!("{policy}/scaling_governor")), "performance\n");
    assert_eq!(text("proc/irq/38/smp_affinity_list"), "0\n");
    assert_eq!(text("proc/sys/net/core/rmem_max"), "8388608\n");
    assert_eq!(
        text("etc/sysctl.d/90-stadion.conf"),
        "",
        "nothing lasts before it is confirmed"
    );
    let confirmed = tool(&["confirm"]);
    assert_eq!(confirmed.code, 0, "{confirmed}");
    assert!(text("etc/sysctl.d/90-stadion.conf").contains("net.core.rmem_max = 8388608\n"));
    let lasting =
        "w /sys/devices/system/cpu/cpufreq/policy0/scaling_governor - - - - performance\n";
    assert!(text("etc/tmpfiles.d/90-stadion.conf").contains(lasting));
    assert!(
        text("etc/systemd/system/irqbalance.service.d/90-stadion.conf").contains("--banirq=38")
    );
    assert_eq!(tool(&["optimize"]).code, 0, "nothing is pending");
    let rollback = tool(&["rollback"]);
    assert_eq!(rollback.code, 0, "{rollback}");
    assert_eq!(files_below(&root), before);
}
