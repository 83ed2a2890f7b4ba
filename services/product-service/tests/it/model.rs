//! Random sequences of everything that can happen to stock, against a model in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use wire::Code;
use wire::code;

use crate::harness::{Outcome, Shop, TTL};

#[derive(Clone, Debug)]
enum Step {
    Hold(i64, Vec<(usize, u32)>),
    Commit(i64),
    Release(i64),
    Restock(i64),
    Pass(u64),
    Sweep,
    SetStock(usize, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Held,
    Committed,
    Restocked,
    Released,
    Expired,
    Tombstone,
}

#[derive(Clone, Debug)]
struct Order {
    state: State,
    lines: BTreeMap<usize, i64>,
    ends: u64,
}

/// What the books should say.
#[derive(Default)]
struct Model {
    on_hand: [i64; 3],
    reserved: [i64; 3],
    orders: BTreeMap<i64, Order>,
    now: u64,
}

impl Model {
    fn left(&self, product: usize) -> i64 {
        self.on_hand[product] - self.reserved[product]
    }

    fn fits(&self, lines: &BTreeMap<usize, i64>) -> bool {
        lines.iter().all(|(p, q)| self.left(*p) >= *q)
    }

    fn end(&mut self, id: i64, state: State) {
        let order = self.orders.get_mut(&id).unwrap();
        order.state = state;
        for (p, q) in order.lines.clone() {
            self.reserved[p] -= q;
        }
    }

    /// Holds whose time is over, of any product or of one of these.
    fn expire(&mut self, of: Option<&BTreeMap<usize, i64>>) {
        let over: Vec<i64> = self
            .orders
            .iter()
            .filter(|(_, o)| o.state == State::Held && o.ends <= self.now)
            .filter(|(_, o)| of.is_none_or(|of| o.lines.keys().any(|p| of.contains_key(p))))
            .map(|(id, _)| *id)
            .collect();
        over.into_iter().for_each(|id| self.end(id, State::Expired));
    }

    fn hold(&mut self, id: i64, lines: BTreeMap<usize, i64>) -> Outcome {
        if let Some(order) = self.orders.get(&id) {
            return match order.state {
                State::Tombstone => Err(code::RESERVATION_CANCELLED),
                _ if order.lines != lines => Err(code::IDEMPOTENCY_MISMATCH),
                State::Released => Err(code::RESERVATION_CANCELLED),
                State::Held | State::Committed | State::Restocked | State::Expired => Ok(()),
            };
        }
        if !self.fits(&lines) {
            self.expire(Some(&lines));
        }
        if !self.fits(&lines) {
            return Err(code::INSUFFICIENT_STOCK);
        }
        lines.iter().for_each(|(p, q)| self.reserved[*p] += q);
        self.orders.insert(
            id,
            Order {
                state: State::Held,
                lines,
                ends: self.now + u64::from(TTL),
            },
        );
        Ok(())
    }

    fn commit(&mut self, id: i64) -> Outcome {
        let Some(order) = self.orders.get(&id).cloned() else {
            return Err(code::RESERVATION_LOST);
        };
        match order.state {
            State::Committed | State::Restocked => return Ok(()),
            State::Released | State::Tombstone => return Err(code::RESERVATION_LOST),
            State::Held => self.end(id, State::Committed),
            State::Expired => {
                if !self.fits(&order.lines) {
                    self.expire(Some(&order.lines));
                }
                if !self.fits(&order.lines) {
                    return Err(code::RESERVATION_LOST);
                }
                self.orders.get_mut(&id).unwrap().state = State::Committed;
            }
        }
        order.lines.iter().for_each(|(p, q)| self.on_hand[*p] -= q);
        Ok(())
    }

