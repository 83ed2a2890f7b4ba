//! Everything that can go wrong at every step of both sagas, one thing at a time. Whatever it is, the order ends wholly
//! done or wholly taken back, and order, stock and money agree: `settled` checks that after each.

mod calls;
mod points;

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use saga::{Direction, FaultHook};

pub use points::Once;

use crate::harness::{ALICE, MUG, Orders, PEN, WINDOW, cart};

/// What happens to an order after it was placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// It is paid.
    Pay,
    /// Nobody pays it, so that all is undone.
    Expire,
    /// It is paid, and its stock is lost.
    LoseStock,
    /// It is paid, and then cancelled.
    Cancel,
}

impl Route {
    /// The points that a saga passes on this route and on no other before it.
    fn steps(self) -> (&'static str, Direction, &'static [&'static str]) {
        match self {
            Self::Pay => (
                "checkout",
                Direction::Forward,
                &[
                    "place",
                    "hold-stock",
                    "create-intent",
                    "confirm",
                    "await-payment",
                    "commit-stock",
                    "mark-paid",
                ],
            ),
            Self::Expire => (
                "checkout",
                Direction::Undo,
                &["confirm", "create-intent", "hold-stock", "place"],
            ),
            Self::LoseStock => (
                "checkout",
                Direction::Branch,
                &["refund", "return-stock", "cancel-order"],
            ),
            Self::Cancel => ("cancellation", Direction::Forward, &["refund", "return-stock"]),
        }
    }

    /// The calls to neighbours that are made on this route.
    fn calls(self) -> &'static [&'static str] {
        match self {
            Self::Pay => &["hold", "create", "commit"],
            Self::Expire => &["cancel", "release"],
            Self::LoseStock => &["refund", "release"],
            Self::Cancel => &["refund", "release", "restock"],
        }
    }

    /// The statuses of an order on this route.
    fn history(self) -> &'static [&'static str] {
        match self {
            Self::Pay => &["pending", "confirmed", "paid"],
            Self::Expire | Self::LoseStock => &["pending", "confirmed", "cancelled"],
            Self::Cancel => &["pending", "confirmed", "paid", "cancelled"],
        }
    }

    /// What was really done on this route, each once.
    fn changes(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Pay => (&["held", "committed"], &["made", "captured"]),
            Self::Expire => (&["held", "released"], &["made", "cancelled"]),
            Self::LoseStock => (&["held"], &["made", "captured", "refunded"]),
            Self::Cancel => (
                &["held", "committed", "restocked"],
                &["made", "captured", "refunded"],
            ),
        }
    }
}

const ROUTES: [Route; 4] = [Route::Pay, Route::Expire, Route::LoseStock, Route::Cancel];

/// Takes a new order down the route with a process in which things go wrong as `hook` says; then another process ends
/// what was begun. Returns the order.
async fn travel(shop: &Orders, route: Route, hook: Arc<dyn FaultHook>) -> i64 {
    let (app, public) = shop.faulty(hook);
    let wish = cart(&[(MUG, 1), (PEN, 2)]);
    let placed = shop
        .call_on(&public, ALICE, Method::POST, "/orders", &[], Some(&wish))
        .await;
    assert!(
        matches!(placed.status.as_u16(), 201 | 202),
        "{route:?} {placed:?}"
    );
    let order = placed.order();
    recover(shop).await;
    match route {
        Route::Pay | Route::Cancel => assert!(shop.money.pay(order)),
        Route::Expire => shop.clock.advance(WINDOW),
        Route::LoseStock => {
            assert!(shop.money.pay(order));
            shop.stock.lose(order);
        }
    }
    shop.deliver_all().await;
    app.run_due().await.unwrap();
    recover(shop).await;
    if route == Route::Cancel {
        assert_eq!(shop.cancel(ALICE, order).await.status, 200);
        app.run_due().await.unwrap();
        recover(shop).await;
    }
    order
}

/// Time passes: leases run out, pauses end, and whoever is alive goes on.
async fn recover(shop: &Orders) {
    for _ in 0..3 {
        shop.after(Duration::from_secs(15)).await;
    }
}

/// The order has come to the end of its route, and everything was done once.
async fn assert_arrived(shop: &Orders, route: Route, order: i64, what: &str) {
    assert_eq!(shop.history(order).await, route.history(), "{route:?} {what}");
    let (stock, money) = route.changes();
    assert_eq!(shop.stock.changes(order), stock, "{route:?} {what}");
    assert_eq!(shop.money.changes(order), money, "{route:?} {what}");
    shop.settled().await;
}
