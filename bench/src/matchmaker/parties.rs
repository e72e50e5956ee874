//! W7, and what a static pool leaves behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use stadion_core::rules::RoleRule;
use stadion_core::ticket::{Attribute, Ticket};

use super::contest::Scene;
use super::crowd::{Crowd, RING, mode, regions, window};
use super::random::Random;
use crate::Failure;
use crate::figure::Figure;

const WAITING: usize = 100_000;
const STATIC: usize = 10_000;
const REPEATS: usize = 3;
const WAITED_MAX_MS: usize = 60_000;
/// The window of the guide's modes, relaxed to what section 7 of the comparison gives: 15 points a second, 600 at most.
const SKILL: stadion_core::mode::SkillWindow = window(200.0, 15.0, 600.0);
const AUTOFILL_AFTER_MS: u64 = 30_000;
/// Roles, their seats in a team of five, and the share of players who name them first (that of Open Match 2's sample).
const ROLES: [(&str, u32, f64); 3] = [("tank", 1, 20.0), ("healer", 1, 20.0), ("damage", 3, 60.0)];

/// Five against five: parties of 1 to 5, one tank, one healer and three others in each team, latency and skill.
pub(super) fn roles() -> Result<Vec<Figure>, Failure> {
    let mut mode = mode("five", 2, (10, 10), SKILL);
    let seats = ROLES.map(|(role, seats, _)| (role.to_owned(), seats));
    mode.rules.roles = Some(RoleRule {
        attribute: "roles".to_owned(),
        per_team: BTreeMap::from(seats),
        autofill_after_ms: AUTOFILL_AFTER_MS,
    });
    let regions = regions(RING);
    let mut crowd = Crowd::new(10, &mode, &regions);
    let tickets = (0..WAITING)
        .map(|_| {
            let waited_ms = crowd.random.below(WAITED_MAX_MS) as u64;
            let ticket = crowd.party_of_ring(waited_ms);
            with_roles(&mut crowd.random, &ticket)
        })
        .collect();
    let scene = Scene {
        modes: vec![mode],
        regions,
        tickets,
    };
    scene.figures("w7", REPEATS)
}

/// Every player names a first role, half of them a second, half of these the third.
fn with_roles(random: &mut Random, ticket: &Ticket) -> Arc<Ticket> {
    let mut ticket = ticket.clone();
    for player in &mut ticket.players {
        let mut rest = ROLES.to_vec();
        let mut named = Vec::new();
        while !rest.is_empty() && (named.is_empty() || random.unit() < 0.5) {
            let weights: Vec<f64> = rest.iter().map(|(_, _, share)| *share).collect();
            let (role, ..) = rest.remove(random.weighted(&weights));
            named.push(role.to_owned());
        }
        let attribute = ("roles".to_owned(), Attribute::List(named));
        player.attributes = BTreeMap::from([attribute]);
    }
    Arc::new(ticket)
}

/// Ten of ten on the ring, where everybody has waited until windows are as wide as they get.
pub(super) fn leftovers() -> Result<Vec<Figure>, Failure> {
    let mode = mode("ten", 2, (10, 10), SKILL);
    let regions = regions(RING);
    let mut crowd = Crowd::new(11, &mode, &regions);
    let waited_ms = WAITED_MAX_MS as u64;
    let tickets = (0..STATIC).map(|_| crowd.of_ring(waited_ms)).collect();
    let solos = Scene {
        modes: vec![mode.clone()],
        regions: regions.clone(),
        tickets,
    };
    let mut figures = solos.figures("static_solo", REPEATS)?;
    let mut crowd = Crowd::new(12, &mode, &regions);
    let tickets = (0..STATIC)
        .map(|_| crowd.party_of_ring(waited_ms))
        .collect();
    let parties = Scene {
        modes: vec![mode],
        regions,
        tickets,
    };
    figures.extend(parties.figures("static_parties", REPEATS)?);
    Ok(figures)
}
