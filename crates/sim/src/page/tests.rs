use super::*;
use crate::planner::core;
use crate::world::Preset;
use crate::{World, run};

fn world(preset: Preset) -> World {
    let mut world = preset.world();
    world.duration_ms = 60_000;
    world.warm_up_ms = 5_000;
    world.arrivals.rate_per_second = 8.0;
    world
}

fn report(preset: Preset, names: &[&str]) -> Report {
    let world = world(preset);
    let measures = run(&world, &core, 1).unwrap();
    let one = |name: &&str| Run::new((*name).to_owned(), &world, measures.clone());
    Report {
        runs: names.iter().map(one).collect(),
        world,
    }
}

/// Every element is closed, in the right order; attributes are quoted.
fn well_formed(page: &str) -> Result<(), String> {
    const EMPTY: [&str; 3] = ["meta", "!doctype", "br"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let after = &rest[at + 1..];
        let end = after.find('>').ok_or("an element without end")?;
        let inside = &after[..end];
        rest = &after[end + 1..];
        if !inside.matches('"').count().is_multiple_of(2) {
            return Err(format!("quotes of <{inside}>"));
        }
        if let Some(name) = inside.strip_prefix('/') {
            let last = open.pop();
            if last != Some(name) {
                return Err(format!("</{name}> closes {last:?}"));
            }
        } else {
            let name = inside.split([' ', '/']).next().unwrap_or_default();
            if !inside.ends_with('/') && !EMPTY.contains(&name) {
                open.push(name);
            }
        }
        if open.last() == Some(&"style") {
            rest = &rest[rest.find("</style>").ok_or("a style without end")?..];
        }
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("still open: {open:?}"))
    }
}

#[test]
fn the_page_is_well_formed_and_complete() {
    for preset in Preset::ALL {
        for names in [&["now"][..], &["now", "next"][..]] {
            let page = html(&report(preset, names));
            well_formed(&page).unwrap();
            assert_eq!(page.matches("<svg").count(), 10, "{preset:?}");
            assert!(!page.contains("NaN") && !page.contains("inf"), "{preset:?}");
            for heading in [
                "In short",
                "Summary",
                "By skill",
                "By region",
                "Over time",
                "The rules",
                "The world",
            ] {
                assert!(page.contains(&format!("<h2>{heading}</h2>")), "{heading}");
            }
        }
    }
}

#[test]
fn the_page_refers_to_nothing_elsewhere() {
    let page = html(&report(Preset::Guide, &["now", "next"]));
    for reference in [
        "http:", "https:", "src=", "href=", "<script", "<link", "@import", "url(", "<img",
        "<iframe",
    ] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
}

#[test]
fn names_cannot_break_out_of_the_page() {
    let mut report = report(Preset::Guide, &["<script>alert(\"1\")</script>&'", "b"]);
    report.world.title = "</main><b onload=\"x\">".into();
    let page = html(&report);
    well_formed(&page).unwrap();
    assert!(!page.contains("<script") && !page.contains("<b onload"));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn a_run_in_which_nobody_came_has_a_page_too() {
    let mut world = world(Preset::Guide);
    world.arrivals.rate_per_second = 1e-9;
    let measures = run(&world, &core, 1).unwrap();
    let report = Report {
        runs: vec![Run::new("nobody".into(), &world, measures)],
        world,
    };
    let page = html(&report);
    well_formed(&page).unwrap();
    assert!(!page.contains("NaN") && !page.contains("inf"));
}

#[test]
fn durations_are_short() {
    assert_eq!(duration(250), "250 ms");
    assert_eq!(duration(1_500), "1.5 s");
    assert_eq!(duration(90_000), "90 s");
    assert_eq!(duration(900_000), "15 min");
    assert_eq!(duration(86_400_000), "24 h");
}
