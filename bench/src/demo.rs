//! The demo's own report, with more players than its default.

use serde_json::Value;
use tempfile::TempDir;

use crate::Failure;
use crate::figure::Figure;
use crate::platform::command;

const PLAYERS: &str = "2000";
const DURATION: &str = "60s";
/// One matchmaking interval, and as much again for the way.
const DELAY_MS_MAX: f64 = 500.0;

pub(crate) async fn run() -> Result<Vec<Figure>, Failure> {
    let dir = TempDir::with_prefix("stadion-bench-")?;
    let report = dir.path().join("report.json");
    let status = command(dir.path())?
        .args(["demo", "--players", PLAYERS, "--duration", DURATION])
        .args([
            "--data-dir",
            "data",
            "--log-file",
            "stadion.log",
            "--report",
        ])
        .arg(&report)
        .status()
        .await?;
    if !status.success() {
        return Err(format!("the demo failed: {status}").into());
    }
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
    figures(&report)
}

fn figures(report: &Value) -> Result<Vec<Figure>, Failure> {
    let number = |path: &str| {
        let value = report.pointer(path).and_then(Value::as_f64);
        value.ok_or_else(|| format!("the report has no {path}"))
    };
    let delay = "/platform/performance/match_found_delay";
    let mut figures = vec![
        Figure::alone("demo_seats", number("/players/seats")?, ""),
        Figure::alone(
            "demo_match_found_delay_p50",
            number(&format!("{delay}/p50_ms"))?,
            "ms",
        ),
        Figure::against(
            "demo_match_found_delay_p99",
            number(&format!("{delay}/p99_ms"))?,
            "ms",
            DELAY_MS_MAX,
            "interval + 250 ms",
        ),
        Figure::alone(
            "demo_told_after_match_found_p99",
            number("/players/match_found_delay_ms/p99")?,
            "ms",
        ),
    ];
    for (what, unit) in [
        ("errors", "errors"),
        ("unmatched", "tickets"),
        ("requeues", "tickets"),
    ] {
        let counts = report["players"][what].as_object();
        for (reason, count) in counts.into_iter().flatten() {
            let name = format!("demo_{what}_{}", reason.replace(' ', "_"));
            figures.push(Figure::alone(name, count.as_f64().unwrap_or(0.0), unit));
        }
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::figures;

    #[test]
    fn a_report_is_read_with_its_errors_by_kind() {
        let report = serde_json::json!({
            "platform": {"performance": {"match_found_delay": {"p50_ms": 250.0, "p99_ms": 400.0}}},
            "players": {"seats": 3, "match_found_delay_ms": {"p99": 9}, "errors": {"no answer": 2}},
        });
        let found = figures(&report).unwrap();
        let lines: Vec<String> = found.iter().map(|figure| figure.shown(false)).collect();
        assert!(lines[2].ends_with("ratio 0.800"), "{lines:?}");
        assert!(lines[4].starts_with("demo_errors_no_answer"), "{lines:?}");
        assert!(figures(&serde_json::json!({})).is_err());
    }
}
