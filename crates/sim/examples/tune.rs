use stadion_core::rules::*;
use stadion_core::mode::SkillWindow;
use stadion_sim::{World, run, planner::core};
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    for spec in args {
        // initial,growth,max,seed;after:spread,...;after:min,...
        let parts: Vec<&str> = spec.split(';').collect();
        let n: Vec<f64> = parts[0].split(',').map(|x| x.parse().unwrap()).collect();
        for rate in [5.0, 20.0, 100.0] {
            let mut w = World::reference(rate, 10, 10);
            for m in &mut w.modes {
                m.mode.skill = SkillWindow { initial: n[0], growth_per_second: n[1], max: n[2] };
                let mut rules = Rules::default();
                if let Some(s) = parts.get(1) { for x in s.split(',').filter(|x| !x.is_empty()) { let (a,b)=x.split_once(':').unwrap(); rules.skill_steps.push(SkillStep{after_ms: (a.parse::<f64>().unwrap()*1000.0) as u64, spread_max: b.parse().unwrap()}); } }
                if let Some(s) = parts.get(2) { for x in s.split(',').filter(|x| !x.is_empty()) { let (a,b)=x.split_once(':').unwrap(); rules.sizes.push(SizeStep{after_ms: (a.parse::<f64>().unwrap()*1000.0) as u64, players_min: b.parse().unwrap()}); } }
                m.mode.rules = rules;
            }
            let s = run(&w, &core, 1).unwrap();
            let o = &s.overall;
            println!("{spec} @{rate}: spread {:.0}/{:.0} wait {:.1}/{:.1}/{:.1} max {:.0} all99 {:.1} left {} late-oldest {:.0} size {:.2} lat {:.0} win {:.3}",
              o.spread.p50, o.spread.p95, o.wait_ms.p50/1e3, o.wait_ms.p95/1e3, o.wait_ms.p99/1e3, o.wait_ms.max/1e3, o.wait_all_ms.p99/1e3, o.waiting, s.matches.oldest_waiting_ms as f64/1e3, s.matches.players_mean, o.latency_ms.mean, o.win_chance.map_or(0.0,|w|w.p50));
        }
    }
}
