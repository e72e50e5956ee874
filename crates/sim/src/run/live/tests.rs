use std::cell::RefCell;
use std::rc::Rc;

use stadion_core::id::Region;
use stadion_core::mode::GameMode;
use stadion_core::rules::{AcceptanceRule, Backfill};

use crate::log::{Log, Logged, replay};
use crate::measures::BackfillFigures;
use crate::planner::{Planner, core};
use crate::run::run;
use crate::world::{ReadyCheck, World};

/// Matches of six with backfill, from which players drop out.
fn dropouts(backfill: Backfill, share: f64) -> World {
    let mut world = World {
        duration_ms: 10 * 60_000,
        ..World::reference(8.0, 6, 6)
    };
    for mode in &mut world.modes {
        mode.mode.rules.backfill = backfill;
        mode.mode.rules.sizes.clear();
    }
    world.servers.match_ms = (120_000, 240_000);
    world.dropouts.share = share;
    world.dropouts.closed_before_end_ms = 30_000;
    world
}

#[test]
fn seats_of_those_who_drop_out_are_filled_and_measured() {
    let off = run(&dropouts(Backfill::Off, 0.2), &core, 5).unwrap();
    assert_eq!(off.matches.backfill, BackfillFigures::default());
    let high = run(&dropouts(Backfill::High, 0.2), &core, 5).unwrap();
    let seats = &high.matches.backfill;
    assert!(seats.dropouts > 200 && seats.offered > 150, "{seats:?}");
    assert!(seats.offered < seats.dropouts, "none at the end of a match");
    assert!(seats.filled_percent > 50.0, "{seats:?}");
    assert_eq!(seats.filled, seats.wait_ms.count);
    assert_eq!(seats.filled, seats.free_ms.count);
    assert!(seats.spread.p50 > 0.0 && seats.spread.count <= seats.filled);
    // Everybody is somewhere.
    let all = &high.overall;
    assert_eq!(all.players, all.matched + all.left + all.waiting);
    assert_eq!(high.overall.unacceptable, 0, "I6");
    assert!(
        high.matches.matches < off.matches.matches,
        "fewer servers are opened"
    );
    let low = run(&dropouts(Backfill::Low, 0.2), &core, 5).unwrap();
    assert!(low.matches.backfill.filled > 0);
    assert!(low.matches.backfill.free_ms.p50 >= seats.free_ms.p50);
    let again = run(&dropouts(Backfill::High, 0.2), &core, 5).unwrap();
    assert_eq!(again, high, "the same seed makes the same run");
}

#[test]
fn without_dropouts_full_matches_offer_nothing() {
    let full = run(&dropouts(Backfill::High, 0.0), &core, 5).unwrap();
    assert_eq!(full.matches.backfill.offered, 0);
    assert!(full.matches.matches > 0);
}

#[test]
fn a_ready_check_sends_back_those_who_said_yes() {
    let mut world = dropouts(Backfill::Off, 0.0);
    for mode in &mut world.modes {
        mode.mode.rules.acceptance = Some(AcceptanceRule { timeout_ms: 8_000 });
    }
    world.ready_check = ReadyCheck {
        yes: 0.97,
        answer_ms: (1_000, 5_000),
    };
    let measures = run(&world, &core, 5).unwrap();
    let checks = &measures.matches.ready_checks;
    assert_eq!(measures.matches.matches + checks.failed, checks.checks);
    // 1 - 0.97^6 is 16.7 %.
    assert!((10.0..25.0).contains(&checks.failed_percent), "{checks:?}");
    assert!(measures.overall.left > 0, "whoever did not answer is out");
    world.ready_check.yes = 0.0;
    let nobody = run(&world, &core, 5).unwrap();
    assert_eq!(nobody.matches.matches, 0);
    world.ready_check.yes = 1.0;
    let all = run(&world, &core, 5).unwrap();
    assert_eq!(all.matches.ready_checks.failed, 0);
    assert!(all.overall.wait_ms.p50 > 1_000.0, "answers take their time");
}

#[test]
fn a_log_with_fills_is_replayed() {
    let log = Rc::new(RefCell::new(Log::new(Vec::new())));
    let logged = |mode: &GameMode, regions: &[Region]| -> Box<dyn Planner> {
        Box::new(Logged::new(core(mode, regions), mode, regions, log.clone()))
    };
    let measures = run(&dropouts(Backfill::Normal, 0.2), &logged, 5).unwrap();
    let text = log.borrow().get_ref().clone();
    let found = replay(text.as_slice(), &core).unwrap();
    assert_eq!(found.difference, None);
    assert!(found.fills > 0);
    assert!(found.fills <= measures.matches.backfill.filled);
    // A fill that was another is found.
    let text = String::from_utf8(text).unwrap();
    let at = text.find("\"fills\":[{").unwrap();
    let spread = at + text[at..].find("skill_spread\":").unwrap() + "skill_spread\":".len();
    let other = format!("{}9{}", &text[..spread], &text[spread..]);
    let found = replay(other.as_bytes(), &core).unwrap();
    assert_eq!(found.difference.unwrap().what, "fill 1");
}
