//! Which profile a command works with.

use std::fs::File;
use std::io::Read as _;

use super::{Change, Common};
use crate::engine::{Engine, Told};
use crate::profile::{Base, PROFILE_BYTES_MAX, Profile};
use crate::{Error, Result};

/// The profile that `--profile` names; else the one that the last apply was told, so that a command without it takes
/// nothing away.
pub(super) fn told(common: &Common, engine: &Engine<'_>) -> Result<Told> {
    let named = |name: &str| {
        Ok(Told {
            name: name.into(),
            given: Vec::new(),
            profile: load(name)?,
        })
    };
    match &common.profile {
        Some(name) => named(name),
        None => match engine.told() {
            Ok(Some(told)) => Ok(told),
            // Before the first apply; and for those who may not read the journal, as the plan tells them.
            Ok(None) | Err(Error::Privilege { .. }) => named("recommended"),
            Err(error) => Err(error),
        },
    }
}

/// How this profile stands to the one of the last apply, for whoever reads the plan.
pub(super) fn beside_before(
    common: &Common,
    told: &Told,
    verbs: &[&str],
    engine: &Engine<'_>,
) -> Option<String> {
    let before = engine.told().ok().flatten()?;
    if common.profile.is_none() {
        return Some(format!(
            "the profile is that of the last apply ({before}); --profile names another"
        ));
    }
    let gone = before.taken_away(&told.profile);
    if gone.is_empty() || verbs == ["optimize"] {
        return None;
    }
    Some(format!(
        "this takes away what the last apply ({before}) had and {told} has not: {}; without --profile all of it is kept",
        gone.join(", ")
    ))
}

/// The profile that `--profile` names.
fn load(name: &str) -> Result<Profile> {
    match name {
        "recommended" => Ok(Profile::builtin(Base::Recommended)),
        "guide" => Ok(Profile::builtin(Base::Guide)),
        path => {
            let mut text = String::new();
            File::open(path)
                // One byte more than may be, so that more is seen.
                .and_then(|file| file.take(PROFILE_BYTES_MAX + 1).read_to_string(&mut text))
                .map_err(|error| Error::Profile {
                    path: path.into(),
                    what: format!("{error}; `recommended` and `guide` are built in"),
                })?;
            Profile::parse(path, &text)
        }
    }
}

/// What the command line says, over the profile.
pub(super) fn changed(mut told: Told, change: &Change) -> Result<Told> {
    let profile = &mut told.profile;
    // What replaces something given before takes its place in what is told.
    let mut given = |option: &str, values: &[String], is_replaced: bool| {
        if is_replaced && !values.is_empty() {
            told.given
                .retain(|known| !known.starts_with(&format!("{option} ")));
        }
        for value in values {
            let said = format!("{option} {value}");
            if !told.given.contains(&said) {
                told.given.push(said);
            }
        }
    };
    given("--rate", change.rate.as_slice(), true);
    given("--interface", &change.interfaces, true);
    given("--game", &change.games, false);
    given("--trusted", &change.trusted, false);
    if let Some(rate) = &change.rate {
        let rate = rate
            // fuzzed as BitRate::from_str
            .parse()
            .map_err(|error| Error::Usage(format!("--rate: {error}")))?;
        profile.traffic_shape.rate = Some(rate);
    }
    if !change.interfaces.is_empty() {
        profile.traffic_shape.interfaces = change.interfaces.clone();
    }
    for game in &change.games {
        if !profile.firewall.games.contains(game) {
            profile.firewall.games.push(game.clone());
        }
    }
    for net in &change.trusted {
        let net = net
            // fuzzed as Net::from_str
            .parse()
            .map_err(|error| Error::Usage(format!("--trusted {net}: {error}")))?;
        if !profile.firewall.trusted.contains(&net) {
            profile.firewall.trusted.push(net);
        }
    }
    Ok(told)
}
