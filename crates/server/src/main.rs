//! The program `stadion`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("arena-server") => {
            let config = stadion_arena::server::ServerConfig::from_env().expect("env");
            stadion_arena::server::run(config).expect("run");
            ExitCode::SUCCESS
        }
        Some("demo") => {
            let players = args.next().map_or(200, |n| n.parse().expect("n"));
            let secs = args.next().map_or(30, |n| n.parse().expect("n"));
            let demo = stadion_server::commands::demo::Demo {
                players,
                duration: std::time::Duration::from_secs(secs),
                modes: vec![],
                fleet_scale: 1,
                seed: 1,
                report: None,
                keep_data: true,
                data_dir: None,
            };
            let rt = tokio::runtime::Runtime::new().expect("rt");
            rt.block_on(stadion_server::commands::demo::run(
                demo,
                &std::collections::BTreeMap::new(),
            ))
            .expect("demo")
        }
        _ => ExitCode::FAILURE,
    }
}
