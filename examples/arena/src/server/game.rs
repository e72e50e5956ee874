//! One match on this server: who is seated, what they do, and when it is over.
//!
//! A state machine without sockets or clock: datagrams and answers go in with the time, and datagrams and wishes come
//! out through [`Outside`].

use std::net::SocketAddr;

use serde_json::{Map, Value};
use stadion_client::wire::{Heartbeat, Heartbeats, Match, MatchPlayer, Seat as Admission};

use super::seat::{Claim, Seat};
use crate::protocol::{
    ClientPacket, DATAGRAM_MAX, Datagram, Farewell, Input, Intent, Refusal, SEATS_MAX, ServerPacket,
};
use crate::world::World;

mod result;
mod vacancies;

pub(super) use vacancies::Vacancies;

/// Time between two snapshots, milliseconds. The simulation is exact in between: steps that are due are taken when
/// somebody looks, so a match costs 10 wake-ups a second and its players' datagrams, whatever the tick rate.
pub(super) const SNAPSHOT_MS: u64 = 100;
/// Time between two reports of the players' signs of life, milliseconds.
const HEARTBEAT_MS: u64 = 5_000;
/// Silence after which a player has left, milliseconds: 50 inputs of the slowest client.
pub(super) const SILENCE_MS: u64 = 10_000;
/// How long those who came wait for the others, milliseconds from the first.
const GATHER_MS: u64 = 10_000;
/// How long the server waits for enough players, milliseconds from its allocation.
pub(super) const NOBODY_CAME_MS: u64 = 30_000;
/// Join tokens that are checked at the same time: a burst of 128 players is through in 8 rounds of some milliseconds,
/// and forged ones cannot open more connections than this.
const REDEEMS_MAX: usize = 16;

/// What a match is played by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) seats: usize,
    pub(super) tick_rate: u16,
    pub(super) anti_cheat: bool,
    pub(super) match_ms: u64,
}

/// What the match wants of the world outside.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// Check a join token.
    Redeem {
        from: SocketAddr,
        nonce: u64,
        token: String,
    },
    /// A player's seat is free.
    EndSession(String),
    /// Have free seats filled.
    Offer,
    /// Report signs of life.
    Heartbeats(Heartbeats),
    /// The match is over.
    Report(Map<String, Value>),
}

/// Where datagrams and wishes go.
pub(super) trait Outside {
    /// Sends a datagram; it may be lost.
    fn send(&mut self, to: SocketAddr, datagram: &[u8]);
    /// Wants something done.
    fn want(&mut self, effect: Effect);
}

