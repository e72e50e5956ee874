//! The settings in a few lines for people.

use super::Settings;
use super::settings::{PlayerAuth, Source};

/// What `settings` come to, one `key  value` line each, with warnings at the end. It never shows a secret.
#[must_use]
pub fn explain(settings: &Settings) -> String {
    let mut out = String::new();
    let mut line = |key: &str, value: String| out.push_str(&format!("{key:<14} {value}\n"));
    line("players", settings.gateway.listen.to_string());
    line("operators", settings.gateway.operator_listen.to_string());
    line("data", settings.data_dir.display().to_string());
    line("state", format!("{:?}", settings.state).to_lowercase());
    line("servers", format!("{:?}", settings.fleet).to_lowercase());
    let ports = &settings.networking.ports;
    line(
        "ports",
        format!(
            "{} {}-{}",
            settings.networking.address,
            ports.start(),
            ports.end()
        ),
    );
    line(
        "player keys",
        match &settings.auth.players {
            PlayerAuth::Development(path) => format!("for development, in {}", path.display()),
            PlayerAuth::Keys { keys, jwks } => {
                format!(
                    "{}{}",
                    keys.len(),
                    if jwks.is_some() { " and a key set" } else { "" }
                )
            }
        },
    );
    line(
        "operator token",
        match &settings.auth.operator_token {
            Source::Given(_) => "given".into(),
            Source::Generated(path) => format!("in {}", path.display()),
        },
    );
    let regions: Vec<&str> = settings.regions.iter().map(AsRef::as_ref).collect();
    line("regions", regions.join(", "));
    for mode in &settings.game_modes {
        line(
            "game mode",
            format!(
                "{}: {} to {} players in {} teams",
                mode.name, mode.players_min, mode.players_target, mode.teams
            ),
        );
    }
    for fleet in &settings.fleets {
        let spec = &fleet.spec;
        let modes: Vec<&str> = spec.game_modes.iter().map(AsRef::as_ref).collect();
        line(
            "fleet",
            format!(
                "{} in {}: {} to {} servers of {} players, {} ready; {}",
                spec.name,
                spec.region,
                spec.bounds.min_replicas,
                spec.bounds.max_replicas,
                spec.template.max_players,
                spec.bounds.buffer_size,
                if modes.is_empty() {
                    "every game mode".into()
                } else {
                    modes.join(", ")
                }
            ),
        );
    }
    for warning in &settings.warnings {
        line("warning", warning.clone());
    }
    out
}
