//! Messages as grpc-gateway writes and reads them: snake_case, 64-bit numbers as strings, nothing left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value, json};
use stadion_sdk::proto::GameServer;
use stadion_sdk::proto::game_server::status::{CounterStatus, ListStatus, PlayerStatus};
use stadion_sdk::proto::game_server::{ObjectMeta, Spec, Status};

fn map<T>(entries: &BTreeMap<String, T>, value: impl Fn(&T) -> Value) -> Value {
    Value::Object(
        entries
            .iter()
            .map(|(key, entry)| (key.clone(), value(entry)))
            .collect::<Map<_, _>>(),
    )
}

fn int64(number: i64) -> Value {
    Value::String(number.to_string())
}

fn object_meta(meta: &ObjectMeta) -> Value {
    json!({
        "name": meta.name,
        "namespace": meta.namespace,
        "uid": meta.uid,
        "resource_version": meta.resource_version,
        "generation": int64(meta.generation),
        "creation_timestamp": int64(meta.creation_timestamp),
        "deletion_timestamp": int64(meta.deletion_timestamp),
        "annotations": meta.annotations,
        "labels": meta.labels,
    })
}

fn spec(spec: &Spec) -> Value {
    let health = spec.health.as_ref().map(|health| {
        json!({
            "disabled": health.disabled,
            "period_seconds": health.period_seconds,
            "failure_threshold": health.failure_threshold,
            "initial_delay_seconds": health.initial_delay_seconds,
        })
    });
    json!({ "health": health })
}

fn players(players: &PlayerStatus) -> Value {
    json!({ "count": int64(players.count), "capacity": int64(players.capacity), "ids": players.ids })
}

fn counter(counter: &CounterStatus) -> Value {
    json!({ "count": int64(counter.count), "capacity": int64(counter.capacity) })
}

fn list(list: &ListStatus) -> Value {
    json!({ "capacity": int64(list.capacity), "values": list.values })
}

fn status(status: &Status) -> Value {
    let ports = status
        .ports
        .iter()
        .map(|port| json!({ "name": port.name, "port": port.port }));
    let addresses = status
        .addresses
        .iter()
        .map(|address| json!({ "type": address.r#type, "address": address.address }));
    json!({
        "state": status.state,
        "address": status.address,
        "ports": ports.collect::<Vec<_>>(),
        "players": status.players.as_ref().map(players),
        "counters": map(&status.counters, counter),
        "lists": map(&status.lists, list),
        "addresses": addresses.collect::<Vec<_>>(),
    })
}

/// A game server.
pub(super) fn game_server(game_server: &GameServer) -> Value {
    json!({
        "object_meta": game_server.object_meta.as_ref().map(object_meta),
        "spec": game_server.spec.as_ref().map(spec),
        "status": game_server.status.as_ref().map(status),
    })
}

/// Body of `/metadata/label` and `/metadata/annotation`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyValue {
    pub(super) key: String,
    pub(super) value: String,
}

/// Body of `/reserve`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Duration {
    #[serde(deserialize_with = "number_or_string")]
    pub(super) seconds: i64,
}

fn number_or_string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Number(number) => number
            .as_i64()
            .ok_or_else(|| de::Error::custom("not a 64-bit integer")),
        Value::String(text) => text.parse().map_err(de::Error::custom),
        Value::Null => Ok(0),
        _ => Err(de::Error::custom("neither a number nor a string")),
    }
}
