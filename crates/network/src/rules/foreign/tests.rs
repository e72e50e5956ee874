use proptest::prelude::*;

use super::*;

fn ports(found: &Redirects) -> Vec<(&str, u16)> {
    found
        .ports
        .iter()
        .map(|(name, port)| (name.as_str(), *port))
        .collect()
}

#[test]
fn the_ports_of_native_rules_are_found() {
    let json = r#"{"nftables": [
        {"rule": {"family": "ip", "table": "nat", "chain": "pre", "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 8080}},
            {"dnat": {"addr": "172.17.0.2", "port": 80}}]}},
        {"rule": {"family": "inet", "table": "own", "chain": "pre", "expr": [
            {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "udp"}},
            {"match": {"op": "==", "left": {"payload": {"protocol": "th", "field": "dport"}},
                       "right": {"set": [7000, {"range": [7002, 7003]}]}}},
            {"redirect": {"port": 53}}]}},
        {"rule": {"family": "inet", "table": "stadion", "chain": "x", "expr": [{"dnat": {}}]}},
        {"rule": {"family": "ip", "table": "filter", "chain": "input", "expr": [{"drop": null}]}}]}"#;
    let found = nft(json, "inet stadion").unwrap();
    assert_eq!(
        ports(&found),
        [("tcp", 8080), ("udp", 7000), ("udp", 7002), ("udp", 7003)]
    );
    assert!(!found.unclear);
}

#[test]
fn a_rule_of_iptables_that_hides_its_action_is_seen() {
    let json = r#"{"nftables": [{"rule": {"family": "ip", "table": "nat", "chain": "DOCKER", "expr": [
        {"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 27015}},
        {"counter": {"packets": 0, "bytes": 0}}, {"xt": null}]}}]}"#;
    assert_eq!(ports(&nft(json, "").unwrap()), [("udp", 27015)]);
}

#[test]
fn a_rule_for_every_port_makes_it_unclear_but_not_one_for_another_address() {
    let any = r#"{"nftables": [{"rule": {"expr": [{"dnat": {"addr": "10.0.0.2"}}]}}]}"#;
    assert!(nft(any, "").unwrap().unclear);
    let other = r#"{"nftables": [{"rule": {"expr": [
        {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "10.96.0.1"}},
        {"dnat": {"addr": "10.0.0.2"}}]}}]}"#;
    assert_eq!(nft(other, "").unwrap(), Redirects::default());
    assert!(nft("[]", "").is_err());
}

#[test]
fn the_ports_of_iptables_are_found() {
    let found = iptables(
        "*nat\n:DOCKER - [0:0]\n\
         -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\n\
         -A CNI-DN-1 -p udp -m udp --dport 7000:7001 -j DNAT --to-destination 10.1.0.3:7000\n\
         -A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE\nCOMMIT\n",
    );
    assert_eq!(ports(&found), [("tcp", 8080), ("udp", 7000), ("udp", 7001)]);
    assert!(!found.unclear);
    assert!(iptables("-A PREROUTING -i eth0 -j DNAT --to-destination 10.0.0.2\n").unclear);
}

#[test]
fn what_a_rule_excludes_is_not_what_it_hands_on() {
    // As iptables 1.8.9 and nft 1.0.6 print them.
    for line in [
        "-A PREROUTING -p tcp -m tcp ! --dport 22 -j DNAT --to-destination 10.0.0.2",
        "-A PREROUTING ! -d 10.0.0.1/32 ! -p udp -j DNAT --to-destination 10.0.0.2",
        "-A PREROUTING -p tcp -m multiport ! --dports 22,80:90 -j REDIRECT",
        "-A PREROUTING -p tcp -m tcp --dport 90:80 -j REDIRECT",
    ] {
        let found = iptables(line);
        assert!(found.unclear && found.ports.is_empty(), "{line}: {found:?}");
    }
    let rule = |op: &str, right: &str| {
        let json = format!(
            r#"{{"nftables": [{{"rule": {{"expr": [{{"match": {{"op": "{op}", "left": {{"payload": {{"protocol": "tcp",
            "field": "dport"}}}}, "right": {right}}}}}, {{"dnat": {{}}}}]}}}}]}}"#
        );
        let found = nft(&json, "").unwrap();
        let ends = found.ports.first().zip(found.ports.last());
        (ends.map(|(first, last)| (first.1, last.1)), found.unclear)
    };
    assert_eq!(rule("!=", "22"), (None, true));
    assert_eq!(rule("==", r#"{"range": [9, 7]}"#), (None, true));
    assert_eq!(rule("==", r#"{"range": [7, 9]}"#), (Some((7, 9)), false));
    assert_eq!(rule("<=", "1024"), (Some((0, 1_024)), false));
    assert_eq!(rule("<", "1024"), (Some((0, 1_023)), false));
    assert_eq!(rule(">=", "1024"), (Some((1_024, 65_535)), false));
    assert_eq!(rule(">", "1024"), (Some((1_025, 65_535)), false));
    assert_eq!(rule(">", "65535"), (None, true));
}

#[test]
fn a_comment_is_no_rule() {
    let found = iptables(
        "-A PREROUTING -p tcp -m tcp --dport 80 -m comment --comment \"say \\\" -j ACCEPT \" -j DNAT --to-destination 10.0.0.2\n\
         -A INPUT -p tcp -m comment --comment \"was -p udp --dport 9 -j DNAT once\" -j ACCEPT\n\
         -A INPUT -p tcp -m comment --comment -j -j ACCEPT\n\
         -A INPUT -p tcp -m comment --comment \"no end -j DNAT",
    );
    assert_eq!(ports(&found), [("tcp", 80)]);
    assert!(!found.unclear);
}

#[test]
fn no_line_costs_more_than_the_ports_that_there_are() {
    let line = format!("-A X --dports {} -j DNAT\n", ["0:65535"; 10_000].join(","));
    let found = iptables(&line);
    assert!(found.unclear && found.ports.is_empty());
}

proptest! {
    #[test]
    fn no_text_breaks_the_readers(text in ".{0,200}", json in "[\\[\\]{}\":,a-z0-9 ]{0,80}") {
        prop_assert!(iptables(&text).ports.len() < 131_072);
        drop(nft(&json, ""));
    }
}

#[test]
fn who_may_publish_a_port_later_is_seen_by_its_chains_before_it_does() {
    let json = |kind: &str, name: &str| {
        format!(
            r#"{{"nftables": [{{"{kind}": {{"family": "ip", "table": "nat", "name": "{name}"}}}}]}}"#
        )
    };
    for (kind, name, who) in [
        ("chain", "DOCKER", Some("Docker")),
        ("table", "docker-bridges", Some("Docker")),
        ("chain", "KUBE-SERVICES", Some("Kubernetes")),
        ("table", "kube-proxy", Some("Kubernetes")),
        ("chain", "CNI-HOSTPORT-DNAT", Some("hostPort")),
        ("chain", "NETAVARK-HOSTPORT-DNAT", Some("Podman")),
        ("chain", "PREROUTING", None),
        ("chain", "dö", None),
    ] {
        let found = nft(&json(kind, name), "inet stadion").unwrap();
        assert_eq!(found.publisher, who, "{name}");
        assert!(found.ports.is_empty() && !found.unclear, "{name}");
    }
    // The older iptables is not in nftables at all.
    let found = iptables("*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\nCOMMIT\n");
    assert_eq!(found.publisher, Some("Docker"));
    assert_eq!(Redirects::default().and(found).publisher, Some("Docker"));
}
