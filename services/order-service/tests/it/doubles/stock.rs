//! product-service: a catalogue, and its stock with reservations that answer as the real ones do.

mod rpc;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use serde_json::{Value, json};
use tonic::{Response, Status};
use wire::code;
use wire::rpc::inventory::inventory_server::InventoryServer;

use super::road::{Road, refused};

/// What is for sale.
#[derive(Clone, Debug)]
pub struct Product {
    pub name: &'static str,
    pub sku: &'static str,
    pub seller: i64,
    pub minor: i64,
    pub on_hand: i64,
    pub for_sale: bool,
}

/// Where an order's reservation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Held,
    Committed,
    Released,
    Lost,
    Restocked,
    Tombstone,
}

#[derive(Default)]
struct Shelf {
    products: BTreeMap<i64, Product>,
    holds: BTreeMap<i64, (State, BTreeMap<i64, i64>)>,
    changes: Vec<(i64, &'static str)>,
    ttl_seconds: u32,
}

/// The double. Its clones are one shop.
#[derive(Clone, Default)]
pub struct Stock {
    shelf: Arc<Mutex<Shelf>>,
    pub road: Road,
}

impl Stock {
    pub fn router(&self) -> Router {
        tonic::service::Routes::new(InventoryServer::new(self.clone())).into_axum_router()
    }

    pub fn put(&self, id: i64, product: Product) {
        self.shelf().products.insert(id, product);
    }

    /// Changes a product, as its seller does.
    pub fn edit(&self, id: i64, change: impl FnOnce(&mut Product)) {
        change(self.shelf().products.get_mut(&id).unwrap());
    }

    /// What can be bought of it.
    pub fn available(&self, id: i64) -> i64 {
        self.shelf().available(id)
    }

    /// How the order's reservation stands: `none`, `held`, `committed`, `released`, `lost`, `restocked`, `tombstone`.
    pub fn state(&self, order: i64) -> &'static str {
        match self.shelf().holds.get(&order).map(|hold| hold.0) {
            None => "none",
            Some(State::Held) => "held",
            Some(State::Committed) => "committed",
            Some(State::Released) => "released",
            Some(State::Lost) => "lost",
            Some(State::Restocked) => "restocked",
            Some(State::Tombstone) => "tombstone",
        }
    }

    /// What was really done for the order, repetitions left out.
    pub fn changes(&self, order: i64) -> Vec<&'static str> {
        let shelf = self.shelf();
        let of = shelf.changes.iter().filter(|(id, _)| *id == order);
        of.map(|(_, change)| *change).collect()
    }

    /// The order's hold runs out and somebody else gets its units.
    pub fn lose(&self, order: i64) {
        let mut shelf = self.shelf();
        let hold = shelf.holds.get_mut(&order).unwrap();
        assert_eq!(hold.0, State::Held);
        hold.0 = State::Lost;
    }

    /// How long the last hold was asked for.
    pub fn ttl_seconds(&self) -> u32 {
        self.shelf().ttl_seconds
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap()
    }

    /// Takes a call for an order down the road and does `work` there.
    async fn done<T: Send>(
        &self,
        call: &'static str,
        order: i64,
        work: impl Fn(&mut Shelf) -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let stock = self.clone();
        self.road
            .pass(call, order, move || work(&mut stock.shelf()))
            .await
    }
}

impl Shelf {
    fn available(&self, id: i64) -> i64 {
        let held = self.holds.values().filter(|(state, _)| *state == State::Held);
        let held: i64 = held.filter_map(|(_, lines)| lines.get(&id)).sum();
        self.products[&id].on_hand - held
    }

    fn state(&self, order: i64) -> Option<State> {
        self.holds.get(&order).map(|hold| hold.0)
    }

    fn hold(&mut self, order: i64, lines: BTreeMap<i64, i64>) -> Result<(), Status> {
        match self.holds.get(&order) {
            Some((State::Released | State::Tombstone, _)) => {
                return Err(refused(code::RESERVATION_CANCELLED, Value::Null));
            }
            Some((_, had)) if *had != lines => return Err(refused(code::IDEMPOTENCY_MISMATCH, Value::Null)),
            Some(_) => return Ok(()),
            None => {}
        }
        let short: Vec<Value> = lines
            .iter()
            .filter(|(id, wanted)| self.available(**id) < **wanted)
            .map(|(id, wanted)| json!({"productId": id, "left": self.available(*id), "requested": wanted}))
            .collect();
        if !short.is_empty() {
            return Err(refused(code::INSUFFICIENT_STOCK, json!({"lines": short})));
        }
        self.holds.insert(order, (State::Held, lines));
        self.changes.push((order, "held"));
        Ok(())
    }

    fn extend(&mut self, order: i64) -> Result<(), Status> {
        match self.state(order) {
            Some(State::Held) => {
                self.changes.push((order, "extended"));
                Ok(())
            }
            Some(State::Committed | State::Restocked) => Err(refused(code::ALREADY_COMMITTED, Value::Null)),
            Some(State::Released | State::Tombstone) => {
                Err(refused(code::RESERVATION_CANCELLED, Value::Null))
            }
            None | Some(State::Lost) => Err(refused(code::RESERVATION_LOST, Value::Null)),
        }
    }

    fn commit(&mut self, order: i64) -> Result<(), Status> {
        match self.state(order) {
            Some(State::Held) => {
                self.turn(order, State::Committed, "committed");
                self.move_on_hand(order, -1);
                Ok(())
            }
            Some(State::Committed | State::Restocked) => Ok(()),
            None | Some(State::Released | State::Tombstone | State::Lost) => {
                Err(refused(code::RESERVATION_LOST, Value::Null))
            }
        }
    }

    fn pin(&mut self, order: i64, pinned: bool) {
        if self.state(order) == Some(State::Held) {
            self.changes
                .push((order, if pinned { "pinned" } else { "unpinned" }));
        }
    }

    fn release(&mut self, order: i64) -> Result<(), Status> {
        match self.state(order) {
            Some(State::Held) => self.turn(order, State::Released, "released"),
            None => {
                self.holds.insert(order, (State::Tombstone, BTreeMap::new()));
            }
            Some(State::Committed | State::Restocked) => {
                return Err(refused(code::ALREADY_COMMITTED, Value::Null));
            }
            Some(State::Released | State::Lost | State::Tombstone) => {}
        }
        Ok(())
    }

    fn restock(&mut self, order: i64) {
        if self.state(order) == Some(State::Committed) {
            self.turn(order, State::Restocked, "restocked");
            self.move_on_hand(order, 1);
        }
    }

    fn turn(&mut self, order: i64, state: State, change: &'static str) {
        self.holds.get_mut(&order).unwrap().0 = state;
        self.changes.push((order, change));
    }

    fn move_on_hand(&mut self, order: i64, by: i64) {
        for (id, quantity) in self.holds[&order].1.clone() {
            self.products.get_mut(&id).unwrap().on_hand += by * quantity;
        }
    }
}
