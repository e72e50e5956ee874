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
        let teams: Vec<Team<'_>> = set
            .team_names()
            .zip(&members)
            .map(|(name, tickets)| Team { name, tickets })
            .collect();
        let judged = set.judge_in(&teams, Some(&planned.region), NOW);
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
