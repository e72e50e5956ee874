//! Fills in trouble.

use std::collections::BTreeMap;

use stadion_core::matches::{Fill, Quality};
use stadion_core::state::State;
use stadion_testkit::build::mode_name;
use stadion_testkit::random::Random;

use crate::Scene;

/// Game servers of live matches offer seats, and directors fill some of them or die while they do.
pub(crate) async fn fill_some(scene: &Scene, random: &mut Random) {
    for open in scene.state.open_matches().await.unwrap() {
        let Some(placed) = open.allocation.as_ref().filter(|_| random.once_in(2)) else {
            continue;
        };
        let (now, seats) = (scene.clock.now(), [u32::from(random.once_in(2)), 1]);
        let offered = scene
            .state
            .open_seats(open.id, &placed.server, &seats, &[9, 9], now);
        drop(offered.await);
        let searching = scene.state.searching(&mode_name("duel")).await.unwrap();
        let Some(ticket) = searching.first().cloned() else {
            continue;
        };
        let fill = Fill {
            match_id: open.id,
            tickets: vec![(ticket.id, u32::from(random.once_in(2)))],
            players: 1,
            quality: Quality::default(),
            roles: BTreeMap::new(),
        };
        let (director, fence) = (scene.director.clone(), scene.fence);
        let mut filling = tokio::spawn(async move { director.fill(fence, &fill, &[ticket]).await });
        if random.once_in(3) {
            for _ in 0..random.below(8) {
                tokio::task::yield_now().await;
            }
            filling.abort();
        }
        drop((&mut filling).await);
    }
}
