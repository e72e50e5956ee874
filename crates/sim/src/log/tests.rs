use super::*;
use crate::planner::core;
use crate::world::Preset;
use crate::{World, run};

/// A log of a short run, and its measures.
fn logged(world: &World) -> String {
    let log = Rc::new(RefCell::new(Log::new(Vec::new())));
    let make = |mode: &GameMode, regions: &[Region]| -> Box<dyn Planner> {
        Box::new(Logged::new(core(mode, regions), mode, regions, log.clone()))
    };
    let measures = run(world, &make, 5).unwrap();
    assert_eq!(
        measures,
        run(world, &core, 5).unwrap(),
        "the log changes nothing"
    );
    log.borrow_mut().finish().unwrap();
    let bytes = log.borrow().out.clone();
    String::from_utf8(bytes).unwrap()
}

fn world() -> World {
    let mut world = Preset::Launch.world();
    world.duration_ms = 40_000;
    world.warm_up_ms = 0;
    world.arrivals.rate_per_second = 15.0;
    world.arrivals.spikes.clear();
    world.servers.per_region = Some(12);
    world
}

#[test]
fn a_log_replays_to_the_same_plans() {
    let text = logged(&world());
    let found = replay(text.as_bytes(), &core).unwrap();
    assert_eq!(found.difference, None);
    assert!(found.plans > 50 && found.matches > 10, "{found:?}");
    let lines = text.lines().filter(|line| line.starts_with("{\"plan\""));
    assert_eq!(found.plans, lines.count() as u64);
}

#[test]
fn a_tampered_log_differs_where_it_was_tampered_with() {
    let text = logged(&world());
    let with_match = |line: &&str| line.starts_with("{\"plan\"") && line.contains("\"teams\"");
    let (number, line) = (1..)
        .zip(text.lines())
        .filter(|(_, line)| with_match(line))
        .nth(3)
        .unwrap();
    // Another region for its first match.
    let at =
        line.find("\"matches\":[{\"region\":\"").unwrap() + "\"matches\":[{\"region\":\"".len();
    let tampered = format!("{}x{}", &line[..at], &line[at..]);
    let found = replay(text.replace(line, &tampered).as_bytes(), &core).unwrap();
    let difference = found.difference.unwrap();
    assert_eq!(
        (difference.line, difference.what.as_str()),
        (number, "match 1")
    );
    assert_ne!(difference.logged, difference.replayed);
}

#[test]
fn a_changed_ticket_changes_a_plan() {
    let text = logged(&world());
    // Whoever is in the first match gets another skill.
    let planned = text
        .lines()
        .find(|line| line.contains("\"teams\":[[\""))
        .unwrap();
    let at = planned.find("tkt_").unwrap();
    let id = &planned[at..at + 30];
    let insert = text
        .lines()
        .find(|line| line.starts_with("{\"insert\"") && line.contains(id))
        .unwrap();
    let skill = insert.find("\"skill\":").unwrap() + "\"skill\":".len();
    let changed = format!("{}9{}", &insert[..skill], &insert[skill..]);
    let found = replay(text.replace(insert, &changed).as_bytes(), &core).unwrap();
    assert!(found.difference.is_some());
}

#[test]
fn what_is_no_log_is_an_error_with_its_line() {
    let refused = |text: &str| replay(text.as_bytes(), &core).unwrap_err().to_string();
    assert!(refused("\n{\"shout\": 1}\n").starts_with("line 2: no entry of a decision log"));
    let text = logged(&world());
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    assert!(refused(&newer).starts_with("line 1: version 2 of the log"));
    let headless: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("{\"open\""))
        .collect();
    assert!(refused(&headless.join("\n")).contains("has no \"open\" entry"));
}

#[test]
fn an_error_of_the_writer_is_told_at_the_end() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("no space"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut log = Log::new(Full);
    log.remove(&GameModeName::new("duel").unwrap(), TicketId::from_u128(1));
    assert_eq!(log.finish().unwrap_err().to_string(), "no space");
}
