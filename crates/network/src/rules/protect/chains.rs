//! The chains of the defence.

use super::{FAMILIES, Family, Plan, forged_on};
use crate::facts::Facts;
use crate::profile::protect::{Protect, Rate};
use crate::rules::text::Text;

/// The chains of the defence.
pub(in crate::rules) fn chains(text: &mut Text, protect: &Protect, facts: &Facts, plan: &Plan) {
    text.chain(
        "guard",
        Some("type filter hook prerouting priority raw; policy accept;"),
    );
    text.rule("iifname \"lo\" accept");
    for Family { n, ip, .. } in FAMILIES {
        for set in ["blocked", "banned"] {
            text.rule(format_args!(
                "{ip} saddr @{set}{n} counter name \"drop_blocked\" drop"
            ));
        }
    }
    // Only what is for this host: containers and guests behind it talk with games elsewhere.
    for (set, chain) in [
        ("udp dport @game_udp", "game"),
        ("udp dport @query_udp", "query"),
        ("tcp dport @open_tcp", "stream"),
    ] {
        text.rule(format_args!("{set} fib daddr type local goto {chain}"));
    }
    forged(text, protect, facts);
    game(text, protect);
    for family in &FAMILIES {
        gate(text, protect, family);
    }
    queries(text, protect);
    text.chain("pass", None);
    if !plan.untracked.is_empty() {
        text.rule("udp dport @untracked_udp notrack");
    }
    text.rule("counter name \"pass_udp\" accept");
    streams(text, protect, plan);
    replies(text, protect, plan);
    text.end();
}

fn over(rate: Rate) -> String {
    format!(
        "limit rate over {}/second burst {} packets",
        rate.per_second, rate.burst
    )
}

fn forged(text: &mut Text, protect: &Protect, facts: &Facts) {
    text.chain("forged", None);
    for Family { n, v6, ip, .. } in FAMILIES {
        text.rule(format_args!(
            "{ip} saddr @forged{n} counter name \"drop_forged\" drop"
        ));
        let on = forged_on(protect, facts, v6);
        if !on.is_empty() {
            text.rule(format_args!(
                "iifname {{ {} }} {ip} saddr @private{n} counter name \"drop_forged\" drop",
                on.join(", ")
            ));
        }
    }
}

fn game(text: &mut Text, protect: &Protect) {
    text.chain("game", None);
    text.rule("jump forged");
    text.rule("udp sport @reflectors counter name \"drop_reflector\" drop");
    text.rule("udp length < 9 counter name \"drop_empty\" drop");
    // A2S_INFO, _PLAYER, _RULES, _SERVERQUERY_GETCHALLENGE and _PING of Valve's server queries; other packets that begin
    // with four times 0xff open a connection, and belong to play.
    text.rule("@th,64,40 { 0xffffffff54, 0xffffffff55, 0xffffffff56, 0xffffffff57, 0xffffffff69 } goto ask");
    let Rate { per_second, burst } = protect.trusted;
    for Family { n, ip, .. } in FAMILIES {
        text.rule(format_args!(
            "{ip} saddr @trusted{n} limit rate {per_second}/second burst {burst} packets goto pass"
        ));
    }
    text.rule("meta nfproto ipv4 goto gate4");
    text.rule("goto gate6");
}

