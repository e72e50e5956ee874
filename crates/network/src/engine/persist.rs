//! What makes confirmed changes last beyond the next boot.

use std::fmt::Write as _;

use super::journal::Baseline;
use crate::Skip;
use crate::host::Host;
use crate::subject::{Risk, Scope, Subject, Wish};

/// Read by systemd-sysctl and procps at boot. After the distribution's own files, before `99-`, which people use.
const SYSCTL_FILE: &str = "/etc/sysctl.d/90-stadion.conf";
/// Read by systemd-tmpfiles early at boot.
const KERNEL_FILE: &str = "/etc/tmpfiles.d/90-stadion.conf";
/// Where what the units load is.
pub(super) const OWN_DIR: &str = "/etc/stadion";
/// What a unit loads at boot.
const NFT_FILE: &str = "/etc/stadion/network.nft";
/// What a unit loads at boot.
const TC_FILE: &str = "/etc/stadion/network.tc";
/// What a unit has systemd-tmpfiles read at boot: files of interfaces, which are not there yet when it runs by itself.
const NICS_FILE: &str = "/etc/stadion/network.nics";
/// Where units of ours are.
const UNIT_DIR: &str = "/etc/systemd/system";
/// Loads our table, before any interface is up.
const TABLES_UNIT: (&str, &str) = (
    "stadion-network-tables.service",
    "[Unit]\nDescription=Rules of stadion network\nDefaultDependencies=no\nAfter=local-fs.target\nWants=network-pre.target\nBefore=network-pre.target\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/sbin/nft -f /etc/stadion/network.nft\n\n[Install]\nWantedBy=multi-user.target\n",
);
/// Makes our queues, when the interfaces are there: before what it does, and after.
const QUEUES_UNIT: (&str, &str, &str) = (
    "stadion-network-queues.service",
    "[Unit]\nDescription=Queues of stadion network\nWants=network-online.target\nAfter=network-online.target\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n",
    "\n[Install]\nWantedBy=multi-user.target\n",
);

const HEADER: &str = "# Written by `stadion network`. Changes here are lost; `stadion network rollback` removes it.\n";

/// The files of ours that make `baseline` last, and what does not last.
pub(super) fn wishes(host: &Host, baseline: &Baseline) -> (Vec<Wish>, Vec<Skip>) {
    let mut skips = Vec::new();
    let why_not = if host.is_child_netns() {
        "a network namespace ends with the machine or before; apply again when it is made"
    } else if host.is_container() {
        "the files of a container end with it; apply again at boot, as the DaemonSet in docs/network.md does"
    } else if !host.at("/etc/systemd/system").is_dir() {
        "there is no systemd here; apply again at boot"
    } else {
        ""
    };
    if !why_not.is_empty() {
        skips.push(Skip::new("lasting beyond the next boot", why_not));
        return (Vec::new(), skips);
    }
    let mut sysctl = String::from(HEADER);
    let mut kernel = String::from(HEADER);
    let mut nft = String::from(HEADER);
    let mut tc = String::from(HEADER);
    let mut nics = String::from(HEADER);
    let mut has_mtu = false;
    for entry in &baseline.entries {
        let Some(want) = &entry.wish.want else {
            continue;
        };
        // Writing to a String cannot fail.
        let _written = match &entry.wish.subject {
            Subject::Sysctl(path) => writeln!(sysctl, "{} = {want}", path.replace('/', ".")),
            Subject::Kernel(path) if path.starts_with("/sys/class/net/") => {
                writeln!(nics, "w {path} - - - - {want}")
            }
            Subject::Kernel(path) if path.starts_with("/sys/") => {
                writeln!(kernel, "w {path} - - - - {want}")
            }
            Subject::NftTable(table) => {
                writeln!(nft, "add table {table}\ndelete table {table}\n{want}")
            }
            Subject::Qdisc(_) => writeln!(tc, "{want}"),
            Subject::Mtu(_) | Subject::Kernel(_) => {
                has_mtu = true;
                Ok(())
            }
            Subject::Owned(_) | Subject::Link(_) | Subject::Xdp(_) => Ok(()),
        };
    }
    if has_mtu {
        skips.push(Skip::new(
            "MTU and interrupts beyond the next boot",
            "the MTU belongs to what configures the interface, and interrupts get new numbers; apply again at boot",
        ));
    }
    let mut wishes = Vec::new();
    file(&mut wishes, SYSCTL_FILE, &sysctl);
    file(&mut wishes, KERNEL_FILE, &kernel);
    if file(&mut wishes, NFT_FILE, &nft) {
        let (name, text) = TABLES_UNIT;
        unit(&mut wishes, name, text);
    }
    queues(&mut wishes, &nics, &tc);
    (wishes, skips)
}

