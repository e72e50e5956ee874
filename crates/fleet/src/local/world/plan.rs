//! What is to be done now, and when to look again.

use rustix::process::Signal;
use stadion_core::fleet::GameServerState;
use stadion_core::id::{FleetName, ServerName};
use stadion_core::time::Timestamp;

use super::super::process::Identity;
use super::World;
use super::server::{Pulse, Server, period_ms};

/// What is to be done.
#[derive(Debug, Default)]
pub(in super::super) struct Plan {
    /// Fleets that get one more server, once for each.
    pub(in super::super) create: Vec<FleetName>,
    /// Processes to be told.
    pub(in super::super) signal: Vec<Signalling>,
    /// When something is due that nobody will say.
    pub(in super::super) wake: Option<Timestamp>,
}

/// A process to be told to end.
#[derive(Debug)]
pub(in super::super) struct Signalling {
    pub(in super::super) name: ServerName,
    pub(in super::super) process: Identity,
    pub(in super::super) signal: Signal,
}

impl Plan {
    fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }
}

/// What time alone does to a server.
enum Due {
    /// Its reservation ended.
    Ready,
    /// It is out of time or of signs of life.
    Unhealthy(&'static str),
    /// Nothing before then, if ever.
    Later(Option<Timestamp>),
}

impl World {
    /// Applies what time has done, and says what follows. The caller begins what the plan creates before it plans again.
    pub(in super::super) fn plan(&mut self, now: Timestamp, random: u64) -> Plan {
        let mut plan = Plan::default();
        self.pass_time(&mut plan, now, random);
        self.fit_fleets(&mut plan, now);
        self.end_terminal(&mut plan, now);
        plan
    }

    fn pass_time(&mut self, plan: &mut Plan, now: Timestamp, random: u64) {
        let names: Vec<_> = self.servers.keys().cloned().collect();
        for name in names {
            let Some(server) = self.servers.get_mut(&name) else {
                continue;
            };
            match due(server, self.timing.start_timeout_ms, now) {
                Due::Ready => self.enter(&name, GameServerState::Ready, now),
                Due::Unhealthy(why) => {
                    tracing::warn!(server = %name, why, "a game server is unhealthy");
                    let (fleet, lived_ms) = (
                        server.record.server.fleet.clone(),
                        now.since_ms(server.record.server.created_at),
                    );
                    self.failed(&fleet, lived_ms, now, random);
                    self.enter(&name, GameServerState::Unhealthy, now);
                }
                Due::Later(Some(at)) => plan.wake_at(at),
                Due::Later(None) => {}
            }
        }
    }

    /// Brings every fleet towards its wanted size. What is Allocated or Reserved is never taken (I8).
    fn fit_fleets(&mut self, plan: &mut Plan, now: Timestamp) {
        let mut surplus = Vec::new();
        for (name, fleet) in &mut self.fleets {
            let of_fleet = || {
                let servers = self.servers.values().map(|server| &server.record.server);
                servers.filter(|server| server.fleet == *name && !server.state.is_terminal())
            };
            let live = u32::try_from(of_fleet().count()).unwrap_or(u32::MAX);
            let back_off = &mut fleet.back_off;
            if now >= back_off.retry_at {
                back_off.places = 0;
            } else {
                plan.wake_at(back_off.retry_at);
            }
            let missing = fleet
                .wanted
                .saturating_sub(live)
                .saturating_sub(back_off.places);
            plan.create.extend((0..missing).map(|_| name.clone()));

            // Oldest Ready first; then those that are not Ready yet, which the older may have been for.
            let mut idle: Vec<_> = of_fleet()
                .filter(|server| {
                    server.state == GameServerState::Ready || server.state.is_starting()
                })
                .collect();
            idle.sort_by_key(|server| {
                (
                    server.state.is_starting(),
                    server.created_at,
                    server.name.clone(),
                )
            });
            let too_many = live.saturating_sub(fleet.wanted);
            let too_many = usize::try_from(too_many).unwrap_or(usize::MAX);
            surplus.extend(
                idle.into_iter()
                    .take(too_many)
                    .map(|server| server.name.clone()),
            );
        }
        for name in surplus {
            self.enter(&name, GameServerState::Shutdown, now);
        }
    }

    /// Sees to it that the process of a server in a terminal state ends: asked once, then killed.
    fn end_terminal(&mut self, plan: &mut Plan, now: Timestamp) {
        let grace_ms = self.timing.stop_grace_ms;
        for (name, server) in &mut self.servers {
            let (true, Some(process)) = (
                server.record.server.state.is_terminal(),
                server.record.process(),
            ) else {
                continue;
            };
            let signal = match server.kill_at {
                None => Signal::TERM,
                Some(at) if at <= now => Signal::KILL,
                Some(at) => {
                    plan.wake_at(at);
                    continue;
                }
            };
            // A kill is repeated after another grace, should the process still be there.
            let kill_at = now.plus_ms(grace_ms);
            server.kill_at = Some(kill_at);
            plan.wake_at(kill_at);
            plan.signal.push(Signalling {
                name: name.clone(),
                process,
                signal,
            });
        }
    }
}

fn due(server: &mut Server, start_timeout_ms: u64, now: Timestamp) -> Due {
    let state = server.record.server.state;
    if state.is_terminal() {
        return Due::Later(None);
    }
    let mut next = None;
    if let Some(until) = server
        .record
        .reserved_until
        .filter(|_| state == GameServerState::Reserved)
    {
        if until <= now {
            return Due::Ready;
        }
        next = Some(until);
    }
    if state.is_starting() {
        let deadline = server.since.plus_ms(start_timeout_ms);
        if deadline <= now {
            return Due::Unhealthy("it did not say Ready in time");
        }
        next = Some(deadline);
    }
    let health = &server.spec.template.health;
    if health.disabled {
        return Due::Later(next);
    }
    if server.pulse.check_at <= now
        && server.pulse.check(period_ms(&server.spec), now) >= health.failure_threshold.max(1)
    {
        return Due::Unhealthy("it gave no sign of life");
    }
    let check_at = server.pulse.check_at;
    Due::Later(Some(next.map_or(check_at, |next| next.min(check_at))))
}

impl Pulse {
    /// Looks whether the last sign is too old; the misses in a row. A look that comes late counts once.
    fn check(&mut self, period_ms: u64, now: Timestamp) -> u32 {
        self.check_at = now.plus_ms(period_ms);
        self.missed = if now.since_ms(self.last) > period_ms {
            self.missed + 1
        } else {
            0
        };
        self.missed
    }
}
