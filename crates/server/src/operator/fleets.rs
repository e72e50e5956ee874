//! The report, fleets and game servers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Handle;
use axum::http::StatusCode;
use serde::Deserialize;
use stadion_core::fleet::{FleetSpec, GameServer, GameServerState};
use stadion_core::id::{FleetName, Region, ServerName};
use stadion_core::scaling::FleetSize;
use utoipa::IntoParams;

use super::refusal::{Answer, Body, Path, Query, Refusal, limit, page};
use super::wire::{FleetInfo, Fleets, LogTail, Replicas, ServerInfo, Servers};
use super::{OperatorParts, TAIL_LINES_DEFAULT, TAIL_LINES_MAX};
use crate::report::{self, Report};
use stadion_client::ProblemKind;

/// The platform at this moment, and its figures since it began.
#[utoipa::path(
    get,
    path = "/v1/report",
    operation_id = "get_report",
    tag = "report",
    responses((status = 200, body = Report))
)]
pub(super) async fn report(Handle(parts): Handle<OperatorParts>) -> Answer<Report> {
    let (state, fleet) = (&*parts.state, &*parts.fleet);
    let now = parts.clock.now();
    Ok(Json(
        report::gather(state, fleet, &parts.metrics, &parts.modes, now).await?,
    ))
}

async fn info(
    parts: &OperatorParts,
    spec: &FleetSpec,
    servers: &[Arc<GameServer>],
) -> Result<FleetInfo, Refusal> {
    let replicas = parts.fleet.replicas(&spec.name).await?;
    let own = servers.iter().filter(|server| server.fleet == spec.name);
    let size = FleetSize::of(replicas, own.map(AsRef::as_ref));
    Ok(FleetInfo::new(spec, size))
}

/// All fleets.
#[utoipa::path(
    get,
    path = "/v1/fleets",
    operation_id = "list_fleets",
    tag = "fleets",
    responses((status = 200, body = Fleets))
)]
pub(super) async fn list(Handle(parts): Handle<OperatorParts>) -> Answer<Fleets> {
    let servers = parts.fleet.servers().await?;
    let mut specs = parts.fleet.specs();
    specs.sort_by(|a, b| a.name.cmp(&b.name));
    let mut fleets = Vec::with_capacity(specs.len());
    for spec in specs {
        fleets.push(info(&parts, &spec, &servers).await?);
    }
    Ok(Json(Fleets {
        fleets,
        truncated: false,
    }))
}

async fn one_fleet(parts: &OperatorParts, name: &str) -> Answer<FleetInfo> {
    let mut specs = parts.fleet.specs().into_iter();
    let spec = specs
        .find(|spec| spec.name.as_str() == name)
        .ok_or_else(|| no("fleet", name))?;
    let servers = parts.fleet.servers().await?;
    Ok(Json(info(parts, &spec, &servers).await?))
}

fn no(what: &str, name: &str) -> Refusal {
    let name: String = name.chars().take(64).collect();
    Refusal::new(
        ProblemKind::NotFound,
        format!("there is no {what} {name:?}"),
    )
}

/// One fleet.
#[utoipa::path(
    get,
    path = "/v1/fleets/{name}",
    operation_id = "get_fleet",
    tag = "fleets",
    params(("name" = String, Path, description = "Name of the fleet")),
    responses((status = 200, body = FleetInfo))
)]
pub(super) async fn show(
    Handle(parts): Handle<OperatorParts>,
    Path(name): Path<String>,
) -> Answer<FleetInfo> {
    one_fleet(&parts, &name).await
}

/// Sets the number of servers wanted in a fleet. The scaling loop goes on from there, and may change it again.
#[utoipa::path(
    put,
    path = "/v1/fleets/{name}/replicas",
    operation_id = "scale_fleet",
    tag = "fleets",
    params(("name" = String, Path, description = "Name of the fleet")),
    request_body = Replicas,
    responses((status = 200, body = FleetInfo))
)]
pub(super) async fn scale(
    Handle(parts): Handle<OperatorParts>,
    Path(name): Path<String>,
    Body(wanted): Body<Replicas>,
) -> Answer<FleetInfo> {
    let fleet = FleetName::new(&name).map_err(|_| no("fleet", &name))?;
    parts.fleet.scale(&fleet, wanted.replicas).await?;
    tracing::info!(%fleet, replicas = wanted.replicas, "scaled by an operator");
    one_fleet(&parts, &name).await
}