/// Who may come in, and how much of it.
fn gate(text: &mut Text, protect: &Protect, family: &Family) {
    let Family { n, ip, source, .. } = family;
    text.chain(&format!("gate{n}"), None);
    text.rule(format_args!("{source} @known{n} goto player{n}"));
    text.rule(format_args!("{source} != @guest{n} jump newcomer{n}"));
    text.rule(format_args!("jump measure{n}"));
    text.rule(format_args!(
        "{} counter name \"drop_guest\" drop",
        over(protect.guests)
    ));
    text.rule("goto pass");
    text.chain(&format!("newcomer{n}"), None);
    text.rule(format_args!(
        "{} counter name \"drop_newcomer\" drop",
        over(protect.newcomers)
    ));
    text.rule(format_args!(
        "update @guest{n} {{ {source} }} counter name \"pass_guest\""
    ));
    text.chain(&format!("player{n}"), None);
    text.rule(format_args!("jump measure{n}"));
    text.rule("counter name \"pass_known\" goto pass");
    text.chain(&format!("measure{n}"), None);
    text.rule(format_args!(
        "update @flow{n} {{ {ip} saddr . udp sport {} }} counter name \"drop_flow\" drop",
        over(protect.flow)
    ));
    text.rule(format_args!(
        "update @source{n} {{ {source} {} }} counter name \"drop_source\" drop",
        over(protect.source)
    ));
}

fn queries(text: &mut Text, protect: &Protect) {
    text.chain("query", None);
    text.rule("jump forged");
    text.rule("udp sport @reflectors counter name \"drop_reflector\" drop");
    text.rule("goto ask");
    text.chain("ask", None);
    for Family { n, source, .. } in FAMILIES {
        let rate = over(protect.queries_per_source);
        text.rule(format_args!(
            "update @asker{n} {{ {source} {rate} }} counter name \"drop_query\" drop"
        ));
    }
    text.rule(format_args!(
        "{} counter name \"drop_query\" drop",
        over(protect.queries)
    ));
    text.rule("goto pass");
}

/// TCP: a source can be forged only until the handshake is done, so trust counts for the limits, not for the handshake.
fn streams(text: &mut Text, protect: &Protect, plan: &Plan) {
    text.chain("stream", None);
    text.rule("jump forged");
    text.rule("tcp flags & (fin | syn | rst | ack) != syn accept");
    if !plan.synproxy.is_empty() {
        text.rule("tcp dport @synproxy_tcp notrack");
    }
    for Family { n, ip, .. } in FAMILIES {
        text.rule(format_args!("{ip} saddr @trusted{n} accept"));
    }
    for Family { n, source, .. } in FAMILIES {
        let rate = over(protect.connects_per_source);
        text.rule(format_args!(
            "update @connect{n} {{ {source} {rate} }} counter name \"drop_connect\" drop"
        ));
    }
    if plan.synproxy.is_empty() {
        return;
    }
    text.chain(
        "handshake",
        Some("type filter hook input priority filter - 10; policy accept;"),
    );
    // 1460: what an Ethernet of 1500 carries over IPv4; the real one of the server follows in its own segments.
    text.rule("tcp dport @synproxy_tcp ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm");
    if plan.counts {
        for Family { n, ip, .. } in FAMILIES {
            text.rule(format_args!("{ip} saddr @trusted{n} accept"));
        }
        text.rule("iifname \"lo\" fib saddr type local accept");
        for Family { n, source, .. } in FAMILIES {
            let most = protect.connections_per_source;
            text.rule(format_args!(
                "tcp dport @synproxy_tcp ct state new add @connections{n} {{ {source} ct count over {most} }} counter name \"drop_connections\" drop"
            ));
        }
    }
}

/// What servers send makes sources known, and leaves connection tracking alone where what they get does.
fn replies(text: &mut Text, protect: &Protect, plan: &Plan) {
    if !plan.untracked.is_empty() {
        text.chain(
            "answers",
            Some("type filter hook output priority raw; policy accept;"),
        );
        text.rule("oifname != \"lo\" udp sport @untracked_udp notrack");
    }
    // Behind SNAT (100), where the port of a published server is the public one again.
    text.chain(
        "talk",
        Some("type filter hook postrouting priority 300; policy accept;"),
    );
    for Family { n, peer, .. } in FAMILIES {
        let rate = over(protect.replies);
        text.rule(format_args!(
            "oifname != \"lo\" udp sport @game_udp update @reply{n} {{ {peer} {rate} }} update @known{n} {{ {peer} }}"
        ));
    }
}
