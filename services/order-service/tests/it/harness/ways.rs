//! Ways to get there.

use super::{ALICE, MUG, Orders, cart};

impl Orders {
    /// An order of one mug of Alice's that waits for its money.
    pub async fn confirmed(&self) -> i64 {
        self.confirmed_with(&[(MUG, 1)]).await
    }

    pub async fn confirmed_with(&self, lines: &[(i64, i64)]) -> i64 {
        let answer = self.post(ALICE, "/orders", &cart(lines)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.order()
    }

    pub async fn paid(&self) -> i64 {
        self.paid_with(&[(MUG, 1)]).await
    }

    pub async fn paid_with(&self, lines: &[(i64, i64)]) -> i64 {
        let order = self.confirmed_with(lines).await;
        assert!(self.money.pay(order));
        self.settle().await;
        assert_eq!(self.status(order).await, "paid");
        order
    }
}