    fn release(&mut self, id: i64) -> Outcome {
        match self.orders.get(&id).map(|o| o.state) {
            Some(State::Held) => self.end(id, State::Released),
            Some(State::Committed | State::Restocked) => return Err(code::ALREADY_COMMITTED),
            // Nothing is left to give back, but it is over for good.
            Some(State::Expired) => self.orders.get_mut(&id).unwrap().state = State::Released,
            Some(State::Released | State::Tombstone) => {}
            None => {
                let tomb = Order {
                    state: State::Tombstone,
                    lines: BTreeMap::new(),
                    ends: 0,
                };
                self.orders.insert(id, tomb);
            }
        }
        Ok(())
    }

    fn restock(&mut self, id: i64) -> Outcome {
        if let Some(order) = self.orders.get_mut(&id)
            && order.state == State::Committed
        {
            order.state = State::Restocked;
            for (p, q) in order.lines.clone() {
                self.on_hand[p] += q;
            }
        }
        Ok(())
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let order = 1..8_i64;
    let lines = prop::collection::vec((0..3_usize, 1..4_u32), 1..4);
    let step = prop_oneof![
        5 => (order.clone(), lines).prop_map(|(id, lines)| Step::Hold(id, lines)),
        3 => order.clone().prop_map(Step::Commit),
        3 => order.clone().prop_map(Step::Release),
        1 => order.prop_map(Step::Restock),
        2 => (1..=u64::from(TTL)).prop_map(Step::Pass),
        1 => Just(Step::Sweep),
        1 => (0..3_usize, 0..9_i64).prop_map(|(p, n)| Step::SetStock(p, n)),
    ];
    prop::collection::vec(step, 1..40)
}

// STK-1, STK-2, STK-4, STK-6, STK-7, STK-8, STK-9, STK-10, STK-11
#[test]
fn whatever_happens_in_whichever_order_the_stock_does_as_the_model() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let shop = runtime.block_on(Shop::open());
    let base = std::cell::Cell::new(0_i64);
    let config = Config {
        cases: 40,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        // Orders of one case are no orders of another; so are its products.
        base.set(base.get() + 100);
        runtime.block_on(run(&shop, base.get(), steps));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

async fn run(shop: &Shop, base: i64, steps: Vec<Step>) {
    let mut model = Model {
        on_hand: [6; 3],
        ..Model::default()
    };
    let mut products = Vec::new();
    for name in ["A", "B", "C"] {
        products.push(shop.stocks(name, 6).await);
    }
    for (n, step) in steps.iter().enumerate() {
        let (expected, got): (Outcome, Outcome) = match step {
            Step::Hold(id, lines) => {
                let mut sums = BTreeMap::new();
                lines
                    .iter()
                    .for_each(|(p, q)| *sums.entry(*p).or_insert(0) += i64::from(*q));
                let sent: Vec<(i64, u32)> = lines.iter().map(|(p, q)| (products[*p], *q)).collect();
                (model.hold(*id, sums), shop.hold(base + id, &sent).await)
            }
            Step::Commit(id) => (model.commit(*id), shop.commit(base + id).await),
            Step::Release(id) => (model.release(*id), shop.release(base + id).await),
            Step::Restock(id) => (model.restock(*id), shop.restock(base + id).await),
            Step::Pass(seconds) => {
                model.now += seconds;
                shop.clock.advance(Duration::from_secs(*seconds));
                (Ok(()), Ok(()))
            }
            Step::Sweep => {
                model.expire(None);
                shop.sweep().await;
                (Ok(()), Ok(()))
            }
            Step::SetStock(p, left) => {
                model.on_hand[*p] = model.reserved[*p] + left;
                let path = format!("/products/{}", products[*p]);
                shop.seller()
                    .put(&path, serde_json::json!({"stock": left}))
                    .await
                    .is(200);
                (Ok(()), Ok(()))
            }
        };
        let name = |o: Outcome| o.map_err(|code: Code| code.slug);
        assert_eq!(name(got), name(expected), "step {n} of {steps:?}");
        for (p, id) in products.iter().enumerate() {
            let shelf = (model.on_hand[p], model.reserved[p]);
            assert_eq!(
                shop.shelf(*id).await,
                shelf,
                "product {p} after step {n} of {steps:?}"
            );
        }
    }
    shop.check_books().await;
}
