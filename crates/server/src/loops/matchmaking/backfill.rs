//! Live matches whose game servers would have more players: which of them the planner knows, and who is put into them.

use std::collections::BTreeMap;
use std::sync::Arc;

use stadion_core::id::{MatchId, TicketId};
use stadion_core::matches::{Fill, Match, MatchState, OpenSeats};
use stadion_core::matchmaker::{LiveMatch, Seated};
use stadion_core::rules::Backfill;
use stadion_core::session::Session;
use stadion_core::state::{Fence, Filter, StateError};
use stadion_core::ticket::Ticket;

use super::super::LoopError;
use super::{Finished, Matchmaker, What};

impl Matchmaker {
    /// Tells the planner of every live match that offers seats.
    pub(super) async fn reload_offers(&mut self) -> Result<(), LoopError> {
        self.offers.clear();
        if self.mode.rules.backfill == Backfill::Off {
            return Ok(());
        }
        for game in self.parts.state.open_matches().await? {
            self.saw_match(&game).await?;
        }
        Ok(())
    }

    /// A match of some game mode has changed. Its change may be old by now, so what counts is read anew.
    pub(super) async fn saw_match(&mut self, game: &Match) -> Result<(), LoopError> {
        let is_ours = self.mode.rules.backfill != Backfill::Off && game.game_mode == self.mode.name;
        let is_told = game.backfill.is_some() || self.offers.contains(&game.id);
        // What a fill leaves of an offer is known when it is over.
        if is_ours && is_told && !self.filling.contains(&game.id) {
            self.look_at(game.id).await?;
        }
        Ok(())
    }

    /// Has the planner know of a match what is true now.
    async fn look_at(&mut self, id: MatchId) -> Result<Option<Arc<Match>>, LoopError> {
        let game = match self.parts.state.get_match(id).await {
            Ok(game) => Some(game),
            Err(StateError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let live = game.as_ref().filter(|game| game.state == MatchState::Live);
        match live.and_then(|game| game.backfill.clone().map(|open| (game, open))) {
            Some((game, open)) => {
                let offer = self.offer(game, open).await?;
                self.offers.insert(id);
                self.scribe.open_match(&self.mode.name, &offer);
                self.pool.open(offer);
            }
            None => {
                if self.offers.remove(&id) {
                    self.scribe.close_match(&self.mode.name, id);
                    self.pool.close(id);
                }
            }
        }
        Ok(game)
    }

    /// What the planner has to know of a live match: its server, and who is still there.
    async fn offer(&self, game: &Match, open: OpenSeats) -> Result<LiveMatch, LoopError> {
        let filter = Filter {
            match_id: Some(game.id),
            ..Filter::default()
        };
        let sessions = self.parts.state.sessions(&filter).await?;
        // The first seats were made all at once.
        let first_at = sessions.iter().map(|session| session.created_at).min();
        let mut parties: BTreeMap<TicketId, Vec<&Session>> = BTreeMap::new();
        for session in sessions.iter().filter(|session| session.state.is_live()) {
            parties.entry(session.ticket_id).or_default().push(session);
        }
        let mut seated = Vec::new();
        for (ticket_id, seats) in parties {
            let ticket = match self.parts.state.ticket(ticket_id).await {
                Ok(ticket) => ticket,
                Err(StateError::NotFound { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let stays = |player: &_| seats.iter().any(|seat| seat.player_id == *player);
            let mut left = Ticket::clone(&ticket);
            left.players.retain(|player| stays(&player.player_id));
            let joined_at = if Some(seats[0].created_at) == first_at {
                game.created_at
            } else {
                seats[0].created_at
            };
            seated.push(Seated {
                joined_at,
                ticket: Arc::new(left),
                team: seats[0].team,
            });
        }
        let servers = self.parts.fleet.servers().await?;
        let name = game
            .allocation
            .as_ref()
            .map(|allocation| &allocation.server);
        let server = servers.iter().find(|server| Some(&server.name) == name);
        let mut labels = game.requirements.labels.clone();
        if let Some(server) = server {
            labels.extend(server.labels.clone());
        }
        let roles = game.players.iter().filter_map(|player| {
            let role = player.role.clone()?;
            Some((player.player_id.clone(), role))
        });
        Ok(LiveMatch {
            id: game.id,
            region: game.region.clone(),
            seated,
            open,
            labels,
            max_players: server.map(|server| server.max_players),
            roles: roles.collect(),
        })
    }

    /// Hands a fill to the director.
    pub(super) fn dispatch_fill(&mut self, fence: Fence, fill: Fill) {
        let ids: Vec<_> = fill.tickets.iter().map(|(id, _)| *id).collect();
        let tickets = self.take_out(&ids);
        self.filling.insert(fill.match_id);
        self.under_way += 1;
        let director = self.parts.director.clone();
        let finished_tx = self.finished_tx.clone();
        self.placements.spawn(async move {
            let outcome = director.fill(fence, &fill, &tickets).await;
            let what = What::Fill(fill.match_id);
            // The term may be over: then the next one reads everything anew.
            drop(
                finished_tx
                    .send(Finished {
                        tickets,
                        what,
                        outcome,
                    })
                    .await,
            );
        });
    }

    /// A fill is over: what it left of the offer is for others.
    pub(super) async fn filled(&mut self, id: MatchId) -> Result<Option<Arc<Match>>, LoopError> {
        self.filling.remove(&id);
        self.look_at(id).await
    }
}