/// Adds what is done when the interfaces are there, if anything.
fn queues(wishes: &mut Vec<Wish>, nics: &str, tc: &str) {
    let mut steps = String::new();
    // Queues are made whatever the interfaces take.
    for (path, text, command) in [
        (NICS_FILE, nics, "-/usr/bin/systemd-tmpfiles --create"),
        (TC_FILE, tc, "/usr/sbin/tc -force -batch"),
    ] {
        if file(wishes, path, text) {
            let _written = writeln!(steps, "ExecStart={command} {path}");
        }
    }
    if !steps.is_empty() {
        let (name, before, after) = QUEUES_UNIT;
        unit(wishes, name, &format!("{before}{steps}{after}"));
    }
}

/// Adds a unit that is started at boot.
fn unit(wishes: &mut Vec<Wish>, name: &str, text: &str) {
    let owned = Subject::Owned(format!("{UNIT_DIR}/{name}"));
    wishes.push(wish(owned, &format!("{HEADER}{text}")));
    // As `systemctl enable` does it.
    let link = Subject::Link(format!("{UNIT_DIR}/multi-user.target.wants/{name}"));
    wishes.push(wish(link, &format!("../{name}")));
}

/// Whether `subject` is one of the files that [`wishes`] may name.
pub(super) fn is_lasting(subject: &Subject) -> bool {
    match subject {
        Subject::Owned(path) | Subject::Link(path) => {
            [SYSCTL_FILE, KERNEL_FILE, NFT_FILE, TC_FILE, NICS_FILE].contains(&path.as_str())
                || [TABLES_UNIT.0, QUEUES_UNIT.0]
                    .iter()
                    .any(|name| path.starts_with(UNIT_DIR) && path.ends_with(name))
        }
        _ => false,
    }
}

/// Adds the file unless it says nothing.
fn file(wishes: &mut Vec<Wish>, path: &str, text: &str) -> bool {
    let says = text.len() > HEADER.len();
    if says {
        wishes.push(wish(Subject::Owned(path.into()), text));
    }
    says
}

fn wish(subject: Subject, want: &str) -> Wish {
    Wish {
        subject,
        want: Some(want.into()),
        scope: Scope::Node,
        reason: "what was confirmed shall be there after the next boot".into(),
        risk: Risk::Low,
    }
}

#[cfg(test)]
mod tests {
    use super::super::journal::{Entry, Saved};
    use super::*;

    fn entry(subject: Subject, want: &str) -> Entry {
        Entry {
            wish: wish(subject, want),
            before: Saved {
                state: None,
                program: None,
            },
            after: Some(Some(want.into())),
            number: None,
        }
    }

    #[test]
    fn tables_come_before_interfaces_and_queues_after_them() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::below(root.path());
        let table = Subject::NftTable("inet stadion".into());
        let baseline = Baseline {
            entries: vec![
                entry(Subject::Sysctl("net/ipv4/tcp_sack".into()), "1"),
                entry(table, "table inet stadion {\n}"),
                entry(
                    Subject::Qdisc("eth0".into()),
                    "qdisc replace dev eth0 root handle 1: htb",
                ),
                entry(Subject::Mtu("eth1".into()), "9000"),
                entry(
                    Subject::Kernel("/sys/class/net/eth0/queues/rx-0/rps_cpus".into()),
                    "3",
                ),
            ],
            ..Baseline::default()
        };
        let (none, skips) = wishes(&host, &baseline);
        assert!(none.is_empty() && skips[0].reason.contains("no systemd"));

        std::fs::create_dir_all(root.path().join("etc/systemd/system")).unwrap();
        let (wishes, skips) = wishes(&host, &baseline);
        assert!(skips[0].what.contains("MTU"), "{skips:?}");
        let text = |path: &str| {
            let subject = Subject::Owned(path.into());
            let wish = wishes.iter().find(|wish| wish.subject == subject);
            wish.and_then(|wish| wish.want.clone()).unwrap_or_default()
        };
        assert!(text(SYSCTL_FILE).ends_with("net.ipv4.tcp_sack = 1\n"));
        assert_eq!(
            text(KERNEL_FILE),
            "",
            "a file that says nothing is not written"
        );
        assert!(text(NFT_FILE).contains("delete table inet stadion\ntable inet stadion {"));
        assert!(text(TC_FILE).contains("qdisc replace dev eth0"));
        let unit = text("/etc/systemd/system/stadion-network-tables.service");
        assert!(unit.contains("Before=network-pre.target") && unit.contains(NFT_FILE));
        let unit = text("/etc/systemd/system/stadion-network-queues.service");
        assert!(unit.contains("After=network-online.target") && unit.contains(TC_FILE));
        // systemd-tmpfiles by itself runs before the drivers have made interfaces.
        assert!(unit.contains("systemd-tmpfiles --create /etc/stadion/network.nics\n"));
        assert!(
            text(NICS_FILE).ends_with("w /sys/class/net/eth0/queues/rx-0/rps_cpus - - - - 3\n")
        );
        let links = wishes
            .iter()
            .filter(|wish| matches!(wish.subject, Subject::Link(_)));
        assert_eq!(links.count(), 2, "both are started at boot");
    }
}
