//! The world that a command line asks for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::path::Path;

use stadion_core::id::Region;
use stadion_core::mode::GameMode;
use stadion_sim::import::{self, Format};
use stadion_sim::world::{Distance, ModeShare, Place};
use stadion_sim::{Preset, SimError, World};

use super::{SimulateError, in_file};
use crate::cli::Global;
use crate::cli::simulate::{Patience, SimulateArgs};
use crate::config::{FILE_BYTES_MAX, Settings};

/// Time after the last recorded ticket in which the others may still be matched, milliseconds.
const REST_MS: u64 = 5 * 60_000;
/// From one region to the next where no map says how far it is, milliseconds.
const HOP_MS: f64 = 55.0;

/// What is simulated.
#[derive(Debug)]
pub(super) struct Asked {
    /// What the rules are called.
    pub(super) name: String,
    /// The world with them.
    pub(super) world: World,
    /// The same with other rules, if they are compared.
    pub(super) compared: Option<(String, World)>,
}

fn usage(why: impl Into<String>) -> SimulateError {
    SimulateError::Usage(why.into())
}

pub(super) fn asked(
    args: &SimulateArgs,
    global: &Global,
    env: &BTreeMap<String, String>,
) -> Result<Asked, SimulateError> {
    let mut world = match &args.world {
        Some(path) => read(path)?,
        None => args.preset.world(),
    };
    let mut name = "built-in rules".to_owned();
    if let Some(path) = &global.config {
        let settings = Settings::load(Some(path), env)?;
        name = named(path);
        configured(&mut world, settings, args);
    }
    change(&mut world, args)?;
    if let Some(path) = &args.tickets {
        let format = Format::of_name(&path.to_string_lossy()).ok_or_else(|| {
            usage("--tickets: the file's name must end in .csv, .jsonl or .ndjson")
        })?;
        let file = BufReader::new(File::open(path).map_err(in_file(path))?);
        let recorded = import::read(file, format).map_err(in_file(path))?;
        world = world.with_recorded(recorded, REST_MS);
        // What is wrong with a ticket is said with its line, which is the file's.
        stadion_sim::world::check_recorded(&world).map_err(in_file(path))?;
    }
    let compared = match &args.compare {
        Some(path) => {
            let settings = Settings::load(Some(path), env)?;
            let mut other = with_rules(&world, &settings.game_modes, path)?;
            resize(&mut other, args);
            let same = named(path) == name;
            let full = path.display().to_string();
            Some((if same { full } else { named(path) }, other))
        }
        None => None,
    };
    world.check()?;
    if let Some((_, other)) = &compared {
        other.check()?;
    }
    Ok(Asked {
        name,
        world,
        compared,
    })
}

