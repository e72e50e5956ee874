//! The chains of the defence.

use super::{ALARM, BUCKET_S, FAMILIES, Family, Plan, forged_on};
use crate::facts::Facts;
use crate::profile::Profile;
use crate::profile::protect::{Protect, Rate};
use crate::rules::text::Text;

/// The chains of the defence. What most packets of a flood meet comes first and costs least: a family's own rules alone, no
/// set that grows, and only two searches in intervals.
pub(in crate::rules) fn chains(text: &mut Text, profile: &Profile, facts: &Facts, plan: &Plan) {
    let protect = &profile.ddos_protect;
    let trusts = !profile.firewall.trusted.is_empty();
    text.chain(
        "guard",
        Some("type filter hook prerouting priority raw; policy accept;"),
    );
    text.rule("iif \"lo\" accept");
    text.rule("meta nfproto ipv6 goto guard6");
    text.rule("goto guard4");
    for family in &FAMILIES {
        guard(text, protect, family);
        forged(text, protect, facts, family);
        game(text, protect, family, trusts);
        gate(text, protect, family, trusts);
        queries(text, protect, family);
    }
    text.chain("pass", None);
    if !plan.untracked.is_empty() {
        text.rule("udp dport @untracked_udp notrack");
    }
    text.rule("counter name \"pass_udp\" accept");
    for family in &FAMILIES {
        streams(text, protect, plan, family);
    }
    handshakes(text, protect, plan);
    replies(text, protect, plan);
    text.end();
}

fn over(rate: Rate) -> String {
    format!(
        "limit rate over {}/second burst {} packets",
        rate.per_second, rate.burst
    )
}

/// Whose packets of one family go where.
fn guard(text: &mut Text, protect: &Protect, Family { n, ip, .. }: &Family) {
    text.chain(&format!("guard{n}"), None);
    let blocks = (!protect.blocked.is_empty()).then_some("blocked");
    for set in ["banned"].into_iter().chain(blocks) {
        text.rule(format_args!(
            "{ip} saddr @{set}{n} counter name \"drop_blocked\" drop"
        ));
    }
    // Only what is for this host: containers and guests behind it talk with games elsewhere.
    for (set, chain) in [
        ("udp dport @game_udp", "game"),
        ("udp dport @query_udp", "query"),
        ("tcp dport @open_tcp", "stream"),
    ] {
        text.rule(format_args!("{set} fib daddr type local goto {chain}{n}"));
    }
}

fn forged(text: &mut Text, protect: &Protect, facts: &Facts, family: &Family) {
    let Family { n, v6, ip, .. } = family;
    text.chain(&format!("forged{n}"), None);
    text.rule(format_args!(
        "{ip} saddr @forged{n} counter name \"drop_forged\" drop"
    ));
    let on = forged_on(protect, facts, *v6);
    if !on.is_empty() {
        text.rule(format_args!(
            "{ip} saddr @private{n} iifname {{ {} }} counter name \"drop_forged\" drop",
            on.join(", ")
        ));
    }
}

/// The way of a datagram to a game. Most of a flood of forged sources ends at the bucket of newcomers, so that whatever needs
/// to be asked only of those whom it lets in comes after it, and nothing before it remembers a source.
fn game(text: &mut Text, protect: &Protect, family: &Family, trusts: bool) {
    let Family { n, source, .. } = family;
    text.chain(&format!("game{n}"), None);
    // Before the bucket: reflected floods and questions take no newcomer's share.
    text.rule("udp sport @reflectors counter name \"drop_reflector\" drop");
    text.rule(format_args!("@th,64,32 0xffffffff jump asked{n}"));
    text.rule(format_args!("{source} @known{n} goto player{n}"));
    if trusts {
        trusted(text, protect, family);
    }
    text.rule(format_args!("{source} @guest{n} goto guest{n}"));
    text.rule(format_args!("{} goto crowd{n}", over(protect.newcomers)));
    text.rule(format_args!("jump forged{n}"));
    text.rule(format_args!(
        "update @guest{n} {{ {source} }} counter name \"pass_guest\""
    ));
    text.rule(format_args!("goto guest{n}"));
    text.chain(&format!("crowd{n}"), None);
    alarm(text);
    text.rule("counter name \"drop_newcomer\" drop");
    text.chain(&format!("asked{n}"), None);
    // A2S_INFO, _PLAYER, _RULES, _SERVERQUERY_GETCHALLENGE and _PING of Valve's server queries; other packets that begin
    // with four times 0xff open a connection, and belong to play.
    text.rule(format_args!(
        "@th,96,8 {{ 0x54, 0x55, 0x56, 0x57, 0x69 }} goto ask{n}"
    ));
}

/// Once a second is enough: it lasts longer.
fn alarm(text: &mut Text) {
    text.rule(format_args!(
        "limit rate 1/second burst 1 packets update @{ALARM} {{ meta nfproto }}"
    ));
}

