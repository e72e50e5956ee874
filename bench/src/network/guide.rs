//! The rules of the guide's network script, for `iptables-restore`: the same matches and targets in the same order.

use std::io::Write as _;
use std::process::Stdio;

use stadion_netlab::{Line, Namespace};

use crate::Failure;

/// What "DDoS protection" and "firewall" of the script put into `filter`, as far as it concerns the ports of a scene.
const FILTER: &str = "*filter
:INPUT ACCEPT
:GAMING_RATELIMIT -
:GAMING -
-A GAMING_RATELIMIT -m recent --name gaming_limit --rcheck --seconds 60 --hitcount 100 -j DROP
-A GAMING_RATELIMIT -m recent --name gaming_limit --set -j RETURN
-A INPUT -p udp --dport 7000:8000 -j GAMING_RATELIMIT
-A INPUT -p tcp --dport 7000:8000 -j GAMING_RATELIMIT
-A INPUT -p tcp --syn -m limit --limit 1000/s --limit-burst 1500 -j ACCEPT
-A INPUT -p tcp --syn -j DROP
-A GAMING -m state --state ESTABLISHED,RELATED -j ACCEPT
-A GAMING -p tcp --dport 25565 -j ACCEPT
-A INPUT -j GAMING
COMMIT
";

/// What "traffic shaping" puts into `mangle`: the class at once in place of a mark and the filter `fw`, which slim kernels
/// lack.
const MANGLE: &str = "*mangle
-A POSTROUTING -p udp --dport 7000:8000 -j CLASSIFY --set-class 1:10
-A POSTROUTING -p tcp --dport 7000:8000 -j CLASSIFY --set-class 1:10
COMMIT
";

/// Whether this machine has the tool that the guide uses.
pub(super) fn is_possible() -> bool {
    let possible = stadion_netlab::run_tool("iptables-restore", &["--version"], None).is_ok();
    if !possible {
        eprintln!("stadion-bench: the guide's rules are left out: iptables is not installed");
    }
    possible
}

/// Loads the guide's protection and firewall.
pub(super) fn protect(space: &Namespace) -> Result<(), Failure> {
    restore(space, FILTER)
}

/// Shapes the server's uplink as the guide does; its own rate is 10 Gbit/s, and less fits its shares to a line. In place of
/// `sfq`, which slim kernels lack, stands `pfifo`.
pub(super) fn shape(line: &Line, rate_bits_per_s: u64) -> Result<(), Failure> {
    let share = |tenths: u64| rate_bits_per_s / 10 * tenths;
    let (whole, game, bulk, most) = (share(10), share(8), share(2), share(5));
    for command in [
        "qdisc add dev eth0 root handle 1: htb default 30".to_owned(),
        format!("class add dev eth0 parent 1: classid 1:1 htb rate {whole}bit"),
        format!(
            "class add dev eth0 parent 1:1 classid 1:10 htb rate {game}bit ceil {whole}bit prio 1"
        ),
        "qdisc add dev eth0 parent 1:10 handle 10: pfifo".to_owned(),
        format!(
            "class add dev eth0 parent 1:1 classid 1:30 htb rate {bulk}bit ceil {most}bit prio 3"
        ),
        "qdisc add dev eth0 parent 1:30 handle 30: pfifo".to_owned(),
    ] {
        line.server.space.tool("tc", &command)?;
    }
    restore(&line.server.space, MANGLE)
}

fn restore(space: &Namespace, rules: &str) -> Result<(), Failure> {
    let mut child = space
        .command("iptables-restore")
        .stdin(Stdio::piped())
        .spawn()?;
    child
        .stdin
        .take()
        .expect("asked for above")
        .write_all(rules.as_bytes())?;
    match child.wait()? {
        status if status.success() => Ok(()),
        status => Err(format!("iptables-restore: {status}").into()),
    }
}
