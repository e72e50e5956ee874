//! What holds for every rule set and every match.

use proptest::prelude::*;

use super::*;

/// A player with whatever the examples look at.
fn like() -> impl Strategy<Value = Like> {
    let word =
        |words: &'static [&'static str]| proptest::sample::subsequence(words, 0..=words.len());
    let latencies = proptest::collection::vec(proptest::option::weighted(0.9, 20_u32..220), 3);
    (
        0_u32..60,
        word(&["coop", "deathmatch", "medic", "mage"]),
        word(&["dust", "moon"]),
        latencies,
        proptest::bool::weighted(0.3),
    )
        .prop_map(|(skill, texts, maps, latencies, bare)| {
            let mut like = Like::skilled(f64::from(skill));
            if !bare {
                like = like
                    .number("league", f64::from(skill % 4))
                    .number("character", f64::from(skill))
                    .number("wantsToBeMonster", f64::from(skill % 2))
                    .text("map", maps.first().unwrap_or(&"sea"))
                    .text("mode", texts.first().unwrap_or(&"duel"))
                    .list("gameMode", &texts)
                    .list("myCharacter", &texts)
                    .list("preferredOpponents", &texts)
                    .list("acceptableMaps", &maps);
            }
            for (region, latency_ms) in ["eu", "us", "ap"].iter().zip(latencies) {
                if let Some(latency_ms) = latency_ms {
                    like = like.at(region, latency_ms);
                }
            }
            like
        })
}

pub(super) fn party() -> impl Strategy<Value = (u64, Vec<Like>)> {
    (0_u64..40, proptest::collection::vec(like(), 1..4))
}

/// Small teams of parties.
fn line_up() -> impl Strategy<Value = Vec<Vec<Ticket>>> {
    let teams = proptest::collection::vec(proptest::collection::vec(party(), 0..4), 1..4);
    teams.prop_map(|teams| {
        let mut players = Players::new();
        let mut seated = |team: Vec<(u64, Vec<Like>)>| -> Vec<Ticket> {
            team.iter()
                .map(|(waited_s, likes)| players.party(*waited_s, likes))
                .collect()
        };
        teams.into_iter().map(&mut seated).collect()
    })
}

/// The examples with teams of any size, so that small matches reach the rules.
fn any_size() -> impl Strategy<Value = RuleSet> {
    proptest::sample::select(examples::ALL.as_slice()).prop_map(|text| {
        let mut set = parse(text);
        for team in &mut set.names.teams {
            team.min = Stepped::new(0);
            team.max = Stepped::new(12);
        }
        set
    })
}

fn judged(set: &RuleSet, teams: &[Vec<Ticket>]) -> Result<(), Broken> {
    let tickets: Vec<Vec<&Ticket>> = teams.iter().map(|team| team.iter().collect()).collect();
    set.judge_teams(&tickets, None, NOW)
}

proptest! {
    #[test]
    fn the_order_of_tickets_does_not_matter(set in any_size(), teams in line_up(), turn in 0_usize..4) {
        let verdict = judged(&set, &teams);
        let mut turned = teams;
        for team in &mut turned {
            let by = turn.min(team.len());
            team.rotate_left(by);
            team.reverse();
            for ticket in team.iter_mut() {
                ticket.players.reverse();
            }
        }
        prop_assert_eq!(verdict, judged(&set, &turned));
    }

    #[test]
    fn i6_what_could_not_join_is_refused(set in any_size(), teams in line_up()) {
        let counted = &teams[..teams.len().min(set.team_names().count())];
        let all: Vec<&Ticket> = counted.iter().flatten().collect();
        for (place, candidate) in all.iter().enumerate() {
            if !set.could_join(&all[..place], candidate, NOW) {
                prop_assert!(judged(&set, counted).is_err());
            }
        }
    }

    #[test]
    fn i6_the_game_mode_is_wider_than_the_rule_set(set in any_size(), teams in line_up()) {
        if judged(&set, &teams).is_err() {
            return Ok(());
        }
        let mode = set.mode(GameModeName::new("mode").unwrap());
        let counted = &teams[..teams.len().min(set.team_names().count())];
        let all: Vec<&Ticket> = counted.iter().flatten().collect();
        let newest = all.iter().map(|ticket| ticket.waited_ms(NOW)).min().unwrap_or(0);
        let means = all.iter().map(|ticket| ticket.skill());
        let spread = means.clone().fold(f64::MIN, f64::max) - means.fold(f64::MAX, f64::min);
        let steps = mode.rules.skill_steps.iter().filter(|step| step.after_ms <= newest);
        let window = steps.map(|step| step.spread_max).fold(mode.skill.initial, f64::max);
        prop_assert!(spread <= window + 1e-6, "{} > {}", spread, window);
        for name in &mode.rules.same {
            let values = all.iter().flat_map(|t| &t.players).map(|p| p.attributes.get(name));
            let values: Vec<_> = values.collect();
            prop_assert!(values.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }

    #[test]
    fn reading_never_panics(
        place in 0_usize..examples::ALL.len(),
        cuts in proptest::collection::vec((any::<proptest::sample::Index>(), 0_usize..9, "[\\[\\](){},.*\":a-z0-9\\\\é-]{0,5}"), 0..5),
    ) {
        let mut text: Vec<char> = examples::ALL[place].chars().collect();
        for (at, gone, put) in cuts {
            let at = at.index(text.len());
            let end = (at + gone).min(text.len());
            text.splice(at..end, put.chars());
        }
        let text: String = text.into_iter().collect();
        match RuleSet::parse(&text) {
            Ok(set) => {
                let mode = set.mode(GameModeName::new("mode").unwrap());
                prop_assert_eq!(mode.check(), Ok(()));
                prop_assert!(!set.describe().is_empty());
            }
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
