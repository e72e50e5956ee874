use super::*;
use crate::report::{Report, Run};

#[test]
fn try_it() {
    let world = crate::Preset::Guide.world();
    let a = run(&world, &crate::planner::core, 1).unwrap();
    let mut other = world.clone();
    for share in &mut other.modes {
        share.mode.skill.initial = 100.0;
        share.mode.settle_after_ms = 30_000;
    }
    let b = run(&other, &crate::planner::core, 1).unwrap();
    let report = Report {
        runs: vec![
            Run::new("built-in rules".into(), &world, a),
            Run::new("strict.yaml".into(), &other, b),
        ],
        world,
    };
    std::fs::write("/tmp/page.html", crate::page::html(&report)).unwrap();
}
