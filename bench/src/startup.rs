//! What an idle platform costs, and how soon it answers.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Failure;
use crate::figure::{Figure, quantile};
use crate::platform::Platform;
use crate::process::{cpu_percent, memory_kib};

const STARTS: usize = 10;
const START_MS_MAX: f64 = 500.0;
const MEMORY_MIB_MAX: f64 = 60.0;
const CPU_PERCENT_MAX: f64 = 1.0;
/// After this a start has settled: the default fleet's servers are up.
const SETTLE: Duration = Duration::from_secs(5);
const SPAN: Duration = Duration::from_secs(10);

pub(crate) async fn run() -> Result<Vec<Figure>, Failure> {
    let mut starts_ms = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let begun = Instant::now();
        let platform = Platform::start("").await?;
        starts_ms.push(begun.elapsed().as_secs_f64() * 1_000.0);
        platform.stop().await?;
    }
    let platform = Platform::start("").await?;
    platform.servers_ready(1).await?;
    sleep(SETTLE).await;
    let cpu = cpu_percent(&[platform.pid], SPAN).await?;
    let memory = memory_kib(platform.pid)? / 1_024.0;
    platform.stop().await?;
    Ok(vec![
        Figure::against(
            "startup_ready_p50",
            quantile(&mut starts_ms, 0.5),
            "ms",
            START_MS_MAX,
            "limit",
        ),
        Figure::against("idle_memory", memory, "MiB", MEMORY_MIB_MAX, "limit"),
        Figure::against("idle_cpu", cpu, "%", CPU_PERCENT_MAX, "limit"),
    ])
}
