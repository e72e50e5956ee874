//! A hundred idle game servers.

use std::time::Duration;

use tokio::time::sleep;

use crate::Failure;
use crate::figure::{Figure, quantile};
use crate::platform::Platform;
use crate::process::{children, cpu_percent, memory_kib};

const SERVERS: u32 = 100;
const MEMORY_MIB_MAX: f64 = 10.0;
const CPU_PERCENT_MAX: f64 = 20.0;
/// After this the starts have settled.
const SETTLE: Duration = Duration::from_secs(10);
const SPAN: Duration = Duration::from_secs(10);

pub(crate) async fn run() -> Result<Vec<Figure>, Failure> {
    let config = format!(
        "fleets: [{{name: arena, region: us-east-1, min_replicas: {SERVERS}, max_replicas: {SERVERS}, buffer_size: 0}}]"
    );
    let platform = Platform::start(&config).await?;
    platform.servers_ready(u64::from(SERVERS)).await?;
    sleep(SETTLE).await;
    let mut pids = children(platform.pid)?;
    let servers = pids.len();
    if servers < SERVERS as usize {
        return Err(format!("only {servers} game servers are there").into());
    }
    let memory = pids.iter().map(|pid| memory_kib(*pid));
    let mut memory_mib: Vec<f64> = memory
        .map(|kib| kib.map(|kib| kib / 1_024.0))
        .collect::<Result<_, _>>()?;
    let of_servers = cpu_percent(&pids, SPAN).await?;
    pids.push(platform.pid);
    let of_all = cpu_percent(&pids, SPAN).await?;
    platform.stop().await?;
    let limit = "limit";
    Ok(vec![
        Figure::against(
            "arena_idle_memory_p50",
            quantile(&mut memory_mib, 0.5),
            "MiB",
            MEMORY_MIB_MAX,
            limit,
        ),
        Figure::against(
            "arena_idle_memory_max",
            quantile(&mut memory_mib, 1.0),
            "MiB",
            MEMORY_MIB_MAX,
            limit,
        ),
        Figure::alone("arena_idle_cpu_100_servers", of_servers, "%"),
        Figure::against(
            "arena_idle_cpu_with_stadion",
            of_all,
            "%",
            CPU_PERCENT_MAX,
            limit,
        ),
    ])
}
