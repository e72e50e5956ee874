//! The settings in a few lines for people.

use stadion_core::fleet::FleetSpec;

use super::Settings;
use super::settings::{PlayerAuth, Source};

mod modes;

/// What `settings` come to, one `key  value` line each, with warnings at the end. It never shows a secret.
#[must_use]
pub fn explain(settings: &Settings) -> String {
    let gateway = &settings.gateway;
    let networking = &settings.networking;
    let (first, last) = (networking.ports.start(), networking.ports.end());
    let regions: Vec<&str> = settings.regions.iter().map(AsRef::as_ref).collect();
    let mut lines = vec![
        ("players", gateway.listen.to_string()),
        ("operators", gateway.operator_listen.to_string()),
        ("data", settings.data_dir.display().to_string()),
        ("state", format!("{:?}", settings.state).to_lowercase()),
        ("servers", format!("{:?}", settings.fleet).to_lowercase()),
        ("ports", format!("{} {first}-{last}", networking.address)),
        ("player keys", players(&settings.auth.players)),
        ("operator token", source(&settings.auth.operator_token)),
        ("join token key", source(&settings.auth.join_token_key)),
        ("regions", regions.join(", ")),
    ];
    for mode in &settings.game_modes {
        let keys = std::iter::once("game mode").chain(std::iter::repeat(""));
        lines.extend(keys.zip(modes::lines(mode)));
    }
    let fleets = settings.fleets.iter();
    lines.extend(fleets.map(|item| ("fleet", fleet(&item.spec))));
    let warnings = settings.warnings.iter();
    lines.extend(warnings.map(|warning| ("warning", warning.clone())));
    lines
        .into_iter()
        .map(|(key, value)| format!("{key:<14} {value}\n"))
        .collect()
}

fn players(auth: &PlayerAuth) -> String {
    match auth {
        PlayerAuth::Development(path) => format!("for development, in {}", path.display()),
        PlayerAuth::Keys { keys, jwks: None } => keys.len().to_string(),
        PlayerAuth::Keys {
            keys,
            jwks: Some(_),
        } => format!("{} and a key set", keys.len()),
    }
}

fn source(secret: &Source) -> String {
    match secret {
        Source::Given(_) => "given".into(),
        Source::Generated(path) => format!("generated, in {}", path.display()),
    }
}

fn fleet(spec: &FleetSpec) -> String {
    let modes: Vec<&str> = spec.game_modes.iter().map(AsRef::as_ref).collect();
    let modes = if modes.is_empty() {
        "every game mode".into()
    } else {
        modes.join(", ")
    };
    format!(
        "{} in {}: {} to {} servers of {} players, {} kept ready; {modes}",
        spec.name,
        spec.region,
        spec.bounds.min_replicas,
        spec.bounds.max_replicas,
        spec.template.max_players,
        spec.bounds.buffer_size,
    )
}