/// Which game servers to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ServerQuery {
    /// Of this fleet.
    fleet: Option<String>,
    /// In this state; Agones' words, in any case.
    state: Option<String>,
    /// In this region.
    region: Option<String>,
    /// Entries at most; 100 when absent, up to 1,000.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

/// Game servers, by name.
#[utoipa::path(
    get,
    path = "/v1/servers",
    operation_id = "list_servers",
    tag = "servers",
    params(ServerQuery),
    responses((status = 200, body = Servers))
)]
pub(super) async fn servers(
    Handle(parts): Handle<OperatorParts>,
    Query(query): Query<ServerQuery>,
) -> Answer<Servers> {
    let limit = limit(query.limit)?;
    let state = query.state.as_deref().map(server_state).transpose()?;
    let fleet = query.fleet.as_deref();
    let region = query.region.as_deref();
    let mut servers = parts.fleet.servers().await?;
    servers.retain(|server| {
        fleet.is_none_or(|fleet| FleetName::as_str(&server.fleet) == fleet)
            && region.is_none_or(|region| Region::as_str(&server.region) == region)
            && state.is_none_or(|state| server.state == state)
    });
    servers.sort_by(|a, b| a.name.cmp(&b.name));
    let truncated = servers.len() > limit;
    let (servers, _) = page(&servers, limit);
    Ok(Json(Servers { servers, truncated }))
}

fn server_state(text: &str) -> Result<GameServerState, Refusal> {
    let mut all = GameServerState::ALL.into_iter();
    all.find(|state| state.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| {
            let known = GameServerState::ALL.map(GameServerState::as_str).join(", ");
            let why = format!("state: game servers have the states {known}");
            Refusal::new(ProblemKind::InvalidRequest, why)
        })
}

/// One game server.
#[utoipa::path(
    get,
    path = "/v1/servers/{name}",
    operation_id = "get_server",
    tag = "servers",
    params(("name" = String, Path, description = "Name of the game server")),
    responses((status = 200, body = ServerInfo))
)]
pub(super) async fn server(
    Handle(parts): Handle<OperatorParts>,
    Path(name): Path<String>,
) -> Answer<ServerInfo> {
    let servers = parts.fleet.servers().await?;
    let mut named = servers.iter();
    let server = named.find(|server| server.name.as_str() == name);
    let server = server.ok_or_else(|| no("server", &name))?;
    Ok(Json(ServerInfo::from(server.as_ref())))
}

/// Ends one game server, whatever its state; a match on it is lost. Its fleet replaces it as needed.
#[utoipa::path(
    delete,
    path = "/v1/servers/{name}",
    operation_id = "shut_down_server",
    tag = "servers",
    params(("name" = String, Path, description = "Name of the game server")),
    responses((status = 204, description = "It has been asked to end"))
)]
pub(super) async fn shut_down(
    Handle(parts): Handle<OperatorParts>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    let server = ServerName::new(&name).map_err(|_| no("server", &name))?;
    parts.fleet.shut_down(&server).await?;
    tracing::info!(%server, "shut down by an operator");
    Ok(StatusCode::NO_CONTENT)
}

/// How much of a log.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// Lines at most; 100 when absent, up to 10,000.
    #[param(maximum = 10_000)]
    tail_lines: Option<usize>,
}

/// The end of a local game server's log.
#[utoipa::path(
    get,
    path = "/v1/servers/{name}/logs",
    operation_id = "get_server_logs",
    tag = "servers",
    params(("name" = String, Path, description = "Name of the game server"), LogQuery),
    responses((status = 200, body = LogTail))
)]
pub(super) async fn logs(
    Handle(parts): Handle<OperatorParts>,
    Path(name): Path<String>,
    Query(query): Query<LogQuery>,
) -> Answer<LogTail> {
    let server = ServerName::new(&name).map_err(|_| no("server", &name))?;
    let lines = query.tail_lines.unwrap_or(TAIL_LINES_DEFAULT);
    if lines > TAIL_LINES_MAX {
        let why = format!("tail_lines: {lines} is not possible, up to {TAIL_LINES_MAX} are");
        return Err(Refusal::new(ProblemKind::InvalidRequest, why));
    }
    let Some(logs) = &parts.logs else {
        let why =
            "this fleet does not keep logs here; ask the cluster, for example with `kubectl logs`";
        return Err(Refusal::new(ProblemKind::NotFound, why));
    };
    let lines = logs.tail(&server, lines).await?;
    Ok(Json(LogTail { lines }))
}
