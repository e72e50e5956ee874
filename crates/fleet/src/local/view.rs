//! A game server as its own SDK shows it.

use stadion_core::fleet::FleetSpec;
use stadion_core::time::Timestamp;
use stadion_sdk::proto;
use stadion_sdk::proto::game_server::{ObjectMeta, Spec, Status, spec, status};

use super::record::Record;

/// Namespace of every local game server; Kubernetes' default.
const NAMESPACE: &str = "default";

fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX)
}

fn int32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) fn view(record: &Record, spec: &FleetSpec) -> proto::GameServer {
    let server = &record.server;
    let health = &spec.template.health;
    let ports = server.ports.iter().map(|port| status::Port {
        name: port.name.clone(),
        port: i32::from(port.port),
    });
    proto::GameServer {
        object_meta: Some(ObjectMeta {
            name: server.name.to_string(),
            namespace: NAMESPACE.to_owned(),
            uid: record.uid.clone(),
            resource_version: record.version.to_string(),
            generation: 1,
            creation_timestamp: seconds(server.created_at),
            deletion_timestamp: if server.state.is_terminal() {
                seconds(server.changed_at)
            } else {
                0
            },
            annotations: server.annotations.clone(),
            labels: server.labels.clone(),
        }),
        spec: Some(Spec {
            health: Some(spec::Health {
                disabled: health.disabled,
                period_seconds: int32(health.period_seconds),
                failure_threshold: int32(health.failure_threshold),
                initial_delay_seconds: int32(health.initial_delay_seconds),
            }),
        }),
        status: Some(Status {
            state: server.state.as_str().to_owned(),
            address: server.address.clone(),
            ports: ports.collect(),
            addresses: vec![status::Address {
                r#type: "ExternalIP".to_owned(),
                address: server.address.clone(),
            }],
            ..Status::default()
        }),
    }
}

/// A time as RFC 3339 in UTC. The date is Howard Hinnant's `civil_from_days` (chrono-compatible low-level date
/// algorithms), for days since the epoch.
pub(super) fn rfc3339(at: Timestamp) -> String {
    let (days, second) = (at.0 / 86_400_000, at.0 / 1_000 % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months of a year that begins in March.
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        at.0 % 1_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        // From `date -u -d @…`.
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000_001, "2023-11-14T22:13:20.001Z"),
            (4_102_444_800_000, "2100-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(Timestamp(ms)), text);
        }
    }
}
