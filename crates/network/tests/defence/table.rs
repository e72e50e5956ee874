//! The table as a whole: replaced without forgetting, and read back as it was written.

use std::net::SocketAddr;

use stadion_netlab::{Acceptor, Echo, PlaySpec, Wire, connects, play};
use stadion_network::rules::{self, Parts, kept};

use crate::scene::{BOTH, BUFFER, GAME, PATIENCE, STREAM, able, apply, elements, facts, profile};

#[test]
fn replacing_the_table_forgets_no_player_and_touches_no_other_table() {
    let Some(_scene) = able() else { return };
    let wire = Wire::new().unwrap();
    let _echo = Echo::start(&wire.server, GAME, BUFFER).unwrap();
    let space = &wire.server.space;
    space
        .nft("table ip docker { chain x { counter drop\n }\n }")
        .unwrap();
    apply(space, &profile(&[]), &facts(&wire.server), BOTH);
    for v6 in [false, true] {
        let server = SocketAddr::new(wire.server.address(v6), GAME);
        assert_eq!(
            play(&wire.internet, PlaySpec::ticks_128(server, 1))
                .unwrap()
                .lost,
            0
        );
    }
    space
        .tool(
            "nft",
            "add element inet stadion banned4 { 26.9.0.0/16 timeout 1h }",
        )
        .unwrap();
    let mut again = String::new();
    for set in kept::SETS {
        again += &kept::again(
            set,
            &space
                .tool("nft", &format!("-j list set inet stadion {set}"))
                .unwrap(),
        )
        .unwrap();
    }
    let mut other = profile(&[]);
    other.ddos_protect.blocked = vec!["26.9.0.0/16".parse().unwrap()];
    other.firewall.echo_per_second = 7;
    let made = rules::rules(&other, &facts(&wire.server), BOTH).unwrap();
    space
        .nft(&(rules::replace(made.wishes[0].want.as_deref().unwrap()) + &again))
        .unwrap();
    for (set, count) in [("known4", 1), ("known6", 1), ("banned4", 1), ("guest4", 0)] {
        assert_eq!(elements(space, set), count, "{set}");
    }
    let all = space.tool("nft", "list tables").unwrap();
    assert_eq!(all.lines().count(), 2, "{all}");
    // A text that fails changes nothing.
    let before = space.tool("nft", "-s list ruleset").unwrap();
    let broken = rules::replace(made.wishes[0].want.as_deref().unwrap())
        + "add rule inet stadion nowhere drop\n";
    assert!(space.nft(&broken).is_err());
    assert_eq!(space.tool("nft", "-s list ruleset").unwrap(), before);
}

#[test]
fn what_nft_lists_loads_again_as_the_same() {
    let Some(_scene) = able() else { return };
    let wire = Wire::new().unwrap();
    let space = &wire.server.space;
    apply(
        space,
        &profile(&[wire.internet.v4.into()]),
        &facts(&wire.server),
        BOTH,
    );
    let listed = space.tool("nft", "-s list table inet stadion").unwrap();
    space.nft(&rules::replace(&listed)).unwrap();
    assert_eq!(
        space.tool("nft", "-s list table inet stadion").unwrap(),
        listed
    );
    assert_eq!(Parts::of_table(&listed), BOTH);
    assert!(rules::digest(&listed).is_some());
}

#[test]
fn a_table_that_has_learned_can_be_put_back_from_its_listing() {
    let Some(_scene) = able() else { return };
    let wire = Wire::new().unwrap();
    let _echo = Echo::start(&wire.server, GAME, BUFFER).unwrap();
    let _acceptor = Acceptor::start(&wire.server, STREAM).unwrap();
    let space = &wire.server.space;
    apply(space, &profile(&[]), &facts(&wire.server), BOTH);
    for v6 in [false, true] {
        let server = SocketAddr::new(wire.server.address(v6), GAME);
        assert_eq!(
            play(&wire.internet, PlaySpec::ticks_128(server, 1))
                .unwrap()
                .lost,
            0
        );
        let server = SocketAddr::new(wire.server.address(v6), STREAM);
        let tried = connects(&wire.internet, server, 3, PATIENCE).unwrap();
        assert_eq!(tried.succeeded(), 3);
    }
    let listed = space.tool("nft", "-s list table inet stadion").unwrap();
    for set in ["known4", "known6", "flow4", "flow6", "source4", "connect6"] {
        assert!(elements(space, set) > 0, "{set}");
    }
    space.nft(&rules::replace(&listed)).unwrap();
    for set in ["known4", "known6"] {
        assert_eq!(elements(space, set), 1, "{set}");
    }
}
