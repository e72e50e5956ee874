//! Rule sets at work: what the matchmaker plans under a rule set is what the rule set allows.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::matchmaker::{Budget, Plan, Pool, Supply};

fn regions() -> Vec<Region> {
    ["eu", "us", "ap"]
        .map(|name| Region::new(name).unwrap())
        .into()
}

/// Plans among `parties` under `text`, and checks every match.
fn plan(text: &str, parties: &[(u64, Vec<Like>)]) -> Plan {
    let set = RuleSet::parse(text).unwrap();
    let mode = set.mode(GameModeName::new("mode").unwrap());
    assert_eq!(mode.check(), Ok(()));
    let mut players = Players::new();
    let mut pool = Pool::new(mode.clone(), regions());
    let mut tickets = BTreeMap::new();
    for (waited_s, likes) in parties {
        let size = likes.len().min(mode.party_players_max());
        let ticket = Arc::new(players.party(*waited_s, &likes[..size]));
        tickets.insert(ticket.id, Arc::clone(&ticket));
        pool.insert(ticket);
    }
    let supply = Supply {
        servers: regions().into_iter().map(|region| (region, 100)).collect(),
    };
    let plan = pool.plan(&supply, Budget { matches_max: 100 }, NOW);
    for planned in &plan.matches {
        let members: Vec<Vec<&Ticket>> = planned
            .teams
            .iter()
            .map(|team| team.iter().map(|id| tickets[id].as_ref()).collect())
            .collect();
        let judged = set.judge_teams(&members, Some(&planned.region), NOW);
        let words = judged.map_err(|broken| set.explain(broken));
        assert_eq!(words, Ok(()), "{}: {planned:?}", set.name());
    }
    plan
}

proptest! {
    #[test]
    fn i6_every_match_is_as_the_rule_set_wants_it(
        text in proptest::sample::select(examples::ALL.to_vec()),
        parties in proptest::collection::vec(invariants::party(), 0..40),
    ) {
        plan(text, &parties);
    }
}

/// Among many players, every example of the documentation makes matches. Two ask for other players: one wants a single
/// game mode where these have lists, and one wants twenty who agree on map, mode, league and skill.
#[test]
fn a_crowd_is_matched_under_every_example() {
    let mut runner = TestRunner::deterministic();
    let crowd = proptest::collection::vec(invariants::party(), 400..401);
    let crowd = crowd.new_tree(&mut runner).unwrap().current();
    let idle: Vec<&str> = examples::ALL
        .into_iter()
        .filter(|text| !text.contains(r#""gameMode", "type": "string""#))
        .filter(|text| !text.contains(r#""batchAttribute": "map""#))
        .filter(|text| plan(text, &crowd).matches.is_empty())
        .collect();
    assert_eq!(idle, [""; 0]);
}

/// Two against two, in a pool of four who play well in eu, and four who can play in us only.
fn region_of_first(batching: &str) -> Region {
    let text = format!(
        r#"{{"name": "regions", "ruleLanguageVersion": "1.0",
            "playerAttributes": [{{"name": "skill", "type": "number", "default": 0}}],
            "algorithm": {{"strategy": "balanced", "balancedAttribute": "skill"{batching}}},
            "teams": [{{"name": "team", "quantity": 2, "minPlayers": 2, "maxPlayers": 2}}],
            "rules": [{{"name": "near", "type": "latency", "maxLatency": 100}}]}}"#
    );
    let both = || Like::skilled(0.0).at("eu", 20).at("us", 60);
    let far = || Like::skilled(0.0).at("us", 60);
    let parties: Vec<_> = [both(), both(), both(), far(), far(), far(), far(), both()]
        .into_iter()
        .map(|like| (5, vec![like]))
        .collect();
    let found = plan(&text, &parties);
    assert_eq!(found.matches.len(), 2);
    let of_both = |planned: &&crate::matches::MatchPlan| {
        let first = TicketId::from_u128(1);
        planned.teams.iter().flatten().any(|id| *id == first)
    };
    found.matches.iter().find(of_both).unwrap().region.clone()
}

#[test]
fn the_batching_preference_says_which_region_is_tried_first() {
    let eu = Region::new("eu").unwrap();
    let us = Region::new("us").unwrap();
    assert_eq!(
        region_of_first(r#", "batchingPreference": "fastestRegion""#),
        eu
    );
    assert_eq!(
        region_of_first(r#", "batchingPreference": "largestPopulation""#),
        us
    );
    assert_eq!(region_of_first(""), us, "what balanced does by itself");
}

/// Whom a newcomer meets that could play with either of two who cannot play with each other.
fn met_by_the_newcomer(algorithm: &str) -> u128 {
    let text = format!(
        r#"{{"name": "sorted", "ruleLanguageVersion": "1.0",
            "playerAttributes": [{{"name": "map", "type": "string"}}, {{"name": "rank", "type": "number"}},
                {{"name": "side", "type": "string"}}],
            "algorithm": {{{algorithm}}},
            "teams": [{{"name": "team", "quantity": 2, "minPlayers": 1, "maxPlayers": 1}}],
            "rules": [{{"name": "sides", "type": "comparison", "operation": "!=",
                "measurements": ["flatten(teams[*].players.attributes[side])"]}}]}}"#
    );
    let like = |map: &str, rank: f64, side: &str| {
        let like = Like::skilled(0.0).text("map", map).number("rank", rank);
        (5, vec![like.text("side", side).at("eu", 20)])
    };
    let parties = [
        like("sea", 3.0, "light"),
        like("sea", 9.0, "light"),
        like("sky", 2.0, "light"),
        like("sea", 2.0, "dark"),
    ];
    let found = plan(&text, &parties);
    let newcomer = TicketId::from_u128(7);
    let mut members = found.matches[0].teams.iter().flatten();
    members.find(|id| **id != newcomer).unwrap().as_u128()
}

#[test]
fn sorted_tickets_meet_those_who_are_alike() {
    assert_eq!(met_by_the_newcomer(""), 5, "the last one before it");
    let by = |attributes: &str| {
        let algorithm = r#""batchingPreference": "sorted", "sortByAttributes": "#;
        met_by_the_newcomer(&format!("{algorithm}{attributes}"))
    };
    assert_eq!(
        by(r#"["map", "rank"]"#),
        1,
        "the same map, then the nearest rank"
    );
    assert_eq!(by(r#"["rank"]"#), 5, "the nearest rank");
}
