use super::*;

fn print(m: &Measures) {
    let o = &m.overall;
    eprintln!(
        "{} wait {:?}\n all {:?}\n spread {:?}\n win {:?}\n lat {:?}\n unacc {} {:?}",
        m.world,
        o.wait_ms,
        o.wait_all_ms,
        o.spread,
        o.win_chance,
        o.latency_ms,
        o.unacceptable,
        m.matches
    );
}

#[test]
fn try_it() {
    for rate in [5.0, 20.0] {
        let world = World::reference(rate, 10, 10);
        let started = std::time::Instant::now();
        let m = run(&world, &crate::planner::core, 1).unwrap();
        print(&m);
        eprintln!("{:?}", started.elapsed());
    }
    let m = run(&crate::Preset::Guide.world(), &crate::planner::core, 1).unwrap();
    print(&m);
}
