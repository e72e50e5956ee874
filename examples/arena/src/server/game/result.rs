//! What is reported of a match.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Game;

impl Game {
    /// `outcome`, `winner` (`{"team": n}`, `{"player": id}`, or null for a draw or an unplayed match), `scores` by
    /// player, `team_scores`, `played_ms`, `absent` players and refused inputs.
    pub(super) fn result(&self, outcome: &str, played_ms: u64) -> Map<String, Value> {
        let mut scores: BTreeMap<&str, u16> = BTreeMap::new();
        let mut team_scores: BTreeMap<u32, u32> = BTreeMap::new();
        for (seat, player) in self.seats.iter().zip(self.world.players()) {
            scores.insert(&seat.player_id, player.score);
            *team_scores.entry(seat.team).or_default() += u32::from(player.score);
        }
        let winner = if played_ms == 0 {
            None
        } else if self.everyone_for_themselves {
            best(scores.iter().map(|(player, score)| (player, *score)))
                .map(|p| json!({"player": p}))
        } else {
            best(team_scores.iter().map(|(team, score)| (team, *score))).map(|t| json!({"team": t}))
        };
        let absent: Vec<&str> = self
            .lineup
            .iter()
            .map(|player| player.player_id.as_str())
            .filter(|player| !scores.contains_key(player))
            .collect();
        let violations: u32 = self.seats.iter().map(|seat| seat.violations).sum();
        let result = json!({
            "outcome": outcome,
            "winner": winner,
            "scores": scores,
            "team_scores": team_scores,
            "played_ms": played_ms,
            "absent": absent,
            "violations": violations,
        });
        match result {
            Value::Object(result) => result,
            _ => Map::new(),
        }
    }
}

/// Who has strictly more than everybody else.
fn best<K, S: Ord + Copy>(scores: impl Iterator<Item = (K, S)>) -> Option<K> {
    let mut best: Option<(K, S)> = None;
    let mut shared = false;
    for (who, score) in scores {
        match &best {
            Some((_, most)) if score < *most => {}
            Some((_, most)) if score == *most => shared = true,
            _ => {
                best = Some((who, score));
                shared = false;
            }
        }
    }
    best.filter(|_| !shared).map(|(who, _)| who)
}