/// Sends `packet` to `to`.
pub(super) fn send(out: &mut impl Outside, to: SocketAddr, packet: &ServerPacket<'_>) {
    let mut room: Datagram = [0; DATAGRAM_MAX];
    if let Some(datagram) = packet.encode(&mut room) {
        out.send(to, datagram);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waits for players.
    Gathering { first_ms: Option<u64> },
    /// Is played.
    Playing { started_ms: u64 },
    /// Over.
    Over,
}

/// One match.
#[derive(Debug)]
pub(super) struct Game {
    rules: Rules,
    match_id: String,
    lineup: Vec<MatchPlayer>,
    /// Players by team when the match began.
    team_players: Vec<u32>,
    everyone_for_themselves: bool,
    world: World,
    /// By slot, like `seats` and the world's players. A slot is never given to somebody else.
    intents: Vec<Intent>,
    seats: Vec<Seat>,
    redeeming: Vec<(SocketAddr, u64)>,
    bodies: Vec<u8>,
    phase: Phase,
    /// Nobody is asked to come any more.
    is_closed: bool,
    allocated_ms: u64,
    heartbeat_ms: u64,
    /// When step 0 was, milliseconds.
    origin_ms: u64,
}

impl Game {
    pub(super) fn new(rules: Rules, lineup: Match, seed: u64, now_ms: u64) -> Self {
        let first = lineup.players.first().map(|player| player.team);
        let one_team = lineup.players.iter().all(|p| Some(p.team) == first);
        Self {
            rules,
            team_players: vacancies::team_players(&lineup),
            match_id: lineup.match_id,
            lineup: lineup.players,
            everyone_for_themselves: one_team,
            world: World::new(seed, one_team),
            intents: Vec::with_capacity(SEATS_MAX),
            seats: Vec::with_capacity(SEATS_MAX),
            redeeming: Vec::with_capacity(REDEEMS_MAX),
            bodies: Vec::with_capacity(DATAGRAM_MAX),
            phase: Phase::Gathering { first_ms: None },
            is_closed: false,
            allocated_ms: now_ms,
            heartbeat_ms: now_ms + HEARTBEAT_MS,
            origin_ms: now_ms,
        }
    }

    pub(super) fn match_id(&self) -> &str {
        &self.match_id
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Players who are here.
    fn present(&self) -> usize {
        self.seats.iter().filter(|seat| seat.is_present()).count()
    }

    /// Players that a match needs to go on.
    fn quorum(&self) -> usize {
        self.lineup.len().clamp(1, 2)
    }

    /// Takes a datagram.
    pub(super) fn on_datagram(
        &mut self,
        now_ms: u64,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut impl Outside,
    ) {
        match ClientPacket::decode(datagram) {
            Some(ClientPacket::Hello { nonce, token }) => self.on_hello(from, nonce, token, out),
            Some(ClientPacket::Input(input)) => self.on_input(now_ms, from, &input, out),
            Some(ClientPacket::Leave { slot, secret }) => {
                let seat = self.seats.get(usize::from(slot));
                if seat.is_some_and(|seat| seat.secret == secret) {
                    self.dismiss(slot, Farewell::Left, true, out);
                }
            }
            None => {}
        }
    }

    fn on_hello(&mut self, from: SocketAddr, nonce: u64, token: &str, out: &mut impl Outside) {
        let known = |seat: &&Seat| seat.nonce == nonce && seat.address == from;
        if let Some((slot, seat)) = (0_u8..).zip(&self.seats).find(|(_, seat)| known(seat)) {
            // The Welcome was lost: the token is used up, and the seat is there.
            let answer = seat.greeting(slot, self.rules.tick_rate);
            send(out, from, &answer);
        } else if self.is_over() {
            let refusal = Refusal::NoMatch;
            send(out, from, &ServerPacket::Refused { nonce, refusal });
        } else if self.redeeming.len() < REDEEMS_MAX && !self.redeeming.contains(&(from, nonce)) {
            self.redeeming.push((from, nonce));
            let token = token.to_owned();
            out.want(Effect::Redeem { from, nonce, token });
        }
        // Else the player asks again soon.
    }

    /// Takes the answer to [`Effect::Redeem`]. `secret` is fresh and random.
    pub(super) fn on_redeemed(
        &mut self,
        now_ms: u64,
        (from, nonce): (SocketAddr, u64),
        admission: Result<Admission, Refusal>,
        secret: u64,
        out: &mut impl Outside,
    ) {
        self.redeeming.retain(|asked| *asked != (from, nonce));
        let claim = Claim {
            address: from,
            nonce,
            secret,
        };
        let seated = admission.and_then(|admission| {
            let here = !self.is_over() && admission.match_id == self.match_id;
            let admission = here.then_some(admission).ok_or(Refusal::NoMatch)?;
            self.sit_down(now_ms, claim, admission)
        });
        match seated {
            Ok(slot) => {
                if let Phase::Gathering { first_ms } = &mut self.phase {
                    first_ms.get_or_insert(now_ms);
                }
                if let Some(seat) = self.seats.get(usize::from(slot)) {
                    send(out, from, &seat.greeting(slot, self.rules.tick_rate));
                }
            }
            Err(refusal) => send(out, from, &ServerPacket::Refused { nonce, refusal }),
        }
    }

    fn sit_down(&mut self, now_ms: u64, claim: Claim, who: Admission) -> Result<u8, Refusal> {
        let known = self
            .seats
            .iter()
            .position(|seat| seat.player_id == who.player_id);
        let seat = Seat::new(claim, who, now_ms);
        if let Some(index) = known {
            // Back on a new connection: the old one is void.
            let slot = u8::try_from(index).map_err(|_| Refusal::Full)?;
            self.world.set_present(slot, true);
            let old = self.seats.get_mut(index).ok_or(Refusal::Full)?;
            let violations = old.violations;
            *old = seat;
            old.violations = violations;
            return Ok(slot);
        }
        if self.present() >= self.rules.seats {
            return Err(Refusal::Full);
        }
        let team = u8::try_from(seat.team).map_err(|_| Refusal::Full)?;
        let slot = self.world.enter(team).ok_or(Refusal::Full)?;
        self.seats.push(seat);
        self.intents.push(Intent::default());
        Ok(slot)
    }

    fn on_input(&mut self, now_ms: u64, from: SocketAddr, input: &Input, out: &mut impl Outside) {
        // What was wanted so far counts up to now.
        self.catch_up(now_ms);
        let index = usize::from(input.slot);
        let anti_cheat = self.rules.anti_cheat;
        let Some(seat) = self.seats.get_mut(index) else {
            return;
        };
        if seat.secret != input.secret {
            return;
        }
        if let Some(farewell) = seat.farewell {
            // The Bye was lost.
            let nonce = seat.nonce;
            send(out, from, &ServerPacket::Bye { nonce, farewell });
            return;
        }
        // The secret says who it is: a player whose address changed under way stays in the game.
        seat.address = from;
        if seat.accept(now_ms, input, anti_cheat) {
            if let Some(intent) = self.intents.get_mut(index) {
                *intent = input.intent;
            }
        } else if seat.is_cheat() {
            self.dismiss(input.slot, Farewell::Kicked, true, out);
        }
    }

    /// Ends a seat; with `tell`, Stadion does not know yet.
    fn dismiss(&mut self, slot: u8, farewell: Farewell, tell: bool, out: &mut impl Outside) {
        let index = usize::from(slot);
        let Some(seat) = self.seats.get_mut(index).filter(|seat| seat.is_present()) else {
            return;
        };
        seat.farewell = Some(farewell);
        let nonce = seat.nonce;
        send(out, seat.address, &ServerPacket::Bye { nonce, farewell });
        if tell {
            out.want(Effect::EndSession(seat.session_id.clone()));
        }
        self.world.set_present(slot, false);
        if let Some(intent) = self.intents.get_mut(index) {
            *intent = Intent::default();
        }
    }

    /// Takes the answer to [`Effect::Heartbeats`]: sessions that are over.
    pub(super) fn on_verdicts(&mut self, disconnect: &[String], out: &mut impl Outside) {
        for slot in 0..=u8::MAX {
            let seat = self.seats.get(usize::from(slot));
            if seat.is_some_and(|seat| disconnect.contains(&seat.session_id)) {
                self.dismiss(slot, Farewell::SessionEnded, false, out);
                out.want(Effect::Offer);
            }
        }
    }

    /// Does what is due. Gives the time of the next call, milliseconds; none when the match is over.
    pub(super) fn poll(&mut self, now_ms: u64, out: &mut impl Outside) -> Option<u64> {
        self.catch_up(now_ms);
        for slot in 0..=u8::MAX {
            let seat = self.seats.get(usize::from(slot));
            if seat.is_some_and(|seat| now_ms.saturating_sub(seat.heard_ms) > SILENCE_MS) {
                self.dismiss(slot, Farewell::Left, true, out);
            }
        }
        self.change_phase(now_ms, out);
        if self.is_over() {
            return None;
        }
        self.send_snapshots(now_ms, out);
        if now_ms >= self.heartbeat_ms {
            self.heartbeat_ms = now_ms + HEARTBEAT_MS;
            let present = self.seats.iter().filter(|seat| seat.is_present());
            let heartbeats: Vec<_> = present
                .map(|seat| Heartbeat {
                    session_id: seat.session_id.clone(),
                    latency_ms: seat.round_trip_ms,
                })
                .collect();
            if !heartbeats.is_empty() {
                out.want(Effect::Heartbeats(Heartbeats { heartbeats }));
            }
            // Somebody may have lost a seat without ever coming.
            if self.vacancies(now_ms).is_some() {
                out.want(Effect::Offer);
            }
        }
        Some(now_ms + SNAPSHOT_MS)
    }

    fn change_phase(&mut self, now_ms: u64, out: &mut impl Outside) {
        let enough = self.present() >= self.quorum();
        match self.phase {
            Phase::Gathering { first_ms } => {
                let all = self.seats.len() >= self.lineup.len().min(self.rules.seats);
                let waited = first_ms.is_some_and(|first| now_ms.saturating_sub(first) > GATHER_MS);
                if enough && (all || waited) {
                    self.phase = Phase::Playing { started_ms: now_ms };
                    self.origin_ms = now_ms;
                } else if all {
                    // They came and went between two looks; nobody else has a seat.
                    self.finish(now_ms, "deserted", Farewell::MatchOver, out);
                } else if now_ms.saturating_sub(self.allocated_ms) > NOBODY_CAME_MS {
                    self.finish(now_ms, "nobody_came", Farewell::MatchOver, out);
                }
            }
            Phase::Playing { started_ms } => {
                if now_ms.saturating_sub(started_ms) >= self.rules.match_ms {
                    self.finish(now_ms, "played", Farewell::MatchOver, out);
                } else if !enough {
                    self.finish(now_ms, "deserted", Farewell::MatchOver, out);
                } else if !self.takes_newcomers(now_ms) && !self.is_closed {
                    self.is_closed = true;
                    out.want(Effect::Offer);
                }
            }
            Phase::Over => {}
        }
    }

    /// Ends the match. `outcome` goes into the result.
    pub(super) fn finish(
        &mut self,
        now_ms: u64,
        outcome: &str,
        farewell: Farewell,
        out: &mut impl Outside,
    ) {
        if self.is_over() {
            return;
        }
        let played_ms = match self.phase {
            Phase::Playing { started_ms } => now_ms.saturating_sub(started_ms),
            Phase::Gathering { .. } | Phase::Over => 0,
        };
        self.phase = Phase::Over;
        out.want(Effect::Report(self.result(outcome, played_ms)));
        for slot in 0..=u8::MAX {
            // The result ends all sessions of the match; each need not be ended.
            self.dismiss(slot, farewell, false, out);
        }
    }

    /// Takes the steps that are due.
    fn catch_up(&mut self, now_ms: u64) {
        if !matches!(self.phase, Phase::Playing { .. }) {
            return;
        }
        let rate = u64::from(self.rules.tick_rate);
        let target = now_ms.saturating_sub(self.origin_ms) * rate / 1_000;
        let mut due = target.saturating_sub(u64::from(self.world.steps()));
        if due > rate {
            // The process stood still for more than a second: that time did not happen in the game.
            self.origin_ms += (due - rate) * 1_000 / rate;
            due = rate;
        }
        let dt_s = 1.0 / f32::from(self.rules.tick_rate);
        for _ in 0..due {
            self.world.step(&self.intents, dt_s);
        }
    }

    fn send_snapshots(&mut self, now_ms: u64, out: &mut impl Outside) {
        let tick = self.world.steps();
        let Some(bodies) = self.world.write_bodies(&mut self.bodies) else {
            return;
        };
        for seat in self.seats.iter().filter(|seat| seat.is_present()) {
            let snapshot = ServerPacket::Snapshot {
                nonce: seat.nonce,
                tick,
                acknowledged: seat.last_sequence,
                stamp: seat.stamp(now_ms),
                bodies,
            };
            send(out, seat.address, &snapshot);
        }
    }
}

#[cfg(test)]
mod tests;