fn trusted(text: &mut Text, protect: &Protect, Family { n, ip, .. }: &Family) {
    let Rate { per_second, burst } = protect.trusted;
    text.rule(format_args!(
        "{ip} saddr @trusted{n} limit rate {per_second}/second burst {burst} packets goto pass"
    ));
}

/// How much of whom is let in. Guests are measured before they take from the common share, so that one of them does not
/// take it all; how many are remembered for that, the gate limits.
fn gate(text: &mut Text, protect: &Protect, family: &Family, trusts: bool) {
    let Family { n, ip, source, .. } = family;
    text.chain(&format!("guest{n}"), None);
    text.rule(format_args!("jump measure{n}"));
    text.rule(format_args!(
        "update @prompt{n} {{ {source} {} }} meta nfproto @{ALARM} counter name \"drop_guest\" drop",
        over(protect.guest)
    ));
    text.rule(format_args!("{} goto crush{n}", over(protect.guests)));
    text.rule("goto pass");
    text.chain(&format!("crush{n}"), None);
    alarm(text);
    text.rule("counter name \"drop_guest\" drop");
    text.chain(&format!("player{n}"), None);
    if trusts {
        trusted(text, protect, family);
    }
    text.rule(format_args!("jump measure{n}"));
    text.rule("counter name \"pass_known\" goto pass");
    text.chain(&format!("measure{n}"), None);
    text.rule("udp length < 9 counter name \"drop_empty\" drop");
    text.rule(format_args!(
        "update @flow{n} {{ {ip} saddr . udp sport {} }} counter name \"drop_flow\" drop",
        over(protect.flow)
    ));
    text.rule(format_args!(
        "update @source{n} {{ {source} {} }} counter name \"drop_source\" drop",
        over(protect.source)
    ));
}

/// Who has not asked lately meets the common bucket before he is remembered; who has is measured before he takes from it.
fn queries(text: &mut Text, protect: &Protect, Family { n, source, .. }: &Family) {
    text.chain(&format!("query{n}"), None);
    text.rule("udp sport @reflectors counter name \"drop_reflector\" drop");
    text.rule(format_args!("goto ask{n}"));
    text.chain(&format!("ask{n}"), None);
    let common = over(protect.queries);
    text.rule(format_args!(
        "{source} != @asker{n} {common} counter name \"drop_query\" drop"
    ));
    text.rule(format_args!("jump forged{n}"));
    text.rule(format_args!(
        "update @asker{n} {{ {source} {} }} counter name \"drop_query\" drop",
        over(protect.queries_per_source)
    ));
    text.rule(format_args!("{common} counter name \"drop_query\" drop"));
    text.rule("goto pass");
}

/// TCP: a source can be forged only until the handshake is done, so trust counts for the limits, not for the handshake.
fn streams(text: &mut Text, protect: &Protect, plan: &Plan, family: &Family) {
    let Family { n, ip, source, .. } = family;
    text.chain(&format!("stream{n}"), None);
    text.rule("tcp flags & (fin | syn | rst | ack) != syn accept");
    text.rule(format_args!("jump forged{n}"));
    if !plan.synproxy.is_empty() {
        text.rule("tcp dport @synproxy_tcp notrack");
    }
    text.rule(format_args!("{ip} saddr @trusted{n} accept"));
    // Beyond this, who connects first is not remembered: forged sources would fill the set. Who goes on, soon is.
    let remembered = protect.set_size / BUCKET_S / 2;
    text.rule(format_args!(
        "{source} != @connect{n} limit rate over {remembered}/second burst {remembered} packets accept"
    ));
    text.rule(format_args!(
        "update @connect{n} {{ {source} {} }} counter name \"drop_connect\" drop",
        over(protect.connects_per_source)
    ));
}

/// Handshakes of TCP that the kernel answers in the server's place, and how many connections one source may have.
fn handshakes(text: &mut Text, protect: &Protect, plan: &Plan) {
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
    text.rule("oifname != \"lo\" udp sport @game_udp goto said");
    text.chain("said", None);
    // Answers to questions (A2S) do not count.
    text.rule("@th,64,32 0xffffffff return");
    for Family { n, peer, .. } in FAMILIES {
        text.rule(format_args!(
            "update @reply{n} {{ {peer} {} }} goto introduce{n}",
            over(protect.replies)
        ));
    }
    for Family { n, peer, .. } in FAMILIES {
        text.chain(&format!("introduce{n}"), None);
        // Under alarm nobody comes here whom the server merely answers.
        text.rule(format_args!(
            "{peer} != @known{n} meta nfproto != @{ALARM} {} goto stranger{n}",
            over(protect.introductions)
        ));
        text.rule(format_args!("update @known{n} {{ {peer} }}"));
        text.chain(&format!("stranger{n}"), None);
        alarm(text);
    }
}
