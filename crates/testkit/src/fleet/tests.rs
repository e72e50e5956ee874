//! The fake keeps the promises that its users' tests rest on.

use stadion_core::fleet::{AllocationRequest, Fleet, FleetError};
use stadion_core::ticket::Requirements;
use stadion_core::time::Timestamp;

use super::{FakeFleet, Fault};
use crate::build;

fn request() -> AllocationRequest {
    AllocationRequest {
        match_id: build::match_id(Timestamp(1)),
        region: build::region(build::REGION),
        game_mode: build::mode_name(build::MODE),
        players: 2,
        requirements: Requirements::default(),
    }
}

#[tokio::test]
async fn i3_a_lost_answer_allocates_once() {
    let fleet = FakeFleet::new(vec![build::fleet_spec("arena")]);
    let (first, second) = (request(), request());
    fleet.set_fault(Fault::LostAnswer);
    let lost = fleet.allocate(&first).await;
    assert!(matches!(lost, Err(FleetError::Unavailable(_))), "{lost:?}");
    fleet.set_fault(Fault::None);
    let found = fleet.allocate(&first).await.expect("it was allocated");
    assert_eq!(fleet.allocate(&first).await, Ok(found));
    assert_eq!(fleet.allocations(), 1);
    let none = fleet.allocate(&second).await;
    assert!(
        matches!(none, Err(FleetError::NoCapacity { .. })),
        "{none:?}"
    );
    fleet.release(first.match_id).await.expect("released");
    fleet.release(first.match_id).await.expect("again");
    assert!(fleet.server_of(first.match_id).is_none());
    fleet.allocate(&second).await.expect("a replacement");
}

#[tokio::test]
async fn i8_scaling_keeps_bounds_and_allocated_servers() {
    let spec = build::fleet_spec("arena");
    let fleet = FakeFleet::new(vec![spec.clone()]);
    assert!(fleet.scale(&spec.name, 11).await.is_err());
    fleet.scale(&spec.name, 3).await.expect("within bounds");
    let requests = [request(), request()];
    for request in &requests {
        fleet.allocate(request).await.expect("there are three");
    }
    fleet.scale(&spec.name, 1).await.expect("within bounds");
    assert_eq!(fleet.servers().await.expect("up").len(), 2);
    for request in &requests {
        assert!(fleet.server_of(request.match_id).is_some());
    }
}
