//! Whatever parses bytes from outside, as functions that say whether the bytes were accepted and panic where a promise is
//! broken. `fuzz/targets/NAME.rs` hands
//! each to libFuzzer; `crates/server/tests/fuzz_corpus.rs` runs all of them on every change.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use stadion_arena::protocol::{ClientPacket, ServerPacket, fuzz_decode};
use stadion_core::id::{
    FleetName, GameModeName, MatchId, PlayerId, Region, ServerName, SessionId, TicketId,
};
use stadion_server::config::Settings;
use stadion_server::keys::ServerKeys;

/// Whether the bytes were accepted.
pub type Target = fn(&[u8]) -> bool;

/// Every target, by the name of its directory in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 16] = [
    ("arena_datagram", arena_datagram),
    ("create_ticket", stadion_gateway::fuzz::create_ticket),
    ("socket_message", stadion_gateway::fuzz::socket_message),
    ("join_token", stadion_gateway::fuzz::join_token),
    ("player_token", stadion_gateway::fuzz::player_token),
    ("server_credential", server_credential),
    ("configuration", configuration),
    ("ids", ids),
    ("network_kernel_text", stadion_network::fuzz::kernel_text),
    ("network_tool_output", stadion_network::fuzz::tool_output),
    ("network_sets", stadion_network::fuzz::set_messages),
    ("network_probe", stadion_network::fuzz::probe_datagram),
    ("network_redaction", stadion_network::fuzz::redaction),
    ("network_profile", stadion_network::fuzz::profile),
    ("network_journal", stadion_network::fuzz::journal),
    ("network_arguments", stadion_network::fuzz::arguments),
];

/// A datagram of the arena, from a player or from the server.
fn arena_datagram(data: &[u8]) -> bool {
    fuzz_decode(data);
    ClientPacket::decode(data).is_some() || ServerPacket::decode(data).is_some()
}

/// A game server's credential: only the very bytes that were issued count.
fn server_credential(data: &[u8]) -> bool {
    let keys = ServerKeys::new("the secret of the corpus, 32 bytes or more");
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let server = keys.verify(text);
    if let Some(server) = &server {
        assert_eq!(keys.issue(server), text, "one credential, one spelling");
    }
    server.is_some()
}

/// A configuration file: settings, or problems that can be shown.
fn configuration(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let settings = Settings::from_text(text, &BTreeMap::new());
    if let Err(problems) = &settings {
        assert!(!problems.is_empty(), "no settings, and no reason");
    }
    settings.is_ok()
}

/// Ids and names: what was understood is the same after it was written and read again.
fn ids(data: &[u8]) -> bool {
    fn round<T: FromStr + Display + PartialEq>(text: &str) -> bool {
        let id = text.parse::<T>().ok();
        if let Some(id) = &id {
            let again = id.to_string().parse::<T>().ok();
            assert!(
                again.as_ref() == Some(id),
                "{text:?} written and read again"
            );
        }
        id.is_some()
    }
    fn name<T: FromStr + Display>(text: &str) -> bool {
        let name = text.parse::<T>().ok();
        if let Some(name) = &name {
            assert_eq!(name.to_string(), text, "a name is kept as it is");
        }
        name.is_some()
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let accepted = [
        round::<TicketId>(text),
        round::<MatchId>(text),
        round::<SessionId>(text),
        name::<PlayerId>(text),
        name::<Region>(text),
        name::<GameModeName>(text),
        name::<FleetName>(text),
        name::<ServerName>(text),
    ];
    accepted.contains(&true)
}

/// Runs the target called `name`: whether it accepted the bytes.
///
/// # Panics
/// When there is none, or a promise is broken.
pub fn run(name: &str, data: &[u8]) -> bool {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.expect("a target of this list");
    target(data)
}