/// What rules are called: their file, without where it is.
fn named(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn read(path: &Path) -> Result<World, SimulateError> {
    let wrong = |why| SimulateError::File {
        path: path.to_path_buf(),
        source: SimError::World {
            field: "world".into(),
            why,
        },
    };
    let mut text = String::new();
    // One byte more than allowed shows that there is more.
    File::open(path)
        .and_then(|file| {
            file.take(FILE_BYTES_MAX as u64 + 1)
                .read_to_string(&mut text)
        })
        .map_err(in_file(path))?;
    if text.len() > FILE_BYTES_MAX {
        return Err(wrong(format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    // JSON is YAML, too.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(&text, options).map_err(|error| wrong(error.to_string()))
}

/// The game modes of a configuration, and its regions and times.
fn configured(world: &mut World, settings: Settings, args: &SimulateArgs) {
    world.modes = shared(world, settings.game_modes);
    // The reference's regions and ticks are what makes it comparable.
    if args.world.is_some() || args.preset == Preset::Reference {
        return;
    }
    world.regions = places(world, settings.regions);
    let known = |place: &Place| place.latitude != 0.0 || place.longitude != 0.0;
    if !world.regions.iter().all(known) {
        world.latency.distance = Distance::Ring { hop_ms: HOP_MS };
        note(
            "the map does not know all regions of the configuration; they are put on a ring, 55 ms from one to the next",
        );
    }
    let interval_ms = settings.matchmaking.interval_ms;
    world.tick.interval_ms = world.tick.interval_ms.max(interval_ms);
    world.tick.matches_max = settings.matchmaking.budget.matches_max;
    world.ttl_ms = Some(settings.matchmaking.ticket_ttl_ms);
}

/// Says something on the standard error output.
fn note(text: &str) {
    drop(writeln!(std::io::stderr(), "stadion: {text}"));
}

/// Game modes with the shares that the world has for their names; those that it does not know get a mean one.
fn shared(world: &World, modes: Vec<GameMode>) -> Vec<ModeShare> {
    let known = |mode: &GameMode| {
        let mut all = world.modes.iter();
        all.find(|share| share.mode.name == mode.name)
            .map(|share| share.share)
    };
    let mean = mean(world.modes.iter().map(|share| share.share));
    modes
        .into_iter()
        .map(|mode| ModeShare {
            share: known(&mode).unwrap_or(mean),
            mode,
        })
        .collect()
}

fn places(world: &World, regions: Vec<Region>) -> Vec<Place> {
    let mean = mean(world.regions.iter().map(|place| place.share));
    let place = |region: Region| {
        let mut all = world.regions.iter();
        let known = all.find(|place| place.region == region).cloned();
        known.unwrap_or(Place {
            region,
            share: mean,
            latitude: 0.0,
            longitude: 0.0,
        })
    };
    regions.into_iter().map(place).collect()
}

fn mean(shares: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for share in shares {
        sum += share;
        count += 1.0;
    }
    if sum > 0.0 { sum / count } else { 1.0 }
}

/// What the command line says over the preset.
fn change(world: &mut World, args: &SimulateArgs) -> Result<(), SimulateError> {
    if !args.mix.is_empty() {
        for (name, _) in &args.mix {
            if !world
                .modes
                .iter()
                .any(|share| share.mode.name.as_str() == name)
            {
                return Err(usage(format!(
                    "--mix: there is no game mode {name:?}; there are {}",
                    names(world)
                )));
            }
        }
        for share in &mut world.modes {
            let said = args
                .mix
                .iter()
                .find(|(name, _)| share.mode.name.as_str() == name);
            share.share = said.map_or(0.0, |(_, share)| *share);
        }
    }
    resize(world, args);
    time(world, args)?;
    match args.patience {
        Some(Patience::Never) => world.patience_mean_ms = None,
        Some(Patience::Mean(mean)) => world.patience_mean_ms = Some(ms(mean)),
        None => {}
    }
    if let Some(servers) = args.servers {
        world.servers.per_region = Some(servers);
    }
    if let Some(percent) = args.failures {
        world.placement.failure = percent / 100.0;
    }
    Ok(())
}

fn resize(world: &mut World, args: &SimulateArgs) {
    let Some((target, min)) = args.size else {
        return;
    };
    for share in &mut world.modes {
        share.mode.players_target = target;
        share.mode.players_min = min;
        // Steps that are no smaller than the minimum from the beginning have no meaning any more.
        share.mode.rules.sizes.retain(|step| step.players_min < min);
    }
    if args.preset == Preset::Reference {
        world.title = World::reference(1.0, target, min).title;
    }
}

/// Two of rate, players and duration say the third; one of them changes that one only.
fn time(world: &mut World, args: &SimulateArgs) -> Result<(), SimulateError> {
    let was_ms = world.duration_ms;
    if let Some(duration) = args.duration {
        world.duration_ms = ms(duration);
    }
    if let Some(rate) = args.rate {
        world.arrivals.rate_per_second = rate;
    }
    if let Some(players) = args.players {
        let size = party_mean(world);
        #[expect(
            clippy::cast_precision_loss,
            reason = "players and milliseconds are far below 2^52"
        )]
        let (tickets, duration_ms) = (players as f64 / size, world.duration_ms as f64);
        match (args.rate, args.duration) {
            (Some(_), Some(_)) => {}
            (Some(rate), None) if rate > 0.0 => {
                let duration = std::time::Duration::try_from_secs_f64(tickets / rate);
                world.duration_ms =
                    ms(duration.map_err(|error| usage(format!("--players: {error}")))?);
            }
            _ => world.arrivals.rate_per_second = tickets * 1_000.0 / duration_ms,
        }
        world.arrivals.players_max = Some(players);
    }
    rescale(world, was_ms);
    Ok(())
}

/// Players of a ticket, on average; parties are only as large as their game mode allows.
fn party_mean(world: &World) -> f64 {
    let of_mode = |share: &ModeShare| {
        let sizes = (1..=16_u32).zip(&world.parties);
        let sizes = sizes.take(share.mode.party_players_max().max(1));
        let (players, tickets) = sizes.fold((0.0, 0.0), |(players, tickets), (size, share)| {
            (players + f64::from(size) * share, tickets + share)
        });
        if tickets > 0.0 {
            players / tickets
        } else {
            1.0
        }
    };
    let all: f64 = world.modes.iter().map(|share| share.share).sum();
    let players: f64 = world
        .modes
        .iter()
        .map(|share| share.share * of_mode(share))
        .sum();
    if all > 0.0 { players / all } else { 1.0 }
}

/// The day, the spikes and the warm-up keep their places in a longer or shorter run.
fn rescale(world: &mut World, was_ms: u64) {
    let (is_ms, was_ms) = (u128::from(world.duration_ms), u128::from(was_ms.max(1)));
    let scaled = |ms: u64| u64::try_from(u128::from(ms) * is_ms / was_ms).unwrap_or(u64::MAX);
    world.warm_up_ms = world.warm_up_ms.min(world.duration_ms / 10);
    if let Some(day) = &mut world.arrivals.day {
        day.period_ms = scaled(day.period_ms).max(1);
        day.peak_at_ms = scaled(day.peak_at_ms);
    }
    for spike in &mut world.arrivals.spikes {
        spike.at_ms = scaled(spike.at_ms);
        spike.duration_ms = scaled(spike.duration_ms);
    }
}

fn ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn names(world: &World) -> String {
    let names = world.modes.iter().map(|share| share.mode.name.as_str());
    names.collect::<Vec<_>>().join(", ")
}

/// The same world with other rules for its game modes.
fn with_rules(world: &World, modes: &[GameMode], path: &Path) -> Result<World, SimulateError> {
    let mut other = world.clone();
    for share in &mut other.modes {
        let found = modes.iter().find(|mode| mode.name == share.mode.name);
        share.mode = found.cloned().ok_or_else(|| {
            usage(format!(
                "{}: there is no game mode {}; to be compared, both sides have game modes of the same names",
                path.display(),
                share.mode.name
            ))
        })?;
    }
    Ok(other)
}
